/* SPDX-License-Identifier: Apache-2.0 */
/*
 * value.h: JSON that somebody else also parses, as a tree. Strict: RFC 8259, UTF-8, no member twice, no
 * \u0000, no lone surrogate, integers within int64, reals that are finite, containers at most
 * VALUE_DEPTH_MAX deep. The input is untrusted.
 *
 * A store of 2,000 layers has a megabyte of records, and every look at the store parses them: the tree lies in
 * blocks that are used again for the next record, and nothing in it is allocated by itself.
 */
#ifndef STORE_VALUE_H
#define STORE_VALUE_H

#include <stdint.h>

#include "base/buf.h"

/* What went wrong, for the finding: malformed, or readable in two ways. */
enum json_fault { JSON_OK, JSON_MALFORMED, JSON_AMBIGUOUS };

#define VALUE_DEPTH_MAX 32

enum value_type {
	VALUE_NULL,
	VALUE_BOOL,
	VALUE_INTEGER,
	VALUE_REAL, /* `text` as it was written */
	VALUE_TEXT,
	VALUE_LIST,
	VALUE_MAP,
};

/* All that it points to lives as long as its tree. Texts and names end with NUL and hold none. */
struct value {
	enum value_type type;
	bool truth;
	const char *name; /* of a member of a map */
	size_t name_len;
	struct value *next; /* member or element */
	union {
		int64_t integer;
		const char *text;
		struct value *first;
	};
	size_t n;		/* bytes of the text, or members, or elements */
	struct value **by_name; /* of a map with many members; else NULL */
};

/* Where trees lie. All zero: empty. */
struct value_block;
struct value_room {
	struct value_block *block;
};
void value_room_clear(
    struct value_room *r); /* all trees in it are gone; the memory stays */
void value_room_release(struct value_room *r);
#define CLEANUP_VALUE_ROOM CLEANUP(value_room_release)

/*
 * The value at the beginning of `json`, which has no NUL byte, without the space before it; *used: where it
 * ended. Faults have e->msg filled, which tells the byte, counted from `offset`.
 */
struct value_source {
	const char *json;
	size_t len, offset;
};
MUSTUSE enum json_fault value_parse(const struct value_source *source,
    struct value_room *room, struct value **out, size_t *used, struct err *e);

/* These take NULL, and a value of another type, for "not there": NULL, "", 0. */
struct value *value_get(const struct value *map, const char *name);
const char *value_text(const struct value *v); /* NULL if it is none */
int64_t value_integer(const struct value *v);
size_t value_size(const struct value *v); /* of a list or a map */
struct value *value_first(const struct value *v);
/* Members or elements, in the order of the document. */
#define value_each(child, of)                                                            \
	for ((child) = value_first(of); (child); (child) = (child)->next)

static inline bool value_is(const struct value *v, enum value_type type)
{
	return v && v->type == type;
}

/* Takes members of a map, or elements of a list, out of it; true if there was one. */
typedef bool value_match(const struct value *child, const void *ctx);
bool value_remove(struct value *of, value_match *match, const void *ctx);

/* Compact JSON, members in the order of the document or by name. */
MUSTUSE int value_write(
    struct buf *out, const struct value *v, bool by_name, struct err *e);

/* ---- for value_parse.c ---- */

void *value_alloc(struct value_room *r, size_t bytes);
/* Finds what is there twice; false if something is. A map has no `by_name` before. */
bool value_settle_map(struct value_room *r, struct value *map);

#endif
