/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watched.h: for the tests of the sources: a directory on the disk, a source that watches some of it, and the events
 * that it told. Every test runs with inotify and with fanotify, where that can be had.
 */
#ifndef TESTS_UNIT_WATCHED_H
#define TESTS_UNIT_WATCHED_H

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "watch/source.h"

#define UNUSED __attribute__((unused))
#define EVENTS_MAX 20000
#define DEEP_ROOT 7
#define FLAT_ROOT 9

struct told {
	uint32_t root;
	char *path; /* NULL: somewhere */
	unsigned what;
	bool has_writer;
	struct writer writer;
};

struct area {
	enum source_kind kind;
	char path[64];
	int dir;
	struct source *source;
	struct told told[EVENTS_MAX];
	size_t n;
	uint64_t gaps[GAP_COUNT];
};

UNUSED static int remove_one(
    const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

/* ---- what a stranger does: in a process of its own, as what this one does is not told ---- */

typedef void deed_fn(struct area *a);

UNUSED static pid_t start(struct area *a, deed_fn *deed)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		deed(a);
		_exit(0);
	}
	return pid;
}

UNUSED static void done(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

UNUSED static void stranger(struct area *a, deed_fn *deed)
{
	done(start(a, deed));
}

/* For deeds: assertions of cmocka do not work in another process. */
#define MUST(holds)                                                                      \
	do {                                                                             \
		if (!(holds)) {                                                          \
			fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #holds,   \
			    strerror(errno));                                            \
			_exit(1);                                                        \
		}                                                                        \
	} while (0)

UNUSED static void put(int dir, const char *name, const char *content)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	MUST(fd >= 0);
	MUST(write(fd, content, strlen(content)) == (ssize_t)strlen(content));
	close(fd);
}

UNUSED static void writes(struct area *a)
{
	put(a->dir, "tree/etc/passwd", "evil");
}

UNUSED static void makes_directories(struct area *a)
{
	MUST(mkdirat(a->dir, "tree/d1", 0755) == 0);
	MUST(mkdirat(a->dir, "tree/d1/d2", 0755) == 0);
	put(a->dir, "tree/d1/d2/file", "new");
}

/* ---- what was told ---- */

static void note(void *ctx, const struct source_event *ev)
{
	struct area *a = ctx;
	struct told *t = &a->told[a->n];

	assert_true(a->n < EVENTS_MAX);
	*t = (struct told){.root = ev->root, .what = ev->what};
	t->path = ev->path ? xstrdup(ev->path) : NULL;
	t->has_writer = ev->writer != NULL;
	if (ev->writer)
		t->writer = *ev->writer;
	a->n++;
}

UNUSED static void forget(struct area *a)
{
	for (size_t i = 0; i < a->n; i++)
		free(a->told[i].path);
	a->n = 0;
}

/* Reads until nothing is left. */
UNUSED static void listen(struct area *a)
{
	struct pollfd p = {.fd = source_fd(a->source), .events = POLLIN};
	struct err e;

	do {
		if (source_read(a->source, note, a, a->gaps, &e))
			fail_msg("%s", e.msg);
	} while (poll(&p, 1, 0) > 0);
}

static bool same_path(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* All of `what` were told of it, in one event or in several. `path` NULL: somewhere. */
UNUSED static bool told(
    const struct area *a, uint32_t root, const char *path, unsigned what)
{
	unsigned sum = 0;

	for (size_t i = 0; i < a->n; i++) {
		if (a->told[i].root == root && same_path(a->told[i].path, path))
			sum |= a->told[i].what;
	}
	return (sum & what) == what && sum;
}

/* Waits for it: the disk may be busy with what others write. The test's alarm(2) ends that. */
UNUSED static void listen_for(
    struct area *a, uint32_t root, const char *path, unsigned what)
{
	struct pollfd p = {.fd = source_fd(a->source), .events = POLLIN};

	do {
		assert_int_equal(poll(&p, 1, -1), 1);
		listen(a);
	} while (!told(a, root, path, what));
}

UNUSED static void print_told(const struct area *a)
{
	for (size_t i = 0; i < a->n && i < 50; i++)
		fprintf(stderr, "# root %u %s what %u\n", a->told[i].root,
		    a->told[i].path ? a->told[i].path : "(somewhere)", a->told[i].what);
}

#define assert_told(a, root, path, what)                                                 \
	do {                                                                             \
		if (!told(a, root, path, what)) {                                        \
			print_told(a);                                                   \
			fail_msg("not told: %s", path);                                  \
		}                                                                        \
	} while (0)

#define assert_silent(a)                                                                 \
	do {                                                                             \
		if ((a)->n) {                                                            \
			print_told(a);                                                   \
			fail_msg("%zu events", (a)->n);                                  \
		}                                                                        \
	} while (0)

UNUSED static uint64_t all_gaps(const struct area *a)
{
	uint64_t sum = 0;

	for (int i = 0; i < GAP_COUNT; i++)
		sum += a->gaps[i];
	return sum;
}

/* ---- the area ---- */

UNUSED static void add(struct area *a, uint32_t root, const char *path, bool deep)
{
	struct err e;

	if (source_add(a->source, root, a->dir, path, deep, &e))
		fail_msg("%s", e.msg);
}

static void area_free(struct area *a)
{
	source_free(a->source);
	forget(a);
	close(a->dir);
	nftw(a->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(a);
}

/*
 * tree/ with some files and directories, flat/, outside/. On a disk: in memory, older kernels have no
 * fanotify. For storms in memory, if it can be.
 */
static struct area *area_in(const char *where, enum source_kind kind)
{
	struct area *a = xcalloc(1, sizeof(*a));

	a->kind = kind;
	snprintf(a->path, sizeof(a->path), "%s/layerseal-test.XXXXXX", where);
	MUST(mkdtemp(a->path));
	a->dir = open(a->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	MUST(a->dir >= 0);
	MUST(mkdirat(a->dir, "tree", 0755) == 0 && mkdirat(a->dir, "flat", 0755) == 0 &&
	     mkdirat(a->dir, "outside", 0755) == 0 &&
	     mkdirat(a->dir, "tree/etc", 0755) == 0 &&
	     mkdirat(a->dir, "tree/etc/deep", 0755) == 0 &&
	     mkdirat(a->dir, "flat/sub", 0755) == 0);
	put(a->dir, "tree/file", "content");
	put(a->dir, "tree/etc/passwd", "root");
	put(a->dir, "tree/etc/deep/leaf", "leaf");
	put(a->dir, "flat/file", "content");
	put(a->dir, "flat/sub/file", "content");
	put(a->dir, "outside/file", "content");
	return a;
}

/* TEST_AREA: a directory on another file system, to try that. */
static const char *place(const char *otherwise)
{
	const char *where = getenv("TEST_AREA");

	return where ? where : otherwise;
}

UNUSED static struct area *area_new(enum source_kind kind)
{
	return area_in(place("/var/tmp"), kind);
}

UNUSED static const char *in_memory(void)
{
	return place(access("/dev/shm", W_OK) ? "/var/tmp" : "/dev/shm");
}

/* False: this source cannot be had here, which is said. */
static bool area_watch(struct area *a)
{
	struct err e;
	int r = source_open(a->kind, &a->source, &e);

	if (!r)
		r = source_add(a->source, DEEP_ROOT, a->dir, "tree", true, &e);
	if (r == ERR_REFUSED) {
		fprintf(stderr, "# skipped: %s\n", e.msg);
		return false;
	}
	if (r)
		fail_msg("%s", e.msg);
	add(a, FLAT_ROOT, "flat", false);
	return true;
}

UNUSED static void run_in(struct area *a, void (*test)(struct area *a))
{
	bool watched = area_watch(a);

	if (watched)
		test(a);
	area_free(a);
	if (!watched)
		skip();
}

UNUSED static void run_with(enum source_kind kind, void (*test)(struct area *a))
{
	run_in(area_new(kind), test);
}

/* Each test twice. */
#define BOTH(test)                                                                       \
	static void test##_inotify(void **state)                                         \
	{                                                                                \
		(void)state;                                                             \
		run_with(SOURCE_INOTIFY, test);                                          \
	}                                                                                \
	static void test##_fanotify(void **state)                                        \
	{                                                                                \
		(void)state;                                                             \
		run_with(SOURCE_FANOTIFY, test);                                         \
	}
#define BOTH_IN_MEMORY(test)                                                             \
	static void test##_inotify(void **state)                                         \
	{                                                                                \
		(void)state;                                                             \
		run_in(area_in(in_memory(), SOURCE_INOTIFY), test);                      \
	}                                                                                \
	static void test##_fanotify(void **state)                                        \
	{                                                                                \
		(void)state;                                                             \
		run_in(area_in(in_memory(), SOURCE_FANOTIFY), test);                     \
	}
#define ONLY_FANOTIFY(test)                                                              \
	static void test##_fanotify(void **state)                                        \
	{                                                                                \
		(void)state;                                                             \
		run_with(SOURCE_FANOTIFY, test);                                         \
	}
#define TWICE(test) cmocka_unit_test(test##_inotify), cmocka_unit_test(test##_fanotify)

#endif
