/* SPDX-License-Identifier: Apache-2.0 */
/* creations.c: see creations.h. */
#include "store/creations.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/hex.h"
#include "base/proc.h"
#include "store/records.h"

struct creation {
	char id[ID_LEN + 1];
	struct timespec seen;
};

struct creations {
	int fd;
	struct creation *v;
	size_t n;
	pid_t child; /* that the engine started itself again as; 0: none yet */
};

/* A directory of the store; made if it is missing, as the engine would. */
static int open_part(
    const struct store_place *p, const char *name, int *fd, struct err *e)
{
	if (mkdirat(p->root_fd, name, 0700) && errno != EEXIST)
		return err_sys(e, "store %s: %s", p->path, name);
	*fd = openat(p->root_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *fd < 0 ? err_sys(e, "store %s: %s", p->path, name) : 0;
}

/* False: this kernel, or this file system, does not tell. */
static bool cannot_tell(void)
{
	return errno == EPERM || errno == ENOSYS || errno == EINVAL || errno == ENODEV ||
	       errno == EOPNOTSUPP || errno == EXDEV;
}

static int mark(struct creations *c, const struct store_place *p, const char *name,
    bool *can, struct err *e)
{
	CLEANUP_FD int fd = -1;
	int r = open_part(p, name, &fd, e);

	if (r)
		return r;
	*can = fanotify_mark(c->fd, FAN_MARK_ADD, FAN_CREATE | FAN_ONDIR, fd, NULL) == 0;
	return *can || cannot_tell() ? 0 : err_sys(e, "cannot watch %s", p->path);
}

static int mark_all(struct creations *c, const struct store *s, bool *can, struct err *e)
{
	static const char *const parts[][3] = {
	    [STORE_OVERLAY] = {"overlay", "overlay-images"},
	    [STORE_VFS] = {"vfs", "vfs/dir", "vfs-images"}};
	static const char *const containers[] = {
	    [STORE_OVERLAY] = "overlay-containers", [STORE_VFS] = "vfs-containers"};
	int r = mark(c, &s->places[0], containers[s->config->driver], can, e);

	for (size_t i = 0; !r && *can && i < s->n_places; i++) {
		if (s->places[i].kind == PLACE_ADDITIONAL)
			continue;
		for (size_t k = 0; !r && *can && k < ARRAY_LEN(parts[0]); k++) {
			const char *name = parts[s->config->driver][k];

			if (name)
				r = mark(c, &s->places[i], name, can, e);
		}
	}
	return r;
}

int creations_watch(const struct store *s, struct creations **out, struct err *e)
{
	struct creations *c;
	bool can = true;
	int r;

	*out = NULL;
	c = xcalloc(1, sizeof(*c));
	c->fd = fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_DFID_NAME | FAN_CLOEXEC |
				  FAN_NONBLOCK | FAN_UNLIMITED_QUEUE,
	    O_RDONLY);
	if (c->fd < 0) {
		free(c);
		return cannot_tell() ? 0 : err_sys(e, "fanotify");
	}
	r = mark_all(c, s, &can, e);
	if (!r && can)
		*out = c;
	else
		creations_free(c);
	return r;
}

void creations_free(struct creations *c)
{
	if (!c)
		return;
	fs_close_later(&c->fd);
	free(c->v);
	free(c);
}

void creations_free_p(struct creations **c)
{
	creations_free(*c);
	*c = NULL;
}

int creations_fd(const struct creations *c)
{
	return c->fd;
}

static bool is_restarted(pid_t pid, pid_t engine)
{
	struct stat a, b;

	return proc_parent(pid) == engine && proc_program(pid, &a) &&
	       proc_program(engine, &b) && proc_same_program(&a, &b);
}

/* It is looked at once: by the time of its last events it may be gone. */
static bool is_maker(struct creations *c, pid_t pid, pid_t engine, bool children)
{
	if (pid == engine || (pid && pid == c->child))
		return true;
	if (!children || c->child || !is_restarted(pid, engine))
		return false;
	c->child = pid;
	return true;
}

static void note(struct creations *c, const char *name)
{
	if (strlen(name) != ID_LEN || !hex_is(name, ID_LEN))
		return;
	c->v = xreallocarray(c->v, c->n + 1, sizeof(*c->v));
	memcpy(c->v[c->n].id, name, sizeof(c->v->id));
	clock_gettime(CLOCK_REALTIME, &c->v[c->n++].seen);
}

/*
 * The name in an event: a file handle of the directory, and behind it the name. Events lie four bytes apart at
 * least, not eight: what is looked at is a copy.
 */
static const char *name_of(const char *event, const struct fanotify_event_metadata *m)
{
	const char *at = event + m->metadata_len;
	struct fanotify_event_info_fid info;
	struct file_handle handle;

	if (m->event_len < m->metadata_len + sizeof(info) + sizeof(handle))
		return "";
	memcpy(&info, at, sizeof(info));
	memcpy(&handle, at + sizeof(info), sizeof(handle));
	if (info.hdr.info_type != FAN_EVENT_INFO_TYPE_DFID_NAME)
		return "";
	return at + sizeof(info) + sizeof(handle) + handle.handle_bytes;
}

int creations_read(struct creations *c, pid_t engine, bool children, struct err *e)
{
	struct fanotify_event_metadata m;
	char events[16384];
	ssize_t n;

	while ((n = read(c->fd, events, sizeof(events))) > 0) {
		for (const char *at = events; events + n - at >= (ssize_t)sizeof(m);
		     at += m.event_len) {
			memcpy(&m, at, sizeof(m));
			if (m.event_len < sizeof(m) || m.event_len > events + n - at ||
			    (m.mask & FAN_Q_OVERFLOW))
				return err_set(
				    e, ERR_IO, "the kernel lost events of the store");
			if (is_maker(c, m.pid, engine, children))
				note(c, name_of(at, &m));
		}
	}
	return n < 0 && errno != EAGAIN && errno != EINTR ? err_sys(e, "fanotify") : 0;
}

struct timespec creations_seen(const struct creations *c, const char *id)
{
	for (size_t i = 0; i < c->n; i++) {
		if (strcmp(c->v[i].id, id) == 0)
			return c->v[i].seen;
	}
	return (struct timespec){0};
}

bool creations_has(const struct creations *c, const char *id)
{
	return creations_seen(c, id).tv_sec != 0;
}
