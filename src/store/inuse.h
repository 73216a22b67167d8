/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inuse.h: what is mounted of a store in any mount namespace that can be seen: its running containers,
 * builds and mounted images. The kernel's word, from /proc/PID/mountinfo: records may hide a container
 * or invent one.
 *
 * Counted are processes of this user (for root: also those of other ids in root's user namespace; for root on
 * a user's store: also that user's, with all subordinate ids): an
 * unprivileged stranger can mount what looks like a layer in a namespace of his own. What a process in
 * another pid namespace mounted is out of sight.
 */
#ifndef STORE_INUSE_H
#define STORE_INUSE_H

#include "store/records.h"
#include "store/structure.h"

/* Sorted sets of what mount lines mention. */
struct inuse {
	char (*ids)[ID_LEN + 1]; /* after "<driver>/" or "dir/" */
	size_t n_ids;
	char (*links)[LINK_LEN + 1]; /* short names of lower layers */
	size_t n_links;
	/* Cache mounts, from "/buildah-cache" on; not sorted. */
	char **caches;
	size_t n_caches;
};

/* `whose`: the user whose store it is; NULL: ours. */
MUSTUSE int inuse_read(const struct account *whose, struct inuse *out, struct err *e);
void inuse_release(struct inuse *u);
#define CLEANUP_INUSE CLEANUP(inuse_release)

bool inuse_has_id(const struct inuse *u, const char *id);
/* A cache mount (store/cachemounts.h), or one that has it or is inside of it. */
bool inuse_has_path(const struct inuse *u, const char *path);
bool inuse_has_link(const struct inuse *u, const char *link);

/* One line of mountinfo, for tests; inuse_sort() before the first question. */
void inuse_add_line(struct inuse *u, const char *line);
void inuse_sort(struct inuse *u);

#endif
