/* SPDX-License-Identifier: Apache-2.0 */
/* state_impl.h: the inside of struct state, for state.c (what entries do) and state_query.c (what it says). */
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
	struct name **names;
	size_t n_names;
	struct key *keys;
	size_t n_keys;
	struct record **anchors; /* the newest entry of each */
	size_t n_anchors;
	struct record **revoked; /* what is revoked now */
	size_t n_revoked;
	struct table layer_by_id, image_by_id, name_by_text;
};

static inline bool state_same_store(const struct store_id *a, const struct store_id *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* Whether a name leads to an image. */
bool state_name_counts(const struct state *s, const struct name *n);
/* NULL: the log does not speak of this key. */
struct key *state_find_key(const struct state *s, const struct public_key *key);

#endif
