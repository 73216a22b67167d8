/* SPDX-License-Identifier: Apache-2.0 */
/* purge_run.h: within guard/purge*.c only: the two ways in which planned things leave a store. */
#ifndef GUARD_PURGE_RUN_H
#define GUARD_PURGE_RUN_H

#include "guard/purge_plan.h"

/*
 * Containers and images, by the engine, the engine's way. What it does not remove stays planned, with what
 * it said as a note.
 */
void purge_by_engine(struct plan *p, struct purge_item *items, size_t n);

/*
 * Under the write locks: looks again, takes what is planned (and what builds on it by now) out of the
 * records and moves it to quarantine. `items` grows. `repair`: records that break a rule go too.
 */
MUSTUSE int purge_by_quarantine(const struct guard *g, const struct purge_options *opt,
    bool broken_only, bool repair, struct purge_item **items, size_t *n, struct err *e);

/* Sets the fate of what was planned and is not there any more. */
MUSTUSE int purge_settle(
    const struct guard *g, struct purge_item *items, size_t n, struct err *e);

/* Moves the cache mounts of a plan to quarantine, beside where they are; sets their fates. */
void purge_cache_mounts(struct purge_item *items, size_t n);

#endif
