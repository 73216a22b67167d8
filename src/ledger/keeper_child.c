/* SPDX-License-Identifier: Apache-2.0 */
/* keeper_child.c: the keeper's side: confinement, the loop, how failures are put into words. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ledger/confine.h"
#include "ledger/keeper_db.h"

/* A batch of many entries is in memory twice; manifests come in pieces. */
#define DATA_BYTES_MAX (2ULL << 30)

/* ---- answers ---- */

int db_reply_two(
    struct db *db, enum wire_type type, struct span first, struct span second)
{
	struct err ignored;

	return wire_send(&db->wire, type, first, second, &ignored);
}

int db_reply(struct db *db, enum wire_type type, const void *data, size_t len)
{
	return db_reply_two(db, type, (struct span){data, len}, NO_BYTES);
}

static int reply_text(struct db *db, enum err_code code, const char *text)
{
	uint32_t positive = (uint32_t)-code;

	return db_reply_two(db, WIRE_ERROR, (struct span){&positive, sizeof(positive)},
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
		return reply_text(db, ERR_LEDGER,
		    "the ledger is of another version than " KEEPER_FORMAT);
	if (rc == ENOSPC || rc == EDQUOT || rc == EFBIG || rc == MDB_MAP_FULL)
		return reply_text(
		    db, ERR_IO, "ledger: no space left for it; nothing was written");
	if (rc == MDB_READERS_FULL)
		return reply_text(
		    db, ERR_IO, "ledger: too many others are reading it right now");
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

/* ---- the loop ---- */

static int serve(struct db *db, enum wire_type type)
{
	switch (type) {
	case WIRE_DUMP:
		return log_serve_dump(db);
	case WIRE_HEADS:
		return log_serve_heads(db);
	case WIRE_GET_ENTRIES:
		return log_serve_get(db);
	case WIRE_APPEND:
		return log_serve_append(db);
	case WIRE_PUT_CHUNKS:
		return manifest_serve_put(db);
	case WIRE_COUNT_CHUNKS:
		return manifest_serve_count(db);
	case WIRE_GET_CHUNK:
		return manifest_serve_get(db);
	case WIRE_LIST_MANIFESTS:
		return copy_serve_list(db);
	case WIRE_GET_STORED:
		return copy_serve_stored(db);
	case WIRE_FILL:
		return copy_serve_fill(db);
	case WIRE_SYNC:
		return copy_serve_sync(db);
	case WIRE_ENTRIES:
	case WIRE_HEAD:
	case WIRE_READY:
	case WIRE_START:
	case WIRE_COUNT:
	case WIRE_CHUNK:
	case WIRE_MANIFESTS:
	case WIRE_STORED:
	case WIRE_DONE:
	case WIRE_ABSENT:
	case WIRE_CONFLICT:
	case WIRE_ERROR:
		break;
	}
	return db_reply_malformed(db);
}

/*
 * Descriptors 0 to 2 can be neither read nor written: LMDB's file must never be what somebody prints to,
 * standard output is not held open, and nobody who took this process over speaks to the user's terminal.
 * Of the rest only the socket stays.
 */
static int tidy_descriptors(int socket_fd)
{
	int moved = fcntl(socket_fd, F_DUPFD, 3);
	int nothing = open(".", O_PATH); /* /dev/null need not be there */

	if (moved < 0 || nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 ||
	    dup2(nothing, STDOUT_FILENO) < 0)
		return -1;
#ifdef HAS_ASAN /* which has reports to make */
	if (fcntl(STDERR_FILENO, F_GETFD) >= 0)
		nothing = STDERR_FILENO;
#endif
	if (dup2(nothing, STDERR_FILENO) < 0)
		return -1;
	if (moved > 3)
		(void)!syscall(SYS_close_range, 3U, (unsigned)moved - 1, 0U);
	(void)!syscall(SYS_close_range, (unsigned)moved + 1, ~0U, 0U);
	return moved;
}

/*
 * What ends the parent, ^C among it, ends the keeper with it: never in the middle of a commit. A
 * file size limit is an error of the write.
 */
static void ignore_signals(void)
{
	static const int ignored[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGXFSZ};

	for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
		signal(ignored[i], SIG_IGN);
}

/* From here on the database may do what it wants. */
static int confine_to(
    const struct db_files *files, enum keeper_mode mode, struct db *db, struct err *e)
{
	const struct confine_files seen = {
	    .data_fd = files->data_fd,
	    .lock_fd = files->lock_fd,
	    .data_writable = mode != KEEPER_READ,
	};
	const struct confine_limits limits = {
	    .file_bytes = DB_MAP_MAX,
	    .space_bytes = DB_MAP_MAX + 4 * DATA_BYTES_MAX,
	    .data_bytes = DATA_BYTES_MAX,
	    .cpu_s = KEEPER_READ_PATIENCE_S,
	};
	struct confinement active;
	int r = confine(&seen, &limits, &active, e);

	if (r)
		return r;
	return db_reply(db, WIRE_READY, &active, sizeof(active))
		   ? err_set(e, ERR_IO, "nobody listens")
		   : 0;
}

static NORETURN void give_up(struct db *db, int rc)
{
	(void)!db_reply_result(db, rc);
	_exit(1);
}

static NORETURN void give_up_unconfined(struct db *db, const struct err *e)
{
	(void)!reply_text(db, (enum err_code)e->code, e->msg);
	_exit(1);
}

/* The database is open afterwards, or the parent knows why not and this process ends. */
static void start(struct db *db, enum keeper_mode mode)
{
	struct db_files files = {-1, -1, 0};
	struct err e;
	int rc = db_find(&files, mode);

	if (rc)
		give_up(db, rc);
	if (confine_to(&files, mode, db, &e))
		give_up_unconfined(db, &e);
	rc = db_open_env(db, &files, mode);
	if (rc)
		give_up(db, rc);
	if (confine_open_no_more(&e))
		give_up_unconfined(db, &e);
	rc = db_open_all(db, mode);
	if (rc)
		give_up(db, rc);
}

void keeper_serve(int socket_fd, int dirfd, enum keeper_mode mode, pid_t parent)
{
	struct db db = {.wire.patience_s = -1};
	enum wire_type type;
	struct err ignored;

	/* The socket tells that the parent is gone, but not to a keeper that is lost in a loop. */
	(void)!prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	ignore_signals();
	buf_init(&db.payload, WIRE_MAX_BYTES);
	if (fchdir(dirfd))
		_exit(1);
	db.wire.fd = tidy_descriptors(socket_fd);
	if (db.wire.fd < 0)
		_exit(1);
	start(&db, mode);
	while (wire_recv(&db.wire, &type, &db.payload, &ignored) == 0) {
		if (serve(&db, type))
			break;
	}
	_exit(0);
}
