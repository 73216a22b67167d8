/* SPDX-License-Identifier: Apache-2.0 */
/* changes.c: see changes.h. */
#include "store/changes.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/hex.h"
#include "store/records.h"

#define NAMES (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)
#define SEEN_MAX 1000
#define IMAGES_MAX 65536

enum watched {
	WATCHED_ROOT,	/* the graph root */
	WATCHED_DRIVER, /* overlay/, vfs/dir/: one entry a layer */
	WATCHED_LINKS,	/* overlay/l/ */
	WATCHED_LAYER,	/* overlay/<id>/ */
	WATCHED_RECORDS,
	WATCHED_IMAGES, /* overlay-images/ */
	WATCHED_CONTAINERS,
};

struct watch {
	enum watched what;
	size_t layer; /* of WATCHED_LAYER */
};

struct layer {
	char *id, *link;
};

struct changes {
	int fd;
	struct watch *watches; /* by watch descriptor */
	int n_watches;
	struct layer *layers; /* sorted by id */
	size_t n_layers;
	struct layer **by_link; /* sorted by link */
	struct changes_seen *seen;
	size_t n_seen;
	bool records, containers;
	char (*images)[ID_LEN + 1]; /* that are there, or were */
	size_t n_images;
	bool any_image; /* the list is not all of them */
};

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct layer *)a)->id, ((const struct layer *)b)->id);
}

static int by_link(const void *a, const void *b)
{
	return strcmp(
	    (*(struct layer *const *)a)->link, (*(struct layer *const *)b)->link);
}

static struct layer *find_id(const struct changes *c, const char *name)
{
	CLEANUP_FREE char *copy = xstrdup(name);
	const struct layer key = {copy, NULL};

	return bsearch(&key, c->layers, c->n_layers, sizeof(*c->layers), by_id);
}

static struct layer *find_link(const struct changes *c, const char *name)
{
	CLEANUP_FREE char *copy = xstrdup(name);
	const struct layer key = {NULL, copy}, *p = &key;
	struct layer **found =
	    bsearch(&p, c->by_link, c->n_layers, sizeof(*c->by_link), by_link);

	return found ? *found : NULL;
}

/* ---- what is watched ---- */

static int add_watch(
    struct changes *c, int dirfd, uint32_t mask, struct watch w, struct err *e)
{
	char path[32];
	int wd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", dirfd);
	wd = inotify_add_watch(c->fd, path, mask | IN_ONLYDIR);
	if (wd < 0 && errno == ENOSPC)
		return err_set(e, ERR_IO,
		    "cannot watch the store: fs.inotify.max_user_watches is too small");
	if (wd < 0)
		return err_sys(e, "cannot watch the store");
	if (wd >= c->n_watches) {
		c->watches =
		    xreallocarray(c->watches, (size_t)wd + 64, sizeof(*c->watches));
		c->n_watches = wd + 64;
	}
	c->watches[wd] = w;
	return 0;
}

/* A directory below `dirfd`; one that is not there holds nothing that was verified. */
static int watch_below(struct changes *c, int dirfd, const char *name, uint32_t mask,
    struct watch w, struct err *e)
{
	CLEANUP_FD int fd = -1;
	int r = fs_open_dir(dirfd, name, &fd, e);

	if (r == ERR_NOT_FOUND)
		return 0;
	return r ? r : add_watch(c, fd, mask, w, e);
}

static int watch_place(
    struct changes *c, const struct store *s, const struct store_place *p, struct err *e)
{
	const uint32_t written = NAMES | IN_MODIFY | IN_ATTRIB;
	bool overlay = s->config->driver == STORE_OVERLAY;
	int r = add_watch(
	    c, p->root_fd, NAMES | IN_MOVE_SELF, (struct watch){WATCHED_ROOT, 0}, e);

	if (!r && p->layers_fd >= 0)
		r = add_watch(
		    c, p->layers_fd, written, (struct watch){WATCHED_RECORDS, 0}, e);
	if (!r && p->images_fd >= 0)
		r = add_watch(
		    c, p->images_fd, written, (struct watch){WATCHED_IMAGES, 0}, e);
	if (!r && p == s->places)
		r = watch_below(c, p->root_fd,
		    overlay ? "overlay-containers" : "vfs-containers", NAMES | IN_MODIFY,
		    (struct watch){WATCHED_CONTAINERS, 0}, e);
	if (r || p->driver_fd < 0)
		return r;
	if (!overlay)
		return watch_below(
		    c, p->driver_fd, "dir", NAMES, (struct watch){WATCHED_DRIVER, 0}, e);
	r = add_watch(c, p->driver_fd, NAMES, (struct watch){WATCHED_DRIVER, 0}, e);
	if (!r)
		r = watch_below(
		    c, p->driver_fd, "l", NAMES, (struct watch){WATCHED_LINKS, 0}, e);
	for (size_t i = 0; !r && overlay && i < c->n_layers; i++)
		r = watch_below(c, p->driver_fd, c->layers[i].id, NAMES | IN_MODIFY,
		    (struct watch){WATCHED_LAYER, i}, e);
	return r;
}

static void note_image(struct changes *c, const char *name)
{
	c->any_image |= c->n_images == IMAGES_MAX;
	if (c->any_image || strlen(name) != ID_LEN || !hex_is(name, ID_LEN))
		return;
	c->images = xreallocarray(c->images, c->n_images + 1, sizeof(*c->images));
	memcpy(c->images[c->n_images++], name, sizeof(*c->images));
}

/* The files of images: an image's directory each. */
static int watch_images(struct changes *c, const struct store_place *p, struct err *e)
{
	CLEANUP_NAMES struct fs_names names = {0};
	int r = p->images_fd < 0 ? 0 : fs_list(p->images_fd, ".", INT_MAX, &names, e);

	c->any_image |= p->images_fd < 0;
	for (size_t i = 0; !r && i < names.n; i++) {
		CLEANUP_FD int fd = -1;
		struct err ignored;

		note_image(c, names.v[i]);
		/* Files, and images that go away just now. */
		if (fs_open_dir(p->images_fd, names.v[i], &fd, &ignored))
			continue;
		r = add_watch(
		    c, fd, NAMES | IN_MODIFY, (struct watch){WATCHED_RECORDS, 0}, e);
	}
	return r;
}

static void take_layers(struct changes *c, const struct changes_layer *layers, size_t n)
{
	c->layers = xcalloc(n, sizeof(*c->layers));
	c->by_link = xcalloc(n, sizeof(struct layer *));
	c->n_layers = n;
	for (size_t i = 0; i < n; i++)
		c->layers[i] =
		    (struct layer){xstrdup(layers[i].id), xstrdup(layers[i].link)};
	qsort(c->layers, n, sizeof(*c->layers), by_id);
	for (size_t i = 0; i < n; i++)
		c->by_link[i] = &c->layers[i];
	qsort(c->by_link, n, sizeof(*c->by_link), by_link);
}

int changes_watch(const struct store *s, const struct changes_layer *layers, size_t n,
    struct changes **out, struct err *e)
{
	struct changes *c = xcalloc(1, sizeof(*c));
	int r = 0;

	*out = NULL;
	take_layers(c, layers, n);
	c->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (c->fd < 0)
		r = err_sys(e, "inotify");
	for (size_t i = 0; !r && i < s->n_places; i++) {
		r = watch_place(c, s, &s->places[i], e);
		if (!r)
			r = watch_images(c, &s->places[i], e);
	}
	if (r)
		changes_free(c);
	else
		*out = c;
	return r;
}

void changes_free(struct changes *c)
{
	if (!c)
		return;
	fs_close_later(&c->fd);
	for (size_t i = 0; i < c->n_seen; i++)
		free((char *)(uintptr_t)c->seen[i].path);
	free(c->seen);
	for (size_t i = 0; i < c->n_layers; i++) {
		free(c->layers[i].id);
		free(c->layers[i].link);
	}
	free(c->layers);
	free(c->by_link);
	free(c->watches);
	free(c->images);
	free(c);
}

void changes_free_p(struct changes **c)
{
	changes_free(*c);
	*c = NULL;
}

int changes_fd(const struct changes *c)
{
	return c->fd;
}

/* ---- what happens ---- */

static void see(
    struct changes *c, const struct layer *l, const char *dir, const char *name)
{
	const char *id = l ? l->id : NULL;
	CLEANUP_FREE char *path = *dir ? xasprintf("%s/%s", dir, name) : xstrdup(name);

	for (size_t i = 0; i < c->n_seen; i++) {
		if (c->seen[i].layer == id && strcmp(c->seen[i].path, path) == 0)
			return;
	}
	if (c->n_seen == SEEN_MAX)
		return;
	c->seen = xreallocarray(c->seen, c->n_seen + 1, sizeof(*c->seen));
	c->seen[c->n_seen++] = (struct changes_seen){id, take_ptr(path)};
}

/* Mount points and scratch directories, which engines make where they mount a layer. */
static bool is_scratch(const char *name)
{
	return strncmp(name, "merged", strlen("merged")) == 0 ||
	       strncmp(name, "work", strlen("work")) == 0 || strcmp(name, "mapped") == 0;
}

/* The directories whose replacement replaces the store. */
static bool is_part(const char *name)
{
	static const char *const parts[] = {"overlay", "overlay-layers", "overlay-images",
	    "vfs", "vfs-layers", "vfs-images"};

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		if (strcmp(parts[i], name) == 0)
			return true;
	}
	return false;
}

/* Engines write into lock files whenever they look at the store. */
static bool is_lock(const char *name)
{
	size_t len = strlen(name), end = strlen(".lock");

	return len > end && strcmp(name + len - end, ".lock") == 0;
}

static void meet(struct changes *c, const struct inotify_event *event)
{
	const char *name = event->len ? event->name : "";
	const struct watch *w =
	    event->wd >= 0 && event->wd < c->n_watches ? &c->watches[event->wd] : NULL;
	const struct layer *l;

	if (!w)
		return;
	switch (w->what) {
	case WATCHED_ROOT:
		/* Made for the first time by this build's engine: nothing of it was verified. */
		if ((event->mask & IN_MOVE_SELF) ||
		    (is_part(name) && !(event->mask & IN_CREATE)))
			see(c, NULL, "", name);
		break;
	case WATCHED_DRIVER:
		if (strcmp(name, "l") == 0 || (l = find_id(c, name)))
			see(c, strcmp(name, "l") == 0 ? NULL : l, "", name);
		break;
	case WATCHED_LINKS:
		l = find_link(c, name);
		if (l && *name)
			see(c, l, "l", name);
		break;
	case WATCHED_LAYER:
		if (*name && !is_scratch(name))
			see(c, &c->layers[w->layer], c->layers[w->layer].id, name);
		break;
	case WATCHED_IMAGES:
		note_image(c, name);
		c->records |= !is_lock(name);
		break;
	case WATCHED_RECORDS:
		c->records |= !is_lock(name);
		break;
	case WATCHED_CONTAINERS:
		c->containers |= !is_lock(name);
		break;
	}
}

int changes_read(struct changes *c, struct err *e)
{
	_Alignas(struct inotify_event) char events[16384];
	ssize_t n;

	while ((n = read(c->fd, events, sizeof(events))) > 0) {
		for (const char *p = events; p < events + n;) {
			const struct inotify_event *event = (const void *)p;

			if (event->mask & IN_Q_OVERFLOW)
				return err_set(
				    e, ERR_IO, "the kernel lost events of the store");
			meet(c, event);
			p += sizeof(*event) + event->len;
		}
	}
	return n < 0 && errno != EAGAIN && errno != EINTR ? err_sys(e, "inotify") : 0;
}

bool changes_records(struct changes *c)
{
	bool were = c->records;

	c->records = false;
	return were;
}

bool changes_containers(struct changes *c)
{
	bool were = c->containers;

	c->containers = false;
	return were;
}

bool changes_had_image(const struct changes *c, const char *id)
{
	for (size_t i = 0; i < c->n_images; i++) {
		if (strcmp(c->images[i], id) == 0)
			return true;
	}
	return c->any_image;
}

size_t changes_seen(const struct changes *c, const struct changes_seen **out)
{
	*out = c->seen;
	return c->n_seen;
}
