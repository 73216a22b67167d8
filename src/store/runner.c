/* SPDX-License-Identifier: Apache-2.0 */
/* runner.c: see runner.h. One request and one answer are one message each of a SOCK_SEQPACKET pair. */
#include "store/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/hex.h"
#include "store/libpod.h"
#include "store/rootless.h"

#define REQUEST_MAX 65536
#define WORDS_MAX 64
#define SAID_MAX 600
#define PATIENCE_SECONDS 600

struct runner {
	int fd;
	pid_t helper;
	bool has[2];
};

struct answer {
	int status; /* as of waitpid(); -1: it could not be started, or was killed for its slowness */
	char said[SAID_MAX + 1];
};

static const char *const program_names[] = {"podman", "buildah"};

/* Where distributions put them. PATH may lead to anything. */
static const char *const directories[] = {"/usr/bin", "/usr/local/bin", "/bin"};

static bool is_trusted(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == 0 &&
	       !(st.st_mode & (S_IWGRP | S_IWOTH)) && access(path, X_OK) == 0;
}

static bool find(enum runner_program p, char out[static 64])
{
	for (size_t i = 0; i < ARRAY_LEN(directories); i++) {
		snprintf(out, 64, "%s/%s", directories[i], program_names[p]);
		if (is_trusted(out))
			return true;
	}
	return false;
}

int runner_find(const char *program, char **path, struct err *e)
{
	if (strchr(program, '/')) {
		*path = xstrdup(program);
		return 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(directories); i++) {
		*path = xasprintf("%s/%s", directories[i], program);
		if (is_trusted(*path))
			return 0;
		free(take_ptr(*path));
	}
	return err_set(e, ERR_NOT_FOUND,
	    "no %s in /usr/bin, /usr/local/bin or /bin that belongs to root and that "
	    "nobody else may write",
	    program);
}

/* ---- the helper ---- */

static NORETURN void become(const struct account *whose, char **argv, int out)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (!whose)
		setpgid(0, 0);
	else if (!account_become(whose))
		_exit(127);
	if (null >= 0 && dup2(null, 0) == 0 && dup2(out, 1) == 1 && dup2(out, 2) == 2 &&
	    chdir("/") == 0)
		execv(argv[0], argv);
	_exit(127);
}

static int64_t seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* Appends to the end of what a program said, of which only so much is kept. */
static void keep_end(char said[static SAID_MAX + 1], const char *part, size_t n)
{
	size_t len = strlen(said);

	if (len + n > SAID_MAX) {
		size_t cut = len + n - SAID_MAX;

		memmove(said, said + cut, len - cut);
		len -= cut;
	}
	memcpy(said + len, part, n);
	said[len + n] = '\0';
	/* It is text from here on. */
	for (char *nul = said; (nul = memchr(nul, '\0', (size_t)(said + len + n - nul)));)
		*nul = '?';
}

/* What there is to read now; false at its end. */
static bool hear(int fd, char said[static SAID_MAX + 1])
{
	char part[SAID_MAX];
	ssize_t n;

	while ((n = read(fd, part, sizeof(part))) > 0)
		keep_end(said, part, (size_t)n);
	return n < 0;
}

/*
 * Until the program ends, not until its output does: podman leaves a process behind that may hold it.
 * False: it takes too long.
 */
static bool attend(int fd, pid_t child, struct answer *a)
{
	int64_t until = seconds_now() + PATIENCE_SECONDS;
	bool open = true;

	while (seconds_now() < until) {
		struct pollfd p = {.fd = open ? fd : -1, .events = POLLIN};
		pid_t ended;

		poll(&p, 1, 20);
		ended = waitpid(child, &a->status, WNOHANG);
		open = open && hear(fd, a->said);
		if (ended == child)
			return true;
	}
	return false;
}

static void start_and_wait(const struct account *whose, char **argv, struct answer *a)
{
	int fds[2];
	pid_t child;

	a->status = -1;
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK))
		return;
	child = fork();
	if (child == 0)
		become(whose, argv, fds[1]);
	close(fds[1]);
	if (child > 0 && !attend(fds[0], child, a)) {
		kill(-child, SIGKILL);
		waitpid(child, NULL, 0);
		a->status = -1;
	}
	close(fds[0]);
}

/* The request: which program, then words that end with a NUL each; the first is the user, "" for our own. */
static void serve(char *request, size_t len, struct answer *a)
{
	CLEANUP_ACCOUNT struct account *whose = NULL;
	char path[64], *argv[WORDS_MAX + 1], *user = request + 1;
	struct err e;
	size_t n = 1;

	if (len < 2 || request[len - 1] || (unsigned char)request[0] > RUN_BUILDAH ||
	    !find((enum runner_program)request[0], path) ||
	    (*user && account_find(user, &whose, &e)))
		return;
	argv[0] = path;
	for (char *word = user + strlen(user) + 1; word < request + len && n < WORDS_MAX;
	     word += strlen(word) + 1)
		argv[n++] = word;
	argv[n] = NULL;
	start_and_wait(whose, argv, a);
}

static NORETURN void help(int fd, pid_t parent)
{
	static char request[REQUEST_MAX];
	ssize_t n;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	signal(SIGPIPE, SIG_IGN);
	if (getppid() != parent)
		_exit(0);
	account_environment(NULL);
	while ((n = recv(fd, request, sizeof(request), 0)) > 0) {
		struct answer a = {.status = -1};

		serve(request, (size_t)n, &a);
		if (send(fd, &a, sizeof(a), 0) != sizeof(a))
			break;
	}
	_exit(0);
}

/* ---- this side ---- */

int runner_start(struct runner **out, struct err *e)
{
	pid_t parent = getpid();
	struct runner *en;
	int fds[2];

	*out = NULL;
	/* Inside a user namespace podman would take itself for root's. */
	if (geteuid() == 0 && rootless_namespace())
		return 0;
	en = xcalloc(1, sizeof(*en));
	for (enum runner_program p = RUN_PODMAN; p <= RUN_BUILDAH; p++) {
		char path[64];

		en->has[p] = find(p, path);
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds)) {
		free(en);
		return err_sys(e, "socketpair");
	}
	en->helper = fork();
	if (en->helper == 0) {
		close(fds[0]);
		help(fds[1], parent);
	}
	close(fds[1]);
	en->fd = fds[0];
	*out = en;
	if (en->helper > 0)
		return 0;
	runner_free_p(out);
	return err_sys(e, "fork");
}

void runner_free(struct runner *en)
{
	if (!en)
		return;
	close(en->fd);
	if (en->helper > 0)
		waitpid(en->helper, NULL, 0);
	free(en);
}

void runner_free_p(struct runner **en)
{
	runner_free(*en);
	*en = NULL;
}

bool runner_has(const struct runner *en, enum runner_program p)
{
	return en && en->has[p];
}

static int add_word(struct buf *request, const char *word, struct err *e)
{
	return buf_add(request, word, strlen(word) + 1, e);
}

static int add_option(
    struct buf *request, const char *option, const char *value, struct err *e)
{
	int r = value ? add_word(request, option, e) : 0;

	return value && !r ? add_word(request, value, e) : r;
}

static int write_request(struct buf *request, enum runner_program p,
    const struct store *store, const char *const words[], const char *id, struct err *e)
{
	const struct store_config *c = store->config;
	bool unnamed = p == RUN_PODMAN && libpod_leaves_driver(store);
	char number = (char)p;
	int r = buf_add(request, &number, 1, e);

	if (!r)
		r = add_word(request, c->account ? c->account->name : "", e);
	if (!r)
		r = add_option(request, "--root", c->graphroot, e);
	if (!r)
		r = add_option(request, "--runroot", c->runroot, e);
	if (!r && !unnamed)
		r = add_option(
		    request, "--storage-driver", store_driver_name(c->driver), e);
	if (!r)
		r = add_option(request, "--imagestore", c->imagestore, e);
	for (size_t i = 0; !r && i < c->n_additional; i++) {
		CLEANUP_FREE char *value =
		    xasprintf(".additionalimagestore=%s", c->additional[i]);

		r = add_option(request, "--storage-opt", value, e);
	}
	for (; !r && *words; words++)
		r = add_word(request, *words, e);
	return r ? r : add_word(request, id, e);
}

/* The last line of what a program said. */
static char *last_line(char *said)
{
	size_t len = strlen(said);
	char *lf;

	while (len && said[len - 1] == '\n')
		said[--len] = '\0';
	lf = strrchr(said, '\n');
	return lf ? lf + 1 : said;
}

int runner_run(struct runner *en, enum runner_program p, const struct store *store,
    const char *const words[], const char *id, struct err *e)
{
	CLEANUP_BUF struct buf request;
	struct answer a;
	int r;

	buf_init(&request, REQUEST_MAX);
	if (!hex_is(id, ID_LEN) || strlen(id) != ID_LEN)
		return err_set(e, ERR_INTERNAL, "%s: no id", program_names[p]);
	if (!runner_has(en, p))
		return err_set(e, ERR_NOT_FOUND, "%s is not installed", program_names[p]);
	r = write_request(&request, p, store, words, id, e);
	if (r)
		return r;
	if (send(en->fd, request.data, request.len, MSG_NOSIGNAL) !=
		(ssize_t)request.len ||
	    recv(en->fd, &a, sizeof(a), 0) != sizeof(a))
		return err_set(
		    e, ERR_IO, "the process that runs %s is gone", program_names[p]);
	if (WIFEXITED(a.status) && WEXITSTATUS(a.status) == 0)
		return 0;
	a.said[SAID_MAX] = '\0';
	return err_set(e, ERR_STORE, "%s %s %.12s failed: %s", program_names[p], words[0],
	    id,
	    a.status == -1 ? "it does not start, or does not end" : last_line(a.said));
}
