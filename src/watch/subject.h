/* SPDX-License-Identifier: Apache-2.0 */
/*
 * subject.h: what a client means and goes by, and whether that is what a watcher watches. Both sides describe it with the
 * same functions and the watcher compares bytes: it never follows a path that a client gave.
 *
 * Where the two differ the client looks for himself, which says what is wrong, if anything is.
 */
#ifndef WATCH_SUBJECT_H
#define WATCH_SUBJECT_H

#include "base/fs.h"
#include "store/store.h"
#include "watch/protocol.h"

/* What a watcher watches. Owned. */
struct subject {
	/* As subject_ledger() says it. */
	char *ledger;
	uint64_t ledger_device, ledger_inode;
	struct digest policy;
	bool whiteout_files;
	char *trust; /* where it has whom to believe from */
	char *store; /* canonical graph root */
	bool only;   /* the ledger holds no other store */
	char *user;  /* whose store root looks after; NULL: the ledger's owner's */
	bool only_of_user;
	struct digest options; /* subject_options() of the store as the ledger knows it */
	/* Cache mounts: whatever is, or comes to be, in these is looked at; as subject_cache_dir() says them. */
	struct fs_names cache_dirs;
};
void subject_release(struct subject *s);
#define CLEANUP_SUBJECT CLEANUP(subject_release)

/*
 * ANSWER_KNOWN: the request is about this. ANSWER_OTHER, and ANSWER_UNKNOWN for a directory of cache mounts that is
 * not looked at: *why is set.
 */
MUSTUSE enum answer_status subject_compare(
    const struct subject *s, const struct request *r, struct err *why);

/* The directory of a ledger: canonical path, and which directory that is. ERR_NOT_FOUND, ERR_IO. */
MUSTUSE int subject_ledger(
    const char *dir, char **path, uint64_t *device, uint64_t *inode, struct err *e);
/*
 * All that decides which store an engine uses, and how: graph root (and which directory that is), run root, driver, image
 * stores. Equal for configurations that mean the same, as far as paths can be resolved.
 */
MUSTUSE int subject_options(
    const struct store_config *c, struct digest *out, struct err *e);
/* A directory of cache mounts, canonical as far as it can be resolved; heap. */
char *subject_cache_dir(const char *dir);

#endif
