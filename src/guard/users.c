/* SPDX-License-Identifier: Apache-2.0 */
/* users.c: see users.h. */
#include "guard/users.h"

#include <stdio.h>
#include <string.h>

/* More images than this are summed up: a base layer may carry thousands. */
#define USERS_NAMED 5

static bool uses(const struct records *r, const struct store_image *i, const char *layer)
{
	const char *id = i->top_layer;

	/* A chain longer than there are layers is a loop. */
	for (size_t steps = 0; id[0] && steps <= r->n_layers; steps++) {
		const struct store_layer *l;

		if (strcmp(id, layer) == 0)
			return true;
		l = records_layer(r, id);
		if (!l)
			return false;
		id = l->parent;
	}
	return false;
}

bool users_exist(const struct records *r, const char *layer)
{
	for (size_t i = 0; i < r->n_images; i++) {
		if (uses(r, &r->images[i], layer))
			return true;
	}
	return false;
}

/* Names say more than ids: images with names come first. */
static void collect(
    const struct records *r, const char *layer, bool named, char **text, size_t *n)
{
	for (size_t i = 0; i < r->n_images; i++) {
		const struct store_image *image = &r->images[i];
		char *longer;

		if ((image->n_names > 0) != named || !uses(r, image, layer) ||
		    (*n)++ >= USERS_NAMED)
			continue;
		longer = xasprintf("%s%s%.*s", *text ? *text : "", *text ? ", " : "",
		    named ? 255 : 12, named ? image->names[0] : image->id);
		free(*text);
		*text = longer;
	}
}

static char *users_of(const struct records *r, const char *layer)
{
	char *text = NULL, *longer;
	size_t n = 0;

	collect(r, layer, true, &text, &n);
	collect(r, layer, false, &text, &n);
	if (n <= USERS_NAMED)
		return text;
	longer = xasprintf("%s and %zu more", text, n - USERS_NAMED);
	free(text);
	return longer;
}

void users_fill(const struct records *r, struct findings *findings)
{
	const char *previous = NULL, *answer = NULL;

	/* Findings about one layer stand together: one walk answers for all of them. */
	for (size_t i = 0; i < findings->n; i++) {
		struct finding *f = &findings->v[i];

		if (!f->layer || f->image || f->used_by)
			continue;
		if (previous && strcmp(previous, f->layer) == 0) {
			f->used_by = answer ? xstrdup(answer) : NULL;
			continue;
		}
		f->used_by = users_of(r, f->layer);
		previous = f->layer;
		answer = f->used_by;
	}
}
