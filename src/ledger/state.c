/* SPDX-License-Identifier: Apache-2.0 */
/* state.c: see state.h. */
#include "ledger/state.h"

#include <string.h>

#include "ledger/table.h"

struct layer {
	struct sealed_layer public;
	const struct store_id *store;
};

struct image {
	struct sealed_image public;
	const struct store_id *store;
};

/* Everything in arrays of pointers: what was handed out stays where it is. */
struct state {
	const struct entry **stores;
	size_t n_stores;
	struct layer **layers;
	size_t n_layers;
	struct image **images;
	size_t n_images;
	struct table layer_by_id, image_by_id;
	struct table name; /* -> const struct entry * of the newest seal-name */
};

struct state *state_new(void)
{
	return xcalloc(1, sizeof(struct state));
}

void state_free(struct state *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n_layers; i++)
		free(s->layers[i]);
	for (size_t i = 0; i < s->n_images; i++)
		free(s->images[i]);
	free(s->stores);
	free(s->layers);
	free(s->images);
	table_release(&s->layer_by_id);
	table_release(&s->image_by_id);
	table_release(&s->name);
	free(s);
}

static bool same_store(const struct store_id *a, const struct store_id *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static void apply_init(struct state *s, const struct entry *en)
{
	if (state_store(s, &en->store))
		return;
	s->stores = xreallocarray(s->stores, s->n_stores + 1, sizeof(*s->stores));
	s->stores[s->n_stores++] = en;
}

static void apply_seal_layer(struct state *s, const struct entry *en, size_t seq)
{
	const struct entry_seal_layer *seal = &en->seal_layer;
	struct layer *l = table_get(&s->layer_by_id, &en->store, seal->layer);

	if (!l) {
		l = xcalloc(1, sizeof(*l));
		s->layers = xreallocarray(s->layers, s->n_layers + 1, sizeof(*s->layers));
		s->layers[s->n_layers++] = l;
		l->store = &en->store;
		table_put(&s->layer_by_id, &en->store, seal->layer, l);
	}
	l->public = (struct sealed_layer){
	    .seal = seal,
	    .seq = seq,
	    .time = en->time,
	    .print = seal->has_print ? seal->print : NULL,
	};
}

static void apply_seal_image(struct state *s, const struct entry *en, size_t seq)
{
	struct image *i = table_get(&s->image_by_id, &en->store, en->seal_image.image);

	if (!i) {
		i = xcalloc(1, sizeof(*i));
		s->images = xreallocarray(s->images, s->n_images + 1, sizeof(*s->images));
		s->images[s->n_images++] = i;
		i->store = &en->store;
		table_put(&s->image_by_id, &en->store, en->seal_image.image, i);
	}
	i->public =
	    (struct sealed_image){.seal = &en->seal_image, .seq = seq, .time = en->time};
}

static void apply_retire(struct state *s, const struct entry *en)
{
	struct layer *l;
	struct image *i;

	if (en->retire.is_image) {
		i = table_get(&s->image_by_id, &en->store, en->retire.id);
		if (i)
			i->public.retired = true;
	} else {
		l = table_get(&s->layer_by_id, &en->store, en->retire.id);
		if (l)
			l->public.retired = true;
	}
}

static void apply_remeasure(struct state *s, const struct entry *en)
{
	struct layer *l = table_get(&s->layer_by_id, &en->store, en->remeasure.layer);

	if (l && !l->public.retired &&
	    digest_equal(&l->public.seal->tree, &en->remeasure.tree))
		l->public.print = en->remeasure.print;
}

void state_apply(struct state *s, const struct entry *en, size_t seq)
{
	switch (en->op) {
	case ENTRY_INIT:
		apply_init(s, en);
		break;
	case ENTRY_SEAL_LAYER:
		apply_seal_layer(s, en, seq);
		break;
	case ENTRY_SEAL_IMAGE:
		apply_seal_image(s, en, seq);
		break;
	case ENTRY_SEAL_NAME:
		table_put(
		    &s->name, &en->store, en->seal_name.name, (void *)(uintptr_t)en);
		break;
	case ENTRY_RETIRE:
		apply_retire(s, en);
		break;
	case ENTRY_REMEASURE:
		apply_remeasure(s, en);
		break;
	case ENTRY_OP_COUNT:
		break;
	}
}

const struct entry_init *state_store(const struct state *s, const struct store_id *store)
{
	for (size_t i = 0; i < s->n_stores; i++) {
		if (same_store(&s->stores[i]->store, store))
			return &s->stores[i]->init;
	}
	return NULL;
}

bool state_find_store(const struct state *s, const char *graphroot, struct store_id *out)
{
	if (!graphroot) {
		if (s->n_stores == 1)
			*out = s->stores[0]->store;
		return s->n_stores == 1;
	}
	for (size_t i = 0; i < s->n_stores; i++) {
		if (strcmp(s->stores[i]->init.graphroot, graphroot) == 0) {
			*out = s->stores[i]->store;
			return true;
		}
	}
	return false;
}

const struct sealed_layer *state_layer(
    const struct state *s, const struct store_id *store, const char *id)
{
	const struct layer *l = table_get(&s->layer_by_id, store, id);

	return l ? &l->public : NULL;
}

const struct sealed_image *state_image(
    const struct state *s, const struct store_id *store, const char *id)
{
	const struct image *i = table_get(&s->image_by_id, store, id);

	return i ? &i->public : NULL;
}

const char *state_name(
    const struct state *s, const struct store_id *store, const char *name)
{
	const struct entry *en = table_get(&s->name, store, name);
	const struct sealed_image *image =
	    en ? state_image(s, store, en->seal_name.image) : NULL;

	return image && !image->retired ? en->seal_name.image : "";
}

static int by_layer_id(const void *a, const void *b)
{
	const struct sealed_layer *const *x = a, *const *y = b;

	return strcmp((*x)->seal->layer, (*y)->seal->layer);
}

static int by_image_id(const void *a, const void *b)
{
	const struct sealed_image *const *x = a, *const *y = b;

	return strcmp((*x)->seal->image, (*y)->seal->image);
}

int state_each_layer(const struct state *s, const struct store_id *store,
    ledger_layer_fn *fn, void *ctx, struct err *e)
{
	CLEANUP_FREE const struct sealed_layer **sorted =
	    xcalloc(s->n_layers, sizeof(void *));
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; i < s->n_layers; i++) {
		if (same_store(s->layers[i]->store, store))
			sorted[n++] = &s->layers[i]->public;
	}
	qsort(sorted, n, sizeof(*sorted), by_layer_id);
	for (size_t i = 0; !r && i < n; i++)
		r = fn(ctx, sorted[i], e);
	return r;
}

int state_each_image(const struct state *s, const struct store_id *store,
    ledger_image_fn *fn, void *ctx, struct err *e)
{
	CLEANUP_FREE const struct sealed_image **sorted =
	    xcalloc(s->n_images, sizeof(void *));
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; i < s->n_images; i++) {
		if (same_store(s->images[i]->store, store))
			sorted[n++] = &s->images[i]->public;
	}
	qsort(sorted, n, sizeof(*sorted), by_image_id);
	for (size_t i = 0; !r && i < n; i++)
		r = fn(ctx, sorted[i], e);
	return r;
}
