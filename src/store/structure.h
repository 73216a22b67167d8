/* SPDX-License-Identifier: Apache-2.0 */
/*
 * structure.h: whether the directories of the driver are exactly what the records explain.
 * Reads names, small files and links only; measures no tree.
 *
 * overlay: a committed layer directory holds exactly diff/ (a real directory), link, lower or
 * (base) an empty empty/, and work/, merged*, mapped/ without content; l/<link> leads to exactly
 * ../<id>/diff; overlay/ and l/ hold nothing else. vfs: dir/<id> and nothing else.
 * Around them: overlay-layers/, overlay-images/, libpod's database, mountpoints.json.
 */
#ifndef STORE_STRUCTURE_H
#define STORE_STRUCTURE_H

#include "store/records.h"

#define LINK_LEN 26
#define LINK_ALPHABET "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

/* What a link in l/ must lead to: the id in "../<id>/diff", into `out`; false for any other text. */
bool store_link_target(const char *target, char out[static ID_LEN + 1]);

/* The short name of a layer of the overlay driver. ERR_MALFORMED: the file is there, and holds none. */
MUSTUSE int store_read_link(const struct store *s, const struct store_layer *l,
    char out[static LINK_LEN + 1], struct err *e);

/* Per layer, in the order of records->layers. */
struct layer_structure {
	char link[LINK_LEN +
		  1]; /* "" for vfs or when unreadable (then there is a finding) */
	bool tree_ok; /* the tree is a real directory that can be measured */
};

/*
 * Checks the whole store. Objects that a running engine is creating or deleting right now are
 * no finding: what looks unexplained is looked at again after re-reading the records (`r` is
 * replaced by the newer snapshot when that was needed), and only what no writer explains stays.
 * structures[] (caller frees) matches the final r->layers.
 */
MUSTUSE int structure_check(const struct store *s, struct records *r,
    struct layer_structure **structures, struct findings *findings, struct err *e);

/* libpod's bolt_state.db or db.sql names another graphroot, runroot or driver; mountpoints.json. */
MUSTUSE int surroundings_check(const struct store *s, const struct records *r,
    struct findings *findings, struct err *e);

#endif
