/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_sha256_many.c: every way of hashing many messages that this processor has, against libgcrypt;
 * and fs-verity digests in every way, against a tree that is built here level by level.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "crypto/sha256_many.h"

#define BLOCK FSVERITY_BLOCK_BYTES

/* Calls `test` in every way there is; the first failure names it. */
static void in_every_way(void (*test)(void))
{
	enum sha256_way here = sha256_way_here();

	for (enum sha256_way way = 0; way < SHA256_WAYS; way++) {
		if (!sha256_way_use(way)) {
			print_message(
			    "# not on this processor: %s\n", sha256_way_name(way));
			continue;
		}
		print_message("# %s\n", sha256_way_name(way));
		test();
	}
	assert_true(sha256_way_use(here));
}

static uint8_t *random_bytes(size_t len)
{
	uint8_t *data = xmalloc(len);

	for (size_t at = 0; at < len; at += 256)
		crypto_random(data + at, len - at < 256 ? len - at : 256);
	return data;
}

/* ---- many messages ---- */

#define MESSAGES 40
#define STRIDE (BLOCK + 61) /* no message is aligned as the one before */

static const uint8_t *messages;

static void check_many(size_t n, size_t len)
{
	struct digest got[MESSAGES + 1], expected, untouched;
	struct sha256_job jobs[MESSAGES] = {0};

	memset(&untouched, 0x5a, sizeof(untouched));
	for (size_t i = 0; i <= n; i++)
		got[i] = untouched;
	for (size_t i = 0; i < n; i++)
		jobs[i] = (struct sha256_job){messages + i * STRIDE, &got[i]};
	sha256_many(jobs, n, len);
	for (size_t i = 0; i < n; i++) {
		sha256(messages + i * STRIDE, len, &expected);
		assert_true(digest_equal(&got[i], &expected));
	}
	assert_true(digest_equal(&got[n], &untouched));
}

static void check_numbers_and_lengths(void)
{
	for (size_t n = 0; n <= MESSAGES; n++) {
		check_many(n, 64);
		check_many(n, 256);
		check_many(n, BLOCK);
	}
	/* Every number of chunks; lengths whose bits need another byte. */
	for (size_t len = 64; len <= BLOCK; len += 64)
		check_many(17, len);
}

static void test_many(void **state)
{
	CLEANUP_FREE uint8_t *data = random_bytes(MESSAGES * STRIDE);

	(void)state;
	messages = data;
	in_every_way(check_numbers_and_lengths);
}

/* A length of many bytes. All lanes read the same ones. */
static void check_long(void)
{
	enum { LEN = 8 << 20 };
	CLEANUP_FREE uint8_t *data = xmalloc(LEN);
	struct digest got[3], expected;
	struct sha256_job jobs[] = {{data, &got[0]}, {data, &got[1]}, {data, &got[2]}};

	for (size_t i = 0; i < LEN; i++)
		data[i] = (uint8_t)(i * i >> 7 ^ i);
	sha256(data, LEN, &expected);
	sha256_many(jobs, 3, LEN);
	for (size_t i = 0; i < 3; i++)
		assert_true(digest_equal(&got[i], &expected));
}

static void test_long(void **state)
{
	(void)state;
	in_every_way(check_long);
}

/* Words with all bits set carry through every addition. */
static void check_extremes(void)
{
	static uint8_t data[16][BLOCK];
	struct digest got[16], expected;
	struct sha256_job jobs[16];

	for (size_t i = 0; i < 16; i++) {
		memset(data[i], i % 2 ? 0xff : 0, BLOCK);
		data[i][i * 255] ^= (uint8_t)(1U << i / 2);
		jobs[i] = (struct sha256_job){data[i], &got[i]};
	}
	sha256_many(jobs, 16, BLOCK);
	for (size_t i = 0; i < 16; i++) {
		sha256(data[i], BLOCK, &expected);
		assert_true(digest_equal(&got[i], &expected));
	}
}

static void test_extremes(void **state)
{
	(void)state;
	in_every_way(check_extremes);
}

/* ---- fs-verity ---- */

#define DATA_BYTES (130 * BLOCK)

static const uint8_t *content;

/* As fsverity.rst says it: hash all blocks, then all blocks of hashes, until one is left. */
static struct digest plain_fsverity(const uint8_t *data, size_t len)
{
	uint8_t descriptor[256] = {1, 1, 12};
	uint8_t *level = xmalloc(len + BLOCK);
	size_t used = len;
	struct digest out;

	memcpy(level, data, len);
	do {
		size_t blocks = (used + BLOCK - 1) / BLOCK;

		memset(level + used, 0, blocks * BLOCK - used);
		for (size_t i = 0; i < blocks; i++) {
			sha256(level + i * BLOCK, BLOCK, &out);
			memcpy(level + i * DIGEST_BYTES, &out, DIGEST_BYTES);
		}
		used = blocks * DIGEST_BYTES;
	} while (used > DIGEST_BYTES);
	free(level);
	for (size_t i = 0; i < 8; i++)
		descriptor[8 + i] = (uint8_t)((uint64_t)len >> 8 * i);
	memcpy(descriptor + 16, &out, DIGEST_BYTES);
	sha256(descriptor, sizeof(descriptor), &out);
	return out;
}

static void check_whole(size_t len, const struct digest *expected)
{
	struct fsverity *v = fsverity_new();
	struct digest d;

	fsverity_update(v, content, len);
	fsverity_final(v, &d);
	assert_true(digest_equal(&d, expected));
	/* With a border in the middle of a block. */
	fsverity_update(v, content, len / 2);
	fsverity_update(v, content + len / 2, len - len / 2);
	fsverity_final(v, &d);
	assert_true(digest_equal(&d, expected));
	fsverity_free(v);
}

static void check_in_parts(size_t len, const struct digest *expected)
{
	struct digest parts[2], d;
	size_t first = len < FSVERITY_PART_BYTES ? len : FSVERITY_PART_BYTES;

	/* A file of one block has no level of hashes and thus no parts. */
	if (len <= BLOCK)
		return;
	fsverity_part(content, first, &parts[0]);
	if (len > first)
		fsverity_part(content + first, len - first, &parts[1]);
	fsverity_join(parts, len > first ? 2 : 1, len, &d);
	assert_true(digest_equal(&d, expected));
}

static void check_alone(size_t len, const struct digest *expected)
{
	CLEANUP_FREE uint8_t *data = xmalloc(len + BLOCK);
	struct digest d;
	struct fsverity_file f = {.data = data, .len = len, .out = &d};

	if (len > FSVERITY_PART_BYTES)
		return;
	/* What was behind it before is no content. */
	memset(data, 0xee, len + BLOCK);
	memcpy(data, content, len);
	fsverity_many(&f, 1);
	assert_true(digest_equal(&d, expected));
}

static void check_borders(void)
{
	static const size_t blocks[] = {
	    1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 63, 64, 65, 127, 128, 129};
	static const int around[] = {-4095, -1, 0, 1, 64};

	for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
		for (size_t j = 0; j < ARRAY_LEN(around); j++) {
			size_t len = blocks[i] * BLOCK + (size_t)around[j];
			struct digest expected = plain_fsverity(content, len);

			check_whole(len, &expected);
			check_in_parts(len, &expected);
			check_alone(len, &expected);
		}
	}
}

static void test_fsverity_borders(void **state)
{
	CLEANUP_FREE uint8_t *data = random_bytes(DATA_BYTES);

	(void)state;
	content = data;
	in_every_way(check_borders);
}

/* Files of many lengths in one buffer, holes among them. */
static void check_files(size_t n, size_t longest)
{
	CLEANUP_FREE uint8_t *buffer = xmalloc(DATA_BYTES + n * BLOCK);
	struct fsverity_file files[64] = {0};
	struct digest got[64], expected[64];
	size_t used = 0, i;

	memset(buffer, 0xee, DATA_BYTES + n * BLOCK);
	for (i = 0; i < n; i++) {
		size_t len = 1 + (i * 7919 + 4093) % longest;

		if (used + len > DATA_BYTES)
			break;
		files[i] = (struct fsverity_file){buffer + used, len, &got[i]};
		memcpy(buffer + used, content + i, len);
		if (i % 5 == 1)
			memset(buffer + used, 0, len);
		if (i % 5 == 2 && len > BLOCK)
			memset(buffer + used, 0, BLOCK);
		expected[i] = plain_fsverity(buffer + used, len);
		used += (len + BLOCK - 1) / BLOCK * BLOCK;
	}
	fsverity_many(files, i);
	while (i--)
		assert_true(digest_equal(&got[i], &expected[i]));
}

static void check_mixtures(void)
{
	for (size_t n = 0; n <= 20; n++)
		check_files(n, 3 * BLOCK);
	check_files(64, BLOCK);
	check_files(64, 2 * BLOCK + 17);
	check_files(64, 40 * BLOCK);
}

static void test_fsverity_files(void **state)
{
	CLEANUP_FREE uint8_t *data = random_bytes(DATA_BYTES);

	(void)state;
	content = data;
	in_every_way(check_mixtures);
}

/* libgcrypt's way is always there, and no other number is. */
static void test_ways(void **state)
{
	enum sha256_way here = sha256_way_here();

	(void)state;
	assert_true(here < SHA256_WAYS);
	assert_false(sha256_way_use(SHA256_WAYS));
	assert_true(sha256_way_here() == here);
	assert_true(sha256_way_use(SHA256_LIBGCRYPT));
	assert_true(sha256_way_here() == SHA256_LIBGCRYPT);
	assert_true(sha256_way_use(here));
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
	    cmocka_unit_test(test_ways),
	    cmocka_unit_test(test_many),
	    cmocka_unit_test(test_long),
	    cmocka_unit_test(test_extremes),
	    cmocka_unit_test(test_fsverity_borders),
	    cmocka_unit_test(test_fsverity_files),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
