/* SPDX-License-Identifier: Apache-2.0 */
/* overlay_mount.h: mounting an overlay of directories that are open: by the kernel, else by fuse-overlayfs. */
#ifndef CLI_OVERLAY_MOUNT_H
#define CLI_OVERLAY_MOUNT_H

#include "guard/gate.h"
#include "guard/mountargs.h"

/*
 * The descriptors of `p` are what is mounted, the paths of `a` are not looked at again (fuse-overlayfs,
 * a program of its own, resolves what the descriptors are called now). ERR_REFUSED if fuse-overlayfs
 * is needed (`fuse`, or the kernel cannot do it) and is not installed.
 */
MUSTUSE int overlay_mount(
    const struct mount_args *a, const struct gate_pass *p, bool fuse, struct err *e);

#endif
