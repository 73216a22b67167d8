/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_esc.c: tokens have one spelling and lose nothing, text neither loses bytes nor reaches the
 * terminal, JSON is ASCII that another parser reads back.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/esc.h"
#include "fuzz.h"

#define ROOM ((size_t)64 << 20)

static void must(bool holds)
{
	if (!holds)
		abort();
}

static bool same(const struct buf *b, const void *data, size_t len)
{
	return b->len == len && (len == 0 || memcmp(b->data, data, len) == 0);
}

static void check_token(const uint8_t *data, size_t len, const char *also)
{
	CLEANUP_BUF struct buf token, bytes;
	struct err e;

	buf_init(&token, ROOM);
	buf_init(&bytes, ROOM);
	must(esc_token(&token, data, len, also, &e) == 0);
	must(token.len > 0);
	for (size_t i = 0; i < token.len; i++)
		must(token.data[i] > 0x20 && token.data[i] < 0x7f);
	must(esc_untoken(&bytes, token.data, token.len, also, &e) == 0);
	must(same(&bytes, data, len));
}

/* The input itself as a token: if it is taken, it is the one spelling. */
static void check_untoken(const uint8_t *data, size_t len, const char *also)
{
	CLEANUP_BUF struct buf bytes, again;
	struct err e;

	buf_init(&bytes, ROOM);
	buf_init(&again, ROOM);
	if (esc_untoken(&bytes, (const char *)data, len, also, &e)) {
		must(e.code == ERR_MALFORMED && bytes.len == 0);
		return;
	}
	must(esc_token(&again, bytes.data, bytes.len, also, &e) == 0);
	must(same(&again, data, len));
}

static unsigned hex(char c)
{
	must((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'));
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a' + 10);
}

/* Reads the escapes of `text` back and appends the bytes. */
static void unescape(const char *text, struct buf *out)
{
	struct err e;

	while (*text) {
		char c = *text++;

		if (c == '\\' && *text == 'x') {
			c = (char)(hex(text[1]) << 4 | hex(text[2]));
			text += 3;
		} else if (c == '\\') {
			must(*text++ == '\\');
		}
		must(buf_add(out, &c, 1, &e) == 0);
	}
}

static void check_text(const uint8_t *data, size_t len)
{
	CLEANUP_FREE char *text = esc_text(data, len);
	CLEANUP_BUF struct buf back;
	size_t n = strlen(text);
	json_t *utf8 = json_stringn(text, n);

	buf_init(&back, ROOM);
	/* Well-formed UTF-8 by another program's measure, and no control character in it. */
	must(utf8 != NULL);
	json_decref(utf8);
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];

		must(c >= 0x20 && c != 0x7f);
		must(c != 0xc2 || (unsigned char)text[i + 1] > 0xa0);
	}
	must(n <= ESC_TEXT_MAX + 3);
	if (len > ESC_TEXT_MAX / 4)
		return; /* may be cut */
	unescape(text, &back);
	must(same(&back, data, len));
}

static void check_json(const uint8_t *data, size_t len)
{
	json_t *input = json_stringn((const char *)data, len);
	CLEANUP_BUF struct buf text;
	struct err e;
	json_t *v;

	buf_init(&text, ROOM);
	must(esc_json(&text, data, len, &e) == 0);
	for (size_t i = 0; i < text.len; i++)
		must(text.data[i] >= 0x20 && text.data[i] < 0x7f);
	v = json_loadb(text.data, text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	must(json_is_string(v));
	/* Valid UTF-8 is read back as it was, anything else holds U+FFFD. */
	if (input)
		must(json_equal(v, input));
	else
		must(strstr(text.data, "\\ufffd") != NULL);
	json_decref(v);
	json_decref(input);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char *const also[] = {NULL, "=", "-x0"};

	for (size_t i = 0; i < ARRAY_LEN(also); i++) {
		check_token(data, len, also[i]);
		check_untoken(data, len, also[i]);
	}
	check_text(data, len);
	check_json(data, len);
	return 0;
}
