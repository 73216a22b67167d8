/* SPDX-License-Identifier: Apache-2.0 */
/* test_duration.c: lengths of time as settings spell them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/duration.h"

static void test_units(void **state)
{
	static const struct {
		const char *text;
		int64_t seconds;
	} cases[] = {
	    {"1s", 1},
	    {"90s", 90},
	    {"10m", 600},
	    {"2h", 7200},
	    {"7d", 604800},
	    {"999999d", INT64_C(86399913600)},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t seconds = 0;

		assert_true(duration_parse(cases[i].text, &seconds));
		assert_int_equal(seconds, cases[i].seconds);
	}
}

static void test_refused(void **state)
{
	static const char *const cases[] = {"", "s", "0s", "10", "10 s", " 10s", "+1s",
	    "-1s", "1.5h", "10S", "10ms", "10m5s", "1000000s", "0x10s",
	    "99999999999999999999999s"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t seconds = 77;

		assert_false(duration_parse(cases[i], &seconds));
		assert_int_equal(seconds, 77);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_units),
	    cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
