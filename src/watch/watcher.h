/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watcher.h: knows what of a sealed store is as it was sealed, because it has looked at all of it once and measures
 * again whatever is touched. Has a thread of its own, which alone uses ledger and store; whoever reads the source
 * and serves clients never waits for a measurement.
 *
 * The one rule here: a verdict is `known` only if everything was looked at after it was armed, no event that was
 * read is unanswered, and nothing may have been missed since.
 */
#ifndef WATCH_WATCHER_H
#define WATCH_WATCHER_H

#include "guard/config.h"
#include "guard/guard.h"
#include "watch/control.h"
#include "watch/outlet.h"
#include "watch/subject.h"

/* All borrowed; the guard, its ledger and the outlet belong to the watcher's thread until watcher_stop(). */
struct watcher_options {
	struct guard *guard;
	const struct config *config;
	const struct subject *subject; /* what requests must be about */
	struct source *source;
	struct outlet *outlet;
	int wake_fd; /* an eventfd, written to when there are answers, or it ended */
};

struct watcher;
/* Begins to arm and to look. */
MUSTUSE int watcher_start(
    const struct watcher_options *o, struct watcher **out, struct err *e);
/* Ends its thread, after what it is measuring. */
void watcher_stop(struct watcher *w);

/* Reads the source: to be called when it is readable, and before a request is handed over. */
MUSTUSE int watcher_drain(struct watcher *w, struct err *e);
/* Something may have been missed. */
void watcher_gap(struct watcher *w, enum gap g);
/* Takes over *r. Its answer covers all that was drained before. */
void watcher_ask(struct watcher *w, uint64_t client, struct request *r);
/* One answer that is ready; false: none. */
bool watcher_answer(struct watcher *w, uint64_t *client, struct answer *out);
/* A copy of the numbers. */
void watcher_figures(struct watcher *w, struct watch_figures *out);
/*
 * True once it cannot go on with this ledger and store, because they are not readable or not the same any more: open
 * them anew. *why is its.
 */
bool watcher_is_lost(struct watcher *w, const struct err **why);

#endif
