/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attest_key.c: see attest_key.h. Both kinds of key have DER of a fixed shape, so reading is
 * comparing the fixed bytes and taking what lies between them.
 */
#include "crypto/attest_key.h"

#include <gcrypt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/hex.h"
#include "crypto/keyfile.h"
#include "crypto/p256.h"
#include "crypto/secmem.h"

#define SECRET_BYTES 32 /* the seed of Ed25519, the number of P-256 */

struct attest_key {
	struct attest_public public;
	uint8_t *secret; /* SECRET_BYTES of secure memory */
};

static const struct kind {
	const char *name;
	size_t point_bytes;
	/* SubjectPublicKeyInfo: these bytes, the point. */
	const char *public_before;
	/* PKCS#8: these bytes, the secret, and for P-256 these and the point. */
	const char *secret_before, *secret_between;
	/* What ssh puts before the point to make a fingerprint. */
	const char *ssh_before;
} kinds[] = {
    [ATTEST_ED25519] = {"ed25519", KEY_BYTES, "302a300506032b6570032100",
	"302e020100300506032b657004220420", NULL,
	"0000000b7373682d6564323535313900000020"},
    [ATTEST_P256] = {"p256", P256_POINT_BYTES,
	"3059301306072a8648ce3d020106082a8648ce3d030107034200",
	"308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420",
	"a144034200",
	"0000001365636473612d736861322d6e69737470323536000000086e69737470323536"
	"00000041"},
};
#define DER_MAX 160 /* the longest of them has 138 bytes */

const char *attest_type_name(enum attest_type type)
{
	return kinds[type].name;
}

bool attest_type_parse(const char *name, enum attest_type *out)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (strcmp(kinds[i].name, name) == 0) {
			*out = (enum attest_type)i;
			return true;
		}
	}
	return false;
}

/* ---- pieces of DER ---- */

static int put_hex(struct buf *out, const char *hex, struct err *e)
{
	uint8_t bytes[DER_MAX];
	size_t len = strlen(hex) / 2;

	if (!hex_decode(bytes, len, hex))
		abort();
	return buf_add(out, bytes, len, e);
}

/* What is left of it; what is taken may be a secret and goes nowhere else. */
struct der {
	const char *at;
	size_t left;
};

static bool get(struct der *d, void *out, size_t len)
{
	if (d->left < len)
		return false;
	memcpy(out, d->at, len);
	d->at += len;
	d->left -= len;
	return true;
}

static bool get_hex(struct der *d, const char *hex)
{
	uint8_t want[DER_MAX];
	size_t len = strlen(hex) / 2;

	if (!hex_decode(want, len, hex) || d->left < len || memcmp(d->at, want, len) != 0)
		return false;
	d->at += len;
	d->left -= len;
	return true;
}

/* ---- PEM ---- */

#define PEM_LINE 64

struct label {
	const char *begin, *end;
};
static const struct label label_public = {
    "-----BEGIN PUBLIC KEY-----\n", "-----END PUBLIC KEY-----\n"};
static const struct label label_secret = {
    "-----BEGIN PRIVATE KEY-----\n", "-----END PRIVATE KEY-----\n"};

static int pem_write(
    const struct label *label, const struct buf *der, struct buf *out, struct err *e)
{
	size_t line_bytes = PEM_LINE / 4 * 3;
	int r = buf_adds(out, label->begin, e);

	for (size_t at = 0; !r && at < der->len; at += line_bytes) {
		size_t len = der->len - at < line_bytes ? der->len - at : line_bytes;

		r = base64_encode(out, der->data + at, len, e);
		if (!r)
			r = buf_adds(out, "\n", e);
	}
	return r ? r : buf_adds(out, label->end, e);
}

static bool take_line(const char **text, const char *end, const char *want)
{
	size_t len = strlen(want);

	if ((size_t)(end - *text) < len || memcmp(*text, want, len) != 0)
		return false;
	*text += len;
	return true;
}

static int pem_read(const struct label *label, const char *pem, size_t len,
    struct buf *der, struct err *e)
{
	const char *at = pem, *end = pem + len;
	bool last = false;

	if (!take_line(&at, end, label->begin))
		return err_set(e, ERR_MALFORMED, "does not start with %.*s",
		    (int)strlen(label->begin) - 1, label->begin);
	while (!take_line(&at, end, label->end)) {
		const char *lf = memchr(at, '\n', (size_t)(end - at));
		size_t n = lf ? (size_t)(lf - at) : 0;

		if (n == 0 || n > PEM_LINE || last)
			return err_set(e, ERR_MALFORMED,
			    "not PEM with lines of %d characters", PEM_LINE);
		last = n < PEM_LINE || lf[-1] == '=';
		if (base64_decode(der, at, n, e))
			return e->code;
		at = lf + 1;
	}
	return at == end ? 0 : err_set(e, ERR_MALFORMED, "something after the PEM text");
}

/* ---- public keys ---- */

/* The name that OpenSSH gives a key, which Go's DSSE library compares with an envelope's. */
static int set_keyid(struct attest_public *k, struct err *e)
{
	CLEANUP_BUF struct buf wire, text;
	struct digest d;
	int r;

	buf_init(&wire, DER_MAX);
	buf_init(&text, DER_MAX);
	r = put_hex(&wire, kinds[k->type].ssh_before, e);
	if (!r)
		r = buf_add(&wire, k->point, kinds[k->type].point_bytes, e);
	if (r)
		return r;
	sha256(wire.data, wire.len, &d);
	r = base64_encode(&text, d.bytes, DIGEST_BYTES, e);
	if (!r) /* without the padding */
		snprintf(k->keyid, sizeof(k->keyid), "SHA256:%s", text.data);
	return r;
}

static int set_public(struct attest_public *k, struct err *e)
{
	int r = k->type == ATTEST_P256 ? p256_vet(k->point, e) : key_vet(k->point, e);

	return r ? r : set_keyid(k, e);
}

int attest_public_parse(
    const char *pem, size_t len, struct attest_public *out, struct err *e)
{
	CLEANUP_BUF struct buf bytes;
	int r;

	buf_init(&bytes, DER_MAX);
	r = pem_read(&label_public, pem, len, &bytes, e);
	if (r)
		return r;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct der der = {bytes.data, bytes.len};

		*out = (struct attest_public){.type = (enum attest_type)i};
		if (get_hex(&der, kinds[i].public_before) &&
		    get(&der, out->point, kinds[i].point_bytes) && der.left == 0)
			return set_public(out, e);
	}
	return err_set(e, ERR_MALFORMED,
	    "neither an Ed25519 nor a P-256 public key (SubjectPublicKeyInfo)");
}

int attest_public_format(const struct attest_public *k, struct buf *out, struct err *e)
{
	CLEANUP_BUF struct buf der;
	int r;

	buf_init(&der, DER_MAX);
	r = put_hex(&der, kinds[k->type].public_before, e);
	if (!r)
		r = buf_add(&der, k->point, kinds[k->type].point_bytes, e);
	return r ? r : pem_write(&label_public, &der, out, e);
}

/* ---- secret keys ---- */

static struct attest_key *key_new(enum attest_type type)
{
	struct attest_key *k = xcalloc(1, sizeof(*k));

	k->public.type = type;
	k->secret = gcry_xmalloc_secure(SECRET_BYTES);
	return k;
}

/* For the time of one use: key.h knows how to handle it. */
static int ed25519_key(const struct attest_key *k, struct secret_key **out, struct err *e)
{
	return secret_key_from_seed("attestation", k->secret, out, e);
}

/* Fills in the public half. */
static int derive(struct attest_key *k, struct err *e)
{
	struct secret_key *seed;
	int r;

	if (k->public.type == ATTEST_P256) {
		if (!p256_scalar_is_valid(k->secret))
			return err_set(e, ERR_MALFORMED,
			    "the secret is not below the order of the group");
		r = p256_derive(k->secret, k->public.point, e);
		return r ? r : set_public(&k->public, e);
	}
	r = ed25519_key(k, &seed, e);
	if (r)
		return r;
	memcpy(k->public.point, secret_key_public(seed)->point, KEY_BYTES);
	secret_key_free(seed);
	return set_public(&k->public, e);
}

int attest_key_generate(enum attest_type type, struct attest_key **out, struct err *e)
{
	CLEANUP_ATTEST_KEY struct attest_key *k = NULL;
	int r = secmem_prepare(e);

	*out = NULL;
	if (r)
		return r;
	k = key_new(type);
	/*
	 * From the kernel: libgcrypt's generator leaves parts of what it made in ordinary memory. One
	 * number in 2^32 is too large for P-256.
	 */
	do {
		if (getentropy(k->secret, SECRET_BYTES))
			return err_sys(e, "getentropy");
	} while (type == ATTEST_P256 && !p256_scalar_is_valid(k->secret));
	r = derive(k, e);
	if (!r)
		*out = take_ptr(k);
	return r;
}

/* The fields of a key of one kind; `point` only where the kind has it. */
static bool take_fields(
    struct der der, const struct kind *kind, uint8_t *secret, uint8_t *point)
{
	return get_hex(&der, kind->secret_before) && get(&der, secret, SECRET_BYTES) &&
	       (!kind->secret_between || (get_hex(&der, kind->secret_between) &&
					     get(&der, point, kind->point_bytes))) &&
	       der.left == 0;
}

static int parse_der(const struct buf *bytes, struct attest_key **out, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		CLEANUP_ATTEST_KEY struct attest_key *k = key_new((enum attest_type)i);
		struct der der = {bytes->data, bytes->len};
		uint8_t point[ATTEST_POINT_MAX];
		int r;

		if (!take_fields(der, &kinds[i], k->secret, point))
			continue;
		r = derive(k, e);
		if (!r && kinds[i].secret_between &&
		    memcmp(point, k->public.point, kinds[i].point_bytes) != 0)
			r = err_set(e, ERR_MALFORMED,
			    "its public key does not belong to its secret key");
		if (!r)
			*out = take_ptr(k);
		return r;
	}
	return err_set(e, ERR_MALFORMED,
	    "neither an Ed25519 nor a P-256 secret key (PKCS#8, not encrypted)");
}

int attest_key_parse(const char *pem, size_t len, struct attest_key **out, struct err *e)
{
	CLEANUP_SECRET_BUF struct buf der;
	int r;

	*out = NULL;
	secret_buf_init(&der, DER_MAX);
	r = secmem_prepare(e);
	if (!r)
		r = pem_read(&label_secret, pem, len, &der, e);
	return r ? r : parse_der(&der, out, e);
}

int attest_key_load(int dirfd, const char *file, struct attest_key **out, struct err *e)
{
	CLEANUP_SECRET_BUF struct buf text;
	int r;

	*out = NULL;
	secret_buf_init(&text, KEYFILE_MAX);
	r = keyfile_read(dirfd, file, &text, e);
	if (!r && attest_key_parse(text.data, text.len, out, e))
		r = err_wrap(e, "key file %s", file);
	return r;
}

static int format_secret(const struct attest_key *k, struct buf *der, struct err *e)
{
	const struct kind *kind = &kinds[k->public.type];
	int r = put_hex(der, kind->secret_before, e);

	if (!r)
		r = buf_add(der, k->secret, SECRET_BYTES, e);
	if (!r && kind->secret_between)
		r = put_hex(der, kind->secret_between, e);
	if (!r && kind->secret_between)
		r = buf_add(der, k->public.point, kind->point_bytes, e);
	return r;
}

int attest_key_save(
    const struct attest_key *k, int dirfd, const char *file, struct err *e)
{
	CLEANUP_SECRET_BUF struct buf der, text;
	int r;

	secret_buf_init(&der, DER_MAX);
	secret_buf_init(&text, KEYFILE_MAX);
	r = format_secret(k, &der, e);
	if (!r)
		r = pem_write(&label_secret, &der, &text, e);
	return r ? r : fs_create(dirfd, file, text.data, text.len, 0600, e);
}

const struct attest_public *attest_key_public(const struct attest_key *k)
{
	return &k->public;
}

void attest_key_free(struct attest_key *k)
{
	if (!k)
		return;
	gcry_free(k->secret);
	free(k);
}

void attest_key_free_p(struct attest_key **k)
{
	attest_key_free(*k);
	*k = NULL;
}

/* ---- signatures ---- */

static int sign_ed25519(const struct attest_key *k, const void *msg, size_t len,
    struct attest_signature *out, struct err *e)
{
	struct secret_key *seed;
	int r = ed25519_key(k, &seed, e);

	if (r)
		return r;
	r = key_sign(seed, msg, len, out->bytes, e);
	secret_key_free(seed);
	out->len = SIGNATURE_BYTES;
	return r;
}

static int sign_p256(const struct attest_key *k, const void *msg, size_t len,
    struct attest_signature *out, struct err *e)
{
	uint8_t rs[2 * P256_BYTES];
	struct digest hash;
	int r;

	sha256(msg, len, &hash);
	r = p256_sign(k->secret, &hash, rs, e);
	if (!r)
		out->len = p256_to_der(rs, out->bytes);
	return r;
}

int attest_sign(const struct attest_key *k, const void *msg, size_t len,
    struct attest_signature *out, struct err *e)
{
	int r;

	if (len > ATTEST_MESSAGE_MAX)
		return err_set(e, ERR_REFUSED, "an attestation has at most %u bytes",
		    ATTEST_MESSAGE_MAX);
	r = k->public.type == ATTEST_P256 ? sign_p256(k, msg, len, out, e)
					  : sign_ed25519(k, msg, len, out, e);
	/* A signature that a fault made wrong could tell the secret. */
	return r ? r : attest_verify(&k->public, msg, len, out->bytes, out->len, e);
}

static int verify_ed25519(const struct attest_public *k, const void *msg, size_t len,
    const void *sig, size_t sig_len, struct err *e)
{
	struct public_key key = {.name = "attestation"};

	if (sig_len != SIGNATURE_BYTES)
		return err_set(e, ERR_LEDGER, "signature: not %d bytes", SIGNATURE_BYTES);
	memcpy(key.point, k->point, KEY_BYTES);
	return key_verify(&key, msg, len, sig, e);
}

static int verify_p256(const struct attest_public *k, const void *msg, size_t len,
    const void *sig, size_t sig_len, struct err *e)
{
	uint8_t rs[2 * P256_BYTES];
	struct digest hash;

	if (!p256_from_der(sig, sig_len, rs))
		return err_set(e, ERR_LEDGER, "signature: not two numbers in DER");
	sha256(msg, len, &hash);
	return p256_verify(k->point, &hash, rs, e);
}

int attest_verify(const struct attest_public *k, const void *msg, size_t len,
    const void *sig, size_t sig_len, struct err *e)
{
	int r = k->type == ATTEST_P256 ? verify_p256(k, msg, len, sig, sig_len, e)
				       : verify_ed25519(k, msg, len, sig, sig_len, e);

	if (!r)
		return 0;
	err_wrap(e, "key %s", k->keyid);
	return e->code = ERR_LEDGER;
}
