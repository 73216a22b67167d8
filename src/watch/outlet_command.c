/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outlet_command.c: see outlet_impl.h. What the command reads is a file in memory: no pipe that fills up, none that
 * breaks when it does not read. It runs in a session of its own, so that all it started ends with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "watch/outlet_impl.h"

struct command {
	const char *path; /* borrowed */
	int64_t interval_ms, next_ms, started_ms;
	pid_t pid;		/* 0: none runs */
	bool killed;		/* it took too long */
	struct jsonout pending; /* an array that is still open */
	size_t n;		/* notices in it */
	uint64_t left_out;	/* for which there was no room */
};

static void clear(struct command *c)
{
	jsonout_release(&c->pending);
	jsonout_init(&c->pending);
	jsonout_begin(&c->pending, NULL, '[');
	c->n = 0;
	c->left_out = 0;
}

int command_new(
    const char *path, unsigned interval_s, struct command **out, struct err *e)
{
	*out = NULL;
	if (fs_check_program(path, e)) {
		err_wrap(e, "alarm-command %s", path);
		e->code = ERR_USAGE;
		return ERR_USAGE;
	}
	*out = xcalloc(1, sizeof(**out));
	**out = (struct command){.path = path,
	    .interval_ms = (int64_t)interval_s * 1000,
	    .next_ms = INT64_MIN};
	clear(*out);
	return 0;
}

/* Alarms, and what keeps the watcher from raising them. */
static bool is_for_command(enum notice_kind k)
{
	return k == NOTICE_ALARM || k == NOTICE_UNVERIFIABLE;
}

void command_tell(struct command *c, const struct notice *n)
{
	if (!c || !is_for_command(n->kind == NOTICE_FOLDED ? n->folded : n->kind))
		return;
	if (c->n == COMMAND_NOTICES_MAX) {
		c->left_out += n->kind == NOTICE_FOLDED ? n->count : 1;
		return;
	}
	notice_json(&c->pending, n);
	c->n++;
}

/* ---- running it ---- */

static char *as_folded(uint64_t count)
{
	struct notice n = {.kind = NOTICE_FOLDED, .folded = NOTICE_ALARM, .count = count};
	CLEANUP_JSONOUT struct jsonout j;

	n.time_ms = clock_ms(CLOCK_REALTIME);
	jsonout_init(&j);
	notice_json(&j, &n);
	return buf_take(&j.text);
}

/* The pending notices as a file at its beginning, or -1. */
static int as_file(struct command *c, struct err *e)
{
	CLEANUP_FD int fd = memfd_create("layerseal-alarms", MFD_CLOEXEC);
	CLEANUP_FREE char *folded = c->left_out ? as_folded(c->left_out) : NULL;
	CLEANUP_FREE char *text = xasprintf(
	    "%s%s%s]\n", c->pending.text.data, folded ? "," : "", folded ? folded : "");

	if (fd < 0)
		return err_sys(e, "memory for its input");
	if (fs_write_all(fd, text, strlen(text), e))
		return ERR_IO;
	if (lseek(fd, 0, SEEK_SET))
		return err_sys(e, "memory for its input");
	return take_fd(&fd);
}

/* Both go where our own words for people go; standard output may be lines for a program. */
static int set_files(posix_spawn_file_actions_t *f, int input)
{
	int r = posix_spawn_file_actions_adddup2(f, input, STDIN_FILENO);

	if (!r && fcntl(STDERR_FILENO, F_GETFD) < 0)
		r = posix_spawn_file_actions_addopen(
		    f, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	if (!r)
		r = posix_spawn_file_actions_adddup2(f, STDERR_FILENO, STDOUT_FILENO);
	if (!r)
		r = posix_spawn_file_actions_addclosefrom_np(f, STDERR_FILENO + 1);
	return r ? r : posix_spawn_file_actions_addchdir_np(f, "/");
}

static int set_attributes(posix_spawnattr_t *a)
{
	sigset_t none, all;
	int r = posix_spawnattr_setflags(
	    a, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

	sigemptyset(&none);
	sigfillset(&all);
	if (!r)
		r = posix_spawnattr_setsigmask(a, &none);
	return r ? r : posix_spawnattr_setsigdefault(a, &all);
}

/* "NAME=" if it is not set: one pointer each in any case. */
static char *variable(const char *name)
{
	const char *value = getenv(name);

	return xasprintf("%s=%s", name, value ? value : "");
}

static int spawn(const char *path, int input, pid_t *pid, struct err *e)
{
	static char search[] =
	    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	static char language[] = "LANG=C.UTF-8";
	CLEANUP_FREE char *home = variable("HOME");
	CLEANUP_FREE char *runtime = variable("XDG_RUNTIME_DIR");
	char *const environment[] = {search, language, home, runtime, NULL};
	CLEANUP_FREE char *name = xstrdup(path);
	char *const arguments[] = {name, NULL};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	int r;

	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&attributes);
	r = set_files(&files, input);
	if (!r)
		r = set_attributes(&attributes);
	if (!r)
		r = posix_spawn(pid, path, &files, &attributes, arguments, environment);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attributes);
	errno = r;
	return r ? err_sys(e, "start") : 0;
}

/* What is pending stays so if it cannot be started. */
static int start(struct command *c, struct err *e)
{
	CLEANUP_FD int input = -1;
	int r = fs_check_program(c->path, e);

	if (r)
		return r;
	input = as_file(c, e);
	if (input < 0)
		return input;
	r = spawn(c->path, input, &c->pid, e);
	if (r)
		c->pid = 0;
	else
		clear(c);
	return r;
}

/* True: it did not do what it should. What it started ends with it only if it took too long. */
static bool look_after(struct command *c, int64_t now_ms, struct err *e)
{
	int status;
	pid_t ended = waitpid(c->pid, &status, WNOHANG);

	if (ended == 0 && (c->killed || now_ms - c->started_ms < COMMAND_LIMIT_MS))
		return false;
	if (ended == 0) {
		kill(-c->pid, SIGKILL);
		c->killed = true;
		err_set(e, ERR_IO, "took longer than %d s", COMMAND_LIMIT_MS / 1000);
		return true;
	}
	c->pid = 0;
	if (ended < 0 || c->killed || (WIFEXITED(status) && WEXITSTATUS(status) == 0))
		return false;
	if (WIFSIGNALED(status))
		err_set(e, ERR_IO, "ended by signal %d", WTERMSIG(status));
	else
		err_set(e, ERR_IO, "ended with status %d", WEXITSTATUS(status));
	return true;
}

bool command_tick(struct command *c, int64_t now_ms, struct err *e)
{
	if (!c)
		return false;
	if (c->pid && look_after(c, now_ms, e)) {
		err_wrap(e, "alarm-command %s", c->path);
		return true;
	}
	if (c->pid || c->n == 0 || now_ms < c->next_ms)
		return false;
	c->started_ms = now_ms;
	c->killed = false;
	c->next_ms = now_ms + c->interval_ms;
	if (!start(c, e))
		return false;
	err_wrap(e, "alarm-command %s", c->path);
	return true;
}

static void wait_for_end(struct command *c)
{
	static const struct timespec pause = {.tv_nsec = 10000000};

	for (int i = 0; c->pid && i < COMMAND_LAST_MS / 10; i++) {
		if (waitpid(c->pid, NULL, WNOHANG) != 0)
			c->pid = 0;
		else
			nanosleep(&pause, NULL);
	}
	if (!c->pid)
		return;
	kill(-c->pid, SIGKILL);
	while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
		;
	c->pid = 0;
}

void command_free(struct command *c)
{
	struct err ignored;

	if (!c)
		return;
	wait_for_end(c);
	if (c->n > 0 && start(c, &ignored) == 0)
		wait_for_end(c);
	jsonout_release(&c->pending);
	free(c);
}
