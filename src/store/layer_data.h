/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layer_data.h: big data of a layer, <driver>-layers/<id>/: what partial pulls of zstd:chunked layers
 * leave for later pulls, which copy files by it. Its record names it and binds no byte.
 */
#ifndef STORE_LAYER_DATA_H
#define STORE_LAYER_DATA_H

#include "store/image.h"

#define LAYER_DATA_PATH_MAX 4096

/* Path of one item below the place's layers_fd; `out` takes LAYER_DATA_PATH_MAX bytes. */
MUSTUSE int layer_data_path(
    const struct store_layer *l, const char *name, struct buf *out, struct err *e);

struct layer_data {
	struct image_file *files; /* sorted by name */
	size_t n_files;
};
void layer_data_release(struct layer_data *d);
#define CLEANUP_LAYER_DATA CLEANUP(layer_data_release)

/* Hashes every recorded item. ERR_NOT_FOUND, ERR_MALFORMED (no regular file), ERR_CHANGED, ERR_IO. */
MUSTUSE int layer_data_read(const struct store *s, const struct store_layer *l,
    struct layer_data *out, struct err *e);

#endif
