/* SPDX-License-Identifier: Apache-2.0 */
/* libpod_sqlite.c: see libpod.h; reads db.sql, podman's database since version 5. */
#include <sqlite3.h>
#include <string.h>

#include "base/dl.h"
#include "store/libpod.h"

#define SQLITE_FILE "libsqlite3.so.0"
#define SQLITE_FUNCTIONS(X)                                                              \
	X(sqlite3_close)                                                                 \
	X(sqlite3_column_bytes)                                                          \
	X(sqlite3_column_int)                                                            \
	X(sqlite3_column_name)                                                           \
	X(sqlite3_column_text)                                                           \
	X(sqlite3_column_type)                                                           \
	X(sqlite3_db_config)                                                             \
	X(sqlite3_deserialize)                                                           \
	X(sqlite3_errmsg)                                                                \
	X(sqlite3_finalize)                                                              \
	X(sqlite3_limit)                                                                 \
	X(sqlite3_malloc64)                                                              \
	X(sqlite3_open_v2)                                                               \
	X(sqlite3_prepare_v2)                                                            \
	X(sqlite3_progress_handler)                                                      \
	X(sqlite3_step)                                                                  \
	X(sqlite3_stricmp)

/* Loaded where there is such a database: podman 4 has another. */
static struct {
	bool loaded;
#define X(function) __typeof__(function) *function;
	SQLITE_FUNCTIONS(X)
#undef X
} lite;

static int load_sqlite(struct err *e)
{
	int r = 0;

	if (lite.loaded)
		return 0;
#define X(function)                                                                      \
	if (!r)                                                                          \
		r = dl_function(SQLITE_FILE, #function, (void **)&lite.function, e);
	SQLITE_FUNCTIONS(X)
#undef X
	lite.loaded = !r;
	return r;
}

#define HEADER_BYTES 100
#define WRITE_VERSION_AT 18
#define READ_VERSION_AT 19
#define STEPS_PER_CALL 1000
#define CALLS_MAX 10000
#define VALUE_MAX 65536

#define MALFORMED(e, ...) err_set(e, ERR_MALFORMED, __VA_ARGS__)

static void close_db(sqlite3 **db)
{
	if (*db)
		lite.sqlite3_close(*db);
}

static void finalize(sqlite3_stmt **stmt)
{
	lite.sqlite3_finalize(*stmt);
}

/* A hostile schema may describe endless work. */
static int count_down(void *left)
{
	return --*(int *)left < 0;
}

static void defend(sqlite3 *db, int *calls_left)
{
	static const struct {
		int op, value;
	} switches[] = {
	    {SQLITE_DBCONFIG_DEFENSIVE, 1},
	    {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
	    {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
	    {SQLITE_DBCONFIG_ENABLE_VIEW, 0},
	};
	static const struct {
		int id, max;
	} limits[] = {
	    {SQLITE_LIMIT_LENGTH, 1 << 20},
	    {SQLITE_LIMIT_SQL_LENGTH, 1 << 16},
	    {SQLITE_LIMIT_COLUMN, 100},
	    {SQLITE_LIMIT_EXPR_DEPTH, 32},
	    {SQLITE_LIMIT_VDBE_OP, 10000},
	    {SQLITE_LIMIT_ATTACHED, 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(switches); i++)
		lite.sqlite3_db_config(db, switches[i].op, switches[i].value, NULL);
	for (size_t i = 0; i < ARRAY_LEN(limits); i++)
		lite.sqlite3_limit(db, limits[i].id, limits[i].max);
	lite.sqlite3_progress_handler(db, STEPS_PER_CALL, count_down, calls_left);
}

/* Gives the bytes to SQLite as its main database. */
static int load(sqlite3 *db, const void *data, size_t len, struct err *e)
{
	unsigned char *copy = lite.sqlite3_malloc64(len);

	if (!copy)
		return MALFORMED(e, "%zu bytes do not fit in memory", len);
	memcpy(copy, data, len);
	/* A memory database has no log beside it; whether a file has one is checked elsewhere. */
	if (copy[WRITE_VERSION_AT] == 2 && copy[READ_VERSION_AT] == 2)
		copy[WRITE_VERSION_AT] = copy[READ_VERSION_AT] = 1;
	if (lite.sqlite3_deserialize(db, "main", copy, (sqlite3_int64)len,
		(sqlite3_int64)len,
		SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_READONLY))
		return MALFORMED(e, "%s", lite.sqlite3_errmsg(db));
	return 0;
}

static int query(sqlite3 *db, const char *sql, sqlite3_stmt **out, struct err *e)
{
	if (lite.sqlite3_prepare_v2(db, sql, -1, out, NULL))
		return MALFORMED(e, "%s", lite.sqlite3_errmsg(db));
	return 0;
}

/* One more row? */
static int step(sqlite3 *db, sqlite3_stmt *stmt, bool *row, struct err *e)
{
	int rc = lite.sqlite3_step(stmt);

	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return MALFORMED(e, "%s", lite.sqlite3_errmsg(db));
	*row = rc == SQLITE_ROW;
	return 0;
}

/*
 * DBConfig must be a plain table without indexes: from an index SQLite may answer a query without
 * looking at the table, and which one it takes depends on its version. *found false: no such table.
 */
static int check_table(sqlite3 *db, bool *found, struct err *e)
{
	sqlite3_stmt *table CLEANUP(finalize) = NULL;
	sqlite3_stmt *index CLEANUP(finalize) = NULL;
	bool indexed = false;
	int r = query(db, "PRAGMA main.table_list(DBConfig)", &table, e);

	if (!r)
		r = step(db, table, found, e);
	if (r || !*found)
		return r;
	if (lite.sqlite3_stricmp(
		(const char *)lite.sqlite3_column_text(table, 2), "table") ||
	    lite.sqlite3_column_int(table, 4))
		return MALFORMED(e, "DBConfig is no ordinary table");
	r = query(db, "PRAGMA main.index_list(DBConfig)", &index, e);
	if (!r)
		r = step(db, index, &indexed, e);
	if (!r && indexed)
		return MALFORMED(e, "DBConfig has an index");
	return r;
}

static int column_text(sqlite3_stmt *row, int column, char **out, struct err *e)
{
	/* Asked first: what follows converts. */
	bool is_text = lite.sqlite3_column_type(row, column) == SQLITE_TEXT;
	const char *text = (const char *)lite.sqlite3_column_text(row, column);
	int len = lite.sqlite3_column_bytes(row, column);

	if (!is_text || !text || len > VALUE_MAX || strlen(text) != (size_t)len)
		return MALFORMED(e, "column %s of DBConfig is no text",
		    lite.sqlite3_column_name(row, column));
	*out = xstrdup(text);
	return 0;
}

/* The query is podman's own, so that the same columns are read. */
static int read_row(sqlite3 *db, struct libpod_config *out, struct err *e)
{
	sqlite3_stmt *stmt CLEANUP(finalize) = NULL;
	bool row = false;
	int r = query(db,
	    "SELECT StaticDir, TmpDir, GraphRoot, RunRoot, GraphDriver, VolumeDir "
	    "FROM DBConfig",
	    &stmt, e);

	if (!r)
		r = step(db, stmt, &row, e);
	if (r || !row)
		return r;
	r = column_text(stmt, 2, &out->graphroot, e);
	if (!r)
		r = column_text(stmt, 3, &out->runroot, e);
	if (!r)
		r = column_text(stmt, 4, &out->driver, e);
	if (!r)
		r = step(db, stmt, &row, e);
	if (!r && row)
		return MALFORMED(e, "DBConfig has more than one row");
	return r;
}

int libpod_read_sqlite(
    const void *data, size_t len, struct libpod_config *out, struct err *e)
{
	sqlite3 *db CLEANUP(close_db) = NULL;
	int calls_left = CALLS_MAX, r;
	bool found = false;

	*out = (struct libpod_config){0};
	if (len == 0)
		return 0;
	if (len < HEADER_BYTES)
		return MALFORMED(e, "too short for an SQLite database");
	r = load_sqlite(e);
	if (r)
		return r;
	if (lite.sqlite3_open_v2(":memory:", &db, SQLITE_OPEN_READWRITE, NULL))
		return err_set(e, ERR_INTERNAL, "SQLite does not start");
	defend(db, &calls_left);
	r = load(db, data, len, e);
	if (!r)
		r = check_table(db, &found, e);
	if (!r && found)
		r = read_row(db, out, e);
	if (r)
		libpod_config_release(out);
	return r;
}
