/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.h: a whole log checked from public keys alone, as layerseal-ledger(5) says under "Reading":
 * signatures, root, every entry and every rule between entries. It keeps what counts at each moment
 * and not the entries.
 */
#ifndef LEDGER_AUDIT_H
#define LEDGER_AUDIT_H

#include "ledger/ledger.h"

struct audit_report {
	struct checkpoint head;
	struct public_key signer;	/* of the newest checkpoint */
	uint64_t by_op[ENTRY_OP_COUNT]; /* entries */
	uint64_t objects;		/* entries that count at the end */
	uint64_t checkpoints;		/* signatures that were verified */
	uint64_t manifests; /* ... whose text is the sealed one; 0: nobody asked */
};

struct audit_options {
	const struct trust *trust;
	bool manifests; /* read the manifest of every sealed layer, too */
};

/*
 * A ledger: every entry, and every checkpoint that is kept, with its root at its size and the right of
 * its key to sign that size. ERR_LEDGER: what is wrong, first of all.
 */
MUSTUSE int audit_ledger(struct ledger *l, const struct audit_options *o,
    struct audit_report *out, struct err *e);
/* An export (tiles.h). ERR_LEDGER; also if there is none. */
MUSTUSE int audit_export(const char *dir, const struct audit_options *o,
    struct audit_report *out, struct err *e);

#endif
