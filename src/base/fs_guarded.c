/* SPDX-License-Identifier: Apache-2.0 */
/* fs_guarded.c: see fs.h: files that decide what is trusted, and whose they may be. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"

/* ---- owners ---- */

#define NOTED_MAX 32

static struct {
	dev_t dev;
	ino_t ino;
} noted[NOTED_MAX];
static size_t n_noted;

static void note_one(const char *path)
{
	struct stat st;

	if (n_noted == NOTED_MAX || stat(path, &st) || st.st_uid != 0)
		return;
	noted[n_noted].dev = st.st_dev;
	noted[n_noted++].ino = st.st_ino;
}

void fs_note_root(const char *path)
{
	CLEANUP_FREE char *dir = xstrdup(path);
	char *slash = strrchr(dir, '/');

	note_one(path);
	if (slash)
		slash[slash == dir] = '\0';
	note_one(slash ? dir : ".");
}

bool fs_is_of_root_or_me(const struct stat *st)
{
	bool is = st->st_uid == 0 || st->st_uid == geteuid();

	for (size_t i = 0; !is && i < n_noted; i++)
		is = noted[i].dev == st->st_dev && noted[i].ino == st->st_ino;
	return is;
}

/* ---- reading ---- */

static int check_guarded(
    const char *what, const struct stat *st, bool sticky_will_do, struct err *e)
{
	if (!fs_is_of_root_or_me(st))
		return err_set(e, ERR_REFUSED,
		    "%sowned by uid %u, not by root or this user", what, st->st_uid);
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) &&
	    !(sticky_will_do && (st->st_mode & S_ISVTX)))
		return err_set(e, ERR_REFUSED, "%swritable by group or others", what);
	return 0;
}

static int check_directory_of(const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/');
	CLEANUP_FREE char *dir =
	    slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup(".");
	struct stat st;

	if (stat(dir[0] ? dir : "/", &st))
		return err_sys(e, "its directory");
	return check_guarded("its directory is ", &st, true, e);
}

int fs_check_program(const char *path, struct err *e)
{
	struct stat st;
	int r;

	if (stat(path, &st))
		return errno == ENOENT ? err_set(e, ERR_NOT_FOUND, "does not exist")
				       : err_sys(e, "stat");
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_REFUSED, "not a regular file");
	r = check_guarded("", &st, false, e);
	if (!r)
		r = check_directory_of(path, e);
	if (!r && access(path, X_OK))
		r = err_set(e, ERR_REFUSED, "not executable");
	return r;
}

int fs_read_guarded(const char *path, size_t max, struct buf *out, struct err *e)
{
	CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	size_t got;
	int r;

	if (fd < 0 && errno == ENOENT)
		return err_set(e, ERR_NOT_FOUND, "does not exist");
	if (fd < 0 || fstat(fd, &st))
		return err_sys(e, "open");
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_REFUSED, "not a regular file");
	r = check_guarded("", &st, false, e);
	if (!r)
		r = check_directory_of(path, e);
	if (!r && (uint64_t)st.st_size > max)
		r = err_set(e, ERR_REFUSED, "larger than %zu bytes", max);
	if (!r)
		r = buf_reserve(out, (size_t)st.st_size, e);
	if (r)
		return r;
	if (fs_read_up_to(fd, out->data + out->len, (size_t)st.st_size, &got))
		return err_sys(e, "read");
	out->len += got;
	out->data[out->len] = '\0';
	return 0;
}
