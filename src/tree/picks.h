/* SPDX-License-Identifier: Apache-2.0 */
/*
 * picks.h: which names of a directory are measured when only some places of the tree are. Inside tree/ only.
 */
#ifndef TREE_PICKS_H
#define TREE_PICKS_H

#include "tree/walk.h"

/* What concerns one directory. */
struct picks {
	const struct tree_pick *v; /* borrowed; at it and below it, in manifest order */
	size_t n;
	bool all; /* everything in it is measured */
};

/* Of all the tree, or what is asked for. */
struct picks picks_of(const struct tree_options *opt);
/* Narrows what concerns its parent to a directory; `path` as in a tree_pick. */
struct picks picks_at(const struct picks *parent, const char *path);
/* The names in the directory at `path` that lead to them, sorted; they may not exist. Not if all are wanted. */
void picks_names(const struct picks *p, const char *path, struct walk_names *names);

#endif
