/* SPDX-License-Identifier: Apache-2.0 */
/* engine_store.h: the store that a command line of podman or buildah means, if that can be known. */
#ifndef CLI_ENGINE_STORE_H
#define CLI_ENGINE_STORE_H

#include "cli/cli.h"
#include "guard/enginecmd.h"

/* What sends a command to another podman; NULL if it stays here. */
const char *engine_remote_by(enum engine engine, const struct engine_command *k);
/* ERR_STORE if something leaves open which store is meant. */
MUSTUSE int engine_store_is_clear(
    const struct cli *c, const struct engine_command *k, struct err *e);
/* Enters the user namespace, or asks as the user of --user. */
MUSTUSE int engine_store_discover(const struct cli *c, enum engine engine,
    const struct engine_command *k, struct store_config *out, struct err *e);
/* The ledger's idea of the store is what gets verified: it must be the command's. */
MUSTUSE int engine_store_compare(
    const struct store_config *command, const struct store_config *ledger, struct err *e);

#endif
