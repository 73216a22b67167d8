/* SPDX-License-Identifier: Apache-2.0 */
/* inuse.c: see inuse.h. */
#include "store/inuse.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/rootless.h"

#define HEX "0123456789abcdef"
#define OVERFLOW_UID 65534
#define CACHE "/buildah-cache"

static void add_id(struct inuse *u, const char *id)
{
	if (u->n_ids && memcmp(u->ids[u->n_ids - 1], id, ID_LEN) == 0)
		return;
	u->ids = xreallocarray(u->ids, u->n_ids + 1, sizeof(*u->ids));
	memcpy(u->ids[u->n_ids], id, ID_LEN);
	u->ids[u->n_ids++][ID_LEN] = '\0';
}

static void add_link(struct inuse *u, const char *link)
{
	u->links = xreallocarray(u->links, u->n_links + 1, sizeof(*u->links));
	memcpy(u->links[u->n_links], link, LINK_LEN);
	u->links[u->n_links++][LINK_LEN] = '\0';
}

/* The part of the file system that is mounted: the fourth word, with octal escapes. */
static char *mounted_part(const char *line)
{
	char *part, *to;

	for (int i = 0; i < 3 && line; i++)
		line = strchr(line, ' ') ? strchr(line, ' ') + 1 : NULL;
	if (!line)
		return NULL;
	to = part = xstrndup(line, strcspn(line, " \n"));
	for (const char *p = part; *p; p++) {
		bool escape = p[0] == '\\' && strspn(p + 1, "01234567") >= 3;

		*to++ = escape
			    ? (char)((p[1] - '0') << 6 | (p[2] - '0') << 3 | (p[3] - '0'))
			    : *p;
		p += escape ? 3 : 0;
	}
	*to = '\0';
	return part;
}

/* Whatever mount the directory above it is on: the name alone must do. */
static void add_cache(struct inuse *u, const char *line)
{
	CLEANUP_FREE char *part = mounted_part(line);
	const char *at = part ? strstr(part, CACHE) : NULL;

	if (!at || (u->n_caches && strcmp(u->caches[u->n_caches - 1], at) == 0))
		return;
	u->caches = xreallocarray(u->caches, u->n_caches + 1, sizeof(*u->caches));
	u->caches[u->n_caches++] = xstrdup(at);
}

/* ".../overlay/ID", ".../vfs/dir/ID", "l/LINK", each ended by what is no part of a name. */
void inuse_add_line(struct inuse *u, const char *line)
{
	if (strstr(line, CACHE))
		add_cache(u, line);
	for (const char *p = line; *p; p += strcspn(p, "/") ? strcspn(p, "/") : 1) {
		size_t len;

		if (*p != '/')
			continue;
		len = strspn(p + 1, HEX);
		if (len == ID_LEN && strchr("/ :,\n", p[1 + len]))
			add_id(u, p + 1);
		len = strspn(p + 1, LINK_ALPHABET);
		if (len == LINK_LEN && strchr("/ :,\n", p[1 + len]))
			add_link(u, p + 1);
	}
}

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

void inuse_sort(struct inuse *u)
{
	if (u->n_ids)
		qsort(u->ids, u->n_ids, sizeof(*u->ids), by_text);
	if (u->n_links)
		qsort(u->links, u->n_links, sizeof(*u->links), by_text);
}

static bool same_user_namespace(const char *pid)
{
	char path[300];
	struct stat a, b;

	snprintf(path, sizeof(path), "/proc/%s/ns/user", pid);
	return stat(path, &a) == 0 && stat("/proc/self/ns/user", &b) == 0 &&
	       a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

/* In a user namespace: ids that are mapped there are this user's. */
static bool counts(const struct account *whose, const char *pid)
{
	char path[300];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%s", pid);
	if (stat(path, &st))
		return false;
	if (whose && idmap_has(&whose->uids, st.st_uid))
		return true;
	if (rootless_namespace())
		return st.st_uid != OVERFLOW_UID;
	return st.st_uid == geteuid() || (geteuid() == 0 && same_user_namespace(pid));
}

static void read_process(struct inuse *u, const char *pid)
{
	char path[300], *line = NULL;
	size_t size = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/mountinfo", pid);
	f = fopen(path, "re");
	/* A process that has ended uses nothing. */
	while (f && getline(&line, &size, f) > 0)
		inuse_add_line(u, line);
	free(line);
	if (f)
		fclose(f);
}

/* Many processes show the same mounts. */
static void drop_doubles(struct inuse *u)
{
	size_t ids = 0, links = 0;

	inuse_sort(u);
	for (size_t i = 0; i < u->n_ids; i++) {
		if (!i || strcmp(u->ids[i], u->ids[ids - 1]) != 0)
			memmove(u->ids[ids++], u->ids[i], sizeof(*u->ids));
	}
	for (size_t i = 0; i < u->n_links; i++) {
		if (!i || strcmp(u->links[i], u->links[links - 1]) != 0)
			memmove(u->links[links++], u->links[i], sizeof(*u->links));
	}
	u->n_ids = ids;
	u->n_links = links;
}

int inuse_read(const struct account *whose, struct inuse *out, struct err *e)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	bool self = false;

	*out = (struct inuse){0};
	if (!proc)
		return err_sys(e, "/proc");
	while ((entry = readdir(proc))) {
		const char *pid = entry->d_name;

		if (strspn(pid, "0123456789") != strlen(pid) || !counts(whose, pid))
			continue;
		self |= strtol(pid, NULL, 10) == getpid();
		read_process(out, pid);
		if (out->n_ids + out->n_links > 100000)
			drop_doubles(out);
	}
	closedir(proc);
	drop_doubles(out);
	/* A /proc of another pid namespace, or none, would say that nothing runs. */
	if (self)
		return 0;
	inuse_release(out);
	return err_set(e, ERR_IO, "/proc does not show the processes of this system");
}

void inuse_release(struct inuse *u)
{
	free(u->ids);
	free(u->links);
	for (size_t i = 0; i < u->n_caches; i++)
		free(u->caches[i]);
	free(u->caches);
	*u = (struct inuse){0};
}

bool inuse_has_id(const struct inuse *u, const char *id)
{
	return u->n_ids && bsearch(id, u->ids, u->n_ids, sizeof(*u->ids), by_text);
}

bool inuse_has_link(const struct inuse *u, const char *link)
{
	return link[0] && u->n_links &&
	       bsearch(link, u->links, u->n_links, sizeof(*u->links), by_text);
}

static bool is_within(const char *path, const char *of)
{
	size_t len = strlen(of);

	return strncmp(path, of, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

bool inuse_has_path(const struct inuse *u, const char *path)
{
	const char *at = strstr(path, CACHE);

	for (size_t i = 0; at && i < u->n_caches; i++) {
		if (is_within(at, u->caches[i]) || is_within(u->caches[i], at))
			return true;
	}
	return false;
}
