/* SPDX-License-Identifier: Apache-2.0 */
/* test_client.c: asking a watcher: the real server, servers that misbehave, and those that must not be believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "watch/client.h"
#include "watcher.h"

static const struct request status_request = {.verb = REQUEST_STATUS, .wait_ms = 100};

static void refuses(uid_t owner, int code, const char *words)
{
	struct answer a;
	struct err e = {0};
	int r = client_ask(socket_path, owner, &status_request, &a, &e);

	if (r != code || !strstr(e.msg, words))
		fail_msg("code %d: \"%s\", not about \"%s\"", r, e.msg, words);
	assert_null(a.document);
}

/* ---- the real server ---- */

static bool stop;

/* Answers everything with a verdict of as many findings as it has milliseconds to wait. */
static void *serve_until_stop(void *unused)
{
	struct pollfd p[CONTROL_POLL_MAX];

	(void)unused;
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		size_t n = control_poll(control, p);
		struct timespec t;

		poll(p, n, 10);
		clock_gettime(CLOCK_MONOTONIC, &t);
		control_serve(control, p, n, t.tv_sec * 1000 + t.tv_nsec / 1000000);
		for (size_t i = 0; i < n_asked; i++) {
			struct answer a = {
			    .status = ANSWER_KNOWN, .verdict = VERDICT_VIOLATED};

			for (unsigned k = 0; k < asked[i].request.wait_ms; k++)
				findings_add(&a.findings, FINDING_TREE_ADDED,
				    (struct place){.path = "/x"});
			control_answer(control, asked[i].client, &a);
			answer_release(&a);
		}
		forget_requests();
	}
	return NULL;
}

static void asks(void **state)
{
	pthread_t server;
	struct answer a;
	struct err e;

	(void)state;
	stop = false;
	assert_int_equal(pthread_create(&server, NULL, serve_until_stop, NULL), 0);
	for (unsigned n = 1; n <= FINDINGS_MAX; n *= 10) {
		struct request q = {.verb = REQUEST_STATUS, .wait_ms = n};

		if (client_ask(socket_path, getuid(), &q, &a, &e))
			fail_msg("%s", e.msg);
		assert_int_equal(a.status, ANSWER_KNOWN);
		assert_int_equal(a.findings.n, n);
		answer_release(&a);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	pthread_join(server, NULL);
}

static void nobody_there(void **state)
{
	(void)state;
	control_free(control);
	control = NULL;
	refuses(getuid(), ERR_NOT_FOUND, "does not exist");
	snprintf(socket_path, sizeof(socket_path), "/nonexistent/x.sock");
	refuses(getuid(), ERR_NOT_FOUND, "");
	snprintf(socket_path, sizeof(socket_path), "%s/run/watch.sock", scratch);
}

/* It listens, and does not even accept. */
static void never_answers(void **state)
{
	struct request q = {.verb = REQUEST_STATUS, .wait_ms = 0};
	struct answer a;
	struct err e;

	(void)state;
	assert_int_equal(client_ask(socket_path, getuid(), &q, &a, &e), ERR_IO);
	assert_non_null(strstr(e.msg, "in time"));
}

/* A server that is turned away from may have hung up before it was told anything. */
static void turned_away(void **state)
{
	int fds[CONTROL_CLIENTS_PER_UID], fd;
	struct answer a;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = dial();
	serve(0);
	if (client_connect(socket_path, getuid(), &fd, &e))
		fail_msg("%s", e.msg);
	serve(0);
	if (client_exchange(fd, &status_request, &a, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(a.status, ANSWER_REFUSED);
	answer_release(&a);
	close(fd);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
}

/* ---- servers that misbehave ---- */

struct lie {
	const char *text;
	int listener;
};

static void *tell(void *ctx)
{
	const struct lie *l = ctx;
	char request[4096];
	int fd = accept(l->listener, NULL, NULL);

	if (recv(fd, request, sizeof(request), 0) > 0)
		(void)!send(fd, l->text, strlen(l->text), MSG_NOSIGNAL);
	close(fd);
	return NULL;
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, path, strlen(path));
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 8), 0);
	return fd;
}

static void told(struct lie *l, int code, const char *words)
{
	pthread_t server;

	assert_int_equal(pthread_create(&server, NULL, tell, l), 0);
	refuses(getuid(), code, words);
	pthread_join(server, NULL);
}

static void lies(void **state)
{
	struct lie l;

	(void)state;
	unlink(socket_path);
	l.listener = listen_at(socket_path);
	l.text = "";
	told(&l, ERR_IO, "hung up");
	l.text = "layerseal/v1 answer done 5\nfour";
	told(&l, ERR_IO, "hung up");
	l.text = "HTTP/1.1 400 Bad Request\r\n\r\n";
	told(&l, ERR_MALFORMED, "does not begin");
	l.text = "layerseal/v1 answer done 99999999999\n";
	told(&l, ERR_MALFORMED, "length");
	l.text = "layerseal/v1 answer done 4\nfour and more";
	told(&l, ERR_MALFORMED, "not as long");
	close(l.listener);
}

/* ---- whom not to believe ---- */

static void places(void **state)
{
	char dir[80], link[96];

	(void)state;
	snprintf(dir, sizeof(dir), "%s/run", scratch);
	assert_int_equal(chmod(dir, 0777), 0);
	refuses(getuid(), ERR_REFUSED, "writable");
	assert_int_equal(chmod(dir, 01777), 0);
	refuses(getuid(), ERR_REFUSED, "writable");
	assert_int_equal(chmod(dir, 0775), 0);
	refuses(getuid(), ERR_REFUSED, "writable");
	assert_int_equal(chmod(dir, 0755), 0);
	/* A link leads wherever its maker likes. */
	snprintf(link, sizeof(link), "%s/run/link", scratch);
	assert_int_equal(symlink(socket_path, link), 0);
	memcpy(socket_path, link, sizeof(link));
	refuses(getuid(), ERR_REFUSED, "no socket");
	assert_int_equal(unlink(link), 0);
	snprintf(socket_path, sizeof(socket_path), "%s/run/watch.sock", scratch);
}

static void tell_lies(void *ctx, int go)
{
	struct lie l = {.text = "layerseal/v1 answer done 4\nevil"};

	(void)ctx;
	l.listener = listen_at(socket_path);
	(void)!write(go, "x", 1);
	for (;;)
		tell(&l);
}

/* Another user: owner of the socket, or of nothing but what listens there. */
static pid_t listen_as(uid_t uid)
{
	return as_user(uid, tell_lies, NULL);
}

static void strangers(void **state)
{
	char dir[80];
	pid_t child;
	struct answer a;
	struct err e;

	(void)state;
	if (geteuid())
		skip();
	snprintf(dir, sizeof(dir), "%s/run", scratch);
	unlink(socket_path);
	assert_int_equal(chmod(scratch, 0755), 0);
	assert_int_equal(chown(dir, 20000, 20000), 0);
	child = listen_as(20000);
	refuses(0, ERR_REFUSED, "its directory is uid 20000");
	refuses(20001, ERR_REFUSED, "its directory is uid 20000");
	assert_int_equal(chown(dir, 0, 0), 0);
	refuses(0, ERR_REFUSED, "the socket is uid 20000");
	assert_int_equal(chown(socket_path, 0, 0), 0);
	refuses(0, ERR_REFUSED, "who listens is uid 20000");
	refuses(20001, ERR_REFUSED, "who listens is uid 20000");
	/* It is the ledger's owner. */
	assert_int_equal(client_ask(socket_path, 20000, &status_request, &a, &e), 0);
	assert_string_equal(a.document, "evil");
	answer_release(&a);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

/* What has no name in a user namespace is anybody's. */
static void nobody(void **state)
{
	pid_t child;
	char dir[80];

	(void)state;
	if (geteuid())
		skip();
	snprintf(dir, sizeof(dir), "%s/run", scratch);
	unlink(socket_path);
	assert_int_equal(chmod(scratch, 0755), 0);
	assert_int_equal(chown(dir, 65534, 65534), 0);
	child = listen_as(65534);
	refuses(65534, ERR_IO, "whether its directory is root's");
	assert_int_equal(chown(dir, 0, 0), 0);
	assert_int_equal(chown(socket_path, 0, 0), 0);
	refuses(65534, ERR_IO, "whether who listens is root's");
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

static void usual_places(void **state)
{
	CLEANUP_FREE char *roots = client_default_socket(0);
	CLEANUP_FREE char *others = client_default_socket(geteuid() + 1);

	(void)state;
	assert_string_equal(roots, "/run/layerseal/watch.sock");
	assert_string_equal(others, "/run/layerseal/watch.sock");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, watcher_start, watcher_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(asks),
	    TEST(nobody_there),
	    TEST(never_answers),
	    TEST(turned_away),
	    TEST(lies),
	    TEST(places),
	    TEST(strangers),
	    TEST(nobody),
	    cmocka_unit_test(usual_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
