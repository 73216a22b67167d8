/* SPDX-License-Identifier: Apache-2.0 */
/* test_manifest.c: one spelling per tree, and nothing else is accepted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tree/manifest.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static char *format(const struct manifest_entry *m)
{
	struct buf out;
	struct err e = {0};

	buf_init(&out, MANIFEST_LINE_MAX + 1);
	if (manifest_format(m, &out, &e)) {
		assert_int_equal(e.code, ERR_MALFORMED);
		buf_release(&out);
		return NULL;
	}
	return buf_take(&out);
}

static bool parses(const char *line, size_t len)
{
	struct manifest_scratch *s = manifest_scratch_new();
	struct manifest_entry m;
	struct err e = {0};
	int r = manifest_parse(line, len, s, &m, &e);
	bool same = false;

	if (r == 0) {
		char *again = format(&m);

		assert_non_null(again);
		same = strncmp(again, line, len) == 0;
		assert_true(same);
		free(again);
	} else {
		assert_int_equal(r, ERR_MALFORMED);
		assert_true(strlen(e.msg) > 0);
	}
	manifest_scratch_free(s);
	return same;
}

static void accepts(const char *line)
{
	if (!parses(line, strlen(line)))
		fail_msg("refused: %s", line);
}

static void refuses(const char *line)
{
	if (parses(line, strlen(line)))
		fail_msg("accepted: %s", line);
}

static void test_golden(void **state)
{
	const struct manifest_xattr xattrs[] = {
	    {.name = "security.capability", .value = "\1\0\0\2", .len = 4},
	    {.name = "user.a=b c", .value = "x=y z", .len = 5},
	    {.name = "user.dash", .value = "-", .len = 1},
	    {.name = "user.empty", .value = "", .len = 0},
	};
	struct manifest_entry m = {
	    .path = "/usr/bin/a \n\\\xff=-",
	    .size = 12345,
	    .mode = S_IFREG | 04755,
	    .nlink = 3,
	    .uid = 0,
	    .gid = 4294967295,
	    .mtime_sec = 1700000000,
	    .mtime_nsec = 7,
	    .has_digest = true,
	    .xattrs = xattrs,
	    .n_xattrs = ARRAY_LEN(xattrs),
	};
	char *line;

	(void)state;
	assert_true(digest_parse_hex(HEX64, &m.digest));
	line = format(&m);
	assert_string_equal(line,
	    "/usr/bin/a\\x20\\x0a\\x5c\\xff=- 12345 104755 3 0 4294967295 0 "
	    "1700000000.000000007 - - " HEX64 " security.capability=\\x01\\x00\\x00\\x02 "
	    "user.a\\x3db\\x20c=x=y\\x20z user.dash=\\x2d user.empty=\n");
	accepts(line);
	free(line);
}

static void test_types(void **state)
{
	(void)state;
	accepts("/ 0 40755 1 0 0 0 0.000000000 - - -\n");
	accepts("/d 0 40755 1 0 0 0 -9223372036854775808.999999999 - - -\n");
	accepts("/e 0 100644 1 0 0 0 1.000000000 - - -\n");
	accepts("/e 0 100644 1 0 0 0 1.000000000 - - -"); /* LF may be missing */
	accepts("/c 0 20666 1 0 5 21474836481 1.000000000 - - -\n");
	accepts("/whiteout 0 20000 1 0 0 0 1.000000000 - - -\n");
	accepts("/b 0 60660 1 0 6 18446744073709551615 1.000000000 - - -\n");
	accepts("/p 0 10644 1 0 0 0 1.000000000 - - - user.x=1\n");
	accepts("/s 0 140777 1 0 0 0 1.000000000 - - -\n");
	accepts("/l 3 120777 1 0 0 0 1.000000000 a\\x20b - -\n");
	accepts("/l 1 120777 1 0 0 0 1.000000000 \\x2d - -\n");
	accepts("/z 5 @100644 2 0 0 0 1.000000000 /a - -\n");
	accepts("/z 5 @120777 2 0 0 0 1.000000000 /a - -\n");
	accepts("/f 18446744073709551615 100644 1 0 0 0 1.000000000 - - " HEX64 "\n");
}

/* Each line breaks one rule. */
static void test_refusals(void **state)
{
	static const char *const lines[] = {
	    "",
	    "\n",
	    " ",
	    "/",
	    /* PATH */
	    "a 0 40755 1 0 0 0 1.000000000 - - -\n",
	    "- 0 40755 1 0 0 0 1.000000000 - - -\n",
	    "/a/ 0 40755 1 0 0 0 1.000000000 - - -\n",
	    "//a 0 40755 1 0 0 0 1.000000000 - - -\n",
	    "/a/../b 0 40755 1 0 0 0 1.000000000 - - -\n",
	    "/./b 0 40755 1 0 0 0 1.000000000 - - -\n",
	    "/a\\x00b 0 40755 1 0 0 0 1.000000000 - - -\n",
	    "/\\x61 0 40755 1 0 0 0 1.000000000 - - -\n",
	    "/\\xFF 0 40755 1 0 0 0 1.000000000 - - -\n",
	    "/\\\\ 0 40755 1 0 0 0 1.000000000 - - -\n",
	    "/\xff 0 40755 1 0 0 0 1.000000000 - - -\n",
	    "/ 0 100644 1 0 0 0 1.000000000 - - -\n",
	    /* columns */
	    "/a 1 40755 1 0 0 0 1.000000000 - - -\n",
	    "/a 00 40755 1 0 0 0 1.000000000 - - -\n",
	    "/a +0 40755 1 0 0 0 1.000000000 - - -\n",
	    "/a 18446744073709551616 100644 1 0 0 0 1.000000000 - - " HEX64 "\n",
	    "/a 0 040755 1 0 0 0 1.000000000 - - -\n",
	    "/a 0 40855 1 0 0 0 1.000000000 - - -\n",
	    "/a 0 755 1 0 0 0 1.000000000 - - -\n",
	    "/a 0 1040755 1 0 0 0 1.000000000 - - -\n",
	    "/a 0 170755 1 0 0 0 1.000000000 - - -\n",
	    "/a 0 40755 2 0 0 0 1.000000000 - - -\n",
	    "/a 0 40755 1 4294967296 0 0 1.000000000 - - -\n",
	    "/a 0 40755 1 0 -1 0 1.000000000 - - -\n",
	    "/a 0 40755 1 0 0 1 1.000000000 - - -\n",
	    "/a 0 20666 1 0 0 18446744073709551616 1.000000000 - - -\n",
	    "/a 0 40755 1 0 0 0 1.00000000 - - -\n",
	    "/a 0 40755 1 0 0 0 1.0000000000 - - -\n",
	    "/a 0 40755 1 0 0 0 .000000000 - - -\n",
	    "/a 0 40755 1 0 0 0 -0.000000001 - - -\n",
	    "/a 0 40755 1 0 0 0 01.000000000 - - -\n",
	    "/a 0 40755 1 0 0 0 1.00000000a - - -\n",
	    "/a 0 40755 1 0 0 0 9223372036854775808.000000000 - - -\n",
	    "/a 0 40755 1 0 0 0 -9223372036854775809.000000000 - - -\n",
	    /* PAYLOAD */
	    "/a 0 40755 1 0 0 0 1.000000000 x - -\n",
	    "/a 5 100644 1 0 0 0 1.000000000 x - " HEX64 "\n",
	    "/a 2 120777 1 0 0 0 1.000000000 x - -\n",
	    "/a 0 120777 1 0 0 0 1.000000000 - - -\n",
	    "/a 1 120777 1 0 0 0 1.000000000 \\x00 - -\n",
	    "/a 5 @100644 2 0 0 0 1.000000000 /a - -\n",
	    "/a 5 @100644 2 0 0 0 1.000000000 /b - -\n",
	    "/b 5 @100644 2 0 0 0 1.000000000 a - -\n",
	    "/b 5 @100644 2 0 0 0 1.000000000 - - -\n",
	    "/b 5 @100644 1 0 0 0 1.000000000 /a - -\n",
	    "/b 5 @100644 2 0 0 0 1.000000000 /a - " HEX64 "\n",
	    "/b 5 @100644 2 0 0 0 1.000000000 /a - - user.x=1\n",
	    "/b 0 @40755 1 0 0 0 1.000000000 /a - -\n",
	    /* CONTENT, DIGEST */
	    "/a 5 100644 1 0 0 0 1.000000000 - x " HEX64 "\n",
	    "/a 5 100644 1 0 0 0 1.000000000 - - -\n",
	    "/a 0 100644 1 0 0 0 1.000000000 - - " HEX64 "\n",
	    "/a 0 40755 1 0 0 0 1.000000000 - - " HEX64 "\n",
	    "/a 5 100644 1 0 0 0 1.000000000 - - " HEX64 "0\n",
	    "/a 5 100644 1 0 0 0 1.000000000 - - 0123\n",
	    "/a 5 100644 1 0 0 0 1.000000000 - - "
	    "0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef\n",
	    /* XATTRs */
	    "/a 0 100644 1 0 0 0 1.000000000 - - - \n",
	    "/a 0 100644 1 0 0 0 1.000000000 - - - user.x\n",
	    "/a 0 100644 1 0 0 0 1.000000000 - - - =1\n",
	    "/a 0 100644 1 0 0 0 1.000000000 - - - user.x=-\n",
	    "/a 0 100644 1 0 0 0 1.000000000 - - - user.y=1 user.x=1\n",
	    "/a 0 100644 1 0 0 0 1.000000000 - - - user.x=1 user.x=1\n",
	    "/a 0 100644 1 0 0 0 1.000000000 - - - user.x=1  user.y=1\n",
	    "/a 0 100644 1 0 0 0 1.000000000 - - - user.\\x00=1\n",
	    "/a 0 100644 1 0 0 0 1.000000000 - - - security.selinux=1\n",
	    /* shape */
	    "/a  0 100644 1 0 0 0 1.000000000 - - -\n",
	    "/a 0 100644 1 0 0 0 1.000000000 - -\n",
	    "/a 0 100644 1 0 0 0 1.000000000\n",
	    "/a 0 100644\n",
	    "/a 0 100644 1 0 0 0 1.000000000 - - -\n\n",
	    "/a 0 100644 1 0 0 0 1.000000000 - - -\r\n",
	    "/a 0 100644 1 0 0 0 1.000000000 - - -\n/b 0 100644 1 0 0 0 1.000000000 - - "
	    "-\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		refuses(lines[i]);
}

/* Every byte a name, a target or a value can hold comes back. */
static void test_every_byte(void **state)
{
	struct manifest_scratch *s = manifest_scratch_new();

	(void)state;
	for (unsigned byte = 1; byte < 256; byte++) {
		char path[8], target[8], value[1] = {(char)byte};
		struct manifest_xattr x = {.value = value, .len = 1};
		struct manifest_entry m = {.path = path,
		    .mode = S_IFLNK | 0777,
		    .nlink = 1,
		    .size = 1,
		    .payload = target,
		    .xattrs = &x,
		    .n_xattrs = 1};
		struct manifest_entry out;
		struct err e;
		char *line;

		if (byte == '/' || byte == '.')
			continue;
		snprintf(path, sizeof(path), "/%c", (char)byte);
		snprintf(target, sizeof(target), "%c", (char)byte);
		x.name = target;
		line = format(&m);
		assert_non_null(line);
		assert_int_equal(manifest_parse(line, strlen(line), s, &out, &e), 0);
		assert_string_equal(out.path, path);
		assert_string_equal(out.payload, target);
		assert_int_equal(out.n_xattrs, 1);
		assert_string_equal(out.xattrs[0].name, target);
		assert_int_equal(out.xattrs[0].len, 1);
		assert_memory_equal(out.xattrs[0].value, value, 1);
		free(line);
	}
	manifest_scratch_free(s);
}

static void test_longest_line(void **state)
{
	char *value = xmalloc(MANIFEST_LINE_MAX);
	struct manifest_xattr x = {.name = "user.x", .value = value};
	struct manifest_entry m = {
	    .path = "/a", .mode = S_IFREG, .nlink = 1, .xattrs = &x, .n_xattrs = 1};
	char *line;

	(void)state;
	memset(value, 'v', MANIFEST_LINE_MAX);
	line = format(&m);
	assert_non_null(line);
	x.len = MANIFEST_LINE_MAX - strlen(line);
	free(line);
	line = format(&m);
	assert_non_null(line);
	assert_int_equal(strlen(line), MANIFEST_LINE_MAX);
	accepts(line);
	free(line);
	x.len++;
	assert_null(format(&m));
	free(value);
}

static void test_order(void **state)
{
	/* Depth first, names by bytes: a directory's children before the sibling "a.b". */
	static const char *const sorted[] = {
	    "/",
	    "/a",
	    "/a/b",
	    "/a/b/c",
	    "/a/b.c",
	    "/a ",
	    "/a!",
	    "/a.b",
	    "/ab",
	    "/b",
	    "/\xc3\xa4",
	    "/\xff",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sorted); i++) {
		for (size_t j = 0; j < ARRAY_LEN(sorted); j++) {
			int order = manifest_path_cmp(sorted[i], sorted[j]);

			assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_golden),
	    cmocka_unit_test(test_types),
	    cmocka_unit_test(test_refusals),
	    cmocka_unit_test(test_every_byte),
	    cmocka_unit_test(test_longest_line),
	    cmocka_unit_test(test_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
