/* SPDX-License-Identifier: Apache-2.0 */
/* covered.c: see covered.h. */
#include "store/covered.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/hex.h"
#include "store/mountinfo.h"

/* Mount namespaces that were looked into, by inode of /proc/PID/ns/mnt. */
struct namespaces {
	ino_t *v;
	size_t n;
};

/* One process, and one place of the store as it sees it. */
struct look {
	const struct store *s;
	const struct records *r;
	struct findings *findings;
	const char *pid;
	int root_fd; /* its root directory */
	size_t place;
};

static bool same_file(int a_dir, const char *a, int b_dir, const char *b)
{
	CLEANUP_FD int x = -1;
	CLEANUP_FD int y = -1;
	struct stat p, q;
	struct err e;

	return fs_open(a_dir, a, O_PATH, &x, &e) == 0 &&
	       fs_open(b_dir, b, O_PATH, &y, &e) == 0 && fstat(x, &p) == 0 &&
	       fstat(y, &q) == 0 && p.st_dev == q.st_dev && p.st_ino == q.st_ino;
}

static void add_finding(const struct look *l, const char *path)
{
	const struct store_place *p = &l->s->places[l->place];
	CLEANUP_FREE char *full = xasprintf("%s%s%s", p->path, *path ? "/" : "", path);
	struct finding *f = findings_add(
	    l->findings, FINDING_STORE_COVERED, (struct place){.path = full});

	finding_expected(f, "what is in the store");
	finding_found(f, "something else in the mount namespace of process %s", l->pid);
}

/* "ID" or "ID/REST": which id, and "" or the rest. */
static bool split_id(const char *path, char id[static ID_LEN + 1], const char **rest)
{
	size_t len = strcspn(path, "/");

	*rest = path + len + (path[len] == '/');
	if (len != ID_LEN)
		return false;
	memcpy(id, path, len);
	id[len] = '\0';
	return hex_is(id, ID_LEN);
}

static bool is_of_cache(const struct records *r, const char *id)
{
	for (size_t i = 0; i < r->n_containers; i++) {
		if (strcmp(r->containers[i].layer, id) == 0)
			return false;
	}
	return records_layer(r, id);
}

/* Engines mount on merged/ of a layer, and vfs everything below a container's layer: that covers nothing. */
static bool is_part(const struct look *l, const char *path)
{
	const char *driver = store_driver_name(l->s->config->driver), *rest;
	size_t len = strlen(driver);
	char id[ID_LEN + 1];

	if (strncmp(path, driver, len) != 0)
		return false;
	path += len;
	if (!*path || strncmp(path, "-layers", 7) == 0 ||
	    strncmp(path, "-images", 7) == 0)
		return true;
	if (*path++ != '/')
		return false;
	if (l->s->config->driver == STORE_VFS)
		return strcmp(path, "dir") == 0 ||
		       (strncmp(path, "dir/", 4) == 0 && split_id(path + 4, id, &rest) &&
			   is_of_cache(l->r, id));
	if (path[0] == 'l' && (!path[1] || path[1] == '/'))
		return true;
	return split_id(path, id, &rest) &&
	       (!*rest || strncmp(rest, "diff", 4) == 0 || strcmp(rest, "link") == 0 ||
		   strcmp(rest, "lower") == 0);
}

/* Below a mount that is the very same directory as in the store nothing is another. */
static bool look_at_mount(void *ctx, const char *point, const char *rest)
{
	const struct look *l = ctx;
	const struct store_place *p = &l->s->places[l->place];
	const char *path = point + strlen(p->path) + 1;

	(void)rest;
	if (is_part(l, path) && !same_file(p->root_fd, path, l->root_fd, point + 1))
		add_finding(l, path);
	return true;
}

static int look_at_place(struct look *l, struct err *e)
{
	const struct store_place *p = &l->s->places[l->place];
	CLEANUP_FD int there = -1;
	char file[64];
	struct err why;
	int r;

	/* Where there is no such directory nobody uses it. */
	if (fs_open(l->root_fd, p->path + 1, O_PATH, &there, &why) == ERR_NOT_FOUND)
		return 0;
	if (!same_file(p->root_fd, ".", l->root_fd, p->path + 1)) {
		add_finding(l, "");
		return 0;
	}
	snprintf(file, sizeof(file), "/proc/%.20s/mountinfo", l->pid);
	r = mountinfo_below(file, p->path, look_at_mount, l, e);
	return r == ERR_NOT_FOUND ? 0 : r;
}

static bool is_new(struct namespaces *known, const char *pid)
{
	struct stat own, st;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%.20s/ns/mnt", pid);
	if (stat(path, &st) || stat("/proc/self/ns/mnt", &own) || st.st_ino == own.st_ino)
		return false;
	for (size_t i = 0; i < known->n; i++) {
		if (known->v[i] == st.st_ino)
			return false;
	}
	known->v = xreallocarray(known->v, known->n + 1, sizeof(*known->v));
	known->v[known->n++] = st.st_ino;
	return true;
}

/* The process may be gone at any moment: what it saw is nobody's view then. */
static int look_at_process(struct look *l, struct err *e)
{
	CLEANUP_FD int own = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	CLEANUP_FD int root = -1;
	char path[64];
	int r = 0;

	snprintf(path, sizeof(path), "/proc/%.20s/root", l->pid);
	root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (own < 0)
		return err_sys(e, "/");
	if (root < 0 || !same_file(root, ".", own, "."))
		return 0;
	l->root_fd = root;
	for (l->place = 0; !r && l->place < l->s->n_places; l->place++)
		r = look_at_place(l, e);
	return r;
}

static bool is_of_user(const struct account *a, const char *pid)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%.20s", pid);
	return strspn(pid, "0123456789") == strlen(pid) && stat(path, &st) == 0 &&
	       idmap_has(&a->uids, st.st_uid);
}

int covered_check(const struct store *s, const struct records *r,
    struct findings *findings, struct err *e)
{
	struct look l = {.s = s, .r = r, .findings = findings};
	struct namespaces known = {0};
	const struct dirent *entry;
	DIR *proc;
	int rc = 0;

	if (!s->config->account)
		return 0;
	proc = opendir("/proc");
	if (!proc)
		return err_sys(e, "/proc");
	while (!rc && (entry = readdir(proc))) {
		if (!is_of_user(s->config->account, entry->d_name) ||
		    !is_new(&known, entry->d_name))
			continue;
		l.pid = entry->d_name;
		rc = look_at_process(&l, e);
	}
	closedir(proc);
	free(known.v);
	return rc;
}
