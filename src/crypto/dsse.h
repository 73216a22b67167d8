/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dsse.h: Dead Simple Signing Envelopes 1.0.2 (secure-systems-lab/dsse). What is signed is the
 * pre-authentication encoding of type and body:
 *   "DSSEv1" SP len(type) SP type SP len(body) SP body
 */
#ifndef CRYPTO_DSSE_H
#define CRYPTO_DSSE_H

#include "crypto/attest_key.h"

#define DSSE_BODY_MAX (ATTEST_MESSAGE_MAX - 512)
#define DSSE_TYPE_MAX 256
#define DSSE_ENVELOPE_MAX (12U << 20)

MUSTUSE int dsse_pae(
    const char *type, const void *body, size_t len, struct buf *out, struct err *e);

/*
 * Appends the JSON envelope, one line: payloadType, payload, and one signature with the key's id.
 * ERR_REFUSED: the body has more than DSSE_BODY_MAX bytes.
 */
MUSTUSE int dsse_sign(const struct attest_key *k, const char *type,
    const struct buf *body, struct buf *out, struct err *e);
/* 0 only if `sig` is a signature of the key over type and body; ERR_LEDGER otherwise. */
MUSTUSE int dsse_verify(const struct attest_public *k, const char *type,
    const struct buf *body, const struct buf *sig, struct err *e);

#endif
