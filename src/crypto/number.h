/* SPDX-License-Identifier: Apache-2.0 */
/* number.h: libgcrypt's numbers as this folder owns them. */
#ifndef CRYPTO_NUMBER_H
#define CRYPTO_NUMBER_H

#include <gcrypt.h>

#include "base/base.h"

static inline void number_release(gcry_mpi_t *n)
{
	gcry_mpi_release(*n);
}
#define CLEANUP_NUMBER CLEANUP(number_release)

/* A constant: what is not hexadecimal is a bug. */
static inline gcry_mpi_t number_of_hex(const char *hex)
{
	gcry_mpi_t n = NULL;

	if (gcry_mpi_scan(&n, GCRYMPI_FMT_HEX, hex, 0, NULL))
		abort();
	return n;
}

#endif
