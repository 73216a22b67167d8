/* SPDX-License-Identifier: Apache-2.0 */
/* layer_data.c: see layer_data.h. */
#include "store/layer_data.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "store/place.h"

#define READ_BYTES (256U << 10)

int layer_data_path(
    const struct store_layer *l, const char *name, struct buf *out, struct err *e)
{
	int r = buf_addf(out, e, "%s/", l->id);
	CLEANUP_BUF struct buf file;

	buf_init(&file, LAYER_DATA_PATH_MAX);
	if (!r)
		r = image_file_name(name, &file, e);
	return r ? r : buf_add(out, file.data, file.len, e);
}

void layer_data_release(struct layer_data *d)
{
	for (size_t i = 0; i < d->n_files; i++)
		free(d->files[i].name);
	free(d->files);
	*d = (struct layer_data){0};
}

/* These caches may be as large as the list of files of an image: they are never held in memory. */
static int hash(int fd, struct image_file *out, struct err *e)
{
	CLEANUP_SHA256 struct sha256 *h = sha256_new();
	CLEANUP_FREE char *chunk = xmalloc(READ_BYTES);
	struct stat before, after;
	ssize_t n;

	if (fstat(fd, &before))
		return err_sys(e, "fstat");
	if (!S_ISREG(before.st_mode))
		return err_set(e, ERR_MALFORMED, "not a regular file");
	while ((n = read(fd, chunk, READ_BYTES)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, "read");
		sha256_update(h, chunk, (size_t)n);
		out->size += (uint64_t)n;
	}
	sha256_final(h, &out->sha256);
	if (fstat(fd, &after))
		return err_sys(e, "fstat");
	return fs_same_state(&before, &after)
		   ? 0
		   : err_set(e, ERR_CHANGED, "changed while it was read");
}

static int read_item(const struct store *s, const struct store_layer *l, const char *name,
    struct image_file *out, struct err *e)
{
	CLEANUP_BUF struct buf path;
	CLEANUP_FD int fd = -1;
	int r;

	buf_init(&path, LAYER_DATA_PATH_MAX);
	r = layer_data_path(l, name, &path, e);
	if (!r)
		r = fs_open(s->places[place_of_data(s, l)].layers_fd, path.data, O_RDONLY,
		    &fd, e);
	if (!r)
		r = hash(fd, out, e);
	return r ? err_wrap(e, "%s of layer %.12s", name, l->id) : 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(
	    ((const struct image_file *)a)->name, ((const struct image_file *)b)->name);
}

int layer_data_read(const struct store *s, const struct store_layer *l,
    struct layer_data *out, struct err *e)
{
	int r = 0;

	*out = (struct layer_data){.files = xcalloc(l->n_big_data, sizeof(*out->files))};
	for (size_t i = 0; !r && i < l->n_big_data; i++) {
		struct image_file *f = &out->files[out->n_files++];

		f->name = xstrdup(l->big_data[i]);
		r = read_item(s, l, f->name, f, e);
	}
	if (r)
		layer_data_release(out);
	else
		qsort(out->files, out->n_files, sizeof(*out->files), by_name);
	return r;
}
