/* SPDX-License-Identifier: Apache-2.0 */
/* cachemounts.c: see cachemounts.h. */
#include "store/cachemounts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "store/rootless.h"

#define PARENT "buildah-cache"
#define LOCKS "buildah-cache-lockfiles"
#define CHILDREN_MAX 100000

void cache_mounts_release(struct cache_mounts *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->v[i].path);
		free(c->v[i].odd);
	}
	free(c->v);
	*c = (struct cache_mounts){0};
}

/* Takes `path` and `odd`. */
static struct cache_mount *add(struct cache_mounts *c, char *path, char *odd)
{
	c->v = xreallocarray(c->v, c->n + 1, sizeof(*c->v));
	c->v[c->n] = (struct cache_mount){.path = path, .odd = odd};
	return &c->v[c->n++];
}

static const char *type_name(mode_t mode)
{
	return S_ISLNK(mode)   ? "a symbolic link"
	       : S_ISREG(mode) ? "a file"
			       : "no directory";
}

static void add_child(
    struct cache_mounts *c, int parent_fd, const char *parent, const char *name)
{
	char *path = xasprintf("%s/%s", parent, name);
	struct stat st;

	if (fstatat(parent_fd, name, &st, AT_SYMLINK_NOFOLLOW)) {
		/* Gone since it was listed. */
		if (errno == ENOENT)
			free(path);
		else
			add(c, path, xasprintf("%s", strerror(errno)));
		return;
	}
	if (!S_ISDIR(st.st_mode))
		add(c, path, xstrdup(type_name(st.st_mode)));
	else if (strlen(path) > CACHE_MOUNT_PATH_MAX)
		add(c, path, xstrdup("a path too long to be sealed"));
	else
		add(c, path, NULL);
}

/* `parent` is a plain directory when this is called; if not any more, it is odd. */
static void add_children(
    struct cache_mounts *c, int dir_fd, const char *dir, const char *name, bool locks)
{
	CLEANUP_FREE char *parent = xasprintf("%s/%s", dir, name);
	CLEANUP_NAMES struct fs_names names = {0};
	CLEANUP_FD int fd = -1;
	struct err why;

	if (fs_open_dir(dir_fd, name, &fd, &why) ||
	    fs_list(fd, ".", CHILDREN_MAX, &names, &why)) {
		if (why.code != ERR_NOT_FOUND)
			add(c, xstrdup(parent), xstrdup(why.msg));
		return;
	}
	for (size_t i = 0; i < names.n; i++) {
		if (!locks || strcmp(names.v[i], LOCKS) != 0)
			add_child(c, fd, parent, names.v[i]);
	}
}

static void look_at(
    struct cache_mounts *c, int dir_fd, const char *dir, const char *name, uid_t owner)
{
	struct cache_mount *m;
	struct stat st;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW)) {
		if (errno != ENOENT)
			add(c, xasprintf("%s/%s", dir, name), xstrdup(strerror(errno)));
		return;
	}
	if (!S_ISDIR(st.st_mode)) {
		add(c, xasprintf("%s/%s", dir, name), xstrdup(type_name(st.st_mode)));
	} else if (st.st_uid != owner || (st.st_mode & (S_IWGRP | S_IWOTH))) {
		m = add(c, xasprintf("%s/%s", dir, name),
		    xasprintf(
			"a directory of uid %u with mode %04o, that others than the "
			"store's owner can write to",
			(unsigned)st.st_uid, (unsigned)st.st_mode & 07777));
		m->foreign = true;
	} else {
		add_children(c, dir_fd, dir, name, strcmp(name, PARENT) != 0);
	}
}

static int by_path(const void *a, const void *b)
{
	const struct cache_mount *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static void sort(struct cache_mounts *c)
{
	size_t kept = 0;

	if (c->n)
		qsort(c->v, c->n, sizeof(*c->v), by_path);
	for (size_t i = 0; i < c->n; i++) {
		if (kept && strcmp(c->v[i].path, c->v[kept - 1].path) == 0) {
			free(c->v[i].path);
			free(c->v[i].odd);
		} else {
			c->v[kept++] = c->v[i];
		}
	}
	c->n = kept;
}

int cache_mounts_find(const struct store *s, const char *const *dirs, size_t n_dirs,
    struct cache_mounts *out, struct err *e)
{
	const struct account *account = s->config->account;
	char own[sizeof(PARENT) + 24];
	unsigned long name;
	struct stat st;

	*out = (struct cache_mounts){0};
	if (fstat(s->places[0].root_fd, &st))
		return err_sys(e, "%s", s->places[0].path);
	/* Outside of the store another user's files have the ids that they have on the disk. */
	if (account)
		st.st_uid = account->uid;
	/* Whose store it is names the directory: in a user namespace the user is root. */
	name = !account && st.st_uid == geteuid() ? rootless_uid() : st.st_uid;
	snprintf(own, sizeof(own), PARENT "-%lu", name);
	for (size_t i = 0; i < n_dirs; i++) {
		bool inside = strcmp(dirs[i], "storage") == 0;
		CLEANUP_FREE char *dir =
		    inside ? xasprintf("%s/tmp", s->places[0].path) : xstrdup(dirs[i]);
		CLEANUP_FREE char *real = realpath(dir, NULL);
		CLEANUP_FD int fd = -1;
		struct err why;

		if (!real && errno == ENOENT)
			continue;
		if (!real || fs_open_root(real, &fd, &why)) {
			add(out, xstrdup(dir),
			    xasprintf("cannot be looked into: %s",
				real ? why.msg : strerror(errno)));
			continue;
		}
		look_at(out, fd, real, PARENT, st.st_uid);
		look_at(out, fd, real, own, st.st_uid);
	}
	sort(out);
	return 0;
}

static bool is_parent_name(const char *name, size_t len)
{
	size_t fixed = strlen(PARENT);

	if (len < fixed || memcmp(name, PARENT, fixed) != 0)
		return false;
	return len == fixed ||
	       (name[fixed] == '-' && len > fixed + 1 &&
		   strspn(name + fixed + 1, "0123456789") >= len - fixed - 1);
}

bool cache_mounts_are_in(const char *name)
{
	return is_parent_name(name, strlen(name));
}

size_t cache_mount_names(const char *path)
{
	const char *last = strrchr(path, '/'), *before = last;

	if (!last || !last[1])
		return 0;
	if (is_parent_name(last + 1, strlen(last + 1)))
		return strlen(last + 1);
	while (before > path && before[-1] != '/')
		before--;
	return before > path && is_parent_name(before, (size_t)(last - before))
		   ? strlen(before)
		   : 0;
}

/* Which directory of the path is none; the message says what it is. */
static void say_what(const char *path, struct err *e)
{
	CLEANUP_FREE char *copy = xstrdup(path);
	struct stat st;

	for (char *slash = copy; slash; slash = strchr(slash + 1, '/')) {
		if (slash != copy)
			*slash = '\0';
		if (slash != copy && lstat(copy, &st) == 0 && !S_ISDIR(st.st_mode)) {
			(void)!err_set(
			    e, ERR_STORE, "%s is %s", copy, type_name(st.st_mode));
			return;
		}
		*slash = '/';
	}
	if (lstat(path, &st) == 0 && !S_ISDIR(st.st_mode))
		(void)!err_set(e, ERR_STORE, "%s is %s", path, type_name(st.st_mode));
}

int cache_mount_open(
    const char *path, enum cache_mount_state *state, int *out_fd, struct err *e)
{
	CLEANUP_FD int top = -1;
	int r = fs_open_root("/", &top, e);

	*state = CACHE_MOUNT_ODD;
	if (!r)
		r = fs_open_dir(top, path[1] ? path + 1 : ".", out_fd, e);
	if (!r) {
		*state = CACHE_MOUNT_THERE;
	} else if (r == ERR_NOT_FOUND) {
		*state = CACHE_MOUNT_GONE;
		r = 0;
	} else {
		say_what(path, e);
		/* What cannot be opened for another reason is unreadable, and stays an error. */
		r = e->code == ERR_STORE ? 0 : r;
	}
	return r;
}
