/* SPDX-License-Identifier: Apache-2.0 */
/* control_socket.c: see control_socket.h. */
#include "watch/control_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/decimal.h"
#include "base/fs.h"

#define BACKLOG 1024
#define LISTEN_FDS_START 3

/* ---- from systemd: sd_listen_fds(3) ---- */

static bool number_is(const char *variable, uint64_t *out)
{
	const char *text = getenv(variable);

	return text && decimal_parse(text, strlen(text), out);
}

static int check_given(int fd, struct err *e)
{
	int family = 0, type = 0, listening = 0, flags;
	socklen_t len = sizeof(int);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len) ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) ||
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len))
		return err_sys(e, "the descriptor in $LISTEN_FDS");
	if (family != AF_UNIX || type != SOCK_STREAM || !listening)
		return err_set(e, ERR_USAGE,
		    "the descriptor in $LISTEN_FDS is no listening Unix stream socket");
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC))
		return err_sys(e, "the descriptor in $LISTEN_FDS");
	return 0;
}

/* *out stays -1 if there is none for this process. */
static int take_given(int *out, struct err *e)
{
	uint64_t pid, n;
	int r;

	if (!number_is("LISTEN_PID", &pid) || pid != (uint64_t)getpid() ||
	    !number_is("LISTEN_FDS", &n))
		return 0;
	/* Not for who is started by us. */
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	if (n != 1)
		return err_set(e, ERR_USAGE, "not one descriptor in $LISTEN_FDS");
	r = check_given(LISTEN_FDS_START, e);
	if (!r)
		*out = LISTEN_FDS_START;
	return r;
}

/* ---- our own ---- */

/* The directory that was looked at; and a path of any length has a short name. */
static int address_of(int dirfd, const char *name, struct sockaddr_un *out, struct err *e)
{
	int n;

	*out = (struct sockaddr_un){.sun_family = AF_UNIX};
	n = snprintf(
	    out->sun_path, sizeof(out->sun_path), "/proc/self/fd/%d/%s", dirfd, name);
	if (n < 0 || (size_t)n >= sizeof(out->sun_path) || !name[0])
		return err_set(e, ERR_USAGE, "'%s' is no name for a socket", name);
	return 0;
}

static int new_socket(int *out, struct err *e)
{
	*out = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return *out < 0 ? err_sys(e, "socket") : 0;
}

static int check_directory(int dirfd, struct err *e)
{
	struct stat st;

	if (fstat(dirfd, &st))
		return err_sys(e, "its directory");
	if (!fs_is_of_root_or_me(&st))
		return err_set(e, ERR_REFUSED,
		    "its directory is owned by uid %u, not by root or this user",
		    st.st_uid);
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return err_set(
		    e, ERR_REFUSED, "its directory is writable by group or others");
	return 0;
}

/* Removes one that an earlier process of ours left. */
static int clear(
    int dirfd, const char *name, const struct sockaddr_un *address, struct err *e)
{
	CLEANUP_FD int fd = -1;
	struct stat st;
	int r;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? 0 : err_sys(e, "cannot look at it");
	if (!S_ISSOCK(st.st_mode) || st.st_uid != geteuid())
		return err_set(
		    e, ERR_REFUSED, "there is something that is no socket of this user");
	r = new_socket(&fd, e);
	if (r)
		return r;
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
	    errno == EAGAIN)
		return err_set(e, ERR_REFUSED, "somebody listens there already");
	if (errno != ECONNREFUSED)
		return err_sys(e, "cannot tell whether somebody listens there");
	return unlinkat(dirfd, name, 0) && errno != ENOENT
		   ? err_sys(e, "cannot remove what is there")
		   : 0;
}

static int bind_to(
    struct control_socket *s, const struct sockaddr_un *address, struct err *e)
{
	struct stat st;

	if (bind(s->fd, (const struct sockaddr *)address, sizeof(*address)))
		return err_sys(e, "cannot make it");
	if (fchmodat(s->dirfd, s->name, 0666, 0) ||
	    fstatat(s->dirfd, s->name, &st, AT_SYMLINK_NOFOLLOW))
		return err_sys(e, "cannot open it to others");
	s->dev = st.st_dev;
	s->ino = st.st_ino;
	return listen(s->fd, BACKLOG) ? err_sys(e, "listen") : 0;
}

static int make(const char *path, struct control_socket *out, struct err *e)
{
	struct sockaddr_un address;
	const char *name;
	int r = path[0] == '/' ? fs_make_parents(path, e)
			       : err_set(e, ERR_USAGE, "no absolute path");

	if (!r)
		r = fs_open_parent(path, &out->dirfd, &name, e);
	if (r)
		return r;
	out->name = xstrdup(name);
	r = check_directory(out->dirfd, e);
	if (!r)
		r = address_of(out->dirfd, name, &address, e);
	if (!r)
		r = clear(out->dirfd, name, &address, e);
	if (!r)
		r = new_socket(&out->fd, e);
	return r ? r : bind_to(out, &address, e);
}

int control_socket_open(const char *path, struct control_socket *out, struct err *e)
{
	int r;

	*out = (struct control_socket){.fd = -1, .dirfd = -1};
	r = take_given(&out->fd, e);
	if (r || out->fd >= 0)
		return r;
	r = make(path, out, e);
	if (r)
		control_socket_close(out);
	return r ? err_wrap(e, "%s", path) : 0;
}

void control_socket_close(struct control_socket *s)
{
	struct stat st;

	if (s->ino && fstatat(s->dirfd, s->name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_dev == s->dev && st.st_ino == s->ino)
		unlinkat(s->dirfd, s->name, 0);
	base_close_p(&s->fd);
	base_close_p(&s->dirfd);
	free(s->name);
	*s = (struct control_socket){.fd = -1, .dirfd = -1};
}
