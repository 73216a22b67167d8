/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard.h: what sealing and verifying share: one store, the ledger it is sealed in, and one look
 * at the store (records and structure) that both start from.
 */
#ifndef GUARD_GUARD_H
#define GUARD_GUARD_H

#include "guard/policy.h"
#include "ledger/ledger.h"
#include "store/structure.h"
#include "tree/tree.h"

struct inflight;

/* All borrowed; open for as long as the guard is used. */
struct guard {
	struct ledger *ledger;
	const char
	    *ledger_dir; /* where guarded builds register (inflight.h); NULL: nowhere */
	const struct inflight *build; /* the one that this process is, or NULL */
	struct store_id store_id;
	const struct store *store;
	const struct policy *policy;
	struct progress *progress; /* may be NULL */
	unsigned threads;	   /* 0: one per processor */
};

/* One look at a store. */
struct survey {
	struct records records;
	struct layer_structure *structures; /* one per records.layers */
};

/* Reads records and structure; what deviates is in `findings`. */
MUSTUSE int survey_take(
    const struct guard *g, struct survey *out, struct findings *findings, struct err *e);
void survey_release(struct survey *s);
#define CLEANUP_SURVEY CLEANUP(survey_release)

/* Ids of images; owned. */
struct image_ids {
	char (*v)[ENTRY_ID_LEN + 1];
	size_t n;
};

/* What a recorded layer is to layerseal. */
enum layer_role {
	LAYER_COMMITTED, /* part of the cache: sealed and verified */
	LAYER_CONTAINER, /* the writable layer of a container: no build ever reuses it */
	LAYER_MAPPED,	 /* an id-mapped copy */
	LAYER_TRANSIENT, /* being created or deleted right now */
};
enum layer_role layer_role(const struct records *r, const struct store_layer *l);

/* The layers an operation is about: all, or the chains of some images. One flag per record. */
struct scope {
	bool *layer; /* by index in records.layers */
	bool *image; /* by index in records.images */
	bool all;
};

/* Resolves image arguments (name, with or without tag, or id prefix); n == 0 selects all. */
MUSTUSE int scope_select(const struct survey *s, const char *const *images, size_t n,
    struct scope *out, struct err *e);
void scope_release(struct scope *s);
#define CLEANUP_SCOPE CLEANUP(scope_release)

/* Index of a layer id in records.layers, or SIZE_MAX. */
size_t survey_layer_index(const struct survey *s, const char *id);

/* The driver's directory that has the tree of a layer; borrowed. */
int guard_tree_dir(const struct guard *g, const struct store_layer *l);

/* Opens the tree of a layer. */
MUSTUSE int guard_open_tree(
    const struct guard *g, const struct store_layer *l, int *out_fd, struct err *e);

/*
 * True if a record of the same id is another creation of the layer than the sealed one (removed and
 * pulled or built again): both the creation time and the short name differ. It was never sealed.
 */
bool layer_is_another_creation(const struct entry_seal_layer *seal,
    const struct store_layer *l, const struct layer_structure *st);

#endif
