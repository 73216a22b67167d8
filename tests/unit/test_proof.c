/* SPDX-License-Identifier: Apache-2.0 */
/* test_proof.c: proofs of a real ledger: made, read, checked, and forged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exports.h"
#include "ledger/proof.h"

#define LAYERS 20

/* The proof of one entry, as it is written to a file. */
struct made {
	struct buf text, entry;
};

static void made_release(struct made *m)
{
	buf_release(&m->text);
	buf_release(&m->entry);
}
#define CLEANUP_MADE CLEANUP(made_release)

static struct trust ledger_trust;

static struct made make_proof(uint64_t seq)
{
	CLEANUP_LEDGER struct ledger *l = must_open(LEDGER_READ);
	struct proof p;
	struct made m;
	struct err e;

	buf_init(&m.text, PROOF_MAX_BYTES);
	buf_init(&m.entry, ENTRY_MAX_BYTES);
	if (proof_make(l, seq, &p, &m.entry, &e) || proof_format(&p, &m.text, &e))
		fail_msg("%s", e.msg);
	return m;
}

static int check_text(
    const char *text, size_t len, const struct buf *entry, struct err *e)
{
	struct checkpoint head;
	struct proof p;
	int r = proof_parse(text, len, &p, e);

	return r ? r : proof_check(&p, &ledger_trust, entry, &head, NULL, e);
}

static void test_every_entry(void **state)
{
	struct err e;

	(void)state;
	for (uint64_t i = 0; i <= LAYERS; i++) {
		CLEANUP_MADE struct made m = make_proof(i);
		CLEANUP_MADE struct made other = make_proof((i + 1) % (LAYERS + 1));

		assert_non_null(
		    strstr(m.entry.data, i ? "op seal-layer\n" : "op init\n"));
		if (check_text(m.text.data, m.text.len, &m.entry, &e))
			fail_msg("%s", e.msg);
		assert_int_equal(
		    check_text(m.text.data, m.text.len, &other.entry, &e), ERR_LEDGER);
	}
}

static void test_no_such_entry(void **state)
{
	CLEANUP_LEDGER struct ledger *l = must_open(LEDGER_READ);
	struct proof p;
	struct err e;

	(void)state;
	assert_int_equal(proof_make(l, LAYERS + 1, &p, NULL, &e), ERR_NOT_FOUND);
	assert_int_equal(proof_make(l, UINT64_MAX, &p, NULL, &e), ERR_NOT_FOUND);
}

/* Every bit of a proof counts. */
static void test_every_bit(void **state)
{
	CLEANUP_MADE struct made m = make_proof(7);
	struct err e;

	(void)state;
	for (size_t i = 0; i < m.text.len; i++) {
		for (int bit = 0; bit < 8; bit += i < 300 ? 1 : 7) {
			m.text.data[i] ^= (char)(1 << bit);
			if (check_text(m.text.data, m.text.len, &m.entry, &e) !=
			    ERR_LEDGER)
				fail_msg("byte %zu, bit %d", i, bit);
			m.text.data[i] ^= (char)(1 << bit);
		}
	}
	for (size_t len = 0; len < m.text.len; len++)
		assert_int_equal(check_text(m.text.data, len, &m.entry, &e), ERR_LEDGER);
	m.entry.data[3] ^= 1;
	assert_int_equal(check_text(m.text.data, m.text.len, &m.entry, &e), ERR_LEDGER);
}

/* A proof with some lines exchanged for others. */
static int check_edited(
    const char *from, const char *to, const char *words, struct err *e)
{
	CLEANUP_MADE struct made m = make_proof(7);
	CLEANUP_BUF struct buf text;
	const char *at = strstr(m.text.data, from);
	int r;

	assert_non_null(at);
	buf_init(&text, 2 * PROOF_MAX_BYTES);
	assert_int_equal(buf_add(&text, m.text.data, (size_t)(at - m.text.data), e), 0);
	assert_int_equal(buf_adds(&text, to, e), 0);
	assert_int_equal(buf_adds(&text, at + strlen(from), e), 0);
	r = check_text(text.data, text.len, &m.entry, e);
	if (words && (r != ERR_LEDGER || !strstr(e->msg, words)))
		fail_msg("%d \"%s\", not about \"%s\"", r, e->msg, words);
	return r;
}

static void test_text(void **state)
{
	static const struct {
		const char *from, *to, *words;
	} cases[] = {
	    {"proof@v1", "proof@v2", "line 1"},
	    {"index 7", "index 07", "line 2"},
	    {"index 7", "index +7", "line 2"},
	    {"index 7", "index", "line 2"},
	    {"index 7", "index ", "line 2"},
	    {"index 7", "index 18446744073709551616", "line 2"},
	    {"index 7", "index 18446744073709551615", "is not in a tree"},
	    {"index 7", "index 7\n", "signed note"},
	    {"index 7", "extra !\nindex 7", "line 2"},
	    {"index 7", "extra AAAA\nextra AAAA\nindex 7", "line 3"},
	    {"index 7", "index 7\nindex 7", "line 3"},
	    {"index 7", "index 7\nAAAA", "line 3"},
	};
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		(void)!check_edited(cases[i].from, cases[i].to, cases[i].words, &e);
	/* Anybody's data, which says nothing about the entry. */
	assert_int_equal(check_edited("index 7", "extra AAAA\nindex 7", NULL, &e), 0);
}

static void test_sizes(void **state)
{
	CLEANUP_FREE char *long_text = xmalloc(PROOF_MAX_BYTES + 1);
	CLEANUP_BUF struct buf lines;
	struct proof p;
	struct err e;

	(void)state;
	memset(long_text, '\n', PROOF_MAX_BYTES + 1);
	assert_int_equal(proof_parse(long_text, PROOF_MAX_BYTES + 1, &p, &e), ERR_LEDGER);
	buf_init(&lines, PROOF_MAX_BYTES);
	assert_int_equal(buf_adds(&lines, "c2sp.org/tlog-proof@v1\nindex 0\n", &e), 0);
	for (int i = 0; i <= MERKLE_PROOF_MAX; i++)
		assert_int_equal(
		    buf_adds(
			&lines, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", &e),
		    0);
	assert_int_equal(buf_adds(&lines, "\nnote", &e), 0);
	assert_int_equal(proof_parse(lines.data, lines.len, &p, &e), ERR_LEDGER);
	assert_non_null(strstr(e.msg, "more hashes"));
}

/* Signed by somebody else. */
static void test_untrusted(void **state)
{
	CLEANUP_MADE struct made m = make_proof(7);
	struct checkpoint head;
	struct proof p;
	struct err e;

	(void)state;
	assert_int_equal(proof_parse(m.text.data, m.text.len, &p, &e), 0);
	assert_int_equal(
	    proof_check(&p, &trusted, &m.entry, &head, NULL, &e), ERR_LEDGER);
}

/* ---- consistency ---- */

static void test_consistency(void **state)
{
	CLEANUP_LEDGER struct ledger *l = must_open(LEDGER_READ);
	struct checkpoint old = *ledger_head(l);
	struct consistency c;
	struct err e;

	(void)state;
	for (uint64_t size = 0; size <= LAYERS + 1; size++) {
		old.size = size;
		assert_int_equal(ledger_root_at(l, size, &old.root, &e), 0);
		if (consistency_of_ledger(l, &old, &c, &e))
			fail_msg("%s", e.msg);
		assert_true((c.n == 0) == (size == 0 || size == LAYERS + 1));
		old.root.bytes[5] ^= 1;
		assert_int_equal(consistency_of_ledger(l, &old, &c, &e), ERR_LEDGER);
		assert_non_null(strstr(e.msg, "a fork"));
	}
	old = *ledger_head(l);
	old.size++;
	assert_int_equal(consistency_of_ledger(l, &old, &c, &e), ERR_LEDGER);
	assert_non_null(strstr(e.msg, "rolled back"));
	old = *ledger_head(l);
	old.origin[0] = 'x';
	assert_int_equal(consistency_of_ledger(l, &old, &c, &e), ERR_LEDGER);
	assert_non_null(strstr(e.msg, "two logs"));
}

static int setup(void **state)
{
	struct err e;

	if (scratch_setup(state))
		return -1;
	exports_setup();
	make_ledger(LAYERS);
	return trust_load(trust_file(), &ledger_trust, &e);
}

static int teardown(void **state)
{
	exports_teardown();
	return scratch_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_entry),
	    cmocka_unit_test(test_no_such_entry),
	    cmocka_unit_test(test_every_bit),
	    cmocka_unit_test(test_text),
	    cmocka_unit_test(test_sizes),
	    cmocka_unit_test(test_untrusted),
	    cmocka_unit_test(test_consistency),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
