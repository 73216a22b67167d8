/* SPDX-License-Identifier: Apache-2.0 */
/*
 * anchor_file.c: an anchor in a file of checkpoints, one on a line, each the base64 of a whole signed
 * note. It is only ever appended to, and made append-only (chattr +a) where that is possible.
 *
 * Who may append (with chattr +a that can be all that somebody may do) can add any line, old
 * checkpoints too, and as many as to push the newest far away from the end. So every line counts,
 * and the one of the largest size wins: each is asked for the size it claims, which is cheap, and
 * only the largest are authenticated.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/hex.h"
#include "ledger/anchor_impl.h"

#define FILE_MAX_BYTES ((off_t)1 << 30)
#define LINE_MAX_BYTES ((NOTE_MAX_BYTES + 2) / 3 * 4)
#define CHUNK_BYTES 131072 /* more than a line */
/* The first so many may turn out to be no checkpoints: torn by a crash, or scribbled. */
#define CANDIDATES 16
/* Heads are public. */
#define FILE_MODE 0644

struct line {
	uint64_t size; /* as it claims */
	off_t at;
	size_t len;
	char *text; /* owned; NULL until it is a candidate for good */
	enum { LINE_NEW, LINE_VALID, LINE_WORTHLESS } worth;
	struct checkpoint head; /* of a valid one */
};

struct anchor_file {
	char *dir, *base;
	dev_t dev; /* of the file that was looked at */
	ino_t ino;
	int64_t written; /* mtime */
	off_t scanned;	 /* where the first line begins that was not seen whole */
	off_t end;	 /* of what was seen */
	struct line best[CANDIDATES]; /* by size, largest first */
	size_t n;
};

/* ---- the place ---- */

static int check_owner(const struct stat *st, const char *what, struct err *e)
{
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return err_set(e, ERR_LEDGER,
		    "%s belongs to uid %u, not to root or this user", what, st->st_uid);
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return err_set(e, ERR_LEDGER, "%s is writable by group or others", what);
	return 0;
}

/* ERR_IO: not there now; ERR_LEDGER: there, and open to others. */
static int open_dir(const struct anchor_file *f, int *out, struct err *e)
{
	CLEANUP_FD int fd = -1;
	struct stat st;

	if (fs_open_root(f->dir, &fd, e)) {
		e->code = ERR_IO;
		return err_wrap(e, "its directory");
	}
	if (fstat(fd, &st))
		return err_sys(e, "its directory");
	if (check_owner(&st, "its directory", e))
		return ERR_LEDGER;
	*out = take_fd(&fd);
	return 0;
}

/* And ERR_NOT_FOUND: the directory is there, the file is not. */
static int open_file(
    const struct anchor_file *f, int flags, int *out, struct stat *st, struct err *e)
{
	CLEANUP_FD int dir = -1;
	CLEANUP_FD int fd = -1;
	int r = open_dir(f, &dir, e);

	if (r)
		return r;
	if (fstatat(dir, f->base, st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? err_set(e, ERR_NOT_FOUND,
					     "it does not exist, but its directory does")
				       : err_sys(e, "cannot stat it");
	if (!S_ISREG(st->st_mode))
		return err_set(e, ERR_LEDGER, "it is not a regular file");
	r = fs_open(dir, f->base, flags, &fd, e);
	if (r) {
		e->code = ERR_IO;
		return ERR_IO;
	}
	if (fstat(fd, st))
		return err_sys(e, "cannot stat it");
	if (!S_ISREG(st->st_mode))
		return err_set(e, ERR_LEDGER, "it is not a regular file");
	if (check_owner(st, "it", e))
		return ERR_LEDGER;
	*out = take_fd(&fd);
	return 0;
}

static bool is_append_only(int fd)
{
	int flags = 0;

	return ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 && flags & FS_APPEND_FL;
}

static int set_append_only(int fd, bool on)
{
	int flags = 0;

	if (ioctl(fd, FS_IOC_GETFLAGS, &flags))
		return -1;
	flags = on ? flags | FS_APPEND_FL : flags & ~FS_APPEND_FL;
	return ioctl(fd, FS_IOC_SETFLAGS, &flags);
}

/* ---- the lines ---- */

static bool parse_decimal(const char *s, const char *end, uint64_t *out)
{
	*out = 0;
	for (; s < end; s++) {
		if (*s < '0' || *s > '9' || __builtin_mul_overflow(*out, 10, out) ||
		    __builtin_add_overflow(*out, (uint64_t)(*s - '0'), out))
			return false;
	}
	return true;
}

/* The second line of what the base64 hides; nobody vouches for it yet. */
static bool claimed_size(const char *line, size_t len, struct buf *scratch, uint64_t *out)
{
	static const size_t enough[] = {96, (KEY_NAME_MAX + 24) / 3 * 4};
	const char *lf, *end;
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(enough); i++) {
		size_t n = (len < enough[i] ? len : enough[i]) & ~(size_t)3;

		buf_clear(scratch);
		if (base64_decode(scratch, line, n, &e))
			return false;
		lf = scratch->len ? memchr(scratch->data, '\n', scratch->len) : NULL;
		end = lf ? memchr(lf + 1, '\n',
			       scratch->len - (size_t)(lf + 1 - scratch->data))
			 : NULL;
		if (end)
			return end > lf + 1 && parse_decimal(lf + 1, end, out);
	}
	return false;
}

static void consider(struct anchor_file *f, const struct line *line)
{
	size_t at = 0;

	while (at < f->n && f->best[at].size > line->size)
		at++;
	if (at == CANDIDATES)
		return;
	if (f->n == CANDIDATES)
		free(f->best[--f->n].text);
	memmove(&f->best[at + 1], &f->best[at], (f->n - at) * sizeof(*line));
	f->best[at] = *line;
	f->n++;
}

/* The whole lines of a chunk that lies at `offset`; returns how many bytes they have. */
static size_t scan_chunk(struct anchor_file *f, const char *chunk, size_t len,
    off_t offset, struct buf *scratch)
{
	size_t at = 0;
	const char *lf;

	while ((lf = memchr(chunk + at, '\n', len - at))) {
		struct line line = {
		    .at = offset + (off_t)at, .len = (size_t)(lf - chunk) - at};

		if (line.len <= LINE_MAX_BYTES &&
		    claimed_size(chunk + at, line.len, scratch, &line.size))
			consider(f, &line);
		at += line.len + 1;
	}
	return at;
}

static int read_at(int fd, char *out, size_t len, off_t at, size_t *got, struct err *e)
{
	*got = 0;
	while (*got < len) {
		ssize_t n = pread(fd, out + *got, len - *got, at + (off_t)*got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, "cannot read it");
		if (n == 0)
			break;
		*got += (size_t)n;
	}
	return 0;
}

/* Keeps the bytes of the candidates: what is judged later must be what was seen now. */
static int load_candidates(struct anchor_file *f, int fd, struct err *e)
{
	int r = 0;

	for (size_t i = 0; !r && i < f->n; i++) {
		struct line *line = &f->best[i];
		size_t got;

		if (line->text)
			continue;
		line->text = xmalloc(line->len + 1);
		r = read_at(fd, line->text, line->len, line->at, &got, e);
		if (!r)
			line->len = got;
	}
	return r;
}

/* What was added since the last scan. A last line without an end is no line: a crash tore it. */
static int scan(struct anchor_file *f, int fd, struct err *e)
{
	CLEANUP_FREE char *chunk = xmalloc(CHUNK_BYTES);
	CLEANUP_BUF struct buf scratch;
	off_t at = f->scanned;
	size_t got = CHUNK_BYTES;
	int r = 0;

	buf_init(&scratch, KEY_NAME_MAX + 64);
	while (!r && got == CHUNK_BYTES) {
		size_t used;

		r = read_at(fd, chunk, CHUNK_BYTES, at, &got, e);
		if (r)
			break;
		f->end = at + (off_t)got;
		used = scan_chunk(f, chunk, got, at, &scratch);
		if (used == 0 && got == CHUNK_BYTES)
			used =
			    got; /* no line is that long: the rest of it is none either */
		at += (off_t)used;
	}
	f->scanned = at;
	return r ? r : load_candidates(f, fd, e);
}

/* ---- what they say ---- */

static void authenticate(struct line *line, const struct anchor_view *view)
{
	CLEANUP_BUF struct buf note;
	struct err e;

	buf_init(&note, NOTE_MAX_BYTES);
	line->worth = LINE_WORTHLESS;
	if (base64_decode(&note, line->text, line->len, &e) == 0 &&
	    view->open_note(view->ctx, note.data, note.len, &line->head, &e) == 0)
		line->worth = LINE_VALID;
}

/* The name of another ledger, if that is whose line it is. */
static bool is_foreign(
    const struct line *line, const struct anchor_view *view, struct checkpoint *out)
{
	CLEANUP_BUF struct buf note;
	const char *text_end;
	struct err e;

	buf_init(&note, NOTE_MAX_BYTES);
	if (base64_decode(&note, line->text, line->len, &e))
		return false;
	text_end = memmem(note.data, note.len, "\n\n", 2);
	return text_end &&
	       checkpoint_parse(note.data, (size_t)(text_end + 1 - note.data), out, &e) ==
		   0 &&
	       strcmp(out->origin, view->head->origin) != 0;
}

static void is_worthless(struct anchor *a, const struct anchor_view *view)
{
	const struct anchor_file *f = a->own;
	struct checkpoint other;

	for (size_t i = 0; i < f->n; i++) {
		if (is_foreign(&f->best[i], view, &other)) {
			anchor_is(a, ANCHOR_FOREIGN,
			    "it belongs to ledger %s, this one is %s", other.origin,
			    view->head->origin);
			return;
		}
	}
	anchor_is(a, ANCHOR_DAMAGED,
	    f->end == 0 ? "it is empty" : "no line of it is a checkpoint of this ledger");
}

/* Of all lines the newest that is a checkpoint of this ledger. Sets the state if there is none, or two. */
static void find_newest(struct anchor *a, const struct anchor_view *view)
{
	struct anchor_file *f = a->own;
	const struct line *newest = NULL;

	for (size_t i = 0; i < f->n; i++) {
		struct line *line = &f->best[i];

		if (newest && line->size < newest->size)
			break;
		if (line->worth == LINE_NEW)
			authenticate(line, view);
		if (line->worth != LINE_VALID)
			continue;
		if (newest && !digest_equal(&newest->head.root, &line->head.root)) {
			anchor_is(a, ANCHOR_FORKED,
			    "it holds two checkpoints of %" PRIu64
			    " entries with different roots: the ledger was forked",
			    line->size);
			return;
		}
		newest = line;
	}
	if (!newest) {
		is_worthless(a, view);
		return;
	}
	a->knows_head = true;
	a->head = newest->head;
}

static int judge(struct anchor *a, const struct anchor_view *view, struct err *e)
{
	const struct anchor_file *f = a->own;

	find_newest(a, view);
	return a->state == ANCHOR_SEEN ? anchor_judge_head(a, view, f->written, e) : 0;
}

/* ---- looking ---- */

static void forget(struct anchor_file *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->best[i].text);
	f->n = 0;
	f->scanned = f->end = 0;
}

static int look_at(struct anchor *a, struct err *e)
{
	struct anchor_file *f = a->own;
	CLEANUP_FD int fd = -1;
	struct stat st;
	int r;

	forget(f);
	r = open_file(f, O_RDONLY, &fd, &st, e);
	if (r)
		return r;
	if (st.st_size > FILE_MAX_BYTES)
		return err_set(e, ERR_LEDGER,
		    "it is larger than %jd bytes (layerseal ledger anchor --reset "
		    "begins it anew)",
		    (intmax_t)FILE_MAX_BYTES);
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	f->written = st.st_mtim.tv_sec;
	a->append_only = is_append_only(fd);
	return scan(f, fd, e);
}

static void look(struct anchor *a)
{
	struct err e;
	int r = look_at(a, &e);

	a->knows_head = false;
	if (!r)
		a->state = ANCHOR_SEEN;
	else if (r == ERR_NOT_FOUND)
		anchor_is(a, ANCHOR_MISSING,
		    "%s (if it never did: layerseal ledger anchor --create)", e.msg);
	else
		anchor_is(
		    a, r == ERR_IO ? ANCHOR_UNREACHABLE : ANCHOR_DAMAGED, "%s", e.msg);
}

/* ---- writing ---- */

/* For writing, and still the file that was looked at. */
static int open_again(const struct anchor_file *f, int *out, struct err *e)
{
	struct stat st;
	int r = open_file(f, O_RDWR | O_APPEND, out, &st, e);

	if (!r && (st.st_dev != f->dev || st.st_ino != f->ino))
		r = err_set(e, ERR_LEDGER, "another file took its place meanwhile");
	if (r == ERR_NOT_FOUND)
		e->code = r = ERR_LEDGER;
	return r;
}

static int prepare(struct anchor *a, const struct anchor_view *view, bool *counts,
    uint64_t *counter, struct err *e)
{
	CLEANUP_FD int fd = -1;

	(void)view;
	(void)counter;
	*counts = false;
	return open_again(a->own, &fd, e);
}

static int format_line(const struct anchor_view *view, struct buf *out, struct err *e)
{
	int r = base64_encode(out, view->note, view->note_len, e);

	return r ? r : buf_adds(out, "\n", e);
}

/* In one write; what a crash tore is ended first. */
static int append(
    const struct anchor_file *f, int fd, const struct anchor_view *view, struct err *e)
{
	CLEANUP_BUF struct buf text;
	int r = 0;

	buf_init(&text, LINE_MAX_BYTES + 8);
	if (f->scanned != f->end)
		r = buf_adds(&text, "\n", e);
	if (!r)
		r = format_line(view, &text, e);
	if (!r)
		r = fs_write_all(fd, text.data, text.len, e);
	if (!r && fdatasync(fd))
		r = err_sys(e, "cannot bring it to the disk");
	return r;
}

static int advance(struct anchor *a, const struct anchor_view *view, struct err *e)
{
	struct anchor_file *f = a->own;
	CLEANUP_FD int fd = -1;
	int r = open_again(f, &fd, e);

	if (!r)
		r = scan(f, fd, e);
	if (r)
		return r;
	find_newest(a, view);
	if (a->state == ANCHOR_FORKED || a->state == ANCHOR_DAMAGED ||
	    a->state == ANCHOR_FOREIGN)
		return err_set(e, ERR_LEDGER, "%s", a->why.msg);
	/* Who appended after us may have been here before us. */
	if (a->head.size > view->head->size)
		return 0;
	if (a->head.size == view->head->size)
		return digest_equal(&a->head.root, &view->head->root)
			   ? 0
			   : err_set(e, ERR_LEDGER,
				 "it remembers other entries: the ledger was forked");
	r = append(f, fd, view, e);
	if (!r)
		a->head = *view->head;
	return r;
}

/* Below the ledger it would be in the hands of those it is to guard against. */
static int check_outside(int dir, const struct anchor_view *view, struct err *e)
{
	CLEANUP_FD int at = openat(dir, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat ledger, here, up;

	if (at < 0 || fstat(view->dirfd, &ledger) || fstat(at, &here))
		return err_sys(e, "its directory");
	for (;;) {
		int parent;

		if (here.st_dev == ledger.st_dev && here.st_ino == ledger.st_ino)
			return err_set(e, ERR_REFUSED,
			    "it would be in the ledger's directory, and be put back "
			    "together with it");
		parent = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (parent < 0 || fstat(parent, &up)) {
			base_close_p(&parent);
			return err_sys(e, "its directory");
		}
		close(at);
		at = parent;
		if (up.st_dev == here.st_dev && up.st_ino == here.st_ino)
			return 0;
		here = up;
	}
}

/* An append-only file can be neither replaced nor removed. */
static int release_old(const struct anchor_file *f, int dir, struct err *e)
{
	CLEANUP_FD int fd =
	    openat(dir, f->base, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0 && is_append_only(fd) && set_append_only(fd, false))
		return err_sys(e, "cannot take its append-only mark away");
	return 0;
}

static int create(
    struct anchor *a, const struct anchor_view *view, bool again, struct err *e)
{
	struct anchor_file *f = a->own;
	CLEANUP_FD int dir = -1;
	CLEANUP_FD int fd = -1;
	CLEANUP_BUF struct buf text;
	int r;

	buf_init(&text, LINE_MAX_BYTES + 8);
	r = open_dir(f, &dir, e);
	if (!r)
		r = check_outside(dir, view, e);
	if (!r)
		r = format_line(view, &text, e);
	if (!r && again)
		r = release_old(f, dir, e);
	if (!r)
		r = again ? fs_replace(dir, f->base, text.data, text.len, FILE_MODE, e)
			  : fs_create(dir, f->base, text.data, text.len, FILE_MODE, e);
	if (!r)
		r = fs_open(dir, f->base, O_RDONLY, &fd, e);
	if (r)
		return r;
	/* Not every file system has it, and not every user may. */
	(void)set_append_only(fd, true);
	r = look_at(a, e);
	a->state = ANCHOR_SEEN;
	a->knows_head = false;
	if (!r)
		find_newest(a, view);
	return r || a->knows_head ? r : err_set(e, ERR_LEDGER, "%s", a->why.msg);
}

static void release(struct anchor *a)
{
	struct anchor_file *f = a->own;

	forget(f);
	free(f->dir);
	free(f->base);
	free(f);
}

void anchor_file_init(struct anchor *a, const struct anchor_setting *s)
{
	static const struct anchor_ops ops = {
	    .look = look,
	    .judge = judge,
	    .prepare = prepare,
	    .advance = advance,
	    .create = create,
	    .release = release,
	};
	struct anchor_file *f = xcalloc(1, sizeof(*f));
	const char *slash = strrchr(s->path, '/');

	f->dir = slash == s->path ? xstrdup("/")
				  : xstrndup(s->path, (size_t)(slash - s->path));
	f->base = xstrdup(slash + 1);
	*a = (struct anchor){.ops = &ops,
	    .name = xasprintf("file:%s", s->path),
	    .has_file = true,
	    .own = f};
}
