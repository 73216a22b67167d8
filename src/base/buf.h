/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buf.h: growable bytes with a mandatory maximum. The content is always followed by a NUL that
 * is not counted, so that text can be used as a C string. Appending past the maximum is an
 * error the caller sees (ERR_MALFORMED: the input is larger than its format allows).
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/err.h"

struct buf {
	char *data; /* owned; "" before the first append */
	size_t len; /* bytes in use */
	size_t cap; /* bytes allocated */
	size_t max; /* content may not grow beyond this */
};

/* A zero-byte buffer that allocates nothing yet. */
void buf_init(struct buf *b, size_t max);
void buf_release(struct buf *b); /* frees; the buffer is as after buf_init() */
void buf_clear(struct buf *b);	 /* len = 0, keeps the memory */
/* Forgets everything from byte `len` on; len <= b->len. */
void buf_truncate(struct buf *b, size_t len);
#define CLEANUP_BUF CLEANUP(buf_release)

MUSTUSE int buf_add(struct buf *b, const void *data, size_t len, struct err *e);
MUSTUSE int buf_adds(struct buf *b, const char *s, struct err *e);
MUSTUSE int buf_addf(struct buf *b, struct err *e, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/*
 * Makes room for `more` bytes (and the NUL) at b->data + b->len. Whoever writes there adds to
 * b->len and puts the NUL.
 */
MUSTUSE int buf_reserve(struct buf *b, size_t more, struct err *e);

/* Hands the bytes over (NUL-terminated, heap); the buffer is empty afterwards. */
char *buf_take(struct buf *b);

#endif
