/* SPDX-License-Identifier: Apache-2.0 */
/* test_outlet.c: how much is told of what somebody does in a loop, and that the first of everything is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "notices.h"

/* Standard output is a file meanwhile. */
static int kept, output;
static char *told; /* what was told, line by line */

static struct outlet *begin(struct watch_settings *settings)
{
	struct outlet *o;
	struct err e;

	fflush(stdout);
	kept = dup(STDOUT_FILENO);
	output = memfd_create("told", MFD_CLOEXEC);
	assert_true(kept >= 0 && output >= 0);
	dup2(output, STDOUT_FILENO);
	settings->no_journal = true;
	assert_int_equal(outlet_open(settings, LINES_TEXT, &o, &e), 0);
	outlet_tick(o, 1000000);
	return o;
}

static void end(struct outlet *o)
{
	struct stat st;

	outlet_free(o);
	dup2(kept, STDOUT_FILENO);
	close(kept);
	assert_int_equal(fstat(output, &st), 0);
	told = xcalloc(1, (size_t)st.st_size + 1);
	assert_int_equal(pread(output, told, (size_t)st.st_size, 0), st.st_size);
	close(output);
}

static size_t lines_with(const char *words)
{
	size_t n = 0;

	for (const char *p = told; (p = strstr(p, words)); p += strlen(words))
		n++;
	return n;
}

static size_t lines(void)
{
	return lines_with("\n");
}

static void alarm_about(struct outlet *o, enum finding_class class)
{
	struct finding f = finding_of(class);
	struct notice n = alarm_of(&f);

	outlet_tell(o, &n);
}

/* rm -rf of ten thousand files. */
static void test_one_class(void **state)
{
	struct watch_settings settings = {0};
	struct outlet *o = begin(&settings);

	(void)state;
	for (int i = 0; i < 10000; i++)
		alarm_about(o, FINDING_TREE_REMOVED);
	outlet_tick(o, 1000000 + OUTLET_WINDOW_MS - 1);
	alarm_about(o, FINDING_TREE_REMOVED);
	outlet_tick(o, 1000000 + OUTLET_WINDOW_MS);
	alarm_about(o, FINDING_TREE_REMOVED);
	end(o);
	assert_int_equal(lines_with("alarm: tree-removed"), OUTLET_EACH_MAX + 1);
	assert_int_equal(lines_with("folded: 9991 more of kind alarm, tree-removed,"), 1);
	assert_int_equal(lines(), OUTLET_EACH_MAX + 2);
	free(told);
}

/* A loop hides nothing else: the first of each class comes, however many there were. */
static void test_the_first_of_each(void **state)
{
	struct watch_settings settings = {0};
	struct outlet *o = begin(&settings);

	(void)state;
	for (int i = 0; i < 1000; i++) {
		for (int c = 0; c < FINDING_CLASS_COUNT; c += 2)
			alarm_about(o, (enum finding_class)c);
	}
	alarm_about(o, FINDING_REVOKED);
	for (int i = 0; i < 1000; i++) {
		struct notice n = notice_of(NOTICE_TOUCHED, NULL);

		n.path = "/etc/passwd";
		outlet_tell(o, &n);
	}
	outlet_tell(o, &(struct notice){.kind = NOTICE_UNVERIFIABLE, .text = "gone"});
	end(o);
	for (int c = 0; c < FINDING_CLASS_COUNT; c += 2) {
		CLEANUP_FREE char *words =
		    xasprintf("alarm: %s ", finding_class_name((enum finding_class)c));

		assert_true(lines_with(words) >= 1);
	}
	assert_int_equal(lines_with("unverifiable: gone"), 1);
	assert_true(lines_with("touched: ") >= 1);
	/* The first of each, the others of all together, and one number for each. */
	assert_true(
	    lines() <= (size_t)(2 * (FINDING_CLASS_COUNT + 3) + OUTLET_TOTAL_MAX));
	free(told);
}

static void test_gaps_by_name(void **state)
{
	struct watch_settings settings = {0};
	struct outlet *o = begin(&settings);

	(void)state;
	for (int i = 0; i < 100; i++) {
		struct notice n = notice_of(NOTICE_GAP, gap_name(GAP_OVERFLOW));

		outlet_tell(o, &n);
	}
	outlet_tell(o, &(struct notice){.kind = NOTICE_GAP, .text = gap_name(GAP_LOST)});
	end(o);
	assert_int_equal(lines_with("gap: lost"), 1);
	assert_int_equal(lines_with("gap: overflow"), OUTLET_EACH_MAX);
	assert_int_equal(lines_with("folded: 90 more of kind gap, overflow"), 1);
	free(told);
}

/* An hour of a loop. */
static void test_for_long(void **state)
{
	struct watch_settings settings = {0};
	struct outlet *o = begin(&settings);
	size_t n = 0;

	(void)state;
	for (int64_t now = 1000000; now < 1000000 + 3600000; now += 1000) {
		outlet_tick(o, now);
		for (int i = 0; i < 5; i++, n++)
			alarm_about(o, FINDING_TREE_CONTENT);
	}
	end(o);
	assert_int_equal(lines_with("alarm: "), 60 * OUTLET_EACH_MAX);
	assert_int_equal(lines_with("folded: 290 more"), 60);
	assert_int_equal(n, 60 * (OUTLET_EACH_MAX + 290));
	free(told);
}

static void test_end(void **state)
{
	struct watch_settings settings = {0};
	struct outlet *o = begin(&settings);

	(void)state;
	outlet_end(o);
	end(o);
	assert_int_equal(lines_with("end: not watched any more\n"), 1);
	free(told);
}

static void test_metrics_that_cannot_be_written(void **state)
{
	char path[] = "/nonexistent-directory/m.prom";
	struct watch_settings settings = {.metrics = path};
	struct watch_figures f = {.source = "inotify"};
	struct outlet *o = begin(&settings);

	(void)state;
	for (int i = 0; i < 10; i++) {
		outlet_tick(o, 1000000 + i * 15000);
		outlet_metrics(o, &f);
	}
	end(o);
	assert_int_equal(lines_with("untold: metrics /nonexistent-directory/m.prom"), 1);
	assert_int_equal(lines(), 1);
	free(told);
}

/* Not with every tick. */
static void test_metrics_from_time_to_time(void **state)
{
	char path[] = "/tmp/layerseal-outlet-XXXXXX";
	struct watch_settings settings = {.metrics = path};
	struct watch_figures f = {.source = "inotify"};
	struct outlet *o;
	size_t written = 0;

	(void)state;
	close(mkstemp(path));
	o = begin(&settings);
	for (int64_t now = 1000000; now < 1000000 + 60000; now += 1000) {
		unlink(path);
		outlet_tick(o, now);
		outlet_metrics(o, &f);
		written += access(path, F_OK) == 0;
	}
	unlink(path);
	end(o);
	assert_int_equal(written, 4);
	free(told);
}

static void test_command_that_fails(void **state)
{
	char path[] = "/bin/false";
	struct watch_settings settings = {.alarm_command = path, .alarm_interval_s = 1};
	struct outlet *o = begin(&settings);

	(void)state;
	alarm_about(o, FINDING_TREE_MODE);
	for (int i = 0; i < 400; i++) {
		outlet_tick(o, 1000000 + i);
		usleep(1000);
	}
	end(o);
	assert_int_equal(lines_with("untold: alarm-command /bin/false: ended with"), 1);
	free(told);
}

static void test_command_not_to_be_trusted(void **state)
{
	char path[] = "/tmp";
	struct watch_settings settings = {.alarm_command = path};
	struct outlet *o;
	struct err e;

	(void)state;
	assert_int_equal(outlet_open(&settings, LINES_NONE, &o, &e), ERR_USAGE);
	assert_null(o);
	outlet_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_one_class),
	    cmocka_unit_test(test_the_first_of_each),
	    cmocka_unit_test(test_gaps_by_name),
	    cmocka_unit_test(test_for_long),
	    cmocka_unit_test(test_end),
	    cmocka_unit_test(test_metrics_that_cannot_be_written),
	    cmocka_unit_test(test_metrics_from_time_to_time),
	    cmocka_unit_test(test_command_that_fails),
	    cmocka_unit_test(test_command_not_to_be_trusted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
