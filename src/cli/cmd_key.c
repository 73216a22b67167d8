/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_key.c: `layerseal key COMMAND`: keys of the ledger. */
#include "cli/cli.h"

const struct command key_commands[] = {
    {"generate", key_generate, "[--passphrase | --passphrase-fd N] [--name NAME] FILE",
	"make a key file, print its public key", NULL},
    {"show", key_show, "[--json] [--agent] [--name NAME] [FILE]",
	"the public key of the ledger's key, of a file, or of an agent", NULL},
    {.name = "rotate",
	.run = key_rotate,
	.usage = "[--to SOURCE] [--reason TEXT] [VKEY]",
	.summary = "another key signs from here on"},
    {.name = "retire",
	.run = key_retire,
	.usage = "[--reason TEXT] KEY",
	.summary = "a key that is not in use signs no more"},
    {.name = "trust",
	.run = key_trust,
	.usage = "[--from SIZE] [--until SIZE] [VKEY]",
	.summary = "whose signature is believed; adds a key"},
    {.name = "distrust",
	.run = key_distrust,
	.usage = "[--until SIZE] KEY",
	.summary = "a signature is believed no more"},
    {.name = "attestation",
	.run = key_attestation,
	.usage = "[--new p256|ed25519] [FILE]",
	.summary = "the public key of the key that signs attestations"},
    {.name = NULL},
};

int cmd_key(struct cli *c, int argc, char **argv, struct err *e)
{
	return cli_run_below(c, "key", argc, argv, e);
}
