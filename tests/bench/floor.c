/* SPDX-License-Identifier: Apache-2.0 */
/*
 * floor.c: the least that a checker of trees must do, in as many threads as it may use, and as fast as we can
 * write it: directories by descriptor, depth first, given to another thread only if it has nothing to do:
 *   floor stat THREADS DIR...    getdents64 and statx of every name
 *   floor xattr THREADS DIR...   and the list of extended attributes
 *   floor read THREADS DIR...    open, read and close every regular file
 *   floor sha256 THREADS DIR...  and libgcrypt's SHA-256 of its bytes
 * Prints names and bytes. make bench runs it beside layerseal, in the same minutes.
 */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/pool.h"
#include "crypto/digest.h"

enum mode { MODE_STAT, MODE_XATTR, MODE_READ, MODE_SHA256 };

static enum mode mode;
static struct pool *pool;
static _Atomic uint64_t names, bytes;

#define READ_BYTES (256U << 10)
#define DIRENTS_BYTES 32768

struct dirent64_raw {
	uint64_t ino;
	int64_t off;
	unsigned short len;
	unsigned char type;
	char name[];
};

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void read_file(void *arg)
{
	static _Thread_local uint8_t *buffer;
	static _Thread_local struct sha256 *hash;
	char *path = arg;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOATIME);
	struct digest digest;
	uint64_t total = 0;
	ssize_t n;

	if (!buffer) {
		buffer = xmalloc(READ_BYTES);
		hash = sha256_new();
	}
	if (fd < 0)
		fail(path);
	while ((n = read(fd, buffer, READ_BYTES)) > 0) {
		total += (uint64_t)n;
		if (mode == MODE_SHA256)
			sha256_update(hash, buffer, (size_t)n);
	}
	if (mode == MODE_SHA256)
		sha256_final(hash, &digest);
	close(fd);
	atomic_fetch_add_explicit(&bytes, total, memory_order_relaxed);
	free(path);
}

static void walk(void *arg);
static void walk_fd(int fd, const char *dir);

static int open_dir(int dirfd, const char *name)
{
	int fd = openat(
	    dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW | O_NOATIME);

	if (fd < 0)
		fail(name);
	return fd;
}

static void visit(int dirfd, const char *dir, const char *name)
{
	char path[8192], list[4096];
	struct statx stx;

	if (statx(dirfd, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &stx))
		fail(name);
	if (mode == MODE_XATTR || S_ISDIR(stx.stx_mode) || mode >= MODE_READ)
		snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (mode == MODE_XATTR && llistxattr(path, list, sizeof(list)) < 0)
		fail(path);
	if (S_ISDIR(stx.stx_mode) && pool_is_hungry(pool))
		pool_submit(pool, walk, xstrdup(path));
	else if (S_ISDIR(stx.stx_mode))
		walk_fd(open_dir(dirfd, name), path);
	else if (S_ISREG(stx.stx_mode) && mode >= MODE_READ && stx.stx_size > READ_BYTES)
		pool_submit(pool, read_file, xstrdup(path));
	else if (S_ISREG(stx.stx_mode) && mode >= MODE_READ)
		read_file(xstrdup(path));
}

static void walk_fd(int fd, const char *dir)
{
	_Alignas(8) char buffer[DIRENTS_BYTES];
	uint64_t seen = 0;
	long n;

	while ((n = syscall(SYS_getdents64, fd, buffer, sizeof(buffer))) > 0) {
		for (long at = 0; at < n;) {
			struct dirent64_raw *d =
			    (struct dirent64_raw *)(void *)(buffer + at);

			at += d->len;
			if (strcmp(d->name, ".") == 0 || strcmp(d->name, "..") == 0)
				continue;
			seen++;
			visit(fd, dir, d->name);
		}
	}
	close(fd);
	atomic_fetch_add_explicit(&names, seen, memory_order_relaxed);
}

static void walk(void *arg)
{
	char *dir = arg;

	walk_fd(open_dir(AT_FDCWD, dir), dir);
	free(dir);
}

int main(int argc, char **argv)
{
	static const char *const modes[] = {"stat", "xattr", "read", "sha256"};
	struct err e;

	for (mode = MODE_STAT; argc > 3 && mode < ARRAY_LEN(modes); mode++) {
		if (strcmp(argv[1], modes[mode]) == 0)
			break;
	}
	if (argc <= 3 || mode == ARRAY_LEN(modes) || crypto_init(&e)) {
		fprintf(stderr, "usage: floor stat|xattr|read|sha256 THREADS DIR...\n");
		return 2;
	}
	pool = pool_new((unsigned)strtoul(argv[2], NULL, 10));
	for (int i = 3; i < argc; i++)
		pool_submit(pool, walk, xstrdup(argv[i]));
	pool_wait(pool);
	pool_free(pool);
	printf("%" PRIu64 " names, %" PRIu64 " bytes\n", names, bytes);
	return 0;
}
