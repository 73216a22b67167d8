/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wrap.h: a secret key under a passphrase, as text: argon2id (RFC 9106) makes a key of the passphrase,
 * ChaCha20-Poly1305 (RFC 8439) encrypts the seed with it, and everything before that is the associated
 * data. layerseal-ledger(5), "Keys under a passphrase", gives the bytes. There is one spelling of each,
 * and no other is accepted.
 */
#ifndef CRYPTO_WRAP_H
#define CRYPTO_WRAP_H

#include "crypto/secret.h"

#define WRAP_TEXT_MAX 1024

/* What guessing one passphrase costs. */
struct wrap_cost {
	unsigned memory; /* KiB */
	unsigned passes;
	unsigned lanes;
};

/* A file asks for no less, so that it protects, and no more, so that it cannot stall its reader. */
#define WRAP_MEMORY_MIN (8U << 10)
#define WRAP_MEMORY_MAX (1U << 20)
#define WRAP_PASSES_MAX 16
#define WRAP_LANES_MAX 16

extern const struct wrap_cost
    wrap_cost_default; /* 64 MiB, 3 passes, 1 lane: a third of a second */

#define WRAP_SALT_BYTES 16
#define WRAP_NONCE_BYTES 12
#define WRAP_TAG_BYTES 16

struct wrapped_key {
	struct public_key public; /* as the text claims, until it is unwrapped */
	struct wrap_cost cost;
	uint8_t salt[WRAP_SALT_BYTES];
	uint8_t nonce[WRAP_NONCE_BYTES];
	uint8_t seed[KEY_BYTES + WRAP_TAG_BYTES]; /* encrypted, and its tag */
};

/* Does the text begin as one of a wrapped key? */
bool wrapped_key_is(const char *text);
/* NUL-terminated text of any origin; ERR_MALFORMED. */
MUSTUSE int wrapped_key_parse(const char *text, struct wrapped_key *out, struct err *e);
MUSTUSE int wrapped_key_format(
    const struct wrapped_key *w, struct buf *out, struct err *e);

MUSTUSE int key_wrap(const struct secret_key *k, const struct buf *passphrase,
    const struct wrap_cost *cost, struct wrapped_key *out, struct err *e);
/* ERR_REFUSED: another passphrase, or a text that was changed; nobody can tell which. */
MUSTUSE int key_unwrap(const struct wrapped_key *w, const struct buf *passphrase,
    struct secret_key **out, struct err *e);

#endif
