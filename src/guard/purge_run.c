/* SPDX-License-Identifier: Apache-2.0 */
/* purge_run.c: see purge_run.h. */
#include "guard/purge_run.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/hex.h"
#include "store/lock.h"
#include "store/records_edit.h"

/* A build that commits a large layer holds the locks for seconds. */
#define LOCK_SECONDS 60
#define NAMES_MAX (4U << 20)

static void set_note(struct purge_item *i, const char *text)
{
	free(i->note);
	i->note = xstrdup(text);
}

/* ---- by the engine ---- */

static void engine_try(struct plan *p, enum runner_program program,
    const char *const words[], struct purge_item *i)
{
	struct err e;

	if (runner_has(p->opt->engine, program) &&
	    runner_run(p->opt->engine, program, p->g->store, words, i->id, &e))
		set_note(i, e.msg);
}

/* buildah's working containers are none of podman's; each program refuses what is the other's. */
static void remove_container(struct plan *p, struct purge_item *i)
{
	static const char *const rm[] = {"rm", NULL};
	static const char *const force[] = {"rm", "--force", NULL};

	engine_try(p, RUN_PODMAN, p->opt->force ? force : rm, i);
}

static void remove_image(struct plan *p, struct purge_item *i)
{
	/* An image with several names is removed by id only without names: --force takes containers too. */
	static const char *const untag[] = {"untag", NULL};
	static const char *const rmi[] = {"rmi", "--no-prune", NULL};
	static const char *const plain[] = {"rmi", NULL};

	if (runner_has(p->opt->engine, RUN_PODMAN)) {
		engine_try(p, RUN_PODMAN, untag, i);
		engine_try(p, RUN_PODMAN, rmi, i);
	} else {
		engine_try(p, RUN_BUILDAH, plain, i);
	}
}

static size_t depth_of(const struct plan *p, const char *image)
{
	const struct records *r = &p->survey.records;
	const struct store_image *m = records_image(r, image);
	const struct store_layer *l = m ? records_layer(r, m->top_layer) : NULL;
	size_t depth = 0;

	for (; l && depth <= r->n_layers; l = records_layer(r, l->parent))
		depth++;
	return depth;
}

static bool is_for_engine(const struct purge_item *i, enum purged object)
{
	return i->object == object && i->fate == PURGE_PLANNED && !i->broken;
}

void purge_by_engine(struct plan *p, struct purge_item *items, size_t n)
{
	size_t deepest = 0;

	for (size_t i = 0; i < n; i++) {
		if (is_for_engine(&items[i], PURGED_CONTAINER))
			remove_container(p, &items[i]);
		if (is_for_engine(&items[i], PURGED_IMAGE) &&
		    depth_of(p, items[i].id) > deepest)
			deepest = depth_of(p, items[i].id);
	}
	/* An image on which others were built is only untagged: those first. */
	for (size_t depth = deepest + 1; depth-- > 0;) {
		for (size_t i = 0; i < n; i++) {
			if (is_for_engine(&items[i], PURGED_IMAGE) &&
			    depth_of(p, items[i].id) == depth)
				remove_image(p, &items[i]);
		}
	}
}

/* ---- by quarantine ---- */

struct quarantining {
	const struct guard *g;
	struct quarantine **places; /* one per place, NULL for additional ones */
	struct purge_item **items;
	size_t *n;
	struct records_edit edit;
	struct image_tag *names;
};

static void release(struct quarantining *q)
{
	for (size_t i = 0; q->places && i < q->g->store->n_places; i++)
		quarantine_free(q->places[i]);
	free(q->places);
	free(q->edit.layers.v);
	free(q->edit.images.v);
	free(q->edit.containers.v);
	free(q->names);
}
#define CLEANUP_QUARANTINING CLEANUP(release)

static int open_places(struct quarantining *q, struct err *e)
{
	const struct store *s = q->g->store;
	int r = 0;

	q->places = xcalloc(s->n_places, sizeof(*q->places));
	for (size_t i = 0; !r && i < s->n_places; i++) {
		if (s->places[i].kind != PLACE_ADDITIONAL)
			r = quarantine_open(s, i, &q->places[i], e);
	}
	return r;
}

static void add_id(struct id_set *set, const char *id)
{
	set->v = xreallocarray(set->v, set->n + 1, sizeof(*set->v));
	set->v[set->n++] = id;
}

/* Borrows from the items: no item may be added before the edit is over, but for `moved`. */
static void collect(struct quarantining *q, bool broken_only)
{
	for (size_t i = 0; i < *q->n; i++) {
		const struct purge_item *item = &(*q->items)[i];

		if (item->fate != PURGE_PLANNED || (broken_only && !item->broken))
			continue;
		if (item->object == PURGED_LAYER)
			add_id(&q->edit.layers, item->id);
		if (item->object == PURGED_IMAGE)
			add_id(&q->edit.images, item->id);
		if (item->object == PURGED_CONTAINER)
			add_id(&q->edit.containers, item->id);
		if (item->object != PURGED_NAME)
			continue;
		q->names =
		    xreallocarray(q->names, q->edit.n_names + 1, sizeof(*q->names));
		q->names[q->edit.n_names++] = (struct image_tag){item->image, item->id};
	}
	q->edit.names = q->names;
	id_set_sort(&q->edit.layers);
	id_set_sort(&q->edit.images);
	id_set_sort(&q->edit.containers);
}

static struct purge_item *new_item(struct quarantining *q, enum purged object,
    const char *id, size_t place, const char *reason)
{
	struct purge_item *i;

	*q->items = xreallocarray(*q->items, *q->n + 1, sizeof(**q->items));
	i = &(*q->items)[(*q->n)++];
	*i = (struct purge_item){
	    .object = object,
	    .id = xstrdup(id),
	    .place = place,
	    .reason = xstrdup(reason),
	    .broken = true,
	};
	return i;
}

/* A record file went whole. */
static void note_moved(void *ctx, size_t place, const char *path, const char *why)
{
	struct quarantining *q = ctx;
	struct purge_item *i = new_item(q, PURGED_FILE, path, place, why);
	const char *where = quarantine_path(q->places[place]);

	i->fate = PURGE_QUARANTINED;
	if (where)
		set_note(i, where);
}

/* One path of an item in one place; what was moved is noted, and what would not move. */
static void move_path(
    struct quarantining *q, size_t place, const char *path, struct purge_item *i)
{
	struct err e;
	int r = quarantine_move(q->places[place], path, &e);

	if (!r && i->fate != PURGE_KEPT) {
		i->fate = PURGE_QUARANTINED;
		set_note(i, quarantine_path(q->places[place]));
	} else if (r && r != ERR_NOT_FOUND) {
		i->fate = PURGE_KEPT;
		set_note(i, e.msg);
	}
}

static PRINTF_LIKE(3, 4) void move_everywhere(
    struct quarantining *q, struct purge_item *i, const char *fmt, ...)
{
	CLEANUP_FREE char *path = NULL;
	va_list ap;

	va_start(ap, fmt);
	path = xvasprintf(fmt, ap);
	va_end(ap);
	for (size_t p = 0; p < q->g->store->n_places; p++) {
		if (q->places[p])
			move_path(q, p, path, i);
	}
}

static void move_item(struct quarantining *q, struct purge_item *i)
{
	const char *driver = store_driver_name(q->g->store->config->driver);
	bool vfs = q->g->store->config->driver == STORE_VFS;

	switch (i->object) {
	case PURGED_LAYER:
		move_everywhere(q, i, "%s/%s%s", driver, vfs ? "dir/" : "", i->id);
		move_everywhere(q, i, "%s-layers/%s.tar-split.gz", driver, i->id);
		move_everywhere(q, i, "%s-layers/%s", driver, i->id);
		break;
	case PURGED_IMAGE:
		move_everywhere(q, i, "%s-images/%s", driver, i->id);
		break;
	case PURGED_CONTAINER:
		move_everywhere(q, i, "%s-containers/%s", driver, i->id);
		break;
	case PURGED_FILE:
		move_path(q, i->place, i->id, i);
		break;
	case PURGED_CACHE_MOUNT: /* not in the store */
		return;
	case PURGED_NAME:
		i->fate = PURGE_REMOVED;
		break;
	}
	/* Records are gone in any case. */
	if (i->fate == PURGE_PLANNED)
		i->fate = PURGE_REMOVED;
}

/* Short links that lead to layers that went: of no use, and findings. */
static void move_links(struct quarantining *q, size_t place)
{
	struct fs_names names CLEANUP_NAMES = {0};
	CLEANUP_FD int dir = -1;
	struct err e;

	if (fs_open_dir(quarantine_root(q->places[place]), "overlay/l", &dir, &e) ||
	    fs_list(dir, ".", NAMES_MAX, &names, &e))
		return;
	for (size_t i = 0; i < names.n; i++) {
		CLEANUP_FREE char *path = xasprintf("overlay/l/%s", names.v[i]);
		CLEANUP_FREE char *target = NULL;
		struct err ignored;

		if (fs_readlink(dir, names.v[i], &target, &e) ||
		    strncmp(target, "../", 3) != 0 || strlen(target) < 3 + ID_LEN)
			continue;
		target[3 + ID_LEN] = '\0';
		/* One that stays is the next verification's finding. */
		if (id_set_has(&q->edit.layers, target + 3))
			(void)!quarantine_move(q->places[place], path, &ignored);
	}
}

static void move_all(struct quarantining *q, bool broken_only)
{
	size_t n = *q->n;

	for (size_t i = 0; i < n; i++) {
		struct purge_item *item = &(*q->items)[i];

		if (item->fate == PURGE_PLANNED && (!broken_only || item->broken))
			move_item(q, item);
	}
	for (size_t i = 0; i < q->g->store->n_places; i++) {
		if (q->places[i] && q->g->store->config->driver == STORE_OVERLAY)
			move_links(q, i);
	}
}

/* True if the driver has a directory or a link of what is mounted: records do not count here. */
static bool something_runs(const struct store *s, const struct inuse *u)
{
	struct stat st;

	for (size_t p = 0; p < s->n_places; p++) {
		for (size_t i = 0; i < u->n_ids && s->places[p].driver_fd >= 0; i++) {
			CLEANUP_FREE char *path = xasprintf("%s%s",
			    s->config->driver == STORE_VFS ? "dir/" : "", u->ids[i]);

			if (fstatat(s->places[p].driver_fd, path, &st,
				AT_SYMLINK_NOFOLLOW) == 0)
				return true;
		}
	}
	return false;
}

static int take_out(struct quarantining *q, const struct purge_options *opt,
    bool broken_only, bool repair, struct err *e)
{
	CLEANUP_PLAN struct plan now = {.g = q->g, .opt = opt};
	int r = repair ? inuse_read(q->g->store->config->account, &now.inuse, e)
		       : plan_look(&now, e);

	if (r)
		return r;
	if (repair && !opt->force && something_runs(q->g->store, &now.inuse))
		return err_set(e, ERR_REFUSED,
		    "records of the store have to be repaired, and something that runs "
		    "uses it: stop that, or --force");
	/* What was built on it since the plan was made goes too; what runs since then stays. */
	if (!repair) {
		plan_from_items(&now, *q->items, *q->n, broken_only);
		plan_items(&now, q->items, q->n);
	}
	collect(q, broken_only);
	q->edit.faulty = repair;
	r = records_edit(q->g->store, q->places, &q->edit, note_moved, q, e);
	if (!r)
		move_all(q, broken_only);
	return r;
}

int purge_by_quarantine(const struct guard *g, const struct purge_options *opt,
    bool broken_only, bool repair, struct purge_item **items, size_t *n, struct err *e)
{
	CLEANUP_QUARANTINING struct quarantining q = {.g = g, .items = items, .n = n};
	struct store_lock lock;
	int r = open_places(&q, e);

	if (!r)
		r = store_lock_write(g->store, LOCK_SECONDS, &lock, e);
	if (r)
		return r;
	r = take_out(&q, opt, broken_only, repair, e);
	if (!r)
		r = store_lock_touch(&lock, e);
	store_lock_release(&lock);
	return r;
}

/* ---- what became of it ---- */

static bool is_recorded(const struct records *r, const struct purge_item *i)
{
	if (i->object == PURGED_LAYER)
		return records_layer(r, i->id);
	if (i->object == PURGED_IMAGE)
		return records_image(r, i->id);
	for (size_t c = 0; i->object == PURGED_CONTAINER && c < r->n_containers; c++) {
		if (strcmp(r->containers[c].id, i->id) == 0)
			return true;
	}
	return false;
}

int purge_settle(const struct guard *g, struct purge_item *items, size_t n, struct err *e)
{
	CLEANUP_FINDINGS struct findings ignored = {0};
	CLEANUP_RECORDS struct records now = {0};
	int r = records_read(g->store, &now, &ignored, e);

	for (size_t i = 0; !r && i < n; i++) {
		struct purge_item *item = &items[i];

		if (item->fate != PURGE_PLANNED || item->broken ||
		    item->object >= PURGED_NAME || is_recorded(&now, item))
			continue;
		item->fate = PURGE_REMOVED;
		free(item->note);
		item->note = NULL;
	}
	return r;
}
