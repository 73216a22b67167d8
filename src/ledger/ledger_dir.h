/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger_dir.h: the directory of a ledger: who may own it, which files it has, what is in the small
 * ones. Every refusal names the file and the rule.
 */
#ifndef LEDGER_LEDGER_DIR_H
#define LEDGER_LEDGER_DIR_H

#include "crypto/digest.h"

/* The database has a directory of its own, so that one rename exchanges it. */
#define LEDGER_DIR_DATABASE "db"
/* The one that is about to take its place, or what is left of the old one. */
#define LEDGER_DIR_NEW "db.new"
#define LEDGER_FILE_DATA LEDGER_DIR_DATABASE "/data.mdb"
#define LEDGER_FILE_LOCK LEDGER_DIR_DATABASE "/lock.mdb"
#define LEDGER_FILE_KEY "key"
#define LEDGER_FILE_STATPRINT "statprint.key"
/* There from the first to the last step of making a ledger. */
#define LEDGER_FILE_UNFINISHED "unfinished"

/*
 * ERR_NOT_FOUND: nothing there, or a ledger whose making was interrupted: init may make one.
 * ERR_LEDGER: wrong owner, mode or type of the directory or a file, or a file is missing.
 */
MUSTUSE int ledger_dir_open(const char *dir, int *out_fd, struct err *e);
/* Whatever is missing in it; ERR_NOT_FOUND only if there is no directory. */
MUSTUSE int ledger_dir_open_any(const char *dir, int *out_fd, struct err *e);
/* The other way round: only where init was interrupted. */
MUSTUSE int ledger_dir_open_unfinished(const char *dir, int *out_fd, struct err *e);

/*
 * Makes the directory if need be, empties it of what an interrupted init left behind, and marks it
 * unfinished; one that holds anything else, or a ledger, is ERR_REFUSED and stays as it is. Waits for
 * whoever else is making one there, and locks the directory until it is finished or closed.
 */
MUSTUSE int ledger_dir_prepare(const char *dir, int *out_fd, struct err *e);
/* Brings to the disk which files there are; their content is there already. */
MUSTUSE int ledger_dir_settle(int dirfd, int dbfd, struct err *e);
/* Takes the mark away: from here on it is a ledger. */
MUSTUSE int ledger_dir_finish(int dirfd, struct err *e);

/* The directory of the database. */
MUSTUSE int ledger_dir_database(int dirfd, int *out_fd, struct err *e);

/* *has false if the file is missing. */
MUSTUSE int ledger_dir_statprint_key(
    int dirfd, struct xxh_key *out, bool *has, struct err *e);
MUSTUSE int ledger_dir_write_statprint_key(int dirfd, struct err *e);

#endif
