/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_ledger.c: `layerseal ledger COMMAND`: the ledger as such: checked, exported, proved, backed up. */
#include "cli/cli.h"

const struct command ledger_commands[] = {
    {"anchor", ledger_anchor, "[--create | --reset] [--json]",
	"what the anchors remember; make them", NULL},
    {"attest", ledger_attest,
	"[--key FILE] [-o FILE] LAYER|IMAGE, or --check PUBLIC-KEY [-o FILE] FILE",
	"a seal as a signed in-toto statement", NULL},
    {"check", ledger_check,
	"[--manifests] [--json] [DIR], or --rebuild [--wait SECONDS] [--json]",
	"check the whole log, or an export of it, from public keys", NULL},
    {"export", ledger_export, "[--signify] DIR",
	"write the log as plain files (C2SP tlog-tiles)", NULL},
    {"proof", ledger_proof, "[-o FILE] [--entry FILE] ID | --seq NUMBER",
	"prove that a seal is in the log (C2SP tlog-proof)", NULL},
    {"check-proof", ledger_check_proof, "PROOF ENTRY",
	"check such a proof, without the log", NULL},
    {"consistency", ledger_consistency, "OLD NEW",
	"prove that a log is the continuation of an older one", NULL},
    {"backup", ledger_backup, "[--with-secrets] [--json] DIR",
	"copy the ledger as it is now, and read the copy again", NULL},
    {"restore", ledger_restore, "[--wait SECONDS] [--json] DIR",
	"put a backup in place; never an older ledger", NULL},
    {"compact", ledger_compact, "[--dry-run] [--wait SECONDS] [--json]",
	"drop the listings of what was retired, and give the space back", NULL},
    {.name = NULL},
};

int cmd_ledger(struct cli *c, int argc, char **argv, struct err *e)
{
	return cli_run_below(c, "ledger", argc, argv, e);
}
