/* SPDX-License-Identifier: Apache-2.0 */
/*
 * structure_overlay.c: the overlay driver's directory. What is mounted for a layer is decided by
 * diff/, lower, l/ and by the mere existence of diff1/, composefs-data/ and the like in any of the
 * layers below (drivers/overlay/overlay.go, get()): so every name is accounted for.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "store/structure_overlay.h"

#define LAYER_NAMES_MAX 4096

/* The layer being checked. */
struct subject {
	const struct store_layer *layer;
	int dirfd;
};

struct finding *overlay_add(struct overlay *o, enum finding_class c,
    const struct store_layer *l, const char *name)
{
	CLEANUP_FREE char *path = name ? xasprintf("overlay/%s/%s", l->id, name)
				       : xasprintf("overlay/%s", l->id);

	return look_add(o->k, c, look_tree_place(o->k, l), l->id, path);
}

static void add_text(struct overlay *o, enum finding_class c, const struct subject *s,
    const char *name, const char *expected)
{
	finding_expected(overlay_add(o, c, s->layer, name), "%s", expected);
}

static bool is_container(const struct overlay *o, const struct subject *s)
{
	return records_is_container_layer(o->k->r, s->layer);
}

/* merged/: a mount point; without a mount nothing is in it. */
static void check_merged(
    struct overlay *o, const struct subject *s, const char *name, bool mounted)
{
	if (!mounted && !look_is_empty(s->dirfd, name))
		add_text(o, FINDING_LAYER_SCRATCH, s, name, "an empty mount point");
}

/* mapped/, composefs-layers/: numbered mount points. */
static void check_mount_points(
    struct overlay *o, const struct subject *s, const char *name)
{
	struct fs_names names CLEANUP_NAMES = {0};
	CLEANUP_FD int fd = -1;
	struct err e;
	int r = fs_open_dir(s->dirfd, name, &fd, &e);

	if (!r)
		r = fs_list_fd(fd, LAYER_NAMES_MAX, &names, &e);
	for (size_t i = 0; !r && i < names.n; i++) {
		bool mounted;

		if (look_type(fd, names.v[i], &mounted) != S_IFDIR ||
		    !look_is_numbered(names.v[i], "") ||
		    (!mounted && !look_is_empty(fd, names.v[i])))
			r = ERR_MALFORMED;
	}
	if (r)
		add_text(o, FINDING_LAYER_SCRATCH, s, name, "empty mount points");
}

/*
 * work/ is the kernel's, for the time the layer is mounted writable: only that of a container may
 * have content. Afterwards it holds an empty work/.
 */
static void check_work(struct overlay *o, const struct subject *s)
{
	struct fs_names names CLEANUP_NAMES = {0};
	CLEANUP_FD int fd = -1;
	struct err e;
	int r = fs_open_dir(s->dirfd, "work", &fd, &e);

	if (!r)
		r = fs_list_fd(fd, LAYER_NAMES_MAX, &names, &e);
	for (size_t i = 0; !r && i < names.n; i++) {
		bool mounted;

		if (strcmp(names.v[i], "work") != 0 ||
		    look_type(fd, "work", &mounted) != S_IFDIR || mounted ||
		    !look_is_empty(fd, "work"))
			r = ERR_MALFORMED;
	}
	if (r && !is_container(o, s))
		add_text(o, FINDING_LAYER_SCRATCH, s, "work",
		    "an empty directory, or an empty work/work");
}

static void check_tree(
    struct overlay *o, const struct subject *s, mode_t type, bool mounted)
{
	if (type == S_IFDIR && !mounted)
		o->k->layers[look_index(o->k, s->layer)].tree_ok = true;
}

/*
 * The driver lays every diffN that exists over what is below. It makes them only where it had to
 * change owners: in id-mapped copies and in the layers of containers.
 */
static bool may_have_diffs(const struct overlay *o, const struct subject *s)
{
	return s->layer->has_id_maps &&
	       (o->template[look_index(o->k, s->layer)] != SIZE_MAX ||
		   is_container(o, s));
}

static void check_dir(
    struct overlay *o, const struct subject *s, const char *name, bool mounted)
{
	if (strcmp(name, "work") == 0 && !mounted)
		check_work(o, s);
	else if (strcmp(name, "merged") == 0 || look_is_numbered(name, "merged."))
		check_merged(o, s, name, mounted);
	else if (strcmp(name, "mapped") == 0 || strcmp(name, "composefs-layers") == 0)
		check_mount_points(o, s, name);
	else if (strcmp(name, "empty") == 0 && !mounted && !links_below(o, s->layer)) {
		if (!look_is_empty(s->dirfd, name))
			add_text(o, FINDING_LAYER_SCRATCH, s, name, "an empty directory");
	} else if (mounted || !look_is_numbered(name, "diff") || !may_have_diffs(o, s))
		add_text(o, FINDING_LAYER_ENTRY, s, name,
		    "nothing but diff, link, lower, work, merged");
}

static void check_entry(struct overlay *o, const struct subject *s, const char *name)
{
	bool mounted;
	mode_t type = look_type(s->dirfd, name, &mounted);

	/* Their content is what counts. */
	if (strcmp(name, "link") == 0 || strcmp(name, "lower") == 0)
		return;
	if (strcmp(name, "diff") == 0)
		check_tree(o, s, type, mounted);
	else if (type == S_IFDIR)
		check_dir(o, s, name, mounted);
	else if (type)
		add_text(o, FINDING_LAYER_ENTRY, s, name,
		    "nothing but diff, link, lower, work, merged");
}

static void check_layer(struct overlay *o, const struct store_layer *l)
{
	struct fs_names names CLEANUP_NAMES = {0};
	CLEANUP_FD int dirfd = -1;
	int driver_fd = o->k->s->places[look_tree_place(o->k, l)].driver_fd, r;
	struct subject s = {.layer = l};
	struct err e;
	bool mounted;

	if (look_is_transient(o->k, l))
		return;
	look_type(driver_fd, l->id, &mounted);
	r = fs_open_dir(driver_fd, l->id, &dirfd, &e);
	if (!r && mounted)
		r = err_set(&e, ERR_MALFORMED, "something is mounted on it");
	if (!r)
		r = fs_list_fd(dirfd, LAYER_NAMES_MAX, &names, &e);
	if (r) {
		finding_found(overlay_add(o, FINDING_LAYER_DIFF, l, NULL), "%s", e.msg);
		return;
	}
	s.dirfd = dirfd;
	for (size_t i = 0; i < names.n; i++)
		check_entry(o, &s, names.v[i]);
	if (!o->k->layers[look_index(o->k, l)].tree_ok)
		add_text(o, FINDING_LAYER_DIFF, &s, "diff", "a plain directory");
	links_check_lower(o, l, dirfd);
}

/* What the driver tries out the kernel in, once after each boot; holds directories only. */
static bool is_probe(int dirfd, const char *name)
{
	static const char *const prefixes[] = {
	    "compat", "opaque-bug-check", "metacopy-check", "volatile-check"};
	struct fs_names names CLEANUP_NAMES = {0};
	CLEANUP_FD int fd = -1;
	struct err e;
	bool mounted, known = false;

	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		known |= look_is_numbered(name, prefixes[i]);
	if (!known || fs_open_dir(dirfd, name, &fd, &e) || fs_list_fd(fd, 16, &names, &e))
		return false;
	for (size_t i = 0; i < names.n; i++)
		known &= look_type(fd, names.v[i], &mounted) == S_IFDIR;
	return known;
}

/* staging/: where zstd:chunked layers are unpacked before they are renamed to their place. */
static bool is_staging(int dirfd)
{
	struct fs_names names CLEANUP_NAMES = {0};
	CLEANUP_FD int fd = -1;
	struct err e;
	bool mounted, fine = true;

	if (fs_open_dir(dirfd, "staging", &fd, &e) ||
	    fs_list_fd(fd, LOOK_NAMES_MAX, &names, &e))
		return false;
	for (size_t i = 0; i < names.n; i++)
		fine &= look_is_numbered(names.v[i], "") &&
			look_type(fd, names.v[i], &mounted) == S_IFDIR && !mounted;
	return fine;
}

static bool is_drivers_own(int dirfd, const char *name, mode_t type)
{
	if (strcmp(name, ".has-mount-program") == 0)
		return type == S_IFREG;
	if (strcmp(name, "backingFsBlockDev") == 0)
		return type == S_IFBLK;
	if (strcmp(name, "staging") == 0)
		return is_staging(dirfd);
	return type == S_IFDIR && is_probe(dirfd, name);
}

static void check_unrecorded(
    struct overlay *o, size_t place, const char *id, const char *path)
{
	bool elsewhere = records_layer(o->k->r, id);
	struct finding *f = look_add(o->k,
	    elsewhere ? FINDING_STORE_SHADOW : FINDING_LAYER_UNRECORDED, place, id, path);

	finding_expected(f, "no directory of a layer that is not there");
}

static void check_top_entry(struct overlay *o, size_t place, const char *name)
{
	int dirfd = o->k->s->places[place].driver_fd;
	CLEANUP_FREE char *path = xasprintf("overlay/%s", name);
	bool mounted;
	mode_t type = look_type(dirfd, name, &mounted);

	if (!type || strcmp(name, "l") == 0)
		return;
	if (strcmp(name, "tempdirs") == 0) {
		look_tempdirs(o->k, place, dirfd, path);
		return;
	}
	if (hex_is(name, ID_LEN)) {
		if (!look_tree(o->k, name, place))
			check_unrecorded(o, place, name, path);
		return;
	}
	if (mounted || !is_drivers_own(dirfd, name, type))
		look_add_entry(o->k, place, path, "layers, and what the driver makes");
}

static int check_place(struct overlay *o, size_t place, struct err *e)
{
	int dirfd = o->k->s->places[place].driver_fd;
	struct fs_names names CLEANUP_NAMES = {0};
	int r;

	if (dirfd < 0)
		return 0;
	r = fs_list(dirfd, ".", LOOK_NAMES_MAX, &names, e);
	if (r)
		return err_wrap(e, "%s/overlay", o->k->s->places[place].path);
	for (size_t i = 0; i < names.n; i++)
		check_top_entry(o, place, names.v[i]);
	links_check_place(o, place);
	return 0;
}

int look_overlay(struct look *k, struct err *e)
{
	struct overlay o = {.k = k};
	int r = 0;

	links_read(&o);
	for (size_t i = 0; i < k->s->n_places && !r; i++)
		r = check_place(&o, i, e);
	if (!r) {
		links_check_missing(&o);
		for (size_t i = 0; i < k->r->n_layers; i++)
			check_layer(&o, &k->r->layers[i]);
	}
	links_release(&o);
	return r;
}
