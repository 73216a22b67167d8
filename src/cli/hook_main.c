/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hook_main.c: the program layerseal-hook: what runs before podman or buildah. Small and apart from layerseal,
 * because it runs before every command of theirs: it links nothing but the C library and decides in
 * microseconds that a command is no build. Before a build it has `layerseal hook check` verify.
 *
 * Its own file's name says what it is: HOOK_PREEXEC_NAME is podman's pre-exec hook (argv[1] and on are podman's
 * arguments; its exit status decides), HOOK_MOUNT_NAME the mount program of containers/storage, which
 * becomes `layerseal hook mount`, any other name that of the engine it wraps, which is the next of that
 * name in PATH and replaces this process: nothing of it is touched.
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
#include "base/proc.h"
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

#define OWN_ARGUMENTS_MAX 16

/* "layerseal --ledger ... hook VERB" */
static size_t begin_arguments(
    const struct hookfile *f, const char *verb, const char *argv[OWN_ARGUMENTS_MAX])
{
	const char *const names[] = {"--ledger", "--config", "--trust"};
	const char *const values[] = {f->ledger, f->config, f->trust};
	size_t n = 0;

	/* The environment says where the engine's store is, not which ledger to believe. */
	unsetenv("LAYERSEAL_LEDGER");
	unsetenv("LAYERSEAL_CONFIG");
	argv[n++] = f->layerseal;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (values[i]) {
			argv[n++] = names[i];
			argv[n++] = values[i];
		}
	}
	argv[n++] = "hook";
	argv[n++] = verb;
	return n;
}

static int become_layerseal(
    const struct hookfile *f, const char *const *own, size_t n, char **more)
{
	const char **all;
	size_t words = 0;

	while (more[words])
		words++;
	all = xcalloc(n + words + 1, sizeof(*all));
	memcpy(all, own, n * sizeof(*all));
	memcpy(all + n, more, words * sizeof(*all));
	execv(f->layerseal, (char **)(uintptr_t)all);
	fprintf(stderr, "layerseal: cannot run %s: %s\n", f->layerseal, strerror(errno));
	return EXIT_UNVERIFIABLE;
}

static NORETURN void become_checker(
    const struct hook *h, const struct hookfile *f, char **command)
{
	const char *argv[OWN_ARGUMENTS_MAX];
	size_t n = begin_arguments(f, "check", argv);
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	argv[n++] = "--engine";
	argv[n++] = engine_name(h->engine);
	if (f->verify_run)
		argv[n++] = "--verify-run";
	if (f->allow_remote)
		argv[n++] = "--allow-remote";
	argv[n++] = "--";
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 ||
	    dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
		fprintf(stderr, "layerseal: hook: /dev/null: %s\n", strerror(errno));
		_exit(EXIT_UNVERIFIABLE);
	}
	_exit(become_layerseal(f, argv, n, command));
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

/* True if the podman that asks was started by a guarded build, which verifies by itself. */
static bool is_guarded(const struct hookfile *f)
{
	struct stat guard, layerseal;

	return stat(f->layerseal, &layerseal) == 0 &&
	       proc_program(proc_parent(getppid()), &guard) &&
	       proc_same_program(&guard, &layerseal);
}

/* 0: the command may run. */
static int decide(const struct hook *h, bool preexec, char **command, struct err *e)
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
	if (preexec && is_guarded(&f))
		return 0;
	return run_check(h, &f, command);
}

/* ---- the mount program ---- */

/*
 * Replaces this process: then its parent is the engine, and what the engine waits for is the mount itself.
 * `podman info` asks mount programs for their version.
 */
static int become_gate(const struct hook *h, char **argv, struct err *e)
{
	CLEANUP_HOOKFILE struct hookfile f = {0};
	const char *own[OWN_ARGUMENTS_MAX];
	int r;

	if (argv[0] && strcmp(argv[0], "--version") == 0) {
		printf("%s %s\n", HOOK_MOUNT_NAME, LAYERSEAL_VERSION);
		return EXIT_CLEAN;
	}
	r = hookfile_load(h->dir, &f, e);
	return r ? r : become_layerseal(&f, own, begin_arguments(&f, "mount", own), argv);
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

/* What has been said by an error counts as a refusal. */
static int end_of(int status, const struct err *e)
{
	if (status >= 0)
		return status;
	complain(e);
	return err_exit_status(e);
}

int main(int argc, char **argv)
{
	struct hook h;
	struct err e;
	bool preexec;
	int status = find_self(&h, &e);

	if (status)
		return end_of(status, &e);
	if (argc && strcmp(h.name, HOOK_MOUNT_NAME) == 0)
		return end_of(become_gate(&h, argv + 1, &e), &e);
	preexec = strcmp(h.name, HOOK_PREEXEC_NAME) == 0;
	if (preexec)
		h.engine = ENGINE_PODMAN;
	else if (!engine_parse(h.name, &h.engine)) {
		fprintf(stderr,
		    "layerseal: %s is run as podman or buildah, or by them "
		    "(layerseal-hook(7))\n",
		    h.name);
		return EXIT_USAGE;
	}
	if (argc < (preexec ? 2 : 1))
		return EXIT_CLEAN;
	status = end_of(decide(&h, preexec, argv + preexec, &e), &e);
	return status || preexec ? status : become_engine(&h, argv);
}
