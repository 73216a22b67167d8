/* SPDX-License-Identifier: Apache-2.0 */
/* sha256_many.c: see sha256_many.h. Chooses what the processor does fastest. */
#include "crypto/sha256_many.h"

#include <endian.h>
#include <pthread.h>
#include <string.h>

#include "crypto/sha256_many_impl.h"

#ifdef HAVE_X86_LANES
#include <cpuid.h>

const uint32_t sha256_round_constants[64] = {0x428a2f98, 0x71374491, 0xb5c0fbcf,
    0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01,
    0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1,
    0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351,
    0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb,
    0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819,
    0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5,
    0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814,
    0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

const uint32_t sha256_initial_state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

void sha256_padding(uint64_t len, uint8_t out[SHA256_CHUNK_BYTES])
{
	uint64_t bits = htobe64(len * 8);

	memset(out, 0, SHA256_CHUNK_BYTES);
	out[0] = 0x80;
	memcpy(out + SHA256_CHUNK_BYTES - sizeof(bits), &bits, sizeof(bits));
}

/* `least`: fewer messages are hashed faster in some other way, see tests/bench/hash.c. */
struct lanes {
	sha256_lanes_fn *hash;
	size_t n, least;
};

#define WIDTHS 2
static const struct way {
	const char *name;
	struct lanes widths[WIDTHS]; /* the wider ones first */
} ways[SHA256_WAYS] = {
    [SHA256_LIBGCRYPT] = {.name = "libgcrypt"},
    [SHA256_AVX2] = {"avx2", {{sha256_lanes_avx2, 8, 3}}},
    [SHA256_AVX512] = {"avx512", {{sha256_lanes_avx512, 16, 3}}},
    [SHA256_SHA] = {"sha", {{sha256_lanes_sha_4, 4, 3}, {sha256_lanes_sha_2, 2, 2}}},
};
static enum sha256_way chosen;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static bool has_sha_instructions(void)
{
	unsigned a, b, c, d;

	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA);
}

/* Where the kernel must save wider registers, __builtin_cpu_supports() asks that, too. */
static bool can(enum sha256_way way)
{
	switch (way) {
	case SHA256_AVX2:
		return __builtin_cpu_supports("avx2");
	case SHA256_AVX512:
		return __builtin_cpu_supports("avx512f") &&
		       __builtin_cpu_supports("avx512bw");
	case SHA256_SHA:
		return has_sha_instructions() && __builtin_cpu_supports("sse4.1");
	default:
		return way == SHA256_LIBGCRYPT;
	}
}

/* At most as many as there are lanes; lanes that are left over do some work twice. */
static void hash_in_lanes(
    const struct lanes *lanes, const struct sha256_job *jobs, size_t n, size_t len)
{
	const uint8_t *data[SHA256_LANES_MAX];
	struct digest *out[SHA256_LANES_MAX], unused = {{0}};

	for (size_t i = 0; i < lanes->n; i++) {
		data[i] = jobs[i < n ? i : 0].data;
		out[i] = i < n ? jobs[i].out : &unused;
	}
	lanes->hash(data, len, out);
}

static bool lanes_are_right(const struct lanes *lanes)
{
	enum { LEN = 256 };
	uint8_t text[SHA256_LANES_MAX + LEN];
	struct sha256_job jobs[SHA256_LANES_MAX];
	struct digest got[SHA256_LANES_MAX], expected;

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)(i * i ^ i >> 1);
	for (size_t i = 0; i < SHA256_LANES_MAX; i++)
		jobs[i] = (struct sha256_job){text + i, &got[i]};
	hash_in_lanes(lanes, jobs, lanes->n, LEN);
	for (size_t i = 0; i < lanes->n; i++) {
		sha256(text + i, LEN, &expected);
		if (!digest_equal(&got[i], &expected))
			return false;
	}
	return true;
}

/* A compiler or a machine that gets it wrong must not decide what is sealed. */
static bool is_right(const struct way *way)
{
	for (size_t i = 0; i < WIDTHS; i++) {
		if (way->widths[i].hash && !lanes_are_right(&way->widths[i]))
			return false;
	}
	return true;
}

static void choose(void)
{
	static const enum sha256_way fastest_first[] = {
	    SHA256_SHA, SHA256_AVX512, SHA256_AVX2};

	for (size_t i = 0; i < ARRAY_LEN(fastest_first); i++) {
		if (can(fastest_first[i]) && is_right(&ways[fastest_first[i]])) {
			chosen = fastest_first[i];
			return;
		}
	}
}

enum sha256_way sha256_way_here(void)
{
	pthread_once(&once, choose);
	return chosen;
}

bool sha256_way_use(enum sha256_way way)
{
	pthread_once(&once, choose);
	if (!can(way))
		return false;
	chosen = way;
	return true;
}

const char *sha256_way_name(enum sha256_way way)
{
	return ways[way].name;
}

void sha256_many(const struct sha256_job *jobs, size_t n, size_t len)
{
	const struct way *way = &ways[sha256_way_here()];

	for (size_t i = 0; i < WIDTHS && way->widths[i].hash; i++) {
		const struct lanes *lanes = &way->widths[i];

		while (n >= lanes->least) {
			size_t some = n < lanes->n ? n : lanes->n;

			hash_in_lanes(lanes, jobs, some, len);
			jobs += some;
			n -= some;
		}
	}
	for (; n; jobs++, n--)
		sha256(jobs->data, len, jobs->out);
}

#else

enum sha256_way sha256_way_here(void)
{
	return SHA256_LIBGCRYPT;
}

bool sha256_way_use(enum sha256_way way)
{
	return way == SHA256_LIBGCRYPT;
}

const char *sha256_way_name(enum sha256_way way)
{
	return way == SHA256_LIBGCRYPT ? "libgcrypt" : "none";
}

void sha256_many(const struct sha256_job *jobs, size_t n, size_t len)
{
	for (size_t i = 0; i < n; i++)
		sha256(jobs[i].data, len, jobs[i].out);
}
#endif
