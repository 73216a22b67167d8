/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boltdb.h: a few keys of one top-level bucket of a bbolt file (libpod's bolt_state.db). Format:
 * bbolt page.go, bucket.go, db.go.
 *
 * The file is hostile. bbolt finds keys by binary search and trusts the file to be sorted; this
 * reader walks the buckets whole and refuses whatever bbolt itself would not have written, so
 * that both see the same values. Memory and reads are bounded by BOLTDB_PAGES_MAX pages.
 */
#ifndef STORE_BOLTDB_H
#define STORE_BOLTDB_H

#include "base/err.h"

#define BOLTDB_PAGES_MAX 1024
#define BOLTDB_VALUE_MAX 4096

/*
 * values[i] is the value of keys[i], a fresh string, or NULL if there is no such key; all are
 * NULL if the bucket or the whole content (an empty file) does not exist yet. ERR_MALFORMED with
 * the rule that was broken; then nothing is to be freed.
 */
MUSTUSE int boltdb_read(int fd, const char *bucket, const char *const keys[],
    size_t n_keys, char *values[], struct err *e);

#endif
