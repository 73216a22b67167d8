/* SPDX-License-Identifier: Apache-2.0 */
/* tiles_write.c: see tiles.h: making an export, and making one longer. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "ledger/tiles.h"
#include "ledger/wire.h"

/* Tiles of one level lie in one directory for a long time. */
struct open_dir {
	char path[TILE_PATH_MAX];
	int fd;
};

struct tiles_writer {
	int dirfd;
	uint64_t kept, size;
	struct buf bundle; /* entries since the last full tile */
	struct tile tile[TILE_LEVELS];
	struct open_dir dir[1 + TILE_LEVELS]; /* of entries, then of each level */
	struct buf there;		      /* a file as it is */
};

struct tiles_writer *tiles_writer_new(int dirfd, uint64_t kept)
{
	struct tiles_writer *w = xcalloc(1, sizeof(*w));

	w->dirfd = dirfd;
	w->kept = kept;
	buf_init(&w->bundle, TILE_BUNDLE_MAX);
	buf_init(&w->there, TILE_BUNDLE_MAX);
	for (size_t i = 0; i < ARRAY_LEN(w->dir); i++)
		w->dir[i].fd = -1;
	return w;
}

void tiles_writer_free(struct tiles_writer *w)
{
	if (!w)
		return;
	buf_release(&w->bundle);
	buf_release(&w->there);
	for (size_t i = 0; i < ARRAY_LEN(w->dir); i++)
		base_close_p(&w->dir[i].fd);
	free(w);
}

void tiles_writer_free_p(struct tiles_writer **w)
{
	tiles_writer_free(*w);
	*w = NULL;
}

uint64_t tiles_writer_size(const struct tiles_writer *w)
{
	return w->size;
}

void tiles_writer_root(const struct tiles_writer *w, struct digest *out)
{
	tile_edge_root(w->tile, out);
}

/* ---- files ---- */

/* Component by component: mkdir() would follow links, fs_open_dir() does not. */
static int make_dirs(int dirfd, const char *path, int *out_fd, struct err *e)
{
	CLEANUP_FD int fd = -1;
	char part[TILE_PATH_MAX];
	int r = fs_open_dir(dirfd, ".", &fd, e);

	for (const char *at = path; !r && *at;) {
		size_t len = strcspn(at, "/");
		int below = -1;

		memcpy(part, at, len);
		part[len] = '\0';
		if (mkdirat(fd, part, 0777) && errno != EEXIST)
			return err_sys(e, "export: cannot make %s", path);
		r = fs_open_dir(fd, part, &below, e);
		base_close_p(&fd);
		fd = below;
		at += len + (at[len] == '/');
	}
	if (!r)
		*out_fd = take_fd(&fd);
	return r;
}

/* The directory of a file, and the file's name in it. */
static int open_dir_of(
    struct open_dir *d, int dirfd, const char *path, const char **name, struct err *e)
{
	const char *slash = strrchr(path, '/');
	char dir[TILE_PATH_MAX];
	int r = 0;

	*name = slash + 1;
	memcpy(dir, path, (size_t)(slash - path));
	dir[slash - path] = '\0';
	if (d->fd < 0 || strcmp(dir, d->path) != 0) {
		base_close_p(&d->fd);
		d->fd = -1;
		r = make_dirs(dirfd, dir, &d->fd, e);
		if (!r)
			memcpy(d->path, dir, sizeof(dir));
	}
	return r;
}

static int fill_temp(int fd, const void *data, size_t len, bool sync, struct err *e)
{
	int r = fs_write_all(fd, data, len, e);

	return !r && sync && fsync(fd) ? err_sys(e, "cannot write to the disk") : r;
}

/* Readers see the whole file or none. The umask decides who they are. */
static int put_file(
    int dirfd, int fd, const char *name, struct span data, bool sync, struct err *e)
{
	CLEANUP_FD int temp = -1;
	int r;

	unlinkat(dirfd, TILES_TEMP, 0);
	temp = openat(dirfd, TILES_TEMP,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (temp < 0)
		return err_sys(e, "export: cannot write %s", name);
	r = fill_temp(temp, data.data, data.len, sync, e);
	if (!r && close(take_fd(&temp)))
		r = err_sys(e, "cannot write");
	if (!r && renameat(dirfd, TILES_TEMP, fd, name))
		r = err_sys(e, "cannot rename");
	if (!r && sync && fsync(fd))
		r = err_sys(e, "cannot write to the disk");
	if (r) {
		unlinkat(dirfd, TILES_TEMP, 0);
		return err_wrap(e, "export: %s", name);
	}
	return 0;
}

static bool is_there(struct tiles_writer *w, int fd, const char *name, struct span data)
{
	struct err ignored;

	buf_clear(&w->there);
	return fs_read_file(fd, name, TILE_BUNDLE_MAX, &w->there, NULL, &ignored) == 0 &&
	       w->there.len == data.len &&
	       memcmp(w->there.data, data.data, data.len) == 0;
}

/* `width` hashes of a tile, or their entries. */
static int put_tile(struct tiles_writer *w, int level, uint64_t index, unsigned width,
    struct span data, struct err *e)
{
	struct open_dir *d = &w->dir[level + 1];
	unsigned height = level == TILE_ENTRIES ? 0 : (unsigned)level;
	bool kept = index * TILE_HASHES + width <= tile_hashes(w->kept, height);
	char path[TILE_PATH_MAX];
	const char *name;
	int r;

	tile_path(level, index, width, path);
	r = open_dir_of(d, w->dirfd, path, &name, e);
	if (r || is_there(w, d->fd, name, data))
		return r;
	if (kept)
		return err_set(e, ERR_LEDGER,
		    "%s is missing, or not what the ledger has: damaged, or a fork",
		    path);
	return put_file(w->dirfd, d->fd, name, data, false, e);
}

int tiles_writer_file(
    struct tiles_writer *w, const char *name, const void *data, size_t len, struct err *e)
{
	struct span bytes = {data, len};

	return is_there(w, w->dirfd, name, bytes)
		   ? 0
		   : put_file(w->dirfd, w->dirfd, name, bytes, true, e);
}

/* ---- entries ---- */

static int put_hashes(struct tiles_writer *w, unsigned level, struct err *e)
{
	struct tile *t = &w->tile[level];
	struct span data = {t->hash, t->n * sizeof(t->hash[0])};

	return put_tile(w, (int)level, t->index, t->n, data, e);
}

static int put_bundle(struct tiles_writer *w, struct err *e)
{
	struct span data = {w->bundle.data, w->bundle.len};
	int r = put_tile(w, TILE_ENTRIES, w->tile[0].index, w->tile[0].n, data, e);

	buf_clear(&w->bundle);
	return r;
}

/* A full tile is written, and its root is a hash for the next level. */
static int add_leaf(struct tiles_writer *w, const struct digest *leaf, struct err *e)
{
	struct digest up = *leaf;
	int r = 0;

	for (unsigned level = 0; !r && level < TILE_LEVELS; level++) {
		struct tile *t = &w->tile[level];

		t->hash[t->n++] = up;
		if (t->n < TILE_HASHES)
			break;
		r = level == 0 ? put_bundle(w, e) : 0;
		if (!r)
			r = put_hashes(w, level, e);
		tile_root(t, &up);
		t->index++;
		t->n = 0;
	}
	return r;
}

int tiles_writer_add(struct tiles_writer *w, const void *entry, size_t len,
    const struct digest *leaf, struct err *e)
{
	const uint8_t length[2] = {(uint8_t)(len >> 8), (uint8_t)len};
	int r;

	if (len > ENTRY_MAX_BYTES)
		return err_set(e, ERR_INTERNAL, "export: an entry of %zu bytes", len);
	r = buf_add(&w->bundle, length, sizeof(length), e);
	if (!r)
		r = buf_add(&w->bundle, entry, len, e);
	if (r)
		return r;
	w->size++;
	return add_leaf(w, leaf, e);
}

/* ---- end ---- */

/* Partial tiles that the old export had and that are full now: readers take the full one instead. */
static void remove_partial(struct tiles_writer *w, int level)
{
	unsigned height = level == TILE_ENTRIES ? 0 : (unsigned)level;
	uint64_t index = tile_hashes(w->kept, height + 1);
	CLEANUP_NAMES struct fs_names names = {0};
	CLEANUP_FD int fd = -1;
	char path[TILE_PATH_MAX];
	const char *name;
	struct err ignored;

	if (index >= tile_hashes(w->size, height + 1))
		return;
	tile_path(level, index, 1, path);
	*strrchr(path, '/') = '\0';
	if (fs_list(w->dirfd, path, TILE_HASHES, &names, &ignored) ||
	    fs_open_dir(w->dirfd, path, &fd, &ignored))
		return;
	for (size_t i = 0; i < names.n; i++)
		unlinkat(fd, names.v[i], 0);
	/* The parent without following links: the directory could have been exchanged. */
	if (open_dir_of(&w->dir[level + 1], w->dirfd, path, &name, &ignored) == 0)
		unlinkat(w->dir[level + 1].fd, name, AT_REMOVEDIR);
}

int tiles_writer_finish(
    struct tiles_writer *w, const void *note, size_t len, struct err *e)
{
	int r = w->tile[0].n ? put_bundle(w, e) : 0;

	for (unsigned level = 0; !r && level < TILE_LEVELS; level++)
		r = w->tile[level].n ? put_hashes(w, level, e) : 0;
	if (!r && syncfs(w->dirfd))
		r = err_sys(e, "export: cannot write to the disk");
	if (!r)
		r = tiles_writer_file(w, TILES_CHECKPOINT, note, len, e);
	for (int level = TILE_ENTRIES; !r && level < TILE_LEVELS; level++)
		remove_partial(w, level);
	return r;
}
