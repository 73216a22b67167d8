/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watcher_follow.c: whether ledger and store are still those that were opened. Both may be exchanged as a whole, which
 * is no event in them.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "ledger/ledger_dir.h"
#include "watch/watcher_impl.h"

static bool is_same(int dirfd, const char *name, int fd)
{
	struct stat now, then;
	bool there = fstatat(dirfd, name, &now, AT_SYMLINK_NOFOLLOW) == 0;

	if (fd < 0 || !there)
		return fd < 0 && !there;
	return fstat(fd, &then) == 0 && then.st_dev == now.st_dev &&
	       then.st_ino == now.st_ino;
}

/*
 * Which mount a directory is reached by. Where another one was put on top, as podman puts its directory on itself when it
 * begins to work, the descriptors of before do not see what is mounted below the new one.
 */
static uint64_t mount_of(const char *place, const char *name)
{
	CLEANUP_FREE char *path = xasprintf("%s/%s", place, name);
	struct statx sx;

	return statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_MNT_ID, &sx) == 0 &&
		       (sx.stx_mask & STATX_MNT_ID)
		   ? sx.stx_mnt_id
		   : 0;
}

/* Of each place, its own and that of the driver's directory. */
static uint64_t *mounts_now(const struct watcher *w)
{
	const struct store *s = w->g->store;
	uint64_t *mounts = xcalloc(2 * s->n_places, sizeof(*mounts));

	for (size_t i = 0; i < s->n_places; i++) {
		mounts[2 * i] = mount_of(s->places[i].path, ".");
		mounts[2 * i + 1] =
		    mount_of(s->places[i].path, store_driver_name(s->config->driver));
	}
	return mounts;
}

static int follow_mounts(struct watcher *w, struct err *e)
{
	CLEANUP_FREE uint64_t *now = mounts_now(w);
	size_t bytes = 2 * w->g->store->n_places * sizeof(*now);

	if (!w->mounts)
		w->mounts = take_ptr(now);
	else if (memcmp(now, w->mounts, bytes) != 0)
		w->remounted = true;
	return w->remounted ? err_set(e, ERR_LEDGER, "store %s: it was mounted anew",
				  w->g->store->config->graphroot)
			    : 0;
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
