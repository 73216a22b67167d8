/* SPDX-License-Identifier: Apache-2.0 */
/* fs.c: see fs.h. */
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/hex.h"

#define READ_TRIES 3
#define OPEN_TRIES 50

/* ---- opening ---- */

static int open_error(const char *path, struct err *e)
{
	if (errno == ENOENT)
		return err_set(e, ERR_NOT_FOUND, "%s does not exist", path);
	return err_sys(e, "cannot open %s", path);
}

int fs_open_root(const char *path, int *out_fd, struct err *e)
{
	int fd;

	do
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	while (fd < 0 && errno == EINTR);
	if (fd < 0)
		return open_error(path, e);
	*out_fd = fd;
	return 0;
}

/* With its slash: that of a file in the root directory is "/" without a special case. */
int fs_open_parent(const char *path, int *out_fd, const char **name, struct err *e)
{
	const char *slash = strrchr(path, '/');
	CLEANUP_FREE char *dir =
	    slash ? xstrndup(path, (size_t)(slash + 1 - path)) : xstrdup(".");

	*name = slash ? slash + 1 : path;
	return fs_open_root(dir, out_fd, e);
}

/*
 * EAGAIN means that a rename raced with a ".." in the path, or that a lease on the file is being
 * broken. Both pass; whoever makes them last gets an error and no endless loop.
 */
static int open_beneath(int dirfd, const char *path, const struct open_how *how)
{
	static const struct timespec pause = {.tv_nsec = 1000000};

	for (int tries = 1;; tries++) {
		long fd = syscall(SYS_openat2, dirfd, path, how, sizeof(*how));

		if (fd >= 0)
			return (int)fd;
		if ((errno != EINTR && errno != EAGAIN) || tries == OPEN_TRIES)
			return -1;
		if (errno == EAGAIN)
			nanosleep(&pause, NULL);
	}
}

int fs_open(int dirfd, const char *path, int flags, int *out_fd, struct err *e)
{
	struct open_how how = {
	    .flags = (uint64_t)(unsigned)flags | O_CLOEXEC,
	    .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	int fd;

	/* openat2() refuses flags that mean nothing together, so not for O_PATH. */
	if (!(flags & O_PATH))
		how.flags |= O_NONBLOCK | O_NOCTTY;
	fd = open_beneath(dirfd, path, &how);
	if (fd < 0)
		return open_error(path, e);
	*out_fd = fd;
	return 0;
}

int fs_open_dir(int dirfd, const char *path, int *out_fd, struct err *e)
{
	return fs_open(dirfd, path, O_RDONLY | O_DIRECTORY, out_fd, e);
}

/* ---- reading ---- */

static bool same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

bool fs_same_state(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	       a->st_mode == b->st_mode && a->st_size == b->st_size &&
	       same_time(a->st_mtim, b->st_mtim) && same_time(a->st_ctim, b->st_ctim);
}

static int changed(const char *path, struct err *e)
{
	return err_set(e, ERR_CHANGED, "%s changed while it was read", path);
}

int fs_read_up_to(int fd, void *data, size_t len, size_t *got)
{
	*got = 0;
	while (*got < len) {
		ssize_t n = read(fd, (char *)data + *got, len - *got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		*got += (size_t)n;
	}
	return 0;
}

/* What a path leads to; of a single name no step can lead elsewhere, and a plain call will do. */
static int peek(int dirfd, const char *path, struct stat *st, struct err *e)
{
	CLEANUP_FD int fd = -1;
	int r;

	if (!strchr(path, '/') && strcmp(path, "..") != 0)
		return fstatat(dirfd, path, st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT)
			   ? open_error(path, e)
			   : 0;
	r = fs_open(dirfd, path, O_PATH | O_NOFOLLOW, &fd, e);
	if (r)
		return r;
	return fstat(fd, st) ? err_sys(e, "cannot stat %s", path) : 0;
}

/*
 * What is there is looked at before it is opened: already opening a device can have an effect (a watchdog
 * starts to count).
 */
static int open_regular(
    int dirfd, const char *path, int *out_fd, struct stat *st, struct err *e)
{
	CLEANUP_FD int fd = -1;
	int r = peek(dirfd, path, st, e);

	if (r)
		return r;
	if (!S_ISREG(st->st_mode))
		return err_set(e, ERR_MALFORMED, "%s is not a regular file", path);
	r = fs_open(dirfd, path, O_RDONLY, &fd, e);
	if (r)
		return r;
	if (fstat(fd, st))
		return err_sys(e, "cannot stat %s", path);
	if (!S_ISREG(st->st_mode))
		return changed(path, e);
	*out_fd = take_fd(&fd);
	return 0;
}

/*
 * `size` bytes, and not one more: the call asks for another, for which there is room as long as no NUL is
 * there, so one call tells where the file ends. *got as for fs_read_up_to().
 */
static int read_all(int fd, char *data, size_t size, size_t *got)
{
	ssize_t n;

	*got = 0;
	do {
		n = read(fd, data + *got, size + 1 - *got);
		if (n < 0 && errno != EINTR)
			return -1;
		*got += n > 0 ? (size_t)n : 0;
	} while (n && *got < size);
	return 0;
}

static int read_once(int dirfd, const char *path, size_t max, struct buf *out,
    struct stat *before, struct err *e)
{
	CLEANUP_FD int fd = -1;
	struct stat after;
	size_t size, got;
	int r;

	r = open_regular(dirfd, path, &fd, before, e);
	if (r)
		return r;
	if ((uintmax_t)before->st_size > max)
		return err_set(e, ERR_MALFORMED,
		    "%s has %jd bytes, more than the %zu allowed", path,
		    (intmax_t)before->st_size, max);
	size = (size_t)before->st_size;
	r = buf_reserve(out, size, e);
	if (r)
		return err_wrap(e, "%s", path);
	if (read_all(fd, out->data + out->len, size, &got))
		return err_sys(e, "cannot read %s", path);
	if (fstat(fd, &after))
		return err_sys(e, "cannot stat %s", path);
	if (got != size || !fs_same_state(before, &after))
		return changed(path, e);
	out->len += size;
	out->data[out->len] = '\0';
	return 0;
}

int fs_read_file(int dirfd, const char *path, size_t max, struct buf *out,
    struct stat *st, struct err *e)
{
	struct stat own;
	int r = ERR_CHANGED;

	for (int tries = 0; r == ERR_CHANGED && tries < READ_TRIES; tries++)
		r = read_once(dirfd, path, max, out, &own, e);
	if (r) {
		/* What a failed try read lies beyond the content: only the NUL is to be restored. */
		buf_truncate(out, out->len);
		return r;
	}
	if (st)
		*st = own;
	return 0;
}

int fs_readlink(int dirfd, const char *path, char **out, struct err *e)
{
	CLEANUP_FD int fd = -1;
	char target[PATH_MAX];
	struct stat st;
	ssize_t n;
	int r;

	r = fs_open(dirfd, path, O_PATH | O_NOFOLLOW, &fd, e);
	if (r)
		return r;
	if (fstat(fd, &st))
		return err_sys(e, "cannot stat %s", path);
	if (!S_ISLNK(st.st_mode))
		return err_set(e, ERR_MALFORMED, "%s is not a symbolic link", path);
	n = readlinkat(fd, "", target, sizeof(target));
	if (n < 0)
		return err_sys(e, "cannot read the symbolic link %s", path);
	if ((size_t)n == sizeof(target))
		return err_set(e, ERR_MALFORMED,
		    "the symbolic link %s is longer than %zu bytes", path,
		    sizeof(target) - 1);
	*out = xstrndup(target, (size_t)n);
	return 0;
}

/* ---- writing ---- */

static int fsync_retry(int fd)
{
	int r;

	do
		r = fsync(fd);
	while (r && errno == EINTR);
	return r;
}

int fs_sync_parent(const char *path, struct err *e)
{
	CLEANUP_FD int fd = -1;
	const char *name;
	int r = fs_open_parent(path, &fd, &name, e);

	if (!r && fsync_retry(fd))
		r = err_sys(e, "directory of %s: cannot bring it to the disk", path);
	return r;
}

int fs_make_parents(const char *path, struct err *e)
{
	CLEANUP_FREE char *copy = xstrdup(path);

	for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(copy, 0755) == 0) {
			if (fs_sync_parent(copy, e))
				return e->code;
		} else if (errno != EEXIST) {
			return err_sys(e, "directory %s", copy);
		}
		*slash = '/';
	}
	return 0;
}

int fs_write_all(int fd, const void *data, size_t len, struct err *e)
{
	const char *s = data;

	while (len) {
		ssize_t n = write(fd, s, len);

		if (n > 0) {
			s += n;
			len -= (size_t)n;
		} else if (n < 0 && errno == EAGAIN) {
			struct pollfd room = {.fd = fd, .events = POLLOUT};

			if (poll(&room, 1, -1) < 0 && errno != EINTR)
				return err_sys(e, "cannot write");
		} else if (n == 0 || errno != EINTR) {
			if (n == 0)
				errno = EIO;
			return err_sys(e, "cannot write");
		}
	}
	return 0;
}

#define TEMP_PREFIX ".layerseal-"
#define TEMP_RANDOM 8
#define TEMP_BYTES (sizeof(TEMP_PREFIX) + 2 * TEMP_RANDOM)

/* What fs_replace() and fs_create() were asked for. */
struct new_file {
	int dirfd;
	const char *name;
	const void *data;
	size_t len;
	mode_t mode;
};

/* A name nobody can have prepared; O_EXCL would refuse it anyway. */
static int temp_name(char name[TEMP_BYTES], struct err *e)
{
	unsigned char random[TEMP_RANDOM];
	ssize_t n;

	do
		n = getrandom(random, sizeof(random), 0);
	while (n < 0 && errno == EINTR);
	if (n != sizeof(random))
		return err_sys(e, "cannot get random bytes");
	memcpy(name, TEMP_PREFIX, sizeof(TEMP_PREFIX) - 1);
	hex_encode(name + sizeof(TEMP_PREFIX) - 1, random, sizeof(random));
	return 0;
}

static int write_content(int fd, const struct new_file *f, struct err *e)
{
	int r = fs_write_all(fd, f->data, f->len, e);

	/* fchmod(), because the umask must not decide; last, so that it is never open half-written. */
	if (!r && (fchmod(fd, f->mode) || fsync_retry(fd)))
		r = err_sys(e, "cannot write to the disk");
	return r;
}

/* Not a failure of the disk, but a kernel, file system or /proc that lacks what was wanted. */
static bool cannot(int error)
{
	return error == EOPNOTSUPP || error == EISDIR || error == EINVAL ||
	       error == ENOENT || error == EPERM || error == EACCES || error == EXDEV;
}

/*
 * Without a name until it is whole: a program that is killed leaves nothing behind, least of all half
 * a secret key. *done is false where the file system, or a missing /proc, cannot do it.
 */
static int create_unnamed(int dir, const struct new_file *f, bool *done, struct err *e)
{
	CLEANUP_FD int fd = openat(dir, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	char path[sizeof("/proc/self/fd/") + 3 * sizeof(int)];
	int r;

	*done = false;
	if (fd < 0)
		return cannot(errno) ? 0 : err_sys(e, "cannot create a file");
	r = write_content(fd, f, e);
	if (r)
		return r;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	*done = linkat(AT_FDCWD, path, dir, f->name, AT_SYMLINK_FOLLOW) == 0;
	if (*done || cannot(errno))
		return 0;
	return errno == EEXIST ? err_set(e, ERR_REFUSED, "it exists already")
			       : err_sys(e, "cannot name it");
}

/* Writes the new file `temp` and brings it to the disk. */
static int write_temp(int dir, const char *temp, const struct new_file *f, struct err *e)
{
	CLEANUP_FD int fd = -1;
	int r;

	do
		fd = openat(dir, temp,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	while (fd < 0 && errno == EINTR);
	if (fd < 0)
		return err_sys(e, "cannot create a temporary file");
	r = write_content(fd, f, e);
	if (!r && close(take_fd(&fd)) && errno != EINTR)
		r = err_sys(e, "cannot write");
	if (r)
		unlinkat(dir, temp, 0);
	return r;
}

/* renameat2() that never replaces; not every file system has it, all others have link(). */
static int rename_new(int dirfd, const char *temp, const char *name)
{
	if (renameat2(dirfd, temp, dirfd, name, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (linkat(dirfd, temp, dirfd, name, 0))
		return -1;
	return unlinkat(dirfd, temp, 0);
}

static int put_in_place(
    int dirfd, const char *temp, const char *name, bool replace, struct err *e)
{
	int r =
	    replace ? renameat(dirfd, temp, dirfd, name) : rename_new(dirfd, temp, name);

	if (r == 0)
		return 0;
	r = !replace && errno == EEXIST ? err_set(e, ERR_REFUSED, "it exists already")
					: err_sys(e, "cannot rename");
	unlinkat(dirfd, temp, 0);
	return r;
}

static int write_named(int dir, const struct new_file *f, bool replace, struct err *e)
{
	char temp[TEMP_BYTES];
	int r = temp_name(temp, e);

	if (!r)
		r = write_temp(dir, temp, f, e);
	return r ? r : put_in_place(dir, temp, f->name, replace, e);
}

static int write_file(const struct new_file *f, bool replace, struct err *e)
{
	CLEANUP_FD int dir = -1;
	bool done = false;
	int r;

	if (!*f->name || strchr(f->name, '/') || strcmp(f->name, ".") == 0 ||
	    strcmp(f->name, "..") == 0)
		return err_set(e, ERR_INTERNAL, "not the name of a file in a directory");
	/* Own descriptor: fsync() needs one for reading, f->dirfd may be AT_FDCWD or O_PATH. */
	r = fs_open_dir(f->dirfd, ".", &dir, e);
	if (!r && !replace)
		r = create_unnamed(dir, f, &done, e);
	if (!r && !done)
		r = write_named(dir, f, replace, e);
	if (!r && fsync_retry(dir))
		r = err_sys(e, "cannot bring its directory to the disk");
	return r;
}

int fs_replace(
    int dirfd, const char *name, const void *data, size_t len, mode_t mode, struct err *e)
{
	const struct new_file f = {dirfd, name, data, len, mode};

	return write_file(&f, true, e) ? err_wrap(e, "cannot write %s", name) : 0;
}

int fs_create(
    int dirfd, const char *name, const void *data, size_t len, mode_t mode, struct err *e)
{
	const struct new_file f = {dirfd, name, data, len, mode};

	return write_file(&f, false, e) ? err_wrap(e, "cannot create %s", name) : 0;
}
