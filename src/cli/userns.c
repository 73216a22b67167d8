/* SPDX-License-Identifier: Apache-2.0 */
/*
 * userns.c: the user namespace of a rootless store. podman maps id 0 to the user and 1... to the
 * user's ranges in /etc/subuid and /etc/subgid, in order; newuidmap(1) and newgidmap(1), which check
 * that the user may, write the maps. A helper process calls them because they must run outside.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "cli/cli.h"

#define RANGES_MAX 64

struct id_map {
	char words[3 * RANGES_MAX + 3][12]; /* "inside outside count" triples */
	size_t n;
};

static void add_range(
    struct id_map *m, unsigned long inside, unsigned long outside, unsigned long count)
{
	snprintf(m->words[m->n++], sizeof(m->words[0]), "%lu", inside);
	snprintf(m->words[m->n++], sizeof(m->words[0]), "%lu", outside);
	snprintf(m->words[m->n++], sizeof(m->words[0]), "%lu", count);
}

/* Lines "name-or-id:first:count" of the user. */
static void read_ranges(
    const char *file, const char *user, unsigned long id, struct id_map *m)
{
	FILE *f = fopen(file, "re");
	char line[512], owner[256], decimal[24];
	unsigned long first, count, inside = 1;

	snprintf(decimal, sizeof(decimal), "%lu", id);
	while (f && fgets(line, sizeof(line), f) && m->n < 3 * RANGES_MAX) {
		if (sscanf(line, "%255[^:]:%9lu:%9lu", owner, &first, &count) != 3)
			continue;
		if (strcmp(owner, user) != 0 && strcmp(owner, decimal) != 0)
			continue;
		add_range(m, inside, first, count);
		inside += count;
	}
	if (f)
		fclose(f);
}

static NORETURN void exec_map(const char *tool, pid_t target, struct id_map *m)
{
	char *argv[3 * RANGES_MAX + 6], pid[24];
	size_t n = 0;

	snprintf(pid, sizeof(pid), "%ld", (long)target);
	argv[n++] = xstrdup(tool);
	argv[n++] = pid;
	for (size_t i = 0; i < m->n; i++)
		argv[n++] = m->words[i];
	argv[n] = NULL;
	execvp(tool, argv);
	_exit(127);
}

static int run_map(const char *tool, pid_t target, struct id_map *m)
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
    int pipe_fd, pid_t target, struct id_map *uids, struct id_map *gids)
{
	char byte;

	if (read(pipe_fd, &byte, 1) != 1)
		_exit(1);
	if (run_map("newuidmap", target, uids) || run_map("newgidmap", target, gids))
		_exit(1);
	_exit(0);
}

static int enter(struct id_map *uids, struct id_map *gids, struct err *e)
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
}

int userns_enter(const struct cli *c, struct err *e)
{
	struct id_map uids = {0}, gids = {0};
	struct passwd *pw;

	if (geteuid() == 0)
		return 0;
	pw = getpwuid(geteuid());
	if (!pw)
		return err_set(e, ERR_IO, "uid %u has no user name", geteuid());
	note_trust(c);
	add_range(&uids, 0, geteuid(), 1);
	add_range(&gids, 0, getegid(), 1);
	read_ranges("/etc/subuid", pw->pw_name, geteuid(), &uids);
	read_ranges("/etc/subgid", pw->pw_name, getegid(), &gids);
	return enter(&uids, &gids, e);
}
