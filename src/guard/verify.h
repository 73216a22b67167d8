/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify.h: a store against its ledger. Pure judgement: nothing is printed, the store is only read.
 */
#ifndef GUARD_VERIFY_H
#define GUARD_VERIFY_H

#include "guard/guard.h"

/* What each level can and cannot see: layerseal(1), LEVELS. */
enum verify_level {
	LEVEL_STAT, /* structure, records, images, statprints; a differing layer is measured */
	LEVEL_SCRUB, /* and all is read again and compared with a keyed sum */
	LEVEL_FULL,  /* every layer measured */
	LEVEL_OCI,   /* and its diff-id recomputed */
};

const char *verify_level_name(enum verify_level l);
bool verify_level_parse(const char *name, enum verify_level *out);
/* True if a statprint that is as recorded spares a layer from being measured. */
bool verify_level_asks_prints(enum verify_level l);

enum verdict { VERDICT_UNVERIFIABLE, VERDICT_VIOLATED, VERDICT_CLEAN };

const char *verdict_name(enum verdict v);
enum exit_status verdict_exit_status(enum verdict v);
/* What findings come to, once a policy has given them severities. */
enum verdict verdict_of(const struct findings *list);

/* What the tree of a layer and the files beside it looked like at one moment. */
struct layer_print {
	char layer[ENTRY_ID_LEN + 1];
	struct statprint print;
};

/* Sorted by layer; owned. Layers of which no print could be taken are not in it. */
struct layer_prints {
	struct layer_print *v;
	size_t n;
};
void layer_prints_release(struct layer_prints *p);
#define CLEANUP_LAYER_PRINTS CLEANUP(layer_prints_release)

/*
 * What of RUN --mount=type=cache is looked at (store/cachemounts.h): what was sealed, wherever it is, and
 * what is in these directories. Borrowed.
 */
struct cache_mount_scope {
	const char *const *dirs; /* where the next build keeps them; none: the default */
	size_t n_dirs;
	/* Guarded builds run, which may change them: nothing is looked at. */
	bool in_use;
	/* A guarded build is next: one that was never sealed is denied, even where policy ignores it. */
	bool all_sealed;
};

struct verify_options {
	struct cache_mount_scope cache_mounts;
	enum verify_level level;
	bool
	    cached; /* read through the page cache: faster, blind to writes below the file system */
	bool without_trees; /* records, structure and images only */
	/* The trees of these layers alone are answered for; all else as ever. NULL: of all in scope. */
	const char *const *trees;
	size_t n_trees;
	/* What an earlier verification kept: a layer that was written to since is a finding. */
	const struct layer_prints *before;
	bool keep_prints;
	const char *const *images; /* limit trees and images to these; none: everything */
	size_t n_images;
};

struct verify_result {
	struct findings
	    findings;	       /* severities set, ignored ones gone; "used_by" filled */
	size_t layers, images; /* looked at */
	size_t cache_mounts;   /* sealed ones that are there */
	size_t by_statprint;   /* layers the statprint answered for */
	size_t scrubbed; /* ... and that were read again, their scrub sums as recorded */
	size_t measured; /* layers read in full */
	uint64_t entries, bytes; /* in the measured trees, and entries under statprints */
	size_t remeasured;	 /* new statprints recorded for unchanged trees */
	struct image_ids sealed; /* the sealed images looked at */
	struct layer_prints prints; /* with keep_prints */
};

/*
 * *verdict is VERDICT_UNVERIFIABLE unless the function returns 0. Findings of class tree-unreadable
 * and tree-unstable alone also leave it there: what could not be looked at is not clean.
 * If the ledger is writable, new statprints of layers measured unchanged are recorded.
 */
MUSTUSE int guard_verify(struct guard *g, const struct verify_options *opt,
    enum verdict *verdict, struct verify_result *out, struct err *e);
void verify_result_release(struct verify_result *r);
#define CLEANUP_VERIFY_RESULT CLEANUP(verify_result_release)

#endif
