/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mountargs.h: what containers/storage and buildah say to a mount program: the value of -o, "lowerdir=A:B,
 * upperdir=C,workdir=D,volatile...". Pure. Escaped as the kernel's overlayfs and fuse-overlayfs read it:
 * a backslash takes the meaning from the character behind it.
 *
 * Paths and options come out of the store's files and of the command line of an engine: nothing in them
 * is believed. An option that is not known is refused, for it could bring in another directory.
 */
#ifndef GUARD_MOUNTARGS_H
#define GUARD_MOUNTARGS_H

#include "base/err.h"

/* What the kernel takes: OVL_MAX_STACK. */
#define MOUNTARGS_LOWERS_MAX 500
#define MOUNTARGS_BYTES_MAX (1U << 20)

/* Owned, but for `target`. */
struct mount_args {
	char **lowers; /* topmost first, escapes resolved; at least one */
	size_t n_lowers;
	char *upper, *work;	   /* both, or neither: then it is a read-only mount */
	const char *target;	   /* borrowed */
	unsigned long flags;	   /* MS_RDONLY, MS_NODEV, ... */
	unsigned long propagation; /* MS_PRIVATE and the like, or 0 */
	char *options;	    /* what else the kernel is told, as spelled, "" if nothing */
	char *fuse_options; /* and fuse-overlayfs, with the flags */
	char *fuse_needed_by; /* an option that only fuse-overlayfs knows, or NULL */
};

/* ERR_USAGE: what cannot be read for sure, named. */
MUSTUSE int mount_args_parse(
    const char *options, const char *target, struct mount_args *out, struct err *e);
void mount_args_release(struct mount_args *a);
#define CLEANUP_MOUNT_ARGS CLEANUP(mount_args_release)

#endif
