/* SPDX-License-Identifier: Apache-2.0 */
/* client.c: see client.h. */
#include "watch/client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/stream.h"

#define CONNECT_MS 500 /* its queue may be full for a moment */
#define EXTRA_MS 1000  /* for the way there and back */
/* What ids look like in a user namespace that has no name for them: anybody's. */
#define OVERFLOW_UID 65534

char *client_default_socket(uid_t ledger_owner)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");

	if (ledger_owner == 0 || ledger_owner != geteuid())
		return xstrdup("/run/layerseal/watch.sock");
	if (runtime && runtime[0] == '/')
		return xasprintf("%s/layerseal/watch.sock", runtime);
	return xasprintf("/run/user/%u/layerseal/watch.sock", ledger_owner);
}

/* ---- whom to ---- */

/* `what` belongs to one who is believed. */
static int check_owner(const char *what, uid_t uid, uid_t ledger_owner, struct err *e)
{
	if (uid == OVERFLOW_UID)
		return err_set(e, ERR_IO,
		    "in this user namespace nobody can tell whether %s is root's", what);
	if (uid == 0 || uid == ledger_owner)
		return 0;
	return err_set(e, ERR_REFUSED,
	    "%s is uid %u's, who is neither root nor the ledger's owner", what, uid);
}

static int check_place(int dirfd, const char *name, uid_t ledger_owner, struct err *e)
{
	struct stat st;
	int r;

	if (fstat(dirfd, &st))
		return err_sys(e, "its directory");
	r = check_owner("its directory", st.st_uid, ledger_owner, e);
	if (r)
		return r;
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return err_set(
		    e, ERR_REFUSED, "its directory is writable by group or others");
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? err_set(e, ERR_NOT_FOUND, "it does not exist")
				       : err_sys(e, "cannot look at it");
	if (!S_ISSOCK(st.st_mode))
		return err_set(e, ERR_REFUSED, "it is no socket");
	return check_owner("the socket", st.st_uid, ledger_owner, e);
}

/* Who listens: for a socket of systemd's that is systemd, which gives it to nobody but the service. */
static int check_peer(int fd, uid_t ledger_owner, struct err *e)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		return err_sys(e, "who listens");
	return check_owner("who listens", peer.uid, ledger_owner, e);
}

static int connect_to(
    const char *socket_path, uid_t ledger_owner, int *out_fd, struct err *e)
{
	CLEANUP_FD int dirfd = -1;
	CLEANUP_FD int fd = -1;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const char *name;
	int n, r = fs_open_parent(socket_path, &dirfd, &name, e);

	if (!r)
		r = check_place(dirfd, name, ledger_owner, e);
	if (r)
		return r;
	/* The directory that was looked at; and a path of any length has a short name. */
	n = snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s",
	    dirfd, name);
	if (n < 0 || (size_t)n >= sizeof(address.sun_path))
		return err_set(e, ERR_REFUSED, "its name is too long");
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_sys(e, "socket");
	r = stream_connect(fd, &address, clock_now_ms() + CONNECT_MS, e);
	if (!r)
		r = check_peer(fd, ledger_owner, e);
	if (!r)
		*out_fd = take_fd(&fd);
	return r;
}

int client_connect(
    const char *socket_path, uid_t ledger_owner, int *out_fd, struct err *e)
{
	int r = connect_to(socket_path, ledger_owner, out_fd, e);

	return r ? err_wrap(e, "watcher at %s", socket_path) : 0;
}

/* ---- question and answer ---- */

/* At least one byte more of at most `len`. */
static int receive_some(
    int fd, struct buf *to, size_t len, int64_t deadline, struct err *e)
{
	size_t got = 0;
	int r = buf_reserve(to, len, e);

	if (!r)
		r = stream_receive(fd, to->data + to->len, len, &got, deadline, e);
	if (!r) {
		to->len += got;
		to->data[to->len] = '\0';
	}
	return r;
}

static int receive(int fd, struct buf *to, int64_t deadline, struct err *e)
{
	size_t len = 0;
	int r = 0;

	while (!r && len == 0) {
		r = receive_some(fd, to, PROTOCOL_HEAD_MAX, deadline, e);
		if (!r)
			r = answer_length(to->data, to->len, &len, e);
	}
	while (!r && to->len < len)
		r = receive_some(fd, to, len - to->len, deadline, e);
	return r;
}

int client_exchange(int fd, const struct request *q, struct answer *out, struct err *e)
{
	CLEANUP_BUF struct buf request;
	CLEANUP_BUF struct buf answer;
	int64_t deadline = clock_now_ms() + q->wait_ms + EXTRA_MS;
	struct err unheard;
	int r;

	*out = (struct answer){0};
	buf_init(&request, PROTOCOL_REQUEST_MAX);
	buf_init(&answer, PROTOCOL_ANSWER_MAX + 2 * PROTOCOL_HEAD_MAX);
	r = request_format(q, &request, e);
	if (r)
		return r;
	/* One that is turned away may have its answer before it was heard out. */
	(void)!stream_send(fd, request.data, request.len, deadline, &unheard);
	r = receive(fd, &answer, deadline, e);
	if (!r)
		r = answer_parse(answer.data, answer.len, out, e);
	return r ? err_wrap(e, "watcher") : 0;
}

int client_ask(const char *socket_path, uid_t ledger_owner, const struct request *r,
    struct answer *out, struct err *e)
{
	CLEANUP_FD int fd = -1;
	int result = client_connect(socket_path, ledger_owner, &fd, e);

	*out = (struct answer){0};
	return result ? result : client_exchange(fd, r, out, e);
}
