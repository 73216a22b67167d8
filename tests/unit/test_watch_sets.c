/* SPDX-License-Identifier: Apache-2.0 */
/* test_watch_sets.c: what was touched (watch/questions.h), and what people were told of (watch/told.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "watch/questions.h"
#include "watch/told.h"

static void add(struct questions *q, uint32_t root, const char *path, unsigned what)
{
	questions_add(
	    q, &(struct source_event){.root = root, .path = path, .what = what}, 7);
}

static void test_joined(void **state)
{
	CLEANUP_QUESTIONS struct questions q = {0};

	(void)state;
	assert_true(questions_none(&q));
	add(&q, 1, "etc/passwd", SOURCE_WRITTEN);
	add(&q, 2, "", SOURCE_ADDED);
	add(&q, 1, "etc/passwd", SOURCE_ATTRIB);
	add(&q, 1, "etc", SOURCE_ATTRIB);
	assert_false(questions_none(&q));
	assert_int_equal(q.n, 2);
	assert_int_equal(q.events, 4);
	assert_int_equal(q.v[0].n, 2);
	assert_string_equal(q.v[0].touches[0].path, "etc/passwd");
	assert_int_equal(q.v[0].touches[0].what, SOURCE_WRITTEN | SOURCE_ATTRIB);
	assert_false(q.v[0].whole);
	assert_int_equal(q.v[1].since_ms, 7);
}

static void test_writer(void **state)
{
	CLEANUP_QUESTIONS struct questions q = {0};
	const struct writer w = {.pid = 12, .looked_at = true, .program = "/bin/evil"};

	(void)state;
	questions_add(
	    &q, &(struct source_event){.root = 1, .path = "a", .writer = &w}, 0);
	add(&q, 1, "a", SOURCE_WRITTEN);
	assert_true(q.v[0].touches[0].has_writer);
	assert_string_equal(q.v[0].touches[0].writer.program, "/bin/evil");
}

static void test_many_paths(void **state)
{
	CLEANUP_QUESTIONS struct questions q = {0};
	char path[16];

	(void)state;
	for (int i = 0; i <= QUESTION_PATHS_MAX; i++) {
		snprintf(path, sizeof(path), "%d", i);
		assert_false(q.n && q.v[0].whole);
		add(&q, 1, path, SOURCE_ADDED);
	}
	assert_true(q.v[0].whole);
	assert_int_equal(q.v[0].n, QUESTION_PATHS_MAX);
	assert_false(q.everything);
}

static void test_somewhere(void **state)
{
	CLEANUP_QUESTIONS struct questions q = {0};

	(void)state;
	add(&q, 1, NULL, SOURCE_WRITTEN);
	assert_true(q.v[0].whole);
	assert_int_equal(q.v[0].n, 0);
}

static void test_many_roots(void **state)
{
	CLEANUP_QUESTIONS struct questions q = {0};

	(void)state;
	for (uint32_t i = 0; i < QUESTIONS_MAX; i++)
		add(&q, i, "a", SOURCE_ADDED);
	assert_false(q.everything);
	add(&q, QUESTIONS_MAX, "a", SOURCE_ADDED);
	assert_true(q.everything);
	assert_int_equal(q.n, QUESTIONS_MAX);
}

static void test_gap(void **state)
{
	CLEANUP_QUESTIONS struct questions q = {0};

	(void)state;
	q.gaps[GAP_CLOCK] = 1;
	assert_false(questions_none(&q));
}

/* ---- told ---- */

struct changes {
	char text[256];
};

static void note(struct changes *c, char sign, const struct finding *f)
{
	size_t len = strlen(c->text);

	snprintf(c->text + len, sizeof(c->text) - len, "%c%s %s;", sign,
	    finding_class_name(f->class), f->path);
}

static void appeared(void *ctx, const struct finding *f)
{
	note(ctx, '+', f);
}

static void gone(void *ctx, const struct finding *f)
{
	note(ctx, '-', f);
}

static unsigned settles(const struct finding *f)
{
	return f->class == FINDING_LAYER_ENTRY ? 100 : 0;
}

static bool update_at(
    struct told *t, const struct findings *list, int64_t now_ms, const char *expected)
{
	const struct finding *now[8];
	struct changes c = {""};
	const struct told_handlers h = {settles, appeared, gone, &c};
	bool waits;

	for (size_t i = 0; i < list->n; i++)
		now[i] = &list->v[i];
	waits = told_update(t, now, list->n, now_ms, &h);
	assert_string_equal(c.text, expected);
	return waits;
}

static void update(struct told *t, const struct findings *list, const char *expected)
{
	assert_false(update_at(t, list, 0, expected));
}

static void found(
    struct findings *list, enum finding_class c, const char *layer, const char *path)
{
	findings_add(list, c, (struct place){.layer = layer, .path = path});
}

static void test_told(void **state)
{
	CLEANUP_FINDINGS struct findings list = {0};
	struct told t = {0};

	(void)state;
	update(&t, &list, "");
	found(&list, FINDING_TREE_MODE, "1", "b");
	found(&list, FINDING_TREE_CONTENT, "1", "z");
	found(&list, FINDING_TREE_MODE, "1", "b");
	update(&t, &list, "+tree-content z;+tree-mode b;");
	update(&t, &list, "");
	found(&list, FINDING_TREE_CONTENT, "1", "a");
	found(&list, FINDING_TREE_CONTENT, "2", "z");
	update(&t, &list, "+tree-content a;+tree-content z;");
	findings_release(&list);
	found(&list, FINDING_TREE_CONTENT, "2", "z");
	update(&t, &list, "-tree-content a;-tree-content z;-tree-mode b;");
	findings_release(&list);
	update(&t, &list, "-tree-content z;");
	told_release(&t);
}

static void test_settles(void **state)
{
	CLEANUP_FINDINGS struct findings list = {0};
	struct told t = {0};

	(void)state;
	found(&list, FINDING_LAYER_ENTRY, "1", "x");
	found(&list, FINDING_TREE_MODE, "1", "b");
	assert_true(update_at(&t, &list, 1000, "+tree-mode b;"));
	assert_true(update_at(&t, &list, 1099, ""));
	assert_false(update_at(&t, &list, 1100, "+layer-entry x;"));
	assert_false(update_at(&t, &list, 1101, ""));
	findings_release(&list);
	assert_false(update_at(&t, &list, 1102, "-layer-entry x;-tree-mode b;"));
	/* A moment of an engine's work: nobody heard of it. */
	found(&list, FINDING_LAYER_ENTRY, "1", "x");
	assert_true(update_at(&t, &list, 2000, ""));
	findings_release(&list);
	assert_false(update_at(&t, &list, 2050, ""));
	/* And what comes again begins again. */
	found(&list, FINDING_LAYER_ENTRY, "1", "x");
	assert_true(update_at(&t, &list, 2101, ""));
	told_release(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_joined),
	    cmocka_unit_test(test_writer),
	    cmocka_unit_test(test_many_paths),
	    cmocka_unit_test(test_somewhere),
	    cmocka_unit_test(test_many_roots),
	    cmocka_unit_test(test_gap),
	    cmocka_unit_test(test_told),
	    cmocka_unit_test(test_settles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
