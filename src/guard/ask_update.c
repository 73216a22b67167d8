/* SPDX-License-Identifier: Apache-2.0 */
/* ask_update.c: what an answer (see ask.h) replaces of what was known before. */
#include <string.h>

#include "guard/ask_places.h"

static bool is_failure(const struct finding *f)
{
	return f->class == FINDING_TREE_UNREADABLE || f->class == FINDING_TREE_UNSTABLE;
}

/* Stands for all that is below its path. */
static bool covers(const struct finding *f, const char *path)
{
	return (f->class == FINDING_TREE_ADDED || f->class == FINDING_TREE_REMOVED ||
		   f->class == FINDING_TREE_TYPE) &&
	       manifest_path_below(f->path, path);
}

static bool same_place(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool answered_by(const struct findings *answer, const struct finding *f)
{
	for (size_t i = 0; i < answer->n; i++) {
		const struct finding *now = &answer->v[i];

		if (now->class == f->class && same_place(now->path, f->path))
			return true;
		if (now->path && f->path && covers(now, f->path))
			return true;
	}
	return false;
}

static bool asked_about(const struct ask_places *places, const char *path)
{
	for (size_t i = 0; i < places->n; i++) {
		const struct ask_place *p = &places->v[i];

		if (strcmp(p->path, path) == 0 ||
		    (p->below && manifest_path_below(p->path, path)))
			return true;
	}
	return false;
}

static bool failed(const struct findings *answer, const char *path)
{
	for (size_t i = 0; i < answer->n; i++) {
		const struct finding *f = &answer->v[i];

		if (is_failure(f) && (!f->path || strcmp(f->path, path) == 0))
			return true;
	}
	return false;
}

/* What could not be looked at replaces nothing. */
static void looked_at(struct ask_places *out, const struct ask_path *paths, size_t n,
    const struct findings *answer)
{
	CLEANUP_FREE struct ask_path *good = xcalloc(n, sizeof(*good));
	size_t n_good = 0;

	for (size_t i = 0; i < n; i++) {
		if (!failed(answer, paths[i].path))
			good[n_good++] = paths[i];
	}
	ask_places_init(out, good, n_good);
}

void ask_update(struct findings *known, const char *layer, const struct ask_path *paths,
    size_t n, struct findings *answer)
{
	CLEANUP_ASK_PLACES struct ask_places places;

	looked_at(&places, paths, n, answer);
	for (size_t i = 0; i < known->n; i++) {
		struct finding *f = &known->v[i];

		if (f->class < FINDING_TREE_ADDED || f->class > FINDING_TREE_UNREADABLE ||
		    !f->layer || strcmp(f->layer, layer) != 0)
			continue;
		if ((f->path && asked_about(&places, f->path)) || answered_by(answer, f))
			f->severity = SEVERITY_IGNORE;
	}
	findings_drop(known, SEVERITY_IGNORE);
	findings_move(known, answer);
}
