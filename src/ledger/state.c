/* SPDX-License-Identifier: Apache-2.0 */
/* state.c: see state.h. */
#include "ledger/state.h"

#include <string.h>

#include "ledger/state_impl.h"

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
		s->stores[s->n_stores++] = record_use(base->stores[i]);
	}
	for (size_t i = 0; i < base->n_keys; i++) {
		GROW(s->keys, s->n_keys);
		s->keys[s->n_keys] = (struct key){.key = base->keys[i].key};
		state_replace(&s->keys[s->n_keys].add, base->keys[i].add);
		state_replace(&s->keys[s->n_keys++].retire, base->keys[i].retire);
	}
	for (size_t i = 0; i < base->n_anchors; i++) {
		GROW(s->anchors, s->n_anchors);
		s->anchors[s->n_anchors++] = record_use(base->anchors[i]);
	}
	for (size_t i = 0; i < base->n_revoked; i++) {
		s->revoked =
		    xreallocarray(s->revoked, s->n_revoked + 1, sizeof(*s->revoked));
		s->revoked[s->n_revoked++] = record_use(base->revoked[i]);
	}
	return s;
}

static void layer_free(struct layer *l)
{
	record_drop(l->seal);
	record_drop(l->remeasure);
	free(l);
}

static void image_free(struct image *i)
{
	record_drop(i->seal);
	free(i);
}

static void name_free(struct name *n)
{
	record_drop(n->seal);
	free(n);
}

void state_free(struct state *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n_layers; i++)
		layer_free(s->layers[i]);
	for (size_t i = 0; i < s->n_images; i++)
		image_free(s->images[i]);
	for (size_t i = 0; i < s->n_names; i++)
		name_free(s->names[i]);
	for (size_t i = 0; i < s->n_stores; i++)
		record_drop(s->stores[i]);
	for (size_t i = 0; i < s->n_anchors; i++)
		record_drop(s->anchors[i]);
	for (size_t i = 0; i < s->n_revoked; i++)
		record_drop(s->revoked[i]);
	free(s->revoked);
	for (size_t i = 0; i < s->n_keys; i++) {
		record_drop(s->keys[i].add);
		record_drop(s->keys[i].retire);
	}
	free(s->stores);
	free(s->layers);
	free(s->images);
	free(s->names);
	free(s->keys);
	free(s->anchors);
	table_release(&s->layer_by_id);
	table_release(&s->image_by_id);
	table_release(&s->name_by_text);
	state_trees_release(s);
	free(s);
}

void state_free_p(struct state **s)
{
	state_free(*s);
	*s = NULL;
}

static int apply_init(struct state *s, struct record *r, struct err *e)
{
	const struct entry *en = r->entry;
	struct store_id other;
	size_t i = 0;

	if (state_find_store(s, en->init.graphroot, &other) &&
	    !state_same_store(&other, &en->store))
		return state_refused(
		    e, en->init.graphroot, "another store is entered there");
	while (
	    i < s->n_stores && !state_same_store(&s->stores[i]->entry->store, &en->store))
		i++;
	if (i == s->n_stores) {
		GROW(s->stores, s->n_stores);
		s->stores[s->n_stores++] = NULL;
	}
	state_replace(&s->stores[i], r);
	return 0;
}

/* ---- layers and images ---- */

/* A remeasure replaces both prints of the seal. */
static void set_prints(struct sealed_layer *l, const struct record *remeasure)
{
	const struct entry_remeasure *m = remeasure ? &remeasure->entry->remeasure : NULL;

	if (m) {
		l->print = m->print;
		l->scrub = m->has_scrub ? m->scrub : NULL;
	} else {
		l->print = l->seal->has_print ? l->seal->print : NULL;
		l->scrub = l->seal->has_scrub ? l->seal->scrub : NULL;
	}
}

static void set_layer(struct layer *l, struct record *seal, struct record *remeasure)
{
	const struct entry *en = seal->entry;

	state_replace(&l->seal, seal);
	state_replace(&l->remeasure, remeasure);
	l->public = (struct sealed_layer){
	    .seal = &en->seal_layer,
	    .seq = seal->seq,
	    .time = en->time,
	};
	set_prints(&l->public, remeasure);
}

static void set_image(struct image *i, struct record *seal)
{
	const struct entry *en = seal->entry;

	state_replace(&i->seal, seal);
	i->public = (struct sealed_image){
	    .seal = &en->seal_image, .seq = seal->seq, .time = en->time};
}

static struct layer *add_layer(struct state *s, struct record *seal)
{
	struct layer *l = xcalloc(1, sizeof(*l));

	set_layer(l, seal, NULL);
	GROW(s->layers, s->n_layers);
	s->layers[s->n_layers++] = l;
	return l;
}

static struct image *add_image(struct state *s, struct record *seal)
{
	struct image *i = xcalloc(1, sizeof(*i));

	set_image(i, seal);
	GROW(s->images, s->n_images);
	s->images[s->n_images++] = i;
	return i;
}

/* The key of a table is borrowed from the record: it moves when the record is replaced. */
static void index_layer(struct state *s, struct layer *l)
{
	const struct entry *en = l->seal->entry;

	table_put(&s->layer_by_id, &en->store, en->seal_layer.layer, l);
}

static void index_image(struct state *s, struct image *i)
{
	const struct entry *en = i->seal->entry;

	table_put(&s->image_by_id, &en->store, en->seal_image.image, i);
}

static void index_name(struct state *s, struct name *n)
{
	const struct entry *en = n->seal->entry;

	table_put(&s->name_by_text, &en->store, en->seal_name.name, n);
}

static struct layer *find_layer(
    struct state *s, const struct store_id *store, const char *id)
{
	struct layer *l = table_get(&s->layer_by_id, store, id);
	const struct layer *of_base =
	    l || !s->base ? NULL : table_get(&s->base->layer_by_id, store, id);

	if (of_base) {
		l = add_layer(s, of_base->seal);
		set_layer(l, of_base->seal, of_base->remeasure);
		l->public.retired = of_base->public.retired;
		index_layer(s, l);
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
		i = add_image(s, of_base->seal);
		i->public.retired = of_base->public.retired;
		i->names_from = of_base->names_from;
		index_image(s, i);
	}
	return i;
}

static void apply_seal_layer(struct state *s, struct record *r)
{
	const struct entry *en = r->entry;
	struct layer *l = find_layer(s, &en->store, en->seal_layer.layer);
	struct record *before = l ? record_use(l->seal) : NULL;

	if (l)
		set_layer(l, r, NULL);
	else
		l = add_layer(s, r);
	index_layer(s, l);
	record_drop(before);
}

static void apply_seal_image(struct state *s, struct record *r)
{
	const struct entry *en = r->entry;
	struct image *i = find_image(s, &en->store, en->seal_image.image);
	struct record *before = i ? record_use(i->seal) : NULL;

	if (i)
		set_image(i, r);
	else
		i = add_image(s, r);
	index_image(s, i);
	record_drop(before);
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

static int apply_seal_name(struct state *s, struct record *r, struct err *e)
{
	const struct entry *en = r->entry;
	const struct entry_seal_name *seal = &en->seal_name;
	struct name *n = table_get(&s->name_by_text, &en->store, seal->name);
	struct record *before = n ? record_use(n->seal) : NULL;

	if (!live_image(s, &en->store, seal->image)) {
		record_drop(before);
		return state_refused(
		    e, seal->name, "a name of an image that is not sealed");
	}
	if (!n) {
		n = xcalloc(1, sizeof(*n));
		GROW(s->names, s->n_names);
		s->names[s->n_names++] = n;
	}
	state_replace(&n->seal, r);
	index_name(s, n);
	record_drop(before);
	return 0;
}

static int apply_retire(struct state *s, struct record *r, struct err *e)
{
	const struct entry *en = r->entry;
	const char *id = en->retire.id;
	struct layer *l = en->retire.is_image ? NULL : live_layer(s, &en->store, id);
	struct image *i = en->retire.is_image ? live_image(s, &en->store, id) : NULL;

	if (!l && !i)
		return state_refused(e, id, "retired, but it is not sealed");
	if (l)
		l->public.retired = true;
	if (i) {
		i->public.retired = true;
		i->names_from = r->seq;
	}
	return 0;
}

static int apply_remeasure(struct state *s, struct record *r, struct err *e)
{
	const struct entry *en = r->entry;
	struct layer *l = live_layer(s, &en->store, en->remeasure.layer);

	if (!l)
		return state_refused(
		    e, en->remeasure.layer, "remeasured, but it is not sealed");
	if (!digest_equal(&l->public.seal->tree, &en->remeasure.tree))
		return state_refused(
		    e, en->remeasure.layer, "remeasured with another tree than sealed");
	set_layer(l, l->seal, r);
	return 0;
}

/* ---- keys and anchors ---- */

static int apply_key(struct state *s, struct record *r, struct err *e)
{
	const struct entry *en = r->entry;
	struct public_key key;
	struct key *k;

	if (public_key_parse(en->key.vkey, &key, e))
		return state_refused(e, entry_op_name(en->op), "its vkey is none");
	k = state_find_key(s, &key);
	if (en->op == ENTRY_KEY_ADD && k)
		return state_refused(
		    e, en->key.vkey, "added, but it was added or retired before");
	if (en->op == ENTRY_KEY_RETIRE && k && k->retire)
		return state_refused(e, en->key.vkey, "retired twice");
	if (!k) {
		GROW(s->keys, s->n_keys);
		k = &s->keys[s->n_keys++];
		*k = (struct key){.key = key};
	}
	state_replace(en->op == ENTRY_KEY_ADD ? &k->add : &k->retire, r);
	return 0;
}

static int apply_anchor(struct state *s, struct record *r, struct err *e)
{
	const struct entry_anchor *anchor = &r->entry->anchor;
	size_t i = 0;

	while (i < s->n_anchors &&
	       strcmp(s->anchors[i]->entry->anchor.name, anchor->name) != 0)
		i++;
	if (i == s->n_anchors) {
		GROW(s->anchors, s->n_anchors);
		s->anchors[s->n_anchors++] = NULL;
	} else if (s->anchors[i]->entry->anchor.counter >= anchor->counter) {
		return state_refused(e, anchor->name, "a counter that does not grow");
	}
	state_replace(&s->anchors[i], r);
	return 0;
}

static int apply_revoke(struct state *s, struct record *r, struct err *e)
{
	const struct digest *d = &r->entry->revoke.digest;
	char text[DIGEST_TEXT_LEN + 1];
	size_t i = 0;

	digest_text(d, text);
	while (i < s->n_revoked && !digest_equal(&s->revoked[i]->entry->revoke.digest, d))
		i++;
	if (r->entry->op == ENTRY_REVOKE) {
		if (i < s->n_revoked)
			return state_refused(e, text, "revoked twice");
		s->revoked =
		    xreallocarray(s->revoked, s->n_revoked + 1, sizeof(*s->revoked));
		s->revoked[s->n_revoked++] = record_use(r);
		return 0;
	}
	if (i == s->n_revoked)
		return state_refused(e, text, "unrevoked, but it is not revoked");
	record_drop(s->revoked[i]);
	s->revoked[i] = s->revoked[--s->n_revoked];
	return 0;
}

/* ---- forgetting ---- */

/* Names first: they are judged by the images. */
static void forget_names(struct state *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->n_names; i++) {
		if (state_name_counts(s, s->names[i]))
			s->names[kept++] = s->names[i];
		else
			name_free(s->names[i]);
	}
	s->n_names = kept;
}

static void forget_objects(struct state *s)
{
	size_t layers = 0, images = 0;

	for (size_t i = 0; i < s->n_layers; i++) {
		if (!s->layers[i]->public.retired)
			s->layers[layers++] = s->layers[i];
		else
			layer_free(s->layers[i]);
	}
	for (size_t i = 0; i < s->n_images; i++) {
		if (!s->images[i]->public.retired)
			s->images[images++] = s->images[i];
		else
			image_free(s->images[i]);
	}
	s->n_layers = layers;
	s->n_images = images;
}

static void forget_retired(struct state *s)
{
	if (s->base)
		return;
	forget_names(s);
	forget_objects(s);
	s->names = state_fit(s->names, s->n_names, sizeof(*s->names));
	s->layers = state_fit(s->layers, s->n_layers, sizeof(*s->layers));
	s->images = state_fit(s->images, s->n_images, sizeof(*s->images));
	table_release(&s->layer_by_id);
	table_release(&s->image_by_id);
	table_release(&s->name_by_text);
	for (size_t i = 0; i < s->n_layers; i++)
		index_layer(s, s->layers[i]);
	for (size_t i = 0; i < s->n_images; i++)
		index_image(s, s->images[i]);
	for (size_t i = 0; i < s->n_names; i++)
		index_name(s, s->names[i]);
	state_trees_forget(s);
}

int state_apply(struct state *s, struct record *r, struct err *e)
{
	const struct entry *en = r->entry;

	if (en->op != ENTRY_INIT && entry_op_of_store(en->op) &&
	    !state_store(s, &en->store))
		return state_refused(
		    e, entry_op_name(en->op), "its store was not entered before");
	switch (en->op) {
	case ENTRY_INIT:
		return apply_init(s, r, e);
	case ENTRY_SEAL_LAYER:
		apply_seal_layer(s, r);
		return 0;
	case ENTRY_SEAL_IMAGE:
		apply_seal_image(s, r);
		return 0;
	case ENTRY_SEAL_NAME:
		return apply_seal_name(s, r, e);
	case ENTRY_SEAL_TREE:
		state_apply_seal_tree(s, r);
		return 0;
	case ENTRY_RETIRE_TREE:
		return state_apply_retire_tree(s, r, e);
	case ENTRY_RETIRE:
		return apply_retire(s, r, e);
	case ENTRY_REMEASURE:
		return apply_remeasure(s, r, e);
	case ENTRY_PURGE:
		return 0; /* for who reads the log; what was sealed of it is retired beside it */
	case ENTRY_BUILD:
	case ENTRY_ALARM:
	case ENTRY_GAP:
		return 0; /* for who reads the log */
	case ENTRY_KEY_ADD:
	case ENTRY_KEY_RETIRE:
		return apply_key(s, r, e);
	case ENTRY_ANCHOR:
		return apply_anchor(s, r, e);
	case ENTRY_REVOKE:
	case ENTRY_UNREVOKE:
		return apply_revoke(s, r, e);
	case ENTRY_STATE:
		forget_retired(s);
		return 0;
	case ENTRY_OP_COUNT:
		break;
	}
	return err_set(e, ERR_INTERNAL, "an entry of no op");
}
