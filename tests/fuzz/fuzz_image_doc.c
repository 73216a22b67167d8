/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_image_doc.c: manifests and configurations of anybody. */
#include <stdlib.h>

#include "fuzz.h"
#include "store/image_doc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct image_manifest m;
	struct digest *ids;
	struct err e;
	size_t n;

	(void)!image_manifest_parse((const char *)data, len, &m, &e);
	if (!image_config_parse((const char *)data, len, &ids, &n, &e))
		free(ids);
	if (!image_list_parse((const char *)data, len, &ids, &n, &e))
		free(ids);
	if (!image_config_history((const char *)data, len, &ids, &n, &e))
		free(ids);
	return 0;
}
