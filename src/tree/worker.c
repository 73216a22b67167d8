/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker.c: measures the names of batches, see pipeline.h. Everything that is read comes from one
 * descriptor and lies between two looks at its inode that must agree. That the name still leads
 * there is proved by the directory, which must not have changed either (dir_leave()).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tree/pipeline.h"

#define MEASURE_TRIES 3
struct worker {
	struct pipeline *p;
	struct content content;
};

int entry_wrap(const struct batch *b, const struct entry *x, struct err *e)
{
	const char *dir = b->text.data + b->runs[x->run].path;

	return err_wrap(e, "%s/%s", dir, b->text.data + x->name);
}

static int same_as(int fd, const struct walk_stat *before, struct err *e)
{
	struct walk_stat after;
	int r = walk_stat(fd, "", NULL, &after, e);

	if (!r && !walk_stat_equal(before, &after))
		return err_set(e, ERR_CHANGED, "it changed while it was measured");
	return r;
}

static int read_xattrs(
    struct batch *b, struct entry *x, int fd, bool path_fd, struct err *e)
{
	x->xattrs = (uint32_t)b->text.len;
	return walk_xattrs(fd, path_fd, &b->text, &x->n_xattrs, e);
}

static int type_changed(struct err *e)
{
	return err_set(
	    e, ERR_CHANGED, "it became another type of file while it was measured");
}

/* Claims the inode of one of several names; false: an earlier name's line says it all. */
static bool is_first_name(struct worker *w, const struct batch *b, const struct entry *x)
{
	return x->st.nlink < 2 || links_claim(w->p->links, x->st.ino,
				      b->seq * BATCH_ENTRIES + (uint64_t)(x - b->v));
}

static bool is_known(struct worker *w, struct entry *x)
{
	struct pipeline *p = w->p;

	if (!p->known || !known_find(p->known, &x->st, &x->digest, &x->sum))
		return false;
	if (p->opt->progress)
		progress_add(&p->opt->progress->bytes_done, x->st.size);
	return true;
}

/*
 * Opened at once, because the directory says that it is a regular file and a lookup less is a tenth
 * of the time of a small file. Should a FIFO have taken its place, O_NONBLOCK makes opening it
 * harmless; who can put a device there needs nobody to open it.
 */
static int measure_file(
    struct worker *w, struct batch *b, struct entry *x, int dirfd, struct err *e)
{
	CLEANUP_FD int fd = -1;
	bool reads;
	int r = walk_open_file(dirfd, b->text.data + x->name, &fd, e);

	if (!r)
		r = walk_stat(fd, "", &w->p->root, &x->st, e);
	if (r)
		return r;
	if (!S_ISREG(x->st.mode))
		return type_changed(e);
	if (!is_first_name(w, b, x))
		return 0;
	r = read_xattrs(b, x, fd, false, e);
	reads = !r && x->st.size && !is_known(w, x);
	if (reads)
		r = content_read(&w->content, fd, x, e);
	if (!r)
		r = same_as(fd, &x->st, e);
	if (!r && reads)
		content_keep(&w->content);
	x->hashed = !r;
	return r;
}

static int read_target(struct batch *b, struct entry *x, int fd, struct err *e)
{
	char target[PATH_MAX + 1];
	ssize_t n = readlinkat(fd, "", target, sizeof(target));

	if (n < 0)
		return err_sys(e, "cannot read its target");
	if ((size_t)n == sizeof(target))
		return err_set(e, ERR_IO, "its target is longer than %d bytes", PATH_MAX);
	target[n] = '\0';
	x->target = (uint32_t)b->text.len;
	x->has_target = true;
	return buf_add(&b->text, target, (size_t)n + 1, e);
}

/* Links, devices, FIFOs, sockets: O_PATH holds on to one without opening it. */
static int measure_special(
    struct worker *w, struct batch *b, struct entry *x, int dirfd, struct err *e)
{
	CLEANUP_FD int fd =
	    openat(dirfd, b->text.data + x->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	int r;

	if (fd < 0)
		return errno == ENOENT ? err_set(e, ERR_CHANGED, "it vanished")
				       : err_sys(e, "cannot open it");
	r = walk_stat(fd, "", &w->p->root, &x->st, e);
	if (r)
		return r;
	if (x->type != IFTODT(x->st.mode))
		return type_changed(e);
	/* Every name is read: of a later link's line the size of its target is part. */
	(void)is_first_name(w, b, x);
	if (S_ISLNK(x->st.mode))
		r = read_target(b, x, fd, e);
	if (!r)
		r = read_xattrs(b, x, fd, true, e);
	if (!r)
		r = same_as(fd, &x->st, e);
	x->hashed = !r;
	return r;
}

static int measure_once(struct worker *w, struct batch *b, struct entry *x, struct err *e)
{
	int dirfd = b->runs[x->run].dir->fd;

	return x->type == DT_REG ? measure_file(w, b, x, dirfd, e)
				 : measure_special(w, b, x, dirfd, e);
}

static int measure_entry(
    struct worker *w, struct batch *b, struct entry *x, struct err *e)
{
	size_t mark = b->text.len;
	int r = ERR_CHANGED;

	for (int tries = 0; r == ERR_CHANGED && tries < MEASURE_TRIES; tries++) {
		buf_truncate(&b->text, mark);
		r = measure_once(w, b, x, e);
	}
	return r ? entry_wrap(b, x, e) : 0;
}

/* Batches are claimed in order, so the one at the head never waits here for another. */
static void wait_for_turn(struct pipeline *p, const struct batch *b)
{
	pthread_mutex_lock(&p->lock);
	while (p->head != b->seq && !p->stop)
		pthread_cond_wait(&p->turn, &p->lock);
	pthread_mutex_unlock(&p->lock);
}

void batch_drop(struct batch *b)
{
	for (unsigned i = 0; i < b->n_runs; i++) {
		struct dir *d = take_ptr(b->runs[i].dir);

		if (d)
			dir_drop(d);
	}
}

static int leave_dirs(struct batch *b, struct err *e)
{
	int r = 0;

	for (unsigned i = 0; i < b->n_runs; i++) {
		struct dir *d = take_ptr(b->runs[i].dir);

		if (d && r)
			dir_drop(d);
		else if (d && (r = dir_leave(d, e)))
			err_wrap(e, "%s/", b->text.data + b->runs[i].path);
	}
	return r;
}

static void measure_batch(struct worker *w, struct batch *b)
{
	struct err e;
	int r = 0;

	for (unsigned i = 0; !r && i < b->n; i++) {
		if (b->v[i].type != DT_DIR)
			r = measure_entry(w, b, &b->v[i], &e);
		if (b->text.len > BATCH_TEXT_BYTES)
			wait_for_turn(w->p, b);
	}
	content_flush(&w->content);
	if (!r)
		r = leave_dirs(b, &e);
	else
		batch_drop(b);
	if (r) {
		/* What the producer met comes behind this in the order of the tree. */
		b->rc = r;
		b->err = e;
	}
}

/* Locked. Takes the next batch that nobody works on, NULL if there is none. */
static struct batch *claim(struct pipeline *p)
{
	return p->claimed < p->tail ? &p->ring[p->claimed++ % WINDOW] : NULL;
}

static void work(struct worker *w)
{
	struct pipeline *p = w->p;
	struct batch *b;

	while (!p->stop) {
		b = claim(p);
		if (b) {
			pthread_mutex_unlock(&p->lock);
			measure_batch(w, b);
			pthread_mutex_lock(&p->lock);
			b->done = true;
			if (b->seq == p->head)
				pthread_cond_signal(&p->result);
		} else if (!content_help(&w->content)) {
			/* Without batches to come, files of several parts still may. */
			if (p->produced_all && p->head == p->tail)
				return;
			pthread_cond_wait(&p->work, &p->lock);
		}
	}
}

void *worker_run(void *arg)
{
	struct pipeline *p = arg;
	struct worker w = {
	    .p = p,
	    .content = {.p = p, .block = xmalloc(CONTENT_PART_BYTES)},
	};

	pthread_mutex_lock(&p->lock);
	work(&w);
	pthread_mutex_unlock(&p->lock);
	free(w.content.block);
	return NULL;
}
