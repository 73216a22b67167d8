/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state.h: what the entries, read oldest first, say now: which layers and images are sealed, where
 * names lead, which keys may sign. The newest entry about an object wins.
 *
 * An entry that contradicts those before it is refused, as layerseal-ledger(5) says: about a store
 * that was not entered; a second store at a graphroot; retiring, remeasuring or naming what is not
 * sealed now; remeasuring another tree than the sealed one; adding a key twice, retiring one twice;
 * a counter that does not grow; revoking what is revoked, unrevoking what is not.
 *
 * At a `state` entry retired objects are forgotten. So the entries that count before it, and they
 * alone, make the same state: whoever has them need not read the others.
 */
#ifndef LEDGER_STATE_H
#define LEDGER_STATE_H

#include "ledger/ledger.h"
#include "ledger/record.h"

struct state;

struct state *state_new(void);
/* To try what entries would do to `base`, which it leaves alone and must not outlive. */
struct state *state_new_over(const struct state *base);
void state_free(struct state *s);
void state_free_p(struct state **s);
#define CLEANUP_STATE CLEANUP(state_free_p)

/*
 * ERR_REFUSED: contradicts the entries before it. The state keeps a use of the record as long as it
 * counts. What state_layer() and its kin handed out of retired objects is gone after a `state` entry.
 */
MUSTUSE int state_apply(struct state *s, struct record *r, struct err *e);

/* The records that count, by number; *out is a fresh array of borrowed pointers. Not for a state over another. */
size_t state_live(const struct state *s, struct record ***out);
/* The text of the snapshot that a `state` entry with the next number names. */
MUSTUSE int state_snapshot(
    const struct state *s, struct buf *out, size_t *objects, struct err *e);

const struct entry_init *state_store(const struct state *s, const struct store_id *store);
bool state_find_store(const struct state *s, const char *graphroot, struct store_id *out);
bool state_find_user_store(const struct state *s, const char *user, struct store_id *out);
const struct sealed_layer *state_layer(
    const struct state *s, const struct store_id *store, const char *id);
const struct sealed_image *state_image(
    const struct state *s, const struct store_id *store, const char *id);
const struct sealed_tree *state_tree(
    const struct state *s, const struct store_id *store, const char *path);
const char *state_name(
    const struct state *s, const struct store_id *store, const char *name);
MUSTUSE int state_each_layer(const struct state *s, const struct store_id *store,
    ledger_layer_fn *fn, void *ctx, struct err *e);
MUSTUSE int state_each_image(const struct state *s, const struct store_id *store,
    ledger_image_fn *fn, void *ctx, struct err *e);
MUSTUSE int state_each_tree(const struct state *s, const struct store_id *store,
    ledger_tree_fn *fn, void *ctx, struct err *e);

/* False if a store was entered with another statprint secret than the one with this SHA-256. */
bool state_statprint_key_is(const struct state *s, const struct digest *sha256);
/* False if the log itself says that this key signs no ledger of this size. */
bool state_key_may_sign(
    const struct state *s, const struct public_key *key, uint64_t size);
/*
 * Of those who signed a checkpoint of this size (trust_open_checkpoint()), the first that the log itself
 * lets sign it: somebody else's signature beside a good one takes nothing from it. NULL: none.
 */
const struct public_key *state_signer(
    const struct state *s, const struct trust *t, uint64_t signers, uint64_t size);
/* See ledger_key_added_at(). */
uint64_t state_key_added_at(const struct state *s, const struct public_key *key);
/* Why a digest is revoked; NULL: it is not. */
const char *state_revoked(const struct state *s, const struct digest *d);
/* The newest counter of an anchor; false if it was never entered. */
bool state_anchor(const struct state *s, const char *name, uint64_t *counter);

#endif
