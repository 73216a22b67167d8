/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vanish.h: objects that the engine deleted while they were being looked at. What was found about
 * them means nothing: a half-deleted tree is no attack, and what is gone is in nobody's cache.
 */
#ifndef GUARD_VANISH_H
#define GUARD_VANISH_H

#include "guard/guard.h"

/*
 * Reads the records once more (only if there is a finding about a layer or an image) and drops the
 * findings about those that now are being deleted, or have neither record nor directory any more. If it dropped one, it also takes the
 * images that are gone out of `seen` (NULL: nobody keeps a list): what was found may have been about them.
 */
MUSTUSE int vanish_forget(const struct guard *g, struct findings *findings,
    struct image_ids *seen, struct err *e);

/* True if `now` says that the layer is being removed or made, or if it has neither record nor directory. */
bool layer_vanished(const struct guard *g, const struct records *now, const char *id);

#endif
