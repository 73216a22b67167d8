/* SPDX-License-Identifier: Apache-2.0 */
/* copies.h: what the commands share that make a ledger's database anew. */
#ifndef CLI_COPIES_H
#define CLI_COPIES_H

#include "base/jsonout.h"
#include "cli/cli.h"
#include "ledger/upkeep.h"

/* How long they wait for who is writing the ledger, unless --wait SECONDS says otherwise. */
#define COPIES_WAIT_S 60
MUSTUSE int copies_parse_wait(const char *text, unsigned *out, struct err *e);

/* "  kept       40 manifests, 3.1 MB": one line. */
void copies_print_count(const char *what, size_t n, uint64_t bytes);
/* Manifests that were left out because they are damaged: one line each, or an array. */
void copies_print_damaged(const struct copy_report *r);
void copies_damaged_json(struct jsonout *j, const struct copy_report *r);

/* `ledger check --rebuild` (ledger_rebuild.c). */
MUSTUSE int ledger_check_rebuild(
    struct cli *c, unsigned wait_s, bool json, struct err *e);

#endif
