/* SPDX-License-Identifier: Apache-2.0 */
/* test_trust.c: no two ledgers share a trust file or a pin; text of trust files that is not believed. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "scratch.h"

#define CONF "/etc/layerseal"
#define VKEY                                                                             \
	"build01.ci.example/cache-ledger+1704497b+"                                      \
	"AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"

/* ---- its place ---- */

static char *place_of(const char *ledger)
{
	char *path = NULL;
	struct err e;

	assert_int_equal(trust_default_path(CONF, ledger, &path, &e), 0);
	assert_memory_equal(path, CONF "/trust/", strlen(CONF "/trust/"));
	return path;
}

static char *in_scratch(const char *name)
{
	return xasprintf("%s/%s", scratch, name);
}

/* The last component need not exist, so it can be anything. */
static void no_two_ledgers_share_a_place(void **state)
{
	char long_a[251], long_b[251];
	const char *const names[] = {"a", "A", "a-b", "a--b", "a.head", "a+head",
	    "a.head.head", ".a", "..a", "-", "--", "\\x2d", "a\\x2db", "a b", "a\tb",
	    "a\nb", "\xff", "\xfe", "\xc3\xa9", "~", "%2f", "x2d", "_", "trust",
	    "a+head+head", long_a, long_b};
	char *path[2 * ARRAY_LEN(names)];

	(void)state;
	memset(long_a, 'y', sizeof(long_a) - 1);
	memset(long_b, 'y', sizeof(long_b) - 1);
	long_a[250] = long_b[250] = '\0';
	long_b[249] = 'z';
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		CLEANUP_FREE char *ledger = in_scratch(names[i]);

		path[2 * i] = place_of(ledger);
		path[2 * i + 1] = anchor_pin_path(path[2 * i]);
		assert_true(strlen(path[2 * i + 1] + strlen(CONF "/trust/")) < 230);
		assert_null(strchr(path[2 * i] + strlen(CONF "/trust/"), '/'));
	}
	for (size_t i = 0; i < ARRAY_LEN(path); i++) {
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(path[i], path[j]);
	}
	for (size_t i = 0; i < ARRAY_LEN(path); i++)
		free(path[i]);
}

/* Whoever can choose a ledger's path cannot choose the one that a cut name stands for. */
static void cut_names_are_of_their_own(void **state)
{
	CLEANUP_FREE char *name = xmalloc(251), *ledger = NULL, *cut = NULL;

	(void)state;
	memset(name, 'y', 250);
	name[250] = '\0';
	ledger = in_scratch(name);
	cut = place_of(ledger);
	assert_int_equal(strlen(cut), strlen(CONF "/trust/") + 200);
	/* Of all that is spelled only the mark of a cut is a plus sign. */
	assert_ptr_equal(strchr(cut, '+'), cut + strlen(cut) - 65);
}

static void every_way_to_a_ledger_is_one_place(void **state)
{
	CLEANUP_FREE char *ledger = in_scratch("here"), *link = in_scratch("link");
	CLEANUP_FREE char *want = place_of(ledger), *before = getcwd(NULL, 0);
	static const char *const ways[] = {"here", "here/", "./here", "here/.",
	    "here/../here", "link", "link/", "//here"};

	(void)state;
	for (int made = 0; made < 2; made++) {
		for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
			CLEANUP_FREE char *way = in_scratch(ways[i]);
			CLEANUP_FREE char *place = NULL;

			/* Those only lead somewhere. */
			if (!made && i > 2)
				continue;
			place = place_of(way);
			assert_string_equal(place, want);
		}
		assert_int_equal(mkdir(ledger, 0700), made ? -1 : 0);
		assert_int_equal(symlink("here", link), made ? -1 : 0);
	}
	assert_int_equal(chdir(scratch), 0);
	free(want);
	want = place_of("here");
	assert_int_equal(chdir(ledger), 0);
	for (size_t i = 0; i < 2; i++) {
		CLEANUP_FREE char *place = place_of(i ? "." : "../link");

		assert_string_equal(place, want);
	}
	assert_int_equal(chdir(before), 0);
}

/* ---- its text ---- */

static void odd_text_is_not_believed(void **state)
{
	static const char *const bad[] = {
	    "",
	    "\n",
	    "# nobody\n",
	    "log\n",
	    "log \n",
	    "log " VKEY "\r\n",
	    "log " VKEY " \n",
	    "log  " VKEY "\n",
	    " log " VKEY "\n",
	    "LOG " VKEY "\n",
	    "log\t" VKEY "\n",
	    "log " VKEY "\nlog " VKEY "\n",
	    "log " VKEY "\nlog " VKEY " from 5\n",
	    "log " VKEY " until\n",
	    "log " VKEY " until -1\n",
	    "log " VKEY " until 01\n",
	    "log " VKEY " until 18446744073709551616\n",
	    "log " VKEY " until 5 from 1\n",
	    "log " VKEY " from 5 until 4\n",
	    "log " VKEY " from 1 from 2\n",
	    "log " VKEY " # comment\n",
	    "log " VKEY "\ntrust everybody\n",
	    "log " VKEY "\nwitness " VKEY "\n",
	    "witness w " VKEY "\n",
	    "\xef\xbb\xbflog " VKEY "\n",
	};
	struct trust t;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(trust_parse(bad[i], strlen(bad[i]), &t, &e), ERR_LEDGER);
	assert_int_equal(
	    trust_parse("log " VKEY "\n\0", strlen(VKEY) + 6, &t, &e), ERR_LEDGER);
	assert_int_equal(trust_parse("log " VKEY " from 5 until 5\n",
			     strlen("log " VKEY " from 5 until 5\n"), &t, &e),
	    0);
	assert_int_equal(t.n_log, 1);
	assert_true(t.log[0].from == 5 && t.log[0].until == 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(no_two_ledgers_share_a_place),
	    cmocka_unit_test(cut_names_are_of_their_own),
	    cmocka_unit_test(every_way_to_a_ledger_is_one_place),
	    cmocka_unit_test(odd_text_is_not_believed),
	};

	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
