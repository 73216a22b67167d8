/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proof.h: that an entry is in a log, as one small file that can be checked without the log
 * (c2sp.org/tlog-proof):
 *
 *   c2sp.org/tlog-proof@v1
 *   index 16
 *   <base64 of a hash>          for each hash, from the leaf's sibling up
 *
 *   <the signed checkpoint>
 *
 * and that a log is the continuation of an older one.
 */
#ifndef LEDGER_PROOF_H
#define LEDGER_PROOF_H

#include "crypto/merkle.h"
#include "ledger/ledger.h"
#include "ledger/tiles.h"

#define PROOF_MAX_BYTES (NOTE_MAX_BYTES + 16384)

struct proof {
	uint64_t index;
	size_t n;
	struct digest hash[MERKLE_PROOF_MAX];
	const char *note; /* borrowed; not authenticated when it was parsed */
	size_t note_len;
};

/*
 * Entry number `seq` of a ledger, in the log that its newest checkpoint signs; `entry` takes its bytes.
 * The note in *out belongs to the ledger. ERR_NOT_FOUND: there are not so many entries.
 */
MUSTUSE int proof_make(
    struct ledger *l, uint64_t seq, struct proof *out, struct buf *entry, struct err *e);
MUSTUSE int proof_format(const struct proof *p, struct buf *out, struct err *e);
/* Untrusted bytes, which must outlive `out`. An `extra` line is allowed, and ignored. ERR_LEDGER. */
MUSTUSE int proof_parse(const char *text, size_t len, struct proof *out, struct err *e);
/*
 * That `entry` is number p->index of a log whose checkpoint, *head, a trusted key signed (*signer; NULL
 * is fine). ERR_LEDGER if not.
 */
MUSTUSE int proof_check(const struct proof *p, const struct trust *t,
    const struct buf *entry, struct checkpoint *head, struct public_key *signer,
    struct err *e);

/*
 * That a log begins with the entries of an older checkpoint. Checked before it is handed out; a fork,
 * or an older one that is longer, is ERR_LEDGER. Both checkpoints were authenticated by the caller.
 */
struct consistency {
	size_t n;
	struct digest hash[MERKLE_PROOF_MAX];
};
MUSTUSE int consistency_of_ledger(struct ledger *l, const struct checkpoint *old,
    struct consistency *out, struct err *e);
MUSTUSE int consistency_of_export(struct tiles_reader *r, const struct checkpoint *head,
    const struct checkpoint *old, struct consistency *out, struct err *e);

/* Hashes as lines of base64: the form in which proofs travel. */
MUSTUSE int proof_format_hashes(
    const struct digest *hash, size_t n, struct buf *out, struct err *e);

#endif
