/* SPDX-License-Identifier: Apache-2.0 */
/* account.c: see account.h. */
#include "store/account.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "store/rootless.h"

int account_find(const char *name, struct account **out, struct err *e)
{
	const struct passwd *pw;
	struct account *a;

	*out = NULL;
	if (geteuid() != 0 || rootless_namespace())
		return err_set(e, ERR_USAGE,
		    "only root, outside of user namespaces, can look after the store of "
		    "user %s",
		    name);
	errno = 0;
	pw = getpwnam(name);
	if (!pw && errno)
		return err_sys(e, "user %s", name);
	if (!pw)
		return err_set(e, ERR_USAGE, "there is no user %s", name);
	if (pw->pw_uid == 0)
		return err_set(
		    e, ERR_USAGE, "user %s is root, whose store needs no --user", name);
	a = xcalloc(1, sizeof(*a));
	*a = (struct account){.name = xstrdup(pw->pw_name),
	    .home = xstrdup(pw->pw_dir),
	    .uid = pw->pw_uid,
	    .gid = pw->pw_gid};
	idmap_read("/etc/subuid", a->name, a->uid, a->uid, &a->uids);
	idmap_read("/etc/subgid", a->name, a->uid, a->gid, &a->gids);
	*out = a;
	return 0;
}

void account_free(struct account *a)
{
	if (!a)
		return;
	free(a->name);
	free(a->home);
	free(a);
}

void account_free_p(struct account **a)
{
	account_free(*a);
	*a = NULL;
}

void account_environment(const struct account *a)
{
	uid_t uid = a ? a->uid : geteuid();
	const struct passwd *pw = a ? NULL : getpwuid(uid);
	CLEANUP_FREE char *home = xstrdup(a ? a->home : pw ? pw->pw_dir : "/");
	char runtime[64];
	struct stat st;

	snprintf(runtime, sizeof(runtime), "/run/user/%u", uid);
	clearenv();
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("HOME", home, 1);
	setenv("LC_ALL", "C.UTF-8", 1);
	if (uid && lstat(runtime, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == uid)
		setenv("XDG_RUNTIME_DIR", runtime, 1);
}

bool account_become(const struct account *a)
{
	/* In its own session it cannot reach the terminal of root's. */
	if ((setsid() < 0 && errno != EPERM) || initgroups(a->name, a->gid) ||
	    setresgid(a->gid, a->gid, a->gid) || setresuid(a->uid, a->uid, a->uid) ||
	    chdir("/"))
		return false;
	umask(022);
	account_environment(a);
	return geteuid() == a->uid && getegid() == a->gid && setresuid(0, 0, 0) != 0;
}

bool account_become_here(const struct account *a)
{
	CLEANUP_FD int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	return here >= 0 && account_become(a) && fchdir(here) == 0;
}
