/* SPDX-License-Identifier: Apache-2.0 */
/* test_writer.c: who a process is, and that nobody is taken for another one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "watch/writer.h"

#define UNABLE 77

/* A process that has become what `how` makes of it, and waits. -1: it could not. */
static pid_t start(bool (*how)(void), int *pidfd)
{
	int says[2];
	pid_t pid;
	char byte;

	assert_int_equal(pipe2(says, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (!how() || write(says[1], "x", 1) != 1)
			_exit(UNABLE);
		for (;;)
			pause();
	}
	close(says[1]);
	*pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (read(says[0], &byte, 1) != 1) {
		waitpid(pid, NULL, 0);
		close(*pidfd);
		pid = -1;
	}
	close(says[0]);
	return pid;
}

static void end(pid_t pid, int *pidfd)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(*pidfd);
}

static bool as_it_is(void)
{
	return true;
}

static bool as_another_user(void)
{
	return setgid(4321) == 0 && setuid(1234) == 0;
}

static bool in_other_mounts(void)
{
	return unshare(CLONE_NEWNS) == 0;
}

static void ourselves(void **state)
{
	char program[WRITER_PROGRAM_MAX] = "";
	struct writer w;

	(void)state;
	writer_look_at(getpid(), -1, &w);
	assert_true(readlink("/proc/self/exe", program, sizeof(program) - 1) > 0);
	assert_true(w.looked_at && !w.in_container);
	assert_int_equal(w.pid, getpid());
	assert_int_equal(w.uid, geteuid());
	assert_string_equal(w.program, program);
}

static void nobody(void **state)
{
	const pid_t none[] = {0, -1, 2147483647};
	struct writer w;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		memset(&w, 0x5a, sizeof(w));
		writer_look_at(none[i], -1, &w);
		assert_int_equal(w.pid, none[i]);
		assert_false(w.looked_at || w.in_container);
		assert_string_equal(w.program, "");
	}
}

static void another_user(void **state)
{
	struct writer w;
	int pidfd;
	pid_t pid = start(as_another_user, &pidfd);

	(void)state;
	if (pid < 0)
		skip();
	writer_look_at(pid, pidfd, &w);
	end(pid, &pidfd);
	assert_true(w.looked_at);
	assert_int_equal(w.uid, 1234);
	assert_true(*w.program);
}

static void a_container(void **state)
{
	struct writer w;
	int pidfd;
	pid_t pid = start(in_other_mounts, &pidfd);

	(void)state;
	if (pid < 0)
		skip();
	writer_look_at(pid, pidfd, &w);
	end(pid, &pidfd);
	assert_true(w.looked_at && w.in_container);
}

/* Somebody else has the number by now: the pidfd is of one that is gone. */
static void a_number_used_again(void **state)
{
	struct writer w;
	int pidfd;
	pid_t gone = start(as_it_is, &pidfd);

	(void)state;
	kill(gone, SIGKILL);
	waitpid(gone, NULL, 0);
	writer_look_at(getpid(), pidfd, &w);
	assert_false(w.looked_at);
	assert_string_equal(w.program, "");
	close(pidfd);
}

static void one_that_is_not_buried(void **state)
{
	struct writer w;
	int pidfd;
	pid_t pid = start(as_it_is, &pidfd);
	siginfo_t info;

	(void)state;
	kill(pid, SIGKILL);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	writer_look_at(pid, pidfd, &w);
	assert_false(w.looked_at);
	end(pid, &pidfd);
}

/* A program with a name that is no text, and longer than there is room for. */
static void an_odd_program(void **state)
{
	char dir[] = "/var/tmp/layerseal-test.XXXXXX";
	char path[600], name[200], byte;
	struct writer w;
	int in[2], out[2];
	pid_t pid;

	(void)state;
	assert_non_null(mkdtemp(dir));
	memset(name, '\n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/%s/%s", dir, name, name);
	assert_true(pipe(in) == 0 && pipe(out) == 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		const char *cp[] = {"cp", "/bin/cat", path, NULL};

		execvp("cp", (char *const *)(uintptr_t)cp);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	pid = fork();
	if (pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		execl(path, "cat", (char *)NULL);
		_exit(1);
	}
	/* What it copies shows that it runs. */
	assert_int_equal(write(in[1], "x", 1), 1);
	assert_int_equal(read(out[0], &byte, 1), 1);
	writer_look_at(pid, -1, &w);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_true(w.looked_at);
	assert_int_equal(strlen(w.program), WRITER_PROGRAM_MAX - 1);
	assert_memory_equal(w.program, path, WRITER_PROGRAM_MAX - 1);
	unlink(path);
	*strrchr(path, '/') = '\0';
	rmdir(path);
	rmdir(dir);
	for (int i = 0; i < 2; i++) {
		close(in[i]);
		close(out[i]);
	}
}

static void the_cache(void **state)
{
	struct writer_cache *c = xcalloc(1, sizeof(*c));
	const struct writer *w;
	int pidfd;
	pid_t pid = start(as_it_is, &pidfd);
	bool kept = false;

	(void)state;
	w = writer_cached(c, pid, pidfd);
	assert_true(w->looked_at && w->pid == pid);
	end(pid, &pidfd);
	/* Two in the same place. */
	assert_int_equal(
	    writer_cached(c, pid + WRITER_CACHE, -1)->pid, pid + WRITER_CACHE);
	assert_int_equal(writer_cached(c, getpid(), -1)->pid, getpid());
	/* What is too old is looked at again. */
	assert_true(writer_cached(c, getpid(), -1)->looked_at);
	memset(c->since, 0, sizeof(c->since));
	c->v[(unsigned)getpid() % WRITER_CACHE].uid = 4711;
	assert_int_equal(writer_cached(c, getpid(), -1)->uid, geteuid());
	/* What is new is not; on a busy machine it may be old before it is asked for. */
	for (int i = 0; i < 1000 && !kept; i++) {
		(void)writer_cached(c, getpid(), -1);
		c->v[(unsigned)getpid() % WRITER_CACHE].uid = 4711;
		kept = writer_cached(c, getpid(), -1)->uid == 4711;
		memset(c->since, 0, sizeof(c->since));
	}
	assert_true(kept);
	free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ourselves),
	    cmocka_unit_test(nobody),
	    cmocka_unit_test(another_user),
	    cmocka_unit_test(a_container),
	    cmocka_unit_test(a_number_used_again),
	    cmocka_unit_test(one_that_is_not_buried),
	    cmocka_unit_test(an_odd_program),
	    cmocka_unit_test(the_cache),
	};

	alarm(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
