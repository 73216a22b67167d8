/* SPDX-License-Identifier: Apache-2.0 */
/* keeper_db.h: the inside of the keeper: its database, and who answers which request. */
#ifndef LEDGER_KEEPER_DB_H
#define LEDGER_KEEPER_DB_H

#include <lmdb.h>

#include "ledger/keeper.h"

/* A ledger beyond this is no ledger of layers; and what a damaged file says of its size ends here. */
#define DB_MAP_MAX (64ULL << 30)

struct db {
	struct wire wire;
	MDB_env *env;
	MDB_dbi dbi[DB_COUNT];
	struct buf payload; /* of the newest request */
};

/* Answers; non-zero if the parent is gone. */
MUSTUSE int db_reply(struct db *db, enum wire_type type, const void *data, size_t len);
MUSTUSE int db_reply_two(
    struct db *db, enum wire_type type, struct span first, struct span second);
/* DONE, or LMDB's and the system's reasons in words of the ledger. */
MUSTUSE int db_reply_result(struct db *db, int rc);
MUSTUSE int db_reply_malformed(struct db *db);

/*
 * The files of the environment in the current directory, nothing of them interpreted yet. Modes
 * that want files make those that are missing. 0, or a code of LMDB or of the system.
 */
struct db_files {
	int data_fd, lock_fd; /* owned until db_open_env() */
	uint64_t map_bytes;
};
MUSTUSE int db_find(struct db_files *files, enum keeper_mode mode);
/* Opens the environment and closes the descriptors, then the databases in it; results as above. */
MUSTUSE int db_open_env(struct db *db, struct db_files *files, enum keeper_mode mode);
MUSTUSE int db_open_all(struct db *db, enum keeper_mode mode);

/* Begins a transaction, though another process may have grown the file. */
MUSTUSE int db_begin(struct db *db, unsigned flags, MDB_txn **txn);

/*
 * Runs `fn` in a transaction and commits what it wrote; not if it fails, or sets *undo. A map that
 * is full is doubled, and all of it tried again.
 */
typedef int db_write_fn(struct db *db, MDB_txn *txn, void *ctx, bool *undo);
MUSTUSE int db_write(struct db *db, db_write_fn *fn, void *ctx, bool *undo);

/* Requests about entries and heads, and about manifests; the frame is in db->payload. */
MUSTUSE int log_serve_dump(struct db *db);
MUSTUSE int log_serve_heads(struct db *db);
MUSTUSE int log_serve_get(struct db *db);
MUSTUSE int log_serve_append(struct db *db);
MUSTUSE int manifest_serve_put(struct db *db);
MUSTUSE int manifest_serve_count(struct db *db);
MUSTUSE int manifest_serve_get(struct db *db);
/* Requests of who copies a database (keeper_copy.c). */
MUSTUSE int copy_serve_list(struct db *db);
MUSTUSE int copy_serve_stored(struct db *db);
MUSTUSE int copy_serve_fill(struct db *db);
MUSTUSE int copy_serve_sync(struct db *db);

#endif
