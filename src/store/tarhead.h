/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tarhead.h: one tar header as Go's archive/tar reads it, because that reader made the tree on
 * disk. identity.c reads the same header with libarchive too, and both must agree.
 *
 * Refused (ERR_MALFORMED) is what readers are known to take in different ways, or what
 * containers/storage cannot extract or remake:
 *   - types other than files, links, devices, directories, fifos; sparse files (tar-split keeps
 *     their expanded bytes, so their tar cannot be remade);
 *   - a size on what has no body; a file whose name ends in "/";
 *   - numbers with leading NULs, tabs, signs; ids over 32 bits, device numbers over 12 + 20 bits;
 *   - PAX records that occur twice or are empty, PAX and GNU long names together, an extended
 *     header in front of a global one;
 *   - magic other than v7, ustar or GNU; a prefix that only some readers see (star, old GNU).
 */
#ifndef STORE_TARHEAD_H
#define STORE_TARHEAD_H

#include "base/buf.h"

#define TAR_BLOCK 512U
/* Longest chain of extended headers in front of one: Go reads at most 1 MiB of each kind. */
#define TARHEAD_MAX (4U << 20)

enum tar_type {
	TAR_FILE,
	TAR_HARDLINK,
	TAR_SYMLINK,
	TAR_CHAR,
	TAR_BLOCKDEV,
	TAR_DIR,
	TAR_FIFO,
};

struct tar_xattr {
	const char *name;
	const char *value;
	size_t len;
};

/* Strings are borrowed from the reader until its next call. */
struct tar_header {
	enum tar_type type;
	const char *name; /* not cleaned */
	const char
	    *link; /* hard link: a name of this tar; symbolic link: the target; else "" */
	uint32_t mode; /* permission bits, 07777 */
	uint32_t uid, gid;
	uint32_t dev_major, dev_minor;
	uint64_t size;
	int64_t mtime_sec;
	uint32_t mtime_nsec;
	const struct tar_xattr *xattrs; /* sorted by name */
	size_t n_xattrs;
	unsigned globals; /* PAX global headers in front; they mean nothing to Go */
};

struct tarhead;
struct tarhead *tarhead_new(void);
void tarhead_free(struct tarhead *t);

/* `raw` is everything from the first extended header to the end of the header itself. */
MUSTUSE int tarhead_read(struct tarhead *t, const void *raw, size_t len,
    struct tar_header *out, struct err *e);

#endif
