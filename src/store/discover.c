/* SPDX-License-Identifier: Apache-2.0 */
/*
 * discover.c: store_discover(): which store podman would use. Follows types/options.go of
 * containers/storage v1.43 to v1.62 and what podman makes of its own options. Where these
 * versions differ, or where a choice would depend on what lies in the store, the answer is a
 * refusal that says what to name.
 *
 * The libpod database below the graph root can override all of it in podman: surroundings_check()
 * compares.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "store/paths.h"
#include "store/rootless.h"
#include "store/storageconf.h"
#include "store/store.h"

#define CONF_MAX (1U << 20)

static const char *env(const char *name)
{
	const char *value = getenv(name);

	return value ? value : "";
}

static bool is_rootless(void)
{
	return rootless_uid() != 0;
}

/* *text is NULL if there is no such file. */
static int read_conf_file(const char *path, char **text, struct err *e)
{
	CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	CLEANUP_BUF struct buf bytes;
	struct stat st;
	ssize_t n;

	*text = NULL;
	buf_init(&bytes, CONF_MAX);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &st))
		return err_set(e, ERR_STORE, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_STORE, "%s is no regular file", path);
	do {
		if (buf_reserve(&bytes, 4096, e))
			return err_wrap(e, "%s", path);
		n = read(fd, bytes.data + bytes.len, 4096);
		if (n < 0)
			return err_set(e, ERR_STORE, "%s: %s", path, strerror(errno));
		bytes.len += (size_t)n;
		bytes.data[bytes.len] = '\0';
	} while (n > 0);
	if (strlen(bytes.data) != bytes.len)
		return err_set(e, ERR_STORE, "%s: has a NUL byte", path);
	*text = buf_take(&bytes);
	return 0;
}

static void split_options(struct storage_conf *c, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, ",");

		if (len)
			storage_conf_add_option(c, text, len);
		text += len + (text[len] == ',');
	}
}

/* One storage.conf, with the environment that containers/storage lays over it. */
static int load_conf(const char *path, struct storage_conf *c, bool *found, struct err *e)
{
	CLEANUP_FREE char *text = NULL;
	int r = read_conf_file(path, &text, e);

	*found = text != NULL;
	if (r || !text)
		return r;
	storage_conf_release(c);
	r = storage_conf_parse(c, text, path, e);
	if (r)
		return r;
	if (*env("STORAGE_DRIVER")) {
		free(c->driver);
		c->driver = xstrdup(env("STORAGE_DRIVER"));
	}
	if (getenv("STORAGE_OPTS")) {
		storage_conf_drop_options(c);
		split_options(c, getenv("STORAGE_OPTS"));
	}
	return 0;
}

/* The first of: the file named in the environment, the user's, /etc, /usr/share. */
static int load_system_conf(struct storage_conf *c, struct err *e)
{
	static const char *const system_files[] = {
	    "/etc/containers/storage.conf", "/usr/share/containers/storage.conf"};
	const char *named = getenv("CONTAINERS_STORAGE_CONF");
	bool found = false;
	int r = 0;

	if (named) {
		r = load_conf(named, c, &found, e);
		if (!r && !found)
			return err_set(e, ERR_STORE,
			    "CONTAINERS_STORAGE_CONF names %s, which does not exist",
			    named);
		return r;
	}
	if (getenv("XDG_CONFIG_HOME")) {
		CLEANUP_FREE char *path =
		    xasprintf("%s/containers/storage.conf", getenv("XDG_CONFIG_HOME"));

		r = load_conf(path, c, &found, e);
	}
	for (size_t i = 0; !r && !found && i < ARRAY_LEN(system_files); i++)
		r = load_conf(system_files[i], c, &found, e);
	return r;
}

static int home_directory(char **out, struct err *e)
{
	const char *home = env("HOME");
	struct passwd *pw;

	if (!*home) {
		pw = getpwuid((uid_t)rootless_uid());
		home = pw ? pw->pw_dir : "";
	}
	*out = realpath(home, NULL);
	if (!*out)
		return err_set(
		    e, ERR_STORE, "home directory %s: %s", home, strerror(errno));
	return 0;
}

static void replace(char **to, const char *from)
{
	if (from) {
		free(*to);
		*to = xstrdup(from);
	}
}

static bool is_private_directory(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
	       (st.st_mode & 0722) == 0700;
}

/* Every engine has its own last resort: the one that is there, if it is only one. */
static char *last_resort(unsigned long uid)
{
	static const char *const names[] = {
	    "podman-run", "storage-run", "containers-user"};
	const char *tmp = *env("TMPDIR") ? env("TMPDIR") : "/tmp";
	char *found = NULL;
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		CLEANUP_FREE char *path = xasprintf("%s/%s-%lu", tmp, names[i], uid);

		if (is_private_directory(path)) {
			replace(&found, path);
			n++;
		}
	}
	if (n > 1)
		free(take_ptr(found));
	return found;
}

static int user_runroot(char **out, struct err *e)
{
	unsigned long uid = rootless_uid();
	CLEANUP_FREE char *run_user = xasprintf("/run/user/%lu", uid);
	CLEANUP_FREE char *base = NULL;

	if (*env("XDG_RUNTIME_DIR"))
		base = realpath(env("XDG_RUNTIME_DIR"), NULL);
	else if (is_private_directory(run_user))
		base = take_ptr(run_user);
	else
		base = last_resort(uid);
	if (!base)
		return err_set(e, ERR_STORE,
		    "no run-time directory of uid %lu, or several: set XDG_RUNTIME_DIR, "
		    "or "
		    "name the run root with --runroot",
		    uid);
	*out = xasprintf("%s/containers", base);
	return 0;
}

static int user_graphroot(char **out, struct err *e)
{
	CLEANUP_FREE char *home = NULL;
	int r;

	if (*env("XDG_DATA_HOME")) {
		*out = xasprintf("%s/containers/storage", env("XDG_DATA_HOME"));
		return 0;
	}
	r = home_directory(&home, e);
	if (!r)
		*out = xasprintf("%s/.local/share/containers/storage", home);
	return r;
}

/* Of the system's configuration a user inherits the driver and where to put the store. */
static void inherit(struct storage_conf *c)
{
	static const char *const drivers[] = {"btrfs", "overlay", "overlay2", "vfs"};
	bool valid = false;

	for (size_t i = 0; c->driver && i < ARRAY_LEN(drivers); i++)
		valid |= strcmp(c->driver, drivers[i]) == 0;
	if (!valid) {
		free(c->driver);
		c->driver =
		    *env("STORAGE_DRIVER") ? xstrdup(env("STORAGE_DRIVER")) : NULL;
	}
	free(c->graphroot);
	free(c->runroot);
	free(c->imagestore);
	c->graphroot = take_ptr(c->rootless_storage_path);
	c->runroot = c->imagestore = NULL;
	c->transient = false;
	for (size_t i = 0; i < c->n_options; i++) {
		if (!strstr(c->options[i], "ignore_chown_errors"))
			c->options[i][0] = '\0';
	}
	split_options(c, env("STORAGE_OPTS"));
}

static int load_user_conf(struct storage_conf *c, bool *found, struct err *e)
{
	const char *named = getenv("CONTAINERS_STORAGE_CONF");
	CLEANUP_FREE char *home = NULL;
	CLEANUP_FREE char *path = NULL;

	if (named)
		return load_conf(named, c, found, e);
	if (*env("XDG_CONFIG_HOME")) {
		path = xasprintf("%s/containers/storage.conf", env("XDG_CONFIG_HOME"));
	} else {
		int r = home_directory(&home, e);

		if (r)
			return r;
		path = xasprintf("%s/.config/containers/storage.conf", home);
	}
	return load_conf(path, c, found, e);
}

/* A user's own file replaces everything but where the store is by default. */
static int load_rootless(struct storage_conf *c, struct err *e)
{
	CLEANUP_FREE char *default_graphroot = NULL;
	bool found = false;
	int r = load_system_conf(c, e);

	if (r)
		return r;
	inherit(c);
	default_graphroot = take_ptr(c->graphroot);
	if (!default_graphroot)
		r = user_graphroot(&default_graphroot, e);
	if (!r)
		r = load_user_conf(c, &found, e);
	if (r)
		return r;
	c->nothing_set = !found;
	if (!c->graphroot)
		c->graphroot = c->rootless_storage_path
				   ? take_ptr(c->rootless_storage_path)
				   : take_ptr(default_graphroot);
	return 0;
}

/* podman 6 reads further files, older versions do not: nobody can mean both. */
static int refuse_drop_ins(struct err *e)
{
	static const char *const bases[] = {"/etc/containers", "/usr/share/containers"};
	const char *const kinds[] = {"storage.conf.d",
	    is_rootless() ? "storage.rootless.conf.d" : "storage.rootful.conf.d"};

	if (*env("CONTAINERS_STORAGE_CONF_OVERRIDE"))
		return err_set(
		    e, ERR_STORE, "CONTAINERS_STORAGE_CONF_OVERRIDE is not supported");
	if (getenv("CONTAINERS_STORAGE_CONF"))
		return 0;
	for (size_t i = 0; i < 2 * ARRAY_LEN(bases); i++) {
		CLEANUP_FREE char *path = xasprintf("%s/%s", bases[i / 2], kinds[i % 2]);
		DIR *dir = opendir(path);
		const struct dirent *entry;
		bool any = false;

		while (dir && (entry = readdir(dir)))
			any |= entry->d_name[0] != '.';
		if (dir)
			closedir(dir);
		if (any)
			return err_set(e, ERR_STORE,
			    "%s: drop-in files are not supported, put the settings into "
			    "one storage.conf",
			    path);
	}
	return 0;
}

/* What the settings say, before any of it is looked at. */
static int load(const struct store_options *opt, struct storage_conf *c, struct err *e)
{
	int r = refuse_drop_ins(e);

	if (!r)
		r = is_rootless() ? load_rootless(c, e) : load_system_conf(c, e);
	if (r)
		return r;
	/* As in podman, these drop the options of storage.conf. */
	if ((opt->root && !opt->buildah) || opt->driver || opt->n_storage_opts)
		storage_conf_drop_options(c);
	for (size_t i = 0; i < opt->n_storage_opts; i++) {
		const char *text = opt->storage_opts[i];

		if (opt->buildah)
			split_options(c, text);
		else
			storage_conf_add_option(c, text, strlen(text));
	}
	replace(&c->driver, opt->driver);
	replace(&c->imagestore, opt->imagestore);
	if (c->transient)
		return err_set(e, ERR_STORE, "transient_store is not supported");
	return 0;
}

static int choose_roots(const struct store_options *opt, const struct storage_conf *c,
    struct store_config *out, struct err *e)
{
	CLEANUP_FREE char *fallback = NULL;
	int r = 0;

	if (opt->root)
		r = path_absolute(opt->root, &out->graphroot, e);
	else
		r = path_expand(
		    c->graphroot ? c->graphroot : "/var/lib/containers/storage",
		    rootless_uid(), &out->graphroot, e);
	if (r)
		return r;
	if (opt->runroot)
		return path_absolute(opt->runroot, &out->runroot, e);
	if (!c->runroot && is_rootless())
		r = user_runroot(&fallback, e);
	else
		fallback = xstrdup(c->runroot ? c->runroot : "/run/containers/storage");
	return r ? r : path_expand(fallback, rootless_uid(), &out->runroot, e);
}

static bool has_directory(const char *root, const char *name)
{
	CLEANUP_FREE char *path = xasprintf("%s/%s", root, name);
	struct stat st;

	return stat(path, &st) == 0;
}

/*
 * Nobody named the driver: podman looks which one the store was used with. A directory is easily
 * made, so the answer must be the only one possible.
 */
static int find_driver(
    const char *graphroot, bool nothing_set, const char **out, struct err *e)
{
	static const char *const known[] = {
	    "overlay", "vfs", "btrfs", "zfs", "aufs", "devicemapper"};
	size_t n = 0;

	*out = "overlay";
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (has_directory(graphroot, known[i])) {
			*out = known[i];
			n++;
		}
	}
	if (n > 1)
		return err_set(e, ERR_STORE,
		    "%s was used with several storage drivers and the configuration "
		    "names "
		    "none: name it with --storage-driver",
		    graphroot);
	/* With a configuration, versions differ whether they come back to vfs on their own. */
	if (strcmp(*out, "vfs") == 0 && !nothing_set)
		return err_set(e, ERR_STORE,
		    "%s was used with storage driver vfs, but the configuration names no "
		    "driver: name it with --storage-driver",
		    graphroot);
	return 0;
}

static int choose_driver(
    const struct storage_conf *c, struct store_config *out, struct err *e)
{
	const char *name = c->driver ? c->driver : "";
	int r;

	if (!*name && c->driver_priority)
		return err_set(e, ERR_STORE,
		    "driver_priority is not supported: name the driver with "
		    "--storage-driver");
	if (!*name) {
		r = find_driver(out->graphroot, c->nothing_set, &name, e);
		if (r)
			return r;
	}
	if (strcmp(name, "overlay2") == 0)
		name = "overlay";
	if (!store_driver_parse(name, &out->driver))
		return err_set(e, ERR_STORE,
		    "storage driver %s is not supported (overlay and vfs are)", name);
	return 0;
}

static int add_additional(struct store_config *c, const char *list, struct err *e)
{
	while (*list) {
		size_t len = strcspn(list, ",");
		CLEANUP_FREE char *path = xstrndup(list, len);
		char *clean;

		if (path[0] != '/')
			return err_set(e, ERR_STORE,
			    "additional image store %s is no absolute path", path);
		clean = path_clean(path);
		c->additional = xreallocarray(
		    c->additional, c->n_additional + 1, sizeof(*c->additional));
		c->additional[c->n_additional++] = clean;
		list += len + (list[len] == ',');
	}
	return 0;
}

static bool is_one_of(const char *text, const char *const list[], size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(text, list[i]) == 0)
			return true;
	}
	return false;
}

/* strconv.ParseBool */
static bool is_true(const char *text)
{
	static const char *const yes[] = {"1", "t", "T", "TRUE", "true", "True"};

	return is_one_of(text, yes, ARRAY_LEN(yes));
}

/* vfs has none. */
static void add_mount_option(struct store_config *c, const char *key, const char *value)
{
	if (c->driver != STORE_OVERLAY)
		return;
	c->mount_options = xreallocarray(
	    c->mount_options, c->n_mount_options + 1, sizeof(*c->mount_options));
	c->mount_options[c->n_mount_options++] =
	    xasprintf("%s.%s=%s", store_driver_name(c->driver), key, value);
}

/* `key` is in lower case and without its driver. */
static int apply_option(
    struct store_config *c, const char *key, const char *value, struct err *e)
{
	static const char *const harmless[] = {
	    "mountopt", "size", "inodes", "skip_mount_home", "override_kernel_check"};

	if (strcmp(key, "imagestore") == 0 || strcmp(key, "additionalimagestore") == 0 ||
	    strcmp(key, "additionalimagestores") == 0)
		return add_additional(c, value, e);
	if (strncmp(key, "additionallayerstore", strlen("additionallayerstore")) == 0)
		return err_set(e, ERR_STORE,
		    "additional layer store %s is not supported: what it serves cannot "
		    "be "
		    "verified",
		    value);
	if (strcmp(key, "use_composefs") == 0 ||
	    strcmp(key, "ignore_chown_errors") == 0) {
		if (!is_true(value))
			return 0;
		return err_set(e, ERR_STORE, "storage option %s is not supported", key);
	}
	if (strcmp(key, "force_mask") == 0) {
		if (!*value || strcmp(value, "0") == 0)
			return 0;
		return err_set(
		    e, ERR_STORE, "storage option force_mask is not supported");
	}
	if (strcmp(key, "mount_program") == 0)
		replace(&c->mount_program, value);
	if (strcmp(key, "mount_program") == 0 ||
	    is_one_of(key, harmless, ARRAY_LEN(harmless))) {
		add_mount_option(c, key, value);
		return 0;
	}
	return err_set(e, ERR_STORE, "storage option %s is not known", key);
}

/* "[driver.]key=value"; those of another driver do not apply. */
static int apply_options(
    const struct storage_conf *conf, struct store_config *c, struct err *e)
{
	const char *driver = store_driver_name(c->driver);
	int r = 0;

	for (size_t i = 0; !r && i < conf->n_options; i++) {
		CLEANUP_FREE char *key = xstrdup(conf->options[i]);
		char *value = strchr(key, '='), *dot, *name = key;

		if (!*key)
			continue;
		if (!value)
			return err_set(
			    e, ERR_STORE, "storage option %s has no value", key);
		*value++ = '\0';
		for (char *p = key; *p; p++)
			*p = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
		dot = strchr(key, '.');
		if (dot) {
			*dot = '\0';
			name = dot + 1;
			if (strcmp(key, "overlay2") == 0)
				key[strlen("overlay")] = '\0';
			if (*key && strcmp(key, driver) != 0)
				continue;
		}
		r = apply_option(c, name, value, e);
	}
	return r;
}

static int choose_imagestore(
    const struct storage_conf *c, struct store_config *out, struct err *e)
{
	if (!c->imagestore || !*c->imagestore)
		return 0;
	if (c->imagestore[0] != '/')
		return err_set(
		    e, ERR_STORE, "imagestore %s is no absolute path", c->imagestore);
	out->imagestore = path_clean(c->imagestore);
	if (strcmp(out->imagestore, out->graphroot) == 0)
		return err_set(
		    e, ERR_STORE, "imagestore and graphroot are both %s", out->graphroot);
	return 0;
}

int store_discover(
    const struct store_options *opt, struct store_config *out, struct err *e)
{
	CLEANUP_STORAGE_CONF struct storage_conf conf = {0};
	int r;

	*out = (struct store_config){0};
	r = load(opt, &conf, e);
	if (!r)
		r = choose_roots(opt, &conf, out, e);
	if (!r)
		r = choose_driver(&conf, out, e);
	if (!r)
		r = choose_imagestore(&conf, out, e);
	if (!r)
		r = apply_options(&conf, out, e);
	if (r)
		store_config_release(out);
	return r;
}
