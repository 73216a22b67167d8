/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quarantine.c: see quarantine.h. podman mounts overlay/ on itself, and rename(2) leads from no mount to
 * another, even of one file system. So root works on a detached copy of the mount, which has none of the
 * mounts below it; a rootless run does not see podman's.
 */
#include "store/quarantine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/hex.h"
#include "store/rootless.h"

#define INSIDE "layerseal-quarantine"
#define BESIDE ".quarantine"
#define DEPTH_MAX 8

struct quarantine {
	int view_fd;	     /* has the directory of all purges */
	int root_fd;	     /* the place's root, on the same mount */
	int run_fd;	     /* the directory of this purge, or -1 */
	unsigned least;	     /* names that a path must have */
	char *parent, *name; /* path of view_fd; name of the directory in it */
	char *path;	     /* NULL until something was moved */
};

static int open_view(int fd)
{
	long view = syscall(
	    SYS_open_tree, fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	return view >= 0 ? (int)view : fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

static bool same_directory(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

static bool same_mount(int a, int b)
{
	struct statx x, y;

	return statx(a, "", AT_EMPTY_PATH, STATX_MNT_ID, &x) == 0 &&
	       statx(b, "", AT_EMPTY_PATH, STATX_MNT_ID, &y) == 0 &&
	       x.stx_mnt_id == y.stx_mnt_id;
}

/* The directory above, if the place's root is an ordinary directory in it. */
static bool open_beside(struct quarantine *q, const struct store *s, size_t place)
{
	const struct store_place *p = &s->places[place];
	const char *slash = strrchr(p->path, '/');
	CLEANUP_FD int parent = -1;
	struct err e;

	if (store_open_above(s, place, &parent, &e))
		return false;
	q->view_fd = open_view(parent);
	if (q->view_fd < 0 || !slash || !slash[1] ||
	    fs_open_dir(q->view_fd, slash + 1, &q->root_fd, &e) ||
	    !same_directory(q->root_fd, p->root_fd) ||
	    !same_mount(q->root_fd, q->view_fd))
		return false;
	q->parent = xstrndup(p->path, (size_t)(slash - p->path));
	q->name = xasprintf("%s%s", slash + 1, BESIDE);
	return true;
}

int quarantine_open(
    const struct store *s, size_t place, struct quarantine **out, struct err *e)
{
	const struct store_place *p = &s->places[place];
	struct quarantine *q;

	*out = NULL;
	if (p->kind == PLACE_ADDITIONAL)
		return err_set(e, ERR_REFUSED,
		    "store %s is an additional one: nothing is changed in it", p->path);
	q = xcalloc(1, sizeof(*q));
	*q = (struct quarantine){.view_fd = -1, .root_fd = -1, .run_fd = -1, .least = 2};
	if (!open_beside(q, s, place)) {
		base_close_p(&q->view_fd);
		base_close_p(&q->root_fd);
		q->view_fd = open_view(p->root_fd);
		q->root_fd = fcntl(q->view_fd, F_DUPFD_CLOEXEC, 0);
		q->parent = xstrdup(p->path);
		q->name = xstrdup(INSIDE);
	}
	if (q->view_fd >= 0 && q->root_fd >= 0) {
		*out = q;
		return 0;
	}
	err_sys(e, "store %s", p->path);
	quarantine_free(q);
	return e->code;
}

int quarantine_open_beside(const char *dir, struct quarantine **out, struct err *e)
{
	struct quarantine *q = xcalloc(1, sizeof(*q));
	CLEANUP_FD int top = -1;
	CLEANUP_FD int fd = -1;
	int r = fs_open_root("/", &top, e);

	*out = NULL;
	*q = (struct quarantine){.view_fd = -1, .root_fd = -1, .run_fd = -1, .least = 1};
	if (!r)
		r = fs_open_dir(top, dir[1] ? dir + 1 : ".", &fd, e);
	if (!r) {
		q->view_fd = open_view(fd);
		q->root_fd = fcntl(q->view_fd, F_DUPFD_CLOEXEC, 0);
		if (q->root_fd < 0)
			r = err_sys(e, "%s", dir);
	}
	if (r) {
		quarantine_free(q);
		return r;
	}
	q->parent = xstrdup(dir);
	q->name = xasprintf(INSIDE "-%lu", rootless_uid());
	*out = q;
	return 0;
}

void quarantine_free(struct quarantine *q)
{
	if (!q)
		return;
	if (q->run_fd >= 0)
		syncfs(q->run_fd);
	base_close_p(&q->run_fd);
	base_close_p(&q->root_fd);
	base_close_p(&q->view_fd);
	free(q->parent);
	free(q->name);
	free(q->path);
	free(q);
}

const char *quarantine_path(const struct quarantine *q)
{
	return q->path;
}

int quarantine_root(const struct quarantine *q)
{
	return q->root_fd;
}

/* Who could have made it could look at what is put there, or lead it elsewhere. */
static int check_own(const struct quarantine *q, int fd, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st))
		return err_sys(e, "%s/%s", q->parent, q->name);
	if (st.st_uid != geteuid() || (st.st_mode & (S_IRWXG | S_IRWXO)) ||
	    !same_mount(fd, q->root_fd))
		return err_set(e, ERR_REFUSED,
		    "quarantine %s/%s: not a directory of this user alone, with mode "
		    "0700, on the store's file system",
		    q->parent, q->name);
	return 0;
}

static int new_run(struct quarantine *q, int all_fd, struct err *e)
{
	time_t now = time(NULL);
	unsigned char random[4];
	char name[64];
	struct tm tm;
	size_t len;
	int r;

	if (!gmtime_r(&now, &tm) ||
	    getrandom(random, sizeof(random), 0) != sizeof(random))
		return err_sys(e, "quarantine");
	len = strftime(name, 32, "%Y%m%dT%H%M%SZ-", &tm);
	hex_encode(name + len, random, sizeof(random));
	if (mkdirat(all_fd, name, 0700))
		return err_sys(e, "quarantine %s/%s/%s", q->parent, q->name, name);
	r = fs_open_dir(all_fd, name, &q->run_fd, e);
	if (!r)
		q->path = xasprintf("%s/%s/%s", q->parent, q->name, name);
	return r;
}

static int begin_run(struct quarantine *q, struct err *e)
{
	CLEANUP_FD int all = -1;
	int r;

	if (q->run_fd >= 0)
		return 0;
	if (mkdirat(q->view_fd, q->name, 0700) && errno != EEXIST)
		return err_sys(e, "quarantine %s/%s", q->parent, q->name);
	r = fs_open_dir(q->view_fd, q->name, &all, e);
	if (r) {
		e->code = ERR_REFUSED;
		return err_wrap(e, "quarantine %s/%s", q->parent, q->name);
	}
	r = check_own(q, all, e);
	return r ? r : new_run(q, all, e);
}

/* So many names, none of them empty, "." or "..". */
static bool may_move(const char *path, unsigned least)
{
	unsigned depth = 0;

	for (const char *p = path;; p++) {
		size_t len = strcspn(p, "/");

		if (!len || (p[0] == '.' && (len == 1 || (len == 2 && p[1] == '.'))))
			return false;
		depth++;
		p += len;
		if (!*p)
			return depth >= least && depth <= DEPTH_MAX;
	}
}

/* The same directories as in the place, in the directory of this purge. */
static int make_folder(struct quarantine *q, const char *folder, int *out, struct err *e)
{
	CLEANUP_FREE char *copy = xstrdup(folder);
	char *slash = copy;

	do {
		slash = strchr(slash + 1, '/');
		if (slash)
			*slash = '\0';
		if (mkdirat(q->run_fd, copy, 0700) && errno != EEXIST)
			return err_sys(e, "quarantine %s/%s", q->path, copy);
		if (slash)
			*slash = '/';
	} while (slash);
	return fs_open_dir(q->run_fd, folder, out, e);
}

static int move(int from, int to, const char *name, const char *path, struct err *e)
{
	int r = renameat2(from, name, to, name, RENAME_NOREPLACE);

	/* Not every file system has the flag; what is there was put there by this run. */
	if (r && errno == EINVAL)
		r = renameat(from, name, to, name);
	if (!r)
		return 0;
	if (errno == ENOENT)
		return err_set(e, ERR_NOT_FOUND, "%s does not exist", path);
	if (errno == EBUSY || errno == EXDEV)
		return err_set(
		    e, ERR_REFUSED, "%s: something is mounted on it or above it", path);
	return err_sys(e, "%s cannot be moved", path);
}

int quarantine_move(struct quarantine *q, const char *path, struct err *e)
{
	const char *last = strrchr(path, '/'), *name = last ? last + 1 : path;
	CLEANUP_FREE char *folder =
	    last ? xstrndup(path, (size_t)(last - path)) : xstrdup(".");
	CLEANUP_FD int from = -1;
	CLEANUP_FD int to = -1;
	struct stat st;
	int r;

	if (!may_move(path, q->least))
		return err_set(e, ERR_REFUSED, "%s is nothing that can be moved", path);
	r = fs_open_dir(q->root_fd, folder, &from, e);
	if (r)
		return r;
	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) && errno == ENOENT)
		return err_set(e, ERR_NOT_FOUND, "%s does not exist", path);
	r = begin_run(q, e);
	if (!r)
		r = make_folder(q, folder, &to, e);
	return r ? r : move(from, to, name, path, e);
}
