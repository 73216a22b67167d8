/* SPDX-License-Identifier: Apache-2.0 */
/* structure_vfs.c: the vfs driver's directory: dir/<id>, each the whole tree of a layer. */
#include <string.h>

#include "base/hex.h"
#include "store/structure_in.h"

static void add_tree(
    struct look *k, enum finding_class c, const struct store_layer *l, const char *found)
{
	CLEANUP_FREE char *path = xasprintf("vfs/dir/%s", l->id);
	struct finding *f = look_add(k, c, look_tree_place(k, l), l->id, path);

	finding_expected(f, "a plain directory");
	finding_found(f, "%s", found);
}

static void check_layer(struct look *k, const struct store_layer *l)
{
	char path[STORE_TREE_PATH_MAX];
	bool mounted;
	mode_t type;

	if (look_is_transient(k, l))
		return;
	store_tree_path(k->s, l->id, path);
	type = look_type(k->s->places[look_tree_place(k, l)].driver_fd, path, &mounted);
	if (type == S_IFDIR && !mounted)
		k->layers[look_index(k, l)].tree_ok = true;
	else
		add_tree(k, FINDING_LAYER_DIFF, l,
		    mounted ? "something is mounted on it"
		    : type  ? "no directory"
			    : "nothing");
}

static void check_dir_entry(struct look *k, size_t place, const char *name)
{
	CLEANUP_FREE char *path = xasprintf("vfs/dir/%s", name);
	bool elsewhere;
	struct finding *f;

	if (look_tree(k, name, place))
		return;
	if (!hex_is(name, ID_LEN)) {
		look_add_entry(k, place, path, "layers");
		return;
	}
	elsewhere = records_layer(k->r, name);
	f = look_add(k, elsewhere ? FINDING_STORE_SHADOW : FINDING_LAYER_UNRECORDED,
	    place, name, path);
	finding_expected(f, "no directory of a layer that is not there");
}

static void check_dir(struct look *k, size_t place, int dirfd)
{
	struct fs_names names CLEANUP_NAMES = {0};
	struct err e;

	if (fs_list(dirfd, "dir", LOOK_NAMES_MAX, &names, &e)) {
		look_add_entry(k, place, "vfs/dir", "a directory of layers");
		return;
	}
	for (size_t i = 0; i < names.n; i++)
		check_dir_entry(k, place, names.v[i]);
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

		if (strcmp(names.v[i], "dir") == 0)
			check_dir(k, place, dirfd);
		else if (strcmp(names.v[i], "tempdirs") == 0)
			look_tempdirs(k, place, dirfd, path);
		else
			look_add_entry(k, place, path, "dir");
	}
	return 0;
}

int look_vfs(struct look *k, struct err *e)
{
	int r = 0;

	for (size_t i = 0; i < k->s->n_places && !r; i++)
		r = check_place(k, i, e);
	for (size_t i = 0; i < k->r->n_layers && !r; i++)
		check_layer(k, &k->r->layers[i]);
	return r;
}
