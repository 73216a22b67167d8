/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper_child.c: the keeper's side: confinement, opening the database, entries and heads, the loop.
 *
 * Databases (layerseal-ledger(5)), no duplicates, integers big-endian so that keys sort:
 *   meta      "format" -> "layerseal/v1"
 *   entry     u64 sequence number -> bytes of the entry
 *   head      u64 size -> signed checkpoint
 *   manifest  SHA-256, u32 chunk -> zlib text;  SHA-256, 0xffffffff -> u32 number of chunks,
 *             written last: without it the manifest is not there
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ledger/entry.h"
#include "ledger/keeper_db.h"

#define FORMAT "layerseal/v1"
#define MAP_MIN (16ULL << 20)
/* A ledger beyond this is no ledger of layers; and what a damaged file says of its size ends here. */
#define MAP_MAX (64ULL << 30)
#define ADDRESS_SPACE_MAX (MAP_MAX + (16ULL << 30))
/* LMDB's lock file with its 126 readers. */
#define LOCK_BYTES 8192
#define APPEND_MAX_ENTRIES 1000000

#if defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#endif

static const char *const db_names[DB_COUNT] = {"meta", "entry", "head", "manifest"};

/* ---- answers ---- */

static int reply(
    struct db *db, enum wire_type type, struct span first, struct span second)
{
	struct err ignored;

	return wire_send(&db->wire, type, first, second, &ignored);
}

int db_reply(struct db *db, enum wire_type type, const void *data, size_t len)
{
	return reply(db, type, (struct span){data, len}, NO_BYTES);
}

static int reply_text(struct db *db, enum err_code code, const char *text)
{
	uint32_t positive = (uint32_t)-code;

	return reply(db, WIRE_ERROR, (struct span){&positive, sizeof(positive)},
	    (struct span){text, strlen(text)});
}

int db_reply_malformed(struct db *db)
{
	return reply_text(db, ERR_LEDGER, "ledger: a malformed request to its keeper");
}

int db_reply_result(struct db *db, int rc)
{
	char text[256];

	if (rc == 0)
		return db_reply(db, WIRE_DONE, NULL, 0);
	if (rc == MDB_VERSION_MISMATCH)
		return reply_text(
		    db, ERR_LEDGER, "the ledger is of another version than " FORMAT);
	if (rc == ENOSPC || rc == EDQUOT || rc == EFBIG || rc == MDB_MAP_FULL)
		return reply_text(
		    db, ERR_IO, "ledger: no space left for it; nothing was written");
	/* LMDB says EIO where the last piece that fitted was shorter than it wanted. */
	if (rc == EIO)
		return reply_text(db, ERR_IO,
		    "ledger: input/output error, or no space left for it; nothing was "
		    "written");
	if (rc > 0) {
		snprintf(text, sizeof(text), "ledger: %s", mdb_strerror(rc));
		return reply_text(db, ERR_IO, text);
	}
	snprintf(
	    text, sizeof(text), "the ledger's database is damaged: %s", mdb_strerror(rc));
	return reply_text(db, ERR_LEDGER, text);
}

/* ---- opening ---- */

static int map_size(uint64_t *out)
{
	struct stat st;
	uint64_t size = MAP_MIN;

	if (stat("data.mdb", &st) == 0) {
		if ((uint64_t)st.st_size > MAP_MAX)
			return EFBIG;
		while (size < MAP_MAX && size < 2 * (uint64_t)st.st_size)
			size *= 2;
	}
	*out = size;
	return 0;
}

static MDB_val val_of(const char *text)
{
	return (MDB_val){strlen(text), (void *)(uintptr_t)text};
}

/* Writes the format into a new ledger, and wants no other one in an old one. */
static int check_format(struct db *db, MDB_txn *txn, enum keeper_mode mode)
{
	MDB_val key = val_of("format"), value = val_of(FORMAT);
	int rc;

	if (mode == KEEPER_CREATE)
		return mdb_put(txn, db->dbi[DB_META], &key, &value, MDB_NOOVERWRITE);
	rc = mdb_get(txn, db->dbi[DB_META], &key, &value);
	if (rc)
		return rc;
	return value.mv_size == strlen(FORMAT) &&
		       memcmp(value.mv_data, FORMAT, value.mv_size) == 0
		   ? 0
		   : MDB_VERSION_MISMATCH;
}

/* Flags come from the file: duplicates, reversed or integer keys are code paths not to be led to. */
static int open_one(struct db *db, MDB_txn *txn, int i, enum keeper_mode mode)
{
	unsigned flags;
	int rc = mdb_dbi_open(
	    txn, db_names[i], mode == KEEPER_CREATE ? MDB_CREATE : 0, &db->dbi[i]);

	if (!rc)
		rc = mdb_dbi_flags(txn, db->dbi[i], &flags);
	if (!rc && flags != 0)
		rc = MDB_INCOMPATIBLE;
	return rc;
}

static int open_dbs(struct db *db, enum keeper_mode mode)
{
	MDB_txn *txn;
	int rc =
	    mdb_txn_begin(db->env, NULL, mode == KEEPER_CREATE ? 0 : MDB_RDONLY, &txn);

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

/*
 * LMDB makes lock.mdb with a hole and maps it: on a full disk the first touch would be SIGBUS, and
 * look like damage. Before the environment is open, because closing a descriptor drops its locks.
 */
static int reserve_lock_file(enum keeper_mode mode)
{
	CLEANUP_FD int fd = open("lock.mdb",
	    O_RDWR | O_CLOEXEC | O_NOFOLLOW | (mode == KEEPER_CREATE ? O_CREAT : 0),
	    0600);

	/* Where nobody may write, or blocks cannot be reserved, LMDB finds its own way. */
	if (fd >= 0 && fallocate(fd, 0, 0, LOCK_BYTES) &&
	    (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
		return errno;
	return 0;
}

static int open_env(struct db *db, enum keeper_mode mode)
{
	/* NOTLS: a read transaction belongs to its caller, not to the thread. Syncing stays on. */
	unsigned flags = MDB_NOTLS | (mode == KEEPER_READ ? MDB_RDONLY : 0);
	uint64_t size;
	int rc = map_size(&size);

	if (!rc)
		rc = reserve_lock_file(mode);
	if (!rc)
		rc = mdb_env_create(&db->env);
	if (!rc)
		rc = mdb_env_set_assert(db->env, assertion_failed);
	if (!rc)
		rc = mdb_env_set_maxdbs(db->env, DB_COUNT);
	if (!rc)
		rc = mdb_env_set_mapsize(db->env, size);
	if (!rc)
		rc = mdb_env_open(db->env, ".", flags, 0600);
	if (!rc)
		rc = open_dbs(db, mode);
	/* Slots of readers that were killed would keep old pages alive for ever. */
	if (!rc)
		rc = mdb_reader_check(db->env, &(int){0});
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

static int grow(struct db *db)
{
	MDB_envinfo info;
	int rc = mdb_env_info(db->env, &info);

	if (rc)
		return rc;
	return info.me_mapsize < MAP_MAX
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

static int serve_dump(struct db *db)
{
	MDB_txn *txn;
	MDB_val note;
	uint64_t size;
	int rc = db_begin(db, MDB_RDONLY, &txn);

	if (rc)
		return db_reply_result(db, rc);
	rc = newest_head(db, txn, &size, &note);
	if (!rc && reply(db, WIRE_HEAD, (struct span){&size, sizeof(size)},
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

static int serve_append(struct db *db)
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

/* ---- the loop ---- */

static int serve(struct db *db, enum wire_type type)
{
	switch (type) {
	case WIRE_DUMP:
		return serve_dump(db);
	case WIRE_APPEND:
		return serve_append(db);
	case WIRE_PUT_CHUNKS:
		return manifest_serve_put(db);
	case WIRE_COUNT_CHUNKS:
		return manifest_serve_count(db);
	case WIRE_GET_CHUNK:
		return manifest_serve_get(db);
	case WIRE_ENTRIES:
	case WIRE_HEAD:
	case WIRE_COUNT:
	case WIRE_CHUNK:
	case WIRE_DONE:
	case WIRE_ABSENT:
	case WIRE_CONFLICT:
	case WIRE_ERROR:
		break;
	}
	return db_reply_malformed(db);
}

/*
 * Descriptors 0 to 2 lead to /dev/null where the parent had them closed (LMDB's file must never be
 * what somebody prints to), and standard output is not held open. Of the rest only the socket stays.
 */
static int tidy_descriptors(int socket_fd)
{
	int moved = fcntl(socket_fd, F_DUPFD, 3);
	int null = open("/dev/null", O_RDWR);

	if (moved < 0 || null < 0 || dup2(null, STDIN_FILENO) < 0 ||
	    dup2(null, STDOUT_FILENO) < 0)
		return -1;
	if (fcntl(STDERR_FILENO, F_GETFD) < 0 && dup2(null, STDERR_FILENO) < 0)
		return -1;
	if (moved > 3)
		(void)!syscall(SYS_close_range, 3U, (unsigned)moved - 1, 0U);
	(void)!syscall(SYS_close_range, (unsigned)moved + 1, ~0U, 0U);
	return moved;
}

/* The place of everything that limits what a database can make its reader do. */
static void confine(void)
{
	static const int ignored[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGXFSZ};
	static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
	const struct rlimit none = {0, 0};

	/* No core: what the parent had in memory is in this process too. */
	(void)!setrlimit(RLIMIT_CORE, &none);
	(void)!prctl(PR_SET_DUMPABLE, 0);
	(void)!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
#ifndef HAS_ASAN /* whose shadow memory is terabytes */
	const struct rlimit space = {ADDRESS_SPACE_MAX, ADDRESS_SPACE_MAX};

	(void)!setrlimit(RLIMIT_AS, &space);
#endif
	/* To die of damage, and not to run on in whatever the parent does about a crash. */
	for (size_t i = 0; i < ARRAY_LEN(fatal); i++)
		signal(fatal[i], SIG_DFL);
	/* What ends the parent, ^C among it, ends the keeper with it: never in the middle of a commit.
	 * A file size limit is an error of the write. */
	for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
		signal(ignored[i], SIG_IGN);
}

void keeper_serve(int socket_fd, int dirfd, enum keeper_mode mode, pid_t parent)
{
	struct db db = {.wire.patience_s = -1};
	enum wire_type type;
	struct err ignored;
	int rc;

	/* The socket tells that the parent is gone, but not to a keeper that is lost in a loop. */
	(void)!prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	confine();
	buf_init(&db.payload, WIRE_MAX_BYTES);
	rc = fchdir(dirfd) ? errno : 0;
	db.wire.fd = tidy_descriptors(socket_fd);
	if (db.wire.fd < 0)
		_exit(1);
	if (!rc)
		rc = open_env(&db, mode);
	if (rc) {
		(void)!db_reply_result(&db, rc);
		_exit(1);
	}
	while (wire_recv(&db.wire, &type, &db.payload, &ignored) == 0) {
		if (serve(&db, type))
			break;
	}
	_exit(0);
}
