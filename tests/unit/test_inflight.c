/* SPDX-License-Identifier: Apache-2.0 */
/* test_inflight.c: guarded builds know of each other, and only of those that live. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "guard/inflight.h"
#include "scratch.h"

static const struct store_id one = {{1}}, two = {{2}};

static struct inflight *enter(const struct store_id *store, const char *name)
{
	const char *names[] = {name};
	struct inflight *f;
	struct err e;

	assert_int_equal(inflight_enter(dir, store, names, 1, &f, &e), 0);
	return f;
}

static size_t others(const struct inflight *self, const char *name, bool *gives)
{
	CLEANUP_INFLIGHT_OTHERS struct inflight_others o;
	struct err e;

	assert_int_equal(inflight_others(dir, &one, self, &o, &e), 0);
	if (gives)
		*gives = inflight_gives(&o, name);
	return o.n;
}

static size_t running(const struct inflight *self)
{
	CLEANUP_INFLIGHT_OTHERS struct inflight_others o;
	struct err e;

	assert_int_equal(inflight_others(dir, &one, self, &o, &e), 0);
	return o.running;
}

static void others_of_this_store_are_seen(void **state)
{
	struct inflight *a, *b, *c;
	struct err e;
	bool gives;

	(void)state;
	assert_int_equal(others(NULL, NULL, NULL), 0);
	a = enter(&one, "localhost/a\nb c:latest");
	b = enter(&one, "localhost/b:latest");
	c = enter(&two, "localhost/c:latest");
	assert_int_equal(others(NULL, "localhost/c:latest", &gives), 2);
	assert_false(gives);
	assert_int_equal(others(b, "localhost/a\nb c:latest", &gives), 1);
	assert_true(gives);
	assert_int_equal(others(a, "localhost/a\nb c:latest", &gives), 1);
	assert_false(gives);
	assert_int_equal(running(a), 0);
	assert_int_equal(inflight_runs(b, &e), 0);
	assert_int_equal(running(a), 1);
	inflight_leave(b);
	assert_int_equal(others(a, NULL, NULL), 0);
	inflight_leave(a);
	inflight_leave(c);
}

static void a_killed_build_is_gone(void **state)
{
	int ready[2];
	pid_t child;
	char byte;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	child = fork();
	if (child == 0) {
		(void)enter(&one, "x");
		(void)!write(ready[1], "x", 1);
		pause();
		_exit(0);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(others(NULL, NULL, NULL), 1);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_int_equal(others(NULL, NULL, NULL), 0);
}

/* Rubbish that somebody put there is no build, and no error. */
static void rubbish_is_no_build(void **state)
{
	CLEANUP_FREE char *fifo = xasprintf("%s/builds/fifo", dir);
	CLEANUP_FREE char *sub = xasprintf("%s/builds/directory", dir);

	(void)state;
	inflight_leave(enter(&one, "x"));
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(mkdir(sub, 0700), 0);
	assert_int_equal(others(NULL, NULL, NULL), 0);
}

static void remain_means_one_of_them(void **state)
{
	CLEANUP_INFLIGHT_OTHERS struct inflight_others before, now;
	struct inflight *a = enter(&one, "a"), *b = enter(&one, "b");
	struct err e;

	(void)state;
	assert_int_equal(inflight_others(dir, &one, NULL, &before, &e), 0);
	inflight_leave(a);
	assert_int_equal(inflight_others(dir, &one, NULL, &now, &e), 0);
	assert_true(inflight_remain(&before, &now));
	inflight_others_release(&now);
	inflight_leave(b);
	a = enter(&one, "a");
	assert_int_equal(inflight_others(dir, &one, NULL, &now, &e), 0);
	assert_false(inflight_remain(&before, &now));
	inflight_leave(a);
}

static int setup(void **state)
{
	return scratch_setup(state) || mkdir(dir, 0700);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		others_of_this_store_are_seen, setup, scratch_teardown),
	    cmocka_unit_test_setup_teardown(
		a_killed_build_is_gone, setup, scratch_teardown),
	    cmocka_unit_test_setup_teardown(rubbish_is_no_build, setup, scratch_teardown),
	    cmocka_unit_test_setup_teardown(
		remain_means_one_of_them, setup, scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
