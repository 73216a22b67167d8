/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upkeep.h: a ledger's database made anew: smaller, mended, elsewhere, or from elsewhere. All of it is
 * a copy (copy.h) that was read again in full before it takes anybody's place (exchange.h), nothing is
 * signed, and no key is needed. Interrupted anywhere, the old database or the new one is there, whole.
 */
#ifndef LEDGER_UPKEEP_H
#define LEDGER_UPKEEP_H

#include "ledger/copy.h"

/*
 * Drops the manifests that no seal needs that counts, and gives the space back. `l` must have been
 * opened alone, for reading; it shows the old database until it is closed. With `rehearse` only the
 * report is made, and others may write.
 */
MUSTUSE int upkeep_compact(
    struct ledger *l, bool rehearse, struct copy_report *out, struct err *e);

/*
 * The same database from what verifies: entries, checkpoints, manifests, a fresh start. What does not
 * is left out and told. `l` was opened alone and whole; that its entries verify is its opening.
 */
MUSTUSE int upkeep_rebuild(struct ledger *l, struct copy_report *out, struct err *e);

/* ---- backup ---- */

/* In a backup beside the database. They are for people: restoring believes neither. */
#define BACKUP_FILE_CHECKPOINT "checkpoint"
#define BACKUP_FILE_TRUST "trust"

struct ledger_backup_options {
	const char *dir;
	const struct trust *trust;
	bool with_secrets; /* those of the ledger's directory, as they are there */
};
/*
 * The ledger as it was opened (for reading) into a directory, which is new, empty, or that of a
 * backup that was interrupted. ERR_REFUSED: something else is there.
 */
MUSTUSE int upkeep_backup(struct ledger *l, const struct ledger_backup_options *o,
    struct copy_report *out, struct err *e);

/* A secret from one ledger's directory into another's; *copied is false if there is none. */
MUSTUSE int upkeep_copy_secret(
    int from, int to, const char *name, bool *copied, struct err *e);

struct ledger_restoration {
	const char *dir;	   /* of the ledger, which may be damaged or missing */
	const char *backup;	   /* directory */
	const struct trust *trust; /* whom to believe about both */
	const struct anchor_settings *anchors;
	unsigned wait_s; /* for who writes the ledger */
};
struct restored {
	struct checkpoint head;
	uint64_t
	    before; /* entries of the ledger that was there; 0 if that cannot be told */
	bool key, statprint_key; /* came from the backup */
	struct copy_report copy;
};
/*
 * Puts the ledger of a backup in place. ERR_LEDGER: the backup does not verify, or an anchor knows a
 * newer ledger. ERR_REFUSED: the ledger in place is not a beginning of it, as far as can be told.
 */
MUSTUSE int upkeep_restore(
    const struct ledger_restoration *o, struct restored *out, struct err *e);

#endif
