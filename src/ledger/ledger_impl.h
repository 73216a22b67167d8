/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_impl.h: the inside of struct ledger, for ledger*.c and manifest_store.c. */
#ifndef LEDGER_LEDGER_IMPL_H
#define LEDGER_LEDGER_IMPL_H

#include "crypto/merkle.h"
#include "crypto/signer.h"
#include "ledger/keeper.h"
#include "ledger/ledger.h"
#include "ledger/ledger_dir.h"
#include "ledger/record.h"
#include "ledger/state.h"

struct ledger {
	enum ledger_mode mode;
	int dirfd, dbfd;
	int floor_fd; /* keeps others from exchanging the database, or all from writing; -1: no lock */
	struct keeper *keeper;
	struct trust trust;
	struct signer *own_key; /* NULL: verify only */
	struct err no_key;	/* why there is none */
	bool has_print_key;
	bool in_haste;
	struct xxh_key print_key, scrub_key;
	struct checkpoint head;
	struct buf note;	  /* the head as it was signed */
	uint64_t signers;	  /* of the head, as it was read: bits of trust.log */
	struct public_key signer; /* the one of them that counts */
	struct merkle tree;	  /* over all entries */
	/* What was read, or appended since: perhaps entries that count before `start`, then all from there. */
	struct record **records;
	size_t n_records;
	uint64_t
	    start; /* number of the `state` entry where the reading began, 0: whole */
	struct merkle before_start;
	struct state *state;
	struct anchors *anchors; /* NULL: none */
	struct anchor_settings anchor_settings;
};

/* Reads, authenticates and interprets what the keeper has (ledger_load.c). */
MUSTUSE int ledger_load(struct ledger *l, bool whole, struct err *e);
/* Takes over one use of the record. */
void ledger_keep_record(struct ledger *l, struct record *r);
/* The first record of an entry from `start` on. */
size_t ledger_first_of_tail(const struct ledger *l);

/* As ledger_replay(), for who needs the hashes too. */
struct ledger_leaf {
	uint64_t seq;
	const char *bytes;
	size_t len;
	struct digest hash;
	const struct merkle *tree; /* of the entries up to this one */
};
typedef int ledger_leaf_fn(void *ctx, const struct ledger_leaf *leaf, struct err *e);
MUSTUSE int ledger_replay_leaves(
    struct ledger *l, ledger_leaf_fn *fn, void *ctx, struct err *e);

/* Before more processes are forked. */
void ledger_forget_statprint_key(struct ledger *l);

/* A database and nothing around it, read like that of any ledger; `dbfd` is borrowed. */
MUSTUSE int ledger_open_database(
    const struct trust *trust, int dbfd, struct ledger **out, struct err *e);

/* Manifests in a database that is not, or not yet, that of a ledger. */
struct manifest_writer *manifest_writer_into(struct keeper *k, int dirfd);
/* How many chunks a text of this length has. */
uint64_t manifest_chunks(uint64_t bytes);
MUSTUSE int manifest_reader_from(struct keeper *k, const struct digest *digest,
    uint64_t bytes, struct manifest_reader **out, struct err *e);

/* Signs the root of a tree as the next head. */
MUSTUSE int ledger_sign_head(const struct merkle *tree,
    const struct signer *const *signers, size_t n, struct checkpoint *head,
    struct buf *note, struct err *e);

/* A batch, and which keys sign it beside the ledger's own (NULL: none). */
MUSTUSE int ledger_append_signed(struct ledger *l, const struct entry *entries, size_t n,
    const struct signer *other, struct err *e);
/* A batch of nothing but the counts of anchors; none if no anchor counts. */
MUSTUSE int ledger_append_anchors(struct ledger *l, struct err *e);

/*
 * ledger_anchor.c. Looking comes before anything of the ledger is read, settling when all is; entries
 * of op anchor go into every batch, and once it stands the anchors advance.
 */
MUSTUSE int ledger_anchors_look(
    struct ledger *l, const struct anchor_settings *settings, struct err *e);
/* The costly part of settling, while the keeper starts. */
void ledger_anchors_prove(struct ledger *l);
MUSTUSE int ledger_anchors_settle(
    struct ledger *l, enum ledger_anchoring how, struct err *e);
MUSTUSE int ledger_anchors_entries(
    struct ledger *l, struct entry out[static ANCHORS_MAX], size_t *n, struct err *e);
MUSTUSE int ledger_anchors_advance(struct ledger *l, struct err *e);

#endif
