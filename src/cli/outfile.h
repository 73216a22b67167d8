/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outfile.h: a file that a command was told to write. Its directory is opened at once, so what cannot work
 * fails before the work, and a rename cannot lead the result elsewhere.
 */
#ifndef CLI_OUTFILE_H
#define CLI_OUTFILE_H

#include <sys/types.h>

#include "base/buf.h"

struct outfile {
	int dirfd;
	const char *name; /* in that directory; borrowed from the path */
};

/* ERR_USAGE for what is no name of a file. */
MUSTUSE int outfile_open(const char *path, struct outfile *out, struct err *e);
void outfile_close(struct outfile *f);
#define CLEANUP_OUTFILE CLEANUP(outfile_close)

/* Removes what is there: ERR_USAGE if that is something else than a file. */
MUSTUSE int outfile_remove(const struct outfile *f, struct err *e);
/* Atomically, over what is there. */
MUSTUSE int outfile_write(
    const struct outfile *f, const struct buf *data, mode_t mode, struct err *e);

#endif
