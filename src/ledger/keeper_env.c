/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper_env.c: the LMDB environment of the keeper: opening, transactions that grow the map.
 *
 * Databases (layerseal-ledger(5)), no duplicates, integers big-endian so that keys sort:
 *   meta      "format" -> "layerseal/v1";  "start" -> where a reader may begin (keeper_log.c)
 *   entry     u64 sequence number -> bytes of the entry
 *   head      u64 size -> signed checkpoint
 *   manifest  SHA-256, u32 chunk -> zlib text;  SHA-256, 0xffffffff -> u32 number of chunks,
 *             written last: without it the manifest is not there
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger/keeper_db.h"

#define MAP_MIN (16ULL << 20)
/* LMDB's lock file with its 126 readers. */
#define LOCK_BYTES 8192
/* Below the patience of those who ask (keeper.c). */
#define SLOT_WAIT_MS 5000
#define SLOT_STEP_MS 10
#define RESIZE_TRIES 100

static bool is_new(enum keeper_mode mode)
{
	return mode == KEEPER_CREATE || mode == KEEPER_FILL;
}

static const char *const db_names[DB_COUNT] = {"meta", "entry", "head", "manifest"};

/* ---- databases ---- */

static MDB_val val_of(const char *text)
{
	return (MDB_val){strlen(text), (void *)(uintptr_t)text};
}

/* Writes the format into a new ledger, and wants no other one in an old one. */
static int check_format(struct db *db, MDB_txn *txn, enum keeper_mode mode)
{
	MDB_val key = val_of("format"), value = val_of(KEEPER_FORMAT);
	int rc;

	if (is_new(mode))
		return mdb_put(txn, db->dbi[DB_META], &key, &value, MDB_NOOVERWRITE);
	rc = mdb_get(txn, db->dbi[DB_META], &key, &value);
	if (rc)
		return rc;
	return value.mv_size == strlen(KEEPER_FORMAT) &&
		       memcmp(value.mv_data, KEEPER_FORMAT, value.mv_size) == 0
		   ? 0
		   : MDB_VERSION_MISMATCH;
}

/* Flags come from the file: duplicates, reversed or integer keys are code paths not to be led to. */
static int open_one(struct db *db, MDB_txn *txn, int i, enum keeper_mode mode)
{
	unsigned flags;
	int rc =
	    mdb_dbi_open(txn, db_names[i], is_new(mode) ? MDB_CREATE : 0, &db->dbi[i]);

	if (!rc)
		rc = mdb_dbi_flags(txn, db->dbi[i], &flags);
	if (!rc && flags != 0)
		rc = MDB_INCOMPATIBLE;
	return rc;
}

static int open_dbs(struct db *db, enum keeper_mode mode)
{
	MDB_txn *txn;
	int rc = db_begin(db, is_new(mode) ? 0 : MDB_RDONLY, &txn);

	if (rc)
		return rc;
	for (int i = 0; !rc && i < DB_COUNT; i++) {
		rc = open_one(db, txn, i, mode);
		if (!rc && i == DB_META)
			rc = check_format(db, txn, mode);
	}
	if (rc) {
		mdb_txn_abort(txn);
		return rc;
	}
	return mdb_txn_commit(txn); /* a read transaction too: the handles stay valid */
}

/* LMDB would print its source line; the parent says what the user needs to know. */
static void assertion_failed(MDB_env *env, const char *msg)
{
	(void)env;
	(void)msg;
	abort();
}

/* ---- opening ---- */

/* Neither a link nor something that waits for its other end, whatever stands there by now. */
static int open_regular(const char *name, int flags, int *out_fd, uint64_t *bytes)
{
	CLEANUP_FD int fd = open(name, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return errno;
	if (!S_ISREG(st.st_mode))
		return MDB_INVALID;
	*bytes = (uint64_t)st.st_size;
	*out_fd = take_fd(&fd);
	return 0;
}

static int map_size(uint64_t file_bytes, uint64_t *out)
{
	uint64_t size = MAP_MIN;

	if (file_bytes > DB_MAP_MAX)
		return MDB_INVALID; /* nobody made it so large */
	while (size < DB_MAP_MAX && size < 2 * file_bytes)
		size *= 2;
	*out = size;
	return 0;
}

/*
 * LMDB makes lock.mdb with a hole and maps it: on a full disk the first touch would be SIGBUS, and
 * look like damage.
 */
static int reserve_lock_file(int *fd)
{
	uint64_t ignored;
	int rc = open_regular("lock.mdb", O_RDWR | O_CREAT, fd, &ignored);

	/* Where nobody may write, or blocks cannot be reserved, LMDB finds its own way. */
	if (rc == EROFS || rc == EACCES)
		return 0;
	if (!rc && fallocate(*fd, 0, 0, LOCK_BYTES) &&
	    (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
		return errno;
	return rc;
}

int db_find(struct db_files *files, enum keeper_mode mode)
{
	int flags = is_new(mode) ? O_RDWR | O_CREAT : O_PATH;
	uint64_t bytes = 0;
	int rc = open_regular("data.mdb", flags, &files->data_fd, &bytes);

	if (!rc)
		rc = map_size(bytes, &files->map_bytes);
	return rc ? rc : reserve_lock_file(&files->lock_fd);
}

int db_open_env(struct db *db, struct db_files *files, enum keeper_mode mode)
{
	/* NOTLS: a read transaction belongs to its caller, not to the thread. Syncing stays on. */
	unsigned flags = MDB_NOTLS | (mode == KEEPER_READ      ? MDB_RDONLY
					 : mode == KEEPER_FILL ? MDB_NOSYNC
							       : 0);
	int rc;

	/* Now, because closing a descriptor drops LMDB's locks. */
	base_close_p(&files->data_fd);
	base_close_p(&files->lock_fd);
	rc = mdb_env_create(&db->env);
	if (!rc)
		rc = mdb_env_set_assert(db->env, assertion_failed);
	if (!rc)
		rc = mdb_env_set_maxdbs(db->env, DB_COUNT);
	if (!rc)
		rc = mdb_env_set_mapsize(db->env, files->map_bytes);
	return rc ? rc : mdb_env_open(db->env, ".", flags, 0600);
}

/*
 * Of two meta pages the one with the larger number counts. After the largest number of all comes 0:
 * what is committed then would be gone when the environment is opened again.
 */
static int check_number(MDB_env *env)
{
	MDB_envinfo info;
	int rc = mdb_env_info(env, &info);

	return rc ? rc : info.me_last_txnid > SIZE_MAX / 2 ? MDB_CORRUPTED : 0;
}

int db_open_all(struct db *db, enum keeper_mode mode)
{
	int rc = check_number(db->env);

	if (!rc)
		rc = open_dbs(db, mode);
	/* Slots of readers that were killed would keep old pages alive for ever. */
	return rc ? rc : mdb_reader_check(db->env, &(int){0});
}

/* ---- transactions that grow the map ---- */

/* Every slot is taken, by readers that read only for a moment or that were killed. */
static int await_slot(struct db *db)
{
	(void)!poll(NULL, 0, SLOT_STEP_MS);
	return mdb_reader_check(db->env, &(int){0});
}

int db_begin(struct db *db, unsigned flags, MDB_txn **txn)
{
	int rc = mdb_txn_begin(db->env, NULL, flags, txn);

	for (int ms = 0; rc == MDB_READERS_FULL && ms < SLOT_WAIT_MS;
	     ms += SLOT_STEP_MS) {
		rc = await_slot(db);
		if (!rc)
			rc = mdb_txn_begin(db->env, NULL, flags, txn);
	}
	/* Others may grow it once more before this one begins. */
	for (int tries = 0; rc == MDB_MAP_RESIZED && tries < RESIZE_TRIES; tries++) {
		rc = mdb_env_set_mapsize(db->env, 0);
		if (!rc)
			rc = mdb_txn_begin(db->env, NULL, flags, txn);
	}
	return rc;
}

static int grow(struct db *db)
{
	MDB_envinfo info;
	int rc = mdb_env_info(db->env, &info);

	if (rc)
		return rc;
	return info.me_mapsize < DB_MAP_MAX
		   ? mdb_env_set_mapsize(db->env, 2 * info.me_mapsize)
		   : MDB_MAP_FULL;
}

static int write_once(struct db *db, db_write_fn *fn, void *ctx, bool *undo)
{
	MDB_txn *txn;
	int rc = db_begin(db, 0, &txn);

	if (rc)
		return rc;
	*undo = false;
	rc = fn(db, txn, ctx, undo);
	if (rc || *undo) {
		mdb_txn_abort(txn);
		return rc;
	}
	return mdb_txn_commit(txn);
}

int db_write(struct db *db, db_write_fn *fn, void *ctx, bool *undo)
{
	int rc;

	do
		rc = write_once(db, fn, ctx, undo);
	while (rc == MDB_MAP_FULL && (rc = grow(db)) == 0);
	return rc;
}
