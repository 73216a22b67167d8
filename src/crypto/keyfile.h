/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyfile.h: files of secret keys. One is a line "PRIVATE+KEY+" NAME "+" 8 hex digits "+"
 * base64(0x01 || seed), the form of golang.org/x/mod/sumdb/note. It must be a regular file of the
 * caller, mode 0600 or stricter. No message repeats anything of the text.
 */
#ifndef CRYPTO_KEYFILE_H
#define CRYPTO_KEYFILE_H

#include "crypto/secret.h"

MUSTUSE int secret_key_load(
    int dirfd, const char *file, struct secret_key **out, struct err *e);
/* Creates the file (never replaces one), mode 0600. */
MUSTUSE int secret_key_save(
    const struct secret_key *k, int dirfd, const char *file, struct err *e);

#endif
