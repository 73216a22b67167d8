/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source_fanotify.c: one mark for a file system, so every change on it is told, whoever makes it and wherever: most are
 * none of ours, and one look into a table says so. Objects are known by their handles; where a directory is, the
 * kernel says with each rename.
 *
 * The queue of events is the kernel's usual one, of fs.fanotify.max_queued_events, not FAN_UNLIMITED_QUEUE: with
 * that one anybody who may write anywhere on the file system could fill the kernel's memory while the
 * watcher waits for a processor, on account of the watcher, which would then be killed for it. A full
 * queue is told (GAP_OVERFLOW), and who wants a longer one raises the limit.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/fanotify.h>
#include <sys/ioctl.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "watch/source_impl.h"

/* Each event brings a descriptor of its process, so not too many at once. */
#define READ_BYTES 16384
/* Linux 5.17. */
#define REPORT (FAN_REPORT_DFID_NAME_TARGET | FAN_REPORT_PIDFD)
#define MASK                                                                             \
	((uint64_t)(FAN_MODIFY | FAN_CLOSE_WRITE | FAN_ATTRIB | FAN_CREATE |             \
		    FAN_DELETE | FAN_RENAME | FAN_DELETE_SELF | FAN_ONDIR))

int fanotify_source_open(struct source *s, struct err *e)
{
	int fd = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK | REPORT, 0);
	int r;

	if (fd < 0 && errno == EPERM)
		return err_set(e, ERR_REFUSED,
		    "fanotify takes CAP_SYS_ADMIN in the first user namespace");
	if (fd < 0 && errno == EINVAL)
		return err_set(e, ERR_REFUSED, "fanotify takes Linux 5.17 or later");
	if (fd < 0)
		return err_set(e, ERR_REFUSED, "no fanotify: %s", strerror(errno));
	r = source_wait_for(s, fd, EPOLLIN, e);
	if (r)
		base_close_p(&fd);
	else
		s->fanotify = fd;
	return r;
}

int fanotify_source_mark(struct source *s, int fd, uint8_t *fs, struct err *e)
{
	struct known_key key;
	struct statfs st;
	uint64_t fsid;
	uint32_t at;
	int mount, anchor;

	if (fstatfs(fd, &st))
		return err_sys(e, "statfs");
	memcpy(&fsid, &st.f_fsid, sizeof(fsid));
	for (uint32_t i = 0; i < s->n_fs; i++) {
		if (s->fs[i].fsid == fsid) {
			*fs = (uint8_t)(i + 1);
			return 0;
		}
	}
	for (at = 0; at < s->n_fs && s->fs[at].fsid; at++)
		;
	if (at == FS_MAX)
		return err_set(e, ERR_REFUSED, "more than %d file systems", FS_MAX);
	if (!handle_key(fd, "", 1, &key, &mount))
		return err_set(e, ERR_REFUSED, "its file system has no handles: %s",
		    strerror(errno));
	if (fanotify_mark(
		s->fanotify, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, MASK, fd, NULL))
		return err_set(e, ERR_REFUSED,
		    "fanotify cannot watch its file system: %s", strerror(errno));
	anchor = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (anchor < 0)
		return err_sys(e, "cannot keep it open");
	s->fs[at] = (struct fs){.fsid = fsid, .anchor = anchor};
	if (at == s->n_fs)
		s->n_fs++;
	*fs = (uint8_t)(at + 1);
	return 0;
}

void fanotify_source_unmark(struct source *s, uint8_t fs)
{
	struct fs *f = &s->fs[fs - 1];

	if (--f->roots)
		return;
	(void)fanotify_mark(
	    s->fanotify, FAN_MARK_REMOVE | FAN_MARK_FILESYSTEM, MASK, f->anchor, NULL);
	base_close_p(&f->anchor);
	*f = (struct fs){.anchor = -1};
}

int fanotify_source_open_dir(struct source *s, const struct known_key *key, int flags)
{
	union {
		struct file_handle head;
		char bytes[sizeof(struct file_handle) + sizeof(key->id)];
	} handle;
	uint32_t len = key->kind & 0xff, fs = key->kind >> 16 & 0xff;

	if (!fs || len > sizeof(key->id)) {
		errno = EOPNOTSUPP;
		return -1;
	}
	handle.head.handle_bytes = len;
	handle.head.handle_type = (int)(key->kind >> 8 & 0xff);
	memcpy(handle.head.f_handle, key->id, len);
	return open_by_handle_at(
	    s->fs[fs - 1].anchor, &handle.head, flags | O_DIRECTORY | O_CLOEXEC);
}

static unsigned what_of(uint64_t mask)
{
	unsigned what = 0;

	if (mask & (FAN_MODIFY | FAN_CLOSE_WRITE))
		what |= SOURCE_WRITTEN;
	if (mask & FAN_ATTRIB)
		what |= SOURCE_ATTRIB;
	if (mask & FAN_CREATE)
		what |= SOURCE_ADDED;
	if (mask & (FAN_DELETE | FAN_DELETE_SELF))
		what |= SOURCE_REMOVED;
	if (mask & FAN_ONDIR)
		what |= SOURCE_DIRECTORY;
	return what;
}

/* ---- one event, under the lock ---- */

struct meeting {
	struct source *s;
	struct hits *hits;
	const struct fanotify_found *ev;
	struct known_key in, from, object;
	unsigned what;
};

static void key_of(
    const struct source *s, const struct kernel_handle *h, struct known_key *out)
{
	*out = (struct known_key){0};
	for (uint32_t i = 0; h->len && i < s->n_fs; i++) {
		if (s->fs[i].fsid == h->fsid)
			handle_to_key((uint8_t)(i + 1), h->type, h->bytes, h->len, out);
	}
}

static uint32_t inside_of(const struct meeting *m, uint32_t object)
{
	uint32_t dir = known_as_dir(&m->s->known, object);

	return dir && (known_dir(&m->s->known, dir)->flags & KNOWN_INSIDE) ? dir
									   : KNOWN_NONE;
}

/*
 * It has that name now. A directory that was made just now is empty, and what is made in it has events that
 * come later; one that was moved to here may be full.
 */
static void arrived(const struct meeting *m, uint32_t up, const char *name, bool is_new)
{
	bool is_dir = m->ev->mask & FAN_ONDIR;
	struct known_dir *d;
	uint32_t dir;

	/* Known already: it was found after it was made, and may have moved on since. */
	if (!m->object.kind || (is_new && known_in_root(&m->s->known, &m->object,
					      known_dir(&m->s->known, up)->root)))
		return;
	dir = source_place(m->s, up, name, &m->object, is_dir);
	if (!dir || !(known_dir(&m->s->known, up)->flags & KNOWN_DEEP))
		return;
	d = known_dir(&m->s->known, dir);
	if (is_new)
		d->flags |= KNOWN_SCANNED;
	if (d->flags & (KNOWN_SCANNED | KNOWN_QUEUED))
		return;
	d->flags |= KNOWN_TOLD;
	queue_add(&m->s->found, m->s, dir);
}

/*
 * The kernel merges an event with an equal one that waits already, so the order of renames to and fro is lost, and
 * what the last one says may not be what holds. What holds is what is there now: a rename after that has an event
 * that is not read yet. True also if it cannot be told.
 */
static bool is_still_there(const struct meeting *m)
{
	CLEANUP_FD int fd = -1;
	struct known_key key;
	int mount;

	if (!(m->ev->mask & FAN_ONDIR) || !m->object.kind)
		return true;
	fd = fanotify_source_open_dir(m->s, &m->in, O_PATH);
	if (fd < 0)
		return errno != ESTALE;
	if (!handle_key(fd, m->ev->name, (uint8_t)(m->object.kind >> 16), &key, &mount))
		return errno != ENOENT;
	return memcmp(key.id, m->object.id, sizeof(key.id)) == 0;
}

/*
 * Forgets a directory in all roots that have nothing to do with where it is now. Once it comes back it is looked at as
 * any other that was full before.
 */
static void moved_out(const struct meeting *m)
{
	struct source *s = m->s;
	uint32_t object = known_next(&s->known, &m->object, KNOWN_NONE);

	while (object) {
		uint32_t dir = known_as_dir(&s->known, object);
		uint32_t root = known_root_of(&s->known, object);
		bool stays = dir && !known_dir(&s->known, dir)->up;

		for (size_t i = 0; i < s->n_some && !stays; i++)
			stays = dir_is_there(s, s->some[i]) &&
				known_dir(&s->known, s->some[i].dir)->root == root;
		if (stays) {
			object = known_next(&s->known, &m->object, object);
		} else {
			known_remove(&s->known, object);
			object = known_next(&s->known, &m->object, KNOWN_NONE);
		}
	}
}

/* Put down first: what arrives changes the table. */
static void put_down(struct source *s, uint32_t dir)
{
	if (s->n_some == s->cap_some) {
		s->cap_some = s->cap_some ? 2 * s->cap_some : 8;
		s->some = xreallocarray(s->some, s->cap_some, sizeof(*s->some));
	}
	s->some[s->n_some++] = dir_ref(s, dir);
}

/* Something in a directory. */
static void in_directory(const struct meeting *m)
{
	const struct fanotify_found *ev = m->ev;
	struct source *s = m->s;
	bool renamed = ev->mask & FAN_RENAME;
	uint32_t object = KNOWN_NONE, dir;

	s->n_some = 0;
	while ((object = known_next(&s->known, &m->in, object))) {
		dir = inside_of(m, object);
		if (!dir)
			continue;
		hits_add(
		    s, m->hits, dir, ev->name, m->what | (renamed ? SOURCE_ADDED : 0));
		if (renamed || (ev->mask & FAN_CREATE))
			put_down(s, dir);
	}
	if (renamed && !is_still_there(m))
		return;
	if (renamed && (ev->mask & FAN_ONDIR))
		moved_out(m);
	for (size_t i = 0; i < s->n_some; i++) {
		if (dir_is_there(s, s->some[i]))
			arrived(m, s->some[i].dir, ev->name, !renamed);
	}
}

static void left_directory(const struct meeting *m)
{
	uint32_t object = KNOWN_NONE, dir;

	while ((object = known_next(&m->s->known, &m->from, object))) {
		dir = inside_of(m, object);
		if (dir)
			hits_add(m->s, m->hits, dir, m->ev->from_name,
			    m->what | SOURCE_REMOVED);
	}
}

/* An event of a directory itself, in all roots that know it. */
static void directory_itself(const struct meeting *m, const struct known_key *key)
{
	uint32_t object = KNOWN_NONE, dir;

	while ((object = known_next(&m->s->known, key, object))) {
		dir = known_as_dir(&m->s->known, object);
		if (dir)
			hits_add(m->s, m->hits, dir, NULL, m->what | SOURCE_DIRECTORY);
	}
}

static bool is_told(const struct meeting *m, uint32_t root)
{
	for (size_t i = 0; i < m->hits->n; i++) {
		if (m->hits->v[i].root == m->s->root[root].number)
			return true;
	}
	return false;
}

/*
 * The object of an event, if it is known in a root that has not been told under a name: it was reached by another
 * link, or by its handle. Not if it is gone: that its last name went has been told where that was. A top that was
 * moved or removed, too: nobody may watch the directory it was in.
 */
static void object_itself(const struct meeting *m)
{
	const uint64_t of_itself = FAN_MODIFY | FAN_CLOSE_WRITE | FAN_ATTRIB;
	uint32_t object = KNOWN_NONE;

	while ((object = known_next(&m->s->known, &m->object, object))) {
		uint32_t dir = known_as_dir(&m->s->known, object);
		uint32_t root = known_root_of(&m->s->known, object);

		if (dir && !known_dir(&m->s->known, dir)->up &&
		    (m->ev->mask & (FAN_RENAME | FAN_DELETE)))
			hits_add(
			    m->s, m->hits, dir, NULL, SOURCE_REMOVED | SOURCE_DIRECTORY);
		else if (!dir && (m->ev->mask & of_itself) &&
			 !(m->ev->mask & FAN_DELETE_SELF) && !is_told(m, root))
			hits_add_somewhere(m->s, m->hits, root, m->what);
	}
}

/* The handle will never be used again. A top stays, for its root. */
static void is_gone(const struct meeting *m, const struct known_key *key)
{
	uint32_t object = known_next(&m->s->known, key, KNOWN_NONE);

	while (object) {
		uint32_t dir = known_as_dir(&m->s->known, object);

		if (dir && !known_dir(&m->s->known, dir)->up)
			known_unset_key(&m->s->known, object);
		else
			known_remove(&m->s->known, object);
		object = known_next(&m->s->known, key, KNOWN_NONE);
	}
}

static void meet(struct source *s, struct hits *hits, const struct fanotify_found *ev)
{
	struct meeting m = {.s = s, .hits = hits, .ev = ev, .what = what_of(ev->mask)};
	bool itself = ev->name && strcmp(ev->name, ".") == 0;

	s->events++;
	if (ev->mask & FAN_Q_OVERFLOW) {
		source_gap(s, GAP_OVERFLOW);
		return;
	}
	key_of(s, &ev->in, &m.in);
	key_of(s, &ev->from, &m.from);
	key_of(s, &ev->object, &m.object);
	if (m.from.kind)
		left_directory(&m);
	if (itself)
		directory_itself(&m, &m.in);
	else if (m.in.kind)
		in_directory(&m);
	if (m.object.kind)
		object_itself(&m);
	if (ev->mask & FAN_DELETE_SELF)
		is_gone(&m, itself ? &m.in : &m.object);
}

static void one_event(struct source *s, struct hits *hits, struct fanotify_found *ev)
{
	const struct writer *writer = NULL;

	pthread_mutex_lock(&s->lock);
	meet(s, hits, ev);
	pthread_mutex_unlock(&s->lock);
	/* What this process does itself has changed what is known, but nobody has to be told. */
	if (ev->pid == getpid()) {
		hits->n = 0;
		buf_clear(&hits->paths);
	}
	if (hits->n && ev->pid)
		writer = writer_cached(&s->writers, ev->pid, ev->pidfd);
	base_close_p(&ev->pidfd);
	if (hits->n)
		hits_tell(hits, writer);
}

int fanotify_source_read(struct source *s, struct hits *hits, struct err *e)
{
	_Alignas(struct fanotify_event_metadata) uint8_t block[READ_BYTES];
	ssize_t n;
	int left = 0;

	/* As many as are there now, each counted as the shortest: who writes without end does not keep us here. */
	if (ioctl(s->fanotify, FIONREAD, &left))
		return err_sys(e, "fanotify");
	while (left > 0) {
		n = read(s->fanotify, block, sizeof(block));
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0
								 : err_sys(e, "fanotify");
		for (size_t at = 0, len; at < (size_t)n; at += len) {
			struct fanotify_found ev;

			len = fanotify_take(block + at, (size_t)n - at, &ev);
			if (!len)
				return err_set(
				    e, ERR_IO, "an event of fanotify makes no sense");
			one_event(s, hits, &ev);
			left -= (int)sizeof(struct fanotify_event_metadata);
		}
	}
	return 0;
}
