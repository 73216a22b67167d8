/* SPDX-License-Identifier: Apache-2.0 */
/* wrap.c: see wrap.h. */
#include "crypto/wrap.h"

#include <gcrypt.h>
#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "crypto/secmem.h"

#define FIRST_LINE "layerseal/v1 key\n"
#define KDF "argon2id"
#define CIPHER "chacha20-poly1305"
#define CIPHER_KEY_BYTES 32

const struct wrap_cost wrap_cost_default = {.memory = 65536, .passes = 3, .lanes = 1};

/* ---- text ---- */

static int add_hex(
    struct buf *out, const char *name, const void *data, size_t len, struct err *e)
{
	char hex[2 * sizeof(((struct wrapped_key *)NULL)->seed) + 1];

	hex_encode(hex, data, len);
	return buf_addf(out, e, "%s %s\n", name, hex);
}

/* All that is authenticated beside the seed. */
static int format_header(const struct wrapped_key *w, struct buf *out, struct err *e)
{
	int r = buf_adds(out, FIRST_LINE "vkey ", e);

	if (!r)
		r = public_key_format(&w->public, out, e);
	if (!r)
		r = buf_addf(out, e, "\nkdf " KDF "\nmemory %u\npasses %u\nlanes %u\n",
		    w->cost.memory, w->cost.passes, w->cost.lanes);
	if (!r)
		r = add_hex(out, "salt", w->salt, sizeof(w->salt), e);
	if (!r)
		r = buf_adds(out, "cipher " CIPHER "\n", e);
	return r ? r : add_hex(out, "nonce", w->nonce, sizeof(w->nonce), e);
}

int wrapped_key_format(const struct wrapped_key *w, struct buf *out, struct err *e)
{
	int r = format_header(w, out, e);

	return r ? r : add_hex(out, "seed", w->seed, sizeof(w->seed), e);
}

bool wrapped_key_is(const char *text)
{
	return strncmp(text, FIRST_LINE, strlen(FIRST_LINE)) == 0;
}

/* Takes "NAME VALUE\n" off the front of *rest; *value is a C string in it. */
static int take_line(char **rest, const char *name, char **value, struct err *e)
{
	size_t len = strlen(name);
	char *end = strchr(*rest, '\n');

	if (!end || strncmp(*rest, name, len) != 0 || (*rest)[len] != ' ')
		return err_set(e, ERR_MALFORMED, "no line '%s' where it belongs", name);
	*end = '\0';
	*value = *rest + len + 1;
	*rest = end + 1;
	return 0;
}

static int take_word(char **rest, const char *name, const char *word, struct err *e)
{
	char *value;
	int r = take_line(rest, name, &value, e);

	if (r || strcmp(value, word) == 0)
		return r;
	return err_set(e, ERR_MALFORMED, "%s: only %s is known", name, word);
}

struct range {
	unsigned min, max;
};

static int take_number(
    char **rest, const char *name, struct range range, unsigned *out, struct err *e)
{
	char *value;
	int r = take_line(rest, name, &value, e);

	if (r)
		return r;
	/* At most 8 digits fit in an unsigned; the caller compares the spelling. */
	if (strspn(value, "0123456789") != strlen(value) || strlen(value) > 8)
		return err_set(e, ERR_MALFORMED, "%s: not a number", name);
	*out = (unsigned)strtoul(value, NULL, 10);
	if (*out < range.min || *out > range.max)
		return err_set(e, ERR_MALFORMED, "%s: not from %u to %u", name, range.min,
		    range.max);
	return 0;
}

static int take_hex(char **rest, const char *name, void *out, size_t len, struct err *e)
{
	char *value;
	int r = take_line(rest, name, &value, e);

	if (r || hex_decode(out, len, value))
		return r;
	return err_set(e, ERR_MALFORMED, "%s: not %zu lower-case digits", name, 2 * len);
}

static int take_vkey(char **rest, struct public_key *out, struct err *e)
{
	char *value;
	int r = take_line(rest, "vkey", &value, e);

	return r ? r : public_key_parse(value, out, e);
}

static int take_cost(char **rest, struct wrap_cost *out, struct err *e)
{
	int r = take_number(rest, "memory",
	    (struct range){WRAP_MEMORY_MIN, WRAP_MEMORY_MAX}, &out->memory, e);

	if (!r)
		r = take_number(
		    rest, "passes", (struct range){1, WRAP_PASSES_MAX}, &out->passes, e);
	if (!r)
		r = take_number(
		    rest, "lanes", (struct range){1, WRAP_LANES_MAX}, &out->lanes, e);
	return r;
}

static int check_spelling(const struct wrapped_key *w, const char *text, struct err *e)
{
	CLEANUP_BUF struct buf again;
	int r;

	buf_init(&again, WRAP_TEXT_MAX);
	r = wrapped_key_format(w, &again, e);
	if (r || strcmp(again.data, text) == 0)
		return r;
	return err_set(e, ERR_MALFORMED, "not in its one spelling");
}

int wrapped_key_parse(const char *text, struct wrapped_key *out, struct err *e)
{
	CLEANUP_FREE char *copy = xstrdup(text);
	char *rest = copy + strlen(FIRST_LINE);
	int r;

	if (!wrapped_key_is(text))
		return err_set(e, ERR_MALFORMED, "not a key under a passphrase");
	*out = (struct wrapped_key){0};
	r = take_vkey(&rest, &out->public, e);
	if (!r)
		r = take_word(&rest, "kdf", KDF, e);
	if (!r)
		r = take_cost(&rest, &out->cost, e);
	if (!r)
		r = take_hex(&rest, "salt", out->salt, sizeof(out->salt), e);
	if (!r)
		r = take_word(&rest, "cipher", CIPHER, e);
	if (!r)
		r = take_hex(&rest, "nonce", out->nonce, sizeof(out->nonce), e);
	if (!r)
		r = take_hex(&rest, "seed", out->seed, sizeof(out->seed), e);
	return r ? r : check_spelling(out, text, e);
}

/* ---- cryptography ---- */

/* libgcrypt wipes its working memory, which is too large to be locked. */
static int derive(const struct wrapped_key *w, const struct buf *passphrase,
    struct buf *key, struct err *e)
{
	const unsigned long params[4] = {
	    CIPHER_KEY_BYTES, w->cost.passes, w->cost.memory, w->cost.lanes};
	gcry_kdf_hd_t kdf = NULL;
	gcry_error_t bad = gcry_kdf_open(&kdf, GCRY_KDF_ARGON2, GCRY_KDF_ARGON2ID, params,
	    4, passphrase->data, passphrase->len, w->salt, sizeof(w->salt), NULL, 0, NULL,
	    0);

	if (!bad)
		bad = gcry_kdf_compute(kdf, NULL);
	if (!bad)
		bad = gcry_kdf_final(kdf, CIPHER_KEY_BYTES, key->data);
	if (kdf)
		gcry_kdf_close(kdf);
	if (bad)
		return err_set(e, ERR_IO, "argon2id with %u KiB: %s", w->cost.memory,
		    gcry_strerror(bad));
	key->len = CIPHER_KEY_BYTES;
	return 0;
}

/* The cipher with its key, its nonce and the header in it. */
static int start_cipher(const struct wrapped_key *w, const struct buf *passphrase,
    gcry_cipher_hd_t *out, struct err *e)
{
	CLEANUP_SECRET_BUF struct buf key;
	CLEANUP_BUF struct buf header;
	gcry_error_t bad;
	int r;

	secret_buf_init(&key, CIPHER_KEY_BYTES);
	buf_init(&header, WRAP_TEXT_MAX);
	r = format_header(w, &header, e);
	if (!r)
		r = derive(w, passphrase, &key, e);
	if (r)
		return r;
	bad = gcry_cipher_open(
	    out, GCRY_CIPHER_CHACHA20, GCRY_CIPHER_MODE_POLY1305, GCRY_CIPHER_SECURE);
	if (!bad)
		bad = gcry_cipher_setkey(*out, key.data, key.len);
	if (!bad)
		bad = gcry_cipher_setiv(*out, w->nonce, sizeof(w->nonce));
	if (!bad)
		bad = gcry_cipher_authenticate(*out, header.data, header.len);
	return bad ? err_set(e, ERR_INTERNAL, CIPHER ": %s", gcry_strerror(bad)) : 0;
}

static void close_cipher(gcry_cipher_hd_t *cipher)
{
	gcry_cipher_close(*cipher);
}

int key_wrap(const struct secret_key *k, const struct buf *passphrase,
    const struct wrap_cost *cost, struct wrapped_key *out, struct err *e)
{
	CLEANUP(close_cipher) gcry_cipher_hd_t cipher = NULL;
	int r;

	*out = (struct wrapped_key){.public = *secret_key_public(k), .cost = *cost};
	crypto_random(out->salt, sizeof(out->salt));
	crypto_random(out->nonce, sizeof(out->nonce));
	r = start_cipher(out, passphrase, &cipher, e);
	if (r)
		return r;
	if (gcry_cipher_encrypt(
		cipher, out->seed, KEY_BYTES, secret_key_seed(k), KEY_BYTES) ||
	    gcry_cipher_gettag(cipher, out->seed + KEY_BYTES, WRAP_TAG_BYTES))
		return err_set(e, ERR_INTERNAL, "libgcrypt cannot encrypt");
	return 0;
}

int key_unwrap(const struct wrapped_key *w, const struct buf *passphrase,
    struct secret_key **out, struct err *e)
{
	CLEANUP(close_cipher) gcry_cipher_hd_t cipher = NULL;
	CLEANUP_SECRET_BUF struct buf seed;
	bool good;
	int r;

	*out = NULL;
	secret_buf_init(&seed, KEY_BYTES);
	r = start_cipher(w, passphrase, &cipher, e);
	if (r)
		return r;
	good =
	    gcry_cipher_decrypt(cipher, seed.data, KEY_BYTES, w->seed, KEY_BYTES) == 0 &&
	    gcry_cipher_checktag(cipher, w->seed + KEY_BYTES, WRAP_TAG_BYTES) == 0;
	if (good)
		r = secret_key_from_seed(
		    w->public.name, (const uint8_t *)seed.data, out, e);
	if (r)
		return r;
	/* The tag binds the public key; this one is for whoever wrapped a wrong one knowingly. */
	if (good && public_key_equal(secret_key_public(*out), &w->public))
		return 0;
	secret_key_free_p(out);
	return err_set(
	    e, ERR_REFUSED, "the passphrase is wrong, or the file was changed");
}
