/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attest_key.h: keys that sign attestations (dsse.h), never checkpoints: Ed25519, and ECDSA on P-256
 * over SHA-256, which is what cosign takes.
 *
 * Files are what `openssl genpkey` writes: a secret key is unencrypted PKCS#8 in PEM, a public key
 * a SubjectPublicKeyInfo in PEM. Of each there is one spelling, and only that is read. A secret key
 * file must be a regular file of the caller, mode 0600 or stricter.
 */
#ifndef CRYPTO_ATTEST_KEY_H
#define CRYPTO_ATTEST_KEY_H

#include "base/buf.h"
#include "crypto/digest.h"

enum attest_type { ATTEST_ED25519, ATTEST_P256 };

const char *attest_type_name(enum attest_type type); /* "ed25519", "p256" */
bool attest_type_parse(const char *name, enum attest_type *out);

#define ATTEST_POINT_MAX 65
#define ATTEST_KEYID_LEN 50	/* "SHA256:" and 43 characters */
#define ATTEST_SIGNATURE_MAX 72 /* 64 bytes of Ed25519, or r and s in DER */
#define ATTEST_MESSAGE_MAX (8U << 20)
#define ATTEST_PEM_MAX 512

/* Vetted: a point of its curve, and none that libgcrypt cannot take. */
struct attest_public {
	enum attest_type type;
	uint8_t point[ATTEST_POINT_MAX]; /* 32 bytes; P-256: 0x04, x, y */
	/* What `ssh-keygen -l` prints for it; Go's DSSE library calls keys by this name. */
	char keyid[ATTEST_KEYID_LEN + 1];
};

/* The secret lives in libgcrypt's secure memory and is wiped by attest_key_free(). */
struct attest_key;

MUSTUSE int attest_key_generate(
    enum attest_type type, struct attest_key **out, struct err *e);
/* As keyfile_read(); what is no key is ERR_MALFORMED and named. */
MUSTUSE int attest_key_load(
    int dirfd, const char *file, struct attest_key **out, struct err *e);
/* Creates the file (never replaces one), mode 0600. */
MUSTUSE int attest_key_save(
    const struct attest_key *k, int dirfd, const char *file, struct err *e);
const struct attest_public *attest_key_public(const struct attest_key *k);
void attest_key_free(struct attest_key *k); /* NULL is fine */
void attest_key_free_p(struct attest_key **k);
#define CLEANUP_ATTEST_KEY CLEANUP(attest_key_free_p)

/* The bytes of a secret key file, for tests and fuzzing; wiping them is up to the caller. */
MUSTUSE int attest_key_parse(
    const char *pem, size_t len, struct attest_key **out, struct err *e);
MUSTUSE int attest_public_parse(
    const char *pem, size_t len, struct attest_public *out, struct err *e);
MUSTUSE int attest_public_format(
    const struct attest_public *k, struct buf *out, struct err *e);

/*
 * Ed25519, or ECDSA with the nonce of RFC 6979 and the signature in DER. The signature was verified
 * before it is handed out. ERR_REFUSED: more than ATTEST_MESSAGE_MAX bytes.
 */
struct attest_signature {
	uint8_t bytes[ATTEST_SIGNATURE_MAX];
	size_t len;
};
MUSTUSE int attest_sign(const struct attest_key *k, const void *msg, size_t len,
    struct attest_signature *out, struct err *e);
/* 0 only for a valid signature in its one encoding; ERR_LEDGER otherwise. */
MUSTUSE int attest_verify(const struct attest_public *k, const void *msg, size_t len,
    const void *sig, size_t sig_len, struct err *e);

#endif
