/* SPDX-License-Identifier: Apache-2.0 */
/* cachedirs.c: where engines with this environment keep cache mounts. */
#include <stdlib.h>

#include "cli/cli.h"
#include "store/cachemounts.h"
#include "store/engineconf.h"

static void add(struct fs_names *to, const char *dir)
{
	to->v = xreallocarray(to->v, to->n + 1, sizeof(*to->v));
	to->v[to->n++] = xstrdup(dir);
}

void cli_cache_dirs(bool everywhere, struct fs_names *out)
{
	const char *own = getenv("TMPDIR");

	*out = (struct fs_names){0};
	engine_conf_tmp_dirs(out);
	if (own && own[0])
		add(out, own);
	if (everywhere || !own || !own[0])
		add(out, CACHE_MOUNT_DEFAULT_DIR);
}
