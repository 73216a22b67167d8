/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copy.h: the content of a ledger's database once more, in a new one. Nothing of the old file's
 * structure gets there: LMDB reads the old one in one confined process and writes the new one in
 * another, and between them this one checks what passes. So a copy is what compaction, mending, backup,
 * restoring and a later format version are made of.
 */
#ifndef LEDGER_COPY_H
#define LEDGER_COPY_H

#include "ledger/ledger_impl.h"

/* Manifests, and how long they are as it was signed. */
struct listing {
	struct digest digest; /* first: what they are sorted by */
	uint64_t bytes;
};
struct listings {
	struct listing *v;
	size_t n;
};

struct copy_options {
	bool needed_only; /* no manifest of a seal that was retired or renewed */
	/* Leaves out what does not verify: start, old checkpoints, manifests. Wants a ledger read whole. */
	bool mend;
};

struct copy_report {
	uint64_t bytes_before, bytes_after; /* of data.mdb */
	size_t kept, dropped;		    /* manifests */
	uint64_t kept_bytes, dropped_bytes; /* of them, as they are stored */
	struct listings damaged;	    /* manifests that were left out */
	size_t heads_left_out;		    /* old checkpoints that do not verify */
	bool heads_lost;		    /* none of them could be read */
};
void copy_report_release(struct copy_report *r);
#define CLEANUP_COPY_REPORT CLEANUP(copy_report_release)

/* What a copy would keep and drop; bytes_after and what mending finds are left 0. */
MUSTUSE int copy_survey(struct ledger *l, const struct copy_options *o,
    struct copy_report *out, struct err *e);

/*
 * Fills the empty directory `newfd` with a database of the ledger as it was opened, durable, and read
 * again in full before this returns. Two processes are forked: the ledger's statprint secret is
 * forgotten before, and it must have been opened without a key. ERR_LEDGER: what is damaged.
 */
MUSTUSE int copy_make(struct ledger *l, int newfd, const struct copy_options *o,
    struct copy_report *out, struct err *e);

#endif
