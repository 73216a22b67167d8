/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_envelope.c: no bytes become a statement that the key did not sign. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "guard/envelope.h"

/* The public key of RFC 8032's first test, and the one statement of the corpus that it has signed. */
#define PUBLIC                                                                           \
	"-----BEGIN PUBLIC KEY-----\n"                                                   \
	"MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"                 \
	"-----END PUBLIC KEY-----\n"
#define SIGNED_BODY "{\"_type\":\"https://in-toto.io/Statement/v1\"}"

static void must(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct attest_public key;
	CLEANUP_BUF struct buf body;
	struct err e;

	buf_init(&body, DSSE_BODY_MAX);
	if (!key.keyid[0])
		must(crypto_init(&e) == 0 &&
		     attest_public_parse(PUBLIC, strlen(PUBLIC), &key, &e) == 0);
	if (envelope_open((const char *)data, len, &key, &body, &e) == 0)
		must(strcmp(body.data, SIGNED_BODY) == 0);
	return 0;
}
