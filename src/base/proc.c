/* SPDX-License-Identifier: Apache-2.0 */
/* proc.c: see proc.h. */
#include "base/proc.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Fields of proc(5)'s stat file. */
#define PARENT 4
#define START_TIME 22 /* clock ticks since boot */

bool proc_field(pid_t pid, int field, unsigned long long *out)
{
	char path[32], text[1024], *p;
	size_t len;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return false;
	len = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[len] = '\0';
	/* The second field is the command in parentheses, with any byte in it. */
	p = strrchr(text, ')');
	for (int at = 2; p && at < field; at++) {
		p = strchr(p, ' ');
		p = p ? p + 1 : NULL;
	}
	return p && sscanf(p, "%20llu", out) == 1;
}

struct timespec proc_since(pid_t pid)
{
	struct timespec zero = {0}, real, boot;
	unsigned long long ticks;
	int64_t ns;

	if (!proc_field(pid, START_TIME, &ticks) ||
	    clock_gettime(CLOCK_REALTIME, &real) || clock_gettime(CLOCK_BOOTTIME, &boot))
		return zero;
	ns = (real.tv_sec - boot.tv_sec) * 1000000000LL + (real.tv_nsec - boot.tv_nsec) +
	     (int64_t)(ticks * (1000000000ULL / (unsigned long)sysconf(_SC_CLK_TCK)));
	return (struct timespec){ns / 1000000000LL, ns % 1000000000LL};
}

pid_t proc_parent(pid_t pid)
{
	unsigned long long parent;

	return proc_field(pid, PARENT, &parent) ? (pid_t)parent : 0;
}

bool proc_program(pid_t pid, struct stat *out)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	return stat(path, out) == 0;
}

bool proc_same_program(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}
