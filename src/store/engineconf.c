/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engineconf.c: see engineconf.h. This is no reader of TOML: it looks at the lines of one section for a few
 * words, and refuses the spellings that such a look could miss.
 */
#include "store/engineconf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "store/rootless.h"

#define CONF_MAX (1U << 20)

static bool starts_with(const char *text, const char *word)
{
	return strncasecmp(text, word, strlen(word)) == 0;
}

/* "[engine]", "[ Engine ]", "['engine']" */
static bool is_engine_table(const char *line)
{
	const char *name = line + strspn(line, "[ \t\"'");

	return starts_with(name, "engine") && strspn(name + 6, "]\"' \t.") > 0;
}

static int check_engine_line(
    const char *line, const char *file, unsigned number, struct err *e)
{
	static const char *const variables[] = {"STORAGE_DRIVER", "STORAGE_OPTS",
	    "STORAGE_CONF", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR",
	    "HOME=", "CONTAINER_HOST", "CONTAINER_CONNECTION", "_CONTAINERS_"};
	const char *key = line + strspn(line, "\"'");

	for (size_t i = 0; i < ARRAY_LEN(variables); i++) {
		if (strcasestr(line, variables[i]))
			return err_set(e, ERR_STORE,
			    "%s:%u: sets %s for the engine, which may move its store: "
			    "not supported",
			    file, number, variables[i]);
	}
	if (starts_with(key, "remote") && strstr(key, "true"))
		return err_set(e, ERR_STORE,
		    "%s:%u: remote: the store is another podman's, which cannot be "
		    "verified from here",
		    file, number);
	if (strcasestr(line, "\\u"))
		return err_set(e, ERR_STORE, "%s:%u: cannot read an escaped character",
		    file, number);
	return 0;
}

int engine_conf_check_text(const char *text, const char *file, struct err *e)
{
	CLEANUP_FREE char *copy = xstrdup(text);
	char *rest = copy, *line;
	bool in_engine = false, top = true;
	int r = 0;

	for (unsigned number = 1; !r && (line = strsep(&rest, "\n")); number++) {
		line += strspn(line, " \t\r");
		if (line[0] == '#')
			continue;
		/* Inside one of these, what looks like a table is none. */
		if (strstr(line, "\"\"\"") || strstr(line, "'''"))
			return err_set(e, ERR_STORE,
			    "%s:%u: cannot read a string over several lines", file,
			    number);
		if (line[0] == '[') {
			in_engine = is_engine_table(line);
			top = false;
		} else if (in_engine ||
			   (top && starts_with(line + strspn(line, "\"'"), "engine"))) {
			r = check_engine_line(line, file, number, e);
		}
	}
	return r;
}

/* What is done with the text of each file, in the order in which engines read them. */
typedef int conf_fn(void *ctx, const char *text, const char *file, struct err *e);
struct conf_reader {
	conf_fn *fn;
	void *ctx;
};

static int read_file(const struct conf_reader *reader, const char *path, struct err *e)
{
	CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	CLEANUP_FREE char *text = NULL;
	struct stat st;
	size_t got;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0 || fstat(fd, &st))
		return err_set(e, ERR_STORE, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_size > CONF_MAX)
		return err_set(
		    e, ERR_STORE, "%s is no regular file, or longer than 1 MiB", path);
	text = xcalloc(CONF_MAX + 1, 1);
	if (fs_read_up_to(fd, text, CONF_MAX, &got))
		return err_set(e, ERR_STORE, "%s: %s", path, strerror(errno));
	if (strlen(text) != got)
		return err_set(e, ERR_STORE, "%s: has a NUL byte", path);
	return reader->fn(reader->ctx, text, path, e);
}

/* DIR/containers.conf and the drop-in files of DIR/containers.conf.d. */
static int read_directory(
    const struct conf_reader *reader, const char *dir, struct err *e)
{
	static const char *const drop_ins[] = {"containers.conf.d",
	    "containers.rootless.conf.d", "containers.rootful.conf.d"};
	CLEANUP_FREE char *main_file = xasprintf("%s/containers.conf", dir);
	int r = read_file(reader, main_file, e);

	for (size_t i = 0; !r && i < ARRAY_LEN(drop_ins); i++) {
		CLEANUP_FREE char *path = xasprintf("%s/%s", dir, drop_ins[i]);
		DIR *listing = opendir(path);
		const struct dirent *entry;

		while (!r && listing && (entry = readdir(listing))) {
			CLEANUP_FREE char *file = xasprintf("%s/%s", path, entry->d_name);
			size_t len = strlen(entry->d_name);

			if (len > 5 && strcmp(entry->d_name + len - 5, ".conf") == 0)
				r = read_file(reader, file, e);
		}
		if (listing)
			closedir(listing);
	}
	return r;
}

static int read_all(const struct conf_reader *reader, struct err *e)
{
	const char *named = getenv("CONTAINERS_CONF"), *home = getenv("HOME");
	const char *more = getenv("CONTAINERS_CONF_OVERRIDE");
	const char *xdg = getenv("XDG_CONFIG_HOME");
	CLEANUP_FREE char *user = xdg && *xdg ? xasprintf("%s/containers", xdg)
				  : home && *home
				      ? xasprintf("%s/.config/containers", home)
				      : NULL;
	int r = 0;

	if (named) {
		r = read_file(reader, named, e);
	} else {
		r = read_directory(reader, "/usr/share/containers", e);
		if (!r)
			r = read_directory(reader, "/etc/containers", e);
		if (!r && user)
			r = read_directory(reader, user, e);
	}
	return r || !more ? r : read_file(reader, more, e);
}

static int check_one(void *ctx, const char *text, const char *file, struct err *e)
{
	(void)ctx;
	return engine_conf_check_text(text, file, e);
}

int engine_conf_check(struct err *e)
{
	return read_all(&(struct conf_reader){.fn = check_one}, e);
}

/* ---- where temporary files go ---- */

/* What stands behind a key, in quotes or behind an equals sign. */
static void take_value(const char *at, struct fs_names *out)
{
	const char *value = at + strspn(at, "\"' \t=");
	size_t len = strcspn(value, "\"'\r,}]");

	if (!len)
		return;
	out->v = xreallocarray(out->v, out->n + 1, sizeof(*out->v));
	out->v[out->n++] = xstrndup(value, len);
}

/* In whatever table: a directory too many is looked into for nothing. */
void engine_conf_tmp_dirs_text(const char *text, struct fs_names *out)
{
	static const char *const keys[] = {"image_copy_tmp_dir", "TMPDIR"};
	CLEANUP_FREE char *copy = xstrdup(text);
	char *rest = copy, *line;

	while ((line = strsep(&rest, "\n"))) {
		/* Most of what a distribution ships is commented out. */
		if (line[strspn(line, " \t\r")] == '#')
			continue;
		for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
			const char *at = strcasestr(line, keys[i]);

			if (at)
				take_value(at + strlen(keys[i]), out);
		}
	}
}

static int take_tmp_dirs(void *ctx, const char *text, const char *file, struct err *e)
{
	(void)file;
	(void)e;
	engine_conf_tmp_dirs_text(text, ctx);
	return 0;
}

void engine_conf_tmp_dirs(struct fs_names *out)
{
	struct err ignored;

	/* What cannot be read was refused before. */
	(void)!read_all(&(struct conf_reader){.fn = take_tmp_dirs, .ctx = out}, &ignored);
}

int engine_environment_check(struct err *e)
{
	const char *uid = getenv("_CONTAINERS_ROOTLESS_UID");
	const char *configured = getenv("_CONTAINERS_USERNS_CONFIGURED");

	if (rootless_namespace())
		return 0;
	if (uid && *uid && strtoul(uid, NULL, 10) != geteuid())
		return err_set(e, ERR_STORE,
		    "_CONTAINERS_ROOTLESS_UID is set to %s: that moves the store", uid);
	if (geteuid() == 0 && configured && *configured)
		return err_set(e, ERR_STORE,
		    "_CONTAINERS_USERNS_CONFIGURED is set, outside of a user namespace: "
		    "that moves the store");
	return 0;
}
