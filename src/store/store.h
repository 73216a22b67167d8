/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store.h: one containers/storage: where it is, how it is laid out, its open directories.
 * Formats: containers/storage v1.43 to v1.62 (podman 4.3 to 5.8).
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "store/account.h"

enum store_driver { STORE_OVERLAY, STORE_VFS };

const char *store_driver_name(enum store_driver d); /* "overlay", "vfs" */
bool store_driver_parse(const char *name, enum store_driver *out);

/* Where a store is; what `init` resolves and the ledger remembers. All paths absolute, clean. */
struct store_config {
	char *graphroot;
	char *runroot;
	enum store_driver driver;
	char *imagestore; /* split image store, or NULL */
	char *
	    mount_program; /* as storage.conf or an option names it now, or NULL; not in the ledger */
	char **
	    additional; /* additional (read-only) image stores, in the order podman looks */
	size_t n_additional;
	/* What else storage.conf says of this driver, as --storage-opt spells it: no matter for layerseal. */
	char **mount_options;
	size_t n_mount_options;
	/*
	 * By which others know them, if this is seen where it is mounted elsewhere, as in a container; NULL: the same,
	 * or not known.
	 */
	char *known_graphroot, *known_runroot;
	struct account *account; /* whose store root looks after; NULL: our own */
};
void store_config_release(struct store_config *c);
#define CLEANUP_STORE_CONFIG CLEANUP(store_config_release)

/* The command line's store options; NULL where not given. */
struct store_options {
	const char *root, *runroot, *driver, *imagestore;
	/* --storage-opt: instead of the options of storage.conf. */
	const char *const *storage_opts;
	size_t n_storage_opts;
	/* As buildah does it: commas divide a --storage-opt, --root leaves the options of storage.conf. */
	bool buildah;
};

/*
 * Resolves as containers/storage does: options, then the first storage.conf of
 * $CONTAINERS_STORAGE_CONF, $XDG_CONFIG_HOME/containers (rootless also ~/.config/containers),
 * /etc/containers, /usr/share/containers, whose driver and options STORAGE_DRIVER and STORAGE_OPTS
 * replace, then the defaults for root or for the user (also inside the user
 * namespace of rootless podman, where the user is root). `--root` (not buildah's) and
 * `--storage-driver` drop the options of storage.conf, as in podman.
 *
 * Refused by name (ERR_STORE): drop-in files, what of storage.conf cannot be read for sure,
 * additional layer stores, composefs, ignore_chown_errors, force_mask, transient stores, drivers
 * other than overlay and vfs, and a driver that nothing names although directories of several
 * drivers (or of vfs alone, where podman's versions differ) are there.
 */
MUSTUSE int store_discover(
    const struct store_options *opt, struct store_config *out, struct err *e);

/*
 * The same for another user: a process that has become the user looks, with the environment of a login and never
 * the caller's, so that links and files of the user lead nowhere where the user could not go. With `engine_conf`
 * containers.conf must not move the store either (store/engineconf.h). Everything that is found is the user's word:
 * the paths have no symbolic link in them and are not looked at. Takes over `account`, also if it fails.
 */
MUSTUSE int store_discover_for(struct account *account, const struct store_options *opt,
    bool engine_conf, struct store_config *out, struct err *e);

enum store_place_kind { PLACE_GRAPHROOT, PLACE_IMAGESTORE, PLACE_ADDITIONAL };

/* One root directory that holds layers and images. */
struct store_place {
	enum store_place_kind kind;
	const char *path; /* borrowed from the config */
	int root_fd;	  /* the root itself */
	/* Below it; -1 if that directory does not exist (yet). */
	int driver_fd; /* overlay/ or vfs/ */
	int layers_fd; /* overlay-layers/ */
	int images_fd; /* overlay-images/ */
};

struct store {
	const struct store_config *config; /* borrowed; outlives the store */
	struct store_place *places;	   /* [0] is the graphroot */
	size_t n_places;
	int runroot_fd; /* -1 if it does not exist (after a reboot) */
	/*
	 * Layers may have been unpacked for a mount program: deletions as files .wh.NAME. False when opened;
	 * only whoever asks for it knows.
	 */
	bool whiteout_files;
	int view_fd; /* of an account: the user namespace with its ids; else -1 */
	bool
	    user_xattrs; /* rootless, or a user's store: overlay marks are user.overlay.* */
};

/*
 * Opens the directories. ERR_STORE if a root is missing or not a directory, or if two places are the
 * same directory. Directories of other drivers do not matter: the config names the driver. Nothing
 * is created.
 * With an account as that user's containers see them (store/view.h): ids are those of the containers, what is
 * made there belongs to the user, and graph root and image store must, too.
 */
MUSTUSE int store_open(
    const struct store_config *config, struct store *out, struct err *e);
void store_release(struct store *s);

/* The directory that a place's root is in, without what is mounted below it, as the place itself is seen. */
MUSTUSE int store_open_above(
    const struct store *s, size_t place, int *out_fd, struct err *e);
#define CLEANUP_STORE CLEANUP(store_release)

/* The tree of a layer relative to place->driver_fd: "<id>/diff" (overlay) or "dir/<id>" (vfs). */
#define STORE_TREE_PATH_MAX 80
void store_tree_path(
    const struct store *s, const char *layer_id, char out[static STORE_TREE_PATH_MAX]);

#endif
