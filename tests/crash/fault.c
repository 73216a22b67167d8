/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fault.c: LD_PRELOAD: counts the calls that write, and kills the process or lets the call fail at
 * the n-th. Parent and keeper count apart; FAULT names the one that is meant.
 *
 *   FAULT=parent|keeper:N:ACTION[+]    ACTION: kill, short (half is written), or an errno: EIO ENOSPC ...;
 *                                      "+": every call from then on
 *   FAULT_LOG=FILE                     one record of 32 bytes per call: process, number, call; "!" where
 *                                      the fault was
 *
 * Nothing here makes a system call of its own after start (the keeper may be in a sandbox): records
 * go through shared memory. A kill counts every call; a failure leaves out the wire between the two.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define RECORD 32
#define RECORDS_MAX 4096

enum action { COUNT, KILL, SHORT, FAIL };

/* One of all processes. A program that opens the ledger twice has two keepers, one after the other. */
struct shared {
	atomic_int parent_calls, keeper_calls, records;
};

static struct {
	pid_t first; /* the process that was started; any other is its keeper */
	bool keeper;
	long n;
	enum action action;
	bool lasting;
	int error;
	char *log;
	struct shared *shared;
} fault;

static int error_of(const char *name)
{
	static const struct {
		const char *name;
		int error;
	} known[] = {
	    {"EIO", EIO}, {"ENOSPC", ENOSPC}, {"EDQUOT", EDQUOT}, {"EROFS", EROFS}};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(known[i].name, name) == 0)
			return known[i].error;
	}
	return 0;
}

static void bad_setting(void)
{
	static const char text[] = "fault.c: FAULT is not PROCESS:N:ACTION\n";

	(void)!syscall(SYS_write, 2, text, sizeof(text) - 1);
	_exit(99);
}

static void parse(const char *text)
{
	char process[16], action[16];
	size_t len;

	if (sscanf(text, "%15[a-z]:%ld:%15s", process, &fault.n, action) != 3)
		bad_setting();
	fault.keeper = strcmp(process, "keeper") == 0;
	len = strlen(action);
	fault.lasting = action[len - 1] == '+';
	if (fault.lasting)
		action[len - 1] = '\0';
	fault.action = strcmp(action, "kill") == 0    ? KILL
		       : strcmp(action, "short") == 0 ? SHORT
						      : FAIL;
	fault.error = error_of(action);
	if (fault.action == FAIL && !fault.error)
		bad_setting();
}

static void *map(int fd, size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
	    MAP_SHARED | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);

	if (p == MAP_FAILED)
		bad_setting();
	return p;
}

__attribute__((constructor)) static void start(void)
{
	const char *log = getenv("FAULT_LOG"), *text = getenv("FAULT");
	long fd;

	fault.first = getpid();
	if (!log || !text)
		return;
	parse(text);
	fd = syscall(
	    SYS_openat, AT_FDCWD, log, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || syscall(SYS_ftruncate, fd, (long)RECORDS_MAX * RECORD))
		bad_setting();
	fault.shared = map(-1, sizeof(*fault.shared));
	fault.log = map((int)fd, (size_t)RECORDS_MAX * RECORD);
	syscall(SYS_close, fd);
	unsetenv("LD_PRELOAD");
}

static void record(bool keeper, int n, const char *call, bool hit)
{
	char text[RECORD + 1];
	int i = atomic_fetch_add(&fault.shared->records, 1);

	if (i >= RECORDS_MAX)
		return;
	snprintf(text, sizeof(text), "%-6s %5d %-16.16s%c\n",
	    keeper ? "keeper" : "parent", n, call, hit ? '!' : ' ');
	memcpy(fault.log + (size_t)i * RECORD, text, strlen(text));
}

static void die(void)
{
	/* The one way to end oneself that the keeper's sandbox knows. */
	syscall(SYS_tgkill, getpid(), (pid_t)syscall(SYS_gettid), SIGKILL);
	__builtin_trap();
}

enum kind { BYTES, OTHER, WIRE };

/* A socket between two processes does not fail, and only bytes can be written in part. */
static bool counts(enum kind kind)
{
	switch (fault.action) {
	case KILL:
		return true;
	case SHORT:
		return kind == BYTES;
	case FAIL:
		return kind != WIRE;
	case COUNT:
		break;
	}
	return false;
}

/* What is to become of this call: COUNT (nothing), SHORT, or FAIL with errno set. */
static enum action at(const char *call, enum kind kind)
{
	bool keeper = getpid() != fault.first, hit;
	int n;

	if (!fault.log || !counts(kind))
		return COUNT;
	n = 1 +
	    atomic_fetch_add(
		keeper ? &fault.shared->keeper_calls : &fault.shared->parent_calls, 1);
	hit = keeper == fault.keeper && (fault.lasting ? n >= fault.n : n == fault.n);
	record(keeper, n, call, hit);
	if (!hit)
		return COUNT;
	if (fault.action == KILL)
		die();
	errno = fault.error;
	return fault.action;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* `half` are the arguments of a call that is cut short. */
#define WRITES(type, name, params, full, half)                                           \
	type name params                                                                 \
	{                                                                                \
		enum action a = at(#name, BYTES);                                        \
                                                                                         \
		return a == FAIL ? -1 : a == SHORT ? REAL(name) half : REAL(name) full;  \
	}

#define FAILS(name, params, full)                                                        \
	int name params                                                                  \
	{                                                                                \
		return at(#name, OTHER) == FAIL ? -1 : REAL(name) full;                  \
	}

#define HALF(n) ((n) > 1 ? (n) / 2 : (n))

WRITES(ssize_t, write, (int fd, const void *p, size_t n), (fd, p, n), (fd, p, HALF(n)))
WRITES(ssize_t, pwrite, (int fd, const void *p, size_t n, off_t at_), (fd, p, n, at_),
    (fd, p, HALF(n), at_))
WRITES(ssize_t, pwrite64, (int fd, const void *p, size_t n, off64_t at_), (fd, p, n, at_),
    (fd, p, HALF(n), at_))
WRITES(
    ssize_t, writev, (int fd, const struct iovec *v, int n), (fd, v, n), (fd, v, HALF(n)))
WRITES(ssize_t, pwritev, (int fd, const struct iovec *v, int n, off_t at_),
    (fd, v, n, at_), (fd, v, HALF(n), at_))
WRITES(ssize_t, pwritev64, (int fd, const struct iovec *v, int n, off64_t at_),
    (fd, v, n, at_), (fd, v, HALF(n), at_))

FAILS(fsync, (int fd), (fd))
FAILS(fdatasync, (int fd), (fd))
FAILS(syncfs, (int fd), (fd))
FAILS(msync, (void *p, size_t n, int flags), (p, n, flags))
FAILS(ftruncate, (int fd, off_t n), (fd, n))
FAILS(ftruncate64, (int fd, off64_t n), (fd, n))
FAILS(fallocate, (int fd, int mode, off_t o, off_t n), (fd, mode, o, n))
FAILS(fallocate64, (int fd, int mode, off64_t o, off64_t n), (fd, mode, o, n))
FAILS(rename, (const char *a, const char *b), (a, b))
FAILS(renameat, (int d, const char *a, int f, const char *b), (d, a, f, b))
FAILS(renameat2, (int d, const char *a, int f, const char *b, unsigned flags),
    (d, a, f, b, flags))
FAILS(link, (const char *a, const char *b), (a, b))
FAILS(
    linkat, (int d, const char *a, int f, const char *b, int flags), (d, a, f, b, flags))
FAILS(unlink, (const char *a), (a))
FAILS(unlinkat, (int d, const char *a, int flags), (d, a, flags))
FAILS(mkdir, (const char *a, mode_t mode), (a, mode))
FAILS(mkdirat, (int d, const char *a, mode_t mode), (d, a, mode))
FAILS(fchmod, (int fd, mode_t mode), (fd, mode))

/* Only what may make a file. */
#define OPENS(name, params, full)                                                        \
	int name params                                                                  \
	{                                                                                \
		mode_t mode = 0;                                                         \
		va_list ap;                                                              \
                                                                                         \
		if (flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE) {               \
			va_start(ap, flags);                                             \
			mode = va_arg(ap, mode_t);                                       \
			va_end(ap);                                                      \
			if (at(#name, OTHER) == FAIL)                                    \
				return -1;                                               \
		}                                                                        \
		return REAL(name) full;                                                  \
	}

OPENS(open, (const char *path, int flags, ...), (path, flags, mode))
OPENS(open64, (const char *path, int flags, ...), (path, flags, mode))
OPENS(openat, (int d, const char *path, int flags, ...), (d, path, flags, mode))
OPENS(openat64, (int d, const char *path, int flags, ...), (d, path, flags, mode))

/* Between parent and keeper. */
ssize_t send(int fd, const void *p, size_t n, int flags)
{
	(void)at("send", WIRE);
	return REAL(send)(fd, p, n, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
	(void)at("sendmsg", WIRE);
	return REAL(sendmsg)(fd, m, flags);
}
