/* SPDX-License-Identifier: Apache-2.0 */
/* proc.c: see proc.h. */
#include "base/proc.h"

#include <stdio.h>
#include <string.h>

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

pid_t proc_parent(pid_t pid)
{
	unsigned long long parent;

	return proc_field(pid, 4, &parent) ? (pid_t)parent : 0;
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
