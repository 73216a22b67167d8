/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tiles.h: a log as plain files, for readers that are not ours: the C2SP tlog-tiles layout
 * (c2sp.org/tlog-tiles) in a directory.
 *
 *   checkpoint                      the signed head
 *   tile/<L>/<N>[.p/<W>]            hashes: level L, tile N, W of them if fewer than 256
 *   tile/entries/<N>[.p/<W>]        the entries of tile N of level 0, each behind its length (u16, big endian)
 *
 * N is spelled in groups of three digits, x001/x234/067. A hash of level 0 is the leaf hash of an entry, one of
 * level L+1 the root of a full tile of level L. Files never change, but for the checkpoint; a partial
 * tile may vanish once the full one is there.
 */
#ifndef LEDGER_TILES_H
#define LEDGER_TILES_H

#include "crypto/merkle.h"
#include "crypto/note.h"
#include "ledger/entry.h"

#define TILE_HASHES 256
#define TILE_LEVELS 8 /* 256^8 entries: as many as there are sizes */
#define TILE_BUNDLE_MAX (TILE_HASHES * (2 + ENTRY_MAX_BYTES))
#define TILES_CHECKPOINT "checkpoint"
#define TILES_TEMP ".layerseal-export" /* one, for there is one writer at a time */

struct tile {
	uint64_t index; /* N */
	unsigned n;	/* hashes in it */
	struct digest hash[TILE_HASHES];
};

/* The path of a tile; level TILE_ENTRIES: of the entries. `width` 256 is a full one. */
#define TILE_ENTRIES (-1)
#define TILE_PATH_MAX 64
void tile_path(int level, uint64_t index, unsigned width, char out[static TILE_PATH_MAX]);
/* How many full hashes of this level a log of `size` entries has. */
uint64_t tile_hashes(uint64_t size, unsigned level);
/* The root of the hashes of one tile; of a full one a hash of the level above. */
void tile_root(const struct tile *t, struct digest *out);
/* The root of a log from the last, partial tile of each level (n == 0: the level has none). */
void tile_edge_root(const struct tile edge[static TILE_LEVELS], struct digest *out);

/*
 * Writes an export, or extends one of `kept` entries that is there. What the first `kept` entries fill
 * is not written but compared: ERR_LEDGER if it is missing or differs. Nothing that a reader of the
 * old checkpoint needs is removed or replaced before the new one is in place. There may be only one
 * writer: the caller sees to that.
 */
struct tiles_writer;
/* `dirfd` is borrowed. */
struct tiles_writer *tiles_writer_new(int dirfd, uint64_t kept);
/* The next entry, whose hash is `leaf`; the first one is entry 0, whether or not it is kept. */
MUSTUSE int tiles_writer_add(struct tiles_writer *w, const void *entry, size_t len,
    const struct digest *leaf, struct err *e);
uint64_t tiles_writer_size(const struct tiles_writer *w);
void tiles_writer_root(const struct tiles_writer *w, struct digest *out);
/* Writes one more file beside the tiles. */
MUSTUSE int tiles_writer_file(struct tiles_writer *w, const char *name, const void *data,
    size_t len, struct err *e);
/* Brings all to the disk, then the checkpoint; then removes partial tiles that are full now. */
MUSTUSE int tiles_writer_finish(
    struct tiles_writer *w, const void *note, size_t len, struct err *e);
void tiles_writer_free(struct tiles_writer *w); /* NULL is fine */
void tiles_writer_free_p(struct tiles_writer **w);
#define CLEANUP_TILES_WRITER CLEANUP(tiles_writer_free_p)

/*
 * Reads an export that anybody may have written. Every hash is authenticated, from the root down,
 * before it is used, and every entry before it is shown. Memory does not depend on the size.
 * ERR_LEDGER: a file is missing, is no regular file, has another length, or is not what was signed.
 */
struct tiles_reader;
/* The checkpoint as it stands there, unauthenticated. ERR_NOT_FOUND: none, so this is no export. */
MUSTUSE int tiles_read_checkpoint(int dirfd, struct buf *note, struct err *e);
/* `head` is what the caller believes; the directory is borrowed. */
MUSTUSE int tiles_reader_new(
    int dirfd, const struct checkpoint *head, struct tiles_reader **out, struct err *e);
/* The root of a range that a proof consists of (merkle.h). */
MUSTUSE int tiles_reader_root(struct tiles_reader *r, const struct merkle_range *range,
    struct digest *out, struct err *e);
/* Every entry in order, bytes borrowed for the call. */
typedef int tiles_entry_fn(
    void *ctx, uint64_t seq, const char *bytes, size_t len, struct err *e);
MUSTUSE int tiles_reader_entries(
    struct tiles_reader *r, tiles_entry_fn *fn, void *ctx, struct err *e);
void tiles_reader_free(struct tiles_reader *r); /* NULL is fine */
void tiles_reader_free_p(struct tiles_reader **r);
#define CLEANUP_TILES_READER CLEANUP(tiles_reader_free_p)

#endif
