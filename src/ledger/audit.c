/* SPDX-License-Identifier: Apache-2.0 */
/* audit.c: see audit.h. */
#include "ledger/audit.h"

#include <inttypes.h>
#include <string.h>

#include "base/fs.h"
#include "base/pool.h"
#include "ledger/ledger_impl.h"
#include "ledger/tiles.h"

/* ---- entries ---- */

/* A checkpoint: signed by trusted keys, not yet compared with the entries. */
struct head {
	uint64_t size;
	struct digest root;
	uint64_t signers; /* bits of trust.log */
};

struct audit {
	const struct trust *trust;
	struct state *state;
	struct audit_report *report;
	uint64_t signers;   /* of an export's checkpoint: bits of trust.log */
	struct head *heads; /* by size */
	size_t n_heads, next_head;
};

static void audit_release(struct audit *a)
{
	state_free(a->state);
	free(a->heads);
}

/* Who begins at this entry must know what we know. */
static int check_snapshot(
    const struct audit *a, const struct entry_state *said, struct err *e)
{
	CLEANUP_BUF struct buf text;
	struct digest digest;
	size_t objects;
	int r;

	buf_init(&text, SIZE_MAX / 2);
	r = state_snapshot(a->state, &text, &objects, e);
	if (r)
		return r;
	sha256(text.data, text.len, &digest);
	if (digest_equal(&digest, &said->snapshot) && said->bytes == text.len &&
	    said->objects == objects)
		return 0;
	return err_set(e, ERR_LEDGER,
	    "its snapshot is not that of the entries that count before it");
}

static int apply(struct audit *a, struct record *r, struct err *e)
{
	int rc = record_parse(r, e);

	if (rc)
		return rc;
	if (r->entry->op == ENTRY_STATE)
		rc = check_snapshot(a, &r->entry->state, e);
	if (!rc)
		rc = state_apply(a->state, r, e);
	if (rc) {
		err_wrap(e, "ledger: entry %" PRIu64, r->seq);
		return e->code = ERR_LEDGER;
	}
	a->report->by_op[r->entry->op]++;
	return 0;
}

static int check_entry(
    void *ctx, uint64_t seq, const char *bytes, size_t len, struct err *e)
{
	struct record *r = record_new(seq, bytes, len);
	int rc = apply(ctx, r, e);

	record_drop(r);
	return rc;
}

/* At the end: whether the entries let one of these keys sign what they signed. */
static int check_signers(const struct audit *a, uint64_t signers, uint64_t size,
    struct public_key *out, struct err *e)
{
	const struct public_key *signer = state_signer(a->state, a->trust, signers, size);

	if (signer) {
		*out = *signer;
		return 0;
	}
	return err_set(e, ERR_LEDGER,
	    "ledger: its checkpoint of %" PRIu64 " entries is signed by key %08" PRIx32
	    ", which the entries do not let sign that",
	    size, trust_signer(a->trust, signers)->id);
}

static void finish(struct audit *a)
{
	CLEANUP_FREE struct record **live = NULL;

	a->report->objects = state_live(a->state, &live);
}

/* ---- checkpoints that are kept ---- */

/* Verifying a signature takes a millisecond, so all processors take part. */
#define HEADS_AT_ONCE 256

struct claim {
	const struct trust *trust;
	char *note;
	size_t len;
	uint64_t size; /* under which it is stored */
	struct head head;
	struct err e; /* e.code is 0 if it is good */
};

struct claims {
	struct audit *a;
	struct claim claim[HEADS_AT_ONCE];
	size_t n;
};

static void check_claim(void *arg)
{
	struct claim *c = arg;
	struct checkpoint open;
	uint64_t signers;

	c->e.code = 0;
	if (trust_open_checkpoint(c->trust, c->note, c->len, &open, &signers, &c->e)) {
		err_wrap(&c->e, "ledger: its checkpoint of %" PRIu64 " entries", c->size);
		return;
	}
	if (open.size != c->size) {
		err_set(&c->e, ERR_LEDGER,
		    "ledger: the checkpoint of %" PRIu64
		    " entries stands where one of %" PRIu64 " belongs",
		    open.size, c->size);
		return;
	}
	c->head = (struct head){.size = open.size, .root = open.root, .signers = signers};
}

static void keep_head(struct audit *a, const struct head *head)
{
	if ((a->n_heads & (a->n_heads - 1)) == 0)
		a->heads = xreallocarray(
		    a->heads, a->n_heads ? 2 * a->n_heads : 1, sizeof(*a->heads));
	a->heads[a->n_heads++] = *head;
}

static int check_claims(struct claims *c, struct err *e)
{
	struct pool *pool = pool_new(0);
	int r = 0;

	for (size_t i = c->n; i-- > 0;)
		pool_submit(pool, check_claim, &c->claim[i]);
	pool_wait(pool);
	pool_free(pool);
	for (size_t i = 0; i < c->n; i++) {
		if (!r && c->claim[i].e.code) {
			*e = c->claim[i].e;
			r = e->code = ERR_LEDGER;
		}
		if (!r)
			keep_head(c->a, &c->claim[i].head);
		free(c->claim[i].note);
	}
	c->n = 0;
	return r;
}

static int take_head(
    void *ctx, uint64_t size, const char *note, size_t len, struct err *e)
{
	struct claims *c = ctx;

	/* Appended since the ledger was opened: for the next audit. */
	if (size > c->a->report->head.size)
		return 0;
	c->claim[c->n++] = (struct claim){
	    .trust = c->a->trust, .note = xstrndup(note, len), .len = len, .size = size};
	return c->n == HEADS_AT_ONCE ? check_claims(c, e) : 0;
}

static int check_heads(struct audit *a, struct ledger *l, struct err *e)
{
	CLEANUP_FREE struct claims *c = xcalloc(1, sizeof(*c));
	struct err ignored;
	int r;

	c->a = a;
	r = ledger_each_head(l, take_head, c, e);
	if (!r)
		r = check_claims(c, e);
	else
		(void)!check_claims(c, &ignored);
	a->report->checkpoints = a->n_heads;
	return r;
}

/* The heads of the size that the tree has now. */
static int compare_heads(struct audit *a, const struct merkle *tree, struct err *e)
{
	for (; a->next_head < a->n_heads && a->heads[a->next_head].size == tree->size;
	     a->next_head++) {
		struct digest root;

		merkle_root(tree, &root);
		if (!digest_equal(&root, &a->heads[a->next_head].root))
			return err_set(e, ERR_LEDGER,
			    "ledger: its checkpoint of %" PRIu64
			    " entries is not of the entries that are there",
			    tree->size);
	}
	return 0;
}

static int check_leaf(void *ctx, const struct ledger_leaf *leaf, struct err *e)
{
	int r = check_entry(ctx, leaf->seq, leaf->bytes, leaf->len, e);

	return r ? r : compare_heads(ctx, leaf->tree, e);
}

/* ---- manifests ---- */

static int check_manifest(
    struct ledger *l, const struct entry *en, uint64_t *checked, struct err *e)
{
	struct manifest_reader *reader = NULL;
	uint64_t bytes = 0, sealed;
	const char *data;
	size_t len = 1;
	const struct digest *listing = entry_listing(en, &sealed);
	int r;

	if (!listing)
		return 0;
	r = manifest_reader_new(l, listing, sealed, &reader, e);

	while (!r && len) {
		r = manifest_reader_next(reader, &data, &len, e);
		bytes += r ? 0 : len;
	}
	manifest_reader_free(reader);
	if (!r && bytes != sealed)
		r = err_set(e, ERR_LEDGER,
		    "%" PRIu64 " bytes were sealed, it has %" PRIu64, sealed, bytes);
	if (!r)
		++*checked;
	else {
		err_wrap(e, "ledger: the manifest of %s %s",
		    en->op == ENTRY_SEAL_LAYER ? "layer" : "cache mount",
		    en->op == ENTRY_SEAL_LAYER ? en->seal_layer.layer
					       : en->seal_tree.path);
		if (e->code == ERR_NOT_FOUND)
			e->code = ERR_LEDGER;
	}
	return r ? e->code : 0;
}

static int check_manifests(const struct audit *a, struct ledger *l, struct err *e)
{
	CLEANUP_FREE struct record **live = NULL;
	size_t n = state_live(a->state, &live);
	int r = 0;

	for (size_t i = 0; !r && i < n; i++)
		r = check_manifest(l, live[i]->entry, &a->report->manifests, e);
	return r;
}

/* ---- the whole ---- */

int audit_ledger(struct ledger *l, const struct audit_options *o,
    struct audit_report *out, struct err *e)
{
	CLEANUP(audit_release)
	struct audit a = {.trust = o->trust, .state = state_new(), .report = out};
	struct public_key signer;
	struct merkle none;
	int r;

	*out = (struct audit_report){
	    .head = *ledger_head(l), .signer = *ledger_public_key(l)};
	merkle_init(&none);
	r = check_heads(&a, l, e);
	if (!r)
		r = compare_heads(&a, &none, e);
	if (!r)
		r = ledger_replay_leaves(l, check_leaf, &a, e);
	if (!r && a.next_head != a.n_heads)
		r = err_set(e, ERR_LEDGER, "ledger: checkpoints are not in order");
	for (size_t i = 0; !r && i < a.n_heads; i++)
		r = check_signers(&a, a.heads[i].signers, a.heads[i].size, &signer, e);
	if (!r)
		finish(&a);
	return !r && o->manifests ? check_manifests(&a, l, e) : r;
}

static int open_export(
    int dirfd, struct audit *a, struct tiles_reader **out, struct err *e)
{
	struct audit_report *report = a->report;
	CLEANUP_BUF struct buf note;
	int r;

	buf_init(&note, NOTE_MAX_BYTES);
	r = tiles_read_checkpoint(dirfd, &note, e);
	if (!r && trust_open_checkpoint(
		      a->trust, note.data, note.len, &report->head, &a->signers, e))
		r = err_wrap(e, TILES_CHECKPOINT);
	report->checkpoints = 1;
	return r ? r : tiles_reader_new(dirfd, &report->head, out, e);
}

int audit_export(const char *dir, const struct audit_options *o, struct audit_report *out,
    struct err *e)
{
	CLEANUP_TILES_READER struct tiles_reader *reader = NULL;
	CLEANUP(audit_release)
	struct audit a = {.trust = o->trust, .state = state_new(), .report = out};
	CLEANUP_FD int dirfd = -1;
	int r;

	*out = (struct audit_report){0};
	r = fs_open_root(dir, &dirfd, e);
	if (!r)
		r = open_export(dirfd, &a, &reader, e);
	if (!r)
		r = tiles_reader_entries(reader, check_entry, &a, e);
	if (!r)
		r = check_signers(&a, a.signers, out->head.size, &out->signer, e);
	if (!r)
		finish(&a);
	if (r == ERR_NOT_FOUND)
		e->code = r = ERR_LEDGER;
	return r ? err_wrap(e, "%s", dir) : 0;
}
