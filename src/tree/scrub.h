/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scrub.h: the keyed sum over all that a manifest says, for who wants to know that nothing has rotted and will not
 * wait for SHA-256. layerseal-ledger(5), "Scrub sums", is the specification. Inside tree/ only.
 */
#ifndef TREE_SCRUB_H
#define TREE_SCRUB_H

#include "tree/walk.h"

/* The content of a file of one part, or one part of a larger one: FSVERITY_PART_BYTES, the last one perhaps less. */
struct xxh128 scrub_content(const struct xxh_key *key, const void *data, size_t len);
void scrub_part(const struct xxh_key *key, const void *data, size_t len,
    uint8_t out[static XXH128_BYTES]);
struct xxh128 scrub_join(
    const struct xxh_key *key, uint8_t (*parts)[XXH128_BYTES], size_t n);

/* What stands for the content in a line, in the place of its digest. */
void scrub_as_digest(const struct xxh128 *content, struct digest *out);
/* Adds one line that has it there. */
void scrub_add(
    struct walk_sum *sum, const struct xxh_key *key, const char *line, size_t len);
/*
 * The same for a line that has the digest, of which `copy` gets a changed one.
 */
MUSTUSE int scrub_add_sealed(struct walk_sum *sum, const struct xxh_key *key,
    const struct buf *line, const struct xxh128 *content, struct buf *copy,
    struct err *e);
struct scrub scrub_final(const struct walk_sum *sum);

#endif
