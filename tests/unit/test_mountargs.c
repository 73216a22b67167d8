/* SPDX-License-Identifier: Apache-2.0 */
/* test_mountargs.c: what a mount program is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/mount.h>

#include "base/buf.h"
#include "guard/mountargs.h"

static void test_layer(void **state)
{
	CLEANUP_MOUNT_ARGS struct mount_args a;
	struct err e;

	(void)state;
	assert_int_equal(mount_args_parse("lowerdir=/g/l/A:/g/l/B,upperdir=/g/x/diff,"
					  "workdir=/g/x/work,,volatile,index=off",
			     "/g/x/merged", &a, &e),
	    0);
	assert_int_equal(a.n_lowers, 2);
	assert_string_equal(a.lowers[0], "/g/l/A");
	assert_string_equal(a.lowers[1], "/g/l/B");
	assert_string_equal(a.upper, "/g/x/diff");
	assert_string_equal(a.work, "/g/x/work");
	assert_string_equal(a.options, "volatile,index=off");
	assert_string_equal(a.fuse_options, "volatile");
	assert_string_equal(a.target, "/g/x/merged");
	assert_int_equal(a.flags, 0);
	assert_null(a.fuse_needed_by);
}

static void test_read_only(void **state)
{
	CLEANUP_MOUNT_ARGS struct mount_args a;
	struct err e;

	(void)state;
	assert_int_equal(
	    mount_args_parse("nodev,lowerdir=/a:/b,ro,exec,private", "/t", &a, &e), 0);
	assert_null(a.upper);
	assert_null(a.work);
	assert_int_equal(a.flags, MS_NODEV | MS_RDONLY);
	assert_int_equal(a.propagation, MS_PRIVATE);
	assert_string_equal(a.options, "");
	assert_string_equal(a.fuse_options, "nodev,ro,exec");
}

static void test_escapes(void **state)
{
	CLEANUP_MOUNT_ARGS struct mount_args a;
	struct err e;

	(void)state;
	assert_int_equal(
	    mount_args_parse("lowerdir=/with\\:colon:/with\\,comma\\\\:/x\"y,"
			     "upperdir=/u\\,u,workdir=/w",
		"/t", &a, &e),
	    0);
	assert_int_equal(a.n_lowers, 3);
	assert_string_equal(a.lowers[0], "/with:colon");
	assert_string_equal(a.lowers[1], "/with,comma\\");
	assert_string_equal(a.lowers[2], "/x\"y");
	assert_string_equal(a.upper, "/u,u");
}

static void test_a_context_may_have_commas(void **state)
{
	static const char context[] = "context=\"system_u:object_r:t:s0:c1,c2\"";
	CLEANUP_MOUNT_ARGS struct mount_args a;
	CLEANUP_FREE char *options =
	    xasprintf("lowerdir=/a,%s,upperdir=/u,workdir=/w", context);
	struct err e;

	(void)state;
	assert_int_equal(mount_args_parse(options, "/t", &a, &e), 0);
	assert_string_equal(a.options, context);
	assert_string_equal(a.upper, "/u");
}

static void test_what_only_fuse_knows(void **state)
{
	CLEANUP_MOUNT_ARGS struct mount_args a;
	struct err e;

	(void)state;
	assert_int_equal(
	    mount_args_parse(
		"lowerdir=/a,userxattr,uidmapping=0:1000:1,fsync=0", "/t", &a, &e),
	    0);
	assert_string_equal(a.fuse_needed_by, "uidmapping");
	assert_string_equal(a.options, "userxattr");
	assert_string_equal(a.fuse_options, "uidmapping=0:1000:1,fsync=0");
}

static void test_refused(void **state)
{
	static const char *const bad[] = {"", "upperdir=/u,workdir=/w",
	    "lowerdir=", "lowerdir=/a::/b", "lowerdir=/a:", "lowerdir=/a,lowerdir=/b",
	    "lowerdir+=/a,lowerdir=/b", "lowerdir=/a,datadir+=/b", "lowerdir=/a\\",
	    "lowerdir=/a,upperdir=/u", "lowerdir=/a,workdir=/w",
	    "lowerdir=/a,upperdir=/u,upperdir=/v,workdir=/w", "lowerdir=/a,LOWERDIR=/b",
	    "lowerdir=/a,plugins=/p", "lowerdir=/a,volatile=1", "lowerdir=/a,context=\"x",
	    "lowerdir=/a,xattr_permissions=2", "lowerdir=/a,upperdir=,workdir=/w"};
	struct mount_args a;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (mount_args_parse(bad[i], "/t", &a, &e) != ERR_USAGE)
			fail_msg("was taken: %s", bad[i]);
		assert_null(a.lowers);
	}
}

static void test_the_number_of_directories(void **state)
{
	CLEANUP_MOUNT_ARGS struct mount_args a;
	CLEANUP_BUF struct buf text;
	struct err e;

	(void)state;
	buf_init(&text, MOUNTARGS_BYTES_MAX);
	assert_int_equal(buf_adds(&text, "lowerdir=/0", &e), 0);
	for (int i = 1; i < MOUNTARGS_LOWERS_MAX; i++)
		assert_int_equal(buf_addf(&text, &e, ":/%d", i), 0);
	assert_int_equal(mount_args_parse(text.data, "/t", &a, &e), 0);
	assert_int_equal(a.n_lowers, MOUNTARGS_LOWERS_MAX);
	mount_args_release(&a);
	assert_int_equal(buf_adds(&text, ":/more", &e), 0);
	assert_int_equal(mount_args_parse(text.data, "/t", &a, &e), ERR_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_layer),
	    cmocka_unit_test(test_read_only),
	    cmocka_unit_test(test_escapes),
	    cmocka_unit_test(test_a_context_may_have_commas),
	    cmocka_unit_test(test_what_only_fuse_knows),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_the_number_of_directories),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
