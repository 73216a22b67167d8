/* SPDX-License-Identifier: Apache-2.0 */
/* test_subject.c: a watcher answers for what it watches, and for nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "watch/subject.h"

static char scratch[64];

static int setup(void **state)
{
	struct err e;

	(void)state;
	snprintf(scratch, sizeof(scratch), "/var/tmp/layerseal-test.XXXXXX");
	return mkdtemp(scratch) && crypto_init(&e) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	return rmdir(scratch);
}

/* ---- compare ---- */

static char ledger[] = "/l", trust[] = "/t", store[] = "/g", user[] = "al",
	    var_tmp[] = "/var/tmp", other[] = "/other";
static char *watched_dirs[] = {var_tmp, other};
static char *dirs[2];

static struct subject watched(void)
{
	return (struct subject){.ledger = ledger,
	    .ledger_device = 1,
	    .ledger_inode = 2,
	    .policy.bytes[0] = 3,
	    .trust = trust,
	    .store = store,
	    .only = true,
	    .user = user,
	    .only_of_user = true,
	    .options.bytes[0] = 4,
	    .cache_dirs = {watched_dirs, 2}};
}

static struct request question(void)
{
	return (struct request){.ledger = ledger,
	    .ledger_device = 1,
	    .ledger_inode = 2,
	    .policy.bytes[0] = 3};
}

static void is(enum answer_status expected, const struct subject *s,
    const struct request *r, const char *words)
{
	struct err why = {0};
	enum answer_status status = subject_compare(s, r, &why);

	if (status != expected || !strstr(why.msg, words))
		fail_msg("%s (%s), not %s (%s)", answer_status_name(status), why.msg,
		    answer_status_name(expected), words);
}

static void same(void **state)
{
	struct subject s = watched();
	struct request r = question();

	(void)state;
	is(ANSWER_KNOWN, &s, &r, "");
	r.store = store;
	r.user = user;
	r.trust = trust;
	r.options.bytes[0] = 4;
	r.cache_dirs = dirs;
	dirs[0] = other;
	dirs[1] = var_tmp;
	r.n_cache_dirs = 2;
	is(ANSWER_KNOWN, &s, &r, "");
}

static void not_the_same(void **state)
{
	struct subject s = watched();
	struct request r;

	(void)state;
#define OTHER(member, value, words)                                                      \
	do {                                                                             \
		r = question();                                                          \
		r.member = value;                                                        \
		is(ANSWER_OTHER, &s, &r, words);                                         \
	} while (0)
	OTHER(ledger, other, "ledger");
	OTHER(ledger, NULL, "ledger");
	OTHER(ledger_device, 9, "ledger");
	OTHER(ledger_inode, 9, "ledger");
	OTHER(policy.bytes[0], 9, "configuration");
	OTHER(whiteout_files, true, "configuration");
	OTHER(trust, other, "trust");
	OTHER(store, other, "another store");
	OTHER(user, other, "user");
	OTHER(options.bytes[0], 9, "options");
	s.user = NULL;
	OTHER(user, user, "user");
}

static void several_stores(void **state)
{
	struct subject s = watched();
	struct request r = question();

	(void)state;
	s.only = false;
	is(ANSWER_OTHER, &s, &r, "several");
	r.user = user;
	is(ANSWER_KNOWN, &s, &r, "");
	s.only_of_user = false;
	is(ANSWER_OTHER, &s, &r, "several");
	s.only = true;
	is(ANSWER_OTHER, &s, &r, "several");
	r.store = store;
	is(ANSWER_KNOWN, &s, &r, "");
	r.user = NULL;
	s.only = false;
	is(ANSWER_KNOWN, &s, &r, "");
}

static void cache_mounts(void **state)
{
	struct subject s = watched();
	struct request r = question();

	(void)state;
	r.cache_dirs = dirs;
	r.n_cache_dirs = 2;
	dirs[0] = var_tmp;
	dirs[1] = store;
	is(ANSWER_UNKNOWN, &s, &r, "cache mounts");
	/* The usual directory is meant if there is none. */
	r.n_cache_dirs = 0;
	s.cache_dirs.v = &watched_dirs[1];
	s.cache_dirs.n = 1;
	is(ANSWER_UNKNOWN, &s, &r, "cache mounts");
	r.n_cache_dirs = 1;
	dirs[0] = other;
	is(ANSWER_KNOWN, &s, &r, "");
	s.cache_dirs.n = 0;
	is(ANSWER_UNKNOWN, &s, &r, "cache mounts");
}

/* ---- the words ---- */

static struct digest options_of(const struct store_config *c)
{
	struct digest d;
	struct err e;

	if (subject_options(c, &d, &e))
		fail_msg("%s", e.msg);
	return d;
}

static void options(void **state)
{
	CLEANUP_FREE char *link = xasprintf("%s.link", scratch);
	CLEANUP_FREE char *deeper = xasprintf("%s/../%s", scratch, strrchr(scratch, '/'));
	char run[] = "/run", tmp[] = "/tmp", nowhere[] = "/nonexistent/x";
	char *additional[] = {run, tmp}, *turned[] = {tmp, run};
	struct store_config a = {.graphroot = scratch, .runroot = run}, b = a;
	struct digest first = options_of(&a), d;
	struct err e;

	(void)state;
	/* Other words for the same. */
	assert_int_equal(symlink(scratch, link), 0);
	b.graphroot = link;
	d = options_of(&b);
	assert_true(digest_equal(&first, &d));
	b.graphroot = deeper;
	d = options_of(&b);
	assert_true(digest_equal(&first, &d));
	assert_int_equal(unlink(link), 0);
#define DIFFERS(member, value)                                                           \
	do {                                                                             \
		b = a;                                                                   \
		b.member = value;                                                        \
		d = options_of(&b);                                                      \
		assert_false(digest_equal(&first, &d));                                  \
	} while (0)
	DIFFERS(graphroot, run);
	DIFFERS(runroot, tmp);
	DIFFERS(runroot, nowhere);
	DIFFERS(driver, STORE_VFS);
	DIFFERS(imagestore, run);
	a.additional = additional;
	a.n_additional = 2;
	d = options_of(&a);
	assert_false(digest_equal(&first, &d));
	first = d;
	DIFFERS(n_additional, 1);
	DIFFERS(additional, turned);
	b.graphroot = nowhere;
	assert_int_equal(subject_options(&b, &d, &e), ERR_IO);
}

static void options_of_another_directory(void **state)
{
	CLEANUP_FREE char *path = xasprintf("%s/g", scratch);
	CLEANUP_FREE char *away = xasprintf("%s/away", scratch);
	char run[] = "/run";
	struct store_config c = {.graphroot = path, .runroot = run};
	struct digest before, after;

	(void)state;
	assert_int_equal(mkdir(path, 0700), 0);
	before = options_of(&c);
	/* Kept, so that its number is not given to the other. */
	assert_int_equal(rename(path, away), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	after = options_of(&c);
	assert_false(digest_equal(&before, &after));
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(away), 0);
}

static void ledgers(void **state)
{
	CLEANUP_FREE char *dotted = xasprintf("%s/./", scratch);
	CLEANUP_FREE char *path = NULL;
	uint64_t device = 0, inode = 0;
	struct stat st;
	struct err e;

	(void)state;
	assert_int_equal(stat(scratch, &st), 0);
	assert_int_equal(subject_ledger(dotted, &path, &device, &inode, &e), 0);
	assert_string_equal(path, scratch);
	assert_int_equal(device, st.st_dev);
	assert_int_equal(inode, st.st_ino);
	assert_int_equal(
	    subject_ledger("/nonexistent/x", &path, &device, &inode, &e), ERR_NOT_FOUND);
}

static void cache_dirs(void **state)
{
	CLEANUP_FREE char *a = subject_cache_dir("/var/../var/tmp/");
	CLEANUP_FREE char *b = subject_cache_dir("storage");
	CLEANUP_FREE char *c = subject_cache_dir("/nonexistent/x");

	(void)state;
	assert_string_equal(a, "/var/tmp");
	assert_string_equal(b, "storage");
	assert_string_equal(c, "/nonexistent/x");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(same),
	    cmocka_unit_test(not_the_same),
	    cmocka_unit_test(several_stores),
	    cmocka_unit_test(cache_mounts),
	    cmocka_unit_test(options),
	    cmocka_unit_test(options_of_another_directory),
	    cmocka_unit_test(ledgers),
	    cmocka_unit_test(cache_dirs),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
