/* SPDX-License-Identifier: Apache-2.0 */
/*
 * userns.c: the user namespace of a rootless store. podman maps id 0 to the user and 1... to the
 * user's ranges in /etc/subuid and /etc/subgid, in order; newuidmap(1) and newgidmap(1), which check
 * that the user may, write the maps. A helper process calls them because they must run outside.
 */
#include <errno.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "cli/cli.h"

static NORETURN void exec_map(const char *tool, pid_t target, const struct idmap *m)
{
	char *argv[3 * IDMAP_RANGES_MAX + 3], pid[24], *word, *rest;
	CLEANUP_BUF struct buf text;
	struct err e;
	size_t n = 0;

	snprintf(pid, sizeof(pid), "%ld", (long)target);
	argv[n++] = xstrdup(tool);
	argv[n++] = pid;
	buf_init(&text, IDMAP_TEXT_MAX);
	if (idmap_lines(m, &text, &e))
		_exit(127);
	rest = text.data;
	while ((word = strsep(&rest, " \n")) && *word)
		argv[n++] = word;
	argv[n] = NULL;
	execvp(tool, argv);
	_exit(127);
}

static int run_map(const char *tool, pid_t target, const struct idmap *m)
{
	pid_t child = fork();
	int status;

	if (child == 0)
		exec_map(tool, target, m);
	if (child < 0 || waitpid(child, &status, 0) < 0)
		return -1;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

/* Waits until the parent is in its new namespace (end of the pipe), then writes the maps. */
static NORETURN void helper(
    int pipe_fd, pid_t target, struct idmap *uids, struct idmap *gids)
{
	char byte;

	if (read(pipe_fd, &byte, 1) != 1)
		_exit(1);
	if (run_map("newuidmap", target, uids) || run_map("newgidmap", target, gids))
		_exit(1);
	_exit(0);
}

static int enter(struct idmap *uids, struct idmap *gids, struct err *e)
{
	int fds[2], status;
	pid_t self = getpid(), child;
	bool entered;

	if (pipe(fds))
		return err_sys(e, "pipe");
	child = fork();
	if (child < 0)
		return err_sys(e, "fork");
	if (child == 0) {
		close(fds[1]);
		helper(fds[0], self, uids, gids);
	}
	close(fds[0]);
	entered = unshare(CLONE_NEWUSER) == 0 && write(fds[1], "x", 1) == 1;
	close(fds[1]);
	if (waitpid(child, &status, 0) < 0 || !entered)
		return err_sys(e, "cannot make a user namespace");
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return err_set(e, ERR_IO,
		    "newuidmap or newgidmap failed: is package uidmap installed, "
		    "and the user in /etc/subuid and /etc/subgid?");
	if (setresgid(0, 0, 0) || setresuid(0, 0, 0))
		return err_sys(e, "cannot become root in the user namespace");
	return 0;
}

static void note_trust(const struct cli *c)
{
	CLEANUP_FREE char *trust = NULL;
	struct anchor_settings anchors;
	struct err ignored;

	if (cli_trust_file(c, &trust, &ignored) ||
	    cli_anchor_settings(c, &anchors, &ignored))
		return;
	fs_note_root(trust);
	for (size_t i = 0; i < anchors.n; i++)
		fs_note_root(anchors.v[i].path);
	if (c->config.watch.alarm_command)
		fs_note_root(c->config.watch.alarm_command);
}

int userns_enter(const struct cli *c, struct err *e)
{
	struct idmap uids, gids;
	struct passwd *pw;

	if (geteuid() == 0)
		return 0;
	pw = getpwuid(geteuid());
	if (!pw)
		return err_set(e, ERR_IO, "uid %u has no user name", geteuid());
	note_trust(c);
	idmap_read("/etc/subuid", pw->pw_name, geteuid(), geteuid(), &uids);
	idmap_read("/etc/subgid", pw->pw_name, geteuid(), getegid(), &gids);
	return enter(&uids, &gids, e);
}
