/* SPDX-License-Identifier: Apache-2.0 */
/* value.c: see value.h: where trees lie, how they are read, and written. */
#include "store/value.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- room ---- */

#define BLOCK_BYTES 16384
#define BLOCK_BYTES_MAX (1U << 20)
/* With fewer members, all are compared with the one that is sought. */
#define FEW 16

struct value_block {
	struct value_block *older;
	size_t used, size;
	_Alignas(max_align_t) char bytes[];
};

static void add_block(struct value_room *r, size_t bytes)
{
	size_t size = r->block ? 2 * r->block->size : BLOCK_BYTES;
	struct value_block *b;

	if (size > BLOCK_BYTES_MAX)
		size = BLOCK_BYTES_MAX;
	if (size < bytes)
		size = bytes;
	b = xmalloc(sizeof(*b) + size);
	*b = (struct value_block){.older = r->block, .size = size};
	r->block = b;
}

void *value_alloc(struct value_room *r, size_t bytes)
{
	void *p;

	bytes = (bytes + sizeof(void *) - 1) & ~(sizeof(void *) - 1);
	if (!r->block || r->block->size - r->block->used < bytes)
		add_block(r, bytes);
	p = r->block->bytes + r->block->used;
	r->block->used += bytes;
	return p;
}

/* The newest block is the largest. */
void value_room_clear(struct value_room *r)
{
	struct value_block *newest = r->block;

	if (!newest)
		return;
	r->block = newest->older;
	value_room_release(r);
	newest->older = NULL;
	newest->used = 0;
	r->block = newest;
}

void value_room_release(struct value_room *r)
{
	while (r->block) {
		struct value_block *b = r->block;

		r->block = b->older;
		free(b);
	}
}

/* ---- reading ---- */

static int by_name(const void *a, const void *b)
{
	const struct value *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static struct value **sorted_members(const struct value *map, struct value **v)
{
	struct value *m;
	size_t n = 0;

	value_each(m, map) v[n++] = m;
	qsort(v, n, sizeof(struct value *), by_name);
	return v;
}

static bool is_named(const struct value *m, const char *name, size_t len)
{
	return m->name_len == len && memcmp(m->name, name, len) == 0;
}

bool value_settle_map(struct value_room *r, struct value *map)
{
	struct value *a, *b;

	if (map->n > FEW) {
		map->by_name =
		    sorted_members(map, value_alloc(r, map->n * sizeof(struct value *)));
		for (size_t i = 1; i < map->n; i++) {
			if (by_name(&map->by_name[i - 1], &map->by_name[i]) == 0)
				return false;
		}
		return true;
	}
	value_each(a, map)
	{
		for (b = a->next; b; b = b->next) {
			if (is_named(a, b->name, b->name_len))
				return false;
		}
	}
	return true;
}

static int compare_name(const void *name, const void *member)
{
	const struct value *const *m = member;

	return strcmp(name, (*m)->name);
}

struct value *value_get(const struct value *map, const char *name)
{
	size_t len = strlen(name);
	struct value *m, **found;

	if (!value_is(map, VALUE_MAP))
		return NULL;
	if (map->by_name) {
		found = bsearch(
		    name, map->by_name, map->n, sizeof(struct value *), compare_name);
		return found ? *found : NULL;
	}
	value_each(m, map)
	{
		if (is_named(m, name, len))
			return m;
	}
	return NULL;
}

const char *value_text(const struct value *v)
{
	return value_is(v, VALUE_TEXT) ? v->text : NULL;
}

int64_t value_integer(const struct value *v)
{
	return value_is(v, VALUE_INTEGER) ? v->integer : 0;
}

size_t value_size(const struct value *v)
{
	return value_is(v, VALUE_LIST) || value_is(v, VALUE_MAP) ? v->n : 0;
}

struct value *value_first(const struct value *v)
{
	return value_size(v) ? v->first : NULL;
}

bool value_remove(struct value *of, value_match *match, const void *ctx)
{
	size_t before = value_size(of), kept = 0;

	if (before == 0)
		return false;
	for (struct value **link = &of->first; *link;) {
		if (match(*link, ctx)) {
			*link = (*link)->next;
			of->n--;
		} else {
			link = &(*link)->next;
		}
	}
	for (size_t i = 0; of->by_name && i < before; i++) {
		if (!match(of->by_name[i], ctx))
			of->by_name[kept++] = of->by_name[i];
	}
	return of->n != before;
}

/* ---- writing ---- */

static const char *escape_of(unsigned char c, char text[static 8])
{
	static const char named[] = "\"\"\\\\\bb\ff\nn\rr\tt";

	for (const char *p = named; *p; p += 2) {
		if ((unsigned char)*p == c) {
			snprintf(text, 8, "\\%c", p[1]);
			return text;
		}
	}
	snprintf(text, 8, "\\u%04X", (unsigned)c);
	return text;
}

static int write_text(struct buf *out, const char *text, size_t len, struct err *e)
{
	int r = buf_adds(out, "\"", e);

	for (size_t i = 0, run = 0; !r && i < len; i += run + 1) {
		char escaped[8];

		for (run = 0; i + run < len; run++) {
			unsigned char c = (unsigned char)text[i + run];

			if (c < 0x20 || c == '"' || c == '\\')
				break;
		}
		r = buf_add(out, text + i, run, e);
		if (!r && i + run < len)
			r = buf_adds(
			    out, escape_of((unsigned char)text[i + run], escaped), e);
	}
	return r ? r : buf_adds(out, "\"", e);
}

static int write_members(
    struct buf *out, const struct value *v, bool sorted, struct err *e);

static int write_scalar(struct buf *out, const struct value *v, struct err *e)
{
	switch (v->type) {
	case VALUE_BOOL:
		return buf_adds(out, v->truth ? "true" : "false", e);
	case VALUE_INTEGER:
		return buf_addf(out, e, "%" PRId64, v->integer);
	case VALUE_REAL:
		return buf_add(out, v->text, v->n, e);
	case VALUE_TEXT:
		return write_text(out, v->text, v->n, e);
	case VALUE_NULL:
	case VALUE_LIST:
	case VALUE_MAP:
		break;
	}
	return buf_adds(out, "null", e);
}

int value_write(struct buf *out, const struct value *v, bool sorted, struct err *e)
{
	bool map = v->type == VALUE_MAP;
	int r;

	if (!map && v->type != VALUE_LIST)
		return write_scalar(out, v, e);
	r = buf_adds(out, map ? "{" : "[", e);
	if (!r)
		r = write_members(out, v, sorted, e);
	return r ? r : buf_adds(out, map ? "}" : "]", e);
}

static int write_member(
    struct buf *out, const struct value *m, bool of_map, bool sorted, struct err *e)
{
	int r = 0;

	if (of_map)
		r = write_text(out, m->name, m->name_len, e);
	if (!r && of_map)
		r = buf_adds(out, ":", e);
	return r ? r : value_write(out, m, sorted, e);
}

static int write_members(
    struct buf *out, const struct value *v, bool sorted, struct err *e)
{
	bool map = v->type == VALUE_MAP;
	CLEANUP_FREE struct value **order = NULL;
	const struct value *m = value_first(v);
	int r = 0;

	if (map && sorted && v->n)
		order = sorted_members(v, xcalloc(v->n, sizeof(struct value *)));
	for (size_t i = 0; !r && i < v->n; i++) {
		if (i)
			r = buf_adds(out, ",", e);
		if (!r)
			r = write_member(out, order ? order[i] : m, map, sorted, e);
		m = m->next;
	}
	return r;
}
