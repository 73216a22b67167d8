/* SPDX-License-Identifier: Apache-2.0 */
/* entries.h: ledger entries for people and programs, straight from their signed bytes. */
#ifndef CLI_ENTRIES_H
#define CLI_ENTRIES_H

#include <stdio.h>

#include "base/jsonout.h"
#include "ledger/entry.h"

/* One line: number, time, op, what it is about. */
void entries_print_line(FILE *to, uint64_t seq, const struct entry *en);
/* Every line of the entry, indented, under a heading. */
void entries_print_full(FILE *to, uint64_t seq, const char *bytes, size_t len);
/*
 * An object {"seq": n, ...} into an array: one string member per line of the entry; keys that may
 * occur more than once ("file", "additional") are arrays.
 */
void entries_json(struct jsonout *j, uint64_t seq, const char *bytes, size_t len);

/*
 * Calls `write` with a stream into memory, and prints what it wrote when it has returned 0: entries are
 * shown when the whole log has proved to be what was signed, and not before. An exit status.
 */
MUSTUSE int entries_print_proved(
    int (*write)(void *ctx, FILE *to, struct err *e), void *ctx, struct err *e);

/* Id that an entry is about: a layer's, an image's, or NULL. */
const char *entries_subject(const struct entry *en);

#endif
