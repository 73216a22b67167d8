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
