/* SPDX-License-Identifier: Apache-2.0 */
/* secret.c: secret keys of Ed25519 in locked memory. */
#include "crypto/secret.h"

#include <string.h>
#include <unistd.h>

#include "crypto/key_impl.h"
#include "crypto/number.h"
#include "crypto/secmem.h"

struct secret_key {
	struct public_key public;
	uint8_t *seed; /* KEY_BYTES of secure memory */
};

/*
 * RFC 8032, section 5.1, over libgcrypt's numbers and points. gcry_pk_sign() would do all this, but it
 * takes the key as an S-expression, of which libgcrypt 1.10 leaves copies in ordinary memory, not
 * wiped. A number in secure memory makes everything that is computed from it secure, and
 * multiplies a point in constant time.
 */
#define HASH_BYTES 64
#define GROUP_ORDER "1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed"

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

static int curve_open(struct curve *c, struct err *e)
{
	*c = (struct curve){0};
	if (gcry_mpi_ec_new(&c->ctx, NULL, "Ed25519") ||
	    gcry_mpi_scan(&c->order, GCRYMPI_FMT_HEX, GROUP_ORDER, 0, NULL))
		return err_set(e, ERR_INTERNAL, "libgcrypt has no Ed25519");
	c->base = gcry_mpi_ec_get_point("g", c->ctx, 1);
	return c->base ? 0 : err_set(e, ERR_INTERNAL, "libgcrypt has no base point");
}

static void reverse(uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len / 2; i++) {
		uint8_t byte = bytes[i];

		bytes[i] = bytes[len - 1 - i];
		bytes[len - 1 - i] = byte;
	}
}

/* Little-endian bytes, which are reversed in place; in secure memory the number is, too. */
static gcry_mpi_t take_number(uint8_t *bytes, size_t len)
{
	gcry_mpi_t n = NULL;

	reverse(bytes, len);
	if (gcry_mpi_scan(&n, GCRYMPI_FMT_USG, bytes, len, NULL))
		abort();
	return n;
}

/* 32 little-endian bytes of a number below 2^255. */
static void put_number(gcry_mpi_t n, uint8_t out[static KEY_BYTES])
{
	size_t len = 0;

	memset(out, 0, KEY_BYTES);
	if (gcry_mpi_print(GCRYMPI_FMT_USG, out, KEY_BYTES, &len, n))
		abort();
	reverse(out, len);
}

/* The point n * B in its 32 bytes. */
static void multiply_base(
    const struct curve *c, gcry_mpi_t n, uint8_t out[static KEY_BYTES])
{
	gcry_mpi_point_t point = gcry_mpi_point_new(0);
	CLEANUP_NUMBER gcry_mpi_t x = gcry_mpi_new(0);
	CLEANUP_NUMBER gcry_mpi_t y = gcry_mpi_new(0);

	gcry_mpi_ec_mul(point, n, c->base, c->ctx);
	if (gcry_mpi_ec_get_affine(x, y, point, c->ctx))
		abort(); /* no multiple of the base point is at infinity on this curve */
	put_number(y, out);
	out[KEY_BYTES - 1] |= (uint8_t)(gcry_mpi_test_bit(x, 0) << 7);
	gcry_mpi_point_release(point);
}

struct part {
	const void *data;
	size_t len;
};

/* Also the hash's own state is in secure memory, which gcry_md_hash_buffer() does not promise. */
static int hash(
    uint8_t out[static HASH_BYTES], const struct part *parts, size_t n, struct err *e)
{
	gcry_md_hd_t md;

	if (gcry_md_open(&md, GCRY_MD_SHA512, GCRY_MD_FLAG_SECURE))
		return err_set(e, ERR_INTERNAL, "libgcrypt has no SHA-512");
	for (size_t i = 0; i < n; i++)
		gcry_md_write(md, parts[i].data, parts[i].len);
	memcpy(out, gcry_md_read(md, GCRY_MD_SHA512), HASH_BYTES);
	gcry_md_close(md);
	return 0;
}

/* The secret scalar and the prefix that the seed stands for. */
struct expanded {
	uint8_t *bytes; /* secure */
	gcry_mpi_t scalar;
	const uint8_t *prefix;
};

static void expanded_release(struct expanded *x)
{
	gcry_mpi_release(x->scalar);
	gcry_free(x->bytes);
}

static int expand(
    const uint8_t seed[static KEY_BYTES], struct expanded *out, struct err *e)
{
	const struct part part = {seed, KEY_BYTES};
	int r;

	*out = (struct expanded){.bytes = gcry_xmalloc_secure(HASH_BYTES)};
	r = hash(out->bytes, &part, 1, e);
	if (r)
		return r;
	out->bytes[0] &= 0xf8;
	out->bytes[31] &= 0x7f;
	out->bytes[31] |= 0x40;
	out->scalar = take_number(out->bytes, KEY_BYTES);
	out->prefix = out->bytes + KEY_BYTES;
	return 0;
}

static int derive_point(
    const uint8_t seed[static KEY_BYTES], uint8_t point[static KEY_BYTES], struct err *e)
{
	CLEANUP(expanded_release) struct expanded x = {0};
	CLEANUP(curve_release) struct curve c;
	int r = curve_open(&c, e);

	if (!r)
		r = expand(seed, &x, e);
	if (!r)
		multiply_base(&c, x.scalar, point);
	return r;
}

int secret_key_from_seed(const char *name, const uint8_t seed[static KEY_BYTES],
    struct secret_key **out, struct err *e)
{
	struct secret_key *k = xcalloc(1, sizeof(*k));
	uint8_t point[KEY_BYTES];
	int r;

	*out = NULL;
	r = secmem_prepare(e);
	if (r) {
		free(k);
		return r;
	}
	k->seed = gcry_xmalloc_secure(KEY_BYTES);
	memcpy(k->seed, seed, KEY_BYTES);
	r = derive_point(k->seed, point, e);
	if (!r)
		r = public_key_make(name, point, &k->public, e);
	if (r)
		secret_key_free(k);
	else
		*out = k;
	return r;
}

int secret_key_generate(const char *name, struct secret_key **out, struct err *e)
{
	uint8_t *seed;
	int r = secmem_prepare(e);

	*out = NULL;
	if (r)
		return r;
	seed = gcry_xmalloc_secure(KEY_BYTES);
	/* From the kernel: libgcrypt's generator leaves a part of what it gives in ordinary memory. */
	r = getentropy(seed, KEY_BYTES) ? err_sys(e, "random numbers")
					: secret_key_from_seed(name, seed, out, e);
	gcry_free(seed); /* secure memory is wiped when freed */
	return r;
}

const struct public_key *secret_key_public(const struct secret_key *k)
{
	return &k->public;
}

const uint8_t *secret_key_seed(const struct secret_key *k)
{
	return k->seed;
}

void secret_key_free(struct secret_key *k)
{
	if (!k)
		return;
	gcry_free(k->seed);
	free(k);
}

void secret_key_free_p(struct secret_key **k)
{
	secret_key_free(*k);
	*k = NULL;
}

/* SHA-512 of the parts as a number below the group's order; secure, as the nonce must be. */
static int hash_number(const struct curve *c, const struct part *parts, size_t n,
    gcry_mpi_t *out, struct err *e)
{
	uint8_t *bytes = gcry_xmalloc_secure(HASH_BYTES);
	int r = hash(bytes, parts, n, e);

	if (!r) {
		*out = take_number(bytes, HASH_BYTES);
		gcry_mpi_mod(*out, *out, c->order);
	}
	gcry_free(bytes);
	return r;
}

/* S = nonce + challenge * scalar */
static void make_s(const struct curve *c, gcry_mpi_t nonce, gcry_mpi_t challenge,
    gcry_mpi_t scalar, uint8_t out[static KEY_BYTES])
{
	CLEANUP_NUMBER gcry_mpi_t s = gcry_mpi_snew(0);

	gcry_mpi_mulm(s, challenge, scalar, c->order);
	gcry_mpi_addm(s, s, nonce, c->order);
	put_number(s, out);
}

int key_sign(const struct secret_key *k, const void *msg, size_t len,
    uint8_t sig[static SIGNATURE_BYTES], struct err *e)
{
	CLEANUP(expanded_release) struct expanded x = {0};
	CLEANUP(curve_release) struct curve c;
	CLEANUP_NUMBER gcry_mpi_t nonce = NULL;
	CLEANUP_NUMBER gcry_mpi_t challenge = NULL;
	int r = curve_open(&c, e);

	if (len > KEY_MESSAGE_MAX)
		return err_set(e, ERR_INTERNAL, "message too long to sign");
	if (!r)
		r = expand(k->seed, &x, e);
	if (!r)
		r = hash_number(&c,
		    (const struct part[]){{x.prefix, KEY_BYTES}, {msg, len}}, 2, &nonce,
		    e);
	if (r)
		return r;
	multiply_base(&c, nonce, sig);
	r = hash_number(&c,
	    (const struct part[]){
		{sig, KEY_BYTES}, {k->public.point, KEY_BYTES}, {msg, len}},
	    3, &challenge, e);
	if (!r)
		make_s(&c, nonce, challenge, x.scalar, sig + KEY_BYTES);
	return r;
}
