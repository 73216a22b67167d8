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

/* Inclusion and consistency proofs over leaf hashes (RFC 6962 2.1.1, 2.1.2); 0 or ERR_LEDGER. */
MUSTUSE int merkle_check_inclusion(uint64_t index, uint64_t size,
    const struct digest *leaf, const struct digest *proof, size_t n_proof,
    const struct digest *root, struct err *e);
MUSTUSE int merkle_check_consistency(uint64_t old_size, uint64_t new_size,
    const struct digest *old_root, const struct digest *new_root,
    const struct digest *proof, size_t n_proof, struct err *e);

#endif
