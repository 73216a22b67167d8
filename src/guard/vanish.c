/* SPDX-License-Identifier: Apache-2.0 */
/* vanish.c: see vanish.h. */
#include "guard/vanish.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* True unless the name is known not to exist: an error is not absence. */
static bool may_exist(int dirfd, const char *name)
{
	struct stat st;

	if (dirfd < 0)
		return false;
	return fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

bool layer_vanished(const struct guard *g, const struct records *now, const char *id)
{
	const struct store_layer *l = records_layer(now, id);
	char tree[STORE_TREE_PATH_MAX], *slash;

	if (l)
		return layer_role(now, l) == LAYER_TRANSIENT;
	store_tree_path(g->store, id, tree);
	slash = strrchr(tree, '/');
	/* overlay: the whole directory <id>, not only <id>/diff. */
	if (g->store->config->driver == STORE_OVERLAY && slash)
		*slash = '\0';
	for (size_t i = 0; i < g->store->n_places; i++) {
		if (may_exist(g->store->places[i].driver_fd, tree))
			return false;
	}
	return true;
}

static bool image_vanished(
    const struct guard *g, const struct records *now, const char *id)
{
	if (records_image(now, id))
		return false;
	for (size_t i = 0; i < g->store->n_places; i++) {
		if (may_exist(g->store->places[i].images_fd, id))
			return false;
	}
	return true;
}

/* An id that is none names nothing that can vanish. */
static bool is_id(const char *s)
{
	return s && strlen(s) == ID_LEN && !strchr(s, '/');
}

static bool vanished(
    const struct guard *g, const struct records *now, const struct finding *f)
{
	if (is_id(f->image))
		return image_vanished(g, now, f->image);
	/* Here the layer is the one whose absence is the finding. */
	if (f->class == FINDING_LAYER_MISSING || f->class == FINDING_MOUNTPOINTS)
		return false;
	return is_id(f->layer) && layer_vanished(g, now, f->layer);
}

static bool names_objects(const struct findings *findings)
{
	for (size_t i = 0; i < findings->n; i++) {
		if (findings->v[i].layer || findings->v[i].image)
			return true;
	}
	return false;
}

static void drop_vanished(
    const struct guard *g, const struct records *now, struct image_ids *ids)
{
	size_t kept = 0;

	for (size_t i = 0; i < ids->n; i++) {
		if (!image_vanished(g, now, ids->v[i]))
			memmove(ids->v[kept++], ids->v[i], sizeof(*ids->v));
	}
	ids->n = kept;
}

int vanish_forget(const struct guard *g, struct findings *findings,
    struct image_ids *seen, struct err *e)
{
	size_t before = findings->n;
	CLEANUP_FINDINGS struct findings ignored = {0};
	CLEANUP_RECORDS struct records now = {0};
	int r;

	if (!names_objects(findings))
		return 0;
	r = records_read(g->store, &now, &ignored, e);
	/* Records that cannot be read in full excuse nothing. */
	if (r || ignored.n)
		return r;
	for (size_t i = 0; i < findings->n; i++) {
		if (vanished(g, &now, &findings->v[i]))
			findings->v[i].severity = SEVERITY_IGNORE;
	}
	findings_drop(findings, SEVERITY_IGNORE);
	if (seen && findings->n != before)
		drop_vanished(g, &now, seen);
	return 0;
}
