/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_source_elsewhere.c: a watcher in a mount namespace of its own, and mounts in that of process 1, which
 * do not come in. Root's; process 1 is one of our own, in a pid namespace.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "watch/source_impl.h"

static char top[64];
static int theirs = -1; /* the namespace of process 1 */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void make(const char *name)
{
	CLEANUP_FREE char *path = xasprintf("%s/%s", top, name);

	assert_int_equal(mkdir(path, 0700), 0);
}

/* In process 1's namespace: mounts `what` there, or unmounts with NULL. */
static void outside(const char *what, const char *point)
{
	pid_t child = fork();
	int status = 1;

	if (child == 0) {
		CLEANUP_FREE char *from = xasprintf("%s/%s", top, what ? what : "");
		CLEANUP_FREE char *to = xasprintf("%s/%s", top, point);

		if (setns(theirs, CLONE_NEWNS))
			_exit(1);
		_exit(what ? mount(from, to, NULL, MS_BIND, NULL) != 0
			   : umount2(to, MNT_DETACH) != 0);
	}
	assert_true(child > 0 && waitpid(child, &status, 0) == child);
	assert_int_equal(status, 0);
}

static int setup(void **state)
{
	int fd = getppid() == 1 ? open("/proc/1/ns/mnt", O_RDONLY | O_CLOEXEC) : -1;

	(void)state;
	if (fd < 0)
		return 0;
	snprintf(top, sizeof(top), "/var/tmp/layerseal-elsewhere.XXXXXX");
	if (!mkdtemp(top))
		return -1;
	make("store");
	make("store/layer");
	make("store/layer/diff");
	make("store/layer/diff/etc");
	make("store/layer/merged");
	make("evil");
	theirs = fd;
	return unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

static int teardown(void **state)
{
	(void)state;
	if (theirs < 0)
		return 0;
	close(theirs);
	return nftw(top, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void ignore(void *ctx, const struct source_event *ev)
{
	(void)ctx;
	(void)ev;
}

/* How much is not seen, after all that was told; *gaps: how often that is told. */
static size_t blind(struct source *s, uint64_t *gaps)
{
	uint64_t all[GAP_COUNT] = {0};
	struct source_figures f;
	struct err e;

	if (source_read(s, ignore, NULL, all, &e))
		fail_msg("%s", e.msg);
	source_figures(s, &f);
	*gaps = all[GAP_HIDDEN];
	return f.blind;
}

static struct source *watching(void)
{
	CLEANUP_FREE char *path = xasprintf("%s/store", top);
	int base = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct source *s;
	struct err e;

	assert_true(base >= 0);
	assert_int_equal(source_open(SOURCE_INOTIFY, &s, &e), 0);
	assert_int_equal(elsewhere_begin(s, &e), 0);
	assert_int_equal(source_add(s, 1, base, ".", false, &e), 0);
	assert_int_equal(source_add(s, 2, base, "layer", true, &e), 0);
	close(base);
	return s;
}

static void hides(struct source *s, const char *point)
{
	uint64_t gaps;

	outside("evil", point);
	assert_true(blind(s, &gaps) > 0);
	assert_int_equal(gaps, 1);
	assert_true(blind(s, &gaps) > 0);
	assert_int_equal(gaps, 0);
	outside(NULL, point);
	assert_int_equal(blind(s, &gaps), 0);
	assert_int_equal(gaps, 0);
}

static void test_over_what_is_watched(void **state)
{
	struct source *s;
	uint64_t gaps;

	(void)state;
	if (theirs < 0)
		skip();
	s = watching();
	assert_int_equal(blind(s, &gaps), 0);
	hides(s, "store/layer/diff/etc");
	hides(s, "store/layer/diff");
	hides(s, "store/layer");
	hides(s, "store");
	source_free(s);
}

static void test_what_engines_mount(void **state)
{
	struct source *s;
	uint64_t gaps;

	(void)state;
	if (theirs < 0)
		skip();
	s = watching();
	outside("store", "store"); /* on itself */
	assert_int_equal(blind(s, &gaps), 0);
	outside("evil", "store/layer/merged");
	assert_int_equal(blind(s, &gaps), 0);
	outside("evil", "evil");
	assert_int_equal(blind(s, &gaps), 0);
	outside(NULL, "evil");
	outside(NULL, "store/layer/merged");
	outside(NULL, "store");
	source_free(s);
}

/* It was there before the watcher, or before the layer was watched. */
static void test_before(void **state)
{
	struct source *s;
	uint64_t gaps;

	(void)state;
	if (theirs < 0)
		skip();
	outside("evil", "store/layer/diff");
	s = watching();
	assert_true(blind(s, &gaps) > 0);
	assert_int_equal(gaps, 1);
	source_drop(s, 2);
	assert_int_equal(blind(s, &gaps), 0);
	source_free(s);
	outside(NULL, "store/layer/diff");
}

/* Returns in the child alone: the parent ends as it does. */
static void go_on_as_child(void)
{
	int status = 1;
	pid_t child = fork();

	if (child == 0)
		return;
	if (child < 0 || waitpid(child, &status, 0) != child)
		_exit(1);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_over_what_is_watched),
	    cmocka_unit_test(test_what_engines_mount),
	    cmocka_unit_test(test_before),
	};

	if (geteuid() == 0 && unshare(CLONE_NEWPID | CLONE_NEWNS) == 0) {
		go_on_as_child();
		if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
		    mount("proc", "/proc", "proc", 0, NULL))
			return 1;
		go_on_as_child();
	}
	return cmocka_run_group_tests(tests, setup, teardown);
}
