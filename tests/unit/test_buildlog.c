/* SPDX-License-Identifier: Apache-2.0 */
/* test_buildlog.c: what an engine says while RUN steps talk in between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "guard/buildlog.h"

#define ID_A "fd7cfc0937d544131832dab5ec536ee97773d65660bf0c40713ab510b46b8f01"
#define ID_B "018c47e71f9c07e22d48bfcccfa385a5e91592f3af9c0c7ed0b51380c603920c"

static void read_in_pieces(struct buildlog *log, const char *text, size_t piece)
{
	struct err e;

	*log = (struct buildlog){0};
	for (size_t at = 0; at < strlen(text); at += piece) {
		size_t n = strlen(text + at) < piece ? strlen(text + at) : piece;

		assert_int_equal(buildlog_add(log, text + at, n, &e), 0);
	}
	assert_int_equal(buildlog_end(log, &e), 0);
}

static void reads_what_engines_say(void **state)
{
	static const char text[] = "[1/2] STEP 1/3: FROM localhost/base AS one\n"
				   "--> Using cache " ID_A "\n"
				   "--> fd7cfc0937d\n"
				   "partial--> 018c47e71f9c\n"
				   "[2/2] COMMIT t1\n"
				   "Successfully tagged localhost/t1:latest\n" ID_B "\n";

	(void)state;
	for (size_t piece = 1; piece < sizeof(text); piece += 7) {
		CLEANUP_BUILDLOG struct buildlog log;

		read_in_pieces(&log, text, piece);
		assert_int_equal(log.n, 3);
		assert_true(log.events[0].hit);
		assert_string_equal(log.events[0].hex, ID_A);
		assert_int_equal(buildlog_made(&log, ID_A), 1);
		assert_int_equal(buildlog_hit(&log, ID_A), 0);
		assert_int_equal(buildlog_hit(&log, ID_B), SIZE_MAX);
		assert_int_equal(buildlog_made(&log, ID_B), 2);
		assert_string_equal(log.result, ID_B);
	}
}

/* A hit cannot be hidden by what stands before it, however long that is. */
static void finds_hits_behind_anything(void **state)
{
	char text[2000];

	(void)state;
	for (size_t before = 0; before < 1500; before += 13) {
		CLEANUP_BUILDLOG struct buildlog log;

		memset(text, '>', before);
		strcpy(text + before, "--> Using cache " ID_A "\n");
		read_in_pieces(&log, text, 11);
		assert_int_equal(log.n, 1);
		assert_true(log.events[0].hit);
	}
}

static void takes_nothing_else_for_an_id(void **state)
{
	static const char *const texts[] = {"--> Using cache 018c47e71f9\n",
	    "--> 018c47e71f\n", "--> " ID_A "0\n", "->" ID_A "\n", "--> Using cache\n",
	    "-->\n", "--> FD7CFC0937D5\n"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		CLEANUP_BUILDLOG struct buildlog log;

		read_in_pieces(&log, texts[i], 100);
		assert_int_equal(log.n, 0);
		assert_string_equal(log.result, "");
	}
}

/* The result is the last line, whole, and no other. */
static void the_result_is_the_last_line(void **state)
{
	CLEANUP_BUILDLOG struct buildlog log;

	(void)state;
	read_in_pieces(&log, ID_A "\nsome more\n", 3);
	assert_string_equal(log.result, "");
	buildlog_release(&log);
	read_in_pieces(&log, ID_A "\n" ID_B, 3);
	assert_string_equal(log.result, ID_B);
	buildlog_release(&log);
	read_in_pieces(&log, "x" ID_B "\n", 3);
	assert_string_equal(log.result, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_what_engines_say),
	    cmocka_unit_test(finds_hits_behind_anything),
	    cmocka_unit_test(takes_nothing_else_for_an_id),
	    cmocka_unit_test(the_result_is_the_last_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
