/* SPDX-License-Identifier: Apache-2.0 */
/* structure_overlay.h: what the two files about the overlay driver share. */
#ifndef STORE_STRUCTURE_OVERLAY_H
#define STORE_STRUCTURE_OVERLAY_H

#include "store/structure_in.h"

/* Who has a short name. */
struct owner {
	const char *link; /* in look.layers */
	const struct store_layer *layer;
	bool seen; /* l/ has it */
};

struct overlay {
	struct look *k;
	struct owner *owners; /* sorted by link, then layer */
	size_t n_owners;
	size_t
	    *template; /* by record index: what an id-mapped copy was made of, or SIZE_MAX */
};

/* A finding about `name` in the directory of a layer, or about that directory (NULL). */
struct finding *overlay_add(struct overlay *o, enum finding_class c,
    const struct store_layer *l, const char *name);

/* Reads the short names of all layers and what lies below id-mapped copies; first of all. */
void links_read(struct overlay *o);
void links_release(struct overlay *o);
/* l/ of one place, and, after all places, the links that none has. */
void links_check_place(struct overlay *o, size_t place);
void links_check_missing(struct overlay *o);
/* `lower` in the directory of a layer. */
void links_check_lower(struct overlay *o, const struct store_layer *l, int dirfd);

/* What is mounted directly below a layer; NULL for a base and for a parent without a record. */
const struct store_layer *links_below(
    const struct overlay *o, const struct store_layer *l);
/* True for an id-mapped copy that an image lists. */
bool links_is_mapped_copy(const struct overlay *o, const struct store_layer *l);

#endif
