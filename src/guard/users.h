/* SPDX-License-Identifier: Apache-2.0 */
/* users.h: which images use a layer, for the findings about it. */
#ifndef GUARD_USERS_H
#define GUARD_USERS_H

#include "base/finding.h"
#include "store/records.h"

/* True if the layer is in the chain of some image. */
bool users_exist(const struct records *r, const char *layer);

/* Fills used_by of every finding that names a layer and no image. */
void users_fill(const struct records *r, struct findings *findings);

#endif
