/* SPDX-License-Identifier: Apache-2.0 */
/*
 * links.h: which names of a tree are hard links of one inode. Inside tree/ only. A tree is on one
 * file system, so the inode number is enough. Any thread may call.
 */
#ifndef TREE_LINKS_H
#define TREE_LINKS_H

#include "tree/walk.h"

struct links;
struct links *links_new(void);
void links_free(struct links *l);

/*
 * A worker is about to measure name number `seq` (manifest order) of an inode with several links.
 * True: read its content. False: an earlier name claimed it, this one will be a hard link line. So
 * of all names the first one is always read, and another one only if it came first in time.
 */
bool links_claim(struct links *l, uint64_t ino, uint64_t seq);

/*
 * In manifest order: one more name of an inode with several links. *first gets the path of the
 * first name (borrowed until the next call), NULL if this is it. ERR_CHANGED: the inode changed
 * since its first name was measured.
 */
MUSTUSE int links_name(struct links *l, const struct walk_stat *st, const char *path,
    const char **first, struct err *e);

/* Inodes of which fewer names came than they have links. */
uint64_t links_outside(const struct links *l);

#endif
