/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_key.c: `layerseal key COMMAND`: keys of the ledger. */
#include "cli/cli.h"

const struct command key_commands[] = {
    {"generate", key_generate, "[--passphrase | --passphrase-fd N] [--name NAME] FILE",
	"make a key file, print its public key", NULL},
    {"show", key_show, "[--json] [--agent] [--name NAME] [FILE]",
	"the public key of the ledger's key, of a file, or of an agent", NULL},
    {.name = NULL},
};

int cmd_key(struct cli *c, int argc, char **argv, struct err *e)
{
	return cli_run_below(c, "key", argc, argv, e);
}
