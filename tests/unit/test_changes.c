/* SPDX-License-Identifier: Apache-2.0 */
/* test_changes.c: who meddles with a finished layer is seen, and an engine at work is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "scratch_store.h"
#include "store/changes.h"

#define ID "1111111111111111111111111111111111111111111111111111111111111111"
#define NEW "2222222222222222222222222222222222222222222222222222222222222222"
#define LINK "AAAAAAAAAAAAAAAAAAAAAAAAAA"

static struct changes *watch(struct scratch *s)
{
	const struct changes_layer layers[] = {{ID, LINK}};
	struct changes *c;
	struct err e;

	assert_int_equal(store_open(&s->config, &s->store, &e), 0);
	if (changes_watch(&s->store, layers, 1, &c, &e))
		fail_msg("%s", e.msg);
	return c;
}

static size_t seen(struct changes *c, const char *path)
{
	const struct changes_seen *v;
	struct err e;
	size_t n;

	assert_int_equal(changes_read(c, &e), 0);
	n = changes_seen(c, &v);
	if (path)
		assert_string_equal(v[n - 1].path, path);
	return n;
}

static void move(const struct scratch *s, const char *from, const char *to)
{
	CLEANUP_FREE char *a = xasprintf("%s/%s", s->dir, from);
	CLEANUP_FREE char *b = xasprintf("%s/%s", s->dir, to);

	assert_int_equal(rename(a, b), 0);
}

static void make_link(const struct scratch *s, const char *name)
{
	CLEANUP_FREE char *path = xasprintf("%s/g/overlay/l/%s", s->dir, name);

	(void)!unlink(path);
	assert_int_equal(symlink("../x/diff", path), 0);
}

static void prepare(const struct scratch *s)
{
	scratch_mkdir(s, "g/overlay/l");
	scratch_mkdir(s, "g/overlay/" ID);
	scratch_mkdir(s, "g/overlay/" ID "/diff");
	make_link(s, LINK);
}

static void an_engine_at_work_is_not_seen(void **state)
{
	struct scratch *s = *state;
	CLEANUP_CHANGES struct changes *c = NULL;

	prepare(s);
	c = watch(s);
	scratch_mkdir(s, "g/overlay/" NEW);
	scratch_mkdir(s, "g/overlay/" NEW "/diff");
	scratch_mkdir(s, "g/overlay/" ID "/merged");
	make_link(s, "BBBBBBBBBBBBBBBBBBBBBBBBBB");
	scratch_write(s, "g/overlay/" ID "/diff/file", "trees are for statprints");
	assert_int_equal(seen(c, NULL), 0);
	assert_false(changes_records(c));
	scratch_write(s, "g/overlay-layers/layers.json", "[]");
	assert_int_equal(seen(c, NULL), 0);
	assert_true(changes_records(c));
	assert_false(changes_records(c));
}

static void meddling_is_seen_though_it_is_undone(void **state)
{
	struct scratch *s = *state;
	CLEANUP_CHANGES struct changes *c = NULL;

	prepare(s);
	c = watch(s);
	make_link(s, LINK);
	assert_int_equal(seen(c, "l/" LINK), 1);
	scratch_mkdir(s, "g/overlay/" ID "/diff1");
	assert_int_equal(seen(c, ID "/diff1"), 2);
	move(s, "g/overlay/" ID, "g/overlay/x");
	assert_int_equal(seen(c, ID), 3);
	move(s, "g/overlay/x", "g/overlay/" ID);
	assert_int_equal(seen(c, ID), 3);
	move(s, "g/overlay-layers", "g/x");
	move(s, "g/x", "g/overlay-layers");
	assert_int_equal(seen(c, "overlay-layers"), 4);
	move(s, "g/overlay/l", "g/overlay/m");
	assert_int_equal(seen(c, "l"), 5);
}

static void a_lock_file_is_no_record(void **state)
{
	struct scratch *s = *state;
	CLEANUP_CHANGES struct changes *c = NULL;

	prepare(s);
	scratch_write(s, "g/overlay-images/images.lock", "");
	c = watch(s);
	scratch_write(s, "g/overlay-layers/layers.lock", "x");
	assert_int_equal(seen(c, NULL), 0);
	(void)changes_records(c); /* the temporary file */
	move(s, "g/overlay-images/images.lock", "g/overlay-images/other.lock");
	assert_int_equal(seen(c, NULL), 0);
	assert_false(changes_records(c));
}

static void images_that_were_there_are_remembered(void **state)
{
	struct scratch *s = *state;
	CLEANUP_CHANGES struct changes *c = NULL;

	prepare(s);
	scratch_mkdir(s, "g/overlay-images/" ID);
	c = watch(s);
	assert_true(changes_had_image(c, ID));
	assert_false(changes_had_image(c, NEW));
	scratch_mkdir(s, "g/overlay-images/x");
	move(s, "g/overlay-images/x", "g/overlay-images/" NEW);
	move(s, "g/overlay-images/" NEW, "g/overlay-images/y");
	assert_int_equal(seen(c, NULL), 0);
	assert_true(changes_had_image(c, NEW));
}

static void any_image_may_have_been_where_none_is_watched(void **state)
{
	struct scratch *s = *state;
	CLEANUP_CHANGES struct changes *c = NULL;

	prepare(s);
	move(s, "g/overlay-images", "g/x");
	c = watch(s);
	assert_true(changes_had_image(c, NEW));
}

static void containers_are_told_from_records(void **state)
{
	struct scratch *s = *state;
	CLEANUP_CHANGES struct changes *c = NULL;

	prepare(s);
	c = watch(s);
	scratch_mkdir(s, "g/overlay-containers/" NEW);
	assert_int_equal(seen(c, NULL), 0);
	assert_false(changes_records(c));
	assert_true(changes_containers(c));
	assert_false(changes_containers(c));
	scratch_write(s, "g/overlay-containers/volatile-containers.json", "[]");
	assert_int_equal(seen(c, NULL), 0);
	assert_true(changes_containers(c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		an_engine_at_work_is_not_seen, scratch_setup, scratch_teardown),
	    cmocka_unit_test_setup_teardown(
		meddling_is_seen_though_it_is_undone, scratch_setup, scratch_teardown),
	    cmocka_unit_test_setup_teardown(
		a_lock_file_is_no_record, scratch_setup, scratch_teardown),
	    cmocka_unit_test_setup_teardown(
		images_that_were_there_are_remembered, scratch_setup, scratch_teardown),
	    cmocka_unit_test_setup_teardown(any_image_may_have_been_where_none_is_watched,
		scratch_setup, scratch_teardown),
	    cmocka_unit_test_setup_teardown(
		containers_are_told_from_records, scratch_setup, scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
