/* SPDX-License-Identifier: Apache-2.0 */
/* hex.h: hexadecimal (lower case only) and base64 (RFC 4648, padded), strict both ways. */
#ifndef BASE_HEX_H
#define BASE_HEX_H

#include "base/buf.h"

/* `out` takes 2 * len characters and a NUL. */
void hex_encode(char *out, const void *data, size_t len);
/* True if `hex` is exactly 2 * len lower-case digits followed by NUL; fills `out`. */
bool hex_decode(void *out, size_t len, const char *hex);
/* True for a string of exactly n characters of [0-9a-f]. */
bool hex_is(const char *s, size_t n);

/* A function that fails leaves `out` as it was. */
MUSTUSE int base64_encode(struct buf *out, const void *data, size_t len, struct err *e);
/* Refuses white space, missing or wrong padding, and non-zero spare bits (ERR_MALFORMED). */
MUSTUSE int base64_decode(struct buf *out, const char *text, size_t len, struct err *e);

#endif
