/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hook_main.c: the program layerseal-hook: what runs before podman or buildah. Small and apart from layerseal,
 * because it runs before every command of theirs: it links nothing but the C library and decides in
 * microseconds that a command is no build. Before a build it has `layerseal hook check` verify.
 *
 * Its own file's name says what it is: HOOK_PREEXEC_NAME is podman's pre-exec hook (argv[1] and on are podman's
 * arguments; its exit status decides), any other name that of the engine it wraps, which is the next
 * of that name in PATH and replaces this process: nothing of it is touched.
 *
 * Standard input and output are the engine's: they are never used.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/esc.h"
#include "guard/enginecmd.h"
#include "guard/hookfile.h"

/* What a shell says of a program that cannot be run, and of one that is not there. */
#define EXIT_CANNOT_RUN 126
#define EXIT_NOT_THERE 127

extern char **environ;

/* Keeps the mark in the program. */
static const char mark[] __attribute__((used)) = HOOK_MARK;

struct hook {
	char dir[PATH_MAX]; /* of this program's file */
	const char *name;   /* and its name there */
	struct stat self;
	enum engine engine;
};

static void complain(const struct err *why)
{
	CLEANUP_FREE char *text = esc_str(why->msg);

	fprintf(stderr, "layerseal: %s\n", text);
}

/* Not argv[0], which the caller chooses. */
static int find_self(struct hook *h, struct err *e)
{
	ssize_t len = readlink("/proc/self/exe", h->dir, sizeof(h->dir) - 1);
	char *slash;

	if (len < 0 || stat("/proc/self/exe", &h->self))
		return err_sys(e, "hook: /proc/self/exe");
	h->dir[len] = '\0';
	slash = strrchr(h->dir, '/');
	if (!slash || slash == h->dir)
		return err_set(e, ERR_IO, "hook: %s is in no directory", h->dir);
	*slash = '\0';
	h->name = slash + 1;
	return 0;
}

/* ---- the check ---- */

static NORETURN void become_checker(
    const struct hook *h, const struct hookfile *f, char **command)
{
	const char *argv[16];
	size_t n = 0, words = 0;
	const char **all;
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	/* The environment says where the engine's store is, not which ledger to believe. */
	unsetenv("LAYERSEAL_LEDGER");
	unsetenv("LAYERSEAL_CONFIG");
	argv[n++] = f->layerseal;
	for (size_t i = 0; i < 3; i++) {
		const char *const names[] = {"--ledger", "--config", "--trust"};
		const char *const values[] = {f->ledger, f->config, f->trust};

		if (values[i]) {
			argv[n++] = names[i];
			argv[n++] = values[i];
		}
	}
	argv[n++] = "hook";
	argv[n++] = "check";
	argv[n++] = "--engine";
	argv[n++] = engine_name(h->engine);
	if (f->verify_run)
		argv[n++] = "--verify-run";
	if (f->allow_remote)
		argv[n++] = "--allow-remote";
	argv[n++] = "--";
	while (command[words])
		words++;
	all = xcalloc(n + words + 1, sizeof(*all));
	memcpy(all, argv, n * sizeof(*all));
	memcpy(all + n, command, words * sizeof(*all));
	if (null >= 0 && dup2(null, STDIN_FILENO) >= 0 &&
	    dup2(STDERR_FILENO, STDOUT_FILENO) >= 0)
		execv(f->layerseal, (char **)(uintptr_t)all);
	fprintf(stderr, "layerseal: cannot run %s: %s\n", f->layerseal, strerror(errno));
	_exit(EXIT_UNVERIFIABLE);
}

/* The status of the check: 0, and only that, lets the command through. */
static int run_check(const struct hook *h, const struct hookfile *f, char **command)
{
	struct sigaction inherited, normal = {.sa_handler = SIG_DFL};
	int status = 0;
	pid_t child, done;

	/* A parent that ignores SIGCHLD has the kernel throw away how the check ended. */
	sigaction(SIGCHLD, &normal, &inherited);
	fflush(stderr);
	child = fork();
	if (child == 0)
		become_checker(h, f, command);
	do {
		done = child < 0 ? -1 : waitpid(child, &status, 0);
	} while (done < 0 && errno == EINTR);
	if (done < 0) {
		fprintf(stderr, "layerseal: hook: cannot verify: %s\n", strerror(errno));
		return EXIT_UNVERIFIABLE;
	}
	sigaction(SIGCHLD, &inherited, NULL);
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	fprintf(stderr,
	    "layerseal: hook: the verification was ended by signal %d: refused\n",
	    WTERMSIG(status));
	return EXIT_UNVERIFIABLE;
}

/* 0: the command may run. */
static int decide(const struct hook *h, char **command, struct err *e)
{
	CLEANUP_ENGINE_COMMAND struct engine_command c;
	CLEANUP_HOOKFILE struct hookfile f = {0};
	int r;

	engine_command_parse(h->engine, (const char *const *)command, &c);
	if (c.act == ENGINE_OTHER || (c.guessed && engine_is_helper(command[0])))
		return 0;
	r = hookfile_load(h->dir, &f, e);
	if (r)
		return r;
	if (c.act == ENGINE_USE && !f.verify_run)
		return 0;
	return run_check(h, &f, command);
}

/* ---- the engine ---- */

static bool is_program(const char *path, struct stat *st)
{
	return stat(path, st) == 0 && S_ISREG(st->st_mode) && access(path, X_OK) == 0;
}

/*
 * The next program of this name in PATH: behind the last entry that is this one, if there is one. So two
 * wrappers in PATH, however often, cannot call each other in circles.
 */
static char *find_engine(const struct hook *h)
{
	const char *path = getenv("PATH");
	char *found = NULL;

	for (path = path ? path : "/usr/bin:/bin"; path;) {
		size_t len = strcspn(path, ":");
		CLEANUP_FREE char *candidate =
		    len ? xasprintf("%.*s/%s", (int)len, path, h->name)
			: xasprintf("./%s", h->name);
		struct stat st;

		path = path[len] ? path + len + 1 : NULL;
		if (!is_program(candidate, &st))
			continue;
		if (st.st_dev != h->self.st_dev || st.st_ino != h->self.st_ino) {
			if (!found)
				found = take_ptr(candidate);
		} else {
			free(take_ptr(found));
		}
	}
	return found;
}

static int become_engine(const struct hook *h, char **argv)
{
	CLEANUP_FREE char *path = find_engine(h);

	if (!path) {
		fprintf(stderr, "layerseal: hook: no %s in PATH behind %s/%s\n", h->name,
		    h->dir, h->name);
		return EXIT_NOT_THERE;
	}
	execve(path, argv, environ);
	fprintf(stderr, "layerseal: hook: %s: %s\n", path, strerror(errno));
	return errno == ENOENT ? EXIT_NOT_THERE : EXIT_CANNOT_RUN;
}

int main(int argc, char **argv)
{
	struct hook h;
	struct err e;
	bool preexec;
	int status = find_self(&h, &e);

	if (status) {
		complain(&e);
		return EXIT_UNVERIFIABLE;
	}
	preexec = strcmp(h.name, HOOK_PREEXEC_NAME) == 0;
	if (preexec)
		h.engine = ENGINE_PODMAN;
	else if (!engine_parse(h.name, &h.engine)) {
		fprintf(stderr,
		    "layerseal: %s is run as podman or buildah, or by podman "
		    "(layerseal-hook(7))\n",
		    h.name);
		return EXIT_USAGE;
	}
	if (argc < (preexec ? 2 : 1))
		return EXIT_CLEAN;
	status = decide(&h, argv + preexec, &e);
	if (status < 0) {
		complain(&e);
		status = err_exit_status(&e);
	}
	return status || preexec ? status : become_engine(&h, argv);
}
