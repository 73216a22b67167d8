/* SPDX-License-Identifier: Apache-2.0 */
/* test_tiles.c: exports of every shape, written, made longer, read back, and damaged in every way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exports.h"

#define SEVERAL_TILES 600

/* ---- entries: number n has n % 50 bytes ---- */

static size_t entry_of_number(uint64_t n, char out[static 64])
{
	memset(out, (int)('a' + n % 26), 64);
	snprintf(out, 64, "%010u", (unsigned)n);
	return n % 50;
}

static void add_entries(struct tiles_writer *w, uint64_t end)
{
	struct err e;
	char bytes[64];

	while (tiles_writer_size(w) < end) {
		size_t len = entry_of_number(tiles_writer_size(w), bytes);

		if (add_bytes(w, bytes, len, &e))
			fail_msg("%s", e.msg);
	}
}

/* Makes or extends the export in `top`. */
static void write_export(uint64_t kept, uint64_t size)
{
	CLEANUP_TILES_WRITER struct tiles_writer *w = NULL;
	CLEANUP_FD int fd = -1;
	struct err e;

	mkdir(top, 0700);
	fd = open_dir(top);
	w = tiles_writer_new(fd, kept);
	add_entries(w, size);
	if (finish_export(w, log_key, &e))
		fail_msg("%s", e.msg);
}

static void fresh_export(uint64_t size)
{
	remove_tree(top);
	write_export(0, size);
}

struct seen {
	uint64_t n;
	struct merkle tree;
};

static int see(void *ctx, uint64_t seq, const char *bytes, size_t len, struct err *e)
{
	struct seen *s = ctx;
	struct digest leaf;
	char want[64];

	(void)e;
	assert_int_equal(seq, s->n);
	assert_int_equal(len, entry_of_number(seq, want));
	assert_memory_equal(bytes, want, len);
	merkle_leaf(bytes, len, &leaf);
	merkle_append(&s->tree, &leaf);
	s->n++;
	return 0;
}

/* Opens what is in `top`, as a reader who trusts log_key does. */
static int open_reader(
    int fd, struct checkpoint *head, struct tiles_reader **out, struct err *e)
{
	CLEANUP_BUF struct buf note;
	int r;

	*out = NULL;
	buf_init(&note, NOTE_MAX_BYTES);
	r = tiles_read_checkpoint(fd, &note, e);
	if (!r)
		r = trust_open_checkpoint(&trusted, note.data, note.len, head, NULL, e);
	return r ? r : tiles_reader_new(fd, head, out, e);
}

/* Reads all of it; fails the test if an entry is wrong, returns an error for anything else. */
static int read_export(uint64_t size, struct err *e)
{
	CLEANUP_TILES_READER struct tiles_reader *reader = NULL;
	CLEANUP_FD int fd = open_dir(top);
	struct checkpoint head;
	struct seen seen = {0};
	struct digest root;
	int r = open_reader(fd, &head, &reader, e);

	if (!r)
		r = tiles_reader_entries(reader, see, &seen, e);
	if (r)
		return r;
	assert_int_equal(head.size, size);
	assert_int_equal(seen.n, size);
	merkle_root(&seen.tree, &root);
	assert_true(digest_equal(&root, &head.root));
	return 0;
}

static void must_read(uint64_t size)
{
	struct err e;

	if (read_export(size, &e))
		fail_msg("%s", e.msg);
}

static bool exists(const char *name)
{
	char path[256];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", top, name);
	return lstat(path, &st) == 0;
}

/* ---- layout ---- */

static void test_paths(void **state)
{
	static const struct {
		int level;
		uint64_t index;
		unsigned width;
		const char *path;
	} known[] = {
	    {0, 0, 256, "tile/0/000"},
	    {0, 273, 112, "tile/0/273.p/112"},
	    {1, 999, 1, "tile/1/999.p/1"},
	    {7, 1000, 256, "tile/7/x001/000"},
	    {TILE_ENTRIES, 1234067, 256, "tile/entries/x001/x234/067"},
	    {TILE_ENTRIES, 1234067, 255, "tile/entries/x001/x234/067.p/255"},
	    {TILE_ENTRIES, UINT64_MAX / 256, 255,
		"tile/entries/x072/x057/x594/x037/x927/935.p/255"},
	};
	char path[TILE_PATH_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		tile_path(known[i].level, known[i].index, known[i].width, path);
		assert_string_equal(path, known[i].path);
	}
}

static int n_files;

static int count_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)path;
	(void)st;
	(void)ftw;
	n_files += type == FTW_F;
	return 0;
}

/* The specification's example, and that a tree of 256 has a tile of level 1. */
static void test_layout(void **state)
{
	(void)state;
	fresh_export(70000);
	must_read(70000);
	assert_true(exists("tile/0/272") && exists("tile/0/273.p/112"));
	assert_true(exists("tile/1/000") && exists("tile/1/001.p/17"));
	assert_true(exists("tile/2/000.p/1") && !exists("tile/3"));
	assert_true(exists("tile/entries/272") && exists("tile/entries/273.p/112"));
	n_files = 0;
	nftw(top, count_file, 16, FTW_PHYS);
	assert_int_equal(n_files, 2 * 274 + 3 + 1);
	fresh_export(256);
	must_read(256);
	assert_true(exists("tile/0/000") && exists("tile/1/000.p/1"));
	assert_false(exists("tile/0/001.p") || exists("tile/entries/001.p"));
}

static void test_sizes(void **state)
{
	static const uint64_t sizes[] = {0, 1, 2, 3, 255, 256, 257, 511, 512, 513, 1000};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		fresh_export(sizes[i]);
		must_read(sizes[i]);
	}
}

static void test_longer(void **state)
{
	static const uint64_t sizes[] = {
	    0, 1, 200, 200, 255, 256, 300, 513, 65535, 65536, 65800};
	uint64_t before = 0;

	(void)state;
	remove_tree(top);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		write_export(before, sizes[i]);
		must_read(sizes[i]);
		before = sizes[i];
	}
	/* Partial tiles that are full now are gone, others stay. */
	assert_false(exists("tile/0/000.p") || exists("tile/entries/000.p"));
	assert_false(exists("tile/1/000.p"));
	assert_true(exists("tile/2/000.p/1") && exists("tile/1/001.p/1"));
}

/* A reader that still has the old checkpoint finds full tiles where partial ones were. */
static void test_old_reader(void **state)
{
	CLEANUP_TILES_READER struct tiles_reader *reader = NULL;
	CLEANUP_FD int fd = -1;
	CLEANUP_BUF struct buf note;
	struct checkpoint head;
	struct seen seen = {0};
	struct err e;

	(void)state;
	fresh_export(300);
	fd = open_dir(top);
	buf_init(&note, NOTE_MAX_BYTES);
	assert_int_equal(tiles_read_checkpoint(fd, &note, &e), 0);
	write_export(300, 70000);
	assert_false(exists("tile/0/001.p") || exists("tile/1/000.p"));
	assert_int_equal(
	    trust_open_checkpoint(&trusted, note.data, note.len, &head, NULL, &e), 0);
	assert_int_equal(tiles_reader_new(fd, &head, &reader, &e), 0);
	assert_int_equal(tiles_reader_entries(reader, see, &seen, &e), 0);
	assert_int_equal(seen.n, 300);
}

/* ---- proofs ---- */

static void leaf_of_number(uint64_t n, struct digest *out)
{
	char bytes[64];

	merkle_leaf(bytes, entry_of_number(n, bytes), out);
}

/* Every range of a proof has the root that a stream of leaves gives it. */
static void compare_ranges(struct tiles_reader *reader, const struct merkle_prover *made)
{
	struct digest got;
	struct err e;

	for (size_t i = 0; i < made->n; i++) {
		if (tiles_reader_root(reader, &made->range[i], &got, &e))
			fail_msg("%s", e.msg);
		assert_true(digest_equal(&got, &made->proof[i]));
	}
}

static void stream(struct merkle_prover *p, uint64_t size)
{
	struct digest leaf;

	for (uint64_t i = 0; i < size; i++) {
		leaf_of_number(i, &leaf);
		merkle_prover_add(p, &leaf);
	}
}

static void test_ranges(void **state)
{
	static const uint64_t sizes[] = {1, 7, 256, 300, 1000};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		CLEANUP_TILES_READER struct tiles_reader *reader = NULL;
		CLEANUP_FD int fd = -1;
		struct merkle_prover made;
		struct checkpoint head;
		struct err e;

		fresh_export(sizes[i]);
		fd = open_dir(top);
		assert_int_equal(open_reader(fd, &head, &reader, &e), 0);
		for (uint64_t at = 0; at < sizes[i]; at += 1 + sizes[i] / 50) {
			merkle_prove_inclusion(&made, at, sizes[i]);
			stream(&made, sizes[i]);
			compare_ranges(reader, &made);
			merkle_prove_consistency(&made, at, sizes[i]);
			stream(&made, sizes[i]);
			compare_ranges(reader, &made);
		}
		assert_int_equal(
		    tiles_reader_root(
			reader, &(struct merkle_range){0, sizes[i] + 1}, &head.root, &e),
		    ERR_INTERNAL);
	}
}

/* ---- damage ---- */

typedef void damage_fn(const char *path);

static void flip(const char *path, size_t at)
{
	size_t len;
	CLEANUP_FREE char *data = read_file(path, &len);

	data[at] ^= 0x10;
	write_file(path, data, len);
}

static void flip_first(const char *path)
{
	flip(path, 0);
}

static void flip_middle(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	flip(path, (size_t)st.st_size / 2);
}

static void flip_last(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	flip(path, (size_t)st.st_size - 1);
}

static void cut(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(truncate(path, st.st_size - 1), 0);
}

static void empty(const char *path)
{
	assert_int_equal(truncate(path, 0), 0);
}

static void lengthen(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(truncate(path, st.st_size + 1), 0);
}

/* Another entry of no bytes, and hashes for it. */
static void add_more(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(truncate(path, st.st_size + 32), 0);
}

static void make_huge(const char *path)
{
	assert_int_equal(truncate(path, (off_t)1 << 40), 0);
}

static void remove_it(const char *path)
{
	assert_int_equal(unlink(path), 0);
}

static void make_link(const char *path)
{
	char other[300];

	snprintf(other, sizeof(other), "%s.real", path);
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(symlink(other, path), 0);
}

static void make_dir(const char *path)
{
	remove_it(path);
	assert_int_equal(mkdir(path, 0700), 0);
}

static void make_fifo(const char *path)
{
	remove_it(path);
	assert_int_equal(mkfifo(path, 0600), 0);
}

static const char *const files[] = {"checkpoint", "tile/0/000", "tile/0/001",
    "tile/0/002.p/88", "tile/1/000.p/2", "tile/entries/000", "tile/entries/001",
    "tile/entries/002.p/88"};

static void test_damage(void **state)
{
	static damage_fn *const damages[] = {flip_first, flip_middle, flip_last, cut,
	    empty, lengthen, add_more, make_huge, remove_it, make_link, make_dir,
	    make_fifo};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		for (size_t j = 0; j < ARRAY_LEN(damages); j++) {
			char path[256];
			struct err e = {0};
			int r;

			fresh_export(SEVERAL_TILES);
			snprintf(path, sizeof(path), "%s/%s", top, files[i]);
			damages[j](path);
			r = read_export(SEVERAL_TILES, &e);
			/* No checkpoint: no export. A link or a directory: the system said no. */
			if (r != ERR_LEDGER && r != ERR_IO &&
			    !(r == ERR_NOT_FOUND && i == 0))
				fail_msg("%s, damage %zu: %d %s", files[i], j, r, e.msg);
			assert_int_equal(r, e.code);
		}
	}
}

/* Every byte of the small files, and every hash of a tile, counts. */
static void test_every_byte(void **state)
{
	static const char *const small[] = {
	    "checkpoint", "tile/0/000.p/5", "tile/entries/000.p/5"};

	(void)state;
	fresh_export(5);
	for (size_t i = 0; i < ARRAY_LEN(small); i++) {
		char path[256];
		CLEANUP_FREE char *data = NULL;
		size_t len;

		snprintf(path, sizeof(path), "%s/%s", top, small[i]);
		data = read_file(path, &len);
		for (size_t at = 0; at < len; at++) {
			struct err e;

			data[at] ^= 1;
			write_file(path, data, len);
			assert_int_not_equal(read_export(5, &e), 0);
			data[at] ^= 1;
		}
		write_file(path, data, len);
	}
	must_read(5);
}

/* Two entries exchanged, with all hashes made again: only the root tells. */
static void test_made_again(void **state)
{
	CLEANUP_TILES_WRITER struct tiles_writer *w = NULL;
	CLEANUP_FD int fd = -1;
	CLEANUP_BUF struct buf note;
	char path[256];
	struct err e;

	(void)state;
	fresh_export(SEVERAL_TILES);
	buf_init(&note, NOTE_MAX_BYTES);
	fd = open_dir(top);
	assert_int_equal(tiles_read_checkpoint(fd, &note, &e), 0);
	snprintf(path, sizeof(path), "%s/tile", top);
	remove_tree(path);
	w = tiles_writer_new(fd, 0);
	assert_int_equal(add_bytes(w, "planted", 7, &e), 0);
	add_entries(w, SEVERAL_TILES);
	assert_int_equal(tiles_writer_finish(w, note.data, note.len, &e), 0);
	assert_int_equal(read_export(SEVERAL_TILES, &e), ERR_LEDGER);
	assert_non_null(strstr(e.msg, "root hash of the checkpoint"));
}

/* Files that no checkpoint asks for mean nothing. */
static void test_more_files(void **state)
{
	char path[256];

	(void)state;
	fresh_export(300);
	snprintf(path, sizeof(path), "%s/tile/0/077", top);
	write_text(path, "what an interrupted export left");
	snprintf(path, sizeof(path), "%s/tile/entries/001.p/17", top);
	write_text(path, "a partial tile of an older checkpoint");
	must_read(300);
}

/* ---- writing into what somebody else prepared ---- */

static void test_damaged_before(void **state)
{
	static const char *const kept[] = {
	    "tile/0/000", "tile/0/001", "tile/entries/001"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
		CLEANUP_TILES_WRITER struct tiles_writer *w = NULL;
		CLEANUP_FD int fd = -1;
		struct err e = {0};
		char path[256], bytes[64];
		int r = 0;

		fresh_export(SEVERAL_TILES);
		snprintf(path, sizeof(path), "%s/%s", top, kept[i]);
		if (i == 1)
			remove_it(path);
		else
			flip_middle(path);
		fd = open_dir(top);
		w = tiles_writer_new(fd, SEVERAL_TILES);
		for (uint64_t n = 0; !r && n < SEVERAL_TILES + 1; n++)
			r = add_bytes(w, bytes, entry_of_number(n, bytes), &e);
		assert_int_equal(r, ERR_LEDGER);
		assert_non_null(strstr(e.msg, kept[i]));
	}
}

/* What an interrupted export left beyond the checkpoint is written anew. */
static void test_interrupted_before(void **state)
{
	char path[256];

	(void)state;
	fresh_export(300);
	snprintf(path, sizeof(path), "%s/tile/0/001", top);
	write_text(path, "half");
	snprintf(path, sizeof(path), "%s/" TILES_TEMP, top);
	write_text(path, "half");
	write_export(300, 1000);
	must_read(1000);
	assert_false(exists(TILES_TEMP));
}

static void test_links_before(void **state)
{
	static const char *const places[] = {"tile", "tile/0", "tile/entries"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		CLEANUP_TILES_WRITER struct tiles_writer *w = NULL;
		CLEANUP_FD int fd = -1;
		char path[256], outside[128];
		struct err e = {0};
		int r;

		snprintf(outside, sizeof(outside), "%s/outside", scratch);
		remove_tree(top);
		remove_tree(outside);
		mkdir(top, 0700);
		mkdir(outside, 0700);
		snprintf(path, sizeof(path), "%s/tile", top);
		if (i)
			mkdir(path, 0700);
		snprintf(path, sizeof(path), "%s/%s", top, places[i]);
		assert_int_equal(symlink(outside, path), 0);
		fd = open_dir(top);
		w = tiles_writer_new(fd, 0);
		add_entries(w, 10);
		r = finish_export(w, log_key, &e);
		assert_int_equal(r, ERR_IO);
		assert_int_equal(rmdir(outside), 0); /* still empty */
		assert_false(exists("checkpoint"));
	}
}

static void test_long_entry(void **state)
{
	CLEANUP_TILES_WRITER struct tiles_writer *w = NULL;
	CLEANUP_FREE char *bytes = xcalloc(1, ENTRY_MAX_BYTES + 1);
	struct err e;

	(void)state;
	w = tiles_writer_new(-1, 0);
	for (int i = 0; i < 255; i++)
		assert_int_equal(add_bytes(w, bytes, ENTRY_MAX_BYTES, &e), 0);
	assert_int_equal(add_bytes(w, bytes, ENTRY_MAX_BYTES + 1, &e), ERR_INTERNAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_paths),
	    cmocka_unit_test(test_layout),
	    cmocka_unit_test(test_sizes),
	    cmocka_unit_test(test_longer),
	    cmocka_unit_test(test_old_reader),
	    cmocka_unit_test(test_ranges),
	    cmocka_unit_test(test_damage),
	    cmocka_unit_test(test_every_byte),
	    cmocka_unit_test(test_made_again),
	    cmocka_unit_test(test_more_files),
	    cmocka_unit_test(test_damaged_before),
	    cmocka_unit_test(test_interrupted_before),
	    cmocka_unit_test(test_links_before),
	    cmocka_unit_test(test_long_entry),
	};

	return cmocka_run_group_tests(
	    tests, exports_scratch_setup, exports_scratch_teardown);
}
