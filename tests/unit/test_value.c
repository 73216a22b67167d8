/* SPDX-License-Identifier: Apache-2.0 */
/* test_value.c: the reader of records beside jansson, which is the judge of what is JSON, and how it is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <string.h>

#include "store/value.h"

#define MUTANTS 60000
#define JUDGE (JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK)

/* Documents with everything that a reader can trip over. */
static const char *const documents[] = {
    "{}",
    "[]",
    " [ ] ",
    "{\"a\":1,\"b\":[true,false,null],\"c\":{\"d\":\"e\"}}",
    "{\"id\":\"64\",\"flags\":{\"incomplete\":true},\"uidset\":[0,1000,4294967295]}",
    "[0,-0,1,-1,9223372036854775807,-9223372036854775808]",
    "[0.5,1e3,1E-3,-1.25e+2,123456789.125]",
    "[\"\\\"\\\\\\/"
    "\\b\\f\\n\\r\\t\",\"\\u0001\\u001f\\u007f\\u0080\\u07ff\\u0800\\uffff\"]",
    "[\"\\ud83d\\ude00\\uDBFF\\uDFFF\",\"\xf0\x9f\x98\x80\xe2\x82\xac\xc3\xa4\"]",
    "{\"\\u0061\":1,\"b\\n\":2,\"\xc3\xa4\":3,\"\":4}",
    "[[[[[[[[]]]]]]],{\"x\":[{\"y\":[{\"z\":{}}]}]}]",
    "{\"m1\":1,\"m2\":2,\"m3\":3,\"m4\":4,\"m5\":5,\"m6\":6,\"m7\":7,\"m8\":8,\"m9\":9,"
    "\"m10\":10,\"m11\":11,\"m12\":12,\"m13\":13,\"m14\":14,\"m15\":15,\"m16\":16,"
    "\"m17\":17,\"m18\":18}",
};

static void write(const struct value *v, bool by_name, struct buf *out)
{
	struct err e;

	buf_clear(out);
	assert_int_equal(value_write(out, v, by_name, &e), 0);
}

static bool has_real(const struct value *v)
{
	const struct value *child;
	bool has = value_is(v, VALUE_REAL);

	value_each(child, v) has |= has_real(child);
	return has;
}

/* Whether both take the text, up to the same byte, and write it alike. True if they take it. */
static bool compare(
    const char *text, size_t len, struct value_room *room, struct buf *out)
{
	static const size_t forms[] = {JSON_COMPACT, JSON_COMPACT | JSON_SORT_KEYS};
	const struct value_source source = {text, len, 0};
	json_error_t why;
	json_t *judge = json_loadb(text, len, JUDGE, &why);
	struct value *v;
	struct err e;
	size_t used;
	bool takes;

	value_room_clear(room);
	takes = value_parse(&source, room, &v, &used, &e) == JSON_OK;
	/* jansson takes nothing but containers at the top. */
	if (takes && v->type != VALUE_MAP && v->type != VALUE_LIST)
		takes = false;
	if (takes != !!judge)
		fail_msg("%.*s: %s, jansson: %s", (int)len, text, takes ? "fine" : e.msg,
		    judge ? "fine" : why.text);
	if (takes)
		assert_int_equal(used, why.position);
	for (size_t i = 0; takes && !has_real(v) && i < ARRAY_LEN(forms); i++) {
		char *expected = json_dumps(judge, forms[i]);

		write(v, i == 1, out);
		assert_string_equal(out->data, expected);
		free(expected);
	}
	json_decref(judge);
	return takes;
}

static uint32_t next(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	return *state ^= *state << 5;
}

/* A byte changed, put in, or taken out; or a piece of another document put in. */
static size_t mutate(char *text, size_t len, uint32_t *seed)
{
	static const char bytes[] =
	    "{}[]\",:\\u0d8fc1eE+-. tfn\x01\x7f\x80\xc3\xed\xf4\xff";
	size_t at = next(seed) % (len + 1);
	char byte = bytes[next(seed) % (sizeof(bytes) - 1)];
	const char *other = documents[next(seed) % ARRAY_LEN(documents)];
	size_t piece = next(seed) % (strlen(other) + 1);

	switch (next(seed) % 4) {
	case 0:
		if (at < len)
			text[at] = byte;
		return len;
	case 1:
		memmove(text + at + 1, text + at, len - at);
		text[at] = byte;
		return len + 1;
	case 2:
		if (at == len)
			return len;
		memmove(text + at, text + at + 1, len - at - 1);
		return len - 1;
	default:
		memmove(text + at + piece, text + at, len - at);
		memcpy(text + at, other, piece);
		return len + piece;
	}
}

static void test_as_jansson(void **state)
{
	struct value_room room = {0};
	CLEANUP_BUF struct buf out;
	uint32_t seed = 2463534242;
	size_t taken = 0;

	(void)state;
	buf_init(&out, 1 << 20);
	for (size_t i = 0; i < ARRAY_LEN(documents); i++)
		assert_true(compare(documents[i] + strspn(documents[i], " "),
		    strlen(documents[i] + strspn(documents[i], " ")), &room, &out));
	for (size_t i = 0; i < MUTANTS; i++) {
		const char *document = documents[next(&seed) % ARRAY_LEN(documents)];
		size_t len = strlen(document), lead;
		char text[4096], *exact;

		memcpy(text, document, len);
		for (unsigned n = 1 + next(&seed) % 3; n; n--)
			len = mutate(text, len, &seed);
		lead = strspn(text, " ") < len ? strspn(text, " ") : len;
		/* To the byte, for the sanitizer. */
		exact = memcpy(xmalloc(len - lead + 1), text + lead, len - lead);
		taken += compare(exact, len - lead, &room, &out);
		free(exact);
	}
	/* Both kinds are there. */
	assert_in_range(taken, MUTANTS / 20, MUTANTS - MUTANTS / 20);
	value_room_release(&room);
}

static struct value *parse(const char *text, struct value_room *room)
{
	const struct value_source source = {text, strlen(text), 0};
	struct value *v;
	struct err e;
	size_t used;

	assert_int_equal(value_parse(&source, room, &v, &used, &e), JSON_OK);
	assert_int_equal(used, source.len);
	return v;
}

static void test_get(void **state)
{
	CLEANUP_VALUE_ROOM struct value_room room = {0};
	struct value *v = parse(documents[ARRAY_LEN(documents) - 1], &room);

	(void)state;
	assert_int_equal(value_size(v), 18);
	assert_int_equal(value_integer(value_get(v, "m1")), 1);
	assert_int_equal(value_integer(value_get(v, "m18")), 18);
	assert_null(value_get(v, "m"));
	assert_null(value_get(v, "m180"));
	v = parse("{\"a\":\"x\",\"b\":[1]}", &room);
	assert_string_equal(value_text(value_get(v, "a")), "x");
	assert_null(value_text(value_get(v, "b")));
	assert_null(value_get(value_get(v, "b"), "a"));
	assert_null(value_get(NULL, "a"));
	assert_int_equal(value_size(value_get(v, "a")), 0);
	assert_null(value_first(value_get(v, "c")));
}

static bool is_odd(const struct value *v, const void *ctx)
{
	(void)ctx;
	return value_integer(v) % 2;
}

static void test_remove(void **state)
{
	CLEANUP_VALUE_ROOM struct value_room room = {0};
	CLEANUP_BUF struct buf out;
	struct value *v = parse(documents[ARRAY_LEN(documents) - 1], &room);

	(void)state;
	buf_init(&out, 1 << 20);
	assert_true(value_remove(v, is_odd, NULL));
	assert_false(value_remove(v, is_odd, NULL));
	assert_null(value_get(v, "m17"));
	assert_int_equal(value_integer(value_get(v, "m18")), 18);
	write(v, false, &out);
	assert_string_equal(out.data,
	    "{\"m2\":2,\"m4\":4,\"m6\":6,\"m8\":8,\"m10\":10,\"m12\":12,\"m14\":14,"
	    "\"m16\":16,\"m18\":18}");
	v = parse("[1,2,3,5]", &room);
	assert_true(value_remove(v, is_odd, NULL));
	write(v, false, &out);
	assert_string_equal(out.data, "[2]");
	v = parse("[1]", &room);
	assert_true(value_remove(v, is_odd, NULL));
	assert_null(value_first(v));
	write(v, false, &out);
	assert_string_equal(out.data, "[]");
}

/* Of 100,000 members one is there twice; a search takes no time worth speaking of. */
static void test_many_members(void **state)
{
	const size_t n = 100000;
	CLEANUP_VALUE_ROOM struct value_room room = {0};
	CLEANUP_BUF struct buf text;
	struct value *v;
	struct err e;
	size_t used;

	(void)state;
	buf_init(&text, 1 << 24);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(
		    buf_addf(&text, &e, "%c\"m%zu\":%zu", i ? ',' : '{', i, i), 0);
	assert_int_equal(buf_adds(&text, "}", &e), 0);
	v = parse(text.data, &room);
	for (size_t i = 0; i < n; i++) {
		char name[32];

		snprintf(name, sizeof(name), "m%zu", i);
		assert_int_equal(value_integer(value_get(v, name)), i);
	}
	text.data[text.len - 1] = ',';
	assert_int_equal(buf_adds(&text, "\"m5\":1}", &e), 0);
	assert_int_equal(value_parse(&(struct value_source){text.data, text.len, 0},
			     &room, &v, &used, &e),
	    JSON_AMBIGUOUS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_as_jansson),
	    cmocka_unit_test(test_get),
	    cmocka_unit_test(test_remove),
	    cmocka_unit_test(test_many_members),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
