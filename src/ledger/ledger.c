/* SPDX-License-Identifier: Apache-2.0 */
/* ledger.c: see ledger.h: create, open and authenticate, append. */
#include "ledger/ledger.h"

#include <inttypes.h>
#include <string.h>

#include "ledger/ledger_impl.h"

/* ---- create ---- */

static int sign_head(const struct merkle *tree, const struct secret_key *key,
    struct checkpoint *head, struct buf *note, struct err *e)
{
	*head = (struct checkpoint){.size = tree->size};
	memcpy(head->origin, secret_key_public(key)->name, sizeof(head->origin));
	merkle_root(tree, &head->root);
	return checkpoint_sign(head, key, note, e);
}

static int write_empty_log(int dirfd, const struct secret_key *key, struct err *e)
{
	CLEANUP_BUF struct buf note;
	struct keeper *keeper = NULL;
	struct checkpoint head;
	struct merkle tree;
	int r;

	buf_init(&note, NOTE_MAX_BYTES);
	merkle_init(&tree);
	r = sign_head(&tree, key, &head, &note, e);
	if (!r)
		r = keeper_start(dirfd, KEEPER_CREATE, &keeper, e);
	if (!r)
		r = keeper_append(keeper, 0, NULL, 0, note.data, note.len, e);
	keeper_stop(keeper);
	return r;
}

int ledger_create(const char *dir, const char *origin, struct err *e)
{
	CLEANUP(secret_key_free_p) struct secret_key *key = NULL;
	CLEANUP_FD int dirfd = -1;
	int r = ledger_dir_prepare(dir, &dirfd, e);

	if (!r)
		r = secret_key_generate(origin, &key, e);
	if (!r)
		r = secret_key_save(key, dirfd, LEDGER_FILE_KEY, e);
	if (!r)
		r = ledger_dir_write_statprint_key(dirfd, e);
	if (!r)
		r = write_empty_log(dirfd, key, e);
	if (!r)
		r = ledger_dir_write_trusted(dirfd, secret_key_public(key), e);
	return r;
}

/* ---- open: authenticate, then parse ---- */

static int take_entry(void *ctx, const char *bytes, size_t len, struct err *e)
{
	struct ledger *l = ctx;
	struct digest leaf;
	char *copy;

	if (len > ENTRY_MAX_BYTES)
		return err_set(e, ERR_LEDGER, "ledger entry %zu: too long", l->n_records);
	copy = xmalloc(len);
	memcpy(copy, bytes, len);
	if ((l->n_records & (l->n_records - 1)) == 0)
		l->records = xreallocarray(
		    l->records, l->n_records ? 2 * l->n_records : 1, sizeof(*l->records));
	l->records[l->n_records++] = (struct ledger_record){.bytes = {copy, len}};
	merkle_leaf(bytes, len, &leaf);
	merkle_append(&l->tree, &leaf);
	return 0;
}

static const struct public_key *key_named(const struct ledger *l, const char *origin)
{
	for (size_t i = 0; i < l->n_trusted; i++) {
		if (strcmp(l->trusted[i].name, origin) == 0)
			return &l->trusted[i];
	}
	return NULL;
}

static int authenticate(
    struct ledger *l, uint64_t head_size, const struct buf *note, struct err *e)
{
	const struct public_key *signer;
	struct digest root;
	int r =
	    checkpoint_open(note->data, note->len, l->trusted, l->n_trusted, &l->head, e);

	if (r)
		return r;
	if (l->head.size != head_size || l->head.size != l->n_records)
		return err_set(e, ERR_LEDGER,
		    "ledger: the checkpoint is for %" PRIu64 " entries, there are %zu",
		    l->head.size, l->n_records);
	merkle_root(&l->tree, &root);
	if (!digest_equal(&root, &l->head.root))
		return err_set(
		    e, ERR_LEDGER, "ledger: the entries are not those that were signed");
	signer = key_named(l, l->head.origin);
	if (!signer)
		return err_set(
		    e, ERR_LEDGER, "ledger: signed by a key that is not trusted");
	l->signer = *signer;
	return 0;
}

/* Only authenticated bytes come here. */
static int interpret(struct ledger *l, size_t seq, struct err *e)
{
	struct ledger_record *record = &l->records[seq];
	struct entry *en = xcalloc(1, sizeof(*en));
	int r = entry_parse(record->bytes.data, record->bytes.len, en, e);

	if (r) {
		free(en);
		return err_wrap(e, "entry %zu", seq);
	}
	record->entry = en;
	state_apply(l->state, en, seq);
	return 0;
}

static int load(struct ledger *l, struct err *e)
{
	CLEANUP_BUF struct buf note;
	uint64_t head_size = 0;
	int r;

	buf_init(&note, NOTE_MAX_BYTES);
	r = keeper_dump(l->keeper, take_entry, l, &head_size, &note, e);
	if (!r)
		r = authenticate(l, head_size, &note, e);
	for (size_t seq = 0; !r && seq < l->n_records; seq++)
		r = interpret(l, seq, e);
	return r;
}

/* A missing key only means that nothing can be appended; a wrong one is an error. */
static int load_key(struct ledger *l, struct err *e)
{
	const struct public_key *mine, *trusted;
	int r = secret_key_load(l->dirfd, LEDGER_FILE_KEY, &l->key, e);

	if (r)
		return r == ERR_NOT_FOUND ? 0 : r;
	mine = secret_key_public(l->key);
	trusted = key_named(l, mine->name);
	if (!trusted || memcmp(trusted->point, mine->point, KEY_BYTES) != 0)
		return err_set(e, ERR_LEDGER,
		    "key file %s: not a key of " LEDGER_FILE_TRUST, LEDGER_FILE_KEY);
	return 0;
}

static int open_parts(
    struct ledger *l, const char *dir, enum ledger_mode mode, struct err *e)
{
	int r = ledger_dir_open(dir, &l->dirfd, e);

	if (!r)
		r = ledger_dir_trusted_keys(l->dirfd, l->trusted, &l->n_trusted, e);
	if (!r && mode == LEDGER_WRITE)
		r = load_key(l, e);
	if (!r)
		r = ledger_dir_statprint_key(
		    l->dirfd, &l->print_key, &l->has_print_key, e);
	if (!r)
		r = keeper_start(
		    l->dirfd, l->key ? KEEPER_WRITE : KEEPER_READ, &l->keeper, e);
	return r ? r : load(l, e);
}

int ledger_open(
    const char *dir, enum ledger_mode mode, struct ledger **out, struct err *e)
{
	struct ledger *l = xcalloc(1, sizeof(*l));
	int r;

	*out = NULL;
	l->dirfd = -1;
	l->state = state_new();
	merkle_init(&l->tree);
	r = open_parts(l, dir, mode, e);
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
	for (size_t i = 0; i < l->n_records; i++)
		record_release(&l->records[i]);
	free(l->records);
	secret_key_free(l->key);
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

static int format_batch(const struct entry *entries, size_t n, struct keeper_bytes *out,
    struct merkle *tree, struct err *e)
{
	int r = 0;

	for (size_t i = 0; !r && i < n; i++) {
		CLEANUP_BUF struct buf text;
		struct digest leaf;

		buf_init(&text, ENTRY_MAX_BYTES);
		r = entry_format(&entries[i], &text, e);
		if (r)
			break;
		merkle_leaf(text.data, text.len, &leaf);
		merkle_append(tree, &leaf);
		out[i].len = text.len;
		out[i].data = buf_take(&text);
	}
	return r;
}

/* The batch is durable: from here on it is the ledger, and is read as any reader would read it. */
static int adopt(struct ledger *l, struct keeper_bytes *batch, size_t n, struct err *e)
{
	int r = 0;

	for (size_t i = 0; !r && i < n; i++) {
		r = take_entry(l, batch[i].data, batch[i].len, e);
		if (!r)
			r = interpret(l, l->n_records - 1, e);
	}
	return r;
}

int ledger_append(struct ledger *l, const struct entry *entries, size_t n, struct err *e)
{
	struct keeper_bytes *batch = xcalloc(n, sizeof(*batch));
	struct merkle tree = l->tree;
	struct checkpoint head = {0};
	CLEANUP_BUF struct buf note;
	int r = 0;

	buf_init(&note, NOTE_MAX_BYTES);
	if (!l->key)
		r = err_set(
		    e, ERR_LEDGER, "the ledger cannot be written: its key is not here");
	if (!r)
		r = format_batch(entries, n, batch, &tree, e);
	if (!r)
		r = sign_head(&tree, l->key, &head, &note, e);
	if (!r)
		r = keeper_append(
		    l->keeper, l->head.size, batch, n, note.data, note.len, e);
	if (!r)
		r = adopt(l, batch, n, e);
	if (!r) {
		l->head = head;
		l->signer = *secret_key_public(l->key);
	}
	for (size_t i = 0; i < n; i++)
		free((void *)(uintptr_t)batch[i].data);
	free(batch);
	return r;
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

bool ledger_writable(const struct ledger *l)
{
	return l->key != NULL;
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
