/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest.h: the canonical listing of one layer's tree, one line per name, in the text format
 * of composefs-dump(5):
 *
 *   PATH SIZE MODE NLINK UID GID RDEV MTIME PAYLOAD CONTENT DIGEST [XATTR=VALUE ...] LF
 *
 * made canonical so that a tree has exactly one manifest:
 *   - depth first: a directory's line, then its children sorted by name bytes, each followed by
 *     its own children. (That is byte order of paths in which "/" sorts before every other byte.)
 *     The first line is the root, PATH "/".
 *   - every token is spelled by esc_token() (base/esc.h); in XATTR names "=" is escaped too.
 *   - SIZE is the bytes of a regular file or of a symbolic link's target, 0 for everything else.
 *   - MODE is octal with the file type, no leading zero; "@" in front marks a hard link: the line
 *     repeats the inode's columns, PAYLOAD is the inode's first path in manifest order, and
 *     DIGEST and XATTRs are "-" and absent. Directories are never hard links.
 *   - NLINK is st_nlink, for directories always 1 (file systems count them differently).
 *   - RDEV is major * 2^32 + minor, decimal; 0 unless a device.
 *   - MTIME is seconds "." nine digits of nanoseconds.
 *   - PAYLOAD is a symbolic link's target, a hard link's first path, else "-". CONTENT is "-".
 *   - DIGEST is the fs-verity digest (64 hex) of a regular file of at least one byte, else "-".
 *   - XATTRs sorted by name bytes, all that listxattr shows but security.selinux. An empty value is
 *     nothing behind the "=", as composefs-dump(5) reads it.
 *
 * The SHA-256 of the whole text is the layer's tree digest.
 */
#ifndef TREE_MANIFEST_H
#define TREE_MANIFEST_H

#include <sys/stat.h>

#include "base/buf.h"
#include "crypto/digest.h"

/* Longest line accepted, with its LF; longer ones (a tree with absurd xattrs) are ERR_MALFORMED. */
#define MANIFEST_LINE_MAX (1U << 20)

struct manifest_xattr {
	const char *name; /* NUL-terminated */
	const void *value;
	size_t len;
};

struct manifest_entry {
	const char *path; /* absolute in the tree, raw bytes, "/" for the root */
	uint64_t size;
	uint32_t mode; /* with type */
	bool hardlink; /* a later name of an inode; `payload` is its first path */
	uint64_t nlink;
	uint32_t uid, gid;
	uint32_t dev_major, dev_minor;
	int64_t mtime_sec;
	uint32_t mtime_nsec;
	const char *payload; /* raw bytes, NULL for none */
	bool has_digest;
	struct digest digest;
	const struct manifest_xattr *xattrs;
	size_t n_xattrs;
};

/* Appends the line of `m`. */
MUSTUSE int manifest_format(
    const struct manifest_entry *m, struct buf *out, struct err *e);

/*
 * Parses one line (with or without its LF). Refuses anything manifest_format() would not have
 * written. The strings of *out live in `scratch`, until it is cleared.
 */
struct manifest_scratch; /* reusable memory of one parser */
struct manifest_scratch *manifest_scratch_new(void);
void manifest_scratch_free(struct manifest_scratch *s);
MUSTUSE int manifest_parse(const char *line, size_t len, struct manifest_scratch *scratch,
    struct manifest_entry *out, struct err *e);

/* The DIGEST column of a line that manifest_format() wrote. */
char *manifest_line_digest(char *line);

/* Manifest order of two paths: <0, 0, >0. */
int manifest_path_cmp(const char *a, const char *b);
/* Absolute, without empty, "." or ".." components, no component longer than a file system takes. */
bool manifest_path_ok(const char *path);
/* True if `path` is somewhere below the directory `dir`. */
bool manifest_path_below(const char *dir, const char *path);

#endif
