/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper_child.c: the keeper's side: opening the database, entries and heads, the loop.
 *
 * Databases (layerseal-ledger(5)), no duplicates, keys in big-endian so that they sort:
 *   meta      "format" -> "layerseal/v1"
 *   entry     u64 sequence number -> bytes of the entry
 *   head      u64 size -> signed checkpoint
 *   manifest  SHA-256, u32 chunk -> zlib text;  SHA-256, 0xffffffff -> u32 number of chunks,
 *             written last: without it the manifest is not there
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ledger/entry.h"
#include "ledger/keeper_db.h"

#define FORMAT "layerseal/v1"
#define MAP_MIN (64ULL << 20)
#define APPEND_MAX_ENTRIES 1000000

static const char *const db_names[DB_COUNT] = {"meta", "entry", "head", "manifest"};

/* ---- answers ---- */

int db_reply(struct db *db, enum wire_type type, const void *a, size_t a_len,
    const void *b, size_t b_len)
{
	struct err ignored;

	return wire_send(db->fd, type, a, a_len, b, b_len, &ignored);
}

int db_reply_done(struct db *db)
{
	return db_reply(db, WIRE_DONE, NULL, 0, NULL, 0);
}

int db_reply_text(struct db *db, enum err_code code, const char *text)
{
	uint32_t positive = (uint32_t)-code;

	return db_reply(db, WIRE_ERROR, &positive, sizeof(positive), text, strlen(text));
}

int db_reply_error(struct db *db, int rc)
{
	char text[256];

	if (rc == ENOSPC || rc == EDQUOT)
		return db_reply_text(db, ERR_IO, "ledger: no space left on the device");
	if (rc > 0) {
		snprintf(text, sizeof(text), "ledger: %s", mdb_strerror(rc));
		return db_reply_text(db, ERR_IO, text);
	}
	snprintf(
	    text, sizeof(text), "the ledger's database is damaged: %s", mdb_strerror(rc));
	return db_reply_text(db, ERR_LEDGER, text);
}

/* ---- opening ---- */

static uint64_t map_size(void)
{
	struct stat st;
	uint64_t size = MAP_MIN;

	if (stat("data.mdb", &st) == 0) {
		while (size < 2 * (uint64_t)st.st_size)
			size *= 2;
	}
	return size;
}

static int open_dbs(struct db *db, enum keeper_mode mode)
{
	MDB_txn *txn;
	int rc =
	    mdb_txn_begin(db->env, NULL, mode == KEEPER_CREATE ? 0 : MDB_RDONLY, &txn);

	if (rc)
		return rc;
	for (int i = 0; !rc && i < DB_COUNT; i++)
		rc = mdb_dbi_open(txn, db_names[i],
		    mode == KEEPER_CREATE ? MDB_CREATE : 0, &db->dbi[i]);
	if (!rc && mode == KEEPER_CREATE) {
		MDB_val key = {6, (void *)(uintptr_t) "format"};
		MDB_val value = {strlen(FORMAT), (void *)(uintptr_t)FORMAT};

		rc = mdb_put(txn, db->dbi[DB_META], &key, &value, MDB_NOOVERWRITE);
	}
	if (rc) {
		mdb_txn_abort(txn);
		return rc;
	}
	return mdb_txn_commit(txn); /* a read transaction too: the handles stay valid */
}

/* ERR_LEDGER text for a database of another version; NULL if it is ours. */
static const char *foreign_format(struct db *db)
{
	MDB_val key = {6, (void *)(uintptr_t) "format"}, value;
	MDB_txn *txn;
	bool ours;

	if (mdb_txn_begin(db->env, NULL, MDB_RDONLY, &txn))
		return "the ledger's database cannot be read";
	ours = mdb_get(txn, db->dbi[DB_META], &key, &value) == 0 &&
	       value.mv_size == strlen(FORMAT) &&
	       memcmp(value.mv_data, FORMAT, value.mv_size) == 0;
	mdb_txn_abort(txn);
	return ours ? NULL : "the ledger is of another version than " FORMAT;
}

static int open_env(struct db *db, enum keeper_mode mode)
{
	int rc = mdb_env_create(&db->env);

	/* NOTLS: a read transaction belongs to its caller, not to the thread. Syncing stays on. */
	db->env_flags = MDB_NOTLS | (mode == KEEPER_READ ? MDB_RDONLY : 0);
	if (!rc)
		rc = mdb_env_set_maxdbs(db->env, DB_COUNT);
	if (!rc)
		rc = mdb_env_set_mapsize(db->env, map_size());
	if (!rc)
		rc = mdb_env_open(db->env, ".", db->env_flags, 0600);
	if (!rc)
		rc = open_dbs(db, mode);
	return rc;
}

/* ---- transactions that grow the map ---- */

int db_begin(struct db *db, unsigned flags, MDB_txn **txn)
{
	int rc = mdb_txn_begin(db->env, NULL, flags, txn);

	if (rc == MDB_MAP_RESIZED) {
		rc = mdb_env_set_mapsize(db->env, 0);
		if (!rc)
			rc = mdb_txn_begin(db->env, NULL, flags, txn);
	}
	return rc;
}

int db_grow(struct db *db)
{
	MDB_envinfo info;
	int rc = mdb_env_info(db->env, &info);

	return rc ? rc : mdb_env_set_mapsize(db->env, 2 * info.me_mapsize);
}

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

/* The largest key; MDB_NOTFOUND if there is none. */
static int last(MDB_txn *txn, MDB_dbi dbi, uint64_t *key, MDB_val *value)
{
	MDB_cursor *cursor;
	MDB_val k;
	int rc = mdb_cursor_open(txn, dbi, &cursor);

	if (rc)
		return rc;
	rc = mdb_cursor_get(cursor, &k, value, MDB_LAST);
	mdb_cursor_close(cursor);
	if (!rc && k.mv_size != 8)
		rc = MDB_CORRUPTED;
	if (!rc)
		*key = load_be64(k.mv_data);
	return rc;
}

static int flush(struct db *db, struct buf *pack)
{
	/* A parent that is gone needs no answer. */
	if (pack->len && db_reply(db, WIRE_ENTRIES, pack->data, pack->len, NULL, 0))
		_exit(0);
	buf_clear(pack);
	return 0;
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
	return rc == MDB_NOTFOUND ? flush(db, pack) : rc;
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

static int serve_dump(struct db *db)
{
	MDB_txn *txn;
	MDB_val head;
	uint64_t size;
	int rc = db_begin(db, MDB_RDONLY, &txn);

	if (rc)
		return db_reply_error(db, rc);
	rc = send_entries(db, txn);
	if (!rc)
		rc = last(txn, db->dbi[DB_HEAD], &size, &head);
	if (!rc && head.mv_size > WIRE_MAX_BYTES - sizeof(size))
		rc = MDB_CORRUPTED;
	if (!rc)
		rc = db_reply(
			 db, WIRE_HEAD, &size, sizeof(size), head.mv_data, head.mv_size)
			 ? EPIPE
			 : 0;
	mdb_txn_abort(txn);
	return rc ? db_reply_error(db, rc) : db_reply_done(db);
}

/* ---- append ---- */

struct batch {
	uint64_t expected;
	struct keeper_bytes *entries;
	size_t n;
	uint64_t size;
	char *head;
	size_t head_len;
};

static void batch_release(struct batch *b)
{
	for (size_t i = 0; i < b->n; i++)
		free((void *)(uintptr_t)b->entries[i].data);
	free(b->entries);
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
		b->entries = xreallocarray(b->entries, b->n + 1, sizeof(*b->entries));
		b->entries[b->n++] = (struct keeper_bytes){copy_of(data, len), len};
	}
	return left == 0;
}

/* Collects the frames that follow WIRE_APPEND; false if the parent broke off. */
static bool receive_batch(struct db *db, struct batch *b)
{
	const struct buf *p = &db->payload;
	enum wire_type type;
	struct err ignored;

	if (p->len != sizeof(b->expected))
		return false;
	memcpy(&b->expected, p->data, sizeof(b->expected));
	while (wire_recv(db->fd, -1, &type, &db->payload, &ignored) == 0) {
		if (type == WIRE_HEAD && p->len > sizeof(b->size)) {
			memcpy(&b->size, p->data, sizeof(b->size));
			b->head_len = p->len - sizeof(b->size);
			b->head = copy_of(p->data + sizeof(b->size), b->head_len);
			return true;
		}
		if (type != WIRE_ENTRIES || !add_entries(b, p))
			return false;
	}
	return false;
}

static int put_number(
    MDB_txn *txn, MDB_dbi dbi, uint64_t number, const void *data, size_t len)
{
	uint8_t key_bytes[8];
	MDB_val key = {sizeof(key_bytes), key_bytes},
		value = {len, (void *)(uintptr_t)data};

	store_be64(key_bytes, number);
	return mdb_put(txn, dbi, &key, &value, MDB_NOOVERWRITE);
}

/* Nobody appended since the parent looked: the newest head is the one it saw. */
static int check_expected(
    struct db *db, MDB_txn *txn, const struct batch *b, bool *conflict)
{
	MDB_val ignored;
	uint64_t size = 0;
	int rc = last(txn, db->dbi[DB_HEAD], &size, &ignored);

	*conflict = rc == 0 && size != b->expected;
	/* The very first head finds none. */
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static int write_batch(struct db *db, const struct batch *b, bool *conflict)
{
	MDB_txn *txn;
	int rc = db_begin(db, 0, &txn);

	if (rc)
		return rc;
	rc = check_expected(db, txn, b, conflict);
	for (size_t i = 0; !rc && !*conflict && i < b->n; i++)
		rc = put_number(txn, db->dbi[DB_ENTRY], b->expected + i,
		    b->entries[i].data, b->entries[i].len);
	if (!rc && !*conflict)
		rc = put_number(txn, db->dbi[DB_HEAD], b->size, b->head, b->head_len);
	if (rc || *conflict) {
		mdb_txn_abort(txn);
		return rc;
	}
	return mdb_txn_commit(txn);
}

static int serve_append(struct db *db)
{
	struct batch b = {0};
	bool conflict = false;
	int rc;

	if (!receive_batch(db, &b)) {
		batch_release(&b);
		return db_reply_text(
		    db, ERR_LEDGER, "ledger: an append that was broken off");
	}
	do {
		rc = write_batch(db, &b, &conflict);
	} while (rc == MDB_MAP_FULL && (rc = db_grow(db)) == 0);
	batch_release(&b);
	if (rc)
		return db_reply_error(db, rc);
	return conflict ? db_reply(db, WIRE_CONFLICT, NULL, 0, NULL, 0)
			: db_reply_done(db);
}

/* ---- the loop ---- */

static int serve(struct db *db, enum wire_type type)
{
	switch (type) {
	case WIRE_DUMP:
		return serve_dump(db);
	case WIRE_APPEND:
		return serve_append(db);
	case WIRE_HAS_MANIFEST:
		return manifest_serve_has(db);
	case WIRE_PUT_CHUNK:
		manifest_serve_put_chunk(db);
		return 0;
	case WIRE_PUT_DONE:
		return manifest_serve_put_done(db);
	case WIRE_GET_MANIFEST:
		return manifest_serve_get(db);
	case WIRE_ENTRIES:
	case WIRE_HEAD:
	case WIRE_CHUNK:
	case WIRE_DONE:
	case WIRE_ABSENT:
	case WIRE_CONFLICT:
	case WIRE_ERROR:
		break;
	}
	return db_reply_text(db, ERR_LEDGER, "ledger: a request that is none");
}

/* Nothing of the parent's but the socket stays open: LMDB must not share a descriptor. */
static void close_others(int keep)
{
	if (keep > 3)
		(void)!syscall(SYS_close_range, 3U, (unsigned)keep - 1, 0U);
	(void)!syscall(SYS_close_range, (unsigned)keep + 1, ~0U, 0U);
}

void keeper_serve(int socket_fd, int dirfd, enum keeper_mode mode)
{
	struct db db = {.fd = socket_fd};
	const char *foreign;
	enum wire_type type;
	struct err ignored;
	int rc;

	buf_init(&db.payload, WIRE_MAX_BYTES);
	rc = fchdir(dirfd) ? errno : 0;
	close_others(socket_fd);
	if (!rc)
		rc = open_env(&db, mode);
	if (rc) {
		(void)!db_reply_error(&db, rc);
		_exit(1);
	}
	foreign = foreign_format(&db);
	if (foreign) {
		(void)!db_reply_text(&db, ERR_LEDGER, foreign);
		_exit(1);
	}
	/* Slots of readers that were killed would keep old pages alive for ever. */
	(void)mdb_reader_check(db.env, &(int){0});
	while (wire_recv(db.fd, -1, &type, &db.payload, &ignored) == 0) {
		if (serve(&db, type))
			break;
	}
	mdb_env_close(db.env);
	_exit(0);
}
