/* SPDX-License-Identifier: Apache-2.0 */
/* test_tarhead.c: one tar header as Go reads it, and what is refused because readers differ. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "store/tarhead.h"

/* Offsets of the ustar fields. */
enum {
	NAME = 0,
	MODE = 100,
	UID = 108,
	GID = 116,
	SIZE = 124,
	MTIME = 136,
	TYPE = 156,
	LINK = 157,
	MAGIC = 257,
	MAJOR = 329,
	MINOR = 337,
	PREFIX = 345,
	STAR = 508,
};

/* A chain of blocks that a test assembles and breaks. */
struct chain {
	char data[64 * TAR_BLOCK];
	size_t len;
};

static char *add_block(struct chain *c, char type, const char *name, size_t size)
{
	char *b = c->data + c->len;

	memset(b, 0, TAR_BLOCK);
	memcpy(b + NAME, name, strlen(name));
	strcpy(b + MODE, "0000644");
	strcpy(b + UID, "0001750");
	strcpy(b + GID, "0000144");
	snprintf(b + SIZE, 12, "%07o", (unsigned)size & 07777777);
	strcpy(b + MTIME, "07346545000");
	b[TYPE] = type;
	memcpy(b + MAGIC, "ustar\00000", 8);
	c->len += TAR_BLOCK;
	return b;
}

static void add_body(struct chain *c, const void *body, size_t len)
{
	size_t padded = (len + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;

	memset(c->data + c->len, 0, padded);
	memcpy(c->data + c->len, body, len);
	c->len += padded;
}

static void add_meta(struct chain *c, char type, const void *body, size_t len)
{
	add_block(c, type, "meta", len);
	add_body(c, body, len);
}

/* One record "LENGTH KEY=VALUE\n"; the length counts its own digits. */
static void add_record(char *text, const char *record)
{
	size_t digits = strlen(record) + 3 < 10 ? 1 : 2, at = strlen(text);

	sprintf(text + at, "%zu %s\n", strlen(record) + 2 + digits, record);
}

/* Records with one NULL at their end. */
static void add_pax(struct chain *c, const char *const records[])
{
	char text[1024] = "";

	for (; *records; records++)
		add_record(text, *records);
	add_meta(c, 'x', text, strlen(text));
}

/* Reads the chain; the strings live until the next call. */
static int read_chain(const struct chain *c, struct tar_header *h, struct err *e)
{
	static struct tarhead *t;

	tarhead_free(t);
	t = tarhead_new();
	return tarhead_read(t, c->data, c->len, h, e);
}

static void accepts(const struct chain *c, struct tar_header *h)
{
	struct err e;

	if (read_chain(c, h, &e))
		fail_msg("refused: %s", e.msg);
}

static void refuses(const struct chain *c, const char *rule)
{
	struct tar_header h;
	struct err e = {.msg = "nothing"};

	if (read_chain(c, &h, &e) != ERR_MALFORMED || !strstr(e.msg, rule))
		fail_msg("expected \"%s\", found \"%s\"", rule, e.msg);
}

static void plain_header(void **state)
{
	struct chain c = {.len = 0};
	struct tar_header h;

	(void)state;
	add_block(&c, '0', "bin/sh", 5);
	accepts(&c, &h);
	assert_int_equal(h.type, TAR_FILE);
	assert_string_equal(h.name, "bin/sh");
	assert_string_equal(h.link, "");
	assert_int_equal(h.mode, 0644);
	assert_int_equal(h.uid, 1000);
	assert_int_equal(h.gid, 100);
	assert_int_equal(h.size, 5);
	assert_int_equal(h.mtime_sec, 1000000000);
	assert_int_equal(h.mtime_nsec, 0);
	assert_int_equal(h.n_xattrs, 0);
}

static void types(void **state)
{
	static const struct {
		char type;
		const char *name;
		enum tar_type expected;
	} cases[] = {
	    {'0', "a", TAR_FILE},
	    {'\0', "a", TAR_FILE},
	    {'\0', "a/", TAR_DIR},
	    {'1', "a", TAR_HARDLINK},
	    {'2', "a", TAR_SYMLINK},
	    {'3', "a", TAR_CHAR},
	    {'4', "a", TAR_BLOCKDEV},
	    {'5', "a/", TAR_DIR},
	    {'5', "a", TAR_DIR},
	    {'6', "a", TAR_FIFO},
	};
	struct tar_header h;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct chain c = {.len = 0};
		char *b = add_block(&c, cases[i].type, cases[i].name, 0);

		strcpy(b + LINK, "target");
		strcpy(b + MAJOR, "0000007");
		strcpy(b + MINOR, "0000400");
		accepts(&c, &h);
		assert_int_equal(h.type, cases[i].expected);
		assert_string_equal(h.link,
		    h.type == TAR_HARDLINK || h.type == TAR_SYMLINK ? "target" : "");
		assert_int_equal(
		    h.dev_major, h.type == TAR_CHAR || h.type == TAR_BLOCKDEV ? 7 : 0);
		assert_int_equal(
		    h.dev_minor, h.type == TAR_CHAR || h.type == TAR_BLOCKDEV ? 256 : 0);
	}
	for (int type = 1; type < 256; type++) {
		struct chain c = {.len = 0};

		if (memchr("0123456xgLK", type, 11))
			continue;
		add_block(&c, (char)type, "a", 0);
		refuses(&c, "a type that containers/storage does not extract");
	}
}

static void long_names(void **state)
{
	struct chain ustar = {.len = 0}, gnu = {.len = 0}, pax = {.len = 0};
	struct tar_header h;
	char *b;

	(void)state;
	b = add_block(&ustar, '0', "name", 0);
	strcpy(b + PREFIX, "some/prefix");
	accepts(&ustar, &h);
	assert_string_equal(h.name, "some/prefix/name");
	/* GNU headers have other things there, v7 headers nothing. */
	memcpy(b + MAGIC, "ustar  ", 8);
	memcpy(b + PREFIX, "07346545000", 12);
	accepts(&ustar, &h);
	assert_string_equal(h.name, "name");
	memset(b + MAGIC, 0, 8);
	accepts(&ustar, &h);
	assert_string_equal(h.name, "name");

	add_meta(&gnu, 'K', "long/target", 12);
	add_meta(&gnu, 'L', "long/name", 10);
	strcpy(add_block(&gnu, '2', "cut", 0) + LINK, "cut");
	accepts(&gnu, &h);
	assert_string_equal(h.name, "long/name");
	assert_string_equal(h.link, "long/target");

	add_pax(&pax, (const char *[]){"path=caf\xc3\xa9", "path2=x", NULL});
	refuses(&pax, "without a header");
	add_block(&pax, '0', "cut", 0);
	accepts(&pax, &h);
	assert_string_equal(h.name, "caf\xc3\xa9");
}

static void pax_records_win(void **state)
{
	static const char *const records[] = {
	    "path=caf\xc3\xa9",
	    "linkpath=tar get",
	    "uid=3000000",
	    "gid=4294967295",
	    "mtime=12.1234567899",
	    "ctime=1234567890",
	    "comment=ignored",
	    "SCHILY.xattr.user.b=x=y\nz\x01\x02",
	    "SCHILY.xattr.user.a=ab",
	    "SCHILY.xattr.user.e=",
	    "LIBARCHIVE.xattr.user.c=Y",
	    NULL,
	};
	struct chain c = {.len = 0};
	struct tar_header h;

	(void)state;
	add_pax(&c, records);
	add_block(&c, '2', "cut", 0);
	accepts(&c, &h);
	assert_string_equal(h.name, "caf\xc3\xa9");
	assert_string_equal(h.link, "tar get");
	assert_int_equal(h.uid, 3000000);
	assert_int_equal(h.gid, UINT32_MAX);
	assert_int_equal(h.mtime_sec, 12);
	assert_int_equal(h.mtime_nsec, 123456789);
	assert_int_equal(h.n_xattrs, 3);
	assert_string_equal(h.xattrs[0].name, "user.a");
	assert_string_equal(h.xattrs[1].name, "user.b");
	assert_int_equal(h.xattrs[1].len, 7);
	assert_memory_equal(h.xattrs[1].value, "x=y\nz\x01\x02", 7);
	assert_int_equal(h.xattrs[2].len, 0);
}

static void times(void **state)
{
	static const struct {
		const char *record;
		int64_t sec;
		uint32_t nsec;
	} cases[] = {
	    {"mtime=-1", -1, 0},
	    {"mtime=-1.5", -2, 500000000},
	    {"mtime=-0.25", -1, 750000000},
	    {"mtime=7", 7, 0},
	    {"mtime=7.", 7, 0},
	    {"mtime=7.05", 7, 50000000},
	};
	struct tar_header h;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct chain c = {.len = 0};

		add_pax(&c, (const char *[]){cases[i].record, NULL});
		add_block(&c, '0', "a", 0);
		accepts(&c, &h);
		assert_int_equal(h.mtime_sec, cases[i].sec);
		assert_int_equal(h.mtime_nsec, cases[i].nsec);
	}
}

static void numbers(void **state)
{
	static const struct {
		const char *field;
		bool ok;
		uint32_t uid;
	} cases[] = {
	    {"0000017\0", true, 15}, {"    17 \0", true, 15},
	    {"17\0\0\0\0\0\0", true, 15}, {"\0\0\0\0\0\0\0\0", true, 0},
	    {"\x80\0\0\0\xff\xff\xff\xff", true, UINT32_MAX},
	    {"\x80\0\0\0\0\0\x01\x02", true, 258}, {"77777777", true, 16777215},
	    {"\0\0\0\0\0\0"
	     "17",
		false, 0}, /* Go trims, others stop */
	    {"\t000017\0", false, 0}, {"-000017\0", false, 0}, {"0000018\0", false, 0},
	    {"17\0x\0\0\0\0", false, 0}, {"1 7\0\0\0\0\0", false, 0},
	    {"\x80\0\0\x01\0\0\0\0", false, 0},		    /* 2^32 */
	    {"\xff\xff\xff\xff\xff\xff\xff\xff", false, 0}, /* -1 */
	};
	struct tar_header h;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct chain c = {.len = 0};
		char *b = add_block(&c, '0', "a", 0);

		memcpy(b + UID, cases[i].field, 8);
		if (!cases[i].ok) {
			refuses(&c, "an owner is not a number");
			continue;
		}
		accepts(&c, &h);
		assert_int_equal(h.uid, cases[i].uid);
	}
}

static void refuses_ambiguous_blocks(void **state)
{
	struct chain c = {.len = 0};
	char *b = add_block(&c, '0', "a", 5), saved[TAR_BLOCK];

	(void)state;
	memcpy(saved, b, TAR_BLOCK);
#define BROKEN(rule, ...)                                                                \
	do {                                                                             \
		memcpy(b, saved, TAR_BLOCK);                                             \
		__VA_ARGS__;                                                             \
		refuses(&c, rule);                                                       \
	} while (0)
	BROKEN("ends in a slash", strcpy(b, "a/"));
	BROKEN("without a body", b[TYPE] = '5');
	BROKEN("without a body", b[TYPE] = '1', strcpy(b + LINK, "b"));
	BROKEN("without a body", b[TYPE] = '\0', strcpy(b, "a/"));
	BROKEN("a link to nothing", b[TYPE] = '2', memset(b + SIZE, 0, 12));
	BROKEN("neither ustar nor GNU", memcpy(b + MAGIC, "ustar 00", 8));
	BROKEN("neither ustar nor GNU", memcpy(b + MAGIC, "ustar\0\0\0", 8));
	BROKEN("star header", memset(b + PREFIX, 'p', 131), memcpy(b + STAR, "tar", 4));
	BROKEN("GNU header with a prefix", memcpy(b + MAGIC, "ustar  ", 8),
	    strcpy(b + PREFIX, "usr/lib"));
	BROKEN("device number", strcpy(b + MAJOR, "0010000"));
	BROKEN("device number", strcpy(b + MINOR, "4000000"));
	BROKEN("the mode", b[MODE] = 'x');
	BROKEN("the size", b[SIZE] = 'x');
	BROKEN("the size", memset(b + SIZE, 0xff, 12));
	BROKEN("the time", b[MTIME] = 'x');
#undef BROKEN
}

static void refuses_ambiguous_records(void **state)
{
	static const struct {
		const char *first, *second, *rule;
	} cases[] = {
	    {"path=a", "path=b", "occurs twice"},
	    {"SCHILY.xattr.user.x=", "SCHILY.xattr.user.x=", "occurs twice"},
	    {"path=", NULL, "is empty"},
	    {"size=", NULL, "is empty"},
	    {"size=x", NULL, "the size"},
	    {"size=+1", NULL, "the size"},
	    {"size=-1", NULL, "the size"},
	    {"size=9223372036854775808", NULL, "the size"},
	    {"uid=-1", NULL, "an owner"},
	    {"uid=4294967296", NULL, "an owner"},
	    {"mtime=x", NULL, "PAX time"},
	    {"mtime=1.x", NULL, "PAX time"},
	    {"mtime=1e3", NULL, "PAX time"},
	    {"mtime=-", NULL, "PAX time"},
	    {"GNU.sparse.major=1", NULL, "a sparse file"},
	    {"GNU.sparse.offset=12", NULL, "a sparse file"},
	    {"SCHILY.xattr.=", NULL, "xattr without a name"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct chain c = {.len = 0};

		add_pax(&c, (const char *[]){cases[i].first, cases[i].second, NULL});
		add_block(&c, '0', "a", 0);
		refuses(&c, cases[i].rule);
	}
}

static void refuses_broken_records(void **state)
{
	static const struct {
		const char *body, *rule;
	} cases[] = {
	    {"path=a\n", "no length"},
	    {"x path=a\n", "no length"},
	    {"-9 path=a\n", "no length"},
	    {"99 path=a\n", "no length"},
	    {"8 path=a\n", "where it says"},
	    {"2 \n", "where it says"},
	    {"9 path a\n", "no key"},
	    {"9 =path1\n", "no key"},
	    {"9 path=a\n ", "no length"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct chain c = {.len = 0};

		add_meta(&c, 'x', cases[i].body, strlen(cases[i].body));
		add_block(&c, '0', "a", 0);
		refuses(&c, cases[i].rule);
	}
}

static void refuses_ambiguous_chains(void **state)
{
	static const struct {
		const char *metas, *rule;
	} cases[] = {
	    {"xx", "two extended headers"},
	    {"xL", "two extended headers"},
	    {"Lx", "two extended headers"},
	    {"xK", "two extended headers"},
	    {"LL", "two extended headers"},
	    {"KK", "two extended headers"},
	    {"xg", "a global header behind"},
	    {"Lg", "a global header behind"},
	};
	struct chain c;
	struct tar_header h;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		c.len = 0;
		for (const char *m = cases[i].metas; *m; m++) {
			add_meta(&c, *m, "name", *m == 'L' || *m == 'K' ? 5 : 0);
		}
		add_block(&c, '2', "a", 0)[LINK] = 'b';
		refuses(&c, cases[i].rule);
	}
	c.len = 0;
	add_meta(&c, 'g', "9 path=g\n", 9);
	add_meta(&c, 'g', "9 path=g\n", 9);
	add_block(&c, '0', "a", 0);
	accepts(&c, &h);
	assert_string_equal(h.name, "a");
	assert_int_equal(h.globals, 2);

	c.len = 0;
	add_meta(&c, 'L', "", 1);
	add_block(&c, '0', "a", 0);
	refuses(&c, "empty long name");
	c.len = 0;
	add_block(&c, '0', "a", 0);
	add_block(&c, '0', "b", 0);
	refuses(&c, "more than one header");
	c.len = TAR_BLOCK - 1;
	refuses(&c, "impossible length");
	c.len = 0;
	refuses(&c, "impossible length");
	add_block(&c, 'x', "a", 513);
	add_block(&c, '0', "a", 0);
	refuses(&c, "wrong size");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(plain_header),
	    cmocka_unit_test(types),
	    cmocka_unit_test(long_names),
	    cmocka_unit_test(pax_records_win),
	    cmocka_unit_test(times),
	    cmocka_unit_test(numbers),
	    cmocka_unit_test(refuses_ambiguous_blocks),
	    cmocka_unit_test(refuses_ambiguous_records),
	    cmocka_unit_test(refuses_broken_records),
	    cmocka_unit_test(refuses_ambiguous_chains),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
