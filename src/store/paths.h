/* SPDX-License-Identifier: Apache-2.0 */
/* paths.h: within store/ only: paths of a configuration as Go and containers/storage read them. */
#ifndef STORE_PATHS_H
#define STORE_PATHS_H

#include "base/err.h"

/* filepath.Clean of an absolute path: no "//", ".", ".." or slash at the end. Heap. */
char *path_clean(const char *path);

/* filepath.Abs: below the working directory if it is relative. */
MUSTUSE int path_absolute(const char *path, char **out, struct err *e);

/*
 * A path of storage.conf: $UID and environment variables replaced, then symbolic links resolved
 * if it exists. ERR_STORE if it is not absolute then.
 */
MUSTUSE int path_expand(const char *path, unsigned long uid, char **out, struct err *e);

#endif
