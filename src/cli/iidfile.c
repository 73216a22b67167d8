/* SPDX-License-Identifier: Apache-2.0 */
/* iidfile.c: see iidfile.h. */
#include "cli/iidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"

static int put(const char *path, const char *text, struct err *e)
{
	CLEANUP_FD int fd =
	    open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY | O_CLOEXEC, 0644);

	if (fd < 0)
		return err_sys(e, "--iidfile %s", path);
	return fs_write_all(fd, text, strlen(text), e);
}

/* What the user can write to is written to by a process of the user. */
static int put_as(
    const struct account *user, const char *path, const char *text, struct err *e)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		errno = EPERM;
		if (account_become_here(user) && put(path, text, e) == 0)
			_exit(0);
		_exit(errno > 0 && errno < 256 ? errno : EIO);
	}
	if (child < 0)
		return err_sys(e, "fork");
	while (waitpid(child, &status, 0) < 0) {
		if (errno != EINTR)
			return err_sys(e, "waitpid");
	}
	if (status == 0)
		return 0;
	errno = WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
	return err_sys(e, "--iidfile %s", path);
}

int iidfile_write(const struct account *user, const char *path, const char *prefix,
    const char *id, struct err *e)
{
	CLEANUP_FREE char *text = xasprintf("%s%s", prefix, id);

	return user ? put_as(user, path, text, e) : put(path, text, e);
}
