/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_source_hostile.c: what somebody does to a source who wants it to miss something, to run out of memory or to stop:
 * too many events, too many directories, too deep, mounts, removals meanwhile. Each is told or does no harm.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mount.h>

#include "tree/walk.h"
#include "watched.h"

static struct source_figures figures(struct area *a)
{
	struct source_figures f;

	source_figures(a->source, &f);
	return f;
}

static void count_only(void *ctx, const struct source_event *ev)
{
	(void)ev;
	++*(size_t *)ctx;
}

/* Reads until nothing is left, and keeps nothing. */
static size_t drain(struct area *a)
{
	struct pollfd p = {.fd = source_fd(a->source), .events = POLLIN};
	size_t n = 0;
	struct err e;

	do {
		if (source_read(a->source, count_only, &n, a->gaps, &e))
			fail_msg("%s", e.msg);
	} while (poll(&p, 1, 0) > 0);
	return n;
}

/* ---- storms ---- */

#define STORM 18000 /* more than a queue takes: 16384 */
#define LOOPS 4000

static void makes_many(struct area *a)
{
	int dir = openat(a->dir, "tree/etc", O_PATH);
	char name[32];

	for (int i = 0; i < STORM; i++) {
		snprintf(name, sizeof(name), "file%d", i);
		MUST(mknodat(dir, name, S_IFREG | 0644, 0) == 0);
	}
}

/* A queue that is full is told; what it hid is found when the root is armed anew. */
static void a_full_queue(struct area *a)
{
	stranger(a, makes_many);
	(void)drain(a);
	assert_true(a->gaps[GAP_OVERFLOW] >= 1);
	add(a, DEEP_ROOT, "tree", true);
	assert_int_equal(figures(a).blind, 0);
	stranger(a, writes);
	listen(a);
	assert_told(a, DEEP_ROOT, "etc/passwd", SOURCE_WRITTEN);
}
BOTH_IN_MEMORY(a_full_queue)

static void makes_in_a_loop(struct area *a)
{
	int dir = openat(a->dir, "tree/etc", O_PATH);

	for (int i = 0; i < LOOPS; i++) {
		MUST(mkdirat(dir, "x", 0755) == 0);
		MUST(unlinkat(dir, "x", AT_REMOVEDIR) == 0);
		MUST(mknodat(dir, "y", S_IFREG | 0644, 0) == 0);
		MUST(unlinkat(dir, "y", 0) == 0);
	}
}

/* What was made and is gone is not known any more; no memory goes with it. */
static void storms_leave_nothing(struct area *a)
{
	struct source_figures before = figures(a), after;
	size_t held = mallinfo2().uordblks, n = 0;
	pid_t pid = start(a, makes_in_a_loop);

	while (waitpid(pid, NULL, WNOHANG) == 0)
		n += drain(a);
	n += drain(a);
	after = figures(a);
	assert_true(n > 0);
	if (a->gaps[GAP_OVERFLOW] == 0) {
		assert_int_equal(after.watches, before.watches);
		assert_int_equal(after.objects, before.objects);
	}
	assert_true(mallinfo2().uordblks < held + (4U << 20));
	assert_int_equal(after.blind, 0);
}
BOTH_IN_MEMORY(storms_leave_nothing)

/* ---- depth ---- */

#define TOO_DEEP (WALK_DEPTH_MAX + 10)

static void digs(struct area *a)
{
	int dir = openat(a->dir, "outside", O_RDONLY | O_DIRECTORY), next;

	MUST(dir >= 0);
	for (int i = 0; i < TOO_DEEP; i++) {
		MUST(mkdirat(dir, "a-name-that-takes-some-bytes", 0755) == 0);
		next =
		    openat(dir, "a-name-that-takes-some-bytes", O_RDONLY | O_DIRECTORY);
		MUST(next >= 0);
		close(dir);
		dir = next;
	}
	MUST(renameat(a->dir, "outside/a-name-that-takes-some-bytes", a->dir,
		 "tree/pit") == 0);
}

static void fills(struct area *a)
{
	int dir = openat(a->dir, "tree/pit", O_RDONLY | O_DIRECTORY), next;

	while ((next = openat(
		    dir, "a-name-that-takes-some-bytes", O_RDONLY | O_DIRECTORY)) >= 0) {
		close(dir);
		dir = next;
	}
	rmdir("a-name-that-takes-some-bytes");
	for (;;) {
		next = openat(dir, "..", O_RDONLY | O_DIRECTORY);
		MUST(next >= 0);
		if (unlinkat(next, "a-name-that-takes-some-bytes", AT_REMOVEDIR))
			break;
		close(dir);
		dir = next;
	}
	MUST(unlinkat(a->dir, "tree/pit", AT_REMOVEDIR) == 0);
}

static void a_pit(struct area *a)
{
	stranger(a, digs);
	(void)drain(a);
	assert_true(a->gaps[GAP_LIMIT] >= 1);
	assert_true(figures(a).blind >= 1);
	assert_true(figures(a).watches > 1000);
	stranger(a, fills);
	(void)drain(a);
	memset(a->gaps, 0, sizeof(a->gaps));
	add(a, DEEP_ROOT, "tree", true);
	(void)drain(a);
	assert_int_equal(figures(a).blind, 0);
	assert_int_equal(all_gaps(a), 0);
}
BOTH(a_pit)

/* ---- limits and rights: in a process of their own, which gives up what it has ---- */

static void set_limit(const char *value)
{
	int fd = open("/proc/sys/user/max_inotify_watches", O_WRONLY);

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		_exit(77);
	close(fd);
}

static void in_a_namespace_of_few_watches(struct area *a)
{
	struct source_figures f;
	struct err e;

	if (unshare(CLONE_NEWUSER))
		_exit(77);
	set_limit("2");
	MUST(source_open(SOURCE_AUTO, &a->source, &e) == 0);
	MUST(source_kind(a->source) == SOURCE_INOTIFY);
	/* The third directory of it is one too many. */
	MUST(source_add(a->source, 1, a->dir, "tree", true, &e) == 0);
	MUST(source_read(a->source, count_only, &a->n, a->gaps, &e) == 0);
	source_figures(a->source, &f);
	MUST(a->gaps[GAP_LIMIT] == 1 && f.blind == 1);
	/* Not even its top can be watched. */
	MUST(source_add(a->source, 2, a->dir, "flat", true, &e) == ERR_IO);
	set_limit("100");
	MUST(source_add(a->source, 1, a->dir, "tree", true, &e) == 0);
	source_figures(a->source, &f);
	MUST(f.blind == 0);
	source_free(a->source);
}

static void as_nobody(struct area *a)
{
	struct source_figures f;
	struct err e;

	if (setgid(65534) || setuid(65534))
		_exit(77);
	MUST(source_open(SOURCE_FANOTIFY, &a->source, &e) == ERR_REFUSED);
	MUST(source_open(SOURCE_AUTO, &a->source, &e) == 0);
	MUST(source_add(a->source, 1, a->dir, "tree", true, &e) == 0);
	MUST(source_read(a->source, count_only, &a->n, a->gaps, &e) == 0);
	source_figures(a->source, &f);
	MUST(a->gaps[GAP_UNREADABLE] == 1 && f.blind == 1);
	source_free(a->source);
}

static void in_a_process(struct area *a, deed_fn *deed)
{
	pid_t pid = start(a, deed);
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void too_few_watches(void **state)
{
	struct area *a = area_new(SOURCE_INOTIFY);

	(void)state;
	in_a_process(a, in_a_namespace_of_few_watches);
	area_free(a);
}

static void a_closed_directory(void **state)
{
	struct area *a = area_new(SOURCE_INOTIFY);

	(void)state;
	assert_int_equal(chmod(a->path, 0755), 0);
	assert_int_equal(fchmodat(a->dir, "tree/etc/deep", 0, 0), 0);
	in_a_process(a, as_nobody);
	area_free(a);
}

/* ---- mounts, in a mount namespace of their own ---- */

static void own_mounts(struct area *a)
{
	if (unshare(CLONE_NEWNS))
		_exit(77);
	MUST(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	MUST(chdir(a->path) == 0);
	close(a->dir);
	a->dir = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static bool opened(struct area *a)
{
	struct err e;
	int r = source_open(a->kind, &a->source, &e);

	if (r == ERR_REFUSED)
		_exit(77);
	return r == 0;
}

static void watches(struct area *a, uint32_t root, int base, const char *path, bool deep)
{
	struct err e;
	int r = source_add(a->source, root, base, path, deep, &e);

	if (r == ERR_REFUSED)
		_exit(77);
	MUST(r == 0);
}

static void hear(struct area *a)
{
	struct err e;

	forget(a);
	MUST(source_read(a->source, note, a, a->gaps, &e) == 0);
}

static void is_mounted_over(struct area *a)
{
	struct pollfd p = {.events = POLLIN};

	own_mounts(a);
	MUST(opened(a));
	watches(a, 1, a->dir, "tree", true);
	watches(a, 2, a->dir, "flat", false);
	hear(a);
	MUST(mount("none", "tree/etc", "tmpfs", 0, NULL) == 0);
	p.fd = source_fd(a->source);
	MUST(poll(&p, 1, 60000) == 1);
	hear(a);
	MUST(told(a, 1, "etc", SOURCE_ADDED));
	MUST(mount("outside/file", "tree/file", NULL, MS_BIND, NULL) == 0);
	hear(a);
	MUST(told(a, 1, "file", SOURCE_ADDED) && !told(a, 1, "etc", 0));
	MUST(mount("none", "tree", "tmpfs", 0, NULL) == 0);
	hear(a);
	MUST(told(a, 1, "", SOURCE_ADDED) && a->n == 1);
	MUST(umount("tree") == 0 && umount("tree/etc") == 0);
	hear(a);
	MUST(told(a, 1, "etc", SOURCE_REMOVED));
	/* Engines mount a directory on itself, and containers in shallow roots. */
	MUST(mount("flat", "flat", NULL, MS_BIND, NULL) == 0);
	MUST(mount("none", "flat/sub", "tmpfs", 0, NULL) == 0);
	hear(a);
	MUST(!told(a, 2, "", 0) && !told(a, 2, "sub", 0));
	for (int i = 0; i < GAP_COUNT; i++)
		MUST(a->gaps[i] == 0);
	source_free(a->source);
}

static void is_unmounted(struct area *a)
{
	struct source_figures f;
	int base;

	own_mounts(a);
	MUST(mount("none", "outside", "tmpfs", 0, NULL) == 0);
	MUST(mkdir("outside/tree", 0755) == 0);
	base = open("outside", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	MUST(opened(a));
	watches(a, 1, base, "tree", true);
	close(base);
	hear(a);
	MUST(umount2("outside", MNT_DETACH) == 0);
	hear(a);
	source_figures(a->source, &f);
	MUST(a->gaps[GAP_LOST] == 1 && f.blind == 1);
	hear(a);
	MUST(a->gaps[GAP_LOST] == 1);
	source_free(a->source);
}

/* What is in a tree by being mounted there is not of the tree; what is below it is out of sight. */
static void has_a_mount_in_it(struct area *a)
{
	struct source_figures f;

	own_mounts(a);
	MUST(mount("none", "tree/etc/deep", "tmpfs", 0, NULL) == 0);
	MUST(mount("none", "flat/sub", "tmpfs", 0, NULL) == 0);
	MUST(opened(a));
	watches(a, 1, a->dir, "tree", true);
	watches(a, 2, a->dir, "flat", false);
	source_figures(a->source, &f);
	MUST(f.blind == 1);
	hear(a);
	MUST(a->gaps[GAP_UNREADABLE] == 1);
	source_free(a->source);
}

static void mounts_with(enum source_kind kind, deed_fn *deed)
{
	struct area *a = area_new(kind);

	in_a_process(a, deed);
	area_free(a);
}

#define MOUNTS(test, deed)                                                               \
	static void test##_inotify(void **state)                                         \
	{                                                                                \
		(void)state;                                                             \
		mounts_with(SOURCE_INOTIFY, deed);                                       \
	}                                                                                \
	static void test##_fanotify(void **state)                                        \
	{                                                                                \
		(void)state;                                                             \
		mounts_with(SOURCE_FANOTIFY, deed);                                      \
	}
MOUNTS(a_mount_over, is_mounted_over)
MOUNTS(an_unmount, is_unmounted)
MOUNTS(a_mount_in_a_tree, has_a_mount_in_it)

/* ---- many threads ---- */

static atomic_bool over;

static void *adds_and_drops(void *ctx)
{
	struct area *a = ctx;
	struct err e;

	for (uint32_t i = 0; i < 300; i++) {
		if (source_add(a->source, 30 + i % 3, a->dir, "tree", true, &e) &&
		    e.code != ERR_NOT_FOUND)
			abort();
		if (i % 2)
			source_drop(a->source, 30 + i % 3);
	}
	over = true;
	return NULL;
}

static void rearranges(struct area *a)
{
	for (;;) {
		makes_directories(a);
		MUST(renameat(a->dir, "tree/d1", a->dir, "tree/etc/d1") == 0);
		MUST(renameat(a->dir, "tree/etc/d1", a->dir, "outside/d1") == 0);
		MUST(renameat(a->dir, "tree/etc", a->dir, "tree/d3") == 0);
		MUST(renameat(a->dir, "outside/d1", a->dir, "tree/d3/d4") == 0);
		MUST(unlinkat(a->dir, "tree/d3/d4/d2/file", 0) == 0);
		MUST(unlinkat(a->dir, "tree/d3/d4/d2", AT_REMOVEDIR) == 0);
		MUST(unlinkat(a->dir, "tree/d3/d4", AT_REMOVEDIR) == 0);
		MUST(renameat(a->dir, "tree/d3", a->dir, "tree/etc") == 0);
	}
}

static void many_threads(struct area *a)
{
	pid_t pid = start(a, rearranges);
	pthread_t thread;
	int status;

	over = false;
	assert_int_equal(pthread_create(&thread, NULL, adds_and_drops, a), 0);
	while (!over)
		(void)drain(a);
	pthread_join(thread, NULL);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	assert_true(WIFSIGNALED(status));
	(void)drain(a);
	for (uint32_t i = 0; i < 3; i++)
		source_drop(a->source, 30 + i);
	source_drop(a->source, DEEP_ROOT);
	source_drop(a->source, FLAT_ROOT);
	assert_int_equal(figures(a).watches, 0);
	assert_int_equal(figures(a).objects, 0);
}
BOTH(many_threads)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TWICE(a_full_queue),
	    TWICE(storms_leave_nothing),
	    TWICE(a_pit),
	    cmocka_unit_test(too_few_watches),
	    cmocka_unit_test(a_closed_directory),
	    TWICE(a_mount_over),
	    TWICE(an_unmount),
	    TWICE(a_mount_in_a_tree),
	    TWICE(many_threads),
	};

	alarm(180);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
