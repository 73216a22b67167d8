/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_verify_scrub.c: level `scrub` of a verification, and verifying some trees only. Rot is a tree that is not what was sealed and has the
 * statprint that was sealed: no ctime moves when a device loses a bit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <zlib.h>

#include "ask_layer.h"
#include "guard/policy.h"
#include "guard/verify.h"

static struct policy policy;
static struct verify_result result;

/* ---- a store of one layer, sealed as these tests want it ---- */

static void complete_store(void)
{
	static const char hex[] =
	    "1111111111111111111111111111111111111111111111111111111111111111";
	char rel[160], path[PATH_MAX];
	CLEANUP_FREE char *more = xasprintf(",\"diff-digest\":\"sha256:%s\"", hex);
	gzFile gz;

	record_layer(more);
	snprintf(rel, sizeof(rel), "g/overlay-layers/%s.tar-split.gz", mini_id(LAYER));
	gz = gzopen(mini_path(store, rel, path), "w");
	die_unless(gz && gzclose(gz) == Z_OK, path);
	mini_open(store);
	assert_int_equal(store->findings.n, 0);
	guard.store = &store->store;
	policy_default(&policy);
	guard.policy = &policy;
}

static int setup_store(void **state)
{
	struct timespec young = {.tv_nsec = 30000000};

	if (setup(state))
		return -1;
	complete_store();
	/* Statprints are not recorded of files as new as the clock. */
	nanosleep(&young, NULL);
	return 0;
}

static int teardown_store(void **state)
{
	verify_result_release(&result);
	return teardown(state);
}

static struct tree_result measure(void)
{
	struct tree_options opt = {.key = ledger_statprint_key(guard.ledger),
	    .scrub_key = ledger_scrub_key(guard.ledger)};
	struct tree_result out;
	struct err e = {0};

	if (tree_measure(tree, &opt, &out, &e))
		fail_msg("%s", e.msg);
	return out;
}

static struct statprint print_now(void)
{
	const struct store_layer *l = &store->records.layers[0];
	struct tree_result now = measure();
	struct timespec ctime;
	struct err e = {0};

	if (check_print_add_files(&guard, l, &now.print, &ctime, &e))
		fail_msg("%s", e.msg);
	return now.print;
}

/* What was measured once, with the statprint of now. */
static void seal_again(const struct tree_result *t, bool with_scrub)
{
	const struct store_layer *l = &store->records.layers[0];
	const struct entry_seal_layer *old =
	    ledger_layer(guard.ledger, &store_a, l->id)->seal;
	struct entry en = entry_of(ENTRY_SEAL_LAYER);
	struct statprint print = print_now();

	memcpy(en.seal_layer.layer, l->id, sizeof(en.seal_layer.layer));
	en.seal_layer.created = xstrdup(old->created);
	en.seal_layer.link = xstrdup(old->link);
	en.seal_layer.manifest_bytes = old->manifest_bytes;
	en.seal_layer.tree = t->digest;
	en.seal_layer.diff_id = l->diff.d;
	en.seal_layer.record = l->record;
	sha256("", 0, &en.seal_layer.tar_split);
	en.seal_layer.has_print = true;
	memcpy(en.seal_layer.print, print.bytes, sizeof(print.bytes));
	en.seal_layer.has_scrub = with_scrub;
	memcpy(en.seal_layer.scrub, t->scrub.bytes, sizeof(t->scrub.bytes));
	must_append(guard.ledger, en);
}

static void seal_now(void)
{
	struct tree_result t = measure();

	seal_again(&t, true);
}

/* ---- verifying ---- */

static enum verdict verify_with(const struct verify_options *opt)
{
	enum verdict verdict;
	struct err e = {0};

	verify_result_release(&result);
	if (guard_verify(&guard, opt, &verdict, &result, &e))
		fail_msg("%s", e.msg);
	return verdict;
}

static enum verdict verify(enum verify_level level)
{
	const struct verify_options opt = {.level = level, .cache_mounts.in_use = true};

	return verify_with(&opt);
}

static void expect_verdict(
    enum verify_level level, enum verdict verdict, size_t scrubbed, size_t measured)
{
	enum verdict found = verify(level);

	if (found != verdict)
		show(verify_level_name(level), &result.findings);
	assert_int_equal(found, verdict);
	assert_int_equal(result.scrubbed, scrubbed);
	assert_int_equal(result.measured, measured);
}

static bool has_class(const struct findings *list, enum finding_class class)
{
	for (size_t i = 0; i < list->n; i++) {
		if (list->v[i].class == class)
			return true;
	}
	return false;
}

static void test_clean(void **state)
{
	uint64_t size;

	(void)state;
	seal_now();
	size = ledger_size(guard.ledger);
	expect_verdict(LEVEL_SCRUB, VERDICT_CLEAN, 1, 0);
	assert_int_equal(result.by_statprint, 0);
	assert_true(result.bytes > (3 << 20));
	expect_verdict(LEVEL_STAT, VERDICT_CLEAN, 0, 0);
	assert_int_equal(result.by_statprint, 1);
	expect_verdict(LEVEL_FULL, VERDICT_CLEAN, 0, 1);
	assert_int_equal(ledger_size(guard.ledger), size);
}

/* A statprint that differs sends it to the full measurement, as at level stat. */
static void test_written(void **state)
{
	(void)state;
	seal_now();
	keep_times("/d/file");
	put("/d/file", "evil text");
	put_times_back("/d/file");
	expect_verdict(LEVEL_SCRUB, VERDICT_VIOLATED, 0, 1);
	assert_true(has(&result.findings, FINDING_TREE_CONTENT, "/d/file"));
}

static void rot(void (*change)(void), enum finding_class class, const char *path)
{
	struct tree_result sealed = measure();

	change();
	seal_again(&sealed, true);
	expect_verdict(LEVEL_STAT, VERDICT_CLEAN, 0, 0);
	expect_verdict(LEVEL_SCRUB, VERDICT_VIOLATED, 0, 1);
	assert_int_equal(result.findings.n, 1);
	assert_true(has(&result.findings, class, path));
}

static void lose_a_bit(void)
{
	int fd = openat(tree, "d/big", O_WRONLY | O_CLOEXEC);

	keep_times("/d/big");
	die_unless(pwrite(fd, "c", 1, 2 << 20) == 1, "write");
	close(fd);
	put_times_back("/d/big");
}

static void test_rot(void **state)
{
	(void)state;
	rot(lose_a_bit, FINDING_TREE_CONTENT, "/d/big");
}

static void change_xattr(void)
{
	set_xattr("/d/sub/other", "user.colour", "blue");
}

static void test_rot_of_xattr(void **state)
{
	(void)state;
	rot(change_xattr, FINDING_TREE_XATTR, "/d/sub/other");
}

static void change_target(void)
{
	keep_times("/d");
	remove_file("/d/link");
	make_link("/d/link", "FILE");
	put_times_back("/d");
}

static void test_rot_of_target(void **state)
{
	struct tree_result sealed = measure();
	struct timespec times[2];
	struct stat st;

	(void)state;
	die_unless(fstatat(tree, "d/link", &st, AT_SYMLINK_NOFOLLOW) == 0, "stat");
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	change_target();
	die_unless(utimensat(tree, "d/link", times, AT_SYMLINK_NOFOLLOW) == 0, "times");
	seal_again(&sealed, true);
	expect_verdict(LEVEL_SCRUB, VERDICT_VIOLATED, 0, 1);
	assert_true(has(&result.findings, FINDING_TREE_TARGET, "/d/link"));
}

/* As in ledgers of before there were scrub sums. */
static void test_no_sum_yet(void **state)
{
	struct tree_result t = measure();

	(void)state;
	seal_again(&t, false);
	expect_verdict(LEVEL_STAT, VERDICT_CLEAN, 0, 0);
	expect_verdict(LEVEL_SCRUB, VERDICT_CLEAN, 0, 1);
	if (!t.has_print)
		skip(); /* not on this file system */
	assert_int_equal(result.remeasured, 1);
	expect_verdict(LEVEL_SCRUB, VERDICT_CLEAN, 1, 0);
	assert_int_equal(result.remeasured, 0);
	expect_verdict(LEVEL_STAT, VERDICT_CLEAN, 0, 0);
}

/* The digest has the last word about what the sum should have been. */
static void test_wrong_sum(void **state)
{
	struct tree_result t = measure();

	(void)state;
	t.scrub.bytes[15] ^= 1;
	seal_again(&t, true);
	expect_verdict(LEVEL_SCRUB, VERDICT_CLEAN, 0, 1);
	if (!t.has_print)
		skip();
	assert_int_equal(result.remeasured, 1);
	expect_verdict(LEVEL_SCRUB, VERDICT_CLEAN, 1, 0);
}

static void test_misread(void **state)
{
	const struct place where = {.layer = mini_id(LAYER)};
	CLEANUP_FINDINGS struct findings found = {0};
	struct tree_result t = measure();
	uint8_t sum[sizeof(t.scrub.bytes)];

	(void)state;
	memcpy(sum, t.scrub.bytes, sizeof(sum));
	sum[0] ^= 1;
	check_add_misread(where, sum, &t, &found);
	assert_int_equal(found.n, 0);
	sum[0] ^= 1;
	check_add_misread(where, sum, &t, &found);
	assert_true(has(&found, FINDING_TREE_UNSTABLE, NULL));
}

/* What lies beside the tree is read, too. */
static void test_tar_split(void **state)
{
	char rel[160];

	(void)state;
	seal_now();
	snprintf(rel, sizeof(rel), "g/overlay-layers/%s.tar-split.gz", mini_id(LAYER));
	mini_write(store, rel, "no gzip");
	seal_now();
	expect_verdict(LEVEL_STAT, VERDICT_CLEAN, 0, 0);
	expect_verdict(LEVEL_SCRUB, VERDICT_VIOLATED, 1, 0);
	assert_true(has(&result.findings, FINDING_TAR_SPLIT, NULL));
}

/* ---- cache mounts ---- */

/* The tree of the layer once more, as if a build kept it. */
static void seal_cache_mount(const struct tree_result *t, const char *path)
{
	struct statprint_job job = {.base_fd = tree, .path = "."};
	struct entry en = entry_of(ENTRY_SEAL_TREE);

	statprint_run(&job, 1, ledger_statprint_key(guard.ledger), 1, NULL);
	assert_int_equal(job.rc, 0);
	en.seal_tree.path = xstrdup(path);
	en.seal_tree.tree = t->digest;
	en.seal_tree.manifest_bytes = t->manifest_bytes;
	en.seal_tree.has_print = true;
	memcpy(en.seal_tree.print, job.print.bytes, sizeof(job.print.bytes));
	en.seal_tree.has_scrub = true;
	memcpy(en.seal_tree.scrub, t->scrub.bytes, sizeof(t->scrub.bytes));
	must_append(guard.ledger, en);
}

static void test_cache_mount(void **state)
{
	char rel[128], path[PATH_MAX];
	const char *const dirs[] = {store->dir};
	struct verify_options opt = {.cache_mounts = {.dirs = dirs, .n_dirs = 1}};
	struct tree_result sealed = measure();

	(void)state;
	snprintf(rel, sizeof(rel), "g/overlay/%s/diff", mini_id(LAYER));
	seal_now();
	seal_cache_mount(&sealed, mini_path(store, rel, path));
	for (opt.level = LEVEL_STAT; opt.level <= LEVEL_FULL; opt.level++) {
		assert_int_equal(verify_with(&opt), VERDICT_CLEAN);
		assert_int_equal(result.cache_mounts, 1);
	}
	lose_a_bit();
	seal_now();
	seal_cache_mount(&sealed, path);
	opt.level = LEVEL_STAT;
	assert_true(verify_with(&opt) != VERDICT_UNVERIFIABLE);
	assert_false(has_class(&result.findings, FINDING_CACHE_MOUNT_CHANGED));
	opt.level = LEVEL_SCRUB;
	assert_int_equal(verify_with(&opt), VERDICT_VIOLATED);
	assert_true(has_class(&result.findings, FINDING_CACHE_MOUNT_CHANGED));
}

/* ---- some trees ---- */

static void test_trees(void **state)
{
	const char *const one[] = {mini_id(LAYER)}, *const other[] = {mini_id('c')};
	struct verify_options opt = {
	    .level = LEVEL_FULL, .cache_mounts.in_use = true, .trees = other};

	(void)state;
	seal_now();
	keep_times("/d/file");
	put("/d/file", "evil text");
	put_times_back("/d/file");
	assert_int_equal(verify_with(&opt), VERDICT_CLEAN);
	assert_int_equal(result.layers, 1);
	assert_int_equal(result.measured, 0);
	opt.n_trees = 1;
	assert_int_equal(verify_with(&opt), VERDICT_CLEAN);
	assert_int_equal(result.measured, 0);
	opt.trees = one;
	assert_int_equal(verify_with(&opt), VERDICT_VIOLATED);
	assert_int_equal(result.measured, 1);
	/* Everything else is looked at in any case. */
	opt.trees = other;
	record_layer(",\"diff-digest\":\"sha256:"
		     "22222222222222222222222222222222"
		     "22222222222222222222222222222222\"");
	assert_int_equal(verify_with(&opt), VERDICT_VIOLATED);
	assert_true(has_class(&result.findings, FINDING_LAYER_RECORD));
}

static void test_names(void **state)
{
	enum verify_level level;

	(void)state;
	assert_true(verify_level_parse("scrub", &level));
	assert_int_equal(level, LEVEL_SCRUB);
	assert_string_equal(verify_level_name(LEVEL_SCRUB), "scrub");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup_store, teardown_store)
	const struct CMUnitTest tests[] = {
	    TEST(test_clean),
	    TEST(test_written),
	    TEST(test_rot),
	    TEST(test_rot_of_xattr),
	    TEST(test_rot_of_target),
	    TEST(test_no_sum_yet),
	    TEST(test_wrong_sum),
	    TEST(test_misread),
	    TEST(test_tar_split),
	    TEST(test_cache_mount),
	    TEST(test_trees),
	    cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
