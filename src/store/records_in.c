/* SPDX-License-Identifier: Apache-2.0 */
/*
 * records_in.c: one record, member by member; see records_in.h.
 *
 * A record is not required to be byte for byte what Go's encoder would write (compact, members in
 * the order of the structure, <, > and & escaped). It would add nothing: every document that
 * passes here is read the same way by every parser, whoever wrote it. And it could raise false
 * alarms: the order of members has changed between versions (toc-digest went in the middle), so
 * has the spelling of control characters in Go's encoder, and an administrator may have edited.
 */
#include "store/records_in.h"

#include <string.h>

#include "base/esc.h"
#include "base/hex.h"

/* The largest integer that a float64, to which Go reads the numbers of a map, holds exactly. */
#define FLOAT_EXACT_MAX (1LL << 53)

#define CANONICAL_MAX (8U << 20)

static enum json_fault bad(const char *key, const char *rule, struct err *e)
{
	err_set(e, ERR_MALFORMED, "member \"%.64s\" is not %s", key, rule);
	return JSON_MALFORMED;
}

/* "2006-01-02T15:04:05.999999999Z07:00", as Go writes it: digits where the pattern has one. */
static bool is_time(const char *s)
{
	static const char pattern[] = "dddd-dd-ddTdd:dd:dd";
	size_t n = 0;

	for (const char *p = pattern; *p; p++, s++) {
		if (*p == 'd' ? *s < '0' || *s > '9' : *s != *p)
			return false;
	}
	if (*s == '.') {
		n = strspn(s + 1, "0123456789");
		if (n < 1 || n > 9)
			return false;
		s += n + 1;
	}
	if (strcmp(s, "Z") == 0)
		return true;
	return (*s == '+' || *s == '-') && strlen(s) == 6 &&
	       strspn(s + 1, "0123456789") == 2 && s[3] == ':' &&
	       strspn(s + 4, "0123456789") == 2;
}

static bool is_integer(const struct value *v, int64_t min, int64_t max)
{
	return value_is(v, VALUE_INTEGER) && v->integer >= min && v->integer <= max;
}

static bool is_text(const struct value *v)
{
	return value_is(v, VALUE_TEXT);
}

static bool is_id(const struct value *v)
{
	return is_text(v) && v->n == ID_LEN && hex_is(v->text, ID_LEN);
}

static bool is_empty_text(const struct value *v)
{
	return is_text(v) && v->n == 0;
}

static bool is_digest(const struct value *v)
{
	struct digest d;

	return is_empty_text(v) || (is_text(v) && digest_parse_text(v->text, &d));
}

static bool is_id_map(const struct value *v)
{
	static const char *const keys[] = {"container_id", "host_id", "size"};
	const struct value *n;
	struct err e;

	if (!value_is(v, VALUE_MAP) ||
	    jsonin_names(v, keys, ARRAY_LEN(keys), true, &e) != JSON_OK)
		return false;
	value_each(n, v)
	{
		if (!is_integer(n, 0, UINT32_MAX))
			return false;
	}
	return true;
}

/* What every parser reads alike from a map of anything; depth is bounded by value.h. */
static bool is_plain(const struct value *v)
{
	const struct value *child;

	value_each(child, v)
	{
		if (!is_plain(child))
			return false;
	}
	return !value_is(v, VALUE_REAL) &&
	       (!value_is(v, VALUE_INTEGER) ||
		   is_integer(v, -FLOAT_EXACT_MAX, FLOAT_EXACT_MAX));
}

static bool is_flags(const struct value *v)
{
	const struct value *incomplete = value_get(v, "incomplete");

	return value_is(v, VALUE_MAP) && is_plain(v) &&
	       (!incomplete || value_is(incomplete, VALUE_BOOL));
}

typedef bool value_test(const struct value *v);

static bool is_size(const struct value *v)
{
	return is_integer(v, -1, INT64_MAX);
}

static bool is_uint32(const struct value *v)
{
	return is_integer(v, 0, UINT32_MAX);
}

/* A list or a map, all of it alike. */
static bool is_all(const struct value *v, enum value_type type, value_test *test)
{
	const struct value *child;

	value_each(child, v)
	{
		if (!test(child))
			return false;
	}
	return value_is(v, type);
}

static bool is_list_of(const struct value *v, value_test *test)
{
	return is_all(v, VALUE_LIST, test);
}

static bool is_map_of(const struct value *v, value_test *test)
{
	return is_all(v, VALUE_MAP, test);
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Borrowed, sorted; the caller frees the array. */
static const char **sorted_texts(const struct value *list, size_t *n)
{
	const char **v = xcalloc(value_size(list), sizeof(*v));
	const struct value *child;

	*n = 0;
	value_each(child, list) v[(*n)++] = child->text;
	if (*n)
		qsort(v, *n, sizeof(*v), compare_texts);
	return v;
}

static bool is_set(const struct value *list)
{
	CLEANUP_FREE const char **v = NULL;
	size_t n;

	if (!is_list_of(list, is_text))
		return false;
	v = sorted_texts(list, &n);
	for (size_t i = 1; i < n; i++) {
		if (strcmp(v[i - 1], v[i]) == 0)
			return false;
	}
	return true;
}

static enum json_fault check_member(
    const struct member *m, const struct value *v, struct err *e)
{
	switch (m->type) {
	case MEMBER_ID:
		return is_id(v) ? JSON_OK : bad(m->key, "64 lower-case hex digits", e);
	case MEMBER_ID_OR_EMPTY:
		return is_id(v) || is_empty_text(v)
			   ? JSON_OK
			   : bad(m->key, "64 lower-case hex digits or empty", e);
	case MEMBER_IDS:
		return is_list_of(v, is_id) ? JSON_OK : bad(m->key, "a list of ids", e);
	case MEMBER_TEXT:
		return is_text(v) ? JSON_OK : bad(m->key, "a string", e);
	case MEMBER_TEXTS:
		return is_list_of(v, is_text) ? JSON_OK
					      : bad(m->key, "a list of strings", e);
	case MEMBER_SET:
		return is_set(v) ? JSON_OK : bad(m->key, "a list of distinct strings", e);
	case MEMBER_TIME:
		return is_text(v) && is_time(v->text)
			   ? JSON_OK
			   : bad(m->key, "a time of RFC 3339", e);
	case MEMBER_DIGEST:
		return is_digest(v) ? JSON_OK
				    : bad(m->key, "sha256: and 64 hex digits", e);
	case MEMBER_DIGESTS:
		return is_map_of(v, is_digest) ? JSON_OK
					       : bad(m->key, "a map to digests", e);
	case MEMBER_SIZE:
		return is_size(v) ? JSON_OK : bad(m->key, "a size", e);
	case MEMBER_SIZES:
		return is_map_of(v, is_size) ? JSON_OK : bad(m->key, "a map to sizes", e);
	case MEMBER_COMPRESSION:
		return is_integer(v, 0, 4) ? JSON_OK : bad(m->key, "0 to 4", e);
	case MEMBER_UINT32S:
		return is_list_of(v, is_uint32) ? JSON_OK
						: bad(m->key, "a list of uint32", e);
	case MEMBER_ID_MAPS:
		return is_list_of(v, is_id_map) ? JSON_OK
						: bad(m->key, "a list of id maps", e);
	case MEMBER_FLAGS:
		return is_flags(v) ? JSON_OK : bad(m->key, "a map of plain values", e);
	}
	return JSON_MALFORMED;
}

/* The row of a key that is in the table; *next: where the search begins, as for jsonin_names(). */
static const struct member *find_member(
    const struct member *members, size_t n, const char *key, size_t *next)
{
	size_t row = *next % n;

	while (strcmp(members[row].key, key) != 0)
		row = (row + 1) % n;
	*next = row + 1;
	return &members[row];
}

enum json_fault record_check(
    const struct value *record, const struct member *members, size_t n, struct err *e)
{
	const char *keys[MEMBERS_MAX] = {0};
	const struct value *v;
	enum json_fault f;
	size_t next = 0;

	for (size_t i = 0; i < n; i++)
		keys[i] = members[i].key;
	f = jsonin_names(record, keys, n, true, e);
	if (f != JSON_OK)
		return f;
	value_each(v, record)
	{
		f = check_member(find_member(members, n, v->name, &next), v, e);
		if (f != JSON_OK)
			return f;
	}
	for (size_t i = 0; i < n; i++) {
		if (members[i].type == MEMBER_ID && !value_get(record, members[i].key))
			return bad(members[i].key, "there", e);
	}
	return JSON_OK;
}

const char *record_text(const struct value *record, const char *key)
{
	const char *text = value_text(value_get(record, key));

	return text ? text : "";
}

const char *record_subject(const struct value *record)
{
	const struct value *id = value_get(record, "id");

	return is_id(id) ? id->text : NULL;
}

void record_id(const struct value *record, const char *key, char out[static ID_LEN + 1])
{
	const struct value *id = value_get(record, key);

	memset(out, 0, ID_LEN + 1);
	if (is_id(id))
		memcpy(out, id->text, ID_LEN);
}

struct opt_digest record_digest(const struct value *record, const char *key)
{
	struct opt_digest d = {0};

	d.has = digest_parse_text(record_text(record, key), &d.d);
	return d;
}

int64_t record_size(const struct value *record, const char *key)
{
	return value_integer(value_get(record, key));
}

char **record_texts(const struct value *record, const char *key, size_t *n)
{
	const struct value *list = value_get(record, key), *text;
	char **v;

	*n = 0;
	if (value_size(list) == 0)
		return NULL;
	v = xcalloc(list->n, sizeof(*v));
	value_each(text, list) v[(*n)++] = xstrdup(text->text);
	return v;
}

static bool value_is_empty(const struct value *v)
{
	if (is_text(v))
		return v->n == 0 || strcmp(v->text, "0001-01-01T00:00:00Z") == 0;
	if (value_is(v, VALUE_INTEGER))
		return v->integer == 0;
	return value_size(v) == 0;
}

bool record_is_empty(const struct value *record, const char *key)
{
	return value_is_empty(value_get(record, key));
}

/* The value in its one spelling, as text. */
static int add_value(struct buf *out, const struct value *v, struct err *e)
{
	CLEANUP_FREE const char **names = NULL;
	CLEANUP_BUF struct buf text;
	size_t n;
	int r = 0;

	buf_init(&text, CANONICAL_MAX);
	if (is_text(v))
		return esc_token(out, v->text, v->n, "", e);
	if (strcmp(v->name, "big-data-names") == 0) {
		names = sorted_texts(v, &n);
		for (size_t i = 0; !r && i < n; i++) {
			r = i ? buf_adds(out, " ", e) : 0;
			if (!r)
				r = esc_token(out, names[i], strlen(names[i]), "", e);
		}
		return r;
	}
	r = value_write(&text, v, true, e);
	return r ? r : esc_token(out, text.data, text.len, "", e);
}

static bool is_incomplete(const struct value *flag, const void *ctx)
{
	(void)ctx;
	return strcmp(flag->name, "incomplete") == 0;
}

static int add_line(struct buf *out, struct value *v, struct err *e)
{
	int r;

	/* A layer is marked incomplete while the engine makes or removes it. */
	if (strcmp(v->name, "flags") == 0)
		(void)value_remove(v, is_incomplete, NULL);
	if (value_is_empty(v))
		return 0;
	r = buf_add(out, v->name, v->name_len, e);
	if (!r)
		r = buf_adds(out, " ", e);
	if (!r)
		r = add_value(out, v, e);
	return r ? r : buf_adds(out, "\n", e);
}

static bool is_among(const char *key, const char *const list[])
{
	for (; *list; list++) {
		if (strcmp(key, *list) == 0)
			return true;
	}
	return false;
}

static int compare_members(const void *a, const void *b)
{
	const struct value *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

int record_canonical(
    struct value *record, const char *const without[], struct digest *out, struct err *e)
{
	CLEANUP_BUF struct buf text;
	struct value *members[MEMBERS_MAX] = {0}, *v;
	size_t n = 0;
	int r = 0;

	buf_init(&text, CANONICAL_MAX);
	/* record_check() has bounded their number. */
	value_each(v, record)
	{
		if (!is_among(v->name, without))
			members[n++] = v;
	}
	qsort(members, n, sizeof(*members), compare_members);
	for (size_t i = 0; !r && i < n; i++)
		r = add_line(&text, members[i], e);
	if (!r)
		sha256(text.data, text.len, out);
	return r;
}

void record_fault(
    struct record_sink *sink, enum json_fault f, struct place where, const struct err *e)
{
	where.path = sink->file;
	finding_found(
	    findings_add(sink->findings,
		f == JSON_AMBIGUOUS ? FINDING_RECORD_AMBIGUOUS : FINDING_RECORD_MALFORMED,
		where),
	    "%s", e->msg);
}
