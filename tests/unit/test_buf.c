/* SPDX-License-Identifier: Apache-2.0 */
/* test_buf.c: bytes grow up to their maximum and always end in a NUL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/buf.h"

static void test_empty(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 10);
	assert_string_equal(b.data, "");
	buf_clear(&b);
	buf_truncate(&b, 0);
	buf_release(&b);
	buf_release(&b);
	assert_string_equal(b.data, "");
	assert_int_equal(b.max, 10);
}

/* Every length up to some hundred, in pieces of every size: always exact, always a NUL. */
static void test_growth(void **state)
{
	char model[400];

	(void)state;
	for (size_t i = 0; i < sizeof(model); i++)
		model[i] = (char)('!' + i % 90);
	for (size_t piece = 1; piece < 140; piece++) {
		CLEANUP_BUF struct buf b;
		struct err e;

		buf_init(&b, sizeof(model));
		while (b.len + piece <= sizeof(model)) {
			assert_int_equal(buf_add(&b, model + b.len, piece, &e), 0);
			assert_memory_equal(b.data, model, b.len);
			assert_int_equal(strlen(b.data), b.len);
			assert_true(b.cap > b.len);
		}
		assert_int_equal(b.len, sizeof(model) / piece * piece);
	}
}

static void test_maximum(void **state)
{
	CLEANUP_BUF struct buf b;
	struct err e = {0};

	(void)state;
	buf_init(&b, 5);
	assert_int_equal(buf_add(&b, "123456", 6, &e), ERR_MALFORMED);
	assert_int_equal(e.code, ERR_MALFORMED);
	assert_non_null(strstr(e.msg, "5 bytes"));
	assert_string_equal(b.data, "");
	assert_int_equal(buf_adds(&b, "12345", &e), 0);
	assert_int_equal(buf_add(&b, "6", 1, &e), ERR_MALFORMED);
	assert_int_equal(buf_addf(&b, &e, "%d", 6), ERR_MALFORMED);
	assert_int_equal(buf_reserve(&b, 1, &e), ERR_MALFORMED);
	assert_int_equal(buf_add(&b, NULL, 0, &e), 0);
	assert_string_equal(b.data, "12345");
	/* A sum that wraps is still too large. */
	assert_int_equal(buf_reserve(&b, SIZE_MAX, &e), ERR_MALFORMED);
	assert_int_equal(buf_reserve(&b, SIZE_MAX - 4, &e), ERR_MALFORMED);
}

static void test_no_maximum(void **state)
{
	CLEANUP_BUF struct buf b;
	struct err e;

	(void)state;
	buf_init(&b, SIZE_MAX);
	/* There is no room for the NUL; to double up to it must not go on for ever. */
	assert_int_equal(buf_reserve(&b, SIZE_MAX, &e), ERR_MALFORMED);
	assert_int_equal(buf_adds(&b, "a", &e), 0);
	assert_int_equal(buf_reserve(&b, SIZE_MAX - 1, &e), ERR_MALFORMED);
	assert_string_equal(b.data, "a");
}

static void test_reserve(void **state)
{
	CLEANUP_BUF struct buf b;
	struct err e;

	(void)state;
	buf_init(&b, 1000);
	assert_int_equal(buf_adds(&b, "ab", &e), 0);
	assert_int_equal(buf_reserve(&b, 998, &e), 0);
	memset(b.data + b.len, 'c', 998);
	b.len += 998;
	b.data[b.len] = '\0';
	assert_int_equal(strlen(b.data), 1000);
}

static void test_clear_and_truncate(void **state)
{
	CLEANUP_BUF struct buf b;
	struct err e;
	size_t cap;

	(void)state;
	buf_init(&b, 100);
	assert_int_equal(buf_adds(&b, "hello", &e), 0);
	cap = b.cap;
	buf_truncate(&b, 5);
	assert_string_equal(b.data, "hello");
	buf_truncate(&b, 2);
	assert_string_equal(b.data, "he");
	assert_int_equal(b.len, 2);
	buf_clear(&b);
	assert_string_equal(b.data, "");
	assert_int_equal(b.cap, cap);
	assert_int_equal(buf_adds(&b, "again", &e), 0);
	assert_string_equal(b.data, "again");
}

static void test_format(void **state)
{
	CLEANUP_BUF struct buf b;
	struct err e;

	(void)state;
	buf_init(&b, 1000);
	assert_int_equal(buf_addf(&b, &e, "%s-%03d", "a", 7), 0);
	assert_int_equal(buf_addf(&b, &e, "%500s", "x"), 0);
	assert_int_equal(b.len, 505);
	assert_memory_equal(b.data, "a-007 ", 6);
	assert_string_equal(b.data + 504, "x");
}

static void test_take(void **state)
{
	CLEANUP_FREE char *none = NULL, *some = NULL;
	CLEANUP_BUF struct buf b;
	struct err e;

	(void)state;
	buf_init(&b, 10);
	none = buf_take(&b);
	assert_string_equal(none, "");
	assert_int_equal(buf_adds(&b, "text", &e), 0);
	some = buf_take(&b);
	assert_string_equal(some, "text");
	/* It starts anew with the same maximum, in other memory. */
	assert_int_equal(b.len, 0);
	assert_int_equal(buf_adds(&b, "new", &e), 0);
	assert_string_equal(some, "text");
	assert_int_equal(buf_adds(&b, "12345678", &e), ERR_MALFORMED);
}

/* ---- err ---- */

static void test_err_cut(void **state)
{
	char longer[2 * ERR_MSG_BYTES];
	struct err e;

	(void)state;
	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(err_set(&e, ERR_STORE, "%s", longer), ERR_STORE);
	assert_int_equal(strlen(e.msg), ERR_MSG_BYTES - 1);
	assert_int_equal(err_wrap(&e, "%s", longer), ERR_STORE);
	assert_int_equal(strlen(e.msg), ERR_MSG_BYTES - 1);
	assert_int_equal(err_set(&e, ERR_LEDGER, "inner"), ERR_LEDGER);
	assert_int_equal(err_wrap(&e, "outer %d", 1), ERR_LEDGER);
	assert_string_equal(e.msg, "outer 1: inner");
}

/* A message is no format, whatever name is in it. */
static void test_err_percent(void **state)
{
	struct err e;

	(void)state;
	err_set(&e, ERR_STORE, "%s", "100%s%n");
	err_wrap(&e, "%s", "50%d");
	assert_string_equal(e.msg, "50%d: 100%s%n");
}

static void test_err_exit_status(void **state)
{
	static const struct {
		enum err_code code;
		enum exit_status status;
	} all[] = {
	    {ERR_USAGE, EXIT_USAGE},
	    {ERR_REFUSED, EXIT_VIOLATED},
	    {ERR_IO, EXIT_UNVERIFIABLE},
	    {ERR_STORE, EXIT_UNVERIFIABLE},
	    {ERR_LEDGER, EXIT_UNVERIFIABLE},
	    {ERR_MALFORMED, EXIT_UNVERIFIABLE},
	    {ERR_CHANGED, EXIT_UNVERIFIABLE},
	    {ERR_NOT_FOUND, EXIT_UNVERIFIABLE},
	    {ERR_CONFLICT, EXIT_UNVERIFIABLE},
	    {ERR_INTERNAL, EXIT_INTERNAL},
	    /* No code at all must not let a build through. */
	    {0, EXIT_UNVERIFIABLE},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		struct err e = {.code = all[i].code};

		assert_int_equal(err_exit_status(&e), all[i].status);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_empty),
	    cmocka_unit_test(test_growth),
	    cmocka_unit_test(test_maximum),
	    cmocka_unit_test(test_no_maximum),
	    cmocka_unit_test(test_reserve),
	    cmocka_unit_test(test_clear_and_truncate),
	    cmocka_unit_test(test_format),
	    cmocka_unit_test(test_take),
	    cmocka_unit_test(test_err_cut),
	    cmocka_unit_test(test_err_percent),
	    cmocka_unit_test(test_err_exit_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
