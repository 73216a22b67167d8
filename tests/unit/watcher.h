/* SPDX-License-Identifier: Apache-2.0 */
/* watcher.h: a control socket of its own in a directory of its own, served by hand; for the tests of both of its ends. */
#ifndef TESTS_UNIT_WATCHER_H
#define TESTS_UNIT_WATCHER_H

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "watch/control.h"

#define UNUSED __attribute__((unused))

static char scratch[64], socket_path[96];
static struct control *control;

/* What came in, not answered yet. */
static struct {
	uint64_t client;
	struct peer peer;
	struct request request;
} asked[CONTROL_CLIENTS_MAX];
static size_t n_asked;

static void take_request(
    void *ctx, uint64_t client, const struct peer *peer, struct request *r)
{
	(void)ctx;
	assert_true(n_asked < CONTROL_CLIENTS_MAX);
	asked[n_asked].client = client;
	asked[n_asked].peer = *peer;
	asked[n_asked++].request = *r;
}

static void forget_requests(void)
{
	while (n_asked)
		request_release(&asked[--n_asked].request);
}

static int watcher_start(void **state)
{
	struct err e;

	(void)state;
	snprintf(scratch, sizeof(scratch), "/var/tmp/layerseal-test.XXXXXX");
	if (!mkdtemp(scratch) || crypto_init(&e))
		return -1;
	snprintf(socket_path, sizeof(socket_path), "%s/run/watch.sock", scratch);
	if (control_open(socket_path, take_request, NULL, &control, &e)) {
		fprintf(stderr, "%s\n", e.msg);
		return -1;
	}
	return 0;
}

static int watcher_end(void **state)
{
	char dir[80];

	(void)state;
	forget_requests();
	control_free(control);
	control = NULL;
	snprintf(dir, sizeof(dir), "%s/run", scratch);
	unlink(socket_path);
	rmdir(dir);
	return rmdir(scratch);
}

/* What the poll loop of the watcher does, until there is nothing left to do. */
static void serve(int64_t now_ms)
{
	struct pollfd p[CONTROL_POLL_MAX];

	for (;;) {
		size_t n = control_poll(control, p);
		int ready = poll(p, n, 0);

		assert_true(ready >= 0);
		control_serve(control, p, n, now_ms);
		if (ready == 0)
			return;
	}
}

UNUSED static int dial(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", socket_path);
	assert_true(fd >= 0);
	assert_int_equal(
	    connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

UNUSED static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* What it was sent so far; *ended: and no more. Heap. */
UNUSED static char *hear(int fd, bool *ended)
{
	CLEANUP_BUF struct buf all;
	struct err e;

	buf_init(&all, PROTOCOL_ANSWER_MAX + PROTOCOL_HEAD_MAX);
	for (;;) {
		char piece[8192];
		ssize_t n = recv(fd, piece, sizeof(piece), 0);

		*ended = n == 0 || (n < 0 && errno == ECONNRESET);
		if (n <= 0)
			return buf_take(&all);
		assert_int_equal(buf_add(&all, piece, (size_t)n, &e), 0);
	}
}

/* It has had an answer with these words, and is disconnected; closes it. */
UNUSED static void must_end(int fd, const char *words)
{
	bool ended;
	CLEANUP_FREE char *text = hear(fd, &ended);

	if (!ended || !strstr(text, words))
		fail_msg("'%s'%s, not '%s'", text, ended ? "" : " (goes on)", words);
	close(fd);
}

/* A child that is another user, and does this: it has to write to `go` when the test may go on. */
typedef void as_user_fn(void *ctx, int go);
UNUSED static pid_t as_user(uid_t uid, as_user_fn *act, void *ctx)
{
	int go[2];
	char byte;
	pid_t child;

	assert_int_equal(pipe(go), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		if (setgroups(0, NULL) || setresgid(uid, uid, uid) ||
		    setresuid(uid, uid, uid))
			_exit(1);
		close(go[0]);
		act(ctx, go[1]);
		_exit(0);
	}
	close(go[1]);
	assert_int_equal(read(go[0], &byte, 1), 1);
	close(go[0]);
	return child;
}

#define STATUS_REQUEST "layerseal/v1 request\nverb status\nwait 100\n\n"

#endif
