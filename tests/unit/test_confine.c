/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_confine.c: what a confined process tries, and what becomes of it. Each attempt is made in a
 * process of its own, and once more without confinement, where it must work: else the sandbox is not
 * what stopped it.
 */
#include <errno.h>
#include <grp.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "ledger/confine.h"
#include "scratch.h"

/* Exit statuses of attempts; others are errno. */
#define WORKED 0
#define NOT_CONFINED 200

static const struct confine_limits roomy = {
    .file_bytes = 1 << 20,
    .space_bytes = 1ULL << 36,
    .data_bytes = 1ULL << 28,
    .cpu_s = 5,
};

typedef int attempt_fn(void);
typedef int confine_fn(void);

/* The files of every attempt. */
static char data[96], lock[96], other[96];
static bool writable;
static int null_fd; /* something the process has already */

static void make_files(void)
{
	snprintf(data, sizeof(data), "%s/data.mdb", scratch);
	snprintf(lock, sizeof(lock), "%s/lock.mdb", scratch);
	snprintf(other, sizeof(other), "%s/key", scratch);
	if (null_fd <= 0)
		null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	write_text(data, "data");
	write_text(lock, "lock");
	write_text(other, "secret");
}

static int confine_here(const struct confine_limits *limits, struct confinement *active)
{
	struct err e;
	struct confine_files files = {
	    open(data, O_PATH | O_CLOEXEC), open(lock, O_RDWR | O_CLOEXEC), writable};
	int r = confine(&files, limits, active, &e);

	close(files.data_fd);
	close(files.lock_fd);
	if (r)
		(void)!write(STDERR_FILENO, e.msg, strlen(e.msg));
	return r;
}

static int confined(void)
{
	struct confinement active;

	return confine_here(&roomy, &active) ? -1 : 0;
}

static int confined_for_good(void)
{
	struct err e;

	return confined() || confine_open_no_more(&e) ? -1 : 0;
}

static int not_confined(void)
{
	return 0;
}

/* How a process ended that was confined and then tried. */
static int outcome(confine_fn *how, attempt_fn *attempt)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		alarm(20);
		if (how())
			_exit(NOT_CONFINED);
		_exit(attempt());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void ends_with_status(int status, int wanted)
{
	if (!WIFEXITED(status) || WEXITSTATUS(status) != wanted)
		fail_msg("%s %d, not status %d", WIFEXITED(status) ? "status" : "signal",
		    WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status), wanted);
}

static void ends_with_signal(int status, int wanted)
{
	if (!WIFSIGNALED(status) || WTERMSIG(status) != wanted)
		fail_msg("%s %d, not signal %d", WIFEXITED(status) ? "status" : "signal",
		    WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status), wanted);
}

/* ---- system calls ---- */

static int result(long r)
{
	return r < 0 ? errno : WORKED;
}

static int run_a_program(void)
{
	char *argv[] = {(char[]){"true"}, NULL}, *none[] = {NULL};

	return result(execve("/bin/true", argv, none));
}

static int make_a_socket(void)
{
	return result(socket(AF_INET, SOCK_STREAM, 0));
}

static int make_a_unix_socket(void)
{
	return result(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int make_a_process(void)
{
	long pid = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid == 0)
		_exit(0);
	return result(pid);
}

static int map_code(void)
{
	void *p =
	    mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? errno : WORKED;
}

static int make_data_code(void)
{
	void *p =
	    mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return result(mprotect(p, 4096, PROT_READ | PROT_EXEC));
}

static int signal_the_parent(void)
{
	return result(kill(getppid(), 0));
}

static int signal_the_parent_by_thread(void)
{
	return result(syscall(SYS_tgkill, getppid(), getppid(), 0));
}

static int look_at_the_parent(void)
{
	char byte;
	struct iovec local = {&byte, 1}, remote = {data, 1};

	return result(
	    syscall(SYS_process_vm_readv, getppid(), &local, 1UL, &remote, 1UL, 0UL));
}

static int open_relative_to_a_directory(void)
{
	return result(openat(STDERR_FILENO, data, O_RDONLY)); /* absolute: allowed else */
}

static int remove_a_file(void)
{
	return result(unlink(other));
}

static int rename_a_file(void)
{
	return result(rename(data, data));
}

static int change_a_mode(void)
{
	return result(chmod(data, 0600));
}

#ifndef HAS_ASAN
static int look_at_its_limits(void)
{
	struct rlimit l;

	return result(getrlimit(RLIMIT_CPU, &l));
}
#endif

static int load_a_kernel_key(void)
{
	return syscall(SYS_keyctl, 0, -1, 0) < 0 && errno != ENOKEY && errno != ENOSYS
		   ? errno
		   : WORKED;
}

static int write_to_another_descriptor(void)
{
	return result(write(null_fd, "x", 1));
}

static int open_by_the_old_call(void)
{
#ifdef SYS_open
	return result(syscall(SYS_open, data, O_RDONLY));
#else
	return result(syscall(SYS_openat2, AT_FDCWD, data, NULL, 0UL)) == EINVAL ? WORKED
										 : 1;
#endif
}

static void system_calls_it_has_no_use_for_end_it(void **state)
{
	static attempt_fn *const attempts[] = {run_a_program, make_a_socket,
	    make_a_unix_socket, make_a_process, map_code, make_data_code,
	    signal_the_parent, signal_the_parent_by_thread, look_at_the_parent,
	    open_relative_to_a_directory, rename_a_file, change_a_mode, load_a_kernel_key,
	    write_to_another_descriptor, open_by_the_old_call,
#ifndef HAS_ASAN
	    look_at_its_limits,
#endif
	    remove_a_file};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(attempts); i++) {
		make_files();
		ends_with_signal(outcome(confined, attempts[i]), SIGSYS);
		ends_with_status(outcome(not_confined, attempts[i]), WORKED);
	}
}

#if defined(__x86_64__) && !defined(HAS_ASAN)
/* The other doors of the same kernel: 32-bit calls have other numbers. */
static int call_as_32_bit(void)
{
	long r;

	__asm__ volatile("int $0x80" : "=a"(r) : "0"(20L) : "memory"); /* getpid */
	return WORKED;
}

static int call_as_x32(void)
{
	syscall(0x40000000L | SYS_getpid);
	return WORKED;
}

static void other_architectures_end_it(void **state)
{
	(void)state;
	make_files();
	ends_with_signal(outcome(confined, call_as_32_bit), SIGSYS);
	ends_with_signal(outcome(confined, call_as_x32), SIGSYS);
}
#endif

/* ---- what it needs ---- */

static int use_its_files(void)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
	struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
	int d = open(data, O_RDONLY), l = open(lock, O_RDWR | O_CREAT, 0600);
	char byte = '\0';
	void *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, l, 0);

	if (d < 0 || l < 0 || map == MAP_FAILED)
		return errno;
	*(char *)map = 'L';
	if (fcntl(l, F_SETLK, &whole) || ftruncate(l, 8192) || fdatasync(l) ||
	    pread(d, &byte, 1, 1) != 1 || byte != 'a' || poll(&p, 1, 1) < 0)
		return errno ? errno : 1;
	free(malloc(1 << 22));
	return munmap(map, 4096) || close(d) || close(l) ? errno : WORKED;
}

static int write_its_data(void)
{
	int fd = open(data, O_RDWR);

	return fd < 0 || pwrite(fd, "data", 4, 0) != 4 || ftruncate(fd, 4) ? errno
									   : WORKED;
}

static int give_up(void)
{
	abort();
}

static void it_can_do_its_work(void **state)
{
	int status;

	(void)state;
	make_files();
	writable = true;
	ends_with_status(outcome(confined, use_its_files), WORKED);
	ends_with_status(outcome(confined, write_its_data), WORKED);
	writable = false;
	ends_with_status(outcome(confined, use_its_files), WORKED);
	status = outcome(confined, give_up);
	ends_with_signal(status, SIGABRT);
	assert_false(WCOREDUMP(status));
}

/* ---- files ---- */

static int read_the_key(void)
{
	return result(open(other, O_RDONLY));
}

static int read_a_file_of_the_system(void)
{
	return result(open("/proc/self/status", O_RDONLY));
}

static int list_its_directory(void)
{
	return result(open(scratch, O_RDONLY | O_DIRECTORY));
}

static int make_a_file(void)
{
	char path[120];

	snprintf(path, sizeof(path), "%s.new", other);
	return result(open(path, O_RDWR | O_CREAT, 0600));
}

static int cut_its_data(void)
{
	return result(open(data, O_RDWR | O_TRUNC));
}

static int read_its_data(void)
{
	return result(open(data, O_RDONLY));
}

static bool kernel_has_landlock(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0UL, 1U) > 0;
}

/* Without Landlock the same attempts work: there is no second fence around files. */
static void other_files_are_out_of_reach(void **state)
{
	static attempt_fn *const attempts[] = {read_the_key, read_a_file_of_the_system,
	    list_its_directory, make_a_file, write_its_data, cut_its_data};
	int wanted = kernel_has_landlock() ? EACCES : WORKED;

	(void)state;
	writable = false;
	for (size_t i = 0; i < ARRAY_LEN(attempts); i++) {
		make_files();
		ends_with_status(outcome(confined, attempts[i]), wanted);
		ends_with_status(outcome(not_confined, attempts[i]), WORKED);
	}
	make_files();
	ends_with_status(outcome(confined, read_its_data), WORKED);
}

static int ask_for_another_filter(void)
{
	uint32_t action = SECCOMP_RET_ALLOW;

	return result(syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0U, &action));
}

static void in_the_end_all_files_are(void **state)
{
	static attempt_fn *const attempts[] = {read_the_key, read_its_data,
	    write_its_data, make_a_file, ask_for_another_filter};

	(void)state;
	make_files();
	for (size_t i = 0; i < ARRAY_LEN(attempts); i++)
		ends_with_signal(outcome(confined_for_good, attempts[i]), SIGSYS);
	ends_with_status(outcome(confined, ask_for_another_filter), WORKED);
}

/* ---- limits ---- */

#ifndef HAS_ASAN
static int use_much_memory(void)
{
	size_t all = 0;

	/* In pieces, of which each would do. */
	for (; all <= roomy.data_bytes; all += 1 << 20) {
		volatile char *p = malloc(1 << 20);

		if (!p)
			return errno;
		p[0] = 1;
	}
	return WORKED;
}

static int map_much(void)
{
	int fd = open(lock, O_RDWR);
	void *p = mmap(NULL, (size_t)roomy.space_bytes, PROT_READ, MAP_SHARED, fd, 0);

	return p == MAP_FAILED ? errno : WORKED;
}
#endif

static int write_much(void)
{
	int fd = open(lock, O_RDWR);

	return result(pwrite(fd, "x", 1, (off_t)roomy.file_bytes));
}

static int open_many(void)
{
	for (int i = 0; i < 64; i++) {
		if (open(lock, O_RDWR) < 0)
			return errno;
	}
	return WORKED;
}

static int run_in_circles(void)
{
	volatile bool for_ever = true;

	while (for_ever)
		;
	return WORKED;
}

static int confined_for_a_second(void)
{
	struct confine_limits l = roomy;
	struct confinement active;
	sigset_t all;

	l.cpu_s = 1;
	/* Whatever the parent did about signals. */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	signal(SIGXCPU, SIG_IGN);
	signal(SIGSYS, SIG_IGN);
	signal(SIGABRT, SIG_IGN);
	return confine_here(&l, &active) ? -1 : 0;
}

static int confined_ignoring_size_signals(void)
{
	signal(SIGXFSZ, SIG_IGN);
	return confined();
}

static void memory_files_and_time_end(void **state)
{
	(void)state;
	make_files();
#ifndef HAS_ASAN
	ends_with_status(outcome(confined, use_much_memory), ENOMEM);
	ends_with_status(outcome(not_confined, use_much_memory), WORKED);
	ends_with_status(outcome(confined, map_much), ENOMEM);
	ends_with_status(outcome(not_confined, map_much), WORKED);
#endif
	ends_with_status(outcome(confined_ignoring_size_signals, write_much), EFBIG);
	ends_with_status(outcome(not_confined, write_much), WORKED);
	ends_with_status(outcome(confined, open_many), EMFILE);
	ends_with_status(outcome(not_confined, open_many), WORKED);
	ends_with_signal(outcome(confined_for_a_second, run_in_circles), SIGXCPU);
	ends_with_signal(outcome(confined_for_a_second, give_up), SIGABRT);
	ends_with_signal(outcome(confined_for_a_second, run_a_program), SIGSYS);
}

/* A lower limit of whoever started us stays. */
static int limits_are_kept(void)
{
	struct rlimit wanted = {512 << 10, 1 << 19}, got;
	struct confinement active;

	if (setrlimit(RLIMIT_FSIZE, &wanted) ||
	    setrlimit(RLIMIT_CPU, &(struct rlimit){3, 4}))
		return errno;
	signal(SIGXFSZ, SIG_IGN);
	if (confine_here(&roomy, &active))
		return NOT_CONFINED;
	got = wanted;
	return pwrite(open(lock, O_RDWR), "x", 1, (off_t)got.rlim_max) < 0 ? errno
									   : WORKED;
}

static void it_never_raises_a_limit(void **state)
{
	(void)state;
	make_files();
	ends_with_status(outcome(not_confined, limits_are_kept), EFBIG);
}

/* ---- users ---- */

static int become_nobody(void)
{
	if (geteuid() != 0)
		return 0;
	if (chmod(scratch, 0711) || chown(data, 65534, 65534) ||
	    chown(lock, 65534, 65534))
		return -1;
	return setgroups(0, NULL) || setresgid(65534, 65534, 65534) ||
		       setresuid(65534, 65534, 65534)
		   ? -1
		   : 0;
}

static int nobody_confined(void)
{
	return become_nobody() ? -1 : confined_for_good();
}

static int confined_in_a_user_namespace(void)
{
	/* Where even root may not have one, rootless podman does not work either. */
	if (unshare(CLONE_NEWUSER) && errno != EPERM && errno != ENOSPC)
		return -1;
	return confined_for_good();
}

static int nobody_confined_in_a_user_namespace(void)
{
	return become_nobody() ? -1 : confined_in_a_user_namespace();
}

static void it_needs_no_privileges(void **state)
{
	static confine_fn *const ways[] = {nobody_confined, confined_in_a_user_namespace,
	    nobody_confined_in_a_user_namespace};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		make_files();
		ends_with_signal(outcome(ways[i], run_a_program), SIGSYS);
	}
	chmod(scratch, 0700);
}

/* ---- parts that fail ---- */

/* Makes the kernel refuse one call, as an older one or a container might. */
static void refuse(int call, int error, unsigned n_args, struct scmp_arg_cmp arg)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	if (!filter ||
	    seccomp_rule_add_array(
		filter, SCMP_ACT_ERRNO((uint32_t)error), call, n_args, &arg) ||
	    seccomp_load(filter))
		_exit(99);
	seccomp_release(filter);
}

static const struct scmp_arg_cmp any = {0, SCMP_CMP_EQ, 0, 0};

/* Exit status 1 if confine() says that this part failed. */
static int says(const char *part)
{
	struct confinement active;
	struct confine_files files = {-1, -1, false};
	struct err e = {0};
	int r = confine(&files, &roomy, &active, &e);

	if (r == 0)
		return WORKED;
	if (r == ERR_IO && strstr(e.msg, part))
		return 1;
	(void)!write(STDERR_FILENO, e.msg, strlen(e.msg));
	return 2;
}

static int without_seccomp(void)
{
	refuse(SCMP_SYS(seccomp), EPERM, 0, any);
	return says("confined: seccomp: ");
}

static int without_restriction(void)
{
	refuse(SCMP_SYS(landlock_restrict_self), EPERM, 0, any);
	return says("Landlock: Operation not permitted");
}

static int without_new_limits(int resource)
{
	/* Only the one whose new value is set to it. */
	refuse(SCMP_SYS(prlimit64), EPERM, 1,
	    (struct scmp_arg_cmp){1, SCMP_CMP_EQ, (scmp_datum_t)resource, 0});
	return says("limit of ");
}

static int without_memory_limit(void)
{
	return without_new_limits(RLIMIT_DATA);
}

static int without_cpu_limit(void)
{
	return without_new_limits(RLIMIT_CPU);
}

static int without_process_limit(void)
{
	return without_new_limits(RLIMIT_NPROC);
}

static int without_privilege_bit(void)
{
	refuse(SCMP_SYS(prctl), EINVAL, 1,
	    (struct scmp_arg_cmp){0, SCMP_CMP_EQ, PR_SET_NO_NEW_PRIVS, 0});
	return says("no new privileges");
}

static void every_part_must_work(void **state)
{
	static attempt_fn *const attempts[] = {without_seccomp, without_cpu_limit,
	    without_process_limit, without_privilege_bit};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(attempts); i++)
		ends_with_status(outcome(not_confined, attempts[i]), 1);
#ifndef HAS_ASAN
	ends_with_status(outcome(not_confined, without_memory_limit), 1);
#else
	ends_with_status(outcome(not_confined, without_memory_limit), WORKED);
#endif
	ends_with_status(outcome(not_confined, without_restriction),
	    kernel_has_landlock() ? 1 : WORKED);
}

/* What it says is active, as an exit status. */
static int told(struct confinement *active)
{
	char text[CONFINE_TEXT_MAX];

	if (confine_here(&roomy, active))
		return NOT_CONFINED;
	confine_text(active, text);
	if (!active->seccomp || !active->cpu || !strstr(text, "seccomp") ||
	    !strstr(text, "CPU") || active->memory != (strstr(text, "memory") != NULL))
		return NOT_CONFINED;
	return strstr(text, "no Landlock") ? 1 : strstr(text, "landlock ") ? 2 : 3;
}

static int no_landlock(void)
{
	struct confinement active;

	refuse(SCMP_SYS(landlock_create_ruleset), ENOSYS, 0, any);
	return told(&active) == 1 && active.landlock == 0 ? read_the_key() : 1;
}

static int what_this_kernel_has(void)
{
	bool known = kernel_has_landlock();
	struct confinement active;
	int landlock = told(&active);

	if ((active.landlock > 0) != known)
		return 3;
	return landlock == (active.landlock ? 2 : 1) ? WORKED : 4;
}

static void only_landlock_may_be_missing(void **state)
{
	(void)state;
	make_files();
	ends_with_status(outcome(not_confined, no_landlock), WORKED);
}

static void it_tells_what_is_active(void **state)
{
	const struct confinement all = {7, true, true, true},
				 some = {0, false, true, true};
	char text[CONFINE_TEXT_MAX];

	(void)state;
	make_files();
	ends_with_status(outcome(not_confined, what_this_kernel_has), WORKED);
	confine_text(&all, text);
	assert_string_equal(text, "seccomp, landlock 7, memory, CPU");
	confine_text(&some, text);
	assert_string_equal(text, "seccomp, no Landlock in this kernel, CPU");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(system_calls_it_has_no_use_for_end_it),
#if defined(__x86_64__) && !defined(HAS_ASAN)
		cmocka_unit_test(other_architectures_end_it),
#endif
		cmocka_unit_test(it_can_do_its_work),
		cmocka_unit_test(other_files_are_out_of_reach),
		cmocka_unit_test(in_the_end_all_files_are),
		cmocka_unit_test(memory_files_and_time_end),
		cmocka_unit_test(it_never_raises_a_limit),
		cmocka_unit_test(it_needs_no_privileges),
		cmocka_unit_test(every_part_must_work),
		cmocka_unit_test(only_landlock_may_be_missing),
		cmocka_unit_test(it_tells_what_is_active),
	};

	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
