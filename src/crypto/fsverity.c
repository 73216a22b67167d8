/* SPDX-License-Identifier: Apache-2.0 */
/* fsverity.c: the fs-verity part of digest.h. */
#include <endian.h>
#include <string.h>

#include "crypto/digest.h"
#include "crypto/sha256_many.h"

#define BLOCK_BYTES FSVERITY_BLOCK_BYTES
#define HASHES_PER_BLOCK (BLOCK_BYTES / DIGEST_BYTES)
/* 2^64 bytes are 2^52 blocks; a level shrinks by 2^7, so 8 levels end with at most one hash. */
#define MAX_LEVELS 9

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
static bool is_hole(const uint8_t *block, struct digest *out)
{
	static const uint8_t zero_block[BLOCK_BYTES];
	static const struct digest zero_hash = {{0xad, 0x7f, 0xac, 0xb2, 0x58, 0x6f, 0xc6,
	    0xe9, 0x66, 0xc0, 0x04, 0xd7, 0xd1, 0xd1, 0x6b, 0x02, 0x4f, 0x58, 0x05, 0xff,
	    0x7c, 0xb4, 0x7c, 0x7a, 0x85, 0xda, 0xbd, 0x8b, 0x48, 0x89, 0x2c, 0xa7}};

	if (block[0] || memcmp(block, zero_block, BLOCK_BYTES) != 0)
		return false;
	*out = zero_hash;
	return true;
}

static void hash_block(const uint8_t *block, struct digest *out)
{
	if (!is_hole(block, out))
		sha256(block, BLOCK_BYTES, out);
}

/* Messages of one length that are hashed together. */
struct queue {
	size_t len;
	size_t n;
	struct sha256_job jobs[64]; /* a multiple of every number of lanes */
};

static void queue_flush(struct queue *q)
{
	sha256_many(q->jobs, q->n, q->len);
	q->n = 0;
}

static void queue_add(struct queue *q, const uint8_t *data, struct digest *out)
{
	q->jobs[q->n++] = (struct sha256_job){.data = data, .out = out};
	if (q->n == ARRAY_LEN(q->jobs))
		queue_flush(q);
}

static void queue_block(struct queue *q, const uint8_t *block, struct digest *out)
{
	if (!is_hole(block, out))
		queue_add(q, block, out);
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

static void add_blocks(struct fsverity *v, const uint8_t *data, size_t n)
{
	struct digest hashes[HASHES_PER_BLOCK];
	struct queue q = {.len = BLOCK_BYTES};

	for (size_t i = 0; i < n; i++)
		queue_block(&q, data + i * BLOCK_BYTES, &hashes[i]);
	queue_flush(&q);
	for (size_t i = 0; i < n; i++)
		add_hash(v, 0, &hashes[i]);
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
	while (len >= BLOCK_BYTES) {
		size_t blocks = len / BLOCK_BYTES;
		size_t n = blocks < HASHES_PER_BLOCK ? blocks : HASHES_PER_BLOCK;

		add_blocks(v, p, n);
		p += n * BLOCK_BYTES;
		len -= n * BLOCK_BYTES;
	}
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

/* The file digest is this one's: it binds the size to the root. */
static struct descriptor describe(const struct digest *root, uint64_t size)
{
	struct descriptor d = {.version = 1,
	    .hash_algorithm = 1,
	    .log_block_bytes = 12,
	    .data_size_le = htole64(size)};

	memcpy(d.root_hash, root->bytes, DIGEST_BYTES);
	return d;
}

static void file_digest(const struct digest *root, uint64_t size, struct digest *out)
{
	struct descriptor d = describe(root, size);

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
	struct queue q = {.len = BLOCK_BYTES};
	struct level l = {.n = 0};
	uint8_t last[BLOCK_BYTES];

	for (; len >= BLOCK_BYTES; p += BLOCK_BYTES, len -= BLOCK_BYTES)
		queue_block(&q, p, &l.hash[l.n++]);
	if (len) {
		memcpy(last, p, len);
		memset(last + len, 0, BLOCK_BYTES - len);
		queue_block(&q, last, &l.hash[l.n++]);
	}
	queue_flush(&q);
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

static size_t block_count(const struct fsverity_file *f)
{
	return (f->len + BLOCK_BYTES - 1) / BLOCK_BYTES;
}

/* `hashes`: of all files' blocks, one file behind the other. */
static void hash_blocks(
    const struct fsverity_file *files, size_t n, struct digest *hashes)
{
	struct queue q = {.len = BLOCK_BYTES};

	for (size_t i = 0; i < n; i++) {
		const struct fsverity_file *f = &files[i];
		size_t blocks = block_count(f);

		memset(f->data + f->len, 0, blocks * BLOCK_BYTES - f->len);
		for (size_t b = 0; b < blocks; b++)
			queue_block(&q, f->data + b * BLOCK_BYTES, hashes++);
	}
	queue_flush(&q);
}

/* The first of a file's hashes becomes its root. What is hashed takes the place of its data. */
static void hash_levels(
    const struct fsverity_file *files, size_t n, struct digest *hashes)
{
	struct queue q = {.len = BLOCK_BYTES};

	for (size_t i = 0; i < n; i++) {
		size_t blocks = block_count(&files[i]), used = blocks * DIGEST_BYTES;

		if (blocks > 1) {
			memcpy(files[i].data, hashes, used);
			memset(files[i].data + used, 0, BLOCK_BYTES - used);
			queue_add(&q, files[i].data, hashes);
		}
		hashes += blocks;
	}
	queue_flush(&q);
}

void fsverity_many(const struct fsverity_file *files, size_t n)
{
	CLEANUP_FREE struct digest *hashes = NULL;
	struct queue q = {.len = sizeof(struct descriptor)};
	size_t total = 0;
	const struct digest *root;

	if (!n)
		return;
	for (size_t i = 0; i < n; i++)
		total += block_count(&files[i]);
	root = hashes = xcalloc(total, sizeof(*hashes));
	hash_blocks(files, n, hashes);
	hash_levels(files, n, hashes);
	for (size_t i = 0; i < n; i++) {
		struct descriptor d = describe(root, files[i].len);

		memcpy(files[i].data, &d, sizeof(d));
		queue_add(&q, files[i].data, files[i].out);
		root += block_count(&files[i]);
	}
	queue_flush(&q);
}
