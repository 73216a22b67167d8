/* SPDX-License-Identifier: Apache-2.0 */
/* sha256_many_impl.h: the ways of sha256_many(). Inside crypto/ only. */
#ifndef CRYPTO_SHA256_MANY_IMPL_H
#define CRYPTO_SHA256_MANY_IMPL_H

#include "crypto/digest.h"

#ifdef __x86_64__
#define HAVE_X86_LANES

/* FIPS 180-4, 4.2.2 and 5.3.3. Variables: a compiler that knew the values would take longer ways. */
extern const uint32_t sha256_round_constants[64];
extern const uint32_t sha256_initial_state[8];

#define SHA256_CHUNK_BYTES 64
/* What is behind a message of whole chunks (5.1.1): a bit, zeros, its length in bits. */
void sha256_padding(uint64_t len, uint8_t out[SHA256_CHUNK_BYTES]);

#define SHA256_LANES_MAX 16
/* Exactly as many messages as there are lanes, of `len` bytes each, whole chunks. */
typedef void sha256_lanes_fn(
    const uint8_t *const data[], size_t len, struct digest *const out[]);
sha256_lanes_fn sha256_lanes_sha_2, sha256_lanes_sha_4, sha256_lanes_avx2,
    sha256_lanes_avx512;
#endif

#endif
