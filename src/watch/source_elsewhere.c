/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source_elsewhere.c: a service that its unit protects has a mount namespace of its own, and what is mounted outside of it may
 * not come in: below a mount that an engine made private, as engines do with their stores, nothing does. Engines
 * use what is mounted there, and we measure what lies under it. So process 1, in whose namespace they are,
 * is asked what our directories are to it; where that is something else, we are blind.
 *
 * That is so for a service that process 1 itself started. For others, as in a container, nobody knows where engines are
 * but that they are where the watcher is; and who may not look at process 1 has no unit that protects it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "watch/source_impl.h"

#define THEIR_MOUNTINFO "/proc/1/mountinfo"

static bool is_ours(void)
{
	struct stat own, theirs;

	return stat("/proc/self/ns/mnt", &own) || stat("/proc/1/ns/mnt", &theirs) ||
	       (own.st_dev == theirs.st_dev && own.st_ino == theirs.st_ino);
}

int elsewhere_open(struct source *s, struct err *e)
{
	bool is_service = getppid() == 1 && getenv("NOTIFY_SOCKET");

	return is_service && !is_ours() ? elsewhere_begin(s, e) : 0;
}

int elsewhere_begin(struct source *s, struct err *e)
{
	struct elsewhere *w = &s->elsewhere;

	w->root = open("/proc/1/root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	w->mounts = open(THEIR_MOUNTINFO, O_RDONLY | O_CLOEXEC);
	w->wake = open(THEIR_MOUNTINFO, O_RDONLY | O_CLOEXEC);
	if (w->root < 0 || w->mounts < 0 || w->wake < 0)
		return err_sys(e, THEIR_MOUNTINFO);
	w->look = true;
	return source_wait_for(s, w->wake, EPOLLPRI, e);
}

void elsewhere_close(struct source *s)
{
	base_close_p(&s->elsewhere.root);
	base_close_p(&s->elsewhere.mounts);
	base_close_p(&s->elsewhere.wake);
}

void elsewhere_look(struct source *s)
{
	if (s->elsewhere.mounts < 0)
		return;
	s->elsewhere.look = true;
	(void)eventfd_write(s->wake, 1);
}

/* `path`: absolute. */
static bool leads_there_to(
    const struct elsewhere *w, const char *path, dev_t dev, ino_t ino)
{
	return mounts_leads_to(w->root, path[1] ? path + 1 : ".", dev, ino);
}

static bool is_same(const struct elsewhere *w, const char *path)
{
	struct stat own;

	/* Not there at all: then it is nothing that we measure, and they have it. */
	return stat(path, &own) == 0 && leads_there_to(w, path, own.st_dev, own.st_ino);
}

/* Where engines mount containers and images; nobody reads a sealed layer there. */
static bool is_merged(const char *point)
{
	return strcmp(strrchr(point, '/'), "/merged") == 0;
}

static size_t hidden_in(const struct source *s, const struct root *root, const char *path,
    const struct points *points)
{
	const struct elsewhere *w = &s->elsewhere;
	size_t len = strlen(path), n = !leads_there_to(w, path, root->dev, root->ino);

	for (size_t i = 0; root->deep && i < points->n; i++) {
		const char *point = points->v[i];

		n += strncmp(point, path, len) == 0 && point[len] == '/' &&
		     !is_merged(point) && !is_same(w, point);
	}
	return n;
}

/* Under the lock. */
static size_t hidden(const struct source *s, const struct points *points)
{
	size_t n = 0;

	for (uint32_t i = 0; i < s->n_roots; i++) {
		const struct root *root = &s->root[i];
		const struct base *base = root->used ? &s->base[root->base] : NULL;
		CLEANUP_FREE char *path = NULL;

		if (!base || !base->path || root->dropped)
			continue;
		path =
		    strcmp(root->path, ".") == 0
			? xstrdup(base->path)
			: xasprintf("%s/%s", base->path[1] ? base->path : "", root->path);
		n += hidden_in(s, root, path, points);
	}
	return n;
}

int elsewhere_read(struct source *s, bool ours_changed, struct err *e)
{
	struct elsewhere *w = &s->elsewhere;
	struct pollfd p = {.fd = w->mounts, .events = POLLPRI};
	struct points points = {0};
	bool look;
	int r;

	if (w->mounts < 0)
		return 0;
	pthread_mutex_lock(&s->lock);
	look = w->look || ours_changed;
	w->look = false;
	pthread_mutex_unlock(&s->lock);
	if (poll(&p, 1, 0) <= 0 && !look)
		return 0;
	r = points_read(THEIR_MOUNTINFO, &points, e);
	if (!r) {
		size_t before = w->hidden;

		pthread_mutex_lock(&s->lock);
		w->hidden = hidden(s, &points);
		if (w->hidden && !before)
			source_gap(s, GAP_HIDDEN);
		pthread_mutex_unlock(&s->lock);
	}
	points_release(&points);
	return r;
}
