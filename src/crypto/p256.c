/* SPDX-License-Identifier: Apache-2.0 */
/* p256.c: see p256.h. */
#include "crypto/p256.h"

#include <gcrypt.h>
#include <string.h>

#include "crypto/number.h"

#define PRIME "00ffffffff00000001000000000000000000000000ffffffffffffffffffffffff"
#define ORDER "00ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"
#define CURVE_B "5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b"

#define DER_SEQUENCE 0x30
#define DER_INTEGER 0x02

static gcry_mpi_t number(const uint8_t bytes[static P256_BYTES])
{
	gcry_mpi_t n = NULL;

	if (gcry_mpi_scan(&n, GCRYMPI_FMT_USG, bytes, P256_BYTES, NULL))
		abort();
	return n;
}

/* Big endian on both sides: bytes compare as the numbers do. Of a secret this tells only its size. */
bool p256_scalar_is_valid(const uint8_t n[static P256_BYTES])
{
	CLEANUP_NUMBER gcry_mpi_t order = number_of_hex(ORDER);
	uint8_t limit[P256_BYTES], any = 0;

	if (gcry_mpi_print(GCRYMPI_FMT_USG, limit, P256_BYTES, NULL, order))
		abort();
	for (size_t i = 0; i < P256_BYTES; i++)
		any |= n[i];
	return any && memcmp(n, limit, P256_BYTES) < 0;
}

/* y^2 = x^3 - 3x + b, in plain modular arithmetic. The group has no subgroups to beware of. */
int p256_vet(const uint8_t point[static P256_POINT_BYTES], struct err *e)
{
	CLEANUP_NUMBER gcry_mpi_t p = number_of_hex(PRIME);
	CLEANUP_NUMBER gcry_mpi_t right = number_of_hex(CURVE_B);
	CLEANUP_NUMBER gcry_mpi_t x = number(point + 1);
	CLEANUP_NUMBER gcry_mpi_t y = number(point + 1 + P256_BYTES);
	CLEANUP_NUMBER gcry_mpi_t term = gcry_mpi_new(0);

	if (point[0] != P256_UNCOMPRESSED)
		return err_set(e, ERR_MALFORMED, "public key: not an uncompressed point");
	if (gcry_mpi_cmp(x, p) >= 0 || gcry_mpi_cmp(y, p) >= 0)
		return err_set(e, ERR_MALFORMED,
		    "public key: not the canonical spelling of a point");
	gcry_mpi_mulm(term, x, x, p);
	gcry_mpi_sub_ui(term, term, 3);
	gcry_mpi_mulm(term, term, x, p);
	gcry_mpi_addm(right, right, term, p);
	gcry_mpi_mulm(y, y, y, p);
	return gcry_mpi_cmp(y, right) == 0
		   ? 0
		   : err_set(e, ERR_MALFORMED, "public key: not a point of the curve");
}

int p256_verify(const uint8_t point[static P256_POINT_BYTES], const struct digest *hash,
    const uint8_t rs[static 2 * P256_BYTES], struct err *e)
{
	gcry_sexp_t key = NULL, data = NULL, signature = NULL;
	int r = p256_vet(point, e);
	bool ok;

	if (r)
		return r;
	if (!p256_scalar_is_valid(rs) || !p256_scalar_is_valid(rs + P256_BYTES))
		return err_set(e, ERR_MALFORMED,
		    "signature: r or s is not between 0 and the order of the group");
	ok = gcry_sexp_build(&key, NULL,
		 "(public-key (ecc (curve \"NIST P-256\") (q %b)))", P256_POINT_BYTES,
		 point) == 0 &&
	     gcry_sexp_build(&data, NULL, "(data (flags raw) (hash sha256 %b))",
		 DIGEST_BYTES, hash->bytes) == 0 &&
	     gcry_sexp_build(&signature, NULL, "(sig-val (ecdsa (r %b) (s %b)))",
		 P256_BYTES, rs, P256_BYTES, rs + P256_BYTES) == 0 &&
	     gcry_pk_verify(signature, data, key) == 0;
	gcry_sexp_release(signature);
	gcry_sexp_release(data);
	gcry_sexp_release(key);
	return ok ? 0 : err_set(e, ERR_LEDGER, "the signature does not verify");
}

/* ---- DER ---- */

/* No leading zeros but one before a high bit, which would mean a negative number. */
static size_t put_integer(const uint8_t n[static P256_BYTES], uint8_t *der)
{
	size_t skip = 0, len;
	bool high;

	while (skip < P256_BYTES - 1 && n[skip] == 0)
		skip++;
	high = n[skip] & 0x80;
	len = P256_BYTES - skip + high;
	der[0] = DER_INTEGER;
	der[1] = (uint8_t)len;
	der[2] = 0;
	memcpy(der + 2 + high, n + skip, P256_BYTES - skip);
	return 2 + len;
}

size_t p256_to_der(
    const uint8_t rs[static 2 * P256_BYTES], uint8_t der[static P256_DER_MAX])
{
	size_t len = put_integer(rs, der + 2);

	len += put_integer(rs + P256_BYTES, der + 2 + len);
	der[0] = DER_SEQUENCE;
	der[1] = (uint8_t)len;
	return 2 + len;
}

/* Returns how many bytes the INTEGER takes, 0 if there is none of at most P256_BYTES. */
static size_t get_integer(const uint8_t *der, size_t len, uint8_t n[static P256_BYTES])
{
	size_t size, pad;

	if (len < 3 || der[0] != DER_INTEGER || der[1] == 0 || der[1] > len - 2)
		return 0;
	size = der[1];
	pad = der[2] == 0 && size > 1;
	if (size - pad > P256_BYTES)
		return 0;
	memset(n, 0, P256_BYTES - (size - pad));
	memcpy(n + P256_BYTES - (size - pad), der + 2 + pad, size - pad);
	return 2 + size;
}

bool p256_from_der(const uint8_t *der, size_t len, uint8_t rs[static 2 * P256_BYTES])
{
	uint8_t again[P256_DER_MAX];
	size_t first, second;

	if (len < 2 || len > P256_DER_MAX || der[0] != DER_SEQUENCE)
		return false;
	first = get_integer(der + 2, len - 2, rs);
	second =
	    first ? get_integer(der + 2 + first, len - 2 - first, rs + P256_BYTES) : 0;
	/* What is written again must be what was read: so there is one encoding. */
	return second && p256_to_der(rs, again) == len && memcmp(der, again, len) == 0;
}
