/* SPDX-License-Identifier: Apache-2.0 */
/* table.c: see table.h; open addressing, linear probing, at most half full. */
#include "ledger/table.h"

#include <string.h>

#define FNV_OFFSET 0xcbf29ce484222325ULL
#define FNV_PRIME 0x100000001b3ULL

static uint64_t hash(const struct store_id *store, const char *text)
{
	uint64_t h = FNV_OFFSET;

	for (size_t i = 0; i < STORE_ID_BYTES; i++)
		h = (h ^ store->bytes[i]) * FNV_PRIME;
	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * FNV_PRIME;
	return h ^ h >> 32;
}

static struct table_slot *find(
    const struct table *t, const struct store_id *store, const char *text)
{
	size_t mask = t->n_slots - 1;

	for (size_t i = hash(store, text) & mask;; i = (i + 1) & mask) {
		struct table_slot *slot = &t->slots[i];

		if (!slot->value || (memcmp(slot->store, store, sizeof(*store)) == 0 &&
					strcmp(slot->text, text) == 0))
			return slot;
	}
}

void *table_get(const struct table *t, const struct store_id *store, const char *text)
{
	return t->n_slots ? find(t, store, text)->value : NULL;
}

static void grow(struct table *t)
{
	struct table old = *t;

	t->n_slots = old.n_slots ? 2 * old.n_slots : 64;
	t->slots = xcalloc(t->n_slots, sizeof(*t->slots));
	for (size_t i = 0; i < old.n_slots; i++) {
		if (old.slots[i].value)
			*find(t, old.slots[i].store, old.slots[i].text) = old.slots[i];
	}
	free(old.slots);
}

void table_put(
    struct table *t, const struct store_id *store, const char *text, void *value)
{
	struct table_slot *slot;

	if (2 * (t->n + 1) > t->n_slots)
		grow(t);
	slot = find(t, store, text);
	t->n += !slot->value;
	*slot = (struct table_slot){store, text, value};
}

void table_release(struct table *t)
{
	free(t->slots);
	*t = (struct table){0};
}
