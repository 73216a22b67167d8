/* SPDX-License-Identifier: Apache-2.0 */
/* digest.c: see digest.h. */
#include "crypto/digest.h"

#include <gcrypt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/be.h"
#include "base/hex.h"

#define NEED_GCRYPT "1.10.0" /* Ed25519 by curve name, hash contexts on the stack */
#define SECURE_MEMORY_BYTES 32768

#define TEXT_PREFIX "sha256:"
#define TEXT_PREFIX_LEN (sizeof(TEXT_PREFIX) - 1)

static bool memory_is_locked;

int crypto_init(struct err *e)
{
	if (gcry_control(GCRYCTL_INITIALIZATION_FINISHED_P))
		return 0;
	if (!gcry_check_version(NEED_GCRYPT))
		return err_set(e, ERR_INTERNAL, "libgcrypt %s is older than %s",
		    gcry_check_version(NULL), NEED_GCRYPT);
	/* It fails if memory cannot be locked; whoever brings a secret in asks (secmem.h). */
	gcry_control(GCRYCTL_DISABLE_SECMEM_WARN);
	memory_is_locked = gcry_control(GCRYCTL_INIT_SECMEM, SECURE_MEMORY_BYTES, 0) == 0;
	gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
	return 0;
}

bool crypto_memory_is_locked(void)
{
	return memory_is_locked;
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
	return memcmp(a->bytes, b->bytes, DIGEST_BYTES) == 0;
}

bool digest_is_zero(const struct digest *d)
{
	static const struct digest zero;

	return digest_equal(d, &zero);
}

void digest_hex(const struct digest *d, char out[static DIGEST_HEX_LEN + 1])
{
	hex_encode(out, d->bytes, DIGEST_BYTES);
}

void digest_text(const struct digest *d, char out[static DIGEST_TEXT_LEN + 1])
{
	memcpy(out, TEXT_PREFIX, TEXT_PREFIX_LEN);
	digest_hex(d, out + TEXT_PREFIX_LEN);
}

bool digest_parse_hex(const char *hex, struct digest *out)
{
	return hex_decode(out->bytes, DIGEST_BYTES, hex);
}

bool digest_parse_text(const char *text, struct digest *out)
{
	return strncmp(text, TEXT_PREFIX, TEXT_PREFIX_LEN) == 0 &&
	       digest_parse_hex(text + TEXT_PREFIX_LEN, out);
}

/* One message in one call needs no handle: libgcrypt keeps the context on its stack. */
void sha256(const void *data, size_t len, struct digest *out)
{
	gcry_md_hash_buffer(GCRY_MD_SHA256, out->bytes, data, len);
}

struct sha256 {
	gcry_md_hd_t md;
};

struct sha256 *sha256_new(void)
{
	struct sha256 *h = xmalloc(sizeof(*h));

	/* With SHA-256 built in, only memory can be missing: end as xmalloc() would. */
	if (gcry_md_open(&h->md, GCRY_MD_SHA256, 0)) {
		static const char msg[] = "layerseal: libgcrypt cannot make a SHA-256\n";

		(void)!write(STDERR_FILENO, msg, sizeof(msg) - 1);
		_exit(EXIT_INTERNAL);
	}
	return h;
}

void sha256_update(struct sha256 *h, const void *data, size_t len)
{
	gcry_md_write(h->md, data, len);
}

void sha256_final(struct sha256 *h, struct digest *out)
{
	memcpy(out->bytes, gcry_md_read(h->md, GCRY_MD_SHA256), DIGEST_BYTES);
	gcry_md_reset(h->md);
}

void sha256_free(struct sha256 *h)
{
	if (!h)
		return;
	gcry_md_close(h->md);
	free(h);
}

void sha256_free_p(struct sha256 **h)
{
	sha256_free(*h);
}

struct xxh128 xxh128_keyed(const struct xxh_key *key, const void *data, size_t len)
{
	XXH128_hash_t h =
	    XXH3_128bits_withSecret(data, len, key->secret, sizeof(key->secret));

	return (struct xxh128){.lo = h.low64, .hi = h.high64};
}

void xxh128_bytes(const struct xxh128 *h, uint8_t out[static XXH128_BYTES])
{
	be_store64(out, h->hi);
	be_store64(out + 8, h->lo);
}

void xxh_key_derive(const struct xxh_key *from, const char *purpose, struct xxh_key *out)
{
	for (uint8_t i = 0; i < XXH_KEY_BYTES / DIGEST_BYTES; i++) {
		CLEANUP_SHA256 struct sha256 *h = sha256_new();
		struct digest d;

		sha256_update(h, purpose, strlen(purpose) + 1);
		sha256_update(h, &i, 1);
		sha256_update(h, from->secret, sizeof(from->secret));
		sha256_final(h, &d);
		memcpy(out->secret + (size_t)i * DIGEST_BYTES, d.bytes, DIGEST_BYTES);
		explicit_bzero(&d, sizeof(d));
	}
}

void crypto_random(void *out, size_t len)
{
	if (getentropy(out, len))
		abort(); /* a kernel without random numbers */
}
