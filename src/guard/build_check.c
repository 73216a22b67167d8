/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build_check.c: the verifications around a guarded build. Others build meanwhile, guarded or not, so what
 * is not sealed proves nothing here: whether the build used it is for build_work.c. What is sealed must
 * not change, not even for a moment.
 */
#include <string.h>

#include "base/clock.h"
#include "guard/build_impl.h"

#define TRIES 8
/* Looking takes at most a twentieth of the time, and is not done more often than this. */
#define LOOK_EVERY_MS 100
#define LOOK_SHARE 20

/* Objects that others may be making. */
static bool is_unsealed(const struct finding *f)
{
	return f->class == FINDING_LAYER_UNSEALED || f->class == FINDING_IMAGE_UNSEALED ||
	       f->class == FINDING_NAME_UNSEALED || f->class == FINDING_LAYER_MAPPED;
}

static bool is_own_name(const struct build *b, const char *name)
{
	for (size_t i = 0; i < b->c->n_names; i++) {
		if (strcmp(b->c->names[i], name) == 0)
			return true;
	}
	return false;
}

/* What a guarded build in flight brings about: nothing that speaks against the store. */
static bool is_of_builds(const struct finding *f, const struct inflight_others *others)
{
	return is_unsealed(f) || (f->class == FINDING_IMAGE_NAME && f->path &&
				     inflight_gives(others, f->path));
}

static size_t count_denied(
    const struct findings *list, const struct inflight_others *others)
{
	size_t n = list->dropped;

	for (size_t i = 0; i < list->n; i++)
		n += list->v[i].severity == SEVERITY_DENY &&
		     !(others && is_of_builds(&list->v[i], others));
	return n;
}

/* ---- before ---- */

static int note_layer(void *ctx, const struct sealed_layer *layer, struct err *e)
{
	struct {
		struct changes_layer *v;
		size_t n;
	} *list = ctx;

	(void)e;
	if (layer->retired)
		return 0;
	list->v = xreallocarray(list->v, list->n + 1, sizeof(*list->v));
	list->v[list->n++] = (struct changes_layer){
	    layer->seal->layer, layer->seal->link ? layer->seal->link : ""};
	return 0;
}

static int watch_changes(struct build *b, struct err *e)
{
	struct {
		struct changes_layer *v;
		size_t n;
	} list = {0};
	int r = ledger_each_layer(b->g->ledger, &b->g->store_id, note_layer, &list, e);

	changes_free_p(&b->changes);
	if (!r)
		r = changes_watch(b->g->store, list.v, list.n, &b->changes, e);
	free(list.v);
	return r;
}

int build_arm(struct build *b, struct err *e)
{
	/* In this order: it makes directories that were missing. */
	int r = creations_watch(b->g->store, &b->creations, e);

	return r ? r : watch_changes(b, e);
}

static int note_existing(struct build *b, struct err *e)
{
	CLEANUP_FINDINGS struct findings ignored = {0};
	CLEANUP_RECORDS struct records now = {0};
	int r;

	if (b->creations)
		return 0;
	r = records_read(b->g->store, &now, &ignored, e);
	b->existing.v = xcalloc(now.n_images, sizeof(*b->existing.v));
	for (size_t i = 0; !r && i < now.n_images; i++)
		memcpy(b->existing.v[b->existing.n++], now.images[i].id,
		    sizeof(*b->existing.v));
	return r;
}

static int verify_before(
    struct build *b, const struct inflight_others *others, struct err *e)
{
	const struct verify_options o = {
	    .level = b->c->level,
	    .cached = b->c->cached,
	    .keep_prints = true,
	    .cache_mounts = {.dirs = b->c->cache_dirs,
		.n_dirs = b->c->n_cache_dirs,
		/* Somebody has verified them, and writes to them since. */
		.in_use = others->running > 0,
		.all_sealed = true},
	};
	struct purge_result *out = &b->out->healed;
	int r;

	purge_result_release(out);
	r = guard_heal(b->g, &o, b->c->engine, out, e);
	if (r || out->n == 0)
		return r;
	/* A layer that was taken out may come back by its id, if the build makes it again: that was no attack. */
	r = watch_changes(b, e);
	if (r)
		return r;
	/* Once more, for the prints, and for what was changed before that watch began. */
	verify_result_release(&out->verify);
	return guard_verify(b->g, &o, &out->verdict, &out->verify, e);
}

/* *again: somebody who was there when the look began has left, and may have sealed what was found. */
static int judge_before(struct build *b, const struct inflight_others *others, bool *ok,
    bool *again, struct err *e)
{
	CLEANUP_INFLIGHT_OTHERS struct inflight_others now = {0};
	struct verify_result *v = &b->out->healed.verify;
	int r;

	*ok = count_denied(&v->findings, NULL) == 0;
	*again = false;
	if (*ok || count_denied(&v->findings, others))
		return 0;
	r = inflight_others(b->g->ledger_dir, &b->g->store_id, b->self, &now, e);
	*ok = !r && inflight_remain(others, &now);
	*again = !r && !*ok && others->n > 0;
	return r ? r : (*again ? ledger_reload(b->g->ledger, e) : 0);
}

static bool blames_cache_mounts(const struct build *b)
{
	const struct findings *list = &b->out->healed.verify.findings;
	bool blames = false;

	for (size_t i = 0; i < list->n; i++)
		blames |= list->v[i].class == FINDING_CACHE_MOUNT_CHANGED ||
			  list->v[i].class == FINDING_CACHE_MOUNT_UNSEALED;
	return blames;
}

int build_check_before(struct build *b, bool *ok, struct err *e)
{
	bool again = true;
	int r = 0;

	for (int i = 0; !r && again && i < TRIES; i++) {
		CLEANUP_INFLIGHT_OTHERS struct inflight_others others = {0};

		r = inflight_others(
		    b->g->ledger_dir, &b->g->store_id, b->self, &others, e);
		if (!r)
			r = verify_before(b, &others, e);
		if (!r)
			r = judge_before(b, &others, ok, &again, e);
		/* Who left just before that may have sealed them since the ledger was read. */
		if (!r && !*ok && !again && i == 0 && blames_cache_mounts(b)) {
			again = true;
			r = ledger_reload(b->g->ledger, e);
		}
	}
	if (r)
		return r;
	b->out->verdict = b->out->healed.verdict;
	b->prints = b->out->healed.verify.prints;
	b->out->healed.verify.prints = (struct layer_prints){0};
	if (!*ok)
		findings_move(&b->out->findings, &b->out->healed.verify.findings);
	/* What the first verification saw itself is no news; a purge replaced record files. */
	r = changes_read(b->changes, e);
	(void)!changes_records(b->changes);
	return r ? r : note_existing(b, e);
}

/* ---- meanwhile, and after ---- */

/* Of `from`, what speaks against the store, to out->findings. */
static void take_denied(
    struct build *b, struct findings *from, const struct inflight_others *others)
{
	struct findings *to = &b->out->findings;

	/* Nobody knows what those are: they speak against it. */
	to->dropped += from->dropped;
	for (size_t i = 0; i < from->n; i++) {
		const struct finding *f = &from->v[i];

		if (f->severity != SEVERITY_DENY || is_of_builds(f, others) ||
		    (f->class == FINDING_IMAGE_NAME && f->path &&
			is_own_name(b, f->path)))
			continue;
		findings_copy(to, f);
	}
}

/* One look; what it finds may come from builds that have sealed it since this ledger was read. */
static int look(struct build *b, const struct verify_options *o, bool last, struct err *e)
{
	CLEANUP_INFLIGHT_OTHERS struct inflight_others others = {0};
	CLEANUP_VERIFY_RESULT struct verify_result v = {0};
	enum verdict verdict;
	int r = inflight_others(b->g->ledger_dir, &b->g->store_id, b->self, &others, e);

	if (!r)
		r = guard_verify(b->g, o, &verdict, &v, e);
	if (r || count_denied(&v.findings, NULL) == 0)
		return r;
	if (last) {
		take_denied(b, &v.findings, &others);
		return 0;
	}
	r = ledger_reload(b->g->ledger, e);
	return r ? r : look(b, o, true, e);
}

int build_look(struct build *b, struct err *e)
{
	const struct verify_options o = {.without_trees = true};
	int64_t began = clock_now_ms(), took;
	int r;

	if (began < b->next_look || !changes_records(b->changes))
		return 0;
	r = look(b, &o, false, e);
	took = clock_now_ms() - began;
	b->next_look = began + (took * LOOK_SHARE > LOOK_EVERY_MS ? took * LOOK_SHARE
								  : LOOK_EVERY_MS);
	return r;
}

/* A layer that is gone by now was removed by an engine; whoever used it misses it. */
static int take_seen(struct build *b, struct err *e)
{
	CLEANUP_FINDINGS struct findings ignored = {0};
	CLEANUP_RECORDS struct records now = {0};
	const struct changes_seen *seen;
	size_t n;
	int r = changes_read(b->changes, e);

	n = changes_seen(b->changes, &seen);
	if (r || n == 0)
		return r;
	r = records_read(b->g->store, &now, &ignored, e);
	for (size_t i = 0; !r && i < n; i++) {
		if (seen[i].layer && !records_layer(&now, seen[i].layer))
			continue;
		finding_found(
		    findings_add(&b->out->findings, FINDING_TREE_TOUCHED,
			(struct place){.layer = seen[i].layer, .path = seen[i].path}),
		    "something was put there, taken away or exchanged");
	}
	return r;
}

int build_check_after(struct build *b, bool trees, struct err *e)
{
	const struct verify_options o = {.level = LEVEL_STAT,
	    .cache_mounts = {.in_use = true},
	    .without_trees = !trees,
	    .cached = b->c->cached,
	    .before = &b->prints};
	int r = look(b, &o, false, e);

	return r ? r : take_seen(b, e);
}
