/* SPDX-License-Identifier: Apache-2.0 */
/* measure.c: tree_measure(): sets the pipeline up and consumes its batches in order. */
#include <dirent.h>
#include <linux/magic.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/pool.h"
#include "tree/pipeline.h"
#include "tree/scrub.h"

/* A cold disk has time for more readers than there are processors. */
#define FRESH_THREADS_PER_CPU 4
#define XFS_MAGIC 0x58465342

struct consumer {
	struct pipeline *p;
	struct tree_result *out;
	struct sha256 *hash;
	struct walk_sum sum, scrub;
	struct timespec moment; /* every ctime must be older */
	struct buf path, line, scrub_line;
	struct manifest_xattr *xattrs;
	size_t xattrs_cap;
};

/* ---- may a statprint be recorded? ---- */

/*
 * An allow list: only where it was tried that writing back write-protects a mapped page, so that the
 * next store through the mapping moves the ctime. It does not on tmpfs (nothing is written back); on
 * ZFS the ctime moves when the page is written, later; a network, FUSE or stacked file system lets
 * somebody else choose the ctime.
 */
static bool ctime_is_honest(int dirfd)
{
	struct statfs fs;

	if (fstatfs(dirfd, &fs))
		return false;
	switch ((unsigned long)fs.f_type) {
	case EXT4_SUPER_MAGIC:
	case XFS_MAGIC:
	case BTRFS_SUPER_MAGIC:
		return true;
	default:
		return false;
	}
}

/* The clock first: what is dirtied after the syncfs() then has a ctime that is not older. */
static void settle(struct consumer *c)
{
	const struct tree_options *opt = c->p->opt;
	bool settled;

	if (!opt->key && !opt->fresh)
		return;
	clock_gettime(CLOCK_REALTIME_COARSE, &c->moment);
	/* Dirty pages also would stay in the cache when it is to be dropped. */
	settled = syncfs(c->p->root_fd) == 0;
	c->out->has_print = opt->key && settled && ctime_is_honest(c->p->root_fd);
}

static bool older(const struct walk_stat *st, const struct timespec *moment)
{
	return st->ctime_sec < moment->tv_sec ||
	       (st->ctime_sec == moment->tv_sec &&
		   (long)st->ctime_nsec < moment->tv_nsec);
}

/* ---- one entry ---- */

static int make_path(
    struct consumer *c, const struct batch *b, const struct entry *x, struct err *e)
{
	int r;

	buf_clear(&c->path);
	r = buf_adds(&c->path, b->text.data + b->runs[x->run].path, e);
	if (!r)
		r = buf_add(&c->path, "/", 1, e);
	return r ? r : buf_adds(&c->path, b->text.data + x->name, e);
}

static void unpack_xattrs(
    struct consumer *c, const struct batch *b, const struct entry *x)
{
	const char *p = b->text.data + x->xattrs;

	if (x->n_xattrs > c->xattrs_cap) {
		c->xattrs_cap = x->n_xattrs;
		c->xattrs = xreallocarray(c->xattrs, c->xattrs_cap, sizeof(*c->xattrs));
	}
	for (size_t i = 0; i < x->n_xattrs; i++)
		c->xattrs[i] = walk_xattr_next(&p);
}

/* Which of its names this is. */
static int resolve_link(
    struct consumer *c, const struct entry *x, struct manifest_entry *m, struct err *e)
{
	const char *first;
	int r = links_name(c->p->links, &x->st, m->path, &first, e);

	if (!r && !first && !x->hashed)
		r = err_set(
		    e, ERR_CHANGED, "its hard links changed while it was measured");
	if (r)
		return err_wrap(e, "%s", m->path);
	if (!first)
		return 0;
	m->hardlink = true;
	m->payload = first;
	m->has_digest = false;
	m->n_xattrs = 0;
	return 0;
}

static int describe(struct consumer *c, const struct batch *b, const struct entry *x,
    struct manifest_entry *m, struct err *e)
{
	const struct walk_stat *st = &x->st;
	bool device = S_ISCHR(st->mode) || S_ISBLK(st->mode);
	int r = make_path(c, b, x, e);

	if (r)
		return r;
	unpack_xattrs(c, b, x);
	*m = (struct manifest_entry){
	    .path = c->path.data,
	    .size = S_ISREG(st->mode) ? st->size : 0,
	    .mode = st->mode,
	    .nlink = S_ISDIR(st->mode) ? 1 : st->nlink,
	    .uid = st->uid,
	    .gid = st->gid,
	    .dev_major = device ? st->rdev_major : 0,
	    .dev_minor = device ? st->rdev_minor : 0,
	    .mtime_sec = st->mtime_sec,
	    .mtime_nsec = st->mtime_nsec,
	    .has_digest = S_ISREG(st->mode) && st->size,
	    .digest = x->digest,
	    .xattrs = c->xattrs,
	    .n_xattrs = x->n_xattrs,
	};
	if (x->has_target) {
		m->payload = b->text.data + x->target;
		m->size = strlen(m->payload);
	}
	return !S_ISDIR(st->mode) && st->nlink > 1 ? resolve_link(c, x, m, e) : 0;
}

static int add_to_scrub(
    struct consumer *c, const struct entry *x, bool has_digest, struct err *e)
{
	const struct tree_options *opt = c->p->opt;

	if (!opt->scrub_key)
		return 0;
	if (!opt->scrub_only && has_digest)
		return scrub_add_sealed(
		    &c->scrub, opt->scrub_key, &c->line, &x->sum, &c->scrub_line, e);
	scrub_add(&c->scrub, opt->scrub_key, c->line.data, c->line.len);
	return 0;
}

static int make_line(
    struct consumer *c, const struct entry *x, struct manifest_entry *m, struct err *e)
{
	int r;

	if (c->p->opt->scrub_only && m->has_digest)
		scrub_as_digest(&x->sum, &m->digest);
	buf_clear(&c->line);
	r = manifest_format(m, &c->line, e);
	return r ? r : add_to_scrub(c, x, m->has_digest, e);
}

static int emit(
    struct consumer *c, const struct batch *b, const struct entry *x, struct err *e)
{
	const struct tree_options *opt = c->p->opt;
	struct manifest_entry m;
	int r = describe(c, b, x, &m, e);

	if (!r)
		r = make_line(c, x, &m, e);
	if (r)
		return r;
	if (!opt->scrub_only)
		sha256_update(c->hash, c->line.data, c->line.len);
	c->out->manifest_bytes += c->line.len;
	c->out->entries++;
	if (m.has_digest)
		c->out->bytes += m.size;
	if (opt->key) {
		walk_print_add(&c->sum, opt->key, &b->runs[x->run].print,
		    b->text.data + x->name, &x->st);
		c->out->has_print = c->out->has_print && older(&x->st, &c->moment);
	}
	return opt->line ? opt->line(opt->line_ctx, c->line.data, c->line.len, &m, e) : 0;
}

/* ---- all of them ---- */

/* The batch at the head when it is done; NULL at the end. */
static struct batch *next_batch(struct pipeline *p)
{
	struct batch *b = &p->ring[p->head % WINDOW];

	pthread_mutex_lock(&p->lock);
	while (!(p->produced_all && p->head == p->tail) &&
	       !(p->head < p->claimed && b->done))
		pthread_cond_wait(&p->result, &p->lock);
	if (p->head == p->tail)
		b = NULL;
	pthread_mutex_unlock(&p->lock);
	return b;
}

static void release_head(struct pipeline *p)
{
	pthread_mutex_lock(&p->lock);
	p->head++;
	/* Wakes the producer for many batches, not for each. */
	if (p->tail - p->head <= WINDOW / 2)
		pthread_cond_signal(&p->room);
	pthread_cond_broadcast(&p->turn);
	if (p->produced_all && p->head == p->tail)
		pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
}

static int consume(struct consumer *c, struct err *e)
{
	struct batch *b;
	int r = 0;

	while (!r && (b = next_batch(c->p))) {
		if (b->rc) {
			*e = b->err;
			return b->rc;
		}
		for (unsigned i = 0; !r && i < b->n; i++)
			r = emit(c, b, &b->v[i], e);
		if (c->p->opt->progress)
			progress_add(&c->p->opt->progress->files_done, b->n);
		/* Rare and large: not worth keeping. */
		if (b->text.cap > BATCH_TEXT_BYTES)
			buf_release(&b->text);
		release_head(c->p);
	}
	return r;
}

/* ---- threads ---- */

static void pipeline_init(struct pipeline *p, int dirfd, const struct tree_options *opt)
{
	*p = (struct pipeline){.opt = opt, .root_fd = dirfd, .links = links_new()};
	if (!opt->fresh && !opt->scrub_only && ctime_is_honest(dirfd))
		p->known = opt->known;
	p->ring = xcalloc(WINDOW, sizeof(*p->ring));
	for (size_t i = 0; i < WINDOW; i++)
		buf_init(&p->ring[i].text, BATCH_TEXT_MAX);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->room, NULL);
	pthread_cond_init(&p->work, NULL);
	pthread_cond_init(&p->turn, NULL);
	pthread_cond_init(&p->result, NULL);
	pthread_cond_init(&p->part_done, NULL);
}

static void pipeline_release(struct pipeline *p)
{
	pthread_cond_destroy(&p->part_done);
	pthread_cond_destroy(&p->result);
	pthread_cond_destroy(&p->turn);
	pthread_cond_destroy(&p->work);
	pthread_cond_destroy(&p->room);
	pthread_mutex_destroy(&p->lock);
	for (uint64_t i = p->claimed; i < p->tail; i++)
		batch_drop(&p->ring[i % WINDOW]);
	for (size_t i = 0; i < WINDOW; i++)
		buf_release(&p->ring[i].text);
	free(p->ring);
	links_free(p->links);
}

static void stop(struct pipeline *p)
{
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_broadcast(&p->room);
	pthread_cond_broadcast(&p->work);
	pthread_cond_broadcast(&p->turn);
	pthread_mutex_unlock(&p->lock);
}

static unsigned worker_count(const struct tree_options *opt)
{
	if (opt->threads)
		return opt->threads;
	return pool_online_cpus() * (opt->fresh ? FRESH_THREADS_PER_CPU : 1);
}

/* Threads in `ids`: the producer and as many workers as the system allows, at least one. */
static unsigned start_threads(struct pipeline *p, pthread_t *ids, unsigned workers)
{
	sigset_t all, old;
	unsigned n = 0;

	/* Signals are for the caller. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (n < workers && pthread_create(&ids[n], NULL, worker_run, p) == 0)
		n++;
	if (n && pthread_create(&ids[n], NULL, producer_run, p) == 0)
		n++;
	else
		stop(p);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return n;
}

static int run(struct consumer *c, struct err *e)
{
	struct pipeline *p = c->p;
	unsigned workers = worker_count(p->opt);
	CLEANUP_FREE pthread_t *ids = xcalloc(workers + 1, sizeof(*ids));
	unsigned n = start_threads(p, ids, workers);
	int r;

	if (p->stop)
		r = err_set(e, ERR_IO, "the system allows no more threads");
	else
		r = consume(c, e);
	if (r)
		stop(p);
	while (n)
		pthread_join(ids[--n], NULL);
	return r;
}

int tree_measure(
    int dirfd, const struct tree_options *opt, struct tree_result *out, struct err *e)
{
	CLEANUP_SHA256 struct sha256 *hash = sha256_new();
	struct pipeline p;
	struct consumer c = {.p = &p, .out = out, .hash = hash};
	int r;

	*out = (struct tree_result){0};
	walk_allow_files();
	pipeline_init(&p, dirfd, opt);
	buf_init(&c.path, 2 * WALK_PATH_MAX);
	buf_init(&c.line, 2 * MANIFEST_LINE_MAX);
	buf_init(&c.scrub_line, 2 * MANIFEST_LINE_MAX);
	settle(&c);
	r = run(&c, e);
	if (r) {
		out->has_print = false;
	} else {
		sha256_final(hash, &out->digest);
		out->outside_links = links_outside(p.links);
		out->print = walk_print_final(&c.sum);
		out->has_scrub = opt->scrub_key != NULL;
		out->scrub = scrub_final(&c.scrub);
	}
	buf_release(&c.line);
	buf_release(&c.scrub_line);
	buf_release(&c.path);
	free(c.xattrs);
	pipeline_release(&p);
	return r;
}
