/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tiles_read.c: see tiles.h: reading an export that anybody may have written. The last tiles of all
 * levels together make the root that was signed; a full tile makes a hash of the level above. So from
 * the checkpoint down nothing is believed that was not authenticated, with one tile of each level in
 * memory.
 */
#include <inttypes.h>
#include <string.h>

#include "base/fs.h"
#include "ledger/tiles.h"

struct tiles_reader {
	int dirfd;
	uint64_t size;
	struct tile edge[TILE_LEVELS]; /* the last, partial one of each level */
	struct tile full[TILE_LEVELS]; /* the full one used last; n == 0: none yet */
	struct buf bytes;	       /* a file */
};

void tiles_reader_free(struct tiles_reader *r)
{
	if (!r)
		return;
	buf_release(&r->bytes);
	free(r);
}

void tiles_reader_free_p(struct tiles_reader **r)
{
	tiles_reader_free(*r);
	*r = NULL;
}

/* Whatever is wrong with a file of an export: it is not what was signed. */
static int bad_file(struct err *e)
{
	err_wrap(e, "export");
	if (e->code == ERR_NOT_FOUND || e->code == ERR_MALFORMED)
		e->code = ERR_LEDGER;
	return e->code;
}

int tiles_read_checkpoint(int dirfd, struct buf *note, struct err *e)
{
	int r = fs_read_file(dirfd, TILES_CHECKPOINT, NOTE_MAX_BYTES, note, NULL, e);

	return r && r != ERR_NOT_FOUND ? bad_file(e) : r;
}

/*
 * Reads a tile into r->bytes. If there is no partial one, then because the log has grown since: the
 * full one begins with the same bytes. *whole tells that there may be no others.
 */
static int read_tile(struct tiles_reader *r, int level, uint64_t index, unsigned width,
    bool *whole, struct err *e)
{
	size_t max = level == TILE_ENTRIES ? TILE_BUNDLE_MAX : TILE_HASHES * DIGEST_BYTES;
	char path[TILE_PATH_MAX];
	int rc;

	*whole = true;
	buf_clear(&r->bytes);
	tile_path(level, index, width, path);
	rc = fs_read_file(r->dirfd, path, max, &r->bytes, NULL, e);
	if (rc == ERR_NOT_FOUND && width < TILE_HASHES) {
		struct err full;

		*whole = false;
		tile_path(level, index, TILE_HASHES, path);
		rc = fs_read_file(r->dirfd, path, max, &r->bytes, NULL, &full);
		if (rc && rc != ERR_NOT_FOUND)
			*e = full;
	}
	return rc ? bad_file(e) : 0;
}

static int bad_tile(struct err *e, int level, uint64_t index, const char *rule)
{
	char path[TILE_PATH_MAX];

	tile_path(level, index, TILE_HASHES, path);
	return err_set(e, ERR_LEDGER, "export: %s: %s", path, rule);
}

static int read_hashes(
    struct tiles_reader *r, unsigned level, struct tile *t, unsigned width, struct err *e)
{
	size_t len = width * sizeof(t->hash[0]);
	bool whole;
	int rc = read_tile(r, (int)level, t->index, width, &whole, e);

	if (rc)
		return rc;
	if (r->bytes.len != (whole ? len : sizeof(t->hash)))
		return bad_tile(e, (int)level, t->index, "of wrong length");
	memcpy(t->hash, r->bytes.data, len);
	t->n = width;
	return 0;
}

/* ---- hashes ---- */

static int read_edge(struct tiles_reader *r, const struct digest *want, struct err *e)
{
	struct digest root;
	int rc = 0;

	for (unsigned level = 0; !rc && level < TILE_LEVELS; level++) {
		struct tile *t = &r->edge[level];
		unsigned width = (unsigned)(tile_hashes(r->size, level) % TILE_HASHES);

		t->index = tile_hashes(r->size, level + 1);
		if (width)
			rc = read_hashes(r, level, t, width, e);
	}
	if (rc)
		return rc;
	tile_edge_root(r->edge, &root);
	return digest_equal(&root, want)
		   ? 0
		   : err_set(e, ERR_LEDGER,
			 "export: the last tiles do not lead to the root hash of the "
			 "checkpoint");
}

int tiles_reader_new(
    int dirfd, const struct checkpoint *head, struct tiles_reader **out, struct err *e)
{
	struct tiles_reader *r = xcalloc(1, sizeof(*r));
	int rc;

	*out = NULL;
	r->dirfd = dirfd;
	r->size = head->size;
	buf_init(&r->bytes, TILE_BUNDLE_MAX);
	rc = read_edge(r, &head->root, e);
	if (rc)
		tiles_reader_free(r);
	else
		*out = r;
	return rc;
}

/* A full tile, against the hash of the level above, which is authenticated first. */
static int load_full(
    struct tiles_reader *r, unsigned level, uint64_t index, struct err *e);

/* The tile that holds hash number `at` of a level; it exists. */
static int load(struct tiles_reader *r, unsigned level, uint64_t at,
    const struct tile **out, struct err *e)
{
	uint64_t index = at / TILE_HASHES;

	if (index == r->edge[level].index) {
		*out = &r->edge[level];
		return 0;
	}
	*out = &r->full[level];
	return r->full[level].n && r->full[level].index == index
		   ? 0
		   : load_full(r, level, index, e);
}

static int load_full(
    struct tiles_reader *r, unsigned level, uint64_t index, struct err *e)
{
	struct tile *t = &r->full[level];
	const struct tile *above;
	struct digest root;
	int rc = load(r, level + 1, index, &above, e);

	t->n = 0;
	t->index = index;
	if (!rc)
		rc = read_hashes(r, level, t, TILE_HASHES, e);
	if (rc)
		return rc;
	tile_root(t, &root);
	if (!digest_equal(&root, &above->hash[index % TILE_HASHES])) {
		t->n = 0;
		return bad_tile(
		    e, (int)level, index, "not what the checkpoint was signed for");
	}
	return 0;
}

/* The root of 2^bits leaves: some hashes of one tile. */
static int perfect_root(struct tiles_reader *r, uint64_t first, unsigned bits,
    struct digest *out, struct err *e)
{
	unsigned level = bits / 8, n = 1U << bits % 8;
	uint64_t at = tile_hashes(first, level);
	const struct tile *t;
	struct merkle tree;
	int rc = load(r, level, at, &t, e);

	if (rc)
		return rc;
	merkle_init(&tree);
	for (unsigned i = 0; i < n; i++)
		merkle_append(&tree, &t->hash[at % TILE_HASHES + i]);
	merkle_root(&tree, out);
	return 0;
}

int tiles_reader_root(struct tiles_reader *r, const struct merkle_range *range,
    struct digest *out, struct err *e)
{
	uint64_t len = range->end - range->first, at = range->first;
	struct merkle tree = {.size = len};
	size_t n = 0;
	int rc = 0;

	if (range->first >= range->end || range->end > r->size)
		return err_set(e, ERR_INTERNAL, "export: no such range");
	for (int bit = 63; !rc && bit >= 0; bit--) {
		uint64_t part = UINT64_C(1) << bit;

		if (!(len & part))
			continue;
		if (at % part)
			return err_set(e, ERR_INTERNAL, "export: a range of no proof");
		rc = perfect_root(r, at, (unsigned)bit, &tree.peak[n++], e);
		at += part;
	}
	if (!rc)
		merkle_root(&tree, out);
	return rc;
}

/* ---- entries ---- */

struct entries {
	tiles_entry_fn *fn;
	void *ctx;
};

/* Lengths and leaf hashes of a whole bundle are right before its first entry is shown. */
static int check_bundle(
    const struct buf *bytes, const struct tile *leaves, bool whole, struct err *e)
{
	const uint8_t *at = (const uint8_t *)bytes->data, *end = at + bytes->len;

	for (unsigned i = 0; i < leaves->n; i++) {
		struct digest leaf;
		size_t len;

		if (end - at < 2)
			return bad_tile(e, TILE_ENTRIES, leaves->index, "too short");
		len = (size_t)at[0] << 8 | at[1];
		at += 2;
		if (len > (size_t)(end - at))
			return bad_tile(e, TILE_ENTRIES, leaves->index, "too short");
		merkle_leaf(at, len, &leaf);
		if (!digest_equal(&leaf, &leaves->hash[i]))
			return bad_tile(e, TILE_ENTRIES, leaves->index,
			    "an entry is not the one that was signed");
		at += len;
	}
	return at == end || !whole ? 0
				   : bad_tile(e, TILE_ENTRIES, leaves->index, "too long");
}

static int show_bundle(const struct buf *bytes, const struct tile *leaves,
    const struct entries *to, struct err *e)
{
	const char *at = bytes->data;
	int rc = 0;

	for (unsigned i = 0; !rc && i < leaves->n; i++) {
		size_t len = (size_t)(uint8_t)at[0] << 8 | (uint8_t)at[1];

		rc = to->fn(to->ctx, leaves->index * TILE_HASHES + i, at + 2, len, e);
		at += 2 + len;
	}
	return rc;
}

int tiles_reader_entries(
    struct tiles_reader *r, tiles_entry_fn *fn, void *ctx, struct err *e)
{
	const struct entries to = {fn, ctx};
	int rc = 0;

	for (uint64_t at = 0; !rc && at < r->size; at += TILE_HASHES) {
		const struct tile *leaves;
		bool whole;

		rc = load(r, 0, at, &leaves, e);
		if (!rc)
			rc = read_tile(
			    r, TILE_ENTRIES, leaves->index, leaves->n, &whole, e);
		if (!rc)
			rc = check_bundle(&r->bytes, leaves, whole, e);
		if (!rc)
			rc = show_bundle(&r->bytes, leaves, &to, e);
	}
	return rc;
}
