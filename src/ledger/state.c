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
	size_t names_from; /* names sealed before this entry were freed by a retirement */
};

struct name {
	const struct entry *seal; /* the newest */
	size_t seq;
};

/*
 * Everything in arrays of pointers: what was handed out stays where it is. A state over another one
 * holds only what differs: an object of the base is copied when it is first looked for.
 */
struct state {
	const struct state *base; /* NULL: none */
	const struct entry **stores;
	size_t n_stores;
	struct layer **layers;
	size_t n_layers;
	struct image **images;
	size_t n_images;
	struct name **names;
	size_t n_names;
	struct table layer_by_id, image_by_id, name_by_text;
};

/* Room for one more pointer: the arrays double. */
#define GROW(array, n)                                                                   \
	do {                                                                             \
		if (((n) & ((n)-1)) == 0)                                                \
			(array) =                                                        \
			    xreallocarray((array), (n) ? 2 * (n) : 1, sizeof(*(array))); \
	} while (0)

struct state *state_new(void)
{
	return xcalloc(1, sizeof(struct state));
}

struct state *state_new_over(const struct state *base)
{
	struct state *s = state_new();

	s->base = base;
	for (size_t i = 0; i < base->n_stores; i++) {
		GROW(s->stores, s->n_stores);
		s->stores[s->n_stores++] = base->stores[i];
	}
	return s;
}

void state_free(struct state *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n_layers; i++)
		free(s->layers[i]);
	for (size_t i = 0; i < s->n_images; i++)
		free(s->images[i]);
	for (size_t i = 0; i < s->n_names; i++)
		free(s->names[i]);
	free(s->stores);
	free(s->layers);
	free(s->images);
	free(s->names);
	table_release(&s->layer_by_id);
	table_release(&s->image_by_id);
	table_release(&s->name_by_text);
	free(s);
}

static bool same_store(const struct store_id *a, const struct store_id *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static int refused(struct err *e, const char *what, const char *rule)
{
	return err_set(e, ERR_REFUSED, "%s: %s", what, rule);
}

static int apply_init(struct state *s, const struct entry *en, struct err *e)
{
	struct store_id other;
	size_t i = 0;

	if (state_find_store(s, en->init.graphroot, &other) &&
	    !same_store(&other, &en->store))
		return refused(e, en->init.graphroot, "another store is entered there");
	while (i < s->n_stores && !same_store(&s->stores[i]->store, &en->store))
		i++;
	if (i == s->n_stores) {
		GROW(s->stores, s->n_stores);
		s->n_stores++;
	}
	s->stores[i] = en;
	return 0;
}

static struct layer *add_layer(
    struct state *s, const struct store_id *store, const char *id)
{
	struct layer *l = xcalloc(1, sizeof(*l));

	GROW(s->layers, s->n_layers);
	s->layers[s->n_layers++] = l;
	l->store = store;
	table_put(&s->layer_by_id, store, id, l);
	return l;
}

static struct image *add_image(
    struct state *s, const struct store_id *store, const char *id)
{
	struct image *i = xcalloc(1, sizeof(*i));

	GROW(s->images, s->n_images);
	s->images[s->n_images++] = i;
	i->store = store;
	table_put(&s->image_by_id, store, id, i);
	return i;
}

static struct layer *find_layer(
    struct state *s, const struct store_id *store, const char *id)
{
	struct layer *l = table_get(&s->layer_by_id, store, id);
	const struct layer *of_base =
	    l || !s->base ? NULL : table_get(&s->base->layer_by_id, store, id);

	if (of_base) {
		l = add_layer(s, of_base->store, of_base->public.seal->layer);
		*l = *of_base;
	}
	return l;
}

static struct image *find_image(
    struct state *s, const struct store_id *store, const char *id)
{
	struct image *i = table_get(&s->image_by_id, store, id);
	const struct image *of_base =
	    i || !s->base ? NULL : table_get(&s->base->image_by_id, store, id);

	if (of_base) {
		i = add_image(s, of_base->store, of_base->public.seal->image);
		*i = *of_base;
	}
	return i;
}

static void apply_seal_layer(struct state *s, const struct entry *en, size_t seq)
{
	const struct entry_seal_layer *seal = &en->seal_layer;
	struct layer *l = find_layer(s, &en->store, seal->layer);

	if (!l)
		l = add_layer(s, &en->store, seal->layer);
	l->public = (struct sealed_layer){
	    .seal = seal,
	    .seq = seq,
	    .time = en->time,
	    .print = seal->has_print ? seal->print : NULL,
	};
}

static void apply_seal_image(struct state *s, const struct entry *en, size_t seq)
{
	const struct entry_seal_image *seal = &en->seal_image;
	struct image *i = find_image(s, &en->store, seal->image);

	if (!i)
		i = add_image(s, &en->store, seal->image);
	i->public = (struct sealed_image){.seal = seal, .seq = seq, .time = en->time};
}

static struct layer *live_layer(
    struct state *s, const struct store_id *store, const char *id)
{
	struct layer *l = find_layer(s, store, id);

	return l && !l->public.retired ? l : NULL;
}

static struct image *live_image(
    struct state *s, const struct store_id *store, const char *id)
{
	struct image *i = find_image(s, store, id);

	return i && !i->public.retired ? i : NULL;
}

static int apply_seal_name(
    struct state *s, const struct entry *en, size_t seq, struct err *e)
{
	const struct entry_seal_name *seal = &en->seal_name;
	struct name *n = table_get(&s->name_by_text, &en->store, seal->name);

	if (!live_image(s, &en->store, seal->image))
		return refused(e, seal->name, "a name of an image that is not sealed");
	if (!n) {
		n = xcalloc(1, sizeof(*n));
		GROW(s->names, s->n_names);
		s->names[s->n_names++] = n;
		table_put(&s->name_by_text, &en->store, seal->name, n);
	}
	*n = (struct name){en, seq};
	return 0;
}

static int apply_retire(
    struct state *s, const struct entry *en, size_t seq, struct err *e)
{
	const char *id = en->retire.id;
	struct layer *l = en->retire.is_image ? NULL : live_layer(s, &en->store, id);
	struct image *i = en->retire.is_image ? live_image(s, &en->store, id) : NULL;

	if (!l && !i)
		return refused(e, id, "retired, but it is not sealed");
	if (l)
		l->public.retired = true;
	if (i) {
		i->public.retired = true;
		i->names_from = seq;
	}
	return 0;
}

static int apply_remeasure(struct state *s, const struct entry *en, struct err *e)
{
	struct layer *l = live_layer(s, &en->store, en->remeasure.layer);

	if (!l)
		return refused(
		    e, en->remeasure.layer, "remeasured, but it is not sealed");
	if (!digest_equal(&l->public.seal->tree, &en->remeasure.tree))
		return refused(
		    e, en->remeasure.layer, "remeasured with another tree than sealed");
	l->public.print = en->remeasure.print;
	return 0;
}

int state_apply(struct state *s, const struct entry *en, size_t seq, struct err *e)
{
	if (en->op != ENTRY_INIT && !state_store(s, &en->store))
		return refused(
		    e, entry_op_name(en->op), "its store was not entered before");
	switch (en->op) {
	case ENTRY_INIT:
		return apply_init(s, en, e);
	case ENTRY_SEAL_LAYER:
		apply_seal_layer(s, en, seq);
		return 0;
	case ENTRY_SEAL_IMAGE:
		apply_seal_image(s, en, seq);
		return 0;
	case ENTRY_SEAL_NAME:
		return apply_seal_name(s, en, seq, e);
	case ENTRY_RETIRE:
		return apply_retire(s, en, seq, e);
	case ENTRY_REMEASURE:
		return apply_remeasure(s, en, e);
	case ENTRY_OP_COUNT:
		break;
	}
	return err_set(e, ERR_INTERNAL, "an entry of no op");
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
	const struct name *n = table_get(&s->name_by_text, store, name);
	const struct image *i =
	    n ? table_get(&s->image_by_id, store, n->seal->seal_name.image) : NULL;

	return i && !i->public.retired && n->seq >= i->names_from
		   ? n->seal->seal_name.image
		   : "";
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
