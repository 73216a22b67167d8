/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compare.h: what differs between a sealed manifest and the tree as it is now, as findings.
 * Streaming: both sides come in manifest order, nothing is kept but one line of each.
 */
#ifndef TREE_COMPARE_H
#define TREE_COMPARE_H

#include "base/finding.h"
#include "tree/lines.h"
#include "tree/tree.h"

struct compare;
struct compare *compare_new(
    lines_read_fn *sealed, void *ctx, const char *layer_id, struct findings *out);
/* A tree_line_fn; ctx is the struct compare. */
int compare_line(void *ctx, const char *line, size_t len, const struct manifest_entry *m,
    struct err *e);
/* After the last line: what is left of the sealed side was removed. */
MUSTUSE int compare_finish(struct compare *c, struct err *e);
void compare_free(struct compare *c);

#endif
