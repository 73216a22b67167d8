/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state.h: what the entries, read oldest first, say now: which layers and images are sealed, where
 * names lead. The newest entry about an object wins. An entry about something that is not there (a
 * retirement of what was never sealed, a remeasurement of another tree) changes nothing.
 */
#ifndef LEDGER_STATE_H
#define LEDGER_STATE_H

#include "ledger/ledger.h"

struct state;

struct state *state_new(void);
void state_free(struct state *s);

/* `en` stays alive and in place as long as the state. */
void state_apply(struct state *s, const struct entry *en, size_t seq);

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
