/* SPDX-License-Identifier: Apache-2.0 */
/* hook_place.c: see hook_place.h. */
#include "cli/hook_place.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fs.h"

#define PROGRAM_MAX_BYTES (16U << 20)

static const struct kind {
	const char *name;
	const char *programs[4];
} kinds[] = {
    [HOOK_WRAPPER] = {"wrapper", {"podman", "buildah", "docker"}},
    [HOOK_PREEXEC] = {"preexec", {HOOK_PREEXEC_NAME}},
    [HOOK_MOUNT] = {"mount", {HOOK_MOUNT_NAME}},
};

const char *const *hook_names(enum hook_kind k)
{
	return kinds[k].programs;
}

const char *hook_kind_name(enum hook_kind k)
{
	return kinds[k].name;
}

bool hook_kind_parse(const char *name, enum hook_kind *out)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (strcmp(kinds[i].name, name) == 0) {
			*out = (enum hook_kind)i;
			return true;
		}
	}
	return false;
}

int hook_own_program(char **out, struct err *e)
{
	*out = realpath("/proc/self/exe", NULL);
	return *out ? 0 : err_sys(e, "/proc/self/exe");
}

/* The directory of this program; heap. */
static int own_dir(char **out, struct err *e)
{
	int r = hook_own_program(out, e);

	if (!r)
		*strrchr(*out, '/') = '\0';
	return r;
}

int hook_read_program(struct buf *out, struct err *e)
{
	static const char *const places[] = {
	    "layerseal-hook", "../libexec/layerseal/layerseal-hook"};
	CLEANUP_FREE char *dir = NULL;
	int r = own_dir(&dir, e);

	if (r)
		return r;
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		CLEANUP_FREE char *path = xasprintf("%s/%s", dir, places[i]);

		r = fs_read_guarded(path, PROGRAM_MAX_BYTES, out, e);
		if (r != ERR_NOT_FOUND)
			return r ? err_wrap(e, "%s", path) : 0;
	}
	return err_set(e, ERR_NOT_FOUND,
	    "the program layerseal-hook is neither in %s nor in %s/../libexec/layerseal",
	    dir, dir);
}

int hook_default_dir(enum hook_kind k, char **out, struct err *e)
{
	const char *home = getenv("HOME");
	const char *last = k == HOOK_MOUNT ? "mount" : "wrap";
	CLEANUP_FREE char *dir = NULL;
	int r;

	if (k == HOOK_PREEXEC) {
		*out = xstrdup(HOOK_SWITCH_DIR "/pre-exec-hooks");
		return 0;
	}
	if (geteuid() != 0) {
		if (!home || home[0] != '/')
			return err_set(e, ERR_USAGE, "no home directory: use --dir");
		*out = xasprintf("%s/.local/lib/layerseal/%s", home, last);
		return 0;
	}
	r = own_dir(&dir, e);
	if (r)
		return r;
	/* Installed in PREFIX/bin; anywhere else it is not. */
	if (strlen(dir) > 4 && strcmp(dir + strlen(dir) - 4, "/bin") == 0)
		*out =
		    xasprintf("%.*s/lib/layerseal/%s", (int)strlen(dir) - 4, dir, last);
	else
		*out = xasprintf("/usr/local/lib/layerseal/%s", last);
	return 0;
}

static bool has_mark(const struct buf *b)
{
	return b->len && memmem(b->data, b->len, HOOK_MARK, strlen(HOOK_MARK));
}

enum hook_owner hook_owner_of(const char *dir, const char *name)
{
	CLEANUP_FD int fd = -1;
	CLEANUP_BUF struct buf bytes;
	struct err e;
	int r;

	buf_init(&bytes, PROGRAM_MAX_BYTES);
	if (access(dir, F_OK))
		return HOOK_NOBODY;
	r = fs_open_root(dir, &fd, &e);
	if (!r)
		r = fs_read_file(fd, name, PROGRAM_MAX_BYTES, &bytes, NULL, &e);
	if (r == ERR_NOT_FOUND)
		return HOOK_NOBODY;
	return !r && has_mark(&bytes) ? HOOK_OURS : HOOK_FOREIGN;
}

enum hook_owner hook_owner_of_link(
    const char *link_dir, const char *dir, const char *name)
{
	CLEANUP_FREE char *path = xasprintf("%s/%s", link_dir, name);
	CLEANUP_FREE char *wanted = xasprintf("%s/%s", dir, name);
	char target[PATH_MAX];
	ssize_t len = readlink(path, target, sizeof(target) - 1);
	struct stat st;

	if (len < 0)
		return lstat(path, &st) ? HOOK_NOBODY : HOOK_FOREIGN;
	target[len] = '\0';
	return strcmp(target, wanted) == 0 ? HOOK_OURS : HOOK_FOREIGN;
}

static bool contains(const char *path, const char *text, size_t max)
{
	CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	size_t len;
	void *map;
	bool found;

	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size <= 0)
		return false;
	len = (size_t)st.st_size < max ? (size_t)st.st_size : max;
	map = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return false;
	found = memmem(map, len, text, strlen(text)) != NULL;
	munmap(map, len);
	return found;
}

bool hook_engine_has_preexec(const char *program)
{
	return contains(program, "pre-exec-hooks", SIZE_MAX);
}

/* podman-docker is a small script that calls podman. */
static bool is_podmans_docker(const char *path)
{
	return contains(path, "#!", 2) && contains(path, "podman", 4096);
}

char *hook_find_engine(const char *name, bool ours)
{
	const char *path = getenv("PATH");

	for (path = path ? path : "/usr/bin:/bin"; path;) {
		size_t len = strcspn(path, ":");
		CLEANUP_FREE char *file = xasprintf("%.*s/%s", (int)len, path, name);
		CLEANUP_FREE char *real = realpath(file, NULL);
		char *slash = real ? strrchr(real, '/') : NULL;
		struct stat st;

		path = path[len] ? path + len + 1 : NULL;
		if (!slash || stat(real, &st) || !S_ISREG(st.st_mode) ||
		    access(real, X_OK))
			continue;
		*slash = '\0';
		if (hook_owner_of(real, slash + 1) == HOOK_OURS) {
			if (ours)
				return take_ptr(file);
			continue;
		}
		*slash = '/';
		if (strcmp(name, "docker") == 0 && !is_podmans_docker(real))
			continue;
		return take_ptr(file);
	}
	return NULL;
}
