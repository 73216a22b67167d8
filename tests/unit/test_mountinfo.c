/* SPDX-License-Identifier: Apache-2.0 */
/* test_mountinfo.c: mount points in the kernel's words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "store/mountinfo.h"

static bool add(void *ctx, const char *point, const char *rest)
{
	struct buf *all = ctx;
	struct err e;

	assert_int_equal(buf_addf(all, &e, "%s|%.7s\n", point, rest), 0);
	return true;
}

static bool stop(void *ctx, const char *point, const char *rest)
{
	(void)add(ctx, point, rest);
	return false;
}

static void expect(const char *text, mountinfo_fn *each, const char *want)
{
	char path[] = "/tmp/test_mountinfo.XXXXXX";
	CLEANUP_FD int fd = mkstemp(path);
	CLEANUP_BUF struct buf got;
	struct err e;

	buf_init(&got, 65536);
	assert_int_equal(fs_write_all(fd, text, strlen(text), &e), 0);
	assert_int_equal(mountinfo_below(path, "/g", each, &got, &e), 0);
	unlink(path);
	assert_string_equal(got.data, want);
}

static void below(void **state)
{
	(void)state;
	expect("1 2 8:1 / / rw - ext4 d rw\n"
	       "1 2 8:1 / /g rw - ext4 d rw\n"
	       "1 2 8:1 / /g/a rw,x a\n"
	       "1 2 8:1 / /gg/a rw - ext4 d rw\n"
	       "1 2 8:1 / /x/g/a rw - ext4 d rw\n"
	       "1 2 8:1 /g/b /g/a/b ro unbindable - ext4 d rw\n",
	    add, "/g/a|rw,x a\n\n/g/a/b|ro unbi\n");
	expect("1 2 8:1 / /g/a rw - e d rw\n1 2 8:1 / /g/b rw - e d rw\n", stop,
	    "/g/a|rw - e \n");
}

static void odd_names(void **state)
{
	(void)state;
	expect("1 2 8:1 / /g/a\\040b\\134\\012 rw x\n", add, "/g/a b\\\n|rw x\n\n");
	/* No such escapes are the kernel's; they end nothing. */
	expect("1 2 8:1 / /g/\\4\\ rw x\n", add, "/g/\\4\\|rw x\n\n");
}

static void no_lines(void **state)
{
	struct err e;

	(void)state;
	expect("", add, "");
	expect("\n1\n1 2 3 4\n1 2 3 4 /g/a\n", add, "");
	assert_int_equal(
	    mountinfo_below("/nonexistent", "/g", add, NULL, &e), ERR_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(below),
	    cmocka_unit_test(odd_names), cmocka_unit_test(no_lines)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
