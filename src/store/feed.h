/* SPDX-License-Identifier: Apache-2.0 */
/*
 * feed.h: the pieces of a layer's tar in order, read ahead by a thread of their own, so that
 * opening and reading files goes on while the previous bytes are hashed. At most FEED_BLOCKS
 * blocks are ahead. One consumer.
 */
#ifndef STORE_FEED_H
#define STORE_FEED_H

#include "store/tarsplit.h"
#include "tree/known.h"

#define FEED_BLOCKS                                                                      \
	12 /* one is filled in less time than a known part (known.h) is hashed */
#define FEED_BLOCK_BYTES (256U << 10)

enum feed_kind {
	FEED_SEGMENT, /* raw bytes of the tar */
	FEED_FILE,    /* a file entry; its body follows if `size` is not 0 */
	FEED_BODY,    /* some bytes of it */
	FEED_END,
};

/* Borrowed until the next call. */
struct feed_piece {
	enum feed_kind kind;
	const char *name; /* file: as in the tar header */
	const char *path; /* file: cleaned, where it was opened */
	uint64_t size;	  /* file: of its body */
	/* file: what is there instead of a regular file of that size, else NULL. Its body follows
	 * as zeros, so that the headers behind it can still be read. */
	const char *missing;
	const uint8_t *data; /* segment, body */
	size_t len;
	const struct digest
	    *verity; /* last piece of a body, if asked for: of all of it */
};

struct feed;
struct feed_options {
	struct tarsplit *lines; /* belongs to the feed until feed_stop() */
	int tree_fd;
	bool verity;	     /* the digests of bodies are wanted */
	struct known *known; /* gets the bodies, until feed_stop(); may be NULL */
};
MUSTUSE int feed_start(const struct feed_options *o, struct feed **out, struct err *e);
/* ERR_MALFORMED: the lines. ERR_CHANGED: a file changed while it was read. ERR_IO. */
MUSTUSE int feed_next(struct feed *f, struct feed_piece *out, struct err *e);
void feed_stop(struct feed *f); /* NULL is fine */

#endif
