/* SPDX-License-Identifier: Apache-2.0 */
/* rootless.c: see rootless.h. */
#include "store/rootless.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* Who in the namespace above is root in this one; the first namespace maps every id to itself. */
static bool is_mapped(unsigned long *root_outside)
{
	unsigned long inside, outside, count;
	FILE *f = fopen("/proc/self/uid_map", "re");
	bool known;

	if (!f)
		return false;
	known =
	    fscanf(f, "%10lu %10lu %10lu", &inside, &outside, &count) == 3 && inside == 0;
	fclose(f);
	*root_outside = known ? outside : 0;
	return !known || outside != 0 || count != UINT32_MAX;
}

bool rootless_namespace(void)
{
	unsigned long root_outside;

	return is_mapped(&root_outside);
}

/* A container's first process lives in the container's namespace. */
static bool is_namespace_of_init(void)
{
	struct stat own, first;

	return stat("/proc/self/ns/user", &own) == 0 &&
	       stat("/proc/1/ns/user", &first) == 0 && own.st_dev == first.st_dev &&
	       own.st_ino == first.st_ino;
}

unsigned long rootless_uid(void)
{
	/* podman says so to whom it runs in its namespace (podman unshare). */
	const char *said = getenv("_CONTAINERS_ROOTLESS_UID");
	unsigned long outside;

	if (said && *said)
		return strtoul(said, NULL, 10);
	if (geteuid() == 0 && is_mapped(&outside) && !is_namespace_of_init())
		return outside;
	return geteuid();
}
