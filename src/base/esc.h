/* SPDX-License-Identifier: Apache-2.0 */
/*
 * esc.h: untrusted bytes on their way to a terminal, a log, JSON or a signed line. The only
 * place that does this. Every byte value 0x00-0xff is covered by a test.
 *
 * A function that fails leaves `out` as it was.
 */
#ifndef BASE_ESC_H
#define BASE_ESC_H

#include "base/buf.h"

/* Longest result of esc_text(), without the "..." of one that is cut: any path fits in full. */
#define ESC_TEXT_MAX (4 * 4096)

/*
 * Decodes the code point at s (len > 0). Returns its length in bytes, or 0 if no well-formed UTF-8
 * starts there: a lone continuation byte, a truncated or overlong sequence, a surrogate, or above
 * U+10FFFF.
 */
size_t esc_utf8_decode(const void *s, size_t len, uint32_t *code_point);

/*
 * Text for people: printable ASCII (0x20-0x7e) except backslash as it is; valid UTF-8 of a
 * visible code point as it is; everything else (control characters, C1, what is invisible or
 * sets the direction of text, private use, bytes that are not well-formed UTF-8) as \xHH per byte, backslash
 * as "\\". Returns heap memory; what would be longer than ESC_TEXT_MAX is cut between two
 * characters and ends in "...".
 */
char *esc_text(const void *data, size_t len);
char *esc_str(const char *s); /* esc_text of a C string; NULL gives "" */

/*
 * One token of a line format (entries, manifests): bytes 0x21-0x7e except backslash and those
 * in `also` (NULL: none) as they are, everything else as \xHH in lower case. Empty bytes are
 * spelled "-", so the one byte "-" is spelled "\x2d"; anywhere else "-" stands for itself.
 * There is exactly one spelling of every byte string, and none is the empty string.
 */
MUSTUSE int esc_token(
    struct buf *out, const void *data, size_t len, const char *also, struct err *e);
/* Inverse; refuses any spelling esc_token() would not have produced (ERR_MALFORMED). */
MUSTUSE int esc_untoken(
    struct buf *out, const char *token, size_t len, const char *also, struct err *e);

/*
 * A JSON string with its quotes, printable ASCII only. Other valid UTF-8 becomes \uXXXX (surrogate
 * pairs above U+FFFF); a byte that is not part of valid UTF-8 becomes U+FFFD.
 */
MUSTUSE int esc_json(struct buf *out, const void *data, size_t len, struct err *e);

#endif
