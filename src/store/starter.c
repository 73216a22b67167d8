/* SPDX-License-Identifier: Apache-2.0 */
/*
 * starter.c: see starter.h. One request, then two answers, over a SOCK_SEQPACKET pair: the process, and its
 * status. The helper does not reap the engine before its end of the socket is closed, so that until then
 * nobody else can get its process id.
 */
#include "store/starter.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "store/account.h"

#define REQUEST_MAX (4 << 20)
/* What the helper ignores, and the engine does not. */
static const int signals[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGPIPE};

struct starter {
	int socket, output;
	pid_t helper;
};

struct answer {
	int error; /* errno of exec; 0: it runs */
	pid_t pid;
	int status;
};

/* ---- the helper ---- */

/* What is to be started. */
struct request {
	struct account *whose; /* NULL: as who called */
	bool all_output;
	const char *path;
	char **argv;
};

static bool become_user(const struct account *whose)
{
	errno = EPERM;
	return !whose || account_become_here(whose);
}

/* In the child: ends as the engine, or tells why not. */
static NORETURN void become(const struct request *r, int output, int failure)
{
	int error;

	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		signal(signals[i], SIG_DFL);
	/* The signal comes last: who becomes another loses it. */
	if (become_user(r->whose) && prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 &&
	    dup2(output, STDOUT_FILENO) >= 0 &&
	    (!r->all_output || dup2(output, STDERR_FILENO) >= 0))
		execv(r->path, r->argv);
	error = errno;
	(void)!write(failure, &error, sizeof(error));
	_exit(127);
}

/* Returns when it runs, or does not. */
static void start(const struct request *r, int output, struct answer *a)
{
	int failure[2];

	if (pipe2(failure, O_CLOEXEC)) {
		a->error = errno;
		return;
	}
	a->pid = fork();
	if (a->pid == 0)
		become(r, output, failure[1]);
	if (a->pid < 0)
		a->error = errno;
	close(failure[1]);
	if (read(failure[0], &a->error, sizeof(a->error)) != sizeof(a->error) &&
	    a->pid > 0)
		a->error = 0;
	close(failure[0]);
}

/* Until the engine ends, or the other side does. */
static void attend(int socket, struct answer *a)
{
	siginfo_t info = {0};

	while (
	    waitid(P_PID, (id_t)a->pid, &info, WEXITED | WNOWAIT) < 0 && errno == EINTR)
		;
	a->status = info.si_code == CLD_EXITED ? info.si_status << 8 : info.si_status;
	(void)!send(socket, a, sizeof(*a), MSG_NOSIGNAL);
}

/* Words that end with a NUL each: flag, user, path, variables, an empty word, argv. */
static char **split(char *request, size_t len, size_t *n)
{
	char **words = xcalloc(len + 1, sizeof(*words));

	*n = 0;
	for (char *p = request; p < request + len; p += strlen(p) + 1)
		words[(*n)++] = p;
	return words;
}

static volatile pid_t engine;

/* The other side is dead. A stopped process ends only when it goes on. */
static void end_engine(int signal)
{
	(void)signal;
	if (engine > 0) {
		kill(engine, SIGTERM);
		kill(engine, SIGCONT);
	}
	_exit(0);
}

/* False: there is no such user any more. */
static bool read_request(char **words, size_t n, struct request *out)
{
	size_t i = 3;
	struct err ignored;

	for (; i < n && *words[i]; i++)
		unsetenv(words[i]);
	*out = (struct request){NULL, *words[0] == 'a', words[2], words + i + 1};
	return !*words[1] || account_find(words[1], &out->whose, &ignored) == 0;
}

static void serve(int socket, int output)
{
	CLEANUP_FREE char *bytes = xcalloc(1, REQUEST_MAX + 1);
	CLEANUP_FREE char **words = NULL;
	struct answer a = {.error = ENOENT};
	struct request r;
	size_t n;
	ssize_t len = recv(socket, bytes, REQUEST_MAX, 0);
	char byte;

	if (len <= 0)
		return;
	words = split(bytes, (size_t)len, &n);
	if (read_request(words, n, &r)) {
		a.error = 0;
		start(&r, output, &a);
	}
	close(output);
	engine = a.pid;
	if (send(socket, &a, sizeof(a), MSG_NOSIGNAL) != sizeof(a) || a.error)
		return;
	attend(socket, &a);
	(void)!recv(socket, &byte, 1, 0);
	/* Its times count for the caller, and nobody else need bury it. */
	waitpid(a.pid, NULL, 0);
}

/* The other ends of what this process was made beside: they would never be at their end. */
static void close_others(int a, int b)
{
	int low = a < b ? a : b, high = a < b ? b : a;

	if (low > STDERR_FILENO + 1)
		close_range(STDERR_FILENO + 1, (unsigned)low - 1, 0);
	if (high > low + 1)
		close_range((unsigned)low + 1, (unsigned)high - 1, 0);
	close_range((unsigned)high + 1, ~0U, 0);
}

static NORETURN void help(int socket, int output, pid_t parent)
{
	close_others(socket, output);
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		signal(signals[i], SIG_IGN);
	signal(SIGRTMIN, end_engine);
	prctl(PR_SET_PDEATHSIG, SIGRTMIN);
	if (getppid() == parent)
		serve(socket, output);
	_exit(0);
}

/* ---- this side ---- */

int starter_new(struct starter **out, struct err *e)
{
	pid_t parent = getpid();
	int sockets[2], output[2];
	struct starter *s;

	*out = NULL;
	if (pipe2(output, O_CLOEXEC))
		return err_sys(e, "pipe");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets)) {
		close(output[0]);
		close(output[1]);
		return err_sys(e, "socketpair");
	}
	setsockopt(sockets[0], SOL_SOCKET, SO_SNDBUF, &(int){REQUEST_MAX}, sizeof(int));
	s = xcalloc(1, sizeof(*s));
	*s = (struct starter){sockets[0], output[0], fork()};
	if (s->helper == 0) {
		close(sockets[0]);
		close(output[0]);
		help(sockets[1], output[1], parent);
	}
	close(sockets[1]);
	close(output[1]);
	*out = s;
	if (s->helper > 0 && fcntl(s->output, F_SETFL, O_NONBLOCK) == 0)
		return 0;
	starter_free_p(out);
	return err_sys(e, "fork");
}

void starter_free(struct starter *s)
{
	if (!s)
		return;
	close(s->socket);
	close(s->output);
	if (s->helper > 0)
		waitpid(s->helper, NULL, 0);
	free(s);
}

void starter_free_p(struct starter **s)
{
	starter_free(*s);
	*s = NULL;
}

static int add_words(struct buf *b, const char *const *words, struct err *e)
{
	int r = 0;

	for (; !r && *words; words++)
		r = buf_add(b, *words, strlen(*words) + 1, e);
	return r;
}

static int format(const struct starting *what, struct buf *out, struct err *e)
{
	const char *first[] = {
	    what->all_output ? "a" : "o", what->user ? what->user : "", what->path, NULL};
	int r = add_words(out, first, e);

	if (!r)
		r = add_words(out, what->unset, e);
	if (!r)
		r = buf_add(out, "", 1, e);
	return r ? r : add_words(out, what->argv, e);
}

int starter_ask(struct starter *s, const struct starting *what, struct err *e)
{
	CLEANUP_BUF struct buf request;
	int r;

	buf_init(&request, REQUEST_MAX);
	r = format(what, &request, e);
	if (r)
		return r;
	return send(s->socket, request.data, request.len, MSG_NOSIGNAL) ==
		       (ssize_t)request.len
		   ? 0
		   : err_sys(e, "cannot run %s", what->path);
}

int starter_answer(
    struct starter *s, const struct starting *what, pid_t *pid, struct err *e)
{
	struct answer a;

	if (recv(s->socket, &a, sizeof(a), 0) != sizeof(a))
		return err_sys(e, "cannot run %s", what->path);
	errno = a.error;
	if (a.error)
		return err_sys(e, "cannot run %s", what->path);
	*pid = a.pid;
	return 0;
}

int starter_start(
    struct starter *s, const struct starting *what, pid_t *pid, struct err *e)
{
	int r = starter_ask(s, what, e);

	return r ? r : starter_answer(s, what, pid, e);
}

int starter_output(const struct starter *s)
{
	return s->output;
}

int starter_end(const struct starter *s)
{
	return s->socket;
}

int starter_status(struct starter *s, int *status, struct err *e)
{
	struct answer a;

	if (recv(s->socket, &a, sizeof(a), 0) != sizeof(a))
		return err_set(e, ERR_IO, "the process that runs the engine is gone");
	*status = a.status;
	return 0;
}
