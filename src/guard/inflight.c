/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inflight.c: see inflight.h. The file of a build has a line with the store's id and one, in esc_token()'s
 * spelling, for each name, and an empty one once it has verified. It is complete before others can see
 * it: made under a lock of the directory.
 */
#include "guard/inflight.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/esc.h"
#include "base/fs.h"
#include "base/hex.h"

#define DIRECTORY "builds"
#define FILE_MAX (1 << 20)
#define BUILDS_MAX 4096

struct inflight {
	int dirfd, fd;
	char name[33];
};

/*
 * LOCK_EX: nobody registers or looks meanwhile; LOCK_SH: nobody registers. ERR_NOT_FOUND if it is not there and
 * not to be made.
 */
static int open_directory(
    const char *ledger_dir, bool make, int lock, int *out_fd, struct err *e)
{
	CLEANUP_FD int ledger = -1, fd = -1;
	int r = fs_open_root(ledger_dir, &ledger, e);

	if (r)
		return r;
	if (make && mkdirat(ledger, DIRECTORY, 0700) && errno != EEXIST)
		return err_sys(e, "ledger %s: " DIRECTORY, ledger_dir);
	r = fs_open_dir(ledger, DIRECTORY, &fd, e);
	if (r)
		return r;
	while (flock(fd, lock)) {
		if (errno != EINTR)
			return err_sys(e, "ledger %s: " DIRECTORY, ledger_dir);
	}
	*out_fd = take_fd(&fd);
	return 0;
}

static int write_file(int fd, const struct store_id *store, const char *const *names,
    size_t n, struct err *e)
{
	CLEANUP_BUF struct buf text;
	char hex[2 * STORE_ID_BYTES + 1];
	int r;

	buf_init(&text, FILE_MAX);
	hex_encode(hex, store->bytes, STORE_ID_BYTES);
	r = buf_addf(&text, e, "%s\n", hex);
	for (size_t i = 0; !r && i < n; i++) {
		r = esc_token(&text, names[i], strlen(names[i]), NULL, e);
		if (!r)
			r = buf_adds(&text, "\n", e);
	}
	return r ? r : fs_write_all(fd, text.data, text.len, e);
}

int inflight_enter(const char *ledger_dir, const struct store_id *store,
    const char *const *names, size_t n, struct inflight **out, struct err *e)
{
	CLEANUP_INFLIGHT struct inflight *f = xcalloc(1, sizeof(*f));
	unsigned char random[16];
	int r;

	*out = NULL;
	f->dirfd = f->fd = -1;
	r = open_directory(ledger_dir, true, LOCK_EX, &f->dirfd, e);
	if (!r && getrandom(random, sizeof(random), 0) != sizeof(random))
		r = err_sys(e, "cannot get random bytes");
	if (r)
		return r;
	hex_encode(f->name, random, sizeof(random));
	f->fd = openat(f->dirfd, f->name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (f->fd < 0 || flock(f->fd, LOCK_EX | LOCK_NB))
		return err_sys(e, "ledger %s: " DIRECTORY, ledger_dir);
	r = write_file(f->fd, store, names, n, e);
	if (r)
		return r;
	flock(f->dirfd, LOCK_UN);
	*out = take_ptr(f);
	return 0;
}

int inflight_runs(struct inflight *f, struct err *e)
{
	return fs_write_all(f->fd, "\n", 1, e);
}

void inflight_leave(struct inflight *f)
{
	if (!f)
		return;
	if (f->fd >= 0)
		unlinkat(f->dirfd, f->name, 0);
	base_close_p(&f->fd);
	base_close_p(&f->dirfd);
	free(f);
}

void inflight_leave_p(struct inflight **f)
{
	inflight_leave(*f);
	*f = NULL;
}

static void add_text(char ***texts, size_t *n, char *text)
{
	*texts = xreallocarray(*texts, *n + 1, sizeof(**texts));
	(*texts)[(*n)++] = text;
}

/* A file that is no build's, or of another store, counts nothing. */
static bool add_build(struct inflight_others *o, const struct store_id *store,
    const char *build, char *text)
{
	struct store_id id;
	char *rest = text, *line = strsep(&rest, "\n");

	if (!hex_decode(id.bytes, sizeof(id.bytes), line) ||
	    memcmp(id.bytes, store->bytes, sizeof(id.bytes)) != 0)
		return false;
	add_text(&o->builds, &o->n, xstrdup(build));
	while (rest && *rest) {
		struct buf name;
		struct err ignored;

		line = strsep(&rest, "\n");
		if (!*line) {
			o->running++;
			continue;
		}
		buf_init(&name, FILE_MAX);
		if (esc_untoken(&name, line, strlen(line), NULL, &ignored) == 0 &&
		    name.len)
			add_text(&o->names, &o->n_names, buf_take(&name));
		buf_release(&name);
	}
	return true;
}

/* A file is written once, when its build begins. */
static void note_begin(struct inflight_others *o, const struct timespec *t)
{
	if (!o->since.tv_sec || t->tv_sec < o->since.tv_sec ||
	    (t->tv_sec == o->since.tv_sec && t->tv_nsec < o->since.tv_nsec))
		o->since = *t;
}

static void look_at(
    struct inflight_others *o, int dirfd, const char *build, const struct store_id *store)
{
	CLEANUP_FD int fd = -1;
	CLEANUP_BUF struct buf text;
	struct stat st;
	struct err ignored;

	buf_init(&text, FILE_MAX);
	if (fs_open(dirfd, build, O_RDWR, &fd, &ignored))
		return;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
		unlinkat(dirfd, build, 0); /* its build was killed */
		return;
	}
	if (fs_read_file(dirfd, build, FILE_MAX, &text, &st, &ignored) == 0 && text.len &&
	    add_build(o, store, build, text.data))
		note_begin(o, &st.st_mtim);
}

int inflight_others(const char *ledger_dir, const struct store_id *store,
    const struct inflight *self, struct inflight_others *out, struct err *e)
{
	CLEANUP_NAMES struct fs_names names = {0};
	CLEANUP_FD int dirfd = -1;
	int r = open_directory(ledger_dir, false, LOCK_SH, &dirfd, e);

	*out = (struct inflight_others){0};
	if (r == ERR_NOT_FOUND)
		return 0;
	if (!r)
		r = fs_list(dirfd, ".", BUILDS_MAX, &names, e);
	for (size_t i = 0; !r && i < names.n; i++) {
		if (!self || strcmp(names.v[i], self->name) != 0)
			look_at(out, dirfd, names.v[i], store);
	}
	return r;
}

int inflight_shut(const char *ledger_dir, const struct store_id *store,
    const struct inflight *self, int *out_fd, size_t *others, struct err *e)
{
	CLEANUP_INFLIGHT_OTHERS struct inflight_others now = {0};
	int r = open_directory(ledger_dir, true, LOCK_SH, out_fd, e);

	if (!r)
		r = inflight_others(ledger_dir, store, self, &now, e);
	*others = now.n;
	return r;
}

void inflight_others_release(struct inflight_others *o)
{
	for (size_t i = 0; i < o->n; i++)
		free(o->builds[i]);
	for (size_t i = 0; i < o->n_names; i++)
		free(o->names[i]);
	free(o->builds);
	free(o->names);
	*o = (struct inflight_others){0};
}

bool inflight_gives(const struct inflight_others *o, const char *name)
{
	for (size_t i = 0; i < o->n_names; i++) {
		if (strcmp(o->names[i], name) == 0)
			return true;
	}
	return false;
}

bool inflight_remain(
    const struct inflight_others *before, const struct inflight_others *now)
{
	for (size_t i = 0; i < before->n; i++) {
		for (size_t k = 0; k < now->n; k++) {
			if (strcmp(before->builds[i], now->builds[k]) == 0)
				return true;
		}
	}
	return false;
}
