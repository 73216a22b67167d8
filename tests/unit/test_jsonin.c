/* SPDX-License-Identifier: Apache-2.0 */
/* test_jsonin.c: what the strict reader refuses whatever the document is about. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "store/jsonin.h"

struct sum {
	int64_t total;
	size_t calls, stop_after;
};

static enum json_fault add(void *ctx, struct value *element, struct err *e)
{
	struct sum *s = ctx;

	s->total += value_integer(value_get(element, "n"));
	if (++s->calls == s->stop_after) {
		err_set(e, ERR_MALFORMED, "enough");
		return JSON_AMBIGUOUS;
	}
	return JSON_OK;
}

static enum json_fault array(const char *json, size_t max, struct sum *s)
{
	struct err e;
	size_t len = strlen(json);
	char *exact = memcpy(xmalloc(len), json, len);
	enum json_fault f;

	*s = (struct sum){.stop_after = s->stop_after};
	f = jsonin_array(exact, len, max, add, s, &e);
	free(exact);
	return f;
}

static void test_array(void **state)
{
	struct sum s = {0};

	(void)state;
	assert_int_equal(array("[]", 100, &s), JSON_OK);
	assert_int_equal(array(" [ ] \n", 100, &s), JSON_OK);
	assert_int_equal(s.calls, 0);
	assert_int_equal(array("[{\"n\":1},{\"n\":2} , {\"n\":39}]", 100, &s), JSON_OK);
	assert_int_equal(s.calls, 3);
	assert_int_equal(s.total, 42);
	/* Offsets are bytes, not characters. */
	assert_int_equal(
	    array("[{\"x\":\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\",\"n\":1},{\"n\":2}]",
		100, &s),
	    JSON_OK);
	assert_int_equal(s.total, 3);
}

static void test_array_malformed(void **state)
{
	static const char *const bad[] = {"", " ", "[", "]", "{}", "[{}", "[{},]",
	    "[,{}]", "[{}{}]", "[{} {}]", "[{}]]", "[{}] []", "[{}],", "[1]", "[null]",
	    "[\"a\"]", "[[]]", "[{]}", "[{\"a\":1,}]", "[{\"a\":+1}]", "[{\"a\":.5}]",
	    "[{\"a\":5.}]", "[{\"a\":0x1}]", "[{\"a\":Infinity}]", "[{\"a\":True}]",
	    "[{a:1}]", "[{\"a\":1e999}]", "[{\"a\":-9223372036854775809}]",
	    "\xef\xbb\xbf[]", "[{\"a\":\"\\ud83d\"}]", "[{\"a\":\"\\udc00\\ud83d\"}]"};
	struct sum s = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (array(bad[i], 100, &s) != JSON_MALFORMED)
			fail_msg("%s passed", bad[i]);
	}
}

static void test_array_ambiguous(void **state)
{
	static const char *const bad[] = {"[{\"a\":1,\"a\":1}]",
	    "[{\"a\":1,\"\\u0061\":1}]", "[{\"a\":{\"b\":1,\"b\":1}}]",
	    "[{\"a\":\"\\u0000\"}]", "[{\"\\u0000\":1}]", "[{\"a\":\"\x80\"}]",
	    "[{\"a\":\"\xed\xa0\x80\"}]", "[{\"a\":\"\xf4\x90\x80\x80\"}]"};
	struct sum s = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (array(bad[i], 100, &s) != JSON_AMBIGUOUS)
			fail_msg("%s passed", bad[i]);
	}
}

/* jansson 2.14 skips a NUL after a number, true, false and null. */
static void test_nul_anywhere(void **state)
{
	static const char json[] = "[{\"n\":12,\"m\":[true,false,null]},{\"k\":\"v\"}]";
	struct sum s = {0};
	struct err e;

	(void)state;
	for (size_t at = 0; at <= strlen(json); at++) {
		char text[sizeof(json)];

		memcpy(text, json, at);
		text[at] = '\0';
		memcpy(text + at + 1, json + at, strlen(json) - at);
		assert_int_equal(
		    jsonin_array(text, sizeof(text), 100, add, &s, &e), JSON_AMBIGUOUS);
	}
}

static void test_element_max(void **state)
{
	struct sum s = {0};

	(void)state;
	assert_int_equal(array("[{\"n\":1},{\"n\":2}]", 7, &s), JSON_OK);
	assert_int_equal(array("[{\"n\":1},{\"n\":2}]", 6, &s), JSON_MALFORMED);
	assert_int_equal(s.calls, 0);
}

static void test_stop(void **state)
{
	struct sum s = {.stop_after = 2};

	(void)state;
	assert_int_equal(array("[{},{},{},x", 100, &s), JSON_AMBIGUOUS);
	assert_int_equal(s.calls, 2);
}

static void test_element_count(void **state)
{
	const size_t n = JSONIN_ELEMENTS_MAX;
	char *json = xmalloc(3 * n + 5);
	struct sum s = {0};

	(void)state;
	json[0] = '[';
	for (size_t i = 0; i <= n; i++)
		memcpy(json + 1 + 3 * i, "{},", 3);
	memcpy(json + 3 * n + 3, "]", 2);
	assert_int_equal(array(json, 100, &s), JSON_MALFORMED);
	assert_int_equal(s.calls, n);
	free(json);
}

/* What the reader of single documents says of one that is not kept. */
static enum json_fault map(const char *json, size_t len)
{
	CLEANUP_VALUE_ROOM struct value_room room = {0};
	struct value *out;
	struct err e;

	return jsonin_map(json, len, &room, &out, &e);
}

/* An object whose member is an array in an array in ..., `depth` containers in all. */
static enum json_fault nested(size_t depth)
{
	char *json = xcalloc(2 * depth + 8, 1);
	struct err e;
	json_t *out;
	enum json_fault f;

	strncpy(json, "{\"a\":", 8);
	memset(json + 5, '[', depth - 1);
	memset(json + 4 + depth, ']', depth - 1);
	json[3 + 2 * depth] = '}';
	f = jsonin_object(json, strlen(json), &out, &e);
	assert_int_equal(map(json, strlen(json)), f);
	json_decref(out);
	free(json);
	return f;
}

static void test_depth(void **state)
{
	(void)state;
	assert_int_equal(nested(32), JSON_OK);
	assert_int_equal(nested(33), JSON_MALFORMED);
	assert_int_equal(nested(100000), JSON_MALFORMED);
}

static void test_object(void **state)
{
	static const char *const bad[] = {
	    "", "[]", "1", "null", "{}x", "{} {}", "{\"a\":1", "\xef\xbb\xbf{}"};
	static const char labels[] = "{\"L\":{\"Name\":1,\"name\":2,\"\xc3\xa4\":3}}";
	json_t *out;
	struct err e;

	(void)state;
	assert_int_equal(jsonin_object(" {\"a\":1}\n", 9, &out, &e), JSON_OK);
	assert_int_equal(json_integer_value(json_object_get(out, "a")), 1);
	json_decref(out);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(
		    jsonin_object(bad[i], strlen(bad[i]), &out, &e), JSON_MALFORMED);
		assert_null(out);
		assert_int_equal(map(bad[i], strlen(bad[i])), JSON_MALFORMED);
	}
	assert_int_equal(jsonin_object("{}\0", 3, &out, &e), JSON_AMBIGUOUS);
	assert_int_equal(map("{}\0", 3), JSON_AMBIGUOUS);
	assert_int_equal(map(" {\"a\":1}\n", 9), JSON_OK);
	assert_int_equal(map(labels, strlen(labels)), JSON_OK);
	/* Maps of real images: labels that differ in case, in any script. */
	assert_int_equal(jsonin_object(labels, strlen(labels), &out, &e), JSON_OK);
	json_decref(out);
}

static enum json_fault keys(const char *json, bool closed)
{
	static const char *const known[] = {"id", "task-size"};
	CLEANUP_VALUE_ROOM struct value_room room = {0};
	struct value *top;
	struct err e;
	json_t *object;
	enum json_fault f;

	assert_int_equal(jsonin_object(json, strlen(json), &object, &e), JSON_OK);
	f = jsonin_keys(object, known, ARRAY_LEN(known), closed, &e);
	assert_int_equal(jsonin_map(json, strlen(json), &room, &top, &e), JSON_OK);
	assert_int_equal(jsonin_names(top, known, ARRAY_LEN(known), closed, &e), f);
	json_decref(object);
	return f;
}

static void test_keys(void **state)
{
	(void)state;
	assert_int_equal(keys("{\"id\":1,\"task-size\":2}", true), JSON_OK);
	assert_int_equal(keys("{}", true), JSON_OK);
	assert_int_equal(keys("{\"Id\":1}", true), JSON_AMBIGUOUS);
	assert_int_equal(keys("{\"id\":1,\"ID\":1}", false), JSON_AMBIGUOUS);
	/* What encoding/json folds to s and k. */
	assert_int_equal(keys("{\"task-\xc5\xbfize\":1}", false), JSON_AMBIGUOUS);
	assert_int_equal(keys("{\"tas\xe2\x84\xaa-size\":1}", false), JSON_AMBIGUOUS);
	assert_int_equal(keys("{\"other\":1}", false), JSON_OK);
	assert_int_equal(keys("{\"other\":1}", true), JSON_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_array),
	    cmocka_unit_test(test_array_malformed),
	    cmocka_unit_test(test_array_ambiguous),
	    cmocka_unit_test(test_nul_anywhere),
	    cmocka_unit_test(test_element_max),
	    cmocka_unit_test(test_stop),
	    cmocka_unit_test(test_element_count),
	    cmocka_unit_test(test_depth),
	    cmocka_unit_test(test_object),
	    cmocka_unit_test(test_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
