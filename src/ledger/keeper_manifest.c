/* SPDX-License-Identifier: Apache-2.0 */
/* keeper_manifest.c: the keeper's side of storing and reading manifests (see keeper_child.c). */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "ledger/keeper_db.h"

/* A put commits when this much is pending, so that no transaction gets large. */
#define PUT_BATCH_BYTES (16U << 20)
#define CHUNKS_MARK 0xffffffffU

static void chunk_key(
    uint8_t out[static DIGEST_BYTES + 4], const char *digest, uint32_t index)
{
	memcpy(out, digest, DIGEST_BYTES);
	for (int i = 3; i >= 0; i--, index >>= 8)
		out[DIGEST_BYTES + i] = (uint8_t)index;
}

/* Chunk, or with CHUNKS_MARK the number of chunks. */
static int get_chunk(
    struct db *db, MDB_txn *txn, const char *digest, uint32_t index, MDB_val *value)
{
	uint8_t bytes[DIGEST_BYTES + 4];
	MDB_val key = {sizeof(bytes), bytes};

	chunk_key(bytes, digest, index);
	return mdb_get(txn, db->dbi[DB_MANIFEST], &key, value);
}

static int get_mark(struct db *db, MDB_txn *txn, const char *digest, uint32_t *chunks)
{
	MDB_val value;
	int rc = get_chunk(db, txn, digest, CHUNKS_MARK, &value);

	if (rc)
		return rc;
	if (value.mv_size != sizeof(*chunks))
		return MDB_CORRUPTED;
	memcpy(chunks, value.mv_data, sizeof(*chunks));
	return 0;
}

int manifest_serve_has(struct db *db)
{
	MDB_txn *txn;
	uint32_t chunks;
	int rc;

	if (db->payload.len != DIGEST_BYTES)
		return db_reply_text(db, ERR_LEDGER, "ledger: a malformed request");
	rc = db_begin(db, MDB_RDONLY, &txn);
	if (rc)
		return db_reply_error(db, rc);
	rc = get_mark(db, txn, db->payload.data, &chunks);
	mdb_txn_abort(txn);
	if (rc == MDB_NOTFOUND)
		return db_reply(db, WIRE_ABSENT, NULL, 0, NULL, 0);
	return rc ? db_reply_error(db, rc) : db_reply_done(db);
}

static int commit_put(struct db *db)
{
	MDB_txn *txn = db->put_txn;

	db->put_txn = NULL;
	db->put_bytes = 0;
	return txn ? mdb_txn_commit(txn) : 0;
}

static int put_once(
    struct db *db, const char *digest, uint32_t index, const void *data, size_t len)
{
	uint8_t bytes[DIGEST_BYTES + 4];
	MDB_val key = {sizeof(bytes), bytes}, value = {len, (void *)(uintptr_t)data};
	int rc = db->put_txn ? 0 : db_begin(db, 0, &db->put_txn);

	chunk_key(bytes, digest, index);
	if (!rc)
		rc = mdb_put(db->put_txn, db->dbi[DB_MANIFEST], &key, &value, 0);
	db->put_bytes += len;
	if (!rc && db->put_bytes > PUT_BATCH_BYTES)
		rc = commit_put(db);
	return rc;
}

/*
 * A full map loses the pending transaction, so its earlier chunks must come again: the batch is
 * small compared with the map, which is doubled as soon as less than a batch is free.
 */
static int make_room(struct db *db)
{
	MDB_envinfo info;
	MDB_stat stat;
	int rc;

	if (db->put_txn)
		return 0;
	rc = mdb_env_info(db->env, &info);
	if (!rc)
		rc = mdb_env_stat(db->env, &stat);
	if (!rc && (info.me_last_pgno + 1) * stat.ms_psize + 4ULL * PUT_BATCH_BYTES >
		       info.me_mapsize)
		rc = db_grow(db);
	return rc;
}

void manifest_serve_put_chunk(struct db *db)
{
	const struct buf *p = &db->payload;
	uint32_t index;

	if (p->len < DIGEST_BYTES + sizeof(index)) {
		db->put_error = EINVAL;
		return;
	}
	memcpy(&index, p->data + DIGEST_BYTES, sizeof(index));
	if (!db->put_error)
		db->put_error = make_room(db);
	if (!db->put_error)
		db->put_error =
		    put_once(db, p->data, index, p->data + DIGEST_BYTES + sizeof(index),
			p->len - DIGEST_BYTES - sizeof(index));
}

int manifest_serve_put_done(struct db *db)
{
	const struct buf *p = &db->payload;
	int rc = db->put_error;

	db->put_error = 0;
	if (!rc && p->len != DIGEST_BYTES + sizeof(uint32_t))
		rc = EINVAL;
	if (!rc)
		rc = put_once(
		    db, p->data, CHUNKS_MARK, p->data + DIGEST_BYTES, sizeof(uint32_t));
	if (!rc)
		rc = commit_put(db);
	if (rc && db->put_txn) {
		mdb_txn_abort(db->put_txn);
		db->put_txn = NULL;
		db->put_bytes = 0;
	}
	return rc ? db_reply_error(db, rc) : db_reply_done(db);
}

static int send_chunks(struct db *db, MDB_txn *txn, const char *digest, uint32_t chunks)
{
	for (uint32_t i = 0; i < chunks; i++) {
		MDB_val value;
		int rc = get_chunk(db, txn, digest, i, &value);

		if (!rc && value.mv_size > WIRE_MAX_BYTES)
			rc = MDB_CORRUPTED;
		if (rc)
			return rc == MDB_NOTFOUND ? MDB_CORRUPTED : rc;
		if (db_reply(db, WIRE_CHUNK, value.mv_data, value.mv_size, NULL, 0))
			_exit(0);
	}
	return 0;
}

int manifest_serve_get(struct db *db)
{
	char digest[DIGEST_BYTES];
	uint32_t chunks;
	MDB_txn *txn;
	int rc;

	if (db->payload.len != DIGEST_BYTES)
		return db_reply_text(db, ERR_LEDGER, "ledger: a malformed request");
	memcpy(digest, db->payload.data, DIGEST_BYTES);
	rc = db_begin(db, MDB_RDONLY, &txn);
	if (rc)
		return db_reply_error(db, rc);
	rc = get_mark(db, txn, digest, &chunks);
	if (rc == MDB_NOTFOUND) {
		mdb_txn_abort(txn);
		return db_reply(db, WIRE_ABSENT, NULL, 0, NULL, 0);
	}
	if (!rc && db_reply_done(db) == 0)
		rc = send_chunks(db, txn, digest, chunks);
	mdb_txn_abort(txn);
	return rc ? db_reply_error(db, rc) : db_reply_done(db);
}
