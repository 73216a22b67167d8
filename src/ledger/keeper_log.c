/* SPDX-License-Identifier: Apache-2.0 */
/* keeper_log.c: the keeper's entries and heads: handed over as they are, appended in one transaction. */
#include <string.h>
#include <unistd.h>

#include "ledger/entry.h"
#include "ledger/keeper_db.h"

#define APPEND_MAX_ENTRIES 1000000

static void store_be64(uint8_t out[static 8], uint64_t n)
{
	for (int i = 7; i >= 0; i--, n >>= 8)
		out[i] = (uint8_t)n;
}

static uint64_t load_be64(const void *data)
{
	const uint8_t *in = data;
	uint64_t n = 0;

	for (int i = 0; i < 8; i++)
		n = n << 8 | in[i];
	return n;
}

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
		*size = load_be64(key.mv_data);
	return rc;
}

static void flush(struct db *db, struct buf *pack)
{
	/* A parent that is gone needs no answer. */
	if (pack->len && db_reply(db, WIRE_ENTRIES, pack->data, pack->len))
		_exit(0);
	buf_clear(pack);
}

/* Packs entries in order; a gap in the numbers is damage. */
static int pack_entries(struct db *db, MDB_cursor *cursor, struct buf *pack)
{
	MDB_val key, value;
	struct err ignored;
	uint64_t next = 0;
	int rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);

	while (rc == 0) {
		if (key.mv_size != 8 || load_be64(key.mv_data) != next++ ||
		    value.mv_size > ENTRY_MAX_BYTES ||
		    wire_pack(pack, value.mv_data, value.mv_size, &ignored))
			return MDB_CORRUPTED;
		if (pack->len > WIRE_PACK_BYTES)
			flush(db, pack);
		rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
	}
	flush(db, pack);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static int send_entries(struct db *db, MDB_txn *txn)
{
	CLEANUP_BUF struct buf pack;
	MDB_cursor *cursor;
	int rc = mdb_cursor_open(txn, db->dbi[DB_ENTRY], &cursor);

	buf_init(&pack, WIRE_MAX_BYTES);
	if (rc)
		return rc;
	rc = pack_entries(db, cursor, &pack);
	mdb_cursor_close(cursor);
	return rc;
}

int log_serve_dump(struct db *db)
{
	MDB_txn *txn;
	MDB_val note;
	uint64_t size;
	int rc = db_begin(db, MDB_RDONLY, &txn);

	if (rc)
		return db_reply_result(db, rc);
	rc = newest_head(db, txn, &size, &note);
	if (!rc && db_reply_two(db, WIRE_HEAD, (struct span){&size, sizeof(size)},
		       (struct span){note.mv_data, note.mv_size}))
		_exit(0);
	if (!rc)
		rc = send_entries(db, txn);
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
		if (type != WIRE_ENTRIES || !add_entries(b, p))
			return false;
	}
	return false;
}

static int put_number(
    MDB_txn *txn, MDB_dbi dbi, uint64_t number, const void *data, size_t len)
{
	uint8_t bytes[8];
	MDB_val key = {sizeof(bytes), bytes}, value = {len, (void *)(uintptr_t)data};

	store_be64(bytes, number);
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

static int write_batch(struct db *db, MDB_txn *txn, void *ctx, bool *conflict)
{
	const struct batch *b = ctx;
	int rc = check_seen(db, txn, b, conflict);

	if (rc || *conflict)
		return rc;
	for (size_t i = 0; !rc && i < b->n; i++)
		rc = put_number(txn, db->dbi[DB_ENTRY], b->size - b->n + i,
		    b->entries[i].data, b->entries[i].len);
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
