/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image.h: the files of one image, <driver>-images/<id>/, against its record, against themselves
 * and against the layers: exactly the named files; id = SHA-256(config); manifest names config and
 * layers; config's rootfs.diff_ids are the diff-digests of the parent chain.
 */
#ifndef STORE_IMAGE_H
#define STORE_IMAGE_H

#include "base/buf.h"
#include "store/records.h"

struct image_file {
	char *name; /* big-data name as in the record */
	uint64_t size;
	struct digest sha256; /* of the bytes on disk */
	bool foreign_list;    /* a list of manifests, none of which this image has */
};

/* Measured content of an image. */
struct image_content {
	struct image_file *files; /* sorted by name */
	size_t n_files;
	struct digest *diff_ids; /* config's rootfs.diff_ids, base first */
	size_t n_diff_ids;
};
void image_content_release(struct image_content *c);

/*
 * True for a bare record, which only gives names to an image of another place: storage 1.43 makes
 * one when an image of an additional store is tagged. It must agree about the top layer, and has no
 * files; podman reads those of the other place.
 */
bool image_is_alias(const struct records *r, const struct store_image *i);

/*
 * The configurations that an image has by their digests, each as its steps (image_config_history()); what cannot be
 * read is none. An engine takes the one that the manifest names, which in a planted image need not be that of the id.
 */
typedef void image_steps_fn(void *ctx, const struct digest *steps, size_t n);
void image_each_history(
    const struct store *s, const struct store_image *i, image_steps_fn *fn, void *ctx);

/*
 * The manifests that a list of manifests has, by their digests; the caller frees. ERR_NOT_FOUND: the image is no
 * list; any other error: that could not be read.
 */
MUSTUSE int image_listed(const struct store *s, const struct store_image *i,
    struct digest **digests, size_t *n, struct err *e);

/* File name of a big-data item: kept if all of [.0-9a-z], else "=" + base64 (containers/storage). */
MUSTUSE int image_file_name(const char *big_data_name, struct buf *out, struct err *e);

/*
 * Reads and checks image `i`. Deviations are findings (image-file, image-id, image-manifest,
 * image-diff-ids, layer-missing); `out` holds what could be measured. Image files are at most
 * 64 MiB each.
 *
 * Engines write an image file by file and its record after each: before something is a finding it
 * is looked at again beside fresh records. ERR_CHANGED: they describe another image by this id. If
 * they have none, the findings stand: the caller knows what else is gone.
 */
MUSTUSE int image_check(const struct store *s, const struct records *r,
    const struct store_image *i, struct image_content *out, struct findings *findings,
    struct err *e);

#endif
