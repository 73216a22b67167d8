/* SPDX-License-Identifier: Apache-2.0 */
/* test_finding.c: the names that scripts rely on, and lists that an attacker tries to overfill. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/finding.h"

static void add(struct findings *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct place where = {"layer", "image", "/path"};
		struct finding *f = findings_add(list, FINDING_TREE_MODE, where);

		finding_expected(f, "expected %zu", i);
		finding_found(f, "found %zu", i);
		f->used_by = xstrdup("used by");
	}
}

static void test_class_names(void **state)
{
	(void)state;
	for (int c = 0; c < FINDING_CLASS_COUNT; c++) {
		const char *name = finding_class_name((enum finding_class)c);
		enum finding_class back = FINDING_CLASS_COUNT;

		assert_true(*name >= 'a' && *name <= 'z');
		assert_int_equal(
		    strspn(name, "abcdefghijklmnopqrstuvwxyz-"), strlen(name));
		/* The first of that name: so no two have the same. */
		assert_true(finding_class_parse(name, &back));
		assert_int_equal(back, c);
		assert_true(strlen(finding_class_meaning((enum finding_class)c)) > 0);
	}
}

static void test_class_parse_refuses(void **state)
{
	static const char *const wrong[] = {
	    "", "tree", "tree-mod", "tree-modes", "Tree-mode", "TREE_MODE", " tree-mode"};
	enum finding_class c = FINDING_IMAGE_ID;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_false(finding_class_parse(wrong[i], &c));
	assert_int_equal(c, FINDING_IMAGE_ID);
}

static void test_add(void **state)
{
	CLEANUP_FINDINGS struct findings list = {0};
	char path[] = "/etc/passwd";
	struct finding *f = findings_add(
	    &list, FINDING_TREE_CONTENT, (struct place){.layer = "l", .path = path});

	(void)state;
	/* The place is borrowed only for the call. */
	path[1] = 'X';
	assert_int_equal(list.n, 1);
	assert_ptr_equal(f, &list.v[0]);
	assert_int_equal(f->class, FINDING_TREE_CONTENT);
	assert_int_equal(f->severity, SEVERITY_DENY);
	assert_string_equal(f->layer, "l");
	assert_string_equal(f->path, "/etc/passwd");
	assert_null(f->image);
	assert_null(f->used_by);
	assert_null(f->expected);
	assert_null(f->found);
	assert_ptr_equal(finding_expected(f, "mode %o", 0755U), f);
	assert_ptr_equal(finding_found(f, "%s", "100%n"), f);
	assert_string_equal(f->expected, "mode 755");
	assert_string_equal(f->found, "100%n");
	/* Again, and out of its own text. */
	finding_found(f, "<%s>", f->found);
	assert_string_equal(f->found, "<100%n>");
}

static void test_add_many(void **state)
{
	CLEANUP_FINDINGS struct findings list = {0};

	(void)state;
	add(&list, 1000);
	assert_int_equal(list.n, 1000);
	for (size_t i = 0; i < list.n; i++) {
		CLEANUP_FREE char *expected = xasprintf("expected %zu", i);

		assert_string_equal(list.v[i].expected, expected);
		assert_string_equal(list.v[i].layer, "layer");
	}
}

/* Its own strings as the place of the next, also where they make room for it. */
static void test_add_from_itself(void **state)
{
	CLEANUP_FINDINGS struct findings list = {0};
	struct finding *f =
	    findings_add(&list, FINDING_TREE_MODE, (struct place){.path = "/a"});

	(void)state;
	for (int i = 0; i < FINDINGS_MAX + 10; i++)
		f = findings_add(
		    &list, FINDING_TREE_OWNER, (struct place){.path = f->path});
	assert_string_equal(f->path, "/a");
	assert_int_equal(list.dropped, 11);
}

static void test_full(void **state)
{
	CLEANUP_FINDINGS struct findings list = {0};

	(void)state;
	add(&list, FINDINGS_MAX);
	assert_int_equal(list.n, FINDINGS_MAX);
	assert_int_equal(list.dropped, 0);
	add(&list, 1);
	assert_int_equal(list.n, FINDINGS_MAX);
	assert_int_equal(list.dropped, 1);
	add(&list, 30);
	assert_int_equal(list.n, FINDINGS_MAX);
	assert_int_equal(list.dropped, 31);
	/* None of those kept was written over. */
	assert_string_equal(list.v[0].found, "found 0");
	assert_string_equal(list.v[FINDINGS_MAX - 1].found, "found 9999");
}

static void test_move(void **state)
{
	CLEANUP_FINDINGS struct findings to = {0}, from = {0};

	(void)state;
	findings_move(&to, &from);
	assert_int_equal(to.n, 0);
	add(&to, 3);
	add(&from, 2);
	from.v[1].severity = SEVERITY_WARN;
	findings_move(&to, &from);
	assert_int_equal(to.n, 5);
	assert_int_equal(from.n, 0);
	assert_int_equal(to.v[4].severity, SEVERITY_WARN);
	assert_string_equal(to.v[4].expected, "expected 1");
	assert_string_equal(to.v[4].used_by, "used by");
	add(&from, 1);
	assert_int_equal(from.n, 1);
}

/* What does not fit is counted, also what was not kept before. */
static void test_move_into_full(void **state)
{
	CLEANUP_FINDINGS struct findings to = {0}, from = {0};

	(void)state;
	add(&to, FINDINGS_MAX - 1);
	add(&from, FINDINGS_MAX + 5);
	findings_move(&to, &from);
	assert_int_equal(to.n, FINDINGS_MAX);
	assert_int_equal(to.dropped, FINDINGS_MAX - 1 + 5);
	assert_string_equal(to.v[FINDINGS_MAX - 1].found, "found 0");
	assert_int_equal(from.n + from.dropped, 0);
}

static void test_drop(void **state)
{
	CLEANUP_FINDINGS struct findings list = {0};

	(void)state;
	findings_drop(&list, SEVERITY_IGNORE);
	add(&list, 6);
	list.v[0].severity = list.v[3].severity = list.v[5].severity = SEVERITY_IGNORE;
	list.v[4].severity = SEVERITY_WARN;
	findings_drop(&list, SEVERITY_IGNORE);
	assert_int_equal(list.n, 3);
	assert_string_equal(list.v[0].found, "found 1");
	assert_string_equal(list.v[1].found, "found 2");
	assert_string_equal(list.v[2].found, "found 4");
	add(&list, 1);
	assert_int_equal(list.n, 4);
}

static void test_cut(void **state)
{
	CLEANUP_FINDINGS struct findings list = {0};

	(void)state;
	findings_cut(&list, 0);
	add(&list, 5);
	findings_cut(&list, 5);
	assert_int_equal(list.n, 5);
	findings_cut(&list, 2);
	assert_int_equal(list.n, 2);
	assert_string_equal(list.v[1].found, "found 1");
	add(&list, 1);
	assert_string_equal(list.v[2].found, "found 0");
}

/* A full list that shrinks again keeps its count right and leaks nothing (under a sanitizer). */
static void test_shrink_full(void **state)
{
	CLEANUP_FINDINGS struct findings list = {0};

	(void)state;
	add(&list, FINDINGS_MAX + 7);
	findings_cut(&list, FINDINGS_MAX + 4);
	assert_int_equal(list.n, FINDINGS_MAX);
	assert_int_equal(list.dropped, 4);
	findings_cut(&list, 10);
	assert_int_equal(list.n, 10);
	assert_int_equal(list.dropped, 0);
	add(&list, FINDINGS_MAX);
	assert_int_equal(list.n, FINDINGS_MAX);
	assert_int_equal(list.dropped, 10);
	list.v[0].severity = SEVERITY_IGNORE;
	findings_drop(&list, SEVERITY_IGNORE);
	assert_int_equal(list.n, FINDINGS_MAX - 1);
	assert_int_equal(list.dropped, 10);
	add(&list, 2);
	assert_int_equal(list.n, FINDINGS_MAX);
	assert_int_equal(list.dropped, 11);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_class_names),
	    cmocka_unit_test(test_class_parse_refuses),
	    cmocka_unit_test(test_add),
	    cmocka_unit_test(test_add_many),
	    cmocka_unit_test(test_add_from_itself),
	    cmocka_unit_test(test_full),
	    cmocka_unit_test(test_move),
	    cmocka_unit_test(test_move_into_full),
	    cmocka_unit_test(test_drop),
	    cmocka_unit_test(test_cut),
	    cmocka_unit_test(test_shrink_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
