/* SPDX-License-Identifier: Apache-2.0 */
/*
 * producer.c: walks the tree in manifest order and fills batches, see pipeline.h. It opens, lists
 * and measures the directories itself; everything else it only names.
 */
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "tree/picks.h"
#include "tree/pipeline.h"

/* Not an error of its own: somebody else failed and says why. */
#define STOPPED 1

struct frame {
	struct dir *dir;
	struct walk_names names;
	struct picks picks;
	size_t next;
	size_t path_len; /* of this directory in producer.path */
};

struct producer {
	struct pipeline *p;
	struct batch *b; /* being filled; NULL between two batches */
	struct buf path; /* of the directory on top; "" for the root */
	struct frame *stack;
	size_t depth, cap;
};

int dir_leave(struct dir *d, struct err *e)
{
	struct walk_stat now;
	int r;

	if (--d->users)
		return 0;
	r = walk_stat(d->fd, "", NULL, &now, e);
	if (!r && !walk_stat_equal(&now, &d->st))
		r = err_set(
		    e, ERR_CHANGED, "the directory changed while it was measured");
	base_close_p(&d->fd);
	free(d);
	return r;
}

void dir_drop(struct dir *d)
{
	struct err ignored;

	(void)!dir_leave(d, &ignored);
}

/* ---- batches ---- */

static int begin_batch(struct producer *w)
{
	struct pipeline *p = w->p;
	bool stop;

	pthread_mutex_lock(&p->lock);
	while (p->tail - p->head == WINDOW && !p->stop)
		pthread_cond_wait(&p->room, &p->lock);
	stop = p->stop;
	pthread_mutex_unlock(&p->lock);
	if (stop)
		return STOPPED;
	w->b = &p->ring[p->tail % WINDOW];
	w->b->seq = p->tail;
	w->b->n = w->b->n_runs = 0;
	w->b->done = false;
	w->b->rc = 0;
	buf_clear(&w->b->text);
	return 0;
}

static void submit_batch(struct producer *w)
{
	struct pipeline *p = w->p;

	if (!w->b)
		return;
	w->b = NULL;
	pthread_mutex_lock(&p->lock);
	p->tail++;
	pthread_cond_signal(&p->work);
	pthread_mutex_unlock(&p->lock);
}

static int add_text(
    struct batch *b, const void *text, size_t len, uint32_t *at, struct err *e)
{
	*at = (uint32_t)b->text.len;
	return buf_add(&b->text, text, len + 1, e); /* with its NUL */
}

/* Names in `dir` (NULL: the parent of the root) go into its run. */
static int use_run(struct producer *w, struct dir *dir, struct err *e)
{
	struct batch *b = w->b;
	struct run *run;

	if (b->n_runs && b->runs[b->n_runs - 1].dir == dir)
		return 0;
	run = &b->runs[b->n_runs++];
	run->dir = dir;
	run->print = dir ? dir->print : walk_print_none;
	if (dir)
		dir->users++;
	return add_text(b, w->path.data, w->path.len, &run->path, e);
}

/* A new entry in the directory on top of the stack. */
static int add_entry(struct producer *w, const struct walk_name *name, const char *text,
    struct entry **out, struct err *e)
{
	struct dir *dir = w->depth ? w->stack[w->depth - 1].dir : NULL;
	struct entry *x;
	int r = 0;

	if (w->b &&
	    (w->b->n == BATCH_ENTRIES || w->b->text.len > BATCH_TEXT_BYTES ||
		(w->b->n_runs == BATCH_RUNS && w->b->runs[BATCH_RUNS - 1].dir != dir)))
		submit_batch(w);
	if (!w->b)
		r = begin_batch(w);
	if (!r)
		r = use_run(w, dir, e);
	if (r)
		return r;
	x = &w->b->v[w->b->n];
	*x = (struct entry){.type = name->type, .run = (uint8_t)(w->b->n_runs - 1)};
	r = add_text(w->b, text, name->len, &x->name, e);
	if (!r)
		w->b->n++;
	*out = x;
	return r;
}

/* ---- directories ---- */

static void push(struct producer *w, const struct frame *f)
{
	if (w->depth == w->cap) {
		w->cap = w->cap ? 2 * w->cap : 32;
		w->stack = xreallocarray(w->stack, w->cap, sizeof(*w->stack));
	}
	w->stack[w->depth] = *f;
	w->stack[w->depth++].path_len = w->path.len;
}

static int leave(struct producer *w, struct err *e)
{
	struct frame *f = &w->stack[--w->depth];
	int r = dir_leave(f->dir, e);

	walk_names_release(&f->names);
	if (r)
		return err_wrap(e, "%s", w->depth ? w->path.data : "/");
	buf_truncate(&w->path, w->depth ? w->stack[w->depth - 1].path_len : 0);
	return 0;
}

/* Which of the names that are asked for are there, and what they are. */
static void find_picks(struct frame *f, const char *path, const struct walk_stat *root)
{
	struct walk_names wanted = {0};

	picks_names(&f->picks, path, &wanted);
	for (size_t i = 0; i < wanted.n; i++) {
		const char *name = wanted.text + wanted.v[i].at;
		uint8_t type = DT_UNKNOWN;
		struct walk_stat st;
		struct err ignored;
		int r = walk_stat(f->dir->fd, name, root, &st, &ignored);

		/* If it only was away for a moment, the directory changed, and that will be seen. */
		if (r == ERR_CHANGED)
			continue;
		/* What else is wrong with it find_type() says. */
		if (!r)
			type = (uint8_t)IFTODT(st.mode);
		walk_names_add(&f->names, name, wanted.v[i].len, type);
	}
	walk_names_release(&wanted);
}

static int list(struct producer *w, struct frame *f, const char *name, struct err *e)
{
	const struct picks all = picks_of(w->p->opt);
	const struct picks *parent = w->depth ? &w->stack[w->depth - 1].picks : &all;
	const struct walk_stat *root = w->depth ? &w->p->root : NULL;
	CLEANUP_FREE char *path = NULL;
	int r;

	f->picks = *parent;
	if (!parent->all) {
		path = xasprintf("%s/%s", w->path.data, name);
		f->picks = picks_at(parent, path);
	}
	if (f->picks.all)
		return walk_list(f->dir->fd, root, &f->names, &f->dir->st, e);
	r = walk_stat(f->dir->fd, "", root, &f->dir->st, e);
	if (!r)
		find_picks(f, path, root ? root : &f->dir->st);
	return r;
}

static int measure_dir(
    struct producer *w, struct entry *x, struct frame *f, struct err *e)
{
	struct dir *d = f->dir;
	int r = list(w, f, w->b->text.data + x->name, e);

	if (r)
		return r;
	/* That they belong to this state of the directory is seen in dir_leave(). */
	x->xattrs = (uint32_t)w->b->text.len;
	r = walk_xattrs(d->fd, false, &w->b->text, &x->n_xattrs, e);
	x->st = d->st;
	x->hashed = true;
	return r;
}

static int open_dir(struct producer *w, const char *name, struct dir **out, struct err *e)
{
	struct dir *d = xcalloc(1, sizeof(*d));
	int from = w->depth ? w->stack[w->depth - 1].dir->fd : w->p->root_fd;
	int r = walk_open_dir(from, w->depth ? name : ".", &d->fd, e);

	if (r) {
		free(d);
		return r;
	}
	d->users = 1;
	*out = d;
	return 0;
}

/* Opens, measures and lists a directory; its names are next. `name` is "" for the root. */
static int enter(
    struct producer *w, const struct walk_name *n, const char *name, struct err *e)
{
	const struct xxh128 *parent =
	    w->depth ? &w->stack[w->depth - 1].dir->print : &walk_print_none;
	struct frame f = {0};
	struct entry *x;
	int r = add_entry(w, n, name, &x, e);

	if (r)
		return r;
	if (w->depth > WALK_DEPTH_MAX || w->path.len + n->len >= WALK_PATH_MAX)
		r = err_set(e, ERR_IO, "nested deeper than %u levels or %u bytes of path",
		    WALK_DEPTH_MAX, WALK_PATH_MAX);
	else
		r = open_dir(w, name, &f.dir, e);
	if (r)
		return entry_wrap(w->b, x, e);
	r = measure_dir(w, x, &f, e);
	if (r) {
		dir_drop(f.dir);
		walk_names_release(&f.names);
		return entry_wrap(w->b, x, e);
	}
	if (w->depth == 0)
		w->p->root = f.dir->st;
	if (w->p->opt->key)
		f.dir->print = walk_print_dir(w->p->opt->key, parent, name, n->len);
	if (w->depth)
		r = buf_addf(&w->path, e, "/%s", name);
	push(w, &f);
	return r;
}

/* ---- the walk ---- */

/* Some file systems do not tell the type of a name. */
static int find_type(
    struct producer *w, const char *name, struct walk_name *n, struct err *e)
{
	const struct frame *f = &w->stack[w->depth - 1];
	struct walk_stat st;
	int r;

	if (n->type != DT_UNKNOWN)
		return 0;
	r = walk_stat(f->dir->fd, name, &w->p->root, &st, e);
	if (r)
		return err_wrap(e, "%s/%s", w->path.data, name);
	n->type = (uint8_t)IFTODT(st.mode);
	return 0;
}

static int step(struct producer *w, struct err *e)
{
	struct frame *f = &w->stack[w->depth - 1];
	struct walk_name n;
	struct entry *x;
	const char *name;
	int r;

	if (f->next == f->names.n)
		return leave(w, e);
	n = f->names.v[f->next++];
	name = f->names.text + n.at;
	r = find_type(w, name, &n, e);
	if (r)
		return r;
	return n.type == DT_DIR ? enter(w, &n, name, e) : add_entry(w, &n, name, &x, e);
}

/* The error travels in a batch, behind everything that comes before it. */
static void submit_error(struct producer *w, int rc, const struct err *e)
{
	if (!w->b && begin_batch(w))
		return;
	w->b->rc = rc;
	w->b->err = *e;
}

void *producer_run(void *arg)
{
	struct pipeline *p = arg;
	struct producer w = {.p = p};
	const struct walk_name root = {.type = DT_DIR};
	struct err e;
	int r;

	buf_init(&w.path, WALK_PATH_MAX);
	r = enter(&w, &root, "", &e);
	while (!r && w.depth)
		r = step(&w, &e);
	if (r && r != STOPPED)
		submit_error(&w, r, &e);
	submit_batch(&w);
	while (w.depth) {
		dir_drop(w.stack[--w.depth].dir);
		walk_names_release(&w.stack[w.depth].names);
	}
	free(w.stack);
	buf_release(&w.path);
	pthread_mutex_lock(&p->lock);
	p->produced_all = true;
	pthread_cond_broadcast(&p->work);
	pthread_cond_signal(&p->result);
	pthread_mutex_unlock(&p->lock);
	return NULL;
}
