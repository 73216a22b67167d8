/* SPDX-License-Identifier: Apache-2.0 */
/* test_hookfile.c: the settings of a hook: written, read, refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guard/hookfile.h"

static int parse(const char *text, struct hookfile *out, struct err *e)
{
	return hookfile_parse(text, strlen(text), out, e);
}

static void test_round_trip(void **state)
{
	char layerseal[] = "/bin/layer seal", trust[] = "/t = #x";
	struct hookfile f = {.layerseal = layerseal, .trust = trust, .verify_run = true};
	CLEANUP_HOOKFILE struct hookfile back = {0};
	CLEANUP_BUF struct buf text;
	struct err e;

	(void)state;
	buf_init(&text, HOOKFILE_MAX_BYTES);
	assert_int_equal(hookfile_format(&f, &text, &e), 0);
	assert_non_null(strstr(text.data, HOOK_MARK));
	assert_int_equal(hookfile_parse(text.data, text.len, &back, &e), 0);
	assert_string_equal(back.layerseal, f.layerseal);
	assert_string_equal(back.trust, f.trust);
	assert_null(back.ledger);
	assert_true(back.verify_run && !back.allow_remote);
}

static void test_no_line_is_smuggled_in(void **state)
{
	char layerseal[] = "/x\nallow-remote = yes";
	struct hookfile f = {.layerseal = layerseal};
	CLEANUP_BUF struct buf text;
	struct err e;

	(void)state;
	buf_init(&text, HOOKFILE_MAX_BYTES);
	assert_int_equal(hookfile_format(&f, &text, &e), ERR_USAGE);
}

static void test_refused(void **state)
{
	static const char *const bad[] = {"", "ledger = /x\n", "layerseal = bin\n",
	    "layerseal = /x\nlayerseal = /y\n", "layerseal = /x\nverify-run = maybe\n",
	    "layerseal = /x\nnew = 1\n", "layerseal=/x\n", "layerseal = /x\n[verify]\n"};
	struct hookfile f;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(parse(bad[i], &f, &e), ERR_USAGE);
		assert_null(f.layerseal);
	}
	assert_int_equal(hookfile_parse("layerseal = /x\n\0", 16, &f, &e), ERR_USAGE);
}

/* Who can write the settings chooses what is run, and believed. */
static void test_others_can_write(void **state)
{
	char dir[] = "/tmp/layerseal-hookfile.XXXXXX";
	char path[128];
	struct hookfile f;
	struct err e;
	FILE *to;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/" HOOKFILE_NAME, dir);
	assert_int_equal(hookfile_load(dir, &f, &e), ERR_NOT_FOUND);
	to = fopen(path, "we");
	assert_non_null(to);
	fputs("layerseal = /x\n", to);
	fclose(to);
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(hookfile_load(dir, &f, &e), 0);
	hookfile_release(&f);
	assert_int_equal(chmod(path, 0666), 0);
	assert_int_equal(hookfile_load(dir, &f, &e), ERR_REFUSED);
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(chmod(dir, 0777), 0);
	assert_int_equal(hookfile_load(dir, &f, &e), ERR_REFUSED);
	unlink(path);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_no_line_is_smuggled_in),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_others_can_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
