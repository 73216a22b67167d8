/* SPDX-License-Identifier: Apache-2.0 */
/*
 * structure_vfs.c: the vfs driver's directory: dir/<id> is the whole root filesystem of a layer, and
 * there is nothing else. Children are copies: no name decides what is mounted below what.
 */
#include <fcntl.h>
#include <string.h>

#include "base/hex.h"
#include "store/structure_in.h"

static void check_tree_entry(struct look *k, size_t place, int fd, const char *name)
{
	CLEANUP_FREE char *path = xasprintf("vfs/dir/%s", name);
	const struct store_layer *l =
	    hex_is(name, ID_LEN) ? look_recorded(k, name, place) : NULL;
	bool mounted, elsewhere;
	mode_t type = look_type(fd, name, &mounted);

	if (!type)
		return;
	if (l) {
		/* What is no plain directory stays unmeasurable and is reported with its record. */
		k->layers[look_index(k, l)].tree_ok = type == S_IFDIR && !mounted;
	} else if (hex_is(name, ID_LEN)) {
		elsewhere = records_layer(k->r, name);
		finding_expected(
		    look_add(k,
			elsewhere ? FINDING_STORE_SHADOW : FINDING_LAYER_UNRECORDED,
			place, name, path),
		    "no directory without a record in the same place");
	} else {
		look_add_entry(k, place, path, "trees of layers");
	}
}

static int check_trees(struct look *k, size_t place, struct err *e)
{
	struct fs_names names CLEANUP_NAMES = {0};
	CLEANUP_FD int fd = -1;
	int r = fs_open_dir(k->s->places[place].driver_fd, "dir", &fd, e);

	/* Without any layer there is no dir/; a layer without its tree is found below. */
	if (r == ERR_NOT_FOUND)
		return 0;
	if (!r)
		r = fs_list(fd, ".", LOOK_NAMES_MAX, &names, e);
	for (size_t i = 0; !r && i < names.n; i++)
		check_tree_entry(k, place, fd, names.v[i]);
	return r ? err_wrap(e, "%s/vfs", k->s->places[place].path) : 0;
}

static int check_place(struct look *k, size_t place, struct err *e)
{
	int dirfd = k->s->places[place].driver_fd;
	struct fs_names names CLEANUP_NAMES = {0};
	int r;

	if (dirfd < 0)
		return 0;
	r = fs_list(dirfd, ".", LOOK_NAMES_MAX, &names, e);
	if (r)
		return err_wrap(e, "%s/vfs", k->s->places[place].path);
	for (size_t i = 0; i < names.n; i++) {
		CLEANUP_FREE char *path = xasprintf("vfs/%s", names.v[i]);

		if (strcmp(names.v[i], "tempdirs") == 0)
			look_tempdirs(k, place, dirfd, path);
		else if (strcmp(names.v[i], "dir") != 0)
			look_add_entry(k, place, path, "nothing but dir");
	}
	return check_trees(k, place, e);
}

static void check_layer(struct look *k, const struct store_layer *l)
{
	CLEANUP_FREE char *path = xasprintf("vfs/dir/%s", l->id);

	if (look_is_transient(k, l) || k->layers[look_index(k, l)].tree_ok)
		return;
	finding_expected(
	    look_add(k, FINDING_LAYER_DIFF, l->place, l->id, path), "a plain directory");
}

int look_vfs(struct look *k, struct err *e)
{
	int r = 0;

	for (size_t i = 0; !r && i < k->s->n_places; i++)
		r = check_place(k, i, e);
	for (size_t i = 0; !r && i < k->r->n_layers; i++)
		check_layer(k, &k->r->layers[i]);
	return r;
}
