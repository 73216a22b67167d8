/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity_internal.h: between identity.c (one layer's part), identity_read.c (its tar, remade
 * and read) and identity_compare.c (the expectation against the tree).
 */
#ifndef STORE_IDENTITY_INTERNAL_H
#define STORE_IDENTITY_INTERNAL_H

#include <sys/stat.h>

#include "store/expect.h"
#include "store/identity.h"
#include "store/tarsplit.h"

struct identity {
	const struct store *store;
	struct expect *expect;
	bool usable;	       /* all headers so far were read: the tree can be judged */
	bool partial;	       /* made by a partial pull, see identity_compare.c */
	struct findings found; /* of identity_line() */
	struct known *known;   /* borrowed; may be NULL */
	/* overlay: the root of the parent's tree, whose mode and owner the driver copies. */
	bool has_parent_root;
	uint32_t parent_mode, parent_uid, parent_gid;
};

/* Where the bytes of one layer come from and what becomes of them. */
struct identity_input {
	struct tarsplit *lines;
	int tree_fd;
	const char *layer_id;
	struct progress *progress; /* may be NULL */
	struct findings *findings;
	/* Headers are checked but not applied: vfs without the layers below, which they refer to. */
	bool alone;
};

/*
 * Remakes the tar, hashes it and applies its headers. *headers false: they could not be used
 * (a finding says why); the diff-id is right nevertheless. *bodies false: a file is missing or
 * of another size (findings), so that the diff-id is of no use. ERR_MALFORMED: the lines are
 * unusable.
 */
MUSTUSE int identity_read(struct identity *id, const struct identity_input *in,
    struct identity_result *out, bool *headers, bool *bodies, struct err *e);

/*
 * Opens the file at cleaned path `path` below tree_fd for reading if it is a regular file of
 * exactly `size` bytes; otherwise *fd is -1 and `why` says what is there.
 */
void identity_open_body(int tree_fd, const char *path, uint64_t size, int *fd,
    struct stat *st, struct err *why);
/* ERR_CHANGED if the file is no longer as `before`. */
MUSTUSE int identity_unchanged(
    int fd, const struct stat *before, const char *name, struct err *e);

#endif
