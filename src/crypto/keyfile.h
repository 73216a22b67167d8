/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyfile.h: secret keys as text: in clear, one line "PRIVATE+KEY+" NAME "+" 8 hex digits "+"
 * base64(0x01 || seed), the form of golang.org/x/mod/sumdb/note; or under a passphrase (wrap.h). Text
 * is untrusted until it is a key that somebody trusts, and in a secret_buf throughout. No message
 * repeats anything of it.
 */
#ifndef CRYPTO_KEYFILE_H
#define CRYPTO_KEYFILE_H

#include "crypto/passphrase.h"
#include "crypto/secret.h"

#define KEYFILE_MAX 1024

/*
 * A file's text into a secret_buf of KEYFILE_MAX. `file` may be absolute, links in its directory are
 * then followed. It must be a regular file of the caller, mode 0600 or stricter: ERR_LEDGER,
 * ERR_MALFORMED; ERR_NOT_FOUND if there is none.
 */
MUSTUSE int keyfile_read(int dirfd, const char *file, struct buf *text, struct err *e);
/* Creates the file (never replaces one: ERR_REFUSED), mode 0600. `passphrase` NULL: in clear. */
MUSTUSE int keyfile_write(const struct secret_key *k, int dirfd, const char *file,
    const struct buf *passphrase, struct err *e);

bool keyfile_is_wrapped(const struct buf *text);
/* Without a passphrase; of a key under one it is what the file claims. */
MUSTUSE int keyfile_public(const struct buf *text, struct public_key *out, struct err *e);
/* `what` names the text in messages ("key file F"). The source is asked only if need be. */
MUSTUSE int keyfile_unlock(const struct buf *text, const char *what,
    const struct passphrase_source *source, struct secret_key **out, struct err *e);

#endif
