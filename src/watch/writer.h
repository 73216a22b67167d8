/* SPDX-License-Identifier: Apache-2.0 */
/*
 * writer.h: who wrote, as far as the kernel still tells when the event is read: a process may be gone by then, and a
 * program may have been replaced by exec since. A hint for people, never a reason to trust a change.
 */
#ifndef WATCH_WRITER_H
#define WATCH_WRITER_H

#include <sys/types.h>

#include "base/base.h"

#define WRITER_PROGRAM_MAX 256

struct writer {
	pid_t pid;	/* in our pid namespace */
	bool looked_at; /* it was there: what follows is its */
	uid_t uid;	/* effective */
	/* Path of its executable in our eyes, cut at the end; untrusted. Empty: it has none, or we may not know. */
	char program[WRITER_PROGRAM_MAX];
	bool in_container; /* its mount namespace is neither ours nor that of process 1 */
};

/* `pidfd`: of the event, or -1; with it the answer is sure to be about that very process. */
void writer_look_at(pid_t pid, int pidfd, struct writer *out);

/* What was found is believed for a tenth of a second: many events of one writer cost one look. All zero: empty. */
#define WRITER_CACHE 64
struct writer_cache {
	struct writer v[WRITER_CACHE];
	int64_t since[WRITER_CACHE];
};
/* Valid until the next call. */
const struct writer *writer_cached(struct writer_cache *c, pid_t pid, int pidfd);

#endif
