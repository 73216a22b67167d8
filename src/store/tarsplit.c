/* SPDX-License-Identifier: Apache-2.0 */
/* tarsplit.c: see tarsplit.h. Format: vbatts/tar-split tar/storage/entry.go, packer.go. */
#include "store/tarsplit.h"

#include <pthread.h>
#include <string.h>
#include <zlib.h>

#include "base/esc.h"
#include "base/hex.h"

#define INPUT_BYTES (64U << 10)
#define INFLATE_BYTES (256U << 10)

struct tarsplit {
	tarsplit_read_fn *read;
	void *ctx;
	bool gzip;
	z_stream z;
	bool z_ready;	/* inflateInit2 was done */
	bool in_member; /* inside a gzip member */
	bool input_end;
	uint8_t input[INPUT_BYTES];
	struct buf text; /* inflated, from `line` on not yet parsed */
	size_t line;	 /* where the next line starts */
	size_t scanned;	 /* no line feed between `line` and here */
	uint64_t position;
	struct sha256 *sha;
	struct buf payload, name; /* decoded parts of the current entry */
};

struct tarsplit *tarsplit_new(tarsplit_read_fn *read, void *ctx, bool gzip)
{
	struct tarsplit *t = xcalloc(1, sizeof(*t));

	t->read = read;
	t->ctx = ctx;
	t->gzip = gzip;
	t->sha = sha256_new();
	buf_init(&t->text, TARSPLIT_LINE_MAX + INFLATE_BYTES);
	buf_init(&t->payload, TARSPLIT_LINE_MAX);
	buf_init(&t->name, TARSPLIT_LINE_MAX);
	return t;
}

void tarsplit_free(struct tarsplit *t)
{
	if (!t)
		return;
	if (t->z_ready)
		inflateEnd(&t->z);
	sha256_free(t->sha);
	buf_release(&t->text);
	buf_release(&t->payload);
	buf_release(&t->name);
	free(t);
}

void tarsplit_digest(struct tarsplit *t, struct digest *out)
{
	sha256_final(t->sha, out);
}

/* --- one line --------------------------------------------------------------------------- */

struct cursor {
	const char *p, *end;
};

static bool skip(struct cursor *c, const char *literal)
{
	size_t n = strlen(literal);

	if ((size_t)(c->end - c->p) < n || memcmp(c->p, literal, n) != 0)
		return false;
	c->p += n;
	return true;
}

/* Decimal without sign or leading zero, at most INT64_MAX. */
static bool number(struct cursor *c, uint64_t *out)
{
	const char *start = c->p;
	uint64_t n = 0;

	while (c->p < c->end && *c->p >= '0' && *c->p <= '9') {
		unsigned digit = (unsigned)(*c->p++ - '0');

		if (n > ((uint64_t)INT64_MAX - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	*out = n;
	return c->p > start && (*start != '0' || c->p == start + 1);
}

static bool hex4(struct cursor *c, uint32_t *out)
{
	static const char digits[] = "0123456789abcdef";

	*out = 0;
	if (c->end - c->p < 4)
		return false;
	for (int i = 0; i < 4; i++) {
		const char *d = memchr(digits, *c->p++, 16);

		if (!d)
			return false;
		*out = *out << 4 | (uint32_t)(d - digits);
	}
	return true;
}

static int add_utf8(struct buf *out, uint32_t c, struct err *e)
{
	char b[4];
	size_t n = 0;

	if (c < 0x80) {
		b[n++] = (char)c;
	} else if (c < 0x800) {
		b[n++] = (char)(0xc0 | c >> 6);
		b[n++] = (char)(0x80 | (c & 0x3f));
	} else {
		b[n++] = (char)(0xe0 | c >> 12);
		b[n++] = (char)(0x80 | (c >> 6 & 0x3f));
		b[n++] = (char)(0x80 | (c & 0x3f));
	}
	return buf_add(out, b, n, e);
}

/*
 * encoding/json writes \u only for control characters, <, >, & and U+2028/9, in lower case; so a
 * surrogate cannot occur, and a NUL cannot be in a tar name.
 */
static int add_escaped(struct buf *out, struct cursor *c, struct err *e)
{
	static const char from[] = "\"\\nrtbf", to[] = "\"\\\n\r\t\b\f";
	uint32_t code;
	const char *p;

	if (c->p == c->end)
		return err_set(
		    e, ERR_MALFORMED, "a name ends in the middle of an escape");
	if (*c->p == 'u') {
		c->p++;
		if (!hex4(c, &code) || code == 0 || (code >= 0xd800 && code <= 0xdfff))
			return err_set(e, ERR_MALFORMED,
			    "a name has an escape tar-split does not write");
		return add_utf8(out, code, e);
	}
	p = memchr(from, *c->p++, sizeof(from) - 1);
	if (!p)
		return err_set(
		    e, ERR_MALFORMED, "a name has an escape tar-split does not write");
	return buf_add(out, to + (p - from), 1, e);
}

/* The rest of a JSON string whose opening quote was read. */
static int string(struct cursor *c, struct buf *out, struct err *e)
{
	while (c->p < c->end && *c->p != '"') {
		uint32_t code_point;
		size_t n = esc_utf8_decode(c->p, (size_t)(c->end - c->p), &code_point);
		int r;

		if (n == 0)
			return err_set(e, ERR_MALFORMED,
			    "a name is not UTF-8 and not in name_raw either");
		if (n == 1 && (uint8_t)*c->p < 0x20)
			return err_set(
			    e, ERR_MALFORMED, "a name has a bare control character");
		if (*c->p == '\\') {
			c->p++;
			r = add_escaped(out, c, e);
		} else {
			r = buf_add(out, c->p, n, e);
			c->p += n;
		}
		if (r)
			return r;
	}
	if (c->p == c->end)
		return err_set(e, ERR_MALFORMED, "a string does not end");
	c->p++;
	return 0;
}

static int base64(struct cursor *c, struct buf *out, struct err *e)
{
	const char *quote = memchr(c->p, '"', (size_t)(c->end - c->p));
	int r;

	if (!quote)
		return err_set(e, ERR_MALFORMED, "a string does not end");
	r = base64_decode(out, c->p, (size_t)(quote - c->p), e);
	c->p = quote + 1;
	return r;
}

static int file_name(struct tarsplit *t, struct cursor *c, struct err *e)
{
	int r = 0;

	buf_clear(&t->name);
	if (skip(c, ",\"name\":\""))
		r = string(c, &t->name, e);
	else if (skip(c, ",\"name_raw\":\""))
		r = base64(c, &t->name, e);
	if (r)
		return r;
	if (t->name.len == 0 || memchr(t->name.data, 0, t->name.len))
		return err_set(e, ERR_MALFORMED, "a file has no name, or a NUL in it");
	return 0;
}

static int payload(struct tarsplit *t, struct cursor *c, struct err *e)
{
	buf_clear(&t->payload);
	if (skip(c, ",\"payload\":null"))
		return 0;
	if (!skip(c, ",\"payload\":\""))
		return err_set(
		    e, ERR_MALFORMED, "a key is unknown, missing or out of order");
	return base64(c, &t->payload, e);
}

static int check_file(const struct tarsplit *t, struct tarsplit_entry *out, struct err *e)
{
	if (t->payload.len != (out->size ? 8 : 0))
		return err_set(e, ERR_MALFORMED, "a file's checksum is not 8 bytes");
	for (size_t i = 0; i < t->payload.len; i++)
		out->crc = out->crc << 8 | (uint8_t)t->payload.data[i];
	out->name = t->name.data;
	return 0;
}

/* {"type":1,"name":"a","size":1,"payload":"...","position":0} */
static int parse(struct tarsplit *t, const char *line, size_t len,
    struct tarsplit_entry *out, struct err *e)
{
	struct cursor c = {line, line + len};
	uint64_t position;
	int r;

	*out = (struct tarsplit_entry){0};
	if (skip(&c, "{\"type\":1"))
		out->type = TARSPLIT_FILE;
	else if (skip(&c, "{\"type\":2"))
		out->type = TARSPLIT_SEGMENT;
	else
		return err_set(
		    e, ERR_MALFORMED, "the line is not an entry of type 1 or 2");
	if (out->type == TARSPLIT_FILE) {
		r = file_name(t, &c, e);
		if (r)
			return r;
		if (skip(&c, ",\"size\":") && (!number(&c, &out->size) || !out->size))
			return err_set(e, ERR_MALFORMED, "a size is not a number");
	}
	r = payload(t, &c, e);
	if (r)
		return r;
	if (!skip(&c, ",\"position\":") || !number(&c, &position) || !skip(&c, "}") ||
	    c.p != c.end)
		return err_set(
		    e, ERR_MALFORMED, "a key is unknown, missing or out of order");
	if (position != t->position)
		return err_set(e, ERR_MALFORMED, "the position is not the line's number");
	if (out->type == TARSPLIT_FILE)
		return check_file(t, out, e);
	out->bytes = (const uint8_t *)t->payload.data;
	out->len = t->payload.len;
	return 0;
}

/* --- the stream ------------------------------------------------------------------------- */

static int fill_input(struct tarsplit *t, struct err *e)
{
	size_t got = 0;
	int r;

	if (t->z.avail_in || t->input_end)
		return 0;
	r = t->read(t->ctx, t->input, sizeof(t->input), &got, e);
	if (r)
		return r;
	t->input_end = got == 0;
	t->z.next_in = t->input;
	t->z.avail_in = (uInt)got;
	return 0;
}

/* A member starts wherever the previous one ended, as in Go's gzip.Reader. */
static int start_member(struct tarsplit *t, struct err *e)
{
	int z = t->z_ready ? inflateReset(&t->z) : inflateInit2(&t->z, 16 + MAX_WBITS);

	if (z != Z_OK)
		return err_set(e, ERR_INTERNAL, "zlib: cannot start (%d)", z);
	t->z_ready = true;
	t->in_member = true;
	return 0;
}

/* Appends what one call of inflate() yields; nothing only at the end of the file. */
static int inflate_some(struct tarsplit *t, size_t *got, struct err *e)
{
	int r, z;

	*got = 0;
	while (*got == 0) {
		r = fill_input(t, e);
		if (r)
			return r;
		if (t->input_end && !t->in_member && t->z_ready)
			return 0;
		if (t->input_end)
			return err_set(e, ERR_MALFORMED, "the gzip stream is cut short");
		if (!t->in_member) {
			r = start_member(t, e);
			if (r)
				return r;
		}
		t->z.next_out = (Bytef *)t->text.data + t->text.len;
		t->z.avail_out = INFLATE_BYTES;
		z = inflate(&t->z, Z_NO_FLUSH);
		if (z != Z_OK && z != Z_STREAM_END)
			return err_set(e, ERR_MALFORMED, "not gzip, or bytes behind it");
		if (z == Z_STREAM_END)
			t->in_member = false;
		*got = INFLATE_BYTES - t->z.avail_out;
	}
	return 0;
}

static int copy_some(struct tarsplit *t, size_t *got, struct err *e)
{
	int r = fill_input(t, e);

	if (r)
		return r;
	*got = t->z.avail_in;
	memcpy(t->text.data + t->text.len, t->z.next_in, *got);
	t->z.avail_in = 0;
	return 0;
}

/* Puts the unparsed rest to the front and appends more text. *got == 0 at the end. */
static int more_text(struct tarsplit *t, size_t *got, struct err *e)
{
	int r;

	if (t->line) {
		t->text.len -= t->line;
		t->scanned -= t->line;
		memmove(t->text.data, t->text.data + t->line, t->text.len);
		t->line = 0;
	}
	if (t->text.len > TARSPLIT_LINE_MAX)
		return err_set(e, ERR_MALFORMED, "a line is longer than %u bytes",
		    TARSPLIT_LINE_MAX);
	r = buf_reserve(&t->text, INFLATE_BYTES, e);
	if (!r)
		r = t->gzip ? inflate_some(t, got, e) : copy_some(t, got, e);
	if (r)
		return r;
	sha256_update(t->sha, t->text.data + t->text.len, *got);
	t->text.len += *got;
	return 0;
}

int tarsplit_next(
    struct tarsplit *t, struct tarsplit_entry *out, bool *end, struct err *e)
{
	const char *lf = NULL;
	size_t start, got;
	int r;

	*end = false;
	while (t->text.len == 0 || !(lf = memchr(t->text.data + t->scanned, '\n',
					 t->text.len - t->scanned))) {
		t->scanned = t->text.len;
		r = more_text(t, &got, e);
		if (r)
			return r;
		if (got)
			continue;
		*end = t->text.len == t->line;
		return *end ? 0
			    : err_set(e, ERR_MALFORMED, "the last line is not complete");
	}
	start = t->line;
	t->line = t->scanned = (size_t)(lf - t->text.data) + 1;
	r = parse(t, t->text.data + start, t->line - 1 - start, out, e);
	if (r)
		return err_wrap(e, "line %llu", (unsigned long long)t->position + 1);
	t->position++;
	return 0;
}

/* --- CRC-64 ------------------------------------------------------------------------------ */

static uint64_t crc_table[8][256];

static void crc_init(void)
{
	for (unsigned i = 0; i < 256; i++) {
		uint64_t c = i;

		for (int bit = 0; bit < 8; bit++)
			c = c & 1 ? c >> 1 ^ UINT64_C(0xD800000000000000) : c >> 1;
		crc_table[0][i] = c;
	}
	for (unsigned k = 1; k < 8; k++) {
		for (unsigned i = 0; i < 256; i++) {
			uint64_t c = crc_table[k - 1][i];

			crc_table[k][i] = crc_table[0][c & 0xff] ^ c >> 8;
		}
	}
}

uint64_t tarsplit_crc(uint64_t crc, const void *data, size_t len)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	const uint8_t *p = data;

	pthread_once(&once, crc_init);
	crc = ~crc;
	for (; len >= 8; len -= 8, p += 8) {
		uint64_t next = 0;

		for (int i = 7; i >= 0; i--)
			next = next << 8 | p[i];
		crc ^= next;
		next = 0;
		for (unsigned k = 0; k < 8; k++)
			next ^= crc_table[7 - k][crc >> (8 * k) & 0xff];
		crc = next;
	}
	for (; len; len--, p++)
		crc = crc_table[0][(crc ^ *p) & 0xff] ^ crc >> 8;
	return ~crc;
}
