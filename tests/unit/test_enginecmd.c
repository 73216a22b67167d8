/* SPDX-License-Identifier: Apache-2.0 */
/* test_enginecmd.c: command lines of podman and buildah, and what is made of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "guard/enginecmd.h"

#define WORDS_MAX 32

/* A line split at blanks; "''" is an empty word. */
struct line {
	char text[512];
	const char *argv[WORDS_MAX + 1];
};

static enum engine split(const char *text, struct line *l)
{
	enum engine engine;
	char *rest = l->text, *word;
	size_t n = 0;

	assert_true(strlen(text) < sizeof(l->text));
	memcpy(l->text, text, strlen(text) + 1);
	while ((word = strsep(&rest, " "))) {
		assert_true(n < WORDS_MAX);
		l->argv[n++] = strcmp(word, "''") == 0 ? "" : word;
	}
	l->argv[n] = NULL;
	assert_true(engine_parse(l->argv[0], &engine));
	return engine;
}

static void add(struct buf *b, const char *name, const char *value)
{
	struct err e;

	if (value)
		assert_int_equal(buf_addf(b, &e, " %s=%s", name, value), 0);
}

/* "build root=/x unclear=--new": everything of a command that is not as at first. */
static void check(const char *text, const char *expected)
{
	static const char *const acts[] = {"other", "use", "build"};
	CLEANUP_ENGINE_COMMAND struct engine_command c;
	CLEANUP_BUF struct buf b;
	struct line l;
	struct err e;
	enum engine engine = split(text, &l);

	buf_init(&b, 4096);
	engine_command_parse(engine, l.argv, &c);
	assert_int_equal(buf_adds(&b, acts[c.act], &e), 0);
	add(&b, "root", c.root);
	add(&b, "runroot", c.runroot);
	add(&b, "driver", c.driver);
	add(&b, "imagestore", c.imagestore);
	for (size_t i = 0; i < c.n_storage_opts; i++)
		add(&b, "opt", c.storage_opts[i]);
	add(&b, "remote", c.remote);
	add(&b, "unclear", c.unclear);
	add(&b, "local", c.local ? "yes" : NULL);
	add(&b, "transient", c.transient_store ? "yes" : NULL);
	add(&b, "guessed", c.guessed ? "yes" : NULL);
	if (strcmp(b.data, expected) != 0)
		fail_msg("%s\n  is   %s\n  want %s", text, b.data, expected);
}

struct row {
	const char *text, *expected;
};

static void check_all(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		check(rows[i].text, rows[i].expected);
}

static void test_verbs(void **state)
{
	static const struct row rows[] = {
	    {"podman", "other"},
	    {"podman ''", "other"},
	    {"podman '' build", "other"},
	    {"podman ps", "other"},
	    {"podman ps build", "other"},
	    {"podman tag build bud", "other"},
	    {"podman help build", "other"},
	    {"podman --version", "other"},
	    {"podman build", "build"},
	    {"podman build .", "build"},
	    {"/usr/bin/podman build .", "build"},
	    {"docker build .", "build"},
	    {"podman bud .", "other"},
	    {"podman image build .", "build"},
	    {"podman image ls build", "other"},
	    {"podman image", "other"},
	    {"podman buildx build .", "build"},
	    {"podman builder build .", "build"},
	    {"podman buildx prune", "other"},
	    {"podman farm build --farm f .", "build"},
	    {"podman kube play x.yaml", "build"},
	    {"podman play kube x.yaml", "build"},
	    {"podman kube down x.yaml", "other"},
	    {"podman run app", "use"},
	    {"podman container run app", "use"},
	    {"podman create app", "use"},
	    {"podman container create app", "use"},
	    {"podman push app", "use"},
	    {"podman image push app", "use"},
	    {"podman manifest push app", "use"},
	    {"podman manifest create app", "other"},
	    {"podman container ls", "other"},
	    {"podman imagebuild", "other"},
	    {"podman build2 .", "other"},
	    {"podman Build .", "other"},
	    {"buildah", "other"},
	    {"buildah images", "other"},
	    {"buildah build", "build"},
	    {"buildah bud .", "build"},
	    {"buildah build-using-dockerfile .", "build"},
	    {"buildah image build", "other"},
	    {"buildah from app", "use"},
	    {"buildah run ctr cmd", "use"},
	    {"buildah push app", "use"},
	    {"buildah commit ctr bud", "other"},
	};

	(void)state;
	check_all(rows, ARRAY_LEN(rows));
}

/* Seen with podman 4.3 and 5.4: these are how cobra reads what stands before the verb. */
static void test_before_the_verb(void **state)
{
	static const struct row rows[] = {
	    {"podman --log-level debug build", "build"},
	    {"podman --log-level=debug build", "build"},
	    {"podman --log-level build ps", "other"},
	    {"podman --syslog build", "build"},
	    {"podman --syslog ps build", "other"},
	    {"podman --syslog=true build", "build"},
	    {"podman image --log-level debug build .", "build"},
	    {"podman --noout image --syslog build .", "build"},
	    /* "--" is an option with a value here. */
	    {"podman -- build .", "other"},
	    {"podman -- x build .", "build"},
	    {"podman image -- x build .", "build"},
	    {"podman -- --root /x build .", "build"},
	    {"podman -- x --root /x build .", "build"},
	    /* What follows an option that takes a value is the value. */
	    {"podman --root --runroot build ps build", "other"},
	    {"podman --root /x --runroot /y build .", "build root=/x runroot=/y"},
	    {"podman --root=/x build --runroot=/y .", "build root=/x runroot=/y"},
	    {"podman --root /x --root /y build", "build root=/y"},
	    {"podman image --root /x build .", "build root=/x"},
	    {"podman --out /dev/null build", "build"},
	    {"podman - build", "other"},
	    {"podman --help build", "other"},
	    {"podman -v build", "build"},
	    {"podman -D build", "build"},
	    {"podman --trace --transient-store build", "build transient=yes"},
	    {"podman --transient-store=false build", "build"},
	};

	(void)state;
	check_all(rows, ARRAY_LEN(rows));
}

static void test_after_the_verb(void **state)
{
	static const struct row rows[] = {
	    {"podman build --root /x .", "build root=/x"},
	    {"podman build . --root /x", "build root=/x"},
	    {"podman build -- --root /x", "build"},
	    {"podman build --storage-driver=vfs --imagestore /i .",
		"build driver=vfs imagestore=/i"},
	    {"podman --storage-opt a=b build --storage-opt=c=d,e=f .",
		"build opt=a=b opt=c=d,e=f"},
	    {"podman build -t app -f Containerfile --layers .", "build"},
	    {"podman build -tapp --root /x .", "build root=/x"},
	    {"podman build -qt app --root /x .", "build root=/x"},
	    {"podman build -qtapp --root /x .", "build root=/x"},
	    {"podman build -t=app --root /x .", "build root=/x"},
	    {"podman build --pull --root /x .", "build root=/x"},
	    {"podman build --pull=always --root /x .", "build root=/x"},
	    {"podman build --squash --root /x .", "build root=/x"},
	    {"podman build -c 2 .", "build"},
	    {"podman build --volume /a:/b --net host --root /x .", "build root=/x"},
	    {"podman run app --root /x", "use"},
	    {"podman run --root /x app --root /y", "use root=/x"},
	    {"podman run -it --rm --name n app --root /y", "use"},
	    {"podman run -h host --root /x app", "use root=/x"},
	    {"podman push app --root /x", "use root=/x"},
	    {"buildah run ctr -- cmd --root /x", "use"},
	    {"buildah run -t ctr cmd --root /x", "use"},
	    {"podman build --remote .", "build"},
	};

	(void)state;
	check_all(rows, ARRAY_LEN(rows));
}

static void test_buildah(void **state)
{
	static const struct row rows[] = {
	    {"buildah --root /x build .", "build root=/x"},
	    {"buildah build --root /x --runroot /y .", "build root=/x runroot=/y"},
	    {"buildah --debug bud", "build"},
	    {"buildah --registries-conf bud images", "other"},
	    {"buildah -- build .", "other"},
	    /* Options of the verb before it: seen with buildah 1.39. */
	    {"buildah -qD build .", "build"},
	    {"buildah --quiet x build .", "build"},
	    {"buildah --tag=x --root /y bud", "build root=/y"},
	    {"buildah --quiet build from", "use"},
	    /* cobra's versions differ in which of the two it takes out. */
	    {"buildah --root build build .", "build root=build unclear=build"},
	    {"buildah --storage-opt a=b,c=d build .", "build opt=a=b,c=d"},
	};

	(void)state;
	check_all(rows, ARRAY_LEN(rows));
}

static void test_remote(void **state)
{
	static const struct row rows[] = {
	    {"podman --remote build", "build remote=--remote"},
	    {"podman -r build", "build remote=-r"},
	    {"podman --remote=false build", "build local=yes"},
	    {"podman -r=0 build", "build local=yes"},
	    {"podman --url unix:///x build", "build remote=--url"},
	    {"podman --url=unix:///x build", "build remote=--url=unix:///x"},
	    {"podman -c x build", "build remote=-c"},
	    {"podman --connection x image build", "build remote=--connection"},
	    {"podman --context default build", "build remote=--context"},
	    {"podman -H x build", "build remote=-H"},
	    {"podman --remote ps", "other"},
	};

	(void)state;
	check_all(rows, ARRAY_LEN(rows));
}

/* What cannot be read for sure is a build, on a store that is not guessed. */
static void test_unknown(void **state)
{
	static const struct row rows[] = {
	    {"podman --new build", "build guessed=yes"},
	    {"podman --new x build", "build guessed=yes"},
	    {"podman --new ps", "other guessed=yes"},
	    {"podman --new run build app", "build guessed=yes"},
	    {"podman --new push app", "use guessed=yes"},
	    {"podman -x build", "build guessed=yes"},
	    {"podman --new --root /x build", "build unclear=--new guessed=yes"},
	    {"podman --root /x --new build", "build root=/x guessed=yes"},
	    {"podman image --new build", "build guessed=yes"},
	    {"podman build --new --root /x .", "build root=/x unclear=--new"},
	    {"podman build --new x .", "build"},
	    {"podman build --root /x --new .", "build root=/x"},
	    {"podman build -Z --root=/x .", "build root=/x unclear=-Z"},
	    {"podman build -qZ . --storage-opt x=y", "build opt=x=y unclear=-qZ"},
	    {"buildah --new build .", "build guessed=yes"},
	    {"buildah --new build from x", "build guessed=yes"},
	    {"buildah --new build --root /x", "build unclear=--new guessed=yes"},
	    /* A store option as a value: perhaps this version reads it as an option. */
	    {"podman build -t --root /x .", "build unclear=--root"},
	    {"podman build --tag --storage-driver=vfs .",
		"build unclear=--storage-driver=vfs"},
	    {"podman --root '' build", "build root= unclear=--root"},
	    {"podman --root= build", "build root= unclear=--root="},
	    {"podman --storage-opt \" build", "build opt=\" unclear=--storage-opt"},
	};

	(void)state;
	check_all(rows, ARRAY_LEN(rows));
}

static void test_help(void **state)
{
	static const struct row rows[] = {
	    {"podman build --help", "other"},
	    {"podman build -h", "other"},
	    {"podman build . --help", "other"},
	    {"podman build --help=false", "build"},
	    {"podman build -t --help .", "build"},
	    {"podman build -- --help", "build"},
	    {"podman run app --help", "use"},
	    {"podman run --help", "other"},
	    {"buildah build --help", "other"},
	    {"buildah bud -h", "other"},
	    /* The help might be the value of what stands before it. */
	    {"podman build --new --help .", "build"},
	    {"podman build -q --help .", "build"},
	};

	(void)state;
	check_all(rows, ARRAY_LEN(rows));
}

static void test_names(void **state)
{
	enum engine e;

	(void)state;
	assert_true(engine_parse("/opt/bin/buildah", &e) && e == ENGINE_BUILDAH);
	assert_true(engine_parse("docker", &e) && e == ENGINE_PODMAN);
	assert_false(engine_parse("podman-remote", &e));
	assert_false(engine_parse("podman/", &e));
	assert_true(engine_is_helper("buildah-copier"));
	assert_false(engine_is_helper("podman"));
	assert_false(engine_is_helper("/bin/buildah-copier"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_verbs),
	    cmocka_unit_test(test_before_the_verb),
	    cmocka_unit_test(test_after_the_verb),
	    cmocka_unit_test(test_buildah),
	    cmocka_unit_test(test_remote),
	    cmocka_unit_test(test_unknown),
	    cmocka_unit_test(test_help),
	    cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
