/* SPDX-License-Identifier: Apache-2.0 */
/* mountinfo.h: what is mounted, on the word of the kernel (proc_pid_mountinfo(5)). */
#ifndef STORE_MOUNTINFO_H
#define STORE_MOUNTINFO_H

#include "base/err.h"

/* `point`: the path of a mount; `rest`: the fields after it. False ends the listing. */
typedef bool mountinfo_fn(void *ctx, const char *point, const char *rest);

/* Every mount below `path`, itself not counted, of the process whose `file` this is. ERR_NOT_FOUND: it is gone. */
MUSTUSE int mountinfo_below(
    const char *file, const char *path, mountinfo_fn *each, void *ctx, struct err *e);

#endif
