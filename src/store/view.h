/* SPDX-License-Identifier: Apache-2.0 */
/*
 * view.h: within store/ only: a directory as the containers of its user see it. Root gets an id-mapped copy of
 * the mount: the same files, device and inode numbers, the ids, capabilities and ACLs of the user's user
 * namespace, and what is made there belongs to the user. The process stays root, and outside.
 */
#ifndef STORE_VIEW_H
#define STORE_VIEW_H

#include "store/account.h"

/* What is mounted below the directory: in the copy, too, or left out. */
enum view_depth { VIEW_WHOLE, VIEW_ONE_MOUNT };

/*
 * The user namespace that has the maps, for any number of views. ERR_IO: it cannot be made. ERR_STORE: the
 * user's ranges overlap.
 */
MUSTUSE int view_namespace(const struct account *a, int *out_fd, struct err *e);

/*
 * Opens `path`, absolute and without a symbolic link in it: what lies there may be the user's, who must not
 * lead root elsewhere. ERR_NOT_FOUND; ERR_STORE: it is no directory, has a link in its path, or its file
 * system or kernel has no id-mapped mounts (the message says so).
 */
MUSTUSE int view_open(int namespace_fd, const char *path, enum view_depth depth,
    int *out_fd, struct err *e);

/* The directory itself, with the ids that are on the disk. */
MUSTUSE int view_open_plainly(const char *path, int *out_fd, struct err *e);

#endif
