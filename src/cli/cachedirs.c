/* SPDX-License-Identifier: Apache-2.0 */
/* cachedirs.c: where an engine with this environment keeps cache mounts. */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "store/cachemounts.h"

size_t cli_cache_dirs(const char *out[static 2])
{
	const char *own = getenv("TMPDIR");
	size_t n = 0;

	if (own && own[0] && strcmp(own, CACHE_MOUNT_DEFAULT_DIR) != 0)
		out[n++] = own;
	out[n++] = CACHE_MOUNT_DEFAULT_DIR;
	return n;
}
