/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_attest_key.c: attestation keys: P-256 against RFC 6979, key files against what OpenSSL writes,
 * and the keys, signatures and spellings that must be refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/hex.h"
#include "crypto/attest_key.h"
#include "crypto/keyfile.h"
#include "crypto/p256.h"
#include "crypto/secmem.h"
#include "memory.h"
#include "scratch.h"

/* `openssl genpkey`, `openssl pkey -pubout`, `ssh-keygen -l`. */
#define P256_SECRET                                                                      \
	"-----BEGIN PRIVATE KEY-----\n"                                                  \
	"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgRBVuw46IOAClw45X\n"             \
	"VaTMjPOiiHq1G/hC+rxWranunxOhRANCAAT2GXv9VHLDuJmCkc+oliQUE/39TZV5\n"             \
	"zolskjNPuhihebpWtxqhwht9Jj+PHQQPwrHHEZDkfHYPoFuzxg+JGuaB\n"                     \
	"-----END PRIVATE KEY-----\n"
#define P256_PUBLIC                                                                      \
	"-----BEGIN PUBLIC KEY-----\n"                                                   \
	"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE9hl7/VRyw7iZgpHPqJYkFBP9/U2V\n"             \
	"ec6JbJIzT7oYoXm6VrcaocIbfSY/jx0ED8KxxxGQ5Hx2D6Bbs8YPiRrmgQ==\n"                 \
	"-----END PUBLIC KEY-----\n"
#define P256_KEYID "SHA256:pKzmK5jB6ISv2BHBfAXScNWoxOH/infXbwK/GqdLxnc"
#define ED25519_SECRET                                                                   \
	"-----BEGIN PRIVATE KEY-----\n"                                                  \
	"MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"             \
	"-----END PRIVATE KEY-----\n"
#define ED25519_PUBLIC                                                                   \
	"-----BEGIN PUBLIC KEY-----\n"                                                   \
	"MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"                 \
	"-----END PUBLIC KEY-----\n"
#define ED25519_KEYID "SHA256:bbXpuKG6zhzdmnxq256TlqzFBzRl2f6OOg722cYNbU8"

/* RFC 6979, A.2.5. */
#define RFC6979_SECRET "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721"

static void unhex(void *out, size_t len, const char *hex)
{
	assert_true(hex_decode(out, len, hex));
}

static struct attest_key *parse(const char *pem)
{
	struct attest_key *k;
	struct err e;

	assert_int_equal(attest_key_parse(pem, strlen(pem), &k, &e), 0);
	return k;
}

static int parse_rc(const char *pem, size_t len)
{
	struct attest_key *k;
	struct err e;
	int r = attest_key_parse(pem, len, &k, &e);

	assert_true(r == 0 || !k);
	attest_key_free(k);
	return r;
}

static int parse_public_rc(const char *pem, size_t len)
{
	struct attest_public k;
	struct err e;

	return attest_public_parse(pem, len, &k, &e);
}

/* ---- P-256 ---- */

static void test_rfc6979(void **state)
{
	static const struct {
		const char *message, *rs;
	} vectors[] = {
	    {"sample",
		"efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
		"f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"},
	    {"test", "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367"
		     "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083"},
	};
	uint8_t secret[P256_BYTES], point[P256_POINT_BYTES], want[2 * P256_BYTES],
	    rs[2 * P256_BYTES];
	struct digest hash;
	struct err e;

	(void)state;
	unhex(secret, sizeof(secret), RFC6979_SECRET);
	assert_int_equal(p256_derive(secret, point, &e), 0);
	unhex(want, 2 * P256_BYTES,
	    "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
	    "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299");
	assert_memory_equal(point + 1, want, sizeof(want));
	assert_int_equal(p256_vet(point, &e), 0);
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		sha256(vectors[i].message, strlen(vectors[i].message), &hash);
		unhex(want, sizeof(want), vectors[i].rs);
		assert_int_equal(p256_sign(secret, &hash, rs, &e), 0);
		assert_memory_equal(rs, want, sizeof(want));
		assert_int_equal(p256_verify(point, &hash, rs, &e), 0);
	}
}

static void test_not_on_curve(void **state)
{
	uint8_t point[P256_POINT_BYTES];
	struct err e;

	(void)state;
	for (size_t i = 0; i < P256_POINT_BYTES; i++) {
		struct attest_key *k = parse(P256_SECRET);

		memcpy(point, attest_key_public(k)->point, sizeof(point));
		attest_key_free(k);
		point[i] ^= (uint8_t)(1 << i % 8);
		assert_int_equal(p256_vet(point, &e), ERR_MALFORMED);
	}
	memset(point, 0, sizeof(point));
	point[0] = 4;
	assert_int_equal(p256_vet(point, &e), ERR_MALFORMED);
	memset(point + 1, 0xff, sizeof(point) - 1);
	assert_int_equal(p256_vet(point, &e), ERR_MALFORMED);
}

/* x = 5 is a point; x = 5 + p is no spelling of it, though it fits into 32 bytes. */
static void test_not_canonical(void **state)
{
	uint8_t point[P256_POINT_BYTES] = {4};
	struct err e;

	(void)state;
	unhex(point + 1 + P256_BYTES, P256_BYTES,
	    "459243b9aa581806fe913bce99817ade11ca503c64d9a3c533415c083248fbcc");
	point[P256_BYTES] = 5;
	assert_int_equal(p256_vet(point, &e), 0);
	unhex(point + 1, P256_BYTES,
	    "ffffffff00000001000000000000000000000001000000000000000000000004");
	assert_int_equal(p256_vet(point, &e), ERR_MALFORMED);
}

/* Points with small coordinates, and numbers at the edges: refused or wrong, but no abort(). */
static void test_special_numbers(void **state)
{
	static const char *const numbers[] = {
	    "0000000000000000000000000000000000000000000000000000000000000000",
	    "0000000000000000000000000000000000000000000000000000000000000001",
	    "7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8",
	    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550",
	    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
	    "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
	    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	};
	static const bool valid[] = {false, true, true, true, false, false, false};
	static const char *const points[] = {
	    "040000000000000000000000000000000000000000000000000000000000000000"
	    "66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4",
	    "040000000000000000000000000000000000000000000000000000000000000005"
	    "459243b9aa581806fe913bce99817ade11ca503c64d9a3c533415c083248fbcc",
	    /* the generator */
	    "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
	    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
	};
	uint8_t point[P256_POINT_BYTES], rs[2 * P256_BYTES];
	struct digest hash;
	struct err e;

	(void)state;
	sha256("x", 1, &hash);
	for (size_t p = 0; p < ARRAY_LEN(points); p++) {
		unhex(point, sizeof(point), points[p]);
		assert_int_equal(p256_vet(point, &e), 0);
		for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
			unhex(rs, P256_BYTES, numbers[i]);
			assert_int_equal(p256_scalar_is_valid(rs), valid[i]);
			for (size_t j = 0; j < ARRAY_LEN(numbers); j++) {
				unhex(rs + P256_BYTES, P256_BYTES, numbers[j]);
				assert_int_not_equal(
				    p256_verify(point, &hash, rs, &e), 0);
			}
		}
	}
}

/* The smallest and the largest secret, and a hash above the order of the group. */
static void test_edges(void **state)
{
	static const struct {
		const char *secret, *y;
	} edges[] = {
	    {"0000000000000000000000000000000000000000000000000000000000000001",
		"4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"},
	    {"ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550",
		"b01cbd1c01e58065711814b583f061e9d431cca994cea1313449bf97c840ae0a"},
	};
	uint8_t secret[P256_BYTES], point[P256_POINT_BYTES], want[P256_BYTES],
	    rs[2 * P256_BYTES];
	struct digest hash;
	struct err e;

	(void)state;
	memset(&hash, 0xff, sizeof(hash));
	for (size_t i = 0; i < ARRAY_LEN(edges); i++) {
		unhex(secret, sizeof(secret), edges[i].secret);
		unhex(want, sizeof(want), edges[i].y);
		assert_int_equal(p256_derive(secret, point, &e), 0);
		assert_memory_equal(point + 1 + P256_BYTES, want, sizeof(want));
		assert_int_equal(p256_sign(secret, &hash, rs, &e), 0);
		assert_int_equal(p256_verify(point, &hash, rs, &e), 0);
	}
}

static void test_der(void **state)
{
	static const char *const rs_texts[] = {
	    "0000000000000000000000000000000000000000000000000000000000000001"
	    "0000000000000000000000000000000000000000000000000000000000000080",
	    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
	    "80ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	    "00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
	    "0000000000000000000000000000000000000000000000000000000000000000",
	};
	static const char *const ders[] = {
	    "3007020101020200"
	    "80",
	    "3045"
	    "02207fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
	    "02210080ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	    "3025"
	    "022000ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
	    "020100",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ders); i++) {
		uint8_t rs[2 * P256_BYTES], back[2 * P256_BYTES], want[P256_DER_MAX],
		    der[P256_DER_MAX];
		size_t len = strlen(ders[i]) / 2;

		unhex(rs, sizeof(rs), rs_texts[i]);
		unhex(want, len, ders[i]);
		assert_int_equal(p256_to_der(rs, der), len);
		assert_memory_equal(der, want, len);
		assert_true(p256_from_der(der, len, back));
		assert_memory_equal(back, rs, sizeof(rs));
		for (size_t n = 0; n < len; n++)
			assert_false(p256_from_der(der, n, back));
	}
}

static void test_der_not_canonical(void **state)
{
	static const char *const bad[] = {
	    "",
	    "30",
	    "3000",
	    "3003020101",
	    "300602010102010100", /* a byte after it */
	    "3007020200010201"
	    "01",		  /* a leading zero */
	    "3006020181020101",	  /* negative */
	    "308106020101020101", /* a longer length */
	    "300702010102010100", /* a byte inside it */
	    "3106020101020101",	  /* a SET */
	    "3006030101020101",	  /* a BIT STRING */
	    "3006020001020101",	  /* no number */
	    "3005020002020101",
	};
	uint8_t rs[2 * P256_BYTES], der[P256_DER_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		unhex(der, strlen(bad[i]) / 2, bad[i]);
		assert_false(p256_from_der(der, strlen(bad[i]) / 2, rs));
	}
}

/* ---- signatures ---- */

static void check_signature(const char *pem)
{
	CLEANUP_ATTEST_KEY struct attest_key *k = parse(pem);
	const struct attest_public *public = attest_key_public(k);
	char message[] = "a store was verified";
	struct attest_signature sig;
	struct err e;

	assert_int_equal(attest_sign(k, message, sizeof(message), &sig, &e), 0);
	assert_int_equal(
	    attest_verify(public, message, sizeof(message), sig.bytes, sig.len, &e), 0);
	for (size_t i = 0; i < sig.len * 8; i++) {
		sig.bytes[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_int_equal(attest_verify(public, message, sizeof(message),
				     sig.bytes, sig.len, &e),
		    ERR_LEDGER);
		sig.bytes[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (size_t n = 0; n < sig.len; n++)
		assert_int_equal(
		    attest_verify(public, message, sizeof(message), sig.bytes, n, &e),
		    ERR_LEDGER);
	for (size_t i = 0; i < sizeof(message); i++) {
		message[i] ^= 1;
		assert_int_equal(attest_verify(public, message, sizeof(message),
				     sig.bytes, sig.len, &e),
		    ERR_LEDGER);
		message[i] ^= 1;
	}
}

static void test_altered_signature(void **state)
{
	(void)state;
	check_signature(P256_SECRET);
	check_signature(ED25519_SECRET);
}

/* A signature of one kind of key is none of the other's, nor of another key's. */
static void test_other_key(void **state)
{
	CLEANUP_ATTEST_KEY struct attest_key *p256 = parse(P256_SECRET);
	CLEANUP_ATTEST_KEY struct attest_key *ed25519 = parse(ED25519_SECRET);
	CLEANUP_ATTEST_KEY struct attest_key *another = NULL;
	const struct attest_key *keys[] = {p256, ed25519, NULL};
	struct err e;

	(void)state;
	assert_int_equal(attest_key_generate(ATTEST_P256, &another, &e), 0);
	keys[2] = another;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		struct attest_signature sig;

		assert_int_equal(attest_sign(keys[i], "x", 1, &sig, &e), 0);
		for (size_t j = 0; j < ARRAY_LEN(keys); j++)
			assert_int_equal(attest_verify(attest_key_public(keys[j]), "x", 1,
					     sig.bytes, sig.len, &e),
			    i == j ? 0 : ERR_LEDGER);
	}
}

static void test_too_long(void **state)
{
	CLEANUP_ATTEST_KEY struct attest_key *k = parse(P256_SECRET);
	CLEANUP_FREE char *message = xcalloc(1, ATTEST_MESSAGE_MAX + 1);
	struct attest_signature sig;
	struct err e;

	(void)state;
	assert_int_equal(attest_sign(k, message, ATTEST_MESSAGE_MAX, &sig, &e), 0);
	assert_int_equal(
	    attest_sign(k, message, ATTEST_MESSAGE_MAX + 1, &sig, &e), ERR_REFUSED);
}

/* ---- key files ---- */

static void check_known(
    const char *secret, const char *public_pem, enum attest_type type, const char *keyid)
{
	CLEANUP_ATTEST_KEY struct attest_key *k = parse(secret);
	const struct attest_public *public = attest_key_public(k);
	struct attest_public parsed;
	CLEANUP_BUF struct buf pem;
	struct err e;

	buf_init(&pem, ATTEST_PEM_MAX);
	assert_int_equal(public->type, type);
	assert_string_equal(public->keyid, keyid);
	assert_int_equal(attest_public_format(public, &pem, &e), 0);
	assert_string_equal(pem.data, public_pem);
	assert_int_equal(attest_public_parse(pem.data, pem.len, &parsed, &e), 0);
	assert_memory_equal(&parsed, public, sizeof(parsed));
}

static void test_openssl_files(void **state)
{
	(void)state;
	check_known(P256_SECRET, P256_PUBLIC, ATTEST_P256, P256_KEYID);
	check_known(ED25519_SECRET, ED25519_PUBLIC, ATTEST_ED25519, ED25519_KEYID);
}

/* Whatever single byte of a key file is another one: refused, or (in the secret) another key. */
static void test_altered_files(void **state)
{
	static const char *const secrets[] = {P256_SECRET, ED25519_SECRET};
	static const char *const publics[] = {P256_PUBLIC, ED25519_PUBLIC};

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(secrets); k++) {
		CLEANUP_FREE char *secret = xstrdup(secrets[k]);
		CLEANUP_FREE char *public = xstrdup(publics[k]);
		size_t len = strlen(secret), accepted = 0;

		for (size_t i = 0; i < len; i++) {
			secret[i] ^= 1;
			accepted += parse_rc(secret, len) == 0;
			secret[i] ^= 1;
		}
		/* P-256 has its public key beside it; any 32 bytes are an Ed25519 secret. */
		assert_true(k == 0 ? accepted == 0 : accepted <= 43);
		for (size_t n = 0; n < len; n++)
			assert_int_equal(parse_rc(secret, n), ERR_MALFORMED);
		len = strlen(public);
		for (size_t i = 0; i < len; i++) {
			public[i] = (char)(public[i] ^ 0x80);
			assert_int_equal(parse_public_rc(public, len), ERR_MALFORMED);
			public[i] = (char)(public[i] ^ 0x80);
		}
		for (size_t n = 0; n < len; n++)
			assert_int_equal(parse_public_rc(public, n), ERR_MALFORMED);
	}
}

static void test_other_spellings(void **state)
{
	static const char *const bad[] = {
	    "",
	    "\n" ED25519_SECRET,
	    ED25519_SECRET "\n",
	    ED25519_SECRET ED25519_SECRET,
	    ED25519_PUBLIC,
	    "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
	    "-----BEGIN PRIVATE KEY-----\r\n"
	    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\r\n"
	    "-----END PRIVATE KEY-----\r\n",
	    /* lines of another length */
	    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLs\n"
	    "LMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n",
	    /* an attribute of the key */
	    "-----BEGIN PRIVATE KEY-----\nAQ==\nAQ==\n-----END PRIVATE KEY-----\n",
	    "-----BEGIN EC PRIVATE KEY-----\nAQ==\n-----END EC PRIVATE KEY-----\n",
	    "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAQ==\n"
	    "-----END ENCRYPTED PRIVATE KEY-----\n",
	};

	(void)state;
	assert_int_equal(parse_rc(ED25519_SECRET, strlen(ED25519_SECRET)), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(parse_rc(bad[i], strlen(bad[i])), ERR_MALFORMED);
	/* NUL and what follows */
	assert_int_equal(
	    parse_rc(ED25519_SECRET "\0x", strlen(ED25519_SECRET) + 2), ERR_MALFORMED);
}

/* A point of small order, and one that is not on the curve, in the clothes of a public key. */
static void test_bad_public_keys(void **state)
{
	static const char small_order[] =
	    "-----BEGIN PUBLIC KEY-----\n"
	    "MCowBQYDK2VwAyEAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
	    "-----END PUBLIC KEY-----\n";
	static const char off_curve[] =
	    "-----BEGIN PUBLIC KEY-----\n"
	    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE9hl7/VRyw7iZgpHPqJYkFBP9/U2V\n"
	    "ec6JbJIzT7oYoXm6VrcaocIbfSY/jx0ED8KxxxGQ5Hx2D6Bbs8YPiRrmgA==\n"
	    "-----END PUBLIC KEY-----\n";
	struct attest_public k;
	struct err e;

	(void)state;
	assert_int_equal(
	    attest_public_parse(small_order, strlen(small_order), &k, &e), ERR_MALFORMED);
	assert_non_null(strstr(e.msg, "small order"));
	assert_int_equal(
	    attest_public_parse(off_curve, strlen(off_curve), &k, &e), ERR_MALFORMED);
	assert_non_null(strstr(e.msg, "not a point of the curve"));
}

static int open_scratch(void)
{
	int fd = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void check_round_trip(enum attest_type type, const char *file)
{
	CLEANUP_ATTEST_KEY struct attest_key *made = NULL, *loaded = NULL;
	CLEANUP_FD int fd = open_scratch();
	struct stat st;
	struct err e;

	assert_int_equal(attest_key_generate(type, &made, &e), 0);
	assert_int_equal(attest_key_save(made, fd, file, &e), 0);
	assert_int_equal(fstatat(fd, file, &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(attest_key_save(made, fd, file, &e), ERR_REFUSED);
	assert_int_equal(attest_key_load(fd, file, &loaded, &e), 0);
	assert_memory_equal(attest_key_public(made), attest_key_public(loaded),
	    sizeof(struct attest_public));
}

static void test_round_trip(void **state)
{
	(void)state;
	check_round_trip(ATTEST_ED25519, "ed25519.pem");
	check_round_trip(ATTEST_P256, "p256.pem");
}

static void test_file_of_others(void **state)
{
	CLEANUP_FD int fd = open_scratch();
	struct attest_key *k;
	struct err e;

	(void)state;
	assert_int_equal(attest_key_load(fd, "none.pem", &k, &e), ERR_NOT_FOUND);
	assert_int_equal(
	    fs_create(fd, "a.pem", ED25519_SECRET, strlen(ED25519_SECRET), 0640, &e), 0);
	assert_int_equal(attest_key_load(fd, "a.pem", &k, &e), ERR_LEDGER);
	assert_non_null(strstr(e.msg, "a.pem: group or others"));
	assert_int_equal(fchmodat(fd, "a.pem", 0600, 0), 0);
	assert_int_equal(attest_key_load(fd, "a.pem", &k, &e), 0);
	attest_key_free(k);
	if (geteuid() == 0) {
		assert_int_equal(fchownat(fd, "a.pem", 12345, -1, 0), 0);
		assert_int_equal(attest_key_load(fd, "a.pem", &k, &e), ERR_LEDGER);
		assert_non_null(strstr(e.msg, "owned by uid 12345"));
	}
	assert_int_equal(symlinkat("p256.pem", fd, "link.pem"), 0);
	assert_int_not_equal(attest_key_load(fd, "link.pem", &k, &e), 0);
	assert_int_equal(mkfifoat(fd, "fifo.pem", 0600), 0);
	assert_int_equal(attest_key_load(fd, "fifo.pem", &k, &e), ERR_MALFORMED);
}

/* ---- where secrets are, and are not ---- */

enum { SECRET, MIDDLE, REVERSED, SPELLING, NEEDLES };

/* The secret is the 32 bytes before the last `behind` of the DER. */
static void make_needles(const char *file, size_t behind, struct needle needles[NEEDLES])
{
	CLEANUP_FD int fd = open_scratch();
	CLEANUP_SECRET_BUF struct buf text, der;
	uint8_t *secret;
	char *at;
	struct err e;

	secret_buf_init(&text, KEYFILE_MAX);
	secret_buf_init(&der, KEYFILE_MAX);
	assert_int_equal(keyfile_read(fd, file, &text, &e), 0);
	for (at = strchr(text.data, '\n') + 1; *at != '-'; at += strcspn(at, "\n") + 1)
		assert_int_equal(base64_decode(&der, at, strcspn(at, "\n"), &e), 0);
	secret = (uint8_t *)der.data + der.len - behind - 32;
	needles[SECRET] = needle_of(secret, 32);
	/* Of what is freed the allocator overwrites the beginning. */
	needles[MIDDLE] = needle_of(secret + 8, 16);
	for (size_t i = 0; i < 16; i++) {
		uint8_t byte = secret[i];

		secret[i] = secret[31 - i];
		secret[31 - i] = byte;
	}
	needles[REVERSED] = needle_of(secret, 32);
	at = strchr(text.data, '\n') + 1;
	needles[SPELLING] = needle_of(at + 44, 20);
}

static void nothing_is_left(const struct needle needles[NEEDLES])
{
	for (size_t i = 0; i < NEEDLES; i++) {
		struct found f = look_for(&needles[i]);

		if (f.locked || f.elsewhere)
			fail_msg("needle %zu: %zu in locked memory, %zu elsewhere", i,
			    f.locked, f.elsewhere);
	}
}

static void check_memory(enum attest_type type, const char *file, size_t behind)
{
	CLEANUP_FD int fd = open_scratch();
	struct attest_signature sig;
	struct needle needles[NEEDLES];
	struct attest_key *k;
	struct found f;
	struct err e;

	assert_int_equal(attest_key_generate(type, &k, &e), 0);
	assert_int_equal(attest_key_save(k, fd, file, &e), 0);
	attest_key_free(k);
	make_needles(file, behind, needles);
	nothing_is_left(needles);
	assert_int_equal(attest_key_load(fd, file, &k, &e), 0);
	assert_int_equal(attest_sign(k, "abc", 3, &sig, &e), 0);
	for (size_t i = SECRET; i <= MIDDLE; i++) {
		f = look_for(&needles[i]);
		assert_int_equal(f.locked + f.elsewhere, 1);
		assert_true(!TELLS_LOCKED || f.locked == 1);
	}
	attest_key_free(k);
	nothing_is_left(needles);
}

static void test_memory(void **state)
{
	(void)state;
	check_memory(ATTEST_ED25519, "memory-ed25519.pem", 0);
	check_memory(ATTEST_P256, "memory-p256.pem", 70);
}

/* No message says anything of what a key file holds. */
static void test_no_secret_in_errors(void **state)
{
	CLEANUP_FREE char *pem = xstrdup(P256_SECRET);
	struct attest_key *k;
	struct err e;

	(void)state;
	pem[strlen(pem) - 40] ^= 2; /* in the public key's y */
	assert_int_equal(attest_key_parse(pem, strlen(pem), &k, &e), ERR_MALFORMED);
	assert_string_equal(e.msg, "its public key does not belong to its secret key");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rfc6979),
	    cmocka_unit_test(test_not_on_curve),
	    cmocka_unit_test(test_not_canonical),
	    cmocka_unit_test(test_special_numbers),
	    cmocka_unit_test(test_edges),
	    cmocka_unit_test(test_der),
	    cmocka_unit_test(test_der_not_canonical),
	    cmocka_unit_test(test_altered_signature),
	    cmocka_unit_test(test_other_key),
	    cmocka_unit_test(test_too_long),
	    cmocka_unit_test(test_openssl_files),
	    cmocka_unit_test(test_altered_files),
	    cmocka_unit_test(test_other_spellings),
	    cmocka_unit_test(test_bad_public_keys),
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_file_of_others),
	    cmocka_unit_test(test_memory),
	    cmocka_unit_test(test_no_secret_in_errors),
	};

	return memory_open()
		   ? cmocka_run_group_tests(tests, scratch_setup, scratch_teardown)
		   : 1;
}
