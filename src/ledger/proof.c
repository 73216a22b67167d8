/* SPDX-License-Identifier: Apache-2.0 */
/* proof.c: see proof.h. */
#include "ledger/proof.h"

#include <inttypes.h>
#include <string.h>

#include "base/decimal.h"
#include "base/hex.h"
#include "ledger/ledger_impl.h"

#define FIRST_LINE "c2sp.org/tlog-proof@v1"

int proof_format_hashes(
    const struct digest *hash, size_t n, struct buf *out, struct err *e)
{
	int r = 0;

	for (size_t i = 0; !r && i < n; i++) {
		r = base64_encode(out, hash[i].bytes, DIGEST_BYTES, e);
		if (!r)
			r = buf_adds(out, "\n", e);
	}
	return r;
}

int proof_format(const struct proof *p, struct buf *out, struct err *e)
{
	int r = buf_addf(out, e, FIRST_LINE "\nindex %" PRIu64 "\n", p->index);

	if (!r)
		r = proof_format_hashes(p->hash, p->n, out, e);
	if (!r)
		r = buf_adds(out, "\n", e);
	return r ? r : buf_add(out, p->note, p->note_len, e);
}

/* ---- make ---- */

struct making {
	uint64_t seq;
	struct merkle_prover prover;
	struct buf *entry;
};

static int take_leaf(void *ctx, const struct ledger_leaf *leaf, struct err *e)
{
	struct making *m = ctx;

	merkle_prover_add(&m->prover, &leaf->hash);
	return m->entry && leaf->seq == m->seq
		   ? buf_add(m->entry, leaf->bytes, leaf->len, e)
		   : 0;
}

int proof_make(
    struct ledger *l, uint64_t seq, struct proof *out, struct buf *entry, struct err *e)
{
	CLEANUP_FREE struct making *m = xcalloc(1, sizeof(*m));
	int r;

	*out = (struct proof){.index = seq};
	if (seq >= ledger_size(l))
		return err_set(e, ERR_NOT_FOUND,
		    "ledger: it has %" PRIu64 " entries, so none is number %" PRIu64,
		    ledger_size(l), seq);
	m->seq = seq;
	m->entry = entry;
	merkle_prove_inclusion(&m->prover, seq, ledger_size(l));
	r = ledger_replay_leaves(l, take_leaf, m, e);
	if (r)
		return r;
	out->n = m->prover.n;
	memcpy(out->hash, m->prover.proof, sizeof(out->hash));
	out->note = ledger_note(l, &out->note_len);
	return 0;
}

/* ---- parse ---- */

struct text {
	const char *next, *end;
	unsigned number;
	/* The current line, without its LF. */
	const char *line;
	size_t len;
};

static int broken(struct err *e, const struct text *t, const char *rule)
{
	return err_set(e, ERR_LEDGER, "proof, line %u: %s", t->number, rule);
}

static int advance(struct text *t, struct err *e)
{
	const char *lf =
	    t->next == t->end ? NULL : memchr(t->next, '\n', (size_t)(t->end - t->next));

	t->number++;
	if (!lf)
		return broken(e, t, "missing, or not ended by a line feed");
	t->line = t->next;
	t->len = (size_t)(lf - t->next);
	t->next = lf + 1;
	return 0;
}

/* What follows a word and a space; NULL if the line is another. */
static const char *value_of(const struct text *t, const char *word, size_t *len)
{
	size_t n = strlen(word);

	if (t->len <= n || memcmp(t->line, word, n) != 0 || t->line[n] != ' ')
		return NULL;
	*len = t->len - n - 1;
	return t->line + n + 1;
}

/* Anybody's data, of which the proof proves nothing: only its form is checked. */
static int skip_extra(struct text *t, struct err *e)
{
	CLEANUP_BUF struct buf data;
	size_t len;
	const char *value = value_of(t, "extra", &len);

	buf_init(&data, PROOF_MAX_BYTES);
	if (!value)
		return 0;
	if (base64_decode(&data, value, len, e))
		return broken(e, t, "not base64");
	return advance(t, e);
}

static int parse_index(const struct text *t, uint64_t *out, struct err *e)
{
	size_t len;
	const char *s = value_of(t, "index", &len);

	*out = 0;
	return s && decimal_parse(s, len, out) ? 0 : broken(e, t, "not \"index NUMBER\"");
}

static int parse_hash(const struct text *t, struct digest *out, struct err *e)
{
	CLEANUP_BUF struct buf raw;

	buf_init(&raw, DIGEST_BYTES);
	if (base64_decode(&raw, t->line, t->len, e) || raw.len != DIGEST_BYTES)
		return broken(e, t, "not base64 of 32 bytes");
	memcpy(out->bytes, raw.data, DIGEST_BYTES);
	return 0;
}

int proof_parse(const char *text, size_t len, struct proof *out, struct err *e)
{
	struct text t = {.next = text, .end = text + len};
	int r;

	*out = (struct proof){0};
	if (len > PROOF_MAX_BYTES)
		return err_set(
		    e, ERR_LEDGER, "proof: longer than %d bytes", PROOF_MAX_BYTES);
	r = advance(&t, e);
	if (!r && (t.len != strlen(FIRST_LINE) || memcmp(t.line, FIRST_LINE, t.len) != 0))
		r = broken(e, &t, "not \"" FIRST_LINE "\"");
	if (!r)
		r = advance(&t, e);
	if (!r)
		r = skip_extra(&t, e);
	if (!r)
		r = parse_index(&t, &out->index, e);
	if (!r)
		r = advance(&t, e);
	while (!r && t.len) {
		if (out->n == MERKLE_PROOF_MAX)
			return broken(e, &t, "more hashes than any log needs");
		r = parse_hash(&t, &out->hash[out->n++], e);
		if (!r)
			r = advance(&t, e);
	}
	out->note = t.next;
	out->note_len = (size_t)(t.end - t.next);
	return r;
}

int proof_check(const struct proof *p, const struct trust *t, const struct buf *entry,
    struct checkpoint *head, struct public_key *signer, struct err *e)
{
	struct digest leaf;
	uint64_t signers;
	int r = trust_open_checkpoint(t, p->note, p->note_len, head, &signers, e);

	if (r)
		return err_wrap(e, "proof: its checkpoint");
	if (signer)
		*signer = *trust_signer(t, signers);
	merkle_leaf(entry->data, entry->len, &leaf);
	r = merkle_check_inclusion(
	    p->index, head->size, &leaf, p->hash, p->n, &head->root, e);
	return r ? err_wrap(e, "proof of entry %" PRIu64, p->index) : 0;
}

/* ---- consistency ---- */

static int compare(const struct checkpoint *old, const struct checkpoint *head,
    const struct consistency *c, struct err *e)
{
	int r = merkle_check_consistency(
	    old->size, head->size, &old->root, &head->root, c->hash, c->n, e);

	return r ? err_set(e, ERR_LEDGER,
		       "the log of %" PRIu64 " entries does not begin with the %" PRIu64
		       " of the older checkpoint: a fork",
		       head->size, old->size)
		 : 0;
}

static int check_sizes(
    const struct checkpoint *old, const struct checkpoint *head, struct err *e)
{
	if (strcmp(old->origin, head->origin) != 0)
		return err_set(
		    e, ERR_LEDGER, "%s and %s are two logs", old->origin, head->origin);
	if (old->size > head->size)
		return err_set(e, ERR_LEDGER,
		    "the log has %" PRIu64 " entries, the older checkpoint %" PRIu64
		    ": rolled back",
		    head->size, old->size);
	return 0;
}

int consistency_of_ledger(struct ledger *l, const struct checkpoint *old,
    struct consistency *out, struct err *e)
{
	CLEANUP_FREE struct making *m = xcalloc(1, sizeof(*m));
	const struct checkpoint *head = ledger_head(l);
	int r = check_sizes(old, head, e);

	*out = (struct consistency){0};
	if (r)
		return r;
	merkle_prove_consistency(&m->prover, old->size, head->size);
	r = ledger_replay_leaves(l, take_leaf, m, e);
	if (r)
		return r;
	out->n = m->prover.n;
	memcpy(out->hash, m->prover.proof, sizeof(out->hash));
	return compare(old, head, out, e);
}

int consistency_of_export(struct tiles_reader *reader, const struct checkpoint *head,
    const struct checkpoint *old, struct consistency *out, struct err *e)
{
	struct merkle_range range[MERKLE_PROOF_MAX];
	int r = check_sizes(old, head, e);

	*out = (struct consistency){0};
	if (r)
		return r;
	out->n = merkle_consistency_ranges(old->size, head->size, range);
	for (size_t i = 0; !r && i < out->n; i++)
		r = tiles_reader_root(reader, &range[i], &out->hash[i], e);
	return r ? r : compare(old, head, out, e);
}
