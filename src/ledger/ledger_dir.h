/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger_dir.h: the directory of a ledger: who may own it, which files it has, what is in the small
 * ones. Every refusal names the file and the rule.
 */
#ifndef LEDGER_LEDGER_DIR_H
#define LEDGER_LEDGER_DIR_H

#include "crypto/key.h"

#define LEDGER_FILE_DATA "data.mdb"
#define LEDGER_FILE_LOCK "lock.mdb"
#define LEDGER_FILE_KEY "key"
#define LEDGER_FILE_STATPRINT "statprint.key"
#define LEDGER_FILE_TRUST                                                                \
	"trusted-keys" /* written last: where it is missing, there is no ledger */

#define TRUSTED_KEYS_MAX 16

/* ERR_NOT_FOUND: no ledger there. ERR_LEDGER: wrong owner, mode or type of directory or files. */
MUSTUSE int ledger_dir_open(const char *dir, int *out_fd, struct err *e);

/*
 * Makes the directory if need be and empties it of what a killed ledger_dir_create() left behind; a
 * directory that holds anything else, or a ledger, is ERR_REFUSED.
 */
MUSTUSE int ledger_dir_prepare(const char *dir, int *out_fd, struct err *e);

MUSTUSE int ledger_dir_trusted_keys(
    int dirfd, struct public_key keys[static TRUSTED_KEYS_MAX], size_t *n, struct err *e);
MUSTUSE int ledger_dir_write_trusted(
    int dirfd, const struct public_key *key, struct err *e);

/* *has false if the file is missing. */
MUSTUSE int ledger_dir_statprint_key(
    int dirfd, struct xxh_key *out, bool *has, struct err *e);
MUSTUSE int ledger_dir_write_statprint_key(int dirfd, struct err *e);

#endif
