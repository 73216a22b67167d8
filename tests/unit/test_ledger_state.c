/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_ledger_state.c: reading from a `state` entry on says the same as reading everything, and what
 * lies about where to begin, or about what still counts, is found out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "ledger/ledger_impl.h"
#include "scratch.h"

#define ROUNDS 400
#define LIVE 20

static struct ledger *open_as(bool whole)
{
	struct trust trust;
	struct ledger_options o = {.dir = dir,
	    .mode = LEDGER_WRITE,
	    .trust = &trust,
	    .key = &key_source,
	    .whole = whole};
	struct ledger *l;
	struct err e;

	assert_int_equal(trust_load(trust_file(), &trust, &e), 0);
	if (ledger_open(&o, &l, &e))
		fail_msg("%s", e.msg);
	return l;
}

static void refuses(const char *words)
{
	refuses_to_open(ERR_LEDGER, words);
}

/* The text of everything that counts. */
static char *story(struct ledger *l)
{
	struct buf text;
	size_t objects;
	struct err e;

	buf_init(&text, SIZE_MAX / 2);
	assert_int_equal(state_snapshot(l->state, &text, &objects, &e), 0);
	return buf_take(&text);
}

static void add(struct ledger *l, struct entry *batch, size_t n)
{
	struct err e;

	if (ledger_append(l, batch, n, &e))
		fail_msg("%s", e.msg);
	for (size_t i = 0; i < n; i++)
		entry_release(&batch[i]);
}

/* A build server's life: layers, images and names come and go. */
static void live_through(struct ledger *l, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++) {
		struct entry batch[10];
		size_t n = 0;
		char name[32];

		snprintf(name, sizeof(name), "name-%u", i % 7);
		batch[n++] = layer_of(i);
		batch[n++] = image_of(i);
		batch[n++] = name_of(name, i);
		if (i % 3 == 0)
			batch[n++] = remeasure_of(i, i);
		batch[n++] = tree_of(i);
		if (i >= LIVE) {
			batch[n++] = retire_of(true, i - LIVE);
			batch[n++] = retire_of(false, i - LIVE);
			batch[n++] = retire_tree_of(i - LIVE);
		}
		add(l, batch, n);
	}
}

/* Roots of prefixes, by whoever appended what they are of. */
static void check_roots(struct ledger *l)
{
	struct digest root;
	struct err e;

	assert_int_equal(ledger_root_at(l, ledger_size(l), &root, &e), 0);
	assert_true(digest_equal(&root, &ledger_head(l)->root));
	assert_int_equal(ledger_root_at(l, l->start + 2, &root, &e), 0);
}

/* A ledger whose newest state entry is not its last. */
static void make_long(void)
{
	struct ledger *l;
	struct err e;

	remove_ledger();
	must_create();
	l = open_as(false);
	must_append(l, init_at("/g"));
	live_through(l, 0, ROUNDS);
	assert_int_equal(ledger_maintain(l, &e), 0);
	assert_int_equal(l->start + 1, ledger_size(l));
	assert_int_equal(ledger_maintain(l, &e), 0); /* not due again */
	assert_int_equal(l->start + 1, ledger_size(l));
	live_through(l, ROUNDS, ROUNDS + 5);
	check_roots(l);
	ledger_close(l);
}

/* What counts need not stand in the order in which it was needed: sealed again after its name, and so on. */
static void newer_seals_of_what_older_entries_need(void **state)
{
	struct ledger *l;
	struct err e;
	char *brief, *whole;

	(void)state;
	remove_ledger();
	must_create();
	l = open_as(false);
	must_append(l, init_at("/g"));
	live_through(l, 0, ROUNDS);
	must_append(l, image_of(ROUNDS - 1)); /* its name is older */
	must_append(l, init_at("/g"));	      /* all else is older */
	assert_int_equal(ledger_maintain(l, &e), 0);
	ledger_close(l);
	l = open_as(false);
	assert_true(l->start > 0);
	brief = story(l);
	ledger_close(l);
	l = open_as(true);
	whole = story(l);
	ledger_close(l);
	assert_string_equal(brief, whole);
	free(brief);
	free(whole);
}

static void a_short_cut_tells_the_same(void **state)
{
	struct ledger *brief, *whole;
	struct err e;
	char *a, *b;

	(void)state;
	make_long();
	brief = open_as(false);
	whole = open_as(true);
	assert_true(brief->start > 0);
	assert_int_equal(whole->start, 0);
	assert_true(brief->n_records < whole->n_records / 5);
	assert_int_equal(ledger_size(brief), ledger_size(whole));
	assert_true(ledger_time(brief) > 0);
	assert_int_equal(ledger_time(brief), ledger_time(whole));
	a = story(brief);
	b = story(whole);
	assert_string_equal(a, b);
	assert_true(strlen(a) > 2000);
	for (unsigned i = 0; i < ROUNDS + 5; i++) {
		char id[ENTRY_ID_LEN + 1];
		const struct sealed_layer *x, *y;

		id_of(id, i);
		x = ledger_layer(brief, &store_a, id);
		y = ledger_layer(whole, &store_a, id);
		assert_int_equal(!x || x->retired, !y || y->retired);
		if (x && y)
			assert_int_equal(x->seq, y->seq);
	}
	/* Both go on from there. */
	live_through(brief, ROUNDS + 5, ROUNDS + 6);
	ledger_close(brief);
	ledger_close(whole);
	whole = open_as(true);
	assert_int_equal(ledger_maintain(whole, &e), 0); /* not due again so soon */
	ledger_close(whole);
	free(a);
	free(b);
}

/* Retired objects are forgotten at a state entry by whoever reads it, and may come back. */
static void what_is_forgotten_may_return(void **state)
{
	char id[ENTRY_ID_LEN + 1];
	struct ledger *l;
	struct err e;

	(void)state;
	make_long();
	for (int whole = 0; whole < 2; whole++) {
		l = open_as(whole);
		id_of(id, 3);
		assert_null(ledger_layer(l, &store_a, id));
		assert_int_equal(append(l, retire_of(false, 3), &e), ERR_REFUSED);
		assert_int_equal(append(l, name_of("x", 3), &e), ERR_REFUSED);
		assert_string_equal(ledger_name(l, &store_a, "x"), "");
		ledger_close(l);
	}
	l = open_as(false);
	must_append(l, layer_of(3));
	must_append(l, image_of(3));
	must_append(l, name_of("x", 3));
	ledger_close(l);
	l = open_as(true);
	assert_non_null(ledger_layer(l, &store_a, id));
	assert_string_equal(ledger_name(l, &store_a, "x"), id);
	ledger_close(l);
}

/* ---- lies about the start ---- */

static void put_start(const void *data, size_t len)
{
	struct lmdb m = lmdb_open(dir);
	MDB_val key = {5, (void *)(uintptr_t) "start"},
		value = {len, (void *)(uintptr_t)data};

	assert_int_equal(mdb_put(m.txn, m.dbi[LMDB_META], &key, &value, 0), 0);
	lmdb_commit(&m);
}

static size_t get_start(uint8_t out[static 4096])
{
	struct lmdb m = lmdb_open(dir);
	MDB_val key = {5, (void *)(uintptr_t) "start"}, value;
	size_t len;

	assert_int_equal(mdb_get(m.txn, m.dbi[LMDB_META], &key, &value), 0);
	len = value.mv_size;
	assert_true(len <= 4096);
	memcpy(out, value.mv_data, len);
	lmdb_commit(&m);
	return len;
}

static void no_lie_about_the_start_is_believed(void **state)
{
	uint8_t good[4096], bad[4096];
	size_t len;

	(void)state;
	make_long();
	len = get_start(good);
	for (size_t i = 0; i < len; i += i < 8 ? 1 : 7) {
		memcpy(bad, good, len);
		bad[i] = (uint8_t)(bad[i] ^ 1U << (i % 8));
		put_start(bad, len);
		refuses("ledger");
	}
	put_start(good, len - 1);
	refuses("ledger");
	put_start(good, 4);
	refuses("ledger");
	memset(bad, 0, sizeof(bad));
	put_start(bad, 8);
	refuses("start");
	memset(bad, 0xff, sizeof(bad));
	put_start(bad, sizeof(bad));
	refuses("ledger");
	ledger_close(open_as(true)); /* who reads everything needs no start */
	put_start(good, len);
	ledger_close(open_as(false));
}

/* A true start at an entry that is none to start from: one before the state entry. */
static void only_state_entries_are_a_start(void **state)
{
	uint8_t value[4096], seq[8];
	struct merkle tree;
	struct ledger *l;
	uint64_t at;

	(void)state;
	make_long();
	l = open_as(true);
	at = 7;
	merkle_init(&tree);
	for (uint64_t i = 0; i < at; i++) {
		struct digest leaf;

		record_leaf(l->records[i], &leaf);
		merkle_append(&tree, &leaf);
	}
	ledger_close(l);
	lmdb_key(seq, at);
	memcpy(value, seq, 8);
	memcpy(value + 8, tree.peak, 3 * DIGEST_BYTES);
	put_start(value, 8 + 3 * DIGEST_BYTES);
	refuses("none to start from");
}

static int find_live(void *ctx, const struct sealed_layer *layer, struct err *e)
{
	uint64_t *seq = ctx;

	(void)e;
	if (!layer->retired)
		*seq = layer->seq;
	return 0;
}

/* Bytes of an entry that is not read in passing, or that is read because it counts. */
static void entries_before_the_start(void **state)
{
	uint64_t live = 0;
	struct ledger *l;
	struct lmdb m;
	uint8_t key_bytes[8];
	MDB_val key = {8, key_bytes}, value;
	struct err e;
	char *text;

	(void)state;
	make_long();
	l = open_as(false);
	assert_int_equal(ledger_each_layer(l, &store_a, find_live, &live, &e), 0);
	while (live >= l->start) /* one that counts and is older */
		live = l->records[0]->seq == 0 ? l->records[1]->seq : l->records[0]->seq;
	ledger_close(l);
	m = lmdb_open(dir);
	lmdb_key(key_bytes, live);
	assert_int_equal(mdb_get(m.txn, m.dbi[LMDB_ENTRY], &key, &value), 0);
	text = xstrndup(value.mv_data, value.mv_size);
	text[value.mv_size - 20] ^= 1;
	value.mv_data = text;
	assert_int_equal(mdb_put(m.txn, m.dbi[LMDB_ENTRY], &key, &value, 0), 0);
	lmdb_commit(&m);
	refuses("not the one that was signed");
	m = lmdb_open(dir);
	assert_int_equal(mdb_del(m.txn, m.dbi[LMDB_ENTRY], &key, NULL), 0);
	lmdb_commit(&m);
	refuses("ledger");
	free(text);
}

static void a_snapshot_is_there_and_is_what_was_signed(void **state)
{
	struct lmdb m;

	(void)state;
	make_long();
	m = lmdb_open(dir);
	assert_int_equal(mdb_drop(m.txn, m.dbi[LMDB_MANIFEST], 0), 0);
	lmdb_commit(&m);
	refuses("snapshot");
	ledger_close(open_as(true));
}

/* ---- roots of prefixes ---- */

static void roots_of_prefixes(void **state)
{
	struct ledger *brief, *whole;
	struct digest a, b;
	struct err e;
	uint64_t sizes[6];

	(void)state;
	make_long();
	brief = open_as(false);
	whole = open_as(true);
	sizes[0] = 0;
	sizes[1] = 1;
	sizes[2] = brief->start - 1;
	sizes[3] = brief->start;
	sizes[4] = brief->start + 3;
	sizes[5] = ledger_size(brief);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		assert_int_equal(ledger_root_at(brief, sizes[i], &a, &e), 0);
		assert_int_equal(ledger_root_at(whole, sizes[i], &b, &e), 0);
		assert_true(digest_equal(&a, &b));
	}
	assert_true(digest_equal(&a, &ledger_head(brief)->root));
	assert_int_equal(ledger_root_at(brief, sizes[5] + 1, &a, &e), ERR_LEDGER);
	ledger_close(brief);
	ledger_close(whole);
}

/* ---- keys and anchors ---- */

static struct entry key_of(enum entry_op op, const char *vkey)
{
	struct entry en = {.op = op, .time = 1};

	en.key.vkey = xstrdup(vkey);
	return en;
}

static struct entry anchor_of(const char *name, uint64_t counter)
{
	struct entry en = {.op = ENTRY_ANCHOR, .time = 1};

	en.anchor.name = xstrdup(name);
	en.anchor.counter = counter;
	return en;
}

static void keys_are_added_and_retired_once(void **state)
{
	static const char vkey[] =
	    "build01.ci.example/"
	    "cache-ledger+1704497b+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea";
	struct public_key key;
	struct ledger *l;
	struct err e;

	(void)state;
	make_ledger(1);
	assert_int_equal(public_key_parse(vkey, &key, &e), 0);
	l = open_as(false);
	assert_true(ledger_key_is_live(l, &key));
	assert_int_equal(append(l, key_of(ENTRY_KEY_ADD, "nonsense"), &e), ERR_REFUSED);
	must_append(l, key_of(ENTRY_KEY_ADD, vkey)); /* entry 2 */
	assert_int_equal(append(l, key_of(ENTRY_KEY_ADD, vkey), &e), ERR_REFUSED);
	must_append(l, key_of(ENTRY_KEY_RETIRE, vkey)); /* entry 3 */
	assert_int_equal(append(l, key_of(ENTRY_KEY_RETIRE, vkey), &e), ERR_REFUSED);
	assert_int_equal(append(l, key_of(ENTRY_KEY_ADD, vkey), &e), ERR_REFUSED);
	assert_false(ledger_key_is_live(l, &key));
	for (uint64_t size = 0; size < 7; size++)
		assert_int_equal(
		    state_key_may_sign(l->state, &key, size), size == 3 || size == 4);
	ledger_close(l);
	l = open_as(true);
	assert_false(ledger_key_is_live(l, &key));
	ledger_close(l);
}

static void counters_only_grow(void **state)
{
	uint64_t counter = 0;
	struct ledger *l;
	struct err e;

	(void)state;
	make_ledger(1);
	l = open_as(false);
	assert_false(ledger_anchor_counter(l, "tpm:0x01500020", &counter));
	must_append(l, anchor_of("tpm:0x01500020", 5));
	assert_int_equal(append(l, anchor_of("tpm:0x01500020", 5), &e), ERR_REFUSED);
	assert_int_equal(append(l, anchor_of("tpm:0x01500020", 4), &e), ERR_REFUSED);
	must_append(l, anchor_of("another", 1));
	must_append(l, anchor_of("tpm:0x01500020", 6));
	ledger_close(l);
	l = open_as(true);
	assert_true(ledger_anchor_counter(l, "tpm:0x01500020", &counter));
	assert_int_equal(counter, 6);
	assert_true(ledger_anchor_counter(l, "another", &counter));
	assert_int_equal(counter, 1);
	ledger_close(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_short_cut_tells_the_same),
	    cmocka_unit_test(newer_seals_of_what_older_entries_need),
	    cmocka_unit_test(what_is_forgotten_may_return),
	    cmocka_unit_test(no_lie_about_the_start_is_believed),
	    cmocka_unit_test(only_state_entries_are_a_start),
	    cmocka_unit_test(entries_before_the_start),
	    cmocka_unit_test(a_snapshot_is_there_and_is_what_was_signed),
	    cmocka_unit_test(roots_of_prefixes),
	    cmocka_unit_test(keys_are_added_and_retired_once),
	    cmocka_unit_test(counters_only_grow),
	};

	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
