/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_dir.c: see ledger_dir.h. */
#include "ledger/ledger_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"

#define TRUST_MAX_BYTES 65536
#define NAMES_MAX 10000

static const char *const files[] = {LEDGER_FILE_DATA, LEDGER_FILE_LOCK, LEDGER_FILE_KEY,
    LEDGER_FILE_STATPRINT, LEDGER_FILE_TRUST, LEDGER_FILE_UNFINISHED};

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

static int check_file(int dirfd, const char *name, struct err *e)
{
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? 0 : err_sys(e, "%s", name);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_LEDGER, "%s: not a regular file", name);
	return check_mine(name, &st, e);
}

static int check_dir(int fd, const char *dir, struct err *e)
{
	struct stat st;
	int r;

	if (fstat(fd, &st))
		return err_sys(e, "ledger %s", dir);
	r = check_mine("ledger", &st, e);
	for (size_t i = 0; !r && i < ARRAY_LEN(files); i++)
		r = check_file(fd, files[i], e);
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
	const char *missing = NULL;
	size_t found = 0;

	if (exists(fd, LEDGER_FILE_UNFINISHED))
		return err_set(e, ERR_NOT_FOUND,
		    "the ledger at %s was never finished: run layerseal init again", dir);
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		found += exists(fd, files[i]);
	if (found == 0)
		return err_set(
		    e, ERR_NOT_FOUND, "no ledger at %s: run layerseal init", dir);
	if (!exists(fd, LEDGER_FILE_DATA))
		missing = LEDGER_FILE_DATA;
	if (!exists(fd, LEDGER_FILE_TRUST))
		missing = LEDGER_FILE_TRUST;
	return missing ? err_set(e, ERR_LEDGER, "ledger %s: no file %s", dir, missing)
		       : 0;
}

int ledger_dir_open(const char *dir, int *out_fd, struct err *e)
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
		r = check_complete(fd, dir, e);
	if (!r)
		*out_fd = take_fd(&fd);
	return r;
}

/* What is there may go only if init put it there and was interrupted: nobody ever saw that ledger. */
static int clear(int fd, const char *dir, struct err *e)
{
	CLEANUP_NAMES struct fs_names names = {0};
	int r = fs_list(fd, ".", NAMES_MAX, &names, e);

	if (r)
		return err_wrap(e, "ledger %s", dir);
	if (names.n == 0)
		return 0;
	if (exists(fd, LEDGER_FILE_TRUST) && !exists(fd, LEDGER_FILE_UNFINISHED))
		return err_set(e, ERR_REFUSED, "%s holds a ledger already", dir);
	if (!exists(fd, LEDGER_FILE_UNFINISHED))
		return err_set(e, ERR_REFUSED,
		    "%s holds %s: a ledger is made in a new or empty directory", dir,
		    names.v[0]);
	for (size_t i = 0; i < names.n; i++) {
		if (strcmp(names.v[i], LEDGER_FILE_UNFINISHED) != 0 &&
		    unlinkat(fd, names.v[i], 0))
			return err_sys(e, "ledger %s: %s", dir, names.v[i]);
	}
	return 0;
}

/* In one step, unlike fs_create(): whatever else is in the directory, the mark is there too. */
static int mark_unfinished(int dirfd, const char *dir, struct err *e)
{
	CLEANUP_FD int fd = openat(dirfd, LEDGER_FILE_UNFINISHED,
	    O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	return fd < 0 || fsync(dirfd) ? err_sys(e, "ledger %s", dir) : 0;
}

int ledger_dir_prepare(const char *dir, int *out_fd, struct err *e)
{
	CLEANUP_FD int fd = -1;
	int r;

	if (mkdir(dir, 0700) && errno != EEXIST)
		return err_sys(e, "ledger %s", dir);
	r = fs_open_root(dir, &fd, e);
	if (r)
		return err_wrap(e, "ledger");
	r = check_dir(fd, dir, e);
	if (!r)
		r = clear(fd, dir, e);
	if (!r)
		r = mark_unfinished(fd, dir, e);
	if (!r)
		*out_fd = take_fd(&fd);
	return r;
}

int ledger_dir_finish(int dirfd, struct err *e)
{
	/* First everything must be on the disk that makes it a ledger. */
	if (fsync(dirfd) || unlinkat(dirfd, LEDGER_FILE_UNFINISHED, 0) || fsync(dirfd))
		return err_sys(e, "ledger: " LEDGER_FILE_UNFINISHED);
	return 0;
}

static int parse_trusted(char *text, struct public_key *keys, size_t *n, struct err *e)
{
	char *line;

	for (unsigned number = 1; (line = strsep(&text, "\n")); number++) {
		if (line[0] == '\0' || line[0] == '#')
			continue;
		if (*n == TRUSTED_KEYS_MAX)
			return err_set(
			    e, ERR_LEDGER, "more than %d keys", TRUSTED_KEYS_MAX);
		if (public_key_parse(line, &keys[*n], e)) {
			err_wrap(e, "line %u", number);
			e->code = ERR_LEDGER;
			return ERR_LEDGER;
		}
		++*n;
	}
	return *n ? 0 : err_set(e, ERR_LEDGER, "no key");
}

int ledger_dir_trusted_keys(
    int dirfd, struct public_key keys[static TRUSTED_KEYS_MAX], size_t *n, struct err *e)
{
	CLEANUP_BUF struct buf text;
	int r;

	*n = 0;
	buf_init(&text, TRUST_MAX_BYTES);
	r = fs_read_file(dirfd, LEDGER_FILE_TRUST, TRUST_MAX_BYTES, &text, NULL, e);
	if (r)
		return r;
	if (memchr(text.data, '\0', text.len))
		return err_set(e, ERR_LEDGER, LEDGER_FILE_TRUST ": a NUL byte");
	r = parse_trusted(text.data, keys, n, e);
	return r ? err_wrap(e, LEDGER_FILE_TRUST) : 0;
}

int ledger_dir_write_trusted(int dirfd, const struct public_key *key, struct err *e)
{
	CLEANUP_BUF struct buf text;
	int r;

	buf_init(&text, TRUST_MAX_BYTES);
	r = public_key_format(key, &text, e);
	if (!r)
		r = buf_adds(&text, "\n", e);
	return r ? r : fs_create(dirfd, LEDGER_FILE_TRUST, text.data, text.len, 0600, e);
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
