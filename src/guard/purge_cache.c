/* SPDX-License-Identifier: Apache-2.0 */
/* purge_cache.c: cache mounts go to quarantine: what finds none makes a new one, empty. */
#include <string.h>

#include "guard/purge_run.h"
#include "store/cachemounts.h"
#include "store/quarantine.h"

/*
 * .../buildah-cache/NAME is moved as a whole, or buildah-cache itself where that is what is wrong; so the
 * quarantine is beside it, on the same file system. Nothing of its content is looked at.
 */
static int move_away(const char *path, char **quarantine, struct err *e)
{
	size_t len = strlen(path), below;
	struct quarantine *q = NULL;
	CLEANUP_FREE char *dir = NULL;
	int r;

	below = cache_mount_names(path);
	if (!below)
		return err_set(e, ERR_REFUSED, "%s is no cache mount", path);
	dir = xstrndup(path, len - below - 1);
	r = quarantine_open_beside(dir[0] ? dir : "/", &q, e);
	if (!r)
		r = quarantine_move(q, path + len - below, e);
	if (!r)
		*quarantine = xstrdup(quarantine_path(q));
	quarantine_free(q);
	return r;
}

void purge_cache_mounts(struct purge_item *items, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct err why;
		int r;

		if (items[i].object != PURGED_CACHE_MOUNT ||
		    items[i].fate != PURGE_PLANNED)
			continue;
		r = move_away(items[i].id, &items[i].note, &why);
		items[i].fate = r == 0		     ? PURGE_QUARANTINED
				: r == ERR_NOT_FOUND ? PURGE_REMOVED
						     : PURGE_KEPT;
		if (r && r != ERR_NOT_FOUND)
			items[i].note = xstrdup(why.msg);
	}
}
