/* SPDX-License-Identifier: Apache-2.0 */
/* watcher.h: what the commands have to do with a watcher that runs (watch/client.h). */
#ifndef CLI_WATCHER_H
#define CLI_WATCHER_H

#include "base/jsonout.h"
#include "cli/cli.h"

/*
 * What the watcher says of itself, as lines, or as member "watcher" of an open JSON object (null: there is none). That none is
 * there, or that it does not answer, is no failure: the lines say so.
 */
void watcher_print_status(const struct cli *c);
void watcher_add_status(const struct cli *c, struct jsonout *j);

/* `layerseal watch seal`. */
MUSTUSE int watcher_seal(struct cli *c, int n, char **images, struct err *e);

#endif
