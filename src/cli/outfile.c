/* SPDX-License-Identifier: Apache-2.0 */
/* outfile.c: see outfile.h. */
#include "cli/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"

int outfile_open(const char *path, struct outfile *out, struct err *e)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	*out = (struct outfile){.dirfd = -1};
	if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return err_set(e, ERR_USAGE, "'%s' is no name of a file", path);
	return fs_open_parent(path, &out->dirfd, &out->name, e);
}

void outfile_close(struct outfile *f)
{
	base_close_p(&f->dirfd);
}

int outfile_remove(const struct outfile *f, struct err *e)
{
	struct stat st;

	if (fstatat(f->dirfd, f->name, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? 0 : err_sys(e, "%s", f->name);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_USAGE, "%s is not a regular file", f->name);
	return unlinkat(f->dirfd, f->name, 0) && errno != ENOENT
		   ? err_sys(e, "cannot remove %s", f->name)
		   : 0;
}

int outfile_write(
    const struct outfile *f, const struct buf *data, mode_t mode, struct err *e)
{
	return fs_replace(f->dirfd, f->name, data->data, data->len, mode, e);
}
