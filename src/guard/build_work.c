/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build_work.c: which images are this build's own, what it used, and what may be sealed when.
 *
 * The engine's output is in the order of events. What it made before it first used an image that is not
 * sealed cannot have anything of that image in it: so much is sealed at once, also while the rest
 * waits for other builds. As no image is used before it is made, builds that wait for each other always
 * get on.
 */
#include <string.h>

#include "guard/build_impl.h"

bool build_is_sealed(const struct build *b, const char *id)
{
	const struct sealed_image *s = ledger_image(b->g->ledger, &b->g->store_id, id);

	return s && !s->retired;
}

static bool is_sealed_layer(const struct build *b, const char *id)
{
	const struct sealed_layer *s = ledger_layer(b->g->ledger, &b->g->store_id, id);

	return s && !s->retired;
}

static bool existed(const struct build *b, const char *id)
{
	for (size_t i = 0; i < b->existing.n; i++) {
		if (strcmp(b->existing.v[i], id) == 0)
			return true;
	}
	return false;
}

/* ---- what it made ---- */

bool build_is_made(const struct build *b, const struct store_image *i)
{
	if (build_is_sealed(b, i->id))
		return false;
	if (b->creations)
		return creations_has(b->creations, i->id);
	/* What was in the cache before the engine said that it made it came from somebody else. */
	return !existed(b, i->id) &&
	       buildlog_made(&b->log, i->id) < buildlog_hit(&b->log, i->id);
}

bool build_in_chain(const struct survey *s, const char *top, const char *layer)
{
	size_t index = survey_layer_index(s, top);

	for (size_t n = 0; index != SIZE_MAX && n <= s->records.n_layers; n++) {
		if (strcmp(s->records.layers[index].id, layer) == 0)
			return true;
		index = survey_layer_index(s, s->records.layers[index].parent);
	}
	return false;
}

/* Where the kernel does not tell: an image that came with the build and that what it made stands on. */
static bool is_pulled_base(
    const struct build *b, const struct build_work *w, const struct store_image *i)
{
	if (b->creations || existed(b, i->id) || build_is_sealed(b, i->id) ||
	    i->n_names == 0 || !i->top_layer[0])
		return false;
	for (size_t k = 0; k < w->survey.records.n_images; k++) {
		if (w->made[k] &&
		    build_in_chain(
			&w->survey, w->survey.records.images[k].top_layer, i->top_layer))
			return true;
	}
	return false;
}

/* An image with this manifest that this build made, or took from the cache, or ended with. */
static bool has_instance(
    const struct build *b, const struct build_work *w, const struct digest *manifest)
{
	for (size_t i = 0; i < w->survey.records.n_images; i++) {
		const struct store_image *m = &w->survey.records.images[i];

		if (!m->digest.has || !digest_equal(&m->digest.d, manifest))
			continue;
		if (w->made[i] || (build_is_sealed(b, m->id) &&
				      (buildlog_hit(&b->log, m->id) != SIZE_MAX ||
					  strcmp(b->c->record->result, m->id) == 0)))
			return true;
	}
	return false;
}

static bool has_build_name(const struct build *b, const struct store_image *i)
{
	for (size_t n = 0; n < b->c->n_names; n++) {
		if (build_leads_to(i, b->c->names[n]))
			return true;
	}
	return false;
}

/*
 * A list of manifests, whose id says nothing of it, is this build's if it lists nothing else. No output tells that it
 * was made: where the kernel does not either, it must be new and have a name that this build gives.
 */
static bool is_own_list(
    const struct build *b, const struct build_work *w, const struct store_image *i)
{
	CLEANUP_FREE struct digest *listed = NULL;
	bool may_be = b->creations ? build_is_made(b, i)
				   : !existed(b, i->id) && !build_is_sealed(b, i->id) &&
					 has_build_name(b, i);
	struct err ignored;
	size_t n;

	if (!may_be || image_listed(b->g->store, i, &listed, &n, &ignored))
		return false;
	for (size_t k = 0; k < n; k++) {
		if (!has_instance(b, w, &listed[k]))
			return false;
	}
	return n > 0;
}

static bool is_list(const struct build *b, const struct store_image *i)
{
	CLEANUP_FREE struct digest *listed = NULL;
	struct err e;
	size_t n;

	/* What cannot be read may be one. */
	return !i->top_layer[0] &&
	       image_listed(b->g->store, i, &listed, &n, &e) != ERR_NOT_FOUND;
}

static void find_made(struct build *b, struct build_work *w)
{
	const struct records *r = &w->survey.records;

	w->made = xcalloc(r->n_images, sizeof(bool));
	for (size_t i = 0; i < r->n_images; i++)
		w->made[i] =
		    build_is_made(b, &r->images[i]) && !is_list(b, &r->images[i]);
	for (size_t i = 0; i < r->n_images; i++)
		w->made[i] = w->made[i] || is_pulled_base(b, w, &r->images[i]);
	/* Last, for it lists others. */
	for (size_t i = 0; i < r->n_images; i++)
		w->made[i] = w->made[i] || is_own_list(b, w, &r->images[i]);
	for (size_t i = 0; i < r->n_images; i++)
		w->n_made += w->made[i];
}

static bool has_made(const struct build_work *w, const char *id)
{
	for (size_t i = 0; i < w->survey.records.n_images; i++) {
		if (w->made[i] && strcmp(w->survey.records.images[i].id, id) == 0)
			return true;
	}
	return false;
}

/* ---- what it used ---- */

static void use(
    struct build_work *w, const char *image, const char *layer, const char *what)
{
	w->open = true;
	finding_found(findings_add(&w->findings, FINDING_BUILD_INPUT,
			  (struct place){.image = image, .layer = layer}),
	    "%s", what);
}

/* The first cache hit on what is neither sealed nor this build's; as many events as there are: none. */
static size_t first_foreign_hit(struct build *b, struct build_work *w)
{
	size_t first = b->log.n;

	for (size_t i = 0; i < b->log.n; i++) {
		const struct buildlog_event *event = &b->log.events[i];

		/* Of an image that never was there it is the output of a RUN step: of another build. */
		if (!event->hit || build_is_sealed(b, event->hex) ||
		    has_made(w, event->hex) || !changes_had_image(b->changes, event->hex))
			continue;
		use(w, event->hex, NULL, "taken from the cache, and not sealed");
		if (first == b->log.n)
			first = i;
	}
	return first;
}

/* Every layer of an image that is not sealed must be of this build's making. */
static const char *foreign_layer(
    const struct build *b, const struct build_work *w, const struct store_image *i)
{
	const struct records *r = &w->survey.records;
	size_t index = survey_layer_index(&w->survey, i->top_layer);

	for (size_t n = 0; index != SIZE_MAX && n <= r->n_layers; n++) {
		const char *id = r->layers[index].id;

		if (is_sealed_layer(b, id))
			return NULL;
		if (b->creations && !creations_has(b->creations, id))
			return id;
		index = survey_layer_index(&w->survey, r->layers[index].parent);
	}
	return NULL;
}

/* The first event that may come of an image that the build began from, or copied files from. */
static size_t first_foreign_source(struct build *b, struct build_work *w)
{
	size_t first = b->log.n;

	for (size_t i = 0; i < b->n_sources; i++) {
		const struct build_source *source = &b->sources[i];

		if (build_is_sealed(b, source->id) ||
		    creations_has(b->creations, source->id))
			continue;
		use(w, source->id, NULL, "a base or a source of files, and not sealed");
		if (source->event < first)
			first = source->event;
	}
	return first;
}

/* The first event that makes something on an image that is neither sealed nor this build's. */
static size_t first_foreign_base(struct build *b, struct build_work *w)
{
	const struct records *r = &w->survey.records;
	size_t first = b->log.n;

	for (size_t i = 0; i < r->n_images && w->n_made; i++) {
		const struct store_image *m = &r->images[i];
		size_t at;

		if (w->made[i] || build_is_sealed(b, m->id))
			continue;
		at = build_stands_on(b, w, m);
		if (at == SIZE_MAX)
			continue;
		use(w, m->id, NULL, "built on, and not sealed");
		if (at < first)
			first = at;
	}
	return first;
}

/* What comes of event `foreign`, or of one after it; a list, which nobody speaks of, comes after all that it lists. */
static bool may_come_of(
    const struct build *b, const struct store_image *m, size_t foreign)
{
	size_t at = buildlog_made(&b->log, m->id);

	if (at == SIZE_MAX && is_list(b, m))
		return foreign < b->log.n;
	return at != SIZE_MAX && at >= foreign;
}

/* What was made after the first use of something foreign, or stands on it, is not sealed yet. */
static void hold_back(struct build *b, struct build_work *w, size_t foreign)
{
	for (size_t i = 0; i < w->survey.records.n_images; i++) {
		const struct store_image *m = &w->survey.records.images[i];
		const char *layer = w->made[i] ? foreign_layer(b, w, m) : NULL;

		if (layer)
			use(w, m->id, layer, "stands on a layer that is not sealed");
		if (w->made[i] && (layer || may_come_of(b, m, foreign))) {
			w->made[i] = false;
			w->n_made--;
		}
	}
}

bool build_leads_to(const struct store_image *i, const char *name)
{
	for (size_t n = 0; n < i->n_names; n++) {
		if (strcmp(i->names[n], name) == 0)
			return true;
	}
	return false;
}

/*
 * An image that may bear the name: the result, or a list of manifests, whose id no output tells. A build that
 * failed names nothing; what had the name before keeps it.
 */
static bool may_bear(const struct build *b, const struct build_work *w,
    const struct store_image *m, const char *name)
{
	const char *result = b->c->record->result;
	const char *bound = ledger_name(b->g->ledger, &b->g->store_id, name);

	if (!*result)
		return !has_made(w, m->id);
	if (!m->top_layer[0] && (has_made(w, m->id) || strcmp(bound, m->id) == 0))
		return true;
	return strcmp(m->id, result) == 0;
}

/* A name that the build gave must lead to its result. */
static void check_names(struct build *b, struct build_work *w)
{
	const char *result = b->c->record->result;

	for (size_t n = 0; n < b->c->n_names; n++) {
		const char *name = b->c->names[n];

		for (size_t i = 0; i < w->survey.records.n_images; i++) {
			const struct store_image *m = &w->survey.records.images[i];
			struct finding *f;

			if (!build_leads_to(m, name) || may_bear(b, w, m, name))
				continue;
			f = findings_add(&b->out->findings, FINDING_BUILD_RESULT,
			    (struct place){.image = m->id, .path = name});
			finding_expected(
			    f, *result ? "leads to image %s" : "leads nowhere%s", result);
			finding_found(f, "leads to image %s", m->id);
		}
	}
}

static void check_result(struct build *b, struct build_work *w)
{
	const char *result = b->c->record->result;

	if (!*result || build_is_sealed(b, result) || has_made(w, result))
		return;
	use(w, result, NULL, "the result of the build, which it did not make itself");
}

int build_work_find(struct build *b, struct build_work *out, struct err *e)
{
	CLEANUP_FINDINGS struct findings ignored = {0};
	size_t foreign, other;
	int r;

	*out = (struct build_work){0};
	r = survey_take(b->g, &out->survey, &ignored, e);
	if (r)
		return r;
	find_made(b, out);
	check_names(b, out);
	check_result(b, out);
	foreign = first_foreign_base(b, out);
	other = first_foreign_source(b, out);
	foreign = other < foreign ? other : foreign;
	other = first_foreign_hit(b, out);
	hold_back(b, out, other < foreign ? other : foreign);
	return 0;
}

void build_work_release(struct build_work *w)
{
	survey_release(&w->survey);
	free(w->made);
	findings_release(&w->findings);
}
