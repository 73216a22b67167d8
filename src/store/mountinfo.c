/* SPDX-License-Identifier: Apache-2.0 */
/* mountinfo.c: see mountinfo.h. */
#include "store/mountinfo.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define POINT_FIELD 5

/* "\040" and the like. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] && s[3]) {
			*to++ =
			    (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

/* The mount point of a line, if it is below `path`; what follows it is in *rest. */
static char *point_below(char *line, const char *path, char **rest)
{
	size_t len = strlen(path);
	char *field = line;

	for (int i = 1; i < POINT_FIELD && field; i++) {
		field = strchr(field, ' ');
		field = field ? field + 1 : NULL;
	}
	*rest = field ? strchr(field, ' ') : NULL;
	if (!*rest)
		return NULL;
	*(*rest)++ = '\0';
	unescape(field);
	return strncmp(field, path, len) == 0 && field[len] == '/' ? field : NULL;
}

int mountinfo_below(
    const char *file, const char *path, mountinfo_fn *each, void *ctx, struct err *e)
{
	FILE *f = fopen(file, "re");
	char *line = NULL, *point, *rest;
	size_t size = 0;
	bool more = true;

	/* EINVAL: it is about to be gone. */
	if (!f && (errno == ENOENT || errno == ESRCH || errno == EINVAL))
		return err_set(e, ERR_NOT_FOUND, "%s does not exist", file);
	if (!f)
		return err_sys(e, "%s", file);
	while (more && getline(&line, &size, f) > 0) {
		point = point_below(line, path, &rest);
		more = !point || each(ctx, point, rest);
	}
	free(line);
	fclose(f);
	return 0;
}
