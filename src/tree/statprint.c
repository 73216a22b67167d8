/* SPDX-License-Identifier: Apache-2.0 */
/*
 * statprint.c: the fast path, see tree.h. A thread goes through a tree alone, depth first: it stats the
 * entries of a directory by name and adds their hashes to a sum. Only when another thread has nothing
 * to do is the directory nearest to the root, with the subdirectories not taken yet, left to it: a
 * lock for each directory would cost more than its entries.
 */
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/pool.h"
#include "tree/walk.h"

#define NAME_BYTES 256
/* To start threads takes as long as to look at so many entries. */
#define ALONE_ENTRIES 64

/* ---- the sum ---- */

const struct xxh128 walk_print_none = {0, 0};

/*
 * What is hashed for one entry. Fixed width, little-endian, the name (the only field of variable
 * length) last, so that two different entries are two different byte strings.
 */
struct print_input {
	uint64_t dir_lo, dir_hi;
	uint64_t ino, size, mtime_sec, ctime_sec;
	uint32_t mtime_nsec, ctime_nsec;
	uint32_t mode, nlink, uid, gid;
	uint32_t dev_major, dev_minor, rdev_major, rdev_minor;
	char name[NAME_BYTES];
};
#define PRINT_FIXED_BYTES offsetof(struct print_input, name)
_Static_assert(PRINT_FIXED_BYTES == 88, "print_input has no padding");

/* Shorter than any print_input, so no directory's identity is the hash of an entry. */
struct dir_input {
	uint64_t parent_lo, parent_hi;
	char name[NAME_BYTES];
};
_Static_assert(offsetof(struct dir_input, name) == 16, "dir_input has no padding");

struct xxh128 walk_print_dir(
    const struct xxh_key *key, const struct xxh128 *parent, const char *name, size_t len)
{
	struct dir_input in;

	if (len > sizeof(in.name))
		len = sizeof(in.name);
	in.parent_lo = htole64(parent->lo);
	in.parent_hi = htole64(parent->hi);
	memcpy(in.name, name, len);
	return xxh128_keyed(key, &in, offsetof(struct dir_input, name) + len);
}

void walk_print_add(struct walk_sum *sum, const struct xxh_key *key,
    const struct xxh128 *dir, const char *name, const struct walk_stat *st)
{
	size_t len = strnlen(name, NAME_BYTES);
	struct print_input in;
	struct xxh128 h;

	in.dir_lo = htole64(dir->lo);
	in.dir_hi = htole64(dir->hi);
	in.ino = htole64(st->ino);
	in.size = htole64(st->size);
	in.mtime_sec = htole64((uint64_t)st->mtime_sec);
	in.ctime_sec = htole64((uint64_t)st->ctime_sec);
	in.mtime_nsec = htole32(st->mtime_nsec);
	in.ctime_nsec = htole32(st->ctime_nsec);
	in.mode = htole32(st->mode);
	in.nlink = htole32(st->nlink);
	in.uid = htole32(st->uid);
	in.gid = htole32(st->gid);
	in.dev_major = htole32(st->dev_major);
	in.dev_minor = htole32(st->dev_minor);
	in.rdev_major = htole32(st->rdev_major);
	in.rdev_minor = htole32(st->rdev_minor);
	memcpy(in.name, name, len);
	h = xxh128_keyed(key, &in, PRINT_FIXED_BYTES + len);
	sum->v += (unsigned __int128)h.hi << 64 | h.lo;
}

struct statprint walk_print_final(const struct walk_sum *sum)
{
	uint64_t le[2] = {htole64((uint64_t)sum->v), htole64((uint64_t)(sum->v >> 64))};
	struct statprint out;

	memcpy(out.bytes, le, sizeof(out.bytes));
	return out;
}

static struct walk_sum sum_of(const struct statprint *p)
{
	uint64_t le[2];

	memcpy(le, p->bytes, sizeof(le));
	return (struct walk_sum){
	    (unsigned __int128)le64toh(le[1]) << 64 | le64toh(le[0])};
}

bool statprint_equal(const struct statprint *a, const struct statprint *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

int statprint_add_file(int dirfd, const char *name, const struct xxh_key *key,
    struct statprint *sum, struct timespec *ctime, struct err *e)
{
	struct walk_sum total = sum_of(sum);
	struct walk_stat st;
	int r = walk_stat(dirfd, name, NULL, &st, e);

	if (!r && !S_ISREG(st.mode))
		r = err_set(e, ERR_MALFORMED, "it is not a regular file");
	if (r)
		return err_wrap(e, "%s", name);
	/* In no directory, where of a tree only the nameless root is. */
	walk_print_add(&total, key, &walk_print_none, name, &st);
	*sum = walk_print_final(&total);
	*ctime = (struct timespec){.tv_sec = st.ctime_sec, .tv_nsec = st.ctime_nsec};
	return 0;
}

/* ---- the walk ---- */

struct run {
	struct pool *pool;
	const struct xxh_key *key;
	struct progress *progress;
	_Atomic uint64_t entries; /* of all trees, until others were called */
	_Atomic bool called;
};

struct task {
	struct run *run;
	struct statprint_job *job;
	struct walk_stat root;
	pthread_mutex_t lock; /* of sum, and of the job's results */
	struct walk_sum sum;
	_Atomic bool failed;
};

/* A directory: opened, then read, then kept while some of its subdirectories were not taken yet. */
struct node {
	int fd;
	unsigned depth; /* of the root: 0 */
	struct xxh128 parent_print, print;
	char *path; /* "" for the root */
	size_t path_len;
	const char *name; /* the end of `path` */
	struct walk_names subdirs;
	size_t next;
};

/*
 * What one thread does at a stretch: the directories that it is in, the deepest last, and what it has
 * summed up. All but the deepest have subdirectories left, and can be given to another thread.
 */
struct descent {
	struct task *task;
	struct node **v; /* from `first` on; those before were given away */
	size_t first, n, cap;
	struct walk_sum sum;
	uint64_t entries;
	bool whiteout_files;
	struct timespec newest;
	bool named; /* the error at hand names its object */
};

struct gift {
	struct task *task;
	struct node *node;
};

static struct node *node_new(void)
{
	struct node *n = xcalloc(1, sizeof(*n));

	n->fd = -1;
	n->path = xstrdup("");
	n->name = n->path;
	return n;
}

static struct node *node_new_child(const struct node *parent, const char *name)
{
	struct node *n = xcalloc(1, sizeof(*n));
	size_t len = strlen(name);

	n->fd = -1;
	n->depth = parent->depth + 1;
	n->path_len = parent->path_len + 1 + len;
	n->path = xmalloc(n->path_len + 1);
	memcpy(n->path, parent->path, parent->path_len);
	n->path[parent->path_len] = '/';
	memcpy(n->path + parent->path_len + 1, name, len + 1);
	n->name = n->path + parent->path_len + 1;
	n->parent_print = parent->print;
	return n;
}

static void node_free(struct node *n)
{
	base_close_p(&n->fd);
	walk_names_release(&n->subdirs);
	free(n->path);
	free(n);
}

static void fail(struct task *t, const struct err *e)
{
	pthread_mutex_lock(&t->lock);
	if (!t->job->rc) {
		t->job->rc = e->code;
		t->job->err = *e;
	}
	pthread_mutex_unlock(&t->lock);
	t->failed = true;
}

/* The directory that is being read. */
static struct node *deepest(const struct descent *d)
{
	return d->v[d->n - 1];
}

static void note_ctime(struct timespec *newest, int64_t sec, uint32_t nsec)
{
	if (sec > newest->tv_sec ||
	    (sec == newest->tv_sec && (long)nsec > newest->tv_nsec))
		*newest = (struct timespec){.tv_sec = sec, .tv_nsec = (long)nsec};
}

static int add_entry(
    struct descent *d, const char *name, size_t len, uint8_t type, struct err *e)
{
	struct node *n = deepest(d);
	struct walk_stat st;
	int r;

	d->whiteout_files |= strncmp(name, ".wh.", strlen(".wh.")) == 0;
	if (type == DT_DIR) {
		walk_names_add(&n->subdirs, name, len, type);
		return 0;
	}
	r = walk_stat(n->fd, name, &d->task->root, &st, e);
	if (r)
		return r;
	if (S_ISDIR(st.mode)) {
		if (type != DT_UNKNOWN)
			return err_set(e, ERR_CHANGED, "it became a directory");
		walk_names_add(&n->subdirs, name, len, type);
		return 0;
	}
	walk_print_add(&d->sum, d->task->run->key, &n->print, name, &st);
	note_ctime(&d->newest, st.ctime_sec, st.ctime_nsec);
	d->entries++;
	return 0;
}

static int add_name(void *ctx, const char *name, size_t len, uint8_t type, struct err *e)
{
	struct descent *d = ctx;

	if (add_entry(d, name, len, type, e) == 0)
		return 0;
	d->named = true;
	return err_wrap(e, "%s/%s", deepest(d)->path, name);
}

/*
 * The directory is stat'ed before it is listed: every change until then has moved its ctime, and what
 * comes later comes after this verification.
 */
static int sum_node(struct descent *d, struct node *n, struct err *e)
{
	struct task *t = d->task;
	struct walk_stat st;
	bool is_root = n->depth == 0;
	int r = walk_stat(n->fd, "", is_root ? NULL : &t->root, &st, e);

	if (r)
		return r;
	if (is_root)
		t->root = st;
	n->print =
	    walk_print_dir(t->run->key, &n->parent_print, n->name, strlen(n->name));
	walk_print_add(&d->sum, t->run->key, &n->parent_print, n->name, &st);
	note_ctime(&d->newest, st.ctime_sec, st.ctime_nsec);
	return fs_each_name(n->fd, add_name, d, e);
}

/* One thread does a small store alone. */
static void call_others(struct run *r, uint64_t entries)
{
	if (atomic_load_explicit(&r->called, memory_order_relaxed) ||
	    atomic_fetch_add(&r->entries, entries) + entries < ALONE_ENTRIES)
		return;
	r->called = true;
	pool_start(r->pool);
}

static void read_deepest(struct descent *d)
{
	struct node *n = deepest(d);
	uint64_t before = d->entries++;
	struct err e;

	if (sum_node(d, n, &e)) {
		if (!d->named)
			err_wrap(&e, "%s", n->depth ? n->path : "/");
		fail(d->task, &e);
		return;
	}
	call_others(d->task->run, d->entries - before);
	if (d->task->run->progress)
		progress_add(&d->task->run->progress->files_done, d->entries - before);
}

static int node_open(struct node *n, int parent_fd, struct err *e)
{
	int r;

	if (n->depth > WALK_DEPTH_MAX || n->path_len > WALK_PATH_MAX)
		r = err_set(e, ERR_IO, "nested deeper than %u levels or %u bytes of path",
		    WALK_DEPTH_MAX, WALK_PATH_MAX);
	else
		r = walk_open_dir(parent_fd, n->name, &n->fd, e);
	return r ? err_wrap(e, "%s", n->path) : 0;
}

static void push(struct descent *d, struct node *n)
{
	if (d->n == d->cap) {
		d->cap = d->cap ? 2 * d->cap : 32;
		d->v = xreallocarray(d->v, d->cap, sizeof(*d->v));
	}
	d->v[d->n++] = n;
}

static void walk_on(void *arg);

/* The directory nearest to the root, where most is left. */
static void give_away(struct descent *d)
{
	struct gift *g = xmalloc(sizeof(*g));

	*g = (struct gift){.task = d->task, .node = d->v[d->first++]};
	pool_submit(d->task->run->pool, walk_on, g);
}

/* Goes into the next subdirectory of the deepest directory, which it leaves if that was the last. */
static void step(struct descent *d)
{
	struct node *n = deepest(d), *child;
	struct err e;
	int r;

	child = node_new_child(n, n->subdirs.text + n->subdirs.v[n->next++].at);
	r = node_open(child, n->fd, &e);
	if (n->next == n->subdirs.n) {
		node_free(n);
		d->n--;
	}
	push(d, child);
	if (r) {
		fail(d->task, &e);
		return;
	}
	if (d->n - d->first > 1 && pool_is_hungry(d->task->run->pool))
		give_away(d);
	read_deepest(d);
}

/* Depth first, so that few directories are open at a time. */
static void descend(struct descent *d)
{
	struct task *t = d->task;

	while (d->n > d->first && !t->failed) {
		struct node *n = deepest(d);

		if (n->next < n->subdirs.n) {
			step(d);
			continue;
		}
		node_free(n);
		d->n--;
	}
	while (d->n > d->first)
		node_free(d->v[--d->n]);
	free(d->v);
	pthread_mutex_lock(&t->lock);
	t->sum.v += d->sum.v;
	t->job->entries += d->entries;
	t->job->whiteout_files |= d->whiteout_files;
	note_ctime(&t->job->newest, d->newest.tv_sec, (uint32_t)d->newest.tv_nsec);
	pthread_mutex_unlock(&t->lock);
}

static void walk_on(void *arg)
{
	struct gift *g = arg;
	struct descent d = {.task = g->task};

	push(&d, g->node);
	free(g);
	descend(&d);
}

static void start(void *arg)
{
	struct descent d = {.task = arg};
	struct node *n = node_new();
	struct err e;

	push(&d, n);
	if (fs_open_dir(d.task->job->base_fd, d.task->job->path, &n->fd, &e))
		fail(d.task, &e);
	else
		read_deepest(&d);
	descend(&d);
}

void statprint_run(struct statprint_job *jobs, size_t n, const struct xxh_key *key,
    unsigned threads, struct progress *progress)
{
	struct run run = {
	    .pool = pool_new_resting(threads), .key = key, .progress = progress};
	CLEANUP_FREE struct task *tasks = xcalloc(n, sizeof(*tasks));

	walk_allow_files();
	for (size_t i = 0; i < n; i++) {
		jobs[i].rc = 0;
		jobs[i].entries = 0;
		jobs[i].whiteout_files = false;
		jobs[i].newest = (struct timespec){0};
		tasks[i].run = &run;
		tasks[i].job = &jobs[i];
		pthread_mutex_init(&tasks[i].lock, NULL);
		pool_submit(run.pool, start, &tasks[i]);
	}
	pool_wait(run.pool);
	pool_free(run.pool);
	for (size_t i = 0; i < n; i++) {
		jobs[i].print = walk_print_final(&tasks[i].sum);
		pthread_mutex_destroy(&tasks[i].lock);
	}
}
