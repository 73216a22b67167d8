/* SPDX-License-Identifier: Apache-2.0 */
/*
 * place.h: where the parts of a layer are. With a split image store they are apart: storage up to
 * 1.57 keeps the record and the tar-split of an image's layer in the graphroot and the tree in the
 * image store; later versions keep the record in the image store too.
 */
#ifndef STORE_PLACE_H
#define STORE_PLACE_H

#include "store/records.h"

/* Index of the place whose driver directory has the layer's tree: the one podman looks in. */
size_t place_of_tree(const struct store *s, const struct store_layer *l);

/* True if the driver directory of this place has one of a layer, or cannot be looked at. */
bool place_has_tree(const struct store *s, size_t place, const char *id);

/* Index of the place whose <driver>-layers/ has the layer's tar-split and big data. */
size_t place_of_data(const struct store *s, const struct store_layer *l);

#endif
