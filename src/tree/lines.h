/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lines.h: the text of a manifest, which comes in chunks, line by line; in manifest order, or it is an error.
 */
#ifndef TREE_LINES_H
#define TREE_LINES_H

#include "tree/manifest.h"

/* Yields the next chunk of the manifest's text, *len == 0 at its end. Borrowed until the next call. */
typedef int lines_read_fn(void *ctx, const char **data, size_t *len, struct err *e);

struct lines {
	lines_read_fn *read;
	void *ctx;
	const char *chunk; /* borrowed from read() */
	size_t chunk_len;
	bool at_end;
	struct buf line;   /* of the newest one, with its LF; empty at the end */
	struct buf path;   /* that it is about, raw bytes */
	struct buf before; /* that of the line before */
};

void lines_init(struct lines *l, lines_read_fn *read, void *ctx);
void lines_release(struct lines *l);
#define CLEANUP_LINES CLEANUP(lines_release)

/*
 * The next line in l->line and its path in l->path: both are empty at the end. Of the line no more than its path was looked
 * at. ERR_MALFORMED: no line, or not behind the one before.
 */
MUSTUSE int lines_next(struct lines *l, struct err *e);

#endif
