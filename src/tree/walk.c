/* SPDX-License-Identifier: Apache-2.0 */
/* walk.c: see walk.h. */
#include "tree/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"

#define LIST_TRIES 3
#define NAMES_BYTES_MAX (1U << 30)

/* ---- one object ---- */

/* errno values that mean: this name was something else a moment ago. */
static bool moved_away(int error)
{
	return error == ENOENT || error == ENOTDIR || error == ELOOP || error == ENXIO ||
	       error == ENODEV;
}

static int not_opened(struct err *e)
{
	if (moved_away(errno))
		return err_set(e, ERR_CHANGED, "it vanished or became something else");
	return err_sys(e, "cannot open it");
}

static void take_stat(const struct statx *x, struct walk_stat *out)
{
	*out = (struct walk_stat){
	    .ino = x->stx_ino,
	    .size = x->stx_size,
	    .mtime_sec = x->stx_mtime.tv_sec,
	    .ctime_sec = x->stx_ctime.tv_sec,
	    .mtime_nsec = x->stx_mtime.tv_nsec,
	    .ctime_nsec = x->stx_ctime.tv_nsec,
	    .mode = x->stx_mode,
	    .nlink = x->stx_nlink,
	    .uid = x->stx_uid,
	    .gid = x->stx_gid,
	    .dev_major = x->stx_dev_major,
	    .dev_minor = x->stx_dev_minor,
	    .rdev_major = x->stx_rdev_major,
	    .rdev_minor = x->stx_rdev_minor,
	};
}

int walk_stat(int dirfd, const char *name, const struct walk_stat *root,
    struct walk_stat *out, struct err *e)
{
	int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | (*name ? 0 : AT_EMPTY_PATH);
	struct statx x;

	if (statx(dirfd, name, flags, STATX_BASIC_STATS, &x)) {
		if (moved_away(errno))
			return err_set(e, ERR_CHANGED, "it vanished");
		return err_sys(e, "cannot stat it");
	}
	if ((x.stx_mask & STATX_BASIC_STATS) != STATX_BASIC_STATS)
		return err_set(
		    e, ERR_IO, "its file system does not tell everything about it");
	take_stat(&x, out);
	/*
	 * What is mounted inside a layer's directory is not part of the layer: overlayfs looks
	 * below it. The attribute also shows a bind mount from the same file system.
	 */
	if (root &&
	    (out->dev_major != root->dev_major || out->dev_minor != root->dev_minor ||
		(x.stx_attributes & STATX_ATTR_MOUNT_ROOT)))
		return err_set(e, ERR_IO, "something is mounted there");
	return 0;
}

bool walk_stat_equal(const struct walk_stat *a, const struct walk_stat *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/*
 * O_NONBLOCK, because a FIFO may have taken the place of the file that was stat'ed. O_NOATIME is
 * for the owner only.
 */
static int open_quietly(
    int dirfd, const char *name, int flags, int *out_fd, struct err *e)
{
	int fd;

	flags |= O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	fd = openat(dirfd, name, flags | O_NOATIME);
	if (fd < 0 && errno == EPERM)
		fd = openat(dirfd, name, flags);
	if (fd < 0)
		return not_opened(e);
	*out_fd = fd;
	return 0;
}

int walk_open_file(int dirfd, const char *name, int *out_fd, struct err *e)
{
	return open_quietly(dirfd, name, 0, out_fd, e);
}

int walk_open_dir(int dirfd, const char *name, int *out_fd, struct err *e)
{
	return open_quietly(dirfd, name, O_DIRECTORY, out_fd, e);
}

/*
 * A descriptor per level is the price of never resolving ".." or a path again. The soft limit is
 * usually 1024; nothing here uses select(), for which it is kept low.
 */
void walk_allow_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* ---- one directory ---- */

void walk_names_add(struct walk_names *names, const char *name, size_t len, uint8_t type)
{
	if (names->cap - names->used <= len) {
		names->cap = names->cap ? 2 * names->cap : 1024;
		names->text = xreallocarray(names->text, names->cap, 1);
	}
	if (names->n == names->n_cap) {
		names->n_cap = names->n_cap ? 2 * names->n_cap : 64;
		names->v = xreallocarray(names->v, names->n_cap, sizeof(*names->v));
	}
	names->v[names->n++] = (struct walk_name){
	    .at = (uint32_t)names->used, .len = (uint16_t)len, .type = type};
	memcpy(names->text + names->used, name, len + 1);
	names->used += len + 1;
}

void walk_names_release(struct walk_names *names)
{
	free(names->text);
	free(names->v);
	*names = (struct walk_names){0};
}

static int collect(void *ctx, const char *name, size_t len, uint8_t type, struct err *e)
{
	struct walk_names *names = ctx;

	if (names->used > NAMES_BYTES_MAX)
		return err_set(
		    e, ERR_IO, "its names take more than %u bytes", NAMES_BYTES_MAX);
	walk_names_add(names, name, len, type);
	return 0;
}

static int by_name(const void *a, const void *b, void *text)
{
	const struct walk_name *x = a, *y = b;

	return strcmp((const char *)text + x->at, (const char *)text + y->at);
}

static int list_once(int fd, const struct walk_stat *root, struct walk_names *names,
    struct walk_stat *before, struct err *e)
{
	struct walk_stat after;
	int r = walk_stat(fd, "", root, before, e);

	if (r)
		return r;
	names->used = names->n = 0;
	r = fs_each_name(fd, collect, names, e);
	if (!r)
		r = walk_stat(fd, "", root, &after, e);
	if (r)
		return r;
	if (!walk_stat_equal(before, &after))
		return err_set(e, ERR_CHANGED, "it changed while it was listed");
	if (names->n)
		qsort_r(names->v, names->n, sizeof(*names->v), by_name, names->text);
	for (size_t i = 1; i < names->n; i++) {
		const char *name = names->text + names->v[i].at;

		if (strcmp(names->text + names->v[i - 1].at, name) == 0)
			return err_set(e, ERR_CHANGED, "it lists %s twice", name);
	}
	return 0;
}

int walk_list(int fd, const struct walk_stat *root, struct walk_names *names,
    struct walk_stat *st, struct err *e)
{
	int r = ERR_CHANGED;

	for (int tries = 0; r == ERR_CHANGED && tries < LIST_TRIES; tries++) {
		if (tries && lseek(fd, 0, SEEK_SET) < 0)
			return err_sys(e, "cannot list it again");
		r = list_once(fd, root, names, st, e);
	}
	return r;
}
