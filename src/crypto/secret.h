/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secret.h: secret Ed25519 keys. The seed lives in locked memory and is wiped by secret_key_free();
 * the first key makes the process one without core dumps (secmem.h).
 */
#ifndef CRYPTO_SECRET_H
#define CRYPTO_SECRET_H

#include "crypto/key.h"

struct secret_key;

MUSTUSE int secret_key_generate(const char *name, struct secret_key **out, struct err *e);
/* From a 32-byte seed. */
MUSTUSE int secret_key_from_seed(const char *name, const uint8_t seed[static KEY_BYTES],
    struct secret_key **out, struct err *e);
const struct public_key *secret_key_public(const struct secret_key *k);
/* KEY_BYTES of locked memory, borrowed: for what writes a key down. */
const uint8_t *secret_key_seed(const struct secret_key *k);
void secret_key_free(struct secret_key *k); /* NULL is fine */
void secret_key_free_p(struct secret_key **k);
#define CLEANUP_SECRET_KEY CLEANUP(secret_key_free_p)

MUSTUSE int key_sign(const struct secret_key *k, const void *msg, size_t len,
    uint8_t sig[static SIGNATURE_BYTES], struct err *e);

#endif
