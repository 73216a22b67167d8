/* SPDX-License-Identifier: Apache-2.0 */
/* test_inuse.c: what the lines of mountinfo say about a store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include "store/inuse.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define X "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define Y "234567ABCDEFGHIJKLMNOPQRST"

static void expect(const char *line, bool a, bool b, bool x, bool y)
{
	CLEANUP_INUSE struct inuse u = {0};

	inuse_add_line(&u, line);
	inuse_sort(&u);
	assert_int_equal(inuse_has_id(&u, A), a);
	assert_int_equal(inuse_has_id(&u, B), b);
	assert_int_equal(inuse_has_link(&u, X), x);
	assert_int_equal(inuse_has_link(&u, Y), y);
}

static void mounts_of_engines(void **state)
{
	(void)state;
	expect("300 29 0:50 / /g/overlay/" A "/merged rw - overlay overlay rw,"
	       "lowerdir=/g/overlay/l/" X ":/g/overlay/l/" Y ",upperdir=/g/overlay/" A
	       "/diff,workdir=/g/overlay/" A "/work\n",
	    true, false, true, true);
	/* podman shortens what is too long for the kernel. */
	expect("300 29 0:50 / /g/overlay/" A "/merged rw - overlay overlay rw,"
	       "lowerdir=l/" X ":l/" Y ",upperdir=" B "/diff\n",
	    true, false, true, true);
	/* vfs: a container's root, seen from inside. */
	expect("31 29 8:1 /g/vfs/dir/" B " / rw - ext4 /dev/sda1 rw\n", false, true,
	    false, false);
	/* Something that somebody mounted in a layer. */
	expect("31 29 8:1 /x /g/overlay/" A "/diff/bin/sh rw - ext4 /dev/sda1 rw\n", true,
	    false, false, false);
}

static void what_only_looks_like_it(void **state)
{
	(void)state;
	expect("31 29 8:1 / /g/overlay/" A "0/merged rw - ext4 d rw\n", false, false,
	    false, false);
	expect(
	    "31 29 8:1 / /g/overlay/x" A " rw - ext4 d rw\n", false, false, false, false);
	expect("31 29 8:1 / /l/" X "A rw - ext4 d rw\n", false, false, false, false);
	expect("", false, false, false, false);
	expect("/", false, false, false, false);
	expect("/" A, true, false, false, false);
}

static bool has_cache(const char *line, const char *path)
{
	CLEANUP_INUSE struct inuse u = {0};

	inuse_add_line(&u, line);
	inuse_add_line(&u, line);
	inuse_sort(&u);
	return inuse_has_path(&u, path);
}

/* The line is as seen from the file system that /var/tmp may be. */
static void cache_mounts(void **state)
{
	static const char line[] = "197 195 254:0 /buildah-cache/ro\\040ot/.cache "
				   "/mnt/x rw - ext4 /dev/vda rw\n";

	(void)state;
	assert_true(has_cache(line, "/var/tmp/buildah-cache/ro ot"));
	assert_true(has_cache(line, "/var/tmp/buildah-cache/ro ot/.cache/pip"));
	assert_true(has_cache(line, "/var/tmp/buildah-cache"));
	assert_false(has_cache(line, "/var/tmp/buildah-cache/ro"));
	assert_false(has_cache(line, "/var/tmp/buildah-cache-0/ro ot"));
	assert_false(has_cache(line, "/var/tmp"));
	assert_false(has_cache("1 2 3:4 / /var/tmp/buildah-cache/a rw - ext4 d rw\n",
	    "/var/tmp/buildah-cache/a"));
	assert_false(has_cache("/buildah-cache", "/buildah-cache"));
}

static void no_link_is_no_use(void **state)
{
	CLEANUP_INUSE struct inuse u = {0};

	(void)state;
	inuse_add_line(&u, "/l/" X ":");
	inuse_sort(&u);
	assert_false(inuse_has_link(&u, ""));
}

static void this_system(void **state)
{
	CLEANUP_INUSE struct inuse u = {0};
	struct err e;

	(void)state;
	assert_int_equal(inuse_read(NULL, &u, &e), 0);
	assert_false(inuse_has_id(&u, A));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(mounts_of_engines),
	    cmocka_unit_test(what_only_looks_like_it),
	    cmocka_unit_test(cache_mounts),
	    cmocka_unit_test(no_link_is_no_use),
	    cmocka_unit_test(this_system),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
