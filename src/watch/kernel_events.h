/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernel_events.h: inside watch/ only: the bytes that inotify(7) and fanotify(7) hand out, taken apart. They come from
 * the kernel; lengths are checked all the same, and names in them are anybody's.
 */
#ifndef WATCH_KERNEL_EVENTS_H
#define WATCH_KERNEL_EVENTS_H

#include <sys/types.h>

#include "base/base.h"

/* A file handle, as name_to_handle_at(2) gives it, with the file system's number. len 0: there is none. */
struct kernel_handle {
	uint64_t fsid;
	int32_t type;
	uint32_t len;
	const uint8_t *bytes; /* borrowed */
};

struct fanotify_found {
	uint64_t mask; /* FAN_* */
	pid_t pid;     /* 0: in no pid namespace of ours */
	int pidfd;     /* -1: none. The caller's to close */
	/* FAN_RENAME: `from` where it was, `in` where it is; else `in` alone. Name "." : the directory itself. */
	struct kernel_handle in, from, object;
	const char *name, *from_name; /* borrowed; NULL: none */
};

struct inotify_found {
	int wd;
	uint32_t mask;	  /* IN_* */
	const char *name; /* borrowed; NULL: the directory itself */
};

/* One event at `p`, of `len` bytes at most: how long it is, 0 if it makes no sense. */
size_t fanotify_take(const uint8_t *p, size_t len, struct fanotify_found *out);
size_t inotify_take(const uint8_t *p, size_t len, struct inotify_found *out);

#endif
