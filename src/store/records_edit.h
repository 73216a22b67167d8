/* SPDX-License-Identifier: Apache-2.0 */
/*
 * records_edit.h: taking records out of the record files of a store, for a purge that holds the write
 * locks (store_lock_write). What stays keeps its order and its members.
 */
#ifndef STORE_RECORDS_EDIT_H
#define STORE_RECORDS_EDIT_H

#include "store/quarantine.h"
#include "store/records.h"

/* Ids, sorted; borrowed. */
struct id_set {
	const char **v;
	size_t n;
};
void id_set_sort(struct id_set *set);
bool id_set_has(const struct id_set *set, const char *id);

struct image_tag {
	const char *image, *name;
};

struct records_edit {
	struct id_set layers, images, containers; /* their records go */
	const struct image_tag *names;		  /* these names of images go */
	size_t n_names;
	/*
	 * Records that break a rule go too, and a file that cannot be read in one way only goes whole: it is
	 * moved to quarantine, and an empty list takes its place.
	 */
	bool faulty;
};

/* Calls `moved` for each file that went whole. quarantines[] has one per place, NULL for additional ones. */
typedef void records_moved_fn(void *ctx, size_t place, const char *path, const char *why);
MUSTUSE int records_edit(const struct store *s, struct quarantine *const quarantines[],
    const struct records_edit *edit, records_moved_fn *moved, void *ctx, struct err *e);

#endif
