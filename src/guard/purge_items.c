/* SPDX-License-Identifier: Apache-2.0 */
/* purge_items.c: a plan as a list of what goes, and what of it stays all the same. */
#include <string.h>

#include "base/fs.h"
#include "guard/purge_plan.h"

void purge_item_release(struct purge_item *i)
{
	free(i->id);
	free(i->image);
	free(i->reason);
	free(i->note);
	*i = (struct purge_item){0};
}

struct purge_item *purge_find(
    struct purge_item *items, size_t n, enum purged object, const char *id)
{
	for (size_t i = 0; i < n; i++) {
		if (items[i].object == object && strcmp(items[i].id, id) == 0)
			return &items[i];
	}
	return NULL;
}

static uint64_t bytes_below(const struct plan *p, const char *path)
{
	const struct store *s = p->g->store;
	uint64_t sum = 0;

	for (size_t i = 0; i < s->n_places; i++) {
		if (s->places[i].kind != PLACE_ADDITIONAL)
			sum += fs_tree_bytes(s->places[i].root_fd, path);
	}
	return sum;
}

static uint64_t bytes_at(const char *path)
{
	CLEANUP_FD int top = -1;
	struct err ignored;

	return fs_open_root("/", &top, &ignored) ? 0 : fs_tree_bytes(top, path + 1);
}

static uint64_t bytes_of(const struct plan *p, enum purged object, const char *id)
{
	const char *driver = store_driver_name(p->g->store->config->driver);
	char tree[STORE_TREE_PATH_MAX];
	CLEANUP_FREE char *path = NULL;

	store_tree_path(p->g->store, id, tree);
	switch (object) {
	case PURGED_LAYER:
		path = xasprintf("%s/%s", driver, tree);
		break;
	case PURGED_IMAGE:
		path = xasprintf("%s-images/%s", driver, id);
		break;
	case PURGED_CONTAINER:
		path = xasprintf("%s-containers/%s", driver, id);
		break;
	case PURGED_FILE:
		path = xstrdup(id);
		break;
	case PURGED_CACHE_MOUNT:
		return bytes_at(id);
	case PURGED_NAME:
		return 0;
	}
	return bytes_below(p, path);
}

static struct purge_item *append(struct purge_item **items, size_t *n)
{
	*items = xreallocarray(*items, *n + 1, sizeof(**items));
	(*items)[*n] = (struct purge_item){0};
	return &(*items)[(*n)++];
}

static void put_mark(struct plan *p, struct purge_item **items, size_t *n,
    enum purged object, const char *id, size_t place, const struct mark *m)
{
	struct purge_item *i;

	if (!m->on || purge_find(*items, *n, object, id))
		return;
	i = append(items, n);
	i->object = object;
	i->id = xstrdup(id);
	i->reason = xstrdup(m->reason);
	i->broken = m->broken;
	i->bytes = bytes_of(p, object, id);
	if (p->g->store->places[place].kind == PLACE_ADDITIONAL) {
		i->fate = PURGE_KEPT;
		i->note = xasprintf("in the additional store %s, which is only read",
		    p->g->store->places[place].path);
	} else if (m->used && !p->opt->force) {
		i->fate = PURGE_KEPT;
		i->note = xstrdup("something that runs uses it: stop that, or --force");
	}
}

/* A path that leads through what is mounted. */
static bool file_is_used(const struct plan *p, const char *path)
{
	CLEANUP_FREE char *copy = xstrdup(path);
	char *rest = copy, *name;

	while ((name = strsep(&rest, "/"))) {
		if (inuse_has_id(&p->inuse, name) || inuse_has_link(&p->inuse, name))
			return true;
	}
	return false;
}

static void put_extra(
    struct plan *p, struct purge_item **items, size_t *n, const struct purge_item *x)
{
	bool known = false;
	struct purge_item *i;

	for (size_t k = 0; k < *n; k++)
		known |= (*items)[k].object == x->object &&
			 (*items)[k].place == x->place &&
			 strcmp((*items)[k].id, x->id) == 0;
	if (known)
		return;
	i = append(items, n);
	*i = (struct purge_item){
	    .object = x->object,
	    .id = xstrdup(x->id),
	    .image = x->image ? xstrdup(x->image) : NULL,
	    .place = x->place,
	    .reason = xstrdup(x->reason),
	    .bytes = bytes_of(p, x->object, x->id),
	    .broken = x->broken,
	};
	if (x->object == PURGED_CACHE_MOUNT && inuse_has_path(&p->inuse, x->id)) {
		i->fate = PURGE_KEPT;
		i->note = xstrdup("a build that runs has it mounted");
	} else if (x->object != PURGED_NAME && !p->opt->force && file_is_used(p, x->id)) {
		i->fate = PURGE_KEPT;
		i->note = xstrdup("something that runs uses it: stop that, or --force");
	}
}

void plan_items(struct plan *p, struct purge_item **items, size_t *n)
{
	const struct records *r = &p->survey.records;

	for (size_t i = 0; i < r->n_containers; i++)
		put_mark(p, items, n, PURGED_CONTAINER, r->containers[i].id, 0,
		    &p->containers[i]);
	for (size_t i = 0; i < r->n_images; i++)
		put_mark(p, items, n, PURGED_IMAGE, r->images[i].id, r->images[i].place,
		    &p->images[i]);
	for (size_t i = 0; i < r->n_layers; i++)
		put_mark(p, items, n, PURGED_LAYER, r->layers[i].id, r->layers[i].place,
		    &p->layers[i]);
	for (size_t i = 0; i < p->n_extra; i++)
		put_extra(p, items, n, &p->extra[i]);
}
