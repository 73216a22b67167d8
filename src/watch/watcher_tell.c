/* SPDX-License-Identifier: Apache-2.0 */
/* watcher_tell.c: what changed in the findings, to people (watch/outlet.h) and to the ledger. */
#include <string.h>
#include <time.h>

#include "watch/watcher_impl.h"

/*
 * Engines write records and directories one after the other, without a lock in between that would tell. Trees they
 * only remove, and guard_ask() knows when they do.
 */
#define SETTLES_MS 200

static unsigned settles_ms(const struct finding *f)
{
	return f->class >= FINDING_TREE_ADDED && f->class <= FINDING_TREE_UNREADABLE
		   ? 0
		   : SETTLES_MS;
}

/* New objects are nothing that anybody did to what was sealed. */
static bool is_unsealed(const struct finding *f)
{
	return f->class == FINDING_LAYER_UNSEALED || f->class == FINDING_IMAGE_UNSEALED ||
	       f->class == FINDING_NAME_UNSEALED || f->class == FINDING_LAYER_MAPPED ||
	       f->class == FINDING_CACHE_MOUNT_UNSEALED;
}

static void tell(struct watcher *w, struct notice *n)
{
	n->time_ms = clock_ms(CLOCK_REALTIME);
	n->store = w->g->store->config->graphroot;
	outlet_tell(w->o.outlet, n);
	w->figures.notices++;
}

void watcher_tell(
    struct watcher *w, enum notice_kind kind, const char *text, uint64_t count)
{
	tell(w, &(struct notice){.kind = kind, .text = text, .count = count});
}

void watcher_tell_touched(struct watcher *w, const char *layer, const struct touch *t)
{
	tell(w, &(struct notice){.kind = NOTICE_TOUCHED,
		    .layer = layer,
		    .path = t->path,
		    .writer = t->has_writer ? &t->writer : NULL});
}

static void appeared(void *ctx, const struct finding *f)
{
	struct watcher *w = ctx;
	bool unsealed = is_unsealed(f);
	struct notice n = {
	    .kind = unsealed ? NOTICE_UNSEALED : NOTICE_ALARM,
	    .finding = f,
	    /* Of several writers nobody knows which one did it. */
	    .writer = w->has_writer && !w->many_writers ? &w->writer : NULL,
	    .latency_ms = w->touched_ms ? (double)(clock_now_ms() - w->touched_ms) : 0,
	};

	tell(w, &n);
	if (unsealed)
		return;
	w->figures.alarms++;
	w->figures.last_alarm = time(NULL);
	if (w->touched_ms)
		w->figures.lag_ms = n.latency_ms;
	watcher_record_alarm(w, f, n.writer);
}

static void gone(void *ctx, const struct finding *f)
{
	struct watcher *w = ctx;

	if (!is_unsealed(f))
		tell(w, &(struct notice){.kind = NOTICE_CLEARED, .finding = f});
}

static void take(const struct finding **all, size_t *n, const struct findings *list)
{
	for (size_t i = 0; i < list->n; i++)
		all[(*n)++] = &list->v[i];
}

void watcher_tell_changes(struct watcher *w)
{
	const struct told_handlers h = {settles_ms, appeared, gone, w};
	CLEANUP_FREE const struct finding **all = NULL;
	size_t max = w->structure.n, n = 0;
	bool waits;

	for (size_t i = 0; i < w->n_layers; i++)
		max += w->layers[i].found.n;
	all = xcalloc(max, sizeof(*all));
	take(all, &n, &w->structure);
	for (size_t i = 0; i < w->n_layers; i++)
		take(all, &n, &w->layers[i].found);
	waits = told_update(&w->told, all, n, clock_now_ms(), &h);
	w->look_due = waits ? clock_now_ms() + SETTLES_MS : 0;
	/* What moved people is told; the next event has its own writer. */
	if (waits)
		return;
	w->touched_ms = 0;
	w->has_writer = w->many_writers = false;
}
