/* SPDX-License-Identifier: Apache-2.0 */
/* keeper_log.c: the keeper's entries and heads: handed over as they are, appended in one transaction. */
#include <string.h>
#include <unistd.h>

#include "base/be.h"
#include "ledger/entry.h"
#include "ledger/keeper_db.h"

#define APPEND_MAX_ENTRIES 1000000
#define START_BYTES_MAX (8 + 64 * 32)

/* ---- dump ---- */

/* The head of the largest size; MDB_NOTFOUND if there is none. */
static int newest_head(struct db *db, MDB_txn *txn, uint64_t *size, MDB_val *note)
{
	MDB_cursor *cursor;
	MDB_val key;
	int rc = mdb_cursor_open(txn, db->dbi[DB_HEAD], &cursor);

	if (rc)
		return rc;
	rc = mdb_cursor_get(cursor, &key, note, MDB_LAST);
	mdb_cursor_close(cursor);
	if (!rc && (key.mv_size != 8 || note->mv_size > WIRE_MAX_BYTES - sizeof(*size)))
		rc = MDB_CORRUPTED;
	if (!rc)
		*size = be_load64(key.mv_data);
	return rc;
}

static void flush(struct db *db, struct buf *pack)
{
	/* A parent that is gone needs no answer. */
	if (pack->len && db_reply(db, WIRE_ENTRIES, pack->data, pack->len))
		_exit(0);
	buf_clear(pack);
}

static int pack_entry(struct db *db, const MDB_val *value, struct buf *pack)
{
	struct err ignored;

	if (value->mv_size > ENTRY_MAX_BYTES ||
	    wire_pack(pack, value->mv_data, value->mv_size, &ignored))
		return MDB_CORRUPTED;
	if (pack->len > WIRE_PACK_BYTES)
		flush(db, pack);
	return 0;
}

/* Packs entries in order from number `next` on; a gap in the numbers is damage. */
static int pack_entries(
    struct db *db, MDB_cursor *cursor, uint64_t next, struct buf *pack)
{
	uint8_t first[8];
	MDB_val key = {sizeof(first), first}, value;
	int rc;

	be_store64(first, next);
	rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
	while (rc == 0) {
		if (key.mv_size != 8 || be_load64(key.mv_data) != next++)
			return MDB_CORRUPTED;
		rc = pack_entry(db, &value, pack);
		if (!rc)
			rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
	}
	flush(db, pack);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static int send_entries(struct db *db, MDB_txn *txn, uint64_t first)
{
	CLEANUP_BUF struct buf pack;
	MDB_cursor *cursor;
	int rc = mdb_cursor_open(txn, db->dbi[DB_ENTRY], &cursor);

	buf_init(&pack, WIRE_MAX_BYTES);
	if (rc)
		return rc;
	rc = pack_entries(db, cursor, first, &pack);
	mdb_cursor_close(cursor);
	return rc;
}

static int send_head(struct db *db, uint64_t size, const MDB_val *note)
{
	if (note->mv_size > WIRE_MAX_BYTES - sizeof(size))
		return MDB_CORRUPTED;
	if (db_reply_two(db, WIRE_HEAD, (struct span){&size, sizeof(size)},
		(struct span){note->mv_data, note->mv_size}))
		_exit(0);
	return 0;
}

/* Where a reader may begin, if that is noted: the parent finds out whether it is true. */
static int send_start(struct db *db, MDB_txn *txn, uint64_t *first)
{
	MDB_val key = {strlen(KEEPER_START), (void *)(uintptr_t)KEEPER_START}, value;
	int rc = mdb_get(txn, db->dbi[DB_META], &key, &value);

	*first = 0;
	if (rc)
		return rc == MDB_NOTFOUND ? 0 : rc;
	if (value.mv_size < 8 || value.mv_size > START_BYTES_MAX)
		return MDB_CORRUPTED;
	*first = be_load64(value.mv_data);
	if (db_reply_two(db, WIRE_START, (struct span){first, sizeof(*first)},
		(struct span){(char *)value.mv_data + 8, value.mv_size - 8}))
		_exit(0);
	return 0;
}

int log_serve_dump(struct db *db)
{
	bool short_cut = db->payload.len == 1 && db->payload.data[0];
	uint64_t size, first = 0;
	MDB_txn *txn;
	MDB_val note;
	int rc = db_begin(db, MDB_RDONLY, &txn);

	if (rc)
		return db_reply_result(db, rc);
	rc = newest_head(db, txn, &size, &note);
	if (!rc)
		rc = send_head(db, size, &note);
	if (!rc && short_cut)
		rc = send_start(db, txn, &first);
	if (!rc)
		rc = send_entries(db, txn, first);
	mdb_txn_abort(txn);
	return db_reply_result(db, rc);
}

static int send_heads(struct db *db, MDB_cursor *cursor)
{
	MDB_val key, note;
	int rc = mdb_cursor_get(cursor, &key, &note, MDB_FIRST);

	while (rc == 0) {
		rc = key.mv_size == 8 ? send_head(db, be_load64(key.mv_data), &note)
				      : MDB_CORRUPTED;
		if (!rc)
			rc = mdb_cursor_get(cursor, &key, &note, MDB_NEXT);
	}
	return rc == MDB_NOTFOUND ? 0 : rc;
}

int log_serve_heads(struct db *db)
{
	MDB_cursor *cursor;
	MDB_txn *txn;
	int rc = db_begin(db, MDB_RDONLY, &txn);

	if (rc)
		return db_reply_result(db, rc);
	rc = mdb_cursor_open(txn, db->dbi[DB_HEAD], &cursor);
	if (!rc) {
		rc = send_heads(db, cursor);
		mdb_cursor_close(cursor);
	}
	mdb_txn_abort(txn);
	return db_reply_result(db, rc);
}

static int send_asked(struct db *db, MDB_txn *txn)
{
	CLEANUP_BUF struct buf pack;
	int rc = 0;

	buf_init(&pack, WIRE_MAX_BYTES);
	for (size_t at = 0; !rc && at < db->payload.len; at += sizeof(uint64_t)) {
		uint8_t bytes[8];
		MDB_val key = {sizeof(bytes), bytes}, value;
		uint64_t seq;

		memcpy(&seq, db->payload.data + at, sizeof(seq));
		be_store64(bytes, seq);
		rc = mdb_get(txn, db->dbi[DB_ENTRY], &key, &value);
		if (!rc)
			rc = pack_entry(db, &value, &pack);
	}
	if (!rc)
		flush(db, &pack);
	return rc;
}

int log_serve_get(struct db *db)
{
	MDB_txn *txn;
	int rc;

	if (db->payload.len % sizeof(uint64_t))
		return db_reply_malformed(db);
	rc = db_begin(db, MDB_RDONLY, &txn);
	if (rc)
		return db_reply_result(db, rc);
	rc = send_asked(db, txn);
	mdb_txn_abort(txn);
	return db_reply_result(db, rc);
}

/* ---- append ---- */

struct batch {
	char *seen; /* the newest head as the parent knows it */
	size_t seen_len;
	struct span *entries;
	size_t n;
	uint64_t size; /* after the append */
	char *head;
	size_t head_len;
	uint8_t start[START_BYTES_MAX]; /* as it is stored */
	size_t start_len;		/* 0: none */
};

static void batch_release(struct batch *b)
{
	for (size_t i = 0; i < b->n; i++)
		free((void *)(uintptr_t)b->entries[i].data);
	free(b->entries);
	free(b->seen);
	free(b->head);
}

static char *copy_of(const void *data, size_t len)
{
	char *copy = xmalloc(len);

	if (len)
		memcpy(copy, data, len);
	return copy;
}

static bool add_entries(struct batch *b, const struct buf *payload)
{
	const char *rest = payload->data, *data;
	size_t left = payload->len, len;

	while (b->n < APPEND_MAX_ENTRIES && wire_unpack(&rest, &left, &data, &len)) {
		if ((b->n & (b->n - 1)) == 0)
			b->entries = xreallocarray(
			    b->entries, b->n ? 2 * b->n : 1, sizeof(*b->entries));
		b->entries[b->n++] = (struct span){copy_of(data, len), len};
	}
	return left == 0;
}

static bool take_start(struct batch *b, const struct buf *payload)
{
	uint64_t seq;

	if (payload->len < sizeof(seq) || payload->len > sizeof(b->start))
		return false;
	memcpy(&seq, payload->data, sizeof(seq));
	memcpy(b->start, payload->data, payload->len);
	be_store64(b->start, seq);
	b->start_len = payload->len;
	return true;
}

/* Collects the frames that follow WIRE_APPEND; false if the parent broke off. */
static bool receive_batch(struct db *db, struct batch *b)
{
	const struct buf *p = &db->payload;
	enum wire_type type;
	struct err ignored;

	b->seen = copy_of(p->data, p->len);
	b->seen_len = p->len;
	while (wire_recv(&db->wire, &type, &db->payload, &ignored) == 0) {
		if (type == WIRE_HEAD && p->len > sizeof(b->size)) {
			memcpy(&b->size, p->data, sizeof(b->size));
			b->head_len = p->len - sizeof(b->size);
			b->head = copy_of(p->data + sizeof(b->size), b->head_len);
			return b->size >= b->n;
		}
		if (type == WIRE_START ? !take_start(b, p)
				       : type != WIRE_ENTRIES || !add_entries(b, p))
			return false;
	}
	return false;
}

static int put_number(
    MDB_txn *txn, MDB_dbi dbi, uint64_t number, const void *data, size_t len)
{
	uint8_t bytes[8];
	MDB_val key = {sizeof(bytes), bytes}, value = {len, (void *)(uintptr_t)data};

	be_store64(bytes, number);
	return mdb_put(txn, dbi, &key, &value, MDB_NOOVERWRITE);
}

/* Nobody appended since the parent looked: the newest head is the very one it saw. */
static int check_seen(struct db *db, MDB_txn *txn, const struct batch *b, bool *conflict)
{
	MDB_val note = {0};
	uint64_t size = 0;
	int rc = newest_head(db, txn, &size, &note);

	if (rc && rc != MDB_NOTFOUND)
		return rc;
	*conflict = size + b->n != b->size || note.mv_size != b->seen_len ||
		    (note.mv_size && memcmp(note.mv_data, b->seen, note.mv_size) != 0);
	return 0;
}

static int put_start(struct db *db, MDB_txn *txn, const struct batch *b)
{
	MDB_val key = {strlen(KEEPER_START), (void *)(uintptr_t)KEEPER_START};
	MDB_val value = {b->start_len, (void *)(uintptr_t)b->start};

	return mdb_put(txn, db->dbi[DB_META], &key, &value, 0);
}

static int write_batch(struct db *db, MDB_txn *txn, void *ctx, bool *conflict)
{
	const struct batch *b = ctx;
	int rc = check_seen(db, txn, b, conflict);

	if (rc || *conflict)
		return rc;
	for (size_t i = 0; !rc && i < b->n; i++)
		rc = put_number(txn, db->dbi[DB_ENTRY], b->size - b->n + i,
		    b->entries[i].data, b->entries[i].len);
	if (!rc && b->start_len)
		rc = put_start(db, txn, b);
	return rc ? rc : put_number(txn, db->dbi[DB_HEAD], b->size, b->head, b->head_len);
}

int log_serve_append(struct db *db)
{
	struct batch b = {0};
	bool conflict = false;
	int rc;

	if (!receive_batch(db, &b)) {
		batch_release(&b);
		return db_reply_malformed(db);
	}
	rc = db_write(db, write_batch, &b, &conflict);
	batch_release(&b);
	return conflict && !rc ? db_reply(db, WIRE_CONFLICT, NULL, 0)
			       : db_reply_result(db, rc);
}
