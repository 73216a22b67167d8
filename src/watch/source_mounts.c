/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source_mounts.c: mounts and unmounts in our mount namespace, which neither inotify nor fanotify tells: what is mounted over a
 * tree takes its place for whoever builds, and a file system that is gone is watched in vain. The kernel says
 * only that something changed; what it was comes from comparing lists.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "store/mountinfo.h"
#include "watch/source_impl.h"

#define MOUNTINFO "/proc/self/mountinfo"
#define POINTS_MAX 1000000

static bool take_point(void *ctx, const char *point, const char *rest)
{
	struct points *p = ctx;

	(void)rest;
	if (p->n == p->cap) {
		p->cap = p->cap ? 2 * p->cap : 64;
		p->v = xreallocarray(p->v, p->cap, sizeof(*p->v));
	}
	p->v[p->n++] = xstrdup(point);
	return p->n < POINTS_MAX;
}

void points_release(struct points *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->v[i]);
	free(p->v);
	*p = (struct points){0};
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int points_read(const char *file, struct points *p, struct err *e)
{
	int r = mountinfo_below(file, "", take_point, p, e);

	if (!r && p->n)
		qsort(p->v, p->n, sizeof(*p->v), by_text);
	return r;
}

/*
 * Two descriptors, as a change is told once for each: polling the epoll descriptor uses up that of the one which
 * is in it.
 */
int mounts_source_open(struct source *s, struct err *e)
{
	int r;

	s->mounts = open(MOUNTINFO, O_RDONLY | O_CLOEXEC);
	s->mounts_wake = open(MOUNTINFO, O_RDONLY | O_CLOEXEC);
	if (s->mounts < 0 || s->mounts_wake < 0)
		return err_sys(e, MOUNTINFO);
	r = source_wait_for(s, s->mounts_wake, EPOLLPRI, e);
	return r ? r : points_read(MOUNTINFO, &s->points, e);
}

void mounts_source_close(struct source *s)
{
	base_close_p(&s->mounts);
	base_close_p(&s->mounts_wake);
	points_release(&s->points);
}

bool mounts_leads_to(int dirfd, const char *path, dev_t dev, ino_t ino)
{
	CLEANUP_FD int fd = openat(dirfd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

/* What follows `dir` and "/" in `path`: "" if they are the same; NULL if it is not below. */
static const char *below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	if (strcmp(dir, ".") == 0 || !len)
		return path;
	if (strcmp(dir, "/") == 0)
		return path + 1;
	if (strncmp(path, dir, len) != 0 || (path[len] && path[len] != '/'))
		return NULL;
	return path[len] ? path + len + 1 : path + len;
}

/* Under the lock. `point`: below the base of the root. */
static void changed_for_root(struct source *s, struct hits *hits, const struct root *root,
    const char *point, unsigned what)
{
	const char *in = below(point, root->path);

	if (in && *in && root->deep)
		hits_add(s, hits, root->top, in, what | SOURCE_DIRECTORY);
	/* A directory that is mounted on itself, as engines do, changes nothing. */
	else if (((in && !*in) || below(root->path, point)) &&
		 !mounts_leads_to(
		     s->base[root->base].fd, root->path, root->dev, root->ino))
		hits_add(s, hits, root->top, NULL, what | SOURCE_DIRECTORY);
}

static void changed(struct source *s, struct hits *hits, const char *point, unsigned what)
{
	for (uint32_t i = 0; i < s->n_roots; i++) {
		const struct root *root = &s->root[i];
		const struct base *base = root->used ? &s->base[root->base] : NULL;
		const char *in = base && base->path ? below(point, base->path) : NULL;

		if (in && *in && !root->dropped)
			changed_for_root(s, hits, root, in, what);
	}
}

static void compare(struct source *s, struct hits *hits, const struct points *new)
{
	const struct points *old = &s->points;

	for (size_t i = 0, j = 0; i < old->n || j < new->n;) {
		int order = i == old->n	  ? 1
			    : j == new->n ? -1
					  : strcmp(old->v[i], new->v[j]);

		if (order < 0)
			changed(s, hits, old->v[i], SOURCE_REMOVED);
		if (order > 0)
			changed(s, hits, new->v[j], SOURCE_ADDED);
		i += order <= 0;
		j += order >= 0;
	}
}

/* Does the path that roots were given relative to still lead there? */
static void check_bases(struct source *s)
{
	for (uint32_t i = 0; i < s->n_bases; i++) {
		struct base *b = &s->base[i];
		bool lost = b->roots && b->path &&
			    !mounts_leads_to(AT_FDCWD, b->path, b->dev, b->ino);

		if (lost && !b->lost)
			source_gap(s, GAP_LOST);
		b->lost = lost;
	}
}

int mounts_source_read(struct source *s, struct hits *hits, struct err *e)
{
	struct pollfd p = {.fd = s->mounts, .events = POLLPRI};
	struct points new = {0};
	int r;

	if (poll(&p, 1, 0) <= 0)
		return elsewhere_read(s, false, e);
	r = points_read(MOUNTINFO, &new, e);
	if (r) {
		points_release(&new);
		return r;
	}
	pthread_mutex_lock(&s->lock);
	compare(s, hits, &new);
	check_bases(s);
	pthread_mutex_unlock(&s->lock);
	points_release(&s->points);
	s->points = new;
	hits_tell(hits, NULL);
	return elsewhere_read(s, true, e);
}
