/* SPDX-License-Identifier: Apache-2.0 */
/*
 * anchor_file.c: an anchor in a file of checkpoints (anchor_lines.h). It is only ever appended to, and
 * made append-only (chattr +a) where that is possible.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/hex.h"
#include "ledger/anchor_impl.h"
#include "ledger/anchor_lines.h"

#define FILE_MAX_BYTES ((off_t)1 << 30)
#define WRITE_TRIES 3
/* Heads are public. */
#define FILE_MODE 0644

struct anchor_file {
	char *dir, *base;
	dev_t dev; /* of the file that was looked at */
	ino_t ino;
	int64_t written; /* mtime */
	struct anchor_lines lines;
};

/* ---- the place ---- */

static int check_owner(const struct stat *st, const char *what, struct err *e)
{
	if (!fs_is_of_root_or_me(st))
		return err_set(e, ERR_LEDGER,
		    "%s belongs to uid %u, not to root or this user", what, st->st_uid);
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return err_set(e, ERR_LEDGER, "%s is writable by group or others", what);
	return 0;
}

/* ERR_IO: not there now; ERR_LEDGER: there, and open to others. */
static int open_dir(const struct anchor_file *f, int *out, struct err *e)
{
	CLEANUP_FD int fd = -1;
	struct stat st;

	if (fs_open_root(f->dir, &fd, e)) {
		e->code = ERR_IO;
		return err_wrap(e, "its directory");
	}
	if (fstat(fd, &st))
		return err_sys(e, "its directory");
	if (check_owner(&st, "its directory", e))
		return ERR_LEDGER;
	*out = take_fd(&fd);
	return 0;
}

/* And ERR_NOT_FOUND: the directory is there, the file is not. */
static int open_file(
    const struct anchor_file *f, int flags, int *out, struct stat *st, struct err *e)
{
	CLEANUP_FD int dir = -1;
	CLEANUP_FD int fd = -1;
	int r = open_dir(f, &dir, e);

	if (r)
		return r;
	if (fstatat(dir, f->base, st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? err_set(e, ERR_NOT_FOUND,
					     "it does not exist, but its directory does")
				       : err_sys(e, "cannot stat it");
	if (!S_ISREG(st->st_mode))
		return err_set(e, ERR_LEDGER, "it is not a regular file");
	r = fs_open(dir, f->base, flags, &fd, e);
	if (r) {
		e->code = ERR_IO;
		return ERR_IO;
	}
	if (fstat(fd, st))
		return err_sys(e, "cannot stat it");
	if (!S_ISREG(st->st_mode))
		return err_set(e, ERR_LEDGER, "it is not a regular file");
	if (check_owner(st, "it", e))
		return ERR_LEDGER;
	*out = take_fd(&fd);
	return 0;
}

static bool is_append_only(int fd)
{
	int flags = 0;

	return ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 && flags & FS_APPEND_FL;
}

static int set_append_only(int fd, bool on)
{
	int flags = 0;

	if (ioctl(fd, FS_IOC_GETFLAGS, &flags))
		return -1;
	flags = on ? flags | FS_APPEND_FL : flags & ~FS_APPEND_FL;
	return ioctl(fd, FS_IOC_SETFLAGS, &flags);
}

static int judge(struct anchor *a, const struct anchor_view *view, struct err *e)
{
	struct anchor_file *f = a->own;

	anchor_lines_newest(&f->lines, a, view);
	return a->state == ANCHOR_SEEN ? anchor_judge_head(a, view, f->written, e) : 0;
}

/* ---- looking ---- */

static int look_at(struct anchor *a, struct err *e)
{
	struct anchor_file *f = a->own;
	CLEANUP_FD int fd = -1;
	struct stat st;
	int r;

	anchor_lines_release(&f->lines);
	r = open_file(f, O_RDONLY, &fd, &st, e);
	if (r)
		return r;
	if (st.st_size > FILE_MAX_BYTES)
		return err_set(e, ERR_LEDGER,
		    "it is larger than %jd bytes (layerseal ledger anchor --reset "
		    "begins it anew)",
		    (intmax_t)FILE_MAX_BYTES);
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	f->written = st.st_mtim.tv_sec;
	a->append_only = is_append_only(fd);
	return anchor_lines_scan(&f->lines, fd, e);
}

static void look(struct anchor *a)
{
	struct err e;
	int r = look_at(a, &e);

	a->knows_head = false;
	if (!r)
		a->state = ANCHOR_SEEN;
	else if (r == ERR_NOT_FOUND)
		anchor_is(a, ANCHOR_MISSING,
		    "%s (if it never did: layerseal ledger anchor --create)", e.msg);
	else
		anchor_is(
		    a, r == ERR_IO ? ANCHOR_UNREACHABLE : ANCHOR_DAMAGED, "%s", e.msg);
}

/* ---- writing ---- */

/* For writing, and still the file that was looked at. */
static int open_again(const struct anchor_file *f, int *out, struct err *e)
{
	struct stat st;
	int r = open_file(f, O_RDWR | O_APPEND, out, &st, e);

	if (!r && (st.st_dev != f->dev || st.st_ino != f->ino))
		r = err_set(e, ERR_LEDGER, "another file took its place meanwhile");
	if (r == ERR_NOT_FOUND)
		e->code = r = ERR_LEDGER;
	return r;
}

static int prepare(struct anchor *a, const struct anchor_view *view, bool *counts,
    uint64_t *counter, struct err *e)
{
	CLEANUP_FD int fd = -1;

	(void)view;
	(void)counter;
	*counts = false;
	return open_again(a->own, &fd, e);
}

static int format_line(const struct anchor_view *view, struct buf *out, struct err *e)
{
	int r = base64_encode(out, view->note, view->note_len, e);

	return r ? r : buf_adds(out, "\n", e);
}

/* In one write; what a crash tore is ended first. */
static int append(
    const struct anchor_file *f, int fd, const struct anchor_view *view, struct err *e)
{
	CLEANUP_BUF struct buf text;
	int r = 0;

	buf_init(&text, ANCHOR_LINE_MAX + 8);
	if (f->lines.scanned != f->lines.end)
		r = buf_adds(&text, "\n", e);
	if (!r)
		r = format_line(view, &text, e);
	if (!r)
		r = fs_write_all(fd, text.data, text.len, e);
	if (!r && fdatasync(fd))
		r = err_sys(e, "cannot bring it to the disk");
	return r;
}

/* 1: it remembers as much, or more, for who appended after us may have been here before us. */
static int is_up_to_date(struct anchor *a, const struct anchor_view *view, struct err *e)
{
	struct anchor_file *f = a->own;

	anchor_lines_newest(&f->lines, a, view);
	if (a->state == ANCHOR_FORKED || a->state == ANCHOR_DAMAGED ||
	    a->state == ANCHOR_FOREIGN)
		return err_set(e, ERR_LEDGER, "%s", a->why.msg);
	if (a->head.size == view->head->size &&
	    !digest_equal(&a->head.root, &view->head->root))
		return err_set(
		    e, ERR_LEDGER, "it remembers other entries: the ledger was forked");
	return a->head.size >= view->head->size;
}

/* Reads back what it wrote: who may append could have put half a line before ours. */
static int advance(struct anchor *a, const struct anchor_view *view, struct err *e)
{
	struct anchor_file *f = a->own;
	CLEANUP_FD int fd = -1;
	int r = open_again(f, &fd, e);

	for (int tries = 0; !r; tries++) {
		r = anchor_lines_scan(&f->lines, fd, e);
		if (!r)
			r = is_up_to_date(a, view, e);
		if (!r && tries == WRITE_TRIES)
			r = err_set(e, ERR_LEDGER,
			    "what was written to it is not there: somebody else writes");
		if (!r)
			r = append(f, fd, view, e);
	}
	return r > 0 ? 0 : r;
}

/* Below the ledger it would be in the hands of those it is to guard against. */
static int check_outside(int dir, const struct anchor_view *view, struct err *e)
{
	CLEANUP_FD int at = openat(dir, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat ledger, here, up;

	if (at < 0 || fstat(view->dirfd, &ledger) || fstat(at, &here))
		return err_sys(e, "its directory");
	for (;;) {
		int parent;

		if (here.st_dev == ledger.st_dev && here.st_ino == ledger.st_ino)
			return err_set(e, ERR_REFUSED,
			    "it would be in the ledger's directory, and be put back "
			    "together with it");
		parent = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (parent < 0 || fstat(parent, &up)) {
			base_close_p(&parent);
			return err_sys(e, "its directory");
		}
		close(at);
		at = parent;
		if (up.st_dev == here.st_dev && up.st_ino == here.st_ino)
			return 0;
		here = up;
	}
}

/* An append-only file can be neither replaced nor removed. */
static int release_old(const struct anchor_file *f, int dir, struct err *e)
{
	CLEANUP_FD int fd =
	    openat(dir, f->base, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0 && is_append_only(fd) && set_append_only(fd, false))
		return err_sys(e, "cannot take its append-only mark away");
	return 0;
}

static int create(
    struct anchor *a, const struct anchor_view *view, bool again, struct err *e)
{
	struct anchor_file *f = a->own;
	CLEANUP_FD int dir = -1;
	CLEANUP_FD int fd = -1;
	CLEANUP_BUF struct buf text;
	int r;

	buf_init(&text, ANCHOR_LINE_MAX + 8);
	r = open_dir(f, &dir, e);
	if (!r)
		r = check_outside(dir, view, e);
	if (!r)
		r = format_line(view, &text, e);
	if (!r && again)
		r = release_old(f, dir, e);
	if (!r)
		r = again ? fs_replace(dir, f->base, text.data, text.len, FILE_MODE, e)
			  : fs_create(dir, f->base, text.data, text.len, FILE_MODE, e);
	if (!r)
		r = fs_open(dir, f->base, O_RDONLY, &fd, e);
	if (r)
		return r;
	/* Not every file system has it, and not every user may. */
	(void)set_append_only(fd, true);
	r = look_at(a, e);
	a->state = ANCHOR_SEEN;
	a->knows_head = false;
	if (!r)
		anchor_lines_newest(&f->lines, a, view);
	return r || a->knows_head ? r : err_set(e, ERR_LEDGER, "%s", a->why.msg);
}

static void release(struct anchor *a)
{
	struct anchor_file *f = a->own;

	anchor_lines_release(&f->lines);
	free(f->dir);
	free(f->base);
	free(f);
}

void anchor_file_init(struct anchor *a, const struct anchor_setting *s)
{
	static const struct anchor_ops ops = {
	    .look = look,
	    .judge = judge,
	    .prepare = prepare,
	    .advance = advance,
	    .create = create,
	    .release = release,
	};
	struct anchor_file *f = xcalloc(1, sizeof(*f));
	const char *slash = strrchr(s->path, '/');

	f->dir = slash == s->path ? xstrdup("/")
				  : xstrndup(s->path, (size_t)(slash - s->path));
	f->base = xstrdup(slash + 1);
	*a = (struct anchor){.ops = &ops,
	    .name = xasprintf("file:%s", s->path),
	    .has_file = true,
	    .own = f};
}
