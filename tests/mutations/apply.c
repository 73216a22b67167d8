/* SPDX-License-Identifier: Apache-2.0 */
/* apply.c: puts the genuine files in place and does to them what a mutation says. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "ledger/ledger_dir.h"
#include "mutations.h"

static NORETURN void broken(const char *what)
{
	fprintf(stderr, "mutations: %s: %s\n", what, strerror(errno));
	exit(99);
}

static void must(const char *what, bool good)
{
	if (!good)
		broken(what);
}

static const char *path_in(const char *dir, const char *file)
{
	static char paths[4][256];
	static unsigned turn;
	char *path = paths[turn++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", dir, file);
	return path;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void remove_it(const char *path)
{
	struct stat st;

	if (lstat(path, &st) == 0)
		nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static int open_data(const char *dir)
{
	int fd = open(path_in(dir, LEDGER_FILE_DATA), O_RDWR | O_CLOEXEC);

	must("data", fd >= 0);
	return fd;
}

static void put_bytes(const char *path, const char *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	must(path, fd >= 0 && write(fd, data, len) == (ssize_t)len);
	close(fd);
}

void mutations_restore(const struct mutations *all, const char *dir)
{
	const struct bytes *genuine = &all->sources[SOURCE_GENUINE];
	const char *data = path_in(dir, LEDGER_FILE_DATA);
	struct stat st;

	if (geteuid() == 0)
		(void)!lchown(dir, 0, 0);
	must(dir, chmod(dir, 0700) == 0 &&
		      chmod(path_in(dir, LEDGER_FILE_KEY), 0600) == 0 &&
		      (geteuid() || chown(path_in(dir, LEDGER_FILE_KEY), 0, 0) == 0));
	remove_it(path_in(dir, LEDGER_FILE_LOCK));
	if (lstat(data, &st) || !S_ISREG(st.st_mode) || st.st_size > 1 << 24 ||
	    (st.st_mode & 0777) != 0600 || st.st_uid != geteuid())
		remove_it(data);
	put_bytes(data, genuine->data, genuine->len);
}

/* ---- bytes ---- */

static void put_number(int fd, uint64_t at, uint64_t value, uint32_t len)
{
	uint8_t bytes[8];

	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(value >> 8 * i);
	must("number", pwrite(fd, bytes, len, (off_t)at) == (ssize_t)len);
}

static void fill_with_noise(char *out, uint32_t len, uint64_t seed)
{
	for (uint32_t i = 0; i < len; i++) {
		seed = seed * 6364136223846793005U + 1442695040888963407U;
		out[i] = (char)(seed >> 56);
	}
}

static void put_noise(int fd, const struct mutation *m)
{
	char noise[512];

	fill_with_noise(noise, m->len, m->value);
	must("noise", pwrite(fd, noise, m->len, (off_t)m->at) == (ssize_t)m->len);
}

static void put_page(
    int fd, const struct mutations *all, uint64_t from, uint64_t to, bool number)
{
	const char *page = all->sources[SOURCE_GENUINE].data + from * all->page_size;
	ssize_t size = all->page_size;

	must(
	    "page", pwrite(fd, page, (size_t)size, (off_t)(to * all->page_size)) == size);
	if (number)
		put_number(fd, to * all->page_size, to, 8);
}

static void put_pages(int fd, const struct mutations *all, const struct mutation *m)
{
	const struct bytes *source = &all->sources[m->value];
	size_t at = m->at * all->page_size, len = (size_t)m->len * all->page_size;

	if (len > source->len - at)
		len = source->len - at;
	must("pages", pwrite(fd, source->data + at, len, (off_t)at) == (ssize_t)len);
}

/* ---- the lock file ---- */

/* Somebody who has the environment open, so that LMDB does not make the lock file anew. */
static pid_t hold_lock(const char *path, short type)
{
	int ready[2];
	pid_t pid;
	char byte;

	must("pipe", pipe2(ready, O_CLOEXEC) == 0);
	pid = fork();
	must("fork", pid >= 0);
	if (pid == 0) {
		struct flock first = {.l_type = type, .l_whence = SEEK_SET, .l_len = 1};
		int fd = open(path, O_RDWR | O_CLOEXEC);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (fd < 0 || fcntl(fd, F_SETLK, &first) || write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	must("holder", read(ready[0], &byte, 1) == 1);
	close(ready[0]);
	return pid;
}

static pid_t apply_lock(const struct mutation *m, const char *dir)
{
	const char *path = path_in(dir, LEDGER_FILE_LOCK);
	char noise[16384];

	fill_with_noise(noise, m->len, m->value);
	put_bytes(path, noise, m->len);
	return m->at ? hold_lock(path, F_RDLCK) : 0;
}

/* ---- other kinds of files ---- */

static void put_link(const char *dir, const char *file, const char *to)
{
	remove_it(path_in(dir, file));
	must("link", symlink(to, path_in(dir, file)) == 0);
}

static pid_t data_is_a_link(const char *dir)
{
	must("rename",
	    rename(path_in(dir, LEDGER_FILE_DATA), path_in(dir, "elsewhere")) == 0);
	put_link(dir, LEDGER_FILE_DATA, path_in(dir, "elsewhere"));
	return 0;
}

static pid_t data_is_a_loop(const char *dir)
{
	put_link(dir, LEDGER_FILE_DATA, "data.mdb");
	return 0;
}

static pid_t data_is_endless(const char *dir)
{
	put_link(dir, LEDGER_FILE_DATA, "/dev/zero");
	return 0;
}

static pid_t lock_is_a_link(const char *dir)
{
	put_link(dir, LEDGER_FILE_LOCK, path_in(dir, LEDGER_FILE_STATPRINT));
	return 0;
}

static void put_kind(const char *dir, const char *file, mode_t kind)
{
	const char *path = path_in(dir, file);

	remove_it(path);
	must("kind",
	    S_ISDIR(kind) ? mkdir(path, 0700) == 0 : mknod(path, kind | 0600, 0) == 0);
}

#define KIND(name, file, kind)                                                           \
	static pid_t name(const char *dir)                                               \
	{                                                                                \
		put_kind(dir, file, kind);                                               \
		return 0;                                                                \
	}
KIND(data_is_a_fifo, LEDGER_FILE_DATA, S_IFIFO)
KIND(data_is_a_directory, LEDGER_FILE_DATA, S_IFDIR)
KIND(data_is_a_socket, LEDGER_FILE_DATA, S_IFSOCK)
KIND(lock_is_a_fifo, LEDGER_FILE_LOCK, S_IFIFO)
KIND(lock_is_a_directory, LEDGER_FILE_LOCK, S_IFDIR)
KIND(lock_is_a_socket, LEDGER_FILE_LOCK, S_IFSOCK)

#define MODE(name, file, mode)                                                           \
	static pid_t name(const char *dir)                                               \
	{                                                                                \
		must("mode", chmod(path_in(dir, file), mode) == 0);                      \
		return 0;                                                                \
	}
MODE(directory_for_all, ".", 0777)
MODE(directory_for_readers, ".", 0755)
MODE(directory_for_group, ".", 0720)
MODE(data_for_all, LEDGER_FILE_DATA, 0666)
MODE(data_for_readers, LEDGER_FILE_DATA, 0604)
MODE(data_for_group, LEDGER_FILE_DATA, 0620)
MODE(key_for_readers, LEDGER_FILE_KEY, 0644)

#define OWNER(name, file)                                                                \
	static pid_t name(const char *dir)                                               \
	{                                                                                \
		must("owner", geteuid() || lchown(path_in(dir, file), 54321, 0) == 0);   \
		return geteuid() ? data_is_a_loop(dir) : 0;                              \
	}
OWNER(directory_of_another, ".")
OWNER(data_of_another, LEDGER_FILE_DATA)
OWNER(key_of_another, LEDGER_FILE_KEY)

static pid_t lock_for_all(const char *dir)
{
	put_bytes(path_in(dir, LEDGER_FILE_LOCK), "", 0);
	must("mode", chmod(path_in(dir, LEDGER_FILE_LOCK), 0666) == 0);
	return 0;
}

static pid_t no_data(const char *dir)
{
	remove_it(path_in(dir, LEDGER_FILE_DATA));
	return 0;
}

/* Read locks of others are ordinary; this one lets nobody in. */
static pid_t lock_is_held(const char *dir)
{
	put_bytes(path_in(dir, LEDGER_FILE_LOCK), "", 0);
	return hold_lock(path_in(dir, LEDGER_FILE_LOCK), F_WRLCK);
}

typedef pid_t special_fn(const char *dir);

static const struct {
	const char *what;
	special_fn *fn;
} specials[] = {
#define S(name)                                                                          \
	{                                                                                \
#name, name                                                              \
	}
    S(data_is_a_link),
    S(data_is_a_loop),
    S(data_is_endless),
    S(data_is_a_fifo),
    S(data_is_a_directory),
    S(data_is_a_socket),
    S(lock_is_a_link),
    S(lock_is_a_fifo),
    S(lock_is_a_directory),
    S(lock_is_a_socket),
    S(directory_for_all),
    S(directory_for_readers),
    S(directory_for_group),
    S(data_for_all),
    S(data_for_readers),
    S(data_for_group),
    S(key_for_readers),
    S(lock_for_all),
    S(directory_of_another),
    S(data_of_another),
    S(key_of_another),
    S(no_data),
    S(lock_is_held),
#undef S
};

size_t mutations_n_specials(void)
{
	return ARRAY_LEN(specials);
}

/* ---- all ---- */

static void apply_to_data(
    const struct mutations *all, const struct mutation *m, const char *dir)
{
	CLEANUP_FD int fd = open_data(dir);

	switch (m->kind) {
	case TWICE:
		put_number(fd, m->and_at, m->value, m->len);
		/* fallthrough */
	case WRITE:
		put_number(fd, m->at, m->value, m->len);
		break;
	case NOISE:
		put_noise(fd, m);
		break;
	case SIZE:
		/* Where the file system has no files of that size, the size stays. */
		(void)!ftruncate(fd, (off_t)m->value);
		break;
	case EXCHANGE:
		put_page(fd, all, m->and_at, m->at, m->value);
		/* fallthrough */
	case COPY:
		put_page(fd, all, m->at, m->and_at, m->value);
		break;
	case SPLICE:
		put_pages(fd, all, m);
		break;
	case REPLACE:
	case LOCK:
	case SPECIAL:
		break;
	}
}

pid_t mutations_apply(
    const struct mutations *all, const struct mutation *m, const char *dir)
{
	const struct bytes *source = &all->sources[m->value % SOURCES];

	if (m->kind == LOCK)
		return apply_lock(m, dir);
	if (m->kind == SPECIAL)
		return specials[m->value].fn(dir);
	if (m->kind == REPLACE)
		put_bytes(path_in(dir, LEDGER_FILE_DATA), source->data, source->len);
	else
		apply_to_data(all, m, dir);
	return 0;
}

void mutations_describe(const struct mutation *m, char *out, size_t size)
{
	static const char *const kinds[] = {"write", "write twice", "noise", "size",
	    "exchange", "copy", "replace", "splice", "lock", "special"};

	snprintf(out, size, "%s: %s %s at %#llx, %#llx value %#llx len %u",
	    family_names[m->family], kinds[m->kind],
	    m->kind == SPECIAL ? specials[m->value].what : "", (unsigned long long)m->at,
	    (unsigned long long)m->and_at, (unsigned long long)m->value, m->len);
}
