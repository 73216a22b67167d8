/* SPDX-License-Identifier: Apache-2.0 */
/*
 * writer.c: see writer.h. All is read through one descriptor of /proc/PID: that stays with the process it was
 * opened for, whoever gets the number next. That it is the right process a pidfd tells that is not over yet:
 * as long as it is not, nobody else can have the number.
 */
#include "watch/writer.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"

#define CACHE_NS INT64_C(100000000)

static bool is_over(int pidfd)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};

	return poll(&p, 1, 0) != 0;
}

/* The effective one. The owner of /proc/PID would do, were it not root for whoever may not be dumped. */
static bool read_uid(int dir, uid_t *out)
{
	CLEANUP_FD int fd = openat(dir, "status", O_RDONLY | O_CLOEXEC);
	char text[2048];
	const char *line;
	unsigned uid;
	size_t n;

	if (fd < 0 || fs_read_up_to(fd, text, sizeof(text) - 1, &n))
		return false;
	text[n] = '\0';
	/* The name in the first line cannot hold a newline: the kernel escapes it. */
	line = strstr(text, "\nUid:\t");
	if (!line || sscanf(line, "\nUid:\t%*u %10u", &uid) != 1)
		return false;
	*out = uid;
	return true;
}

/* Left empty if it may not be read (that takes CAP_SYS_PTRACE for others' processes), or there is none. */
static void read_program(int dir, char out[static WRITER_PROGRAM_MAX])
{
	ssize_t n = readlinkat(dir, "exe", out, WRITER_PROGRAM_MAX - 1);

	out[n > 0 ? n : 0] = '\0';
}

/*
 * A service may have a mount namespace of its own for its protection; then those of everybody else are not ours,
 * either. So that of process 1 counts, too.
 */
static bool in_container(int dir)
{
	struct stat his, other;

	if (fstatat(dir, "ns/mnt", &his, 0))
		return false;
	if (stat("/proc/self/ns/mnt", &other) == 0 && other.st_ino == his.st_ino)
		return false;
	return stat("/proc/1/ns/mnt", &other) || other.st_ino != his.st_ino;
}

void writer_look_at(pid_t pid, int pidfd, struct writer *out)
{
	CLEANUP_FD int dir = -1;
	char path[32];

	*out = (struct writer){.pid = pid};
	if (pid <= 0)
		return;
	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || (pidfd >= 0 && is_over(pidfd)))
		return;
	if (!read_uid(dir, &out->uid))
		return;
	out->looked_at = true;
	read_program(dir, out->program);
	out->in_container = in_container(dir);
}

const struct writer *writer_cached(struct writer_cache *c, pid_t pid, int pidfd)
{
	size_t at = (size_t)(unsigned)pid % ARRAY_LEN(c->v);
	struct timespec t = {0};
	int64_t now;

	(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	now = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
	if (c->v[at].pid != pid || now < c->since[at] || now - c->since[at] > CACHE_NS) {
		writer_look_at(pid, pidfd, &c->v[at]);
		c->since[at] = now;
	}
	return &c->v[at];
}
