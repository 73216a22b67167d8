/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_tiles.c: one file of a good export is replaced: the first byte says which one, the others are its
 * content. No content but the right one is read without an error, and no wrong entry is ever shown.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "fuzz.h"
#include "ledger/tiles.h"

#define ENTRIES 3

static char top[64];
static int dirfd;
static struct checkpoint head;

static const char *const files[] = {"tile/0/000.p/3", "tile/entries/000.p/3"};
#define N_FILES ARRAY_LEN(files)
static struct buf right[N_FILES];

static void must(bool holds)
{
	if (!holds)
		abort();
}

static size_t entry_of(uint64_t n, char out[static 32])
{
	return (size_t)snprintf(out, 32, "entry %u\n", (unsigned)n);
}

static void clean_up(void)
{
	static const char *const made[] = {"checkpoint", "tile/0/000.p/3", "tile/0/000.p",
	    "tile/0", "tile/entries/000.p/3", "tile/entries/000.p", "tile/entries",
	    "tile"};

	for (size_t i = 0; i < ARRAY_LEN(made); i++) {
		if (unlinkat(dirfd, made[i], 0))
			unlinkat(dirfd, made[i], AT_REMOVEDIR);
	}
	rmdir(top);
}

static void make_export(void)
{
	CLEANUP_TILES_WRITER struct tiles_writer *w = NULL;
	char text[32];
	struct err e;

	snprintf(top, sizeof(top), "%s/layerseal-fuzz.XXXXXX",
	    access("/dev/shm", W_OK) ? "/var/tmp" : "/dev/shm");
	must(mkdtemp(top) && fs_open_root(top, &dirfd, &e) == 0);
	atexit(clean_up);
	w = tiles_writer_new(dirfd, 0);
	for (uint64_t i = 0; i < ENTRIES; i++) {
		size_t len = entry_of(i, text);
		struct digest leaf;

		merkle_leaf(text, len, &leaf);
		must(tiles_writer_add(w, text, len, &leaf, &e) == 0);
	}
	head.size = ENTRIES;
	tiles_writer_root(w, &head.root);
	must(tiles_writer_finish(w, "a note", 6, &e) == 0);
	for (size_t i = 0; i < N_FILES; i++) {
		buf_init(&right[i], 4096);
		must(fs_read_file(dirfd, files[i], 4096, &right[i], NULL, &e) == 0);
	}
}

static void put(size_t file, const void *data, size_t len)
{
	int fd = openat(dirfd, files[file], O_WRONLY | O_TRUNC | O_CLOEXEC);

	must(fd >= 0 && write(fd, data, len) == (ssize_t)len);
	close(fd);
}

static int see(void *ctx, uint64_t seq, const char *bytes, size_t len, struct err *e)
{
	uint64_t *seen = ctx;
	char want[32];

	(void)e;
	must(seq == *seen && len == entry_of(seq, want) && memcmp(bytes, want, len) == 0);
	++*seen;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct tiles_reader *reader;
	uint64_t seen = 0;
	size_t file;
	struct err e;
	int r;

	if (!top[0]) {
		must(crypto_init(&e) == 0);
		make_export();
	}
	if (len == 0)
		return 0;
	file = data[0] % N_FILES;
	put(file, data + 1, len - 1);
	r = tiles_reader_new(dirfd, &head, &reader, &e);
	if (!r)
		r = tiles_reader_entries(reader, see, &seen, &e);
	must((r == 0) == (len - 1 == right[file].len &&
			     memcmp(data + 1, right[file].data, len - 1) == 0));
	must((r == 0) == (seen == ENTRIES));
	tiles_reader_free(reader);
	put(file, right[file].data, right[file].len);
	return 0;
}
