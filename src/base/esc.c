/* SPDX-License-Identifier: Apache-2.0 */
/* esc.c: see esc.h. */
#include "base/esc.h"

#include <stdio.h>
#include <string.h>

#define TEXT_CUT "..."
#define MAX_CODE_POINT 0x10ffff

struct range {
	uint32_t first, last;
};

/*
 * Code points that valid UTF-8 may carry but a person must not be shown raw: they are invisible,
 * look like a plain space, reorder or join their neighbours, or mean something to a terminal.
 * Sorted.
 */
static const struct range unprintable[] = {
    {0x0000, 0x001f},	 /* C0: among them ESC, newline, backspace */
    {0x007f, 0x00a0},	 /* DEL, C1 (CSI is U+009B), no-break space */
    {0x00ad, 0x00ad},	 /* soft hyphen */
    {0x034f, 0x034f},	 /* combining grapheme joiner */
    {0x061c, 0x061c},	 /* Arabic letter mark (bidi) */
    {0x115f, 0x1160},	 /* Hangul fillers */
    {0x1680, 0x1680},	 /* Ogham space */
    {0x17b4, 0x17b5},	 /* invisible Khmer vowels */
    {0x180b, 0x180f},	 /* Mongolian selectors */
    {0x2000, 0x200f},	 /* spaces, zero-width characters, LRM, RLM */
    {0x2028, 0x202f},	 /* line separators, bidi embeddings and overrides */
    {0x205f, 0x206f},	 /* invisible operators, bidi isolates */
    {0x2800, 0x2800},	 /* blank Braille pattern */
    {0x3000, 0x3000},	 /* ideographic space */
    {0x3164, 0x3164},	 /* Hangul filler */
    {0xd800, 0xf8ff},	 /* surrogates, private use */
    {0xfdd0, 0xfdef},	 /* noncharacters */
    {0xfe00, 0xfe0f},	 /* variation selectors */
    {0xfeff, 0xfeff},	 /* byte order mark */
    {0xffa0, 0xffa0},	 /* halfwidth Hangul filler */
    {0xfff0, 0xfffb},	 /* unassigned, interlinear annotation */
    {0xfffe, 0xffff},	 /* noncharacters */
    {0x1bca0, 0x1bca3},	 /* shorthand format controls */
    {0x1d173, 0x1d17a},	 /* musical format controls */
    {0x1fffe, 0x1ffff},	 /* noncharacters */
    {0x2fffe, 0x2ffff},	 /* noncharacters */
    {0x3fffe, 0x10ffff}, /* nothing printable: unassigned planes, tags, private use */
};

static bool printable(uint32_t cp)
{
	for (size_t i = 0; i < ARRAY_LEN(unprintable) && unprintable[i].first <= cp;
	     i++) {
		if (cp <= unprintable[i].last)
			return false;
	}
	return true;
}

size_t esc_utf8_decode(const void *data, size_t len, uint32_t *cp)
{
	const unsigned char *s = data;
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = s[0] < 0x80		   ? 1
		   : (s[0] & 0xe0) == 0xc0 ? 2
		   : (s[0] & 0xf0) == 0xe0 ? 3
		   : (s[0] & 0xf8) == 0xf0 ? 4
					   : 0;

	if (n == 0 || n > len)
		return 0;
	*cp = n == 1 ? s[0] : s[0] & (0x7fU >> n);
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*cp = *cp << 6 | (s[i] & 0x3fU);
	}
	if (*cp < smallest[n] || *cp > MAX_CODE_POINT || (*cp >= 0xd800 && *cp <= 0xdfff))
		return 0;
	return n;
}

static void put_hex_byte(char out[4], unsigned char byte)
{
	static const char digits[] = "0123456789abcdef";

	out[0] = '\\';
	out[1] = 'x';
	out[2] = digits[byte >> 4];
	out[3] = digits[byte & 15];
}

/* ---- text for people ---- */

/* Spells what starts at s into `piece`; returns how many bytes of s that covers. */
static size_t text_piece(const unsigned char *s, size_t len, char piece[4], size_t *width)
{
	uint32_t cp;
	size_t n = esc_utf8_decode(s, len, &cp);

	if (n && cp == '\\') {
		piece[0] = piece[1] = '\\';
		*width = 2;
		return 1;
	}
	if (n && printable(cp)) {
		memcpy(piece, s, n);
		*width = n;
		return n;
	}
	put_hex_byte(piece, s[0]);
	*width = 4;
	return 1;
}

char *esc_text(const void *data, size_t len)
{
	const unsigned char *s = data;
	size_t room = len < ESC_TEXT_MAX / 4 ? 4 * len : ESC_TEXT_MAX;
	char *out = xmalloc(room + sizeof(TEXT_CUT));
	size_t used = 0;

	for (size_t i = 0; i < len;) {
		char piece[4];
		size_t width, n = text_piece(s + i, len - i, piece, &width);

		if (width > room - used) {
			memcpy(out + used, TEXT_CUT, sizeof(TEXT_CUT));
			return out;
		}
		memcpy(out + used, piece, width);
		used += width;
		i += n;
	}
	out[used] = '\0';
	return out;
}

char *esc_str(const char *s)
{
	return s ? esc_text(s, strlen(s)) : xstrdup("");
}

/* ---- tokens ---- */

/* plain[byte]: the byte stands for itself in a token. */
static void token_alphabet(bool plain[256], const char *also)
{
	memset(plain, false, 256);
	memset(plain + 0x21, true, 0x7f - 0x21);
	plain['\\'] = false;
	for (; also && *also; also++)
		plain[(unsigned char)*also] = false;
}

static size_t plain_run(const bool plain[256], const unsigned char *s, size_t len)
{
	size_t n = 0;

	while (n < len && plain[s[n]])
		n++;
	return n;
}

int esc_token(
    struct buf *out, const void *data, size_t len, const char *also, struct err *e)
{
	const unsigned char *s = data;
	size_t before = out->len;
	bool plain[256];
	int r = 0;

	if (len == 0)
		return buf_add(out, "-", 1, e);
	token_alphabet(plain, also);
	if (len == 1 && s[0] == '-')
		plain['-'] = false;
	for (size_t i = 0; !r && i < len;) {
		size_t run = plain_run(plain, s + i, len - i);
		char hex[4];

		r = buf_add(out, s + i, run, e);
		i += run;
		if (!r && i < len) {
			put_hex_byte(hex, s[i++]);
			r = buf_add(out, hex, sizeof(hex), e);
		}
	}
	if (r)
		buf_truncate(out, before);
	return r;
}

static int hex_digit(unsigned char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes the escape at s; refuses one for a byte that has a plain spelling. */
static int untoken_escape(const bool plain[256], const unsigned char *s, size_t len,
    unsigned char *byte, struct err *e)
{
	int high, low;

	if (s[0] != '\\')
		return err_set(e, ERR_MALFORMED,
		    "token holds byte 0x%02x, which must be escaped", s[0]);
	if (len < 4 || s[1] != 'x' || (high = hex_digit(s[2])) < 0 ||
	    (low = hex_digit(s[3])) < 0)
		return err_set(e, ERR_MALFORMED,
		    "token holds a backslash that is not followed by x and two "
		    "lower-case "
		    "hexadecimal digits");
	*byte = (unsigned char)(high << 4 | low);
	if (plain[*byte])
		return err_set(e, ERR_MALFORMED,
		    "token escapes byte 0x%02x, which must stand for itself", *byte);
	return 0;
}

int esc_untoken(
    struct buf *out, const char *token, size_t len, const char *also, struct err *e)
{
	const unsigned char *s = (const unsigned char *)token;
	size_t before = out->len;
	bool plain[256];
	int r = 0;

	if (len == 0)
		return err_set(e, ERR_MALFORMED, "token is missing");
	if (len == 1 && s[0] == '-')
		return 0;
	token_alphabet(plain, also);
	if (len == 4 && memcmp(s, "\\x2d", 4) == 0)
		plain['-'] = false;
	for (size_t i = 0; !r && i < len;) {
		size_t run = plain_run(plain, s + i, len - i);
		unsigned char byte;

		r = buf_add(out, s + i, run, e);
		i += run;
		if (!r && i < len) {
			r = untoken_escape(plain, s + i, len - i, &byte, e);
			if (!r)
				r = buf_add(out, &byte, 1, e);
			i += 4;
		}
	}
	if (r)
		buf_truncate(out, before);
	return r;
}

/* ---- JSON ---- */

/* Spells one code point that does not stand for itself. */
static int json_escape(struct buf *out, uint32_t cp, struct err *e)
{
	char text[16];

	if (cp == '"' || cp == '\\')
		snprintf(text, sizeof(text), "\\%c", (char)cp);
	else if (cp < 0x10000)
		snprintf(text, sizeof(text), "\\u%04x", cp);
	else
		snprintf(text, sizeof(text), "\\u%04x\\u%04x",
		    0xd800 + ((cp - 0x10000) >> 10), 0xdc00 + (cp & 0x3ff));
	return buf_adds(out, text, e);
}

static bool json_plain(unsigned char c)
{
	return c >= 0x20 && c <= 0x7e && c != '"' && c != '\\';
}

int esc_json(struct buf *out, const void *data, size_t len, struct err *e)
{
	const unsigned char *s = data;
	size_t before = out->len;
	int r = buf_add(out, "\"", 1, e);

	for (size_t i = 0; !r && i < len;) {
		size_t run = 0, n;
		uint32_t cp;

		while (i + run < len && json_plain(s[i + run]))
			run++;
		r = buf_add(out, s + i, run, e);
		i += run;
		if (r || i == len)
			break;
		n = esc_utf8_decode(s + i, len - i, &cp);
		r = json_escape(out, n ? cp : 0xfffd, e);
		i += n ? n : 1;
	}
	if (!r)
		r = buf_add(out, "\"", 1, e);
	if (r)
		buf_truncate(out, before);
	return r;
}
