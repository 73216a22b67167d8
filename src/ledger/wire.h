/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire.h: frames between a process and its keeper (keeper.h): type and length in native byte order,
 * then the payload. Neither side believes the other's lengths.
 */
#ifndef LEDGER_WIRE_H
#define LEDGER_WIRE_H

#include "base/buf.h"

enum wire_type {
	/* requests; every one is answered, so a transaction never outlives its request */
	WIRE_DUMP = 1,	   /* u8 1: from the start that is noted, 0: all
			    * -> HEAD, perhaps START, ENTRIES..., DONE */
	WIRE_HEADS,	   /* -> HEAD... by size, DONE */
	WIRE_GET_ENTRIES,  /* u64 sequence numbers -> ENTRIES..., DONE */
	WIRE_APPEND,	   /* the newest head as it was read ("": none yet); then
			    * ENTRIES..., perhaps START, HEAD -> DONE, CONFLICT */
	WIRE_PUT_CHUNKS,   /* digest, u32 first index, u32 number of all chunks (or
			    * WIRE_MORE_CHUNKS), items of compressed text -> DONE */
	WIRE_COUNT_CHUNKS, /* digest -> COUNT, ABSENT */
	WIRE_GET_CHUNK,	   /* digest, u32 index -> CHUNK */
	/* requests of who copies a database */
	WIRE_LIST_MANIFESTS, /* -> MANIFESTS..., DONE */
	WIRE_GET_STORED,     /* digest, u32 index -> STORED, ABSENT */
	WIRE_FILL, /* u32 database, items that are keys and values by turns, in order
		    * and behind all that is there -> DONE */
	WIRE_SYNC, /* -> DONE */
	/* both ways */
	WIRE_ENTRIES, /* items (wire_pack) of one entry each */
	WIRE_HEAD,    /* u64 size, note text */
	WIRE_START,   /* u64 sequence number where a reader may begin, and the
		       * roots of the perfect subtrees left of it */
	/* answers */
	WIRE_READY,	/* before all others, once: struct confinement */
	WIRE_COUNT,	/* u32 */
	WIRE_CHUNK,	/* plain text, at least one byte */
	WIRE_MANIFESTS, /* struct keeper_manifest... by digest */
	WIRE_STORED,	/* a chunk as it is stored */
	WIRE_DONE,
	WIRE_ABSENT,
	WIRE_CONFLICT,
	WIRE_ERROR, /* u32 error code as positive number, message */
};

#define WIRE_MAX_BYTES (8U << 20)
#define WIRE_MORE_CHUNKS UINT32_MAX

/*
 * Items in one payload, so that small ones do not cost a system call each: u32 length, bytes.
 * wire_unpack() gives the next of what is left; false at the end or where a length overruns.
 */
#define WIRE_PACK_BYTES (256U << 10)
MUSTUSE int wire_pack(struct buf *payload, const void *data, size_t len, struct err *e);
bool wire_unpack(const char **rest, size_t *left, const char **data, size_t *len);

/* Borrowed bytes. */
struct span {
	const void *data;
	size_t len;
};
#define NO_BYTES ((struct span){0})

/* One end of the socket. */
struct wire {
	int fd;
	int patience_s; /* how long one frame may keep us waiting; -1: for ever */
};

/* Sends the two parts as one payload. ERR_IO: the other side is gone, or stalled. */
MUSTUSE int wire_send(const struct wire *w, enum wire_type type, struct span first,
    struct span second, struct err *e);

/*
 * Receives one frame into `payload` (replaced). ERR_NOT_FOUND: the other side closed between
 * frames. ERR_IO: it closed within one, stalled, or sent nonsense.
 */
MUSTUSE int wire_recv(
    const struct wire *w, enum wire_type *type, struct buf *payload, struct err *e);

#endif
