/* SPDX-License-Identifier: Apache-2.0 */
/* known_find.h: what a measurement asks of known.h. Inside tree/ only. */
#ifndef TREE_KNOWN_FIND_H
#define TREE_KNOWN_FIND_H

#include "tree/walk.h"

/* Any number of threads, after known_end(). */
bool known_find(const struct known *k, const struct walk_stat *st, struct digest *digest,
    struct xxh128 *sum);

#endif
