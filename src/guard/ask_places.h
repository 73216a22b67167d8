/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ask_places.h: the places of a tree that a question is about: the paths that are asked and the directories that
 * lead to them, in manifest order, and what both sides have there. Pure; for guard/ask.c.
 */
#ifndef GUARD_ASK_PLACES_H
#define GUARD_ASK_PLACES_H

#include "guard/ask.h"

struct ask_place {
	char *path; /* owned */
	bool below; /* with everything below it */
	bool sealed, sealed_dir;
	bool there, is_dir;
};

struct ask_places {
	struct ask_place *v;
	size_t n;
	/* Where a walk along the lines of one side is. */
	size_t at;
	const struct ask_place *within;
};

void ask_places_init(struct ask_places *p, const struct ask_path *paths, size_t n);
void ask_places_release(struct ask_places *p);
#define CLEANUP_ASK_PLACES CLEANUP(ask_places_release)

/* A new walk: paths come in manifest order. */
void ask_places_rewind(struct ask_places *p);
/* True if the next path of the walk is one of them or below one that is asked about so; *out is it, or NULL. */
bool ask_places_next(struct ask_places *p, const char *path, struct ask_place **out);

/* All that may be below what was not sealed as a directory counts. */
void ask_places_add_unsealed(struct ask_places *p);
/* All that was sealed below what is no directory any more counts. True if there is such a place. */
bool ask_places_add_gone(struct ask_places *p);

/* All of them, as tree_measure() takes them: a fresh array, strings borrowed. */
struct tree_pick *ask_places_picks(const struct ask_places *p);
/* What decides about one of the paths: it, or a directory on the way that is asked about with all below it. */
struct tree_pick ask_places_pick(const struct ask_places *p, const char *path);

#endif
