/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client.h: asks a watcher. Believed is only one that runs as root or as the owner of the ledger (SO_PEERCRED: who
 * listens), on a socket of theirs in a directory that nobody else can write.
 */
#ifndef WATCH_CLIENT_H
#define WATCH_CLIENT_H

#include <sys/types.h>

#include "watch/protocol.h"

/* The socket of who watches a ledger of this owner, if none is configured: /run/layerseal/watch.sock, for our own as another
 * user than root in $XDG_RUNTIME_DIR or /run/user/UID; heap. */
char *client_default_socket(uid_t ledger_owner);

/*
 * Connects, and looks whom to. To be done before the user namespace of a rootless store is entered, in which root looks
 * like any other stranger. ERR_NOT_FOUND: nobody listens there. ERR_REFUSED: who listens is not to be believed.
 * ERR_IO: also where a user namespace hides who it is.
 * `ledger_owner`: as outside of that namespace.
 */
MUSTUSE int client_connect(
    const char *socket, uid_t ledger_owner, int *out_fd, struct err *e);
/*
 * Asks, once. ERR_IO: no whole answer within r->wait_ms and a little. ERR_MALFORMED: what came is none. Whatever the
 * error, whoever wants a verdict can look for himself.
 */
MUSTUSE int client_exchange(
    int fd, const struct request *r, struct answer *out, struct err *e);
/* Both. */
MUSTUSE int client_ask(const char *socket, uid_t ledger_owner, const struct request *r,
    struct answer *out, struct err *e);

#endif
