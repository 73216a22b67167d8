/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sha256_lanes.h: FIPS 180-4's SHA-256 in the lanes of vectors, whatever vectors. Inside
 * sha256_lanes_*.c only, once in each, which defines before:
 *   LANES      how many messages, a multiple of 8
 *   TARGET     attribute of functions that may use the instructions
 *   vec        LANES 32-bit words
 *   v_set1(), v_load(), v_store(), v_add(), v_ror(), v_shr(), v_xor3(), v_choose() (bits of the
 *              first choose), v_majority()
 *   load_words(data, at, w): word i of the 64 bytes at data[lane] + at into lane `lane` of w[i]
 */
#ifndef CRYPTO_SHA256_LANES_H
#define CRYPTO_SHA256_LANES_H

#include <endian.h>
#include <string.h>

#include "crypto/sha256_many_impl.h"

#define WORD_BYTES 4
#define STATE_WORDS 8

/*
 * Round j of 16, the working variables a ... h being v[-j] ... v[7 - j] (modulo 8): they change
 * places by name. The indexes are constants, so that v and w stay in registers.
 */
#define VAR(letter, j) v[((letter) - (j)) & 7]
#define ROUND(j)                                                                         \
	do {                                                                             \
		vec e_ = VAR(4, j), a_ = VAR(0, j);                                      \
		vec t_ = v_add(v_add(VAR(7, j), v_add(w[j], v_set1(k[j]))),              \
		    v_add(v_xor3(v_ror(e_, 6), v_ror(e_, 11), v_ror(e_, 25)),            \
			v_choose(e_, VAR(5, j), VAR(6, j))));                            \
		VAR(3, j) = v_add(VAR(3, j), t_);                                        \
		VAR(7, j) =                                                              \
		    v_add(t_, v_add(v_xor3(v_ror(a_, 2), v_ror(a_, 13), v_ror(a_, 22)),  \
				  v_majority(a_, VAR(1, j), VAR(2, j))));                \
	} while (0)

/* The same word of the next 16. */
#define SCHEDULE(j)                                                                      \
	do {                                                                             \
		vec x_ = w[((j) + 1) & 15], y_ = w[((j) + 14) & 15];                     \
		w[j] = v_add(v_add(w[j], w[((j) + 9) & 15]),                             \
		    v_add(v_xor3(v_ror(x_, 7), v_ror(x_, 18), v_shr(x_, 3)),             \
			v_xor3(v_ror(y_, 17), v_ror(y_, 19), v_shr(y_, 10))));           \
	} while (0)

#define ROUND_AND_SCHEDULE(j)                                                            \
	ROUND(j);                                                                        \
	SCHEDULE(j)
#define SIXTEEN(step)                                                                    \
	step(0);                                                                         \
	step(1);                                                                         \
	step(2);                                                                         \
	step(3);                                                                         \
	step(4);                                                                         \
	step(5);                                                                         \
	step(6);                                                                         \
	step(7);                                                                         \
	step(8);                                                                         \
	step(9);                                                                         \
	step(10);                                                                        \
	step(11);                                                                        \
	step(12);                                                                        \
	step(13);                                                                        \
	step(14);                                                                        \
	step(15)

/* Uses w up. */
static inline TARGET void compress(vec state[STATE_WORDS], vec w[16])
{
	const uint32_t *k = sha256_round_constants;
	vec v[STATE_WORDS];

	for (int i = 0; i < STATE_WORDS; i++)
		v[i] = state[i];
	SIXTEEN(ROUND_AND_SCHEDULE);
	k += 16;
	SIXTEEN(ROUND_AND_SCHEDULE);
	k += 16;
	SIXTEEN(ROUND_AND_SCHEDULE);
	k += 16;
	SIXTEEN(ROUND);
	for (int i = 0; i < STATE_WORDS; i++)
		state[i] = v_add(state[i], v[i]);
}

static inline TARGET void write_digests(
    const vec state[STATE_WORDS], struct digest *const out[LANES])
{
	uint32_t words[STATE_WORDS][LANES];

	for (int i = 0; i < STATE_WORDS; i++)
		v_store(words[i], state[i]);
	for (int lane = 0; lane < LANES; lane++) {
		for (int i = 0; i < STATE_WORDS; i++) {
			uint32_t be = htobe32(words[i][lane]);

			memcpy(out[lane]->bytes + i * WORD_BYTES, &be, WORD_BYTES);
		}
	}
}

/* LANES messages of `len` bytes, a multiple of SHA256_CHUNK_BYTES. */
static inline TARGET void hash_lanes(
    const uint8_t *const data[LANES], size_t len, struct digest *const out[LANES])
{
	const uint8_t *ends[LANES];
	uint8_t padding[SHA256_CHUNK_BYTES];
	vec state[STATE_WORDS], w[16];

	sha256_padding(len, padding);
	for (int lane = 0; lane < LANES; lane++)
		ends[lane] = padding;
	for (int i = 0; i < STATE_WORDS; i++)
		state[i] = v_set1(sha256_initial_state[i]);
	for (size_t at = 0; at < len; at += SHA256_CHUNK_BYTES) {
		load_words(data, at, w);
		compress(state, w);
	}
	load_words(ends, 0, w);
	compress(state, w);
	write_digests(state, out);
}

#endif
