/* SPDX-License-Identifier: Apache-2.0 */
/*
 * anchor_lines.h: the lines of an anchor's file, each the base64 of a whole signed checkpoint, and which
 * of them is the newest. Nothing in the file is trusted.
 *
 * Who may append (with chattr +a that can be all that somebody may do) can add any line, old
 * checkpoints too, and as many as to push the newest far away from the end. So every line counts,
 * and the one of the largest size wins: each is asked for the size it claims, which is cheap, and
 * only the largest are authenticated.
 */
#ifndef LEDGER_ANCHOR_LINES_H
#define LEDGER_ANCHOR_LINES_H

#include <sys/types.h>

#include "ledger/anchor_impl.h"

#define ANCHOR_LINE_MAX ((NOTE_MAX_BYTES + 2) / 3 * 4)
/* So many of the largest may turn out to be no checkpoints: torn by a crash, or scribbled. */
#define ANCHOR_CANDIDATES 16

struct anchor_line {
	uint64_t size; /* as it claims */
	off_t at;
	size_t len;
	char *text; /* owned; NULL until it is a candidate for good */
	enum { LINE_NEW, LINE_VALID, LINE_WORTHLESS } worth;
	struct checkpoint *head; /* owned; of a valid one */
};

/* All zero: nothing read. */
struct anchor_lines {
	off_t scanned; /* where the first line begins that was not seen whole */
	off_t end;     /* of what was seen; not `scanned`: a crash tore the last line */
	struct anchor_line best[ANCHOR_CANDIDATES]; /* by size, largest first */
	size_t n;
};

/* Reads what was added since the last time. */
MUSTUSE int anchor_lines_scan(struct anchor_lines *l, int fd, struct err *e);
/*
 * The newest that is a checkpoint of this ledger, as a->head. Sets the state of the anchor if there is
 * none (DAMAGED, FOREIGN) or two that contradict each other (FORKED), and else leaves it.
 */
void anchor_lines_newest(
    struct anchor_lines *l, struct anchor *a, const struct anchor_view *view);
void anchor_lines_release(struct anchor_lines *l);

#endif
