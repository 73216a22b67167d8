/* SPDX-License-Identifier: Apache-2.0 */
/* test_decimal.c: one spelling of each number, and nothing read beyond its length. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/decimal.h"

static void test_numbers(void **state)
{
	static const struct {
		const char *text;
		uint64_t n;
	} good[] = {{"0", 0}, {"7", 7}, {"10", 10}, {"18446744073709551615", UINT64_MAX}};
	static const char *const bad[] = {"", "00", "01", "+1", "-1", " 1", "1 ", "1x",
	    "0x1", "18446744073709551616", "99999999999999999999"};
	uint64_t n;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_true(decimal_parse(good[i].text, strlen(good[i].text), &n));
		assert_int_equal(n, good[i].n);
	}
	n = 42;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(decimal_parse(bad[i], strlen(bad[i]), &n));
	assert_false(decimal_parse("1\0", 2, &n));
	assert_int_equal(n, 42);
	assert_true(decimal_parse("123", 2, &n));
	assert_int_equal(n, 12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_numbers)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
