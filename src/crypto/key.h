/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key.h: public Ed25519 keys of the ledger (RFC 8032, pure), with vetting: libgcrypt 1.10 aborts on
 * public keys of small order or with a small coordinate, accepts forged signatures under others
 * and accepts S + L.
 * Every public key passes key_vet() before libgcrypt sees it, every signature a check S < L.
 *
 * A public key travels as a C2SP vkey: NAME "+" 8 hex digits "+" base64(0x01 || 32 bytes).
 */
#ifndef CRYPTO_KEY_H
#define CRYPTO_KEY_H

#include "base/buf.h"
#include "crypto/digest.h"

#define KEY_BYTES 32
#define SIGNATURE_BYTES 64
#define KEY_NAME_MAX 200

struct public_key {
	char name[KEY_NAME_MAX + 1]; /* valid; equals the checkpoint's origin */
	uint8_t point[KEY_BYTES];
	uint32_t id; /* first 4 bytes, big endian, of SHA-256(name 0x0A 0x01 point) */
};

/* ^[a-z0-9][a-z0-9./_-]*$, at most KEY_NAME_MAX bytes: key names and origins. */
bool key_name_is_valid(const char *name, size_t len);

/*
 * Refuses what is not a point in its canonical spelling, points of small order and coordinates
 * that libgcrypt cannot take (ERR_MALFORMED, the message says which).
 */
MUSTUSE int key_vet(const uint8_t point[static KEY_BYTES], struct err *e);

MUSTUSE int public_key_make(const char *name, const uint8_t point[static KEY_BYTES],
    struct public_key *out, struct err *e);
MUSTUSE int public_key_parse(const char *vkey, struct public_key *out, struct err *e);
MUSTUSE int public_key_format(const struct public_key *k, struct buf *out, struct err *e);

/* "ssh-ed25519 BASE64", as in authorized_keys and in what `ssh-add -L` prints. */
MUSTUSE int public_key_format_openssh(
    const uint8_t point[static KEY_BYTES], struct buf *out, struct err *e);

/* The same name and the same point. */
bool public_key_equal(const struct public_key *a, const struct public_key *b);

/* 0 only for a valid signature; ERR_LEDGER otherwise. */
MUSTUSE int key_verify(const struct public_key *k, const void *msg, size_t len,
    const uint8_t sig[static SIGNATURE_BYTES], struct err *e);

#endif
