/* SPDX-License-Identifier: Apache-2.0 */
/* key.c: public keys of Ed25519, behind the checks that libgcrypt 1.10 leaves to its caller. */
#include "crypto/key.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "crypto/key_impl.h"
#include "crypto/number.h"
#include "crypto/secmem.h"

#define ALGORITHM_ED25519 0x01

/* Little-endian 32-byte numbers of RFC 8032 section 5.1: the field's prime and the group's order. */
static const uint8_t field_prime[KEY_BYTES] = {0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f};
static const uint8_t group_order[KEY_BYTES] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12,
    0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0x10};

/*
 * The y coordinates of the eight points of small order; each stands for both signs of x. As a
 * public key they make libgcrypt abort, or accept signatures that nobody made.
 */
static const uint8_t small_order_y[][KEY_BYTES] = {
    {0},
    {1},
    {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xff, 0xff, 0xff, 0xff, 0x7f},
    {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef,
	0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02,
	0x88, 0x6d, 0x53, 0xfc, 0x05},
    {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10,
	0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd,
	0x77, 0x92, 0xac, 0x03, 0x7a},
};

static bool less_than(
    const uint8_t a[static KEY_BYTES], const uint8_t b[static KEY_BYTES])
{
	for (int i = KEY_BYTES - 1; i >= 0; i--) {
		if (a[i] != b[i])
			return a[i] < b[i];
	}
	return false;
}

static gcry_mpi_t number_le(const uint8_t bytes[static KEY_BYTES])
{
	uint8_t reversed[KEY_BYTES];
	gcry_mpi_t n = NULL;

	for (size_t i = 0; i < KEY_BYTES; i++)
		reversed[i] = bytes[KEY_BYTES - 1 - i];
	if (gcry_mpi_scan(&n, GCRYMPI_FMT_USG, reversed, KEY_BYTES, NULL))
		abort();
	return n;
}

/*
 * x with x^2 = (y^2 - 1) / (d y^2 + 1) modulo p and the parity asked for (RFC 8032 section 5.1.3);
 * false if there is none, so the point is not on the curve. With plain modular arithmetic,
 * because what libgcrypt 1.10 does with points may abort.
 */
static bool recover_x(gcry_mpi_t x, const uint8_t y_le[static KEY_BYTES], bool odd)
{
	CLEANUP_NUMBER gcry_mpi_t p = number_of_hex(
	    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed");
	CLEANUP_NUMBER gcry_mpi_t d = number_of_hex(
	    "52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3");
	CLEANUP_NUMBER gcry_mpi_t power = /* (p + 3) / 8 */
	    number_of_hex(
		"0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe");
	CLEANUP_NUMBER gcry_mpi_t root = /* of -1 */
	    number_of_hex(
		"2b8324804fc1df0b2b4d00993dfbd7a72f431806ad2fe478c4ee1b274a0ea0b0");
	CLEANUP_NUMBER gcry_mpi_t one = gcry_mpi_set_ui(NULL, 1);
	CLEANUP_NUMBER gcry_mpi_t square = number_le(y_le);
	CLEANUP_NUMBER gcry_mpi_t v = gcry_mpi_new(0);

	gcry_mpi_mulm(square, square, square, p);
	gcry_mpi_mulm(v, d, square, p);
	gcry_mpi_addm(v, v, one, p);
	gcry_mpi_subm(square, square, one, p);
	gcry_mpi_invm(v, v, p); /* -1/d is no square, so v was not zero */
	gcry_mpi_mulm(square, square, v, p);

	/* p = 5 mod 8: this is a root of the square or of its negative, if either has one. */
	gcry_mpi_powm(x, square, power, p);
	gcry_mpi_mulm(v, x, x, p);
	if (gcry_mpi_cmp(v, square) != 0) {
		gcry_mpi_mulm(x, x, root, p);
		gcry_mpi_mulm(v, x, x, p);
	}
	if (gcry_mpi_test_bit(x, 0) != odd)
		gcry_mpi_sub(x, p, x);
	return gcry_mpi_cmp(v, square) == 0;
}

/*
 * libgcrypt 1.10 aborts in its curve check ("mulm_25519: different sizes") when the top machine
 * word of a coordinate is zero. Chance makes one such key in 2^62, malice as many as it likes.
 */
#define SHORT_BITS (8 * (KEY_BYTES - sizeof(unsigned long)))

static bool is_short(gcry_mpi_t coordinate)
{
	return gcry_mpi_get_nbits(coordinate) <= SHORT_BITS;
}

/* ---- what was found good ---- */

/*
 * To check a key costs as much as a third of a signature, and every reader checks it that gets hold of one: a
 * few that passed are remembered, as are valid signatures (a head is met again as its own pin).
 */
#define MEMO_SIZE 4
_Static_assert(KEY_BYTES == DIGEST_BYTES, "a memo holds either");

struct memo {
	pthread_mutex_t lock;
	size_t n; /* noted so far; the newest MEMO_SIZE are there */
	uint8_t good[MEMO_SIZE][DIGEST_BYTES];
};

static struct memo points = {.lock = PTHREAD_MUTEX_INITIALIZER};
static struct memo proofs = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool memo_has(struct memo *m, const uint8_t what[static DIGEST_BYTES])
{
	bool has = false;

	pthread_mutex_lock(&m->lock);
	for (size_t i = 0; !has && i < m->n && i < MEMO_SIZE; i++)
		has = memcmp(m->good[i], what, DIGEST_BYTES) == 0;
	pthread_mutex_unlock(&m->lock);
	return has;
}

static void memo_note(struct memo *m, const uint8_t what[static DIGEST_BYTES])
{
	pthread_mutex_lock(&m->lock);
	memcpy(m->good[m->n++ % MEMO_SIZE], what, DIGEST_BYTES);
	pthread_mutex_unlock(&m->lock);
}

int key_vet(const uint8_t point[static KEY_BYTES], struct err *e)
{
	CLEANUP_NUMBER gcry_mpi_t x = gcry_mpi_new(0);
	CLEANUP_NUMBER gcry_mpi_t y = NULL;
	uint8_t y_le[KEY_BYTES];

	if (memo_has(&points, point))
		return 0;
	memcpy(y_le, point, KEY_BYTES);
	y_le[KEY_BYTES - 1] &= 0x7f;
	if (!less_than(y_le, field_prime))
		return err_set(e, ERR_MALFORMED,
		    "public key: not the canonical spelling of a point");
	for (size_t i = 0; i < ARRAY_LEN(small_order_y); i++) {
		if (memcmp(y_le, small_order_y[i], KEY_BYTES) == 0)
			return err_set(
			    e, ERR_MALFORMED, "public key: a point of small order");
	}
	if (!recover_x(x, y_le, point[KEY_BYTES - 1] >> 7))
		return err_set(e, ERR_MALFORMED, "public key: not a point of the curve");
	y = number_le(y_le);
	if (is_short(x) || is_short(y))
		return err_set(
		    e, ERR_MALFORMED, "public key: a coordinate is unnaturally small");
	memo_note(&points, point);
	return 0;
}

/* ---- names and vkeys ---- */

bool key_name_is_valid(const char *name, size_t len)
{
	if (len == 0 || len > KEY_NAME_MAX || memchr("./_-", name[0], 4))
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = name[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') &&
		    !memchr("./_-", c, 4))
			return false;
	}
	return true;
}

static uint32_t key_id(const char *name, const uint8_t point[static KEY_BYTES])
{
	uint8_t text[KEY_NAME_MAX + 2 + KEY_BYTES];
	size_t len = strlen(name);
	struct digest d;

	memcpy(text, name, len);
	text[len] = '\n';
	text[len + 1] = ALGORITHM_ED25519;
	memcpy(text + len + 2, point, KEY_BYTES);
	sha256(text, len + 2 + KEY_BYTES, &d);
	return (uint32_t)d.bytes[0] << 24 | (uint32_t)d.bytes[1] << 16 |
	       (uint32_t)d.bytes[2] << 8 | d.bytes[3];
}

int public_key_make(const char *name, const uint8_t point[static KEY_BYTES],
    struct public_key *out, struct err *e)
{
	int r;

	if (!key_name_is_valid(name, strlen(name)))
		return err_set(e, ERR_MALFORMED,
		    "key name '%s': 1 to %d of a-z 0-9 . / _ -, the first a letter or "
		    "digit",
		    name, KEY_NAME_MAX);
	r = key_vet(point, e);
	if (r)
		return r;
	memcpy(out->name, name, strlen(name) + 1);
	memcpy(out->point, point, KEY_BYTES);
	out->id = key_id(name, point);
	return 0;
}

bool public_key_equal(const struct public_key *a, const struct public_key *b)
{
	return strcmp(a->name, b->name) == 0 &&
	       memcmp(a->point, b->point, KEY_BYTES) == 0;
}

static int wrong(struct err *e, const char *rule)
{
	return err_set(e, ERR_MALFORMED, "key: %s", rule);
}

/* The messages repeat nothing of the text: where a name should be, a damaged file may have the key. */
int key_text_split(const char *text, struct key_text *out, struct err *e)
{
	const char *plus = strchr(text, '+');
	CLEANUP_SECRET_BUF struct buf decoded;
	char hash[9];
	uint8_t raw[4];

	secret_buf_init(&decoded, 1 + KEY_BYTES);
	if (!plus || plus == text || (size_t)(plus - text) > KEY_NAME_MAX)
		return wrong(e, "expected NAME+HASH+BASE64");
	memcpy(out->name, text, (size_t)(plus - text));
	out->name[plus - text] = '\0';
	snprintf(hash, sizeof(hash), "%s", plus + 1);
	if (!hex_decode(raw, sizeof(raw), hash) || plus[9] != '+')
		return wrong(e, "the hash is 8 lower-case digits");
	out->id = (uint32_t)raw[0] << 24 | (uint32_t)raw[1] << 16 |
		  (uint32_t)raw[2] << 8 | raw[3];
	if (base64_decode(&decoded, plus + 10, strlen(plus + 10), e))
		return err_wrap(e, "key");
	if (decoded.len != 1 + KEY_BYTES || decoded.data[0] != ALGORITHM_ED25519)
		return wrong(e, "not an Ed25519 key");
	memcpy(out->bytes, decoded.data + 1, KEY_BYTES);
	return 0;
}

int public_key_parse(const char *vkey, struct public_key *out, struct err *e)
{
	uint8_t point[KEY_BYTES] = {0};
	struct key_text text = {.bytes = point};
	int r = key_text_split(vkey, &text, e);

	if (!r)
		r = public_key_make(text.name, point, out, e);
	if (!r && out->id != text.id)
		r = err_set(e, ERR_MALFORMED,
		    "key %s: the hash does not belong to the key", out->name);
	return r;
}

int key_text_format(const struct public_key *k, const uint8_t bytes[static KEY_BYTES],
    struct buf *out, struct err *e)
{
	CLEANUP_SECRET_BUF struct buf typed;
	int r;

	secret_buf_init(&typed, 1 + KEY_BYTES);
	r = buf_addf(out, e, "%s+%08" PRIx32 "+", k->name, k->id);
	if (!r)
		r = buf_add(&typed, &(uint8_t){ALGORITHM_ED25519}, 1, e);
	if (!r)
		r = buf_add(&typed, bytes, KEY_BYTES, e);
	return r ? r : base64_encode(out, typed.data, typed.len, e);
}

int public_key_format(const struct public_key *k, struct buf *out, struct err *e)
{
	return key_text_format(k, k->point, out, e);
}

int public_key_format_openssh(
    const uint8_t point[static KEY_BYTES], struct buf *out, struct err *e)
{
	/* Two strings, each after its length. */
	uint8_t blob[] = "\0\0\0\013ssh-ed25519\0\0\0\040"
			 "................................";
	int r = buf_adds(out, "ssh-ed25519 ", e);

	memcpy(blob + sizeof(blob) - 1 - KEY_BYTES, point, KEY_BYTES);
	return r ? r : base64_encode(out, blob, sizeof(blob) - 1, e);
}

/* ---- signatures ---- */

gcry_error_t key_build_message(gcry_sexp_t *out, const void *msg, size_t len)
{
	return gcry_sexp_build(out, NULL,
	    "(data (flags eddsa) (hash-algo sha512) (value %b))", (int)len,
	    len ? msg : "");
}

static void name_proof(const struct public_key *k, const void *msg, size_t len,
    const uint8_t *sig, struct digest *out)
{
	CLEANUP_SHA256 struct sha256 *h = sha256_new();

	/* The message, which alone has a length of its own, is last. */
	sha256_update(h, k->point, KEY_BYTES);
	sha256_update(h, sig, SIGNATURE_BYTES);
	sha256_update(h, msg, len);
	sha256_final(h, out);
}

static bool verify(const struct public_key *k, const void *msg, size_t len,
    const uint8_t sig[static SIGNATURE_BYTES])
{
	gcry_sexp_t key = NULL, data = NULL, signature = NULL;
	bool ok = gcry_sexp_build(&key, NULL,
		      "(public-key (ecc (curve Ed25519) (flags eddsa) (q %b)))",
		      KEY_BYTES, k->point) == 0 &&
		  key_build_message(&data, msg, len) == 0 &&
		  gcry_sexp_build(&signature, NULL, "(sig-val (eddsa (r %b) (s %b)))",
		      KEY_BYTES, sig, KEY_BYTES, sig + KEY_BYTES) == 0 &&
		  gcry_pk_verify(signature, data, key) == 0;

	gcry_sexp_release(signature);
	gcry_sexp_release(data);
	gcry_sexp_release(key);
	return ok;
}

int key_verify(const struct public_key *k, const void *msg, size_t len,
    const uint8_t sig[static SIGNATURE_BYTES], struct err *e)
{
	struct digest what;
	int r = key_vet(k->point, e);

	if (r) {
		err_wrap(e, "key %s", k->name);
		return e->code = ERR_LEDGER;
	}
	if (len > KEY_MESSAGE_MAX)
		return err_set(e, ERR_LEDGER,
		    "signature of key %s: over too long a message", k->name);
	if (!less_than(sig + KEY_BYTES, group_order))
		return err_set(e, ERR_LEDGER,
		    "signature of key %s: S is not below the group order", k->name);
	name_proof(k, msg, len, sig, &what);
	if (memo_has(&proofs, what.bytes))
		return 0;
	if (!verify(k, msg, len, sig))
		return err_set(
		    e, ERR_LEDGER, "signature of key %s does not verify", k->name);
	memo_note(&proofs, what.bytes);
	return 0;
}
