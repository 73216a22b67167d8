/* SPDX-License-Identifier: Apache-2.0 */
/* test_idmap.c: ranges of subordinate ids, and the maps made of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "store/idmap.h"

static void read_text(const char *text, struct idmap *out)
{
	char path[] = "/tmp/test_idmap.XXXXXX";
	int fd = mkstemp(path);
	struct err e;

	assert_true(fd >= 0);
	assert_int_equal(fs_write_all(fd, text, strlen(text), &e), 0);
	close(fd);
	idmap_read(path, "ci", 1000, 1000, out);
	unlink(path);
}

static void expect_text(const char *file, const char *text)
{
	CLEANUP_FREE char *got = NULL;
	struct idmap m;

	read_text(file, &m);
	got = idmap_text(&m);
	assert_string_equal(got, text);
}

static void ranges(void **state)
{
	(void)state;
	expect_text("", "1000:1");
	expect_text("ci:100000:65536\n", "1000:1,100000:65536");
	expect_text("ci:100000:65536", "1000:1,100000:65536");
	expect_text("a:5:1\nci:100000:65536\nb:7:1\n1000:300000:10\n",
	    "1000:1,100000:65536,300000:10");
	/* Others, and what is no line. */
	expect_text("cix:1:1\nc:1:1\n10000:1:1\n:1:1\nci\nci:\nci:1\nci:1:\nci::1\n"
		    "ci:x:1\nci:1:x\nci:-1:1\nci:1:1:1\n",
	    "1000:1");
	/* No id is 4294967295, or above. */
	expect_text("ci:4294967294:1\n", "1000:1,4294967294:1");
	expect_text("ci:4294967294:2\nci:4294967295:1\nci:4294967296:1\nci:1:4294967296\n"
		    "ci:5:0\n",
	    "1000:1");
}

static void only_so_many(void **state)
{
	CLEANUP_BUF struct buf text;
	struct idmap m;
	struct err e;

	(void)state;
	buf_init(&text, 65536);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(buf_addf(&text, &e, "ci:%u:1\n", 100000 + 2 * i), 0);
	read_text(text.data, &m);
	assert_int_equal(m.n, IDMAP_RANGES_MAX);
	/* The longest map of the other way round has room. */
	buf_clear(&text);
	text.max = IDMAP_TEXT_MAX;
	assert_int_equal(idmap_inverse_lines(&m, &text, &e), 0);
}

static void both_ways(void **state)
{
	CLEANUP_BUF struct buf text;
	struct idmap m;
	struct err e;

	(void)state;
	buf_init(&text, IDMAP_TEXT_MAX);
	read_text("ci:100000:65536\nci:500:2\n", &m);
	assert_int_equal(idmap_lines(&m, &text, &e), 0);
	assert_string_equal(text.data, "0 1000 1\n1 100000 65536\n65537 500 2\n");
	buf_clear(&text);
	assert_int_equal(idmap_inverse_lines(&m, &text, &e), 0);
	/* All 4294967295 ids have one, and none has two. */
	assert_string_equal(text.data,
	    "1000 0 1\n100000 1 65536\n500 65537 2\n"
	    "0 65539 500\n502 66039 498\n1001 66537 98999\n165536 165536 4294801759\n");
	assert_true(idmap_has(&m, 1000) && idmap_has(&m, 100000) &&
		    idmap_has(&m, 165535) && idmap_has(&m, 501));
	assert_false(idmap_has(&m, 0) || idmap_has(&m, 999) || idmap_has(&m, 1001) ||
		     idmap_has(&m, 165536) || idmap_has(&m, 502) ||
		     idmap_has(&m, UINT32_MAX));
}

static void overlaps(void **state)
{
	static const char *const files[] = {"ci:900:200\n", "ci:1000:1\n",
	    "ci:5:10\nci:14:1\n", "ci:5:10\nci:5:10\n", "ci:0:4294967294\nci:9:9\n"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		CLEANUP_BUF struct buf text;
		struct idmap m;
		struct err e;

		buf_init(&text, IDMAP_TEXT_MAX);
		read_text(files[i], &m);
		assert_int_equal(idmap_inverse_lines(&m, &text, &e), ERR_STORE);
		assert_non_null(strstr(e.msg, "overlap"));
	}
}

static bool of_namespace(const char *text, struct idmap *out)
{
	char path[] = "/tmp/test_idmap.XXXXXX";
	int fd = mkstemp(path);
	struct err e;
	bool is;

	assert_int_equal(fs_write_all(fd, text, strlen(text), &e), 0);
	close(fd);
	is = idmap_of_namespace(path, out);
	unlink(path);
	return is;
}

static void namespaces(void **state)
{
	struct idmap m;

	(void)state;
	assert_true(of_namespace("         0       1000          1\n"
				 "         1     100000      65536\n",
	    &m));
	{
		CLEANUP_FREE char *text = idmap_text(&m);

		assert_string_equal(text, "1000:1,100000:65536");
	}
	assert_int_equal(idmap_outside(&m, 0), 1000);
	assert_int_equal(idmap_outside(&m, 1), 100000);
	assert_int_equal(idmap_outside(&m, 65536), 165535);
	assert_int_equal(idmap_outside(&m, 65537), UINT32_MAX);
	/* The first one, one with a gap, one that does not begin with 0, none. */
	assert_false(of_namespace("0 0 4294967295\n", &m));
	assert_false(of_namespace("0 1000 1\n2 100000 65536\n", &m));
	assert_false(of_namespace("1 1000 1\n", &m));
	assert_false(of_namespace("", &m));
	assert_false(idmap_of_namespace("/nonexistent", &m));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(ranges),
	    cmocka_unit_test(only_so_many), cmocka_unit_test(both_ways),
	    cmocka_unit_test(overlaps), cmocka_unit_test(namespaces)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
