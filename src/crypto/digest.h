/* SPDX-License-Identifier: Apache-2.0 */
/*
 * digest.h: SHA-256 (libgcrypt), the fs-verity file digest built from it, and the keyed
 * XXH3-128 sums of statprints. crypto_init() must have been called once before anything else.
 */
#ifndef CRYPTO_DIGEST_H
#define CRYPTO_DIGEST_H

#include "base/err.h"

#define DIGEST_BYTES 32
#define DIGEST_HEX_LEN 64
#define DIGEST_TEXT_LEN 71 /* "sha256:" and 64 digits */

struct digest {
	uint8_t bytes[DIGEST_BYTES];
};

/* Prepares libgcrypt (version check, secure memory). Fails with ERR_INTERNAL. */
MUSTUSE int crypto_init(struct err *e);
/* False if the system did not let it lock the memory for secrets. */
bool crypto_memory_is_locked(void);

bool digest_equal(const struct digest *a, const struct digest *b);
bool digest_is_zero(const struct digest *d);
void digest_hex(const struct digest *d, char out[static DIGEST_HEX_LEN + 1]);
void digest_text(const struct digest *d, char out[static DIGEST_TEXT_LEN + 1]);
bool digest_parse_hex(
    const char *hex, struct digest *out); /* exactly 64 lower-case digits */
bool digest_parse_text(
    const char *text, struct digest *out); /* exactly "sha256:" + 64 digits */

void sha256(const void *data, size_t len, struct digest *out);

/* Streaming. One object may be used for many messages: sha256_final() starts it afresh. */
struct sha256;
struct sha256 *sha256_new(void);
void sha256_update(struct sha256 *h, const void *data, size_t len);
void sha256_final(struct sha256 *h, struct digest *out);
void sha256_free(struct sha256 *h);
void sha256_free_p(struct sha256 **h);
#define CLEANUP_SHA256 CLEANUP(sha256_free_p)

/*
 * fs-verity file digest: version 1, SHA-256, 4096-byte blocks, no salt; what
 * `fsverity digest FILE` prints and FS_IOC_MEASURE_VERITY returns. Format: Linux
 * Documentation/filesystems/fsverity.rst, "File digest computation".
 *
 * Feed the bytes in order; memory is one block per tree level.
 */
struct fsverity;
struct fsverity *fsverity_new(void);
void fsverity_update(struct fsverity *v, const void *data, size_t len);
void fsverity_final(struct fsverity *v, struct digest *out); /* and starts afresh */
void fsverity_free(struct fsverity *v);

/*
 * The same digest of a file of more than one block, in parts of FSVERITY_PART_BYTES (the last one
 * may be shorter) that any threads hash in any order. fsverity_join() uses `parts` up.
 */
#define FSVERITY_BLOCK_BYTES 4096
/* As many blocks as have their hashes in one block. */
#define FSVERITY_PART_BYTES (128 * FSVERITY_BLOCK_BYTES)
void fsverity_part(const void *data, size_t len, struct digest *out);
void fsverity_join(struct digest *parts, size_t n, uint64_t size, struct digest *out);

/*
 * The digests of whole files of at most FSVERITY_PART_BYTES: small ones hash faster together.
 * At `data` there is room up to the end of the last block; what is there is used up.
 */
struct fsverity_file {
	uint8_t *data;
	size_t len;	    /* not 0 */
	struct digest *out; /* no two files the same */
};
void fsverity_many(const struct fsverity_file *files, size_t n);

/* Keyed 128-bit sums (XXH3 with a secret). Not collision resistant against who knows the key. */
#define XXH_KEY_BYTES 192
struct xxh_key {
	uint8_t secret[XXH_KEY_BYTES];
};
struct xxh128 {
	uint64_t lo, hi;
};
struct xxh128 xxh128_keyed(const struct xxh_key *key, const void *data, size_t len);
/* As numbers are written: the high half first. */
#define XXH128_BYTES 16
void xxh128_bytes(const struct xxh128 *h, uint8_t out[static XXH128_BYTES]);
/*
 * A secret for another purpose: 6 times SHA-256, of the purpose, a NUL, a byte that counts from 0, and the
 * secret that it is made from.
 */
void xxh_key_derive(const struct xxh_key *from, const char *purpose, struct xxh_key *out);

/* From the kernel; at most 256 bytes. */
void crypto_random(void *out, size_t len);

#endif
