/* SPDX-License-Identifier: Apache-2.0 */
/*
 * purge_plan.c: see purge_plan.h. A plan begins with what findings blame and grows upwards: layers,
 * images and containers that build on it. Then downwards: layers that nothing needs any more, as an
 * engine would remove them. It never grows sideways: a record that claims a good layer as its parent
 * does not take the layer with it.
 */
#include "guard/purge_plan.h"
#include "guard/cache_mounts.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/fs.h"
#include "base/hex.h"

int plan_look(struct plan *p, struct err *e)
{
	CLEANUP_FINDINGS struct findings ignored = {0};
	int r = survey_take(p->g, &p->survey, &ignored, e);

	if (!r)
		r = inuse_read(p->g->store->config->account, &p->inuse, e);
	if (r)
		return r;
	p->layers = xcalloc(p->survey.records.n_layers, sizeof(*p->layers));
	p->images = xcalloc(p->survey.records.n_images, sizeof(*p->images));
	p->containers = xcalloc(p->survey.records.n_containers, sizeof(*p->containers));
	return 0;
}

static void marks_release(struct mark *marks, size_t n)
{
	for (size_t i = 0; marks && i < n; i++)
		free(marks[i].reason);
	free(marks);
}

void plan_release(struct plan *p)
{
	marks_release(p->layers, p->survey.records.n_layers);
	marks_release(p->images, p->survey.records.n_images);
	marks_release(p->containers, p->survey.records.n_containers);
	for (size_t i = 0; i < p->n_extra; i++)
		purge_item_release(&p->extra[i]);
	free(p->extra);
	survey_release(&p->survey);
	inuse_release(&p->inuse);
	*p = (struct plan){0};
}

/* ---- marks ---- */

static PRINTF_LIKE(3, 4) bool set(struct mark *m, bool broken, const char *fmt, ...)
{
	bool news = !m->on || (broken && !m->broken);
	va_list ap;

	m->broken |= broken;
	if (m->on)
		return news;
	m->on = true;
	va_start(ap, fmt);
	m->reason = xvasprintf(fmt, ap);
	va_end(ap);
	return true;
}

static size_t layer_at(const struct plan *p, const char *id)
{
	return survey_layer_index(&p->survey, id);
}

/* Every record of the id: another place may have one too. */
static bool mark_layer(struct plan *p, const char *id, bool broken, const char *reason)
{
	const struct records *r = &p->survey.records;
	bool found = false;

	for (size_t i = layer_at(p, id);
	     i < r->n_layers && strcmp(r->layers[i].id, id) == 0; i++) {
		set(&p->layers[i], broken, "%s", reason);
		found = true;
	}
	return found;
}

static bool mark_image(struct plan *p, const char *id, bool broken, const char *reason)
{
	const struct records *r = &p->survey.records;
	const struct store_image *first = records_image(r, id);
	bool found = false;

	for (size_t i = first ? (size_t)(first - r->images) : r->n_images;
	     i < r->n_images && strcmp(r->images[i].id, id) == 0; i++) {
		set(&p->images[i], broken, "%s", reason);
		found = true;
	}
	return found;
}

static struct purge_item *add_extra(
    struct plan *p, enum purged object, const char *id, const char *reason)
{
	struct purge_item *i = purge_find(p->extra, p->n_extra, object, id);

	if (i)
		return i;
	p->extra = xreallocarray(p->extra, p->n_extra + 1, sizeof(*p->extra));
	i = &p->extra[p->n_extra++];
	*i = (struct purge_item){
	    .object = object,
	    .id = xstrdup(id),
	    .reason = xstrdup(reason),
	    .broken = true,
	};
	return i;
}

/* ---- from findings ---- */

/* The engine reads none of what these are about before it removes, or only looks. */
static bool is_safe_for_engine(enum finding_class c)
{
	return (c >= FINDING_TREE_ADDED && c <= FINDING_TREE_UNSTABLE) ||
	       c == FINDING_DIFF_ID || c == FINDING_TAR_SPLIT ||
	       c == FINDING_TAR_HEADER || c == FINDING_LAYER_UNSEALED ||
	       c == FINDING_REVOKED ||
	       (c >= FINDING_IMAGE_UNSEALED && c <= FINDING_IMAGE_FILE);
}

static bool has_name(const struct plan *p, const char *image, const char *name)
{
	const struct store_image *i = records_image(&p->survey.records, image);

	for (size_t n = 0; i && n < i->n_names; n++) {
		if (strcmp(i->names[n], name) == 0)
			return true;
	}
	return false;
}

/* A path of the graphroot is relative, one of another place begins with the place's. */
static void add_file(struct plan *p, const char *path, const char *reason)
{
	const struct store *s = p->g->store;
	struct purge_item *item;
	size_t place = 0;

	for (size_t i = 0; path[0] == '/' && i < s->n_places; i++) {
		size_t len = strlen(s->places[i].path);

		if (strncmp(path, s->places[i].path, len) == 0 && path[len] == '/') {
			place = i;
			path += len + 1;
		}
	}
	if (path[0] == '/' || s->places[place].kind == PLACE_ADDITIONAL)
		return;
	item = add_extra(p, PURGED_FILE, path, reason);
	item->place = place;
}

/* "<driver>-images/ID": the files of an image without a record. */
static const char *image_of_path(const struct plan *p, const char *path)
{
	CLEANUP_FREE char *room =
	    xasprintf("%s-images/", store_driver_name(p->g->store->config->driver));
	size_t len = strlen(room);

	return strncmp(path, room, len) == 0 && hex_is(path + len, ID_LEN) ? path + len
									   : NULL;
}

static void from_image_finding(
    struct plan *p, const struct finding *f, const char *reason)
{
	bool of_name =
	    f->class == FINDING_IMAGE_NAME || f->class == FINDING_NAME_UNSEALED;

	if (of_name && f->path && has_name(p, f->image, f->path)) {
		struct purge_item *i = add_extra(p, PURGED_NAME, f->path, reason);

		free(i->image);
		i->image = xstrdup(f->image);
	} else if (!mark_image(p, f->image, !is_safe_for_engine(f->class), reason) &&
		   hex_is(f->image, ID_LEN)) {
		add_extra(p, PURGED_IMAGE, f->image, reason);
	}
}

static void from_layer_finding(
    struct plan *p, const struct finding *f, const char *reason)
{
	if (f->class == FINDING_STORE_SHADOW && f->path)
		add_file(p, f->path, reason);
	else if (!mark_layer(p, f->layer, !is_safe_for_engine(f->class), reason) &&
		 hex_is(f->layer, ID_LEN))
		add_extra(p, PURGED_LAYER, f->layer, reason);
}

static bool plan_cache_mount(struct plan *p, const struct finding *f, const char *reason)
{
	CLEANUP_FREE char *path = cache_mount_of_finding(p->g, f);

	if (path)
		add_extra(p, PURGED_CACHE_MOUNT, path, reason);
	return path != NULL;
}

static void from_finding(struct plan *p, const struct finding *f)
{
	CLEANUP_FREE char *reason = xasprintf("%s%s%s", finding_class_name(f->class),
	    f->found ? ": " : "", f->found ? f->found : "");

	if (plan_cache_mount(p, f, reason))
		return;
	/* What podman keeps of itself outside the graphroot is not a store's content. */
	if (f->class == FINDING_MOUNTPOINTS || f->class == FINDING_LIBPOD_DATABASE ||
	    f->class == FINDING_STORE_COVERED)
		return;
	if (f->class == FINDING_RECORD_MALFORMED ||
	    f->class == FINDING_RECORD_AMBIGUOUS || f->class == FINDING_RECORD_MISSING)
		p->faulty = true;
	if (f->image)
		from_image_finding(p, f, reason);
	else if (f->layer)
		from_layer_finding(p, f, reason);
	else if (f->path && image_of_path(p, f->path))
		add_extra(p, PURGED_IMAGE, image_of_path(p, f->path), reason);
	else if (f->path && (f->class == FINDING_STORE_ENTRY ||
				f->class == FINDING_LINK_UNEXPLAINED))
		add_file(p, f->path, reason);
}

/* When a record says that it was made; what says nothing, or names the future, is as old as can be. */
static bool is_old_enough(const struct plan *p, const char *created)
{
	struct tm tm = {0};
	int64_t then, now = time(NULL);

	if (!p->opt->older_than)
		return true;
	if (!strptime(created, "%Y-%m-%dT%H:%M:%S", &tm))
		return true;
	then = timegm(&tm);
	/* Offsets are at most 14 hours: who asks by the hour has times in UTC. */
	return then > now + 86400 || then <= now - p->opt->older_than;
}

static const char *created_of(const struct plan *p, const struct finding *f)
{
	const struct records *r = &p->survey.records;
	const struct store_image *i = f->image ? records_image(r, f->image) : NULL;
	const struct store_layer *l = f->layer ? records_layer(r, f->layer) : NULL;

	return i ? i->created : l ? l->created : "";
}

static void mark_all(struct plan *p)
{
	const struct records *r = &p->survey.records;

	for (size_t i = 0; i < r->n_layers; i++) {
		if (is_old_enough(p, r->layers[i].created))
			set(&p->layers[i], false, "everything goes");
	}
	for (size_t i = 0; i < r->n_images; i++) {
		if (is_old_enough(p, r->images[i].created))
			set(&p->images[i], false, "everything goes");
	}
}

/* ---- closing ---- */

static bool close_layers(struct plan *p)
{
	const struct records *r = &p->survey.records;
	bool news = false;

	for (size_t i = 0; i < r->n_layers; i++) {
		size_t parent = layer_at(p, r->layers[i].parent);
		bool gone =
		    r->layers[i].parent[0] && parent == SIZE_MAX &&
		    purge_find(p->extra, p->n_extra, PURGED_LAYER, r->layers[i].parent);

		if (gone)
			news |= set(&p->layers[i], true, "builds on layer %.12s",
			    r->layers[i].parent);
		else if (parent != SIZE_MAX && p->layers[parent].on &&
			 (!p->layers[i].on || p->layers[parent].broken))
			news |= set(&p->layers[i], p->layers[parent].broken,
			    "builds on layer %.12s", r->layers[i].parent);
	}
	return news;
}

static bool close_images(struct plan *p)
{
	const struct records *r = &p->survey.records;
	bool news = false;

	for (size_t i = 0; i < r->n_images; i++) {
		const struct store_image *m = &r->images[i];
		size_t top = layer_at(p, m->top_layer);

		if (!m->top_layer[0])
			continue;
		if (top == SIZE_MAX && p->opt->classes[FINDING_LAYER_MISSING])
			news |= set(&p->images[i], true, "its layer %.12s has no record",
			    m->top_layer);
		else if (top != SIZE_MAX && p->layers[top].on &&
			 (!p->images[i].on || p->layers[top].broken))
			news |= set(&p->images[i], p->layers[top].broken,
			    "made of layer %.12s", m->top_layer);
		for (size_t k = 0; p->images[i].on && k < m->n_mapped_layers; k++) {
			size_t copy = layer_at(p, m->mapped_layers[k]);

			if (copy != SIZE_MAX && !p->layers[copy].on)
				news |= set(&p->layers[copy], p->images[i].broken,
				    "a copy for image %.12s", m->id);
		}
	}
	return news;
}

static bool close_containers(struct plan *p)
{
	const struct records *r = &p->survey.records;
	bool news = false;

	for (size_t i = 0; i < r->n_containers; i++) {
		const struct store_container *c = &r->containers[i];
		const struct store_image *m =
		    c->image[0] ? records_image(r, c->image) : NULL;
		size_t layer = layer_at(p, c->layer);
		const struct mark *of_image = m ? &p->images[m - r->images] : NULL;

		if (of_image && of_image->on && !p->containers[i].on)
			news |= set(&p->containers[i], of_image->broken,
			    "a container of image %.12s", c->image);
		if (layer == SIZE_MAX)
			continue;
		if (p->layers[layer].on && !p->containers[i].on)
			news |= set(
			    &p->containers[i], p->layers[layer].broken, "its layer goes");
		if (p->containers[i].on && !p->layers[layer].on)
			news |= set(&p->layers[layer], p->containers[i].broken,
			    "of container %.12s", c->id);
	}
	return news;
}

/* How many that stay use a layer. */
static size_t *count_users(const struct plan *p)
{
	const struct records *r = &p->survey.records;
	size_t *users = xcalloc(r->n_layers, sizeof(*users)), at;

	for (size_t i = 0; i < r->n_layers; i++) {
		at = layer_at(p, r->layers[i].parent);
		if (at != SIZE_MAX && !p->layers[i].on)
			users[at]++;
	}
	for (size_t i = 0; i < r->n_images; i++) {
		at = layer_at(p, r->images[i].top_layer);
		if (at != SIZE_MAX && !p->images[i].on)
			users[at]++;
	}
	for (size_t i = 0; i < r->n_containers; i++) {
		at = layer_at(p, r->containers[i].layer);
		if (at != SIZE_MAX && !p->containers[i].on)
			users[at]++;
	}
	return users;
}

/* From a layer that goes, or the top of an image that does, down to the first that somebody needs. */
static void drop_unneeded(struct plan *p, size_t *users, size_t at)
{
	const struct records *r = &p->survey.records;

	while (at != SIZE_MAX && !p->layers[at].on && users[at] == 0) {
		size_t parent = layer_at(p, r->layers[at].parent);

		set(&p->layers[at], false, "nothing needs it any more");
		if (parent != SIZE_MAX && users[parent])
			users[parent]--;
		at = parent;
	}
}

static void close_downwards(struct plan *p)
{
	const struct records *r = &p->survey.records;
	CLEANUP_FREE size_t *users = count_users(p);

	for (size_t i = 0; i < r->n_images; i++) {
		if (p->images[i].on)
			drop_unneeded(p, users, layer_at(p, r->images[i].top_layer));
	}
	for (size_t i = 0; i < r->n_layers; i++) {
		if (p->layers[i].on)
			drop_unneeded(p, users, layer_at(p, r->layers[i].parent));
	}
}

/* What is mounted, and all below it. */
static void note_use(struct plan *p)
{
	const struct records *r = &p->survey.records;
	CLEANUP_FREE bool *mounted = xcalloc(r->n_layers, sizeof(*mounted));

	for (size_t i = 0; i < r->n_layers; i++)
		mounted[i] = inuse_has_id(&p->inuse, r->layers[i].id) ||
			     inuse_has_link(&p->inuse, p->survey.structures[i].link);
	for (size_t i = 0; i < r->n_containers; i++) {
		size_t layer = layer_at(p, r->containers[i].layer);

		p->containers[i].used = inuse_has_id(&p->inuse, r->containers[i].id);
		if (layer != SIZE_MAX) {
			mounted[layer] |= p->containers[i].used;
			p->containers[i].used |= mounted[layer];
		}
	}
	for (size_t i = 0; i < r->n_layers; i++) {
		for (size_t at = i; mounted[i] && at != SIZE_MAX && !p->layers[at].used;
		     at = layer_at(p, r->layers[at].parent))
			p->layers[at].used = true;
	}
	for (size_t i = 0; i < r->n_images; i++) {
		const struct store_image *m = &r->images[i];
		size_t top = layer_at(p, m->top_layer);

		p->images[i].used = top != SIZE_MAX && p->layers[top].used;
		for (size_t k = 0; k < m->n_mapped_layers; k++) {
			size_t copy = layer_at(p, m->mapped_layers[k]);

			p->images[i].used |= copy != SIZE_MAX && p->layers[copy].used;
		}
	}
}

/*
 * What is mounted in a layer that is no container's: an engine would delete through the mount. It stays
 * in use, and if it is forced out it goes with what is mounted there.
 */
static void note_mounts(struct plan *p)
{
	const struct records *r = &p->survey.records;

	for (size_t i = 0; i < r->n_layers; i++) {
		if (p->layers[i].on && inuse_has_id(&p->inuse, r->layers[i].id) &&
		    !records_is_container_layer(r, &r->layers[i]))
			set(&p->layers[i], true, "mounted");
	}
}

static void close_plan(struct plan *p)
{
	bool news = true;

	note_mounts(p);
	while (news) {
		news = close_layers(p);
		news |= close_images(p);
		news |= close_containers(p);
	}
	close_downwards(p);
	note_use(p);
}

/* The finding names the digest as what must not be there: "not sha256:...". */
static bool is_meant(const struct plan *p, const struct finding *f)
{
	return f->class != FINDING_REVOKED || !p->opt->revoked ||
	       (f->expected && strstr(f->expected, p->opt->revoked));
}

static int add_sealed(void *ctx, const struct sealed_tree *tree, struct err *e)
{
	(void)e;
	if (!tree->retired)
		add_extra(
		    ctx, PURGED_CACHE_MOUNT, tree->seal->path, "all cache mounts go");
	return 0;
}

int plan_all_cache_mounts(struct plan *p, struct err *e)
{
	const struct cache_mount_scope *scope = &p->opt->cache_mounts;
	CLEANUP_CACHE_MOUNTS struct cache_mounts found = {0};
	int r = cache_mounts_look(p->g, scope->dirs, scope->n_dirs, &found, e);

	for (size_t i = 0; !r && i < found.n; i++)
		add_extra(p, PURGED_CACHE_MOUNT, found.v[i].path, "all cache mounts go");
	return r ? r : ledger_each_tree(p->g->ledger, &p->g->store_id, add_sealed, p, e);
}

void plan_from_findings(struct plan *p, const struct findings *findings)
{
	for (size_t i = 0; i < findings->n; i++) {
		const struct finding *f = &findings->v[i];

		if (f->severity == SEVERITY_DENY && p->opt->classes[f->class] &&
		    is_meant(p, f) && is_old_enough(p, created_of(p, f)))
			from_finding(p, f);
	}
	if (p->opt->all)
		mark_all(p);
	close_plan(p);
}

void plan_from_items(
    struct plan *p, const struct purge_item *items, size_t n, bool broken_only)
{
	for (size_t i = 0; i < n; i++) {
		const struct purge_item *item = &items[i];
		bool found = true;

		if (item->fate != PURGE_PLANNED || (broken_only && !item->broken))
			continue;
		if (item->object == PURGED_LAYER)
			found = mark_layer(p, item->id, item->broken, item->reason);
		if (item->object == PURGED_IMAGE)
			found = mark_image(p, item->id, item->broken, item->reason);
		for (size_t c = 0; item->object == PURGED_CONTAINER &&
				   c < p->survey.records.n_containers;
		     c++) {
			if (strcmp(p->survey.records.containers[c].id, item->id) == 0)
				set(&p->containers[c], item->broken, "%s", item->reason);
		}
		if (!found && item->broken)
			add_extra(p, item->object, item->id, item->reason);
		if (item->object == PURGED_NAME || item->object == PURGED_FILE) {
			struct purge_item *x =
			    add_extra(p, item->object, item->id, item->reason);

			x->place = item->place;
			free(x->image);
			x->image = item->image ? xstrdup(item->image) : NULL;
		}
	}
	close_plan(p);
}
