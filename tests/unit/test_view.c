/* SPDX-License-Identifier: Apache-2.0 */
/* test_view.c: becoming another user, and seeing a directory with that user's ids. Needs root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fs.h"
#include "store/store.h"
#include "store/view.h"

static struct account *nobody; /* NULL: not root, or there is no such user */
static char top[64];

static int setup(void **state)
{
	struct err e;

	(void)state;
	snprintf(top, sizeof(top), "/var/tmp/test_view.XXXXXX");
	if (!mkdtemp(top) || chmod(top, 0755))
		return -1;
	if (account_find("nobody", &nobody, &e))
		return 0;
	nobody->uids = nobody->gids =
	    (struct idmap){.v = {{nobody->uid, 1}, {700000, 1000}}, .n = 2};
	return 0;
}

static int teardown(void **state)
{
	CLEANUP_FREE char *command = xasprintf("rm -rf '%s'", top);

	(void)state;
	account_free_p(&nobody);
	return system(command);
}

static char *at(const char *name)
{
	return xasprintf("%s/%s", top, name);
}

static void make_file(const char *name, uid_t uid)
{
	CLEANUP_FREE char *path = at(name);
	CLEANUP_FD int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(fchown(fd, uid, uid), 0);
}

static uid_t uid_of(int dir, const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_uid, st.st_gid);
	return st.st_uid;
}

static void who_it_can_be(void **state)
{
	CLEANUP_ACCOUNT struct account *a = NULL;
	struct err e;

	(void)state;
	if (geteuid() != 0) {
		assert_int_equal(account_find("nobody", &a, &e), ERR_USAGE);
		return;
	}
	assert_int_equal(account_find("root", &a, &e), ERR_USAGE);
	assert_null(a);
	assert_int_equal(account_find("nobody-of-that-name", &a, &e), ERR_USAGE);
}

/* What a process is that has become the user; 0 if all is right. */
static int become(void)
{
	gid_t groups[64];
	int n;

	setenv("MARKER", "root's", 1);
	setenv("CONTAINERS_STORAGE_CONF", "root's", 1);
	umask(0);
	if (!account_become(nobody))
		return 1;
	n = getgroups(64, groups);
	for (int i = 0; i < n; i++) {
		if (groups[i] == 0)
			return 2;
	}
	if (getuid() != nobody->uid || getgid() != nobody->gid || getsid(0) != getpid())
		return 3;
	if (getenv("MARKER") || getenv("CONTAINERS_STORAGE_CONF") ||
	    strcmp(getenv("HOME"), nobody->home) != 0 || getenv("XDG_RUNTIME_DIR"))
		return 4;
	if (open("/dev/tty", O_RDWR) >= 0 || umask(0) != 022)
		return 5;
	/* The user's other processes cannot look into it, and it cannot come back. */
	if (prctl(PR_GET_DUMPABLE) != 0 || setuid(0) == 0 || setgid(0) == 0)
		return 6;
	return open("/etc/shadow", O_RDONLY) >= 0 ? 7 : 0;
}

static void becoming(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	if (!nobody)
		skip();
	pid = fork();
	if (pid == 0)
		_exit(become());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void ids(void **state)
{
	CLEANUP_FREE char *mine = at("mine");
	CLEANUP_FREE char *made = at("made");
	CLEANUP_FD int space = -1;
	CLEANUP_FD int fd = -1;
	struct stat st, seen;
	struct err e;

	(void)state;
	if (!nobody)
		skip();
	make_file("mine", nobody->uid);
	make_file("first", 700000);
	make_file("last", 700999);
	make_file("after", 701000);
	make_file("root", 0);
	assert_int_equal(view_namespace(nobody, &space, &e), 0);
	assert_int_equal(view_open(space, top, VIEW_WHOLE, &fd, &e), 0);
	assert_int_equal(uid_of(fd, "mine"), 0);
	assert_int_equal(uid_of(fd, "first"), 1);
	assert_int_equal(uid_of(fd, "last"), 1000);
	/* Of nobody in the namespace, and yet not the same. */
	assert_true(uid_of(fd, "root") > 1000 && uid_of(fd, "after") > 1000);
	assert_int_not_equal(uid_of(fd, "root"), uid_of(fd, "after"));
	/* The same file, made by the user. */
	assert_int_equal(stat(mine, &st), 0);
	assert_int_equal(fstatat(fd, "mine", &seen, 0), 0);
	assert_true(st.st_ino == seen.st_ino && st.st_dev == seen.st_dev);
	assert_int_equal(mkdirat(fd, "made", 0700), 0);
	assert_int_equal(stat(made, &st), 0);
	assert_int_equal(st.st_uid, nobody->uid);
	assert_int_equal(unlinkat(fd, "made", AT_REMOVEDIR), 0);
}

/* The capabilities of a file that the user's namespace gave: with the user as its root. */
static void capabilities(void **state)
{
	const uint32_t v3[6] = {0x03000001, 1 << 13, 0, 0, 0, nobody ? nobody->uid : 0};
	CLEANUP_FREE char *path = at("capable");
	CLEANUP_FD int space = -1;
	CLEANUP_FD int dir = -1;
	CLEANUP_FD int fd = -1;
	uint32_t got[6];
	struct err e;

	(void)state;
	if (!nobody)
		skip();
	make_file("capable", nobody->uid);
	if (setxattr(path, "security.capability", v3, sizeof(v3), 0))
		skip();
	assert_int_equal(view_namespace(nobody, &space, &e), 0);
	assert_int_equal(view_open(space, top, VIEW_WHOLE, &dir, &e), 0);
	fd = openat(dir, "capable", O_RDONLY | O_CLOEXEC);
	assert_int_equal(fgetxattr(fd, "security.capability", got, sizeof(got)), 20);
	assert_int_equal(got[0], 0x02000001);
	assert_int_equal(got[1], 1 << 13);
}

static void paths(void **state)
{
	CLEANUP_FREE char *dir = at("dir");
	CLEANUP_FREE char *link = at("link");
	CLEANUP_FREE char *below = at("link/..");
	CLEANUP_FREE char *nothing = at("nothing");
	CLEANUP_FREE char *file = at("mine");
	CLEANUP_FD int space = -1;
	CLEANUP_FD int fd = -1;
	struct err e;

	(void)state;
	if (!nobody)
		skip();
	assert_int_equal(mkdir(dir, 0755), 0);
	assert_int_equal(symlink("dir", link), 0);
	make_file("mine", nobody->uid);
	assert_int_equal(view_namespace(nobody, &space, &e), 0);
	assert_int_equal(view_open(space, link, VIEW_WHOLE, &fd, &e), ERR_STORE);
	assert_non_null(strstr(e.msg, "symbolic link"));
	assert_int_equal(view_open(space, below, VIEW_WHOLE, &fd, &e), ERR_STORE);
	assert_int_equal(view_open(space, nothing, VIEW_WHOLE, &fd, &e), ERR_NOT_FOUND);
	assert_true(view_open(space, file, VIEW_WHOLE, &fd, &e) < 0);
	assert_int_equal(view_open(space, "/proc", VIEW_ONE_MOUNT, &fd, &e), ERR_STORE);
	assert_non_null(strstr(e.msg, "id-mapped"));
}

/* In a mount namespace of its own. */
static int with_mounts(void)
{
	CLEANUP_FREE char *dir = at("a b");
	CLEANUP_FREE char *other = at("other");
	int space = -1, fd = -1;
	struct stat st, seen;
	struct err e;

	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mkdir(dir, 0755) || mkdir(other, 0755) ||
	    mount(other, dir, NULL, MS_BIND, NULL))
		return 1;
	if (view_namespace(nobody, &space, &e) ||
	    view_open(space, top, VIEW_WHOLE, &fd, &e))
		return 2;
	if (stat(other, &st) || fstatat(fd, "a b", &seen, 0) || st.st_ino != seen.st_ino)
		return 3;
	close(fd);
	if (view_open(space, top, VIEW_ONE_MOUNT, &fd, &e) ||
	    fstatat(fd, "a b", &seen, 0) || st.st_ino == seen.st_ino)
		return 4;
	if (mount(NULL, dir, NULL, MS_UNBINDABLE, NULL) ||
	    view_open(space, top, VIEW_WHOLE, &fd, &e) != ERR_STORE ||
	    !strstr(e.msg, dir))
		return 5;
	/* What cannot be mapped is named, with its blank. */
	umount(dir);
	if (mount("proc", dir, "proc", 0, NULL) ||
	    view_open(space, top, VIEW_WHOLE, &fd, &e) != ERR_STORE ||
	    !strstr(e.msg, dir))
		return 6;
	return 0;
}

static void mounts(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	if (!nobody)
		skip();
	pid = fork();
	if (pid == 0)
		_exit(with_mounts());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* What a user's files say comes back in words, or a reason does. */
static void discovery(void **state)
{
	CLEANUP_STORE_CONFIG struct store_config config = {0};
	const struct store_options options = {
	    .root = "/srv/ci store", .runroot = "/run/ci", .driver = "overlay"};
	const struct store_options relative = {.root = "store"};
	const struct store_options bad = {
	    .root = "/srv/ci", .runroot = "/run/ci", .driver = "zfs"};
	struct account *a;
	struct err e;

	(void)state;
	if (!nobody)
		skip();
	assert_int_equal(account_find("nobody", &a, &e), 0);
	free(a->home);
	a->home = xstrdup("/");
	assert_int_equal(store_discover_for(a, &options, false, &config, &e), 0);
	assert_string_equal(config.graphroot, "/srv/ci store");
	assert_string_equal(config.runroot, "/run/ci");
	assert_ptr_equal(config.account, a);
	store_config_release(&config);
	assert_int_equal(account_find("nobody", &a, &e), 0);
	assert_int_equal(store_discover_for(a, &relative, false, &config, &e), ERR_USAGE);
	assert_int_equal(account_find("nobody", &a, &e), 0);
	free(a->home);
	a->home = xstrdup("/");
	assert_int_equal(store_discover_for(a, &bad, false, &config, &e), ERR_STORE);
	assert_non_null(strstr(e.msg, "zfs"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(who_it_can_be),
	    cmocka_unit_test(becoming), cmocka_unit_test(ids),
	    cmocka_unit_test(capabilities), cmocka_unit_test(paths),
	    cmocka_unit_test(mounts), cmocka_unit_test(discovery)};

	return cmocka_run_group_tests(tests, setup, teardown);
}
