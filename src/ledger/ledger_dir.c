/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_dir.c: see ledger_dir.h. */
#include "ledger/ledger_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"

#define NAMES_MAX 10000

/* The directory before what is in it. */
static const struct {
	const char *name;
	mode_t type;
} parts[] = {
    {LEDGER_DIR_DATABASE, S_IFDIR},
    {LEDGER_FILE_DATA, S_IFREG},
    {LEDGER_FILE_LOCK, S_IFREG},
    {LEDGER_FILE_KEY, S_IFREG},
    {LEDGER_FILE_STATPRINT, S_IFREG},
    {LEDGER_FILE_UNFINISHED, S_IFREG},
};

static int check_mine(const char *what, const struct stat *st, struct err *e)
{
	if (st->st_uid != geteuid())
		return err_set(e, ERR_LEDGER, "%s: owned by uid %u, not by this user",
		    what, st->st_uid);
	if (st->st_mode & (S_IRWXG | S_IRWXO))
		return err_set(e, ERR_LEDGER,
		    "%s: group or others may use it (mode %04o)", what,
		    st->st_mode & 07777);
	return 0;
}

static int check_part(int dirfd, const char *name, mode_t type, struct err *e)
{
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? 0 : err_sys(e, "%s", name);
	if ((st.st_mode & S_IFMT) != type)
		return err_set(e, ERR_LEDGER, "%s: not a %s", name,
		    type == S_IFDIR ? "directory" : "regular file");
	return check_mine(name, &st, e);
}

static int check_dir(int fd, const char *dir, struct err *e)
{
	struct stat st;
	int r;

	if (fstat(fd, &st))
		return err_sys(e, "ledger %s", dir);
	r = check_mine("ledger", &st, e);
	for (size_t i = 0; !r && i < ARRAY_LEN(parts); i++)
		r = check_part(fd, parts[i].name, parts[i].type, e);
	return r ? err_wrap(e, "%s", dir) : 0;
}

static bool exists(int dirfd, const char *name)
{
	struct stat st;

	return fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

/* Tells a place where init may make a ledger from a ledger that lost a part. */
static int check_complete(int fd, const char *dir, struct err *e)
{
	size_t found = 0;

	if (exists(fd, LEDGER_FILE_UNFINISHED))
		return err_set(e, ERR_NOT_FOUND,
		    "the ledger at %s was never finished: run layerseal init again", dir);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		found += exists(fd, parts[i].name);
	if (found == 0)
		return err_set(
		    e, ERR_NOT_FOUND, "no ledger at %s: run layerseal init", dir);
	/* Twice: the first look may have led into a database that was exchanged just then. */
	return exists(fd, LEDGER_FILE_DATA) || exists(fd, LEDGER_FILE_DATA)
		   ? 0
		   : err_set(e, ERR_LEDGER, "ledger %s: no file " LEDGER_FILE_DATA, dir);
}

int ledger_dir_open_any(const char *dir, int *out_fd, struct err *e)
{
	CLEANUP_FD int fd = -1;
	int r = fs_open_root(dir, &fd, e);

	if (r == ERR_NOT_FOUND)
		return err_set(
		    e, ERR_NOT_FOUND, "no ledger at %s: run layerseal init", dir);
	if (r)
		return err_wrap(e, "ledger");
	r = check_dir(fd, dir, e);
	if (!r)
		*out_fd = take_fd(&fd);
	return r;
}

int ledger_dir_open(const char *dir, int *out_fd, struct err *e)
{
	CLEANUP_FD int fd = -1;
	int r = ledger_dir_open_any(dir, &fd, e);

	if (!r)
		r = check_complete(fd, dir, e);
	if (!r)
		*out_fd = take_fd(&fd);
	return r;
}

/* Of two that make a ledger the second waits, and finds one. */
static int lock(int fd, const char *dir, struct err *e)
{
	int r;

	do
		r = flock(fd, LOCK_EX);
	while (r && errno == EINTR);
	return r ? err_sys(e, "ledger %s", dir) : 0;
}

int ledger_dir_open_unfinished(const char *dir, int *out_fd, struct err *e)
{
	CLEANUP_FD int fd = -1;
	int r = ledger_dir_open_any(dir, &fd, e);

	if (!r)
		r = lock(fd, dir, e);
	if (!r && !exists(fd, LEDGER_FILE_UNFINISHED))
		r = err_set(e, ERR_NOT_FOUND, "%s: not being made", dir);
	if (!r)
		*out_fd = take_fd(&fd);
	return r;
}

static int empty(int dirfd, const struct fs_names *names, struct err *e)
{
	for (size_t i = 0; i < names->n; i++) {
		if (strcmp(names->v[i], LEDGER_FILE_UNFINISHED) != 0 &&
		    unlinkat(dirfd, names->v[i], 0))
			return err_sys(e, "%s", names->v[i]);
	}
	return 0;
}

static int remove_database(int dirfd, struct err *e)
{
	CLEANUP_NAMES struct fs_names names = {0};
	CLEANUP_FD int fd = -1;
	int r = fs_open_dir(dirfd, LEDGER_DIR_DATABASE, &fd, e);

	if (r == ERR_NOT_FOUND)
		return 0;
	if (!r)
		r = fs_list(fd, ".", NAMES_MAX, &names, e);
	if (!r)
		r = empty(fd, &names, e);
	if (!r && unlinkat(dirfd, LEDGER_DIR_DATABASE, AT_REMOVEDIR))
		r = err_sys(e, LEDGER_DIR_DATABASE);
	return r;
}

/* What is there may go only if init put it there and was interrupted: nobody ever saw that ledger. */
static int clear(int fd, const char *dir, struct err *e)
{
	CLEANUP_NAMES struct fs_names names = {0}, left = {0};
	int r = fs_list(fd, ".", NAMES_MAX, &names, e);

	if (r)
		return err_wrap(e, "ledger %s", dir);
	if (names.n == 0)
		return 0;
	if (exists(fd, LEDGER_FILE_DATA) && !exists(fd, LEDGER_FILE_UNFINISHED))
		return err_set(e, ERR_REFUSED, "%s holds a ledger already", dir);
	if (!exists(fd, LEDGER_FILE_UNFINISHED))
		return err_set(e, ERR_REFUSED,
		    "%s holds %s: a ledger is made in a new or empty directory", dir,
		    names.v[0]);
	r = remove_database(fd, e);
	if (!r)
		r = fs_list(fd, ".", NAMES_MAX, &left, e);
	if (!r)
		r = empty(fd, &left, e);
	return r ? err_wrap(e, "ledger %s", dir) : 0;
}

/* In one step, unlike fs_create(): whatever else is in the directory, the mark is there too. */
static int mark_unfinished(int dirfd, const char *dir, struct err *e)
{
	CLEANUP_FD int fd = openat(dirfd, LEDGER_FILE_UNFINISHED,
	    O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	return fd < 0 || fsync(dirfd) ? err_sys(e, "ledger %s", dir) : 0;
}

static int sync_above(int dirfd, struct err *e)
{
	CLEANUP_FD int fd = openat(dirfd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	/* Who may write into a directory need not be allowed to read it. */
	return (fd < 0 ? syncfs(dirfd) : fsync(fd)) ? err_sys(e, "the directory above it")
						    : 0;
}

int ledger_dir_prepare(const char *dir, int *out_fd, struct err *e)
{
	CLEANUP_FD int fd = -1;
	int r;

	if (mkdir(dir, 0700) && errno != EEXIST)
		return err_sys(e, "ledger %s", dir);
	r = fs_open_root(dir, &fd, e);
	/* Whoever made it may have been interrupted before it was on the disk. */
	if (!r)
		r = sync_above(fd, e);
	if (r)
		return err_wrap(e, "ledger");
	r = check_dir(fd, dir, e);
	if (!r)
		r = lock(fd, dir, e);
	if (!r)
		r = clear(fd, dir, e);
	if (!r)
		r = mark_unfinished(fd, dir, e);
	if (!r && mkdirat(fd, LEDGER_DIR_DATABASE, 0700))
		r = err_sys(e, "ledger %s: " LEDGER_DIR_DATABASE, dir);
	if (!r)
		*out_fd = take_fd(&fd);
	return r;
}

int ledger_dir_settle(int dirfd, int dbfd, struct err *e)
{
	return fsync(dbfd) || fsync(dirfd)
		   ? err_sys(e, "ledger: cannot bring it to the disk")
		   : 0;
}

int ledger_dir_finish(int dirfd, struct err *e)
{
	if (unlinkat(dirfd, LEDGER_FILE_UNFINISHED, 0) || fsync(dirfd) ||
	    flock(dirfd, LOCK_UN))
		return err_sys(e, "ledger: " LEDGER_FILE_UNFINISHED);
	return 0;
}

int ledger_dir_database(int dirfd, int *out_fd, struct err *e)
{
	return fs_open_dir(dirfd, LEDGER_DIR_DATABASE, out_fd, e);
}

int ledger_dir_statprint_key(int dirfd, struct xxh_key *out, bool *has, struct err *e)
{
	CLEANUP_BUF struct buf bytes;
	int r;

	*has = false;
	buf_init(&bytes, XXH_KEY_BYTES);
	r = fs_read_file(dirfd, LEDGER_FILE_STATPRINT, XXH_KEY_BYTES, &bytes, NULL, e);
	if (r == ERR_NOT_FOUND)
		return 0;
	if (r)
		return err_wrap(e, LEDGER_FILE_STATPRINT);
	if (bytes.len != XXH_KEY_BYTES)
		return err_set(e, ERR_LEDGER,
		    LEDGER_FILE_STATPRINT ": %zu bytes instead of %d", bytes.len,
		    XXH_KEY_BYTES);
	memcpy(out->secret, bytes.data, XXH_KEY_BYTES);
	explicit_bzero(bytes.data, bytes.len);
	*has = true;
	return 0;
}

int ledger_dir_write_statprint_key(int dirfd, struct err *e)
{
	struct xxh_key key;
	int r;

	crypto_random(key.secret, sizeof(key.secret));
	r = fs_create(
	    dirfd, LEDGER_FILE_STATPRINT, key.secret, sizeof(key.secret), 0600, e);
	explicit_bzero(&key, sizeof(key));
	return r;
}
