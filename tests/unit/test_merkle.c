/* SPDX-License-Identifier: Apache-2.0 */
/* test_merkle.c: the tree against RFC 6962's definitions, written down a second time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/hex.h"
#include "crypto/merkle.h"

#define LEAVES 300
#define PROOF_SIZES 40 /* trees whose every proof is tried */
#define PROOF_MAX 16
#define MADE_SIZES 130 /* trees whose every proof is made */

static struct digest leaf[LEAVES];

/* ---- RFC 6962 section 2.1, word for word ---- */

static size_t largest_power_below(size_t n)
{
	size_t k = 1;

	while (k * 2 < n)
		k *= 2;
	return k;
}

static struct digest naive_root(const struct digest *d, size_t n)
{
	static struct digest known[LEAVES][MADE_SIZES + 1];
	static bool is_known[LEAVES][MADE_SIZES + 1];
	size_t at = d >= leaf && d < leaf + LEAVES ? (size_t)(d - leaf) : LEAVES, k;
	struct digest left, right;

	if (n == 0) {
		sha256("", 0, &left);
		return left;
	}
	if (n == 1)
		return d[0];
	/* For speed only. */
	if (at < LEAVES && n <= MADE_SIZES && is_known[at][n])
		return known[at][n];
	k = largest_power_below(n);
	left = naive_root(d, k);
	right = naive_root(d + k, n - k);
	merkle_node(&left, &right, &left);
	if (at < LEAVES && n <= MADE_SIZES) {
		known[at][n] = left;
		is_known[at][n] = true;
	}
	return left;
}

struct proof {
	struct digest hash[PROOF_MAX];
	size_t n;
};

static void naive_path(size_t m, const struct digest *d, size_t n, struct proof *p)
{
	size_t k;

	if (n == 1)
		return;
	k = largest_power_below(n);
	if (m < k)
		naive_path(m, d, k, p);
	else
		naive_path(m - k, d + k, n - k, p);
	p->hash[p->n++] = m < k ? naive_root(d + k, n - k) : naive_root(d, k);
}

static void naive_subproof(
    size_t m, const struct digest *d, size_t n, bool complete, struct proof *p)
{
	size_t k;

	if (m == n) {
		if (!complete)
			p->hash[p->n++] = naive_root(d, n);
		return;
	}
	k = largest_power_below(n);
	if (m <= k) {
		naive_subproof(m, d, k, complete, p);
		p->hash[p->n++] = naive_root(d + k, n - k);
	} else {
		naive_subproof(m - k, d + k, n - k, false, p);
		p->hash[p->n++] = naive_root(d, k);
	}
}

static struct proof inclusion_proof(size_t index, size_t size)
{
	struct proof p = {.n = 0};

	naive_path(index, leaf, size, &p);
	return p;
}

static struct proof consistency_proof(size_t old_size, size_t new_size)
{
	struct proof p = {.n = 0};

	if (old_size)
		naive_subproof(old_size, leaf, new_size, true, &p);
	return p;
}

/* ---- known answers ---- */

static void assert_digest(const struct digest *d, const char *hex)
{
	char got[DIGEST_HEX_LEN + 1];

	digest_hex(d, got);
	assert_string_equal(got, hex);
}

static void test_hashes(void **state)
{
	struct digest d;

	(void)state;
	merkle_leaf("L123456", 7, &d);
	assert_digest(
	    &d, "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56");
	merkle_leaf(NULL, 0, &d);
	assert_digest(
	    &d, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
	/* The empty leaf with itself. */
	merkle_node(&d, &d, &d);
	assert_digest(
	    &d, "fe43d66afa4a9a5c4f9c9da89f4ffb52635c8f342e7ffb731d68e36c5982072a");
}

/* Leaves around the size that is hashed in one go. */
static void test_long_leaves(void **state)
{
	static const size_t lengths[] = {4095, 4096, 4097, 70000};
	CLEANUP_FREE uint8_t *data = xmalloc(1 + 70000);
	struct digest want, got;

	(void)state;
	for (size_t i = 0; i < 70000; i++)
		data[1 + i] = (uint8_t)(i * 7);
	data[0] = 0x00;
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		sha256(data, 1 + lengths[i], &want);
		merkle_leaf(data + 1, lengths[i], &got);
		assert_true(digest_equal(&want, &got));
	}
}

static void test_known_roots(void **state)
{
	static const char *const data[] = {"", "00", "10", "2021", "3031", "40414243",
	    "5051525354555657", "606162636465666768696a6b6c6d6e6f"};
	static const char *const roots[] = {
	    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
	    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
	    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
	    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
	    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
	    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
	    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
	    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
	struct merkle m;
	struct digest d;

	(void)state;
	merkle_init(&m);
	merkle_root(&m, &d);
	assert_digest(&d, roots[0]);
	for (size_t i = 0; i < ARRAY_LEN(data); i++) {
		uint8_t bytes[16];
		size_t len = strlen(data[i]) / 2;

		assert_true(hex_decode(bytes, len, data[i]));
		merkle_leaf(bytes, len, &d);
		merkle_append(&m, &d);
		merkle_root(&m, &d);
		assert_digest(&d, roots[i + 1]);
	}
}

static void test_append(void **state)
{
	struct merkle m;
	struct digest got, want;

	(void)state;
	merkle_init(&m);
	for (size_t n = 0; n <= LEAVES; n++) {
		assert_int_equal(m.size, n);
		merkle_root(&m, &got);
		want = naive_root(leaf, n);
		assert_true(digest_equal(&got, &want));
		if (n < LEAVES)
			merkle_append(&m, &leaf[n]);
	}
}

/* ---- inclusion ---- */

static bool included(size_t index, size_t size, const struct digest *l,
    const struct proof *p, const struct digest *root)
{
	struct err e = {0};
	int r = merkle_check_inclusion(index, size, l, p->hash, p->n, root, &e);

	assert_int_equal(r, e.code);
	assert_true(r == 0 || r == ERR_LEDGER);
	return r == 0;
}

/* A proof with anything about it changed proves nothing. */
static void inclusion_broken(
    size_t index, size_t size, struct proof p, const struct digest *root)
{
	for (size_t i = 0; i < p.n; i++) {
		for (size_t bit = 0; bit < 8 * DIGEST_BYTES; bit += 37) {
			p.hash[i].bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_false(included(index, size, &leaf[index], &p, root));
			p.hash[i].bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
	if (p.n > 1) {
		struct proof swapped = p;

		swapped.hash[0] = p.hash[1];
		swapped.hash[1] = p.hash[0];
		assert_false(included(index, size, &leaf[index], &swapped, root));
	}
	/* One hash too many, of any kind; one too few at either end. */
	p.hash[p.n++] = *root;
	assert_false(included(index, size, &leaf[index], &p, root));
	p.hash[p.n - 1] = (struct digest){{0}};
	assert_false(included(index, size, &leaf[index], &p, root));
	if (--p.n) {
		p.n--;
		assert_false(included(index, size, &leaf[index], &p, root));
		memmove(p.hash, p.hash + 1, p.n * sizeof(p.hash[0]));
		assert_false(included(index, size, &leaf[index], &p, root));
	}
}

static void test_inclusion(void **state)
{
	(void)state;
	for (size_t size = 1; size <= PROOF_SIZES; size++) {
		struct digest root = naive_root(leaf, size), other;

		for (size_t i = 0; i < size; i++) {
			struct proof p = inclusion_proof(i, size);

			assert_true(included(i, size, &leaf[i], &p, &root));
			inclusion_broken(i, size, p, &root);
			for (size_t j = 0; j <= size + 1; j++) {
				if (j == i)
					continue;
				assert_false(included(j, size, &leaf[i], &p, &root));
				assert_false(included(i, size, &leaf[j], &p, &root));
			}
			other = naive_root(leaf, size + 1);
			assert_false(included(i, size, &leaf[i], &p, &other));
		}
	}
}

/* An inner node is no leaf, although its hash leads to the root. */
static void test_inclusion_of_node(void **state)
{
	struct digest root = naive_root(leaf, 4), node = naive_root(leaf, 2), posing;
	struct proof p = {.hash = {naive_root(leaf + 2, 2)}, .n = 1};
	uint8_t both[2 * DIGEST_BYTES];

	(void)state;
	assert_false(included(0, 4, &node, &p, &root));
	/* As an entry of two hashes its leaf hash is another. */
	memcpy(both, leaf[0].bytes, DIGEST_BYTES);
	memcpy(both + DIGEST_BYTES, leaf[1].bytes, DIGEST_BYTES);
	merkle_leaf(both, sizeof(both), &posing);
	assert_false(digest_equal(&posing, &node));
	assert_false(included(0, 2, &posing, &p, &root));
}

static void test_inclusion_sizes(void **state)
{
	struct digest root = naive_root(leaf, 1);
	struct proof p = {.n = 0};

	(void)state;
	assert_true(included(0, 1, &leaf[0], &p, &root));
	assert_false(included(0, 0, &leaf[0], &p, &root));
	assert_false(included(1, 1, &leaf[0], &p, &root));
	assert_false(included(SIZE_MAX, SIZE_MAX, &leaf[0], &p, &root));
	assert_false(included(SIZE_MAX - 1, SIZE_MAX, &leaf[0], &p, &root));
	assert_false(included(0, SIZE_MAX, &leaf[0], &p, &root));
}

/* ---- consistency ---- */

static bool consistent(size_t old_size, size_t new_size, const struct digest *old_root,
    const struct digest *new_root, const struct proof *p)
{
	struct err e = {0};
	int r = merkle_check_consistency(
	    old_size, new_size, old_root, new_root, p->hash, p->n, &e);

	assert_int_equal(r, e.code);
	assert_true(r == 0 || r == ERR_LEDGER);
	return r == 0;
}

static bool same_proof(const struct proof *a, const struct proof *b)
{
	return a->n == b->n && memcmp(a->hash, b->hash, a->n * sizeof(a->hash[0])) == 0;
}

static void consistency_broken(size_t old_size, size_t new_size, struct proof p)
{
	struct digest old_root = naive_root(leaf, old_size);
	struct digest new_root = naive_root(leaf, new_size);

	for (size_t i = 0; i < p.n; i++) {
		for (size_t bit = 0; bit < 8 * DIGEST_BYTES; bit += 37) {
			p.hash[i].bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_false(
			    consistent(old_size, new_size, &old_root, &new_root, &p));
			p.hash[i].bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
	old_root.bytes[0] ^= 1;
	assert_false(consistent(old_size, new_size, &old_root, &new_root, &p));
	old_root.bytes[0] ^= 1;
	new_root.bytes[31] ^= 0x80;
	assert_false(
	    consistent(old_size, new_size, &old_root, &new_root, &p) && old_size != 0);
	new_root.bytes[31] ^= 0x80;
	p.hash[p.n++] = new_root;
	assert_false(consistent(old_size, new_size, &old_root, &new_root, &p));
	if (--p.n) {
		p.n--;
		assert_false(consistent(old_size, new_size, &old_root, &new_root, &p));
		memmove(p.hash, p.hash + 1, p.n * sizeof(p.hash[0]));
		assert_false(consistent(old_size, new_size, &old_root, &new_root, &p));
	}
}

static void test_consistency(void **state)
{
	(void)state;
	for (size_t n = 1; n <= PROOF_SIZES; n++) {
		struct digest new_root = naive_root(leaf, n);

		for (size_t m = 0; m <= n; m++) {
			struct digest old_root = naive_root(leaf, m);
			struct proof p = consistency_proof(m, n);

			assert_true(consistent(m, n, &old_root, &new_root, &p));
			consistency_broken(m, n, p);
			/* The proof of one old size is none of another. */
			for (size_t k = 1; k < n; k++) {
				struct digest root = naive_root(leaf, k);
				struct proof q = consistency_proof(k, n);

				if (m > 0 && m < n && !same_proof(&p, &q))
					assert_false(
					    consistent(k, n, &root, &new_root, &p));
			}
		}
	}
}

/* The tree of another history, and the tree that shrank. */
static void test_rollback_and_fork(void **state)
{
	struct digest five = naive_root(leaf, 5), eight = naive_root(leaf, 8), forked;
	struct digest changed[8];
	struct proof p = consistency_proof(5, 8), none = {.n = 0};

	(void)state;
	assert_false(consistent(8, 5, &eight, &five, &none));
	assert_false(consistent(8, 5, &eight, &five, &p));
	assert_false(consistent(SIZE_MAX, 5, &eight, &five, &p));
	assert_false(consistent(5, 0, &five, &eight, &none));
	/* Same size, other root. */
	assert_false(consistent(5, 5, &five, &eight, &none));
	assert_true(consistent(5, 5, &five, &five, &none));
	/* An old tree of no leaves has one root only. */
	assert_false(consistent(0, 8, &five, &eight, &none));
	/* Entry 3 rewritten: no hash of the forked tree joins it to the old root. */
	memcpy(changed, leaf, sizeof(changed));
	changed[3].bytes[0] ^= 1;
	forked = naive_root(changed, 8);
	assert_false(consistent(5, 8, &five, &forked, &p));
	p.n = 0;
	naive_subproof(5, changed, 8, true, &p);
	assert_false(consistent(5, 8, &five, &forked, &p));
}

/* ---- proofs that are made ---- */

static void assert_same_proof(const struct merkle_prover *made, const struct proof *want)
{
	assert_int_equal(made->n, want->n);
	assert_memory_equal(made->proof, want->hash, want->n * sizeof(want->hash[0]));
}

static void test_make_inclusion(void **state)
{
	(void)state;
	for (size_t size = 1; size <= MADE_SIZES; size++) {
		struct digest root = naive_root(leaf, size);

		for (size_t i = 0; i < size; i++) {
			struct proof want = inclusion_proof(i, size);
			struct merkle_prover made;

			merkle_prove_inclusion(&made, i, size);
			for (size_t j = 0; j < size; j++)
				merkle_prover_add(&made, &leaf[j]);
			assert_same_proof(&made, &want);
			assert_true(included(i, size, &leaf[i], &want, &root));
		}
	}
}

static void test_make_consistency(void **state)
{
	(void)state;
	for (size_t n = 0; n <= MADE_SIZES; n++) {
		struct digest new_root = naive_root(leaf, n);

		for (size_t m = 0; m <= n; m++) {
			struct digest old_root = naive_root(leaf, m);
			struct proof want = consistency_proof(m, n);
			struct merkle_prover made;

			merkle_prove_consistency(&made, m, n);
			/* Leaves that the tree does not have change nothing. */
			for (size_t j = 0; j < n + 3; j++)
				merkle_prover_add(&made, &leaf[j]);
			assert_same_proof(&made, &want);
			assert_true(consistent(m, n, &old_root, &new_root, &want));
		}
	}
}

/* The largest trees there can be: every range is in the tree, none meets another, together they fill it. */
static void test_ranges_of_large_trees(void **state)
{
	static const uint64_t sizes[] = {UINT64_MAX, UINT64_C(1) << 63,
	    (UINT64_C(1) << 63) + 1, UINT64_C(0xaaaaaaaaaaaaaaaa)};
	struct merkle_range range[MERKLE_PROOF_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		const uint64_t at[] = {0, 1, sizes[i] / 2, sizes[i] / 3, sizes[i] - 1};

		for (size_t j = 0; j < ARRAY_LEN(at); j++) {
			uint64_t sum = 1;
			size_t n = merkle_inclusion_ranges(at[j], sizes[i], range);

			assert_in_range(n, 1, MERKLE_PROOF_MAX);
			for (size_t k = 0; k < n; k++) {
				assert_true(range[k].first < range[k].end);
				assert_true(
				    range[k].end <= at[j] || range[k].first > at[j]);
				sum += range[k].end - range[k].first;
			}
			assert_true(sum == sizes[i]);
			n = merkle_consistency_ranges(at[j], sizes[i], range);
			assert_in_range(n, at[j] ? 1 : 0, MERKLE_PROOF_MAX);
			sum = 0;
			for (size_t k = 0; k < n; k++) {
				assert_true(range[k].first < range[k].end);
				sum += range[k].end - range[k].first;
			}
			/* Without its first hash if the old tree is perfect: the checker has that. */
			assert_true(
			    at[j] == 0 || sum == sizes[i] || sum == sizes[i] - at[j]);
		}
	}
}

static int setup(void **state)
{
	struct err e;

	(void)state;
	if (crypto_init(&e))
		return -1;
	for (size_t i = 0; i < LEAVES; i++)
		merkle_leaf(&i, sizeof(i), &leaf[i]);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_hashes),
	    cmocka_unit_test(test_long_leaves),
	    cmocka_unit_test(test_known_roots),
	    cmocka_unit_test(test_append),
	    cmocka_unit_test(test_inclusion),
	    cmocka_unit_test(test_inclusion_of_node),
	    cmocka_unit_test(test_inclusion_sizes),
	    cmocka_unit_test(test_consistency),
	    cmocka_unit_test(test_rollback_and_fork),
	    cmocka_unit_test(test_make_inclusion),
	    cmocka_unit_test(test_make_consistency),
	    cmocka_unit_test(test_ranges_of_large_trees),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
