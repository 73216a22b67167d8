/* SPDX-License-Identifier: Apache-2.0 */
/* survey.c: one look at a store, and which of its objects an operation is about. */
#include <string.h>

#include "base/fs.h"
#include "guard/guard.h"
#include "guard/users.h"
#include "store/place.h"

int survey_take(
    const struct guard *g, struct survey *out, struct findings *findings, struct err *e)
{
	int r;

	*out = (struct survey){0};
	r = records_read(g->store, &out->records, findings, e);
	if (!r)
		r = structure_check(
		    g->store, &out->records, &out->structures, findings, e);
	if (!r)
		r = surroundings_check(g->store, &out->records, findings, e);
	if (r)
		survey_release(out);
	return r;
}

void survey_release(struct survey *s)
{
	records_release(&s->records);
	free(s->structures);
	*s = (struct survey){0};
}

enum layer_role layer_role(const struct records *r, const struct store_layer *l)
{
	/* Images get their layers complete and lose them last: one that is in use only claims to be. */
	if (l->incomplete && !users_exist(r, l->id))
		return LAYER_TRANSIENT;
	if (l->has_id_maps)
		return LAYER_MAPPED;
	if (records_is_container_layer(r, l))
		return LAYER_CONTAINER;
	return LAYER_COMMITTED;
}

size_t survey_layer_index(const struct survey *s, const char *id)
{
	const struct store_layer *l = id[0] ? records_layer(&s->records, id) : NULL;

	return l ? (size_t)(l - s->records.layers) : SIZE_MAX;
}

/* True if `name` is what the user may have meant by `arg`: exact, or without registry or tag. */
static bool name_matches(const char *name, const char *arg)
{
	const char *slash, *colon;
	size_t len = strlen(arg);

	if (strcmp(name, arg) == 0)
		return true;
	slash = strrchr(name, '/');
	colon = strrchr(slash ? slash : name, ':');
	for (const char *p = name; p; p = strchr(p, '/') ? strchr(p, '/') + 1 : NULL) {
		if (strcmp(p, arg) == 0)
			return true;
		if (colon && p < colon && len == (size_t)(colon - p) &&
		    strncmp(p, arg, len) == 0 && strcmp(colon, ":latest") == 0)
			return true;
	}
	return false;
}

static bool image_matches(const struct store_image *i, const char *arg)
{
	const char *hex = strncmp(arg, "sha256:", 7) == 0 ? arg + 7 : arg;

	if (strlen(hex) >= 3 && strncmp(i->id, hex, strlen(hex)) == 0)
		return true;
	for (size_t n = 0; n < i->n_names; n++) {
		if (name_matches(i->names[n], arg))
			return true;
	}
	return false;
}

static int find_image(
    const struct records *r, const char *arg, size_t *out, struct err *e)
{
	size_t found = SIZE_MAX;

	for (size_t i = 0; i < r->n_images; i++) {
		if (!image_matches(&r->images[i], arg))
			continue;
		if (found != SIZE_MAX)
			return err_set(e, ERR_USAGE,
			    "image '%s' is ambiguous: %.12s and %.12s match", arg,
			    r->images[found].id, r->images[i].id);
		found = i;
	}
	if (found == SIZE_MAX)
		return err_set(e, ERR_USAGE, "no image '%s' in this store", arg);
	*out = found;
	return 0;
}

static void select_chain(const struct survey *s, const char *top, struct scope *out)
{
	size_t index = survey_layer_index(s, top);

	/* The chain ends, at the latest, where it meets itself: a hostile record may loop. */
	while (index != SIZE_MAX && !out->layer[index]) {
		out->layer[index] = true;
		index = survey_layer_index(s, s->records.layers[index].parent);
	}
}

int scope_select(const struct survey *s, const char *const *images, size_t n,
    struct scope *out, struct err *e)
{
	*out = (struct scope){
	    .layer = xcalloc(s->records.n_layers, sizeof(bool)),
	    .image = xcalloc(s->records.n_images, sizeof(bool)),
	    .all = n == 0,
	};
	if (out->all) {
		memset(out->layer, true, s->records.n_layers);
		memset(out->image, true, s->records.n_images);
		return 0;
	}
	for (size_t i = 0; i < n; i++) {
		size_t index = 0;
		int r = find_image(&s->records, images[i], &index, e);

		if (r) {
			scope_release(out);
			return r;
		}
		out->image[index] = true;
		select_chain(s, s->records.images[index].top_layer, out);
	}
	return 0;
}

void scope_release(struct scope *s)
{
	free(s->layer);
	free(s->image);
	*s = (struct scope){0};
}

int guard_tree_dir(const struct guard *g, const struct store_layer *l)
{
	return g->store->places[place_of_tree(g->store, l)].driver_fd;
}

int guard_open_tree(
    const struct guard *g, const struct store_layer *l, int *out_fd, struct err *e)
{
	char path[STORE_TREE_PATH_MAX];
	int r;

	store_tree_path(g->store, l->id, path);
	r = fs_open_dir(guard_tree_dir(g, l), path, out_fd, e);
	return r ? err_wrap(e, "tree of layer %.12s", l->id) : 0;
}

bool layer_is_another_creation(const struct entry_seal_layer *seal,
    const struct store_layer *l, const struct layer_structure *st)
{
	if (strcmp(seal->created, l->created) == 0)
		return false;
	/* vfs has no short names: the creation time alone must do. */
	return !seal->link || (st->link[0] && strcmp(seal->link, st->link) != 0);
}
