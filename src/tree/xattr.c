/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xattr.c: extended attributes of one object, see walk.h. Packed form of each: length of the
 * value (size_t, unaligned), name, NUL, value.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

#include "tree/walk.h"

#define LEFT_OUT "security.selinux"
/* No manifest line could hold more. */
#define XATTRS_BYTES_MAX MANIFEST_LINE_MAX
#define LIST_BYTES 1024
#define LIST_BYTES_MAX 65536 /* XATTR_LIST_MAX of the kernel */

/*
 * The f*xattr() calls refuse O_PATH descriptors, which is all that links and special files give. The
 * magic link below /proc/self/fd leads to the very object of the descriptor, also if that is a link.
 */
struct object {
	int fd;
	char proc[32]; /* "" if the descriptor itself will do */
};

static ssize_t list(const struct object *o, char *names, size_t size)
{
	return o->proc[0] ? listxattr(o->proc, names, size)
			  : flistxattr(o->fd, names, size);
}

static ssize_t get(const struct object *o, const char *name, void *value, size_t size)
{
	return o->proc[0] ? getxattr(o->proc, name, value, size)
			  : fgetxattr(o->fd, name, value, size);
}

static int changed(struct err *e)
{
	return err_set(
	    e, ERR_CHANGED, "its extended attributes changed while they were read");
}

static int append(
    const struct object *o, const char *name, struct buf *out, struct err *e)
{
	size_t name_len = strlen(name) + 1;
	ssize_t size = get(o, name, NULL, 0);
	ssize_t got;
	size_t len;
	int r;

	if (size < 0)
		return errno == ENODATA
			   ? changed(e)
			   : err_sys(e, "cannot read its attribute %s", name);
	len = (size_t)size;
	r = buf_reserve(out, sizeof(len) + name_len + len + 1, e);
	if (r)
		return r;
	memcpy(out->data + out->len, &len, sizeof(len));
	memcpy(out->data + out->len + sizeof(len), name, name_len);
	/* One byte of room more, so that a value that grew shows. */
	got = get(o, name, out->data + out->len + sizeof(len) + name_len, len + 1);
	if (got < 0 && errno != ENODATA && errno != ERANGE)
		return err_sys(e, "cannot read its attribute %s", name);
	if (got != size)
		return changed(e);
	out->len += sizeof(len) + name_len + len;
	out->data[out->len] = '\0';
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int append_sorted(const struct object *o, const char *names, size_t len,
    struct buf *out, size_t *n, struct err *e)
{
	CLEANUP_FREE const char **sorted = NULL;
	size_t n_names = 0, start = out->len;
	int r = 0;

	for (const char *p = names; p < names + len; p += strlen(p) + 1)
		n_names++;
	sorted = xcalloc(n_names, sizeof(*sorted));
	n_names = 0;
	for (const char *p = names; p < names + len; p += strlen(p) + 1) {
		if (strcmp(p, LEFT_OUT) != 0)
			sorted[n_names++] = p;
	}
	qsort(sorted, n_names, sizeof(*sorted), by_name);
	for (size_t i = 0; !r && i < n_names; i++) {
		r = append(o, sorted[i], out, e);
		if (!r && out->len - start > XATTRS_BYTES_MAX)
			r = err_set(e, ERR_MALFORMED,
			    "its extended attributes take more than %u bytes",
			    XATTRS_BYTES_MAX);
	}
	*n = n_names;
	return r;
}

int walk_xattrs(int fd, bool path_fd, struct buf *out, size_t *n, struct err *e)
{
	CLEANUP_FREE char *more = NULL;
	char few[LIST_BYTES];
	struct object o = {.fd = fd};
	char *names = few;
	ssize_t len;

	*n = 0;
	if (path_fd)
		snprintf(o.proc, sizeof(o.proc), "/proc/self/fd/%d", fd);
	len = list(&o, few, sizeof(few));
	if (len < 0 && errno == ERANGE) {
		names = more = xmalloc(LIST_BYTES_MAX);
		len = list(&o, more, LIST_BYTES_MAX);
	}
	if (len == 0 || (len < 0 && errno == ENOTSUP))
		return 0;
	if (len < 0)
		return err_sys(e, "cannot list its extended attributes");
	return append_sorted(&o, names, (size_t)len, out, n, e);
}

struct manifest_xattr walk_xattr_next(const char **p)
{
	struct manifest_xattr x;

	memcpy(&x.len, *p, sizeof(x.len));
	x.name = *p + sizeof(x.len);
	x.value = x.name + strlen(x.name) + 1;
	*p = (const char *)x.value + x.len;
	return x;
}
