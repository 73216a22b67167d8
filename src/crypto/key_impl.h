/* SPDX-License-Identifier: Apache-2.0 */
/* key_impl.h: what key.c shares with the files of secret keys. */
#ifndef CRYPTO_KEY_IMPL_H
#define CRYPTO_KEY_IMPL_H

#include <gcrypt.h>

#include "crypto/key.h"

/* NAME "+" HASH "+" base64(0x01 || bytes): a vkey, or what follows the prefix of a secret key. */
struct key_text {
	char name[KEY_NAME_MAX + 1]; /* not yet checked */
	uint32_t id;
	uint8_t *bytes; /* the caller's KEY_BYTES, in secure memory for a secret key */
};

MUSTUSE int key_text_split(const char *text, struct key_text *out, struct err *e);
MUSTUSE int key_text_format(const struct public_key *k,
    const uint8_t bytes[static KEY_BYTES], struct buf *out, struct err *e);

/* Notes are small; an attestation about a store of 20,000 images is not. */
#define KEY_MESSAGE_MAX (8U << 20)
gcry_error_t key_build_message(gcry_sexp_t *out, const void *msg, size_t len);

#endif
