/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ask.h: single questions about a sealed layer: is what is at these paths as it was sealed? For who knows what
 * has been touched and will not read the whole tree for it.
 *
 * The answer is about the moment of asking. All that deviates is in `findings`, with the classes and words that
 * guard_verify() has for it, severities not set yet.
 */
#ifndef GUARD_ASK_H
#define GUARD_ASK_H

#include "guard/guard.h"

enum ask_answer {
	ASK_ANSWERED, /* all paths were measured and compared */
	ASK_WHOLE, /* that takes the whole layer (hard links, a directory with all that is in it): guard_verify() */
	ASK_NOT_SEALED, /* it is not sealed, or not any more */
	ASK_LEAVING, /* the engine is removing it, or has: nothing that is found in it means anything */
};

/*
 * `paths`: absolute in the tree ("/etc/passwd", "/" the root), no two the same; borrowed. The directory of each is
 * asked about, too. Content of regular files is read in full, through the page cache. A mount in the place of one of them, or a
 * file that keeps changing, is a finding. ERR_* only if the ledger or the system fails.
 */
MUSTUSE int guard_ask(struct guard *g, const char *layer, const char *const *paths,
    size_t n, enum ask_answer *answer, struct findings *findings, struct err *e);

/* True if the record says that the layer is being removed or made, or if it has neither record nor directory. */
MUSTUSE int guard_layer_is_leaving(
    const struct guard *g, const char *layer, bool *leaving, struct err *e);

#endif
