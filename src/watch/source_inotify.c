/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source_inotify.c: a watch for each directory. What is moved away is forgotten, and what arrives is looked at as if it
 * were new: names and order of events say where it is, but it may have moved on, and then more events follow.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "watch/source_impl.h"

#define READ_BYTES 65536
#define MASK                                                                             \
	(IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_CREATE | IN_DELETE |                \
	    IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

/* A kind that no handle has. */
#define WATCH_KIND 1

static struct known_key watch_key(int wd)
{
	return (struct known_key){.kind = WATCH_KIND, .id = {(uint32_t)wd}};
}

int inotify_source_open(struct source *s, struct err *e)
{
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK), r;

	if (fd < 0)
		return err_set(e, ERR_REFUSED,
		    "no inotify: fs.inotify.max_user_instances is too small, or the "
		    "kernel has none");
	r = source_wait_for(s, fd, EPOLLIN, e);
	if (r)
		base_close_p(&fd);
	else
		s->inotify = fd;
	return r;
}

void inotify_source_forget(struct source *s, const struct known_key *key)
{
	if (s->inotify >= 0 && (key->kind & 0xff) == WATCH_KIND &&
	    !(key->kind & 0xff0000))
		(void)inotify_rm_watch(s->inotify, (int)key->id[0]);
}

static bool is_same_place(const struct known_dir *a, const struct known_dir *b)
{
	return a->up == b->up && (!a->up || strcmp(a->name, b->name) == 0);
}

int inotify_source_arm(struct source *s, struct dir_ref *ref, int fd)
{
	struct known *k = &s->known;
	struct known_dir *d = known_dir(k, ref->dir);
	struct known_key key;
	char path[32];
	uint32_t same;
	int wd;

	if (known_has_key(k, d->object))
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	wd = inotify_add_watch(s->inotify, path, MASK);
	if (wd < 0)
		return errno;
	key = watch_key(wd);
	same = known_in_root(k, &key, d->root);
	if (same && is_same_place(known_dir(k, known_as_dir(k, same)), d)) {
		known_remove(k, d->object);
		*ref = dir_ref(s, known_as_dir(k, same));
		return 0;
	}
	/*
	 * What was known under another name is forgotten with all that is in it: that may not have been found under
	 * a path that was out of date.
	 */
	known_set_key(k, d->object, &key);
	if (same)
		known_remove(k, same);
	return dir_is_there(s, *ref) ? 0 : ENOENT;
}

static unsigned what_of(uint32_t mask)
{
	unsigned what = 0;

	if (mask & (IN_MODIFY | IN_CLOSE_WRITE))
		what |= SOURCE_WRITTEN;
	if (mask & IN_ATTRIB)
		what |= SOURCE_ATTRIB;
	if (mask & (IN_CREATE | IN_MOVED_TO))
		what |= SOURCE_ADDED;
	if (mask & (IN_DELETE | IN_MOVED_FROM))
		what |= SOURCE_REMOVED;
	if (mask & IN_ISDIR)
		what |= SOURCE_DIRECTORY;
	return what;
}

/* ---- events, under the lock ---- */

/* It is queued without being watched: what it is called may be something else by then. */
static void look_at(struct source *s, uint32_t up, const char *name)
{
	const struct known_key none = {0};
	uint32_t dir = source_place(s, up, name, &none, true);

	if (!dir)
		return;
	known_dir(&s->known, dir)->flags |= KNOWN_TOLD;
	queue_add(&s->found, s, dir);
}

static void forget_children(struct source *s, uint32_t dir, const char *name)
{
	uint32_t child;

	while ((child = known_child(&s->known, dir, name)))
		known_remove(&s->known, known_dir(&s->known, child)->object);
}

/* When two directories change places, one arrives before the other one leaves: so that name is looked at, too. */
static void in_directory(
    struct source *s, struct hits *hits, uint32_t dir, const struct inotify_found *ev)
{
	hits_add(s, hits, dir, ev->name, what_of(ev->mask));
	if (!(ev->mask & IN_ISDIR) || !(known_dir(&s->known, dir)->flags & KNOWN_DEEP))
		return;
	if (ev->mask & IN_MOVED_FROM)
		forget_children(s, dir, ev->name);
	if (ev->mask & (IN_CREATE | IN_MOVED_FROM | IN_MOVED_TO))
		look_at(s, dir, ev->name);
}

static void directory_itself(
    struct source *s, struct hits *hits, uint32_t dir, uint32_t mask)
{
	struct known_dir *d = known_dir(&s->known, dir);

	if (mask & IN_ATTRIB)
		hits_add(s, hits, dir, NULL, SOURCE_ATTRIB | SOURCE_DIRECTORY);
	if ((mask & (IN_DELETE_SELF | IN_UNMOUNT)) || (!d->up && (mask & IN_MOVE_SELF)))
		hits_add(s, hits, dir, NULL, SOURCE_REMOVED | SOURCE_DIRECTORY);
	if (mask & (IN_DELETE_SELF | IN_UNMOUNT))
		d->flags |= KNOWN_GONE;
}

/* The kernel dropped the watch; of what is below it will say so, too. */
static void watch_is_over(struct source *s, const struct known_key *key)
{
	uint32_t object;

	while ((object = known_next(&s->known, key, KNOWN_NONE))) {
		struct known_dir *d =
		    known_dir(&s->known, known_as_dir(&s->known, object));

		if (!(d->flags & KNOWN_GONE))
			source_blind(s, d->root, GAP_LOST);
		if (!d->up)
			known_unset_key(&s->known, object);
		else
			known_remove(&s->known, object);
	}
}

static void meet(struct source *s, struct hits *hits, const struct inotify_found *ev)
{
	struct known_key key = watch_key(ev->wd);
	uint32_t object = KNOWN_NONE, lost = KNOWN_NONE;

	s->events++;
	if (ev->mask & IN_Q_OVERFLOW) {
		source_gap(s, GAP_OVERFLOW);
		return;
	}
	while ((object = known_next(&s->known, &key, object))) {
		uint32_t dir = known_as_dir(&s->known, object);

		lost = known_dir(&s->known, dir)->root + 1;
		if (ev->name)
			in_directory(s, hits, dir, ev);
		else
			directory_itself(s, hits, dir, ev->mask);
	}
	if (lost && (ev->mask & IN_UNMOUNT))
		source_blind(s, lost - 1, GAP_LOST);
	if (ev->mask & IN_IGNORED)
		watch_is_over(s, &key);
}

int inotify_source_read(struct source *s, struct hits *hits, struct err *e)
{
	_Alignas(struct inotify_event) uint8_t block[READ_BYTES];
	ssize_t n;
	int left = 0;

	/* As much as is there now: who writes without end does not keep us here. */
	if (ioctl(s->inotify, FIONREAD, &left))
		return err_sys(e, "inotify");
	while (left > 0) {
		n = read(s->inotify, block, sizeof(block));
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0
								 : err_sys(e, "inotify");
		left -= (int)n;
		for (size_t at = 0, len; at < (size_t)n; at += len) {
			struct inotify_found ev;

			len = inotify_take(block + at, (size_t)n - at, &ev);
			if (!len)
				return err_set(
				    e, ERR_IO, "an event of inotify makes no sense");
			pthread_mutex_lock(&s->lock);
			meet(s, hits, &ev);
			pthread_mutex_unlock(&s->lock);
			hits_tell(hits, NULL);
		}
	}
	return 0;
}
