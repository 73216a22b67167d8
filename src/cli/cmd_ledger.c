/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_ledger.c: `layerseal ledger COMMAND`: the ledger as such: checked, exported, proved, backed up. */
#include "cli/cli.h"

const struct command ledger_commands[] = {
    {"anchor", ledger_anchor, "[--create | --reset] [--json]",
	"what the anchors remember; make them", NULL},
    {"attest", ledger_attest,
	"[--key FILE] [-o FILE] LAYER|IMAGE, or --check PUBLIC-KEY [-o FILE] FILE",
	"a seal as a signed in-toto statement", NULL},
    {.name = NULL},
};

int cmd_ledger(struct cli *c, int argc, char **argv, struct err *e)
{
	return cli_run_below(c, "ledger", argc, argv, e);
}
