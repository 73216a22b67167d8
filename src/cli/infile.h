/* SPDX-License-Identifier: Apache-2.0 */
/* infile.h: a file that a command was told to read. */
#ifndef CLI_INFILE_H
#define CLI_INFILE_H

#include "base/buf.h"

/*
 * The whole content of a file or pipe, "-" for standard input; *out has a maximum, and what is longer is
 * ERR_MALFORMED. ERR_NOT_FOUND: no such file.
 */
MUSTUSE int infile_read(const char *path, struct buf *out, struct err *e);

#endif
