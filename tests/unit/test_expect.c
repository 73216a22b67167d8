/* SPDX-License-Identifier: Apache-2.0 */
/* test_expect.c: what extraction makes of headers, without a disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "store/expect.h"

static struct expect *start(enum store_driver driver)
{
	struct err e;
	struct expect *x;

	assert_int_equal(crypto_init(&e), 0);
	x = expect_new(driver, false);
	expect_next_layer(x);
	return x;
}

static int apply_header(struct expect *x, const struct tar_header *h, struct err *e)
{
	uint32_t node;
	struct tar_header copy = *h;

	if (!copy.link)
		copy.link = "";
	return expect_header(x, &copy, &node, e);
}

static void apply(struct expect *x, const struct tar_header *h)
{
	struct err e;

	if (apply_header(x, h, &e))
		fail_msg("%s: %s", h->name, e.msg);
}

static void refuses(struct expect *x, const struct tar_header *h, const char *rule)
{
	struct err e = {.msg = "nothing"};

	if (apply_header(x, h, &e) != ERR_MALFORMED || !strstr(e.msg, rule))
		fail_msg("%s: expected \"%s\", found \"%s\"", h->name, rule, e.msg);
}

static void dir(struct expect *x, const char *name)
{
	apply(x, &(struct tar_header){.type = TAR_DIR, .name = name, .mode = 0755});
}

static void file(struct expect *x, const char *name)
{
	apply(x, &(struct tar_header){.name = name, .mode = 0644});
}

static const struct expect_inode *inode(const struct expect *x, const char *path)
{
	uint32_t node = expect_find(x, path);

	if (node == EXPECT_NONE)
		fail_msg("%s is not there", path);
	return &x->inodes[x->nodes[node].inode];
}

static bool gone(const struct expect *x, const char *path)
{
	return expect_find(x, path) == EXPECT_NONE;
}

/* The names of the inode's xattrs, joined by spaces. */
static const char *xattrs(const struct expect *x, const char *path)
{
	static char text[256];
	const struct expect_inode *i = inode(x, path);

	text[0] = '\0';
	for (uint32_t n = 0; i->xattrs && n < x->lists[i->xattrs - 1]->n; n++) {
		const struct expect_xattr *a = &x->lists[i->xattrs - 1]->v[n];

		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s=%s",
		    n ? " " : "", expect_bytes(x, a->name), expect_bytes(x, a->value));
	}
	return text;
}

static const struct tar_xattr capability = {"security.capability", "cap", 3},
			      user_z = {"user.z", "1", 1};

static void names_are_cleaned(void **state)
{
	char path[EXPECT_PATH_MAX], long_part[300], long_path[5000];
	bool absolute;
	struct err e;

	(void)state;
	assert_int_equal(expect_clean(".//a/./b//", path, &absolute, &e), 0);
	assert_string_equal(path, "a/b");
	assert_false(absolute);
	assert_int_equal(expect_clean("/", path, &absolute, &e), 0);
	assert_string_equal(path, "");
	assert_true(absolute);
	assert_int_equal(expect_clean("...", path, &absolute, &e), 0);
	assert_string_equal(path, "...");
	assert_int_equal(expect_clean("..", path, &absolute, &e), ERR_MALFORMED);
	assert_int_equal(expect_clean("a/../b", path, &absolute, &e), ERR_MALFORMED);
	memset(long_part, 'x', 256);
	long_part[256] = '\0';
	assert_int_equal(expect_clean(long_part, path, &absolute, &e), ERR_MALFORMED);
	assert_int_equal(expect_clean(long_part + 1, path, &absolute, &e), 0);
	for (size_t i = 0; i < sizeof(long_path); i++)
		long_path[i] = i % 2 ? '/' : 'x';
	long_path[4095] = '\0';
	assert_int_equal(expect_clean(long_path, path, &absolute, &e), 0);
	long_path[4095] = '/';
	long_path[4097] = '\0';
	assert_int_equal(expect_clean(long_path, path, &absolute, &e), ERR_MALFORMED);
}

/* SafeLchown leaves an owner alone that is right; a real chown costs the capabilities. */
static void links_change_their_inode(void **state)
{
	struct tar_header first = {
	    .name = "a", .mode = 0755, .size = 3, .xattrs = &capability, .n_xattrs = 1};
	struct tar_header same = {.type = TAR_HARDLINK,
	    .name = "b",
	    .link = "./a",
	    .mode = 04755,
	    .mtime_sec = 7};
	struct tar_header other = {.type = TAR_HARDLINK,
	    .name = "c",
	    .link = "/b",
	    .mode = 0700,
	    .uid = 5,
	    .xattrs = &user_z,
	    .n_xattrs = 1};
	struct expect *x = start(STORE_OVERLAY);

	(void)state;
	apply(x, &first);
	apply(x, &same);
	assert_ptr_equal(inode(x, "/a"), inode(x, "/b"));
	assert_int_equal(inode(x, "/a")->mode, S_IFREG | 04755);
	assert_int_equal(inode(x, "/a")->mtime_sec, 7);
	assert_string_equal(xattrs(x, "/a"), "security.capability=cap");
	apply(x, &other);
	assert_int_equal(inode(x, "/a")->mode, S_IFREG | 0700);
	assert_int_equal(inode(x, "/a")->uid, 5);
	assert_string_equal(xattrs(x, "/a"), "user.z=1");
	expect_free(x);
}

/* lchown is all that reaches a symbolic link through another name. */
static void links_to_symlinks(void **state)
{
	struct tar_header first = {
	    .type = TAR_SYMLINK, .name = "s", .link = "t", .mtime_sec = 1};
	struct tar_header second = {
	    .type = TAR_HARDLINK, .name = "s2", .link = "s", .uid = 9, .mtime_sec = 2};
	struct expect *x = start(STORE_OVERLAY);

	(void)state;
	apply(x, &first);
	apply(x, &second);
	assert_int_equal(inode(x, "/s")->uid, 9);
	assert_int_equal(inode(x, "/s")->mtime_sec, 1);
	expect_free(x);
}

static void links_that_cannot_be(void **state)
{
	struct expect *x = start(STORE_OVERLAY);
	struct tar_header h = {.type = TAR_HARDLINK, .name = "l"};

	(void)state;
	dir(x, "d");
	file(x, ".wh.w");
	h.link = "nothing";
	refuses(x, &h, "a hard link to no file");
	h.link = "d";
	refuses(x, &h, "a hard link to no file");
	h.link = "w"; /* a whiteout */
	refuses(x, &h, "a hard link to no file");
	h.link = "l";
	refuses(x, &h, "a hard link to no file");
	h.link = "../x";
	refuses(x, &h, "\"..\"");
	expect_free(x);
}

static void times_that_chtimes_cannot_set(void **state)
{
	struct tar_header h = {.name = "f", .mtime_sec = -5, .mtime_nsec = 3};
	struct tar_header far = {.name = "g", .mtime_sec = INT64_C(1) << 40};
	struct tar_header link = {.type = TAR_SYMLINK,
	    .name = "s",
	    .link = "t",
	    .mtime_sec = -5,
	    .mtime_nsec = 3};
	struct expect *x = start(STORE_OVERLAY);

	(void)state;
	apply(x, &h);
	apply(x, &far);
	apply(x, &link);
	assert_int_equal(inode(x, "/f")->mtime_sec, 0);
	assert_int_equal(inode(x, "/f")->mtime_nsec, 0);
	assert_int_equal(inode(x, "/g")->mtime_sec, 0);
	assert_int_equal(inode(x, "/s")->mtime_sec, -5);
	link.name = "s2";
	link.mtime_sec = INT64_C(1) << 40;
	refuses(x, &link, "a time that no system call takes");
	expect_free(x);
}

static void second_headers(void **state)
{
	struct tar_header a = {.name = "a"}, slash_a = {.name = "/a"},
			  d = {.type = TAR_DIR, .name = "./d"};
	struct expect *x = start(STORE_OVERLAY);

	(void)state;
	file(x, "a");
	refuses(x, &a, "a second header");
	refuses(x, &slash_a, "a second header"); /* tar-split lets it pass */
	dir(x, "d/");
	refuses(x, &d, "a second header");
	/* Directories of both spellings are merged, as Unpack does. */
	file(x, "d/f");
	dir(x, "/d");
	assert_false(gone(x, "/d/f"));
	/* A whiteout makes way for what follows it, not the other way round. */
	file(x, ".wh.w");
	file(x, "w");
	assert_true(S_ISREG(inode(x, "/w")->mode));
	refuses(x, &(struct tar_header){.name = ".wh.a"}, "a whiteout of a name");
	refuses(x, &(struct tar_header){.name = ".wh."}, "a whiteout of nothing");
	refuses(x, &(struct tar_header){.name = ".wh.b", .size = 1}, "with a body");
	file(x, "o/.wh..wh..opq");
	refuses(x, &(struct tar_header){.name = "o/.wh..wh..opq"}, "a second opaque");
	expect_free(x);
}

static void vfs_layers_build_on_each_other(void **state)
{
	const struct tar_xattr both[] = {{"trusted.x", "1", 1}, {"user.y", "2", 1}};
	struct tar_header f = {.name = "d/f", .xattrs = both, .n_xattrs = 2};
	struct tar_header l = {.type = TAR_HARDLINK,
	    .name = "l",
	    .link = "d/f",
	    .xattrs = &user_z,
	    .n_xattrs = 1};
	struct expect *x = start(STORE_VFS);

	(void)state;
	apply(x, &f);
	file(x, "d/deep/er/g");
	file(x, "d/kept");
	expect_next_layer(x);
	/* The copy of the parent lost the xattr that drivers/copy does not copy. */
	apply(x, &l);
	assert_string_equal(xattrs(x, "/d/f"), "user.y=2 user.z=1");
	file(x, ".wh.nothing");
	file(x, "d/.wh.deep");
	assert_true(gone(x, "/d/deep"));
	assert_true(gone(x, "/d/deep/er/g"));
	assert_false(gone(x, "/l"));
	expect_next_layer(x);
	/* A directory that comes back is empty; opaque removes what this layer has not unpacked. */
	dir(x, "d/deep");
	assert_true(gone(x, "/d/deep/er"));
	file(x, "d/.wh..wh..opq");
	assert_false(gone(x, "/d/deep"));
	assert_true(gone(x, "/d/kept"));
	assert_true(gone(x, "/d/f"));
	expect_next_layer(x);
	/* A file in place of a directory takes all below it away. */
	file(x, "d");
	assert_true(gone(x, "/d/deep"));
	refuses(x, &(struct tar_header){.name = "d/x"},
	    "below something that is no directory");
	expect_free(x);
}

/* A directory that is removed in every layer: its old names must not be visited again and again. */
static void removal_is_linear(void **state)
{
	struct expect *x = start(STORE_VFS);
	char name[32];

	(void)state;
	for (int i = 0; i < 50000; i++) {
		snprintf(name, sizeof(name), "d/%d", i);
		file(x, name);
	}
	for (int layer = 0; layer < 20000; layer++) {
		expect_next_layer(x);
		file(x, layer % 2 ? "d/.wh..wh..opq" : ".wh.d");
		file(x, "d/again");
	}
	assert_true(gone(x, "/d/7"));
	assert_false(gone(x, "/d/again"));
	assert_int_equal(x->n_nodes, 50003);
	expect_free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_are_cleaned),
	    cmocka_unit_test(links_change_their_inode),
	    cmocka_unit_test(links_to_symlinks),
	    cmocka_unit_test(links_that_cannot_be),
	    cmocka_unit_test(times_that_chtimes_cannot_set),
	    cmocka_unit_test(second_headers),
	    cmocka_unit_test(vfs_layers_build_on_each_other),
	    cmocka_unit_test(removal_is_linear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
