/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_source_sees.c: every way to change a file that we know of, and which source tells of it: the table of
 * layerseal-watch(8), asked of the kernel. What a source is blind to is not held against a kernel that sees more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/fs.h>
#include <linux/io_uring.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include "watched.h"

#define FILE_PATH "tree/etc/passwd"
#define BLOCK 4096

/* Opened by setup, before anything is watched. */
static int early = -1;
static char handle_bytes[sizeof(struct file_handle) + MAX_HANDLE_SZ];

static int open_it(struct area *a, int flags)
{
	int fd = openat(a->dir, FILE_PATH, flags | O_CLOEXEC);

	MUST(fd >= 0);
	return fd;
}

/* This way cannot be gone here: no privilege for it, or another file system. */
#define CANNOT 77
static void if_can(bool can)
{
	if (!can)
		_exit(CANNOT);
}

static void own_mounts(void)
{
	if_can(unshare(CLONE_NEWNS) == 0);
	MUST(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
}

/* ---- content ---- */

static void by_write(struct area *a)
{
	MUST(write(open_it(a, O_WRONLY), "x", 1) == 1);
}

static void by_early_descriptor(struct area *a)
{
	(void)a;
	MUST(pwrite(early, "x", 1, 0) == 1);
}

static void by_truncate(struct area *a)
{
	MUST(fchdir(a->dir) == 0 && truncate(FILE_PATH, 1) == 0);
}

static void by_ftruncate(struct area *a)
{
	MUST(ftruncate(open_it(a, O_WRONLY), 1) == 0);
}

static void by_open_trunc(struct area *a)
{
	open_it(a, O_WRONLY | O_TRUNC);
}

static void by_fallocate(struct area *a)
{
	MUST(fallocate(open_it(a, O_WRONLY), 0, 0, 3L * BLOCK) == 0);
}

static void by_punch_hole(struct area *a)
{
	MUST(fallocate(open_it(a, O_WRONLY), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		 0, BLOCK) == 0);
}

static int other(struct area *a)
{
	int fd = openat(a->dir, "outside/file", O_RDONLY | O_CLOEXEC);

	MUST(fd >= 0);
	return fd;
}

static void by_copy_file_range(struct area *a)
{
	MUST(copy_file_range(other(a), NULL, open_it(a, O_WRONLY), NULL, 4, 0) == 4);
}

static void by_sendfile(struct area *a)
{
	MUST(sendfile(open_it(a, O_WRONLY), other(a), NULL, 4) == 4);
}

static void by_splice(struct area *a)
{
	int p[2];

	MUST(pipe(p) == 0 && write(p[1], "evil", 4) == 4);
	MUST(splice(p[0], NULL, open_it(a, O_WRONLY), NULL, 4, 0) == 4);
}

static void by_direct_write(struct area *a)
{
	int fd = open_it(a, O_WRONLY | O_DIRECT);
	void *block = aligned_alloc(BLOCK, BLOCK);

	MUST(block);
	memset(block, 'x', BLOCK);
	MUST(write(fd, block, BLOCK) == BLOCK);
}

static void by_clone(struct area *a)
{
	if_can(ioctl(open_it(a, O_WRONLY), FICLONE, other(a)) == 0);
}

static void by_io_uring(struct area *a)
{
	struct io_uring_params p = {0};
	int ring = (int)syscall(SYS_io_uring_setup, 1, &p), fd = open_it(a, O_WRONLY);
	struct io_uring_sqe *sqe;
	char *sq;

	if_can(ring >= 0);
	sq = mmap(NULL, p.sq_off.array + p.sq_entries * sizeof(unsigned),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQ_RING);
	sqe = mmap(NULL, p.sq_entries * sizeof(*sqe), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQES);
	MUST(sq != MAP_FAILED && sqe != MAP_FAILED);
	*sqe = (struct io_uring_sqe){.opcode = IORING_OP_WRITE,
	    .fd = fd,
	    .addr = (uint64_t)(uintptr_t) "evil",
	    .len = 4};
	((unsigned *)(void *)(sq + p.sq_off.array))[0] = 0;
	__atomic_store_n((unsigned *)(void *)(sq + p.sq_off.tail), 1, __ATOMIC_RELEASE);
	MUST(syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) ==
	     1);
}

static void by_handle(struct area *a)
{
	int fd = open_by_handle_at(a->dir, (void *)handle_bytes, O_WRONLY);

	if_can(fd >= 0 || errno != EPERM);
	MUST(fd >= 0 && write(fd, "evil", 4) == 4);
}

static char *map_it(struct area *a, int *fd)
{
	char *p;

	*fd = open_it(a, O_RDWR);
	p = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	MUST(p != MAP_FAILED);
	return p;
}

static void by_mapping_held(struct area *a)
{
	int fd;
	char *p = map_it(a, &fd);

	MUST(close(fd) == 0);
	p[0] = 'x';
	MUST(msync(p, BLOCK, MS_SYNC) == 0);
}

static void by_mapping(struct area *a)
{
	int fd;
	char *p = map_it(a, &fd);

	MUST(close(fd) == 0);
	p[0] = 'x';
	MUST(munmap(p, BLOCK) == 0);
}

static void by_link_outside(struct area *a)
{
	put(a->dir, "outside/hard", "evil");
}

static void by_bind_mount(struct area *a)
{
	own_mounts();
	MUST(chdir(a->path) == 0 && mount("tree", "outside", NULL, MS_BIND, NULL) == 0);
	put(AT_FDCWD, "outside/etc/passwd", "evil");
}

static void mount_overlay(struct area *a)
{
	own_mounts();
	MUST(chdir(a->path) == 0 && mkdir("work", 0755) == 0 && mkdir("low", 0755) == 0);
	MUST(mount("overlay", "outside", "overlay", 0,
		 "lowerdir=low,upperdir=tree,workdir=work") == 0);
}

static void by_overlay_upper(struct area *a)
{
	int fd;

	mount_overlay(a);
	fd = open("outside/etc/passwd", O_WRONLY | O_CLOEXEC);
	MUST(fd >= 0 && write(fd, "evil", 4) == 4);
}

static void by_new_in_overlay(struct area *a)
{
	mount_overlay(a);
	put(AT_FDCWD, "outside/etc/another", "evil");
}

static void by_chmod_in_overlay(struct area *a)
{
	mount_overlay(a);
	MUST(chmod("outside/etc/passwd", 04711) == 0);
}

/* ---- attributes ---- */

static void by_chmod(struct area *a)
{
	MUST(fchmodat(a->dir, FILE_PATH, 04711, 0) == 0);
}

static void by_chown(struct area *a)
{
	MUST(fchownat(a->dir, FILE_PATH, geteuid(), getegid(), 0) == 0);
}

static void by_utimes(struct area *a)
{
	const struct timespec t[2] = {{.tv_sec = 1}, {.tv_sec = 1}};

	MUST(utimensat(a->dir, FILE_PATH, t, 0) == 0);
}

static void by_setxattr(struct area *a)
{
	MUST(fchdir(a->dir) == 0 && setxattr(FILE_PATH, "user.x", "y", 1, 0) == 0);
}

static void by_setflags(struct area *a)
{
	int fd = open_it(a, O_RDONLY), flags;

	MUST(ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0);
	flags |= FS_NODUMP_FL;
	MUST(ioctl(fd, FS_IOC_SETFLAGS, &flags) == 0);
}

/* ---- names ---- */

static void by_link_out(struct area *a)
{
	MUST(linkat(a->dir, FILE_PATH, a->dir, "outside/another", 0) == 0);
}

static void by_link_in(struct area *a)
{
	MUST(linkat(a->dir, "outside/file", a->dir, "tree/etc/another", 0) == 0);
}

static void by_unlink(struct area *a)
{
	MUST(unlinkat(a->dir, FILE_PATH, 0) == 0);
}

static void by_rename_over(struct area *a)
{
	MUST(renameat(a->dir, "outside/file", a->dir, FILE_PATH) == 0);
}

static void by_exchange(struct area *a)
{
	MUST(renameat2(a->dir, "outside/file", a->dir, FILE_PATH, RENAME_EXCHANGE) == 0);
}

static void by_tmpfile(struct area *a)
{
	int fd = openat(a->dir, "outside", O_TMPFILE | O_WRONLY, 0644);
	char path[40];

	MUST(fd >= 0 && write(fd, "evil", 4) == 4);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	MUST(linkat(AT_FDCWD, path, a->dir, "tree/etc/another", AT_SYMLINK_FOLLOW) == 0);
}

static void by_moving_the_top(struct area *a)
{
	MUST(renameat(a->dir, "tree", a->dir, "elsewhere") == 0);
}

static void by_mount_over(struct area *a)
{
	own_mounts();
	MUST(chdir(a->path) == 0 && mount("none", "tree/etc", "tmpfs", 0, NULL) == 0);
	put(AT_FDCWD, FILE_PATH, "evil");
}

/* ---- the table ---- */

enum sight {
	BLIND,	   /* nothing is told, by the kernels we know */
	SEEN,	   /* under its name */
	SOMEWHERE, /* somewhere below the root */
	EITHER,	   /* as the kernel remembers its names */
};

#define PASSWD "etc/passwd"
#define ANOTHER "etc/another"
static const struct way {
	const char *name;
	deed_fn *deed;
	enum sight inotify, fanotify;
	const char *path;
	unsigned what;
} ways[] = {
    {"write", by_write, SEEN, SEEN, PASSWD, SOURCE_WRITTEN},
    {"write-early", by_early_descriptor, SEEN, SEEN, PASSWD, SOURCE_WRITTEN},
    {"truncate", by_truncate, SEEN, SEEN, PASSWD, SOURCE_WRITTEN},
    {"ftruncate", by_ftruncate, SEEN, SEEN, PASSWD, SOURCE_WRITTEN},
    {"open-trunc", by_open_trunc, SEEN, SEEN, PASSWD, SOURCE_WRITTEN},
    {"fallocate", by_fallocate, SEEN, SEEN, PASSWD, SOURCE_WRITTEN},
    {"punch-hole", by_punch_hole, SEEN, SEEN, PASSWD, SOURCE_WRITTEN},
    {"copy_file_range", by_copy_file_range, SEEN, SEEN, PASSWD, SOURCE_WRITTEN},
    {"sendfile", by_sendfile, SEEN, SEEN, PASSWD, SOURCE_WRITTEN},
    {"splice", by_splice, SEEN, SEEN, PASSWD, SOURCE_WRITTEN},
    {"direct", by_direct_write, SEEN, SEEN, PASSWD, SOURCE_WRITTEN},
    {"clone", by_clone, SEEN, SEEN, PASSWD, SOURCE_WRITTEN},
    {"io_uring", by_io_uring, SEEN, SEEN, PASSWD, SOURCE_WRITTEN},
    {"handle", by_handle, BLIND, EITHER, PASSWD, SOURCE_WRITTEN},
    {"mapping-held", by_mapping_held, BLIND, BLIND, PASSWD, SOURCE_WRITTEN},
    {"mapping-given-up", by_mapping, SEEN, SEEN, PASSWD, SOURCE_WRITTEN},
    {"hard-link-outside", by_link_outside, BLIND, SOMEWHERE, PASSWD, SOURCE_WRITTEN},
    {"bind-mount", by_bind_mount, SEEN, SEEN, PASSWD, SOURCE_WRITTEN},
    {"overlay-upper", by_overlay_upper, BLIND, BLIND, PASSWD, SOURCE_WRITTEN},
    {"overlay-upper-new", by_new_in_overlay, SEEN, SEEN, ANOTHER, SOURCE_ADDED},
    {"overlay-upper-chmod", by_chmod_in_overlay, SEEN, SEEN, PASSWD, SOURCE_ATTRIB},
    {"chmod", by_chmod, SEEN, SEEN, PASSWD, SOURCE_ATTRIB},
    {"chown", by_chown, SEEN, SEEN, PASSWD, SOURCE_ATTRIB},
    {"utimes", by_utimes, SEEN, SEEN, PASSWD, SOURCE_ATTRIB},
    {"setxattr", by_setxattr, SEEN, SEEN, PASSWD, SOURCE_ATTRIB},
    {"setflags", by_setflags, BLIND, BLIND, PASSWD, SOURCE_ATTRIB},
    {"link-out", by_link_out, BLIND, SOMEWHERE, PASSWD, SOURCE_ATTRIB},
    {"link-in", by_link_in, SEEN, SEEN, ANOTHER, SOURCE_ADDED},
    {"unlink", by_unlink, SEEN, SEEN, PASSWD, SOURCE_REMOVED},
    {"rename-over", by_rename_over, SEEN, SEEN, PASSWD, SOURCE_ADDED},
    {"exchange", by_exchange, SEEN, SEEN, PASSWD, SOURCE_ADDED | SOURCE_REMOVED},
    {"tmpfile", by_tmpfile, SEEN, SEEN, ANOTHER, SOURCE_ADDED},
    {"move-top", by_moving_the_top, SEEN, SEEN, "", SOURCE_REMOVED},
    {"mount-over", by_mount_over, BLIND, BLIND, PASSWD, SOURCE_WRITTEN},
};

static void prepare(struct area *a)
{
	struct file_handle *h = (void *)handle_bytes;
	int mount;

	early = open_it(a, O_RDWR);
	MUST(linkat(a->dir, FILE_PATH, a->dir, "outside/hard", 0) == 0);
	h->handle_bytes = MAX_HANDLE_SZ;
	MUST(name_to_handle_at(a->dir, FILE_PATH, h, &mount, 0) == 0);
}

/* It goes the way, says so, and holds all that it has opened until it is killed. */
static pid_t go(struct area *a, const struct way *way, int *went)
{
	int says[2];
	pid_t pid;

	MUST(pipe2(says, O_CLOEXEC) == 0);
	pid = fork();
	MUST(pid >= 0);
	if (pid == 0) {
		way->deed(a);
		MUST(write(says[1], "x", 1) == 1);
		for (;;)
			pause();
	}
	close(says[1]);
	*went = says[0];
	return pid;
}

static void check_sight(const struct area *a, const struct way *way)
{
	enum sight sight = a->kind == SOURCE_INOTIFY ? way->inotify : way->fanotify;
	bool named = told(a, DEEP_ROOT, way->path, way->what);
	bool somewhere = told(a, DEEP_ROOT, NULL, way->what);
	bool right = sight == BLIND || (sight == SEEN && named) ||
		     (sight == SOMEWHERE && somewhere) ||
		     (sight == EITHER && (named || somewhere));

	if (sight == BLIND && a->n)
		fprintf(
		    stderr, "# %s: seen by %s\n", way->name, source_kind_name(a->kind)),
		    print_told(a);
	if (!right) {
		print_told(a);
		fail_msg("%s: not told by %s", way->name, source_kind_name(a->kind));
	}
}

static bool goes(struct area *a, const struct way *way)
{
	int went, status = 0;
	pid_t pid = go(a, way, &went);
	bool could;
	char byte;

	could = read(went, &byte, 1) == 1;
	close(went);
	listen(a);
	if (could)
		kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(could || (WIFEXITED(status) && WEXITSTATUS(status) == CANNOT));
	return could;
}

static void is_seen(void **state)
{
	const struct way *way = *state;
	bool could = false;

	for (int kind = SOURCE_INOTIFY; kind <= SOURCE_FANOTIFY; kind++) {
		struct area *a = area_new((enum source_kind)kind);

		prepare(a);
		if (area_watch(a) && goes(a, way)) {
			could = true;
			check_sight(a, way);
		}
		close(early);
		area_free(a);
	}
	if (!could)
		skip();
}

int main(void)
{
	struct CMUnitTest tests[ARRAY_LEN(ways)];

	for (size_t i = 0; i < ARRAY_LEN(ways); i++)
		tests[i] = (struct CMUnitTest){.name = ways[i].name,
		    .test_func = is_seen,
		    .initial_state = (void *)(uintptr_t)&ways[i]};
	alarm(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
