/* SPDX-License-Identifier: Apache-2.0 */
/*
 * p256.h: ECDSA on NIST P-256 over SHA-256, by libgcrypt. Points are 0x04, x, y; numbers are big
 * endian. Public points and both halves of a signature are checked before libgcrypt sees them.
 */
#ifndef CRYPTO_P256_H
#define CRYPTO_P256_H

#include "crypto/digest.h"

#define P256_BYTES 32
#define P256_POINT_BYTES 65
#define P256_DER_MAX 72
#define P256_UNCOMPRESSED 0x04

/* ERR_MALFORMED for what is not an uncompressed point of the curve. */
MUSTUSE int p256_vet(const uint8_t point[static P256_POINT_BYTES], struct err *e);
/* True for 0 < n < the order of the group: secret keys, and halves of signatures. */
bool p256_scalar_is_valid(const uint8_t n[static P256_BYTES]);
/* The point of a valid secret. Secrets should lie in secure memory: nothing is then left elsewhere. */
MUSTUSE int p256_derive(const uint8_t secret[static P256_BYTES],
    uint8_t point[static P256_POINT_BYTES], struct err *e);

/* r and s, with the deterministic nonce of RFC 6979. */
MUSTUSE int p256_sign(const uint8_t secret[static P256_BYTES], const struct digest *hash,
    uint8_t rs[static 2 * P256_BYTES], struct err *e);
/* Both (r, s) and (r, -s) are valid signatures: nothing may be known by its signature. */
MUSTUSE int p256_verify(const uint8_t point[static P256_POINT_BYTES],
    const struct digest *hash, const uint8_t rs[static 2 * P256_BYTES], struct err *e);

/* SEQUENCE { r INTEGER, s INTEGER } in DER, and back; only the one encoding is read. */
size_t p256_to_der(
    const uint8_t rs[static 2 * P256_BYTES], uint8_t der[static P256_DER_MAX]);
bool p256_from_der(const uint8_t *der, size_t len, uint8_t rs[static 2 * P256_BYTES]);

#endif
