/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper.h: the process that alone touches LMDB. A damaged database can crash or stall whoever reads
 * it; here it crashes a child, and its parent reports a damaged ledger. The keeper decides nothing:
 * it hands over bytes, which the parent authenticates before it parses them, and stores bytes in one
 * transaction.
 *
 * Before it looks at the database it confines itself (confine.h), and its first words tell how.
 *
 * The keeper is forked while the program has one thread and no secret in memory (ledger_open), owns
 * the environment for its whole life, and ends with the thread that started it. After that, calls
 * may come from any thread: each is one question and its answer.
 *
 * Errors: ERR_LEDGER if the keeper died, stalled or found damage, and for every call after that;
 * ERR_IO if the system refused (no space left); else as said.
 */
#ifndef LEDGER_KEEPER_H
#define LEDGER_KEEPER_H

#include <sys/types.h>

#include "crypto/digest.h"
#include "ledger/wire.h"

enum keeper_mode {
	KEEPER_READ,
	KEEPER_WRITE,
	KEEPER_CREATE, /* make an empty database */
	KEEPER_FILL,   /* the same, durable only after keeper_sync() */
};

/* A keeper that says nothing for this long, or uses as much CPU time, is reading in circles. */
#define KEEPER_READ_PATIENCE_S 8

struct keeper;
struct confinement;

/* `dirfd` is the ledger directory, borrowed. */
MUSTUSE int keeper_start(
    int dirfd, enum keeper_mode mode, struct keeper **out, struct err *e);
void keeper_stop(struct keeper *k); /* NULL is fine */
/* What confines it (confine.h); NULL before its first answer. */
const struct confinement *keeper_confinement(const struct keeper *k);

/*
 * The newest head, then the entries in order, all of one moment. With `short_cut` they may begin at a
 * start: then `start` is called between. Bytes are borrowed for the call; a callback that fails ends
 * the dump, and the keeper with it.
 */
struct keeper_sink {
	void *ctx;
	int (*head)(void *ctx, uint64_t size, struct span note, struct err *e);
	/* `peaks`: what struct merkle holds for a tree of `seq` leaves, if the keeper is honest. */
	int (*start)(void *ctx, uint64_t seq, struct span peaks, struct err *e);
	int (*entry)(void *ctx, struct span bytes, struct err *e);
};
MUSTUSE int keeper_dump(
    struct keeper *k, bool short_cut, const struct keeper_sink *sink, struct err *e);

/* All heads that are kept, by size. */
MUSTUSE int keeper_heads(struct keeper *k,
    int (*head)(void *ctx, uint64_t size, struct span note, struct err *e), void *ctx,
    struct err *e);

/* The entries of these numbers, at most KEEPER_GET_MAX, in this order; one call of `entry` each. */
#define KEEPER_GET_MAX 65536
MUSTUSE int keeper_get_entries(struct keeper *k, const uint64_t *seqs, size_t n,
    int (*entry)(void *ctx, struct span bytes, struct err *e), void *ctx, struct err *e);

/*
 * Appends entries and sets the head, and the start if there is one, in one transaction, durable on
 * return. ERR_CONFLICT, with nothing written, unless the newest head is still `seen` (no bytes: the
 * first head of all).
 */
struct keeper_batch {
	struct span seen;
	uint64_t first; /* sequence number of entries[0]: the size of `seen` */
	const struct span *entries;
	size_t n;
	uint64_t start; /* with `peaks`; they are noted if there are any */
	struct span peaks;
	struct span head;
};
MUSTUSE int keeper_append(
    struct keeper *k, const struct keeper_batch *batch, struct err *e);

/* From here on appends are given up after so many seconds, and the keeper with them. */
void keeper_hurry(struct keeper *k, int patience_s);

/*
 * Manifests: chunks of compressed text under the SHA-256 of the whole. They are there for readers
 * when the last ones came, with the number of all.
 */
struct keeper_chunks {
	uint32_t first;	   /* index of the first one here */
	uint32_t all;	   /* how many there are, WIRE_MORE_CHUNKS if others follow */
	struct span items; /* of wire_pack(), at most WIRE_MAX_BYTES - 64 */
};
#define KEEPER_CHUNK_BYTES (256U << 10) /* plain text of one chunk */
MUSTUSE int keeper_put_chunks(struct keeper *k, const struct digest *digest,
    const struct keeper_chunks *chunks, struct err *e);
/* ERR_NOT_FOUND: no such manifest, or not all of it. */
MUSTUSE int keeper_count_chunks(
    struct keeper *k, const struct digest *digest, uint32_t *n, struct err *e);
/* Inflated by the keeper; replaces the content of `text`. */
MUSTUSE int keeper_get_chunk(struct keeper *k, const struct digest *digest,
    uint32_t index, struct buf *text, struct err *e);

/* ---- copies of a whole database ---- */

/* The databases of layerseal-ledger(5), and what is in them beside numbers and digests. */
enum keeper_db { DB_META, DB_ENTRY, DB_HEAD, DB_MANIFEST, DB_COUNT };
#define KEEPER_FORMAT "layerseal/v1"
#define KEEPER_START "start" /* u64 sequence number, one hash for each bit set in it */
#define KEEPER_CHUNKS_MARK 0xffffffffU /* index of what holds the number of chunks */

/* A manifest as it is stored, which need not be a whole one. */
struct keeper_manifest {
	struct digest digest;
	uint32_t chunks; /* that are there */
	uint32_t all;	 /* that there should be; 0: it was never finished */
	uint64_t bytes;	 /* of compressed text */
};
/* All of them, by digest; *out is heap. */
MUSTUSE int keeper_list_manifests(
    struct keeper *k, struct keeper_manifest **out, size_t *n, struct err *e);
/* Replaces the content of `stored`; ERR_NOT_FOUND if this chunk is not there. */
MUSTUSE int keeper_get_stored(struct keeper *k, const struct digest *digest,
    uint32_t index, struct buf *stored, struct err *e);

/* Keys and values by turns, wire_pack()ed; keys in order, and behind all that are there. */
MUSTUSE int keeper_fill(
    struct keeper *k, enum keeper_db db, struct span items, struct err *e);
MUSTUSE int keeper_sync(struct keeper *k, struct err *e);

/* The child's side (keeper_child.c): serves until the socket closes; never returns. */
NORETURN void keeper_serve(int socket_fd, int dirfd, enum keeper_mode mode, pid_t parent);

#endif
