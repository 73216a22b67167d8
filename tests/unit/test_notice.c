/* SPDX-License-Identifier: Apache-2.0 */
/* test_notice.c: what the watcher says, as a line, as JSON, and as its catalogue explains it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <syslog.h>

#include "base/hex.h"
#include "notices.h"

static char *text_of(const struct notice *n)
{
	char *text;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	assert_non_null(to);
	notice_text(to, n);
	assert_int_equal(fclose(to), 0);
	assert_harmless(text, len);
	return text;
}

static void test_text(void **state)
{
	struct finding f = finding_of(FINDING_TREE_CONTENT);
	struct notice n = alarm_of(&f);
	CLEANUP_FREE char *text = text_of(&n);

	(void)state;
	assert_string_equal(text,
	    "alarm: tree-content layer 0123456789ab "
	    "/etc/\\x0a\\x1b[2J\"\\\\\\xff\\xe2\\x80\\xae\\x0aPRIORITY=7: the bytes of a "
	    "file "
	    "were changed; expected sha256:aa; found sha256:bb\\x0d\\x0a=; written by "
	    "pid "
	    "4711, uid 1000, /usr/bin/\\x1bsh, in a container");
}

static void test_texts_of_other_kinds(void **state)
{
	struct finding class_only = {.class = FINDING_TREE_MODE};
	struct writer gone = {.pid = 12, .uid = 77, .program = "x"};
	struct notice n = notice_of(NOTICE_GAP, "overflow");
	char *text;

	(void)state;
	n.count = 3;
	text = text_of(&n);
	assert_string_equal(text, "gap: overflow: the kernel's queue of events was full; "
				  "all is looked at again (times: 3)");
	free(text);
	n = (struct notice){.kind = NOTICE_FOLDED,
	    .folded = NOTICE_ALARM,
	    .finding = &class_only,
	    .count = 4};
	text = text_of(&n);
	assert_string_equal(
	    text, "folded: 4 more of kind alarm, tree-mode, were not told one by one");
	free(text);
	n = (struct notice){
	    .kind = NOTICE_TOUCHED, .layer = layer_id, .path = "/a\tb", .writer = &gone};
	text = text_of(&n);
	assert_string_equal(
	    text, "touched: layer 0123456789ab /a\\x09b; written by pid 12");
	free(text);
}

static void test_text_is_cut(void **state)
{
	char *long_path = xmalloc(4096);
	struct finding f = {.class = FINDING_TREE_ADDED, .path = long_path};
	struct notice n = alarm_of(&f);
	CLEANUP_FREE char *text = NULL;

	(void)state;
	memset(long_path, '\n', 4095);
	long_path[4095] = '\0';
	text = text_of(&n);
	assert_true(strlen(text) < 3000);
	assert_non_null(strstr(text, "\\x0a...: a file that"));
	free(long_path);
}

static void test_json(void **state)
{
	struct finding f = finding_of(FINDING_TREE_CONTENT);
	struct notice n = alarm_of(&f);
	CLEANUP_JSONOUT struct jsonout j;
	const json_t *finding, *writer;
	json_t *doc;

	(void)state;
	jsonout_init(&j);
	notice_json(&j, &n);
	assert_harmless(j.text.data, j.text.len);
	doc = parsed(j.text.data);
	assert_string_equal(member(doc, "schema"), "layerseal.notice/1");
	assert_string_equal(member(doc, "kind"), "alarm");
	assert_string_equal(member(doc, "time"), "2026-01-01T00:00:00.123Z");
	assert_string_equal(member(doc, "store"), "/var/lib/containers/storage");
	finding = json_object_get(doc, "finding");
	assert_string_equal(member(finding, "class"), "tree-content");
	assert_non_null(strstr(member(finding, "path"), "/etc/\n\033[2J\"\\"));
	writer = json_object_get(doc, "writer");
	assert_int_equal(json_integer_value(json_object_get(writer, "pid")), 4711);
	assert_int_equal(json_integer_value(json_object_get(writer, "uid")), 1000);
	assert_true(json_is_true(json_object_get(writer, "in_container")));
	json_decref(doc);
}

static void test_json_of_every_kind(void **state)
{
	(void)state;
	for (enum notice_kind k = 0; k < NOTICE_KIND_COUNT; k++) {
		struct notice n = notice_of(k, HOSTILE);
		CLEANUP_JSONOUT struct jsonout j;
		json_t *doc;

		jsonout_init(&j);
		notice_json(&j, &n);
		assert_harmless(j.text.data, j.text.len);
		doc = parsed(j.text.data);
		assert_string_equal(member(doc, "kind"), notice_kind_name(k));
		assert_true(json_is_null(json_object_get(doc, "writer")));
		json_decref(doc);
	}
}

static void test_priorities(void **state)
{
	struct finding f = finding_of(FINDING_NAME_UNSEALED);
	struct notice n = alarm_of(&f);

	(void)state;
	assert_int_equal(notice_priority(&n), LOG_CRIT);
	f.severity = SEVERITY_WARN;
	assert_int_equal(notice_priority(&n), LOG_WARNING);
	n = notice_of(NOTICE_PASS, "");
	assert_int_equal(notice_priority(&n), LOG_INFO);
	for (enum notice_kind k = 0; k < NOTICE_KIND_COUNT; k++) {
		n = notice_of(k, "");
		assert_true(
		    notice_priority(&n) >= LOG_CRIT && notice_priority(&n) <= LOG_INFO);
	}
}

/* ---- the catalogue ---- */

static char *catalogue(void)
{
	char *text = xcalloc(1, 65536);
	FILE *f = fopen("systemd/layerseal.catalog", "r");

	assert_non_null(f);
	assert_true(fread(text, 1, 65535, f) > 0);
	fclose(f);
	return text;
}

static bool is_an_id(const char *id, size_t len)
{
	bool is = false;

	for (enum notice_kind k = 0; k < NOTICE_KIND_COUNT; k++)
		is = is || strncmp(notice_message_id(k), id, len) == 0;
	return is;
}

static void test_every_id_is_in_the_catalogue(void **state)
{
	CLEANUP_FREE char *text = catalogue();

	(void)state;
	for (enum notice_kind k = 0; k < NOTICE_KIND_COUNT; k++) {
		const char *id = notice_message_id(k);
		CLEANUP_FREE char *line = xasprintf("\n\n-- %s\nSubject: ", id);

		assert_true(hex_is(id, 32) && strlen(id) == 32);
		if (!strstr(text, line))
			fail_msg("%s is not in the catalogue", notice_kind_name(k));
		for (enum notice_kind other = 0; other < k; other++)
			assert_string_not_equal(id, notice_message_id(other));
	}
}

static void test_the_catalogue_has_no_other(void **state)
{
	CLEANUP_FREE char *text = catalogue();
	size_t n = 0;

	(void)state;
	for (const char *p = text; (p = strstr(p, "\n-- ")); n++) {
		p += 4;
		if (!is_an_id(p, 32) || p[32] != '\n')
			fail_msg("no message has the id %.32s", p);
	}
	assert_int_equal(n, NOTICE_KIND_COUNT);
}

/* What it inserts are fields that messages have. */
static void test_fields_of_the_catalogue(void **state)
{
	static const char *const fields[] = {"STORE", "CLASS", "LAYER", "IMAGE", "PATH",
	    "EXPECTED", "FOUND", "PID", "UID", "PROGRAM", "TEXT", "COUNT", "FOLDED"};
	CLEANUP_FREE char *text = catalogue();

	(void)state;
	for (char *p = text, *end; (p = strchr(p, '@')); p = end + 1) {
		bool known = false;

		end = strchr(p + 1, '@');
		assert_non_null(end);
		for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
			CLEANUP_FREE char *name = xasprintf("@LAYERSEAL_%s@", fields[i]);

			known = known || strncmp(p, name, strlen(name)) == 0;
		}
		if (!known)
			fail_msg("no field %.30s", p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_text),
	    cmocka_unit_test(test_texts_of_other_kinds),
	    cmocka_unit_test(test_text_is_cut),
	    cmocka_unit_test(test_json),
	    cmocka_unit_test(test_json_of_every_kind),
	    cmocka_unit_test(test_priorities),
	    cmocka_unit_test(test_every_id_is_in_the_catalogue),
	    cmocka_unit_test(test_the_catalogue_has_no_other),
	    cmocka_unit_test(test_fields_of_the_catalogue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
