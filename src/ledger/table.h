/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table.h: a hash table from (store, text) to a pointer. Keys are borrowed and must outlive the table;
 * entries are never removed. The input is authenticated, so collisions are nobody's weapon.
 */
#ifndef LEDGER_TABLE_H
#define LEDGER_TABLE_H

#include "ledger/entry.h"

struct table_slot {
	uint64_t hash;
	const struct store_id *store;
	const char *text;
	void *value; /* NULL: free slot */
};

struct table {
	struct table_slot *slots; /* a power of two of them */
	size_t n_slots, n;
};

void *table_get(const struct table *t, const struct store_id *store, const char *text);
/* Replaces the value of a key that is there already. */
void table_put(
    struct table *t, const struct store_id *store, const char *text, void *value);
void table_release(struct table *t); /* not the values */

#endif
