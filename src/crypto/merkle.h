/* SPDX-License-Identifier: Apache-2.0 */
/*
 * merkle.h: the RFC 6962 section 2.1 Merkle tree over entries. leaf = SHA-256(0x00 || data),
 * node = SHA-256(0x01 || left || right), empty tree = SHA-256("").
 */
#ifndef CRYPTO_MERKLE_H
#define CRYPTO_MERKLE_H

#include "crypto/digest.h"

/* The right edge of a tree of `size` leaves: the roots of its perfect subtrees, largest first. */
struct merkle {
	uint64_t size;
	struct digest peak[64]; /* popcount(size) of them */
};

void merkle_leaf(const void *data, size_t len, struct digest *out);
void merkle_node(
    const struct digest *left, const struct digest *right, struct digest *out);

void merkle_init(struct merkle *m);
void merkle_append(struct merkle *m, const struct digest *leaf);
void merkle_root(const struct merkle *m, struct digest *out);

/*
 * A proof is a list of roots of ranges of leaves, which do not overlap: these functions say which, in
 * the order of RFC 6962, and return how many. Whoever has the leaves, or the roots of larger parts of
 * the tree, fills in the rest.
 */
#define MERKLE_PROOF_MAX 65
struct merkle_range {
	uint64_t first, end; /* not empty; `end` itself does not belong to it */
};
/* index < size. */
size_t merkle_inclusion_ranges(
    uint64_t index, uint64_t size, struct merkle_range out[static MERKLE_PROOF_MAX]);
/* old_size <= new_size; nothing to prove if old_size is 0 or both are the same. */
size_t merkle_consistency_ranges(uint64_t old_size, uint64_t new_size,
    struct merkle_range out[static MERKLE_PROOF_MAX]);

/* Makes a proof out of a stream of leaves, from the first one on; a few KiB for any number of them. */
struct merkle_prover {
	struct merkle_range range[MERKLE_PROOF_MAX];
	struct digest proof[MERKLE_PROOF_MAX]; /* complete after the last leaf */
	size_t n;
	struct merkle part; /* of the range that the next leaf may belong to */
	size_t current;	    /* index of that range; n: none is left */
	uint64_t next;	    /* number of the next leaf */
};
void merkle_prove_inclusion(struct merkle_prover *p, uint64_t index, uint64_t size);
void merkle_prove_consistency(
    struct merkle_prover *p, uint64_t old_size, uint64_t new_size);
void merkle_prover_add(struct merkle_prover *p, const struct digest *leaf);

/* Inclusion and consistency proofs over leaf hashes (RFC 6962 2.1.1, 2.1.2); 0 or ERR_LEDGER. */
MUSTUSE int merkle_check_inclusion(uint64_t index, uint64_t size,
    const struct digest *leaf, const struct digest *proof, size_t n_proof,
    const struct digest *root, struct err *e);
MUSTUSE int merkle_check_consistency(uint64_t old_size, uint64_t new_size,
    const struct digest *old_root, const struct digest *new_root,
    const struct digest *proof, size_t n_proof, struct err *e);

#endif
