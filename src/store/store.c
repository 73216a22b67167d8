/* SPDX-License-Identifier: Apache-2.0 */
/* store.c: the open directories of one store; see store.h. */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "store/rootless.h"
#include "store/view.h"

static const char *const driver_names[] = {
    [STORE_OVERLAY] = "overlay",
    [STORE_VFS] = "vfs",
};

const char *store_driver_name(enum store_driver d)
{
	return driver_names[d];
}

bool store_driver_parse(const char *name, enum store_driver *out)
{
	for (size_t i = 0; i < ARRAY_LEN(driver_names); i++) {
		if (strcmp(driver_names[i], name) == 0) {
			*out = (enum store_driver)i;
			return true;
		}
	}
	return false;
}

void store_config_release(struct store_config *c)
{
	free(c->graphroot);
	free(c->runroot);
	free(c->imagestore);
	free(c->mount_program);
	for (size_t i = 0; i < c->n_additional; i++)
		free(c->additional[i]);
	free(c->additional);
	for (size_t i = 0; i < c->n_mount_options; i++)
		free(c->mount_options[i]);
	free(c->mount_options);
	free(c->known_graphroot);
	free(c->known_runroot);
	account_free(c->account);
	*c = (struct store_config){0};
}

/* "<driver><suffix>" below the root; podman may not have made it yet, then *fd stays -1. */
static int open_below(const struct store_place *p, const char *driver, const char *suffix,
    int *fd, struct err *e)
{
	char name[32];
	int r;

	snprintf(name, sizeof(name), "%s%s", driver, suffix);
	r = fs_open_dir(p->root_fd, name, fd, e);
	if (r == ERR_NOT_FOUND) {
		*fd = -1;
		return 0;
	}
	if (r) {
		e->code = ERR_STORE;
		return err_wrap(e, "store %s", p->path);
	}
	return 0;
}

/* What the user does not own is somebody else's store, wherever its path leads now. */
static int open_root(const struct store *s, enum store_place_kind kind, const char *path,
    int *fd, struct err *e)
{
	const struct account *a = s->config->account;
	struct stat st;
	int r;

	if (!a)
		return fs_open_root(path, fd, e);
	r = view_open(s->view_fd, path, VIEW_WHOLE, fd, e);
	if (r)
		return r;
	if (fstat(*fd, &st))
		return err_sys(e, "stat");
	if (st.st_uid != 0 && kind != PLACE_ADDITIONAL)
		return err_set(e, ERR_STORE, "it does not belong to user %s", a->name);
	return 0;
}

static int open_place(struct store *s, enum store_place_kind kind, const char *path,
    struct store_place *p, struct err *e)
{
	const char *driver = store_driver_name(s->config->driver);
	int r;

	*p = (struct store_place){kind, path, -1, -1, -1, -1};
	r = open_root(s, kind, path, &p->root_fd, e);
	if (r) {
		e->code = ERR_STORE;
		return err_wrap(e, "store %s", path);
	}
	r = open_below(p, driver, "", &p->driver_fd, e);
	if (!r)
		r = open_below(p, driver, "-layers", &p->layers_fd, e);
	if (!r)
		r = open_below(p, driver, "-images", &p->images_fd, e);
	return r;
}

/* The same directory twice would make every object of it hide itself. */
static int check_distinct(const struct store *s, struct err *e)
{
	struct stat a, b;

	for (size_t i = 0; i < s->n_places; i++) {
		for (size_t j = 0; j < i; j++) {
			if (fstat(s->places[i].root_fd, &a) ||
			    fstat(s->places[j].root_fd, &b))
				return err_sys(e, "store %s", s->places[i].path);
			if (a.st_dev == b.st_dev && a.st_ino == b.st_ino)
				return err_set(e, ERR_STORE,
				    "stores %s and %s are the same directory",
				    s->places[j].path, s->places[i].path);
		}
	}
	return 0;
}

/*
 * The engine marks whiteouts and opaque directories with user.overlay.* when it has no privilege
 * in the first user namespace. Who owns the driver's directory tells it too: root may verify the
 * store of a user.
 */
static bool has_user_xattrs(const struct store *s)
{
	const struct store_place *p = &s->places[0];
	struct stat st;

	if (geteuid() != 0 || rootless_namespace() || s->config->account)
		return true;
	return fstat(p->driver_fd >= 0 ? p->driver_fd : p->root_fd, &st) == 0 &&
	       st.st_uid != 0;
}

static int open_places(struct store *s, struct err *e)
{
	const struct store_config *c = s->config;
	int r;

	s->places = xcalloc(2 + c->n_additional, sizeof(*s->places));
	r = open_place(s, PLACE_GRAPHROOT, c->graphroot, &s->places[s->n_places++], e);
	if (!r && c->imagestore)
		r = open_place(
		    s, PLACE_IMAGESTORE, c->imagestore, &s->places[s->n_places++], e);
	for (size_t i = 0; !r && i < c->n_additional; i++)
		r = open_place(
		    s, PLACE_ADDITIONAL, c->additional[i], &s->places[s->n_places++], e);
	return r ? r : check_distinct(s, e);
}

/*
 * Only locks and paths are read there, no ids: what cannot be mapped (tmpfs before Linux 6.3) is opened as it
 * is. But it must be the user's, and no link.
 */
static int open_user_runroot(struct store *s, struct err *e)
{
	const struct account *a = s->config->account;
	struct stat st;
	int r = view_open_plainly(s->config->runroot, &s->runroot_fd, e);

	if (!r && fstat(s->runroot_fd, &st))
		r = err_sys(e, "stat");
	if (!r && st.st_uid != a->uid)
		r = err_set(e, ERR_STORE, "it does not belong to user %s", a->name);
	return r;
}

/* The run root is on tmpfs: after a reboot it is gone until podman runs. */
static int open_runroot(struct store *s, struct err *e)
{
	struct stat st;
	int r;

	if (stat(s->config->runroot, &st) && errno == ENOENT)
		return 0;
	r = s->config->account ? open_user_runroot(s, e)
			       : fs_open_root(s->config->runroot, &s->runroot_fd, e);
	if (r) {
		e->code = ERR_STORE;
		return err_wrap(e, "run root %s", s->config->runroot);
	}
	return 0;
}

int store_open(const struct store_config *config, struct store *out, struct err *e)
{
	int r;

	*out = (struct store){.config = config, .runroot_fd = -1, .view_fd = -1};
	r = config->account ? view_namespace(config->account, &out->view_fd, e) : 0;
	if (!r)
		r = open_places(out, e);
	if (!r)
		r = open_runroot(out, e);
	if (r)
		store_release(out);
	else
		out->user_xattrs = has_user_xattrs(out);
	return r;
}

void store_release(struct store *s)
{
	for (size_t i = 0; i < s->n_places; i++) {
		base_close_p(&s->places[i].root_fd);
		base_close_p(&s->places[i].driver_fd);
		base_close_p(&s->places[i].layers_fd);
		base_close_p(&s->places[i].images_fd);
	}
	free(s->places);
	base_close_p(&s->runroot_fd);
	if (s->config && s->config->account)
		base_close_p(&s->view_fd);
	*s = (struct store){.runroot_fd = -1, .view_fd = -1};
}

int store_open_above(const struct store *s, size_t place, int *out_fd, struct err *e)
{
	const struct store_place *p = &s->places[place];
	const char *slash = strrchr(p->path, '/');
	CLEANUP_FREE char *above = NULL;

	if (!s->config->account) {
		*out_fd = openat(p->root_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		return *out_fd < 0 ? err_sys(e, "..") : 0;
	}
	above =
	    xstrndup(p->path, slash && slash > p->path ? (size_t)(slash - p->path) : 1);
	return view_open(s->view_fd, above, VIEW_ONE_MOUNT, out_fd, e);
}

void store_tree_path(
    const struct store *s, const char *layer_id, char out[static STORE_TREE_PATH_MAX])
{
	if (s->config->driver == STORE_VFS)
		snprintf(out, STORE_TREE_PATH_MAX, "dir/%s", layer_id);
	else
		snprintf(out, STORE_TREE_PATH_MAX, "%s/diff", layer_id);
}
