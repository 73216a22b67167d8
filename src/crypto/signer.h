/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signer.h: whatever can sign as one public key: a secret key in this process, or an agent that is
 * asked over a socket. Every signature that comes back is verified before anybody sees it.
 */
#ifndef CRYPTO_SIGNER_H
#define CRYPTO_SIGNER_H

#include "crypto/secret.h"

struct signer;

/* Signs with a secret key of this process, which the signer owns from here on. */
struct signer *signer_of_key(struct secret_key *key);

const struct public_key *signer_public(const struct signer *s);
/* Pure Ed25519 over the bytes. ERR_IO: the agent is gone; ERR_REFUSED: it says no. */
MUSTUSE int signer_sign(const struct signer *s, const void *msg, size_t len,
    uint8_t sig[static SIGNATURE_BYTES], struct err *e);
void signer_free(struct signer *s); /* NULL is fine */
void signer_free_p(struct signer **s);
#define CLEANUP_SIGNER CLEANUP(signer_free_p)

#endif
