/* SPDX-License-Identifier: Apache-2.0 */
/* test_gate_dirs.c: which layer each directory of a mount is, and what is none. */
#include "ministore.h"

#include "guard/gate_dirs.h"

#define LINK_A "AAAAAAAAAAAAAAAAAAAAAAAAAA"
#define LINK_B "BBBBBBBBBBBBBBBBBBBBBBBBBB"

/* a, b on a, c on b. */
static int set_up(void **state)
{
	struct mini *m = mini_new(STORE_OVERLAY);

	mini_layer(m, "g", 'a', "");
	mini_layer(m, "g", 'b', "a");
	mini_layer(m, "g", 'c', "ba");
	*state = m;
	return 0;
}

static int tear_down(void **state)
{
	mini_free(*state);
	return 0;
}

/*
 * Opens what `options` name for the mount of layer `letter`, "G" standing for the driver's directory; the
 * error code. Then `out` is to be released.
 */
static int open_dirs(struct mini *m, char letter, const char *options,
    struct gate_dirs *out, struct err *e)
{
	CLEANUP_MOUNT_ARGS struct mount_args a;
	CLEANUP_FREE char *target =
	    xasprintf("%s/overlay/%s/merged", m->graphroot, mini_id(letter));
	CLEANUP_BUF struct buf text;
	struct guard g = {.store = &m->store};

	buf_init(&text, 1U << 16);
	for (const char *p = options; *p; p++) {
		const char *part = *p == 'G'   ? "/overlay"
				   : *p == '@' ? mini_id(p[1])
					       : NULL;

		assert_int_equal(*p == 'G' ? buf_adds(&text, m->graphroot, e) : 0, 0);
		assert_int_equal(
		    part ? buf_adds(&text, part, e) : buf_add(&text, p, 1, e), 0);
		p += *p == '@';
	}
	mini_open(m);
	assert_int_equal(mount_args_parse(text.data, target, &a, e), 0);
	return gate_dirs_open(&g, &a, out, e);
}

static void refuses(struct mini *m, char letter, const char *options, const char *why)
{
	struct gate_dirs dirs;
	struct err e = {0};

	if (open_dirs(m, letter, options, &dirs, &e) == 0)
		fail_msg("opened: %s", options);
	if (!strstr(e.msg, why))
		fail_msg("%s: not '%s', but: %s", options, why, e.msg);
	assert_int_equal(dirs.n, 0);
	assert_int_equal(dirs.target, -1);
}

#define WRITABLE ",upperdir=G/@c/diff,workdir=G/@c/work"
#define BELOW "lowerdir=G/l/" LINK_B ":G/l/" LINK_A

static void test_a_container(void **state)
{
	CLEANUP_GATE_DIRS struct gate_dirs d;
	struct err e;

	assert_int_equal(open_dirs(*state, 'c', BELOW WRITABLE, &d, &e), 0);
	assert_string_equal(d.id, mini_id('c'));
	assert_int_equal(d.n, 2);
	assert_string_equal(d.v[0].id, mini_id('b'));
	assert_string_equal(d.v[0].link, LINK_B);
	assert_string_equal(d.v[1].id, mini_id('a'));
	assert_false(d.v[0].own || d.v[0].empty);
	assert_true(d.upper.tree >= 0 && d.work >= 0 && d.target >= 0);
}

static void test_read_only(void **state)
{
	CLEANUP_GATE_DIRS struct gate_dirs d, base;
	struct err e;

	assert_int_equal(
	    open_dirs(*state, 'b', "lowerdir=G/@b/diff:G/l/" LINK_A, &d, &e), 0);
	assert_true(d.v[0].own);
	assert_string_equal(d.v[0].id, mini_id('b'));
	assert_int_equal(d.upper.tree, -1);
	assert_int_equal(
	    open_dirs(*state, 'a', "lowerdir=G/@a/diff:G/@a/empty", &base, &e), 0);
	assert_true(base.v[0].own && base.v[1].empty);
}

static void test_links(void **state)
{
	struct mini *m = *state;

	mini_remove(m, "g/overlay/l/" LINK_B);
	refuses(m, 'c', BELOW WRITABLE, "No such file");
	mini_symlink(m, "g/overlay/l/" LINK_B, "../../overlay-images");
	mini_mkdir(m, "g/overlay-images");
	refuses(m, 'c', BELOW WRITABLE, "and not to a layer");
	mini_remove(m, "g/overlay/l/" LINK_B);
	mini_mkdir(m, "g/overlay/l/" LINK_B);
	refuses(m, 'c', BELOW WRITABLE, "l/" LINK_B);
}

static void test_a_tree_that_is_a_link(void **state)
{
	struct mini *m = *state;
	char path[PATH_MAX], other[PATH_MAX];

	snprintf(path, sizeof(path), "%s/overlay/%s/diff", m->graphroot, mini_id('b'));
	snprintf(other, sizeof(other), "%s/overlay/%s/evil", m->graphroot, mini_id('b'));
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(symlink("evil", path), 0);
	refuses(m, 'c', BELOW WRITABLE, mini_id('b'));
}

static void test_extra_directories(void **state)
{
	struct mini *m = *state;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "g/overlay/%s/diff1", mini_id('b'));
	mini_mkdir(m, path);
	snprintf(path, sizeof(path), "g/overlay/%s/diff1", mini_id('c'));
	mini_mkdir(m, path);
	mini_mkdir(m, "evil/l");
	mini_symlink(m, "evil/l/" LINK_A, "../x");
	mini_mkdir(m, "evil/x");
	refuses(m, 'c', "lowerdir=G/l/" LINK_B "/../diff1:G/l/" LINK_A WRITABLE,
	    "no layer's tree");
	refuses(m, 'c', "lowerdir=G/@c/diff1:G/l/" LINK_B WRITABLE, "no layer's tree");
	refuses(m, 'c', "lowerdir=G/@b/diff:G/l/" LINK_A WRITABLE, "no layer's tree");
	refuses(m, 'c', "lowerdir=G/l/" LINK_B ":G/@c/diff", "no layer's tree");
	refuses(
	    m, 'c', "lowerdir=G/../../evil/l/" LINK_A WRITABLE, "no driver directory");
	refuses(m, 'c', "lowerdir=G/../../evil" WRITABLE, "no layer's tree");
	refuses(m, 'c', "lowerdir=G/l/" LINK_B ":/nowhere" WRITABLE, "/nowhere");
}

static void test_what_is_written(void **state)
{
	struct mini *m = *state;

	refuses(
	    m, 'c', BELOW ",upperdir=G/@b/diff,workdir=G/@c/work", "not its own diff");
	refuses(
	    m, 'c', BELOW ",upperdir=G/@c/diff,workdir=G/@b/work", "not its own work");
	refuses(m, 'c', BELOW ",upperdir=G/@c/diff,workdir=/tmp", "not its own work");
	refuses(m, 'd', BELOW WRITABLE, "does not exist");
}

/* What was opened stays what it is, whatever happens to the names. */
static void test_renamed_afterwards(void **state)
{
	struct mini *m = *state;
	CLEANUP_GATE_DIRS struct gate_dirs d;
	char path[PATH_MAX], other[PATH_MAX];
	struct stat before, after;
	struct err e;

	assert_int_equal(open_dirs(m, 'c', BELOW WRITABLE, &d, &e), 0);
	snprintf(path, sizeof(path), "%s/overlay/%s", m->graphroot, mini_id('b'));
	snprintf(other, sizeof(other), "%s/overlay/x", m->graphroot);
	assert_int_equal(fstat(d.v[0].tree, &before), 0);
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(fstat(d.v[0].fd, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
}

static void test_another_place(void **state)
{
	struct mini *m = *state;
	CLEANUP_GATE_DIRS struct gate_dirs d;
	struct err e;

	mini_second_place(m, "p");
	mini_layer(m, "p", 'e', "");
	assert_int_equal(open_dirs(m, 'c',
			     "lowerdir=G/../../p/overlay/l/"
			     "EEEEEEEEEEEEEEEEEEEEEEEEEE" WRITABLE,
			     &d, &e),
	    0);
	assert_int_equal(d.v[0].place, 1);
	assert_string_equal(d.v[0].id, mini_id('e'));
}

static void test_targets(void **state)
{
	CLEANUP_FREE char *merged = xasprintf("/g/overlay/%s/merged", mini_id('a'));
	CLEANUP_FREE char *diff = xasprintf("/g/overlay/%s/diff", mini_id('a'));
	CLEANUP_FREE char *bare = xasprintf("%s/merged", mini_id('a'));

	(void)state;
	assert_true(gate_is_layer_target(merged));
	assert_false(gate_is_layer_target(diff));
	assert_false(gate_is_layer_target(bare));
	assert_false(gate_is_layer_target("/g/overlay/1/merged"));
	assert_false(gate_is_layer_target("merged"));
	assert_false(gate_is_layer_target(""));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(test_a_container),
	    TEST(test_read_only),
	    TEST(test_links),
	    TEST(test_a_tree_that_is_a_link),
	    TEST(test_extra_directories),
	    TEST(test_what_is_written),
	    TEST(test_renamed_afterwards),
	    TEST(test_another_place),
	    TEST(test_targets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
