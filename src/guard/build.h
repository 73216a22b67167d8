/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build.h: a guarded build: verify, build, verify again what the build could use, seal exactly what it made.
 *
 * What an image is follows from its id: the id is the SHA-256 of the configuration, that names the diff-ids,
 * and sealing recomputes these from the trees. So all that has to be known of a build is which ids
 * are its own: the kernel says which images and layers the engine's process made (store/creations.h), or,
 * where it does not, the engine's output does (guard/buildlog.h). And that nothing else went into them: no
 * sealed object that changed between the two verifications, no cache hit on an image that is not sealed.
 *
 * Guarded builds of one store may run at once and use each other's images: each waits, at its end, until
 * those that it used are sealed.
 */
#ifndef GUARD_BUILD_H
#define GUARD_BUILD_H

#include "guard/purge.h"
#include "guard/seal.h"
#include "store/starter.h"

/* All borrowed. */
struct build_command {
	struct starter *starter;
	struct starting start;
	const char *const *names; /* that it gives its result, as records spell them */
	size_t n_names;
	int output; /* gets the engine's standard output; -1: nobody */
	/* The engine starts itself again, in a user namespace. */
	bool restarts;
	bool remove;	       /* a spoiled build's images go; otherwise its names only */
	struct runner *engine; /* removes, also for healing; may be NULL */
	/* Filled in here: status, result, how many are sealed. */
	struct entry_build *record;
	/* Where the engine keeps cache mounts ($TMPDIR): those there must be sealed, and are in the end. */
	const char *const *cache_dirs;
	size_t n_cache_dirs;
	enum verify_level level; /* of the first verification */
	bool cached;
};

enum build_outcome {
	BUILD_REFUSED, /* before it began; the verdict says why */
	BUILD_SPOILED, /* nothing of it is sealed */
	BUILD_DONE,    /* what it made is sealed, also if it failed in the end */
};

struct build_result {
	enum build_outcome outcome;
	enum verdict verdict;			    /* of BUILD_REFUSED */
	struct findings findings;		    /* why it was refused or spoiled */
	struct purge_result healed;		    /* what was taken out before it */
	int status;				    /* of the engine, as of waitpid() */
	size_t layers, images, names, cache_mounts; /* sealed */
	size_t taken; /* images and names that were taken away from a spoiled build */
};
void build_result_release(struct build_result *r);
#define CLEANUP_BUILD_RESULT CLEANUP(build_result_release)

/*
 * The ledger must be writable. An error means that nothing (more) was sealed; the engine may have run.
 */
MUSTUSE int guard_build(struct guard *g, const struct build_command *c,
    struct build_result *out, struct err *e);

#endif
