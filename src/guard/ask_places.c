/* SPDX-License-Identifier: Apache-2.0 */
/* ask_places.c: see ask_places.h. */
#include "guard/ask_places.h"

#include <string.h>

static void add(struct ask_places *p, const char *path, size_t len, bool below)
{
	p->v = xreallocarray(p->v, p->n + 1, sizeof(*p->v));
	p->v[p->n++] = (struct ask_place){.path = xstrndup(path, len), .below = below};
}

static int by_path(const void *a, const void *b)
{
	return manifest_path_cmp(
	    ((const struct ask_place *)a)->path, ((const struct ask_place *)b)->path);
}

static void drop_doubles(struct ask_places *p)
{
	size_t kept = 0;

	for (size_t i = 0; i < p->n; i++) {
		if (kept && strcmp(p->v[kept - 1].path, p->v[i].path) == 0) {
			p->v[kept - 1].below |= p->v[i].below;
			free(p->v[i].path);
		} else {
			p->v[kept++] = p->v[i];
		}
	}
	p->n = kept;
}

void ask_places_init(struct ask_places *p, const struct ask_path *paths, size_t n)
{
	*p = (struct ask_places){0};
	for (size_t i = 0; i < n; i++) {
		const char *path = paths[i].path;

		add(p, "/", 1, paths[i].below && !path[1]);
		for (size_t len = 1; path[len]; len++) {
			if (path[len + 1] == '/' || !path[len + 1])
				add(p, path, len + 1, paths[i].below && !path[len + 1]);
		}
	}
	if (p->n)
		qsort(p->v, p->n, sizeof(*p->v), by_path);
	drop_doubles(p);
}

void ask_places_release(struct ask_places *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->v[i].path);
	free(p->v);
	*p = (struct ask_places){0};
}

void ask_places_rewind(struct ask_places *p)
{
	p->at = 0;
	p->within = NULL;
}

static void pass(struct ask_places *p)
{
	const struct ask_place *x = &p->v[p->at++];
	bool inside = p->within && manifest_path_below(p->within->path, x->path);

	if (x->below && !inside)
		p->within = x;
}

bool ask_places_next(struct ask_places *p, const char *path, struct ask_place **out)
{
	int order = 1;

	*out = NULL;
	while (p->at < p->n && (order = manifest_path_cmp(p->v[p->at].path, path)) < 0)
		pass(p);
	if (p->at < p->n && order == 0) {
		*out = &p->v[p->at];
		pass(p);
		return true;
	}
	return p->within && manifest_path_below(p->within->path, path);
}

void ask_places_add_unsealed(struct ask_places *p)
{
	for (size_t i = 0; i < p->n; i++)
		p->v[i].below |= !p->v[i].sealed_dir;
}

bool ask_places_add_gone(struct ask_places *p)
{
	bool any = false;

	for (size_t i = 0; i < p->n; i++) {
		struct ask_place *x = &p->v[i];
		bool gone = x->sealed_dir && !(x->there && x->is_dir);

		any |= gone && !x->below;
		x->below |= gone;
	}
	return any;
}

struct tree_pick *ask_places_picks(const struct ask_places *p)
{
	struct tree_pick *picks = xcalloc(p->n, sizeof(*picks));

	for (size_t i = 0; i < p->n; i++)
		picks[i] = (struct tree_pick){p->v[i].path, p->v[i].below};
	return picks;
}

struct tree_pick ask_places_pick(const struct ask_places *p, const char *path)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct ask_place *x = &p->v[i];

		if (strcmp(x->path, path) == 0 ||
		    (x->below && manifest_path_below(x->path, path)))
			return (struct tree_pick){x->path, x->below};
	}
	return (struct tree_pick){path, false};
}
