/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_answer.c: no bytes read as clean that have a finding which is to be denied, and what parses is the same after it
 * was said again.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "watch/protocol.h"

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void format(const struct answer *a, struct buf *out)
{
	struct err e;

	buf_init(out, PROTOCOL_ANSWER_MAX + PROTOCOL_HEAD_MAX);
	must(answer_format(a, out, &e) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *text = (const char *)data;
	CLEANUP_ANSWER struct answer a = {0};
	CLEANUP_ANSWER struct answer b = {0};
	CLEANUP_BUF struct buf once;
	CLEANUP_BUF struct buf twice;
	size_t length;
	struct err e;

	buf_init(&once, 1);
	buf_init(&twice, 1);
	if (answer_parse(text, len, &a, &e)) {
		must(a.verdict == VERDICT_UNVERIFIABLE && !a.document && !a.findings.n);
		return 0;
	}
	must(answer_length(text, len, &length, &e) == 0 && length == len);
	must(a.verdict != VERDICT_CLEAN ||
	     (a.status == ANSWER_KNOWN && verdict_of(&a.findings) == VERDICT_CLEAN));
	format(&a, &once);
	must(answer_parse(once.data, once.len, &b, &e) == 0);
	format(&b, &twice);
	must(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
	must(b.verdict == a.verdict);
	return 0;
}
