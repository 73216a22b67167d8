/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest_store.c: manifests by their SHA-256. The digest is known only at the end, so a writer
 * compresses chunk by chunk into an unnamed file of the ledger's directory, and hands the chunks to
 * the keeper when it is complete. Memory is one chunk.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/fs.h"
#include "ledger/ledger_impl.h"

#define CHUNK_PLAIN_BYTES (256U << 10)
/* Listings are repetitive: the fastest level finds nearly everything. */
#define COMPRESSION_LEVEL 1

struct manifest_writer {
	struct ledger *ledger;
	struct sha256 *hash;
	int spill_fd;
	char *plain; /* CHUNK_PLAIN_BYTES */
	size_t plain_len;
	uint32_t *chunk_len; /* compressed bytes of each chunk in the spill file */
	uint32_t chunks;
};

int manifest_writer_new(struct ledger *l, struct manifest_writer **out, struct err *e)
{
	struct manifest_writer *w = xcalloc(1, sizeof(*w));

	*out = w;
	w->ledger = l;
	w->hash = sha256_new();
	w->plain = xmalloc(CHUNK_PLAIN_BYTES);
	w->spill_fd = openat(l->dirfd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (w->spill_fd >= 0)
		return 0;
	err_sys(e, "ledger: a temporary file for a manifest");
	manifest_writer_free(w);
	*out = NULL;
	return ERR_IO;
}

void manifest_writer_free(struct manifest_writer *w)
{
	if (!w)
		return;
	base_close_p(&w->spill_fd);
	sha256_free(w->hash);
	free(w->plain);
	free(w->chunk_len);
	free(w);
}

static int spill(struct manifest_writer *w, struct err *e)
{
	uLongf len = compressBound(CHUNK_PLAIN_BYTES);
	CLEANUP_FREE Bytef *packed = xmalloc(len);
	int r;

	if (w->plain_len == 0)
		return 0;
	if (compress2(packed, &len, (const Bytef *)w->plain, w->plain_len,
		COMPRESSION_LEVEL) != Z_OK)
		return err_set(e, ERR_INTERNAL, "zlib cannot compress a manifest");
	r = fs_write_all(w->spill_fd, packed, len, e);
	if (r)
		return err_wrap(e, "ledger: a temporary file for a manifest");
	w->chunk_len = xreallocarray(w->chunk_len, w->chunks + 1, sizeof(*w->chunk_len));
	w->chunk_len[w->chunks++] = (uint32_t)len;
	w->plain_len = 0;
	return 0;
}

int manifest_writer_add(
    struct manifest_writer *w, const char *text, size_t len, struct err *e)
{
	sha256_update(w->hash, text, len);
	while (len > 0) {
		size_t n = CHUNK_PLAIN_BYTES - w->plain_len;

		n = n < len ? n : len;
		memcpy(w->plain + w->plain_len, text, n);
		w->plain_len += n;
		text += n;
		len -= n;
		if (w->plain_len == CHUNK_PLAIN_BYTES && spill(w, e))
			return e->code;
	}
	return 0;
}

static int hand_over(
    struct manifest_writer *w, const struct digest *digest, struct err *e)
{
	CLEANUP_FREE char *packed = xmalloc(compressBound(CHUNK_PLAIN_BYTES));
	off_t at = 0;
	int r = 0;

	for (uint32_t i = 0; !r && i < w->chunks; i++) {
		if (pread(w->spill_fd, packed, w->chunk_len[i], at) !=
		    (ssize_t)w->chunk_len[i])
			return err_sys(e, "ledger: a temporary file for a manifest");
		at += w->chunk_len[i];
		r = keeper_put_chunk(
		    w->ledger->keeper, digest, i, packed, w->chunk_len[i], e);
	}
	return r ? r : keeper_put_done(w->ledger->keeper, digest, w->chunks, e);
}

int manifest_writer_commit(
    struct manifest_writer *w, const struct digest *digest, struct err *e)
{
	struct digest computed;
	bool has;
	int r = spill(w, e);

	sha256_final(w->hash, &computed);
	if (!r && !digest_equal(&computed, digest))
		r = err_set(
		    e, ERR_INTERNAL, "a manifest is not the one that was measured");
	if (!r)
		r = keeper_has_manifest(w->ledger->keeper, digest, &has, e);
	if (!r && !has)
		r = hand_over(w, digest, e);
	return r;
}

/* ---- reading ---- */

struct manifest_reader {
	struct keeper *keeper;
	struct digest digest;
	struct sha256 *hash;
	char *plain;
	bool ended; /* the keeper has nothing more to say about it */
};

int manifest_reader_new(struct ledger *l, const struct digest *digest,
    struct manifest_reader **out, struct err *e)
{
	int r = keeper_get_manifest(l->keeper, digest, e);

	*out = NULL;
	if (r)
		return r;
	*out = xcalloc(1, sizeof(**out));
	(*out)->keeper = l->keeper;
	(*out)->digest = *digest;
	(*out)->hash = sha256_new();
	(*out)->plain = xmalloc(CHUNK_PLAIN_BYTES);
	return 0;
}

static int damaged(struct err *e)
{
	return err_set(e, ERR_LEDGER, "ledger: a stored manifest is damaged");
}

static int end(struct manifest_reader *r, struct err *e)
{
	struct digest computed;

	r->ended = true;
	sha256_final(r->hash, &computed);
	return digest_equal(&computed, &r->digest) ? 0 : damaged(e);
}

int manifest_reader_next(void *reader, const char **data, size_t *len, struct err *e)
{
	struct manifest_reader *r = reader;
	uLongf plain_len = CHUNK_PLAIN_BYTES;
	const char *packed;
	size_t packed_len;
	int rc;

	*len = 0;
	if (r->ended)
		return 0;
	rc = keeper_next_chunk(r->keeper, &packed, &packed_len, e);
	if (rc) {
		r->ended = true;
		return rc;
	}
	if (packed_len == 0)
		return end(r, e);
	if (uncompress(
		(Bytef *)r->plain, &plain_len, (const Bytef *)packed, packed_len) != Z_OK)
		return damaged(e);
	sha256_update(r->hash, r->plain, plain_len);
	*data = r->plain;
	*len = plain_len;
	return 0;
}

/* What was asked for must be taken from the socket before the next question. */
void manifest_reader_free(struct manifest_reader *r)
{
	const char *ignored;
	struct err why;
	size_t len = 1;

	if (!r)
		return;
	while (!r->ended && len > 0) {
		if (keeper_next_chunk(r->keeper, &ignored, &len, &why))
			break;
	}
	sha256_free(r->hash);
	free(r->plain);
	free(r);
}
