/* SPDX-License-Identifier: Apache-2.0 */
/* place.c: see place.h. */
#include "store/place.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* The path of a layer's own directory: of overlay, the one that has diff/ in it. */
bool place_has_tree(const struct store *s, size_t place, const char *id)
{
	char path[STORE_TREE_PATH_MAX], *slash;
	int dirfd = s->places[place].driver_fd;
	struct stat st;

	store_tree_path(s, id, path);
	slash = strrchr(path, '/');
	if (s->config->driver == STORE_OVERLAY && slash)
		*slash = '\0';
	/* What cannot be looked at is there. */
	return dirfd >= 0 &&
	       (fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT);
}

size_t place_of_tree(const struct store *s, const struct store_layer *l)
{
	if (s->places[l->place].kind == PLACE_ADDITIONAL)
		return l->place;
	for (size_t i = 0; i < s->n_places; i++) {
		if (s->places[i].kind != PLACE_ADDITIONAL && place_has_tree(s, i, l->id))
			return i;
	}
	return l->place;
}

size_t place_of_data(const struct store *s, const struct store_layer *l)
{
	return s->places[l->place].kind == PLACE_IMAGESTORE ? 0 : l->place;
}
