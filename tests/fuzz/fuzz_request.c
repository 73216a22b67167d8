/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_request.c: what parses as a request to the watcher has one spelling, and is as long as the server thinks. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "watch/protocol.h"

static void must(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *text = (const char *)data;
	CLEANUP_REQUEST struct request r = {0};
	CLEANUP_BUF struct buf again;
	struct err e;

	buf_init(&again, PROTOCOL_REQUEST_MAX);
	if (request_parse(text, len, &r, &e))
		return 0;
	must(request_length(text, len, 0) == len);
	must(request_format(&r, &again, &e) == 0);
	must(again.len == len && memcmp(again.data, data, len) == 0);
	must((r.ledger != NULL) == (r.verb == REQUEST_VERIFY || r.verb == REQUEST_SEAL));
	return 0;
}
