/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_ask_attacks.c: who rearranges the tree while it is asked about, or the records to be left alone, gets no
 * clean answer for it; what the engine removes is no finding.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "ask_layer.h"

#define MS 1000000L
#define BUSY_MS 150

/* ---- while it is measured ---- */

static atomic_bool busy;
static pthread_t attacker;

static void start(void *(*fn)(void *))
{
	busy = true;
	die_unless(pthread_create(&attacker, NULL, fn, NULL) == 0, "thread");
}

static void stop(void)
{
	busy = false;
	pthread_join(attacker, NULL);
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / MS;
}

/* Never clean as long as nothing that was sealed is ever there. */
static void never_clean(void *(*fn)(void *), const char *path)
{
	int64_t end = now_ms() + BUSY_MS;

	start(fn);
	do {
		CLEANUP_FINDINGS struct findings found = {0};

		assert_int_equal(ask(path, &found), ASK_ANSWERED);
		assert_true(found.n > 0);
	} while (now_ms() < end);
	stop();
}

static void *swap_files(void *arg)
{
	while (busy)
		die_unless(
		    renameat2(tree, "d/file", tree, "e/evil", RENAME_EXCHANGE) == 0,
		    "swap");
	return arg;
}

static void test_file_swapped(void **state)
{
	(void)state;
	put("/d/file", "other txt");
	put("/e/evil", "evil text");
	never_clean(swap_files, "/d/file");
}

static void test_fifo_swapped(void **state)
{
	(void)state;
	put("/d/file", "other txt");
	die_unless(mkfifoat(tree, "e/evil", 0644) == 0, "mkfifo");
	never_clean(swap_files, "/d/file");
}

static void test_link_swapped(void **state)
{
	(void)state;
	put("/d/file", "other txt");
	make_link("/e/evil", "../first");
	never_clean(swap_files, "/d/file");
}

static void *swap_parents(void *arg)
{
	while (busy)
		die_unless(renameat2(tree, "d/sub", tree, "e/sub", RENAME_EXCHANGE) == 0,
		    "swap");
	return arg;
}

/* The file in it always is as it was sealed, but never in the directory that was. */
static void test_parent_swapped(void **state)
{
	(void)state;
	die_unless(fchmodat(tree, "d/sub", 0777, 0) == 0, "chmod");
	make_link("/e/sub", "../d/sub");
	never_clean(swap_parents, "/d/sub/other");
}

static void *write_on(void *arg)
{
	int fd = openat(tree, "d/file", O_WRONLY | O_CLOEXEC);

	while (busy)
		die_unless(pwrite(fd, "evil", 4, 0) == 4, "write");
	close(fd);
	return arg;
}

static void test_written(void **state)
{
	(void)state;
	put("/d/file", "evil text");
	never_clean(write_on, "/d/file");
}

static void *touch_directory(void *arg)
{
	while (busy) {
		put("/d/sub-2/new", "x");
		remove_file("/d/sub-2/new");
	}
	return arg;
}

/* What else was asked about has its answer anyhow. */
static void test_busy_directory(void **state)
{
	const struct ask_path paths[] = {{.path = "/d/sub-2/file"}, {.path = "/d/file"}};
	int64_t end = now_ms() + BUSY_MS;

	(void)state;
	keep_times("/d/file");
	put("/d/file", "evil text");
	put_times_back("/d/file");
	start(touch_directory);
	do {
		CLEANUP_FINDINGS struct findings found = {0};

		assert_int_equal(ask_for(paths, 2, &found), ASK_ANSWERED);
		assert_true(has(&found, FINDING_TREE_CONTENT, "/d/file") ||
			    has(&found, FINDING_TREE_UNSTABLE, NULL));
	} while (now_ms() < end);
	stop();
}

/* ---- what stands in the place ---- */

/* Outside is a copy of what was sealed. */
static void test_parent_is_link(void **state)
{
	(void)state;
	keep_times("/d");
	move("/d/sub", "/d/../../outside");
	make_link("/d/sub", "../../outside");
	put_times_back("/d");
	expect("/d/sub/other", FINDING_TREE_TYPE, "/d/sub");
	expect("/d/sub", FINDING_TREE_TYPE, "/d/sub");
}

static void test_parent_is_link_within(void **state)
{
	(void)state;
	keep_times("/d");
	move("/d/sub", "/d/hidden");
	make_link("/d/sub", "hidden");
	put_times_back("/d");
	const struct ask_path paths[] = {{.path = "/d/sub/other"}, {.path = "/d/hidden"}};
	expect_for(paths, 2, FINDING_TREE_TYPE, "/d/sub");
}

static void test_fifo(void **state)
{
	(void)state;
	keep_times("/d");
	remove_file("/d/file");
	die_unless(mkfifoat(tree, "d/file", 0644) == 0, "mkfifo");
	put_times_back("/d");
	expect("/d/file", FINDING_TREE_TYPE, "/d/file");
}

/* In a child: with a mount of its own. 77: that is not allowed here. */
static int ask_with_mount(const char *from, const char *to)
{
	const struct ask_path paths[] = {
	    {.path = "/d/sub/other"}, {.path = "/d/file"}, {.path = "/d/link"}};
	struct findings found = {0};

	if (unshare(CLONE_NEWNS) && unshare(CLONE_NEWUSER | CLONE_NEWNS))
		return 77;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount(from, to, NULL, MS_BIND, NULL))
		return 77;
	/* Descriptors from before belong to the other namespace and do not see the mount. */
	mini_open(store);
	put("/d/file", "evil text");
	if (ask_for(paths, 3, &found) != ASK_ANSWERED)
		return 1;
	if (!has(&found, FINDING_TREE_UNREADABLE, "/d/sub/other") ||
	    !has(&found, FINDING_TREE_CONTENT, "/d/file"))
		return 2;
	for (size_t i = 0; i < found.n; i++) {
		if (found.v[i].class == FINDING_TREE_UNREADABLE)
			return strstr(found.v[i].found, ": something is mounted there")
				   ? 0
				   : 3;
	}
	return 4;
}

static void check_mount(const char *from, const char *to)
{
	char root[PATH_MAX], rel[128];
	CLEANUP_FREE char *source = NULL, *target = NULL;
	int status;
	pid_t pid;

	snprintf(rel, sizeof(rel), "g/overlay/%s/diff", mini_id(LAYER));
	mini_path(store, rel, root);
	source = xasprintf("%s/%s", root, from);
	target = xasprintf("%s/%s", root, to);
	pid = fork();
	if (pid == 0)
		_exit(ask_with_mount(source, target));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_mount_on_directory(void **state)
{
	(void)state;
	check_mount("d/sub-2", "d/sub");
}

static void test_mount_on_file(void **state)
{
	(void)state;
	check_mount("d/sub-2/file", "d/sub/other");
}

/* ---- whose tree it is ---- */

static void image_json(const char *more)
{
	CLEANUP_FREE char *text = xasprintf("[{\"id\":\"%s\",\"layer\":\"%s\","
					    "\"created\":\"" CREATED "\"%s}]",
	    mini_id('a'), mini_id(LAYER), more);

	mini_write(store, "g/overlay-images/images.json", text);
}

static void expect_answer(enum ask_answer answer, bool leaving)
{
	CLEANUP_FINDINGS struct findings found = {0};
	struct err e = {0};
	bool now;

	assert_int_equal(ask("/d/file", &found), answer);
	assert_int_equal(found.n > 0, answer == ASK_ANSWERED);
	if (guard_layer_is_leaving(&guard, mini_id(LAYER), &now, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(now, leaving);
}

static void test_leaving(void **state)
{
	char rel[128];

	(void)state;
	remove_file("/d/file");
	expect_answer(ASK_ANSWERED, false);
	record_layer(",\"flags\":{\"incomplete\":true}");
	expect_answer(ASK_LEAVING, true);
	/* Then the directory, then the record. */
	snprintf(rel, sizeof(rel), "g/overlay/%s", mini_id(LAYER));
	mini_remove(store, rel);
	expect_answer(ASK_LEAVING, true);
	mini_write(store, "g/overlay-layers/layers.json", "[]");
	expect_answer(ASK_LEAVING, true);
}

/* The engine removes no layer that an image uses: whoever says so does not belong to it. */
static void test_not_leaving(void **state)
{
	(void)state;
	remove_file("/d/file");
	record_layer(",\"flags\":{\"incomplete\":true}");
	image_json("");
	expect_answer(ASK_ANSWERED, false);
}

/* Without a record, but with all its files. */
static void test_unrecorded(void **state)
{
	(void)state;
	remove_file("/d/file");
	mini_write(store, "g/overlay-layers/layers.json", "[]");
	expect_answer(ASK_ANSWERED, false);
}

static void test_bad_records(void **state)
{
	(void)state;
	remove_file("/d/file");
	record_layer(",\"flags\":{\"incomplete\":true},\"flags\":{}");
	expect_answer(ASK_ANSWERED, false);
	mini_write(store, "g/overlay-layers/layers.json", "[{\"id\":\"x\"}]");
	expect_answer(ASK_ANSWERED, false);
}

static void record_created(const char *created)
{
	char text[512];

	snprintf(text, sizeof(text), "[{\"id\":\"%s\",\"created\":\"%s\"}]",
	    mini_id(LAYER), created);
	mini_write(store, "g/overlay-layers/layers.json", text);
}

static void test_another_creation(void **state)
{
	char rel[128];

	(void)state;
	remove_file("/d/file");
	record_created("2026-03-03T03:03:03Z");
	expect_answer(ASK_ANSWERED, false);
	snprintf(rel, sizeof(rel), "g/overlay/%s/link", mini_id(LAYER));
	mini_write(store, rel, "CCCCCCCCCCCCCCCCCCCCCCCCCC");
	expect_answer(ASK_NOT_SEALED, false);
	record_created(CREATED);
	expect_answer(ASK_ANSWERED, false);
}

static void test_retired(void **state)
{
	struct entry en = entry_of(ENTRY_RETIRE);

	(void)state;
	memcpy(en.retire.id, mini_id(LAYER), ID_LEN + 1);
	must_append(guard.ledger, en);
	expect_answer(ASK_NOT_SEALED, false);
}

/* No tree at all: what cannot be read is never clean. */
static void test_no_tree(void **state)
{
	char rel[128];

	(void)state;
	snprintf(rel, sizeof(rel), "g/overlay/%s/diff", mini_id(LAYER));
	mini_remove(store, rel);
	expect_answer(ASK_ANSWERED, false);
	mini_symlink(store, rel, "../../..");
	expect_answer(ASK_ANSWERED, false);
}

/* A manifest that is not the sealed one answers nothing. */
static void test_damaged_manifest(void **state)
{
	const struct ask_path p = {.path = "/d/link"};
	CLEANUP_FINDINGS struct findings found = {0};
	struct entry en = entry_of(ENTRY_SEAL_LAYER);
	enum ask_answer answer;
	struct err e;

	(void)state;
	memcpy(en.seal_layer.layer, mini_id(LAYER), ID_LEN + 1);
	en.seal_layer.created = xstrdup(CREATED);
	en.seal_layer.link = xstrdup("BBBBBBBBBBBBBBBBBBBBBBBBBB");
	en.seal_layer.manifest_bytes = 5;
	must_append(guard.ledger, en);
	assert_true(guard_ask(&guard, mini_id(LAYER), &p, 1, &answer, &found, &e) < 0);
	assert_int_equal(found.n, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_file_swapped),
	    TEST(test_fifo_swapped),
	    TEST(test_link_swapped),
	    TEST(test_parent_swapped),
	    TEST(test_written),
	    TEST(test_busy_directory),
	    TEST(test_parent_is_link),
	    TEST(test_parent_is_link_within),
	    TEST(test_fifo),
	    TEST(test_mount_on_directory),
	    TEST(test_mount_on_file),
	    TEST(test_leaving),
	    TEST(test_not_leaving),
	    TEST(test_unrecorded),
	    TEST(test_bad_records),
	    TEST(test_another_creation),
	    TEST(test_retired),
	    TEST(test_no_tree),
	    TEST(test_damaged_manifest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
