/* SPDX-License-Identifier: Apache-2.0 */
/*
 * structure_files.c: <driver>-layers/ and <driver>-images/: the record files, tar-splits, and one
 * directory per object that has big data. What lies inside an image's directory is image.c's.
 */
#include <fcntl.h>
#include <string.h>

#include "base/hex.h"
#include "store/image.h"
#include "store/structure_in.h"

#define TAR_SPLIT_SUFFIX ".tar-split.gz"

/* The layer whose tar-split file this is, or NULL. */
static const struct store_layer *tar_split_of(
    const struct look *k, size_t place, const char *name)
{
	char id[ID_LEN + 1];

	if (strlen(name) != ID_LEN + strlen(TAR_SPLIT_SUFFIX) ||
	    strcmp(name + ID_LEN, TAR_SPLIT_SUFFIX) != 0)
		return NULL;
	memcpy(id, name, ID_LEN);
	id[ID_LEN] = '\0';
	return hex_is(id, ID_LEN) ? look_recorded(k, id, place) : NULL;
}

static bool is_big_data(const struct store_layer *l, const char *file)
{
	for (size_t i = 0; i < l->n_big_data; i++) {
		CLEANUP_BUF struct buf name;
		struct err e;

		buf_init(&name, 1024);
		if (!image_file_name(l->big_data[i], &name, &e) &&
		    strcmp(name.data, file) == 0)
			return true;
	}
	return false;
}

/* Caches that partial pulls keep of a layer: only what the record names. */
static bool is_layer_data(const struct look *k, size_t place, const char *id)
{
	const struct store_layer *l =
	    hex_is(id, ID_LEN) ? look_recorded(k, id, place) : NULL;
	struct fs_names names CLEANUP_NAMES = {0};
	CLEANUP_FD int fd = -1;
	struct err e;
	bool mounted;

	if (!l || fs_open_dir(k->s->places[place].layers_fd, id, &fd, &e) ||
	    fs_list(fd, ".", LOOK_NAMES_MAX, &names, &e))
		return false;
	for (size_t i = 0; i < names.n; i++) {
		if (look_is_leftover(fd, names.v[i]))
			continue;
		if (!is_big_data(l, names.v[i]) ||
		    look_type(fd, names.v[i], &mounted) != S_IFREG)
			return false;
	}
	return true;
}

static bool is_one_of(const char *name, const char *const *list)
{
	for (; *list; list++) {
		if (strcmp(name, *list) == 0)
			return true;
	}
	return false;
}

static bool is_layers_file(
    const struct look *k, size_t place, const char *name, mode_t type)
{
	static const char *const files[] = {
	    "layers.json", "volatile-layers.json", "layers.lock", NULL};

	if (type == S_IFREG)
		return is_one_of(name, files) || look_is_numbered(name, "lock-") ||
		       tar_split_of(k, place, name);
	return type == S_IFDIR &&
	       (look_is_numbered(name, "temp-dir-") || is_layer_data(k, place, name));
}

static bool is_recorded_image(const struct look *k, size_t place, const char *id)
{
	const struct store_image *i = records_image(k->r, id);
	const struct store_image *end = k->r->images + k->r->n_images;

	for (; i && i < end && strcmp(i->id, id) == 0; i++) {
		if (i->place == place)
			return true;
	}
	return false;
}

static bool is_images_file(
    const struct look *k, size_t place, const char *name, mode_t type)
{
	static const char *const files[] = {"images.json", "images.lock", NULL};

	if (type == S_IFREG)
		return is_one_of(name, files);
	return type == S_IFDIR && is_recorded_image(k, place, name);
}

typedef bool is_known_fn(
    const struct look *k, size_t place, const char *name, mode_t type);

static int check_dir(struct look *k, size_t place, int dirfd, const char *kind,
    is_known_fn *is_known, struct err *e)
{
	struct fs_names names CLEANUP_NAMES = {0};
	int r;

	if (dirfd < 0)
		return 0;
	r = fs_list(dirfd, ".", LOOK_NAMES_MAX, &names, e);
	if (r)
		return err_wrap(e, "%s: %s", k->s->places[place].path, kind);
	for (size_t i = 0; i < names.n; i++) {
		CLEANUP_FREE char *path = xasprintf("%s-%s/%s",
		    store_driver_name(k->s->config->driver), kind, names.v[i]);
		bool mounted;
		mode_t type = look_type(dirfd, names.v[i], &mounted);

		if (!type || look_is_leftover(dirfd, names.v[i]))
			continue;
		if (strcmp(names.v[i], "tempdirs") == 0 || strcmp(names.v[i], "tmp") == 0)
			look_tempdirs(k, place, dirfd, path);
		else if (mounted || !is_known(k, place, names.v[i], type))
			look_add_entry(
			    k, place, path, "records, and files of recorded objects");
	}
	return 0;
}

int look_files(struct look *k, struct err *e)
{
	int r = 0;

	for (size_t i = 0; !r && i < k->s->n_places; i++) {
		r = check_dir(
		    k, i, k->s->places[i].layers_fd, "layers", is_layers_file, e);
		if (!r)
			r = check_dir(
			    k, i, k->s->places[i].images_fd, "images", is_images_file, e);
	}
	return r;
}
