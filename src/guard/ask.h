/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ask.h: single questions about a sealed layer: is what is at these paths as it was sealed? For who knows what
 * has been touched and will not read the whole tree for it.
 *
 * The answer is about the moment of asking. All that deviates is in `findings`, with the classes and words that
 * guard_verify() has for it, severities not set yet.
 *
 * Who keeps what was found asks about its paths again, together with those that were touched: then the answer replaces
 * all of it. Not so if a finding has no path (the tree could not be read as a whole): that takes guard_verify(). And
 * nobody may be told that a file lost or got a name elsewhere: a finding of class tree-hardlink is worth another
 * question now and then.
 */
#ifndef GUARD_ASK_H
#define GUARD_ASK_H

#include "guard/guard.h"

enum ask_answer {
	ASK_ANSWERED, /* all paths were measured and compared */
	/* too much for single questions (hundreds of hard links, a large directory): guard_verify() */
	ASK_WHOLE,
	ASK_NOT_SEALED, /* it is not sealed, or not any more; or what is there is another creation of it */
	ASK_LEAVING, /* the engine is removing it, or has: nothing that is found in it means anything */
};

struct ask_path {
	const char *
	    path; /* absolute in the tree: "/etc/passwd", "/" the root; any bytes; borrowed */
	/*
	 * With all that is below it: for a directory that was made, or moved to there. Without, a directory that was
	 * sealed is compared as what it is, not by what is in it. Of one that only one side has, everything below counts
	 * in either case.
	 */
	bool below;
};

/*
 * The directories that lead to each path are asked about, too, and the other names that a file had when it was sealed.
 * Content of regular files is read in full, through the page cache. A mount in the place of one of them, or a file
 * that keeps changing, is a finding at the path that was asked. `findings` gets them only with ASK_ANSWERED.
 * ERR_USAGE: no such path can be. ERR_*: the ledger or the system fails.
 */
MUSTUSE int guard_ask(struct guard *g, const char *layer, const struct ask_path *paths,
    size_t n, enum ask_answer *answer, struct findings *findings, struct err *e);

/* True if the record says that the layer is being removed or made, or if it has neither record nor directory. */
MUSTUSE int guard_layer_is_leaving(
    const struct guard *g, const char *layer, bool *leaving, struct err *e);

#endif
