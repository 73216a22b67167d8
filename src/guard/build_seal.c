/* SPDX-License-Identifier: Apache-2.0 */
/* build_seal.c: the seal of what a build made, or what becomes of a build that is spoiled. */
#include <string.h>

#include "guard/build_impl.h"

/* In one entry. */
#define BASES_MAX 12

static bool has_text(char *const *texts, size_t n, const char *text)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(texts[i], text) == 0)
			return true;
	}
	return false;
}

/* True if some image that was made stands on this one. */
static bool carries(const struct build_work *w, const struct store_image *base)
{
	const struct records *r = &w->survey.records;

	for (size_t i = 0; i < r->n_images; i++) {
		if (w->made[i] &&
		    build_in_chain(&w->survey, r->images[i].top_layer, base->top_layer))
			return true;
	}
	return false;
}

/* Nothing is new after a build that found everything in the cache. */
static bool names_are_bound(const struct build *b)
{
	for (size_t i = 0; i < b->c->n_names; i++) {
		const char *bound =
		    ledger_name(b->g->ledger, &b->g->store_id, b->c->names[i]);

		if (strcmp(bound, b->c->record->result) != 0)
			return false;
	}
	return true;
}

/* The images to seal: owned array of borrowed ids. */
static const char **choose(const struct build *b, const struct build_work *w, size_t *n)
{
	const char *result = b->c->record->result;
	const char **ids = xcalloc(w->survey.records.n_images + 1, sizeof(*ids));

	*n = 0;
	for (size_t i = 0; i < w->survey.records.n_images; i++) {
		const struct store_image *m = &w->survey.records.images[i];

		if (w->made[i] || (!w->open && strcmp(m->id, result) == 0))
			ids[(*n)++] = m->id;
	}
	return ids;
}

/* The sealed images with a name that what was made stands on: for the record only. */
static void note_bases(struct build *b, const struct build_work *w)
{
	struct entry_build *record = b->c->record;
	const struct records *r = &w->survey.records;

	for (size_t i = 0; i < r->n_images && record->n_bases < BASES_MAX; i++) {
		const struct store_image *base = &r->images[i];

		if (base->n_names && base->top_layer[0] && !w->made[i] &&
		    build_is_sealed(b, base->id) &&
		    strcmp(base->id, record->result) != 0 && carries(w, base) &&
		    !has_text(record->bases, record->n_bases, base->id)) {
			record->bases = xreallocarray(
			    record->bases, record->n_bases + 1, sizeof(*record->bases));
			record->bases[record->n_bases++] = xstrdup(base->id);
		}
	}
}

int build_seal(struct build *b, struct build_work *w, struct err *e)
{
	CLEANUP_SEAL_RESULT struct seal_result sealed = {0};
	const struct seal_build build = {.names = b->c->names,
	    .n_names = w->open || !*b->c->record->result ? 0 : b->c->n_names,
	    .record = b->c->record};
	CLEANUP_FREE const char **ids = NULL;
	struct seal_options o = {.build = &build};
	int r;

	ids = choose(b, w, &o.n_images);
	o.images = ids;
	if (o.n_images == 0 || (w->n_made == 0 && names_are_bound(b)))
		return 0;
	note_bases(b, w);
	r = guard_seal(b->g, &o, &sealed, e);
	if (r)
		return r;
	if (sealed.refused || sealed.dependent) {
		findings_move(&b->out->findings, &sealed.findings);
		if (b->out->findings.n == 0)
			findings_add(&b->out->findings, FINDING_BUILD_RESULT,
			    (struct place){.image = ids[0]});
		return 0;
	}
	b->out->layers += sealed.layers;
	b->out->images += sealed.images;
	b->out->names += sealed.names;
	return 0;
}

/* ---- a spoiled build ---- */

static void add_item(struct purge_item **items, size_t *n, enum purged object,
    const char *id, const char *image)
{
	*items = xreallocarray(*items, *n + 1, sizeof(**items));
	(*items)[(*n)++] = (struct purge_item){
	    .object = object,
	    .id = xstrdup(id),
	    .image = image ? xstrdup(image) : NULL,
	    .reason = xstrdup("made by a guarded build that was spoiled"),
	    .broken = object == PURGED_NAME,
	};
}

/* A name that this build did not move stays where it is: only its own result loses it. */
static bool loses_name(
    const struct build *b, const struct store_image *i, const char *name)
{
	const char *bound = ledger_name(b->g->ledger, &b->g->store_id, name);

	return build_leads_to(i, name) &&
	       (strcmp(i->id, b->c->record->result) == 0 || strcmp(bound, i->id) != 0);
}

int build_spoil(struct build *b, struct err *e)
{
	CLEANUP_BUILD_WORK struct build_work w = {0};
	struct purge_item *items = NULL;
	size_t n = 0;
	int r = build_work_find(b, &w, e);

	for (size_t i = 0; !r && i < w.survey.records.n_images; i++) {
		const struct store_image *m = &w.survey.records.images[i];

		if (b->c->remove && build_is_made(b, m))
			add_item(&items, &n, PURGED_IMAGE, m->id, NULL);
		for (size_t k = 0; k < b->c->n_names; k++) {
			if (loses_name(b, m, b->c->names[k]))
				add_item(&items, &n, PURGED_NAME, b->c->names[k], m->id);
		}
	}
	if (!r && n)
		r = guard_purge_items(b->g, b->c->engine, &items, &n, e);
	for (size_t i = 0; i < n; i++) {
		b->out->taken += items[i].object != PURGED_LAYER &&
				 (items[i].fate == PURGE_REMOVED ||
				     items[i].fate == PURGE_QUARANTINED);
		purge_item_release(&items[i]);
	}
	free(items);
	return r;
}

int build_seal_caches(struct build *b, struct err *e)
{
	CLEANUP_SEAL_RESULT struct seal_result sealed = {0};
	const struct seal_options o = {
	    .cache_mounts = true,
	    .cache_mounts_only = true,
	    .cache_dirs = b->c->cache_dirs,
	    .n_cache_dirs = b->c->n_cache_dirs,
	};
	int r = guard_seal(b->g, &o, &sealed, e);

	b->out->cache_mounts += sealed.cache_mounts;
	return r;
}
