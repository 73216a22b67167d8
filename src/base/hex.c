/* SPDX-License-Identifier: Apache-2.0 */
/* hex.c: see hex.h. */
#include "base/hex.h"

#include <string.h>

static const char digits[] = "0123456789abcdef";
static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* -1 if it is no digit. Without branches: which digit it is tells no clock, and costs no wrong guess. */
static int hex_value(char c)
{
	unsigned digit = (unsigned char)c - (unsigned)'0';
	unsigned letter = (unsigned char)c - (unsigned)'a';
	unsigned is_digit = 0U - (digit < 10), is_letter = 0U - (letter < 6);

	return (int)((digit & is_digit) | ((letter + 10) & is_letter) |
		     ~(is_digit | is_letter));
}

void hex_encode(char *out, const void *data, size_t len)
{
	const unsigned char *s = data;

	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digits[s[i] >> 4];
		out[2 * i + 1] = digits[s[i] & 15];
	}
	out[2 * len] = '\0';
}

bool hex_decode(void *out, size_t len, const char *hex)
{
	unsigned char *d = out;

	/* A string that ends early is caught before its NUL is passed. */
	for (size_t i = 0; i < len; i++) {
		int high = hex_value(hex[2 * i]);
		int low = high < 0 ? -1 : hex_value(hex[2 * i + 1]);

		if (low < 0)
			return false;
		d[i] = (unsigned char)(high << 4 | low);
	}
	return hex[2 * len] == '\0';
}

bool hex_is(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (hex_value(s[i]) < 0)
			return false;
	}
	return s[n] == '\0';
}

int base64_encode(struct buf *out, const void *data, size_t len, struct err *e)
{
	const unsigned char *s = data;
	int r;

	/* Half of SIZE_MAX is more than any buffer: it only makes the sum below safe. */
	r = buf_reserve(out, len < SIZE_MAX / 2 ? (len + 2) / 3 * 4 : len, e);
	if (r)
		return r;
	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		uint32_t group = (uint32_t)s[i] << 16 |
				 (n > 1 ? (uint32_t)s[i + 1] << 8 : 0) |
				 (n > 2 ? s[i + 2] : 0);
		char *text = out->data + out->len;

		text[0] = alphabet[group >> 18];
		text[1] = alphabet[group >> 12 & 63];
		text[2] = n > 1 ? alphabet[group >> 6 & 63] : '=';
		text[3] = n > 2 ? alphabet[group & 63] : '=';
		out->len += 4;
	}
	out->data[out->len] = '\0';
	return 0;
}

/* -1 if the character is none of base64's. */
static int base64_value(char c)
{
	static const int8_t values[128] = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 62, -1, -1, -1, 63, 52, 53,
	    54, 55, 56, 57, 58, 59, 60, 61, -1, -1, -1, -1, -1, -1, -1, 0, 1, 2, 3, 4, 5,
	    6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25,
	    -1, -1, -1, -1, -1, -1, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38,
	    39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, -1, -1, -1, -1, -1};

	return (unsigned char)c < sizeof(values) ? values[(unsigned char)c] : -1;
}

/*
 * Decodes four characters into up to three bytes; only the last group may be padded. Returns how
 * many bytes, or -1.
 */
static int base64_group(const char *text, bool last, unsigned char bytes[3])
{
	int n = !last || text[3] != '=' ? 3 : text[2] != '=' ? 2 : 1;
	uint32_t group = 0;

	for (int i = 0; i < 4; i++) {
		int value = i <= n ? base64_value(text[i]) : 0;

		if (value < 0)
			return -1;
		group = group << 6 | (uint32_t)value;
	}
	bytes[0] = (unsigned char)(group >> 16);
	bytes[1] = (unsigned char)(group >> 8);
	bytes[2] = (unsigned char)group;
	/* Spare bits that are not zero would give the same bytes a second spelling. */
	if ((n < 3 && bytes[2]) || (n < 2 && bytes[1]))
		return -1;
	return n;
}

int base64_decode(struct buf *out, const char *text, size_t len, struct err *e)
{
	size_t padding = len < 4 ? 0 : (text[len - 1] == '=') + (text[len - 2] == '=');
	unsigned char bytes[3];
	size_t used = 0;
	int r;

	if (len % 4)
		return err_set(e, ERR_MALFORMED,
		    "base64 text of %zu characters: not a multiple of four", len);
	r = buf_reserve(out, len / 4 * 3 - padding, e);
	if (r)
		return r;
	for (size_t i = 0; i < len; i += 4) {
		int n = base64_group(text + i, i + 4 == len, bytes);

		if (n < 0) {
			/* What is decoded so far lies over the NUL. */
			buf_truncate(out, out->len);
			return err_set(e, ERR_MALFORMED,
			    "base64 text is not canonical at character %zu", i);
		}
		memcpy(out->data + out->len + used, bytes, (size_t)n);
		used += (size_t)n;
	}
	out->len += used;
	out->data[out->len] = '\0';
	return 0;
}
