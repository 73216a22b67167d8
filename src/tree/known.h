/* SPDX-License-Identifier: Apache-2.0 */
/*
 * known.h: what a measurement needs not read because it was read a moment ago, so that a tree is
 * read once for its diff-id and its manifest, and both are of the same bytes.
 *
 * A file's bytes are believed to be what they were as long as its inode is the same, its ctime is
 * older than a moment before everything was written back, and the file system is one whose ctime
 * tells of every store from then on (measure.c). Everything else is read again.
 */
#ifndef TREE_KNOWN_H
#define TREE_KNOWN_H

#include <sys/stat.h>
#include <time.h>

#include "crypto/digest.h"

struct known;

/*
 * `moment`: of the coarse clock, before a syncfs() that was before the first file was opened.
 * `scrub_key`: the measurement's (borrowed), NULL if it has none.
 */
struct known *known_new(const struct timespec *moment, const struct xxh_key *scrub_key);
void known_free(struct known *k);
void known_free_p(struct known **k);
#define CLEANUP_KNOWN CLEANUP(known_free_p)

/* One thread: a file is opened, what fstat() says; all of its bytes in order. */
void known_begin(struct known *k, const struct stat *st);
void known_bytes(struct known *k, const void *data, size_t len);
/* All were read and fstat() says the same. Without it the file is forgotten. */
void known_keep(struct known *k);
/* Nothing more comes: the measurement may ask. */
void known_end(struct known *k);

#endif
