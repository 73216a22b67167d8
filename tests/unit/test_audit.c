/* SPDX-License-Identifier: Apache-2.0 */
/* test_audit.c: logs that are signed and wrong, and checkpoints that are kept and wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>

#include "exports.h"
#include "ledger/audit.h"

/* ---- exports: any entries, under a good signature ---- */

static int audit_of_export(
    const struct trust *t, struct audit_report *report, struct err *e)
{
	struct audit_options o = {.trust = t};

	return audit_export(top, &o, report, e);
}

static void add_entry(struct tiles_writer *w, struct entry en)
{
	CLEANUP_BUF struct buf text;
	struct err e;

	buf_init(&text, ENTRY_MAX_BYTES);
	if (entry_format(&en, &text, &e) || add_bytes(w, text.data, text.len, &e))
		fail_msg("%s", e.msg);
	entry_release(&en);
}

struct new_export {
	int fd;
	struct tiles_writer *w;
};

static struct new_export begin_export(void)
{
	struct new_export x;

	remove_tree(top);
	mkdir(top, 0700);
	x.fd = open_dir(top);
	x.w = tiles_writer_new(x.fd, 0);
	add_entry(x.w, init_at("/g"));
	return x;
}

static int end_export(struct new_export *x, const struct signer *key,
    struct audit_report *report, struct err *e)
{
	assert_int_equal(finish_export(x->w, key, e), 0);
	tiles_writer_free(x->w);
	close(x->fd);
	return audit_of_export(&trusted, report, e);
}

static void says(struct new_export x, const char *words)
{
	struct audit_report report;
	struct err e = {0};
	int r = end_export(&x, log_key, &report, &e);

	if (r != ERR_LEDGER || !strstr(e.msg, words))
		fail_msg("%d \"%s\", not about \"%s\"", r, e.msg, words);
}

static void test_good(void **state)
{
	struct new_export x = begin_export();
	struct audit_report report;
	struct err e = {0};

	(void)state;
	add_entry(x.w, layer_of(0));
	add_entry(x.w, layer_of(1));
	add_entry(x.w, image_of(9));
	add_entry(x.w, name_of("a", 9));
	add_entry(x.w, remeasure_of(1, 1));
	add_entry(x.w, retire_of(true, 9));
	if (end_export(&x, log_key, &report, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(report.head.size, 7);
	assert_int_equal(report.by_op[ENTRY_SEAL_LAYER], 2);
	assert_int_equal(report.by_op[ENTRY_RETIRE], 1);
	assert_int_equal(report.objects, 4); /* init, two layers, one remeasure */
	assert_int_equal(report.checkpoints, 1);
}

static void test_bad_entries(void **state)
{
	struct new_export x = begin_export();
	struct err e;

	(void)state;
	add_entry(x.w, retire_of(true, 9));
	says(x, "entry 1");
	x = begin_export();
	add_entry(x.w, layer_of(0));
	add_entry(x.w, remeasure_of(0, 5));
	says(x, "entry 2");
	x = begin_export();
	add_entry(x.w, name_of("a", 9));
	says(x, "entry 1");
	x = begin_export();
	assert_int_equal(add_bytes(x.w, "no entry\n", 9, &e), 0);
	says(x, "entry 1");
	x = begin_export();
	assert_int_equal(add_bytes(x.w, "", 0, &e), 0);
	says(x, "entry 1");
}

/* A `state` entry from which readers would begin with something else than what is there. */
static void test_bad_snapshot(void **state)
{
	struct entry en = entry_of(ENTRY_STATE);
	struct new_export x = begin_export();

	(void)state;
	memset(&en.store, 0, sizeof(en.store));
	add_entry(x.w, layer_of(0));
	en.state.objects = 2;
	en.state.bytes = 2 * (2 + DIGEST_HEX_LEN + 1);
	add_entry(x.w, en);
	says(x, "entry 2: its snapshot");
}

static void test_bad_signer(void **state)
{
	struct new_export x = begin_export();
	CLEANUP_BUF struct buf vkey;
	struct entry en = entry_of(ENTRY_KEY_RETIRE);
	struct audit_report report;
	struct err e = {0};

	(void)state;
	assert_int_equal(end_export(&x, other_key, &report, &e), ERR_LEDGER);
	assert_non_null(strstr(e.msg, "no signature of a trusted key"));
	/* The entries say that this key had signed its last checkpoint. */
	x = begin_export();
	buf_init(&vkey, 512);
	memset(&en.store, 0, sizeof(en.store));
	assert_int_equal(public_key_format(signer_public(log_key), &vkey, &e), 0);
	en.key.vkey = xstrdup(vkey.data);
	add_entry(x.w, en);
	add_entry(x.w, layer_of(0));
	says(x, "which the entries do not let sign that");
}

static void test_bounds_of_trust(void **state)
{
	struct new_export x = begin_export();
	struct trust t = trusted;
	struct audit_report report;
	struct err e = {0};

	(void)state;
	add_entry(x.w, layer_of(0));
	assert_int_equal(end_export(&x, log_key, &report, &e), 0);
	t.log[0].until = 1;
	assert_int_equal(audit_of_export(&t, &report, &e), ERR_LEDGER);
	assert_non_null(strstr(e.msg, "may not sign"));
	t.log[0].until = 2;
	assert_int_equal(audit_of_export(&t, &report, &e), 0);
	t.log[0].from = 3;
	t.log[0].until = UINT64_MAX;
	assert_int_equal(audit_of_export(&t, &report, &e), ERR_LEDGER);
}

static void test_no_export(void **state)
{
	struct audit_report report;
	struct err e = {0};

	(void)state;
	remove_tree(top);
	assert_int_equal(audit_of_export(&trusted, &report, &e), ERR_LEDGER);
	mkdir(top, 0700);
	assert_int_equal(audit_of_export(&trusted, &report, &e), ERR_LEDGER);
}

/* ---- ledgers ---- */

static int audit_it(bool manifests, struct audit_report *report, struct err *e)
{
	CLEANUP_LEDGER struct ledger *l = must_open(LEDGER_READ);
	struct trust t;
	struct audit_options o = {.trust = &t, .manifests = manifests};

	if (trust_load(trust_file(), &t, e))
		fail_msg("%s", e->msg);
	return audit_ledger(l, &o, report, e);
}

static void audit_says(const char *words)
{
	struct audit_report report;
	struct err e = {0};
	int r = audit_it(false, &report, &e);

	if (r != ERR_LEDGER || !strstr(e.msg, words))
		fail_msg("%d \"%s\", not about \"%s\"", r, e.msg, words);
}

/* A ledger of ten entries with a checkpoint for each size. */
static void make_ten(void)
{
	struct ledger *l;

	make_ledger(0);
	l = must_open(LEDGER_WRITE);
	for (unsigned i = 0; i < 9; i++)
		must_append(l, layer_of(i));
	ledger_close(l);
}

static void test_ledger(void **state)
{
	struct audit_report report;
	struct err e = {0};

	(void)state;
	make_ten();
	if (audit_it(false, &report, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(report.head.size, 10);
	assert_int_equal(report.checkpoints, 11);
	assert_int_equal(report.objects, 10);
}

/* More checkpoints than are verified at once. */
static void test_many_checkpoints(void **state)
{
	struct audit_report report;
	struct ledger *l;
	struct err e = {0};

	(void)state;
	make_ledger(0);
	l = must_open(LEDGER_WRITE);
	for (unsigned i = 0; i < 300; i++)
		must_append(l, layer_of(i));
	ledger_close(l);
	if (audit_it(false, &report, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(report.checkpoints, 302);
}

/* The snapshot that this program made is the one that the entries make. */
static void test_good_snapshot(void **state)
{
	struct audit_report report;
	struct ledger *l;
	struct err e = {0};

	(void)state;
	make_ledger(1500);
	l = must_open(LEDGER_WRITE);
	must_append(l, retire_of(false, 7));
	must_append(l, layer_of(7));
	must_append(l, retire_of(false, 8));
	assert_int_equal(ledger_maintain(l, &e), 0);
	must_append(l, layer_of(8));
	ledger_close(l);
	if (audit_it(false, &report, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(report.by_op[ENTRY_STATE], 1);
	assert_int_equal(report.objects, 1501);
}

/* The ledger opens, for its newest checkpoint is good; an older one is not. */
static void test_bad_checkpoints(void **state)
{
	CLEANUP_FREE char *five = NULL, *six = NULL, *bad = NULL;
	size_t five_len, six_len;
	struct lmdb m;

	(void)state;
	make_ten();
	m = lmdb_open(dir);
	five = lmdb_get(&m, LMDB_HEAD, 5, &five_len);
	six = lmdb_get(&m, LMDB_HEAD, 6, &six_len);
	lmdb_put(&m, LMDB_HEAD, 5, six, six_len);
	lmdb_commit(&m);
	audit_says("the checkpoint of 6 entries stands where one of 5 belongs");

	bad = xmalloc(five_len);
	memcpy(bad, five, five_len);
	bad[five_len - 10] = bad[five_len - 10] == 'A' ? 'B' : 'A';
	m = lmdb_open(dir);
	lmdb_put(&m, LMDB_HEAD, 5, bad, five_len);
	lmdb_commit(&m);
	audit_says("its checkpoint of 5 entries");

	m = lmdb_open(dir);
	lmdb_put(&m, LMDB_HEAD, 5, "", 0);
	lmdb_commit(&m);
	audit_says("its checkpoint of 5 entries");
}

/* Of another history of the same ledger, which the key has signed too: a fork that came to light. */
static void test_checkpoint_of_fork(void **state)
{
	CLEANUP_FREE char *data = NULL, *forked = NULL;
	size_t len, forked_len;
	struct ledger *l;
	struct lmdb m;

	(void)state;
	make_ledger(3);
	data = read_file(path_of("db/data.mdb"), &len);
	l = must_open(LEDGER_WRITE);
	must_append(l, layer_of(99));
	ledger_close(l);
	m = lmdb_open(dir);
	forked = lmdb_get(&m, LMDB_HEAD, 5, &forked_len);
	lmdb_commit(&m);

	write_file(path_of("db/data.mdb"), data, len);
	l = must_open(LEDGER_WRITE);
	must_append(l, layer_of(3));
	must_append(l, layer_of(4));
	ledger_close(l);
	m = lmdb_open(dir);
	lmdb_put(&m, LMDB_HEAD, 5, forked, forked_len);
	lmdb_commit(&m);
	audit_says("its checkpoint of 5 entries is not of the entries that are there");
}

static void add_manifest(struct ledger *l, const char *text, struct entry *en)
{
	struct manifest_writer *w;
	struct err e;

	sha256(text, strlen(text), &en->seal_layer.tree);
	en->seal_layer.manifest_bytes = strlen(text);
	if (manifest_writer_new(l, &w, &e) ||
	    manifest_writer_add(w, text, strlen(text), &e) ||
	    manifest_writer_commit(w, &en->seal_layer.tree, &e))
		fail_msg("%s", e.msg);
	manifest_writer_free(w);
}

static void test_manifests(void **state)
{
	struct entry en = layer_of(0);
	struct audit_report report;
	struct digest tree;
	struct ledger *l;
	struct lmdb m;
	struct err e = {0};
	uint8_t key[DIGEST_BYTES + 4] = {0};
	MDB_val k = {sizeof(key), key}, v = {4, (void *)(uintptr_t) "junk"};

	(void)state;
	make_ledger(0);
	l = must_open(LEDGER_WRITE);
	add_manifest(l, "/ 0 40755 1 0 0 0 1.000000000 - - -\n", &en);
	tree = en.seal_layer.tree;
	must_append(l, en);
	ledger_close(l);
	if (audit_it(true, &report, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(report.manifests, 1);
	/* Its text is another: only who asks for manifests sees it. */
	memcpy(key, tree.bytes, DIGEST_BYTES);
	m = lmdb_open(dir);
	assert_int_equal(mdb_put(m.txn, m.dbi[LMDB_MANIFEST], &k, &v, 0), 0);
	lmdb_commit(&m);
	assert_int_equal(audit_it(false, &report, &e), 0);
	assert_int_equal(audit_it(true, &report, &e), ERR_LEDGER);
	assert_non_null(strstr(e.msg, "the manifest of layer"));
	/* There is none, or it has another length than was sealed. */
	m = lmdb_open(dir);
	memset(key + DIGEST_BYTES, 0xff, 4);
	assert_int_equal(mdb_del(m.txn, m.dbi[LMDB_MANIFEST], &k, NULL), 0);
	lmdb_commit(&m);
	assert_int_equal(audit_it(true, &report, &e), ERR_LEDGER);
}

static void test_manifest_length(void **state)
{
	struct entry en = layer_of(0);
	struct audit_report report;
	struct ledger *l;
	struct err e = {0};

	(void)state;
	make_ledger(0);
	l = must_open(LEDGER_WRITE);
	add_manifest(l, "/ 0 40755 1 0 0 0 1.000000000 - - -\n", &en);
	en.seal_layer.manifest_bytes++;
	must_append(l, en);
	ledger_close(l);
	assert_int_equal(audit_it(true, &report, &e), ERR_LEDGER);
	assert_non_null(strstr(e.msg, "were sealed"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_good),
	    cmocka_unit_test(test_bad_entries),
	    cmocka_unit_test(test_bad_snapshot),
	    cmocka_unit_test(test_bad_signer),
	    cmocka_unit_test(test_bounds_of_trust),
	    cmocka_unit_test(test_no_export),
	    cmocka_unit_test(test_ledger),
	    cmocka_unit_test(test_many_checkpoints),
	    cmocka_unit_test(test_good_snapshot),
	    cmocka_unit_test(test_bad_checkpoints),
	    cmocka_unit_test(test_checkpoint_of_fork),
	    cmocka_unit_test(test_manifests),
	    cmocka_unit_test(test_manifest_length),
	};

	return cmocka_run_group_tests(
	    tests, exports_scratch_setup, exports_scratch_teardown);
}
