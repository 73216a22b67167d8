/* SPDX-License-Identifier: Apache-2.0 */
/* cache_mounts.h: within guard/ only: the directories of RUN --mount=type=cache (store/cachemounts.h). */
#ifndef GUARD_CACHE_MOUNTS_H
#define GUARD_CACHE_MOUNTS_H

#include "guard/check.h"
#include "guard/verify.h"
#include "store/cachemounts.h"

/* What is in these directories; none: in the default one. */
MUSTUSE int cache_mounts_look(const struct guard *g, const char *const *dirs,
    size_t n_dirs, struct cache_mounts *out, struct err *e);

/* True if it is sealed and was not retired. */
bool cache_mount_is_sealed(const struct guard *g, const char *path);

/* The statprint of what is there now; false if there is none to be had. */
bool cache_mount_print(
    const struct guard *g, const char *path, struct statprint *out, uint64_t *entries);

/* A seal-tree entry for what was measured; its reason is the caller's. */
void cache_mount_entry(const struct guard *g, const char *path,
    const struct tree_result *t, struct entry *out);

/*
 * Compares every sealed cache mount with what is there, and tells of those that were never sealed. One that
 * is gone is no finding: a build that finds none has a cache miss. Entries that renew statprints of what was
 * measured unchanged go to *renewed (owned array, appended).
 */
MUSTUSE int check_cache_mounts(const struct guard *g, const struct verify_options *opt,
    struct verify_result *out, struct entry **renewed, size_t *n_renewed, struct err *e);

/*
 * The cache mount that a finding is about, as a fresh path: that of its seal, or the one that was never
 * sealed. NULL: it is about none.
 */
char *cache_mount_of_finding(const struct guard *g, const struct finding *f);

#endif
