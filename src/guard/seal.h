/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seal.h: binding layers, images and names of a store in the ledger.
 *
 * A layer is sealed only if its structure holds, its parent is sealed, its id is the chain id of its
 * diff-ids, its diff-id recomputes, and its tar headers describe exactly the tree on disk, all at one
 * moment. What is sealed and unchanged is not written again; what is sealed and changed is refused
 * unless the change is accepted with a reason, which is logged.
 */
#ifndef GUARD_SEAL_H
#define GUARD_SEAL_H

#include "guard/guard.h"

/* What a guarded build may seal besides its images; all of it, or nothing. Borrowed. */
struct seal_build {
	/* Only these names; they may have moved from one sealed image to another. */
	const char *const *names;
	size_t n_names;
	/* The last entry of the batch if there is any other; how many those are is filled in. */
	struct entry_build *record;
};

struct seal_options {
	const char *const *images; /* none: everything, and what is gone is retired */
	size_t n_images;
	const char *accept_reason;	/* NULL: changes are refused */
	const struct seal_build *build; /* NULL: no build, all names */
	/*
	 * RUN --mount=type=cache directories (store/cachemounts.h): what is in them now is trusted from now
	 * on, whatever was sealed before. Without it they are left alone.
	 */
	bool cache_mounts;
	bool cache_mounts_only;	       /* and nothing else is looked at */
	const char *const *cache_dirs; /* where to look; none: the default */
	size_t n_cache_dirs;
};

struct seal_result {
	struct findings
	    findings; /* why something was not sealed; severities from the policy */
	size_t layers, images, names, cache_mounts, retired; /* entries written */
	size_t remeasured;	 /* new statprints for unchanged layers */
	size_t unchanged;	 /* layers and images that were sealed already */
	size_t dependent;	 /* not sealed because what they build on is not */
	size_t refused;		 /* layers, images, names: findings say why */
	uint64_t entries, bytes; /* in the newly sealed trees */
};

/*
 * All entries of one call are appended together or not at all. Refusals are not errors: they are
 * counted and explained in `out`, what could be sealed is. Where somebody else appended meanwhile, the
 * ledger is read and everything decided again; ERR_CONFLICT if that happened many times in a row.
 */
MUSTUSE int guard_seal(struct guard *g, const struct seal_options *opt,
    struct seal_result *out, struct err *e);
void seal_result_release(struct seal_result *r);
#define CLEANUP_SEAL_RESULT CLEANUP(seal_result_release)

#endif
