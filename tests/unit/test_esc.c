/* SPDX-License-Identifier: Apache-2.0 */
/* test_esc.c: every byte, every code point and every spelling against a second implementation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/esc.h"

#define MAX_CODE_POINT 0x10ffffU
#define ROOM 65536

/* How often the code under test asks for memory. */
static unsigned growths;

void *reallocarray(void *p, size_t n, size_t size)
{
	growths++;
	if (size && n > SIZE_MAX / size) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(p, n * size);
}

/* ---- helpers ---- */

static size_t encode_utf8(uint32_t cp, char out[5])
{
	size_t n = cp < 0x80 ? 1 : cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
	static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};

	for (size_t i = n; i-- > 1; cp >>= 6)
		out[i] = (char)(0x80 | (cp & 0x3f));
	out[0] = (char)(lead[n] | cp);
	out[n] = '\0';
	return n;
}

static void spell_hex(char *out, const void *data, size_t len)
{
	const unsigned char *s = data;

	for (size_t i = 0; i < len; i++) {
		*out++ = '\\';
		*out++ = 'x';
		*out++ = "0123456789abcdef"[s[i] / 16];
		*out++ = "0123456789abcdef"[s[i] % 16];
	}
	*out = '\0';
}

static bool is_surrogate(uint32_t cp)
{
	return cp >= 0xd800 && cp <= 0xdfff;
}

static void assert_text(const void *data, size_t len, const char *expected)
{
	CLEANUP_FREE char *text = esc_text(data, len);

	assert_string_equal(text, expected);
}

#define assert_text_of(literal, expected)                                                \
	assert_text(literal, sizeof(literal) - 1, expected)

static void assert_token(
    const void *data, size_t len, const char *also, const char *expected)
{
	CLEANUP_BUF struct buf token, bytes;
	struct err e;

	buf_init(&token, ROOM);
	buf_init(&bytes, ROOM);
	assert_int_equal(esc_token(&token, data, len, also, &e), 0);
	assert_string_equal(token.data, expected);
	assert_int_equal(esc_untoken(&bytes, token.data, token.len, also, &e), 0);
	assert_int_equal(bytes.len, len);
	assert_memory_equal(bytes.data, data, len);
}

static void assert_no_token_of(const char *token, size_t len, const char *also)
{
	CLEANUP_BUF struct buf bytes;
	struct err e = {0};

	buf_init(&bytes, ROOM);
	assert_int_equal(buf_adds(&bytes, "kept", &e), 0);
	if (esc_untoken(&bytes, token, len, also, &e) != ERR_MALFORMED)
		fail_msg("'%.*s' was taken for a token", (int)len, token);
	assert_string_equal(bytes.data, "kept");
	assert_int_equal(bytes.len, 4);
	assert_true(strlen(e.msg) > 0);
}

static void assert_no_token(const char *token)
{
	assert_no_token_of(token, strlen(token), NULL);
}

static void assert_json(const void *data, size_t len, const char *expected)
{
	CLEANUP_BUF struct buf json;
	struct err e;

	buf_init(&json, ROOM);
	assert_int_equal(esc_json(&json, data, len, &e), 0);
	assert_string_equal(json.data, expected);
}

/* ---- text ---- */

static void test_text_every_byte(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		unsigned char raw[] = {'a', (unsigned char)c, 'z'};
		char expected[16];

		if (c == '\\')
			snprintf(expected, sizeof(expected), "a\\\\z");
		else if (c >= 0x20 && c <= 0x7e)
			snprintf(expected, sizeof(expected), "a%cz", (char)c);
		else
			snprintf(expected, sizeof(expected), "a\\x%02xz", c);
		assert_text(raw, 3, expected);
	}
}

/* What the terminal would act on or the eye would miss, from the Unicode tables. */
static bool must_not_be_raw(uint32_t cp)
{
	static const uint32_t single[] = {0x7f, 0xa0, 0xad, 0x34f, 0x61c, 0x115f, 0x1160,
	    0x1680, 0x17b4, 0x17b5, 0x180e, 0x2028, 0x2029, 0x202f, 0x205f, 0x2060,
	    0x3000, 0x3164, 0xfeff, 0xffa0, 0xfff9, 0xfffa, 0xfffb};

	for (size_t i = 0; i < ARRAY_LEN(single); i++) {
		if (cp == single[i])
			return true;
	}
	return cp < 0x20 || (cp >= 0x80 && cp < 0xa0) /* control */
	       || (cp >= 0x2000 && cp <= 0x200f)      /* spaces, zero width, LRM, RLM */
	       || (cp >= 0x202a && cp <= 0x202e)      /* bidi embedding and override */
	       || (cp >= 0x2066 && cp <= 0x2069)      /* bidi isolate */
	       || (cp >= 0xfe00 && cp <= 0xfe0f)      /* variation selectors */
	       || (cp >= 0xfdd0 && cp <= 0xfdef)      /* noncharacters */
	       || (cp & 0xfffe) == 0xfffe	      /* noncharacters */
	       || (cp >= 0xe000 && cp <= 0xf8ff)      /* private use */
	       || (cp >= 0xe0000 && cp <= 0xe0fff)    /* tags, more selectors */
	       || (cp >= 0xf0000 && cp <= MAX_CODE_POINT); /* private use */
}

/* Letters people use in names: escaping them would be no help to anybody. */
static bool must_be_raw(uint32_t cp)
{
	return (cp >= 0xa1 && cp <= 0x24f && cp != 0xad) /* Latin */
	       || (cp >= 0x370 && cp <= 0x52f)		 /* Greek, Cyrillic */
	       || (cp >= 0x5d0 && cp <= 0x5ea)		 /* Hebrew */
	       || (cp >= 0x620 && cp <= 0x64a)		 /* Arabic */
	       || (cp >= 0x900 && cp <= 0xdff)		 /* Devanagari to Sinhala */
	       || (cp >= 0x20a0 && cp <= 0x20bf)	 /* currencies */
	       || (cp >= 0x2190 && cp <= 0x27bf)	 /* arrows to dingbats */
	       || (cp >= 0x3041 && cp <= 0x30ff)	 /* kana */
	       || (cp >= 0x4e00 && cp <= 0x9fff)	 /* Han */
	       || (cp >= 0xac00 && cp <= 0xd7a3)	 /* Hangul */
	       || (cp >= 0x1f300 && cp <= 0x1f64f)	 /* pictographs */
	       || (cp >= 0x20000 && cp <= 0x2a6df);	 /* Han */
}

static void test_text_every_code_point(void **state)
{
	unsigned raw_count = 0;

	(void)state;
	for (uint32_t cp = 0x80; cp <= MAX_CODE_POINT; cp++) {
		char raw[5], escaped[17];
		size_t n = encode_utf8(cp, raw);
		CLEANUP_FREE char *text = esc_text(raw, n);
		bool is_raw = strcmp(text, raw) == 0;

		spell_hex(escaped, raw, n);
		/* cmocka's own comparisons are too slow for a million. */
		if (!is_raw && strcmp(text, escaped) != 0)
			fail_msg("U+%04X becomes %s", cp, text);
		if (is_raw && (must_not_be_raw(cp) || is_surrogate(cp)))
			fail_msg("U+%04X reaches the terminal", cp);
		if (!is_raw && must_be_raw(cp))
			fail_msg("U+%04X is escaped", cp);
		raw_count += is_raw;
	}
	assert_in_range(raw_count, 0x20000, 0x40000);
}

static void test_text_terminal(void **state)
{
	(void)state;
	assert_text_of("\033[2J\033]0;title\a", "\\x1b[2J\\x1b]0;title\\x07");
	assert_text_of("a\rb\nc\td\be", "a\\x0db\\x0ac\\x09d\\x08e");
	assert_text_of("\xc2\x9b"
		       "2J",
	    "\\xc2\\x9b2J");
	assert_text_of("\x9b"
		       "2J",
	    "\\x9b2J");
	assert_text_of("a\0b", "a\\x00b");
	assert_text_of("x\xe2\x80\xae"
		       "txt.exe",
	    "x\\xe2\\x80\\xaetxt.exe");
	/* What looks like an escape in the input is none in the output. */
	assert_text_of("\\x1b", "\\\\x1b");
	assert_text_of("gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f");
}

static void test_text_malformed_utf8(void **state)
{
	static const char *const malformed[] = {
	    "\x80", "\xbf", "\xc0\x80", "\xc0\xaf", "\xc1\xbf", "\xe0\x80\xaf",
	    "\xe0\x9f\xbf", "\xf0\x80\x80\xaf", "\xf0\x8f\xbf\xbf",	/* overlong */
	    "\xed\xa0\x80", "\xed\xbf\xbf", "\xed\xa0\xbd\xed\xb8\x80", /* surrogates */
	    "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xf8\x88\x80\x80\x80",
	    "\xfc\x84\x80\x80\x80\x80", "\xfe", "\xff", /* too large */
	    "\xc3", "\xe2\x82", "\xf0\x9f\x98",		/* cut */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(malformed); i++) {
		char expected[64];

		spell_hex(expected, malformed[i], strlen(malformed[i]));
		assert_text(malformed[i], strlen(malformed[i]), expected);
	}
	/* A sequence that is cut does not swallow what follows. */
	assert_text_of("\xe2\x82\033", "\\xe2\\x82\\x1b");
	assert_text_of("\xc3\xc3\xbc", "\\xc3\xc3\xbc");
	/* The length counts, not what happens to follow. */
	assert_text("\xc3\xbc", 1, "\\xc3");
}

static void test_text_cut(void **state)
{
	CLEANUP_FREE char *data = xmalloc(2 * ESC_TEXT_MAX);
	CLEANUP_FREE char *exact = NULL, *longer = NULL, *letters = NULL;

	(void)state;
	/* The longest text: all escapes. */
	memset(data, 1, 2 * ESC_TEXT_MAX);
	exact = esc_text(data, ESC_TEXT_MAX / 4);
	assert_int_equal(strlen(exact), ESC_TEXT_MAX);
	assert_string_equal(exact + ESC_TEXT_MAX - 4, "\\x01");
	longer = esc_text(data, ESC_TEXT_MAX / 4 + 1);
	assert_int_equal(strlen(longer), ESC_TEXT_MAX + 3);
	assert_string_equal(longer + ESC_TEXT_MAX - 4, "\\x01...");
	/* Never half a character: "a" and then two bytes each leave one byte of room. */
	for (size_t i = 0; i < ESC_TEXT_MAX; i++)
		data[i] = i == 0 ? 'a' : i % 2 ? '\xc3' : '\xbc';
	data[ESC_TEXT_MAX] = '\xbc';
	letters = esc_text(data, ESC_TEXT_MAX + 1);
	assert_int_equal(strlen(letters), ESC_TEXT_MAX - 1 + 3);
	assert_string_equal(letters + ESC_TEXT_MAX - 3, "\xc3\xbc...");
}

static void test_str(void **state)
{
	CLEANUP_FREE char *none = esc_str(NULL), *some = esc_str("a\033");

	(void)state;
	assert_string_equal(none, "");
	assert_string_equal(some, "a\\x1b");
	assert_text("", 0, "");
}

/* ---- tokens ---- */

static void test_token_every_byte(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		bool plain = c >= 0x21 && c <= 0x7e && c != '\\';
		char hex[5], within[8], raw[3] = {'a', (char)c, 'z'};

		snprintf(hex, sizeof(hex), "\\x%02x", c);
		if (plain)
			snprintf(within, sizeof(within), "a%cz", (char)c);
		else
			snprintf(within, sizeof(within), "a%sz", hex);
		assert_token(raw, 3, NULL, within);
		assert_token(raw, 3, "", within);
		/* Alone only "-" is special. */
		within[0] = (char)c;
		within[1] = '\0';
		assert_token(raw + 1, 1, NULL, plain && c != '-' ? within : hex);
		if (!plain)
			assert_no_token_of(raw, 3, NULL);
		else if (c != '-')
			assert_no_token(hex);
	}
}

static void test_token_also(void **state)
{
	(void)state;
	for (unsigned c = 0x21; c <= 0x7e; c++) {
		char also[3] = {(char)c, ',', '\0'}, raw[4] = {'~', (char)c, ',', '%'};
		char expected[32];

		if (c == '~' || c == ',' || c == '%' || c == '\\')
			continue;
		snprintf(expected, sizeof(expected), "~\\x%02x\\x2c%%", c);
		assert_token(raw, 4, also, expected);
		assert_no_token_of(raw, 4, also);
		/* What must be escaped for one place must not be for another. */
		assert_no_token(expected);
	}
	/* Even the letters of the escapes themselves. */
	assert_token("x-2d", 4, "x2d-\\", "\\x78\\x2d\\x32\\x64");
	assert_token("-", 1, "-", "\\x2d");
	assert_token("", 0, "-", "-");
}

static void test_token_empty_and_dash(void **state)
{
	(void)state;
	assert_token("", 0, NULL, "-");
	assert_token("-", 1, NULL, "\\x2d");
	assert_token("--", 2, NULL, "--");
	assert_token("-a", 2, NULL, "-a");
	assert_token("a-", 2, NULL, "a-");
	assert_token("\\x2d", 4, NULL, "\\x5cx2d");
	assert_token("\0", 1, NULL, "\\x00");
	assert_no_token("");
	assert_no_token("\\x2d\\x2d");
	assert_no_token("-\\x2d");
	assert_no_token("a\\x2d");
	assert_no_token("\\x2da");
}

static void test_token_refusals(void **state)
{
	static const char *const wrong[] = {"\\", "\\x", "\\x0", "a\\", "\\x0g", "\\xg0",
	    "\\X1b", "\\x1B", "\\xAB", "\\\\", "\\n", "\\033", "\\u0041", "\\x41",
	    "\\x7e", "\\x21", "a b", " ", "a\n", "\t", "\x7f", "\x80", "\xc3\xbc",
	    "\\x1 ", "\\ x1b", "\\x+1", "\\x-1", "\\x 1"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_no_token(wrong[i]);
	assert_no_token_of("a\0b", 3, NULL);
	/* The length counts: what would complete the escape does not belong to the token. */
	assert_no_token_of("\\x1b", 3, NULL);
}

/* All strings over the characters that matter: whatever is taken is what esc_token() writes. */
static void test_token_one_spelling(void **state)
{
	static const char alphabet[] = "\\x-25dDc0 ";
	enum { N = sizeof(alphabet) - 1, LONGEST = 5 };
	CLEANUP_BUF struct buf bytes, again;
	unsigned taken = 0;
	struct err e;

	(void)state;
	buf_init(&bytes, ROOM);
	buf_init(&again, ROOM);
	for (size_t len = 1, count = N; len <= LONGEST; len++, count *= N) {
		for (size_t i = 0; i < count; i++) {
			char token[LONGEST];
			size_t rest = i;

			for (size_t k = 0; k < len; k++, rest /= N)
				token[k] = alphabet[rest % N];
			buf_clear(&bytes);
			buf_clear(&again);
			if (esc_untoken(&bytes, token, len, "d", &e))
				continue;
			taken++;
			assert_int_equal(
			    esc_token(&again, bytes.data, bytes.len, "d", &e), 0);
			assert_int_equal(again.len, len);
			assert_memory_equal(again.data, token, len);
		}
	}
	assert_in_range(taken, 1000, 100000);
}

static void test_token_all_pairs(void **state)
{
	CLEANUP_BUF struct buf token, bytes;
	struct err e;

	(void)state;
	buf_init(&token, ROOM);
	buf_init(&bytes, ROOM);
	for (unsigned pair = 0; pair < 65536; pair++) {
		unsigned char raw[2] = {(unsigned char)(pair >> 8), (unsigned char)pair};

		buf_clear(&token);
		buf_clear(&bytes);
		assert_int_equal(esc_token(&token, raw, 2, "=", &e), 0);
		assert_int_equal(esc_untoken(&bytes, token.data, token.len, "=", &e), 0);
		assert_int_equal(bytes.len, 2);
		assert_memory_equal(bytes.data, raw, 2);
	}
}

static void test_token_appends_or_nothing(void **state)
{
	CLEANUP_BUF struct buf out;
	struct err e;

	(void)state;
	buf_init(&out, 8);
	assert_int_equal(esc_token(&out, "ab", 2, NULL, &e), 0);
	assert_int_equal(esc_token(&out, "c\n", 2, NULL, &e), 0);
	assert_string_equal(out.data, "abc\\x0a");
	assert_int_equal(esc_token(&out, "cd\n", 3, NULL, &e), ERR_MALFORMED);
	assert_string_equal(out.data, "abc\\x0a");
	assert_int_equal(esc_untoken(&out, "de", 2, NULL, &e), ERR_MALFORMED);
	assert_int_equal(esc_untoken(&out, "d\\x0a", 5, NULL, &e), ERR_MALFORMED);
	assert_string_equal(out.data, "abc\\x0a");
	assert_int_equal(esc_json(&out, "", 0, &e), ERR_MALFORMED);
	assert_string_equal(out.data, "abc\\x0a");
	assert_int_equal(out.len, 7);
}

/* A plain name is one scan and one copy: the buffer grows once, not piece by piece. */
static void test_token_plain_is_one_copy(void **state)
{
	CLEANUP_BUF struct buf token, bytes;
	char path[4096];
	struct err e;

	(void)state;
	buf_init(&token, ROOM);
	buf_init(&bytes, ROOM);
	for (size_t i = 0; i < sizeof(path); i++)
		path[i] = i % 16 ? 'a' : '/';
	growths = 0;
	assert_int_equal(esc_token(&token, path, sizeof(path), "=", &e), 0);
	assert_int_equal(growths, 1);
	assert_int_equal(token.len, sizeof(path));
	assert_memory_equal(token.data, path, sizeof(path));
	assert_int_equal(esc_untoken(&bytes, token.data, token.len, "=", &e), 0);
	assert_int_equal(growths, 2);
	/* The counter counts: an escape in the middle makes it grow in steps. */
	path[32] = ' ';
	buf_release(&token);
	growths = 0;
	assert_int_equal(esc_token(&token, path, sizeof(path), "=", &e), 0);
	assert_true(growths > 1);
}

/* ---- JSON ---- */

static void test_json_every_byte(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		char raw[3] = {'a', (char)c, 'z'}, expected[16];

		if (c == '"' || c == '\\')
			snprintf(expected, sizeof(expected), "\"a\\%cz\"", (char)c);
		else if (c >= 0x20 && c <= 0x7e)
			snprintf(expected, sizeof(expected), "\"a%cz\"", (char)c);
		else
			snprintf(expected, sizeof(expected), "\"a\\u%04xz\"",
			    c < 0x80 ? c : 0xfffd);
		assert_json(raw, 3, expected);
	}
	assert_json("", 0, "\"\"");
}

static bool is_printable_ascii(const char *s, size_t len)
{
	while (len && *s >= 0x20 && *s <= 0x7e)
		s++, len--;
	return len == 0;
}

/* Another program's parser reads back every code point. */
static void test_json_every_code_point(void **state)
{
	CLEANUP_BUF struct buf raw, json;
	struct err e;

	(void)state;
	buf_init(&raw, ROOM);
	buf_init(&json, ROOM);
	for (uint32_t cp = 0; cp <= MAX_CODE_POINT; cp++) {
		char one[5];
		json_t *v;

		if (!is_surrogate(cp))
			assert_int_equal(buf_add(&raw, one, encode_utf8(cp, one), &e), 0);
		if (cp % 1024 != 1023)
			continue;
		assert_int_equal(esc_json(&json, raw.data, raw.len, &e), 0);
		assert_true(is_printable_ascii(json.data, json.len));
		v = json_loadb(
		    json.data, json.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
		assert_non_null(v);
		assert_int_equal(json_string_length(v), raw.len);
		assert_memory_equal(json_string_value(v), raw.data, raw.len);
		json_decref(v);
		buf_clear(&raw);
		buf_clear(&json);
	}
}

static void test_json_malformed(void **state)
{
	(void)state;
	assert_json("\xc3\xbc", 2, "\"\\u00fc\"");
	assert_json("\xc3\xbc", 1, "\"\\ufffd\"");
	assert_json("\xf0\x9f\x98\x80", 4, "\"\\ud83d\\ude00\"");
	assert_json("\xed\xa0\xbd\xed\xb8\x80", 6,
	    "\"\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\"");
	assert_json("\xc0\xa2", 2, "\"\\ufffd\\ufffd\"");
	assert_json("\xc3\"", 2, "\"\\ufffd\\\"\"");
	assert_json(
	    "\",\"severity\":\"ignore", 20, "\"\\\",\\\"severity\\\":\\\"ignore\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_text_every_byte),
	    cmocka_unit_test(test_text_every_code_point),
	    cmocka_unit_test(test_text_terminal),
	    cmocka_unit_test(test_text_malformed_utf8),
	    cmocka_unit_test(test_text_cut),
	    cmocka_unit_test(test_str),
	    cmocka_unit_test(test_token_every_byte),
	    cmocka_unit_test(test_token_also),
	    cmocka_unit_test(test_token_empty_and_dash),
	    cmocka_unit_test(test_token_refusals),
	    cmocka_unit_test(test_token_one_spelling),
	    cmocka_unit_test(test_token_all_pairs),
	    cmocka_unit_test(test_token_appends_or_nothing),
	    cmocka_unit_test(test_token_plain_is_one_copy),
	    cmocka_unit_test(test_json_every_byte),
	    cmocka_unit_test(test_json_every_code_point),
	    cmocka_unit_test(test_json_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
