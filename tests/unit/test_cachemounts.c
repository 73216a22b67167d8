/* SPDX-License-Identifier: Apache-2.0 */
/* test_cachemounts.c: what is a cache mount, and what only stands where one would be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include "scratch_store.h"
#include "store/cachemounts.h"
#include "store/quarantine.h"

static struct cache_mounts found;
static char *own; /* "buildah-cache-UID" */

static int setup(void **state)
{
	struct scratch *s;
	struct err e;

	if (scratch_setup(state))
		return -1;
	s = *state;
	scratch_mkdir(s, "t");
	own = xasprintf("buildah-cache-%lu", (unsigned long)geteuid());
	return store_open(&s->config, &s->store, &e);
}

static int teardown(void **state)
{
	cache_mounts_release(&found);
	free(own);
	return scratch_teardown(state);
}

static char *at(const struct scratch *s, const char *name)
{
	CLEANUP_FREE char *real = realpath(s->dir, NULL);

	return xasprintf("%s/t%s%s", real, name[0] ? "/" : "", name);
}

static void make(const struct scratch *s, const char *name)
{
	CLEANUP_FREE char *path = at(s, name);

	assert_int_equal(mkdir(path, 0755), 0);
}

static void make_link(const struct scratch *s, const char *target, const char *name)
{
	CLEANUP_FREE char *path = at(s, name);

	assert_int_equal(symlink(target, path), 0);
}

static void look(const struct scratch *s)
{
	CLEANUP_FREE char *dir = at(s, "");
	const char *const dirs[] = {dir, dir, "/nothing/there"};
	struct err e;

	cache_mounts_release(&found);
	assert_int_equal(
	    cache_mounts_find(&s->store, dirs, ARRAY_LEN(dirs), &found, &e), 0);
}

/* The n-th that was found. */
static void is(
    const struct scratch *s, size_t n, const char *name, bool odd, bool foreign)
{
	CLEANUP_FREE char *path = at(s, name);

	assert_true(n < found.n);
	assert_string_equal(found.v[n].path, path);
	assert_int_equal(found.v[n].odd != NULL, odd);
	assert_int_equal(found.v[n].foreign, foreign);
}

static void of_each_engine(void **state)
{
	struct scratch *s = *state;
	CLEANUP_FREE char *newer = xasprintf("%s/0123456789abcdef", own);
	CLEANUP_FREE char *locks = xasprintf("%s/buildah-cache-lockfiles", own);

	look(s);
	assert_int_equal(found.n, 0);
	make(s, "buildah-cache");
	make(s, "buildah-cache/root");
	make(s, "buildah-cache/root/.cache");
	make(s, "buildah-cache/buildah-cache-lockfiles");
	make(s, "buildah-cache-4242");
	make(s, "buildah-cache-4242/of-another-user");
	make(s, own);
	make(s, newer);
	make(s, locks);
	look(s);
	assert_int_equal(found.n, 3);
	is(s, 0, newer, false, false);
	is(s, 1, "buildah-cache/buildah-cache-lockfiles", false, false);
	is(s, 2, "buildah-cache/root", false, false);
}

static void what_is_none(void **state)
{
	struct scratch *s = *state;

	make(s, "buildah-cache");
	make(s, "elsewhere");
	make_link(s, "../elsewhere", "buildah-cache/planted");
	make_link(s, "elsewhere", own);
	scratch_write(s, "t/buildah-cache/file", "x");
	look(s);
	assert_int_equal(found.n, 3);
	is(s, 0, own, true, false);
	is(s, 1, "buildah-cache/file", true, false);
	is(s, 2, "buildah-cache/planted", true, false);
}

static void where_others_can_write(void **state)
{
	struct scratch *s = *state;
	CLEANUP_FREE char *parent = at(s, "buildah-cache");

	make(s, "buildah-cache");
	make(s, "buildah-cache/a");
	assert_int_equal(chmod(parent, 0777), 0);
	look(s);
	assert_int_equal(found.n, 1);
	is(s, 0, "buildah-cache", true, true);
	if (geteuid() != 0)
		return;
	assert_int_equal(chmod(parent, 0755), 0);
	assert_int_equal(chown(parent, 4242, 4242), 0);
	look(s);
	assert_int_equal(found.n, 1);
	is(s, 0, "buildah-cache", true, true);
}

static enum cache_mount_state state_of(const struct scratch *s, const char *name)
{
	CLEANUP_FREE char *path = at(s, name);
	enum cache_mount_state state;
	CLEANUP_FD int fd = -1;
	struct err e = {0};

	assert_int_equal(cache_mount_open(path, &state, &fd, &e), 0);
	assert_int_equal(fd >= 0, state == CACHE_MOUNT_THERE);
	assert_int_equal(
	    e.msg[0] != '\0' && strstr(e.msg, " is "), state == CACHE_MOUNT_ODD);
	return state;
}

static void opening(void **state)
{
	struct scratch *s = *state;

	make(s, "d");
	make(s, "d/child");
	scratch_write(s, "t/file", "x");
	make_link(s, "d", "link");
	make_link(s, "nowhere", "dangling");
	assert_int_equal(state_of(s, "d/child"), CACHE_MOUNT_THERE);
	assert_int_equal(state_of(s, "d/gone"), CACHE_MOUNT_GONE);
	assert_int_equal(state_of(s, "gone/child"), CACHE_MOUNT_GONE);
	assert_int_equal(state_of(s, "file"), CACHE_MOUNT_ODD);
	assert_int_equal(state_of(s, "file/child"), CACHE_MOUNT_ODD);
	assert_int_equal(state_of(s, "link"), CACHE_MOUNT_ODD);
	assert_int_equal(state_of(s, "link/child"), CACHE_MOUNT_ODD);
	assert_int_equal(state_of(s, "dangling"), CACHE_MOUNT_ODD);
	assert_int_equal(state_of(s, "dangling/child"), CACHE_MOUNT_ODD);
}

static void names_of_engines(void **state)
{
	static const struct {
		const char *path;
		const char *names; /* NULL: none */
	} tries[] = {
	    {"/var/tmp/buildah-cache/root", "buildah-cache/root"},
	    {"/var/tmp/buildah-cache-0/0123456789abcdef",
		"buildah-cache-0/0123456789abcdef"},
	    {"/var/tmp/buildah-cache", "buildah-cache"},
	    {"/var/tmp/buildah-cache-1000", "buildah-cache-1000"},
	    {"/buildah-cache/x", "buildah-cache/x"},
	    {"/var/tmp/buildah-cache/a/b", NULL},
	    {"/var/tmp/buildah-cache-/b", NULL},
	    {"/var/tmp/buildah-cache-x/b", NULL},
	    {"/var/tmp/buildah-cachex/b", NULL},
	    {"/etc/passwd", NULL},
	    {"/etc", NULL},
	    {"/", NULL},
	    {"", NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(tries); i++) {
		size_t len = cache_mount_names(tries[i].path);

		assert_int_equal(len, tries[i].names ? strlen(tries[i].names) : 0);
		if (len)
			assert_string_equal(
			    tries[i].path + strlen(tries[i].path) - len, tries[i].names);
	}
}

static int move(const struct scratch *s, const char *path)
{
	CLEANUP_FREE char *dir = at(s, "");
	struct quarantine *q = NULL;
	struct err e;
	int r = quarantine_open_beside(dir, &q, &e);

	assert_int_equal(r, 0);
	r = quarantine_move(q, path, &e);
	quarantine_free(q);
	return r;
}

/* A link goes, what it leads to stays; nothing goes through one. */
static void into_quarantine(void **state)
{
	struct scratch *s = *state;

	make(s, "elsewhere");
	make(s, "elsewhere/kept");
	make(s, "buildah-cache");
	make(s, "buildah-cache/a");
	make_link(s, "elsewhere", own);
	assert_int_equal(move(s, "buildah-cache/a"), 0);
	assert_int_equal(state_of(s, "buildah-cache/a"), CACHE_MOUNT_GONE);
	assert_int_equal(move(s, "buildah-cache/a"), ERR_NOT_FOUND);
	assert_int_equal(move(s, own), 0);
	assert_int_equal(state_of(s, own), CACHE_MOUNT_GONE);
	assert_int_equal(state_of(s, "elsewhere/kept"), CACHE_MOUNT_THERE);
	make_link(s, "elsewhere", own);
	{
		CLEANUP_FREE char *through = xasprintf("%s/kept", own);

		assert_int_not_equal(move(s, through), 0);
	}
	assert_int_equal(state_of(s, "elsewhere/kept"), CACHE_MOUNT_THERE);
	assert_int_equal(move(s, "../g"), ERR_REFUSED);
	assert_int_equal(move(s, "."), ERR_REFUSED);
	assert_int_equal(move(s, ""), ERR_REFUSED);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(of_each_engine),
	    TEST(what_is_none),
	    TEST(where_others_can_write),
	    TEST(opening),
	    TEST(names_of_engines),
	    TEST(into_quarantine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
