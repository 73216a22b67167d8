/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_tarhead.c: one tar header with its extended headers. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "store/tarhead.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct tarhead *t = tarhead_new();
	struct tar_header h;
	struct err e;

	if (tarhead_read(t, data, len, &h, &e) == 0) {
		if (h.mode > 07777 || h.mtime_nsec > 999999999 || h.size > INT64_MAX ||
		    strlen(h.name) > len || strlen(h.link) > len)
			abort();
		for (size_t i = 1; i < h.n_xattrs; i++) {
			if (strcmp(h.xattrs[i - 1].name, h.xattrs[i].name) >= 0)
				abort();
		}
	}
	tarhead_free(t);
	return 0;
}
