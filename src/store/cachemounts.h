/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cachemounts.h: where engines keep the directories of RUN --mount=type=cache: outside of the store, and
 * without a record of them. In $TMPDIR, or /var/tmp:
 *
 *   buildah up to 1.28        buildah-cache/<Clean(id or target)>, one for all users; paths may be nested
 *   1.29 to 1.37              buildah-cache-<uid>/<Clean(id or target)>
 *   since 1.37.5 and 1.38     buildah-cache-<uid>/<16 hex digits>, locks in buildah-cache-lockfiles/
 *
 * A cache mount here is what is directly below one of these two directories: with the newer engines
 * exactly one mount; with the older ones all mounts below one first name, because nothing tells where in
 * there a mount begins, and one may be inside another. So every byte that a build can be given is part of
 * exactly one tree.
 *
 * Nothing of it is trusted. What a Containerfile of an old engine reaches with `id=../..` (CVE-2024-9675)
 * is not here: it is whatever that path is.
 */
#ifndef STORE_CACHEMOUNTS_H
#define STORE_CACHEMOUNTS_H

#include "store/store.h"

#define CACHE_MOUNT_DEFAULT_DIR "/var/tmp"
/* Longer ones are `odd`: they do not fit into an entry of the ledger. */
#define CACHE_MOUNT_PATH_MAX 900

struct cache_mount {
	char *path; /* absolute, no symbolic link in it */
	/* NULL, or why it is no cache mount: no directory, or not of the store's owner. */
	char *odd;
	bool foreign; /* odd because somebody else owns the directory that holds all */
};

struct cache_mounts {
	struct cache_mount *v; /* sorted by path, each once */
	size_t n;
};
void cache_mounts_release(struct cache_mounts *c);
#define CLEANUP_CACHE_MOUNTS CLEANUP(cache_mounts_release)

/* All in these directories (TMPDIRs; "storage": tmp/ in the store, as containers.conf spells it), for the owner of the store. What cannot be read is `odd`. */
MUSTUSE int cache_mounts_find(const struct store *s, const char *const *dirs,
    size_t n_dirs, struct cache_mounts *out, struct err *e);

/*
 * How many bytes at the end of such a path are names of the engine: "buildah-cache-0/NAME", or
 * "buildah-cache" alone. 0: it is not a path of a cache mount.
 */
size_t cache_mount_names(const char *path);

/* True for the name of a directory that holds them: "buildah-cache", "buildah-cache-0". */
bool cache_mounts_are_in(const char *name);

enum cache_mount_state { CACHE_MOUNT_THERE, CACHE_MOUNT_GONE, CACHE_MOUNT_ODD };
/*
 * Opens one by its path, following no symbolic link anywhere. GONE: the path does not exist. ODD: it is no
 * directory any more, or a link leads to it; `e` says what.
 */
MUSTUSE int cache_mount_open(
    const char *path, enum cache_mount_state *state, int *out_fd, struct err *e);

#endif
