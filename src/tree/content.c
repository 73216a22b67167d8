/* SPDX-License-Identifier: Apache-2.0 */
/*
 * content.c: digests of regular files, see pipeline.h. A file of more than one part is hashed by
 * whoever has time: fs-verity's tree makes its parts independent.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "tree/pipeline.h"
#include "tree/scrub.h"

/* Bounds the memory for parts (32 bytes each) against sparse giants: that is ext4's limit too. */
#define CONTENT_BYTES_MAX (UINT64_C(1) << 44)

static int read_bytes(
    struct content *c, int fd, uint64_t offset, size_t len, struct err *e)
{
	uint8_t *to = c->block + c->used;

	for (size_t got = 0; got < len;) {
		ssize_t n = pread(fd, to + got, len - got, (off_t)(offset + got));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, "cannot read it");
		if (n == 0)
			return err_set(e, ERR_CHANGED, "it shrank while it was read");
		got += (size_t)n;
	}
	if (c->p->opt->progress)
		progress_add(&c->p->opt->progress->bytes_done, len);
	return 0;
}

/* Locked: takes a part of `b`, hashes it unlocked. */
static void hash_part(struct content *c, struct big *b)
{
	struct pipeline *p = c->p;
	uint64_t part = b->next++;
	uint64_t offset = part * CONTENT_PART_BYTES;
	uint64_t left = b->size - offset;
	size_t len = left < CONTENT_PART_BYTES ? (size_t)left : CONTENT_PART_BYTES;
	struct err e;
	int r;

	pthread_mutex_unlock(&p->lock);
	r = read_bytes(c, b->fd, offset, len, &e);
	if (!r && b->parts)
		fsverity_part(c->block, len, &b->parts[part]);
	if (!r && b->sums)
		scrub_part(p->opt->scrub_key, c->block, len, b->sums[part]);
	pthread_mutex_lock(&p->lock);
	b->finished++;
	if (r && !b->rc) {
		b->rc = r;
		b->err = e;
		/* Nobody needs the parts that were not taken. */
		b->n_parts = b->next;
	}
	if (b->finished == b->n_parts)
		pthread_cond_broadcast(&p->part_done);
}

bool content_help(struct content *c)
{
	for (struct big *b = c->p->bigs; b; b = b->link) {
		if (b->next < b->n_parts) {
			hash_part(c, b);
			return true;
		}
	}
	return false;
}

static void unlink_big(struct pipeline *p, const struct big *b)
{
	struct big **at = &p->bigs;

	while (*at != b)
		at = &(*at)->link;
	*at = b->link;
}

/* With whoever has time. */
static int hash_parts(struct content *c, struct big *b, struct err *e)
{
	struct pipeline *p = c->p;

	(void)posix_fadvise(b->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	pthread_mutex_lock(&p->lock);
	b->link = p->bigs;
	p->bigs = b;
	pthread_cond_broadcast(&p->work);
	while (b->next < b->n_parts && !p->stop)
		hash_part(c, b);
	if (b->next < b->n_parts) {
		b->rc = err_set(&b->err, ERR_INTERNAL, "stopped");
		b->n_parts = b->next;
	}
	/* Helpers may have parts in hand. */
	while (b->finished < b->n_parts)
		pthread_cond_wait(&p->part_done, &p->lock);
	unlink_big(p, b);
	pthread_mutex_unlock(&p->lock);
	if (b->rc)
		*e = b->err;
	return b->rc;
}

static int hash_big(struct content *c, int fd, struct entry *x, struct err *e)
{
	const struct tree_options *opt = c->p->opt;
	CLEANUP_FREE struct digest *parts = NULL;
	CLEANUP_FREE uint8_t(*sums)[XXH128_BYTES] = NULL;
	struct big b = {.fd = fd, .size = x->st.size};
	int r;

	if (b.size > CONTENT_BYTES_MAX)
		return err_set(e, ERR_IO, "it is larger than 16 TiB");
	b.n_parts = (b.size + CONTENT_PART_BYTES - 1) / CONTENT_PART_BYTES;
	if (!opt->scrub_only)
		b.parts = parts = xcalloc(b.n_parts, sizeof(*parts));
	if (opt->scrub_key)
		b.sums = sums = xcalloc(b.n_parts, sizeof(*sums));
	r = hash_parts(c, &b, e);
	if (r)
		return r;
	if (sums)
		x->sum = scrub_join(opt->scrub_key, sums, b.n_parts);
	if (parts)
		fsverity_join(parts, b.n_parts, b.size, &x->digest);
	return 0;
}

int content_read(struct content *c, int fd, struct entry *x, struct err *e)
{
	uint64_t size = x->st.size;

	c->last.len = 0;
	/* The digest must be of the device's bytes, not of what the page cache remembers. */
	if (c->p->opt->fresh)
		(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	if (c->shelved == BATCH_ENTRIES || size > CONTENT_PART_BYTES - c->used)
		content_flush(c);
	if (size > CONTENT_PART_BYTES)
		return hash_big(c, fd, x, e);
	c->last = (struct fsverity_file){
	    .data = c->block + c->used, .len = (size_t)size, .out = &x->digest};
	c->last_sum = &x->sum;
	return read_bytes(c, fd, 0, (size_t)size, e);
}

void content_keep(struct content *c)
{
	if (!c->last.len)
		return;
	c->sums[c->shelved] = c->last_sum;
	c->shelf[c->shelved++] = c->last;
	c->used += (c->last.len + FSVERITY_BLOCK_BYTES - 1) / FSVERITY_BLOCK_BYTES *
		   FSVERITY_BLOCK_BYTES;
	c->last.len = 0;
}

void content_flush(struct content *c)
{
	const struct tree_options *opt = c->p->opt;

	for (size_t i = 0; opt->scrub_key && i < c->shelved; i++)
		*c->sums[i] =
		    scrub_content(opt->scrub_key, c->shelf[i].data, c->shelf[i].len);
	if (!opt->scrub_only)
		fsverity_many(c->shelf, c->shelved);
	c->shelved = c->used = 0;
}
