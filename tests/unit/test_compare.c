/* SPDX-License-Identifier: Apache-2.0 */
/* test_compare.c: two manifests, given as text, and the findings between them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tree/compare.h"

#define DIGEST_A "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define DIGEST_B "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100"
#define ROOT "/ 0 40755 1 0 0 0 1.000000000 - - -\n"

struct text {
	const char *p;
	size_t chunk; /* bytes per read */
};

static int read_text(void *ctx, const char **data, size_t *len, struct err *e)
{
	struct text *t = ctx;
	size_t left = strlen(t->p);

	(void)e;
	*data = t->p;
	*len = left < t->chunk ? left : t->chunk;
	t->p += *len;
	return 0;
}

static int feed(struct compare *c, const char *now, struct err *e)
{
	struct manifest_scratch *s = manifest_scratch_new();
	int r = 0;

	while (!r && *now) {
		size_t len = strcspn(now, "\n") + 1;
		struct manifest_entry m;

		assert_int_equal(manifest_parse(now, len, s, &m, e), 0);
		r = compare_line(c, now, len, &m, e);
		now += len;
	}
	manifest_scratch_free(s);
	return r;
}

static int run(const char *sealed, const char *now, size_t chunk, struct findings *out,
    struct err *e)
{
	struct text t = {.p = sealed, .chunk = chunk};
	struct compare *c = compare_new(read_text, &t, "layer", out);
	int r = feed(c, now, e);

	if (!r)
		r = compare_finish(c, e);
	compare_free(c);
	return r;
}

static char *join(char *so_far, const char *sep, const char *s)
{
	char *joined = xasprintf("%s%s%s", so_far, sep, s ? s : "none");

	free(so_far);
	return joined;
}

/* The findings as "class path|expected|found" lines must be `want`, however the text is cut. */
static void check(const char *sealed, const char *now, const char *want)
{
	static const size_t chunks[] = {1, 7, 4096};

	for (size_t i = 0; i < ARRAY_LEN(chunks); i++) {
		CLEANUP_FINDINGS struct findings list = {0};
		char *got = xstrdup("");
		struct err e = {0};

		assert_int_equal(run(sealed, now, chunks[i], &list, &e), 0);
		for (size_t j = 0; j < list.n; j++) {
			assert_string_equal(list.v[j].layer, "layer");
			got = join(got, "", finding_class_name(list.v[j].class));
			got = join(got, " ", list.v[j].path);
			got = join(got, "|", list.v[j].expected);
			got = join(got, "|", list.v[j].found);
			got = join(got, "", "\n");
		}
		assert_string_equal(got, want);
		free(got);
	}
}

static void test_same(void **state)
{
	const char *m = ROOT "/a 1 100644 1 0 0 0 1.000000000 - - " DIGEST_A "\n"
			     "/a.b 1 120777 1 0 0 0 1.000000000 x - - user.a=1\n";

	(void)state;
	check(m, m, "");
	check("", "", "");
}

/* One column at a time, so that no column is forgotten and none is reported as another. */
static void test_columns(void **state)
{
	const char *file =
	    ROOT "/a 1 100644 1 0 0 0 1.000000000 - - " DIGEST_A " user.a=1\n";

	(void)state;
	check(file, ROOT "/a 1 104755 1 0 0 0 1.000000000 - - " DIGEST_A " user.a=1\n",
	    "tree-mode /a|0644|4755\n");
	check(file, ROOT "/a 1 100644 1 1 2 0 1.000000000 - - " DIGEST_A " user.a=1\n",
	    "tree-owner /a|0:0|1:2\n");
	check(file, ROOT "/a 1 100644 1 0 0 0 1.000000001 - - " DIGEST_A " user.a=1\n",
	    "tree-mtime "
	    "/a|1970-01-01T00:00:01.000000000Z|1970-01-01T00:00:01.000000001Z\n");
	check(file, ROOT "/a 1 100644 1 0 0 0 1.000000000 - - " DIGEST_B " user.a=1\n",
	    "tree-content /a|1 bytes, fs-verity sha256:" DIGEST_A
	    "|1 bytes, fs-verity sha256:" DIGEST_B "\n");
	check(file, ROOT "/a 0 100644 1 0 0 0 1.000000000 - - - user.a=1\n",
	    "tree-content /a|1 bytes, fs-verity sha256:" DIGEST_A "|0 bytes\n");
	check(file, ROOT "/a 1 100644 2 0 0 0 1.000000000 - - " DIGEST_A " user.a=1\n",
	    "tree-hardlink /a|1 link|2 links\n");
	check(ROOT "/l 1 120777 1 0 0 0 1.000000000 x - -\n",
	    ROOT "/l 1 120777 1 0 0 0 1.000000000 y - -\n", "tree-target /l|x|y\n");
	check(ROOT "/c 0 20600 1 0 0 4294967299 1.000000000 - - -\n",
	    ROOT "/c 0 20600 1 0 0 0 1.000000000 - - -\n", "tree-device /c|1:3|0:0\n");
	check(ROOT "/a 1 100644 2 0 0 0 1.000000000 - - " DIGEST_A "\n"
		   "/b 1 @100644 2 0 0 0 1.000000000 /a - -\n",
	    ROOT "/a 1 100644 2 0 0 0 1.000000000 - - " DIGEST_A "\n"
		 "/b 1 100644 2 0 0 0 1.000000000 - - " DIGEST_B "\n",
	    "tree-hardlink /b|hard link to /a, 2 links in all|2 links\n");
}

static void test_xattrs(void **state)
{
	(void)state;
	check(ROOT "/a 0 100755 1 0 0 0 1.000000000 - - - user.b=1 user.c=2 user.d=3\n",
	    ROOT "/a 0 100755 1 0 0 0 1.000000000 - - - security.capability=\\x01\\x00 "
		 "user.b=1 user.c=x\n",
	    "tree-xattr /a|no security.capability|security.capability=0x0100 (2 bytes)\n"
	    "tree-xattr /a|user.c=\"2\"|user.c=\"x\"\n"
	    "tree-xattr /a|user.d=\"3\"|no user.d\n");
	/* A directory that became opaque hides everything below. */
	check(ROOT, "/ 0 40755 1 0 0 0 1.000000000 - - - trusted.overlay.opaque=y\n",
	    "tree-xattr /|no trusted.overlay.opaque|trusted.overlay.opaque=\"y\"\n");
}

static void test_several_at_once(void **state)
{
	(void)state;
	check(ROOT "/a 1 100644 1 0 0 0 1.000000000 - - " DIGEST_A "\n",
	    ROOT "/a 2 104755 1 0 5 0 2.000000000 - - " DIGEST_B "\n",
	    "tree-mode /a|0644|4755\n"
	    "tree-owner /a|0:0|0:5\n"
	    "tree-mtime "
	    "/a|1970-01-01T00:00:01.000000000Z|1970-01-01T00:00:02.000000000Z\n"
	    "tree-content /a|1 bytes, fs-verity sha256:" DIGEST_A
	    "|2 bytes, fs-verity sha256:" DIGEST_B "\n");
}

static void test_added_and_removed(void **state)
{
	(void)state;
	check(ROOT "/b 0 100644 1 0 0 0 1.000000000 - - -\n"
		   "/d 1 120777 1 0 0 0 1.000000000 x - -\n",
	    ROOT "/a 0 20000 1 0 0 0 1.000000000 - - -\n"
		 "/b 0 100644 1 0 0 0 1.000000000 - - -\n"
		 "/c 0 106755 1 0 0 0 1.000000000 - - -\n",
	    "tree-added /a|none|whiteout 0000 0:0 (hides this name of the layers below)\n"
	    "tree-added /c|none|regular file 6755 0:0, 0 bytes\n"
	    "tree-removed /d|symbolic link 0777 0:0 to x|none\n");
}

/* One finding per directory, and "/d.x" is not below "/d". */
static void test_directories_are_counted(void **state)
{
	const char *tree = ROOT "/d 0 40755 1 0 0 0 1.000000000 - - -\n"
				"/d/e 0 40755 1 0 0 0 1.000000000 - - -\n"
				"/d/e/f 0 100644 1 0 0 0 1.000000000 - - -\n"
				"/d.x 0 100644 1 0 0 0 1.000000000 - - -\n";

	(void)state;
	check(tree, ROOT,
	    "tree-removed /d|directory 0755 0:0 and 2 entries below it|none\n"
	    "tree-removed /d.x|regular file 0644 0:0, 0 bytes|none\n");
	check(ROOT, tree,
	    "tree-added /d|none|directory 0755 0:0 and 2 entries below it\n"
	    "tree-added /d.x|none|regular file 0644 0:0, 0 bytes\n");
	/* A removed directory and an added one beside it. */
	check(ROOT "/d 0 40755 1 0 0 0 1.000000000 - - -\n"
		   "/d/f 0 100644 1 0 0 0 1.000000000 - - -\n",
	    ROOT "/c 0 40755 1 0 0 0 1.000000000 - - -\n"
		 "/c/f 0 100644 1 0 0 0 1.000000000 - - -\n",
	    "tree-added /c|none|directory 0755 0:0 and 1 entry below it\n"
	    "tree-removed /d|directory 0755 0:0 and 1 entry below it|none\n");
}

static void test_type(void **state)
{
	const char *dir = ROOT "/d 0 40755 1 0 0 0 1.000000000 - - -\n"
			       "/d/f 0 100644 1 0 0 0 1.000000000 - - -\n";
	const char *link = ROOT "/d 4 120777 1 0 0 0 1.000000000 /etc - -\n";

	(void)state;
	check(dir, link,
	    "tree-type /d|directory 0755 0:0 and 1 entry below it|symbolic link 0777 0:0 "
	    "to /etc\n");
	check(link, dir,
	    "tree-type /d|symbolic link 0777 0:0 to /etc|directory 0755 0:0 and 1 entry "
	    "below it\n");
	check(link, ROOT "/d 0 10644 1 0 0 0 1.000000000 - - -\n",
	    "tree-type /d|symbolic link 0777 0:0 to /etc|FIFO 0644 0:0\n");
}

/* The ledger vouches for the sealed text; still nothing that breaks the format may pass. */
static void test_bad_sealed(void **state)
{
	static const char *const bad[] = {
	    "rubbish\n",
	    ROOT "/a 0 100644 1 0 0 0 1.000000000 - - -", /* no LF */
	    ROOT ROOT,
	    ROOT "/b 0 100644 1 0 0 0 1.000000000 - - -\n"
		 "/a 0 100644 1 0 0 0 1.000000000 - - -\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CLEANUP_FINDINGS struct findings list = {0};
		struct err e = {0};

		assert_int_equal(run(bad[i], ROOT, 4096, &list, &e), ERR_MALFORMED);
		assert_non_null(strstr(e.msg, "sealed manifest"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_same),
	    cmocka_unit_test(test_columns),
	    cmocka_unit_test(test_xattrs),
	    cmocka_unit_test(test_several_at_once),
	    cmocka_unit_test(test_added_and_removed),
	    cmocka_unit_test(test_directories_are_counted),
	    cmocka_unit_test(test_type),
	    cmocka_unit_test(test_bad_sealed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
