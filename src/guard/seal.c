/* SPDX-License-Identifier: Apache-2.0 */
/* seal.c: see seal.h; the order of a seal: survey, layers from the base up, images, names, append. */
#include "guard/seal.h"

#include <string.h>
#include <time.h>

#include "guard/sealing.h"
#include "guard/users.h"
#include "guard/vanish.h"

struct entry *sealing_add(struct sealing *s, enum entry_op op)
{
	struct entry *en;

	s->batch = xreallocarray(s->batch, s->n_batch + 1, sizeof(*s->batch));
	en = &s->batch[s->n_batch++];
	*en = (struct entry){.op = op, .time = time(NULL), .store = s->g->store_id};
	return en;
}

size_t sealing_mark(const struct sealing *s)
{
	return s->out->findings.n + s->out->findings.dropped;
}

void sealing_forget(struct sealing *s, size_t mark)
{
	findings_cut(&s->out->findings, mark);
}

bool sealing_is_blamed(const struct sealing *s, const char *layer, const char *image)
{
	const struct findings *list = &s->out->findings;

	for (size_t i = 0; i < list->n; i++) {
		if (layer && list->v[i].layer && strcmp(list->v[i].layer, layer) == 0)
			return true;
		if (image && list->v[i].image && strcmp(list->v[i].image, image) == 0)
			return true;
	}
	return false;
}

/* Parents first; a loop or a gap in the records ends the climb and is refused in seal_layer(). */
static int seal_chain(struct sealing *s, size_t index, struct err *e)
{
	CLEANUP_FREE size_t *chain = xcalloc(s->survey.records.n_layers, sizeof(*chain));
	size_t n = 0;
	int r = 0;

	while (index != SIZE_MAX && n < s->survey.records.n_layers &&
	       s->layer[index] == STANDING_UNDECIDED) {
		chain[n++] = index;
		index = survey_layer_index(
		    &s->survey, s->survey.records.layers[index].parent);
	}
	while (!r && n > 0) {
		index = chain[--n];
		if (s->layer[index] == STANDING_UNDECIDED)
			r = seal_layer(s, index, e);
	}
	return r;
}

static int seal_layers(struct sealing *s, struct err *e)
{
	const struct records *records = &s->survey.records;
	int r = 0;

	s->layer = xcalloc(records->n_layers, sizeof(*s->layer));
	for (size_t i = 0; !r && i < records->n_layers; i++) {
		if (s->scope.layer[i])
			r = seal_chain(s, i, e);
		if (s->g->progress)
			progress_add(&s->g->progress->layers_done, 1);
	}
	return r;
}

static int seal_images(struct sealing *s, struct err *e)
{
	int r = 0;

	for (size_t i = 0; !r && i < s->survey.records.n_images; i++) {
		if (s->scope.image[i])
			r = seal_image(s, i, e);
	}
	return r;
}

static void retire(struct sealing *s, bool is_image, const char *id)
{
	struct entry *en = sealing_add(s, ENTRY_RETIRE);

	en->retire.is_image = is_image;
	memcpy(en->retire.id, id, sizeof(en->retire.id));
	en->retire.reason = xstrdup("gone from the store");
	s->out->retired++;
}

static int retire_layer(void *ctx, const struct sealed_layer *layer, struct err *e)
{
	struct sealing *s = ctx;

	(void)e;
	if (!layer->retired && !records_layer(&s->survey.records, layer->seal->layer))
		retire(s, false, layer->seal->layer);
	return 0;
}

static int retire_image(void *ctx, const struct sealed_image *image, struct err *e)
{
	struct sealing *s = ctx;

	(void)e;
	if (!image->retired && !records_image(&s->survey.records, image->seal->image))
		retire(s, true, image->seal->image);
	return 0;
}

/* Only a look at everything can tell that something is gone. */
static int retire_the_gone(struct sealing *s, struct err *e)
{
	int r;

	if (!s->scope.all)
		return 0;
	r = ledger_each_image(s->g->ledger, &s->g->store_id, retire_image, s, e);
	return r ? r
		 : ledger_each_layer(s->g->ledger, &s->g->store_id, retire_layer, s, e);
}

/*
 * Records that cannot be read one way only leave nothing that a seal could be about. Of findings
 * that were dropped nobody knows whom they blame.
 */
static bool records_are_sound(const struct findings *list)
{
	if (list->dropped)
		return false;
	for (size_t i = 0; i < list->n; i++) {
		if (list->v[i].class == FINDING_RECORD_MALFORMED ||
		    list->v[i].class == FINDING_RECORD_AMBIGUOUS)
			return false;
	}
	return true;
}

static char **copy_texts(char *const *texts, size_t n)
{
	char **copy = xcalloc(n, sizeof(*copy));

	for (size_t i = 0; i < n; i++)
		copy[i] = xstrdup(texts[i]);
	return copy;
}

static void add_build(struct sealing *s, struct entry_build *record)
{
	size_t sealed = s->n_batch;
	struct entry_build *b = &sealing_add(s, ENTRY_BUILD)->build;

	record->sealed = sealed;
	*b = *record;
	b->engine = xstrdup(record->engine);
	b->bases = copy_texts(record->bases, record->n_bases);
	b->arguments = copy_texts(record->arguments, record->n_arguments);
}

static int run_for_cache_mounts(struct sealing *s, struct err *e)
{
	int r = seal_cache_mounts(s, e);

	if (!r && s->n_batch)
		r = ledger_append(s->g->ledger, s->batch, s->n_batch, e);
	return r;
}

static int run(struct sealing *s, struct err *e)
{
	int r = survey_take(s->g, &s->survey, &s->out->findings, e);

	if (!r)
		r = scope_select(
		    &s->survey, s->opt->images, s->opt->n_images, &s->scope, e);
	if (r)
		return r;
	if (!records_are_sound(&s->out->findings)) {
		s->out->refused = s->survey.records.n_layers + s->survey.records.n_images;
		return 0;
	}
	if (s->opt->build)
		seal_check_names(s);
	if (s->out->refused)
		return 0;
	if (s->g->progress)
		progress_add(&s->g->progress->layers_total, s->survey.records.n_layers);
	r = seal_layers(s, e);
	if (!r)
		r = seal_images(s, e);
	if (!r)
		r = retire_the_gone(s, e);
	if (!r && s->opt->cache_mounts)
		r = seal_cache_mounts(s, e);
	if (!r)
		r = vanish_forget(s->g, &s->out->findings, NULL, e);
	/* A build is sealed whole. */
	if (s->opt->build && (s->out->refused || s->out->dependent))
		return r;
	if (s->opt->build && s->n_batch)
		add_build(s, s->opt->build->record);
	if (!r && s->n_batch)
		r = ledger_append(s->g->ledger, s->batch, s->n_batch, e);
	return r;
}

static int seal_once(struct guard *g, const struct seal_options *opt,
    struct seal_result *out, struct err *e)
{
	struct sealing s = {.g = g, .opt = opt, .out = out};
	int r;

	*out = (struct seal_result){0};
	r = opt->cache_mounts_only ? run_for_cache_mounts(&s, e) : run(&s, e);
	policy_apply(g->policy, &out->findings);
	users_fill(&s.survey.records, &out->findings);
	for (size_t i = 0; i < s.n_batch; i++)
		entry_release(&s.batch[i]);
	free(s.batch);
	identity_free(s.chain);
	free(s.layer);
	scope_release(&s.scope);
	survey_release(&s.survey);
	return r;
}

/* Others append in a moment, a seal measures for minutes: who lost a race begins anew, not for ever. */
#define SEAL_TRIES 8

int guard_seal(struct guard *g, const struct seal_options *opt, struct seal_result *out,
    struct err *e)
{
	int r = seal_once(g, opt, out, e);

	for (int try = 1; r == ERR_CONFLICT && try < SEAL_TRIES; try++) {
		seal_result_release(out);
		r = ledger_reload(g->ledger, e);
		if (!r)
			r = seal_once(g, opt, out, e);
	}
	return r;
}

void seal_result_release(struct seal_result *r)
{
	findings_release(&r->findings);
}
