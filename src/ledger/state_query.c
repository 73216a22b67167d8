/* SPDX-License-Identifier: Apache-2.0 */
/* state_query.c: see state.h: what a state says. */
#include <inttypes.h>
#include <string.h>

#include "ledger/state_impl.h"

bool state_name_counts(const struct state *s, const struct name *n)
{
	const struct entry *en = n->seal->entry;
	const struct image *i =
	    table_get(&s->image_by_id, &en->store, en->seal_name.image);

	return i && !i->public.retired && n->seal->seq >= i->names_from;
}

struct key *state_find_key(const struct state *s, const struct public_key *key)
{
	for (size_t i = 0; i < s->n_keys; i++) {
		if (memcmp(s->keys[i].key.point, key->point, KEY_BYTES) == 0 &&
		    strcmp(s->keys[i].key.name, key->name) == 0)
			return &s->keys[i];
	}
	return NULL;
}

/* ---- what counts ---- */

static int by_seq(const void *a, const void *b)
{
	const struct record *const *x = a, *const *y = b;

	return (*x)->seq < (*y)->seq ? -1 : (*x)->seq > (*y)->seq;
}

static size_t live_objects(const struct state *s, struct record **out)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n_layers; i++) {
		const struct layer *l = s->layers[i];

		if (l->public.retired)
			continue;
		out[n++] = l->seal;
		if (l->remeasure)
			out[n++] = l->remeasure;
	}
	for (size_t i = 0; i < s->n_images; i++) {
		if (!s->images[i]->public.retired)
			out[n++] = s->images[i]->seal;
	}
	for (size_t i = 0; i < s->n_names; i++) {
		if (state_name_counts(s, s->names[i]))
			out[n++] = s->names[i]->seal;
	}
	for (size_t i = 0; i < s->n_trees; i++) {
		if (!s->trees[i]->public.retired)
			out[n++] = s->trees[i]->seal;
	}
	return n;
}

size_t state_live(const struct state *s, struct record ***out)
{
	size_t most = s->n_stores + 2 * s->n_layers + s->n_images + s->n_names +
		      s->n_trees + 2 * s->n_keys + s->n_anchors + s->n_revoked;
	struct record **live = xcalloc(most + 1, sizeof(*live));
	size_t n = live_objects(s, live);

	for (size_t i = 0; i < s->n_stores; i++)
		live[n++] = s->stores[i];
	for (size_t i = 0; i < s->n_anchors; i++)
		live[n++] = s->anchors[i];
	for (size_t i = 0; i < s->n_revoked; i++)
		live[n++] = s->revoked[i];
	for (size_t i = 0; i < s->n_keys; i++) {
		if (s->keys[i].add)
			live[n++] = s->keys[i].add;
		if (s->keys[i].retire)
			live[n++] = s->keys[i].retire;
	}
	qsort(live, n, sizeof(*live), by_seq);
	*out = live;
	return n;
}

int state_snapshot(const struct state *s, struct buf *out, size_t *objects, struct err *e)
{
	CLEANUP_FREE struct record **live = NULL;
	int r = 0;

	*objects = state_live(s, &live);
	for (size_t i = 0; !r && i < *objects; i++) {
		char hex[DIGEST_HEX_LEN + 1];
		struct digest leaf;

		record_leaf(live[i], &leaf);
		digest_hex(&leaf, hex);
		r = buf_addf(out, e, "%" PRIu64 " %s\n", live[i]->seq, hex);
	}
	return r;
}

/* ---- what it says ---- */

const char *state_revoked(const struct state *s, const struct digest *d)
{
	for (size_t i = 0; i < s->n_revoked; i++) {
		if (digest_equal(&s->revoked[i]->entry->revoke.digest, d))
			return s->revoked[i]->entry->revoke.reason;
	}
	return NULL;
}

bool state_statprint_key_is(const struct state *s, const struct digest *sha256)
{
	for (size_t i = 0; i < s->n_stores; i++) {
		const struct digest *said = &s->stores[i]->entry->init.statprint_key;

		if (!digest_is_zero(said) && !digest_equal(said, sha256))
			return false;
	}
	return true;
}

bool state_key_may_sign(
    const struct state *s, const struct public_key *key, uint64_t size)
{
	const struct key *k = state_find_key(s, key);

	return !k || ((!k->add || size > k->add->seq) &&
			 (!k->retire || size <= k->retire->seq + 1));
}

const struct public_key *state_signer(
    const struct state *s, const struct trust *t, uint64_t signers, uint64_t size)
{
	for (size_t i = 0; i < t->n_log; i++) {
		if (signers >> i & 1 && state_key_may_sign(s, &t->log[i].key, size))
			return &t->log[i].key;
	}
	return NULL;
}

/* A rotation is one batch: key-add, then key-retire as its last entry. */
uint64_t state_key_added_at(const struct state *s, const struct public_key *key)
{
	const struct key *k = state_find_key(s, key);

	if (!k || !k->add)
		return 0;
	for (size_t i = 0; i < s->n_keys; i++) {
		const struct record *retire = s->keys[i].retire;

		if (retire && retire->seq == k->add->seq + 1)
			return retire->seq + 1;
	}
	return k->add->seq + 1;
}

bool state_anchor(const struct state *s, const char *name, uint64_t *counter)
{
	for (size_t i = 0; i < s->n_anchors; i++) {
		if (strcmp(s->anchors[i]->entry->anchor.name, name) == 0) {
			*counter = s->anchors[i]->entry->anchor.counter;
			return true;
		}
	}
	return false;
}

const struct entry_init *state_store(const struct state *s, const struct store_id *store)
{
	for (size_t i = 0; i < s->n_stores; i++) {
		if (state_same_store(&s->stores[i]->entry->store, store))
			return &s->stores[i]->entry->init;
	}
	return NULL;
}

bool state_find_store(const struct state *s, const char *graphroot, struct store_id *out)
{
	if (!graphroot) {
		if (s->n_stores == 1)
			*out = s->stores[0]->entry->store;
		return s->n_stores == 1;
	}
	for (size_t i = 0; i < s->n_stores; i++) {
		if (strcmp(s->stores[i]->entry->init.graphroot, graphroot) == 0) {
			*out = s->stores[i]->entry->store;
			return true;
		}
	}
	return false;
}

bool state_find_user_store(const struct state *s, const char *user, struct store_id *out)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n_stores; i++) {
		const struct entry *en = s->stores[i]->entry;

		if (en->init.user && strcmp(en->init.user, user) == 0) {
			*out = en->store;
			n++;
		}
	}
	return n == 1;
}

const struct sealed_layer *state_layer(
    const struct state *s, const struct store_id *store, const char *id)
{
	const struct layer *l = table_get(&s->layer_by_id, store, id);

	return l ? &l->public : NULL;
}

const struct sealed_image *state_image(
    const struct state *s, const struct store_id *store, const char *id)
{
	const struct image *i = table_get(&s->image_by_id, store, id);

	return i ? &i->public : NULL;
}

const char *state_name(
    const struct state *s, const struct store_id *store, const char *name)
{
	const struct name *n = table_get(&s->name_by_text, store, name);

	return n && state_name_counts(s, n) ? n->seal->entry->seal_name.image : "";
}

static int by_layer_id(const void *a, const void *b)
{
	const struct sealed_layer *const *x = a, *const *y = b;

	return strcmp((*x)->seal->layer, (*y)->seal->layer);
}

static int by_image_id(const void *a, const void *b)
{
	const struct sealed_image *const *x = a, *const *y = b;

	return strcmp((*x)->seal->image, (*y)->seal->image);
}

int state_each_layer(const struct state *s, const struct store_id *store,
    ledger_layer_fn *fn, void *ctx, struct err *e)
{
	CLEANUP_FREE const struct sealed_layer **sorted =
	    xcalloc(s->n_layers, sizeof(void *));
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; i < s->n_layers; i++) {
		if (state_same_store(&s->layers[i]->seal->entry->store, store))
			sorted[n++] = &s->layers[i]->public;
	}
	qsort(sorted, n, sizeof(*sorted), by_layer_id);
	for (size_t i = 0; !r && i < n; i++)
		r = fn(ctx, sorted[i], e);
	return r;
}

int state_each_image(const struct state *s, const struct store_id *store,
    ledger_image_fn *fn, void *ctx, struct err *e)
{
	CLEANUP_FREE const struct sealed_image **sorted =
	    xcalloc(s->n_images, sizeof(void *));
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; i < s->n_images; i++) {
		if (state_same_store(&s->images[i]->seal->entry->store, store))
			sorted[n++] = &s->images[i]->public;
	}
	qsort(sorted, n, sizeof(*sorted), by_image_id);
	for (size_t i = 0; !r && i < n; i++)
		r = fn(ctx, sorted[i], e);
	return r;
}
