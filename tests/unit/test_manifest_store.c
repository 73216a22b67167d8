/* SPDX-License-Identifier: Apache-2.0 */
/* test_manifest_store.c: manifests come back as they went in, or as an error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <zlib.h>

#include <cmocka.h>

#include "scratch.h"

#define CHUNK (256U << 10)

/* Text that does not compress, the same for the same seed. */
static char *text_of(unsigned seed, size_t len)
{
	char *text = xmalloc(len + 1);
	uint64_t x = seed + 1;

	for (size_t i = 0; i < len; i++) {
		x = x * 6364136223846793005ULL + 1442695040888963407ULL;
		text[i] = (char)(x >> 56);
	}
	return text;
}

static int put(struct ledger *l, const char *text, size_t len,
    const struct digest *digest, struct err *e)
{
	struct manifest_writer *w;
	int r = manifest_writer_new(l, &w, e);

	/* In pieces as a measurement makes them, not of the size of a chunk. */
	for (size_t at = 0; !r && at < len; at += 70001)
		r = manifest_writer_add(
		    w, text + at, len - at < 70001 ? len - at : 70001, e);
	if (!r)
		r = manifest_writer_commit(w, digest, e);
	manifest_writer_free(w);
	return r;
}

static int get(struct ledger *l, const struct digest *digest, size_t bytes,
    struct buf *out, struct err *e)
{
	struct manifest_reader *m;
	const char *data;
	size_t len = 1;
	int r = manifest_reader_new(l, digest, bytes, &m, e);

	buf_clear(out);
	while (!r && len > 0) {
		r = manifest_reader_next(m, &data, &len, e);
		if (!r && buf_add(out, data, len, e))
			fail_msg("%s", e->msg);
	}
	/* An end is an end, and an error an error. */
	if (m) {
		assert_int_equal(manifest_reader_next(m, &data, &len, e), r);
		assert_int_equal(len, 0);
	}
	manifest_reader_free(m);
	return r;
}

static void comes_back(struct ledger *l, const char *text, size_t len)
{
	CLEANUP_BUF struct buf out;
	struct digest digest;
	struct err e;

	buf_init(&out, 64 << 20);
	sha256(text, len, &digest);
	if (get(l, &digest, len, &out, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(out.len, len);
	assert_memory_equal(out.data, text, len);
}

static void sizes(void **state)
{
	static const size_t sizes[] = {
	    0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 9 << 20};
	struct ledger *l;

	(void)state;
	make_ledger(0);
	for (int again = 0; again < 2; again++) {
		l = must_open(LEDGER_WRITE);
		for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
			char *text = text_of((unsigned)i, sizes[i]);
			struct digest digest;
			struct err e;

			sha256(text, sizes[i], &digest);
			if (put(l, text, sizes[i], &digest, &e))
				fail_msg("%s", e.msg);
			comes_back(l, text, sizes[i]);
			free(text);
		}
		ledger_close(l);
	}
}

static void listings_are_compressed(void **state)
{
	char *text = xmalloc(2 << 20);
	struct digest digest;
	struct ledger *l;
	struct stat st;
	struct err e;

	(void)state;
	make_ledger(0);
	for (size_t i = 0; i < 2 << 20; i++)
		text[i] =
		    "/usr/share/doc 0 40755 1 0 0 0 1767225600.000000000 - - -\n"[i % 58];
	sha256(text, 2 << 20, &digest);
	l = must_open(LEDGER_WRITE);
	assert_int_equal(put(l, text, 2 << 20, &digest, &e), 0);
	comes_back(l, text, 2 << 20);
	ledger_close(l);
	assert_int_equal(stat(path_of("db/data.mdb"), &st), 0);
	assert_true(st.st_size < 512 << 10);
	free(text);
}

static void only_what_it_says(void **state)
{
	CLEANUP_BUF struct buf out;
	struct digest digest, other;
	struct ledger *l;
	struct err e;

	(void)state;
	buf_init(&out, CHUNK);
	make_ledger(0);
	l = must_open(LEDGER_WRITE);
	sha256("text", 4, &digest);
	sha256("other", 5, &other);
	assert_int_equal(get(l, &digest, 4, &out, &e), ERR_NOT_FOUND);
	assert_int_equal(put(l, "text", 4, &other, &e), ERR_INTERNAL);
	assert_int_equal(get(l, &other, 5, &out, &e), ERR_NOT_FOUND);
	assert_int_equal(put(l, "text", 4, &digest, &e), 0);
	ledger_close(l);
	l = must_open(LEDGER_READ);
	assert_int_equal(get(l, &digest, 4, &out, &e), 0);
	ledger_close(l);
}

/* Writers, readers and appends do not disturb each other. */
static void side_by_side(void **state)
{
	char *text[2] = {text_of(1, 3 * CHUNK), text_of(2, 3 * CHUNK)};
	struct manifest_reader *m[2];
	struct digest digest[2];
	struct ledger *l;
	struct err e;

	(void)state;
	make_ledger(0);
	l = must_open(LEDGER_WRITE);
	for (int i = 0; i < 2; i++) {
		sha256(text[i], 3 * CHUNK, &digest[i]);
		assert_int_equal(put(l, text[i], 3 * CHUNK, &digest[i], &e), 0);
		assert_int_equal(
		    manifest_reader_new(l, &digest[i], 3 * CHUNK, &m[i], &e), 0);
	}
	for (size_t chunk = 0; chunk < 4; chunk++) {
		for (int i = 0; i < 2; i++) {
			const char *data;
			size_t len;

			assert_int_equal(manifest_reader_next(m[i], &data, &len, &e), 0);
			assert_int_equal(len, chunk < 3 ? CHUNK : 0);
			assert_memory_equal(data, text[i] + chunk * CHUNK, len);
			must_append(l, layer_of((unsigned)(2 * chunk) + (unsigned)i));
		}
	}
	for (int i = 0; i < 2; i++) {
		manifest_reader_free(m[i]);
		free(text[i]);
	}
	ledger_close(l);
}

/* ---- forged and damaged ---- */

static MDB_val chunk_key(
    uint8_t bytes[static 36], const struct digest *digest, uint32_t index)
{
	memcpy(bytes, digest->bytes, 32);
	for (int i = 3; i >= 0; i--, index >>= 8)
		bytes[32 + i] = (uint8_t)index;
	return (MDB_val){36, bytes};
}

/* Stores `text` as chunk `index`, compressed; or deletes it if text is NULL. */
static void forge(
    const struct digest *digest, uint32_t index, const char *text, size_t len)
{
	Bytef packed[1024];
	uLongf packed_len = sizeof(packed);
	struct lmdb m = lmdb_open(dir);
	uint8_t bytes[36];
	MDB_val key = chunk_key(bytes, digest, index), value;

	if (!text) {
		assert_int_equal(mdb_del(m.txn, m.dbi[LMDB_MANIFEST], &key, NULL), 0);
	} else {
		assert_int_equal(
		    compress(packed, &packed_len, (const Bytef *)text, len), Z_OK);
		value = (MDB_val){packed_len, packed};
		assert_int_equal(
		    mdb_put(m.txn, m.dbi[LMDB_MANIFEST], &key, &value, 0), 0);
	}
	lmdb_commit(&m);
}

static void forge_raw(
    const struct digest *digest, uint32_t index, const void *data, size_t len)
{
	struct lmdb m = lmdb_open(dir);
	uint8_t bytes[36];
	MDB_val key = chunk_key(bytes, digest, index),
		value = {len, (void *)(uintptr_t)data};

	assert_int_equal(mdb_put(m.txn, m.dbi[LMDB_MANIFEST], &key, &value, 0), 0);
	lmdb_commit(&m);
}

static int get_reopened(const struct digest *digest, size_t bytes)
{
	CLEANUP_BUF struct buf out;
	struct ledger *l = must_open(LEDGER_READ);
	struct err e;
	int r;

	buf_init(&out, 1 << 20);
	r = get(l, digest, bytes, &out, &e);
	ledger_close(l);
	return r;
}

static void forged_texts_are_noticed(void **state)
{
	char *text = text_of(1, 2 * CHUNK);
	struct digest digest;
	struct ledger *l;
	struct err e;

	(void)state;
	make_ledger(0);
	sha256(text, 2 * CHUNK, &digest);
	l = must_open(LEDGER_WRITE);
	assert_int_equal(put(l, text, 2 * CHUNK, &digest, &e), 0);
	ledger_close(l);
	assert_int_equal(get_reopened(&digest, 2 * CHUNK), 0);
	forge(&digest, 0, "/ forged\n", 9);
	assert_int_equal(get_reopened(&digest, 2 * CHUNK), ERR_LEDGER);
	/* An empty chunk is not the end of the text, verified. */
	forge(&digest, 1, "", 0);
	assert_int_equal(get_reopened(&digest, 2 * CHUNK), ERR_LEDGER);
	forge(&digest, 1, NULL, 0);
	assert_int_equal(get_reopened(&digest, 2 * CHUNK), ERR_LEDGER);
	forge_raw(&digest, 1, "no zlib", 7);
	assert_int_equal(get_reopened(&digest, 2 * CHUNK), ERR_LEDGER);
	forge_raw(&digest, 1, "", 0);
	assert_int_equal(get_reopened(&digest, 2 * CHUNK), ERR_LEDGER);
	/* Sealing it again heals it. */
	l = must_open(LEDGER_WRITE);
	assert_int_equal(put(l, text, 2 * CHUNK, &digest, &e), 0);
	comes_back(l, text, 2 * CHUNK);
	ledger_close(l);
	free(text);
}

/* More in a chunk than a chunk may hold: a bomb. */
static void chunks_that_swell_are_refused(void **state)
{
	uLongf packed_len = 1 << 16;
	Bytef *packed = xmalloc(packed_len);
	char *zeros = xcalloc(1, 16 << 20);
	struct digest digest;
	struct ledger *l;
	struct err e;

	(void)state;
	make_ledger(0);
	sha256(zeros, 16 << 20, &digest);
	l = must_open(LEDGER_WRITE);
	assert_int_equal(put(l, zeros, 16 << 20, &digest, &e), 0);
	ledger_close(l);
	assert_int_equal(compress(packed, &packed_len, (Bytef *)zeros, 16 << 20), Z_OK);
	forge_raw(&digest, 0, packed, packed_len);
	assert_int_equal(get_reopened(&digest, 16 << 20), ERR_LEDGER);
	free(packed);
	free(zeros);
}

static void counts_are_noticed(void **state)
{
	static const uint8_t counts[][4] = {
	    {0, 0, 0, 0}, {0, 0, 0, 1}, {0, 0, 0, 3}, {0xff, 0xff, 0xff, 0xff}};
	char *text = text_of(1, 2 * CHUNK);
	struct digest digest;
	struct ledger *l;
	struct err e;

	(void)state;
	make_ledger(0);
	sha256(text, 2 * CHUNK, &digest);
	l = must_open(LEDGER_WRITE);
	assert_int_equal(put(l, text, 2 * CHUNK, &digest, &e), 0);
	ledger_close(l);
	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		forge_raw(&digest, UINT32_MAX, counts[i], 4);
		assert_int_equal(get_reopened(&digest, 2 * CHUNK), ERR_LEDGER);
	}
	forge_raw(&digest, UINT32_MAX, "\0\0\0\2\0", 5);
	assert_int_equal(get_reopened(&digest, 2 * CHUNK), ERR_LEDGER);
	/* Chunks whose writer was killed before it wrote their number. */
	forge(&digest, UINT32_MAX, NULL, 0);
	assert_int_equal(get_reopened(&digest, 2 * CHUNK), ERR_NOT_FOUND);
	free(text);
}

/* However many chunks there are, no more are read than the text has bytes for. */
static void nothing_is_read_for_ever(void **state)
{
	char *text = text_of(1, 2 * CHUNK);
	CLEANUP_BUF struct buf out;
	struct digest digest;
	struct ledger *l;
	struct err e;

	(void)state;
	buf_init(&out, 2 * CHUNK);
	make_ledger(0);
	sha256(text, 2 * CHUNK, &digest);
	l = must_open(LEDGER_WRITE);
	assert_int_equal(put(l, text, 2 * CHUNK, &digest, &e), 0);
	assert_int_equal(get(l, &digest, 2 * CHUNK, &out, &e), 0);
	assert_int_equal(get(l, &digest, 2 * CHUNK + 1, &out, &e), ERR_LEDGER);
	assert_int_equal(get(l, &digest, CHUNK, &out, &e), ERR_LEDGER);
	assert_int_equal(get(l, &digest, 0, &out, &e), ERR_LEDGER);
	ledger_close(l);
	/* Of short chunks there could be many, too. */
	forge(&digest, 0, text, 100);
	l = must_open(LEDGER_READ);
	assert_int_equal(get(l, &digest, 2 * CHUNK, &out, &e), ERR_LEDGER);
	assert_int_equal(out.len, 0);
	ledger_close(l);
	free(text);
}

/* What an interrupted writer leaves, and temporary files, are in nobody's way. */
static void writers_may_be_dropped(void **state)
{
	char *text = text_of(3, 9 << 20);
	struct manifest_writer *w;
	struct ledger *l;
	DIR *d;
	struct err e;
	unsigned names = 0;

	(void)state;
	make_ledger(0);
	l = must_open(LEDGER_WRITE);
	assert_int_equal(manifest_writer_new(l, &w, &e), 0);
	assert_int_equal(manifest_writer_add(w, text, 9 << 20, &e), 0);
	d = opendir(dir);
	while (readdir(d))
		names++;
	closedir(d);
	assert_int_equal(names, 2 + 3); /* db, key, statprint.key */
	manifest_writer_free(w);
	manifest_writer_free(NULL);
	manifest_reader_free(NULL);
	must_append(l, layer_of(0));
	ledger_close(l);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sizes),
	    cmocka_unit_test(listings_are_compressed),
	    cmocka_unit_test(only_what_it_says),
	    cmocka_unit_test(side_by_side),
	    cmocka_unit_test(forged_texts_are_noticed),
	    cmocka_unit_test(chunks_that_swell_are_refused),
	    cmocka_unit_test(counts_are_noticed),
	    cmocka_unit_test(nothing_is_read_for_ever),
	    cmocka_unit_test(writers_may_be_dropped),
	};

	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
