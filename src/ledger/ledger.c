/* SPDX-License-Identifier: Apache-2.0 */
/* ledger.c: see ledger.h: create, open and authenticate, append. */
#include "ledger/ledger.h"

#include <inttypes.h>
#include <string.h>

#include "crypto/keyfile.h"
#include "ledger/ledger_impl.h"

/* ---- create ---- */

static int sign_head(const struct merkle *tree, const struct signer *signer,
    struct checkpoint *head, struct buf *note, struct err *e)
{
	*head = (struct checkpoint){.size = tree->size};
	memcpy(head->origin, signer_public(signer)->name, sizeof(head->origin));
	merkle_root(tree, &head->root);
	return checkpoint_sign(head, &signer, 1, note, e);
}

static int write_empty_log(struct keeper *k, const struct signer *signer, struct err *e)
{
	CLEANUP_BUF struct buf note;
	struct keeper_batch batch = {0};
	struct checkpoint head;
	struct merkle tree;
	int r;

	buf_init(&note, NOTE_MAX_BYTES);
	merkle_init(&tree);
	r = sign_head(&tree, signer, &head, &note, e);
	if (r)
		return r;
	batch.head = (struct span){note.data, note.len};
	return keeper_append(k, &batch, e);
}

static int write_parts(
    int dirfd, const char *origin, struct keeper *keeper, struct err *e)
{
	CLEANUP_SIGNER struct signer *signer = NULL;
	struct secret_key *key = NULL;
	int r = secret_key_generate(origin, &key, e);

	if (r)
		return r;
	signer = signer_of_key(key);
	r = keyfile_write(key, dirfd, LEDGER_FILE_KEY, NULL, e);
	if (!r)
		r = ledger_dir_write_statprint_key(dirfd, e);
	if (!r)
		r = write_empty_log(keeper, signer, e);
	return r ? r : ledger_dir_write_trusted(dirfd, signer_public(signer), e);
}

int ledger_create(const char *dir, const char *origin, struct err *e)
{
	CLEANUP_FD int dirfd = -1;
	struct keeper *keeper = NULL;
	int r = ledger_dir_prepare(dir, &dirfd, e);

	/* The keeper first: it must not inherit the secrets. */
	if (!r)
		r = keeper_start(dirfd, KEEPER_CREATE, &keeper, e);
	if (!r)
		r = write_parts(dirfd, origin, keeper, e);
	keeper_stop(keeper);
	return r ? r : ledger_dir_finish(dirfd, e);
}

/* ---- open: authenticate, then parse ---- */

/* Signatures name their key by name and id; of several keys of one name only one made this one. */
static int find_signer(struct ledger *l, struct err *e)
{
	for (size_t i = 0; i < l->n_trusted; i++) {
		struct checkpoint ignored;
		struct err why;

		if (strcmp(l->trusted[i].name, l->head.origin) == 0 &&
		    (l->n_trusted == 1 || checkpoint_open(l->note.data, l->note.len,
					      &l->trusted[i], 1, &ignored, &why) == 0)) {
			l->signer = l->trusted[i];
			return 0;
		}
	}
	return err_set(e, ERR_LEDGER, "ledger: signed by a key that is not trusted");
}

/* The first thing that is believed: how many entries there are, and their root. */
static int take_head(void *ctx, uint64_t size, struct span note, struct err *e)
{
	struct ledger *l = ctx;
	int r = buf_add(&l->note, note.data, note.len, e);

	if (!r)
		r = checkpoint_open(
		    l->note.data, l->note.len, l->trusted, l->n_trusted, &l->head, e);
	if (r)
		return err_wrap(e, "ledger: its newest checkpoint");
	if (l->head.size != size)
		return err_set(e, ERR_LEDGER,
		    "ledger: the checkpoint of %" PRIu64 " entries stands where one of "
		    "%" PRIu64 " belongs",
		    l->head.size, size);
	return find_signer(l, e);
}

static struct ledger_record *add_record(struct ledger *l)
{
	if ((l->n_records & (l->n_records - 1)) == 0)
		l->records = xreallocarray(
		    l->records, l->n_records ? 2 * l->n_records : 1, sizeof(*l->records));
	return &l->records[l->n_records++];
}

static int take_entry(void *ctx, struct span bytes, struct err *e)
{
	struct ledger *l = ctx;
	struct digest leaf;
	char *copy;

	if (l->n_records == l->head.size)
		return err_set(e, ERR_LEDGER,
		    "ledger: more entries than the %" PRIu64 " that were signed",
		    l->head.size);
	if (bytes.len > ENTRY_MAX_BYTES)
		return err_set(
		    e, ERR_LEDGER, "ledger: entry %zu is too long", l->n_records);
	copy = xmalloc(bytes.len);
	memcpy(copy, bytes.data, bytes.len);
	*add_record(l) = (struct ledger_record){.bytes = {copy, bytes.len}};
	merkle_leaf(bytes.data, bytes.len, &leaf);
	merkle_append(&l->tree, &leaf);
	return 0;
}

static int authenticate(struct ledger *l, struct err *e)
{
	const struct keeper_sink sink = {l, take_head, take_entry};
	struct digest root;
	int r = keeper_dump(l->keeper, &sink, e);

	if (r)
		return r;
	if (l->n_records != l->head.size)
		return err_set(e, ERR_LEDGER,
		    "ledger: %" PRIu64 " entries were signed, there are %zu",
		    l->head.size, l->n_records);
	merkle_root(&l->tree, &root);
	return digest_equal(&root, &l->head.root)
		   ? 0
		   : err_set(e, ERR_LEDGER,
			 "ledger: the entries are not those that were signed");
}

static int parse(const struct span *bytes, struct entry **out, struct err *e)
{
	struct entry *en = xcalloc(1, sizeof(*en));
	int r = entry_parse(bytes->data, bytes->len, en, e);

	if (r)
		free(en);
	else
		*out = en;
	return r;
}

/* Only authenticated bytes come here. */
static int interpret(struct ledger *l, size_t seq, struct err *e)
{
	struct ledger_record *record = &l->records[seq];
	int r = parse(&record->bytes, &record->entry, e);

	if (!r)
		r = state_apply(l->state, record->entry, seq, e);
	if (r) {
		err_wrap(e, "ledger: entry %zu", seq);
		e->code = ERR_LEDGER;
		return ERR_LEDGER;
	}
	return 0;
}

static int load(struct ledger *l, struct err *e)
{
	int r = authenticate(l, e);

	for (size_t seq = 0; !r && seq < l->n_records; seq++)
		r = interpret(l, seq, e);
	return r;
}

/* A missing key only means that nothing can be appended; a wrong one is an error. */
static int load_key(struct ledger *l, struct err *e)
{
	const struct signer_source source = {.place = SIGNER_FILE,
	    .name = LEDGER_FILE_KEY,
	    .dirfd = l->dirfd,
	    .quiet = true};
	int r = signer_open(&source, l->trusted, l->n_trusted, &l->own_key, e);

	return r == ERR_NOT_FOUND ? 0 : r;
}

/* The keeper is forked before there is a secret in memory. */
static int open_parts(struct ledger *l, const char *dir, struct err *e)
{
	bool writes = l->mode == LEDGER_WRITE;
	int r = ledger_dir_open(dir, &l->dirfd, e);

	if (!r)
		r = keeper_start(
		    l->dirfd, writes ? KEEPER_WRITE : KEEPER_READ, &l->keeper, e);
	if (!r)
		r = ledger_dir_trusted_keys(l->dirfd, l->trusted, &l->n_trusted, e);
	if (!r)
		r = load(l, e);
	if (!r && writes)
		r = load_key(l, e);
	if (!r)
		r = ledger_dir_statprint_key(
		    l->dirfd, &l->print_key, &l->has_print_key, e);
	return r;
}

int ledger_open(
    const char *dir, enum ledger_mode mode, struct ledger **out, struct err *e)
{
	struct ledger *l = xcalloc(1, sizeof(*l));
	int r;

	*out = NULL;
	l->dirfd = -1;
	l->mode = mode;
	l->state = state_new();
	buf_init(&l->note, NOTE_MAX_BYTES);
	merkle_init(&l->tree);
	r = open_parts(l, dir, e);
	if (r == ERR_MALFORMED)
		e->code = r = ERR_LEDGER;
	if (r) {
		ledger_close(l);
		return r;
	}
	*out = l;
	return 0;
}

static void record_release(struct ledger_record *r)
{
	free((void *)(uintptr_t)r->bytes.data);
	if (r->entry)
		entry_release(r->entry);
	free(r->entry);
}

void ledger_close(struct ledger *l)
{
	if (!l)
		return;
	keeper_stop(l->keeper);
	state_free(l->state);
	buf_release(&l->note);
	for (size_t i = 0; i < l->n_records; i++)
		record_release(&l->records[i]);
	free(l->records);
	signer_free(l->own_key);
	explicit_bzero(&l->print_key, sizeof(l->print_key));
	base_close_p(&l->dirfd);
	free(l);
}

void ledger_close_p(struct ledger **l)
{
	ledger_close(*l);
	*l = NULL;
}

/* ---- append ---- */

/* What one call of ledger_append() is about to add. */
struct addition {
	struct ledger_record *records;
	size_t n;
	struct merkle tree;
	struct checkpoint head;
	struct buf note;
};

static void addition_release(struct addition *a)
{
	for (size_t i = 0; i < a->n; i++)
		record_release(&a->records[i]);
	free(a->records);
	buf_release(&a->note);
}

/* Entries are kept as any reader will parse them, not as the caller gave them. */
static int format(struct addition *a, const struct entry *entries, struct err *e)
{
	int r = 0;

	for (size_t i = 0; !r && i < a->n; i++) {
		CLEANUP_BUF struct buf text;
		struct digest leaf;

		buf_init(&text, ENTRY_MAX_BYTES);
		r = entry_format(&entries[i], &text, e);
		if (r)
			break;
		merkle_leaf(text.data, text.len, &leaf);
		merkle_append(&a->tree, &leaf);
		a->records[i].bytes.len = text.len;
		a->records[i].bytes.data = buf_take(&text);
		r = parse(&a->records[i].bytes, &a->records[i].entry, e);
	}
	return r;
}

/*
 * Nothing may become part of a ledger that readers would reject; and if the append fails, what the
 * ledger says must not have changed.
 */
static int rehearse(const struct ledger *l, const struct addition *a, struct err *e)
{
	struct state *s = state_new_over(l->state);
	int r = 0;

	for (size_t i = 0; !r && i < a->n; i++)
		r = state_apply(s, a->records[i].entry, l->n_records + i, e);
	state_free(s);
	return r;
}

static int write_addition(struct ledger *l, const struct addition *a, struct err *e)
{
	CLEANUP_FREE struct span *entries = xcalloc(a->n, sizeof(*entries));
	struct keeper_batch batch = {
	    .seen = {l->note.data, l->note.len},
	    .first = l->n_records,
	    .entries = entries,
	    .n = a->n,
	    .head = {a->note.data, a->note.len},
	};

	for (size_t i = 0; i < a->n; i++)
		entries[i] = a->records[i].bytes;
	return keeper_append(l->keeper, &batch, e);
}

/* It is durable, and a part of the ledger from here on. */
static int adopt(struct ledger *l, struct addition *a, struct err *e)
{
	size_t n = a->n;
	int r = 0;

	a->n = 0;
	for (size_t i = 0; i < n; i++)
		*add_record(l) = a->records[i];
	for (size_t i = l->n_records - n; !r && i < l->n_records; i++)
		r = state_apply(l->state, l->records[i].entry, i, e);
	l->tree = a->tree;
	l->head = a->head;
	l->signer = *signer_public(l->own_key);
	buf_clear(&l->note);
	return r ? r : buf_add(&l->note, a->note.data, a->note.len, e);
}

int ledger_append(struct ledger *l, const struct entry *entries, size_t n, struct err *e)
{
	CLEANUP(addition_release) struct addition a = {.tree = l->tree};
	int r;

	buf_init(&a.note, NOTE_MAX_BYTES);
	if (!l->own_key)
		return err_set(e, ERR_REFUSED, "the ledger cannot be written: %s",
		    l->mode == LEDGER_WRITE ? "its key is not here"
					    : "it was opened for reading");
	if (n == 0)
		return 0;
	a.records = xcalloc(n, sizeof(*a.records));
	a.n = n;
	r = format(&a, entries, e);
	if (!r)
		r = rehearse(l, &a, e);
	if (!r)
		r = sign_head(&a.tree, l->own_key, &a.head, &a.note, e);
	if (!r)
		r = write_addition(l, &a, e);
	return r ? r : adopt(l, &a, e);
}

/* ---- what it says ---- */

const struct checkpoint *ledger_head(const struct ledger *l)
{
	return &l->head;
}

const struct public_key *ledger_public_key(const struct ledger *l)
{
	return &l->signer;
}

const struct xxh_key *ledger_statprint_key(const struct ledger *l)
{
	return l->has_print_key ? &l->print_key : NULL;
}

const struct confinement *ledger_confinement(const struct ledger *l)
{
	return keeper_confinement(l->keeper);
}

bool ledger_writable(const struct ledger *l)
{
	return l->own_key != NULL;
}

size_t ledger_size(const struct ledger *l)
{
	return l->n_records;
}

const struct entry *ledger_entry(const struct ledger *l, size_t seq)
{
	return l->records[seq].entry;
}

const char *ledger_entry_bytes(const struct ledger *l, size_t seq, size_t *len)
{
	*len = l->records[seq].bytes.len;
	return l->records[seq].bytes.data;
}

const struct entry_init *ledger_store(
    const struct ledger *l, const struct store_id *store)
{
	return state_store(l->state, store);
}

bool ledger_find_store(
    const struct ledger *l, const char *graphroot, struct store_id *out)
{
	return state_find_store(l->state, graphroot, out);
}

const struct sealed_layer *ledger_layer(
    const struct ledger *l, const struct store_id *s, const char *id)
{
	return state_layer(l->state, s, id);
}

const struct sealed_image *ledger_image(
    const struct ledger *l, const struct store_id *s, const char *id)
{
	return state_image(l->state, s, id);
}

const char *ledger_name(
    const struct ledger *l, const struct store_id *s, const char *name)
{
	return state_name(l->state, s, name);
}

int ledger_each_layer(const struct ledger *l, const struct store_id *s,
    ledger_layer_fn *fn, void *ctx, struct err *e)
{
	return state_each_layer(l->state, s, fn, ctx, e);
}

int ledger_each_image(const struct ledger *l, const struct store_id *s,
    ledger_image_fn *fn, void *ctx, struct err *e)
{
	return state_each_image(l->state, s, fn, ctx, e);
}
