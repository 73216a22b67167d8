/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_append.c: a batch of entries under one new checkpoint, all or nothing. */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "ledger/exchange.h"
#include "ledger/ledger_impl.h"

/* Fewer entries than this are read faster than a snapshot of what counts. */
#define TAIL_MIN 1024
/* Who only writes what would be nice to have. */
#define HASTE_S 3

/* What one call is about to add. */
struct addition {
	struct record **records;
	size_t n;
	struct merkle tree;
	struct checkpoint head;
	struct buf note;
	uint64_t start; /* 0: readers begin where they did */
	struct merkle before_start;
};

static void addition_release(struct addition *a)
{
	for (size_t i = 0; i < a->n; i++)
		record_drop(a->records[i]);
	free(a->records);
	buf_release(&a->note);
}

/* Entries are kept as any reader will parse them, not as the caller gave them. */
static int add_entry(struct addition *a, const struct entry *entry, struct err *e)
{
	CLEANUP_BUF struct buf text;
	struct record *record;
	struct digest leaf;
	int r;

	buf_init(&text, ENTRY_MAX_BYTES);
	r = entry_format(entry, &text, e);
	if (r)
		return r;
	record = record_new(a->tree.size, text.data, text.len);
	a->records[a->n++] = record;
	record_leaf(record, &leaf);
	merkle_append(&a->tree, &leaf);
	return record_parse(record, e);
}

/*
 * Nothing may become part of a ledger that readers would reject; and if the append fails, what the
 * ledger says must not have changed.
 */
static int rehearse(const struct ledger *l, const struct addition *a, struct err *e)
{
	CLEANUP_STATE struct state *s = state_new_over(l->state);
	int r = 0;

	for (size_t i = 0; !r && i < a->n; i++)
		r = state_apply(s, a->records[i], e);
	if (!r && !state_key_may_sign(s, signer_public(l->own_key), a->tree.size))
		r = err_set(
		    e, ERR_REFUSED, "the ledger cannot be written: its key was retired");
	return r;
}

void ledger_hurry(struct ledger *l)
{
	l->in_haste = true;
	keeper_hurry(l->keeper, HASTE_S);
}

/* Into the database that readers will open, and no other one. */
static int append_in_place(
    struct ledger *l, const struct keeper_batch *batch, struct err *e)
{
	unsigned wait_s = l->in_haste ? HASTE_S : EXCHANGE_PATIENCE_S;
	int r = l->floor_fd >= 0 ? exchange_check(l->dirfd, l->dbfd, e)
				 : exchange_hold_off(l->dirfd, l->dbfd, wait_s, e);

	if (r)
		return r;
	r = keeper_append(l->keeper, batch, e);
	if (l->floor_fd < 0)
		exchange_let_go(l->dbfd);
	return r;
}

static int write_addition(struct ledger *l, const struct addition *a, struct err *e)
{
	CLEANUP_FREE struct span *entries = xcalloc(a->n, sizeof(*entries));
	struct keeper_batch batch = {
	    .seen = {l->note.data, l->note.len},
	    .first = l->head.size,
	    .entries = entries,
	    .n = a->n,
	    .head = {a->note.data, a->note.len},
	};

	for (size_t i = 0; i < a->n; i++)
		entries[i] = (struct span){a->records[i]->bytes, a->records[i]->len};
	if (a->start) {
		size_t n = (size_t)__builtin_popcountll(a->start);

		batch.start = a->start;
		batch.peaks = (struct span){a->before_start.peak, n * DIGEST_BYTES};
	}
	return append_in_place(l, &batch, e);
}

/* It is durable, and a part of the ledger from here on. */
static int adopt(struct ledger *l, struct addition *a, struct err *e)
{
	int r = 0;

	for (size_t i = 0; i < a->n; i++)
		ledger_keep_record(l, record_use(a->records[i]));
	for (size_t i = 0; !r && i < a->n; i++)
		r = state_apply(l->state, a->records[i], e);
	l->tree = a->tree;
	l->head = a->head;
	l->signer = *signer_public(l->own_key);
	buf_clear(&l->note);
	return r ? r : buf_add(&l->note, a->note.data, a->note.len, e);
}

/* Refuses what could not be anchored before anything is written. */
static int add_anchors(struct ledger *l, struct addition *a, struct err *e)
{
	struct entry entries[ANCHORS_MAX];
	size_t n;
	int r = ledger_anchors_entries(l, entries, &n, e);

	for (size_t i = 0; i < n; i++) {
		if (!r)
			r = add_entry(a, &entries[i], e);
		entry_release(&entries[i]);
	}
	return r;
}

static int finish(
    struct ledger *l, struct addition *a, const struct signer *other, struct err *e)
{
	const struct signer *signers[] = {l->own_key, other};
	int r = rehearse(l, a, e);

	if (!r)
		r = ledger_sign_head(
		    &a->tree, signers, other ? 2 : 1, &a->head, &a->note, e);
	if (!r)
		r = write_addition(l, a, e);
	if (!r)
		r = adopt(l, a, e);
	return r ? r : ledger_anchors_advance(l, e);
}

static int check_writable(const struct ledger *l, struct err *e)
{
	if (l->own_key)
		return 0;
	return err_set(
	    e, ERR_REFUSED, "the ledger cannot be written: %s", ledger_not_writable(l));
}

int ledger_append_signed(struct ledger *l, const struct entry *entries, size_t n,
    const struct signer *other, struct err *e)
{
	CLEANUP(addition_release) struct addition a = {.tree = l->tree};
	int r = check_writable(l, e);

	buf_init(&a.note, NOTE_MAX_BYTES);
	if (r || n == 0)
		return r;
	a.records = xcalloc(n + ANCHORS_MAX, sizeof(struct record *));
	/* Before the others: a key that is retired signs no further than that entry. */
	r = add_anchors(l, &a, e);
	for (size_t i = 0; !r && i < n; i++)
		r = add_entry(&a, &entries[i], e);
	return r ? r : finish(l, &a, other, e);
}

int ledger_append_anchors(struct ledger *l, struct err *e)
{
	CLEANUP(addition_release) struct addition a = {.tree = l->tree};
	int r;

	buf_init(&a.note, NOTE_MAX_BYTES);
	a.records = xcalloc(ANCHORS_MAX, sizeof(struct record *));
	r = add_anchors(l, &a, e);
	return r || a.n == 0 ? r : finish(l, &a, NULL, e);
}

int ledger_append(struct ledger *l, const struct entry *entries, size_t n, struct err *e)
{
	return ledger_append_signed(l, entries, n, NULL, e);
}

/* ---- upkeep ---- */

static int store_snapshot(
    struct ledger *l, const struct buf *text, struct digest *digest, struct err *e)
{
	struct manifest_writer *w;
	int r = manifest_writer_new(l, &w, e);

	sha256(text->data, text->len, digest);
	if (!r)
		r = manifest_writer_add(w, text->data, text->len, e);
	if (!r)
		r = manifest_writer_commit(w, digest, e);
	manifest_writer_free(w);
	return r;
}

static int append_state(struct ledger *l, struct err *e)
{
	CLEANUP(addition_release) struct addition a = {.tree = l->tree};
	struct entry en = {.op = ENTRY_STATE, .time = time(NULL)};
	CLEANUP_BUF struct buf text;
	size_t objects;
	int r;

	buf_init(&text, SIZE_MAX / 2);
	buf_init(&a.note, NOTE_MAX_BYTES);
	a.records = xcalloc(1 + ANCHORS_MAX, sizeof(struct record *));
	r = state_snapshot(l->state, &text, &objects, e);
	if (!r)
		r = store_snapshot(l, &text, &en.state.snapshot, e);
	en.state.objects = objects;
	en.state.bytes = text.len;
	a.start = l->head.size;
	a.before_start = l->tree;
	if (!r)
		r = add_entry(&a, &en, e);
	if (!r)
		r = add_anchors(l, &a, e);
	if (!r)
		r = finish(l, &a, NULL, e);
	if (!r) {
		l->start = a.start;
		l->before_start = a.before_start;
	}
	return r;
}

/* Worth it once reading the entries costs more than reading what counts, and writing that is paid for. */
static bool is_due(const struct ledger *l)
{
	CLEANUP_FREE struct record **live = NULL;
	uint64_t tail = l->head.size - l->start;

	return tail >= TAIL_MIN && tail >= state_live(l->state, &live);
}

int ledger_maintain(struct ledger *l, struct err *e)
{
	if (l->own_key)
		exchange_tidy(l->dirfd, l->dbfd);
	return l->own_key && is_due(l) ? append_state(l, e) : 0;
}
