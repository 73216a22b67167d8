/* SPDX-License-Identifier: Apache-2.0 */
/* test_tarsplit.c: the tar-split stream, from memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#include "store/tarsplit.h"

struct memory {
	const char *data;
	size_t len, step; /* bytes per read */
};

static int read_memory(void *ctx, void *data, size_t cap, size_t *got, struct err *e)
{
	struct memory *m = ctx;

	(void)e;
	*got = m->len < m->step ? m->len : m->step;
	*got = *got < cap ? *got : cap;
	memcpy(data, m->data, *got);
	m->data += *got;
	m->len -= *got;
	return 0;
}

/* Reads all entries; 0 or the code of the first failure. `last` gets the last file entry. */
static int read_all(struct memory m, bool gzip, size_t *entries, char *last,
    struct digest *digest, struct err *e)
{
	struct tarsplit *t = tarsplit_new(read_memory, &m, gzip);
	struct tarsplit_entry entry;
	bool end = false;
	int r = 0;

	for (*entries = 0; !r && !end; *entries += !r && !end) {
		r = tarsplit_next(t, &entry, &end, e);
		if (!r && !end && last && entry.type == TARSPLIT_FILE)
			snprintf(last, 256, "%s %llu %016llx", entry.name,
			    (unsigned long long)entry.size,
			    (unsigned long long)entry.crc);
	}
	if (!r && digest)
		tarsplit_digest(t, digest);
	tarsplit_free(t);
	return r;
}

static struct memory text(const char *lines, size_t step)
{
	return (struct memory){lines, strlen(lines), step};
}

/* Appends `data` as one gzip member. */
static void member(struct buf *out, const void *data, size_t len)
{
	z_stream z = {0};
	struct err e;

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, 0), Z_OK);
	assert_int_equal(buf_reserve(out, deflateBound(&z, len) + 64, &e), 0);
	z.next_in = (Bytef *)(uintptr_t)data;
	z.avail_in = (uInt)len;
	z.next_out = (Bytef *)out->data + out->len;
	z.avail_out = (uInt)(out->cap - out->len);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	out->len += z.total_out;
	deflateEnd(&z);
}

#define SEGMENT "{\"type\":2,\"payload\":\"AAECAw==\",\"position\":0}\n"
#define EMPTY "{\"type\":1,\"name\":\"d/\",\"payload\":null,\"position\":1}\n"
#define FILE_2                                                                           \
	"{\"type\":1,\"name\":\"a\",\"size\":22,\"payload\":\"LKs4OLyn7lQ=\","           \
	"\"position\":2}\n"

static void reads_what_tar_split_writes(void **state)
{
	static const char lines[] = SEGMENT EMPTY FILE_2;
	struct digest digest, expected;
	char last[256];
	size_t n;
	struct err e;

	(void)state;
	sha256(lines, sizeof(lines) - 1, &expected);
	for (size_t step = 1; step < 300; step += 7) {
		assert_int_equal(
		    read_all(text(lines, step), false, &n, last, &digest, &e), 0);
		assert_int_equal(n, 3);
		assert_string_equal(last, "a 22 2cab3838bca7ee54");
		assert_true(digest_equal(&digest, &expected));
	}
	assert_int_equal(read_all(text("", 1), false, &n, NULL, NULL, &e), 0);
	assert_int_equal(n, 0);
}

static void gzip_members_are_one_stream(void **state)
{
	static const char lines[] = SEGMENT EMPTY FILE_2;
	CLEANUP_BUF struct buf gz;
	struct digest digest, expected;
	size_t n;
	struct err e;

	(void)state;
	sha256(lines, sizeof(lines) - 1, &expected);
	for (size_t cut = 0; cut < sizeof(lines); cut += 5) {
		buf_init(&gz, 1 << 20);
		member(&gz, lines, cut);
		member(&gz, "", 0);
		member(&gz, lines + cut, sizeof(lines) - 1 - cut);
		for (size_t step = 1; step < 100; step = step * 3) {
			struct memory m = {gz.data, gz.len, step};

			assert_int_equal(read_all(m, true, &n, NULL, &digest, &e), 0);
			assert_int_equal(n, 3);
			assert_true(digest_equal(&digest, &expected));
		}
		buf_release(&gz);
	}
}

static void refuses_damaged_gzip(void **state)
{
	static const char lines[] = SEGMENT EMPTY FILE_2;
	CLEANUP_BUF struct buf gz;
	size_t n, whole;
	struct err e;

	(void)state;
	buf_init(&gz, 1 << 20);
	member(&gz, lines, sizeof(lines) - 1);
	whole = gz.len;
	for (size_t len = 0; len < whole; len++) {
		struct memory m = {gz.data, len, 16};

		assert_int_equal(read_all(m, true, &n, NULL, NULL, &e), ERR_MALFORMED);
	}
	for (size_t at = whole - 8; at < whole; at++) { /* CRC and length */
		struct memory m = {gz.data, whole, 64};

		gz.data[at] ^= 1;
		assert_int_equal(read_all(m, true, &n, NULL, NULL, &e), ERR_MALFORMED);
		gz.data[at] ^= 1;
	}
	/* Bytes behind the last member, zeros too. */
	for (int c = 0; c < 256; c += 85) {
		struct memory m = {gz.data, whole + 1, 64};

		gz.data[whole] = (char)c;
		assert_int_equal(read_all(m, true, &n, NULL, NULL, &e), ERR_MALFORMED);
	}
	assert_int_equal(
	    read_all(text(lines, 64), true, &n, NULL, NULL, &e), ERR_MALFORMED);
}

/* One file entry whose name is spelled so. */
static int name_of(const char *json, char *name, struct err *e)
{
	char line[512];
	size_t n;

	snprintf(line, sizeof(line), "{\"type\":1,%s,\"payload\":null,\"position\":0}\n",
	    json);
	return read_all(text(line, 64), false, &n, name, NULL, e);
}

static void decodes_names(void **state)
{
	static const struct {
		const char *json, *name;
	} cases[] = {
	    {"\"name\":\"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xb3\"",
		"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xb3"},
	    {"\"name\":\"\\u003c\\u003e\\u0026\\u2028\\u00e9\"",
		"<>&\xe2\x80\xa8\xc3\xa9"},
	    {"\"name\":\"\\\"\\\\\\n\\r\\t\\b\\f\\u0001\"", "\"\\\n\r\t\b\f\x01"},
	    {"\"name\":\"\x7f\"", "\x7f"},
	    {"\"name_raw\":\"YmFk//4=\"", "bad\xff\xfe"},
	};
	char name[256], expected[256];
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(name_of(cases[i].json, name, &e), 0);
		snprintf(
		    expected, sizeof(expected), "%s 0 0000000000000000", cases[i].name);
		assert_string_equal(name, expected);
	}
}

static void refuses_names_readable_in_two_ways(void **state)
{
	static const char *const cases[] = {
	    "\"name\":\"\"",		   /* Go leaves it out */
	    "\"name\":\"a\\u0000b\"",	   /* a C string ends here */
	    "\"name\":\"\\ud800\"",	   /* Go: U+FFFD */
	    "\"name\":\"\\ud83d\\udc33\"", /* never escaped by Go */
	    "\"name\":\"\\u003C\"",	   /* upper case */
	    "\"name\":\"\\/\"",
	    "\"name\":\"\\x41\"",
	    "\"name\":\"\\u00\"",
	    "\"name\":\"\\\"",
	    "\"name\":\"a\tb\"",
	    "\"name\":\"\xff\"", /* Go: U+FFFD */
	    "\"name\":\"\xc0\x80\"",
	    "\"name\":\"\xed\xa0\x80\"",
	    "\"name\":\"\xf4\x90\x80\x80\"",
	    "\"name\":\"\xe2\x82\"",
	    "\"name_raw\":\"\"",
	    "\"name_raw\":\"AA==\"", /* NUL */
	    "\"name_raw\":\"YQ\"",
	    "\"name_raw\":\"YQ==\",\"name\":\"b\"",
	    "\"name\":\"b\",\"name_raw\":\"YQ==\"",
	    "\"Name\":\"a\"",
	    "\"name\":null",
	    "\"name\":\"a\",\"name\":\"b\"",
	    "\"name\": \"a\"",
	};
	char name[256];
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (name_of(cases[i], name, &e) != ERR_MALFORMED)
			fail_msg("accepted: %s", cases[i]);
	}
}

static void refuses_other_spellings(void **state)
{
	static const char *const cases[] = {
	    "\n",
	    "{}\n",
	    "null\n",
	    SEGMENT "\n",
	    " " SEGMENT,
	    "{\"type\":2,\"payload\":\"AAECAw==\",\"position\":0}", /* no line feed */
	    "{\"type\":2,\"payload\":\"AAECAw==\",\"position\":0}\r\n",
	    "{\"type\":2,\"payload\":\"AAECAw==\",\"position\":0} \n",
	    "{\"type\":2,\"payload\":\"AAECAw==\",\"position\":0}{}\n",
	    "{\"type\":2,\"payload\":\"AAECAw==\",\"position\":1}\n",
	    "{\"type\":2,\"payload\":\"AAECAw==\",\"position\":00}\n",
	    "{\"type\":2,\"payload\":\"AAECAw==\",\"position\":-0}\n",
	    "{\"type\":2,\"payload\":\"AAECAw==\",\"position\":0.0}\n",
	    "{\"type\":2,\"payload\":\"AAECAw==\"}\n",
	    "{\"type\":2,\"position\":0,\"payload\":\"AAECAw==\"}\n",
	    "{\"type\":2,\"payload\":\"AAECAw\",\"position\":0}\n",
	    "{\"type\":2,\"payload\":\"AAECAx==\",\"position\":0}\n", /* spare bits */
	    "{\"type\":2,\"payload\":\"AAEC\\u0041w==\",\"position\":0}\n",
	    "{\"type\":2,\"payload\":\"AAECAw==\",\"payload\":\"\",\"position\":0}\n",
	    "{\"type\":2,\"paylo\xc5\xbf"
	    "d\":\"AAECAw==\",\"position\":0}\n",
	    "{\"type\":2,\"po\xc5\xbfition\":0,\"payload\":\"AAECAw==\"}\n",
	    "{\"Type\":2,\"payload\":\"AAECAw==\",\"position\":0}\n",
	    "{\"type\":2,\"type\":1,\"payload\":\"AAECAw==\",\"position\":0}\n",
	    "{\"type\":2,\"name\":\"a\",\"payload\":\"AAECAw==\",\"position\":0}\n",
	    "{\"type\":2,\"size\":4,\"payload\":\"AAECAw==\",\"position\":0}\n",
	    "{\"type\":0,\"payload\":\"AAECAw==\",\"position\":0}\n",
	    "{\"type\":3,\"payload\":\"AAECAw==\",\"position\":0}\n",
	    "{\"type\":12,\"payload\":\"AAECAw==\",\"position\":0}\n",
	    "{\"type\":1,\"payload\":null,\"position\":0}\n",
	    "{\"type\":1,\"name\":\"a\",\"size\":0,\"payload\":null,\"position\":0}\n",
	    "{\"type\":1,\"name\":\"a\",\"size\":-1,\"payload\":\"LKs4OLyn7lQ=\","
	    "\"position\":0}\n",
	    "{\"type\":1,\"name\":\"a\",\"size\":1e3,\"payload\":\"LKs4OLyn7lQ=\","
	    "\"position\":0}\n",
	    "{\"type\":1,\"name\":\"a\",\"size\":9223372036854775808,"
	    "\"payload\":\"LKs4OLyn7lQ=\",\"position\":0}\n",
	    "{\"type\":1,\"name\":\"a\",\"size\":22,\"payload\":null,\"position\":0}\n",
	    "{\"type\":1,\"name\":\"a\",\"size\":22,\"payload\":\"LKs4OA==\","
	    "\"position\":0}\n",
	    "{\"type\":1,\"name\":\"a\",\"payload\":\"LKs4OLyn7lQ=\",\"position\":0}\n",
	};
	size_t n;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (read_all(text(cases[i], 64), false, &n, NULL, NULL, &e) !=
		    ERR_MALFORMED)
			fail_msg("accepted: %s", cases[i]);
	}
	assert_int_equal(read_all(text(SEGMENT SEGMENT, 64), false, &n, NULL, NULL, &e),
	    ERR_MALFORMED);
	assert_non_null(strstr(e.msg, "line 2: "));
}

/* A line that never ends must not take memory without end. */
static void refuses_an_endless_line(void **state)
{
	CLEANUP_BUF struct buf gz;
	CLEANUP_FREE char *part = xmalloc(1 << 20);
	struct memory m;
	size_t n;
	struct err e;

	(void)state;
	memset(part, 'A', 1 << 20);
	buf_init(&gz, 8 << 20);
	for (unsigned i = 0; i <= TARSPLIT_LINE_MAX >> 20; i++)
		member(&gz, part, 1 << 20);
	m = (struct memory){gz.data, gz.len, 1 << 16};
	assert_int_equal(read_all(m, true, &n, NULL, NULL, &e), ERR_MALFORMED);
	assert_non_null(strstr(e.msg, "longer than"));
}

static int fails(void *ctx, void *data, size_t cap, size_t *got, struct err *e)
{
	(void)ctx;
	(void)data;
	(void)cap;
	(void)got;
	return err_set(e, ERR_IO, "broken disk");
}

static void passes_read_errors_on(void **state)
{
	struct tarsplit *t = tarsplit_new(fails, NULL, true);
	struct tarsplit_entry entry;
	bool end;
	struct err e;

	(void)state;
	assert_int_equal(tarsplit_next(t, &entry, &end, &e), ERR_IO);
	assert_string_equal(e.msg, "broken disk");
	tarsplit_free(t);
}

/* Values of Go's hash/crc64 tests. */
static void crc_is_that_of_go(void **state)
{
	static const struct {
		uint64_t crc;
		const char *text;
	} cases[] = {
	    {0, ""},
	    {UINT64_C(0x3420000000000000), "a"},
	    {UINT64_C(0x36c4200000000000), "ab"},
	    {UINT64_C(0x3776c42000000000), "abc"},
	    {UINT64_C(0x31b002d36776c420), "abcdefg"},
	    {UINT64_C(0x0e21b002d36776c4), "abcdefgh"},
	    {UINT64_C(0x8b6e21b002d36776), "abcdefghi"},
	};
	char data[100];
	uint64_t whole;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_true(tarsplit_crc(0, cases[i].text, strlen(cases[i].text)) ==
			    cases[i].crc);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 37);
	whole = tarsplit_crc(0, data, sizeof(data));
	for (size_t cut = 0; cut <= sizeof(data); cut++)
		assert_true(tarsplit_crc(tarsplit_crc(0, data, cut), data + cut,
				sizeof(data) - cut) == whole);
}

static int setup(void **state)
{
	struct err e;

	(void)state;
	return crypto_init(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_what_tar_split_writes),
	    cmocka_unit_test(gzip_members_are_one_stream),
	    cmocka_unit_test(refuses_damaged_gzip),
	    cmocka_unit_test(decodes_names),
	    cmocka_unit_test(refuses_names_readable_in_two_ways),
	    cmocka_unit_test(refuses_other_spellings),
	    cmocka_unit_test(refuses_an_endless_line),
	    cmocka_unit_test(passes_read_errors_on),
	    cmocka_unit_test(crc_is_that_of_go),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
