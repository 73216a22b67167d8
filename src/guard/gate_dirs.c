/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate_dirs.c: see gate_dirs.h. A path is opened as the kernel will open it, links and all; then the layer
 * that it should be is opened with no link followed, and both must be the same directory. From there on
 * the descriptor counts, and names may change.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/hex.h"
#include "guard/gate_dirs.h"
#include "tree/walk.h"

static const struct gate_dirs none = {
    .upper = {.fd = -1, .tree = -1}, .target = -1, .work = -1};

/* ".../<id>/NAME": where the parts of a path are. */
struct tail {
	char *base; /* what is before the id or the l/, owned */
	char id[ID_LEN + 1];
	const char *name; /* borrowed */
};

static void tail_release(struct tail *t)
{
	free(t->base);
}
#define CLEANUP_TAIL CLEANUP(tail_release)

/* False if the path has no id as its last part but one. */
static bool tail_read(const char *path, struct tail *out)
{
	const char *slash = strrchr(path, '/'), *id;

	*out = (struct tail){0};
	if (!slash || slash - path <= ID_LEN)
		return false;
	id = slash - ID_LEN;
	memcpy(out->id, id, ID_LEN);
	if (id == path || id[-1] != '/' || !hex_is(out->id, ID_LEN))
		return false;
	out->name = slash + 1;
	out->base = xstrndup(path, (size_t)(id - path));
	return true;
}

bool gate_is_layer_target(const char *target)
{
	CLEANUP_TAIL struct tail t = {0};

	return tail_read(target, &t) && strcmp(t.name, "merged") == 0;
}

static bool is_same(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

static int open_path(const char *path, int *fd, struct err *e)
{
	*fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return *fd < 0 ? err_sys(e, "%s", path) : 0;
}

/* The place whose driver directory this is, under whatever path (an id-mapped mount of it, too). */
static int find_place(const struct guard *g, const char *path, size_t *out, struct err *e)
{
	CLEANUP_FD int fd = -1;
	int r = open_path(path, &fd, e);

	for (*out = 0; !r && *out < g->store->n_places; ++*out) {
		int driver = g->store->places[*out].driver_fd;

		if (driver >= 0 && is_same(fd, driver))
			return 0;
	}
	return r ? r
		 : err_set(e, ERR_REFUSED,
		       "%s is no driver directory of the store %s (nor of its other "
		       "places)",
		       path, g->store->config->graphroot);
}

/* Opens what the driver keeps under that name; nothing may be mounted over it. */
static int open_tree(
    const struct guard *g, struct gate_dir *d, const char *name, struct err *e)
{
	CLEANUP_FREE char *path = xasprintf("%s/%s", d->id, name);
	struct statx st;
	int r = fs_open_dir(g->store->places[d->place].driver_fd, path, &d->tree, e);

	if (r)
		return r;
	if (statx(d->tree, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT, STATX_TYPE | STATX_BTIME,
		&st))
		return err_sys(e, "%s", path);
	if (st.stx_attributes & st.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT)
		return err_set(e, ERR_REFUSED, "something is mounted on %s", path);
	if (st.stx_mask & STATX_BTIME)
		d->birth = (struct timespec){
		    .tv_sec = st.stx_btime.tv_sec, .tv_nsec = st.stx_btime.tv_nsec};
	return 0;
}

/* That is what the kernel reaches. */
static int open_same_tree(
    const struct guard *g, struct gate_dir *d, const char *name, struct err *e)
{
	int r = open_tree(g, d, name, e);

	if (!r && !is_same(d->fd, d->tree))
		r = err_set(e, ERR_REFUSED, "it leads to another directory than %s/%s",
		    d->id, name);
	return r;
}

/* The link in l/, which must lead to a layer of its own place. */
static int follow_link(const struct guard *g, struct gate_dir *d, struct err *e)
{
	CLEANUP_FREE char *path = xasprintf("l/%s", d->link);
	CLEANUP_FREE char *target = NULL;
	int r = fs_readlink(g->store->places[d->place].driver_fd, path, &target, e);

	if (!r && !store_link_target(target, d->id))
		r = err_set(e, ERR_REFUSED, "the link %s leads to %s, and not to a layer",
		    path, target);
	return r;
}

static int open_linked(
    const struct guard *g, const char *path, struct gate_dir *d, struct err *e)
{
	const char *link = strrchr(path, '/') + 1;
	CLEANUP_FREE char *base = xstrndup(path, (size_t)(link - path) - strlen("l/"));
	int r;

	memcpy(d->link, link, sizeof(d->link));
	r = find_place(g, base, &d->place, e);
	if (!r)
		r = follow_link(g, d, e);
	return r ? r : open_same_tree(g, d, "diff", e);
}

/* Nothing leads to the mounted layer's own tree, which comes first, and to its empty/. */
static int open_own(const struct guard *g, const struct gate_dirs *list, const char *path,
    struct gate_dir *d, struct err *e)
{
	CLEANUP_TAIL struct tail t = {0};
	bool known = tail_read(path, &t) && strcmp(t.id, list->id) == 0;
	int r;

	d->own = known && list->n == 0 && strcmp(t.name, "diff") == 0;
	d->empty = known && strcmp(t.name, "empty") == 0;
	if (!d->own && !d->empty)
		return err_set(e, ERR_REFUSED,
		    "it is no layer's tree (what the driver finds as diff1, diff2... it "
		    "lays over a layer, whoever put it there)");
	memcpy(d->id, t.id, sizeof(d->id));
	r = find_place(g, t.base, &d->place, e);
	if (!r && d->place != list->place)
		r = err_set(e, ERR_REFUSED, "it is in another place of the store");
	return r ? r : open_same_tree(g, d, t.name, e);
}

static bool is_linked(const char *path)
{
	size_t len = strlen(path);

	return len > LINK_LEN + strlen("/l/") &&
	       strncmp(path + len - LINK_LEN - 3, "/l/", 3) == 0 &&
	       strspn(path + len - LINK_LEN, LINK_ALPHABET) == LINK_LEN;
}

static int open_lower(
    const struct guard *g, struct gate_dirs *list, const char *path, struct err *e)
{
	struct gate_dir *d = &list->v[list->n];
	int r;

	*d = (struct gate_dir){.fd = -1, .tree = -1};
	r = open_path(path, &d->fd, e);
	if (!r)
		r = is_linked(path) ? open_linked(g, path, d, e)
				    : open_own(g, list, path, d, e);
	if (!r) {
		list->n++;
		return 0;
	}
	base_close_p(&d->fd);
	base_close_p(&d->tree);
	return err_wrap(e, "layer %.12s: lower directory %s", list->id, path);
}

/* podman 5 mounts layers of additional stores in the run root. */
static bool is_run_root(const struct guard *g, int fd)
{
	CLEANUP_FREE char *path = xasprintf("%s/overlay", g->store->config->runroot);
	CLEANUP_FD int run = -1;
	struct err ignored;

	return open_path(path, &run, &ignored) == 0 && is_same(fd, run);
}

/* DIR/<id>/merged, DIR being the driver's directory of the graph root or where the layer is. */
static int open_target(
    const struct guard *g, const char *path, struct gate_dirs *out, struct err *e)
{
	CLEANUP_TAIL struct tail t = {0};
	CLEANUP_FREE char *below = NULL;
	CLEANUP_FD int base = -1;
	struct err ignored;
	size_t place;
	int r;

	if (!gate_is_layer_target(path) || !tail_read(path, &t))
		return err_set(e, ERR_REFUSED, "%s is no mount point of a layer", path);
	memcpy(out->id, t.id, sizeof(out->id));
	below = xasprintf("%s/merged", t.id);
	r = open_path(t.base, &base, e);
	if (r)
		return r;
	if (find_place(g, t.base, &place, &ignored) && !is_run_root(g, base))
		return err_set(e, ERR_REFUSED,
		    "%s is neither in the store %s nor in its run root", path,
		    g->store->config->graphroot);
	return fs_open(base, below, O_PATH | O_DIRECTORY, &out->target, e);
}

static bool has_layer(const struct guard *g, size_t place, const char *id)
{
	struct stat st;

	return g->store->places[place].driver_fd >= 0 &&
	       fstatat(g->store->places[place].driver_fd, id, &st, AT_SYMLINK_NOFOLLOW) ==
		   0;
}

/* Where the driver finds the layer that it mounts: as place_of_tree(), without its record. */
static int find_own_place(const struct guard *g, struct gate_dirs *out, struct err *e)
{
	for (out->place = 0; out->place < g->store->n_places; out->place++) {
		if (has_layer(g, out->place, out->id))
			return 0;
	}
	return err_set(
	    e, ERR_REFUSED, "layer %.12s is in no place of the store", out->id);
}

/* `path` must be NAME in the directory of the mounted layer. */
static int check_own_path(const struct guard *g, const struct gate_dirs *d,
    const char *path, const char *name, struct err *e)
{
	CLEANUP_TAIL struct tail t = {0};
	size_t place;
	int r;

	if (!tail_read(path, &t) || strcmp(t.id, d->id) != 0 || strcmp(t.name, name) != 0)
		return err_set(e, ERR_REFUSED, "layer %.12s: %s is not its own %s", d->id,
		    path, name);
	r = find_place(g, t.base, &place, e);
	if (!r && place != d->place)
		r = err_set(e, ERR_REFUSED,
		    "layer %.12s: %s is in another place of the store", d->id, path);
	return r;
}

static int open_writable(
    const struct guard *g, const struct mount_args *a, struct gate_dirs *d, struct err *e)
{
	CLEANUP_FREE char *work = xasprintf("%s/work", d->id);
	int r = check_own_path(g, d, a->upper, "diff", e);

	if (!r)
		r = check_own_path(g, d, a->work, "work", e);
	memcpy(d->upper.id, d->id, sizeof(d->upper.id));
	d->upper.place = d->place;
	if (!r)
		r = open_tree(g, &d->upper, "diff", e);
	return r ? r
		 : fs_open(g->store->places[d->place].driver_fd, work,
		       O_PATH | O_DIRECTORY, &d->work, e);
}

int gate_dirs_open(const struct guard *g, const struct mount_args *a,
    struct gate_dirs *out, struct err *e)
{
	int r;

	*out = none;
	walk_allow_files();
	out->v = xcalloc(a->n_lowers, sizeof(*out->v));
	r = open_target(g, a->target, out, e);
	if (!r)
		r = find_own_place(g, out, e);
	if (!r && a->upper)
		r = open_writable(g, a, out, e);
	for (size_t i = 0; !r && i < a->n_lowers; i++)
		r = open_lower(g, out, a->lowers[i], e);
	if (r)
		gate_dirs_release(out);
	return r;
}

void gate_dirs_release(struct gate_dirs *d)
{
	for (size_t i = 0; i < d->n; i++) {
		base_close_p(&d->v[i].fd);
		base_close_p(&d->v[i].tree);
	}
	free(d->v);
	base_close_p(&d->target);
	base_close_p(&d->upper.tree);
	base_close_p(&d->work);
	*d = none;
}
