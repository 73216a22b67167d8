/* SPDX-License-Identifier: Apache-2.0 */
/* exchange.c: see exchange.h. */
#include "ledger/exchange.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "ledger/ledger_dir.h"

#define DATA "data.mdb"
#define STEP_MS 5
#define NAMES_MAX 1000
/* Somebody who is just opening the old database may put a lock file into it. */
#define REMOVE_TRIES 10

/* ---- locks ---- */

static void pause_a_step(void)
{
	nanosleep(&(struct timespec){.tv_nsec = STEP_MS * 1000000}, NULL);
}

/* Asks again and again: a signal must not leave anybody waiting for ever. 0, or a code of errno. */
static int take_lock(int fd, int how, unsigned wait_s)
{
	for (uint64_t ms = 0;; ms += STEP_MS) {
		if (flock(fd, how | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return errno;
		if (ms >= wait_s * 1000ULL)
			return EWOULDBLOCK;
		pause_a_step();
	}
}

bool exchange_happened(int dirfd, int dbfd)
{
	struct stat now, mine;

	return fstat(dbfd, &mine) ||
	       fstatat(dirfd, LEDGER_DIR_DATABASE, &now, AT_SYMLINK_NOFOLLOW) ||
	       now.st_dev != mine.st_dev || now.st_ino != mine.st_ino;
}

static int conflict(struct err *e)
{
	return err_set(
	    e, ERR_CONFLICT, "the ledger's database was exchanged in the meantime");
}

int exchange_check(int dirfd, int dbfd, struct err *e)
{
	return exchange_happened(dirfd, dbfd) ? conflict(e) : 0;
}

int exchange_hold_off(int dirfd, int dbfd, unsigned wait_s, struct err *e)
{
	int rc = take_lock(dbfd, LOCK_SH, wait_s);

	if (rc == EWOULDBLOCK)
		return err_set(e, ERR_IO,
		    "ledger: somebody has been exchanging its database for %u s", wait_s);
	errno = rc;
	if (rc)
		return err_sys(e, "ledger: lock of its database");
	if (!exchange_happened(dirfd, dbfd))
		return 0;
	exchange_let_go(dbfd);
	return conflict(e);
}

void exchange_let_go(int dbfd)
{
	flock(dbfd, LOCK_UN);
}

static int open_floor(int dbfd, int *floor_fd, struct err *e)
{
	int r = fs_open(dbfd, DATA, O_RDONLY, floor_fd, e);

	return r && r != ERR_NOT_FOUND ? err_wrap(e, "ledger: " LEDGER_FILE_DATA) : r;
}

int exchange_hold_off_long(int dirfd, int dbfd, int *floor_fd, struct err *e)
{
	CLEANUP_FD int fd = -1;
	int rc, r = exchange_hold_off(dirfd, dbfd, EXCHANGE_PATIENCE_S, e);

	if (r)
		return r;
	r = open_floor(dbfd, &fd, e);
	if (r == ERR_NOT_FOUND)
		e->code = r = ERR_LEDGER;
	if (!r) {
		rc = take_lock(fd, LOCK_SH, EXCHANGE_PATIENCE_S);
		errno = rc;
		r = rc ? err_sys(e, "ledger: lock of " LEDGER_FILE_DATA) : 0;
	}
	exchange_let_go(dbfd);
	if (!r)
		*floor_fd = take_fd(&fd);
	return r;
}

int exchange_claim(int dirfd, int dbfd, unsigned wait_s, int *floor_fd, struct err *e)
{
	CLEANUP_FD int fd = -1;
	int rc = take_lock(dbfd, LOCK_EX, wait_s), r = 0;

	if (!rc && exchange_happened(dirfd, dbfd))
		return conflict(e);
	if (!rc)
		r = open_floor(dbfd, &fd, e);
	if (r && r != ERR_NOT_FOUND)
		return r;
	if (fd >= 0)
		rc = take_lock(fd, LOCK_EX, wait_s);
	if (rc == EWOULDBLOCK)
		return err_set(e, ERR_REFUSED,
		    "somebody is writing the ledger, and was not done within %u s",
		    wait_s);
	errno = rc;
	if (rc)
		return err_sys(e, "ledger: lock of its database");
	*floor_fd = take_fd(&fd);
	return 0;
}

/* ---- removing ---- */

/* Data first: a lock file without data is nothing that anybody could open. */
static int empty(int dirfd, struct err *e)
{
	CLEANUP_NAMES struct fs_names names = {0};
	int r = fs_list(dirfd, ".", NAMES_MAX, &names, e);

	if (r)
		return r;
	if (unlinkat(dirfd, DATA, 0) && errno != ENOENT)
		return err_sys(e, DATA);
	for (size_t i = 0; i < names.n; i++) {
		if (unlinkat(dirfd, names.v[i], 0) && errno != ENOENT)
			return err_sys(e, "%s", names.v[i]);
	}
	return 0;
}

static int remove_once(int dirfd, struct err *e)
{
	CLEANUP_FD int fd = -1;
	int r;

	/* Whatever is no directory. */
	if (unlinkat(dirfd, LEDGER_DIR_NEW, 0) == 0 || errno == ENOENT)
		return 0;
	r = fs_open_dir(dirfd, LEDGER_DIR_NEW, &fd, e);
	if (!r)
		r = empty(fd, e);
	if (!r && unlinkat(dirfd, LEDGER_DIR_NEW, AT_REMOVEDIR) && errno != ENOENT)
		r = err_sys(e, LEDGER_DIR_NEW);
	return r;
}

static int remove_new(int dirfd, struct err *e)
{
	int r = remove_once(dirfd, e);

	for (int i = 1; r && i < REMOVE_TRIES; i++) {
		pause_a_step();
		r = remove_once(dirfd, e);
	}
	return r;
}

void exchange_discard(int dirfd)
{
	struct err ignored;

	(void)!remove_new(dirfd, &ignored);
}

void exchange_tidy(int dirfd, int dbfd)
{
	struct stat st;

	if (fstatat(dirfd, LEDGER_DIR_NEW, &st, AT_SYMLINK_NOFOLLOW) ||
	    take_lock(dbfd, LOCK_EX, 0))
		return;
	if (!exchange_happened(dirfd, dbfd))
		exchange_discard(dirfd);
	exchange_let_go(dbfd);
}

/* ---- exchanging ---- */

int exchange_prepare(int dirfd, int *newfd, struct err *e)
{
	int r = remove_new(dirfd, e);

	if (!r && mkdirat(dirfd, LEDGER_DIR_NEW, 0700))
		r = err_sys(e, LEDGER_DIR_NEW);
	return r ? err_wrap(e, "ledger") : fs_open_dir(dirfd, LEDGER_DIR_NEW, newfd, e);
}

static int put_in_place(int dirfd, struct err *e)
{
	unsigned how = RENAME_EXCHANGE;

	if (faccessat(dirfd, LEDGER_DIR_DATABASE, F_OK, AT_SYMLINK_NOFOLLOW) &&
	    errno == ENOENT)
		how = RENAME_NOREPLACE;
	if (renameat2(dirfd, LEDGER_DIR_NEW, dirfd, LEDGER_DIR_DATABASE, how)) {
		err_sys(
		    e, "ledger: its new database cannot take the place of the old one");
		exchange_discard(dirfd);
		return e->code;
	}
	return fsync(dirfd) ? err_sys(e, "ledger: its directory") : 0;
}

int exchange_finish(int dirfd, int newfd, struct err *e)
{
	/* Who exchanges next waits until what is left of this one is gone. */
	int rc = take_lock(newfd, LOCK_EX, 0), r;

	errno = rc;
	if (rc || fsync(newfd))
		return err_sys(e, "ledger: its new database");
	r = put_in_place(dirfd, e);
	if (!r)
		exchange_discard(dirfd);
	return r;
}
