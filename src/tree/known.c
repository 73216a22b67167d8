/* SPDX-License-Identifier: Apache-2.0 */
/*
 * known.c: see known.h. The bytes are gathered until there is a part of a large file, or small files
 * enough to hash them together. The files are a sorted list: it is made in one go, and then searched.
 */
#include "tree/known.h"

#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "tree/known_find.h"
#include "tree/scrub.h"

#define SHELF 64

struct file {
	uint64_t ino, size;
	struct timespec mtime, ctime;
	uint32_t mode, dev_major, dev_minor;
	struct digest digest;
	struct xxh128 sum;
};

struct known {
	struct timespec moment;
	const struct xxh_key *scrub_key;
	struct file *v;
	size_t n, cap;

	uint8_t *block; /* FSVERITY_PART_BYTES; NULL after known_end() */
	/* The last of v: their bytes are at the start of `block`, not hashed yet. */
	struct fsverity_file shelf[SHELF];
	struct digest digests[SHELF];
	size_t shelved, used; /* whole blocks of the file system */

	/* The file that is read now. */
	struct file now;
	bool wanted;
	uint64_t read;
	size_t gathered; /* at block + used */
	struct digest *parts;
	uint8_t (*sums)[XXH128_BYTES];
	size_t n_parts, cap_parts;
};

struct known *known_new(const struct timespec *moment, const struct xxh_key *scrub_key)
{
	struct known *k = xcalloc(1, sizeof(*k));

	k->moment = *moment;
	k->scrub_key = scrub_key;
	k->block = xmalloc(FSVERITY_PART_BYTES);
	return k;
}

static void free_buffers(struct known *k)
{
	free(take_ptr(k->block));
	free(take_ptr(k->parts));
	free(take_ptr(k->sums));
}

void known_free(struct known *k)
{
	if (!k)
		return;
	free_buffers(k);
	free(k->v);
	free(k);
}

void known_free_p(struct known **k)
{
	known_free(*k);
}

static bool older(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

/* ---- hashing ---- */

static void flush_shelf(struct known *k)
{
	struct file *files;

	if (!k->shelved)
		return;
	files = k->v + (k->n - k->shelved);
	for (size_t i = 0; k->scrub_key && i < k->shelved; i++)
		files[i].sum =
		    scrub_content(k->scrub_key, k->shelf[i].data, k->shelf[i].len);
	fsverity_many(k->shelf, k->shelved);
	for (size_t i = 0; i < k->shelved; i++)
		files[i].digest = k->digests[i];
	k->shelved = 0;
	memmove(k->block, k->block + k->used, k->gathered);
	k->used = 0;
}

/* What is gathered is a part of a file of several. */
static void end_part(struct known *k)
{
	if (k->n_parts == k->cap_parts) {
		k->cap_parts = k->cap_parts ? 2 * k->cap_parts : 64;
		k->parts = xreallocarray(k->parts, k->cap_parts, sizeof(*k->parts));
		k->sums = xreallocarray(k->sums, k->cap_parts, sizeof(*k->sums));
	}
	fsverity_part(k->block, k->gathered, &k->parts[k->n_parts]);
	if (k->scrub_key)
		scrub_part(k->scrub_key, k->block, k->gathered, k->sums[k->n_parts]);
	k->n_parts++;
	k->gathered = 0;
}

static void end_parts(struct known *k)
{
	end_part(k);
	if (k->scrub_key)
		k->now.sum = scrub_join(k->scrub_key, k->sums, k->n_parts);
	fsverity_join(k->parts, k->n_parts, k->now.size, &k->now.digest);
}

/* ---- files ---- */

void known_begin(struct known *k, const struct stat *st)
{
	k->now = (struct file){
	    .ino = st->st_ino,
	    .size = (uint64_t)st->st_size,
	    .mtime = st->st_mtim,
	    .ctime = st->st_ctim,
	    .mode = st->st_mode,
	    .dev_major = major(st->st_dev),
	    .dev_minor = minor(st->st_dev),
	};
	k->wanted = older(&st->st_ctim, &k->moment);
	k->read = 0;
	k->gathered = 0;
	k->n_parts = 0;
}

void known_bytes(struct known *k, const void *data, size_t len)
{
	const uint8_t *p = data;

	if (!k->wanted)
		return;
	k->read += len;
	while (len) {
		size_t room = FSVERITY_PART_BYTES - k->used - k->gathered;
		size_t n = len < room ? len : room;

		memcpy(k->block + k->used + k->gathered, p, n);
		k->gathered += n;
		p += n;
		len -= n;
		/* A file of exactly one part has no parts. */
		if (len && k->used)
			flush_shelf(k);
		else if (len)
			end_part(k);
	}
}

static void shelve(struct known *k)
{
	k->shelf[k->shelved] = (struct fsverity_file){
	    .data = k->block + k->used,
	    .len = k->gathered,
	    .out = &k->digests[k->shelved],
	};
	k->shelved++;
	k->used += (k->gathered + FSVERITY_BLOCK_BYTES - 1) / FSVERITY_BLOCK_BYTES *
		   FSVERITY_BLOCK_BYTES;
	k->gathered = 0;
}

void known_keep(struct known *k)
{
	if (!k->wanted || k->read != k->now.size || !k->read)
		return;
	k->wanted = false;
	/* Of several parts: then the shelf is empty, and what comes behind it in the list is its own. */
	if (k->n_parts)
		end_parts(k);
	else
		shelve(k);
	if (k->n == k->cap) {
		k->cap = k->cap ? 2 * k->cap : 256;
		k->v = xreallocarray(k->v, k->cap, sizeof(*k->v));
	}
	k->v[k->n++] = k->now;
	if (k->shelved == SHELF)
		flush_shelf(k);
}

static int by_ino(const void *a, const void *b)
{
	uint64_t x = ((const struct file *)a)->ino, y = ((const struct file *)b)->ino;

	return x < y ? -1 : x > y;
}

void known_end(struct known *k)
{
	k->gathered = 0;
	flush_shelf(k);
	free_buffers(k);
	k->wanted = false;
	if (k->n)
		qsort(k->v, k->n, sizeof(*k->v), by_ino);
}

static bool same_time(const struct timespec *t, int64_t sec, uint32_t nsec)
{
	return t->tv_sec == sec && t->tv_nsec == (long)nsec;
}

bool known_find(const struct known *k, const struct walk_stat *st, struct digest *digest,
    struct xxh128 *sum)
{
	const struct file wanted = {.ino = st->ino}, *f;

	f = k->n ? bsearch(&wanted, k->v, k->n, sizeof(*k->v), by_ino) : NULL;
	if (!f || f->size != st->size || f->mode != st->mode ||
	    f->dev_major != st->dev_major || f->dev_minor != st->dev_minor ||
	    !same_time(&f->mtime, st->mtime_sec, st->mtime_nsec) ||
	    !same_time(&f->ctime, st->ctime_sec, st->ctime_nsec))
		return false;
	*digest = f->digest;
	*sum = f->sum;
	return true;
}
