/* SPDX-License-Identifier: Apache-2.0 */
/* test_config_watch.c: section [watch] of layerseal.conf. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "guard/config.h"

static int parse(const char *settings, struct config *c, struct err *e)
{
	CLEANUP_FREE char *text = xasprintf("[watch]\n%s\n", settings);

	config_default(c);
	return config_parse(text, strlen(text), c, e);
}

static void test_defaults(void **state)
{
	CLEANUP_CONFIG struct config c;
	struct err e;

	(void)state;
	assert_int_equal(parse("", &c, &e), 0);
	assert_null(c.watch.source);
	assert_int_equal(c.watch.pass_s, 600);
	assert_null(c.watch.socket);
	assert_false(c.watch.no_socket);
	assert_null(c.watch.alarm_command);
	assert_int_equal(c.watch.alarm_interval_s, 10);
	assert_null(c.watch.metrics);
	assert_false(c.watch.no_journal);
	assert_int_equal(c.watch.n_seal_uids, 0);
	assert_int_equal(c.watch.n_seal_gids, 0);
}

static void test_settings(void **state)
{
	CLEANUP_CONFIG struct config c;
	struct err e;

	(void)state;
	assert_int_equal(parse("source = fanotify\npass = 2h\nsocket = /run/l/s # c\n"
			       "alarm-command = /sbin/tell\nalarm-interval = 1m\n"
			       "metrics = /var/lib/m.prom\njournal = no\n",
			     &c, &e),
	    0);
	assert_string_equal(c.watch.source, "fanotify");
	assert_int_equal(c.watch.pass_s, 7200);
	assert_string_equal(c.watch.socket, "/run/l/s");
	assert_string_equal(c.watch.alarm_command, "/sbin/tell");
	assert_int_equal(c.watch.alarm_interval_s, 60);
	assert_string_equal(c.watch.metrics, "/var/lib/m.prom");
	assert_true(c.watch.no_journal);
	config_release(&c);
	assert_int_equal(c.watch.pass_s, 600);
	assert_null(c.watch.socket);
}

static void test_the_last_one_counts(void **state)
{
	CLEANUP_CONFIG struct config c;
	struct err e;

	(void)state;
	assert_int_equal(
	    parse("socket = none\nsocket = /a\nsource = inotify\nsource = auto\n"
		  "seal-users = 1 2 3\nseal-users = 7\njournal = no\njournal = yes\n",
		&c, &e),
	    0);
	assert_false(c.watch.no_socket);
	assert_string_equal(c.watch.source, "auto");
	assert_int_equal(c.watch.n_seal_uids, 1);
	assert_int_equal(c.watch.seal_uids[0], 7);
	assert_false(c.watch.no_journal);
	config_release(&c);
	assert_int_equal(
	    parse("seal-users = 1\nseal-users =\nsocket = none\n", &c, &e), 0);
	assert_int_equal(c.watch.n_seal_uids, 0);
	assert_true(c.watch.no_socket);
}

static void test_principals(void **state)
{
	CLEANUP_CONFIG struct config c;
	struct err e;

	(void)state;
	assert_int_equal(
	    parse("seal-users = root, 4294967294,,\t12\nseal-groups=root 0\n", &c, &e),
	    0);
	assert_int_equal(c.watch.n_seal_uids, 3);
	assert_int_equal(c.watch.seal_uids[0], 0);
	assert_int_equal(c.watch.seal_uids[1], 4294967294U);
	assert_int_equal(c.watch.seal_uids[2], 12);
	assert_int_equal(c.watch.n_seal_gids, 2);
	assert_int_equal(c.watch.seal_gids[0], 0);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
	    {"source = kqueue", "line 2: source: 'kqueue' is not auto, inotify"},
	    {"pass = 29s", "pass: '29s' is not from 30s to 7d"},
	    {"pass = 8d", "pass: '8d' is not from 30s to 7d"},
	    {"pass = 600", "pass: '600' is not from 30s to 7d"},
	    {"socket = watch.sock", "socket: 'watch.sock' is not an absolute path"},
	    {"alarm-command = mail root", "'mail root' is not an absolute path"},
	    {"alarm-interval = 0s", "alarm-interval: '0s' is not from 1s to 1d"},
	    {"alarm-interval = 2d", "alarm-interval: '2d' is not from 1s to 1d"},
	    {"metrics = m.prom", "metrics: 'm.prom' is not an absolute path"},
	    {"journal = maybe", "journal: 'maybe' is not yes or no"},
	    {"seal-users = root nobody-of-that-name",
		"seal-users: there is no 'nobody-of-that-name'"},
	    {"seal-users = 4294967295", "seal-users: there is no '4294967295'"},
	    {"seal-users = -1", "seal-users: there is no '-1'"},
	    {"seal-groups = no-such-group", "seal-groups: there is no 'no-such-group'"},
	    {"seal = all", "section [watch] has no setting 'seal'"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP_CONFIG struct config c;
		struct err e;

		assert_int_equal(parse(cases[i].text, &c, &e), ERR_USAGE);
		assert_non_null(strstr(e.msg, cases[i].message));
	}
}

/* What was set before stays as it was, and is neither leaked nor freed twice. */
static void test_refused_list_keeps_the_last(void **state)
{
	CLEANUP_CONFIG struct config c;
	struct err e;

	(void)state;
	assert_int_equal(
	    parse("seal-users = 5\nseal-users = 6 no-such-user-here", &c, &e), ERR_USAGE);
	assert_int_equal(c.watch.n_seal_uids, 1);
	assert_int_equal(c.watch.seal_uids[0], 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_defaults),
	    cmocka_unit_test(test_settings),
	    cmocka_unit_test(test_the_last_one_counts),
	    cmocka_unit_test(test_principals),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_refused_list_keeps_the_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
