/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state.h: what the entries, read oldest first, say now: which layers and images are sealed, where
 * names lead. The newest entry about an object wins.
 *
 * An entry that contradicts those before it is refused, as layerseal-ledger(5) says: about a store
 * that was not entered; a second store at a graphroot; retiring, remeasuring or naming what is not
 * sealed now; remeasuring another tree than the sealed one.
 */
#ifndef LEDGER_STATE_H
#define LEDGER_STATE_H

#include "ledger/ledger.h"

struct state;

struct state *state_new(void);
/* To try what entries would do to `base`, which it leaves alone and must not outlive. */
struct state *state_new_over(const struct state *base);
void state_free(struct state *s);

/* ERR_REFUSED: contradicts the entries before it. `en` stays in place as long as the state. */
MUSTUSE int state_apply(
    struct state *s, const struct entry *en, size_t seq, struct err *e);

const struct entry_init *state_store(const struct state *s, const struct store_id *store);
bool state_find_store(const struct state *s, const char *graphroot, struct store_id *out);
const struct sealed_layer *state_layer(
    const struct state *s, const struct store_id *store, const char *id);
const struct sealed_image *state_image(
    const struct state *s, const struct store_id *store, const char *id);
const char *state_name(
    const struct state *s, const struct store_id *store, const char *name);
MUSTUSE int state_each_layer(const struct state *s, const struct store_id *store,
    ledger_layer_fn *fn, void *ctx, struct err *e);
MUSTUSE int state_each_image(const struct state *s, const struct store_id *store,
    ledger_image_fn *fn, void *ctx, struct err *e);

#endif
