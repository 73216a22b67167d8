/* SPDX-License-Identifier: Apache-2.0 */
/*
 * envelope.h: reading DSSE envelopes (crypto/dsse.h writes them). All of it is untrusted; what comes
 * out are the very bytes that were verified, and nothing is taken from the envelope afterwards.
 */
#ifndef GUARD_ENVELOPE_H
#define GUARD_ENVELOPE_H

#include "crypto/dsse.h"

#define STATEMENT_TYPE "application/vnd.in-toto+json"

/* More signatures than anybody puts on one; each costs a verification. */
#define ENVELOPE_SIGNATURES_MAX 16

/*
 * Appends the body to `body` if the envelope is of the payload type STATEMENT_TYPE and one of its
 * signatures is the key's, whatever key ids it names. Members it does not know are ignored, base64 may
 * be of either alphabet. ERR_MALFORMED: no envelope, or readable in two ways. ERR_LEDGER: no
 * signature verifies.
 */
MUSTUSE int envelope_open(const char *json, size_t len, const struct attest_public *key,
    struct buf *body, struct err *e);

#endif
