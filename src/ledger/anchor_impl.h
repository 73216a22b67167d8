/* SPDX-License-Identifier: Apache-2.0 */
/*
 * anchor_impl.h: what a kind of anchor provides. A new kind (a witness asked over the network) is one
 * more table of these, and a setting.
 */
#ifndef LEDGER_ANCHOR_IMPL_H
#define LEDGER_ANCHOR_IMPL_H

#include "ledger/anchor.h"

struct anchor;

/*
 * None keeps a descriptor open: the ledger's reader is a child that must inherit nothing, and a TPM
 * without a resource manager serves one connection at a time.
 */
struct anchor_ops {
	/* Sets state (SEEN, DAMAGED, MISSING, UNREACHABLE) and, unless SEEN, why. */
	void (*look)(struct anchor *a);
	/* Of one that was SEEN: the signed note that it remembers, perhaps empty. NULL: it has no such thing. */
	const struct buf *(*note)(const struct anchor *a);
	/* Of one that was SEEN: sets state and why. An error is one of the view's callbacks. */
	int (*judge)(struct anchor *a, const struct anchor_view *view, struct err *e);
	/* ERR_* if an append could not be anchored now. *counts: `counter` belongs in the batch. */
	int (*prepare)(struct anchor *a, const struct anchor_view *view, bool *counts,
	    uint64_t *counter, struct err *e);
	/* With the lock held. Does nothing if the anchor is there already, or further. */
	int (*advance)(struct anchor *a, const struct anchor_view *view, struct err *e);
	/* With the lock held. Of one that is MISSING, or again. */
	int (*create)(
	    struct anchor *a, const struct anchor_view *view, bool again, struct err *e);
	void (*release)(struct anchor *a);
};

struct anchor {
	const struct anchor_ops *ops;
	char *name;
	enum anchor_state state;
	struct err why;
	bool knows_head;
	struct checkpoint head;
	bool knows_counter;
	uint64_t counter;
	bool has_file, append_only;
	void *own; /* of its kind */
};

void anchor_file_init(struct anchor *a, const struct anchor_setting *s);
void anchor_pin_init(struct anchor *a, const struct anchor_setting *s);
/* ERR_LEDGER in a build without TPM support. */
MUSTUSE int anchor_tpm_init(
    struct anchor *a, const struct anchor_setting *s, const char *tcti, struct err *e);

/* Sets state and why. */
void anchor_is(struct anchor *a, enum anchor_state state, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* Judges an anchor that remembers a->head. `when` (0: unknown) is when it was told. */
MUSTUSE int anchor_judge_head(
    struct anchor *a, const struct anchor_view *view, int64_t when, struct err *e);

#endif
