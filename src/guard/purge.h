/* SPDX-License-Identifier: Apache-2.0 */
/*
 * purge.h: taking out of a store what must not be used, and all that builds on it. What an engine can
 * remove safely it removes; what it cannot read, or what would lead it astray (podman deletes whatever a
 * layer's `link` file names), goes to quarantine (store/quarantine.h), under the store's locks. Then
 * everything that is left is verified in full.
 *
 * Nothing that is mounted goes, unless forced: the kernel says what that is (store/inuse.h).
 */
#ifndef GUARD_PURGE_H
#define GUARD_PURGE_H

#include "guard/verify.h"
#include "store/runner.h"

struct purge_options {
	bool classes[FINDING_CLASS_COUNT]; /* what findings of these blame goes */
	/* Of FINDING_REVOKED only this one, as "sha256:..."; NULL: any. Borrowed. */
	const char *revoked;
	bool all; /* everything goes */
	bool
	    cache_mounts_all; /* and all cache mounts, those that were never sealed too */
	struct cache_mount_scope cache_mounts; /* for the verifications */
	int64_t
	    older_than; /* only what was made so many seconds ago; 0: whatever its age */
	bool force;	/* also what running containers use; they are stopped */
	bool dry_run;
	enum verify_level level; /* of the first verification; the last one is full */
	enum verify_level last_level;
	struct runner *engine; /* NULL: none, everything goes to quarantine */
};

/* Sets the classes of --violated, and those of --unsealed. */
void purge_select(struct purge_options *opt, bool violated, bool unsealed);

enum purge_fate {
	PURGE_PLANNED,
	PURGE_REMOVED,	   /* by the engine */
	PURGE_QUARANTINED, /* by us */
	PURGE_KEPT,	   /* `note` says why */
};
const char *purge_fate_name(enum purge_fate f);

struct purge_item {
	enum purged object;
	char *id;     /* of a name: the name; of a file: its path in the place */
	char *image;  /* of a name: the image that bears it */
	size_t place; /* of a file */
	char *reason;
	uint64_t bytes;
	bool broken; /* nothing for the engine */
	enum purge_fate fate;
	char *note; /* the quarantine that has it, or why it is still there; NULL */
};

struct purge_result {
	struct purge_item *items;
	size_t n;
	uint64_t removed, quarantined; /* bytes */
	size_t kept;
	struct verify_result verify; /* the last verification, and its verdict */
	enum verdict verdict;
};
void purge_result_release(struct purge_result *r);
#define CLEANUP_PURGE_RESULT CLEANUP(purge_result_release)

/*
 * The ledger must be writable unless it is a dry run: what goes is logged. After a dry run `verify` is the
 * verification that the plan is made from. ERR_REFUSED, unless forced, while guarded builds are in flight.
 */
MUSTUSE int guard_purge(struct guard *g, const struct purge_options *opt,
    struct purge_result *out, struct err *e);

/*
 * Takes out certain names and images (planned items; their fates are set, what builds on them joins) and
 * logs it. Nothing is verified.
 */
MUSTUSE int guard_purge_items(struct guard *g, struct runner *engine,
    struct purge_item **items, size_t *n, struct err *e);
void purge_item_release(struct purge_item *i);

/*
 * Verifies; if classes that policy says to purge are found, purges those and all that builds on them,
 * and verifies again, at the same level. out->verdict is that of what is left. While guarded builds are in flight
 * nothing is taken out.
 */
MUSTUSE int guard_heal(struct guard *g, const struct verify_options *opt,
    struct runner *engine, struct purge_result *out, struct err *e);

#endif
