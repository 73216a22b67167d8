/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sha256_many.h: SHA-256 of many messages of one length at once. That is how the blocks of files
 * are hashed (digest.h): they do not depend on each other, and a SHA-256 alone leaves most of a
 * processor waiting. libgcrypt's does what is left: other processors, single messages. Which way is
 * taken depends on the processor alone; each is tried against libgcrypt before it is believed. What
 * is hashed is public: nothing is wiped.
 */
#ifndef CRYPTO_SHA256_MANY_H
#define CRYPTO_SHA256_MANY_H

#include "crypto/digest.h"

struct sha256_job {
	const uint8_t *data;
	struct digest *out; /* no two jobs the same */
};

/* `len` bytes at each job's `data`: more than 0, a multiple of 64. Any number of threads. */
void sha256_many(const struct sha256_job *jobs, size_t n, size_t len);

enum sha256_way {
	SHA256_LIBGCRYPT,
	SHA256_AVX2,   /* 8 messages in the lanes of vectors */
	SHA256_AVX512, /* 16 */
	SHA256_SHA,    /* the instructions for SHA-256, 2 or 4 messages in turn */
	SHA256_WAYS,
};

enum sha256_way sha256_way_here(void);
/* For tests and benches, without other threads. False if the processor cannot. */
MUSTUSE bool sha256_way_use(enum sha256_way way);
const char *sha256_way_name(enum sha256_way way);

#endif
