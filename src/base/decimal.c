/* SPDX-License-Identifier: Apache-2.0 */
/* decimal.c: see decimal.h. */
#include "base/decimal.h"

bool decimal_parse(const char *s, size_t len, uint64_t *out)
{
	uint64_t n = 0;

	if (len == 0 || (s[0] == '0' && len > 1))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9' || __builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(s[i] - '0'), &n))
			return false;
	}
	*out = n;
	return true;
}
