/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watcher_arm.c: which directories are watched: those that records and structure are read from, and of every sealed
 * layer its own with all that is below. What was never sealed is denied anyway, whatever happens in it.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "store/cachemounts.h"
#include "watch/watcher_impl.h"

/* More names than that in a TMPDIR are not looked through. */
#define CACHE_NAMES_MAX 100000

static int compare_keys(const void *a, const void *b)
{
	return strcmp(((const struct watched *)a)->key, ((const struct watched *)b)->key);
}

static int compare_ids(const void *id, const void *layer)
{
	return strcmp(id, ((const struct watched_layer *)layer)->id);
}

struct watched_layer *watcher_layer(const struct watcher *w, const char *id)
{
	return w->n_layers
		   ? bsearch(id, w->layers, w->n_layers, sizeof(*w->layers), compare_ids)
		   : NULL;
}

const struct watched *watcher_root(const struct watcher *w, uint32_t root)
{
	for (size_t i = 0; i < w->watched.n; i++) {
		if (w->watched.v[i].root == root && w->watched.v[i].there)
			return &w->watched.v[i];
	}
	return NULL;
}

/* ---- one directory ---- */

/* The next list, made of what is kept of the last one and what is new. */
struct arming {
	struct watcher *w;
	struct watched_list next;
	int rc;
	struct err *e;
};

struct target {
	enum watched_kind kind;
	size_t place;
	int base_fd;
	const char *path; /* below base_fd */
	const char *name; /* what it is called in questions */
	uint64_t seq;
};

static struct watched *kept(struct watcher *w, const struct watched *like)
{
	struct watched *old = w->watched.n ? bsearch(like, w->watched.v, w->watched.n,
						 sizeof(*w->watched.v), compare_keys)
					   : NULL;

	return old && old->there && old->seq == like->seq ? old : NULL;
}

static bool is_deep(enum watched_kind k)
{
	return k == WATCHED_LAYER || k == WATCHED_DATA || k == WATCHED_CACHE;
}

static bool is_directory(const struct target *t)
{
	struct stat st;

	return fstatat(t->base_fd, t->path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISDIR(st.st_mode);
}

static void arm_new(struct arming *a, const struct target *t, struct watched *out)
{
	struct watched_layer *l = t->kind == WATCHED_LAYER || t->kind == WATCHED_DATA
				      ? watcher_layer(a->w, t->name)
				      : NULL;
	int r;

	out->root = ++a->w->next_root;
	r = source_add(
	    a->w->o.source, out->root, t->base_fd, t->path, is_deep(t->kind), a->e);
	out->there = r == 0;
	/* Something else in its place is for the look at the structure; it is told when that goes. */
	if (r && r != ERR_NOT_FOUND && is_directory(t))
		a->rc = r;
	/* What was there before it was armed has to be looked at (again). */
	if (!r && l)
		l->known = false;
	if (!r && t->kind == WATCHED_CACHE)
		a->w->cache_asked = true;
}

static void want(struct arming *a, const struct target *t)
{
	struct watched next = {.kind = t->kind, .seq = t->seq}, *old;
	char *name;

	if (t->base_fd < 0 || a->rc)
		return;
	next.key = xasprintf("%d/%zu/%s", (int)t->kind, t->place, t->name);
	name = strchr(strchr(next.key, '/') + 1, '/') + 1;
	next.name = name;
	old = kept(a->w, &next);
	if (old) {
		next.root = old->root;
		next.there = true;
		old->there = false; /* taken over */
	} else {
		arm_new(a, t, &next);
	}
	a->next.v = xreallocarray(a->next.v, a->next.n + 1, sizeof(*a->next.v));
	a->next.v[a->next.n++] = next;
}

/* ---- all of them ---- */

static void want_place(struct arming *a, size_t index)
{
	const struct store_place *p = &a->w->g->store->places[index];
	bool vfs = a->w->g->store->config->driver == STORE_VFS;
	const struct target targets[] = {
	    {WATCHED_OTHER, index, p->root_fd, ".", "root", 0},
	    {WATCHED_OTHER, index, p->root_fd, "libpod", "libpod", 0},
	    {vfs ? WATCHED_OTHER : WATCHED_LAYERS, index, p->driver_fd, ".", "driver", 0},
	    {vfs ? WATCHED_LAYERS : WATCHED_OTHER, index, p->driver_fd, vfs ? "dir" : "l",
		vfs ? "dir" : "l", 0},
	    {WATCHED_RECORDS, index, p->layers_fd, ".", "layers", 0},
	    {WATCHED_OTHER, index, p->images_fd, ".", "images", 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(targets); i++)
		want(a, &targets[i]);
}

static void want_layer(struct arming *a, const struct watched_layer *l)
{
	const struct store *s = a->w->g->store;
	char path[STORE_TREE_PATH_MAX];

	/* The directory of an overlay layer holds more than the tree. */
	if (s->config->driver == STORE_VFS)
		store_tree_path(s, l->id, path);
	else
		memcpy(path, l->id, sizeof(l->id));
	for (size_t i = 0; i < s->n_places; i++) {
		const struct store_place *p = &s->places[i];

		want(a, &(struct target){
			    WATCHED_LAYER, i, p->driver_fd, path, l->id, l->seq});
		want(a, &(struct target){
			    WATCHED_DATA, i, p->layers_fd, l->id, l->id, l->seq});
	}
}

static int want_image(void *ctx, const struct sealed_image *image, struct err *e)
{
	struct arming *a = ctx;
	const struct store *s = a->w->g->store;

	(void)e;
	for (size_t i = 0; !image->retired && i < s->n_places; i++)
		want(a, &(struct target){WATCHED_OTHER, i, s->places[i].images_fd,
			    image->seal->image, image->seal->image, image->seq});
	return a->rc;
}

static int want_cache(void *ctx, const struct sealed_tree *tree, struct err *e)
{
	struct arming *a = ctx;
	CLEANUP_FD int top = -1;

	if (tree->retired)
		return 0;
	a->rc = fs_open_root("/", &top, e);
	want(a, &(struct target){WATCHED_CACHE, 0, top, tree->seal->path + 1,
		    tree->seal->path, tree->seq});
	return a->rc;
}

/* Where cache mounts are, and the directories that may come to hold some. */
static void want_caches(struct arming *a)
{
	const struct fs_names *dirs = &a->w->o.subject->cache_dirs;
	CLEANUP_FD int top = -1;

	if (!a->rc)
		a->rc = fs_open_root("/", &top, a->e);
	for (size_t i = 0; i < dirs->n; i++) {
		const char *dir = dirs->v[i];
		CLEANUP_NAMES struct fs_names names = {0};
		struct err ignored;

		if (dir[0] != '/' || !dir[1])
			continue;
		want(a, &(struct target){WATCHED_CACHES, 0, top, dir + 1, dir, 0});
		(void)!fs_list(top, dir + 1, CACHE_NAMES_MAX, &names, &ignored);
		for (size_t n = 0; n < names.n; n++) {
			CLEANUP_FREE char *path = xasprintf("%s/%s", dir, names.v[n]);

			if (cache_mounts_are_in(names.v[n]))
				want(a, &(struct target){
					    WATCHED_CACHES, 0, top, path + 1, path, 0});
		}
	}
}

/* The mounts that podman believes in are written down there. */
static void want_runroot(struct arming *a)
{
	const struct store *s = a->w->g->store;
	const char *layers =
	    s->config->driver == STORE_VFS ? "vfs-layers" : "overlay-layers";

	want(a, &(struct target){WATCHED_OTHER, 0, s->runroot_fd, layers, "runroot", 0});
}

/* ---- the sealed layers ---- */

struct layer_list {
	struct watched_layer *v;
	size_t n;
};

static int note_layer(void *ctx, const struct sealed_layer *layer, struct err *e)
{
	struct layer_list *list = ctx;

	(void)e;
	if (layer->retired)
		return 0;
	list->v = xreallocarray(list->v, list->n + 1, sizeof(*list->v));
	list->v[list->n] = (struct watched_layer){.seq = layer->seq};
	memcpy(list->v[list->n++].id, layer->seal->layer, sizeof(list->v->id));
	return 0;
}

/* What is known of those that stay is kept. */
static int take_layers(struct watcher *w, struct err *e)
{
	struct layer_list next = {0};
	int r = ledger_each_layer(w->g->ledger, &w->g->store_id, note_layer, &next, e);

	for (size_t i = 0; i < next.n; i++) {
		struct watched_layer *old = watcher_layer(w, next.v[i].id);

		if (old && old->seq == next.v[i].seq) {
			next.v[i].known = old->known;
			next.v[i].stale = old->stale;
			findings_move(&next.v[i].found, &old->found);
		}
	}
	for (size_t i = 0; i < w->n_layers; i++)
		findings_release(&w->layers[i].found);
	free(w->layers);
	w->layers = next.v;
	w->n_layers = next.n;
	return r;
}

static void release_list(struct watcher *w, struct watched_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		if (list->v[i].there)
			source_drop(w->o.source, list->v[i].root);
		free(list->v[i].key);
	}
	free(list->v);
	*list = (struct watched_list){0};
}

int watcher_arm(struct watcher *w, struct err *e)
{
	struct arming a = {.w = w, .e = e};

	w->arm_asked = false;
	a.rc = take_layers(w, e);
	for (size_t i = 0; !a.rc && i < w->g->store->n_places; i++)
		want_place(&a, i);
	want_runroot(&a);
	want_caches(&a);
	for (size_t i = 0; i < w->n_layers; i++)
		want_layer(&a, &w->layers[i]);
	if (!a.rc)
		a.rc =
		    ledger_each_image(w->g->ledger, &w->g->store_id, want_image, &a, e);
	if (!a.rc)
		a.rc = ledger_each_tree(w->g->ledger, &w->g->store_id, want_cache, &a, e);
	release_list(w, &w->watched);
	w->watched = a.next;
	if (w->watched.n)
		qsort(w->watched.v, w->watched.n, sizeof(*w->watched.v), compare_keys);
	/* Records and structure are looked at after that. */
	w->look_asked = true;
	return a.rc;
}

void watcher_disarm(struct watcher *w, const char *layer)
{
	for (size_t i = 0; i < w->watched.n; i++) {
		struct watched *d = &w->watched.v[i];

		if (!d->there || d->kind != WATCHED_LAYER || strcmp(d->name, layer) != 0)
			continue;
		source_drop(w->o.source, d->root);
		d->there = false;
	}
}

void watcher_disarm_all(struct watcher *w)
{
	release_list(w, &w->watched);
	w->arm_asked = true;
	w->complete = false;
}

void watcher_forget(struct watcher *w)
{
	release_list(w, &w->watched);
	for (size_t i = 0; i < w->n_layers; i++)
		findings_release(&w->layers[i].found);
	free(w->layers);
	free(w->unusual_mounts);
	findings_release(&w->structure);
	told_release(&w->told);
}
