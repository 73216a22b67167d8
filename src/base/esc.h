/* SPDX-License-Identifier: Apache-2.0 */
/*
 * esc.h: untrusted bytes on their way to a terminal, a log, JSON or a signed line. The only
 * place that does this. Every byte value 0x00-0xff is covered by a test.
 */
#ifndef BASE_ESC_H
#define BASE_ESC_H

#include "base/buf.h"

/*
 * Text for people: printable ASCII (0x20-0x7e) except backslash as it is; valid UTF-8 of a
 * printable, non-bidi, non-control code point as it is; everything else as \xHH per byte,
 * backslash as "\\". Returns heap memory, at most `max` characters (then "..." is appended).
 */
char *esc_text(const void *data, size_t len);
char *esc_str(const char *s); /* esc_text of a C string; NULL gives "" */

/*
 * One token of a line format (entries, manifests): bytes 0x21-0x7e except backslash and those
 * in `also` as they are, everything else as \xHH in lower case; a token that is empty or is
 * exactly "-" has its spelling made unambiguous: "" becomes "-", "-" becomes "\x2d".
 * There is exactly one spelling of every byte string.
 */
MUSTUSE int esc_token(
    struct buf *out, const void *data, size_t len, const char *also, struct err *e);
/* Inverse; refuses any spelling esc_token() would not have produced (ERR_MALFORMED). */
MUSTUSE int esc_untoken(
    struct buf *out, const char *token, size_t len, const char *also, struct err *e);

/*
 * A JSON string with its quotes, ASCII only. Valid UTF-8 becomes \uXXXX (surrogate pairs
 * above U+FFFF); a byte that is not part of valid UTF-8 becomes U+FFFD.
 */
MUSTUSE int esc_json(struct buf *out, const void *data, size_t len, struct err *e);

#endif
