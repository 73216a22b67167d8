/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_manifest.c: what the manifest parser accepts is written back as the very same bytes. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "tree/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct manifest_scratch *s = manifest_scratch_new();
	const char *line = (const char *)data;
	struct manifest_entry m;
	struct err e;
	struct buf out;

	buf_init(&out, MANIFEST_LINE_MAX);
	if (manifest_parse(line, len, s, &m, &e) == 0) {
		bool lf = len && line[len - 1] == '\n';

		if (manifest_format(&m, &out, &e) || out.len != len + !lf ||
		    memcmp(out.data, line, len) != 0 || out.data[out.len - 1] != '\n' ||
		    manifest_path_cmp(m.path, m.path) != 0)
			abort();
	}
	buf_release(&out);
	manifest_scratch_free(s);
	return 0;
}
