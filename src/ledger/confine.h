/* SPDX-License-Identifier: Apache-2.0 */
/*
 * confine.h: what a process may still do that is about to interpret a file an attacker may have
 * written: use two files that it is shown and the descriptors it has, and compute, for a while. All
 * of it or an error: only Landlock may be missing, where the kernel has none, and that is told.
 */
#ifndef LEDGER_CONFINE_H
#define LEDGER_CONFINE_H

#include "base/err.h"

#if defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#endif

/* Every file that can be opened from now on, and how. -1: none. */
struct confine_files {
	int data_fd, lock_fd;
	bool data_writable; /* lock_fd always is */
};

struct confine_limits {
	uint64_t file_bytes;
	uint64_t space_bytes; /* addresses, maps of files among them */
	uint64_t data_bytes;  /* memory of its own */
	unsigned cpu_s;	      /* soft: somebody else may raise it */
};

/* What is active. */
struct confinement {
	uint32_t landlock; /* version of its ABI; 0: not in this kernel */
	bool memory; /* false in a build with AddressSanitizer, which maps terabytes */
	bool seccomp, cpu;
};

/*
 * Confines this process, for good: one thread, no child processes. Signals of damage end it
 * whatever its parent did about them. ERR_IO says which part failed; the process must end then.
 */
MUSTUSE int confine(const struct confine_files *files,
    const struct confine_limits *limits, struct confinement *active, struct err *e);

/* From now on nothing can be opened, those two files neither. As above. */
MUSTUSE int confine_open_no_more(struct err *e);

/* "seccomp, landlock 6, memory, CPU" */
#define CONFINE_TEXT_MAX 96
void confine_text(const struct confinement *c, char out[static CONFINE_TEXT_MAX]);

#endif
