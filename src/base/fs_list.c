/* SPDX-License-Identifier: Apache-2.0 */
/* fs_list.c: see fs.h: what a directory holds. */
#include <dirent.h>
#include <string.h>

#include "base/fs.h"

#define LIST_BYTES 32768

static bool is_dot(const char *name)
{
	return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

int fs_each_name(int fd, fs_name_fn *each, void *ctx, struct err *e)
{
	_Alignas(struct dirent64) char block[LIST_BYTES];

	for (;;) {
		ssize_t n = getdents64(fd, block, sizeof(block));

		if (n < 0)
			return err_sys(e, "cannot list it");
		if (n == 0)
			return 0;
		for (char *p = block; p < block + n;) {
			const struct dirent64 *d = (const struct dirent64 *)(void *)p;
			int r = is_dot(d->d_name) ? 0
						  : each(ctx, d->d_name,
							strlen(d->d_name), d->d_type, e);

			if (r)
				return r;
			p += d->d_reclen;
		}
	}
}

struct listing {
	struct fs_names names;
	size_t cap, max;
};

static int add_name(void *ctx, const char *name, size_t len, uint8_t type, struct err *e)
{
	struct listing *l = ctx;
	struct fs_names *names = &l->names;

	(void)type;
	if (names->n == l->max)
		return err_set(
		    e, ERR_MALFORMED, "more than the %zu names allowed", l->max);
	if (names->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 16;
		names->v = xreallocarray(names->v, l->cap, sizeof(*names->v));
	}
	names->v[names->n++] = xstrndup(name, len);
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int fs_list_fd(int fd, size_t max_names, struct fs_names *out, struct err *e)
{
	struct listing l = {.max = max_names};
	int r = fs_each_name(fd, add_name, &l, e);

	if (r) {
		fs_names_release(&l.names);
		return r;
	}
	if (l.names.n)
		qsort(l.names.v, l.names.n, sizeof(*l.names.v), by_name);
	*out = l.names;
	return 0;
}

int fs_list(
    int dirfd, const char *path, size_t max_names, struct fs_names *out, struct err *e)
{
	CLEANUP_FD int fd = -1;
	int r = fs_open_dir(dirfd, path, &fd, e);

	if (r)
		return r;
	r = fs_list_fd(fd, max_names, out, e);
	return r ? err_wrap(e, "%s", path) : 0;
}

void fs_names_release(struct fs_names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->v[i]);
	free(names->v);
	*names = (struct fs_names){0};
}
