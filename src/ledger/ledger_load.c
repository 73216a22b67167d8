/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_load.c: from bytes that anybody may have written to a state: authenticate, then parse. */
#include <inttypes.h>
#include <string.h>

#include "ledger/ledger_impl.h"

void ledger_keep_record(struct ledger *l, struct record *r)
{
	if ((l->n_records & (l->n_records - 1)) == 0)
		l->records = xreallocarray(
		    l->records, l->n_records ? 2 * l->n_records : 1, sizeof(*l->records));
	l->records[l->n_records++] = r;
}

size_t ledger_first_of_tail(const struct ledger *l)
{
	return l->n_records - (size_t)(l->head.size - l->start);
}

/* ---- authenticate ---- */

/* The first thing that is believed: how many entries there are, and their root. */
static int take_head(void *ctx, uint64_t size, struct span note, struct err *e)
{
	struct ledger *l = ctx;
	int r = buf_add(&l->note, note.data, note.len, e);

	if (!r)
		r = trust_open_head(
		    &l->trust, l->note.data, l->note.len, &l->head, &l->signers, e);
	if (r)
		return err_wrap(e, "ledger: its newest checkpoint");
	if (l->head.size != size)
		return err_set(e, ERR_LEDGER,
		    "ledger: the checkpoint of %" PRIu64 " entries stands where one of "
		    "%" PRIu64 " belongs",
		    l->head.size, size);
	return 0;
}

/* Only a claim: if it is wrong, the root will be, too. */
static int take_start(void *ctx, uint64_t seq, struct span peaks, struct err *e)
{
	struct ledger *l = ctx;
	size_t n = (size_t)__builtin_popcountll(seq);

	if (seq == 0 || seq >= l->head.size || peaks.len != n * DIGEST_BYTES)
		return err_set(e, ERR_LEDGER,
		    "ledger: the start that it notes is none (layerseal ledger check "
		    "--rebuild mends it)");
	l->start = seq;
	l->tree.size = seq;
	for (size_t i = 0; i < n; i++)
		memcpy(l->tree.peak[i].bytes, (const char *)peaks.data + i * DIGEST_BYTES,
		    DIGEST_BYTES);
	l->before_start = l->tree;
	return 0;
}

static int take_entry(void *ctx, struct span bytes, struct err *e)
{
	struct ledger *l = ctx;
	struct digest leaf;

	if (l->tree.size == l->head.size)
		return err_set(e, ERR_LEDGER,
		    "ledger: more entries than the %" PRIu64 " that were signed",
		    l->head.size);
	if (bytes.len > ENTRY_MAX_BYTES)
		return err_set(
		    e, ERR_LEDGER, "ledger: entry %" PRIu64 " is too long", l->tree.size);
	ledger_keep_record(l, record_new(l->tree.size, bytes.data, bytes.len));
	merkle_leaf(bytes.data, bytes.len, &leaf);
	merkle_append(&l->tree, &leaf);
	return 0;
}

static int authenticate(struct ledger *l, bool whole, struct err *e)
{
	const struct keeper_sink sink = {l, take_head, take_start, take_entry};
	struct digest root;
	int r = keeper_dump(l->keeper, !whole, &sink, e);

	if (r)
		return r;
	if (l->tree.size != l->head.size)
		return err_set(e, ERR_LEDGER,
		    "ledger: %" PRIu64 " entries were signed, there are %" PRIu64,
		    l->head.size, l->tree.size);
	merkle_root(&l->tree, &root);
	return digest_equal(&root, &l->head.root)
		   ? 0
		   : err_set(e, ERR_LEDGER,
			 "ledger: the entries are not those that were signed");
}

/* ---- what counts before the start ---- */

struct snapshot {
	uint64_t *seqs;
	struct digest *leaves;
	size_t n;
	size_t taken; /* entries that came and are right */
	struct ledger *l;
};

static void snapshot_release(struct snapshot *s)
{
	free(s->seqs);
	free(s->leaves);
}

static int no_snapshot(const struct snapshot *s, struct err *e)
{
	return err_set(e, ERR_LEDGER,
	    "ledger: the snapshot of entry %" PRIu64 " breaks its format", s->l->start);
}

/* Its text is the one that was signed; the rules hold against a bug of the writer. */
static int parse_snapshot(
    struct snapshot *s, const struct buf *text, size_t n, struct err *e)
{
	const char *line = text->data, *end = text->data + text->len;

	s->seqs = xcalloc(n, sizeof(*s->seqs));
	s->leaves = xcalloc(n, sizeof(*s->leaves));
	while (line < end && s->n < n) {
		const char *lf = memchr(line, '\n', (size_t)(end - line));
		char *space, hex[DIGEST_HEX_LEN + 1] = "";
		uint64_t seq = strtoull(line, &space, 10);

		if (!lf || *line < '0' || *line > '9' || *space != ' ' ||
		    lf - space != DIGEST_HEX_LEN + 1)
			return no_snapshot(s, e);
		memcpy(hex, space + 1, DIGEST_HEX_LEN);
		if (seq >= s->l->start || (s->n && seq <= s->seqs[s->n - 1]) ||
		    !digest_parse_hex(hex, &s->leaves[s->n]))
			return no_snapshot(s, e);
		s->seqs[s->n++] = seq;
		line = lf + 1;
	}
	return line == end && s->n == n ? 0 : no_snapshot(s, e);
}

static int read_snapshot(
    struct ledger *l, const struct entry_state *said, struct buf *text, struct err *e)
{
	struct manifest_reader *reader = NULL;
	const char *data = NULL;
	size_t len = 1;
	int r = manifest_reader_new(l, &said->snapshot, said->bytes, &reader, e);

	while (!r && len) {
		r = manifest_reader_next(reader, &data, &len, e);
		if (!r)
			r = buf_add(text, data, len, e);
	}
	manifest_reader_free(reader);
	if (!r)
		return text->len == said->bytes
			   ? 0
			   : err_set(e, ERR_LEDGER, "ledger: a snapshot of wrong length");
	err_wrap(e, "ledger: the snapshot of entry %" PRIu64, l->start);
	return e->code = ERR_LEDGER;
}

static int take_asked(void *ctx, struct span bytes, struct err *e)
{
	struct snapshot *s = ctx;
	struct digest leaf;

	merkle_leaf(bytes.data, bytes.len, &leaf);
	if (s->taken == s->n || bytes.len > ENTRY_MAX_BYTES ||
	    !digest_equal(&leaf, &s->leaves[s->taken]))
		return err_set(
		    e, ERR_LEDGER, "ledger: an entry is not the one that was signed");
	ledger_keep_record(s->l, record_new(s->seqs[s->taken++], bytes.data, bytes.len));
	return 0;
}

static int ask(struct snapshot *s, struct err *e)
{
	int r = 0;

	for (size_t i = 0; !r && i < s->n; i += KEEPER_GET_MAX) {
		size_t n = s->n - i < KEEPER_GET_MAX ? s->n - i : KEEPER_GET_MAX;

		r = keeper_get_entries(s->l->keeper, s->seqs + i, n, take_asked, s, e);
		if (!r && s->taken != i + n)
			r = err_set(e, ERR_LEDGER, "ledger: entries are missing");
	}
	return r;
}

/* Puts the entries that count before the start in front of those from there on. */
static int load_snapshot(struct ledger *l, struct err *e)
{
	CLEANUP(snapshot_release) struct snapshot s = {.l = l};
	CLEANUP_FREE struct record **tail = l->records;
	size_t n_tail = l->n_records;
	CLEANUP_BUF struct buf text;
	int r = record_parse(tail[0], e);

	buf_init(&text, SIZE_MAX / 2);
	l->records = NULL;
	l->n_records = 0;
	if (!r && tail[0]->entry->op != ENTRY_STATE)
		r = err_set(e, ERR_LEDGER,
		    "ledger: entry %" PRIu64 " is none to start from", l->start);
	if (!r)
		r = read_snapshot(l, &tail[0]->entry->state, &text, e);
	if (!r)
		r = parse_snapshot(&s, &text, tail[0]->entry->state.objects, e);
	if (!r)
		r = ask(&s, e);
	for (size_t i = 0; i < n_tail; i++)
		ledger_keep_record(l, tail[i]);
	return r;
}

/* ---- interpret ---- */

/* Only authenticated bytes come here. */
static int interpret(struct ledger *l, struct record *record, struct err *e)
{
	int r = record->entry ? 0 : record_parse(record, e);

	if (!r && state_apply(l->state, record, e)) {
		err_wrap(e, "ledger: entry %" PRIu64, record->seq);
		r = e->code = ERR_LEDGER;
	}
	return r;
}

/*
 * What counts before the start is by number, and that may not be the order of need: a store was entered
 * again, an image sealed again, after entries about it that still count.
 */
static int need_of(const struct record *r)
{
	switch (r->entry->op) {
	case ENTRY_INIT:
		return 0;
	case ENTRY_SEAL_LAYER:
	case ENTRY_SEAL_IMAGE:
		return 1;
	default:
		return 2;
	}
}

static int interpret_snapshot(struct ledger *l, size_t n, struct err *e)
{
	int r = 0;

	for (size_t i = 0; !r && i < n; i++)
		r = record_parse(l->records[i], e);
	for (int need = 0; need <= 2; need++) {
		for (size_t i = 0; !r && i < n; i++) {
			if (need_of(l->records[i]) == need)
				r = interpret(l, l->records[i], e);
		}
	}
	return r;
}

int ledger_load(struct ledger *l, bool whole, struct err *e)
{
	const struct public_key *signer;
	size_t before = 0;
	int r = authenticate(l, whole, e);

	if (!r && l->start)
		r = load_snapshot(l, e);
	if (!r) {
		before = ledger_first_of_tail(l);
		r = interpret_snapshot(l, before, e);
	}
	for (size_t i = before; !r && i < l->n_records; i++)
		r = interpret(l, l->records[i], e);
	if (r)
		return r;
	signer = state_signer(l->state, &l->trust, l->signers, l->head.size);
	if (!signer)
		return err_set(e, ERR_LEDGER,
		    "ledger: signed by key %08" PRIx32 ", which it says was retired",
		    trust_signer(&l->trust, l->signers)->id);
	l->signer = *signer;
	return 0;
}
