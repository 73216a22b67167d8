/* SPDX-License-Identifier: Apache-2.0 */
/* envelope.c: see envelope.h. */
#include "guard/envelope.h"

#include <string.h>

#include "base/hex.h"
#include "store/jsonin.h"

static void release_json(json_t **j)
{
	json_decref(*j);
}
#define CLEANUP_JSON CLEANUP(release_json)

static int get_string(json_t *object, const char *name, const char **out, struct err *e)
{
	json_t *value = json_object_get(object, name);

	*out = json_string_value(value);
	return *out ? 0 : err_set(e, ERR_MALFORMED, "\"%s\" is no string", name);
}

/* The standard alphabet or the one for URLs, not both at once. */
static int decode(json_t *object, const char *name, struct buf *out, struct err *e)
{
	CLEANUP_FREE char *copy = NULL;
	const char *text;
	int r = get_string(object, name, &text, e);

	if (r)
		return r;
	copy = xstrdup(text);
	if (!strpbrk(copy, "+/")) {
		for (char *c = copy; (c = strpbrk(c, "-_")); c++)
			*c = *c == '-' ? '+' : '/';
	}
	r = base64_decode(out, copy, strlen(copy), e);
	return r ? err_wrap(e, "\"%s\"", name) : 0;
}

/* Go's parser, which most tools use, would take "Payload" for "payload". */
static int check_keys(
    json_t *object, const char *const known[], size_t n_known, struct err *e)
{
	return jsonin_keys(object, known, n_known, false, e) == JSON_OK ? 0 : e->code;
}

/* *valid stays as it was unless this signature is the key's. */
static int try_signature(json_t *signature, const struct attest_public *key,
    const struct buf *body, bool *valid, struct err *e)
{
	static const char *const known[] = {"keyid", "sig"};
	CLEANUP_BUF struct buf sig;
	struct err why;
	int r;

	buf_init(&sig, 2048);
	if (!json_is_object(signature))
		return err_set(e, ERR_MALFORMED, "a signature is no object");
	r = check_keys(signature, known, ARRAY_LEN(known), e);
	if (!r)
		r = decode(signature, "sig", &sig, e);
	if (!r && dsse_verify(key, STATEMENT_TYPE, body, &sig, &why) == 0)
		*valid = true;
	return r;
}

static int try_signatures(json_t *envelope, const struct attest_public *key,
    const struct buf *body, struct err *e)
{
	json_t *list = json_object_get(envelope, "signatures"), *signature;
	bool valid = false;
	size_t i;
	int r = 0;

	if (!json_is_array(list) || json_array_size(list) == 0 ||
	    json_array_size(list) > ENVELOPE_SIGNATURES_MAX)
		return err_set(e, ERR_MALFORMED, "\"signatures\" is no list of 1 to %d",
		    ENVELOPE_SIGNATURES_MAX);
	json_array_foreach(list, i, signature)
	{
		if (!r)
			r = try_signature(signature, key, body, &valid, e);
	}
	if (!r && !valid)
		r = err_set(
		    e, ERR_LEDGER, "no signature of key %s that verifies", key->keyid);
	return r;
}

static int open_object(
    json_t *envelope, const struct attest_public *key, struct buf *body, struct err *e)
{
	static const char *const known[] = {"payload", "payloadType", "signatures"};
	const char *type;
	int r = check_keys(envelope, known, ARRAY_LEN(known), e);

	if (!r)
		r = get_string(envelope, "payloadType", &type, e);
	if (!r && strcmp(type, STATEMENT_TYPE) != 0)
		r = err_set(e, ERR_MALFORMED, "payload type '%s' is not %s", type,
		    STATEMENT_TYPE);
	if (!r)
		r = decode(envelope, "payload", body, e);
	return r ? r : try_signatures(envelope, key, body, e);
}

int envelope_open(const char *json, size_t len, const struct attest_public *key,
    struct buf *body, struct err *e)
{
	CLEANUP_JSON json_t *envelope = NULL;
	CLEANUP_BUF struct buf verified;
	int r = 0;

	buf_init(&verified, DSSE_BODY_MAX);
	if (jsonin_object(json, len, &envelope, e) != JSON_OK)
		r = e->code;
	if (!r)
		r = open_object(envelope, key, &verified, e);
	if (!r)
		r = buf_add(body, verified.data, verified.len, e);
	return r ? err_wrap(e, "envelope") : 0;
}
