/* SPDX-License-Identifier: Apache-2.0 */
/* state_trees.c: see state.h: directories outside the store that its builds use, by path. */
#include <string.h>

#include "ledger/state_impl.h"

static void tree_free(struct tree *t)
{
	record_drop(t->seal);
	free(t);
}

static void index_tree(struct state *s, struct tree *t)
{
	const struct entry *en = t->seal->entry;

	table_put(&s->tree_by_path, &en->store, en->seal_tree.path, t);
}

static void set_tree(struct tree *t, struct record *seal)
{
	const struct entry *en = seal->entry;

	state_replace(&t->seal, seal);
	t->public = (struct sealed_tree){
	    .seal = &en->seal_tree, .seq = seal->seq, .time = en->time};
}

static struct tree *add_tree(struct state *s, struct record *seal)
{
	struct tree *t = xcalloc(1, sizeof(*t));

	set_tree(t, seal);
	GROW(s->trees, s->n_trees);
	s->trees[s->n_trees++] = t;
	return t;
}

static struct tree *find_tree(
    struct state *s, const struct store_id *store, const char *path)
{
	struct tree *t = table_get(&s->tree_by_path, store, path);
	const struct tree *of_base =
	    t || !s->base ? NULL : table_get(&s->base->tree_by_path, store, path);

	if (of_base) {
		t = add_tree(s, of_base->seal);
		t->public.retired = of_base->public.retired;
		index_tree(s, t);
	}
	return t;
}

void state_apply_seal_tree(struct state *s, struct record *r)
{
	const struct entry *en = r->entry;
	struct tree *t = find_tree(s, &en->store, en->seal_tree.path);
	struct record *before = t ? record_use(t->seal) : NULL;

	if (t)
		set_tree(t, r);
	else
		t = add_tree(s, r);
	index_tree(s, t);
	record_drop(before);
}

int state_apply_retire_tree(struct state *s, struct record *r, struct err *e)
{
	const char *path = r->entry->retire_tree.path;
	struct tree *t = find_tree(s, &r->entry->store, path);

	if (!t || t->public.retired)
		return state_refused(e, path, "retired, but it is not sealed");
	t->public.retired = true;
	return 0;
}

void state_trees_forget(struct state *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->n_trees; i++) {
		if (!s->trees[i]->public.retired)
			s->trees[kept++] = s->trees[i];
		else
			tree_free(s->trees[i]);
	}
	s->n_trees = kept;
	s->trees = state_fit(s->trees, kept, sizeof(*s->trees));
	table_release(&s->tree_by_path);
	for (size_t i = 0; i < kept; i++)
		index_tree(s, s->trees[i]);
}

void state_trees_release(struct state *s)
{
	for (size_t i = 0; i < s->n_trees; i++)
		tree_free(s->trees[i]);
	free(s->trees);
	table_release(&s->tree_by_path);
}

const struct sealed_tree *state_tree(
    const struct state *s, const struct store_id *store, const char *path)
{
	const struct tree *t = table_get(&s->tree_by_path, store, path);

	return t ? &t->public : NULL;
}

static int by_tree_path(const void *a, const void *b)
{
	const struct sealed_tree *const *x = a, *const *y = b;

	return strcmp((*x)->seal->path, (*y)->seal->path);
}

int state_each_tree(const struct state *s, const struct store_id *store,
    ledger_tree_fn *fn, void *ctx, struct err *e)
{
	CLEANUP_FREE const struct sealed_tree **sorted =
	    xcalloc(s->n_trees, sizeof(void *));
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; i < s->n_trees; i++) {
		if (state_same_store(&s->trees[i]->seal->entry->store, store))
			sorted[n++] = &s->trees[i]->public;
	}
	if (n)
		qsort(sorted, n, sizeof(*sorted), by_tree_path);
	for (size_t i = 0; !r && i < n; i++)
		r = fn(ctx, sorted[i], e);
	return r;
}
