/* SPDX-License-Identifier: Apache-2.0 */
/* overlay_mount.c: see overlay_mount.h. */
#include "cli/overlay_mount.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "store/rootless.h"

#define FD_DIR "/proc/self/fd"
#define FUSE_PROGRAM "/usr/bin/fuse-overlayfs"
/* mount(2) takes a page of options. */
#define OPTIONS_MAX 4095
#define OPTIONS_MORE 512

/* "lowerdir=A:B,upperdir=C,workdir=D", each a descriptor with `prefix` in front. */
static int add_dirs(
    struct buf *out, const struct gate_pass *p, const char *prefix, struct err *e)
{
	int r = buf_adds(out, "lowerdir=", e);

	for (size_t i = 0; !r && i < p->n_lowers; i++)
		r = buf_addf(out, e, "%s%s%d", i ? ":" : "", prefix, p->lowers[i]);
	if (!r && p->upper >= 0)
		r = buf_addf(out, e, ",upperdir=%s%d,workdir=%s%d", prefix, p->upper,
		    prefix, p->work);
	return r;
}

static int add_more(struct buf *out, const char *options, struct err *e)
{
	return *options ? buf_addf(out, e, ",%s", options) : 0;
}

/*
 * A layer that this engine, or another, has mounted already: a second overlay that writes to the same
 * directories would take the kernel's scratch directory away from the first. The driver, which looks for
 * FUSE only, asks for one to compare what a container has changed: then a view will do.
 */
static bool is_mounted(const struct gate_pass *p)
{
	struct statx st;
	struct statfs fs;

	return p->upper >= 0 &&
	       statx(p->target, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT, STATX_TYPE, &st) ==
		   0 &&
	       st.stx_attributes & st.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT &&
	       fstatfs(p->target, &fs) == 0 && fs.f_type == OVERLAYFS_SUPER_MAGIC;
}

/*
 * A directory of its own, attached nowhere: there the short names of layers are links to descriptors. So
 * /proc/PID/mountinfo tells what is in use as if the driver had mounted it (store/inuse.h looks there).
 */
static int open_names(const struct gate_pass *p)
{
	CLEANUP_FD int fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
	CLEANUP_FD int dir = -1;

	if (!p->links || fs < 0 || fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		return -1;
	dir = fsmount(fs, FSMOUNT_CLOEXEC, 0);
	if (dir < 0 || mkdirat(dir, "l", 0700))
		return -1;
	for (size_t i = 0; i < p->n_lowers; i++) {
		char name[64], target[64];

		snprintf(target, sizeof(target), FD_DIR "/%d", p->lowers[i]);
		snprintf(name, sizeof(name), "l/%s", p->links[i]);
		if (p->links[i][0] && symlinkat(target, dir, name))
			return -1;
	}
	return take_fd(&dir);
}

/* The same as add_dirs() for that directory; false if it is too long. */
static bool add_names(struct buf *out, const struct gate_pass *p)
{
	struct err ignored;
	int r = buf_adds(out, "lowerdir=", &ignored);

	for (size_t i = 0; !r && i < p->n_lowers; i++) {
		const char *colon = i ? ":" : "";

		r = p->links[i][0]
			? buf_addf(out, &ignored, "%sl/%s", colon, p->links[i])
			: buf_addf(out, &ignored, "%s" FD_DIR "/%d", colon, p->lowers[i]);
	}
	if (!r && p->upper >= 0)
		r = buf_addf(out, &ignored,
		    ",upperdir=" FD_DIR "/%d,workdir=" FD_DIR "/%d", p->upper, p->work);
	return !r;
}

/*
 * Chooses how the directories are named: by links, or, where that is too long or there are none, as names
 * below FD_DIR, which are the shortest. Changes the working directory.
 */
static int name_dirs(const struct gate_pass *p, struct buf *out, struct err *e)
{
	CLEANUP_FD int names = open_names(p);

	if (names >= 0 && add_names(out, p) && fchdir(names) == 0)
		return 0;
	buf_clear(out);
	out->max = OPTIONS_MAX;
	return chdir(FD_DIR) ? err_sys(e, FD_DIR) : add_dirs(out, p, "", e);
}

static int mount_by_kernel(const struct mount_args *a, const struct gate_pass *p,
    const char *target, struct err *e)
{
	const char *more =
	    rootless_namespace() && !strstr(a->options, "userxattr") ? "userxattr" : "";
	CLEANUP_BUF struct buf options;
	int r;

	/* Room for the options behind the names. */
	buf_init(&options, OPTIONS_MAX - OPTIONS_MORE);
	r = name_dirs(p, &options, e);
	options.max = OPTIONS_MAX;
	if (!r)
		r = add_more(&options, a->options, e);
	if (!r)
		r = add_more(&options, more, e);
	if (!r && mount("overlay", target, "overlay", a->flags, options.data))
		r = err_sys(e, "mount %s (overlay, %s)", a->target, options.data);
	return r;
}

/* ---- fuse-overlayfs ---- */

/* Of root's, or of somebody in whose namespace there is no root's. */
static bool has_fuse(void)
{
	struct stat st;

	return stat(FUSE_PROGRAM, &st) == 0 && S_ISREG(st.st_mode) &&
	       (st.st_uid == 0 || rootless_namespace()) &&
	       !(st.st_mode & (S_IWGRP | S_IWOTH)) && access(FUSE_PROGRAM, X_OK) == 0;
}

static NORETURN void become_fuse(
    const struct gate_pass *p, const char *options, const char *target)
{
	const char *argv[] = {FUSE_PROGRAM, "-o", options, target, NULL};

	for (size_t i = 0; i < p->n_lowers; i++)
		fcntl(p->lowers[i], F_SETFD, 0);
	if (p->upper >= 0) {
		fcntl(p->upper, F_SETFD, 0);
		fcntl(p->work, F_SETFD, 0);
	}
	execv(FUSE_PROGRAM, (char **)(uintptr_t)argv);
	_exit(127);
}

/* The program goes into the background once the mount is there. */
static int mount_by_fuse(
    const struct mount_args *a, const struct gate_pass *p, struct err *e)
{
	CLEANUP_BUF struct buf options;
	int r, status = 0;
	pid_t child;

	buf_init(&options, 2 * MOUNTARGS_BYTES_MAX);
	r = add_dirs(&options, p, FD_DIR "/", e);
	if (!r)
		r = add_more(&options, a->fuse_options, e);
	if (r)
		return r;
	child = fork();
	if (child == 0)
		become_fuse(p, options.data, a->target);
	while (child > 0 && waitpid(child, &status, 0) < 0) {
		if (errno != EINTR)
			child = -1;
	}
	if (child < 0)
		return err_sys(e, FUSE_PROGRAM);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0
		   ? 0
		   : err_set(e, ERR_IO, FUSE_PROGRAM " did not mount %s", a->target);
}

/* Why the kernel cannot, or must not, do it, or NULL. */
static const char *why_fuse(
    const struct mount_args *a, const struct gate_pass *p, bool asked_for)
{
	if (asked_for)
		return "mount = fuse in layerseal.conf";
	if (p->whiteout_files)
		return "the layers hold deletions as files (.wh.NAME), as an engine with "
		       "a mount program unpacks them, which the kernel does not know";
	return a->fuse_needed_by
		   ? "the mount options have one that only fuse-overlayfs knows"
		   : NULL;
}

static int mount_anyhow(const struct mount_args *a, const struct gate_pass *p,
    const char *why, const char *target, struct err *e)
{
	int r;

	if (why && !has_fuse())
		return err_set(
		    e, ERR_REFUSED, "%s: install fuse-overlayfs (%s)", why, FUSE_PROGRAM);
	if (why)
		return mount_by_fuse(a, p, e);
	r = mount_by_kernel(a, p, target, e);
	return r && rootless_namespace() && has_fuse() ? mount_by_fuse(a, p, e) : r;
}

static void view_release(struct gate_pass *view)
{
	free(view->lowers);
	free(view->links);
}

/* The same directories, all of them to be read only; borrowed from `p`. */
static struct gate_pass view_of(const struct gate_pass *p)
{
	static char none[] = "";
	struct gate_pass view = {
	    .n_lowers = p->n_lowers + 1,
	    .upper = -1,
	    .work = -1,
	    .target = p->target,
	    .whiteout_files = p->whiteout_files,
	};

	view.lowers = xcalloc(view.n_lowers, sizeof(*view.lowers));
	view.links = xcalloc(view.n_lowers, sizeof(*view.links));
	view.lowers[0] = p->upper;
	view.links[0] = none;
	for (size_t i = 0; i < p->n_lowers; i++) {
		view.lowers[i + 1] = p->lowers[i];
		view.links[i + 1] = p->links ? p->links[i] : none;
	}
	return view;
}

int overlay_mount(
    const struct mount_args *a, const struct gate_pass *p, bool fuse, struct err *e)
{
	CLEANUP_FREE char *target = xasprintf(FD_DIR "/%d", p->target);
	const char *why = why_fuse(a, p, fuse);
	int r;

	if (is_mounted(p)) {
		CLEANUP(view_release) struct gate_pass view = view_of(p);

		return mount_anyhow(a, &view, why, target, e);
	}
	r = mount_anyhow(a, p, why, target, e);
	if (!r && a->propagation && mount(NULL, a->target, NULL, a->propagation, NULL))
		r = err_sys(e, "propagation of %s", a->target);
	return r;
}
