/* SPDX-License-Identifier: Apache-2.0 */
/* libpod.c: see libpod.h; where podman's databases are, and what they may say. */
#include "store/libpod.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/fs.h"
#include "store/boltdb.h"

#define SQLITE_FILE_MAX (256U << 20)
#define TRIES_MALFORMED 4 /* a commit half seen is over in milliseconds */
#define TRIES 25	  /* a transaction takes as long as the disk */
#define TRY_EVERY_NS 20000000L

/* SQLite's lock bytes: a writer holds the reserved one and, while it writes, all of them. */
#define SQLITE_LOCKS_AT 0x40000000
#define SQLITE_LOCKS 512

void libpod_config_release(struct libpod_config *c)
{
	free(c->graphroot);
	free(c->runroot);
	free(c->driver);
	*c = (struct libpod_config){0};
}

int libpod_read_bolt(int fd, struct libpod_config *out, struct err *e)
{
	static const char *const keys[] = {"graph-root", "run-root", "graph-driver-name"};
	char *values[ARRAY_LEN(keys)];
	int r = boltdb_read(fd, "runtime-config", keys, ARRAY_LEN(keys), values, e);

	*out = (struct libpod_config){0};
	if (!r)
		*out = (struct libpod_config){values[0], values[1], values[2]};
	return r;
}

/* A database file is read while podman may be writing it; `last` says to make do with that. */
typedef int read_fn(
    int dirfd, const char *path, bool last, struct libpod_config *out, struct err *e);

static bool same_moment(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static int read_bolt_file(
    int dirfd, const char *path, bool last, struct libpod_config *out, struct err *e)
{
	CLEANUP_FD int fd = -1;
	struct stat before, after;
	int r = fs_open(dirfd, path, O_RDONLY, &fd, e);

	if (r)
		return r;
	if (fstat(fd, &before))
		return err_sys(e, "stat");
	if (!S_ISREG(before.st_mode))
		return err_set(e, ERR_MALFORMED, "no regular file");
	r = libpod_read_bolt(fd, out, e);
	if (r)
		return r;
	if (fstat(fd, &after))
		return err_sys(e, "stat");
	if (last || same_moment(&before, &after))
		return 0;
	libpod_config_release(out);
	return err_set(e, ERR_CHANGED, "it changed while it was read");
}

static bool is_being_written(int dirfd, const char *path)
{
	struct flock lock = {.l_type = F_RDLCK,
	    .l_whence = SEEK_SET,
	    .l_start = SQLITE_LOCKS_AT,
	    .l_len = SQLITE_LOCKS};
	CLEANUP_FD int fd = -1;
	struct err e;

	return !fs_open(dirfd, path, O_RDONLY, &fd, &e) &&
	       !fcntl(fd, F_OFD_GETLK, &lock) && lock.l_type == F_WRLCK;
}

/*
 * SQLite would replay a journal that no writer is busy with, and a log always: what the database
 * file says is then not what podman reads.
 */
static int check_no_journal(int dirfd, const char *path, bool last, struct err *e)
{
	static const char *const suffixes[] = {"-journal", "-wal"};
	char name[NAME_MAX];
	struct stat st;

	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
		snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
		if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW))
			continue;
		if (S_ISREG(st.st_mode) &&
		    (!st.st_size || (last && is_being_written(dirfd, path))))
			continue;
		return err_set(e, ERR_CHANGED,
		    "an unfinished transaction lies beside it in %s", name);
	}
	return 0;
}

static int read_sqlite_file(
    int dirfd, const char *path, bool last, struct libpod_config *out, struct err *e)
{
	CLEANUP_BUF struct buf data;
	int r;

	buf_init(&data, SQLITE_FILE_MAX);
	r = fs_read_file(dirfd, path, SQLITE_FILE_MAX, &data, NULL, e);
	if (!r)
		r = check_no_journal(dirfd, path, last, e);
	if (!r)
		r = libpod_read_sqlite(data.data, data.len, out, e);
	return r;
}

/* "" and no value leave the default, which is not the database's word. */
static bool same_path(const char *said, const char *ours)
{
	char a[PATH_MAX], b[PATH_MAX];

	if (!said || !said[0] || strcmp(said, ours) == 0)
		return true;
	return realpath(said, a) && realpath(ours, b) && strcmp(a, b) == 0;
}

/* As the engines say that use it where it is at home. */
static bool is_known(const char *said, const char *known)
{
	return known && strcmp(said, known) == 0;
}

static bool same_driver(const char *said, enum store_driver ours)
{
	if (!said || !said[0] || strcmp(said, store_driver_name(ours)) == 0)
		return true;
	return ours == STORE_OVERLAY && strcmp(said, "overlay2") == 0;
}

static void add_difference(struct findings *findings, const char *path, const char *what,
    const char *ours, const char *said)
{
	struct finding *f =
	    findings_add(findings, FINDING_LIBPOD_DATABASE, (struct place){.path = path});

	finding_expected(f, "%s %s", what, ours);
	finding_found(f, "%s %s", what, said);
}

static void compare(const struct store_config *ours, const struct libpod_config *said,
    const char *path, struct findings *findings)
{
	if (!same_path(said->graphroot, ours->graphroot) &&
	    !is_known(said->graphroot, ours->known_graphroot))
		add_difference(
		    findings, path, "graphroot", ours->graphroot, said->graphroot);
	if (!same_path(said->runroot, ours->runroot) &&
	    !is_known(said->runroot, ours->known_runroot) &&
	    !(is_known(said->graphroot, ours->known_graphroot) && !ours->known_runroot))
		add_difference(findings, path, "runroot", ours->runroot, said->runroot);
	if (!same_driver(said->driver, ours->driver))
		add_difference(findings, path, "driver", store_driver_name(ours->driver),
		    said->driver);
}

/* ERR_CHANGED only if it kept changing. */
static int read_database(
    int dirfd, const char *path, read_fn *read, struct libpod_config *out, struct err *e)
{
	int r = 0;

	for (int i = 1; i <= TRIES; i++) {
		r = read(dirfd, path, i == TRIES, out, e);
		if (r != ERR_CHANGED && (r != ERR_MALFORMED || i >= TRIES_MALFORMED))
			break;
		if (i < TRIES)
			nanosleep(&(struct timespec){.tv_nsec = TRY_EVERY_NS}, NULL);
	}
	return r;
}

static void check_database(const struct store *s, int dirfd, const char *path,
    read_fn *read, struct findings *findings)
{
	struct libpod_config said CLEANUP_LIBPOD_CONFIG = {0};
	struct finding *f;
	struct err e;
	int r = read_database(dirfd, path, read, &said, &e);

	if (r == ERR_NOT_FOUND)
		return;
	if (!r) {
		compare(s->config, &said, path, findings);
		return;
	}
	f = findings_add(findings, FINDING_LIBPOD_DATABASE, (struct place){.path = path});
	finding_expected(f, "a database that podman wrote");
	finding_found(f, "%s", e.msg);
}

/* Below the graph root. */
static const struct {
	const char *path;
	read_fn *read;
} databases[] = {{"libpod/bolt_state.db", read_bolt_file}, {"db.sql", read_sqlite_file},
    {"libpod/db.sql", read_sqlite_file}};

bool libpod_leaves_driver(const struct store *s)
{
	bool leaves = false;

	for (size_t i = 0; i < ARRAY_LEN(databases); i++) {
		struct libpod_config said CLEANUP_LIBPOD_CONFIG = {0};
		struct err ignored;

		if (read_database(s->places[0].root_fd, databases[i].path,
			databases[i].read, &said, &ignored) == 0)
			leaves |= !said.driver || !said.driver[0];
	}
	return leaves;
}

void libpod_check(const struct store *s, struct findings *findings)
{
	for (size_t i = 0; i < ARRAY_LEN(databases); i++)
		check_database(s, s->places[0].root_fd, databases[i].path,
		    databases[i].read, findings);
	/* With transient_store podman keeps it in the run root. */
	if (s->runroot_fd >= 0)
		check_database(s, s->runroot_fd, "db.sql", read_sqlite_file, findings);
}
