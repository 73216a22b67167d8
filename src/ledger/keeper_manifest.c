/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper_manifest.c: the keeper's side of storing and reading manifests (see keeper_child.c). What
 * the database holds is inflated here too, in the process that may die of it.
 */
#include <errno.h>
#include <string.h>
#include <zlib.h>

#include "base/be.h"
#include "ledger/keeper_db.h"

struct chunk_id {
	uint8_t digest[DIGEST_BYTES], index[4];
};

static struct chunk_id chunk_id(const void *digest, uint32_t index)
{
	struct chunk_id id;

	memcpy(id.digest, digest, DIGEST_BYTES);
	be_store32(id.index, index);
	return id;
}

/* ---- put ---- */

struct put {
	const char *digest;
	uint32_t first, all;
	const char *items;
	size_t items_len;
};

static int put_value(struct db *db, MDB_txn *txn, const struct put *p, uint32_t index,
    const void *data, size_t len)
{
	struct chunk_id id = chunk_id(p->digest, index);
	MDB_val key = {sizeof(id), &id}, value = {len, (void *)(uintptr_t)data};

	return mdb_put(txn, db->dbi[DB_MANIFEST], &key, &value, 0);
}

static int put_chunks(struct db *db, MDB_txn *txn, void *ctx, bool *undo)
{
	const struct put *p = ctx;
	const char *rest = p->items, *data;
	size_t left = p->items_len, len;
	uint32_t index = p->first;
	uint8_t all[4];
	int rc = 0;

	(void)undo;
	while (!rc && wire_unpack(&rest, &left, &data, &len))
		rc = put_value(db, txn, p, index++, data, len);
	if (!rc && left)
		return EINVAL;
	be_store32(all, p->all);
	if (!rc && p->all != WIRE_MORE_CHUNKS)
		rc = put_value(db, txn, p, KEEPER_CHUNKS_MARK, all, sizeof(all));
	return rc;
}

int manifest_serve_put(struct db *db)
{
	const struct buf *in = &db->payload;
	const size_t fixed = DIGEST_BYTES + 2 * sizeof(uint32_t);
	struct put p = {.digest = in->data};
	bool undo;

	if (in->len < fixed)
		return db_reply_malformed(db);
	memcpy(&p.first, in->data + DIGEST_BYTES, sizeof(p.first));
	memcpy(&p.all, in->data + DIGEST_BYTES + sizeof(p.first), sizeof(p.all));
	p.items = in->data + fixed;
	p.items_len = in->len - fixed;
	return db_reply_result(db, db_write(db, put_chunks, &p, &undo));
}

/* ---- get ---- */

static int get_value(
    struct db *db, MDB_txn *txn, const char *digest, uint32_t index, MDB_val *value)
{
	struct chunk_id id = chunk_id(digest, index);
	MDB_val key = {sizeof(id), &id};

	return mdb_get(txn, db->dbi[DB_MANIFEST], &key, value);
}

int manifest_serve_count(struct db *db)
{
	MDB_val value;
	MDB_txn *txn;
	uint32_t n = 0;
	int rc;

	if (db->payload.len != DIGEST_BYTES)
		return db_reply_malformed(db);
	rc = db_begin(db, MDB_RDONLY, &txn);
	if (rc)
		return db_reply_result(db, rc);
	rc = get_value(db, txn, db->payload.data, KEEPER_CHUNKS_MARK, &value);
	if (!rc && value.mv_size != sizeof(n))
		rc = MDB_CORRUPTED;
	for (size_t i = 0; !rc && i < sizeof(n); i++)
		n = n << 8 | ((const uint8_t *)value.mv_data)[i];
	mdb_txn_abort(txn);
	if (rc == MDB_NOTFOUND)
		return db_reply(db, WIRE_ABSENT, NULL, 0);
	return rc ? db_reply_result(db, rc) : db_reply(db, WIRE_COUNT, &n, sizeof(n));
}

/* An empty chunk would pass for the end of the text. */
static int inflate_chunk(const MDB_val *value, Bytef *text, uLongf *len)
{
	return value->mv_size <= WIRE_MAX_BYTES &&
		       uncompress(text, len, value->mv_data, value->mv_size) == Z_OK &&
		       *len > 0
		   ? 0
		   : MDB_CORRUPTED;
}

int manifest_serve_get(struct db *db)
{
	Bytef text[KEEPER_CHUNK_BYTES];
	uLongf len = sizeof(text);
	MDB_val value;
	MDB_txn *txn;
	uint32_t index;
	int rc;

	if (db->payload.len != DIGEST_BYTES + sizeof(index))
		return db_reply_malformed(db);
	memcpy(&index, db->payload.data + DIGEST_BYTES, sizeof(index));
	rc = db_begin(db, MDB_RDONLY, &txn);
	if (rc)
		return db_reply_result(db, rc);
	rc = get_value(db, txn, db->payload.data, index, &value);
	if (!rc)
		rc = inflate_chunk(&value, text, &len);
	mdb_txn_abort(txn);
	/* The mark promised this chunk. */
	if (rc)
		return db_reply_result(db, rc == MDB_NOTFOUND ? MDB_CORRUPTED : rc);
	return db_reply(db, WIRE_CHUNK, text, len);
}
