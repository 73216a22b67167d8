/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tarsplit.h: the stream from which containers/storage remakes a layer's tar: gzip (several
 * members are one stream) of JSON lines, each a segment of raw tar bytes or the body of a file.
 *
 * Go's encoding/json reads far more than it writes: keys in any case and order, duplicates, null.
 * Here a line must be spelled as vbatts/tar-split spells it, so that nothing can be read in two
 * ways. Input is hostile; memory is one line of at most TARSPLIT_LINE_MAX bytes.
 */
#ifndef STORE_TARSPLIT_H
#define STORE_TARSPLIT_H

#include "base/buf.h"
#include "crypto/digest.h"

#define TARSPLIT_LINE_MAX (64U << 20)

enum tarsplit_type { TARSPLIT_FILE = 1, TARSPLIT_SEGMENT = 2 };

/* Borrowed from the reader until its next call. */
struct tarsplit_entry {
	enum tarsplit_type type;
	const char *name;     /* file: as in the tar header, raw bytes, no NUL inside */
	uint64_t size;	      /* file: bytes of its body */
	uint64_t crc;	      /* file with a body: CRC-64 (ISO) of it */
	const uint8_t *bytes; /* segment */
	size_t len;
};

/* Yields up to `cap` more bytes of the compressed file; *got == 0 at its end. */
typedef int tarsplit_read_fn(
    void *ctx, void *data, size_t cap, size_t *got, struct err *e);

struct tarsplit;
/* `gzip` false: the bytes are the JSON lines themselves (tests, fuzzing). */
struct tarsplit *tarsplit_new(tarsplit_read_fn *read, void *ctx, bool gzip);
void tarsplit_free(struct tarsplit *t);

/* *end true (and no entry) after the last line. ERR_MALFORMED names the rule that was broken. */
MUSTUSE int tarsplit_next(
    struct tarsplit *t, struct tarsplit_entry *out, bool *end, struct err *e);

/* Once, after *end: SHA-256 of the lines. */
void tarsplit_digest(struct tarsplit *t, struct digest *out);

/* CRC-64 (ISO 3309) as Go's hash/crc64; starts with 0. */
uint64_t tarsplit_crc(uint64_t crc, const void *data, size_t len);

#endif
