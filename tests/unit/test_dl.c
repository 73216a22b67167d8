/* SPDX-License-Identifier: Apache-2.0 */
/* test_dl.c: functions of libraries that are loaded when they are needed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>
#include <zlib.h>

#include "base/dl.h"

static void test_found(void **state)
{
	static __typeof__(zlibVersion) *version;
	struct err e;

	(void)state;
	assert_int_equal(
	    dl_function("libz.so.1", "zlibVersion", (void **)&version, &e), 0);
	assert_string_equal(version(), zlibVersion());
}

static void test_absent(void **state)
{
	void *function = &function;
	struct err e;

	(void)state;
	assert_int_equal(
	    dl_function("libno-such-thing.so.1", "f", &function, &e), ERR_IO);
	assert_null(function);
	assert_non_null(strstr(e.msg, "libno-such-thing.so.1"));
	function = &function;
	assert_int_equal(
	    dl_function("libz.so.1", "no_such_function", &function, &e), ERR_IO);
	assert_null(function);
	assert_non_null(strstr(e.msg, "no_such_function"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_found),
	    cmocka_unit_test(test_absent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
