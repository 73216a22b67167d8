/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control.h: the server's end of the control socket, in the main thread of the watcher. Bounded in connections (in all and
 * for each uid), bytes and time, so that no client can hold up another; never blocks.
 */
#ifndef WATCH_CONTROL_H
#define WATCH_CONTROL_H

#include <poll.h>
#include <sys/types.h>

#include "guard/config.h"
#include "watch/protocol.h"

#define CONTROL_CLIENTS_MAX 64
#define CONTROL_CLIENTS_PER_UID 16
#define CONTROL_CLIENTS_RESERVED 16 /* of all, for root and the watcher's own user */
#define CONTROL_POLL_MAX (CONTROL_CLIENTS_MAX + 1)
#define CONTROL_REQUEST_MS 2000 /* from the connection to the end of the request */
#define CONTROL_ANSWER_MS 10000 /* to read the answer */
/* Answers that wait to be read, in bytes: of all clients, of all but root and ourselves, of one uid. */
#define CONTROL_ANSWERS_MAX (256U << 20)
#define CONTROL_ANSWERS_OTHERS (CONTROL_ANSWERS_MAX / 2)
#define CONTROL_ANSWERS_PER_UID (CONTROL_ANSWERS_MAX / 4)

struct control;

#define PEER_GROUPS_MAX 64
/*
 * As they were when it connected. If this process has entered the user namespace of its rootless store since
 * control_open(), these are still the ids outside of it, which settings name.
 */
struct peer {
	uid_t uid;
	gid_t gid;
	pid_t pid;
	/* The others; none of who has more. */
	gid_t groups[PEER_GROUPS_MAX];
	size_t n_groups;
};
/*
 * A request came in whole. It takes over *r; sooner or later control_answer() is called with `client`, even if the
 * client is gone by then: until that its place is taken. Called from control_serve().
 */
typedef void control_request_fn(
    void *ctx, uint64_t client, const struct peer *peer, struct request *r);

/*
 * `socket`: absolute path; replaced if nobody listens on one of our own there, ERR_REFUSED if somebody does. Its
 * directory is made if it is not there, and must belong to us or root and be closed to writers. Mode 0666: who may do
 * what is decided by uid. With $LISTEN_FDS (systemd) that descriptor is taken.
 */
MUSTUSE int control_open(const char *socket, control_request_fn *fn, void *ctx,
    struct control **out, struct err *e);
void control_free(struct control *c); /* and removes the socket, if it made it */
/* Fills in at most CONTROL_POLL_MAX; returns how many. */
size_t control_poll(const struct control *c, struct pollfd *out);
/* After poll(), with what control_poll() gave; also for timeouts: call it at least once a second. */
void control_serve(
    struct control *c, const struct pollfd *polled, size_t n, int64_t now_ms);
/* Sends it as the client reads it. A client that is gone: nothing happens. */
void control_answer(struct control *c, uint64_t client, const struct answer *a);
/* True if settings let this client do this. verify, status, metrics: everybody who can connect; seal: who is named. */
bool control_may(const struct watch_settings *settings, const struct peer *peer,
    enum request_verb verb);

#endif
