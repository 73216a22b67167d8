/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_key.c: Ed25519 against RFC 8032, and everything that libgcrypt must never be handed. A
 * key that slips through vetting ends this program with libgcrypt's abort().
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "crypto/secret.h"

#define NAME "build01.ci.example/cache-ledger"
#define SEED "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
#define VKEY NAME "+1704497b+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"
static void unhex(void *out, size_t len, const char *hex)
{
	assert_true(hex_decode(out, len, hex));
}

static struct secret_key *from_seed(const char *hex)
{
	struct secret_key *k;
	uint8_t seed[KEY_BYTES];
	struct err e;

	unhex(seed, KEY_BYTES, hex);
	assert_int_equal(secret_key_from_seed(NAME, seed, &k, &e), 0);
	return k;
}

/* ---- RFC 8032 section 7.1 ---- */

static void test_rfc8032(void **state)
{
	static const struct {
		const char *seed, *point, *message, *sig;
	} vectors[] = {
	    {SEED, "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
		"e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
		"5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
	    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
		"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
		"92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
		"085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
	    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
		"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
		"af82",
		"6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
		"18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		CLEANUP_SECRET_KEY struct secret_key *k = from_seed(vectors[i].seed);
		const struct public_key *public = secret_key_public(k);
		uint8_t point[KEY_BYTES], message[2], want[SIGNATURE_BYTES],
		    sig[SIGNATURE_BYTES];
		size_t len = strlen(vectors[i].message) / 2;
		struct err e;

		unhex(point, KEY_BYTES, vectors[i].point);
		unhex(message, len, vectors[i].message);
		unhex(want, SIGNATURE_BYTES, vectors[i].sig);
		assert_memory_equal(public->point, point, KEY_BYTES);
		assert_int_equal(key_sign(k, message, len, sig, &e), 0);
		assert_memory_equal(sig, want, SIGNATURE_BYTES);
		assert_int_equal(key_verify(public, message, len, sig, &e), 0);
	}
}

/* What this signs, libgcrypt verifies. */
static void test_many_keys(void **state)
{
	uint8_t message[200];

	(void)state;
	for (size_t len = 0; len < sizeof(message); len += 5) {
		CLEANUP_SECRET_KEY struct secret_key *k = NULL;
		uint8_t seed[KEY_BYTES], sig[SIGNATURE_BYTES];
		struct err e;

		crypto_random(seed, sizeof(seed));
		crypto_random(message, sizeof(message));
		assert_int_equal(secret_key_from_seed(NAME, seed, &k, &e), 0);
		assert_int_equal(key_sign(k, message, len, sig, &e), 0);
		assert_int_equal(
		    key_verify(secret_key_public(k), message, len, sig, &e), 0);
	}
}

static void test_altered_signature(void **state)
{
	CLEANUP_SECRET_KEY struct secret_key *k = from_seed(SEED);
	const struct public_key *public = secret_key_public(k);
	uint8_t sig[SIGNATURE_BYTES];
	char message[] = "the tree has 300 leaves";
	struct err e;

	(void)state;
	assert_int_equal(key_sign(k, message, sizeof(message), sig, &e), 0);
	/* What was proved last is remembered, and nothing like it. */
	assert_int_equal(key_verify(public, message, sizeof(message), sig, &e), 0);
	for (size_t i = 0; i < SIGNATURE_BYTES; i++) {
		sig[i] ^= (uint8_t)(1 << i % 8);
		assert_int_equal(
		    key_verify(public, message, sizeof(message), sig, &e), ERR_LEDGER);
		sig[i] ^= (uint8_t)(1 << i % 8);
	}
	for (size_t i = 0; i < sizeof(message); i++) {
		message[i] ^= 1;
		assert_int_equal(
		    key_verify(public, message, sizeof(message), sig, &e), ERR_LEDGER);
		message[i] ^= 1;
	}
	assert_int_equal(
	    key_verify(public, message, sizeof(message) - 1, sig, &e), ERR_LEDGER);
	assert_int_equal(key_verify(public, message, sizeof(message), sig, &e), 0);
}

static void test_other_key(void **state)
{
	CLEANUP_SECRET_KEY struct secret_key *one = NULL, *other = NULL;
	uint8_t sig[SIGNATURE_BYTES];
	struct err e;

	(void)state;
	assert_int_equal(secret_key_generate(NAME, &one, &e), 0);
	assert_int_equal(secret_key_generate(NAME, &other, &e), 0);
	assert_int_equal(key_sign(one, "abc", 3, sig, &e), 0);
	assert_int_equal(key_verify(secret_key_public(one), "abc", 3, sig, &e), 0);
	assert_int_equal(
	    key_verify(secret_key_public(other), "abc", 3, sig, &e), ERR_LEDGER);
	assert_non_null(strstr(e.msg, NAME));
}

/* ---- signatures that libgcrypt would accept, or crash on ---- */

/* Wycheproof "checking malleability": S + L, S + 2L, ... of a valid signature. */
static void test_malleated(void **state)
{
	static const char *const s[] = {
	    "7a9155711ecfaf7f99f277bad0c6ae7e39d4eef676573336a5c51eb6f946b30d",
	    "67654bce3832c2d76f8f6f5dafc08d9339d4eef676573336a5c51eb6f946b31d",
	    "5439412b5395d42f462c67008eba6ca839d4eef676573336a5c51eb6f946b32d",
	    "2ee12ce5875bf9dff26556464bae2ad239d4eef676573336a5c51eb6f946b34d",
	    "e2300459f1e742404cd934d2c595a6253ad4eef676573336a5c51eb6f946b38d"};
	struct public_key k = {.name = "wycheproof"};
	uint8_t sig[SIGNATURE_BYTES];
	struct err e;

	(void)state;
	unhex(k.point, KEY_BYTES,
	    "7d4d0e7f6153a69b6242b522abbee685fda4420f8834b108c3bdae369ef549fa");
	unhex(sig, KEY_BYTES,
	    "7c38e026f29e14aabd059a0f2db8b0cd783040609a8be684db12f82a27774ab0");
	for (size_t i = 0; i < ARRAY_LEN(s); i++) {
		unhex(sig + KEY_BYTES, KEY_BYTES, s[i]);
		assert_int_equal(key_verify(&k, "Test", 4, sig, &e), i ? ERR_LEDGER : 0);
	}
	assert_non_null(strstr(e.msg, "group order"));
}

#define ORDER "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010"
#define ZERO "0000000000000000000000000000000000000000000000000000000000000000"
#define IDENTITY "0100000000000000000000000000000000000000000000000000000000000000"
#define ONES "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"

/* Every pair of these as R and S, under a good key: refused, and no abort. */
static void test_special_signatures(void **state)
{
	static const char *const halves[] = {ZERO, IDENTITY, ORDER, ONES,
	    "ecd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010",
	    "eed3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010",
	    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"};
	CLEANUP_SECRET_KEY struct secret_key *k = from_seed(SEED);
	uint8_t sig[SIGNATURE_BYTES];
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(halves); i++) {
		unhex(sig, KEY_BYTES, halves[i]);
		for (size_t j = 0; j < ARRAY_LEN(halves); j++) {
			unhex(sig + KEY_BYTES, KEY_BYTES, halves[j]);
			assert_int_equal(
			    key_verify(secret_key_public(k), "abc", 3, sig, &e),
			    ERR_LEDGER);
		}
	}
}

/* ---- vetting ---- */

/* key_vet() refuses and key_verify() does not hand the key on either. */
static void refused(const char *hex, const char *rule)
{
	struct public_key k = {.name = "hostile"};
	uint8_t sig[SIGNATURE_BYTES] = {1};
	struct err e = {0};

	unhex(k.point, KEY_BYTES, hex);
	assert_int_equal(key_vet(k.point, &e), ERR_MALFORMED);
	assert_non_null(strstr(e.msg, rule));
	/* R = identity, S = 0: what libgcrypt accepts under one message in eight. */
	for (char c = 'a'; c <= 'p'; c++)
		assert_int_equal(key_verify(&k, &c, 1, sig, &e), ERR_LEDGER);
	assert_int_equal(key_verify(&k, "abc", 3, sig, &e), ERR_LEDGER);
	assert_non_null(strstr(e.msg, "hostile"));
	assert_int_equal(e.code, ERR_LEDGER);
}

static void test_small_order(void **state)
{
	/* The order-4 points, the identity, the order-2 point, the order-8 points; both signs. */
	static const char *const points[] = {ZERO,
	    "0000000000000000000000000000000000000000000000000000000000000080", IDENTITY,
	    "0100000000000000000000000000000000000000000000000000000000000080",
	    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
	    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(points); i++)
		refused(points[i], "small order");
}

/* y = p ... p + 18, each with both signs: second spellings of 0 ... 18. */
static void test_not_canonical(void **state)
{
	(void)state;
	for (unsigned low = 0xed; low <= 0xff; low++) {
		for (unsigned top = 0x7f; top <= 0xff; top += 0x80) {
			uint8_t bytes[KEY_BYTES];
			char hex[2 * KEY_BYTES + 1];

			memset(bytes, 0xff, sizeof(bytes));
			bytes[0] = (uint8_t)low;
			bytes[31] = (uint8_t)top;
			hex_encode(hex, bytes, sizeof(bytes));
			refused(hex, "canonical");
		}
	}
}

/* On the curve and of large order, but libgcrypt 1.10 aborts: x or y below 2^192. */
static void test_small_coordinates(void **state)
{
	static const char *const points[] = {
	    /* y = 3, 4, 9, 2^64, 2^128 + 1, 2^192 - 3; one with each sign */
	    "0300000000000000000000000000000000000000000000000000000000000000",
	    "0300000000000000000000000000000000000000000000000000000000000080",
	    "0400000000000000000000000000000000000000000000000000000000000080",
	    "0900000000000000000000000000000000000000000000000000000000000000",
	    "0000000000000000010000000000000000000000000000000000000000000080",
	    "0100000000000000000000000000000001000000000000000000000000000000",
	    "fdffffffffffffffffffffffffffffffffffffffffffffff0000000000000000",
	    /* x from 1 to 2^192 - 1 */
	    "3126711e11ef574692935381d2cd2bbab5dd113c4010f91fd7c4dd7b12bf431a",
	    "bcd98ee1ee10a8b96d6cac7e2d32d4454a22eec3bfef06e0283b2284ed40bc65",
	    "eb8ffce7fc33540e34909731cab7f7301c7e7d9bea739584e82fa3e0c8f1f7c9",
	    "e24adeb1e8c28f11283ce751d88476b3e099260106525c0a3f8000bc23847c0e",
	    "8908ebec4e21f5c2823c02f520966fce48a5bfb5d477df415ae40969c71f8ab4"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(points); i++)
		refused(points[i], "unnaturally small");
}

/* Their neighbours pass, and libgcrypt copes: y = 2^192 + 7, y = -3, x = -1. */
static void test_just_large_enough(void **state)
{
	static const char *const points[] = {
	    "0700000000000000000000000000000000000000000000000100000000000000",
	    "0900000000000000000000000000000000000000000000000100000000000080",
	    "eaffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	    "eaffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	    "3126711e11ef574692935381d2cd2bbab5dd113c4010f91fd7c4dd7b12bf439a",
	    "0270031803ccabf1cb6f68ce354808cfe3818264158c6a7b17d05c1f370e0836"};
	struct public_key k = {.name = "odd"};
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(points); i++) {
		uint8_t sig[SIGNATURE_BYTES] = {1};

		unhex(k.point, KEY_BYTES, points[i]);
		assert_int_equal(key_vet(k.point, &e), 0);
		assert_int_equal(key_verify(&k, "abc", 3, sig, &e), ERR_LEDGER);
	}
}

/* Half of all y have no x. */
static void test_not_on_curve(void **state)
{
	(void)state;
	refused("0200000000000000000000000000000000000000000000000000000000000000",
	    "not a point");
	refused("0700000000000000000000000000000000000000000000000000000000000080",
	    "not a point");
	refused("ebffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	    "not a point");
}

/* A key's own point with its sign turned over is a point, but another one. */
static void test_random_points(void **state)
{
	unsigned good = 0;

	(void)state;
	for (int i = 0; i < 400; i++) {
		struct public_key k = {.name = "random"};
		uint8_t sig[SIGNATURE_BYTES];
		struct err e;

		crypto_random(k.point, KEY_BYTES);
		crypto_random(sig, SIGNATURE_BYTES);
		sig[63] &= 0x0f;
		if (key_vet(k.point, &e) == 0) {
			good++;
			assert_true(
			    i % 8 || key_verify(&k, "abc", 3, sig, &e) == ERR_LEDGER);
			k.point[31] ^= 0x80;
			assert_int_equal(key_vet(k.point, &e), 0);
		}
	}
	assert_in_range(good, 120, 280); /* 200 with a deviation of 10 */
}

/* ---- names and vkeys ---- */

static void test_names(void **state)
{
	static const char *const bad[] = {"", "A", ".a", "/a", "-a", "_a", "a b", "a+b",
	    "a\n", "a\tb", "a\x7f", "\xc3\xa4", "a:b", "a*"};
	char longest[KEY_NAME_MAX + 2];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(key_name_is_valid(bad[i], strlen(bad[i])));
	assert_false(key_name_is_valid("a\0b", 3));
	assert_true(key_name_is_valid("0", 1));
	assert_true(key_name_is_valid(NAME, strlen(NAME)));
	memset(longest, 'a', sizeof(longest));
	assert_true(key_name_is_valid(longest, KEY_NAME_MAX));
	assert_false(key_name_is_valid(longest, KEY_NAME_MAX + 1));
}

static void test_vkey(void **state)
{
	CLEANUP_SECRET_KEY struct secret_key *k = from_seed(SEED);
	CLEANUP_BUF struct buf text;
	struct public_key parsed;
	struct err e;

	(void)state;
	buf_init(&text, 512);
	assert_int_equal(public_key_format(secret_key_public(k), &text, &e), 0);
	assert_string_equal(text.data, VKEY);
	assert_int_equal(public_key_parse(VKEY, &parsed, &e), 0);
	assert_int_equal(parsed.id, 0x1704497b);
	assert_string_equal(parsed.name, NAME);
	assert_memory_equal(parsed.point, secret_key_public(k)->point, KEY_BYTES);
	/* From c2sp.org/signed-note. */
	assert_int_equal(
	    public_key_parse(
		"example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
		&parsed, &e),
	    0);
}

static void test_vkey_refused(void **state)
{
	static const struct {
		const char *vkey, *rule;
	} cases[] = {
	    {"", "NAME+HASH+BASE64"},
	    {NAME, "NAME+HASH+BASE64"},
	    {"+1704497b+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea",
		"NAME+HASH+BASE64"},
	    {NAME "+", "8 lower-case digits"},
	    {NAME "+1704497b", "8 lower-case digits"},
	    {NAME "+1704497B+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea",
		"8 lower-case digits"},
	    {NAME "+1704497+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea",
		"8 lower-case digits"},
	    {NAME "+1704497b+", "not an Ed25519 key"},
	    {VKEY "\n", "base64"},
	    {VKEY " ", "base64"},
	    {VKEY "AA==", "larger than the 33 bytes"},
	    {NAME "+1704497b+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1E", "base64"},
	    {NAME "+1704497b+BNdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea",
		"not an Ed25519 key"},
	    {NAME "+1704497c+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea",
		"does not belong"},
	    /* Another name with this key's hash: the hash covers the name. */
	    {"build02.ci.example/cache-ledger+1704497b+"
	     "AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea",
		"does not belong"},
	    {"Build+1704497b+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea", "key name"},
	    {"a b+1704497b+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea", "key name"},
	    /* All zero, a point of order 4. */
	    {NAME "+1704497b+AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"small order"},
	};
	struct public_key k;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = {0};

		assert_int_equal(public_key_parse(cases[i].vkey, &k, &e), ERR_MALFORMED);
		assert_non_null(strstr(e.msg, cases[i].rule));
	}
}

static void test_long_vkey(void **state)
{
	char vkey[1000];
	struct public_key k;
	struct err e;

	(void)state;
	for (size_t len = 190; len < 900; len++) {
		memset(vkey, 'a', sizeof(vkey));
		snprintf(vkey + len, sizeof(vkey) - len,
		    "+1704497b+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea");
		assert_int_equal(public_key_parse(vkey, &k, &e), ERR_MALFORMED);
	}
}

static void test_bad_name_makes_no_key(void **state)
{
	struct secret_key *k;
	struct err e;

	(void)state;
	assert_int_equal(secret_key_generate("Not a name", &k, &e), ERR_MALFORMED);
	assert_null(k);
	secret_key_free(NULL);
}

static int setup(void **state)
{
	struct err e;

	(void)state;
	return crypto_init(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rfc8032),
	    cmocka_unit_test(test_many_keys),
	    cmocka_unit_test(test_altered_signature),
	    cmocka_unit_test(test_other_key),
	    cmocka_unit_test(test_malleated),
	    cmocka_unit_test(test_special_signatures),
	    cmocka_unit_test(test_small_order),
	    cmocka_unit_test(test_not_canonical),
	    cmocka_unit_test(test_small_coordinates),
	    cmocka_unit_test(test_just_large_enough),
	    cmocka_unit_test(test_not_on_curve),
	    cmocka_unit_test(test_random_points),
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_vkey),
	    cmocka_unit_test(test_vkey_refused),
	    cmocka_unit_test(test_long_vkey),
	    cmocka_unit_test(test_bad_name_makes_no_key),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
