/* SPDX-License-Identifier: Apache-2.0 */
/* gate_dirs.h: within guard/ only: which layer each directory of a mount is. */
#ifndef GUARD_GATE_DIRS_H
#define GUARD_GATE_DIRS_H

#include "guard/gate.h"
#include "guard/guard.h"
#include "guard/mountargs.h"

/* A lower directory. */
struct gate_dir {
	char id[ID_LEN + 1];	 /* of its layer */
	char link[LINK_LEN + 1]; /* the short name that led there, "" if none did */
	size_t place;		 /* of the store */
	bool own;		 /* the tree of the very layer that is mounted */
	bool empty;		 /* not a tree: the empty/ of a base */
	struct timespec birth; /* of the tree; tv_sec 0: the file system does not tell */
	int fd;		       /* as the kernel reaches it: O_PATH */
	int tree;	       /* the same directory, to be read */
};

struct gate_dirs {
	char id[ID_LEN + 1]; /* of the layer that is mounted */
	size_t place;	     /* in whose driver directory it is */
	struct gate_dir *v;  /* the lower ones */
	size_t n;
	struct gate_dir upper; /* its own tree, if it is to be written; else closed */
	int target, work;
};

/*
 * ERR_REFUSED for any directory that is neither the tree of a layer, where the driver keeps it, nor the
 * empty/ of the mounted one. Whether the layers are the right ones is not looked at.
 */
MUSTUSE int gate_dirs_open(const struct guard *g, const struct mount_args *a,
    struct gate_dirs *out, struct err *e);
void gate_dirs_release(struct gate_dirs *d);
#define CLEANUP_GATE_DIRS CLEANUP(gate_dirs_release)

#endif
