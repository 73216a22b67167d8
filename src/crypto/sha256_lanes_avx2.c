/* SPDX-License-Identifier: Apache-2.0 */
/* sha256_lanes_avx2.c: eight messages in the lanes of AVX2, see sha256_lanes.h. */
#include "crypto/sha256_many_impl.h"

#ifdef HAVE_X86_LANES
#include <immintrin.h>

#define LANES 8
#define TARGET __attribute__((target("avx2"), always_inline))

typedef __m256i vec;

static inline TARGET vec v_set1(uint32_t x)
{
	return _mm256_set1_epi32((int)x);
}

static inline TARGET void v_store(uint32_t *to, vec x)
{
	_mm256_storeu_si256((vec *)(void *)to, x);
}

static inline TARGET vec v_add(vec x, vec y)
{
	return _mm256_add_epi32(x, y);
}

static inline TARGET vec v_ror(vec x, int n)
{
	return _mm256_or_si256(_mm256_srli_epi32(x, n), _mm256_slli_epi32(x, 32 - n));
}

static inline TARGET vec v_shr(vec x, int n)
{
	return _mm256_srli_epi32(x, n);
}

static inline TARGET vec v_xor(vec x, vec y)
{
	return _mm256_xor_si256(x, y);
}

static inline TARGET vec v_xor3(vec x, vec y, vec z)
{
	return v_xor(v_xor(x, y), z);
}

static inline TARGET vec v_choose(vec x, vec y, vec z)
{
	return v_xor(_mm256_and_si256(v_xor(y, z), x), z);
}

/* The next round's second operand of AND is this one's first. */
static inline TARGET vec v_majority(vec x, vec y, vec z)
{
	return v_xor(_mm256_and_si256(v_xor(x, y), v_xor(y, z)), y);
}

/* 8 words of one lane, big-endian in memory. */
static inline TARGET vec load_half_chunk(const uint8_t *data)
{
	const vec swap = _mm256_broadcastsi128_si256(
	    _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3));

	return _mm256_shuffle_epi8(
	    _mm256_loadu_si256((const vec *)(const void *)data), swap);
}

/* Half q of u[c] becomes the words 4 * q + c of four lanes. */
static inline TARGET void transpose_four(
    const uint8_t *const data[4], size_t at, vec u[4])
{
	vec a = load_half_chunk(data[0] + at), b = load_half_chunk(data[1] + at);
	vec c = load_half_chunk(data[2] + at), d = load_half_chunk(data[3] + at);
	vec ab_lo = _mm256_unpacklo_epi32(a, b), ab_hi = _mm256_unpackhi_epi32(a, b);
	vec cd_lo = _mm256_unpacklo_epi32(c, d), cd_hi = _mm256_unpackhi_epi32(c, d);

	u[0] = _mm256_unpacklo_epi64(ab_lo, cd_lo);
	u[1] = _mm256_unpackhi_epi64(ab_lo, cd_lo);
	u[2] = _mm256_unpacklo_epi64(ab_hi, cd_hi);
	u[3] = _mm256_unpackhi_epi64(ab_hi, cd_hi);
}

#define LOWER_HALVES 0x20 /* of the first and the second */
#define UPPER_HALVES 0x31

static inline TARGET void load_words(
    const uint8_t *const data[LANES], size_t at, vec w[16])
{
	for (int half = 0; half < 2; half++) {
		vec u[2][4];

		for (int i = 0; i < 2; i++)
			transpose_four(data + 4 * i, at + 32 * (size_t)half, u[i]);
		for (int c = 0; c < 4; c++) {
			w[8 * half + c] =
			    _mm256_permute2x128_si256(u[0][c], u[1][c], LOWER_HALVES);
			w[8 * half + 4 + c] =
			    _mm256_permute2x128_si256(u[0][c], u[1][c], UPPER_HALVES);
		}
	}
}

#include "crypto/sha256_lanes.h"

__attribute__((target("avx2"))) void sha256_lanes_avx2(
    const uint8_t *const data[LANES], size_t len, struct digest *const out[LANES])
{
	hash_lanes(data, len, out);
}
#endif
