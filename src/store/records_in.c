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

#include <stdio.h>
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

static bool is_integer(const json_t *v, int64_t min, int64_t max)
{
	return json_is_integer(v) && json_integer_value(v) >= min &&
	       json_integer_value(v) <= max;
}

static bool is_id(const json_t *v)
{
	return json_is_string(v) && json_string_length(v) == ID_LEN &&
	       hex_is(json_string_value(v), ID_LEN);
}

static bool is_empty_text(const json_t *v)
{
	return json_is_string(v) && json_string_length(v) == 0;
}

static bool is_digest(const json_t *v)
{
	struct digest d;

	return is_empty_text(v) ||
	       (json_is_string(v) && digest_parse_text(json_string_value(v), &d));
}

static bool is_id_map(json_t *v)
{
	static const char *const keys[] = {"container_id", "host_id", "size"};
	struct err e;

	if (!json_is_object(v) ||
	    jsonin_keys(v, keys, ARRAY_LEN(keys), true, &e) != JSON_OK)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		json_t *n = json_object_get(v, keys[i]);

		if (n && !is_integer(n, 0, UINT32_MAX))
			return false;
	}
	return true;
}

/* What every parser reads alike from a map of anything; depth is bounded by jsonin. */
static bool is_plain(json_t *v)
{
	const char *key;
	json_t *child;
	size_t i;

	json_object_foreach(v, key, child)
	{
		if (!is_plain(child))
			return false;
	}
	json_array_foreach(v, i, child)
	{
		if (!is_plain(child))
			return false;
	}
	return !json_is_real(v) &&
	       (!json_is_integer(v) || is_integer(v, -FLOAT_EXACT_MAX, FLOAT_EXACT_MAX));
}

static bool is_flags(json_t *v)
{
	json_t *incomplete = json_object_get(v, "incomplete");

	return json_is_object(v) && is_plain(v) &&
	       (!incomplete || json_is_boolean(incomplete));
}

typedef bool value_test(const json_t *v);

static bool is_text(const json_t *v)
{
	return json_is_string(v);
}

static bool is_size(const json_t *v)
{
	return is_integer(v, -1, INT64_MAX);
}

static bool is_uint32(const json_t *v)
{
	return is_integer(v, 0, UINT32_MAX);
}

static bool is_list_of(const json_t *v, value_test *test)
{
	json_t *child;
	size_t i;

	json_array_foreach(v, i, child)
	{
		if (!test(child))
			return false;
	}
	return json_is_array(v);
}

static bool is_map_of(json_t *v, value_test *test)
{
	const char *key;
	json_t *child;

	json_object_foreach(v, key, child)
	{
		if (!test(child))
			return false;
	}
	return json_is_object(v);
}

static bool is_id_maps(const json_t *v)
{
	json_t *child;
	size_t i;

	json_array_foreach(v, i, child)
	{
		if (!is_id_map(child))
			return false;
	}
	return json_is_array(v);
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Borrowed, sorted; the caller frees the array. */
static const char **sorted_texts(const json_t *list, size_t *n)
{
	const char **v = xcalloc(json_array_size(list), sizeof(*v));

	*n = json_array_size(list);
	for (size_t i = 0; i < *n; i++)
		v[i] = json_string_value(json_array_get(list, i));
	if (*n)
		qsort(v, *n, sizeof(*v), compare_texts);
	return v;
}

static bool is_set(const json_t *list)
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

static enum json_fault check_member(const struct member *m, json_t *v, struct err *e)
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
		return json_is_string(v) ? JSON_OK : bad(m->key, "a string", e);
	case MEMBER_TEXTS:
		return is_list_of(v, is_text) ? JSON_OK
					      : bad(m->key, "a list of strings", e);
	case MEMBER_SET:
		return is_set(v) ? JSON_OK : bad(m->key, "a list of distinct strings", e);
	case MEMBER_TIME:
		return json_is_string(v) && is_time(json_string_value(v))
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
		return is_id_maps(v) ? JSON_OK : bad(m->key, "a list of id maps", e);
	case MEMBER_FLAGS:
		return is_flags(v) ? JSON_OK : bad(m->key, "a map of plain values", e);
	}
	return JSON_MALFORMED;
}

enum json_fault record_check(
    json_t *record, const struct member *members, size_t n, struct err *e)
{
	const char *keys[MEMBERS_MAX] = {0};
	enum json_fault f;

	for (size_t i = 0; i < n; i++)
		keys[i] = members[i].key;
	f = jsonin_keys(record, keys, n, true, e);
	for (size_t i = 0; f == JSON_OK && i < n; i++) {
		json_t *v = json_object_get(record, members[i].key);

		if (v)
			f = check_member(&members[i], v, e);
		else if (members[i].type == MEMBER_ID)
			f = bad(members[i].key, "there", e);
	}
	return f;
}

const char *record_text(json_t *record, const char *key)
{
	const char *text = json_string_value(json_object_get(record, key));

	return text ? text : "";
}

const char *record_subject(json_t *record)
{
	json_t *id = json_object_get(record, "id");

	return is_id(id) ? json_string_value(id) : NULL;
}

void record_id(json_t *record, const char *key, char out[static ID_LEN + 1])
{
	snprintf(out, ID_LEN + 1, "%s", record_text(record, key));
}

struct opt_digest record_digest(json_t *record, const char *key)
{
	struct opt_digest d = {0};

	d.has = digest_parse_text(record_text(record, key), &d.d);
	return d;
}

int64_t record_size(json_t *record, const char *key)
{
	return json_integer_value(json_object_get(record, key));
}

char **record_texts(json_t *record, const char *key, size_t *n)
{
	json_t *list = json_object_get(record, key);
	char **v;

	*n = json_array_size(list);
	if (*n == 0)
		return NULL;
	v = xcalloc(*n, sizeof(*v));
	for (size_t i = 0; i < *n; i++)
		v[i] = xstrdup(json_string_value(json_array_get(list, i)));
	return v;
}

static bool value_is_empty(const json_t *v)
{
	if (json_is_string(v))
		return json_string_length(v) == 0 ||
		       strcmp(json_string_value(v), "0001-01-01T00:00:00Z") == 0;
	if (json_is_integer(v))
		return json_integer_value(v) == 0;
	return json_array_size(v) == 0 && json_object_size(v) == 0;
}

bool record_is_empty(json_t *record, const char *key)
{
	return value_is_empty(json_object_get(record, key));
}

/* The value in its one spelling, as text. */
static int add_value(struct buf *out, const char *key, json_t *v, struct err *e)
{
	CLEANUP_FREE const char **names = NULL;
	CLEANUP_FREE char *text = NULL;
	size_t n;
	int r = 0;

	if (json_is_string(v))
		return esc_token(out, json_string_value(v), json_string_length(v), "", e);
	if (strcmp(key, "big-data-names") == 0) {
		names = sorted_texts(v, &n);
		for (size_t i = 0; !r && i < n; i++) {
			r = i ? buf_adds(out, " ", e) : 0;
			if (!r)
				r = esc_token(out, names[i], strlen(names[i]), "", e);
		}
		return r;
	}
	text = json_dumps(v, JSON_SORT_KEYS | JSON_COMPACT | JSON_ENCODE_ANY);
	if (!text)
		return err_set(e, ERR_INTERNAL, "cannot write \"%s\" of a record", key);
	return esc_token(out, text, strlen(text), "", e);
}

static int add_line(struct buf *out, const char *key, json_t *v, struct err *e)
{
	json_t *copy = NULL;
	int r = 0;

	/* A layer is marked incomplete while the engine makes or removes it. */
	if (strcmp(key, "flags") == 0) {
		v = copy = json_copy(v);
		json_object_del(copy, "incomplete");
	}
	if (!value_is_empty(v)) {
		r = buf_addf(out, e, "%s ", key);
		if (!r)
			r = add_value(out, key, v, e);
		if (!r)
			r = buf_adds(out, "\n", e);
	}
	json_decref(copy);
	return r;
}

static bool is_among(const char *key, const char *const list[])
{
	for (; *list; list++) {
		if (strcmp(key, *list) == 0)
			return true;
	}
	return false;
}

int record_canonical(
    json_t *record, const char *const without[], struct digest *out, struct err *e)
{
	CLEANUP_BUF struct buf text;
	const char *keys[MEMBERS_MAX] = {0};
	const char *key;
	size_t n = 0;
	json_t *v;
	int r = 0;

	buf_init(&text, CANONICAL_MAX);
	/* record_check() has bounded the number of keys. */
	json_object_foreach(record, key, v)
	{
		if (!is_among(key, without))
			keys[n++] = key;
	}
	qsort(keys, n, sizeof(*keys), compare_texts);
	for (size_t i = 0; !r && i < n; i++)
		r = add_line(&text, keys[i], json_object_get(record, keys[i]), e);
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
