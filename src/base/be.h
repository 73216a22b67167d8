/* SPDX-License-Identifier: Apache-2.0 */
/* be.h: big-endian integers, whose bytes sort as the numbers do. */
#ifndef BASE_BE_H
#define BASE_BE_H

#include "base/base.h"

static inline void be_store(uint8_t *out, size_t bytes, uint64_t n)
{
	while (bytes-- > 0) {
		out[bytes] = (uint8_t)n;
		n >>= 8;
	}
}

static inline uint64_t be_load(const void *data, size_t bytes)
{
	const uint8_t *in = data;
	uint64_t n = 0;

	for (size_t i = 0; i < bytes; i++)
		n = n << 8 | in[i];
	return n;
}

static inline void be_store64(uint8_t out[static 8], uint64_t n)
{
	be_store(out, 8, n);
}

static inline void be_store32(uint8_t out[static 4], uint32_t n)
{
	be_store(out, 4, n);
}

static inline uint64_t be_load64(const void *data)
{
	return be_load(data, 8);
}

static inline uint32_t be_load32(const void *data)
{
	return (uint32_t)be_load(data, 4);
}

#endif
