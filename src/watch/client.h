/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client.h: asks a watcher. Believed is only one that runs as root or as the user who asks, or as the owner of the ledger
 * (SO_PEERCRED), on a socket that nobody else can have put there.
 */
#ifndef WATCH_CLIENT_H
#define WATCH_CLIENT_H

#include "watch/protocol.h"

/*
 * ERR_NOT_FOUND: nobody listens there. ERR_REFUSED: who listens is not to be believed. ERR_IO: no whole answer within
 * wait_ms and a little. Whatever the error, whoever wants a verdict can look for himself.
 */
MUSTUSE int client_ask(const char *socket, uid_t ledger_owner, const struct request *r,
    struct answer *out, struct err *e);

#endif
