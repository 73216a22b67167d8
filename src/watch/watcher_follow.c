/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watcher_follow.c: whether ledger and store are still those that were opened. Both may be exchanged as a whole, which
 * is no event in them.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "ledger/ledger_dir.h"
#include "store/mountinfo.h"
#include "watch/watcher_impl.h"

#define MOUNTINFO "/proc/self/mountinfo"
/* A store with more paths of mounts in it than that is as good as one with these. */
#define MOUNTS_MAX (1U << 20)

static bool is_same(int dirfd, const char *name, int fd)
{
	struct stat now, then;
	bool there = fstatat(dirfd, name, &now, AT_SYMLINK_NOFOLLOW) == 0;

	if (fd < 0 || !there)
		return fd < 0 && !there;
	return fstat(fd, &then) == 0 && then.st_dev == now.st_dev &&
	       then.st_ino == now.st_ino;
}

/* ---- mounts ---- */

/* Where engines mount: their directory over itself, containers, what belongs to containers, volumes. */
static bool is_usual_mount(const char *point, const char *driver)
{
	size_t len = strlen(driver);
	const char *in = point + len + 1;

	if (strncmp(point, "volumes/", 8) == 0)
		return true;
	if (strncmp(point, driver, len) != 0)
		return false;
	if (point[len] != '/')
		return point[len] == '\0' ||
		       strncmp(point + len, "-containers/", 12) == 0;
	return strlen(in) > ENTRY_ID_LEN && strncmp(in + ENTRY_ID_LEN, "/merged", 7) == 0;
}

struct mounts {
	const struct watcher *w;
	const char *place;
	struct buf *unusual;
};

static bool note_mount(void *ctx, const char *point, const char *rest)
{
	struct mounts *m = ctx;
	const char *driver = store_driver_name(m->w->g->store->config->driver);
	struct err full;

	(void)rest;
	return is_usual_mount(point + strlen(m->place) + 1, driver) ||
	       buf_addf(m->unusual, &full, "%s\n", point) == 0;
}

/*
 * Descriptors from before do not see what is mounted below a mount that came on top of them, and engines mount their
 * directory over itself all the time. So what is mounted where none does is looked at with descriptors of its own time.
 */
static int follow_mounts(struct watcher *w, struct err *e)
{
	struct pollfd changed = {.fd = w->mountinfo, .events = POLLPRI};
	const struct store *s = w->g->store;
	CLEANUP_BUF struct buf now;
	bool first = w->unusual_mounts == NULL;
	int r = 0;

	buf_init(&now, MOUNTS_MAX);
	if (!first && poll(&changed, 1, 0) == 0)
		return 0;
	for (size_t i = 0; !r && i < s->n_places; i++)
		r = mountinfo_below(MOUNTINFO, s->places[i].path, note_mount,
		    &(struct mounts){w, s->places[i].path, &now}, e);
	if (r)
		return r;
	if (!first && strcmp(now.data, w->unusual_mounts) != 0)
		return err_set(e, ERR_LEDGER,
		    "store %s: something was mounted in it, or unmounted",
		    s->config->graphroot);
	free(w->unusual_mounts);
	w->unusual_mounts = buf_take(&now);
	return 0;
}

int watcher_follow_store(struct watcher *w, struct err *e)
{
	const struct store *s = w->g->store;
	const char *driver = store_driver_name(s->config->driver);
	CLEANUP_FREE char *layers = xasprintf("%s-layers", driver);
	CLEANUP_FREE char *images = xasprintf("%s-images", driver);

	for (size_t i = 0; i < s->n_places; i++) {
		const struct store_place *p = &s->places[i];

		if (is_same(AT_FDCWD, p->path, p->root_fd) &&
		    is_same(p->root_fd, driver, p->driver_fd) &&
		    is_same(p->root_fd, layers, p->layers_fd) &&
		    is_same(p->root_fd, images, p->images_fd))
			continue;
		return err_set(e, ERR_LEDGER,
		    "store %s: its directories are not those any more that were opened",
		    p->path);
	}
	return follow_mounts(w, e);
}

static bool look_at_ledger_file(const struct watcher *w, struct stat *out)
{
	CLEANUP_FREE char *path = xasprintf("%s/%s", w->g->ledger_dir, LEDGER_FILE_DATA);

	return stat(path, out) == 0;
}

/* What was appended since it was read, by whomever, counts for the next verdict. */
int watcher_follow_ledger(struct watcher *w, struct err *e)
{
	struct stat now;

	if (!look_at_ledger_file(w, &now))
		return err_set(
		    e, ERR_LEDGER, "ledger %s: %s", w->g->ledger_dir, strerror(errno));
	if (fs_same_state(&now, &w->ledger_file))
		return 0;
	w->ledger_file = now;
	w->arm_asked = true;
	return ledger_reload(w->g->ledger, e);
}
