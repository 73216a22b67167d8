/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_audit.c: the whole log once more, without keeping it. */
#include <inttypes.h>
#include <string.h>

#include "ledger/ledger_impl.h"

struct replay {
	struct ledger *l;
	struct merkle tree;
	uint64_t
	    wanted; /* entries, of the head that was authenticated when the ledger was opened */
	ledger_leaf_fn *fn;
	void *ctx;
};

/* Somebody may have appended since; then it has grown, and the first entries are what they were. */
static int take_head(void *ctx, uint64_t size, struct span note, struct err *e)
{
	struct replay *p = ctx;

	(void)note;
	return size >= p->wanted
		   ? 0
		   : err_set(e, ERR_LEDGER,
			 "ledger: it had %" PRIu64 " entries a moment ago, now "
			 "it has %" PRIu64,
			 p->wanted, size);
}

static int take_entry(void *ctx, struct span bytes, struct err *e)
{
	struct replay *p = ctx;
	struct ledger_leaf leaf = {
	    .seq = p->tree.size, .bytes = bytes.data, .len = bytes.len, .tree = &p->tree};

	if (leaf.seq == p->wanted)
		return 0;
	merkle_leaf(bytes.data, bytes.len, &leaf.hash);
	merkle_append(&p->tree, &leaf.hash);
	return p->fn(p->ctx, &leaf, e);
}

/* The first `wanted` entries; *root is what they make. */
static int replay(struct replay *p, struct digest *root, struct err *e)
{
	const struct keeper_sink sink = {p, take_head, NULL, take_entry};
	int r = keeper_dump(p->l->keeper, false, &sink, e);

	if (!r && p->tree.size != p->wanted)
		r = err_set(e, ERR_LEDGER,
		    "ledger: %" PRIu64 " entries were signed, there are %" PRIu64,
		    p->wanted, p->tree.size);
	merkle_root(&p->tree, root);
	return r;
}

int ledger_replay_leaves(struct ledger *l, ledger_leaf_fn *fn, void *ctx, struct err *e)
{
	struct replay p = {.l = l, .wanted = l->head.size, .fn = fn, .ctx = ctx};
	struct digest root;
	int r;

	merkle_init(&p.tree);
	r = replay(&p, &root, e);
	if (!r && !digest_equal(&root, &l->head.root))
		r = err_set(
		    e, ERR_LEDGER, "ledger: the entries are not those that were signed");
	return r;
}

struct entry_callback {
	ledger_entry_fn *fn;
	void *ctx;
};

static int call_entry(void *ctx, const struct ledger_leaf *leaf, struct err *e)
{
	const struct entry_callback *c = ctx;

	return c->fn(c->ctx, leaf->seq, leaf->bytes, leaf->len, e);
}

int ledger_replay(struct ledger *l, ledger_entry_fn *fn, void *ctx, struct err *e)
{
	struct entry_callback c = {fn, ctx};

	return ledger_replay_leaves(l, call_entry, &c, e);
}

struct heads {
	ledger_head_fn *fn;
	void *ctx;
};

static int take_kept_head(void *ctx, uint64_t size, struct span note, struct err *e)
{
	const struct heads *h = ctx;

	return h->fn(h->ctx, size, note.data, note.len, e);
}

int ledger_each_head(struct ledger *l, ledger_head_fn *fn, void *ctx, struct err *e)
{
	struct heads h = {fn, ctx};

	return keeper_heads(l->keeper, take_kept_head, &h, e);
}

/* ---- the root of a prefix ---- */

struct prefix {
	struct merkle tree;
	uint64_t size;
};

static int take_leaf(
    void *ctx, uint64_t seq, const char *bytes, size_t len, struct err *e)
{
	struct prefix *p = ctx;
	struct digest leaf;

	(void)e;
	if (seq >= p->size)
		return 0;
	merkle_leaf(bytes, len, &leaf);
	merkle_append(&p->tree, &leaf);
	return 0;
}

int ledger_root_at(struct ledger *l, uint64_t size, struct digest *root, struct err *e)
{
	struct prefix p = {.size = size};
	int r = 0;

	if (size > l->head.size)
		return err_set(e, ERR_LEDGER,
		    "ledger: it has %" PRIu64 " entries, not %" PRIu64, l->head.size,
		    size);
	merkle_init(&p.tree);
	if (size >= l->start) {
		size_t first = ledger_first_of_tail(l);

		if (l->start)
			p.tree = l->before_start;
		for (size_t i = first; i < l->n_records && p.tree.size < size; i++)
			(void)!take_leaf(&p, l->records[i]->seq, l->records[i]->bytes,
			    l->records[i]->len, e);
	} else {
		r = ledger_replay(l, take_leaf, &p, e);
	}
	merkle_root(&p.tree, root);
	return r;
}
