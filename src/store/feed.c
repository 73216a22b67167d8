/* SPDX-License-Identifier: Apache-2.0 */
/* feed.c: see feed.h. */
#include "store/feed.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "store/expect.h"
#include "store/identity_internal.h"

/* Less room than this is not worth a read(2). */
#define READ_MIN 4096U
/* Zeros for bodies that are missing: enough for real files, not for any size a line can state. */
#define ZEROS_MAX (UINT64_C(4) << 30)

struct block {
	uint8_t
	    *data; /* the bytes and strings of its pieces; never moves while it has any */
	size_t used, cap;
	struct feed_piece *pieces;
	size_t n, cap_pieces;
	int rc; /* ends the feed, after the pieces */
	struct err err;
};

struct feed {
	struct feed_options o;
	struct fsverity *verity; /* NULL if not asked for */
	uint64_t zeros;		 /* handed out so far */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct block blocks[FEED_BLOCKS];
	/* Under the lock: blocks handed over and given back, both ever growing. */
	size_t produced, consumed;
	bool stop;
	/* The producer's and the consumer's own. */
	struct block *filling, *reading;
	size_t next; /* piece of `reading` */
};

/* --- producer ----------------------------------------------------------------------------- */

/* False if the consumer wants no more. */
static bool next_block(struct feed *f)
{
	bool stop;

	pthread_mutex_lock(&f->lock);
	while (!f->stop && f->produced - f->consumed == FEED_BLOCKS)
		pthread_cond_wait(&f->changed, &f->lock);
	f->filling = &f->blocks[f->produced % FEED_BLOCKS];
	stop = f->stop;
	pthread_mutex_unlock(&f->lock);
	f->filling->used = 0;
	f->filling->n = 0;
	f->filling->rc = 0;
	return !stop;
}

static void hand_over(struct feed *f)
{
	pthread_mutex_lock(&f->lock);
	f->produced++;
	pthread_cond_signal(&f->changed);
	pthread_mutex_unlock(&f->lock);
}

/* Room for n bytes in the block being filled; NULL if the consumer wants no more. */
static uint8_t *room(struct feed *f, size_t n)
{
	struct block *b = f->filling;

	if (b->n && b->used + n > b->cap) {
		hand_over(f);
		if (!next_block(f))
			return NULL;
		b = f->filling;
	}
	if (n > b->cap) {
		free(b->data);
		b->cap = n < FEED_BLOCK_BYTES ? FEED_BLOCK_BYTES : n;
		b->data = xmalloc(b->cap);
	}
	return b->data + b->used;
}

static struct feed_piece *piece(struct feed *f, enum feed_kind kind, size_t used)
{
	struct block *b = f->filling;

	if (b->n == b->cap_pieces) {
		b->cap_pieces = b->cap_pieces ? 2 * b->cap_pieces : 64;
		b->pieces = xreallocarray(b->pieces, b->cap_pieces, sizeof(*b->pieces));
	}
	b->pieces[b->n] = (struct feed_piece){.kind = kind};
	b->used += used;
	return &b->pieces[b->n++];
}

static bool put_segment(struct feed *f, const struct tarsplit_entry *entry)
{
	uint8_t *data = room(f, entry->len);
	struct feed_piece *p;

	if (!data)
		return false;
	memcpy(data, entry->bytes, entry->len);
	p = piece(f, FEED_SEGMENT, entry->len);
	p->data = data;
	p->len = entry->len;
	return true;
}

static bool put_file(struct feed *f, const struct tarsplit_entry *entry, const char *path,
    const char *missing)
{
	size_t name_len = strlen(entry->name) + 1, path_len = strlen(path) + 1,
	       missing_len = missing ? strlen(missing) + 1 : 0;
	char *text = (char *)room(f, name_len + path_len + missing_len);
	struct feed_piece *p;

	if (!text)
		return false;
	memcpy(text, entry->name, name_len);
	memcpy(text + name_len, path, path_len);
	p = piece(f, FEED_FILE, name_len + path_len + missing_len);
	p->name = text;
	p->path = text + name_len;
	p->size = entry->size;
	if (missing) {
		memcpy(text + name_len + path_len, missing, missing_len);
		p->missing = text + name_len + path_len;
	}
	return true;
}

/* fd -1: zeros. *go false if the consumer wants no more. */
static int put_some(
    struct feed *f, int fd, const char *path, uint64_t *left, bool *go, struct err *e)
{
	uint8_t *data = room(f, *left < READ_MIN ? (size_t)*left : READ_MIN);
	struct feed_piece *p;
	size_t want, got;

	*go = data != NULL;
	if (!data)
		return 0;
	want = f->filling->cap - f->filling->used;
	want = *left < want ? (size_t)*left : want;
	got = want;
	if (fd < 0)
		memset(data, 0, want);
	else if (fs_read_up_to(fd, data, want, &got))
		return err_sys(e, "cannot read %s", path);
	if (got != want)
		return err_set(e, ERR_CHANGED, "%s changed while it was read", path);
	p = piece(f, FEED_BODY, want);
	p->data = data;
	p->len = want;
	if (f->verity && fd >= 0)
		fsverity_update(f->verity, data, want);
	if (f->o.known && fd >= 0)
		known_bytes(f->o.known, data, want);
	*left -= want;
	return 0;
}

/* Puts the digest of the body behind its last piece, in the same block. */
static bool put_verity(struct feed *f)
{
	struct digest digest;
	uint8_t *data;
	struct feed_piece *p;

	fsverity_final(f->verity, &digest);
	data = room(f, sizeof(digest));
	if (!data)
		return false;
	memcpy(data, &digest, sizeof(digest));
	p = piece(f, FEED_BODY, sizeof(digest));
	p->verity = (const struct digest *)data;
	return true;
}

static int put_body(struct feed *f, const struct tarsplit_entry *entry, const char *path,
    bool *go, struct err *e)
{
	CLEANUP_FD int fd = -1;
	uint64_t left = entry->size;
	struct stat st;
	struct err why;
	int r = 0;

	identity_open_body(f->o.tree_fd, path, entry->size, &fd, &st, &why);
	*go = put_file(f, entry, path,
	    fd >= 0			? NULL
	    : why.code == ERR_NOT_FOUND ? "nothing"
					: why.msg);
	if (f->o.known && fd >= 0)
		known_begin(f->o.known, &st);
	if (fd >= 0 && entry->size > FEED_BLOCK_BYTES)
		posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	if (fd < 0 && entry->size > ZEROS_MAX - f->zeros)
		return err_set(e, ERR_MALFORMED, "too much is missing: %s", path);
	f->zeros += fd < 0 ? entry->size : 0;
	while (!r && left && *go)
		r = put_some(f, fd, path, &left, go, e);
	if (r || fd < 0 || !*go)
		return r;
	if (f->verity)
		*go = put_verity(f);
	r = identity_unchanged(fd, &st, path, e);
	if (!r && f->o.known)
		known_keep(f->o.known);
	return r;
}

static int produce(struct feed *f, struct err *e)
{
	char path[EXPECT_PATH_MAX];
	struct tarsplit_entry entry;
	bool end = false, go = next_block(f), absolute;
	int r = 0;

	while (!r && go) {
		r = tarsplit_next(f->o.lines, &entry, &end, e);
		if (r || end)
			break;
		if (entry.type == TARSPLIT_SEGMENT) {
			go = entry.len == 0 || put_segment(f, &entry);
			continue;
		}
		r = expect_clean(entry.name, path, &absolute, e);
		if (r)
			break;
		if (entry.size)
			r = put_body(f, &entry, path, &go, e);
		else
			go = put_file(f, &entry, path, NULL);
	}
	return r;
}

static void *run(void *arg)
{
	struct feed *f = arg;
	struct err e;
	int r = produce(f, &e);

	f->filling->rc = r;
	if (r)
		f->filling->err = e;
	else
		piece(f, FEED_END, 0);
	hand_over(f);
	return NULL;
}

/* --- consumer ----------------------------------------------------------------------------- */

static void feed_free(struct feed *f)
{
	for (size_t i = 0; i < FEED_BLOCKS; i++) {
		free(f->blocks[i].data);
		free(f->blocks[i].pieces);
	}
	if (f->verity)
		fsverity_free(f->verity);
	pthread_cond_destroy(&f->changed);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

int feed_start(const struct feed_options *o, struct feed **out, struct err *e)
{
	struct feed *f = xcalloc(1, sizeof(*f));

	f->o = *o;
	f->verity = o->verity ? fsverity_new() : NULL;
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->changed, NULL);
	errno = pthread_create(&f->thread, NULL, run, f);
	if (errno) {
		err_sys(e, "cannot start a thread");
		feed_free(f);
		return ERR_IO;
	}
	*out = f;
	return 0;
}

static void give_back(struct feed *f)
{
	pthread_mutex_lock(&f->lock);
	f->consumed++;
	pthread_cond_signal(&f->changed);
	pthread_mutex_unlock(&f->lock);
}

int feed_next(struct feed *f, struct feed_piece *out, struct err *e)
{
	while (!f->reading || f->next == f->reading->n) {
		if (f->reading && f->reading->rc) {
			*e = f->reading->err;
			return f->reading->rc;
		}
		if (f->reading)
			give_back(f);
		pthread_mutex_lock(&f->lock);
		while (f->produced == f->consumed)
			pthread_cond_wait(&f->changed, &f->lock);
		f->reading = &f->blocks[f->consumed % FEED_BLOCKS];
		pthread_mutex_unlock(&f->lock);
		f->next = 0;
	}
	*out = f->reading->pieces[f->next];
	/* The end stays the next piece for ever. */
	f->next += out->kind != FEED_END;
	return 0;
}

void feed_stop(struct feed *f)
{
	if (!f)
		return;
	pthread_mutex_lock(&f->lock);
	f->stop = true;
	pthread_cond_signal(&f->changed);
	pthread_mutex_unlock(&f->lock);
	pthread_join(f->thread, NULL);
	feed_free(f);
}
