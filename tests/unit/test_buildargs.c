/* SPDX-License-Identifier: Apache-2.0 */
/* test_buildargs.c: what a guarded build makes of its command line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "guard/buildargs.h"
#include "ledger/entry.h"

static struct store_config store(void)
{
	static char root[] = "/g", runroot[] = "/r";

	return (struct store_config){
	    .graphroot = root, .runroot = runroot, .driver = STORE_OVERLAY};
}

/* The arguments of the engine, one blank between. */
static char *engine_gets(enum engine engine, const char *const *argv)
{
	CLEANUP_ENGINE_COMMAND struct engine_command k;
	CLEANUP_BUILDARGS struct buildargs args;
	struct store_config s = store();
	char *all = xstrdup("");
	struct err e;

	engine_command_parse(engine, argv, &k);
	assert_int_equal(buildargs_check(argv, &k, &e), 0);
	buildargs_make(argv, &k, &s, true, &args);
	for (size_t i = 0; i < args.argc; i++) {
		char *more = xasprintf("%s%s%s", all, i ? " " : "", args.argv[i]);

		free(all);
		all = more;
	}
	return all;
}

#define STORE "--root /g --runroot /r --storage-driver overlay"

static void the_store_is_named_first(void **state)
{
	static const struct {
		enum engine engine;
		const char *argv[12];
		const char *expected;
	} cases[] = {
	    {ENGINE_PODMAN, {"podman", "build", "-t", "a", "."},
		"podman " STORE " build -t a ."},
	    {ENGINE_PODMAN, {"podman", "--log-level", "error", "image", "build", "."},
		"podman " STORE " --log-level error image build ."},
	    {ENGINE_BUILDAH, {"buildah", "bud", "--layers", "."},
		"buildah " STORE " bud --layers ."},
	    {ENGINE_PODMAN, {"podman", "build", "-qt", "a", "."},
		"podman " STORE " build -qt a . --quiet=false"},
	    {ENGINE_PODMAN, {"podman", "build", "-q", "--", "."},
		"podman " STORE " build -q --quiet=false -- ."},
	    {ENGINE_PODMAN, {"podman", "build", "--logfile", "x", "."},
		"podman " STORE " build ."},
	    {ENGINE_PODMAN, {"podman", "build", "--logfile=x", "."},
		"podman " STORE " build ."},
	    {ENGINE_BUILDAH, {"buildah", "bud", "-q", "--", "."},
		"buildah " STORE " bud -q --quiet=false -- ."},
	    {ENGINE_BUILDAH, {"buildah", "bud", "-q", "-f", "f", "."},
		"buildah " STORE " bud -q -f f --quiet=false ."},
	    {ENGINE_BUILDAH, {"buildah", "bud", "-q"},
		"buildah " STORE " bud -q --quiet=false"},
	    {ENGINE_PODMAN, {"podman", "build", "--iidfile=x", "."},
		"podman " STORE " build --iidfile=x ."},
	    {ENGINE_BUILDAH, {"buildah", "bud", "--iidfile=x", "."},
		"buildah " STORE " bud ."},
	    {ENGINE_BUILDAH, {"buildah", "bud", "--iidfile", "x", "-qt", "a", "."},
		"buildah " STORE " bud -qt a --quiet=false ."},
	    {ENGINE_BUILDAH,
		{"buildah", "bud", "--iidfile-raw", "x", "--platform=a", "."},
		"buildah " STORE " bud --platform=a ."},
	    /* For buildah to refuse. */
	    {ENGINE_BUILDAH, {"buildah", "bud", "--iidfile=x", "--platform=a,b", "."},
		"buildah " STORE " bud --iidfile=x --platform=a,b ."},
	    {ENGINE_BUILDAH,
		{"buildah", "bud", "--platform=a", "--iidfile=x", "--platform=b", "."},
		"buildah " STORE " bud --platform=a --iidfile=x --platform=b ."},
	    {ENGINE_BUILDAH, {"buildah", "bud", "--iidfile=x", "--all-platforms", "."},
		"buildah " STORE " bud --iidfile=x --all-platforms ."},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP_FREE char *got = engine_gets(cases[i].engine, cases[i].argv);

		assert_string_equal(got, cases[i].expected);
	}
}

static void the_last_iidfile_counts(void **state)
{
	static const char *const argv[] = {"buildah", "bud", "--iidfile=x", "--iidfile",
	    "y", "--iidfile-raw=", ".", NULL};
	CLEANUP_ENGINE_COMMAND struct engine_command k;
	CLEANUP_BUILDARGS struct buildargs args;
	struct store_config s = store();

	(void)state;
	engine_command_parse(ENGINE_BUILDAH, argv, &k);
	buildargs_make(argv, &k, &s, true, &args);
	assert_string_equal(args.iidfile, "y");
	assert_null(args.iidfile_raw);
}

static void refuses_what_is_no_build(void **state)
{
	static const char *const cases[][8] = {{"podman", "run", "x"},
	    {"podman", "kube", "play", "x.yaml"}, {"podman"},
	    {"podman", "farm", "build", "."},
	    {"podman", "build", "--not-known", "x", "."}, {"podman", "images"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP_ENGINE_COMMAND struct engine_command k;
		struct err e;

		engine_command_parse(ENGINE_PODMAN, cases[i], &k);
		assert_int_equal(buildargs_check(cases[i], &k, &e), ERR_USAGE);
	}
}

static void names_are_spelled_as_records_do(void **state)
{
	static const char *const cases[][2] = {{"app", "localhost/app:latest"},
	    {"app:v1", "localhost/app:v1"}, {"team/app", "localhost/team/app:latest"},
	    {"localhost/app", "localhost/app:latest"},
	    {"registry.example/app", "registry.example/app:latest"},
	    {"host:5000/app:1", "host:5000/app:1"},
	    {"docker.io/app", "docker.io/library/app:latest"},
	    {"docker.io/team/app", "docker.io/team/app:latest"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP_FREE char *got = buildargs_name(cases[i][0]);

		assert_string_equal(got, cases[i][1]);
	}
}

static void secrets_are_left_out(void **state)
{
	static const char *const argv[] = {"podman", "build", "--build-arg",
	    "TOKEN=s3cret", "--build-arg=KEY=s3cret", "--creds", "me:s3cret=s3cret",
	    "--env=A=s3cret", "--secret", "id=x,src=s3cret", "-t", "app",
	    "https://me:s3cret@git.example/x.git#main", "--cw=passphrase=s3cret",
	    "--label=a=http://b/,http://me:s3cret@b/,ssh://s3cret@c", NULL};
	CLEANUP_ENGINE_COMMAND struct engine_command k;
	struct entry en = {.op = ENTRY_BUILD};

	(void)state;
	engine_command_parse(ENGINE_PODMAN, argv, &k);
	buildargs_record(argv, &k, &en.build);
	assert_int_equal(en.build.n_arguments, 15);
	assert_int_equal(en.build.left_out, 0);
	for (size_t i = 0; i < en.build.n_arguments; i++)
		assert_null(strstr(en.build.arguments[i], "s3cret"));
	assert_string_equal(en.build.arguments[3], "TOKEN=...");
	assert_string_equal(en.build.arguments[4], "--build-arg=KEY=...");
	assert_string_equal(en.build.arguments[6], "...");
	assert_string_equal(en.build.arguments[12], "https://...@git.example/x.git#main");
	assert_string_equal(en.build.arguments[13], "--cw=...");
	assert_string_equal(
	    en.build.arguments[14], "--label=a=http://b/,http://...@b/,ssh://...@c");
	entry_release(&en);
}

/* However long a command line is, the entry fits. */
static void long_command_lines_fit(void **state)
{
	const char *argv[403] = {"podman", "build"};
	CLEANUP_ENGINE_COMMAND struct engine_command k;
	CLEANUP_BUF struct buf bytes;
	struct entry en = {.op = ENTRY_BUILD};
	struct err e;

	(void)state;
	for (size_t i = 2; i < 402; i++)
		argv[i] = i % 2 ? "label=\x01\x02\x03\x04\x05\x06\x07" : "--label";
	engine_command_parse(ENGINE_PODMAN, argv, &k);
	en.build.engine = xstrdup("podman");
	buildargs_record(argv, &k, &en.build);
	assert_int_equal(en.build.n_arguments + en.build.left_out, 402);
	assert_true(en.build.left_out > 0);
	buf_init(&bytes, ENTRY_MAX_BYTES);
	assert_int_equal(entry_format(&en, &bytes, &e), 0);
	entry_release(&en);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_store_is_named_first),
	    cmocka_unit_test(the_last_iidfile_counts),
	    cmocka_unit_test(refuses_what_is_no_build),
	    cmocka_unit_test(names_are_spelled_as_records_do),
	    cmocka_unit_test(secrets_are_left_out),
	    cmocka_unit_test(long_command_lines_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
