/* SPDX-License-Identifier: Apache-2.0 */
/* copy_impl.h: the inside of a copy, for copy_plan.c (what is copied) and copy.c (copying). */
#ifndef LEDGER_COPY_IMPL_H
#define LEDGER_COPY_IMPL_H

#include "ledger/copy.h"

/* An old checkpoint that may be copied when a ledger is mended. */
struct old_head {
	uint64_t size;
	struct digest root, note; /* what it says, and the SHA-256 of all its bytes */
	bool good;
};

struct copy {
	struct ledger *from;
	const struct copy_options *o;
	struct listings wanted;
	uint64_t start; /* where readers of the copy begin; 0: at the first entry */
	struct merkle before_start;
	struct listing snapshot;
	struct buf snapshot_text; /* of a ledger that is mended */
	struct old_head *heads;	  /* the same; by size */
	size_t n_heads;
	bool heads_lost; /* reading them failed */
};

void copy_release(struct copy *c);

void listings_add(struct listings *s, const struct digest *d, uint64_t bytes);
void listings_sort(struct listings *s); /* and drops doubles */
bool listings_have(const struct listings *s, const struct digest *d); /* sorted */
void listings_release(struct listings *s);

/* Fills in all of the above but what `from` and `o` are. */
MUSTUSE int copy_plan(struct copy *c, struct err *e);
/* The next entry of the copy made this tree: which old heads agree? */
void copy_judge_heads(struct copy *c, const struct merkle *tree);
/* Whether an old head goes into the copy of a ledger that is mended. */
bool copy_wants_head(const struct copy *c, uint64_t size, struct span note);
/* The keeper died of what it read, and something else may be read still. */
MUSTUSE int copy_renew_keeper(struct copy *c, struct err *e);

#endif
