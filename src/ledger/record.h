/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record.h: an entry with its place in the log and its signed bytes, shared by whoever still needs it:
 * the ledger that was opened, and the state that it is a part of.
 */
#ifndef LEDGER_RECORD_H
#define LEDGER_RECORD_H

#include "ledger/entry.h"

struct record {
	uint64_t seq;
	char *bytes; /* owned: what was signed */
	size_t len;
	struct entry *entry; /* owned: what it says; NULL until it is authenticated */
	unsigned uses;
};

/* Copies the bytes; one use. */
struct record *record_new(uint64_t seq, const void *bytes, size_t len);
/* Only authenticated bytes are parsed. ERR_LEDGER: the message names the entry. */
MUSTUSE int record_parse(struct record *r, struct err *e);
void record_leaf(const struct record *r, struct digest *out);
struct record *record_use(struct record *r); /* one more; gives r */
void record_drop(struct record *r);	     /* one less; NULL is fine */

#endif
