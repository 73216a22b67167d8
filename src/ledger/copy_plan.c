/* SPDX-License-Identifier: Apache-2.0 */
/* copy_plan.c: what a copy will hold: which manifests, where its readers begin, which old checkpoints. */
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "ledger/copy_impl.h"

/* ---- sets of manifests ---- */

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, DIGEST_BYTES);
}

void listings_add(struct listings *s, const struct digest *d, uint64_t bytes)
{
	if ((s->n & (s->n - 1)) == 0)
		s->v = xreallocarray(s->v, s->n ? 2 * s->n : 1, sizeof(*s->v));
	s->v[s->n++] = (struct listing){*d, bytes};
}

void listings_sort(struct listings *s)
{
	size_t kept = 0;

	if (s->n)
		qsort(s->v, s->n, sizeof(*s->v), by_bytes);
	for (size_t i = 0; i < s->n; i++) {
		if (kept == 0 || !digest_equal(&s->v[i].digest, &s->v[kept - 1].digest))
			s->v[kept++] = s->v[i];
	}
	s->n = kept;
}

bool listings_have(const struct listings *s, const struct digest *d)
{
	return s->n && bsearch(d, s->v, s->n, sizeof(*s->v), by_bytes);
}

void listings_release(struct listings *s)
{
	free(s->v);
	*s = (struct listings){0};
}

/* ---- manifests, and the start ---- */

/* What the ledger began to read at, if it did. */
static void keep_start(struct copy *c)
{
	const struct ledger *l = c->from;
	const struct entry_state *said;

	if (l->start == 0)
		return;
	c->start = l->start;
	c->before_start = l->before_start;
	said = &l->records[ledger_first_of_tail(l)]->entry->state;
	c->snapshot = (struct listing){said->snapshot, said->bytes};
}

static void want(struct copy *c, const struct entry *en)
{
	uint64_t bytes;
	const struct digest *listing = entry_listing(en, &bytes);

	if (listing)
		listings_add(&c->wanted, listing, bytes);
}

static void want_what_counts(struct copy *c)
{
	CLEANUP_FREE struct record **live = NULL;
	size_t n = state_live(c->from->state, &live);

	for (size_t i = 0; i < n; i++) {
		want(c, live[i]->entry);
	}
}

struct replay {
	struct copy *c;
	struct merkle tree;
	struct state *state; /* NULL: the start is known */
};

/* A reader may begin here: the text that the entry names is made anew. */
static int find_start(struct replay *p, const struct record *record, struct err *e)
{
	const struct entry_state *said = &record->entry->state;
	struct copy *c = p->c;
	struct digest digest;
	size_t objects;
	int r;

	buf_clear(&c->snapshot_text);
	r = state_snapshot(p->state, &c->snapshot_text, &objects, e);
	if (r)
		return r;
	sha256(c->snapshot_text.data, c->snapshot_text.len, &digest);
	if (objects != said->objects || c->snapshot_text.len != said->bytes ||
	    !digest_equal(&digest, &said->snapshot))
		return err_set(e, ERR_LEDGER,
		    "ledger: entry %" PRIu64
		    " names a snapshot of something else than the "
		    "entries before it",
		    record->seq);
	c->start = record->seq;
	c->before_start = p->tree;
	c->snapshot = (struct listing){digest, said->bytes};
	return 0;
}

static int take_record(struct replay *p, struct record *record, struct err *e)
{
	struct digest leaf;
	int r = record_parse(record, e);

	if (r)
		return r;
	want(p->c, record->entry);
	if (!p->state)
		return 0;
	if (record->entry->op == ENTRY_STATE)
		r = find_start(p, record, e);
	if (!r)
		r = state_apply(p->state, record, e);
	record_leaf(record, &leaf);
	merkle_append(&p->tree, &leaf);
	return r;
}

static int take_entry(
    void *ctx, uint64_t seq, const char *bytes, size_t len, struct err *e)
{
	struct record *record = record_new(seq, bytes, len);
	int r = take_record(ctx, record, e);

	record_drop(record);
	return r;
}

static int want_all(struct copy *c, struct err *e)
{
	CLEANUP_STATE struct state *state = c->o->mend ? state_new() : NULL;
	struct replay p = {.c = c, .state = state};

	merkle_init(&p.tree);
	return ledger_replay(c->from, take_entry, &p, e);
}

/* ---- old checkpoints of a ledger that is mended ---- */

int copy_renew_keeper(struct copy *c, struct err *e)
{
	keeper_stop(c->from->keeper);
	c->from->keeper = NULL;
	return keeper_start(c->from->dbfd, KEEPER_READ, &c->from->keeper, e);
}

static int take_old_head(void *ctx, uint64_t size, struct span note, struct err *e)
{
	struct copy *c = ctx;
	struct checkpoint said;
	uint64_t signers;
	struct err ignored;
	struct old_head *h;

	(void)e;
	if (size >= c->from->head.size || note.len > NOTE_MAX_BYTES ||
	    trust_open_checkpoint(
		&c->from->trust, note.data, note.len, &said, &signers, &ignored) ||
	    said.size != size ||
	    !state_signer(c->from->state, &c->from->trust, signers, size))
		return 0;
	if ((c->n_heads & (c->n_heads - 1)) == 0)
		c->heads = xreallocarray(
		    c->heads, c->n_heads ? 2 * c->n_heads : 1, sizeof(*c->heads));
	h = &c->heads[c->n_heads++];
	*h = (struct old_head){.size = size, .root = said.root};
	sha256(note.data, note.len, &h->note);
	return 0;
}

/* They are history, not trust: where they cannot be read, the newest one alone will do. */
static int find_heads(struct copy *c, struct err *e)
{
	if (keeper_heads(c->from->keeper, take_old_head, c, e) == 0)
		return 0;
	c->n_heads = 0;
	c->heads_lost = true;
	return copy_renew_keeper(c, e);
}

static int by_size(const void *a, const void *b)
{
	const uint64_t *size = a;
	const struct old_head *h = b;

	return *size < h->size ? -1 : *size > h->size;
}

static struct old_head *find_head(const struct copy *c, uint64_t size)
{
	return c->n_heads
		   ? bsearch(&size, c->heads, c->n_heads, sizeof(*c->heads), by_size)
		   : NULL;
}

void copy_judge_heads(struct copy *c, const struct merkle *tree)
{
	struct old_head *h = find_head(c, tree->size);
	struct digest root;

	if (!h)
		return;
	merkle_root(tree, &root);
	h->good = digest_equal(&root, &h->root);
}

bool copy_wants_head(const struct copy *c, uint64_t size, struct span note)
{
	const struct old_head *h = find_head(c, size);
	struct digest digest;

	sha256(note.data, note.len, &digest);
	return h && h->good && digest_equal(&digest, &h->note);
}

/* ---- all of it ---- */

int copy_plan(struct copy *c, struct err *e)
{
	int r = 0;

	buf_init(&c->snapshot_text, SIZE_MAX / 2);
	keep_start(c);
	if (c->o->needed_only)
		want_what_counts(c);
	if (!c->o->needed_only || c->o->mend)
		r = want_all(c, e);
	if (!r && c->o->mend)
		r = find_heads(c, e);
	if (c->start)
		listings_add(&c->wanted, &c->snapshot.digest, c->snapshot.bytes);
	listings_sort(&c->wanted);
	return r;
}

void copy_release(struct copy *c)
{
	listings_release(&c->wanted);
	buf_release(&c->snapshot_text);
	free(c->heads);
}

void copy_report_release(struct copy_report *r)
{
	listings_release(&r->damaged);
}

static int data_bytes(int dbfd, uint64_t *out, struct err *e)
{
	struct stat st;

	if (fstatat(dbfd, "data.mdb", &st, AT_SYMLINK_NOFOLLOW))
		return err_sys(e, "ledger: " LEDGER_FILE_DATA);
	*out = (uint64_t)st.st_size;
	return 0;
}

int copy_survey(struct ledger *l, const struct copy_options *o, struct copy_report *out,
    struct err *e)
{
	CLEANUP(copy_release) struct copy c = {.from = l, .o = o};
	CLEANUP_FREE struct keeper_manifest *list = NULL;
	size_t n = 0;
	int r = copy_plan(&c, e);

	*out = (struct copy_report){0};
	if (!r)
		r = data_bytes(l->dbfd, &out->bytes_before, e);
	if (!r)
		r = keeper_list_manifests(l->keeper, &list, &n, e);
	for (size_t i = 0; i < n; i++) {
		bool kept = list[i].all && listings_have(&c.wanted, &list[i].digest);

		out->kept += kept;
		out->dropped += !kept;
		*(kept ? &out->kept_bytes : &out->dropped_bytes) += list[i].bytes;
	}
	return r;
}
