/* SPDX-License-Identifier: Apache-2.0 */
/*
 * export.h: a ledger's log as an export (tiles.h), for readers that are not ours. An export only ever
 * grows: one that holds another log, more entries, or another beginning is left as it is.
 */
#ifndef LEDGER_EXPORT_H
#define LEDGER_EXPORT_H

#include "ledger/ledger.h"

struct export_options {
	const char *dir;	   /* made if need be, in a directory that exists */
	const struct trust *trust; /* whose checkpoint may be there already */
	bool signify;		   /* also write what signify(1) verifies */
};

/* With `signify`: the checkpoint's text behind its signature (signify -V -e), and the public key. */
#define EXPORT_SIGNIFY_SIG "checkpoint.sig"
#define EXPORT_SIGNIFY_KEY "key.pub"

/*
 * Durable on return; *before is how many entries were there. ERR_REFUSED: something else is in the
 * directory, or another export is being written. ERR_LEDGER: what is there contradicts the ledger (a
 * fork, or a ledger that was rolled back), or is damaged.
 */
MUSTUSE int export_ledger(
    struct ledger *l, const struct export_options *o, uint64_t *before, struct err *e);

/* The two files of signify(1) for a checkpoint that `signer` signed. */
MUSTUSE int signify_format_key(
    const struct public_key *key, struct buf *out, struct err *e);
MUSTUSE int signify_format_signature(const char *note, size_t len,
    const struct public_key *signer, struct buf *out, struct err *e);

#endif
