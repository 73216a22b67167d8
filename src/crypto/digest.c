/* SPDX-License-Identifier: Apache-2.0 */
/* digest.c: see digest.h. */
#include "crypto/digest.h"

#include <endian.h>
#include <gcrypt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/hex.h"

#define NEED_GCRYPT "1.10.0" /* Ed25519 by curve name, hash contexts on the stack */
#define SECURE_MEMORY_BYTES 32768

#define TEXT_PREFIX "sha256:"
#define TEXT_PREFIX_LEN (sizeof(TEXT_PREFIX) - 1)

#define BLOCK_BYTES 4096
#define HASHES_PER_BLOCK (BLOCK_BYTES / DIGEST_BYTES)
/* 2^64 bytes are 2^52 blocks; a level shrinks by 2^7, so 8 levels end with at most one hash. */
#define MAX_LEVELS 9

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

/*
 * The Merkle tree, grown from the left. level[0] takes the hashes of data blocks, level[i + 1]
 * the hashes of level i's full blocks. A full block is passed on only when one more hash
 * arrives, because it is the last block of its level if none does.
 */
struct fsverity {
	uint64_t size;	/* bytes fed */
	size_t pending; /* bytes in `block`, less than a block */
	unsigned depth; /* levels that took a hash */
	struct level {
		unsigned n; /* hashes in use */
		struct digest hash[HASHES_PER_BLOCK];
	} level[MAX_LEVELS];
	uint8_t block[BLOCK_BYTES];
};

/* The bytes that are hashed in the end, in the layout of <linux/fsverity.h>. */
struct descriptor {
	uint8_t version;
	uint8_t hash_algorithm;
	uint8_t log_block_bytes;
	uint8_t salt_len;
	uint32_t reserved_sig_len;
	uint64_t data_size_le;
	uint8_t root_hash[64];
	uint8_t salt[32];
	uint8_t reserved[144];
};
_Static_assert(sizeof(struct descriptor) == 256, "fs-verity descriptor has 256 bytes");

/* Holes of sparse files are common and read as zeros: their hash is known. */
static void hash_block(const uint8_t *block, struct digest *out)
{
	static const uint8_t zero_block[BLOCK_BYTES];
	static const struct digest zero_hash = {{0xad, 0x7f, 0xac, 0xb2, 0x58, 0x6f, 0xc6,
	    0xe9, 0x66, 0xc0, 0x04, 0xd7, 0xd1, 0xd1, 0x6b, 0x02, 0x4f, 0x58, 0x05, 0xff,
	    0x7c, 0xb4, 0x7c, 0x7a, 0x85, 0xda, 0xbd, 0x8b, 0x48, 0x89, 0x2c, 0xa7}};

	if (block[0] == 0 && memcmp(block, zero_block, BLOCK_BYTES) == 0)
		*out = zero_hash;
	else
		sha256(block, BLOCK_BYTES, out);
}

/* Hashes a level's block, its unused rest being zero, and empties it. */
static void close_level(struct level *l, struct digest *out)
{
	memset(&l->hash[l->n], 0, (HASHES_PER_BLOCK - l->n) * sizeof(l->hash[0]));
	sha256(l->hash, BLOCK_BYTES, out);
	l->n = 0;
}

static void add_hash(struct fsverity *v, unsigned at, const struct digest *hash)
{
	struct digest carry = *hash;

	for (; v->level[at].n == HASHES_PER_BLOCK; at++) {
		struct digest mine = carry;

		close_level(&v->level[at], &carry);
		v->level[at].hash[v->level[at].n++] = mine;
	}
	v->level[at].hash[v->level[at].n++] = carry;
	if (v->depth <= at)
		v->depth = at + 1;
}

static void add_block(struct fsverity *v, const uint8_t *block)
{
	struct digest hash;

	hash_block(block, &hash);
	add_hash(v, 0, &hash);
}

struct fsverity *fsverity_new(void)
{
	return xcalloc(1, sizeof(struct fsverity));
}

/* Copies `len` bytes behind the pending ones; the block that gets full is added. */
static void add_pending(struct fsverity *v, const uint8_t *data, size_t len)
{
	memcpy(v->block + v->pending, data, len);
	v->pending += len;
	if (v->pending == BLOCK_BYTES) {
		add_block(v, v->block);
		v->pending = 0;
	}
}

void fsverity_update(struct fsverity *v, const void *data, size_t len)
{
	const uint8_t *p = data;

	v->size += len;
	if (v->pending && len) {
		size_t missing = BLOCK_BYTES - v->pending;
		size_t n = len < missing ? len : missing;

		add_pending(v, p, n);
		p += n;
		len -= n;
	}
	for (; len >= BLOCK_BYTES; p += BLOCK_BYTES, len -= BLOCK_BYTES)
		add_block(v, p);
	if (len)
		add_pending(v, p, len);
}

/* The one hash that is left when every level is closed; zero for an empty file. */
static void tree_root(struct fsverity *v, struct digest *root)
{
	*root = (struct digest){{0}};
	for (unsigned i = 0; i < v->depth; i++) {
		struct level *l = &v->level[i];

		if (i + 1 == v->depth && l->n == 1) {
			*root = l->hash[0];
			return;
		}
		close_level(l, root);
		add_hash(v, i + 1, root);
	}
}

/* The file digest binds the size to the root. */
static void file_digest(const struct digest *root, uint64_t size, struct digest *out)
{
	struct descriptor d = {.version = 1,
	    .hash_algorithm = 1,
	    .log_block_bytes = 12,
	    .data_size_le = htole64(size)};

	memcpy(d.root_hash, root->bytes, DIGEST_BYTES);
	sha256(&d, sizeof(d), out);
}

void fsverity_final(struct fsverity *v, struct digest *out)
{
	struct digest root;

	if (v->pending) {
		memset(v->block + v->pending, 0, BLOCK_BYTES - v->pending);
		add_block(v, v->block);
	}
	tree_root(v, &root);
	file_digest(&root, v->size, out);

	for (unsigned i = 0; i < v->depth; i++)
		v->level[i].n = 0;
	v->depth = 0;
	v->pending = 0;
	v->size = 0;
}

void fsverity_free(struct fsverity *v)
{
	free(v);
}

void fsverity_part(const void *data, size_t len, struct digest *out)
{
	const uint8_t *p = data;
	struct level l = {.n = 0};

	for (; len >= BLOCK_BYTES; p += BLOCK_BYTES, len -= BLOCK_BYTES)
		hash_block(p, &l.hash[l.n++]);
	if (len) {
		uint8_t last[BLOCK_BYTES] = {0};

		memcpy(last, p, len);
		hash_block(last, &l.hash[l.n++]);
	}
	close_level(&l, out);
}

void fsverity_join(struct digest *parts, size_t n, uint64_t size, struct digest *out)
{
	/* Level by level in place: a block's hash lands before the next block's first one. */
	while (n > 1) {
		size_t blocks = 0;

		for (size_t i = 0; i < n; i += HASHES_PER_BLOCK) {
			size_t left = n - i;
			struct level l;

			l.n = left < HASHES_PER_BLOCK ? (unsigned)left : HASHES_PER_BLOCK;
			memcpy(l.hash, parts + i, l.n * sizeof(l.hash[0]));
			close_level(&l, &parts[blocks++]);
		}
		n = blocks;
	}
	file_digest(&parts[0], size, out);
}

struct xxh128 xxh128_keyed(const struct xxh_key *key, const void *data, size_t len)
{
	XXH128_hash_t h =
	    XXH3_128bits_withSecret(data, len, key->secret, sizeof(key->secret));

	return (struct xxh128){.lo = h.low64, .hi = h.high64};
}

void crypto_random(void *out, size_t len)
{
	if (getentropy(out, len))
		abort(); /* a kernel without random numbers */
}
