/* SPDX-License-Identifier: Apache-2.0 */
/* test_outlet_command.c: alarm-commands that do what they should, that do not, and that nobody should run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <signal.h>
#include <time.h>

#include "notices.h"

static char directory[64], script[80];

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int setup(void **state)
{
	(void)state;
	snprintf(directory, sizeof(directory), "/tmp/layerseal-command.XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	snprintf(script, sizeof(script), "%s/alarm", directory);
	signal(SIGPIPE, SIG_IGN);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* `body` runs in the scratch directory. */
static void write_script(const char *body)
{
	int fd = open(script, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
	CLEANUP_FREE char *text = xasprintf("#!/bin/sh\nd=%s\n%s\n", directory, body);

	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, 0700), 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static char *content(const char *name)
{
	CLEANUP_FREE char *path = xasprintf("%s/%s", directory, name);
	char *text = xcalloc(1, 1 << 20);
	FILE *f = fopen(path, "r");

	if (!f) {
		free(text);
		return NULL;
	}
	(void)!fread(text, 1, (1 << 20) - 1, f);
	fclose(f);
	return text;
}

static void nap(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
}

/* Waits for a file that the command makes, and removes it. */
static char *awaited(const char *name)
{
	CLEANUP_FREE char *path = xasprintf("%s/%s", directory, name);

	for (int i = 0; i < 1000; i++) {
		char *text = content(name);

		if (text) {
			unlink(path);
			return text;
		}
		nap();
	}
	fail_msg("no file %s", name);
	return NULL;
}

static struct command *open_command(unsigned interval_s)
{
	struct command *c;
	struct err e;

	if (command_new(script, interval_s, &c, &e))
		fail_msg("%s", e.msg);
	return c;
}

/* The same, of a run that begins when the one before has ended. */
static char *awaited_from(struct command *c, int64_t now)
{
	struct err e;

	for (int i = 0; i < 1000; i++) {
		char *text = content("out");

		if (text) {
			free(text);
			return awaited("out");
		}
		assert_false(command_tick(c, now, &e));
		nap();
	}
	fail_msg("no run");
	return NULL;
}

/* Until it has ended, at a time that stands still; what it did wrong, or "". */
static char *end_of_run(struct command *c, int64_t now)
{
	struct err e;

	for (int i = 0; i < 1000; i++) {
		if (command_tick(c, now, &e))
			return xstrdup(e.msg);
		nap();
	}
	fail_msg("it reported nothing");
	return NULL;
}

static void tell_alarm(struct command *c)
{
	struct finding f = finding_of(FINDING_TREE_CONTENT);
	struct notice n = alarm_of(&f);

	command_tell(c, &n);
}

static size_t count_of(const char *text)
{
	json_t *doc = parsed(text);
	size_t n = json_array_size(doc);

	assert_true(json_is_array(doc));
	json_decref(doc);
	return n;
}

#define REPORT "cat >$d/tmp; env >$d/env; mv $d/tmp $d/out"

static void test_gets_the_alarm(void **state)
{
	struct command *c;
	struct err e;
	CLEANUP_FREE char *text = NULL;
	CLEANUP_FREE char *environment = NULL;
	json_t *doc;

	(void)state;
	setenv("SECRET", "of the watcher", 1);
	setenv("XDG_RUNTIME_DIR", "/run/of/mine", 1);
	write_script(REPORT);
	c = open_command(10);
	assert_false(command_tick(c, 1000, &e));
	tell_alarm(c);
	assert_false(command_tick(c, 1000, &e));
	text = awaited("out");
	doc = parsed(text);
	assert_int_equal(json_array_size(doc), 1);
	assert_string_equal(member(json_array_get(doc, 0), "kind"), "alarm");
	json_decref(doc);
	environment = content("env");
	assert_non_null(strstr(environment, "PATH=/usr/local/sbin:"));
	assert_null(strstr(environment, "SECRET"));
	assert_non_null(strstr(environment, "XDG_RUNTIME_DIR=/run/of/mine\n"));
	command_free(c);
}

static void test_other_kinds_are_not_for_it(void **state)
{
	struct command *c;
	CLEANUP_FREE char *text = NULL;
	struct err e;

	(void)state;
	write_script(REPORT);
	c = open_command(10);
	for (enum notice_kind k = 0; k < NOTICE_KIND_COUNT; k++) {
		struct notice n = notice_of(k, "x");

		n.folded = NOTICE_TOUCHED;
		if (k != NOTICE_ALARM)
			command_tell(c, &n);
	}
	command_tick(c, 0, &e);
	text = awaited("out");
	assert_int_equal(count_of(text), 1);
	assert_non_null(strstr(text, "\"unverifiable\""));
	command_free(c);
	command_tell(NULL, &(struct notice){0});
	assert_false(command_tick(NULL, 0, &e));
	command_free(NULL);
}

/* One at a time, not before the interval is over; what came meanwhile comes together, so many and no more. */
static void test_interval_and_joining(void **state)
{
	struct command *c;
	struct err e;
	char *text;
	json_t *doc;

	(void)state;
	write_script(REPORT);
	c = open_command(10);
	tell_alarm(c);
	assert_false(command_tick(c, 1000, &e));
	text = awaited("out");
	assert_int_equal(count_of(text), 1);
	free(text);
	for (int i = 0; i < 250; i++)
		tell_alarm(c);
	for (int i = 0; i < 20; i++) {
		assert_false(command_tick(c, 10999, &e));
		nap();
	}
	assert_null(content("out"));
	text = awaited_from(c, 11000);
	doc = parsed(text);
	assert_int_equal(json_array_size(doc), COMMAND_NOTICES_MAX + 1);
	assert_string_equal(
	    member(json_array_get(doc, COMMAND_NOTICES_MAX), "kind"), "folded");
	assert_int_equal(json_integer_value(json_object_get(
			     json_array_get(doc, COMMAND_NOTICES_MAX), "count")),
	    250 - COMMAND_NOTICES_MAX);
	json_decref(doc);
	free(text);
	command_free(c);
}

static void test_status(void **state)
{
	struct command *c;
	struct err e;
	char *said;

	(void)state;
	write_script("exit 3");
	c = open_command(1);
	tell_alarm(c);
	assert_false(command_tick(c, 0, &e));
	said = end_of_run(c, 0);
	assert_non_null(strstr(said, "ended with status 3"));
	free(said);
	write_script("kill -SEGV $$");
	tell_alarm(c);
	assert_false(command_tick(c, 2000, &e));
	said = end_of_run(c, 2000);
	assert_non_null(strstr(said, "ended by signal 11"));
	free(said);
	command_free(c);
}

/* It and what it started end, and the next run is not held up. */
static void test_takes_too_long(void **state)
{
	struct command *c;
	struct err e;
	char *pids;
	int child, grandchild;

	(void)state;
	write_script("sleep 600 & echo $$ $! >$d/tmp; mv $d/tmp $d/pids; wait");
	c = open_command(1);
	tell_alarm(c);
	assert_false(command_tick(c, 0, &e));
	pids = awaited("pids");
	assert_int_equal(sscanf(pids, "%d %d", &child, &grandchild), 2);
	free(pids);
	assert_false(command_tick(c, COMMAND_LIMIT_MS - 1, &e));
	assert_int_equal(kill(child, 0), 0);
	assert_true(command_tick(c, COMMAND_LIMIT_MS, &e));
	assert_non_null(strstr(e.msg, "took longer than 10 s"));
	write_script(REPORT);
	tell_alarm(c);
	free(awaited_from(c, COMMAND_LIMIT_MS + 1));
	/* An orphan that nobody reaps is a zombie: ended all the same. */
	for (int i = 0; i < 1000 && kill(grandchild, 0) == 0; i++) {
		CLEANUP_FREE char *path = xasprintf("/proc/%d/stat", grandchild);
		FILE *f = fopen(path, "r");
		char s = 0;

		if (f && fscanf(f, "%*d (%*[^)]) %c", &s) == 1 && s == 'Z')
			i = 1000;
		if (f)
			fclose(f);
		nap();
		assert_true(i != 999);
	}
	command_free(c);
}

static void test_reads_nothing(void **state)
{
	struct command *c;

	(void)state;
	write_script("exec <&-; : >$d/out");
	c = open_command(1);
	for (int64_t now = 0; now < 5000; now += 1000) {
		for (int i = 0; i < 300; i++)
			tell_alarm(c);
		free(awaited_from(c, now));
	}
	command_free(c);
}

static void test_freed_while_it_runs(void **state)
{
	struct command *c;
	struct err e;
	char *pid;

	(void)state;
	write_script("echo $$ >$d/tmp; mv $d/tmp $d/pid; exec sleep 600");
	c = open_command(1);
	tell_alarm(c);
	assert_false(command_tick(c, 0, &e));
	pid = awaited("pid");
	command_free(c);
	assert_int_equal(kill(atoi(pid), 0), -1);
	free(pid);
}

/* Whoever ends the watcher just after an alarm does not keep it from being told. */
static void test_the_last_alarm(void **state)
{
	struct command *c;
	struct err e;
	CLEANUP_FREE char *text = NULL;

	(void)state;
	write_script("sleep 0.02; cat >$d/tmp; mv $d/tmp $d/out");
	c = open_command(1000);
	tell_alarm(c);
	assert_false(command_tick(c, 0, &e));
	tell_alarm(c);
	tell_alarm(c);
	command_free(c);
	text = content("out");
	assert_non_null(text);
	assert_int_equal(count_of(text), 2);
}

/* ---- whose it is ---- */

static void refused(const char *path, const char *why)
{
	struct command *c;
	struct err e = {0};

	assert_int_equal(command_new(path, 1, &c, &e), ERR_USAGE);
	assert_null(c);
	if (!strstr(e.msg, why))
		fail_msg("%s", e.msg);
}

static void test_not_to_be_trusted(void **state)
{
	CLEANUP_FREE char *fifo = xasprintf("%s/fifo", directory);

	(void)state;
	write_script("true");
	assert_int_equal(chmod(script, 0720), 0);
	refused(script, "writable by group or others");
	assert_int_equal(chmod(script, 0702), 0);
	refused(script, "writable by group or others");
	assert_int_equal(chmod(script, 0600), 0);
	refused(script, "not executable");
	assert_int_equal(chmod(script, 0700), 0);
	assert_int_equal(chmod(directory, 0777), 0);
	refused(script, "its directory is writable");
	assert_int_equal(chmod(directory, 0700), 0);
	refused(directory, "not a regular file");
	assert_int_equal(mkfifo(fifo, 0700), 0);
	refused(fifo, "not a regular file");
	refused("/tmp/layerseal-no-such-command", "does not exist");
	if (geteuid() == 0) {
		assert_int_equal(chown(script, 65534, 0), 0);
		refused(script, "owned by uid 65534");
		assert_int_equal(chown(script, 0, 0), 0);
	}
	command_free(open_command(1));
}

/* One that was to be trusted when the watcher began, and is not any more. */
static void test_not_any_more(void **state)
{
	struct command *c;
	struct err e;
	CLEANUP_FREE char *text = NULL;

	(void)state;
	write_script(REPORT);
	c = open_command(1);
	assert_int_equal(chmod(script, 0722), 0);
	tell_alarm(c);
	assert_true(command_tick(c, 0, &e));
	assert_non_null(strstr(e.msg, "writable by group or others"));
	assert_int_equal(chmod(script, 0700), 0);
	assert_false(command_tick(c, 999, &e));
	assert_false(command_tick(c, 1000, &e));
	text = awaited("out");
	assert_int_equal(count_of(text), 1);
	command_free(c);
}

static void test_cannot_be_started(void **state)
{
	struct command *c;
	struct err e;
	int fd = open(script, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);

	(void)state;
	assert_int_equal(write(fd, "#!/no/such/interpreter\n", 23), 23);
	close(fd);
	c = open_command(1);
	tell_alarm(c);
	assert_true(command_tick(c, 0, &e));
	assert_non_null(strstr(e.msg, "start: No such file or directory"));
	command_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_gets_the_alarm, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_other_kinds_are_not_for_it, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_interval_and_joining, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_status, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_takes_too_long, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_reads_nothing, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_freed_while_it_runs, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_the_last_alarm, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_not_to_be_trusted, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_not_any_more, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_cannot_be_started, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
