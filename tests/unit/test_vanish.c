/* SPDX-License-Identifier: Apache-2.0 */
/* test_vanish.c: what is forgotten about images that were removed while they were looked at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "guard/vanish.h"
#include "scratch_store.h"

#define HERE "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define GONE "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define ALSO_GONE "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define LAYER_GONE "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"

static void open_store(struct scratch *s)
{
	struct err e;

	scratch_write(s, "g/overlay-images/images.json",
	    "[{\"id\":\"" HERE "\",\"created\":\"2026-01-02T03:04:05Z\"}]");
	assert_int_equal(store_open(&s->config, &s->store, &e), 0);
}

static struct image_ids all_three(void)
{
	struct image_ids ids = {.v = xcalloc(3, sizeof(*ids.v)), .n = 3};

	memcpy(ids.v[0], GONE, sizeof(GONE));
	memcpy(ids.v[1], HERE, sizeof(HERE));
	memcpy(ids.v[2], ALSO_GONE, sizeof(ALSO_GONE));
	return ids;
}

static void forget(
    void **state, struct place about, size_t findings_left, size_t ids_left)
{
	struct scratch *s = *state;
	CLEANUP_FINDINGS struct findings findings = {0};
	struct image_ids ids = all_three();
	const struct guard g = {.store = &s->store};
	struct err e;

	open_store(s);
	findings_add(&findings, FINDING_TREE_UNREADABLE, about);
	assert_int_equal(vanish_forget(&g, &findings, &ids, &e), 0);
	assert_int_equal(findings.n, findings_left);
	assert_int_equal(ids.n, ids_left);
	if (ids_left == 1)
		assert_string_equal(ids.v[0], HERE);
	free(ids.v);
}

/* Nobody can say any more what the images that are gone were: they are on no list of verified ones. */
static void test_image_gone(void **state)
{
	forget(state, (struct place){.image = GONE}, 0, 1);
}

static void test_layer_gone(void **state)
{
	forget(state, (struct place){.layer = LAYER_GONE}, 0, 1);
}

/* Nothing was found about what is gone: it was clean when it was looked at. */
static void test_image_here(void **state)
{
	forget(state, (struct place){.image = HERE}, 1, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		test_image_gone, scratch_setup, scratch_teardown),
	    cmocka_unit_test_setup_teardown(
		test_layer_gone, scratch_setup, scratch_teardown),
	    cmocka_unit_test_setup_teardown(
		test_image_here, scratch_setup, scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
