/* SPDX-License-Identifier: Apache-2.0 */
/*
 * walk.h: what both measurements of a tree share: looking at one object, opening and listing one
 * directory, the sum of a statprint. Inside tree/ only.
 *
 * Messages say what went wrong with "it"; the caller knows the path and puts it in front.
 * What vanished or became something else between two looks is ERR_CHANGED.
 */
#ifndef TREE_WALK_H
#define TREE_WALK_H

#include "tree/tree.h"

/* More levels than a path of PATH_MAX bytes can name; container tools cannot make such layers. */
#define WALK_DEPTH_MAX 2048
/* Longest path below the root of a tree; bounds what a hostile nesting of long names can cost. */
#define WALK_PATH_MAX 32768

/* One object as statx(2) shows it. Without padding: equal means equal bytes. */
struct walk_stat {
	uint64_t ino, size;
	int64_t mtime_sec, ctime_sec;
	uint32_t mtime_nsec, ctime_nsec;
	uint32_t mode, nlink, uid, gid;
	uint32_t dev_major, dev_minor, rdev_major, rdev_minor;
};
_Static_assert(sizeof(struct walk_stat) == 72, "walk_stat has no padding");

/*
 * Stats `name` in `dirfd`, or dirfd itself for "". With `root` (the stat of the tree's root) the
 * object must be on the root's file system and must not be a mount point.
 */
MUSTUSE int walk_stat(int dirfd, const char *name, const struct walk_stat *root,
    struct walk_stat *out, struct err *e);
bool walk_stat_equal(const struct walk_stat *a, const struct walk_stat *b);

MUSTUSE int walk_open_dir(int dirfd, const char *name, int *out_fd, struct err *e);
/* For reading, without moving its access time where that is allowed. */
MUSTUSE int walk_open_file(int dirfd, const char *name, int *out_fd, struct err *e);

/* A tree may be deep: lets this process open as many files as its hard limit allows. */
void walk_allow_files(void);

/* Names of one directory in one piece of memory. */
struct walk_name {
	uint32_t at; /* of the NUL-terminated name in `text` */
	uint16_t len;
	uint8_t type; /* DT_*, perhaps DT_UNKNOWN */
};
struct walk_names {
	char *text;
	size_t used, cap;
	struct walk_name *v;
	size_t n, n_cap;
};
void walk_names_add(struct walk_names *names, const char *name, size_t len, uint8_t type);
void walk_names_release(struct walk_names *names);

/*
 * All names sorted bytewise, and the stat of the directory, which was the same before and after
 * (ERR_CHANGED after 3 tries). `names` must be empty.
 */
MUSTUSE int walk_list(int fd, const struct walk_stat *root, struct walk_names *names,
    struct walk_stat *st, struct err *e);

/*
 * Extended attributes of the object behind `fd`, which may be an O_PATH descriptor, sorted by
 * name, security.selinux left out, appended to `out` as walk_xattr_next() reads them.
 */
MUSTUSE int walk_xattrs(int fd, bool path_fd, struct buf *out, size_t *n, struct err *e);
/* One packed attribute at *p; advances *p. */
struct manifest_xattr walk_xattr_next(const char **p);

/* ---- statprints: the sum over all entries of keyed hashes, so that order plays no role ---- */

struct walk_sum {
	unsigned __int128 v;
};
/* Identity of a directory in the hashes of its entries. The root is entry "" of none. */
extern const struct xxh128 walk_print_none;
struct xxh128 walk_print_dir(
    const struct xxh_key *key, const struct xxh128 *parent, const char *name, size_t len);
/* Adds the entry `name` of the directory `dir`; the root is the entry "" of walk_print_none. */
void walk_print_add(struct walk_sum *sum, const struct xxh_key *key,
    const struct xxh128 *dir, const char *name, const struct walk_stat *st);
struct statprint walk_print_final(const struct walk_sum *sum);

#endif
