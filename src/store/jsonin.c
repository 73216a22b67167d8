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

/* One element at `json`; *used is its length. */
static enum json_fault parse_element(const char *json, size_t len, size_t offset,
    json_t **out, size_t *used, struct err *e)
{
	json_error_t je;

	*out =
	    json_loadb(json, len, JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK, &je);
	if (!*out)
		return parse_fault(&je, offset, e);
	*used = (size_t)je.position;
	if (!json_is_object(*out))
		return FAULT(
		    JSON_MALFORMED, e, "the element at byte %zu is no object", offset);
	if (is_deeper(*out, DEPTH_MAX))
		return FAULT(JSON_MALFORMED, e,
		    "the element at byte %zu is nested deeper than %d", offset,
		    DEPTH_MAX);
	return JSON_OK;
}

/* The elements after "[", up to and including "]"; *at is moved behind it. */
static enum json_fault parse_elements(const char *json, size_t len, size_t element_max,
    size_t *at, json_element_fn *element, void *ctx, struct err *e)
{
	enum json_fault f;
	size_t n = 0, used = 0;
	json_t *value;

	*at = skip_space(json, len, *at);
	if (*at < len && json[*at] == ']') {
		++*at;
		return JSON_OK;
	}
	for (;;) {
		size_t rest = len - *at;

		if (++n > JSONIN_ELEMENTS_MAX)
			return FAULT(JSON_MALFORMED, e, "more than %u elements",
			    JSONIN_ELEMENTS_MAX);
		f = parse_element(json + *at, rest < element_max ? rest : element_max,
		    *at, &value, &used, e);
		if (f == JSON_OK)
			f = element(ctx, value, e);
		json_decref(value);
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
	enum json_fault f = check_bytes(json, len, e);
	size_t at;

	if (f != JSON_OK)
		return f;
	at = skip_space(json, len, 0);
	if (at == len || json[at] != '[')
		return FAULT(JSON_MALFORMED, e, "no array");
	at++;
	f = parse_elements(json, len, element_max, &at, element, ctx, e);
	if (f != JSON_OK)
		return f;
	if (skip_space(json, len, at) != len)
		return FAULT(
		    JSON_MALFORMED, e, "bytes after the array (at byte %zu)", at);
	return JSON_OK;
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

static enum json_fault check_key(const char *key, const char *const known[],
    size_t n_known, bool closed, struct err *e)
{
	if (!is_ascii(key))
		return FAULT(JSON_AMBIGUOUS, e, "key \"%.64s\" is not ASCII", key);
	for (size_t i = 0; i < n_known; i++) {
		if (strcmp(key, known[i]) == 0)
			return JSON_OK;
	}
	for (size_t i = 0; i < n_known; i++) {
		if (strcasecmp(key, known[i]) == 0)
			return FAULT(JSON_AMBIGUOUS, e,
			    "key \"%.64s\" is read as \"%s\" by podman", key, known[i]);
	}
	if (closed)
		return FAULT(JSON_MALFORMED, e, "unknown key \"%.64s\"", key);
	return JSON_OK;
}

enum json_fault jsonin_keys(
    json_t *object, const char *const known[], size_t n_known, bool closed, struct err *e)
{
	enum json_fault f;
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value)
	{
		f = check_key(key, known, n_known, closed, e);
		if (f != JSON_OK)
			return f;
	}
	return JSON_OK;
}
