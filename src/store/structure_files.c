/* SPDX-License-Identifier: Apache-2.0 */
/*
 * structure_files.c: the directories of records: <driver>-layers/, <driver>-images/, and what
 * stands beside them. <driver>-containers/ is no part of the cache.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "store/image.h"
#include "store/lock.h"
#include "store/structure_in.h"

#define TAR_SPLIT ".tar-split.gz"
#define FILE_NAME_MAX 4096

/* One such directory. */
struct folder {
	struct look *k;
	size_t place;
	int fd;
	const char *name; /* "overlay-layers" */
};

static bool is_one_of(const char *name, const char *const list[], size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(name, list[i]) == 0)
			return true;
	}
	return false;
}

static void add(const struct folder *d, const char *name, const char *expected)
{
	CLEANUP_FREE char *path = xasprintf("%s/%s", d->name, name);

	look_add_entry(d->k, d->place, path, expected);
}

static bool has_big_data(const struct store_layer *l, const char *file)
{
	for (size_t i = 0; i < l->n_big_data; i++) {
		CLEANUP_BUF struct buf name;
		struct err e;

		buf_init(&name, FILE_NAME_MAX);
		if (!image_file_name(l->big_data[i], &name, &e) &&
		    strcmp(name.data, file) == 0)
			return true;
	}
	return false;
}

/* <layer>/: its big data, such as the caches of zstd:chunked. */
static void check_big_data(const struct folder *d, const struct store_layer *l)
{
	struct fs_names names CLEANUP_NAMES = {0};
	CLEANUP_FD int fd = -1;
	struct err e;

	if (fs_open_dir(d->fd, l->id, &fd, &e) ||
	    fs_list_fd(fd, LOOK_NAMES_MAX, &names, &e)) {
		add(d, l->id, "a directory of the layer's data");
		return;
	}
	for (size_t i = 0; i < names.n; i++) {
		bool mounted;
		CLEANUP_FREE char *path = NULL;

		if (look_is_leftover(fd, names.v[i]) ||
		    (look_type(fd, names.v[i], &mounted) == S_IFREG &&
			has_big_data(l, names.v[i])))
			continue;
		path = xasprintf("%s/%s", l->id, names.v[i]);
		add(d, path, "the data that the layer's record names");
	}
}

/* "<id>.tar-split.gz" of a recorded layer. */
static bool is_tar_split(const struct folder *d, const char *name)
{
	char id[ID_LEN + 1];

	if (strlen(name) != ID_LEN + strlen(TAR_SPLIT) ||
	    strcmp(name + ID_LEN, TAR_SPLIT) != 0)
		return false;
	memcpy(id, name, ID_LEN);
	id[ID_LEN] = '\0';
	return look_data(d->k, id, d->place);
}

static void check_layers_entry(const struct folder *d, const char *name)
{
	static const char *const files[] = {
	    "layers.json", "volatile-layers.json", "layers.lock"};
	const struct store_layer *l = look_data(d->k, name, d->place);
	CLEANUP_FREE char *path = xasprintf("%s/%s", d->name, name);
	bool mounted;
	mode_t type = look_type(d->fd, name, &mounted);

	if (!type || look_is_leftover(d->fd, name))
		return;
	if (type == S_IFREG &&
	    (is_one_of(name, files, ARRAY_LEN(files)) || is_tar_split(d, name)))
		return;
	if (l && look_is_transient(d->k, l))
		return;
	if (l)
		check_big_data(d, l);
	else if (strcmp(name, "tmp") == 0)
		look_tempdirs(d->k, d->place, d->fd, path);
	else
		add(d, name, "records, and data of recorded layers");
}

static bool not_before(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec >= b->tv_nsec;
}

/*
 * An image's record is removed before its files. The engine that does it holds the lock, and what
 * it is working on is younger than itself.
 */
static bool is_being_removed(const struct folder *d, const char *id)
{
	struct timespec since;
	struct stat st;

	return hex_is(id, ID_LEN) && fstatat(d->fd, id, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISDIR(st.st_mode) &&
	       store_lock_writer(&d->k->s->places[d->place], &since) &&
	       not_before(&st.st_ctim, &since);
}

static bool has_image(const struct folder *d, const char *id)
{
	const struct store_image *i = records_image(d->k->r, id);
	const struct store_image *end = d->k->r->images + d->k->r->n_images;

	for (; i && i < end && strcmp(i->id, id) == 0; i++) {
		if (i->place == d->place)
			return true;
	}
	return false;
}

static void check_images_entry(const struct folder *d, const char *name)
{
	static const char *const files[] = {"images.json", "images.lock"};
	bool mounted;
	mode_t type = look_type(d->fd, name, &mounted);

	if (!type || look_is_leftover(d->fd, name))
		return;
	if (type == S_IFREG && is_one_of(name, files, ARRAY_LEN(files)))
		return;
	if (type == S_IFDIR && !mounted && has_image(d, name))
		return;
	if (!is_being_removed(d, name))
		add(d, name, "records, and files of recorded images");
}

static int check_folder(const struct folder *d,
    void (*check)(const struct folder *, const char *), struct err *e)
{
	struct fs_names names CLEANUP_NAMES = {0};
	int r;

	if (d->fd < 0)
		return 0;
	r = fs_list(d->fd, ".", LOOK_NAMES_MAX, &names, e);
	if (r)
		return err_wrap(e, "%s/%s", d->k->s->places[d->place].path, d->name);
	for (size_t i = 0; i < names.n; i++)
		check(d, names.v[i]);
	return 0;
}

/*
 * An engine that is given no driver takes the first of these with a directory in the graphroot,
 * and vfs last: a store planted for another driver replaces a vfs store.
 */
static void check_other_drivers(struct look *k)
{
	static const char *const drivers[] = {"overlay", "aufs", "btrfs", "zfs"};
	int root = k->s->places[0].root_fd;

	for (size_t i = 0; k->s->config->driver == STORE_VFS && i < ARRAY_LEN(drivers);
	     i++) {
		CLEANUP_FREE char *path = xasprintf("%s-images/images.json", drivers[i]);
		struct stat st;

		if (fstatat(root, drivers[i], &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    fstatat(root, path, &st, 0) == 0 && st.st_size > (off_t)strlen("[]"))
			look_add_entry(k, 0, path, "no images of a preferred driver");
	}
}

int look_files(struct look *k, struct err *e)
{
	const char *driver = store_driver_name(k->s->config->driver);
	CLEANUP_FREE char *layers = xasprintf("%s-layers", driver);
	CLEANUP_FREE char *images = xasprintf("%s-images", driver);
	int r = 0;

	for (size_t i = 0; i < k->s->n_places && !r; i++) {
		const struct store_place *p = &k->s->places[i];

		r = check_folder(
		    &(struct folder){k, i, p->layers_fd, layers}, check_layers_entry, e);
		if (!r)
			r = check_folder(&(struct folder){k, i, p->images_fd, images},
			    check_images_entry, e);
	}
	check_other_drivers(k);
	return r;
}
