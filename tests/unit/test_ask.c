/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_ask.c: questions about places of a sealed tree get the answer that reading all of it gives, and no attack
 * on the way there gets another.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>

#include "guard/ask.h"
#include "guard/check.h"
#include "ministore.h"
#include "scratch.h"

#define LAYER 'b'
#define ODD "/d/odd\n\x01\xff name"

static struct mini *store;
static struct guard guard;
static int tree = -1; /* diff/ of the layer */

static void die_unless(bool ok, const char *what)
{
	if (!ok) {
		perror(what);
		abort();
	}
}

/* ---- a sealed layer ---- */

/* Paths are absolute in the tree. */
static void put(const char *path, const char *text)
{
	int fd = openat(tree, path + 1, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	die_unless(
	    fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), path);
	close(fd);
}

static void make_dir(const char *path)
{
	die_unless(mkdirat(tree, path + 1, 0755) == 0, path);
}

static void make_link(const char *path, const char *target)
{
	die_unless(symlinkat(target, tree, path + 1) == 0, path);
}

static void remove_file(const char *path)
{
	die_unless(unlinkat(tree, path + 1, 0) == 0, path);
}

static void move(const char *from, const char *to)
{
	die_unless(renameat(tree, from + 1, tree, to + 1) == 0, from);
}

static void set_xattr(const char *path, const char *name, const char *value)
{
	CLEANUP_FREE char *full = xasprintf("/proc/self/fd/%d%s", tree, path);

	die_unless(lsetxattr(full, name, value, strlen(value), 0) == 0, path);
}

static void make_tree(void)
{
	CLEANUP_FREE char *big = xcalloc(1, (3 << 20) + 1);

	memset(big, 'b', 3 << 20);
	make_dir("/d");
	put("/d/file", "some text");
	put("/d/empty", "");
	put("/d/big", big);
	put(ODD, "odd");
	make_link("/d/link", "file");
	make_dir("/d/sub");
	make_dir("/d/sub/deep");
	put("/d/sub/deep/file", "deep");
	put("/d/sub/other", "other");
	make_dir("/d/sub-2");
	put("/d/sub-2/file", "2");
	set_xattr("/d/sub/other", "user.colour", "red");
	put("/first", "two names");
	die_unless(linkat(tree, "first", tree, "second", 0) == 0, "link");
	die_unless(mkfifoat(tree, "pipe", 0600) == 0, "mkfifo");
	make_dir("/e");
}

static int add_line(void *ctx, const char *line, size_t len,
    const struct manifest_entry *m, struct err *e)
{
	(void)m;
	return manifest_writer_add(ctx, line, len, e);
}

static void seal_tree(struct ledger *l)
{
	struct entry en = entry_of(ENTRY_SEAL_LAYER);
	struct manifest_writer *w = NULL;
	struct tree_options opt = {.line = add_line};
	struct tree_result out;
	struct err e;

	if (manifest_writer_new(l, &w, &e))
		fail_msg("%s", e.msg);
	opt.line_ctx = w;
	if (tree_measure(tree, &opt, &out, &e) ||
	    manifest_writer_commit(w, &out.digest, &e))
		fail_msg("%s", e.msg);
	manifest_writer_free(w);
	memcpy(en.seal_layer.layer, mini_id(LAYER), ID_LEN + 1);
	en.seal_layer.tree = out.digest;
	en.seal_layer.manifest_bytes = out.manifest_bytes;
	en.seal_layer.created = xstrdup(CREATED);
	en.seal_layer.link = xstrdup("BBBBBBBBBBBBBBBBBBBBBBBBBB");
	must_append(l, en);
}

static void record_layer(const char *more)
{
	const char *records[] = {mini_record(LAYER, 0, more)};

	mini_layers_json(store, "g/overlay-layers/layers.json", records, 1);
}

static void open_diff(void)
{
	char path[PATH_MAX], rel[128];

	snprintf(rel, sizeof(rel), "g/overlay/%s/diff", mini_id(LAYER));
	tree = open(mini_path(store, rel, path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	die_unless(tree >= 0, path);
}

static int setup(void **state)
{
	umask(022);
	if (scratch_setup(state))
		return -1;
	store = mini_new(STORE_OVERLAY);
	mini_layer(store, "g", LAYER, "");
	record_layer("");
	mini_mkdir(store, "g/overlay-images");
	open_diff();
	make_tree();
	make_ledger(0);
	guard = (struct guard){.ledger = must_open(LEDGER_WRITE), .store_id = store_a};
	seal_tree(guard.ledger);
	mini_open(store);
	guard.store = &store->store;
	return 0;
}

static int teardown(void **state)
{
	ledger_close(guard.ledger);
	close(tree);
	mini_free(store);
	return scratch_teardown(state);
}

/* ---- asking ---- */

static enum ask_answer ask_for(
    const struct ask_path *paths, size_t n, struct findings *out)
{
	enum ask_answer answer;
	struct err e = {0};

	if (guard_ask(&guard, mini_id(LAYER), paths, n, &answer, out, &e))
		fail_msg("%s", e.msg);
	return answer;
}

static enum ask_answer ask(const char *path, struct findings *out)
{
	const struct ask_path p = {.path = path};

	return ask_for(&p, 1, out);
}

/* What verifying the whole tree finds. */
static void look_at_whole(struct findings *out)
{
	const struct sealed_layer *sealed =
	    ledger_layer(guard.ledger, &store_a, mini_id(LAYER));
	struct store_layer l = {0};
	struct tree_result measured;
	struct err e = {0};

	memcpy(l.id, mini_id(LAYER), sizeof(l.id));
	if (check_tree(&guard, sealed->seal, &l, true, &measured, out, &e))
		fail_msg("%s", e.msg);
}

static void show(const char *whose, const struct findings *list)
{
	for (size_t i = 0; i < list->n; i++)
		print_error("%s: %s %s: %s / %s\n", whose,
		    finding_class_name(list->v[i].class),
		    list->v[i].path ? list->v[i].path : "-",
		    list->v[i].expected ? list->v[i].expected : "-",
		    list->v[i].found ? list->v[i].found : "-");
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_finding(const struct finding *a, const struct finding *b)
{
	return a->class == b->class && same_text(a->layer, b->layer) &&
	       same_text(a->path, b->path) && same_text(a->expected, b->expected) &&
	       same_text(a->found, b->found);
}

static void assert_same(const struct findings *a, const struct findings *b)
{
	bool same = a->n == b->n;

	for (size_t i = 0; same && i < a->n; i++)
		same = same_finding(&a->v[i], &b->v[i]);
	if (same)
		return;
	show("asked", a);
	show("whole", b);
	fail_msg("the answers differ");
}

static bool has(const struct findings *list, enum finding_class class, const char *path)
{
	for (size_t i = 0; i < list->n; i++) {
		if (list->v[i].class == class && same_text(list->v[i].path, path))
			return true;
	}
	return false;
}

static void clean(const char *path)
{
	CLEANUP_FINDINGS struct findings found = {0};

	assert_int_equal(ask(path, &found), ASK_ANSWERED);
	if (found.n)
		show(path, &found);
	assert_int_equal(found.n, 0);
}

/* Who asks about these paths learns what the whole says, and `class` at `path` is part of it. */
static void expect_for(
    const struct ask_path *paths, size_t n, enum finding_class class, const char *path)
{
	CLEANUP_FINDINGS struct findings asked = {0}, whole = {0};

	assert_int_equal(ask_for(paths, n, &asked), ASK_ANSWERED);
	look_at_whole(&whole);
	assert_same(&asked, &whole);
	assert_true(has(&asked, class, path));
}

static void expect(const char *asked, enum finding_class class, const char *path)
{
	const struct ask_path p = {.path = asked};

	expect_for(&p, 1, class, path);
}

/* The modification time of a directory is one more finding if something in it comes or goes. */
static struct timespec times_of[2];
static void keep_times(const char *path)
{
	struct stat st;

	die_unless(fstatat(tree, path[1] ? path + 1 : ".", &st, 0) == 0, path);
	times_of[0] = st.st_atim;
	times_of[1] = st.st_mtim;
}

static void put_times_back(const char *path)
{
	die_unless(utimensat(tree, path[1] ? path + 1 : ".", times_of, 0) == 0, path);
}

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
	/* There are hard links in it. */
	assert_int_equal(ask_for(&all, 1, &found), ASK_WHOLE);
	keep_times("/d/sub/deep");
	put("/d/sub/deep/more", "more");
	put_times_back("/d/sub/deep");
	clean("/d/sub");
	expect_for(&sub, 1, FINDING_TREE_ADDED, "/d/sub/deep/more");
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
	CLEANUP_FINDINGS struct findings found = {0};

	(void)state;
	assert_int_equal(ask("/first", &found), ASK_WHOLE);
	assert_int_equal(ask("/second", &found), ASK_WHOLE);
	/* A name that it did not have. */
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
	    TEST(test_odd_name),
	    TEST(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
