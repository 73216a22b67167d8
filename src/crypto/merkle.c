/* SPDX-License-Identifier: Apache-2.0 */
/* merkle.c: see merkle.h. */
#include "crypto/merkle.h"

#include <inttypes.h>
#include <string.h>

/* Entries are short: one call over a copy is much cheaper than a hash object for each. */
#define LEAF_ON_STACK 4096

void merkle_leaf(const void *data, size_t len, struct digest *out)
{
	static const uint8_t prefix = 0x00;
	uint8_t copy[1 + LEAF_ON_STACK];

	if (len <= LEAF_ON_STACK) {
		copy[0] = prefix;
		if (len)
			memcpy(copy + 1, data, len);
		sha256(copy, 1 + len, out);
	} else {
		CLEANUP_SHA256 struct sha256 *h = sha256_new();

		sha256_update(h, &prefix, 1);
		sha256_update(h, data, len);
		sha256_final(h, out);
	}
}

void merkle_node(
    const struct digest *left, const struct digest *right, struct digest *out)
{
	uint8_t both[1 + 2 * DIGEST_BYTES] = {0x01};

	memcpy(both + 1, left->bytes, DIGEST_BYTES);
	memcpy(both + 1 + DIGEST_BYTES, right->bytes, DIGEST_BYTES);
	sha256(both, sizeof(both), out);
}

void merkle_init(struct merkle *m)
{
	*m = (struct merkle){0};
}

static unsigned peaks(uint64_t size)
{
	return (unsigned)__builtin_popcountll(size);
}

/* Each set low bit of the old size is a perfect subtree that the new leaf completes. */
void merkle_append(struct merkle *m, const struct digest *leaf)
{
	unsigned n = peaks(m->size);
	struct digest node = *leaf;

	for (uint64_t bits = m->size; bits & 1; bits >>= 1)
		merkle_node(&m->peak[--n], &node, &node);
	m->peak[n] = node;
	m->size++;
}

void merkle_root(const struct merkle *m, struct digest *out)
{
	unsigned n = peaks(m->size);

	if (n == 0) {
		sha256("", 0, out);
		return;
	}
	*out = m->peak[--n];
	while (n > 0)
		merkle_node(&m->peak[--n], out, out);
}

/* ---- proofs are made ---- */

static uint64_t largest_power_below(uint64_t n)
{
	return UINT64_C(1) << (63 - __builtin_clzll(n - 1));
}

/* The walk goes from the root down, proofs go from the leaves up. */
static size_t reverse(struct merkle_range *ranges, size_t n)
{
	for (size_t i = 0; i < n / 2; i++) {
		struct merkle_range r = ranges[i];

		ranges[i] = ranges[n - 1 - i];
		ranges[n - 1 - i] = r;
	}
	return n;
}

/* RFC 6962 2.1.1: PATH(m, D[first:end]) without recursion. */
size_t merkle_inclusion_ranges(
    uint64_t index, uint64_t size, struct merkle_range out[static MERKLE_PROOF_MAX])
{
	uint64_t first = 0, end = size;
	size_t n = 0;

	while (end - first > 1) {
		uint64_t middle = first + largest_power_below(end - first);

		if (index < middle) {
			out[n++] = (struct merkle_range){middle, end};
			end = middle;
		} else {
			out[n++] = (struct merkle_range){first, middle};
			first = middle;
		}
	}
	return reverse(out, n);
}

/* RFC 6962 2.1.2: SUBPROOF(m, D[first:end], b); b is "first == 0", for only a step right clears it. */
size_t merkle_consistency_ranges(uint64_t old_size, uint64_t new_size,
    struct merkle_range out[static MERKLE_PROOF_MAX])
{
	uint64_t first = 0, end = new_size;
	size_t n = 0;

	if (old_size == 0)
		return 0;
	while (old_size != end) {
		uint64_t middle = first + largest_power_below(end - first);

		if (old_size <= middle) {
			out[n++] = (struct merkle_range){middle, end};
			end = middle;
		} else {
			out[n++] = (struct merkle_range){first, middle};
			first = middle;
		}
	}
	if (first != 0)
		out[n++] = (struct merkle_range){first, end};
	return reverse(out, n);
}

/* The range that comes next in the stream; proofs list them by height. */
static void find_range(struct merkle_prover *p)
{
	p->current = p->n;
	for (size_t i = 0; i < p->n; i++) {
		if (p->range[i].first >= p->next &&
		    (p->current == p->n ||
			p->range[i].first < p->range[p->current].first))
			p->current = i;
	}
	merkle_init(&p->part);
}

void merkle_prove_inclusion(struct merkle_prover *p, uint64_t index, uint64_t size)
{
	*p = (struct merkle_prover){0};
	p->n = merkle_inclusion_ranges(index, size, p->range);
	find_range(p);
}

void merkle_prove_consistency(
    struct merkle_prover *p, uint64_t old_size, uint64_t new_size)
{
	*p = (struct merkle_prover){0};
	p->n = merkle_consistency_ranges(old_size, new_size, p->range);
	find_range(p);
}

void merkle_prover_add(struct merkle_prover *p, const struct digest *leaf)
{
	uint64_t number = p->next++;
	const struct merkle_range *range;

	if (p->current == p->n)
		return;
	range = &p->range[p->current];
	if (number < range->first)
		return;
	merkle_append(&p->part, leaf);
	if (p->next == range->end) {
		merkle_root(&p->part, &p->proof[p->current]);
		find_range(p);
	}
}

/* ---- proofs are checked ---- */

/* A proof is consumed element by element; one too few or one too many is wrong. */
struct proof {
	const struct digest *next;
	size_t left;
};

static int take(struct proof *p, struct digest *out, struct err *e)
{
	if (p->left == 0)
		return err_set(e, ERR_LEDGER, "Merkle proof is too short");
	*out = *p->next++;
	p->left--;
	return 0;
}

static int finish(const struct proof *p, const struct digest *got,
    const struct digest *want, struct err *e)
{
	if (p->left)
		return err_set(e, ERR_LEDGER, "Merkle proof is too long");
	if (!digest_equal(got, want))
		return err_set(
		    e, ERR_LEDGER, "Merkle proof does not lead to the root hash");
	return 0;
}

/* RFC 9162 2.1.3.2. */
int merkle_check_inclusion(uint64_t index, uint64_t size, const struct digest *leaf,
    const struct digest *proof, size_t n_proof, const struct digest *root, struct err *e)
{
	struct proof p = {proof, n_proof};
	struct digest r = *leaf, sibling;

	if (index >= size)
		return err_set(e, ERR_LEDGER,
		    "leaf %" PRIu64 " is not in a tree of %" PRIu64, index, size);
	for (uint64_t fn = index, sn = size - 1; sn > 0; fn >>= 1, sn >>= 1) {
		/* The last node of a level without a sibling moves up as it is. */
		if (!(fn & 1) && fn == sn)
			continue;
		if (take(&p, &sibling, e))
			return ERR_LEDGER;
		if (fn & 1)
			merkle_node(&sibling, &r, &r);
		else
			merkle_node(&r, &sibling, &r);
	}
	return finish(&p, &r, root, e);
}

/* Walks both paths up from the last subtree that the old tree fills; RFC 9162 2.1.4.2. */
static int consistency_walk(uint64_t fn, uint64_t sn, struct proof *p, struct digest *fr,
    struct digest *sr, struct err *e)
{
	struct digest c;

	for (; sn > 0; fn >>= 1, sn >>= 1) {
		if (!(fn & 1) && fn == sn)
			continue;
		if (take(p, &c, e))
			return ERR_LEDGER;
		if (fn & 1) {
			merkle_node(&c, fr, fr);
			merkle_node(&c, sr, sr);
		} else {
			merkle_node(sr, &c, sr);
		}
	}
	return 0;
}

int merkle_check_consistency(uint64_t old_size, uint64_t new_size,
    const struct digest *old_root, const struct digest *new_root,
    const struct digest *proof, size_t n_proof, struct err *e)
{
	struct proof p = {proof, n_proof};
	struct digest fr, sr;
	uint64_t fn = old_size - 1, sn = new_size - 1;

	if (old_size > new_size)
		return err_set(e, ERR_LEDGER,
		    "the tree shrank from %" PRIu64 " to %" PRIu64, old_size, new_size);
	if (old_size == new_size)
		return finish(&p, old_root, new_root, e);
	if (old_size == 0) {
		sha256("", 0, &fr);
		return finish(&p, &fr, old_root, e);
	}
	for (; fn & 1; fn >>= 1)
		sn >>= 1;
	/* A perfect old tree is its own first subtree and is left out of the proof. */
	fr = *old_root;
	if (fn != 0 && take(&p, &fr, e))
		return ERR_LEDGER;
	sr = fr;
	if (consistency_walk(fn, sn, &p, &fr, &sr, e))
		return ERR_LEDGER;
	if (!digest_equal(&fr, old_root))
		return err_set(
		    e, ERR_LEDGER, "Merkle proof does not lead to the old root hash");
	return finish(&p, &sr, new_root, e);
}
