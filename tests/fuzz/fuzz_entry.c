/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_entry.c: what the entry parser accepts is written back as the very same bytes. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "ledger/entry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct entry en;
	struct buf out;
	struct err e;

	buf_init(&out, ENTRY_MAX_BYTES);
	if (entry_parse((const char *)data, len, &en, &e) == 0) {
		if (entry_format(&en, &out, &e) || out.len != len ||
		    memcmp(out.data, data, len) != 0)
			abort();
		entry_release(&en);
	} else if (e.code != ERR_LEDGER) {
		abort();
	}
	buf_release(&out);
	return 0;
}
