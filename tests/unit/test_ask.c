/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_ask.c: questions about places of a sealed tree get the answer that reading all of it gives.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/sysmacros.h>

#include "ask_layer.h"

/* ---- what is as it was sealed ---- */

static void test_unchanged(void **state)
{
	static const char *const paths[] = {"/", "/d", "/d/file", "/d/empty", "/d/big",
	    "/d/link", "/d/sub", "/d/sub/deep", "/d/sub/deep/file", "/d/sub/other",
	    "/d/sub-2/file", "/pipe", "/e", ODD};
	struct ask_path all[ARRAY_LEN(paths)];
	CLEANUP_FINDINGS struct findings found = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		clean(paths[i]);
		all[i] = (struct ask_path){.path = paths[ARRAY_LEN(paths) - 1 - i]};
	}
	assert_int_equal(ask_for(all, ARRAY_LEN(all), &found), ASK_ANSWERED);
	assert_int_equal(found.n, 0);
	assert_int_equal(ask_for(NULL, 0, &found), ASK_ANSWERED);
}

static void test_below(void **state)
{
	const struct ask_path sub = {"/d/sub", true}, all = {"/", true};
	CLEANUP_FINDINGS struct findings found = {0};

	(void)state;
	assert_int_equal(ask_for(&sub, 1, &found), ASK_ANSWERED);
	assert_int_equal(found.n, 0);
	assert_int_equal(ask_for(&all, 1, &found), ASK_ANSWERED);
	assert_int_equal(found.n, 0);
	keep_times("/d/sub/deep");
	put("/d/sub/deep/more", "more");
	put_times_back("/d/sub/deep");
	clean("/d/sub");
	expect_for(&sub, 1, FINDING_TREE_ADDED, "/d/sub/deep/more");
	expect_for(&all, 1, FINDING_TREE_ADDED, "/d/sub/deep/more");
}

static void test_came_and_went(void **state)
{
	(void)state;
	clean("/d/nothing");
	clean("/nothing/at/all");
	clean("/d/file/no/directory");
	clean("/d/link/no/directory");
}

static void test_no_question(void **state)
{
	const struct ask_path bad[] = {{.path = "etc"}, {.path = ""}, {.path = "/a//b"},
	    {.path = "/a/../b"}, {.path = "/a/"}};
	CLEANUP_FINDINGS struct findings found = {0};
	const struct ask_path root = {.path = "/"};
	enum ask_answer answer;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(
		    guard_ask(&guard, mini_id(LAYER), &bad[i], 1, &answer, &found, &e),
		    ERR_USAGE);
	assert_int_equal(
	    guard_ask(&guard, "../x", &root, 1, &answer, &found, &e), ERR_USAGE);
	assert_int_equal(
	    guard_ask(&guard, mini_id('c'), &root, 1, &answer, &found, &e), 0);
	assert_int_equal(answer, ASK_NOT_SEALED);
}

/* ---- each class ---- */

static void test_content(void **state)
{
	(void)state;
	keep_times("/d/file");
	put("/d/file", "some TEXT");
	put_times_back("/d/file");
	expect("/d/file", FINDING_TREE_CONTENT, "/d/file");
	clean("/d/sub/other");
	put("/d/file", "some text");
	put_times_back("/d/file");
	clean("/d/file");
}

static void test_big_content(void **state)
{
	int fd = openat(tree, "d/big", O_WRONLY | O_CLOEXEC);

	(void)state;
	keep_times("/d/big");
	die_unless(pwrite(fd, "x", 1, (3 << 20) - 1) == 1, "pwrite");
	close(fd);
	put_times_back("/d/big");
	expect("/d/big", FINDING_TREE_CONTENT, "/d/big");
}

static void test_added(void **state)
{
	(void)state;
	keep_times("/d");
	put("/d/new", "new");
	put_times_back("/d");
	expect("/d/new", FINDING_TREE_ADDED, "/d/new");
	remove_file("/d/new");
	put_times_back("/d");
	clean("/d/new");
}

/* Whatever in it was asked about: it is one thing that came. */
static void test_added_directory(void **state)
{
	(void)state;
	keep_times("/e");
	make_dir("/e/new");
	make_dir("/e/new/sub");
	put("/e/new/sub/file", "new");
	put("/e/new/file", "new");
	put_times_back("/e");
	expect("/e/new", FINDING_TREE_ADDED, "/e/new");
	expect("/e/new/sub/file", FINDING_TREE_ADDED, "/e/new");
}

static void test_removed(void **state)
{
	(void)state;
	keep_times("/d/sub");
	remove_file("/d/sub/other");
	put_times_back("/d/sub");
	expect("/d/sub/other", FINDING_TREE_REMOVED, "/d/sub/other");
}

static void test_removed_directory(void **state)
{
	(void)state;
	keep_times("/d");
	move("/d/sub", "/d/../../away");
	put_times_back("/d");
	expect("/d/sub", FINDING_TREE_REMOVED, "/d/sub");
	expect("/d/sub/deep/file", FINDING_TREE_REMOVED, "/d/sub");
	move("/d/../../away", "/d/sub");
	put_times_back("/d");
	clean("/d/sub/deep/file");
}

static void test_type(void **state)
{
	(void)state;
	keep_times("/d");
	remove_file("/d/file");
	die_unless(mkfifoat(tree, "d/file", 0644) == 0, "mkfifo");
	put_times_back("/d");
	expect("/d/file", FINDING_TREE_TYPE, "/d/file");
}

static void test_file_became_directory(void **state)
{
	(void)state;
	keep_times("/d/sub");
	remove_file("/d/sub/other");
	make_dir("/d/sub/other");
	put("/d/sub/other/file", "x");
	put_times_back("/d/sub");
	expect("/d/sub/other", FINDING_TREE_TYPE, "/d/sub/other");
	expect("/d/sub/other/file", FINDING_TREE_TYPE, "/d/sub/other");
}

static void test_mode(void **state)
{
	(void)state;
	die_unless(fchmodat(tree, "d/file", 04644, 0) == 0, "chmod");
	expect("/d/file", FINDING_TREE_MODE, "/d/file");
}

static void test_mode_of_directory(void **state)
{
	(void)state;
	die_unless(fchmodat(tree, "d", 0777, 0) == 0, "chmod");
	expect("/d", FINDING_TREE_MODE, "/d");
	/* What leads to a place is looked at, too. */
	expect("/d/sub/other", FINDING_TREE_MODE, "/d");
}

static void test_mode_of_root(void **state)
{
	(void)state;
	die_unless(fchmod(tree, 0777) == 0, "chmod");
	expect("/", FINDING_TREE_MODE, "/");
}

static void test_owner(void **state)
{
	(void)state;
	if (fchownat(tree, "d/file", 12, 34, 0))
		skip();
	expect("/d/file", FINDING_TREE_OWNER, "/d/file");
}

static void test_xattr(void **state)
{
	(void)state;
	set_xattr("/d/sub/other", "user.colour", "green");
	expect("/d/sub/other", FINDING_TREE_XATTR, "/d/sub/other");
	set_xattr("/d/sub/other", "user.colour", "red");
	clean("/d/sub/other");
	set_xattr("/d/sub", "user.new", "x");
	expect("/d/sub", FINDING_TREE_XATTR, "/d/sub");
}

static void test_mtime(void **state)
{
	const struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};

	(void)state;
	die_unless(utimensat(tree, "d/link", times, AT_SYMLINK_NOFOLLOW) == 0, "times");
	expect("/d/link", FINDING_TREE_MTIME, "/d/link");
}

static void test_target(void **state)
{
	(void)state;
	keep_times("/d");
	remove_file("/d/link");
	make_link("/d/link", "evil");
	put_times_back("/d");
	expect("/d/link", FINDING_TREE_TARGET, "/d/link");
}

static void test_device(void **state)
{
	(void)state;
	if (mknodat(tree, "e/null", S_IFCHR | 0600, makedev(1, 3)))
		skip();
	expect("/e/null", FINDING_TREE_ADDED, "/e/null");
}

static void test_hardlinks(void **state)
{
	const struct ask_path root = {"/", true};
	CLEANUP_FINDINGS struct findings found = {0};

	(void)state;
	clean("/first");
	clean("/second");
	clean("/d/third");
	assert_int_equal(ask_for(&root, 1, &found), ASK_ANSWERED);
	assert_int_equal(found.n, 0);
	keep_times("/first");
	put("/second", "TWO names");
	put_times_back("/first");
	expect("/d/third", FINDING_TREE_CONTENT, "/d/third");
	expect("/first", FINDING_TREE_CONTENT, "/d/third");
}

/* A name of its own instead of a link looks the same where it is. */
static void test_hardlink_broken(void **state)
{
	(void)state;
	keep_times("/");
	move("/second", "/d/../../stolen");
	die_unless(linkat(tree, "../stolen", tree, "../again", 0) == 0, "link");
	put("/second", "two names");
	put_times_back("/second");
	put_times_back("/");
	expect("/second", FINDING_TREE_HARDLINK, "/second");
}

static void test_hardlink_exchanged(void **state)
{
	const struct ask_path paths[] = {{.path = "/second"}, {.path = "/e/fourth"}};

	(void)state;
	keep_times("/");
	remove_file("/second");
	die_unless(linkat(tree, "first", tree, "e/fourth", 0) == 0, "link");
	put_times_back("/");
	expect_for(paths, 2, FINDING_TREE_REMOVED, "/second");
}

static void test_new_name(void **state)
{
	(void)state;
	die_unless(linkat(tree, "d/file", tree, "../stolen", 0) == 0, "link");
	expect("/d/file", FINDING_TREE_HARDLINK, "/d/file");
}

static void test_odd_name(void **state)
{
	(void)state;
	keep_times(ODD);
	put(ODD, "even");
	put_times_back(ODD);
	expect(ODD, FINDING_TREE_CONTENT, ODD);
}

static void test_many(void **state)
{
	const struct ask_path paths[] = {{.path = "/d/sub-2/file"}, {.path = "/d/file"},
	    {.path = "/pipe"}, {.path = "/d/sub/deep/file"}};

	(void)state;
	put("/d/file", "x");
	put("/d/sub/deep/file", "y");
	put("/d/sub-2/file", "z");
	expect_for(paths, ARRAY_LEN(paths), FINDING_TREE_CONTENT, "/d/sub/deep/file");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_unchanged),
	    TEST(test_below),
	    TEST(test_came_and_went),
	    TEST(test_no_question),
	    TEST(test_content),
	    TEST(test_big_content),
	    TEST(test_added),
	    TEST(test_added_directory),
	    TEST(test_removed),
	    TEST(test_removed_directory),
	    TEST(test_type),
	    TEST(test_file_became_directory),
	    TEST(test_mode),
	    TEST(test_mode_of_directory),
	    TEST(test_mode_of_root),
	    TEST(test_owner),
	    TEST(test_xattr),
	    TEST(test_mtime),
	    TEST(test_target),
	    TEST(test_device),
	    TEST(test_hardlinks),
	    TEST(test_hardlink_broken),
	    TEST(test_hardlink_exchanged),
	    TEST(test_new_name),
	    TEST(test_odd_name),
	    TEST(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
