/* SPDX-License-Identifier: Apache-2.0 */
/* test_engineconf.c: settings of containers.conf that would move the store are seen, however they are spelled. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/engineconf.h"

static void test_harmless(void **state)
{
	static const char *const good[] = {"", "[engine]\n",
	    "[engine]\n# env = [\"STORAGE_DRIVER=vfs\"]\n",
	    "[containers]\nenv = [\"HOME=/root\", \"STORAGE_DRIVER=vfs\"]\n",
	    "[engine]\nenv = [\"http_proxy=x\", \"TMPDIR=/var/tmp\"]\nremote = false\n",
	    "[engine.runtimes]\ncrun = [\"/usr/bin/crun\"]\n[network]\nx = \"HOME=\"\n"};
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_int_equal(engine_conf_check_text(good[i], "conf", &e), 0);
}

static void test_refused(void **state)
{
	static const char *const bad[] = {"[engine]\nenv = [\"STORAGE_DRIVER=vfs\"]\n",
	    "[engine]\nenv = [\n\"a=b\",\n\"CONTAINERS_STORAGE_CONF=/x\",\n]\n",
	    "[ \"Engine\" ]\nENV = ['XDG_DATA_HOME=/x']\n",
	    "engine.env = [\"HOME=/x\"]\n", "engine = { env = [\"HOME=/x\"] }\n",
	    "\"engine\".env = [\"STORAGE_OPTS=x\"]\n",
	    "[engine]\nenv = [\"\\u0053TORAGE_DRIVER=vfs\"]\n",
	    "[engine]\nx = \"\"\"\n[containers]\n\"\"\"\nenv = [\"HOME=/x\"]\n",
	    "[engine]\nremote = true\n",
	    "[engine]\nenv = [\"CONTAINER_HOST=unix:///x\"]\n"};
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(engine_conf_check_text(bad[i], "conf", &e), ERR_STORE);
}

static void test_tmp_dirs(void **state)
{
	CLEANUP_NAMES struct fs_names dirs = {0};

	(void)state;
	engine_conf_tmp_dirs_text("[engine]\n# image_copy_tmp_dir=\"/no\"\n"
				  "  image_copy_tmp_dir = \"/a b\" # here\n"
				  "image_copy_tmp_dir=''\n"
				  "env = [\"X=y\", \"TMPDIR=/c\"]\n",
	    &dirs);
	engine_conf_tmp_dirs_text("engine.image_copy_tmp_dir='storage'\r\n", &dirs);
	engine_conf_tmp_dirs_text("image_copy_tmp_dir", &dirs);
	assert_int_equal(dirs.n, 3);
	assert_string_equal(dirs.v[0], "/a b");
	assert_string_equal(dirs.v[1], "/c");
	assert_string_equal(dirs.v[2], "storage");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_harmless),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_tmp_dirs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
