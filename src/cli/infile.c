/* SPDX-License-Identifier: Apache-2.0 */
/* infile.c: see infile.h. */
#include "cli/infile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"

int infile_read(const char *path, struct buf *out, struct err *e)
{
	CLEANUP_FD int opened = -1;
	size_t got = 0, room = out->max - out->len;
	int fd = STDIN_FILENO, r;
	char more;

	if (strcmp(path, "-") != 0) {
		fd = opened = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		if (fd < 0 && errno == ENOENT)
			return err_set(e, ERR_NOT_FOUND, "%s does not exist", path);
		if (fd < 0)
			return err_sys(e, "cannot open %s", path);
	}
	r = buf_reserve(out, room, e);
	if (r)
		return r;
	if (fs_read_up_to(fd, out->data + out->len, room, &got))
		return err_sys(e, "cannot read %s", path);
	out->len += got;
	out->data[out->len] = '\0';
	if (got == room && (fs_read_up_to(fd, &more, 1, &got) || got))
		return err_set(
		    e, ERR_MALFORMED, "%s: more than %zu bytes", path, out->max);
	return 0;
}
