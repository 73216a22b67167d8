/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sha256_lanes_sha.c: two or four messages with the instructions for SHA-256. A message alone waits
 * half of the time for its own previous rounds; the processor does those of the others meanwhile.
 */
#include "crypto/sha256_many_impl.h"

#ifdef HAVE_X86_LANES
#include <immintrin.h>

#define LANES_MAX 4
#define ATTRIBUTES "sha,sse4.1,ssse3"
#define TARGET __attribute__((target(ATTRIBUTES), always_inline))

/* The instructions want the variables a ... h so. */
struct state {
	__m128i abef, cdgh;
};

struct lane {
	struct state s;
	__m128i w[4]; /* the next sixteen words */
};

static inline TARGET __m128i load(const void *at)
{
	return _mm_loadu_si128((const __m128i *)at);
}

/* Four words, big-endian in memory. */
static inline TARGET __m128i load_words(const uint8_t *data)
{
	const __m128i swap =
	    _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);

	return _mm_shuffle_epi8(load(data), swap);
}

static inline TARGET void four_rounds(struct state *s, __m128i words, const uint32_t *k)
{
	__m128i sum = _mm_add_epi32(words, load(k));

	/* Two rounds each; what was a, b, e, f is c, d, g, h then. */
	s->cdgh = _mm_sha256rnds2_epu32(s->cdgh, s->abef, sum);
	s->abef = _mm_sha256rnds2_epu32(s->abef, s->cdgh, _mm_srli_si128(sum, 8));
}

/* w[i] becomes the four words behind the sixteen of all w. */
static inline TARGET void schedule(__m128i w[4], int i)
{
	__m128i next = w[(i + 1) & 3], before_last = w[(i + 2) & 3],
		last = w[(i + 3) & 3];
	__m128i sum = _mm_add_epi32(
	    _mm_sha256msg1_epu32(w[i], next), _mm_alignr_epi8(last, before_last, 4));

	w[i] = _mm_sha256msg2_epu32(sum, last);
}

static inline TARGET void step(struct lane *l, int i, const uint32_t *k, bool go_on)
{
	four_rounds(&l->s, l->w[i], k + 4 * i);
	if (go_on)
		schedule(l->w, i);
}

/* No loops: lanes and words are to be in registers, whatever a compiler thinks of loops. */
static inline TARGET void step_all(
    struct lane l[LANES_MAX], int n, int i, const uint32_t *k, bool go_on)
{
	step(&l[0], i, k, go_on);
	step(&l[1], i, k, go_on);
	if (n == 4) {
		step(&l[2], i, k, go_on);
		step(&l[3], i, k, go_on);
	}
}

static inline TARGET void sixteen_rounds(
    struct lane l[LANES_MAX], int n, const uint32_t *k, bool go_on)
{
	step_all(l, n, 0, k, go_on);
	step_all(l, n, 1, k, go_on);
	step_all(l, n, 2, k, go_on);
	step_all(l, n, 3, k, go_on);
}

static inline TARGET void begin(
    struct lane *l, const struct state *s, const uint8_t *data)
{
	l->s = *s;
	l->w[0] = load_words(data);
	l->w[1] = load_words(data + 16);
	l->w[2] = load_words(data + 32);
	l->w[3] = load_words(data + 48);
}

static inline TARGET void end(const struct lane *l, struct state *s)
{
	s->abef = _mm_add_epi32(s->abef, l->s.abef);
	s->cdgh = _mm_add_epi32(s->cdgh, l->s.cdgh);
}

/* A chunk of each of n messages, 2 or 4. */
static inline TARGET void compress(
    struct state state[LANES_MAX], const uint8_t *const data[], size_t at, int n)
{
	const uint32_t *k = sha256_round_constants;
	struct lane l[LANES_MAX];

	begin(&l[0], &state[0], data[0] + at);
	begin(&l[1], &state[1], data[1] + at);
	if (n == 4) {
		begin(&l[2], &state[2], data[2] + at);
		begin(&l[3], &state[3], data[3] + at);
	}
	sixteen_rounds(l, n, k, true);
	sixteen_rounds(l, n, k + 16, true);
	sixteen_rounds(l, n, k + 32, true);
	sixteen_rounds(l, n, k + 48, false);
	end(&l[0], &state[0]);
	end(&l[1], &state[1]);
	if (n == 4) {
		end(&l[2], &state[2]);
		end(&l[3], &state[3]);
	}
}

static inline TARGET struct state first_state(void)
{
	const uint32_t *h = sha256_initial_state;

	return (struct state){
	    .abef = _mm_set_epi32((int)h[0], (int)h[1], (int)h[4], (int)h[5]),
	    .cdgh = _mm_set_epi32((int)h[2], (int)h[3], (int)h[6], (int)h[7]),
	};
}

static inline TARGET void write_digest(const struct state *s, struct digest *out)
{
	const __m128i reverse =
	    _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
	__m128i abef = _mm_shuffle_epi8(s->abef, reverse),
		cdgh = _mm_shuffle_epi8(s->cdgh, reverse);

	_mm_storeu_si128((__m128i *)(void *)out->bytes, _mm_unpacklo_epi64(abef, cdgh));
	_mm_storeu_si128((__m128i *)(void *)(out->bytes + DIGEST_BYTES / 2),
	    _mm_unpackhi_epi64(abef, cdgh));
}

static inline TARGET void hash_lanes(
    const uint8_t *const data[], size_t len, struct digest *const out[], int n)
{
	const uint8_t *ends[LANES_MAX];
	uint8_t padding[SHA256_CHUNK_BYTES];
	struct state state[LANES_MAX];

	for (int lane = 0; lane < n; lane++) {
		state[lane] = first_state();
		ends[lane] = padding;
	}
	for (size_t at = 0; at < len; at += SHA256_CHUNK_BYTES)
		compress(state, data, at, n);
	sha256_padding(len, padding);
	compress(state, ends, 0, n);
	for (int lane = 0; lane < n; lane++)
		write_digest(&state[lane], out[lane]);
}

__attribute__((target(ATTRIBUTES))) void sha256_lanes_sha_2(
    const uint8_t *const data[2], size_t len, struct digest *const out[2])
{
	hash_lanes(data, len, out, 2);
}

__attribute__((target(ATTRIBUTES))) void sha256_lanes_sha_4(
    const uint8_t *const data[4], size_t len, struct digest *const out[4])
{
	hash_lanes(data, len, out, 4);
}
#endif
