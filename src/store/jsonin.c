/* SPDX-License-Identifier: Apache-2.0 */
/* jsonin.c: see jsonin.h. */
#include "store/jsonin.h"

#include <limits.h>
#include <string.h>
#include <strings.h>

#define DEPTH_MAX 32

/* Sets the message; the value is the fault. */
#define FAULT(kind, e, ...) (err_set(e, ERR_MALFORMED, __VA_ARGS__), (kind))

/* Faults that podman's parser would let pass, and read in its own way. */
static enum json_fault parse_fault(const json_error_t *je, size_t offset, struct err *e)
{
	size_t at = offset + (size_t)(je->position > 0 ? je->position : 0);

	switch (json_error_code(je)) {
	case json_error_duplicate_key:
		return FAULT(JSON_AMBIGUOUS, e, "%s (before byte %zu)", je->text, at);
	case json_error_null_character:
	case json_error_null_byte_in_key:
		return FAULT(
		    JSON_AMBIGUOUS, e, "\\u0000 in a string (before byte %zu)", at);
	case json_error_invalid_utf8:
		return FAULT(
		    JSON_AMBIGUOUS, e, "a string is not UTF-8 (before byte %zu)", at);
	default:
		return FAULT(JSON_MALFORMED, e, "%s (before byte %zu)", je->text, at);
	}
}

/* jansson skips a NUL after a number or a literal; podman's parser stops at one. */
static enum json_fault check_bytes(const char *json, size_t len, struct err *e)
{
	const char *nul = len ? memchr(json, 0, len) : NULL;

	if (nul)
		return FAULT(JSON_AMBIGUOUS, e, "NUL byte at byte %zu", nul - json);
	if (len > INT_MAX)
		return FAULT(JSON_MALFORMED, e, "larger than %d bytes", INT_MAX);
	return JSON_OK;
}

static bool is_deeper(json_t *value, int depth)
{
	const char *key;
	json_t *child;
	size_t i;

	if (!json_is_object(value) && !json_is_array(value))
		return false;
	if (depth == 0)
		return true;
	json_object_foreach(value, key, child)
	{
		if (is_deeper(child, depth - 1))
			return true;
	}
	json_array_foreach(value, i, child)
	{
		if (is_deeper(child, depth - 1))
			return true;
	}
	return false;
}

static size_t skip_space(const char *json, size_t len, size_t at)
{
	while (at < len && memchr(" \t\r\n", json[at], 4))
		at++;
	return at;
}

struct elements {
	size_t max; /* bytes of one */
	json_element_fn *fn;
	void *ctx;
	struct value_room room;
};

/* The element at source->json; *used is its length. */
static enum json_fault take_element(
    struct elements *x, const struct value_source *source, size_t *used, struct err *e)
{
	struct value *element;
	enum json_fault f;

	value_room_clear(&x->room);
	f = value_parse(source, &x->room, &element, used, e);
	if (f != JSON_OK)
		return f;
	if (!value_is(element, VALUE_MAP))
		return FAULT(JSON_MALFORMED, e, "the element at byte %zu is no object",
		    source->offset);
	return x->fn(x->ctx, element, e);
}

/* The elements after "[", up to and including "]"; *at is moved behind it. */
static enum json_fault take_elements(
    struct elements *x, const char *json, size_t len, size_t *at, struct err *e)
{
	size_t n = 0, used = 0;

	*at = skip_space(json, len, *at);
	if (*at < len && json[*at] == ']') {
		++*at;
		return JSON_OK;
	}
	for (;;) {
		size_t rest = len - *at;
		const struct value_source source = {
		    json + *at, rest < x->max ? rest : x->max, *at};
		enum json_fault f;

		if (++n > JSONIN_ELEMENTS_MAX)
			return FAULT(JSON_MALFORMED, e, "more than %u elements",
			    JSONIN_ELEMENTS_MAX);
		f = take_element(x, &source, &used, e);
		if (f != JSON_OK)
			return f;
		*at = skip_space(json, len, *at + used);
		if (*at >= len || (json[*at] != ',' && json[*at] != ']'))
			return FAULT(JSON_MALFORMED, e, "no ',' or ']' at byte %zu", *at);
		if (json[(*at)++] == ']')
			return JSON_OK;
		*at = skip_space(json, len, *at);
	}
}

enum json_fault jsonin_array(const char *json, size_t len, size_t element_max,
    json_element_fn *element, void *ctx, struct err *e)
{
	struct elements x = {.max = element_max, .fn = element, .ctx = ctx};
	enum json_fault f = check_bytes(json, len, e);
	size_t at;

	if (f != JSON_OK)
		return f;
	at = skip_space(json, len, 0);
	if (at == len || json[at] != '[')
		return FAULT(JSON_MALFORMED, e, "no array");
	at++;
	f = take_elements(&x, json, len, &at, e);
	value_room_release(&x.room);
	if (f != JSON_OK)
		return f;
	if (skip_space(json, len, at) != len)
		return FAULT(
		    JSON_MALFORMED, e, "bytes after the array (at byte %zu)", at);
	return JSON_OK;
}

enum json_fault jsonin_map(const char *json, size_t len, struct value_room *room,
    struct value **out, struct err *e)
{
	enum json_fault f = check_bytes(json, len, e);
	size_t at = skip_space(json, len, 0), used = 0;
	const struct value_source source = {json + at, len - at, at};

	if (f == JSON_OK)
		f = value_parse(&source, room, out, &used, e);
	if (f != JSON_OK)
		return f;
	if (!value_is(*out, VALUE_MAP))
		return FAULT(JSON_MALFORMED, e, "no object");
	at = skip_space(json, len, at + used);
	return at == len
		   ? JSON_OK
		   : FAULT(JSON_MALFORMED, e, "bytes after the object (at byte %zu)", at);
}

enum json_fault jsonin_object(const char *json, size_t len, json_t **out, struct err *e)
{
	enum json_fault f = check_bytes(json, len, e);
	json_error_t je;

	*out = NULL;
	if (f != JSON_OK)
		return f;
	*out = json_loadb(json, len, JSON_REJECT_DUPLICATES, &je);
	if (!*out)
		return parse_fault(&je, 0, e);
	if (!json_is_object(*out))
		f = FAULT(JSON_MALFORMED, e, "no object");
	else if (is_deeper(*out, DEPTH_MAX))
		f = FAULT(JSON_MALFORMED, e, "nested deeper than %d", DEPTH_MAX);
	if (f != JSON_OK) {
		json_decref(*out);
		*out = NULL;
	}
	return f;
}

static bool is_ascii(const char *s)
{
	for (; *s; s++) {
		if ((unsigned char)*s >= 0x80)
			return false;
	}
	return true;
}

/* *next: where the search begins; who writes a structure writes its members in order. */
static enum json_fault check_key(const char *key, const char *const known[],
    size_t n_known, size_t *next, struct err *e)
{
	for (size_t i = 0; i < n_known; i++) {
		size_t k = (*next + i) % n_known;

		if (strcmp(key, known[k]) != 0)
			continue;
		*next = k + 1;
		return JSON_OK;
	}
	if (!is_ascii(key))
		return FAULT(JSON_AMBIGUOUS, e, "key \"%.64s\" is not ASCII", key);
	for (size_t i = 0; i < n_known; i++) {
		if (strcasecmp(key, known[i]) == 0)
			return FAULT(JSON_AMBIGUOUS, e,
			    "key \"%.64s\" is read as \"%s\" by podman", key, known[i]);
	}
	return FAULT(JSON_MALFORMED, e, "unknown key \"%.64s\"", key);
}

static bool is_fault(enum json_fault f, bool closed)
{
	return f == JSON_AMBIGUOUS || (f == JSON_MALFORMED && closed);
}

enum json_fault jsonin_keys(
    json_t *object, const char *const known[], size_t n_known, bool closed, struct err *e)
{
	enum json_fault f;
	const char *key;
	json_t *value;
	size_t next = 0;

	json_object_foreach(object, key, value)
	{
		f = check_key(key, known, n_known, &next, e);
		if (is_fault(f, closed))
			return f;
	}
	return JSON_OK;
}

enum json_fault jsonin_names(const struct value *object, const char *const known[],
    size_t n_known, bool closed, struct err *e)
{
	const struct value *member;
	enum json_fault f;
	size_t next = 0;

	value_each(member, object)
	{
		f = check_key(member->name, known, n_known, &next, e);
		if (is_fault(f, closed))
			return f;
	}
	return JSON_OK;
}
