/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_doc.h: what an image's manifest and configuration say, read strictly. Go's encoding/json
 * matches the keys of a structure under case folding; a document that it could read differently
 * is refused. Formats: OCI image-spec v1 manifest, index, config; Docker distribution v2 schema 2.
 */
#ifndef STORE_IMAGE_DOC_H
#define STORE_IMAGE_DOC_H

#include "crypto/digest.h"

enum manifest_kind {
	MANIFEST_IMAGE,
	MANIFEST_LIST, /* OCI index or Docker manifest list */
};

struct image_manifest {
	enum manifest_kind kind;
	struct digest config; /* MANIFEST_IMAGE only */
	size_t n_layers;
};

/* ERR_MALFORMED says what is wrong: also for schema 1, which is not supported. */
MUSTUSE int image_manifest_parse(
    const char *json, size_t len, struct image_manifest *out, struct err *e);

/* True if a list of manifests (that parses) has one with this digest. */
bool image_list_has(const char *json, size_t len, const char *digest);

/*
 * The digests of the manifests that a list has; the caller frees. ERR_NOT_FOUND: this is the manifest of an
 * image. ERR_MALFORMED: what it lists cannot be read in one way.
 */
#define IMAGE_LISTED_MAX 4096
MUSTUSE int image_list_parse(
    const char *json, size_t len, struct digest **digests, size_t *n, struct err *e);

/* rootfs.diff_ids of a configuration, base first; the caller frees. At most IMAGE_LAYERS_MAX. */
#define IMAGE_LAYERS_MAX 4096
MUSTUSE int image_config_parse(const char *json, size_t len, struct digest **diff_ids,
    size_t *n_diff_ids, struct err *e);

/*
 * The steps that a configuration says to be made of, as digests: of the first, of the first two, and so on; the
 * caller frees. An image that was built on another has that one's steps before its own.
 */
MUSTUSE int image_config_history(
    const char *json, size_t len, struct digest **steps, size_t *n, struct err *e);

#endif
