/* SPDX-License-Identifier: Apache-2.0 */
/* confine.c: see confine.h: signals, limits, then Landlock, and seccomp, which forbids the rest. */
#include "ledger/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* LMDB opens three files; the socket and 0 to 2 are there. */
#define DESCRIPTORS_MAX 16

static int failed(struct err *e, const char *part)
{
	return err_sys(e, "ledger: its reader cannot be confined: %s", part);
}

/* ---- signals ---- */

/* To die of damage, and not to run on in whatever the parent does about a crash. */
static int reset_signals(struct err *e)
{
	static const int fatal[] = {
	    SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGXCPU};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_LEN(fatal); i++) {
		signal(fatal[i], SIG_DFL);
		sigaddset(&set, fatal[i]);
	}
	return sigprocmask(SIG_UNBLOCK, &set, NULL) ? failed(e, "signals") : 0;
}

/* ---- limits ---- */

static int limit(int resource, rlim_t max)
{
	struct rlimit l;

	if (getrlimit(resource, &l))
		return -1;
	l.rlim_max = l.rlim_max < max ? l.rlim_max : max;
	l.rlim_cur = l.rlim_cur < l.rlim_max ? l.rlim_cur : l.rlim_max;
	return setrlimit(resource, &l);
}

/* The hard limit stays, or the parent could not raise the other one. */
static int limit_cpu(unsigned seconds)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_CPU, &l))
		return -1;
	l.rlim_cur = l.rlim_max < seconds ? l.rlim_max : seconds;
	return setrlimit(RLIMIT_CPU, &l);
}

static int limit_all(
    const struct confine_limits *max, struct confinement *active, struct err *e)
{
	/* No core: what the parent had in memory is in this process too. */
	if (limit(RLIMIT_CORE, 0) || prctl(PR_SET_DUMPABLE, 0))
		return failed(e, "core dumps");
	if (limit(RLIMIT_NPROC, 0))
		return failed(e, "limit of processes");
	if (limit(RLIMIT_NOFILE, DESCRIPTORS_MAX))
		return failed(e, "limit of open files");
	if (limit(RLIMIT_FSIZE, max->file_bytes))
		return failed(e, "limit of file size");
	if (limit_cpu(max->cpu_s))
		return failed(e, "limit of CPU time");
	active->cpu = true;
#ifndef HAS_ASAN
	if (limit(RLIMIT_AS, max->space_bytes) || limit(RLIMIT_DATA, max->data_bytes))
		return failed(e, "limit of memory");
	active->memory = true;
#endif
	return 0;
}

/* ---- Landlock ---- */

/* As of ABI 6; an older kernel wants those bits and fields zero that it does not know. */
struct ruleset {
	uint64_t fs, net, scoped;
};
#define FS_TRUNCATE (1ULL << 14)
#define FS_IOCTL_DEV (1ULL << 15)
#define NET_TCP 3ULL   /* bind, connect */
#define SCOPE_ALL 3ULL /* abstract sockets, signals */

static uint64_t fs_rights(long abi)
{
	uint64_t rights = LANDLOCK_ACCESS_FS_REFER - 1; /* all of ABI 1 */

	if (abi >= 2)
		rights |= LANDLOCK_ACCESS_FS_REFER;
	if (abi >= 3)
		rights |= FS_TRUNCATE;
	if (abi >= 5)
		rights |= FS_IOCTL_DEV;
	return rights;
}

static int allow_file(int ruleset, int fd, uint64_t rights)
{
	struct landlock_path_beneath_attr rule = {rights, fd};

	return fd < 0 ? 0
		      : (int)syscall(SYS_landlock_add_rule, ruleset,
			    LANDLOCK_RULE_PATH_BENEATH, &rule, 0U);
}

static int restrict_files(const struct confine_files *files, long abi)
{
	const struct ruleset handled = {.fs = fs_rights(abi),
	    .net = abi >= 4 ? NET_TCP : 0,
	    .scoped = abi >= 6 ? SCOPE_ALL : 0};
	const uint64_t both =
	    handled.fs &
	    (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE);
	CLEANUP_FD int fd =
	    (int)syscall(SYS_landlock_create_ruleset, &handled, sizeof(handled), 0U);

	if (fd < 0 ||
	    allow_file(fd, files->data_fd,
		files->data_writable ? both : LANDLOCK_ACCESS_FS_READ_FILE) ||
	    allow_file(fd, files->lock_fd, both))
		return -1;
	return (int)syscall(SYS_landlock_restrict_self, fd, 0U);
}

static int apply_landlock(
    const struct confine_files *files, struct confinement *active, struct err *e)
{
	long abi = syscall(
	    SYS_landlock_create_ruleset, NULL, 0UL, LANDLOCK_CREATE_RULESET_VERSION);

	/* Not in this kernel, switched off, or out of reach in somebody's container. */
	if (abi < 1)
		return 0;
	if (restrict_files(files, abi))
		return failed(e, "Landlock");
	active->landlock = (uint32_t)abi;
	return 0;
}

/* ---- seccomp ---- */

static const int calls[] = {
    /* the socket, how long we waited for it; a stopped poll() is started again */
    SCMP_SYS(recvfrom),
    SCMP_SYS(sendto),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(clock_gettime),
    /* LMDB: opening */
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(fstatfs),
    SCMP_SYS(uname),
    SCMP_SYS(ftruncate),
    SCMP_SYS(close),
    SCMP_SYS(getpid),
    /* LMDB: reading and writing */
    SCMP_SYS(pread64),
    SCMP_SYS(lseek),
    SCMP_SYS(pwrite64),
    SCMP_SYS(writev),
    SCMP_SYS(pwritev),
    SCMP_SYS(fdatasync),
    SCMP_SYS(futex),
    /* memory */
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    /* the next filter, which can only forbid more */
    SCMP_SYS(seccomp),
    /* the end, abort() among it */
    SCMP_SYS(exit_group),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(gettid),
#ifdef HAS_ASAN
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(sched_yield),
    SCMP_SYS(getrlimit),
    SCMP_SYS(prlimit64),
#endif
};

/* Calls that are harmless only with some arguments; one rule per line. */
static const struct {
	int call;
	struct scmp_arg_cmp arg;
} checked_calls[] = {
    {SCMP_SYS(mmap), {2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0}},
    {SCMP_SYS(mprotect), {2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0}},
    {SCMP_SYS(openat), {0, SCMP_CMP_MASKED_EQ, UINT32_MAX, (uint32_t)AT_FDCWD}},
    {SCMP_SYS(fcntl), {1, SCMP_CMP_EQ, F_SETLK, 0}},
    {SCMP_SYS(fcntl), {1, SCMP_CMP_EQ, F_SETLKW, 0}},
    {SCMP_SYS(fcntl), {1, SCMP_CMP_EQ, F_GETLK, 0}},
    /* last words */
    {SCMP_SYS(write), {0, SCMP_CMP_EQ, STDERR_FILENO, 0}},
};

static int allow_calls(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp self = {0, SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0};
	int r = 0;

	for (size_t i = 0; !r && i < ARRAY_LEN(calls); i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
	for (size_t i = 0; !r && i < ARRAY_LEN(checked_calls); i++)
		r = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, checked_calls[i].call,
		    1, &checked_calls[i].arg);
	return r ? r
		 : seccomp_rule_add_array(
		       filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, &self);
}

/* Loads a filter; `unknown` is done about what `add` adds no rule for. */
static int load_filter(
    uint32_t unknown, int (*add)(scmp_filter_ctx filter), struct err *e)
{
	scmp_filter_ctx filter = seccomp_init(unknown);
	int r = filter ? 0 : -ENOMEM;

	if (!r)
		r = seccomp_attr_set(
		    filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	/* The kernel's own reason, where it refuses. */
	if (!r)
		r = seccomp_attr_set(filter, SCMP_FLTATR_API_SYSRAWRC, 1);
	/* no_new_privs is set already, and prctl() forbidden the second time. */
	if (!r)
		r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0);
	if (!r)
		r = add(filter);
	if (!r)
		r = seccomp_load(filter);
	if (filter)
		seccomp_release(filter);
	errno = -r;
	return r ? failed(e, "seccomp") : 0;
}

/* ---- all of it ---- */

int confine(const struct confine_files *files, const struct confine_limits *limits,
    struct confinement *active, struct err *e)
{
	int r = reset_signals(e);

	*active = (struct confinement){0};
	if (!r)
		r = limit_all(limits, active, e);
	if (!r && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		r = failed(e, "no new privileges");
	if (!r)
		r = apply_landlock(files, active, e);
	if (!r)
		r = load_filter(SCMP_ACT_KILL_PROCESS, allow_calls, e);
	active->seccomp = r == 0;
	return r;
}

/* The second filter is the last one, too. */
static int forbid_opening(scmp_filter_ctx filter)
{
	static const int done[] = {SCMP_SYS(openat), SCMP_SYS(fstatfs), SCMP_SYS(uname),
	    SCMP_SYS(ftruncate), SCMP_SYS(seccomp)};
	int r = 0;

	for (size_t i = 0; !r && i < ARRAY_LEN(done); i++)
		r = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, done[i], 0);
	return r;
}

int confine_open_no_more(struct err *e)
{
	return load_filter(SCMP_ACT_ALLOW, forbid_opening, e);
}

void confine_text(const struct confinement *c, char out[static CONFINE_TEXT_MAX])
{
	char landlock[32] = ", no Landlock in this kernel";

	if (c->landlock)
		snprintf(landlock, sizeof(landlock), ", landlock %u", c->landlock);
	snprintf(out, CONFINE_TEXT_MAX, "%s%s%s%s", c->seccomp ? "seccomp" : "no seccomp",
	    landlock, c->memory ? ", memory" : "", c->cpu ? ", CPU" : "");
}
