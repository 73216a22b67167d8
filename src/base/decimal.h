/* SPDX-License-Identifier: Apache-2.0 */
/* decimal.h: the one spelling of a number in the formats of the ledger. */
#ifndef BASE_DECIMAL_H
#define BASE_DECIMAL_H

#include "base/base.h"

/* True for exactly `len` digits without a leading zero, below 2^64; else *out is as it was. */
bool decimal_parse(const char *s, size_t len, uint64_t *out);

#endif
