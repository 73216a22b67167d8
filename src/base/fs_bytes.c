/* SPDX-License-Identifier: Apache-2.0 */
/* fs_bytes.c: how much of the disk a tree takes; see fs.h. */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"

#define DEPTH_MAX 256
#define BLOCK_BYTES 512

static uint64_t bytes_of(int dirfd, const char *name, dev_t dev, int depth);

static uint64_t bytes_in(int fd, dev_t dev, int depth)
{
	DIR *dir = fdopendir(fd);
	struct dirent *entry;
	uint64_t sum = 0;

	if (!dir) {
		close(fd);
		return 0;
	}
	while ((entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			sum += bytes_of(dirfd(dir), entry->d_name, dev, depth);
	}
	closedir(dir);
	return sum;
}

static uint64_t bytes_of(int dirfd, const char *name, dev_t dev, int depth)
{
	struct stat st;
	struct err e;
	uint64_t sum;
	int fd;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) || st.st_dev != dev ||
	    depth == 0)
		return 0;
	sum = (uint64_t)st.st_blocks * BLOCK_BYTES;
	if (!S_ISDIR(st.st_mode))
		return st.st_nlink ? sum / st.st_nlink : sum;
	if (fs_open_dir(dirfd, name, &fd, &e))
		return sum;
	return sum + bytes_in(fd, dev, depth - 1);
}

uint64_t fs_tree_bytes(int dirfd, const char *path)
{
	CLEANUP_FREE char *copy = xstrdup(path);
	CLEANUP_FD int parent = -1;
	char *slash = strrchr(copy, '/');
	struct stat st;
	struct err e;

	if (slash)
		*slash = '\0';
	if (fs_open_dir(dirfd, slash ? copy : ".", &parent, &e) || fstat(parent, &st))
		return 0;
	return bytes_of(parent, slash ? slash + 1 : copy, st.st_dev, DEPTH_MAX);
}
