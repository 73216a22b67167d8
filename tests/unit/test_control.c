/* SPDX-License-Identifier: Apache-2.0 */
/* test_control.c: the server's end of the control socket, with clients that mean no good. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "watcher.h"

static void answer_done(uint64_t client, const char *text)
{
	struct answer a = {.status = ANSWER_DONE, .document = xstrdup(text)};

	control_answer(control, client, &a);
	answer_release(&a);
}

static void must(int r, const struct err *e)
{
	if (r)
		fail_msg("%s", e->msg);
}

static void one_request(void **state)
{
	int fd = dial();
	bool ended;

	(void)state;
	serve(0);
	say(fd, STATUS_REQUEST);
	serve(0);
	assert_int_equal(n_asked, 1);
	assert_int_equal(asked[0].request.verb, REQUEST_STATUS);
	assert_int_equal(asked[0].peer.uid, getuid());
	assert_int_equal(asked[0].peer.gid, getgid());
	assert_int_equal(asked[0].peer.pid, getpid());
	free(hear(fd, &ended));
	assert_false(ended);
	/* However long it takes. */
	serve(1000000);
	answer_done(asked[0].client, "{}");
	must_end(fd, "layerseal/v1 answer done 2\n{}");
	/* Nobody any more. */
	answer_done(asked[0].client, "{}");
}

static void in_pieces(void **state)
{
	static const char text[] = STATUS_REQUEST;
	int fd = dial();

	(void)state;
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		assert_int_equal(n_asked, 0);
		assert_int_equal(send(fd, text + i, 1, 0), 1);
		serve(0);
	}
	assert_int_equal(n_asked, 1);
	answer_done(asked[0].client, "{}");
	must_end(fd, "done");
}

/* Two in the time for a request, a byte a second: the third is too late. */
static void slow_request(void **state)
{
	int fd = dial(), other;

	(void)state;
	serve(0);
	say(fd, "l");
	serve(1000);
	say(fd, "a");
	serve(CONTROL_REQUEST_MS - 1);
	say(fd, "y");
	/* Meanwhile others are served. */
	other = dial();
	serve(CONTROL_REQUEST_MS - 1);
	say(other, STATUS_REQUEST);
	serve(CONTROL_REQUEST_MS);
	must_end(fd, "");
	assert_int_equal(n_asked, 1);
	answer_done(asked[0].client, "{}");
	must_end(other, "done");
}

static void malformed(void **state)
{
	int fd = dial();

	(void)state;
	say(fd, "GET / HTTP/1.1\nHost: x\n\n");
	serve(0);
	must_end(fd, "layerseal/v1 answer error ");
	fd = dial();
	say(fd, STATUS_REQUEST "x");
	serve(0);
	must_end(fd, "behind its end");
	assert_int_equal(n_asked, 0);
}

static void oversize(void **state)
{
	char line[2048];
	int fd = dial();

	(void)state;
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	for (size_t sent = 0; sent <= PROTOCOL_REQUEST_MAX; sent += sizeof(line) - 1) {
		say(fd, line);
		serve(0);
	}
	must_end(fd, "too large");
	assert_int_equal(n_asked, 0);
}

/* ---- connections ---- */

static void many_of_one(void **state)
{
	static int fds[1000];
	size_t turned_away = 0;
	bool ended;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		fds[i] = dial();
		if (i % 100 == 99)
			serve(0);
	}
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		CLEANUP_FREE char *text = hear(fds[i], &ended);

		assert_int_equal(ended, i >= CONTROL_CLIENTS_PER_UID);
		turned_away += ended && strstr(text, "answer refused ") != NULL;
	}
	assert_int_equal(turned_away, ARRAY_LEN(fds) - CONTROL_CLIENTS_PER_UID);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
	serve(0);
	fds[0] = dial();
	say(fds[0], STATUS_REQUEST);
	serve(0);
	assert_int_equal(n_asked, 1);
	close(fds[0]);
}

/* Who asks and leaves keeps its place until its request is worked off: so it cannot fill a queue. */
static void ask_and_leave(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++) {
		int fd = dial();

		say(fd, STATUS_REQUEST);
		serve(0);
		close(fd);
		serve(0);
	}
	assert_int_equal(n_asked, CONTROL_CLIENTS_PER_UID);
	for (size_t i = 0; i < n_asked; i++)
		answer_done(asked[i].client, "{}");
	forget_requests();
	one_request(NULL);
}

static void hold(void *ctx, int go)
{
	for (int i = 0; i < *(int *)ctx; i++)
		dial();
	(void)!write(go, "x", 1);
	pause();
}

/* As several other users, from child processes that hold their connections: `n` each. */
static pid_t occupy(uid_t uid, int n)
{
	return as_user(uid, hold, &n);
}

static void others_leave_room(void **state)
{
	pid_t children[6];
	int fd;

	(void)state;
	if (geteuid())
		skip();
	assert_int_equal(chmod(scratch, 0755), 0);
	for (uid_t i = 0; i < ARRAY_LEN(children); i++) {
		children[i] = occupy(20000 + i, CONTROL_CLIENTS_PER_UID);
		serve(0);
	}
	/* They have all that is for such as they, and root is served. */
	fd = dial();
	say(fd, STATUS_REQUEST);
	serve(0);
	assert_int_equal(n_asked, 1);
	answer_done(asked[0].client, "{}");
	must_end(fd, "done");
	for (size_t i = 0; i < ARRAY_LEN(children); i++) {
		kill(children[i], SIGKILL);
		assert_int_equal(waitpid(children[i], NULL, 0), children[i]);
	}
	serve(0);
}

static bool write_map(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool written = write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	close(fd);
	return written;
}

/* As a rootless watcher: a user that opens the socket, then becomes root of a namespace of its own. */
static void in_own_namespace(void **state)
{
	pid_t child;
	int status;

	(void)state;
	if (geteuid())
		skip();
	assert_int_equal(chmod(scratch, 0755), 0);
	assert_int_equal(chown(scratch, 20000, 20000), 0);
	child = fork();
	if (child == 0) {
		struct err e;
		int before, after;

		if (setgroups(0, NULL) || setresgid(20000, 20000, 20000) ||
		    setresuid(20000, 20000, 20000) || prctl(PR_SET_DUMPABLE, 1))
			_exit(1);
		snprintf(socket_path, sizeof(socket_path), "%s/x/w.sock", scratch);
		if (control_open(socket_path, take_request, NULL, &control, &e))
			_exit(2);
		before = dial();
		if (unshare(CLONE_NEWUSER))
			_exit(77);
		if (!write_map("/proc/self/setgroups", "deny") ||
		    !write_map("/proc/self/uid_map", "0 20000 1") ||
		    !write_map("/proc/self/gid_map", "0 20000 1"))
			_exit(3);
		after = dial();
		say(before, STATUS_REQUEST);
		say(after, STATUS_REQUEST);
		serve(0);
		for (size_t i = 0; i < n_asked; i++) {
			if (asked[i].peer.uid != 20000 || asked[i].peer.gid != 20000)
				_exit(4);
		}
		control_free(control);
		_exit(n_asked == 2 && geteuid() == 0 ? 0 : 5);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	{
		CLEANUP_FREE char *dir = xasprintf("%s/x", scratch);

		rmdir(dir);
	}
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- answers ---- */

static struct answer findings_of(size_t n)
{
	struct answer a = {.status = ANSWER_KNOWN, .verdict = VERDICT_VIOLATED};

	for (size_t i = 0; i < n; i++) {
		CLEANUP_FREE char *path = xasprintf("/usr/share/some/file/%zu", i);

		findings_add(&a.findings, FINDING_TREE_ADDED,
		    (struct place){.layer = "l", .path = path});
	}
	return a;
}

static int ask(void)
{
	int fd = dial();

	say(fd, STATUS_REQUEST);
	serve(0);
	return fd;
}

static void slow_reader(void **state)
{
	CLEANUP_ANSWER struct answer a = findings_of(FINDINGS_MAX);
	CLEANUP_ANSWER struct answer b = {0};
	CLEANUP_BUF struct buf all;
	int fd = ask();
	struct err e;
	ssize_t n = 1;

	(void)state;
	buf_init(&all, PROTOCOL_ANSWER_MAX);
	control_answer(control, asked[0].client, &a);
	for (int64_t now = 1; n != 0; now++) {
		char piece[4096];

		serve(now);
		n = recv(fd, piece, sizeof(piece), 0);
		if (n > 0)
			must(buf_add(&all, piece, (size_t)n, &e), &e);
	}
	close(fd);
	must(answer_parse(all.data, all.len, &b, &e), &e);
	assert_int_equal(b.findings.n, FINDINGS_MAX);
	assert_string_equal(b.findings.v[9999].path, "/usr/share/some/file/9999");
}

static void never_reads(void **state)
{
	CLEANUP_ANSWER struct answer a = findings_of(FINDINGS_MAX);
	int fd = ask();
	bool ended;

	(void)state;
	control_answer(control, asked[0].client, &a);
	serve(5);
	serve(5 + CONTROL_ANSWER_MS - 1);
	serve(5 + CONTROL_ANSWER_MS);
	free(hear(fd, &ended));
	assert_true(ended);
	close(fd);
}

static void leaves_before_its_answer(void **state)
{
	CLEANUP_ANSWER struct answer a = findings_of(FINDINGS_MAX);
	int fd = ask();

	(void)state;
	close(fd);
	control_answer(control, asked[0].client, &a);
	serve(0);
	forget_requests();
	fd = ask();
	close(fd);
	serve(0);
	control_answer(control, asked[0].client, &a);
	forget_requests();
	/* In the middle of it. */
	fd = ask();
	control_answer(control, asked[0].client, &a);
	close(fd);
	serve(0);
	forget_requests();
	one_request(NULL);
}

/* Who does not read may have so much of our memory, and no more. */
static void answers_are_bounded(void **state)
{
	struct answer a = {.status = ANSWER_DONE};
	int fds[CONTROL_CLIENTS_PER_UID];
	size_t without = 0;
	bool ended;

	(void)state;
	a.document = memset(xcalloc(40U << 20, 1), 'x', (40U << 20) - 1);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = ask();
	assert_int_equal(n_asked, ARRAY_LEN(fds));
	for (size_t i = 0; i < n_asked; i++)
		control_answer(control, asked[i].client, &a);
	answer_release(&a);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		CLEANUP_FREE char *text = hear(fds[i], &ended);

		without += ended && strstr(text, "answer unknown ") != NULL;
		close(fds[i]);
	}
	/* This user is the watcher's own: all of CONTROL_ANSWERS_MAX, 6 times 40 MiB. */
	assert_int_equal(without, ARRAY_LEN(fds) - 6);
	serve(0);
}

/* As another user: asks so many times, then reads when it is told to; ends with how many had no answer. */
static pid_t ask_as(uid_t uid, int n, const int go[static 2])
{
	int asked_pipe[2];
	char byte;
	pid_t child;

	assert_int_equal(pipe(asked_pipe), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		int fds[CONTROL_CLIENTS_PER_UID], without = 0;
		bool ended;

		if (setgroups(0, NULL) || setresgid(uid, uid, uid) ||
		    setresuid(uid, uid, uid))
			_exit(100);
		for (int i = 0; i < n; i++) {
			fds[i] = dial();
			say(fds[i], STATUS_REQUEST);
		}
		close(asked_pipe[1]);
		close(go[1]);
		(void)!read(go[0], &byte, 1);
		for (int i = 0; i < n; i++)
			without +=
			    strstr(hear(fds[i], &ended), "answer unknown ") != NULL;
		_exit(without);
	}
	close(asked_pipe[1]);
	assert_int_equal(read(asked_pipe[0], &byte, 1), 0);
	close(asked_pipe[0]);
	return child;
}

/* 40 MiB each: one user has 64, all such users together 128, and root the rest. */
static void answers_of_others_are_bounded(void **state)
{
	static const int without[] = {1, 0, 0, 1};
	struct answer a = {.status = ANSWER_DONE};
	pid_t children[ARRAY_LEN(without)];
	int go[2], fd, status;
	bool ended;

	(void)state;
	if (geteuid())
		skip();
	assert_int_equal(chmod(scratch, 0755), 0);
	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	a.document = memset(xcalloc(40U << 20, 1), 'x', (40U << 20) - 1);
	for (uid_t i = 0; i < ARRAY_LEN(without); i++) {
		children[i] = ask_as(20000 + i, i == 0 ? 2 : 1, go);
		serve(0);
		while (n_asked) {
			control_answer(control, asked[--n_asked].client, &a);
			request_release(&asked[n_asked].request);
		}
	}
	fd = ask();
	control_answer(control, asked[0].client, &a);
	answer_release(&a);
	{
		CLEANUP_FREE char *text = hear(fd, &ended);

		assert_non_null(strstr(text, "answer done "));
	}
	close(fd);
	close(go[0]);
	close(go[1]);
	for (size_t i = 0; i < ARRAY_LEN(without); i++) {
		assert_int_equal(kill(children[i], 0), 0);
		while (waitpid(children[i], &status, WNOHANG) == 0)
			serve(0);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), without[i]);
	}
}

static void to_each_its_own(void **state)
{
	int first = ask(), second = ask();

	(void)state;
	assert_int_equal(n_asked, 2);
	answer_done(asked[1].client, "second");
	answer_done(asked[0].client, "first");
	must_end(first, "first");
	must_end(second, "second");
}

/* ---- the socket ---- */

static int open_again(const char *path, struct err *e)
{
	struct control *second = NULL;
	int r = control_open(path, take_request, NULL, &second, e);

	control_free(second);
	return r;
}

static void somebody_listens(void **state)
{
	struct err e;
	struct stat st;

	(void)state;
	assert_int_equal(open_again(socket_path, &e), ERR_REFUSED);
	assert_non_null(strstr(e.msg, "listens there already"));
	assert_int_equal(lstat(socket_path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0666);
	serve(0);
}

static void left_over(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char path[120];
	struct err e;
	struct stat st;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	snprintf(path, sizeof(path), "%s/run/old.sock", scratch);
	memcpy(address.sun_path, path, strlen(path));
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(open_again(path, &e), ERR_REFUSED);
	close(fd);
	must(open_again(path, &e), &e);
	/* And is gone with who made it. */
	assert_int_equal(lstat(path, &st), -1);
	/* Something else is left alone. */
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close(fd);
	assert_int_equal(open_again(path, &e), ERR_REFUSED);
	unlink(path);
	assert_int_equal(symlink(socket_path, path), 0);
	assert_int_equal(open_again(path, &e), ERR_REFUSED);
	unlink(path);
}

static void of_others(void **state)
{
	char path[120], dir[100];
	struct err e;

	(void)state;
	snprintf(dir, sizeof(dir), "%s/open", scratch);
	snprintf(path, sizeof(path), "%s/x.sock", dir);
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(chmod(dir, 01777), 0);
	assert_int_equal(open_again(path, &e), ERR_REFUSED);
	assert_int_equal(chmod(dir, 0700), 0);
	assert_int_equal(open_again("relative", &e), ERR_USAGE);
	assert_int_equal(open_again("/", &e), ERR_USAGE);
	if (geteuid() == 0) {
		struct sockaddr_un address = {.sun_family = AF_UNIX};
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

		memcpy(address.sun_path, path, strlen(path));
		assert_int_equal(
		    bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
		close(fd);
		assert_int_equal(chown(path, 20000, 20000), 0);
		assert_int_equal(open_again(path, &e), ERR_REFUSED);
		assert_int_equal(unlink(path), 0);
		assert_int_equal(chown(dir, 20000, 20000), 0);
		assert_int_equal(open_again(path, &e), ERR_REFUSED);
	}
	assert_int_equal(rmdir(dir), 0);
}

/* A new one under the same name is not removed by who had the old one. */
static void removes_its_own_only(void **state)
{
	struct control *second;
	struct err e;
	struct stat st;

	(void)state;
	assert_int_equal(unlink(socket_path), 0);
	must(control_open(socket_path, take_request, NULL, &second, &e), &e);
	control_free(control);
	control = second;
	assert_int_equal(lstat(socket_path, &st), 0);
	one_request(NULL);
}

/* In a child: descriptor 3 and the environment are its own. */
static void from_systemd(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	if (child == 0) {
		char pid[24];
		struct err e;
		int fd = socket(AF_UNIX, SOCK_STREAM, 0), wrong[2];
		struct sockaddr_un address = {.sun_family = AF_UNIX};

		snprintf(pid, sizeof(pid), "%ld", (long)getpid());
		snprintf(
		    address.sun_path, sizeof(address.sun_path), "%s.given", socket_path);
		if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) ||
		    setenv("LISTEN_FDS", "1", 1) || setenv("LISTEN_PID", pid, 1))
			_exit(1);
		/* Does not listen; is not the only one; is another's; is no socket at all. */
		if (dup2(fd, 3) != 3 || open_again("/nonexistent/x", &e) != ERR_USAGE)
			_exit(2);
		if (setenv("LISTEN_FDS", "1", 1) || setenv("LISTEN_PID", "1", 1) ||
		    open_again("relative", &e) != ERR_USAGE || !strstr(e.msg, "absolute"))
			_exit(4);
		if (pipe(wrong) || dup2(wrong[0], 3) != 3 ||
		    setenv("LISTEN_PID", pid, 1) ||
		    open_again("/nonexistent/x", &e) != ERR_IO)
			_exit(5);
		if (listen(fd, 8) || dup2(fd, 3) != 3)
			_exit(3);
		if (setenv("LISTEN_FDS", "2", 1) || setenv("LISTEN_PID", pid, 1) ||
		    open_again("/nonexistent/x", &e) != ERR_USAGE)
			_exit(3);
		if (setenv("LISTEN_FDS", "1", 1) || setenv("LISTEN_PID", pid, 1) ||
		    control_open("/nonexistent/x", take_request, NULL, &control, &e))
			_exit(6);
		if (getenv("LISTEN_FDS") || fcntl(3, F_GETFD) != FD_CLOEXEC ||
		    !(fcntl(3, F_GETFL) & O_NONBLOCK))
			_exit(7);
		memcpy(socket_path, address.sun_path, sizeof(socket_path));
		fd = dial();
		say(fd, STATUS_REQUEST);
		serve(0);
		control_free(control);
		/* It is systemd's. */
		_exit(n_asked == 1 && unlink(socket_path) == 0 ? 0 : 8);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void who_may_what(void **state)
{
	uid_t uids[] = {1000, 1001};
	gid_t gids[] = {50};
	struct watch_settings nobody = {0}, some = {.seal_uids = uids,
						.n_seal_uids = 2,
						.seal_gids = gids,
						.n_seal_gids = 1};
	struct peer p = {.uid = 1001, .gid = 1001};

	(void)state;
	assert_true(control_may(&nobody, &p, REQUEST_VERIFY));
	assert_true(control_may(&nobody, &p, REQUEST_STATUS));
	assert_true(control_may(&nobody, &p, REQUEST_METRICS));
	assert_false(control_may(&nobody, &p, REQUEST_SEAL));
	assert_false(control_may(&nobody, &(struct peer){0}, REQUEST_SEAL));
	assert_true(control_may(&some, &p, REQUEST_SEAL));
	p = (struct peer){.uid = 1002, .gid = 1002};
	assert_false(control_may(&some, &p, REQUEST_SEAL));
	p.groups[p.n_groups++] = 49;
	assert_false(control_may(&some, &p, REQUEST_SEAL));
	p.groups[p.n_groups++] = 50;
	assert_true(control_may(&some, &p, REQUEST_SEAL));
	p = (struct peer){.uid = 1002, .gid = 50};
	assert_true(control_may(&some, &p, REQUEST_SEAL));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, watcher_start, watcher_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(one_request),
	    TEST(in_pieces),
	    TEST(slow_request),
	    TEST(malformed),
	    TEST(oversize),
	    TEST(many_of_one),
	    TEST(ask_and_leave),
	    TEST(others_leave_room),
	    TEST(in_own_namespace),
	    TEST(slow_reader),
	    TEST(never_reads),
	    TEST(leaves_before_its_answer),
	    TEST(answers_are_bounded),
	    TEST(answers_of_others_are_bounded),
	    TEST(to_each_its_own),
	    TEST(somebody_listens),
	    TEST(left_over),
	    TEST(of_others),
	    TEST(removes_its_own_only),
	    TEST(from_systemd),
	    cmocka_unit_test(who_may_what),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
