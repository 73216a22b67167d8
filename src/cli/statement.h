/* SPDX-License-Identifier: Apache-2.0 */
/*
 * statement.h: in-toto statements about what a ledger says: that a layer or image was sealed, and how a
 * verification went (a SLSA verification summary). The members are in layerseal-ledger(5),
 * ATTESTATIONS; their order is fixed, so equal facts make equal bytes.
 */
#ifndef CLI_STATEMENT_H
#define CLI_STATEMENT_H

#include "base/jsonout.h"
#include "cli/sealed_object.h"

/* ERR_REFUSED: a layer that it stands on is not sealed. */
MUSTUSE int statement_of_seal(const struct session *s, const struct sealed_object *what,
    struct jsonout *out, struct err *e);

struct verification_facts {
	const struct verify_options *options;
	const struct policy *policy;
	const struct verify_result *result;
	enum verdict verdict; /* not VERDICT_UNVERIFIABLE: nothing was verified then */
	int64_t time;	      /* when it began */
};
/* ERR_REFUSED: no sealed image to make a statement about. */
MUSTUSE int statement_of_verification(const struct session *s,
    const struct verification_facts *facts, struct jsonout *out, struct err *e);

#endif
