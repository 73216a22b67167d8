/* SPDX-License-Identifier: Apache-2.0 */
/* purge_plan.h: within guard/purge*.c only: what goes, from findings or from what was decided before. */
#ifndef GUARD_PURGE_PLAN_H
#define GUARD_PURGE_PLAN_H

#include "guard/purge.h"
#include "store/inuse.h"

/* What is decided about one record. */
struct mark {
	bool on, broken, used; /* used: by something that is mounted */
	char *reason;
};

struct plan {
	const struct guard *g;
	const struct purge_options *opt;
	struct survey survey;
	struct inuse inuse;
	struct mark *layers, *images, *containers; /* one per record */
	struct purge_item *extra; /* names, files, and objects without a usable record */
	size_t n_extra;
	bool faulty; /* record files have to be repaired */
};

/* Looks at the store. Findings of the look are ignored: they are those of the verification. */
MUSTUSE int plan_look(struct plan *p, struct err *e);
void plan_release(struct plan *p);
#define CLEANUP_PLAN CLEANUP(plan_release)

/* Marks what findings blame, or everything. */
void plan_from_findings(struct plan *p, const struct findings *findings);
/* Marks what is left of a list, all of it or what is broken; closes it again. */
void plan_from_items(
    struct plan *p, const struct purge_item *items, size_t n, bool broken_only);
/* All cache mounts that are there, and all that are sealed. */
MUSTUSE int plan_all_cache_mounts(struct plan *p, struct err *e);
/* As items, appended, those that are in the list already left out. */
void plan_items(struct plan *p, struct purge_item **items, size_t *n);

/* True if something of this name is in the list. */
struct purge_item *purge_find(
    struct purge_item *items, size_t n, enum purged object, const char *id);

#endif
