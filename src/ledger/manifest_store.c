/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest_store.c: manifests by their SHA-256. The digest is known only at the end, so a writer
 * keeps compressed chunks until then: in memory while they fit into one frame to the keeper, else in
 * an unnamed file of the ledger's directory.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/fs.h"
#include "base/hex.h"
#include "ledger/ledger_impl.h"

/* Listings are repetitive: the fastest level finds nearly everything. */
#define COMPRESSION_LEVEL 1
#define FRAME_BYTES (WIRE_MAX_BYTES / 2)

/* Chunks that travel together, and are stored in one transaction. */
struct frame {
	uint32_t first; /* index of its first chunk */
	size_t len;
};

struct manifest_writer {
	struct keeper *keeper;
	int dirfd;
	struct sha256 *hash;
	uint64_t bytes;	   /* of text, so far */
	struct buf plain;  /* of the chunk being filled */
	struct buf packed; /* chunks of the frame being filled */
	uint32_t first;	   /* index of its first chunk */
	uint32_t chunks;   /* so far */
	int spill_fd;	   /* frames before it, -1 if there is none */
	struct frame *frames;
	size_t n_frames;
};

struct manifest_writer *manifest_writer_into(struct keeper *k, int dirfd)
{
	struct manifest_writer *w = xcalloc(1, sizeof(*w));

	w->keeper = k;
	w->dirfd = dirfd;
	w->hash = sha256_new();
	w->spill_fd = -1;
	buf_init(&w->plain, KEEPER_CHUNK_BYTES);
	buf_init(&w->packed, WIRE_MAX_BYTES);
	return w;
}

int manifest_writer_new(struct ledger *l, struct manifest_writer **out, struct err *e)
{
	*out = NULL;
	if (!ledger_writable(l))
		return err_set(e, ERR_REFUSED, "the ledger cannot be written");
	*out = manifest_writer_into(l->keeper, l->dirfd);
	return 0;
}

void manifest_writer_free(struct manifest_writer *w)
{
	if (!w)
		return;
	base_close_p(&w->spill_fd);
	sha256_free(w->hash);
	buf_release(&w->plain);
	buf_release(&w->packed);
	free(w->frames);
	free(w);
}

static int spill_error(struct err *e)
{
	return err_sys(e, "ledger: a temporary file for a manifest");
}

/* Not every file system can make a file without a name; there it has one for a moment. */
static int open_spill(int dirfd, int *out_fd, struct err *e)
{
	char name[sizeof(".manifest-") + 16] = ".manifest-";
	uint8_t random[8];

	*out_fd = openat(dirfd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (*out_fd >= 0)
		return 0;
	crypto_random(random, sizeof(random));
	hex_encode(name + strlen(name), random, sizeof(random));
	*out_fd =
	    openat(dirfd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (*out_fd < 0 || unlinkat(dirfd, name, 0))
		return spill_error(e);
	return 0;
}

static int spill(struct manifest_writer *w, struct err *e)
{
	if (w->spill_fd < 0 && open_spill(w->dirfd, &w->spill_fd, e))
		return e->code;
	if (fs_write_all(w->spill_fd, w->packed.data, w->packed.len, e))
		return err_wrap(e, "ledger: a temporary file for a manifest");
	w->frames = xreallocarray(w->frames, w->n_frames + 1, sizeof(*w->frames));
	w->frames[w->n_frames++] = (struct frame){w->first, w->packed.len};
	w->first = w->chunks;
	buf_clear(&w->packed);
	return 0;
}

static int end_chunk(struct manifest_writer *w, struct err *e)
{
	uLongf len = compressBound(w->plain.len);
	CLEANUP_FREE Bytef *chunk = xmalloc(len);

	if (compress2(chunk, &len, (const Bytef *)w->plain.data, w->plain.len,
		COMPRESSION_LEVEL) != Z_OK)
		return err_set(e, ERR_INTERNAL, "zlib cannot compress a manifest");
	buf_clear(&w->plain);
	if (w->packed.len + sizeof(uint32_t) + len > FRAME_BYTES && spill(w, e))
		return e->code;
	w->chunks++;
	return wire_pack(&w->packed, chunk, len, e);
}

int manifest_writer_add(
    struct manifest_writer *w, const char *text, size_t len, struct err *e)
{
	int r = 0;

	sha256_update(w->hash, text, len);
	w->bytes += len;
	while (!r && len > 0) {
		size_t room = w->plain.max - w->plain.len, n = len < room ? len : room;

		r = buf_add(&w->plain, text, n, e);
		text += n;
		len -= n;
		if (!r && n == room)
			r = end_chunk(w, e);
	}
	return r;
}

static int put_spilled(
    struct manifest_writer *w, const struct digest *digest, struct err *e)
{
	CLEANUP_FREE char *data = xmalloc(FRAME_BYTES);
	off_t at = 0;
	int r = 0;

	for (size_t i = 0; !r && i < w->n_frames; i++) {
		const struct frame *f = &w->frames[i];
		struct keeper_chunks c = {f->first, WIRE_MORE_CHUNKS, {data, f->len}};
		ssize_t n = pread(w->spill_fd, data, f->len, at);

		if (n != (ssize_t)f->len) {
			errno = n < 0 ? errno : EIO;
			return spill_error(e);
		}
		at += n;
		r = keeper_put_chunks(w->keeper, digest, &c, e);
	}
	return r;
}

/* True if it is stored already, and can be read: a seal may heal a damaged one. */
static bool is_stored(struct keeper *k, const struct digest *digest, uint64_t bytes)
{
	struct manifest_reader *reader;
	const char *data;
	struct err ignored;
	size_t len = 1;
	int r = manifest_reader_from(k, digest, bytes, &reader, &ignored);

	while (!r && len > 0)
		r = manifest_reader_next(reader, &data, &len, &ignored);
	manifest_reader_free(reader);
	return r == 0;
}

int manifest_writer_commit(
    struct manifest_writer *w, const struct digest *digest, struct err *e)
{
	struct digest computed;
	struct keeper_chunks last;
	int r = w->plain.len ? end_chunk(w, e) : 0;

	sha256_final(w->hash, &computed);
	if (!r && !digest_equal(&computed, digest))
		r = err_set(
		    e, ERR_INTERNAL, "a manifest is not the one that was measured");
	if (r || is_stored(w->keeper, digest, w->bytes))
		return r;
	r = w->n_frames ? put_spilled(w, digest, e) : 0;
	if (r)
		return r;
	last =
	    (struct keeper_chunks){w->first, w->chunks, {w->packed.data, w->packed.len}};
	return keeper_put_chunks(w->keeper, digest, &last, e);
}

/* ---- reading ---- */

struct manifest_reader {
	struct keeper *keeper;
	struct digest digest;
	struct sha256 *hash;
	struct buf text; /* of one chunk */
	uint32_t chunks, next;
	bool verified; /* all was read and is what it should be */
	bool failed;
};

static int damaged(struct err *e)
{
	return err_set(e, ERR_LEDGER, "ledger: a stored manifest is damaged");
}

uint64_t manifest_chunks(uint64_t bytes)
{
	return bytes / KEEPER_CHUNK_BYTES + (bytes % KEEPER_CHUNK_BYTES != 0);
}

/* A database can hold chunks without end; that the text is another would be known after them only. */
int manifest_reader_from(struct keeper *k, const struct digest *digest, uint64_t bytes,
    struct manifest_reader **out, struct err *e)
{
	uint32_t chunks;
	int r = keeper_count_chunks(k, digest, &chunks, e);

	*out = NULL;
	if (r)
		return r;
	if (chunks != manifest_chunks(bytes))
		return damaged(e);
	*out = xcalloc(1, sizeof(**out));
	(*out)->keeper = k;
	(*out)->digest = *digest;
	(*out)->hash = sha256_new();
	(*out)->chunks = chunks;
	buf_init(&(*out)->text, KEEPER_CHUNK_BYTES);
	return 0;
}

int manifest_reader_new(struct ledger *l, const struct digest *digest, uint64_t bytes,
    struct manifest_reader **out, struct err *e)
{
	return manifest_reader_from(l->keeper, digest, bytes, out, e);
}

bool ledger_has_manifest(struct ledger *l, const struct digest *digest)
{
	struct err ignored;
	uint32_t chunks;

	return keeper_count_chunks(l->keeper, digest, &chunks, &ignored) == 0;
}

/* The end is only told as such once the text is known to be the right one. */
static int read_on(struct manifest_reader *r, struct err *e)
{
	struct digest computed;

	buf_clear(&r->text);
	if (r->failed)
		return damaged(e);
	if (r->next < r->chunks) {
		int rc = keeper_get_chunk(r->keeper, &r->digest, r->next++, &r->text, e);

		if (!rc && r->next < r->chunks && r->text.len != KEEPER_CHUNK_BYTES)
			rc = damaged(e);
		sha256_update(r->hash, r->text.data, rc ? 0 : r->text.len);
		return rc;
	}
	if (!r->verified) {
		sha256_final(r->hash, &computed);
		r->verified = digest_equal(&computed, &r->digest);
	}
	return r->verified ? 0 : damaged(e);
}

int manifest_reader_next(void *reader, const char **data, size_t *len, struct err *e)
{
	struct manifest_reader *r = reader;
	int rc = read_on(r, e);

	r->failed = rc != 0;
	*data = r->text.data;
	*len = rc ? 0 : r->text.len;
	return rc;
}

void manifest_reader_free(struct manifest_reader *r)
{
	if (!r)
		return;
	sha256_free(r->hash);
	buf_release(&r->text);
	free(r);
}
