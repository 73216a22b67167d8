/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expect.h: the tree that containers/storage makes of a layer's tar headers, as a table of names
 * and inodes. Follows its pkg/archive (Unpack for overlay, UnpackLayer for vfs) and drivers/copy
 * (vfs starts a layer as a copy of its parent). What extraction leaves to chance (the time of a
 * directory that something else was put into) is marked free.
 *
 * A name costs about 100 bytes. Headers are hostile: removal visits a name once, lookups are
 * keyed, everything has a maximum.
 */
#ifndef STORE_EXPECT_H
#define STORE_EXPECT_H

#include "crypto/digest.h"
#include "store/store.h"
#include "store/tarhead.h"

#define EXPECT_NAMES_MAX (8U << 20)
#define EXPECT_BYTES_MAX (1U << 30)
#define EXPECT_XATTRS_MAX (1U << 20) /* files with some */
/* Depth and length of a path: the kernel's PATH_MAX. */
#define EXPECT_PATH_MAX 4096U

#define EXPECT_ROOT 0U
#define EXPECT_NONE UINT32_MAX

/* How a name came to be. */
enum expect_origin {
	EXPECT_GONE,	 /* removed again */
	EXPECT_IMPLICIT, /* a directory without a header (or the root) */
	EXPECT_HEADER,
	EXPECT_WHITEOUT,
};

struct expect_node {
	uint32_t parent, child, sibling; /* children in no order, some of them gone */
	uint32_t inode;
	uint32_t name;	/* offset in bytes, NUL-terminated */
	uint32_t next;	/* in its bucket */
	uint32_t layer; /* that had the last header of this name */
	uint8_t name_len;
	uint8_t origin;
	bool absolute; /* spelled with a slash in front */
	bool linked;   /* in its parent's list of children */
	bool seen;     /* on disk */
};

struct expect_inode {
	uint32_t mode; /* with type; the permissions of symbolic links mean nothing */
	uint32_t uid, gid;
	uint32_t mtime_nsec;
	int64_t mtime_sec;
	union {
		uint64_t size;	 /* regular file */
		uint64_t target; /* symbolic link: offset in bytes */
		struct {
			uint32_t major, minor;
		} dev;
	};
	uint32_t xattrs;  /* index + 1 in lists, 0 for none */
	uint32_t layer;	  /* that changed it last */
	uint32_t touched; /* directory: layer that last put something in or out */
	uint32_t opaque;  /* directory: layer that had its opaque mark, 0 for none */
	uint32_t first;	  /* first name seen on disk */
	bool has_digest;  /* digests[inode] is known */
};

struct expect_xattr {
	uint32_t name, value, len; /* offsets in bytes */
};
struct expect_xattrs {
	uint32_t n;
	struct expect_xattr v[]; /* sorted by name */
};

/* How deletions were unpacked. */
enum expect_whiteouts {
	EXPECT_WHITEOUTS_UNSAID, /* as below */
	EXPECT_WHITEOUTS_KERNEL, /* as the kernel's overlayfs takes them */
	EXPECT_WHITEOUTS_FILES, /* as they are in the tar: files .wh.NAME, for a mount program */
};

struct expect {
	enum store_driver driver;
	enum expect_whiteouts whiteouts; /* overlay */
	bool
	    userns; /* extracted in a user namespace: devices and some xattrs are left out */
	uint32_t layer; /* counts from 1 */
	struct expect_node *nodes;
	size_t n_nodes, cap_nodes;
	struct expect_inode *inodes;
	size_t n_inodes, cap_inodes;
	struct digest *digests; /* of inodes; vfs only, else NULL */
	struct expect_xattrs **lists;
	size_t n_lists, cap_lists;
	struct buf bytes;
	uint32_t *buckets;
	size_t n_buckets; /* a power of two */
	struct xxh_key key;
	/* overlay: a header "./" is not applied to the root, except by zstd:chunked pulls. */
	bool has_root_header;
	struct expect_inode root_header;
};

struct expect *expect_new(enum store_driver driver, bool userns);
void expect_free(struct expect *x);

/* The headers that follow belong to the next layer. */
void expect_next_layer(struct expect *x);

/*
 * Applies one header. *node is its name, EXPECT_NONE if it makes none (whiteouts and the like).
 * ERR_MALFORMED: a header containers/storage would not take, or whose result is not certain.
 */
MUSTUSE int expect_header(
    struct expect *x, const struct tar_header *h, uint32_t *node, struct err *e);

/* True for the path of a deletion in a tar. */
bool expect_is_whiteout(const char *path);

/* The name at an absolute path ("/" for the root), EXPECT_NONE if there is none. */
uint32_t expect_find(const struct expect *x, const char *path);

/* Path of a name without slash in front ("" for the root), into at least EXPECT_PATH_MAX bytes. */
void expect_path(const struct expect *x, uint32_t node, char *out);

/* Content of a regular file, learned while it was read (vfs). */
void expect_digest(struct expect *x, uint32_t node, const struct digest *d);

/*
 * Cleans a tar name: parts in `out` joined by one slash, no "." parts, none in front. *absolute
 * if a slash was in front. ERR_MALFORMED for "..", parts over 255 bytes, paths over PATH_MAX.
 */
MUSTUSE int expect_clean(
    const char *name, char out[static EXPECT_PATH_MAX], bool *absolute, struct err *e);

/* The xattrs that survive vfs's copy of a parent: drivers/copy doCopyXattrs. */
bool expect_xattr_copied(const struct expect *x, const char *name);

static inline const char *expect_bytes(const struct expect *x, uint64_t offset)
{
	return x->bytes.data + offset;
}

#endif
