/* SPDX-License-Identifier: Apache-2.0 */
/* test_source.c: what is told of changes below watched directories, by the kernel itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "watched.h"

/* ---- files ---- */

static void writes(struct area *a)
{
	put(a->dir, "tree/etc/passwd", "evil");
}

static void a_write(struct area *a)
{
	stranger(a, writes);
	listen(a);
	assert_told(a, DEEP_ROOT, "etc/passwd", SOURCE_WRITTEN);
	assert_false(told(a, FLAT_ROOT, "", 0));
	for (size_t i = 0; i < a->n; i++)
		assert_string_equal(a->told[i].path, "etc/passwd");
	assert_int_equal(all_gaps(a), 0);
}
BOTH(a_write)

static void writes_and_holds(struct area *a)
{
	int fd = openat(a->dir, "tree/file", O_WRONLY);

	MUST(write(fd, "x", 1) == 1);
	pause();
}

/* Who never closes is seen all the same. */
static void a_write_without_close(struct area *a)
{
	pid_t pid = start(a, writes_and_holds);

	listen_for(a, DEEP_ROOT, "file", SOURCE_WRITTEN);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
BOTH(a_write_without_close)

static void makes_and_removes(struct area *a)
{
	put(a->dir, "tree/etc/new", "new");
	MUST(unlinkat(a->dir, "tree/etc/passwd", 0) == 0);
	MUST(symlinkat("/etc", a->dir, "tree/etc/link") == 0);
	MUST(mknodat(a->dir, "tree/etc/fifo", S_IFIFO | 0600, 0) == 0);
	put(a->dir, "flat/new", "new");
	put(a->dir, "flat/sub/new", "new");
}

static void new_and_removed_files(struct area *a)
{
	stranger(a, makes_and_removes);
	listen(a);
	assert_told(a, DEEP_ROOT, "etc/new", SOURCE_ADDED | SOURCE_WRITTEN);
	assert_told(a, DEEP_ROOT, "etc/passwd", SOURCE_REMOVED);
	assert_told(a, DEEP_ROOT, "etc/link", SOURCE_ADDED);
	assert_told(a, DEEP_ROOT, "etc/fifo", SOURCE_ADDED);
	assert_told(a, FLAT_ROOT, "new", SOURCE_ADDED | SOURCE_WRITTEN);
	/* Not deep. */
	assert_false(told(a, FLAT_ROOT, "sub/new", 0));
}
BOTH(new_and_removed_files)

static void changes_attributes(struct area *a)
{
	MUST(fchmodat(a->dir, "tree/etc/passwd", 04755, 0) == 0);
	MUST(fchmodat(a->dir, "tree/etc/deep", 0777, 0) == 0);
	MUST(fchmodat(a->dir, "tree", 0777, 0) == 0);
	MUST(fchmodat(a->dir, "flat/sub", 0777, 0) == 0);
}

static void attributes(struct area *a)
{
	stranger(a, changes_attributes);
	listen(a);
	assert_told(a, DEEP_ROOT, "etc/passwd", SOURCE_ATTRIB);
	assert_told(a, DEEP_ROOT, "etc/deep", SOURCE_ATTRIB | SOURCE_DIRECTORY);
	assert_told(a, DEEP_ROOT, "", SOURCE_ATTRIB | SOURCE_DIRECTORY);
	assert_told(a, FLAT_ROOT, "sub", SOURCE_ATTRIB | SOURCE_DIRECTORY);
}
BOTH(attributes)

/* ---- directories ---- */

static void makes_directories(struct area *a)
{
	MUST(mkdirat(a->dir, "tree/d1", 0755) == 0);
	MUST(mkdirat(a->dir, "tree/d1/d2", 0755) == 0);
	put(a->dir, "tree/d1/d2/file", "new");
}

static void writes_into_new(struct area *a)
{
	put(a->dir, "tree/d1/d2/file", "again");
}

static void new_directories(struct area *a)
{
	stranger(a, makes_directories);
	listen(a);
	assert_told(a, DEEP_ROOT, "d1", SOURCE_ADDED | SOURCE_DIRECTORY);
	assert_told(a, DEEP_ROOT, "d1/d2", SOURCE_ADDED | SOURCE_DIRECTORY);
	assert_told(a, DEEP_ROOT, "d1/d2/file", SOURCE_ADDED);
	forget(a);
	stranger(a, writes_into_new);
	listen(a);
	assert_told(a, DEEP_ROOT, "d1/d2/file", SOURCE_WRITTEN);
}
BOTH(new_directories)

static void moves_full_directory_in(struct area *a)
{
	MUST(mkdirat(a->dir, "outside/d1", 0755) == 0);
	MUST(mkdirat(a->dir, "outside/d1/d2", 0755) == 0);
	put(a->dir, "outside/d1/d2/file", "new");
	MUST(renameat(a->dir, "outside/d1", a->dir, "tree/d1") == 0);
}

static void a_directory_moved_in(struct area *a)
{
	stranger(a, moves_full_directory_in);
	listen(a);
	assert_told(a, DEEP_ROOT, "d1", SOURCE_ADDED | SOURCE_DIRECTORY);
	assert_told(a, DEEP_ROOT, "d1/d2/file", SOURCE_ADDED);
	forget(a);
	stranger(a, writes_into_new);
	listen(a);
	assert_told(a, DEEP_ROOT, "d1/d2/file", SOURCE_WRITTEN);
}
BOTH(a_directory_moved_in)

static void renames_directory(struct area *a)
{
	MUST(renameat(a->dir, "tree/etc", a->dir, "tree/moved") == 0);
}

static void writes_below_renamed(struct area *a)
{
	put(a->dir, "tree/moved/deep/leaf", "evil");
}

static void a_renamed_directory(struct area *a)
{
	stranger(a, renames_directory);
	listen(a);
	assert_told(a, DEEP_ROOT, "etc", SOURCE_REMOVED | SOURCE_DIRECTORY);
	assert_told(a, DEEP_ROOT, "moved", SOURCE_ADDED | SOURCE_DIRECTORY);
	forget(a);
	stranger(a, writes_below_renamed);
	listen(a);
	assert_told(a, DEEP_ROOT, "moved/deep/leaf", SOURCE_WRITTEN);
}
BOTH(a_renamed_directory)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TWICE(a_write),
	    TWICE(a_write_without_close),
	    TWICE(new_and_removed_files),
	    TWICE(attributes),
	    TWICE(new_directories),
	    TWICE(a_directory_moved_in),
	    TWICE(a_renamed_directory),
	};

	alarm(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
