/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lock.c: see lock.h. containers/storage takes fcntl(F_SETLKW) locks on whole files, one after the
 * other: layers.lock of each place, images.lock of each place, containers.lock.
 */
#include "store/lock.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/proc.h"

#define TRIES 10
#define TRY_EVERY_NS 2000000L
#define WRITE_TRIES_PER_SECOND 50

/* For writing a file that is missing is made; openat2() will not, so the link in its place is looked for. */
static int open_for_writing(int dirfd, const char *path, int *fd, struct err *e)
{
	CLEANUP_FD int dir = -1;
	CLEANUP_FREE char *folder = xstrdup(path);
	char *slash = strrchr(folder, '/');
	struct stat st;
	int r;

	*slash = '\0';
	r = fs_open_dir(dirfd, folder, &dir, e);
	if (r)
		return r;
	r = fs_open(dir, slash + 1, O_RDWR, fd, e);
	if (r != ERR_NOT_FOUND)
		return r;
	if (fstat(dir, &st))
		return err_sys(e, "stat");
	*fd = openat(dir, slash + 1,
	    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0644);
	/* The engine of the store's user must be able to open it, too. */
	if (*fd < 0 || (st.st_uid != geteuid() && fchown(*fd, st.st_uid, st.st_gid)))
		return err_sys(e, "cannot make %s", path);
	return 0;
}

static bool take_one(
    struct store_lock *l, int dirfd, const char *driver, const char *what, short type)
{
	struct flock lock = {.l_type = type, .l_whence = SEEK_SET};
	CLEANUP_FD int fd = -1;
	char path[64];
	struct err e;
	int r;

	snprintf(path, sizeof(path), "%s-%s/%s.lock", driver, what, what);
	r = type == F_WRLCK ? open_for_writing(dirfd, path, &fd, &e)
			    : fs_open(dirfd, path, O_RDONLY, &fd, &e);
	if (r == ERR_NOT_FOUND)
		return true;
	if (r || l->n == STORE_LOCKS_MAX || fcntl(fd, F_OFD_SETLK, &lock))
		return false;
	l->fd[l->n++] = take_fd(&fd);
	return true;
}

static bool take_all(const struct store *s, short type, struct store_lock *l)
{
	static const char *const kinds[] = {"layers", "images", "containers"};
	const char *driver = store_driver_name(s->config->driver);

	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		for (size_t i = 0; i < s->n_places; i++) {
			if (type == F_WRLCK && s->places[i].kind == PLACE_ADDITIONAL)
				continue;
			if (!take_one(l, s->places[i].root_fd, driver, kinds[k], type))
				return false;
		}
	}
	/* A transient store has its containers.lock in the run root. */
	return s->runroot_fd < 0 ||
	       take_one(l, s->runroot_fd, driver, "containers", type);
}

bool store_lock_try(const struct store *s, struct store_lock *out)
{
	*out = (struct store_lock){0};
	for (int i = 0; i < TRIES; i++) {
		if (i)
			nanosleep(&(struct timespec){.tv_nsec = TRY_EVERY_NS}, NULL);
		if (take_all(s, F_RDLCK, out))
			return true;
		store_lock_release(out);
	}
	return false;
}

int store_lock_write(
    const struct store *s, unsigned seconds, struct store_lock *out, struct err *e)
{
	*out = (struct store_lock){0};
	for (unsigned i = 0; i <= seconds * WRITE_TRIES_PER_SECOND; i++) {
		if (i)
			nanosleep(&(struct timespec){.tv_nsec = 1000000000L /
								WRITE_TRIES_PER_SECOND},
			    NULL);
		/* One after the other as engines do, all or none: who waits for the rest holds nothing. */
		if (take_all(s, F_WRLCK, out))
			return 0;
		store_lock_release(out);
	}
	return err_set(e, ERR_REFUSED,
	    "store %s: no write lock within %u seconds: an engine is at work, or a lock "
	    "file cannot be opened",
	    s->config->graphroot, seconds);
}

/* 64 bytes that no other change has: containers/storage compares them, and nothing else. */
int store_lock_touch(const struct store_lock *l, struct err *e)
{
	unsigned char token[64];

	if (getrandom(token, sizeof(token), 0) != sizeof(token))
		return err_sys(e, "cannot get random bytes");
	for (size_t i = 0; i < l->n; i++) {
		if (pwrite(l->fd[i], token, sizeof(token), 0) != sizeof(token))
			return err_sys(e, "cannot write a lock file of the store");
	}
	return 0;
}

void store_lock_release(struct store_lock *l)
{
	/* The last lock taken is the first to go. */
	while (l->n)
		base_close_p(&l->fd[--l->n]);
}

bool store_lock_writer(const struct store_place *p, struct timespec *since)
{
	struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
	CLEANUP_FD int fd = -1;
	struct err e;

	*since = (struct timespec){0};
	if (p->layers_fd < 0 || fs_open(p->layers_fd, "layers.lock",
				    O_RDONLY | O_NONBLOCK | O_NOCTTY, &fd, &e))
		return false;
	/* l_pid: -1 is an open-file-description lock, which no engine takes; 0 is out of sight. */
	if (fcntl(fd, F_OFD_GETLK, &lock) || lock.l_type != F_WRLCK || lock.l_pid < 0)
		return false;
	if (lock.l_pid > 0)
		*since = proc_since(lock.l_pid);
	return true;
}
