/* SPDX-License-Identifier: Apache-2.0 */
/* dsse.c: see dsse.h. */
#include "crypto/dsse.h"

#include <string.h>

#include "base/esc.h"
#include "base/hex.h"

int dsse_pae(
    const char *type, const void *body, size_t len, struct buf *out, struct err *e)
{
	int r = buf_addf(out, e, "DSSEv1 %zu %s %zu ", strlen(type), type, len);

	return r ? r : buf_add(out, body, len, e);
}

static int sign_pae(const struct attest_key *k, const char *type, const struct buf *body,
    struct attest_signature *sig, struct err *e)
{
	CLEANUP_BUF struct buf pae;
	int r;

	buf_init(&pae, ATTEST_MESSAGE_MAX);
	r = dsse_pae(type, body->data, body->len, &pae, e);
	return r ? r : attest_sign(k, pae.data, pae.len, sig, e);
}

int dsse_sign(const struct attest_key *k, const char *type, const struct buf *body,
    struct buf *out, struct err *e)
{
	struct attest_signature sig;
	int r;

	if (body->len > DSSE_BODY_MAX || strlen(type) > DSSE_TYPE_MAX)
		return err_set(e, ERR_REFUSED,
		    "an attestation of %zu bytes: at most %u are signed", body->len,
		    DSSE_BODY_MAX);
	r = sign_pae(k, type, body, &sig, e);
	if (!r)
		r = buf_adds(out, "{\"payloadType\":", e);
	if (!r)
		r = esc_json(out, type, strlen(type), e);
	if (!r)
		r = buf_adds(out, ",\"payload\":\"", e);
	if (!r)
		r = base64_encode(out, body->data, body->len, e);
	if (!r)
		r = buf_addf(out, e, "\",\"signatures\":[{\"keyid\":\"%s\",\"sig\":\"",
		    attest_key_public(k)->keyid);
	if (!r)
		r = base64_encode(out, sig.bytes, sig.len, e);
	return r ? r : buf_adds(out, "\"}]}\n", e);
}

int dsse_verify(const struct attest_public *k, const char *type, const struct buf *body,
    const struct buf *sig, struct err *e)
{
	CLEANUP_BUF struct buf pae;

	buf_init(&pae, ATTEST_MESSAGE_MAX);
	if (dsse_pae(type, body->data, body->len, &pae, e))
		return e->code = ERR_LEDGER;
	return attest_verify(k, pae.data, pae.len, sig->data, sig->len, e);
}
