/* SPDX-License-Identifier: Apache-2.0 */
/*
 * p256_secret.c: what p256.h does with secrets: ECDSA (FIPS 186-5, 6.4) with the nonces of RFC 6979, over
 * libgcrypt's numbers and points. gcry_pk_sign() would do all this, but it takes the key as an
 * S-expression, of which libgcrypt 1.10 leaves copies in ordinary memory, not wiped. A number in
 * secure memory makes everything that is computed from it secure, and multiplies a point in steps
 * that do not depend on its bits, only on how many it has.
 */
#include <gcrypt.h>
#include <string.h>

#include "crypto/number.h"
#include "crypto/p256.h"

#define ORDER_BITS 256

struct curve {
	gcry_ctx_t ctx;
	gcry_mpi_point_t base;
	gcry_mpi_t order;
};

static void curve_release(struct curve *c)
{
	gcry_mpi_release(c->order);
	gcry_mpi_point_release(c->base);
	gcry_ctx_release(c->ctx);
}
#define CLEANUP_CURVE CLEANUP(curve_release)

static int curve_open(struct curve *c, struct err *e)
{
	*c = (struct curve){0};
	if (gcry_mpi_ec_new(&c->ctx, NULL, "NIST P-256"))
		return err_set(e, ERR_INTERNAL, "libgcrypt has no P-256");
	c->base = gcry_mpi_ec_get_point("g", c->ctx, 1);
	c->order = gcry_mpi_ec_get_mpi("n", c->ctx, 1);
	return c->base && c->order
		   ? 0
		   : err_set(e, ERR_INTERNAL, "libgcrypt has no base point");
}

/* Secure if the bytes are. */
static gcry_mpi_t number(const uint8_t bytes[static P256_BYTES])
{
	gcry_mpi_t n = NULL;

	if (gcry_mpi_scan(&n, GCRYMPI_FMT_USG, bytes, P256_BYTES, NULL))
		abort();
	return n;
}

static void put_number(gcry_mpi_t n, uint8_t out[static P256_BYTES])
{
	size_t len = 0;

	if (gcry_mpi_print(GCRYMPI_FMT_USG, out, P256_BYTES, &len, n))
		abort();
	memmove(out + P256_BYTES - len, out, len);
	memset(out, 0, P256_BYTES - len);
}

/* n * G, for n from 1 to the order. A multiple of the order is added: so all n have as many bits. */
static void multiply_base(const struct curve *c, gcry_mpi_t n, gcry_mpi_t x, gcry_mpi_t y)
{
	CLEANUP_NUMBER gcry_mpi_t same = gcry_mpi_snew(ORDER_BITS + 1);
	gcry_mpi_point_t point = gcry_mpi_point_new(0);

	gcry_mpi_add(same, n, c->order);
	if (gcry_mpi_get_nbits(same) == ORDER_BITS)
		gcry_mpi_add(same, same, c->order);
	gcry_mpi_ec_mul(point, same, c->base, c->ctx);
	if (gcry_mpi_ec_get_affine(x, y, point, c->ctx))
		abort(); /* no such multiple is at infinity */
	gcry_mpi_point_release(point);
}

int p256_derive(const uint8_t secret[static P256_BYTES],
    uint8_t point[static P256_POINT_BYTES], struct err *e)
{
	CLEANUP_CURVE struct curve c;
	CLEANUP_NUMBER gcry_mpi_t d = number(secret);
	CLEANUP_NUMBER gcry_mpi_t x = gcry_mpi_new(0);
	CLEANUP_NUMBER gcry_mpi_t y = gcry_mpi_new(0);
	int r = curve_open(&c, e);

	if (r)
		return r;
	multiply_base(&c, d, x, y);
	point[0] = P256_UNCOMPRESSED;
	put_number(x, point + 1);
	put_number(y, point + 1 + P256_BYTES);
	return 0;
}

/* ---- RFC 6979, 3.2 ---- */

/* The state of the generator, and what is fed to it; all in secure memory. */
struct generator {
	uint8_t key[DIGEST_BYTES], value[DIGEST_BYTES];
	uint8_t secret[P256_BYTES];
	uint8_t hash[P256_BYTES]; /* below the order */
};

struct part {
	const void *data;
	size_t len;
};

static void hmac(const uint8_t key[static DIGEST_BYTES], const struct part *parts,
    size_t n, uint8_t out[static DIGEST_BYTES])
{
	gcry_md_hd_t md;

	if (gcry_md_open(&md, GCRY_MD_SHA256, GCRY_MD_FLAG_HMAC | GCRY_MD_FLAG_SECURE) ||
	    gcry_md_setkey(md, key, DIGEST_BYTES))
		abort();
	for (size_t i = 0; i < n; i++)
		gcry_md_write(md, parts[i].data, parts[i].len);
	memcpy(out, gcry_md_read(md, GCRY_MD_SHA256), DIGEST_BYTES);
	gcry_md_close(md);
}

static void next_value(struct generator *g)
{
	hmac(g->key, &(const struct part){g->value, DIGEST_BYTES}, 1, g->value);
}

/* Steps d and f, or with `fed` false what is done after a value that will not do. */
static void next_key(struct generator *g, uint8_t mark, bool fed)
{
	const struct part parts[] = {
	    {g->value, DIGEST_BYTES},
	    {&mark, 1},
	    {g->secret, P256_BYTES},
	    {g->hash, P256_BYTES},
	};

	hmac(g->key, parts, fed ? 4 : 2, g->key);
	next_value(g);
}

static struct generator *generator_new(const struct curve *c,
    const uint8_t secret[static P256_BYTES], const struct digest *hash)
{
	struct generator *g = gcry_xmalloc_secure(sizeof(*g));
	CLEANUP_NUMBER gcry_mpi_t h = number(hash->bytes);

	gcry_mpi_mod(h, h, c->order);
	put_number(h, g->hash);
	memcpy(g->secret, secret, P256_BYTES);
	memset(g->key, 0, DIGEST_BYTES);
	memset(g->value, 1, DIGEST_BYTES);
	next_key(g, 0, true);
	next_key(g, 1, true);
	return g;
}

static gcry_mpi_t next_nonce(struct generator *g)
{
	for (;;) {
		next_value(g);
		if (p256_scalar_is_valid(g->value))
			return number(g->value);
		next_key(g, 0, false);
	}
}

/* ---- signing ---- */

/* n^-1, as n^(order - 2), which takes the same steps for every n. */
static gcry_mpi_t invert(const struct curve *c, gcry_mpi_t n)
{
	CLEANUP_NUMBER gcry_mpi_t power = gcry_mpi_snew(ORDER_BITS);
	gcry_mpi_t inverse = gcry_mpi_snew(ORDER_BITS);

	gcry_mpi_sub_ui(power, c->order, 2);
	gcry_mpi_powm(inverse, n, power, c->order);
	return inverse;
}

/* False if another nonce is needed, which nobody will ever see. */
static bool sign_with(const struct curve *c, gcry_mpi_t d, gcry_mpi_t h, gcry_mpi_t nonce,
    uint8_t rs[static 2 * P256_BYTES])
{
	CLEANUP_NUMBER gcry_mpi_t r = gcry_mpi_new(0);
	CLEANUP_NUMBER gcry_mpi_t y = gcry_mpi_new(0);
	CLEANUP_NUMBER gcry_mpi_t s = gcry_mpi_snew(ORDER_BITS);
	CLEANUP_NUMBER gcry_mpi_t inverse = invert(c, nonce);

	multiply_base(c, nonce, r, y);
	gcry_mpi_mod(r, r, c->order);
	gcry_mpi_mulm(s, r, d, c->order);
	gcry_mpi_addm(s, s, h, c->order);
	gcry_mpi_mulm(s, s, inverse, c->order);
	put_number(r, rs);
	put_number(s, rs + P256_BYTES);
	return gcry_mpi_cmp_ui(r, 0) != 0 && gcry_mpi_cmp_ui(s, 0) != 0;
}

int p256_sign(const uint8_t secret[static P256_BYTES], const struct digest *hash,
    uint8_t rs[static 2 * P256_BYTES], struct err *e)
{
	CLEANUP_CURVE struct curve c;
	CLEANUP_NUMBER gcry_mpi_t d = number(secret);
	CLEANUP_NUMBER gcry_mpi_t h = number(hash->bytes);
	struct generator *generator;
	bool done = false;
	int r = curve_open(&c, e);

	if (r)
		return r;
	generator = generator_new(&c, secret, hash);
	while (!done) {
		CLEANUP_NUMBER gcry_mpi_t nonce = next_nonce(generator);

		done = sign_with(&c, d, h, nonce, rs);
	}
	gcry_free(generator);
	return 0;
}
