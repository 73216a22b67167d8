/* SPDX-License-Identifier: Apache-2.0 */
/*
 * passphrase.h: where a passphrase comes from: a person at a terminal (asked by the command line), the
 * next line of a descriptor, or a systemd credential; and credentials as such (systemd.exec(5)).
 */
#ifndef CRYPTO_PASSPHRASE_H
#define CRYPTO_PASSPHRASE_H

#include "crypto/secmem.h"

#define PASSPHRASE_MIN 8 /* bytes of a new one */
#define PASSPHRASE_MAX 512

/* Asks a person; `fresh`: for a new one, so twice. `out` is a secret_buf of PASSPHRASE_MAX. */
typedef int passphrase_ask_fn(
    const char *what, bool fresh, struct buf *out, struct err *e);

enum passphrase_kind {
	PASSPHRASE_IF_NEEDED, /* asks for one where a key has one; new keys get none */
	PASSPHRASE_ASK,	      /* asks */
	PASSPHRASE_FD,
	PASSPHRASE_CREDENTIAL,
	PASSPHRASE_NONE, /* keys under a passphrase are not used */
};

struct passphrase_source {
	enum passphrase_kind kind;
	int fd;			/* PASSPHRASE_FD: each use takes one line */
	const char *credential; /* PASSPHRASE_CREDENTIAL: its name */
	passphrase_ask_fn *ask; /* NULL: nobody can be asked */
};

/* `what` is locked or to be locked, for messages: "key file F". ERR_REFUSED if there is no passphrase. */
MUSTUSE int passphrase_get(const struct passphrase_source *s, const char *what,
    bool fresh, struct buf *out, struct err *e);

/* The rules for what was typed, read or found. */
MUSTUSE int passphrase_check(const struct buf *passphrase, bool fresh, struct err *e);

/* A file name without "/", not beginning with ".", of at most 255 bytes. */
bool credential_name_is_valid(const char *name);
/*
 * The credential's bytes into a secret_buf. ERR_NOT_FOUND if there is none of that name, or no
 * $CREDENTIALS_DIRECTORY; ERR_LEDGER if anybody may read it.
 */
MUSTUSE int credential_read(const char *name, struct buf *out, struct err *e);

#endif
