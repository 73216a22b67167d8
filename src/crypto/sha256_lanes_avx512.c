/* SPDX-License-Identifier: Apache-2.0 */
/* sha256_lanes_avx512.c: sixteen messages in the lanes of AVX-512, see sha256_lanes.h. */
#include "crypto/sha256_many_impl.h"

#ifdef HAVE_X86_LANES
#include <immintrin.h>

#define LANES 16
#define TARGET __attribute__((target("avx512f,avx512bw"), always_inline))

typedef __m512i vec;

/* Bits of the results for all combinations of bits in three operands, see VPTERNLOG. */
#define TABLE_XOR 0x96
#define TABLE_CHOOSE 0xca
#define TABLE_MAJORITY 0xe8

static inline TARGET vec v_set1(uint32_t x)
{
	return _mm512_set1_epi32((int)x);
}

static inline TARGET void v_store(uint32_t *to, vec x)
{
	_mm512_storeu_si512(to, x);
}

static inline TARGET vec v_add(vec x, vec y)
{
	return _mm512_add_epi32(x, y);
}

/* Macros: the count is part of the instruction. */
#define v_ror(x, n) _mm512_ror_epi32(x, n)
#define v_shr(x, n) _mm512_srli_epi32(x, n)

static inline TARGET vec v_xor3(vec x, vec y, vec z)
{
	return _mm512_ternarylogic_epi32(x, y, z, TABLE_XOR);
}

static inline TARGET vec v_choose(vec x, vec y, vec z)
{
	return _mm512_ternarylogic_epi32(x, y, z, TABLE_CHOOSE);
}

static inline TARGET vec v_majority(vec x, vec y, vec z)
{
	return _mm512_ternarylogic_epi32(x, y, z, TABLE_MAJORITY);
}

/* 16 words of one lane, big-endian in memory. */
static inline TARGET vec load_chunk(const uint8_t *data)
{
	const vec swap = _mm512_broadcast_i32x4(
	    _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3));

	return _mm512_shuffle_epi8(_mm512_loadu_si512(data), swap);
}

/* Quarter q of u[c] becomes the words 4 * q + c of four lanes. */
static inline TARGET void transpose_four(
    const uint8_t *const data[4], size_t at, vec u[4])
{
	vec a = load_chunk(data[0] + at), b = load_chunk(data[1] + at);
	vec c = load_chunk(data[2] + at), d = load_chunk(data[3] + at);
	vec ab_lo = _mm512_unpacklo_epi32(a, b), ab_hi = _mm512_unpackhi_epi32(a, b);
	vec cd_lo = _mm512_unpacklo_epi32(c, d), cd_hi = _mm512_unpackhi_epi32(c, d);

	u[0] = _mm512_unpacklo_epi64(ab_lo, cd_lo);
	u[1] = _mm512_unpackhi_epi64(ab_lo, cd_lo);
	u[2] = _mm512_unpacklo_epi64(ab_hi, cd_hi);
	u[3] = _mm512_unpackhi_epi64(ab_hi, cd_hi);
}

#define EVEN_QUARTERS 0x88 /* 0 and 2 of the first, 0 and 2 of the second */
#define ODD_QUARTERS 0xdd

static inline TARGET void load_words(
    const uint8_t *const data[LANES], size_t at, vec w[16])
{
	vec u[4][4];

	for (int i = 0; i < 4; i++)
		transpose_four(data + 4 * i, at, u[i]);
	for (int c = 0; c < 4; c++) {
		vec even_lo = _mm512_shuffle_i32x4(u[0][c], u[1][c], EVEN_QUARTERS);
		vec even_hi = _mm512_shuffle_i32x4(u[2][c], u[3][c], EVEN_QUARTERS);
		vec odd_lo = _mm512_shuffle_i32x4(u[0][c], u[1][c], ODD_QUARTERS);
		vec odd_hi = _mm512_shuffle_i32x4(u[2][c], u[3][c], ODD_QUARTERS);

		w[c] = _mm512_shuffle_i32x4(even_lo, even_hi, EVEN_QUARTERS);
		w[4 + c] = _mm512_shuffle_i32x4(odd_lo, odd_hi, EVEN_QUARTERS);
		w[8 + c] = _mm512_shuffle_i32x4(even_lo, even_hi, ODD_QUARTERS);
		w[12 + c] = _mm512_shuffle_i32x4(odd_lo, odd_hi, ODD_QUARTERS);
	}
}

#include "crypto/sha256_lanes.h"

__attribute__((target("avx512f,avx512bw"))) void sha256_lanes_avx512(
    const uint8_t *const data[LANES], size_t len, struct digest *const out[LANES])
{
	hash_lanes(data, len, out);
}
#endif
