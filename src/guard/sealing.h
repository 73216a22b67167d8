/* SPDX-License-Identifier: Apache-2.0 */
/* sealing.h: the state of one guard_seal() call, shared by seal*.c. */
#ifndef GUARD_SEALING_H
#define GUARD_SEALING_H

#include "guard/check.h"
#include "guard/seal.h"

/* Where a layer or image stands while a seal is made. */
enum standing {
	STANDING_UNDECIDED,
	STANDING_SEALED,  /* sealed before and unchanged, or in this batch */
	STANDING_REFUSED, /* a finding says why */
	STANDING_ASIDE,	  /* not part of the cache: container layers, transient ones */
};

struct sealing {
	struct guard *g;
	const struct seal_options *opt;
	struct seal_result *out;
	struct survey survey;
	struct scope scope;
	enum standing *layer; /* by index in survey.records.layers */
	/* vfs: what the tar headers up to this layer lead to expect, for the layer on top of it. */
	struct identity *chain;
	char chain_top[ID_LEN + 1];
	struct known *known; /* of the tree that is measured now; NULL: nothing */
	struct entry *batch; /* owned, with their strings */
	size_t n_batch;
};

/* Adds an entry of this store and this moment to the batch; its op's fields are the caller's. */
struct entry *sealing_add(struct sealing *s, enum entry_op op);

/* Number of findings so far, to see whether a step added any. */
size_t sealing_mark(const struct sealing *s);
/* Forgets the findings added since `mark` (a change that was accepted). */
void sealing_forget(struct sealing *s, size_t mark);
/* True if a finding of the survey concerns this layer or image. */
bool sealing_is_blamed(const struct sealing *s, const char *layer, const char *image);

/* Decides about layer `index` (its parents were decided before) and says so in s->layer. */
MUSTUSE int seal_layer(struct sealing *s, size_t index, struct err *e);
/* Decides about image `index` and its names. */
MUSTUSE int seal_image(struct sealing *s, size_t index, struct err *e);

/* A name of the build that leads elsewhere by now is a finding, and something refused. */
void seal_check_names(struct sealing *s);

/* Decides about all cache mounts, and retires those that are gone. */
MUSTUSE int seal_cache_mounts(struct sealing *s, struct err *e);

/* Measures a tree and keeps its manifest. *unstored: an error is the ledger's, not the tree's. */
MUSTUSE int sealing_measure(struct sealing *s, int tree_fd, tree_line_fn *also, void *ctx,
    struct tree_result *out, bool *unstored, struct err *e);

#endif
