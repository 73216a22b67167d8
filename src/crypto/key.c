/* SPDX-License-Identifier: Apache-2.0 */
/* key.c: Ed25519 by libgcrypt, behind the checks that libgcrypt 1.10 leaves to its caller. */
#include "crypto/key.h"

#include <fcntl.h>
#include <gcrypt.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/hex.h"

#define ALGORITHM_ED25519 0x01
#define SECRET_PREFIX "PRIVATE+KEY+"
#define SECRET_FILE_MAX 512

struct secret_key {
	struct public_key public;
	uint8_t *seed; /* KEY_BYTES of secure memory */
};

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

static void release_number(gcry_mpi_t *n)
{
	gcry_mpi_release(*n);
}
#define CLEANUP_NUMBER CLEANUP(release_number)

static gcry_mpi_t number(const char *hex)
{
	gcry_mpi_t n = NULL;

	if (gcry_mpi_scan(&n, GCRYMPI_FMT_HEX, hex, 0, NULL))
		abort();
	return n;
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
	CLEANUP_NUMBER gcry_mpi_t p =
	    number("7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed");
	CLEANUP_NUMBER gcry_mpi_t d =
	    number("52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3");
	CLEANUP_NUMBER gcry_mpi_t power = /* (p + 3) / 8 */
	    number("0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe");
	CLEANUP_NUMBER gcry_mpi_t root = /* of -1 */
	    number("2b8324804fc1df0b2b4d00993dfbd7a72f431806ad2fe478c4ee1b274a0ea0b0");
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

int key_vet(const uint8_t point[static KEY_BYTES], struct err *e)
{
	CLEANUP_NUMBER gcry_mpi_t x = gcry_mpi_new(0);
	CLEANUP_NUMBER gcry_mpi_t y = NULL;
	uint8_t y_le[KEY_BYTES];

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

static int set_public(struct public_key *k, const char *name,
    const uint8_t point[static KEY_BYTES], struct err *e)
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
	memcpy(k->name, name, strlen(name) + 1);
	memcpy(k->point, point, KEY_BYTES);
	k->id = key_id(name, point);
	return 0;
}

/* For buffers that may hold a seed. */
static void wipe_buf(struct buf *b)
{
	if (b->cap)
		explicit_bzero(b->data, b->cap);
	buf_release(b);
}
#define CLEANUP_SECRET_BUF CLEANUP(wipe_buf)

/* Splits NAME+HASH+BASE64 and decodes the 32 bytes behind the algorithm byte. */
static int split(const char *text, char name[static KEY_NAME_MAX + 1], uint32_t *id,
    uint8_t bytes[static KEY_BYTES], struct err *e)
{
	const char *plus = strchr(text, '+');
	CLEANUP_SECRET_BUF struct buf decoded;
	char hash[9];
	uint8_t raw[4];

	buf_init(&decoded, 1 + KEY_BYTES);
	if (!plus || plus == text || (size_t)(plus - text) > KEY_NAME_MAX)
		return err_set(e, ERR_MALFORMED, "key: expected NAME+HASH+BASE64");
	memcpy(name, text, (size_t)(plus - text));
	name[plus - text] = '\0';
	snprintf(hash, sizeof(hash), "%s", plus + 1);
	if (!hex_decode(raw, sizeof(raw), hash) || plus[9] != '+')
		return err_set(
		    e, ERR_MALFORMED, "key %s: the hash is 8 lower-case digits", name);
	*id = (uint32_t)raw[0] << 24 | (uint32_t)raw[1] << 16 | (uint32_t)raw[2] << 8 |
	      raw[3];
	if (base64_decode(&decoded, plus + 10, strlen(plus + 10), e))
		return err_wrap(e, "key %s", name);
	if (decoded.len != 1 + KEY_BYTES || decoded.data[0] != ALGORITHM_ED25519)
		return err_set(e, ERR_MALFORMED, "key %s: not an Ed25519 key", name);
	memcpy(bytes, decoded.data + 1, KEY_BYTES);
	return 0;
}

int public_key_parse(const char *vkey, struct public_key *out, struct err *e)
{
	char name[KEY_NAME_MAX + 1];
	uint8_t point[KEY_BYTES];
	uint32_t id;
	int r = split(vkey, name, &id, point, e);

	if (!r)
		r = set_public(out, name, point, e);
	if (!r && out->id != id)
		r = err_set(e, ERR_MALFORMED,
		    "key %s: the hash does not belong to the key", name);
	return r;
}

static int format(const char *prefix, const struct public_key *k,
    const uint8_t bytes[static KEY_BYTES], struct buf *out, struct err *e)
{
	uint8_t typed[1 + KEY_BYTES] = {ALGORITHM_ED25519};
	int r = buf_addf(out, e, "%s%s+%08" PRIx32 "+", prefix, k->name, k->id);

	memcpy(typed + 1, bytes, KEY_BYTES);
	if (!r)
		r = base64_encode(out, typed, sizeof(typed), e);
	explicit_bzero(typed, sizeof(typed));
	return r;
}

int public_key_format(const struct public_key *k, struct buf *out, struct err *e)
{
	return format("", k, k->point, out, e);
}

/* ---- secret keys ---- */

static int derive_point(
    const uint8_t seed[static KEY_BYTES], uint8_t point[static KEY_BYTES], struct err *e)
{
	gcry_sexp_t params = NULL;
	gcry_ctx_t ctx = NULL;
	gcry_mpi_t q = NULL;
	const void *bytes = NULL;
	unsigned bits = 0;

	if (gcry_sexp_build(&params, NULL,
		"(private-key (ecc (curve Ed25519) (flags eddsa) (d %b)))", KEY_BYTES,
		seed) == 0 &&
	    gcry_mpi_ec_new(&ctx, params, NULL) == 0)
		q = gcry_mpi_ec_get_mpi("q@eddsa", ctx, 1);
	if (q)
		bytes = gcry_mpi_get_opaque(q, &bits);
	if (bytes && bits == KEY_BYTES * 8)
		memcpy(point, bytes, KEY_BYTES);
	gcry_mpi_release(q);
	gcry_ctx_release(ctx);
	gcry_sexp_release(params);
	return bits == KEY_BYTES * 8
		   ? 0
		   : err_set(e, ERR_INTERNAL, "libgcrypt cannot derive a public key");
}

int secret_key_from_seed(const char *name, const uint8_t seed[static KEY_BYTES],
    struct secret_key **out, struct err *e)
{
	struct secret_key *k = xcalloc(1, sizeof(*k));
	uint8_t point[KEY_BYTES];
	int r;

	*out = NULL;
	k->seed = gcry_xmalloc_secure(KEY_BYTES);
	memcpy(k->seed, seed, KEY_BYTES);
	/* From the copy in secure memory: libgcrypt's own copies are then secure, too. */
	r = derive_point(k->seed, point, e);
	if (!r)
		r = set_public(&k->public, name, point, e);
	if (r)
		secret_key_free(k);
	else
		*out = k;
	return r;
}

int secret_key_generate(const char *name, struct secret_key **out, struct err *e)
{
	uint8_t *seed = gcry_random_bytes_secure(KEY_BYTES, GCRY_VERY_STRONG_RANDOM);
	int r = secret_key_from_seed(name, seed, out, e);

	gcry_free(seed); /* secure memory is wiped when freed */
	/* So strong a random number makes a collector of jitter that lives on in secure memory. */
	gcry_control(GCRYCTL_CLOSE_RANDOM_DEVICE);
	return r;
}

static int check_file(const char *file, const struct stat *st, struct err *e)
{
	if (st->st_uid != geteuid())
		return err_set(e, ERR_LEDGER,
		    "key file %s: owned by uid %u, not by this user", file, st->st_uid);
	if (st->st_mode & (S_IRWXG | S_IRWXO))
		return err_set(e, ERR_LEDGER,
		    "key file %s: group or others may use it (mode %04o)", file,
		    st->st_mode & 07777);
	return 0;
}

static int parse_secret(char *text, size_t len, struct secret_key **out, struct err *e)
{
	char name[KEY_NAME_MAX + 1];
	uint8_t seed[KEY_BYTES];
	uint32_t id;
	int r;

	if (len && text[len - 1] == '\n')
		text[--len] = '\0';
	if (strlen(text) != len ||
	    strncmp(text, SECRET_PREFIX, strlen(SECRET_PREFIX)) != 0)
		return err_set(e, ERR_MALFORMED, "not a secret key");
	r = split(text + strlen(SECRET_PREFIX), name, &id, seed, e);
	if (!r)
		r = secret_key_from_seed(name, seed, out, e);
	explicit_bzero(seed, sizeof(seed));
	if (!r && (*out)->public.id != id) {
		secret_key_free_p(out);
		r = err_set(e, ERR_MALFORMED, "the hash does not belong to the key");
	}
	return r;
}

int secret_key_load(int dirfd, const char *file, struct secret_key **out, struct err *e)
{
	CLEANUP_SECRET_BUF struct buf text;
	struct stat st;
	int r;

	*out = NULL;
	buf_init(&text, SECRET_FILE_MAX);
	r = fs_read_file(dirfd, file, SECRET_FILE_MAX, &text, &st, e);
	if (!r)
		r = check_file(file, &st, e);
	if (!r && parse_secret(text.data, text.len, out, e))
		r = err_wrap(e, "key file %s", file);
	return r;
}

int secret_key_save(
    const struct secret_key *k, int dirfd, const char *file, struct err *e)
{
	CLEANUP_SECRET_BUF struct buf text;
	int r;

	buf_init(&text, SECRET_FILE_MAX);
	/* At once, because growing would leave copies behind. */
	r = buf_reserve(&text, SECRET_FILE_MAX, e);
	if (!r)
		r = format(SECRET_PREFIX, &k->public, k->seed, &text, e);
	if (!r)
		r = buf_adds(&text, "\n", e);
	if (!r)
		r = fs_create(dirfd, file, text.data, text.len, 0600, e);
	return r;
}

const struct public_key *secret_key_public(const struct secret_key *k)
{
	return &k->public;
}

void secret_key_free(struct secret_key *k)
{
	if (!k)
		return;
	gcry_free(k->seed);
	free(k);
}

void secret_key_free_p(struct secret_key **k)
{
	secret_key_free(*k);
	*k = NULL;
}

/* ---- signatures ---- */

static gcry_error_t build_message(gcry_sexp_t *out, const void *msg, size_t len)
{
	return gcry_sexp_build(out, NULL,
	    "(data (flags eddsa) (hash-algo sha512) (value %b))", (int)len,
	    len ? msg : "");
}

/* One half of the signature, left-padded by libgcrypt already: always 32 bytes. */
static bool get_half(gcry_sexp_t sig, const char *name, uint8_t out[static KEY_BYTES])
{
	gcry_sexp_t token = gcry_sexp_find_token(sig, name, 0);
	size_t len = 0;
	const char *bytes = token ? gcry_sexp_nth_data(token, 1, &len) : NULL;
	bool ok = bytes && len == KEY_BYTES;

	if (ok)
		memcpy(out, bytes, KEY_BYTES);
	gcry_sexp_release(token);
	return ok;
}

/* What is signed here is at most a note. */
#define MESSAGE_MAX (1U << 20)

int key_sign(const struct secret_key *k, const void *msg, size_t len,
    uint8_t sig[static SIGNATURE_BYTES], struct err *e)
{
	gcry_sexp_t key = NULL, data = NULL, out = NULL;
	bool ok;

	if (len > MESSAGE_MAX)
		return err_set(e, ERR_INTERNAL, "message too long to sign");
	ok = gcry_sexp_build(&key, NULL,
		 "(private-key (ecc (curve Ed25519) (flags eddsa) (q %b) (d %b)))",
		 KEY_BYTES, k->public.point, KEY_BYTES, k->seed) == 0 &&
	     build_message(&data, msg, len) == 0 && gcry_pk_sign(&out, data, key) == 0 &&
	     get_half(out, "r", sig) && get_half(out, "s", sig + KEY_BYTES);
	gcry_sexp_release(out);
	gcry_sexp_release(data);
	gcry_sexp_release(key);
	return ok ? 0 : err_set(e, ERR_INTERNAL, "libgcrypt cannot sign");
}

int key_verify(const struct public_key *k, const void *msg, size_t len,
    const uint8_t sig[static SIGNATURE_BYTES], struct err *e)
{
	gcry_sexp_t key = NULL, data = NULL, signature = NULL;
	int r = key_vet(k->point, e);
	bool ok;

	if (r) {
		err_wrap(e, "key %s", k->name);
		return e->code = ERR_LEDGER;
	}
	if (len > MESSAGE_MAX)
		return err_set(e, ERR_LEDGER,
		    "signature of key %s: over too long a message", k->name);
	if (!less_than(sig + KEY_BYTES, group_order))
		return err_set(e, ERR_LEDGER,
		    "signature of key %s: S is not below the group order", k->name);
	ok = gcry_sexp_build(&key, NULL,
		 "(public-key (ecc (curve Ed25519) (flags eddsa) (q %b)))", KEY_BYTES,
		 k->point) == 0 &&
	     build_message(&data, msg, len) == 0 &&
	     gcry_sexp_build(&signature, NULL, "(sig-val (eddsa (r %b) (s %b)))",
		 KEY_BYTES, sig, KEY_BYTES, sig + KEY_BYTES) == 0 &&
	     gcry_pk_verify(signature, data, key) == 0;
	gcry_sexp_release(signature);
	gcry_sexp_release(data);
	gcry_sexp_release(key);
	return ok ? 0
		  : err_set(
			e, ERR_LEDGER, "signature of key %s does not verify", k->name);
}
