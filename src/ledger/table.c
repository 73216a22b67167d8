/* SPDX-License-Identifier: Apache-2.0 */
/* table.c: see table.h; open addressing, linear probing, at most half full. */
#include "ledger/table.h"

#include <string.h>

#define FNV_OFFSET 0xcbf29ce484222325ULL
#define FNV_PRIME 0x100000001b3ULL
#define MIX 0xff51afd7ed558ccdULL

static uint64_t hash(const struct store_id *store, const char *text)
{
	uint64_t h = FNV_OFFSET;

	for (size_t i = 0; i < STORE_ID_BYTES; i++)
		h = (h ^ store->bytes[i]) * FNV_PRIME;
	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * FNV_PRIME;
	/* FNV leaves the low bits of similar texts close together; they choose the slot. */
	h = (h ^ h >> 33) * MIX;
	return h ^ h >> 33;
}

/* The slot of this key, or the free one where it goes. */
static struct table_slot *find(
    const struct table *t, uint64_t h, const struct store_id *store, const char *text)
{
	size_t mask = t->n_slots - 1;

	for (size_t i = h & mask;; i = (i + 1) & mask) {
		struct table_slot *slot = &t->slots[i];

		if (!slot->value ||
		    (slot->hash == h && memcmp(slot->store, store, sizeof(*store)) == 0 &&
			strcmp(slot->text, text) == 0))
			return slot;
	}
}

void *table_get(const struct table *t, const struct store_id *store, const char *text)
{
	return t->n_slots ? find(t, hash(store, text), store, text)->value : NULL;
}

/* No key is there twice, so the old slots need no comparing. */
static void grow(struct table *t)
{
	struct table old = *t;
	size_t mask;

	t->n_slots = old.n_slots ? 2 * old.n_slots : 64;
	t->slots = xcalloc(t->n_slots, sizeof(*t->slots));
	mask = t->n_slots - 1;
	for (size_t i = 0; i < old.n_slots; i++) {
		size_t to = old.slots[i].hash & mask;

		if (!old.slots[i].value)
			continue;
		while (t->slots[to].value)
			to = (to + 1) & mask;
		t->slots[to] = old.slots[i];
	}
	free(old.slots);
}

void table_put(
    struct table *t, const struct store_id *store, const char *text, void *value)
{
	uint64_t h = hash(store, text);
	struct table_slot *slot;

	if (2 * (t->n + 1) > t->n_slots)
		grow(t);
	slot = find(t, h, store, text);
	t->n += !slot->value;
	*slot = (struct table_slot){h, store, text, value};
}

void table_release(struct table *t)
{
	free(t->slots);
	*t = (struct table){0};
}
