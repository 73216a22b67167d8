/* SPDX-License-Identifier: Apache-2.0 */
/* test_export.c: ledgers exported, again and again, and what an export refuses to be laid over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/file.h>

#include "exports.h"
#include "ledger/audit.h"
#include "ledger/export.h"

static int export_as(const struct trust *t, bool signify, uint64_t *before, struct err *e)
{
	CLEANUP_LEDGER struct ledger *l = must_open(LEDGER_READ);
	struct export_options o = {.dir = top, .trust = t, .signify = signify};

	return export_ledger(l, &o, before, e);
}

static struct trust load_trust(void)
{
	struct trust t;
	struct err e;

	if (trust_load(trust_file(), &t, &e))
		fail_msg("%s", e.msg);
	return t;
}

static int export_it(uint64_t *before, struct err *e)
{
	struct trust t = load_trust();

	return export_as(&t, false, before, e);
}

static void must_export(uint64_t want_before)
{
	uint64_t before;
	struct err e;

	if (export_it(&before, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(before, want_before);
}

/* The audit of the export says how many entries it has. */
static void assert_size(uint64_t size)
{
	struct trust t = load_trust();
	struct audit_options o = {.trust = &t};
	struct audit_report report;
	struct err e;

	if (audit_export(top, &o, &report, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(report.head.size, size);
}

static void add_layers(unsigned from, unsigned n)
{
	struct ledger *l = must_open(LEDGER_WRITE);

	for (unsigned i = from; i < from + n; i++)
		must_append(l, layer_of(i));
	ledger_close(l);
}

static void refuses(int code, const char *words)
{
	char path[256];
	CLEANUP_FREE char *was = NULL, *is = NULL;
	size_t was_len, is_len;
	uint64_t before;
	struct err e = {0};
	int r;

	snprintf(path, sizeof(path), "%s/checkpoint", top);
	was = read_file(path, &was_len);
	r = export_it(&before, &e);
	if (r != code || !strstr(e.msg, words))
		fail_msg("%d \"%s\", not about \"%s\"", r, e.msg, words);
	is = read_file(path, &is_len);
	assert_int_equal(is_len, was_len);
	assert_memory_equal(is, was, was_len);
}

static void test_grows(void **state)
{
	(void)state;
	remove_tree(top);
	make_ledger(0);
	must_export(0);
	assert_size(1);
	must_export(1);
	add_layers(0, 3);
	must_export(1);
	assert_size(4);
	must_export(4);
	assert_size(4);
}

static void test_empty_ledger(void **state)
{
	(void)state;
	remove_tree(top);
	remove_ledger();
	must_create();
	must_export(0);
	assert_size(0);
	must_export(0);
}

/* The ledger as it was before, with the export of what came after. */
static void test_rolled_back(void **state)
{
	size_t len;
	CLEANUP_FREE char *data = NULL;

	(void)state;
	remove_tree(top);
	make_ledger(5);
	data = read_file(path_of("db/data.mdb"), &len);
	add_layers(5, 1);
	must_export(0);
	write_file(path_of("db/data.mdb"), data, len);
	refuses(ERR_LEDGER, "rolled back");
	/* And gone on from there in another way: as long, and longer. */
	add_layers(70, 1);
	refuses(ERR_LEDGER, "a fork");
	add_layers(71, 1);
	refuses(ERR_LEDGER, "a fork");
}

static void test_other_log(void **state)
{
	(void)state;
	remove_tree(top);
	make_ledger(2);
	must_export(0);
	make_ledger(2); /* another key */
	refuses(ERR_REFUSED, "the checkpoint that is there");
}

static void test_other_things(void **state)
{
	char path[256];
	uint64_t before;
	struct err e;

	(void)state;
	remove_tree(top);
	make_ledger(2);
	mkdir(top, 0700);
	snprintf(path, sizeof(path), "%s/precious", top);
	write_text(path, "mine");
	assert_int_equal(export_it(&before, &e), ERR_REFUSED);
	assert_non_null(strstr(e.msg, "precious: not a part of an export"));
	assert_int_equal(unlink(path), 0);
	for (int i = 0; i < 40; i++) {
		snprintf(path, sizeof(path), "%s/%d", top, i);
		write_text(path, "");
	}
	assert_int_equal(export_it(&before, &e), ERR_REFUSED);
	remove_tree(top);
	snprintf(path, sizeof(path), "%s", top);
	write_text(path, "a file");
	assert_int_equal(export_it(&before, &e), ERR_IO);
	assert_int_equal(unlink(path), 0);
	must_export(0);
}

static void test_one_at_a_time(void **state)
{
	CLEANUP_FD int fd = -1;
	uint64_t before;
	struct err e;

	(void)state;
	remove_tree(top);
	make_ledger(2);
	must_export(0);
	fd = open_dir(top);
	assert_int_equal(flock(fd, LOCK_SH), 0);
	assert_int_equal(export_it(&before, &e), ERR_REFUSED);
	assert_non_null(strstr(e.msg, "another export"));
}

/* ---- signify(1) ---- */

static void test_signify(void **state)
{
	CLEANUP_BUF struct buf note, text;
	struct checkpoint c = {.origin = ORIGIN, .size = 3};
	struct err e;
	const struct public_key *key = signer_public(log_key);

	(void)state;
	buf_init(&note, NOTE_MAX_BYTES);
	buf_init(&text, NOTE_MAX_BYTES);
	assert_int_equal(
	    checkpoint_sign(&c, (const struct signer *const[]){log_key}, 1, &note, &e),
	    0);
	assert_int_equal(signify_format_key(key, &text, &e), 0);
	assert_memory_equal(
	    text.data, "untrusted comment: " ORIGIN "\nRW", 21 + sizeof(ORIGIN));
	buf_clear(&text);
	assert_int_equal(
	    signify_format_signature(note.data, note.len, key, &text, &e), 0);
	assert_non_null(strstr(text.data, "\n" ORIGIN "\n3\n"));
	assert_null(strstr(text.data, "\xe2\x80\x94"));
	/* Nothing is put into a frame that the key has not signed. */
	assert_int_equal(signify_format_signature(
			     note.data, note.len, signer_public(other_key), &text, &e),
	    ERR_LEDGER);
	note.data[2] ^= 1;
	assert_int_equal(
	    signify_format_signature(note.data, note.len, key, &text, &e), ERR_LEDGER);
}

/* Once there, the files for signify follow the checkpoint. */
static void test_signify_follows(void **state)
{
	struct trust t;
	CLEANUP_FREE char *first = NULL, *second = NULL;
	char path[256];
	uint64_t before;
	struct err e;

	(void)state;
	remove_tree(top);
	make_ledger(2);
	t = load_trust();
	assert_int_equal(export_as(&t, true, &before, &e), 0);
	snprintf(path, sizeof(path), "%s/" EXPORT_SIGNIFY_SIG, top);
	first = read_file(path, NULL);
	assert_non_null(strstr(first, "\n3\n"));
	add_layers(2, 1);
	assert_int_equal(export_as(&t, false, &before, &e), 0);
	second = read_file(path, NULL);
	assert_non_null(strstr(second, "\n4\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_grows),
	    cmocka_unit_test(test_empty_ledger),
	    cmocka_unit_test(test_rolled_back),
	    cmocka_unit_test(test_other_log),
	    cmocka_unit_test(test_other_things),
	    cmocka_unit_test(test_one_at_a_time),
	    cmocka_unit_test(test_signify),
	    cmocka_unit_test(test_signify_follows),
	};

	return cmocka_run_group_tests(
	    tests, exports_scratch_setup, exports_scratch_teardown);
}
