/* SPDX-License-Identifier: Apache-2.0 */
/* secret.c: secret keys of Ed25519 in locked memory. */
#include "crypto/secret.h"

#include <string.h>

#include "crypto/key_impl.h"
#include "crypto/secmem.h"

struct secret_key {
	struct public_key public;
	uint8_t *seed; /* KEY_BYTES of secure memory */
};

static int derive_point(
    const uint8_t seed[static KEY_BYTES], uint8_t point[static KEY_BYTES], struct err *e)
{
	gcry_sexp_t params = NULL;
	gcry_ctx_t ctx = NULL;
	gcry_mpi_t q = NULL;
	const void *bytes = NULL;
	unsigned bits = 0;

	if (gcry_sexp_build(&params, NULL,
		"(private-key (ecc (curve Ed25519) (flags eddsa) (d %b)))", KEY_BYTES,
		seed) == 0 &&
	    gcry_mpi_ec_new(&ctx, params, NULL) == 0)
		q = gcry_mpi_ec_get_mpi("q@eddsa", ctx, 1);
	if (q)
		bytes = gcry_mpi_get_opaque(q, &bits);
	if (bytes && bits == KEY_BYTES * 8)
		memcpy(point, bytes, KEY_BYTES);
	gcry_mpi_release(q);
	gcry_ctx_release(ctx);
	gcry_sexp_release(params);
	return bits == KEY_BYTES * 8
		   ? 0
		   : err_set(e, ERR_INTERNAL, "libgcrypt cannot derive a public key");
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
	/* From the copy in secure memory: libgcrypt's own copies are then secure, too. */
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
	seed = gcry_random_bytes_secure(KEY_BYTES, GCRY_VERY_STRONG_RANDOM);
	r = secret_key_from_seed(name, seed, out, e);
	gcry_free(seed); /* secure memory is wiped when freed */
	/* So strong a random number makes a collector of jitter that lives on in secure memory. */
	gcry_control(GCRYCTL_CLOSE_RANDOM_DEVICE);
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

/* One half of the signature, left-padded by libgcrypt already: always 32 bytes. */
static bool get_half(gcry_sexp_t sig, const char *name, uint8_t out[static KEY_BYTES])
{
	gcry_sexp_t token = gcry_sexp_find_token(sig, name, 0);
	size_t len = 0;
	const char *bytes = token ? gcry_sexp_nth_data(token, 1, &len) : NULL;
	bool ok = bytes && len == KEY_BYTES;

	if (ok)
		memcpy(out, bytes, KEY_BYTES);
	gcry_sexp_release(token);
	return ok;
}

int key_sign(const struct secret_key *k, const void *msg, size_t len,
    uint8_t sig[static SIGNATURE_BYTES], struct err *e)
{
	gcry_sexp_t key = NULL, data = NULL, out = NULL;
	bool ok;

	if (len > KEY_MESSAGE_MAX)
		return err_set(e, ERR_INTERNAL, "message too long to sign");
	ok = gcry_sexp_build(&key, NULL,
		 "(private-key (ecc (curve Ed25519) (flags eddsa) (q %b) (d %b)))",
		 KEY_BYTES, k->public.point, KEY_BYTES, k->seed) == 0 &&
	     key_build_message(&data, msg, len) == 0 &&
	     gcry_pk_sign(&out, data, key) == 0 && get_half(out, "r", sig) &&
	     get_half(out, "s", sig + KEY_BYTES);
	gcry_sexp_release(out);
	gcry_sexp_release(data);
	gcry_sexp_release(key);
	return ok ? 0 : err_set(e, ERR_INTERNAL, "libgcrypt cannot sign");
}
