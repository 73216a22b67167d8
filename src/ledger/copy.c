/* SPDX-License-Identifier: Apache-2.0 */
/* copy.c: see copy.h: from one keeper to another, and read again. */
#include "ledger/copy.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "base/be.h"
#include "ledger/copy_impl.h"

/* Written in one transaction. */
#define FILL_BYTES (2U << 20)
/* What zlib makes of a chunk at worst is far below. */
#define STORED_MAX (KEEPER_CHUNK_BYTES + (KEEPER_CHUNK_BYTES >> 2))

struct pump {
	struct copy *c;
	struct keeper *to;
	enum keeper_db db;
	struct buf items; /* on their way into it */
	struct merkle tree;
	struct sha256 *heads; /* over all that were copied */
	bool head_came;	      /* the newest one */
	struct listings copied;
	struct copy_report *report;
};

/* ---- into the new database ---- */

static int flush(struct pump *p, struct err *e)
{
	int r = p->items.len ? keeper_fill(p->to, p->db,
				   (struct span){p->items.data, p->items.len}, e)
			     : 0;

	buf_clear(&p->items);
	return r;
}

static int put(struct pump *p, struct span key, struct span value, struct err *e)
{
	int r = wire_pack(&p->items, key.data, key.len, e);

	if (!r)
		r = wire_pack(&p->items, value.data, value.len, e);
	return !r && p->items.len > FILL_BYTES ? flush(p, e) : r;
}

static int put_number(struct pump *p, uint64_t number, struct span value, struct err *e)
{
	uint8_t key[8];

	be_store64(key, number);
	return put(p, (struct span){key, sizeof(key)}, value, e);
}

static int begin(struct pump *p, enum keeper_db db, struct err *e)
{
	int r = flush(p, e);

	p->db = db;
	return r;
}

/* ---- start ---- */

static int put_start(struct pump *p, struct err *e)
{
	const struct copy *c = p->c;
	size_t n = (size_t)__builtin_popcountll(c->start) * DIGEST_BYTES;
	uint8_t value[8 + 64 * DIGEST_BYTES];
	int r = begin(p, DB_META, e);

	if (r || c->start == 0)
		return r;
	be_store64(value, c->start);
	memcpy(value + 8, c->before_start.peak, n);
	return put(p, (struct span){KEEPER_START, strlen(KEEPER_START)},
	    (struct span){value, 8 + n}, e);
}

/* ---- entries ---- */

static int take_newest(void *ctx, uint64_t size, struct span note, struct err *e)
{
	const struct pump *p = ctx;

	(void)note;
	return size >= p->c->from->head.size
		   ? 0
		   : err_set(e, ERR_LEDGER, "ledger: it was rolled back just now");
}

/* Those that were appended since the ledger was opened are not part of it. */
static int take_entry(void *ctx, struct span bytes, struct err *e)
{
	struct pump *p = ctx;
	uint64_t seq = p->tree.size;
	struct digest leaf;

	if (seq == p->c->from->head.size)
		return 0;
	merkle_leaf(bytes.data, bytes.len, &leaf);
	merkle_append(&p->tree, &leaf);
	copy_judge_heads(p->c, &p->tree);
	return put_number(p, seq, bytes, e);
}

static int copy_entries(struct pump *p, struct err *e)
{
	const struct keeper_sink sink = {p, take_newest, NULL, take_entry};
	const struct checkpoint *head = &p->c->from->head;
	struct digest root;
	int r = begin(p, DB_ENTRY, e);

	merkle_init(&p->tree);
	copy_judge_heads(p->c, &p->tree);
	if (!r)
		r = keeper_dump(p->c->from->keeper, false, &sink, e);
	merkle_root(&p->tree, &root);
	if (!r && (p->tree.size != head->size || !digest_equal(&root, &head->root)))
		r = err_set(
		    e, ERR_LEDGER, "ledger: the entries are not those that were signed");
	return r;
}

/* ---- heads ---- */

static void hash_head(struct sha256 *h, uint64_t size, struct span note)
{
	uint8_t numbers[16];

	be_store64(numbers, size);
	be_store64(numbers + 8, note.len);
	sha256_update(h, numbers, sizeof(numbers));
	sha256_update(h, note.data, note.len);
}

static int put_head(struct pump *p, uint64_t size, struct span note, struct err *e)
{
	hash_head(p->heads, size, note);
	return put_number(p, size, note, e);
}

static int take_head(void *ctx, uint64_t size, struct span note, struct err *e)
{
	struct pump *p = ctx;
	const struct ledger *from = p->c->from;

	if (size > from->head.size)
		return 0;
	if (size == from->head.size) {
		p->head_came = note.len == from->note.len &&
			       memcmp(note.data, from->note.data, note.len) == 0;
		return p->head_came ? put_head(p, size, note, e) : 0;
	}
	if (p->c->o->mend) {
		if (copy_wants_head(p->c, size, note))
			return put_head(p, size, note, e);
		p->report->heads_left_out++;
		return 0;
	}
	return note.len <= NOTE_MAX_BYTES
		   ? put_head(p, size, note, e)
		   : err_set(e, ERR_LEDGER,
			 "ledger: the checkpoint of size %" PRIu64
			 " is too long (layerseal ledger check --rebuild leaves it out)",
			 size);
}

static int copy_heads(struct pump *p, struct err *e)
{
	const struct ledger *from = p->c->from;
	int r = begin(p, DB_HEAD, e);

	p->report->heads_lost = p->c->heads_lost;
	if (!r && p->c->heads_lost)
		return put_head(p, from->head.size,
		    (struct span){from->note.data, from->note.len}, e);
	if (!r)
		r = keeper_heads(from->keeper, take_head, p, e);
	return !r && !p->head_came ? err_set(e, ERR_LEDGER,
					 "ledger: its newest checkpoint was replaced "
					 "just now")
				   : r;
}

/* ---- manifests ---- */

static int damaged(const struct digest *d, struct err *e)
{
	char text[DIGEST_TEXT_LEN + 1];

	digest_text(d, text);
	err_wrap(e,
	    "manifest %s is damaged (layerseal ledger check --rebuild leaves it out)",
	    text);
	return e->code = ERR_LEDGER;
}

/* True if all of it can be read, and is what it should be. */
static int read_through(struct keeper *k, const struct listing *d, struct err *e)
{
	struct manifest_reader *reader = NULL;
	const char *data;
	size_t len = 1;
	int r = manifest_reader_from(k, &d->digest, d->bytes, &reader, e);

	while (!r && len > 0)
		r = manifest_reader_next(reader, &data, &len, e);
	manifest_reader_free(reader);
	return r;
}

struct chunk_key {
	uint8_t digest[DIGEST_BYTES], index[4];
};

static int put_chunk(struct pump *p, const struct digest *d, uint32_t index,
    struct span stored, struct err *e)
{
	struct chunk_key key;

	memcpy(key.digest, d->bytes, DIGEST_BYTES);
	be_store32(key.index, index);
	return put(p, (struct span){&key, sizeof(key)}, stored, e);
}

static int copy_chunks(
    struct pump *p, const struct digest *d, uint32_t chunks, struct err *e)
{
	CLEANUP_BUF struct buf stored;
	uint8_t all[4];
	int r = 0;

	buf_init(&stored, STORED_MAX);
	be_store32(all, chunks);
	for (uint32_t i = 0; !r && i < chunks; i++) {
		r = keeper_get_stored(p->c->from->keeper, d, i, &stored, e);
		if (r == ERR_NOT_FOUND || r == ERR_MALFORMED)
			return damaged(d, e);
		p->report->kept_bytes += stored.len;
		if (!r)
			r = put_chunk(p, d, i, (struct span){stored.data, stored.len}, e);
	}
	return r ? r
		 : put_chunk(
		       p, d, KEEPER_CHUNKS_MARK, (struct span){all, sizeof(all)}, e);
}

/* One that is not there was dropped before, or left out: the log does without. */
static int copy_manifest(struct pump *p, const struct listing *d, struct err *e)
{
	uint32_t chunks;
	int r = p->c->o->mend ? read_through(p->c->from->keeper, d, e) : 0;

	if (r && r != ERR_NOT_FOUND) {
		listings_add(&p->report->damaged, &d->digest, d->bytes);
		return copy_renew_keeper(p->c, e);
	}
	if (!r)
		r = keeper_count_chunks(p->c->from->keeper, &d->digest, &chunks, e);
	if (r)
		return r == ERR_NOT_FOUND ? 0 : r;
	if (chunks != manifest_chunks(d->bytes)) {
		err_set(e, ERR_LEDGER, "%" PRIu32 " chunks", chunks);
		return damaged(&d->digest, e);
	}
	r = copy_chunks(p, &d->digest, chunks, e);
	listings_add(&p->copied, &d->digest, d->bytes);
	p->report->kept++;
	return r;
}

static int copy_manifests(struct pump *p, struct err *e)
{
	int r = begin(p, DB_MANIFEST, e);

	for (size_t i = 0; !r && i < p->c->wanted.n; i++)
		r = copy_manifest(p, &p->c->wanted.v[i], e);
	return r ? r : flush(p, e);
}

/* Readers want it where the start is noted; mending made its text anew. */
static int put_snapshot(struct pump *p, int newfd, struct err *e)
{
	const struct copy *c = p->c;
	struct manifest_writer *w;
	int r;

	if (c->start == 0 || listings_have(&p->copied, &c->snapshot.digest))
		return 0;
	if (!c->o->mend)
		return err_set(e, ERR_LEDGER,
		    "ledger: the snapshot of entry %" PRIu64 " is gone", c->start);
	w = manifest_writer_into(p->to, newfd);
	r = manifest_writer_add(w, c->snapshot_text.data, c->snapshot_text.len, e);
	if (!r)
		r = manifest_writer_commit(w, &c->snapshot.digest, e);
	manifest_writer_free(w);
	if (!r) {
		listings_add(&p->copied, &c->snapshot.digest, c->snapshot.bytes);
		p->report->kept++;
	}
	return r;
}

static int pump(struct pump *p, int newfd, struct err *e)
{
	int r = put_start(p, e);

	if (!r)
		r = copy_entries(p, e);
	if (!r)
		r = copy_heads(p, e);
	if (!r)
		r = copy_manifests(p, e);
	if (!r)
		r = put_snapshot(p, newfd, e);
	return r ? r : keeper_sync(p->to, e);
}

/* ---- reading it again ---- */

static int hash_copied_head(
    void *ctx, uint64_t size, const char *note, size_t len, struct err *e)
{
	(void)e;
	hash_head(ctx, size, (struct span){note, len});
	return 0;
}

static int ignore_entry(
    void *ctx, uint64_t seq, const char *bytes, size_t len, struct err *e)
{
	(void)ctx;
	(void)seq;
	(void)bytes;
	(void)len;
	(void)e;
	return 0;
}

static int check_heads(struct ledger *copy, struct pump *p, struct err *e)
{
	CLEANUP_SHA256 struct sha256 *h = sha256_new();
	struct digest read, written;
	int r = ledger_each_head(copy, hash_copied_head, h, e);

	sha256_final(h, &read);
	sha256_final(p->heads, &written);
	return r || digest_equal(&read, &written)
		   ? r
		   : err_set(
			 e, ERR_LEDGER, "its checkpoints are not those that were copied");
}

/* As any reader will: from the start that is noted. Then all that this leaves out. */
static int check_log(struct ledger *copy, struct pump *p, struct err *e)
{
	const struct ledger *from = p->c->from;
	int r;

	if (copy->start != p->c->start || copy->note.len != from->note.len ||
	    memcmp(copy->note.data, from->note.data, from->note.len) != 0)
		return err_set(e, ERR_LEDGER, "it is another ledger");
	r = ledger_replay(copy, ignore_entry, NULL, e);
	return r ? r : check_heads(copy, p, e);
}

static int check_copy(struct pump *p, int newfd, struct err *e)
{
	CLEANUP_LEDGER struct ledger *copy = NULL;
	int r = ledger_open_database(&p->c->from->trust, newfd, &copy, e);

	if (!r)
		r = check_log(copy, p, e);
	if (r)
		return err_wrap(e, "the copy of the ledger cannot be relied on");
	for (size_t i = 0; !r && i < p->copied.n; i++) {
		r = read_through(copy->keeper, &p->copied.v[i], e);
		if (r)
			r = damaged(&p->copied.v[i].digest, e);
	}
	return r;
}

/* ---- all of it ---- */

static int measure(int newfd, uint64_t *out, struct err *e)
{
	struct stat st;

	if (fstatat(newfd, "data.mdb", &st, AT_SYMLINK_NOFOLLOW))
		return err_sys(e, "the copy of the ledger");
	*out = (uint64_t)st.st_size;
	return 0;
}

static int run(struct copy *c, int newfd, struct copy_report *report, struct err *e)
{
	CLEANUP_SHA256 struct sha256 *heads = sha256_new();
	struct pump p = {.c = c, .report = report, .heads = heads};
	int r = keeper_start(newfd, KEEPER_FILL, &p.to, e);

	buf_init(&p.items, WIRE_MAX_BYTES);
	if (!r)
		r = pump(&p, newfd, e);
	keeper_stop(p.to);
	if (!r)
		r = check_copy(&p, newfd, e);
	if (!r)
		r = measure(newfd, &report->bytes_after, e);
	buf_release(&p.items);
	listings_release(&p.copied);
	return r;
}

int copy_make(struct ledger *l, int newfd, const struct copy_options *o,
    struct copy_report *out, struct err *e)
{
	CLEANUP(copy_release) struct copy c = {.from = l, .o = o};
	int r;

	*out = (struct copy_report){0};
	ledger_forget_statprint_key(l);
	if (l->own_key)
		return err_set(e, ERR_INTERNAL, "a copy of a ledger whose key is here");
	r = copy_plan(&c, e);
	return r ? r : run(&c, newfd, out, e);
}
