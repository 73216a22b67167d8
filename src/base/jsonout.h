/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jsonout.h: a small JSON writer: fixed order of members, everything escaped by esc_json(). Text is
 * collected, so that a failing command never leaves half a document.
 */
#ifndef BASE_JSONOUT_H
#define BASE_JSONOUT_H

#include "base/buf.h"

struct jsonout {
	struct buf text;
	bool need_comma;
};

void jsonout_init(struct jsonout *j);
void jsonout_release(struct jsonout *j);
#define CLEANUP_JSONOUT CLEANUP(jsonout_release)

/* `name` is NULL inside arrays and for the outermost value. */
void jsonout_begin(struct jsonout *j, const char *name, char bracket);	  /* '{' or '[' */
void jsonout_end(struct jsonout *j, char bracket);			  /* '}' or ']' */
void jsonout_str(struct jsonout *j, const char *name, const char *value); /* NULL: null */
void jsonout_u64(struct jsonout *j, const char *name, uint64_t value);
void jsonout_bool(struct jsonout *j, const char *name, bool value);
void jsonout_seconds(
    struct jsonout *j, const char *name, double value); /* three decimals */

/* A value that is JSON already. */
void jsonout_raw(struct jsonout *j, const char *name, const char *json);

#endif
