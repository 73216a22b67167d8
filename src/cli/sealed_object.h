/* SPDX-License-Identifier: Apache-2.0 */
/* sealed_object.h: the layer or image in the ledger that an argument means. */
#ifndef CLI_SEALED_OBJECT_H
#define CLI_SEALED_OBJECT_H

#include "cli/cli.h"

/* What a user named: a layer or an image that is sealed now. */
struct sealed_object {
	const struct sealed_layer *layer; /* one of these is NULL */
	const struct sealed_image *image;
	char *name; /* owned: the name that led to the image, or NULL */
};
void sealed_object_release(struct sealed_object *o);
#define CLEANUP_SEALED_OBJECT CLEANUP(sealed_object_release)

/*
 * By id, the beginning of an id (3 digits at least), or an image's name. ERR_USAGE: nothing of that name,
 * or several; ERR_REFUSED: sealed once, but not now.
 */
MUSTUSE int sealed_object_find(
    const struct session *s, const char *arg, struct sealed_object *out, struct err *e);

#endif
