/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire.h: frames between a process and its keeper (keeper.h): type and length in native byte order,
 * then the payload. Neither side believes the other's lengths.
 */
#ifndef LEDGER_WIRE_H
#define LEDGER_WIRE_H

#include "base/buf.h"

enum wire_type {
	/* requests */
	WIRE_DUMP = 1, /* -> ENTRIES..., HEAD, DONE */
	WIRE_APPEND,   /* u64 expected size; then ENTRIES..., HEAD -> DONE, CONFLICT */
	WIRE_HAS_MANIFEST, /* digest -> DONE, ABSENT */
	WIRE_PUT_CHUNK, /* digest, u32 index, compressed text: no answer until WIRE_PUT_DONE */
	WIRE_PUT_DONE,	   /* digest, u32 chunks -> DONE */
	WIRE_GET_MANIFEST, /* digest -> CHUNK..., DONE, or ABSENT */
	/* both ways */
	WIRE_ENTRIES, /* items (wire_pack) of one entry each */
	WIRE_HEAD,    /* u64 size, note text */
	/* answers */
	WIRE_CHUNK,
	WIRE_DONE,
	WIRE_ABSENT,
	WIRE_CONFLICT,
	WIRE_ERROR, /* u32 error code as positive number, message */
};

#define WIRE_MAX_BYTES (2U << 20)

/*
 * Items in one payload, so that small ones do not cost a system call each: u32 length, bytes.
 * wire_unpack() gives the next of what is left; false at the end or where a length overruns.
 */
#define WIRE_PACK_BYTES (256U << 10)
MUSTUSE int wire_pack(struct buf *payload, const void *data, size_t len, struct err *e);
bool wire_unpack(const char **rest, size_t *left, const char **data, size_t *len);

/* Sends the two parts as one payload. ERR_IO if the other side is gone. */
MUSTUSE int wire_send(int fd, enum wire_type type, const void *a, size_t a_len,
    const void *b, size_t b_len, struct err *e);

/*
 * Receives one frame into `payload` (replaced). Waits at most timeout_ms between bytes, for ever if
 * negative. ERR_NOT_FOUND: the other side closed between frames. ERR_IO: it closed within one, stalled,
 * or sent nonsense.
 */
MUSTUSE int wire_recv(
    int fd, int timeout_ms, enum wire_type *type, struct buf *payload, struct err *e);

#endif
