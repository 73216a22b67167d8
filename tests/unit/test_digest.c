/* SPDX-License-Identifier: Apache-2.0 */
/* test_digest.c: SHA-256, fs-verity digests as fsverity(1) prints them, keyed sums. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "crypto/digest.h"

static void assert_digest(const struct digest *d, const char *hex)
{
	char got[DIGEST_HEX_LEN + 1];

	digest_hex(d, got);
	assert_string_equal(got, hex);
}

/* The same bytes as in the files that the constants below were made from. */
static uint8_t *random_bytes(size_t len)
{
	uint8_t *data = xmalloc(len);
	uint32_t x = 1;

	for (size_t i = 0; i < len; i++) {
		x = x * 1664525U + 1013904223U;
		data[i] = (uint8_t)(x >> 24);
	}
	return data;
}

/* ---- text ---- */

#define ABC_HEX "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void test_text(void **state)
{
	char text[DIGEST_TEXT_LEN + 1];
	struct digest d, again;

	(void)state;
	sha256("abc", 3, &d);
	digest_text(&d, text);
	assert_string_equal(text, "sha256:" ABC_HEX);
	assert_true(digest_parse_text(text, &again));
	assert_true(digest_equal(&d, &again));
	assert_true(digest_parse_hex(ABC_HEX, &again));
	assert_true(digest_equal(&d, &again));
	for (size_t i = 0; i < DIGEST_BYTES; i++) {
		again = d;
		again.bytes[i] ^= 1;
		assert_false(digest_equal(&d, &again));
		assert_false(digest_is_zero(&again));
	}
	memset(&again, 0, sizeof(again));
	assert_true(digest_is_zero(&again));
	again.bytes[31] = 1;
	assert_false(digest_is_zero(&again));
}

static void test_text_refused(void **state)
{
	static const char *const bad[] = {"", "sha256:", "sha256", ABC_HEX,
	    "sha256:" ABC_HEX "0", "sha256:" ABC_HEX "\n", "SHA256:" ABC_HEX,
	    "sha512:" ABC_HEX, " sha256:" ABC_HEX, "sha256: " ABC_HEX,
	    "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015a",
	    "sha256:BA7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	    "sha256:ga7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"};
	struct digest d;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(digest_parse_text(bad[i], &d));
	assert_false(digest_parse_hex("sha256:" ABC_HEX, &d));
	assert_false(digest_parse_hex(ABC_HEX "0", &d));
	assert_false(digest_parse_hex("", &d));
}

/* ---- SHA-256 ---- */

static void test_sha256(void **state)
{
	CLEANUP_SHA256 struct sha256 *h = sha256_new();
	CLEANUP_FREE uint8_t *data = random_bytes(5000);
	struct digest whole, d;

	(void)state;
	sha256(NULL, 0, &d);
	assert_digest(
	    &d, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	sha256_final(h, &d);
	assert_digest(
	    &d, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	sha256("abc", 3, &d);
	assert_digest(&d, ABC_HEX);

	/* One object, many messages, any pieces. */
	sha256(data, 5000, &whole);
	for (size_t piece = 1; piece < 200; piece += 13) {
		for (size_t at = 0; at < 5000; at += piece)
			sha256_update(
			    h, data + at, 5000 - at < piece ? 5000 - at : piece);
		sha256_final(h, &d);
		assert_true(digest_equal(&d, &whole));
	}
}

/* ---- fs-verity; every constant is what `fsverity digest --compact` printed ---- */

static const struct verity_case {
	size_t len;
	const char *hex;
} verity_cases[] = {
    {0, "3d248ca542a24fc62d1c43b916eae5016878e2533c88238480b26128a1f1af95"},
    {1, "a6617d3c115ea430705cdc6f8a800b2f4e73de2c5cd12e40962f473e1bb72be4"},
    {4095, "6518a8fcdbd51c5093c2e61695a05fd694732e31608ca62ffed50b4ef9414178"},
    {4096, "f0e299ba00645b999247c1b44b0104698b07a07dc58745903cb482f0a3a34d93"},
    {4097, "db901980faf2bbec788ea9b0535ec97b004b20c53cdc87fcb9c7c954b2277e20"},
    {524287, "9f104bb72ed1f36f980ea9f312f55fcf3d93d2a9a752e8f01ec4f264ae5b684a"},
    {524288, "7143a130f6a81b7a5284a1dd811a8d67016b585a18f3d116af6baeaa248f8e60"},
    {524289, "3e229a105759745c258314a99f32873cb61bc969cb97130a49a148ad1340da85"},
    {528384, "cd8c3b900deceec801330a16c296635c7a9bf6753cc4c0d60e8487893ea70d20"},
    {3000001, "78b96b56e0934db0335bb408992c1e13dea4ef562c9569f9435eb1089a839888"},
};

static void feed(struct fsverity *v, const uint8_t *data, size_t len, size_t piece)
{
	for (size_t at = 0; at < len; at += piece)
		fsverity_update(v, data + at, len - at < piece ? len - at : piece);
}

static void test_fsverity(void **state)
{
	static const size_t pieces[] = {17, 4095, 4096, 4097, 8192, 100000, SIZE_MAX / 2};
	CLEANUP_FREE uint8_t *data = random_bytes(3000001);
	struct fsverity *v = fsverity_new();
	struct digest d;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(verity_cases); i++) {
		const struct verity_case *c = &verity_cases[i];

		for (size_t j = 0; j < ARRAY_LEN(pieces); j++) {
			feed(v, data, c->len, pieces[j]);
			fsverity_update(v, data, 0);
			fsverity_final(v, &d);
			assert_digest(&d, c->hex);
		}
	}
	fsverity_free(v);
}

/* Parts give the same digest as the stream, wherever the file ends. */
static void test_fsverity_parts(void **state)
{
	CLEANUP_FREE uint8_t *data = random_bytes(3000001);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(verity_cases); i++) {
		size_t len = verity_cases[i].len, n = 0;
		struct digest parts[6], d;

		if (len <= 4096)
			continue; /* not what fsverity_part() is for */
		for (size_t at = 0; at < len; at += FSVERITY_PART_BYTES)
			fsverity_part(data + at,
			    len - at < FSVERITY_PART_BYTES ? len - at
							   : FSVERITY_PART_BYTES,
			    &parts[n++]);
		fsverity_join(parts, n, len, &d);
		assert_digest(&d, verity_cases[i].hex);
	}
}

/* Many parts: a join of more than one level. */
static void test_fsverity_many_parts(void **state)
{
	enum { N = 128 * 128 + 1 };
	CLEANUP_FREE struct digest *parts = xcalloc(N, sizeof(*parts));
	CLEANUP_FREE uint8_t *zeros = xcalloc(1, FSVERITY_PART_BYTES);
	struct digest d;

	(void)state;
	fsverity_part(zeros, FSVERITY_PART_BYTES, &parts[0]);
	for (size_t i = 1; i < 128; i++)
		parts[i] = parts[0];
	fsverity_part(zeros, 1, &parts[128]);
	fsverity_join(parts, 129, 67108865, &d);
	assert_digest(
	    &d, "be5993679f703697692cc6ce69e480edc9721baff591795438ae8097275c0687");

	/* 8 GiB and one byte, four levels of hashes: as the stream has them. */
	fsverity_part(zeros, FSVERITY_PART_BYTES, &parts[0]);
	for (size_t i = 1; i < N - 1; i++)
		parts[i] = parts[0];
	fsverity_part(zeros, 1, &parts[N - 1]);
	fsverity_join(parts, N, 128ULL * 128 * FSVERITY_PART_BYTES + 1, &d);
	assert_digest(
	    &d, "c9edc0b71ef6a67bebfcb5cbceb13f04da52ea3308cf272cff705cd05161020a");
}

/* Holes take the short cut for zero blocks; the last size is 2 GiB. */
static void test_fsverity_zeros(void **state)
{
	static const struct verity_case cases[] = {
	    {4096, "babc284ee4ffe7f449377fbf6692715b43aec7bc39c094a95878904d34bac97e"},
	    {67108863,
		"557a01c377c1c49801ba57426c654b0349ae6713aae2d8b1033f6609ffd55d79"},
	    {67108864,
		"382b8844ad09fb5f7b53e0fc27413cd4e72f47d69604dac5d4865e609ba33c53"},
	    {67108865,
		"be5993679f703697692cc6ce69e480edc9721baff591795438ae8097275c0687"},
	    {2147483648,
		"396db75bfb3954f908e6f662c2f3d9af9b8b2148eaf600cfcd10b596f5c41173"},
	};
	CLEANUP_FREE uint8_t *zeros = xcalloc(1, 65536);
	struct fsverity *v = fsverity_new();
	struct digest d;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (size_t left = cases[i].len; left > 0;) {
			size_t n = left < 65536 ? left : 65536;

			fsverity_update(v, zeros, n);
			left -= n;
		}
		fsverity_final(v, &d);
		assert_digest(&d, cases[i].hex);
	}
	fsverity_free(v);
}

/* A block that is zero but for one byte must not pass for a hole. */
static void test_fsverity_almost_zero(void **state)
{
	CLEANUP_FREE uint8_t *block = xcalloc(1, 4096);
	struct fsverity *v = fsverity_new();
	struct digest zero, d;

	(void)state;
	fsverity_update(v, block, 4096);
	fsverity_final(v, &zero);
	for (size_t i = 0; i < 4096; i++) {
		block[i] = 0x80;
		fsverity_update(v, block, 4096);
		fsverity_final(v, &d);
		assert_false(digest_equal(&d, &zero));
		block[i] = 0;
	}
	/* Neither may a shorter file: its padding is no content. */
	fsverity_update(v, block, 4095);
	fsverity_final(v, &d);
	assert_false(digest_equal(&d, &zero));
	fsverity_free(v);
}

/* ---- keyed sums ---- */

static bool xxh_equal(struct xxh128 a, struct xxh128 b)
{
	return a.lo == b.lo && a.hi == b.hi;
}

static void test_xxh(void **state)
{
	static const size_t lengths[] = {0, 1, 3, 8, 9, 16, 17, 128, 129, 240, 241, 1000};
	CLEANUP_FREE uint8_t *data = random_bytes(1000);
	struct xxh_key key, other;

	(void)state;
	crypto_random(&key, sizeof(key));
	crypto_random(&other, sizeof(other));
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		size_t len = lengths[i];
		struct xxh128 sum = xxh128_keyed(&key, data, len);

		assert_true(xxh_equal(sum, xxh128_keyed(&key, data, len)));
		assert_false(xxh_equal(sum, xxh128_keyed(&other, data, len)));
		if (len) {
			assert_false(xxh_equal(sum, xxh128_keyed(&key, data, len - 1)));
			data[len - 1] ^= 1;
			assert_false(xxh_equal(sum, xxh128_keyed(&key, data, len)));
			data[len - 1] ^= 1;
		}
	}
}

static void test_random(void **state)
{
	struct digest a = {{0}}, b = {{0}};

	(void)state;
	crypto_random(&a, sizeof(a));
	crypto_random(&b, sizeof(b));
	assert_false(digest_is_zero(&a));
	assert_false(digest_equal(&a, &b));
}

static int setup(void **state)
{
	struct err e;

	(void)state;
	/* Twice, as when two modules ask for it. */
	return crypto_init(&e) || crypto_init(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_text),
	    cmocka_unit_test(test_text_refused),
	    cmocka_unit_test(test_sha256),
	    cmocka_unit_test(test_fsverity),
	    cmocka_unit_test(test_fsverity_parts),
	    cmocka_unit_test(test_fsverity_many_parts),
	    cmocka_unit_test(test_fsverity_zeros),
	    cmocka_unit_test(test_fsverity_almost_zero),
	    cmocka_unit_test(test_xxh),
	    cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
