/* SPDX-License-Identifier: Apache-2.0 */
/* paths.c: see paths.h. */
#include "store/paths.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"

char *path_clean(const char *path)
{
	char *out = xmalloc(strlen(path) + 2);
	size_t len = 0;

	while (*path) {
		size_t n;

		path += strspn(path, "/");
		n = strcspn(path, "/");
		if (n == 2 && strncmp(path, "..", 2) == 0) {
			while (len && out[--len] != '/')
				;
		} else if (n && !(n == 1 && *path == '.')) {
			out[len++] = '/';
			memcpy(out + len, path, n);
			len += n;
		}
		path += n;
	}
	if (len == 0)
		out[len++] = '/';
	out[len] = '\0';
	return out;
}

int path_absolute(const char *path, char **out, struct err *e)
{
	CLEANUP_FREE char *cwd = NULL;
	CLEANUP_FREE char *joined = NULL;

	if (*path == '/') {
		*out = path_clean(path);
		return 0;
	}
	cwd = getcwd(NULL, 0);
	if (!cwd)
		return err_sys(e, "working directory");
	joined = xasprintf("%s/%s", cwd, path);
	*out = path_clean(joined);
	return 0;
}

/* $NAME or ${NAME} at *p; nothing if the variable is not set. */
static int expand_variable(const char **p, struct buf *out, struct err *e)
{
	static const char letters[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
	bool braced = (*p)[1] == '{';
	const char *start = *p + (braced ? 2 : 1), *value;
	size_t len = strspn(start, letters);
	CLEANUP_FREE char *name = xstrndup(start, len);

	if (len == 0 || (braced && start[len] != '}'))
		return err_set(e, ERR_STORE, "cannot expand the variable at %s", *p);
	*p = start + len + (braced ? 1 : 0);
	value = getenv(name);
	return value ? buf_adds(out, value, e) : 0;
}

static int expand_all(const char *path, unsigned long uid, struct buf *out, struct err *e)
{
	int r = 0;

	for (const char *p = path; !r && *p;) {
		if (strncmp(p, "$UID", 4) == 0) {
			r = buf_addf(out, e, "%lu", uid);
			p += 4;
		} else if (*p == '$') {
			r = expand_variable(&p, out, e);
		} else {
			r = buf_add(out, p++, 1, e);
		}
	}
	return r;
}

int path_expand(const char *path, unsigned long uid, char **out, struct err *e)
{
	CLEANUP_BUF struct buf text;

	buf_init(&text, PATH_MAX);
	if (expand_all(path, uid, &text, e)) {
		e->code = ERR_STORE;
		return err_wrap(e, "path %s", path);
	}
	if (text.data[0] != '/')
		return err_set(e, ERR_STORE, "%s is no absolute path", path);
	*out = realpath(text.data, NULL);
	if (!*out)
		*out = path_clean(text.data);
	return 0;
}
