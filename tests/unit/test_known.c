/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_known.c: a measurement that need not read gives the same as one that reads, and whatever changed,
 * or could have without a trace, is read. A lie about the content shows which of both happened.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "tree/tree.h"

#define PART FSVERITY_PART_BYTES
#define MANY 200 /* more than are hashed together */

static const struct xxh_key scrub_key = {{'s'}};
static const size_t sizes[] = {1, 4095, 4096, 4097, 300000, 300001, PART - 1, PART,
    PART + 1, 3 * PART, 3 * PART + 17, 0};

static char dir[64];
static int tree = -1;

static void name_of(size_t i, char out[16])
{
	snprintf(out, 16, "f%03zu", i);
}

static size_t size_of(size_t i)
{
	return i < ARRAY_LEN(sizes) ? sizes[i] : 1 + i * 37;
}

static uint8_t *content_of(size_t i)
{
	uint8_t *data = xcalloc(1, size_of(i) + 1);

	for (size_t at = 0; at < size_of(i); at++)
		data[at] = (uint8_t)(at * at >> 8 ^ at ^ i);
	return data;
}

static void write_file(size_t i, const uint8_t *data)
{
	char name[16];
	int fd;

	name_of(i, name);
	fd = openat(tree, name, O_WRONLY | O_CREAT, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size_of(i)), size_of(i));
	close(fd);
}

/* The clock that files get their times from has moved on. */
static struct timespec settle(void)
{
	struct timespec moment;

	usleep(20000);
	clock_gettime(CLOCK_REALTIME_COARSE, &moment);
	assert_int_equal(syncfs(tree), 0);
	return moment;
}

static int setup(void **state)
{
	struct err e;

	(void)state;
	/* A file system whose ctime is believed. */
	strcpy(dir, "/var/tmp/layerseal-test-known.XXXXXX");
	if (crypto_init(&e) || !mkdtemp(dir))
		return -1;
	tree = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < MANY; i++) {
		CLEANUP_FREE uint8_t *data = content_of(i);

		write_file(i, data);
	}
	return tree < 0;
}

static int teardown(void **state)
{
	char name[16];

	(void)state;
	for (size_t i = 0; i < MANY; i++) {
		name_of(i, name);
		unlinkat(tree, name, 0);
	}
	close(tree);
	return rmdir(dir);
}

static struct tree_result measure(const struct known *known, bool fresh)
{
	const struct tree_options opt = {
	    .scrub_key = &scrub_key, .known = known, .fresh = fresh};
	struct tree_result out;
	struct err e;

	if (tree_measure(tree, &opt, &out, &e))
		fail_msg("%s", e.msg);
	return out;
}

static bool same(const struct tree_result *a, const struct tree_result *b)
{
	return digest_equal(&a->digest, &b->digest) && a->has_scrub && b->has_scrub &&
	       memcmp(&a->scrub, &b->scrub, sizeof(a->scrub)) == 0;
}

static struct stat stat_of(size_t i)
{
	char name[16];
	struct stat st;

	name_of(i, name);
	assert_int_equal(fstatat(tree, name, &st, 0), 0);
	return st;
}

/* As if it had been read in such pieces, or read up to `end` only. */
static void tell(struct known *k, size_t i, size_t piece, size_t end, bool lie)
{
	CLEANUP_FREE uint8_t *data = content_of(i);
	struct stat st = stat_of(i);

	if (lie)
		data[0] ^= 1;
	known_begin(k, &st);
	for (size_t at = 0; at < end; at += piece)
		known_bytes(k, data + at, end - at < piece ? end - at : piece);
}

static void tell_all(struct known *k, size_t piece)
{
	for (size_t i = 0; i < MANY; i++) {
		tell(k, i, piece, size_of(i), false);
		known_keep(k);
	}
	known_end(k);
}

/* Only file number i, another one than it is. */
static struct known *one_lie(size_t i, const struct timespec *moment)
{
	struct known *k = known_new(moment, &scrub_key);

	tell(k, i, 1000, size_of(i), true);
	known_keep(k);
	known_end(k);
	return k;
}

static bool is_believed(struct known *k)
{
	struct tree_result truth = measure(NULL, false), out = measure(k, false);

	known_free(k);
	return !same(&truth, &out);
}

static void test_same_as_reading(void **state)
{
	static const size_t pieces[] = {1000, 4096, 262144, SIZE_MAX / 2};
	struct timespec moment = settle();
	struct tree_result truth = measure(NULL, false);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		CLEANUP_KNOWN struct known *k = known_new(&moment, &scrub_key);
		struct tree_result out;

		tell_all(k, pieces[i]);
		out = measure(k, false);
		assert_true(same(&truth, &out));
		assert_int_equal(out.bytes, truth.bytes);
	}
}

/* Each size of file, small ones and those of parts: it is not read. */
static void test_not_read(void **state)
{
	struct timespec moment = settle();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		assert_true(is_believed(one_lie(i, &moment)) == (size_of(i) > 0));
}

/* The read of a file that is given up does not get into the next one's. */
static void test_given_up(void **state)
{
	struct timespec moment = settle();
	struct tree_result truth = measure(NULL, false), out;
	CLEANUP_KNOWN struct known *k = known_new(&moment, &scrub_key);

	(void)state;
	for (size_t i = 0; i < MANY; i++) {
		/* Not all of it, and kept nevertheless; a lie that is not kept; then as it is. */
		if (size_of(i) > 1) {
			tell(k, i, 999, size_of(i) - 1, true);
			known_keep(k);
		}
		tell(k, i, 999, size_of(i), true);
		tell(k, i, 999, size_of(i), false);
		known_keep(k);
	}
	known_end(k);
	out = measure(k, false);
	assert_true(same(&truth, &out));
}

static void test_fresh_reads(void **state)
{
	struct timespec moment = settle();
	struct tree_result truth = measure(NULL, false), out;
	CLEANUP_KNOWN struct known *k = one_lie(3, &moment);

	(void)state;
	out = measure(k, true);
	assert_true(same(&truth, &out));
}

/* As old as the moment or younger: a store through a mapping could be without a trace. */
static void test_young_reads(void **state)
{
	struct stat st = stat_of(3);
	struct timespec moment = st.st_ctim;

	(void)state;
	assert_false(is_believed(one_lie(3, &moment)));
	moment.tv_nsec++;
	assert_true(is_believed(one_lie(3, &moment)));
	moment = (struct timespec){.tv_sec = st.st_ctim.tv_sec - 1, .tv_nsec = 999999999};
	assert_false(is_believed(one_lie(3, &moment)));
}

enum change { REWRITTEN, TIME_BACK, ANOTHER_INODE, ANOTHER_MODE, CHANGES };

static void change_file(size_t i, enum change change)
{
	CLEANUP_FREE uint8_t *data = content_of(i);
	struct stat before = stat_of(i);
	const struct timespec times[2] = {before.st_mtim, before.st_mtim};
	char name[16];

	name_of(i, name);
	switch (change) {
	case REWRITTEN:
		write_file(i, data);
		break;
	case TIME_BACK:
		write_file(i, data);
		assert_int_equal(utimensat(tree, name, times, 0), 0);
		break;
	case ANOTHER_INODE:
		assert_int_equal(renameat(tree, name, tree, "old"), 0);
		write_file(i, data);
		assert_int_equal(unlinkat(tree, "old", 0), 0);
		break;
	default:
		assert_int_equal(fchmodat(tree, name, before.st_mode ^ 1, 0), 0);
	}
}

/* Whatever is done to a file after it was read moves its ctime: it is read again. */
static void test_changed_reads(void **state)
{
	(void)state;
	for (enum change change = 0; change < CHANGES; change++) {
		struct timespec moment = settle();
		struct known *k = one_lie(4, &moment);

		change_file(4, change);
		assert_false(is_believed(k));
	}
}

/* Memory is never written back: nothing is known there. */
static void test_tmpfs_reads(void **state)
{
	char other[] = "/dev/shm/layerseal-test-known.XXXXXX";
	int disk = tree;
	struct statfs fs;
	struct timespec moment;
	CLEANUP_FREE uint8_t *data = content_of(3);

	(void)state;
	if (statfs("/dev/shm", &fs) || fs.f_type != TMPFS_MAGIC)
		skip();
	assert_non_null(mkdtemp(other));
	tree = open(other, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	write_file(3, data);
	moment = settle();
	assert_false(is_believed(one_lie(3, &moment)));
	unlinkat(tree, "f003", 0);
	rmdir(other);
	close(tree);
	tree = disk;
}

static void test_nothing_known(void **state)
{
	struct timespec moment = settle();
	struct tree_result truth = measure(NULL, false), out;
	CLEANUP_KNOWN struct known *k = known_new(&moment, NULL);

	(void)state;
	known_end(k);
	out = measure(k, false);
	assert_true(same(&truth, &out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_same_as_reading),
	    cmocka_unit_test(test_not_read),
	    cmocka_unit_test(test_given_up),
	    cmocka_unit_test(test_fresh_reads),
	    cmocka_unit_test(test_young_reads),
	    cmocka_unit_test(test_changed_reads),
	    cmocka_unit_test(test_tmpfs_reads),
	    cmocka_unit_test(test_nothing_known),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
