/* SPDX-License-Identifier: Apache-2.0 */
/* test_hex.c: one spelling of every value, in hexadecimal and in base64. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/hex.h"

#define ROOM 4096

static void test_hex_every_byte(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		unsigned char byte = (unsigned char)c, back = 0;
		char hex[3], expected[3];

		snprintf(expected, sizeof(expected), "%02x", c);
		hex_encode(hex, &byte, 1);
		assert_string_equal(hex, expected);
		assert_true(hex_decode(&back, 1, hex));
		assert_int_equal(back, c);
	}
}

/* Of all pairs of bytes exactly 256 are taken. */
static void test_hex_every_pair(void **state)
{
	unsigned taken = 0;

	(void)state;
	for (unsigned pair = 0; pair < 65536; pair++) {
		char text[3] = {(char)(pair >> 8), (char)pair, '\0'}, again[3];
		unsigned char byte;

		if (!hex_decode(&byte, 1, text)) {
			assert_false(hex_is(text, 2));
			continue;
		}
		assert_true(hex_is(text, 2));
		hex_encode(again, &byte, 1);
		assert_string_equal(again, text);
		taken++;
	}
	assert_int_equal(taken, 256);
}

/* Each string lies at the end of its allocation, so that a sanitizer sees a read past it. */
static void test_hex_lengths(void **state)
{
	unsigned char out[8];

	(void)state;
	for (size_t n = 0; n <= 8; n++) {
		CLEANUP_FREE char *text = xstrndup("01234567", n);

		for (size_t len = 0; len <= 4; len++)
			assert_int_equal(hex_decode(out, len, text), 2 * len == n);
		for (size_t len = 0; len <= 9; len++)
			assert_int_equal(hex_is(text, len), len == n);
	}
	assert_false(hex_is("012g", 4));
	assert_false(hex_is("0AB2", 4));
	assert_false(hex_is("0x12", 4));
}

static void assert_base64(const char *raw, const char *text)
{
	CLEANUP_BUF struct buf out, back;
	struct err e;

	buf_init(&out, ROOM);
	buf_init(&back, ROOM);
	assert_int_equal(base64_encode(&out, raw, strlen(raw), &e), 0);
	assert_string_equal(out.data, text);
	assert_int_equal(base64_decode(&back, text, strlen(text), &e), 0);
	assert_string_equal(back.data, raw);
}

static void assert_no_base64(const char *literal, size_t len)
{
	CLEANUP_FREE char *text = xmalloc(len); /* without the NUL, for the sanitizer */
	CLEANUP_BUF struct buf out;
	struct err e = {0};

	memcpy(text, literal, len);
	buf_init(&out, ROOM);
	assert_int_equal(buf_adds(&out, "kept", &e), 0);
	if (base64_decode(&out, text, len, &e) != ERR_MALFORMED)
		fail_msg("'%.*s' was taken for base64", (int)len, text);
	assert_int_equal(out.len, 4);
	assert_string_equal(out.data, "kept");
}

static void test_base64_vectors(void **state)
{
	(void)state;
	/* RFC 4648 section 10 */
	assert_base64("", "");
	assert_base64("f", "Zg==");
	assert_base64("fo", "Zm8=");
	assert_base64("foo", "Zm9v");
	assert_base64("foob", "Zm9vYg==");
	assert_base64("fooba", "Zm9vYmE=");
	assert_base64("foobar", "Zm9vYmFy");
	assert_base64("\xfb\xff\xfe", "+//+");
}

static void test_base64_round_trip(void **state)
{
	unsigned char raw[256];

	(void)state;
	for (size_t i = 0; i < sizeof(raw); i++)
		raw[i] = (unsigned char)(i * 167 + 13);
	for (size_t len = 0; len <= sizeof(raw); len++) {
		CLEANUP_BUF struct buf text, back;
		struct err e;

		buf_init(&text, ROOM);
		buf_init(&back, ROOM);
		assert_int_equal(base64_encode(&text, raw, len, &e), 0);
		assert_int_equal(text.len, (len + 2) / 3 * 4);
		assert_int_equal(strlen(text.data), text.len);
		assert_int_equal(base64_decode(&back, text.data, text.len, &e), 0);
		assert_int_equal(back.len, len);
		assert_memory_equal(back.data, raw, len);
	}
}

static void test_base64_refusals(void **state)
{
	static const char *const wrong[] = {"Z", "Zg", "Zg=", "Zg===", "=",
	    "====", "Z===", "=Zg=", "Zg=g", "Zm8=Zm8=", "Zg==Zg==", "Zm 9", "Zm9v\n",
	    "Zm9\n", " Zm9", "Zm9-", "Zm9_", "Zm9.", "Zh==", "Zm9=", "Zv==", "Zm8=Zm9v",
	    "Zm9vZ===", "Zm9vZh==", "Zm9\xc3"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_no_base64(wrong[i], strlen(wrong[i]));
	assert_no_base64("Zm9\0", 4);
	/* The length counts, not that more would follow. */
	for (size_t len = 1; len < 8; len++) {
		if (len != 4)
			assert_no_base64("Zm9vZm9v", len);
	}
}

/* Whatever four characters are taken, they are what base64_encode() writes. */
static void test_base64_one_spelling(void **state)
{
	static const char alphabet[] = "AQgwBZ09az+/= -_";
	enum { N = sizeof(alphabet) - 1 };
	CLEANUP_BUF struct buf bytes, again;
	unsigned taken = 0;
	struct err e;

	(void)state;
	buf_init(&bytes, ROOM);
	buf_init(&again, ROOM);
	for (unsigned i = 0; i < N * N * N * N; i++) {
		char text[5] = {alphabet[i % N], alphabet[i / N % N],
		    alphabet[i / N / N % N], alphabet[i / N / N / N], '\0'};

		buf_clear(&bytes);
		buf_clear(&again);
		if (base64_decode(&bytes, text, 4, &e))
			continue;
		taken++;
		assert_int_equal(base64_encode(&again, bytes.data, bytes.len, &e), 0);
		assert_string_equal(again.data, text);
	}
	/* 12 characters; two of three more with 4, of two more with 2 spare bits at zero. */
	assert_in_range(taken, 12 * 12 * 12 * 12, N * N * N * N - 1);
}

static void test_base64_maximum(void **state)
{
	CLEANUP_BUF struct buf out;
	struct err e;

	(void)state;
	buf_init(&out, 4);
	assert_int_equal(base64_encode(&out, "abcd", 4, &e), ERR_MALFORMED);
	assert_int_equal(out.len, 0);
	assert_int_equal(base64_encode(&out, "abc", 3, &e), 0);
	assert_int_equal(base64_encode(&out, "a", 1, &e), ERR_MALFORMED);
	assert_string_equal(out.data, "YWJj");
	buf_clear(&out);
	assert_int_equal(base64_decode(&out, "YWJjZGU=", 8, &e), ERR_MALFORMED);
	assert_int_equal(base64_decode(&out, "YWJjZA==", 8, &e), 0);
	assert_string_equal(out.data, "abcd");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_hex_every_byte),
	    cmocka_unit_test(test_hex_every_pair),
	    cmocka_unit_test(test_hex_lengths),
	    cmocka_unit_test(test_base64_vectors),
	    cmocka_unit_test(test_base64_round_trip),
	    cmocka_unit_test(test_base64_refusals),
	    cmocka_unit_test(test_base64_one_spelling),
	    cmocka_unit_test(test_base64_maximum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
