/* SPDX-License-Identifier: Apache-2.0 */
/* keeper_db.h: the keeper's database, shared by keeper_child.c and keeper_manifest.c. */
#ifndef LEDGER_KEEPER_DB_H
#define LEDGER_KEEPER_DB_H

#include <lmdb.h>

#include "ledger/keeper.h"

enum { DB_META, DB_ENTRY, DB_HEAD, DB_MANIFEST, DB_COUNT };

struct db {
	int fd;
	MDB_env *env;
	MDB_dbi dbi[DB_COUNT];
	unsigned env_flags;
	struct buf payload;
	/* Chunks of a put, pending or failed. */
	MDB_txn *put_txn;
	size_t put_bytes;
	int put_error;
};

/* Answers; non-zero if the parent is gone. */
MUSTUSE int db_reply(struct db *db, enum wire_type type, const void *a, size_t a_len,
    const void *b, size_t b_len);
MUSTUSE int db_reply_done(struct db *db);
MUSTUSE int db_reply_text(struct db *db, enum err_code code, const char *text);
/* LMDB's and the system's reasons, in words of the ledger. */
MUSTUSE int db_reply_error(struct db *db, int rc);

/* Begins a transaction, though another process may have grown the file. */
MUSTUSE int db_begin(struct db *db, unsigned flags, MDB_txn **txn);
/* Doubles the map; no transaction may be open. */
MUSTUSE int db_grow(struct db *db);

/* Requests about manifests; the frame is in db->payload. */
MUSTUSE int manifest_serve_has(struct db *db);
void manifest_serve_put_chunk(struct db *db);
MUSTUSE int manifest_serve_put_done(struct db *db);
MUSTUSE int manifest_serve_get(struct db *db);

#endif
