/* SPDX-License-Identifier: Apache-2.0 */
/* view.c: see view.h. */
#include "store/view.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "store/mountinfo.h"

/* ---- the user namespace: a child makes it, and ends once its descriptor is held ---- */

static NORETURN void child(int ready_fd)
{
	char ok = unshare(CLONE_NEWUSER) == 0 ? 0 : (char)errno;

	if (write(ready_fd, &ok, 1) == 1)
		pause();
	_exit(1);
}

static int write_map(pid_t pid, const char *name, const struct idmap *m, struct err *e)
{
	CLEANUP_BUF struct buf text;
	CLEANUP_FD int fd = -1;
	char path[64];
	int r;

	buf_init(&text, IDMAP_TEXT_MAX);
	r = idmap_inverse_lines(m, &text, e);
	if (r)
		return r;
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	/* One write, or the kernel takes none of it. */
	if (fd < 0 || write(fd, text.data, text.len) != (ssize_t)text.len)
		return err_sys(e, "cannot write %s", name);
	return 0;
}

static int map_and_open(pid_t pid, const struct account *a, int *out_fd, struct err *e)
{
	char path[64];
	int r = write_map(pid, "uid_map", &a->uids, e);

	if (!r)
		r = write_map(pid, "gid_map", &a->gids, e);
	if (r)
		return r;
	snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
	*out_fd = open(path, O_RDONLY | O_CLOEXEC);
	return *out_fd < 0 ? err_sys(e, "%s", path) : 0;
}

int view_namespace(const struct account *a, int *out_fd, struct err *e)
{
	char ok = (char)EIO;
	int fds[2], r;
	pid_t pid;

	*out_fd = -1;
	if (pipe2(fds, O_CLOEXEC))
		return err_sys(e, "pipe");
	pid = fork();
	if (pid == 0)
		child(fds[1]);
	close(fds[1]);
	if (pid < 0 || read(fds[0], &ok, 1) != 1 || ok) {
		errno = pid < 0 ? errno : ok;
		r = err_sys(e, "cannot make a user namespace");
	} else {
		r = map_and_open(pid, a, out_fd, e);
	}
	close(fds[0]);
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	return r ? err_wrap(e, "the ids of user %s", a->name) : 0;
}

/* ---- what is mounted below ---- */

struct search {
	const char *word;
	char *found;
};

static bool match(void *ctx, const char *point, const char *rest)
{
	struct search *s = ctx;

	if (s->word && !strstr(rest, s->word))
		return true;
	s->found = xstrdup(point);
	return false;
}

/* A mount point below `path`, with `word` in its line if that is not NULL; heap. NULL: none. */
static int find_mount(const char *path, const char *word, char **out, struct err *e)
{
	struct search s = {.word = word};
	int r = mountinfo_below("/proc/self/mountinfo", path, match, &s, e);

	*out = s.found;
	return r;
}

/* A copy of several mounts has none of those that may not be copied. */
static int check_hidden(const char *path, struct err *e)
{
	CLEANUP_FREE char *point = NULL;
	int r = find_mount(path, " unbindable ", &point, e);

	if (r || !point)
		return r;
	return err_set(e, ERR_STORE,
	    "%s: %s below it is an unbindable mount, which cannot be looked into for "
	    "another user",
	    path, point);
}

/* ---- the view ---- */

static int open_by_path(const char *path, int flags, int *out_fd, struct err *e)
{
	CLEANUP_FD int top = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	const char *below = path + strspn(path, "/");
	int r;

	if (top < 0)
		return err_sys(e, "/");
	r = fs_open(top, *below ? below : ".", flags | O_DIRECTORY, out_fd, e);
	if (r && errno == ELOOP)
		return err_set(e, ERR_STORE,
		    "%s: its path leads through a symbolic link, which is not followed "
		    "for another user: name the directory itself",
		    path);
	return r;
}

int view_open_plainly(const char *path, int *out_fd, struct err *e)
{
	return open_by_path(path, O_RDONLY, out_fd, e);
}

static int cannot_map(const char *path, enum view_depth depth, struct err *e)
{
	CLEANUP_FREE char *point = NULL;
	int error = errno;
	struct err ignored;

	if (depth == VIEW_WHOLE)
		(void)!find_mount(path, NULL, &point, &ignored);
	errno = error;
	err_sys(e, "%s%s%s: no view of it with the ids of its user%s", path,
	    point ? " with what is mounted at " : "", point ? point : "",
	    error == EINVAL   ? ": its file system, or this kernel's version of it, has "
				"no id-mapped mounts"
	    : error == EPERM  ? ": it is on a mount that is id-mapped already, or not "
				"of this user namespace"
	    : error == ENOSYS ? ": id-mapped mounts need Linux 5.12"
			      : "");
	return e->code = ERR_STORE;
}

int view_open(
    int namespace_fd, const char *path, enum view_depth depth, int *out_fd, struct err *e)
{
	unsigned deep = depth == VIEW_WHOLE ? AT_RECURSIVE : 0;
	struct mount_attr attributes = {
	    .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)namespace_fd};
	CLEANUP_FD int plain = -1;
	CLEANUP_FD int tree = -1;
	int r = open_by_path(path, O_PATH, &plain, e);

	*out_fd = -1;
	if (!r && depth == VIEW_WHOLE)
		r = check_hidden(path, e);
	if (r)
		return r;
	tree = (int)syscall(SYS_open_tree, plain, "",
	    AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | deep);
	if (tree < 0 || syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH | deep,
			    &attributes, sizeof(attributes)))
		return cannot_map(path, depth, e);
	/* What open_tree() gives is a path only. */
	return fs_open_dir(tree, ".", out_fd, e);
}
