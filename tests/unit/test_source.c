/* SPDX-License-Identifier: Apache-2.0 */
/* test_source.c: what is told of changes below watched directories, by the kernel itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "watched.h"

/* ---- files ---- */

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

static void takes_out_writes_and_returns(struct area *a)
{
	MUST(renameat(a->dir, "tree/etc", a->dir, "outside/etc") == 0);
	put(a->dir, "outside/etc/deep/leaf", "evil");
	MUST(renameat(a->dir, "outside/etc", a->dir, "tree/etc") == 0);
}

/* Written under another name, or come back: one or the other has to be told. */
static void a_directory_taken_out(struct area *a)
{
	stranger(a, takes_out_writes_and_returns);
	listen(a);
	assert_told(
	    a, DEEP_ROOT, "etc", SOURCE_REMOVED | SOURCE_ADDED | SOURCE_DIRECTORY);
	assert_true(told(a, DEEP_ROOT, "etc/deep/leaf", SOURCE_WRITTEN) ||
		    told(a, DEEP_ROOT, "etc/deep/leaf", SOURCE_ADDED));
	forget(a);
	stranger(a, writes);
	listen(a);
	assert_told(a, DEEP_ROOT, "etc/passwd", SOURCE_WRITTEN);
}
BOTH(a_directory_taken_out)

static void exchanges(struct area *a)
{
	MUST(mkdirat(a->dir, "outside/etc", 0755) == 0);
	put(a->dir, "outside/etc/passwd", "evil");
	MUST(renameat2(a->dir, "outside/etc", a->dir, "tree/etc", RENAME_EXCHANGE) == 0);
	put(a->dir, "tree/etc/passwd", "more evil");
}

static void exchanged_directories(struct area *a)
{
	stranger(a, exchanges);
	listen(a);
	assert_told(a, DEEP_ROOT, "etc", SOURCE_ADDED | SOURCE_DIRECTORY);
	assert_told(a, DEEP_ROOT, "etc/passwd", SOURCE_ADDED);
	forget(a);
	stranger(a, writes);
	listen(a);
	assert_told(a, DEEP_ROOT, "etc/passwd", SOURCE_WRITTEN);
}
BOTH(exchanged_directories)

static const char *const odd_names[] = {"new\nline", "gone (deleted)", "\x01\x7f\x80\xff",
    "..x", " ", "\\012", "*",
    "012345678901234567890123456789012345678901234567890123456789012345678901234567890"
    "12345678901234567890123456789012345678901234567890123456789012345678901234567890"
    "12345678901234567890123456789012345678901234567890123456789012345678901234567890"
    "12345678901234"};

static void uses_odd_names(struct area *a)
{
	int top = openat(a->dir, "tree", O_PATH);

	for (size_t i = 0; i < ARRAY_LEN(odd_names); i++) {
		int dir;

		MUST(mkdirat(top, odd_names[i], 0755) == 0);
		dir = openat(top, odd_names[i], O_PATH);
		put(dir, odd_names[i], "x");
	}
}

static void odd_names_are_told(struct area *a)
{
	char path[600];

	stranger(a, uses_odd_names);
	listen(a);
	for (size_t i = 0; i < ARRAY_LEN(odd_names); i++) {
		snprintf(path, sizeof(path), "%s/%s", odd_names[i], odd_names[i]);
		assert_told(a, DEEP_ROOT, path, SOURCE_ADDED);
	}
}
BOTH(odd_names_are_told)

/* ---- roots ---- */

static struct source_figures figures(struct area *a)
{
	struct source_figures f;

	source_figures(a->source, &f);
	return f;
}

static void dropped_roots(struct area *a)
{
	source_drop(a->source, DEEP_ROOT);
	stranger(a, makes_directories);
	listen(a);
	assert_silent(a);
	add(a, DEEP_ROOT, "tree", true);
	stranger(a, writes_into_new);
	listen(a);
	assert_told(a, DEEP_ROOT, "d1/d2/file", SOURCE_WRITTEN);
	source_drop(a->source, DEEP_ROOT);
	source_drop(a->source, DEEP_ROOT);
	source_drop(a->source, FLAT_ROOT);
	assert_int_equal(figures(a).watches, 0);
	assert_int_equal(figures(a).objects, 0);
	assert_int_equal(all_gaps(a), 0);
}
BOTH(dropped_roots)

/* Again and again: nothing piles up. */
static void roots_armed_anew(struct area *a)
{
	struct source_figures before = figures(a);

	for (int i = 0; i < 10; i++)
		add(a, DEEP_ROOT, "tree", true);
	assert_int_equal(figures(a).watches, before.watches);
	assert_int_equal(figures(a).objects, before.objects);
	stranger(a, writes);
	listen(a);
	assert_told(a, DEEP_ROOT, "etc/passwd", SOURCE_WRITTEN);
	assert_int_equal(all_gaps(a), 0);
}
BOTH(roots_armed_anew)

/* A directory may be a root, and in another one. */
static void roots_in_roots(struct area *a)
{
	add(a, 20, ".", false);
	add(a, 21, "tree/etc", true);
	stranger(a, writes);
	listen(a);
	assert_told(a, DEEP_ROOT, "etc/passwd", SOURCE_WRITTEN);
	assert_told(a, 21, "passwd", SOURCE_WRITTEN);
	assert_false(told(a, 20, "tree", SOURCE_WRITTEN));
	forget(a);
	source_drop(a->source, 21);
	stranger(a, renames_directory);
	listen(a);
	assert_told(a, DEEP_ROOT, "etc", SOURCE_REMOVED);
	assert_int_equal(all_gaps(a), 0);
}
BOTH(roots_in_roots)

static void removes_top(struct area *a)
{
	MUST(unlinkat(a->dir, "flat/sub/file", 0) == 0);
	MUST(unlinkat(a->dir, "flat/file", 0) == 0);
	MUST(unlinkat(a->dir, "flat/sub", AT_REMOVEDIR) == 0);
	MUST(unlinkat(a->dir, "flat", AT_REMOVEDIR) == 0);
}

static void a_removed_top(struct area *a)
{
	stranger(a, removes_top);
	listen(a);
	assert_told(a, FLAT_ROOT, "", SOURCE_REMOVED | SOURCE_DIRECTORY);
	assert_int_equal(all_gaps(a), 0);
	source_drop(a->source, DEEP_ROOT);
	source_drop(a->source, FLAT_ROOT);
	assert_int_equal(figures(a).watches, 0);
	assert_int_equal(figures(a).objects, 0);
}
BOTH(a_removed_top)

static void what_cannot_be_added(struct area *a)
{
	struct source_figures before = figures(a);
	struct err e;

	assert_int_equal(
	    source_add(a->source, 1, a->dir, "nothing", true, &e), ERR_NOT_FOUND);
	assert_int_equal(source_add(a->source, 1, a->dir, "tree/file", true, &e), ERR_IO);
	assert_int_equal(symlinkat("tree", a->dir, "link"), 0);
	assert_int_equal(source_add(a->source, 1, a->dir, "link", true, &e), ERR_IO);
	assert_int_equal(figures(a).watches, before.watches);
}
BOTH(what_cannot_be_added)

/* One file with names in two roots, written outside of both. */
static void writes_hard_link(struct area *a)
{
	put(a->dir, "outside/hard", "evil");
}

static void a_link_of_several_roots(struct area *a)
{
	assert_int_equal(linkat(a->dir, "tree/file", a->dir, "flat/hard", 0), 0);
	assert_int_equal(linkat(a->dir, "tree/file", a->dir, "outside/hard", 0), 0);
	listen(a);
	forget(a);
	stranger(a, writes_hard_link);
	listen(a);
	assert_told(a, DEEP_ROOT, NULL, SOURCE_WRITTEN);
	assert_told(a, FLAT_ROOT, NULL, SOURCE_WRITTEN);
}
ONLY_FANOTIFY(a_link_of_several_roots)

static void own_deeds(struct area *a)
{
	writes(a);
	makes_directories(a);
	listen(a);
	assert_silent(a);
	stranger(a, writes_into_new);
	listen(a);
	assert_told(a, DEEP_ROOT, "d1/d2/file", SOURCE_WRITTEN);
}
ONLY_FANOTIFY(own_deeds)

static void the_writer(struct area *a)
{
	char program[WRITER_PROGRAM_MAX] = "";
	pid_t pid = start(a, writes_and_holds);

	assert_true(readlink("/proc/self/exe", program, sizeof(program) - 1) > 0);
	listen_for(a, DEEP_ROOT, "file", SOURCE_WRITTEN);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_true(a->told[0].has_writer && a->told[0].writer.looked_at);
	assert_int_equal(a->told[0].writer.pid, pid);
	assert_int_equal(a->told[0].writer.uid, geteuid());
	assert_string_equal(a->told[0].writer.program, program);
	assert_false(a->told[0].writer.in_container);
	listen(a);
	forget(a);
	/* One that is gone is not taken for anybody else. */
	stranger(a, writes);
	listen(a);
	assert_true(a->n > 0 && a->told[0].has_writer);
	assert_true(a->told[0].writer.pid > 0 && !a->told[0].writer.looked_at);
	assert_string_equal(a->told[0].writer.program, "");
}
ONLY_FANOTIFY(the_writer)

/* ---- both at once ---- */

static void each_as_it_can(void **state)
{
	struct area *a = area_new(SOURCE_AUTO);
	struct err e;
	int proc;

	(void)state;
	if (!area_watch(a))
		fail();
	/* No handles there. */
	proc = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(source_add(a->source, 1, proc, "task", true, &e), 0);
	stranger(a, writes);
	listen(a);
	assert_told(a, DEEP_ROOT, "etc/passwd", SOURCE_WRITTEN);
	assert_int_equal(
	    source_kind(a->source), a->told[0].has_writer ? SOURCE_AUTO : SOURCE_INOTIFY);
	source_drop(a->source, 1);
	assert_int_equal(source_kind(a->source),
	    a->told[0].has_writer ? SOURCE_FANOTIFY : SOURCE_INOTIFY);
	close(proc);
	area_free(a);
}

static void names_of_kinds_and_gaps(void **state)
{
	enum source_kind kind;

	(void)state;
	for (int k = SOURCE_AUTO; k <= SOURCE_FANOTIFY; k++) {
		assert_true(
		    source_kind_parse(source_kind_name((enum source_kind)k), &kind));
		assert_int_equal(kind, k);
	}
	assert_false(source_kind_parse("inotif", &kind));
	assert_false(source_kind_parse("", &kind));
	for (int g = 0; g < GAP_COUNT; g++)
		assert_true(*gap_name((enum gap)g) && *gap_meaning((enum gap)g));
}

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
	    TWICE(a_directory_taken_out),
	    TWICE(exchanged_directories),
	    TWICE(odd_names_are_told),
	    TWICE(dropped_roots),
	    TWICE(roots_armed_anew),
	    TWICE(roots_in_roots),
	    TWICE(a_removed_top),
	    TWICE(what_cannot_be_added),
	    cmocka_unit_test(a_link_of_several_roots_fanotify),
	    cmocka_unit_test(own_deeds_fanotify),
	    cmocka_unit_test(the_writer_fanotify),
	    cmocka_unit_test(each_as_it_can),
	    cmocka_unit_test(names_of_kinds_and_gaps),
	};

	alarm(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
