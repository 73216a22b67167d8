/* SPDX-License-Identifier: Apache-2.0 */
/* watcher_look.c: looks at the store. What a look finds takes the place of what was found before. */
#include <string.h>
#include <time.h>

#include "guard/inflight.h"
#include "watch/watcher_impl.h"

/* ---- what a verification found, divided ---- */

/*
 * What is said of the trees that were answered for goes to their layers. Cache mounts that were not looked at keep what
 * was found in them.
 */
static void divide(struct watcher *w, const struct findings *from, bool caches)
{
	struct findings structure = {.dropped = from->dropped};

	for (size_t i = 0; i < from->n; i++) {
		const struct finding *f = &from->v[i];
		struct watched_layer *l =
		    f->stage == STAGE_TREE ? watcher_layer(w, f->layer) : NULL;

		findings_copy(l && l->answered ? &l->found : &structure, f);
	}
	for (size_t i = 0; !caches && i < w->structure.n; i++) {
		const struct finding *f = &w->structure.v[i];

		if (f->stage == STAGE_CACHE_MOUNT)
			findings_copy(&structure, f);
	}
	findings_release(&w->structure);
	w->structure = structure;
}

/* ---- looks ---- */

struct look {
	const char **trees; /* of these layers, sorted, perhaps of none; NULL: of all */
	size_t n_trees;
	bool caches;
};

static bool has_trees(const struct look *k)
{
	return !k->trees || k->n_trees;
}

/* Both lists are sorted. */
static void mark_answered(struct watcher *w, const struct look *k)
{
	size_t n = 0;

	for (size_t i = 0; i < w->n_layers; i++) {
		struct watched_layer *l = &w->layers[i];
		bool named = n < k->n_trees && strcmp(k->trees[n], l->id) == 0;

		n += named;
		l->answered = !k->trees || named;
		if (!l->answered)
			continue;
		findings_release(&l->found);
		l->known = true;
		l->stale = false;
	}
}

/* A guarded build that runs changes cache mounts, and seals them at its end. */
static bool builds_run(const struct watcher *w)
{
	CLEANUP_INFLIGHT_OTHERS struct inflight_others others = {0};
	struct err ignored;

	return inflight_others(
		   w->g->ledger_dir, &w->g->store_id, NULL, &others, &ignored) != 0 ||
	       others.running > 0;
}

static int look(struct watcher *w, const struct look *k, struct err *e)
{
	CLEANUP_VERIFY_RESULT struct verify_result result = {0};
	bool caches = k->caches && !builds_run(w);
	const struct verify_options o = {
	    .level = LEVEL_STAT,
	    .cached = true,
	    .trees = k->trees,
	    .n_trees = k->n_trees,
	    .without_trees = !has_trees(k) && !caches,
	    .cache_mounts = {.dirs = (const char *const *)w->o.subject->cache_dirs.v,
		.n_dirs = w->o.subject->cache_dirs.n,
		.in_use = !caches},
	};
	enum verdict verdict;
	int r;

	w->look_asked = false;
	r = guard_verify(w->g, &o, &verdict, &result, e);
	if (r)
		return r;
	if (caches) {
		w->cache_asked = false;
		w->cache_mounts_seen = result.cache_mounts;
	}
	mark_answered(w, k);
	divide(w, &result.findings, caches);
	w->layers_seen = result.layers;
	w->images_seen = result.images;
	return 0;
}

int watcher_look(struct watcher *w, struct err *e)
{
	const char *none[1];

	return look(w, &(struct look){.trees = none, .caches = w->cache_asked}, e);
}

static int look_at(
    struct watcher *w, bool (*which)(const struct watched_layer *l), struct err *e)
{
	CLEANUP_FREE const char **trees = NULL;
	size_t n = 0;

	for (size_t i = 0; i < w->n_layers; i++) {
		if (!which(&w->layers[i]))
			continue;
		trees = xreallocarray(trees, n + 1, sizeof(*trees));
		trees[n++] = w->layers[i].id;
	}
	return n ? look(w, &(struct look){.trees = trees, .n_trees = n}, e) : 0;
}

static bool is_new(const struct watched_layer *l)
{
	return !l->known;
}

int watcher_look_at_new(struct watcher *w, struct err *e)
{
	return look_at(w, is_new, e);
}

static bool is_stale(const struct watched_layer *l)
{
	return l->stale;
}

int watcher_renew(struct watcher *w, struct err *e)
{
	w->stale_due = 0;
	return look_at(w, is_stale, e);
}

int watcher_pass(struct watcher *w, struct err *e)
{
	int64_t began = clock_now_ms();
	int r = look(w, &(struct look){.caches = true}, e);

	if (r)
		return r;
	w->complete = true;
	w->figures.passes++;
	w->figures.last_pass = time(NULL);
	w->figures.pass_seconds = (double)(clock_now_ms() - began) / 1000;
	return 0;
}
