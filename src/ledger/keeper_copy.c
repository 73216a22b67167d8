/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper_copy.c: what the keepers do for who copies a database: that of the old one lists what is
 * stored and hands it over as it is, that of the new one stores whatever it is given.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/be.h"
#include "ledger/keeper_db.h"

#define CHUNK_KEY_BYTES (DIGEST_BYTES + 4)

/* ---- list ---- */

static int send_manifests(struct db *db, struct buf *list)
{
	if (list->len && db_reply(db, WIRE_MANIFESTS, list->data, list->len))
		_exit(0);
	buf_clear(list);
	return 0;
}

static int list_add(struct db *db, struct buf *list, const struct keeper_manifest *m)
{
	struct err ignored;

	if (m->chunks == 0 && m->all == 0)
		return 0;
	if (buf_add(list, m, sizeof(*m), &ignored))
		return ENOMEM;
	return list->len > WIRE_PACK_BYTES ? send_manifests(db, list) : 0;
}

static int count_chunk(
    struct keeper_manifest *m, const MDB_val *key, const MDB_val *value)
{
	uint32_t index = be_load32((const char *)key->mv_data + DIGEST_BYTES);

	if (index != KEEPER_CHUNKS_MARK) {
		m->chunks++;
		m->bytes += value->mv_size;
		return 0;
	}
	if (value->mv_size != 4)
		return MDB_CORRUPTED;
	m->all = be_load32(value->mv_data);
	return 0;
}

static int list_all(struct db *db, MDB_cursor *cursor, struct buf *list)
{
	struct keeper_manifest m = {0};
	MDB_val key, value;
	int rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);

	while (rc == 0) {
		if (key.mv_size != CHUNK_KEY_BYTES)
			return MDB_CORRUPTED;
		if (memcmp(m.digest.bytes, key.mv_data, DIGEST_BYTES) != 0) {
			rc = list_add(db, list, &m);
			m = (struct keeper_manifest){0};
			memcpy(m.digest.bytes, key.mv_data, DIGEST_BYTES);
		}
		if (!rc)
			rc = count_chunk(&m, &key, &value);
		if (!rc)
			rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
	}
	if (rc == MDB_NOTFOUND)
		rc = list_add(db, list, &m);
	return rc ? rc : send_manifests(db, list);
}

int copy_serve_list(struct db *db)
{
	CLEANUP_BUF struct buf list;
	MDB_cursor *cursor;
	MDB_txn *txn;
	int rc = db_begin(db, MDB_RDONLY, &txn);

	buf_init(&list, WIRE_MAX_BYTES);
	if (rc)
		return db_reply_result(db, rc);
	rc = mdb_cursor_open(txn, db->dbi[DB_MANIFEST], &cursor);
	if (!rc) {
		rc = list_all(db, cursor, &list);
		mdb_cursor_close(cursor);
	}
	mdb_txn_abort(txn);
	return db_reply_result(db, rc);
}

/* ---- hand over ---- */

int copy_serve_stored(struct db *db)
{
	uint8_t bytes[CHUNK_KEY_BYTES];
	MDB_val key = {sizeof(bytes), bytes}, value;
	uint32_t index;
	MDB_txn *txn;
	int rc;

	if (db->payload.len != sizeof(bytes))
		return db_reply_malformed(db);
	memcpy(bytes, db->payload.data, DIGEST_BYTES);
	memcpy(&index, db->payload.data + DIGEST_BYTES, sizeof(index));
	be_store32(bytes + DIGEST_BYTES, index);
	rc = db_begin(db, MDB_RDONLY, &txn);
	if (rc)
		return db_reply_result(db, rc);
	rc = mdb_get(txn, db->dbi[DB_MANIFEST], &key, &value);
	if (!rc && value.mv_size > WIRE_MAX_BYTES)
		rc = MDB_CORRUPTED;
	if (!rc)
		rc = db_reply(db, WIRE_STORED, value.mv_data, value.mv_size);
	else if (rc == MDB_NOTFOUND)
		rc = db_reply(db, WIRE_ABSENT, NULL, 0);
	else
		rc = db_reply_result(db, rc);
	mdb_txn_abort(txn);
	return rc;
}

/* ---- store ---- */

static int put_items(struct db *db, MDB_txn *txn, void *ctx, bool *undo)
{
	const char *rest = db->payload.data + sizeof(uint32_t), *data;
	size_t left = db->payload.len - sizeof(uint32_t), len;
	const MDB_dbi *dbi = ctx;
	int rc = 0;

	(void)undo;
	while (!rc && wire_unpack(&rest, &left, &data, &len)) {
		MDB_val key = {len, (void *)(uintptr_t)data}, value;

		if (!wire_unpack(&rest, &left, &data, &len))
			return EINVAL;
		value = (MDB_val){len, (void *)(uintptr_t)data};
		rc = mdb_put(txn, *dbi, &key, &value, MDB_APPEND);
	}
	return rc ? rc : left ? EINVAL : 0;
}

int copy_serve_fill(struct db *db)
{
	uint32_t which;
	bool undo;

	if (db->payload.len < sizeof(which))
		return db_reply_malformed(db);
	memcpy(&which, db->payload.data, sizeof(which));
	if (which >= DB_COUNT)
		return db_reply_malformed(db);
	return db_reply_result(db, db_write(db, put_items, &db->dbi[which], &undo));
}

int copy_serve_sync(struct db *db)
{
	return db_reply_result(db, mdb_env_sync(db->env, 1));
}
