/* SPDX-License-Identifier: Apache-2.0 */
/* state_impl.h: the inside of struct state, for state.c and state_trees.c (what entries do) and state_query.c (what it says). */
#ifndef LEDGER_STATE_IMPL_H
#define LEDGER_STATE_IMPL_H

#include <string.h>

#include "ledger/state.h"
#include "ledger/table.h"

struct layer {
	struct sealed_layer public;
	struct record *seal, *remeasure; /* the newest; remeasure may be NULL */
};

struct image {
	struct sealed_image public;
	struct record *seal;
	uint64_t
	    names_from; /* names sealed before this entry were freed by a retirement */
};

struct tree {
	struct sealed_tree public;
	struct record *seal; /* the newest */
};

struct name {
	struct record *seal; /* the newest */
};

struct key {
	struct public_key key;
	struct record *add, *retire; /* NULL: not in the log */
};

/*
 * Everything in arrays of pointers: what was handed out stays where it is. A state over another one
 * holds only what differs: an object of the base is copied when it is first looked for.
 */
struct state {
	const struct state *base; /* NULL: none */
	struct record **stores;
	size_t n_stores;
	struct layer **layers;
	size_t n_layers;
	struct image **images;
	size_t n_images;
	struct tree **trees;
	size_t n_trees;
	struct name **names;
	size_t n_names;
	struct key *keys;
	size_t n_keys;
	struct record **anchors; /* the newest entry of each */
	size_t n_anchors;
	struct record **revoked; /* what is revoked now */
	size_t n_revoked;
	struct table layer_by_id, image_by_id, name_by_text, tree_by_path;
};

static inline bool state_same_store(const struct store_id *a, const struct store_id *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* Room for one more pointer: the arrays double. */
#define GROW(array, n)                                                                   \
	do {                                                                             \
		if (((n) & ((n)-1)) == 0)                                                \
			(array) =                                                        \
			    xreallocarray((array), (n) ? 2 * (n) : 1, sizeof(*(array))); \
	} while (0)

/* Puts a record in place of another one. */
static inline void state_replace(struct record **place, struct record *r)
{
	if (r)
		record_use(r);
	record_drop(*place);
	*place = r;
}

static inline int state_refused(struct err *e, const char *what, const char *rule)
{
	return err_set(e, ERR_REFUSED, "%s: %s", what, rule);
}

/* After this the arrays have the room of what they hold now: GROW() goes by powers of two. */
static inline void *state_fit(void *array, size_t n, size_t size)
{
	size_t room = 1;

	while (room < n)
		room *= 2;
	return xreallocarray(array, room, size);
}

/* state_trees.c: directories outside the store. */
void state_apply_seal_tree(struct state *s, struct record *r);
MUSTUSE int state_apply_retire_tree(struct state *s, struct record *r, struct err *e);
void state_trees_forget(struct state *s); /* those that are retired */
void state_trees_release(struct state *s);

/* Whether a name leads to an image. */
bool state_name_counts(const struct state *s, const struct name *n);
/* NULL: the log does not speak of this key. */
struct key *state_find_key(const struct state *s, const struct public_key *key);

#endif
