/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quarantine.h: taking something out of a store without reading or deleting it: a rename out of the
 * graphroot. It goes below GRAPHROOT.quarantine/ (mode 0700, made when first needed), into a new
 * directory for each purge, under the path that it had; if the graphroot is a mount point of its own,
 * into layerseal-quarantine/ in it, where no engine looks.
 *
 * Paths come from a hostile store: they are resolved beneath its root, and no symbolic link or mount
 * point is stepped over. A quarantine directory that somebody else could have prepared is refused.
 */
#ifndef STORE_QUARANTINE_H
#define STORE_QUARANTINE_H

#include "store/store.h"

struct quarantine;
/* Of one place of the store; makes nothing yet. ERR_REFUSED for an additional store. */
MUSTUSE int quarantine_open(
    const struct store *s, size_t place, struct quarantine **out, struct err *e);
/*
 * Of any directory: moves what is directly in it or below, into layerseal-quarantine-UID in it. No symbolic
 * link in `dir` is followed.
 */
MUSTUSE int quarantine_open_beside(
    const char *dir, struct quarantine **out, struct err *e);
void quarantine_free(struct quarantine *q); /* NULL is fine; brings renames to the disk */

/*
 * Moves what is at `path`, relative to the place's root and, of a place, at least two names deep. ERR_NOT_FOUND if
 * there is nothing; ERR_REFUSED for a path that may not be moved, or on which something is mounted.
 */
MUSTUSE int quarantine_move(struct quarantine *q, const char *path, struct err *e);
/* The directory of this purge; NULL until something was moved. */
const char *quarantine_path(const struct quarantine *q);
/* The place's root, on which renames work. */
int quarantine_root(const struct quarantine *q);

#endif
