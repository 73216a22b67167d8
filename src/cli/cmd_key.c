/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_key.c: `layerseal key COMMAND`: keys of the ledger. */
#include "cli/cli.h"

const struct command key_commands[] = {
    {.name = NULL},
};

int cmd_key(struct cli *c, int argc, char **argv, struct err *e)
{
	return cli_run_below(c, "key", argc, argv, e);
}
