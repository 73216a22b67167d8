/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proc.h: what /proc says of other processes: the kernel's word, not theirs. A process that is gone, or
 * that may not be looked at, has no answer.
 */
#ifndef BASE_PROC_H
#define BASE_PROC_H

#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

#include "base/base.h"

/* A numeric field of /proc/PID/stat, by its number in proc(5), 4 and above. */
bool proc_field(pid_t pid, int field, unsigned long long *out);
/* When it started, on the clock that files are stamped with; zeros: nobody knows. */
struct timespec proc_since(pid_t pid);
/* 0: none. */
pid_t proc_parent(pid_t pid);
/* The file of its program. */
bool proc_program(pid_t pid, struct stat *out);
/* Both run the program of the same file. */
bool proc_same_program(const struct stat *a, const struct stat *b);

#endif
