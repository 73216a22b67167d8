/* SPDX-License-Identifier: Apache-2.0 */
/* test_ledger_anchor.c: a whole ledger with anchors: when they are asked, and what an append does for them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ledger/ledger_impl.h"
#include "scratch.h"

static char place[80], heads[96];
static struct anchor_settings settings;

static int open_anchored(enum ledger_mode mode, enum ledger_anchoring anchoring,
    struct ledger **out, struct err *e)
{
	struct trust trust;
	struct ledger_options o = {.dir = dir,
	    .mode = mode,
	    .trust = &trust,
	    .key = &key_source,
	    .anchors = &settings,
	    .anchoring = anchoring};
	int r = trust_load(trust_file(), &trust, e);

	*out = NULL;
	return r ? r : ledger_open(&o, out, e);
}

static struct ledger *must_open_anchored(enum ledger_mode mode)
{
	struct ledger *l;
	struct err e;

	if (open_anchored(mode, LEDGER_ANCHORS_CHECKED, &l, &e))
		fail_msg("%s", e.msg);
	return l;
}

static void is_refused(const char *words)
{
	static const enum ledger_mode modes[] = {
	    LEDGER_READ, LEDGER_MAY_WRITE, LEDGER_WRITE};

	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		struct ledger *l;
		struct err e = {0};

		assert_int_equal(
		    open_anchored(modes[i], LEDGER_ANCHORS_CHECKED, &l, &e), ERR_LEDGER);
		assert_null(l);
		if (!strstr(e.msg, words))
			fail_msg("\"%s\", not about \"%s\"", e.msg, words);
	}
}

static uint64_t anchored_size(void)
{
	struct anchor_report report;
	struct ledger *l;
	struct err e;

	assert_int_equal(open_anchored(LEDGER_READ, LEDGER_ANCHORS_LEFT, &l, &e), 0);
	(void)!ledger_check_anchors(l, &e);
	anchors_report(ledger_anchors(l), 0, &report);
	ledger_close(l);
	assert_true(report.knows_head);
	return report.head.size;
}

static void create_anchored(void)
{
	struct ledger_creation c = {.dir = dir,
	    .trust_file = trust_file(),
	    .key = &key_source,
	    .request = {.name = ORIGIN},
	    .anchors = &settings};
	struct ledger *l;
	struct err e;

	if (ledger_create(&c, &l, &e))
		fail_msg("%s", e.msg);
	must_append(l, init_at("/g"));
	ledger_close(l);
}

static int setup(void **state)
{
	struct err e;

	if (scratch_setup(state))
		return -1;
	snprintf(place, sizeof(place), "%s/place", scratch);
	snprintf(heads, sizeof(heads), "%s/heads", place);
	settings = (struct anchor_settings){0};
	return mkdir(place, 0755) || anchor_settings_set(&settings, "file", heads, &e);
}

static int teardown(void **state)
{
	CLEANUP_FREE char *command = xasprintf("chattr -a %s 2>/dev/null", heads);

	(void)!system(command);
	return scratch_teardown(state);
}

static void copy_tree(const char *from, const char *to)
{
	CLEANUP_FREE char *command =
	    xasprintf("rm -rf '%s' && cp -a '%s' '%s'", to, from, to);

	assert_int_equal(system(command), 0);
}

static void test_every_append(void **state)
{
	struct ledger *l;

	(void)state;
	create_anchored();
	assert_int_equal(anchored_size(), 1);
	l = must_open_anchored(LEDGER_WRITE);
	for (unsigned i = 0; i < 3; i++)
		must_append(l, layer_of(i));
	assert_int_equal(ledger_size(l), 4);
	assert_int_equal(anchored_size(), 4);
	ledger_close(l);
	l = must_open_anchored(LEDGER_READ);
	ledger_close(l);
}

static void test_put_back(void **state)
{
	char kept[96];
	struct ledger *l;

	(void)state;
	snprintf(kept, sizeof(kept), "%s/kept", scratch);
	create_anchored();
	copy_tree(dir, kept);
	l = must_open_anchored(LEDGER_WRITE);
	must_append(l, layer_of(0));
	ledger_close(l);
	copy_tree(kept, dir);
	is_refused("it remembers 2 entries");
	/* Sealed on by who did not ask the anchor, it is a fork. */
	l = must_open(LEDGER_WRITE);
	must_append(l, layer_of(7));
	must_append(l, layer_of(8));
	ledger_close(l);
	is_refused("the ledger was forked");
	assert_int_equal(anchored_size(), 2);
}

/* An append that could not be anchored is not begun. */
static void test_refused_before_anything_is_written(void **state)
{
	struct entry en = layer_of(0);
	struct ledger *l;
	struct err e;
	char away[96];

	(void)state;
	snprintf(away, sizeof(away), "%s/away", scratch);
	create_anchored();
	l = must_open_anchored(LEDGER_WRITE);
	assert_int_equal(rename(place, away), 0);
	assert_int_equal(ledger_append(l, &en, 1, &e), ERR_LEDGER);
	assert_int_equal(ledger_size(l), 1);
	assert_int_equal(rename(away, place), 0);
	/* The same open ledger goes on when it is back. */
	assert_int_equal(anchored_size(), 1);
	ledger_close(l);
	l = must_open_anchored(LEDGER_WRITE);
	assert_int_equal(ledger_append(l, &en, 1, &e), 0);
	assert_int_equal(anchored_size(), 2);
	ledger_close(l);
	entry_release(&en);
}

/* Of two writers one is told that the other was first, and nothing of its batch counts. */
static void test_two_writers(void **state)
{
	struct ledger *a, *b;
	struct err e;

	(void)state;
	create_anchored();
	a = must_open_anchored(LEDGER_WRITE);
	b = must_open_anchored(LEDGER_WRITE);
	must_append(a, layer_of(0));
	assert_int_equal(append(b, layer_of(0), &e), ERR_CONFLICT);
	ledger_close(b);
	b = must_open_anchored(LEDGER_WRITE);
	must_append(b, layer_of(1));
	assert_int_equal(append(a, layer_of(1), &e), ERR_CONFLICT);
	assert_int_equal(anchored_size(), 3);
	ledger_close(a);
	ledger_close(b);
}

/* The anchor is older than where a quick reader begins: then the whole log is read. */
static void test_anchor_older_than_the_snapshot(void **state)
{
	struct ledger *l;
	struct err e;

	(void)state;
	create_anchored();
	l = must_open(LEDGER_WRITE);
	for (unsigned round = 0; round < 3; round++) {
		struct entry batch[600];

		for (unsigned i = 0; i < ARRAY_LEN(batch); i++)
			batch[i] = layer_of(i);
		assert_int_equal(ledger_append(l, batch, ARRAY_LEN(batch), &e), 0);
		for (unsigned i = 0; i < ARRAY_LEN(batch); i++)
			entry_release(&batch[i]);
	}
	assert_int_equal(ledger_maintain(l, &e), 0);
	ledger_close(l);
	l = must_open_anchored(LEDGER_READ);
	assert_true(l->start > 1);
	ledger_close(l);
	assert_int_equal(anchored_size(), 1);
	l = must_open_anchored(LEDGER_MAY_WRITE);
	ledger_close(l);
	assert_int_equal(anchored_size(), 1802);
}

static void test_begins_only_what_is_empty(void **state)
{
	struct ledger *l;
	struct err e;

	(void)state;
	must_create();
	is_refused("does not exist");
	assert_int_equal(open_anchored(LEDGER_WRITE, LEDGER_ANCHORS_BEGUN, &l, &e), 0);
	must_append(l, init_at("/g"));
	ledger_close(l);
	assert_int_equal(anchored_size(), 1);
	teardown(state);
	setup(state);
	must_create();
	l = must_open(LEDGER_WRITE);
	must_append(l, init_at("/g"));
	ledger_close(l);
	assert_int_equal(
	    open_anchored(LEDGER_WRITE, LEDGER_ANCHORS_BEGUN, &l, &e), ERR_LEDGER);
	assert_int_not_equal(access(heads, F_OK), 0);
	assert_int_equal(open_anchored(LEDGER_WRITE, LEDGER_ANCHORS_LEFT, &l, &e), 0);
	assert_int_equal(ledger_make_anchors(l, false, &e), 0);
	ledger_close(l);
	assert_int_equal(anchored_size(), 1);
}

/* What was not compared is not appended to. */
static void test_left_alone(void **state)
{
	struct ledger *l;
	struct err e;

	(void)state;
	create_anchored();
	assert_int_equal(open_anchored(LEDGER_WRITE, LEDGER_ANCHORS_LEFT, &l, &e), 0);
	assert_int_equal(append(l, layer_of(0), &e), ERR_INTERNAL);
	assert_int_equal(ledger_check_anchors(l, &e), 0);
	must_append(l, layer_of(0));
	ledger_close(l);
	assert_int_equal(anchored_size(), 2);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH(test_every_append),
	    WITH(test_put_back),
	    WITH(test_refused_before_anything_is_written),
	    WITH(test_two_writers),
	    WITH(test_anchor_older_than_the_snapshot),
	    WITH(test_begins_only_what_is_empty),
	    WITH(test_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
