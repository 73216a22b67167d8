/* SPDX-License-Identifier: Apache-2.0 */
/* source_scan.c: directories are opened, armed and listed, see source_impl.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/fs.h"
#include "tree/walk.h"
#include "watch/source_impl.h"

#define OPEN_TRIES 20

/* ---- handles ---- */

/* The kind of a key: what it was made of, so that no two objects share one. Zero is no key; inotify has its own. */
#define KIND(fs, type, len)                                                              \
	((uint32_t)(fs) << 16 | (uint32_t)(type) << 8 | (uint32_t)(len))

void handle_to_key(
    uint8_t fs, int type, const uint8_t *bytes, size_t len, struct known_key *out)
{
	XXH128_hash_t sum;

	*out = (struct known_key){0};
	if (len <= sizeof(out->id) && type >= 0 && type < 0x100) {
		out->kind = KIND(fs, type, len);
		memcpy(out->id, bytes, len);
		return;
	}
	/* Longer than any handle of ext4, xfs or tmpfs: 96 bits of a hash. Nobody chooses handles. */
	sum = XXH3_128bits_withSeed(bytes, len, (XXH64_hash_t)(unsigned)type);
	out->kind = KIND(fs, type & 0xff, HANDLE_LONG);
	memcpy(out->id, &sum, sizeof(out->id));
}

bool handle_key(
    int dirfd, const char *name, uint8_t fs, struct known_key *key, int *mount)
{
	union {
		struct file_handle head;
		char bytes[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} handle;

	handle.head.handle_bytes = MAX_HANDLE_SZ;
	if (name_to_handle_at(
		dirfd, name, &handle.head, mount, *name ? 0 : AT_EMPTY_PATH))
		return false;
	handle_to_key(fs, handle.head.handle_type, handle.head.f_handle,
	    handle.head.handle_bytes, key);
	return true;
}

/* ---- opening by path ---- */

/* EAGAIN: something was renamed meanwhile. */
static int open_step(int dirfd, const char *path, int flags)
{
	struct open_how how = {
	    .flags = (uint64_t)(unsigned)(flags | O_DIRECTORY | O_CLOEXEC),
	    .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS |
		       RESOLVE_NO_XDEV,
	};
	long fd;

	for (int tries = 0; tries < OPEN_TRIES; tries++) {
		fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	return (int)fd;
}

/* A path may be longer than the kernel takes at once. */
static int open_below(int root_fd, char *path)
{
	CLEANUP_FD int dir = -1;
	char *rest = path;
	int fd;

	while (strlen(rest) >= PATH_MAX) {
		char *end = rest + PATH_MAX - 1;

		while (*end != '/')
			end--;
		*end = '\0';
		fd = open_step(dir < 0 ? root_fd : dir, rest, O_PATH);
		*end = '/';
		if (fd < 0)
			return -1;
		base_close_p(&dir);
		dir = fd;
		rest = end + 1;
	}
	if (dir < 0)
		dir = open_step(root_fd, ".", O_PATH);
	if (dir < 0)
		return -1;
	fd = open_step(dir, *rest ? rest : ".", O_RDONLY | O_NOATIME);
	if (fd < 0 && errno == EPERM)
		fd = open_step(dir, *rest ? rest : ".", O_RDONLY);
	return fd;
}

static bool is_vanished(int error)
{
	return error == ENOENT || error == ENOTDIR || error == ELOOP || error == ESTALE;
}

/* ---- one directory ---- */

struct scan {
	struct source *s;
	struct dir_queue *q;
	struct hits *hits;
	struct dir_ref ref;
	int fd; /* of the directory */
	int mount;
	uint32_t flags;
	uint8_t fs;
	dev_t dev; /* of its root */
};

/* Under the lock. What is in a directory that is not there any more does not matter. */
static bool is_current(const struct scan *c)
{
	return dir_is_there(c->s, c->ref) &&
	       !c->s->root[known_dir(&c->s->known, c->ref.dir)->root].dropped;
}

static void child_found(
    struct scan *c, const char *name, const struct known_key *key, bool is_dir)
{
	struct known_dir *d;
	uint32_t dir = KNOWN_NONE;

	if (!is_current(c))
		return;
	if (c->fs || (is_dir && (c->flags & KNOWN_DEEP)))
		dir = source_place(c->s, c->ref.dir, name, key, is_dir);
	if (dir && (c->flags & KNOWN_DEEP)) {
		d = known_dir(&c->s->known, dir);
		if (!(d->flags & (KNOWN_SCANNED | KNOWN_QUEUED)))
			queue_add(c->q, c->s, dir);
		if (c->hits)
			d->flags |= KNOWN_TOLD;
	}
	if (c->hits && is_current(c))
		hits_add(c->s, c->hits, c->ref.dir, name,
		    SOURCE_ADDED | (is_dir ? SOURCE_DIRECTORY : 0));
}

static void is_blind(const struct scan *c)
{
	if (is_current(c))
		source_blind(
		    c->s, known_dir(&c->s->known, c->ref.dir)->root, GAP_UNREADABLE);
}

static int child(void *ctx, const char *name, size_t len, uint8_t type, struct err *e)
{
	struct scan *c = ctx;
	struct known_key key = {0};
	struct stat st;
	int mount;

	(void)len;
	(void)e;
	if (type == DT_UNKNOWN) {
		if (fstatat(c->fd, name, &st, AT_SYMLINK_NOFOLLOW))
			return 0;
		type = S_ISDIR(st.st_mode) ? DT_DIR : DT_REG;
	}
	/* What it is called is looked up under the lock: no rename is read between that and putting it down. */
	pthread_mutex_lock(&c->s->lock);
	if (!c->fs || handle_key(c->fd, name, c->fs, &key, &mount)) {
		/* Something is mounted on it: what is below is out of sight. */
		if (!c->fs || mount == c->mount)
			child_found(c, name, &key, type == DT_DIR);
		else if (c->flags & KNOWN_DEEP)
			is_blind(c);
	} else if (!is_vanished(errno)) {
		is_blind(c);
	}
	pthread_mutex_unlock(&c->s->lock);
	return 0;
}

/* Under the lock. What had no key is not watched and not known either. */
static int not_armed(struct scan *c, int error, struct err *e)
{
	struct known_dir *d = known_dir(&c->s->known, c->ref.dir);
	bool is_top;

	if (!dir_is_there(c->s, c->ref))
		return 0;
	is_top = !d->up;
	if (error == ENOSPC || error == ENOMEM)
		source_blind(c->s, d->root, GAP_LIMIT);
	else if (!is_vanished(error))
		source_blind(c->s, d->root, GAP_UNREADABLE);
	if (!is_top && !known_has_key(&c->s->known, d->object))
		known_remove(&c->s->known, d->object);
	if (!is_top)
		return 0;
	if (is_vanished(error))
		return err_set(e, ERR_NOT_FOUND, "it vanished");
	if (error == ENOSPC && !c->fs)
		return err_set(e, ERR_IO,
		    "cannot watch it: fs.inotify.max_user_watches is too small");
	errno = error;
	return err_sys(e, "cannot watch it");
}

/* Under the lock. Is it what it was when it was put into the queue? */
static int arm(struct scan *c)
{
	struct known_key key;
	const struct known_key *mine;

	if (!c->fs)
		return inotify_source_arm(c->s, &c->ref, c->fd);
	if (!handle_key(c->fd, "", c->fs, &key, &c->mount))
		return errno;
	mine =
	    &known_object(&c->s->known, known_dir(&c->s->known, c->ref.dir)->object)->key;
	return memcmp(mine->id, key.id, sizeof(key.id)) == 0 ? 0 : ENOENT;
}

/* False: what is in it is not known. One that was removed meanwhile has nothing in it. */
static bool list_it(struct scan *c)
{
	struct stat st;
	struct err e;

	if (!(c->flags & KNOWN_INSIDE) ||
	    (!c->fs && !(c->flags & KNOWN_DEEP) && !c->hits))
		return true;
	return fs_each_name(c->fd, child, c, &e) == 0 ||
	       (fstat(c->fd, &st) == 0 && st.st_nlink == 0);
}

/* Its path below the root, as it is called now. False: nothing is to be done. */
static bool begin(struct scan *c, struct buf *path)
{
	struct known *k = &c->s->known;
	const struct root *root;
	struct known_dir *d;

	if (!is_current(c))
		return false;
	d = known_dir(k, c->ref.dir);
	root = &c->s->root[d->root];
	d->flags &= ~(unsigned)KNOWN_QUEUED;
	c->flags = d->flags;
	c->fs = root->fs;
	c->dev = root->dev;
	if (c->flags & KNOWN_SCANNED)
		return false;
	buf_clear(path);
	if (known_path(k, c->ref.dir, NULL, path))
		return true;
	source_blind(c->s, d->root, GAP_LIMIT);
	return false;
}

static int open_root(struct source *s, struct dir_ref ref, int *out)
{
	CLEANUP_FREE char *path = NULL;
	int base, r = -1;
	struct err e;

	pthread_mutex_lock(&s->lock);
	if (dir_is_there(s, ref)) {
		const struct root *root = &s->root[known_dir(&s->known, ref.dir)->root];

		path = xstrdup(root->path);
		base = fcntl(s->base[root->base].fd, F_DUPFD_CLOEXEC, 0);
		r = base < 0 ? -1 : 0;
	}
	pthread_mutex_unlock(&s->lock);
	if (r)
		return r;
	r = fs_open(base, path, O_PATH | O_DIRECTORY, out, &e);
	r = r == ERR_NOT_FOUND ? ENOENT : r ? errno : 0;
	base_close_p(&base);
	errno = r;
	return r ? -1 : 0;
}

static int open_by_key(const struct scan *c)
{
	const struct known *k = &c->s->known;
	const struct known_key *key =
	    &known_object(k, known_dir(k, c->ref.dir)->object)->key;
	int fd = fanotify_source_open_dir(c->s, key, O_RDONLY | O_NOATIME);

	return fd < 0 && errno == EPERM ? fanotify_source_open_dir(c->s, key, O_RDONLY)
					: fd;
}

static int scan_one(struct scan *c, int root_fd, struct buf *path, struct err *e)
{
	CLEANUP_FD int own = -1;
	CLEANUP_FD int fd = -1;
	struct stat st;
	int error = 0, r = 0;
	bool todo, armed = false;

	pthread_mutex_lock(&c->s->lock);
	todo = begin(c, path);
	if (todo && c->fs)
		fd = open_by_key(c);
	error = errno;
	pthread_mutex_unlock(&c->s->lock);
	if (!todo)
		return 0;
	if (fd < 0 && !(c->fs && error == ESTALE)) {
		if (root_fd < 0 && !open_root(c->s, c->ref, &own))
			root_fd = own;
		if (root_fd >= 0)
			fd = open_below(root_fd, path->len ? path->data : (char[]){""});
		error = errno;
	}
	if (fd >= 0)
		error = 0;
	/* A subvolume of btrfs is another file system in the same mount. */
	if (fd >= 0 && (fstat(fd, &st) || st.st_dev != c->dev))
		error = EXDEV;
	c->fd = fd;
	pthread_mutex_lock(&c->s->lock);
	if (is_current(c)) {
		if (!error)
			error = arm(c);
		if (error)
			r = not_armed(c, error, e);
		else
			armed = true;
	}
	if (armed) {
		struct known_dir *d = known_dir(&c->s->known, c->ref.dir);

		armed = !(d->flags & KNOWN_SCANNED);
		d->flags |= KNOWN_SCANNED;
	}
	pthread_mutex_unlock(&c->s->lock);
	if (armed && !list_it(c)) {
		pthread_mutex_lock(&c->s->lock);
		is_blind(c);
		pthread_mutex_unlock(&c->s->lock);
	}
	return r;
}

/* Of those that are found because of an event, what is in them is told. */
static bool take(struct scan *c, struct dir_queue *q, struct hits *hits)
{
	pthread_mutex_lock(&c->s->lock);
	if (q->n) {
		c->ref = q->v[q->first];
		q->first = (q->first + 1) % q->cap;
		q->n--;
		if (dir_is_there(c->s, c->ref) &&
		    (known_dir(&c->s->known, c->ref.dir)->flags & KNOWN_TOLD))
			c->hits = hits;
	}
	pthread_mutex_unlock(&c->s->lock);
	return c->ref.dir;
}

int scan_queue(struct source *s, struct dir_queue *q, int root_fd, size_t max,
    struct hits *hits, struct err *e)
{
	CLEANUP_BUF struct buf path;
	int r = 0;

	buf_init(&path, WALK_PATH_MAX + 1);
	while (max-- && !r) {
		struct scan c = {.s = s, .q = q};

		if (!take(&c, q, hits))
			break;
		r = scan_one(&c, root_fd, &path, e);
		if (c.hits)
			hits_tell(c.hits, NULL);
	}
	return r;
}
