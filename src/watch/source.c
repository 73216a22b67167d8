/* SPDX-License-Identifier: Apache-2.0 */
/* source.c: see source.h; what both sources share but the walk. */
#include "watch/source.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "tree/walk.h"
#include "watch/source_impl.h"

/* Directories that are looked at in one source_read(): the rest is its next one's. */
#define SCAN_AT_ONCE 512
/* Objects that are forgotten before somebody else gets the lock. */
#define FORGET_AT_ONCE 2000

/* ---- names ---- */

static const char *const kind_names[] = {
    [SOURCE_AUTO] = "auto", [SOURCE_INOTIFY] = "inotify", [SOURCE_FANOTIFY] = "fanotify"};

const char *source_kind_name(enum source_kind k)
{
	return kind_names[k];
}

bool source_kind_parse(const char *name, enum source_kind *out)
{
	for (size_t i = 0; i < ARRAY_LEN(kind_names); i++) {
		if (strcmp(name, kind_names[i]) == 0) {
			*out = (enum source_kind)i;
			return true;
		}
	}
	return false;
}

const char *gap_name(enum gap g)
{
	static const char *const names[] = {
#define X(id, name, meaning) name,
	    SOURCE_GAPS(X)
#undef X
	};

	return names[g];
}

const char *gap_meaning(enum gap g)
{
	static const char *const meanings[] = {
#define X(id, name, meaning) meaning,
	    SOURCE_GAPS(X)
#undef X
	};

	return meanings[g];
}

/* ---- what is told ---- */

static struct hit *hit_new(struct hits *h, uint32_t root, unsigned what)
{
	if (h->n == h->cap) {
		h->cap = h->cap ? 2 * h->cap : 64;
		h->v = xreallocarray(h->v, h->cap, sizeof(*h->v));
	}
	h->v[h->n] = (struct hit){.root = root, .what = what, .path = h->paths.len};
	return &h->v[h->n++];
}

void hits_add_somewhere(struct source *s, struct hits *h, uint32_t root, unsigned what)
{
	if (!s->root[root].dropped)
		(void)hit_new(h, s->root[root].number, what);
}

void hits_add(
    struct source *s, struct hits *h, uint32_t dir, const char *name, unsigned what)
{
	uint32_t root = known_dir(&s->known, dir)->root;
	struct hit *hit;
	struct err e;

	if (s->root[root].dropped)
		return;
	hit = hit_new(h, s->root[root].number, what);
	/* One that is too deep happened somewhere. */
	hit->placed = known_path(&s->known, dir, name, &h->paths) &&
		      buf_add(&h->paths, "", 1, &e) == 0;
}

void hits_tell(struct hits *h, const struct writer *writer)
{
	for (size_t i = 0; i < h->n; i++) {
		const struct hit *hit = &h->v[i];
		const struct source_event ev = {.root = hit->root,
		    .path = hit->placed ? h->paths.data + hit->path : NULL,
		    .what = hit->what,
		    .writer = writer};

		h->fn(h->ctx, &ev);
	}
	h->n = 0;
	buf_clear(&h->paths);
}

void source_gap(struct source *s, enum gap why)
{
	s->gaps[why]++;
	(void)eventfd_write(s->wake, 1);
}

void source_blind(struct source *s, uint32_t root, enum gap why)
{
	s->root[root].blind++;
	source_gap(s, why);
}

/* ---- directories ---- */

bool dir_is_there(const struct source *s, struct dir_ref ref)
{
	return ref.dir && known_dir(&s->known, ref.dir)->turn == ref.turn;
}

struct dir_ref dir_ref(const struct source *s, uint32_t dir)
{
	return (struct dir_ref){dir, known_dir(&s->known, dir)->turn};
}

void queue_add(struct dir_queue *q, struct source *s, uint32_t dir)
{
	if (q->n == q->cap) {
		size_t cap = q->cap ? 2 * q->cap : 64;
		struct dir_ref *v = xreallocarray(NULL, cap, sizeof(*v));

		for (size_t i = 0; i < q->n; i++)
			v[i] = q->v[(q->first + i) % q->cap];
		free(q->v);
		*q = (struct dir_queue){.v = v, .n = q->n, .cap = cap};
	}
	q->v[(q->first + q->n++) % q->cap] = dir_ref(s, dir);
	known_dir(&s->known, dir)->flags |= KNOWN_QUEUED;
}

/*
 * Makes the one that is known fit to what is said of it; KNOWN_NONE: none is known (any more). A directory that would be in
 * itself is forgotten: something above it is out of date, and it will be found where it is. So is what is said to be
 * another type, unless it has proved to be a directory: then a listing was out of date.
 */
static uint32_t fit(
    struct known *k, uint32_t object, uint32_t up, const char *name, bool is_dir)
{
	uint32_t dir = object ? known_as_dir(k, object) : KNOWN_NONE;

	if (object && !dir == !is_dir && known_move(k, object, up, name))
		return object;
	if (dir && !is_dir && (known_dir(k, dir)->flags & KNOWN_SCANNED))
		return object;
	if (object)
		known_remove(k, object);
	return KNOWN_NONE;
}

uint32_t source_place(struct source *s, uint32_t up, const char *name,
    const struct known_key *key, bool is_dir)
{
	struct known *k = &s->known;
	const struct known_dir *d = known_dir(k, up);
	const struct dir_ref there = dir_ref(s, up);
	uint32_t root = d->root, flags = d->flags, object, dir;

	object = fit(k, known_in_root(k, key, root), up, name, is_dir);
	if (object)
		return known_as_dir(k, object);
	/* It may have been above `up`. */
	if (!dir_is_there(s, there))
		return KNOWN_NONE;
	if (known_full(k)) {
		source_blind(s, root, GAP_LIMIT);
		return KNOWN_NONE;
	}
	if (!is_dir) {
		(void)known_add_leaf(k, up, key);
		return KNOWN_NONE;
	}
	dir = known_add_dir(k, root, up, name, key);
	known_dir(k, dir)->flags = flags & KNOWN_DEEP ? KNOWN_DEEP | KNOWN_INSIDE : 0;
	return dir;
}

static void forgotten(void *ctx, const struct known_key *key)
{
	inotify_source_forget(ctx, key);
}

/* ---- opening ---- */

int source_wait_for(struct source *s, int fd, uint32_t events, struct err *e)
{
	struct epoll_event ev = {.events = events};

	return epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &ev) ? err_sys(e, "epoll") : 0;
}

static int open_kinds(struct source *s, struct err *e)
{
	int r = ERR_REFUSED;

	if (s->want != SOURCE_INOTIFY)
		r = fanotify_source_open(s, e);
	if (s->want == SOURCE_INOTIFY || (s->want == SOURCE_AUTO && r == ERR_REFUSED))
		r = inotify_source_open(s, e);
	return r;
}

static int begin(struct source *s, struct err *e)
{
	uint64_t seed;
	int r;

	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		return err_sys(e, "getrandom");
	known_init(&s->known, seed);
	s->known.forgotten = forgotten;
	s->known.ctx = s;
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->epoll < 0 || s->wake < 0)
		return err_sys(e, "cannot wait for events");
	r = source_wait_for(s, s->wake, EPOLLIN, e);
	if (!r)
		r = mounts_source_open(s, e);
	if (!r)
		r = elsewhere_open(s, e);
	return r ? r : open_kinds(s, e);
}

int source_open(enum source_kind want, struct source **out, struct err *e)
{
	struct source *s = xcalloc(1, sizeof(*s));
	int r;

	*out = NULL;
	pthread_mutex_init(&s->reading, NULL);
	pthread_mutex_init(&s->lock, NULL);
	s->want = want;
	s->epoll = s->wake = s->inotify = s->fanotify = -1;
	s->mounts = s->mounts_wake = -1;
	s->elsewhere = (struct elsewhere){.root = -1, .mounts = -1, .wake = -1};
	walk_allow_files();
	r = begin(s, e);
	if (r)
		source_free(s);
	else
		*out = s;
	return r;
}

void source_free(struct source *s)
{
	if (!s)
		return;
	fs_close_later(&s->inotify);
	fs_close_later(&s->fanotify);
	base_close_p(&s->epoll);
	base_close_p(&s->wake);
	mounts_source_close(s);
	elsewhere_close(s);
	s->known.forgotten = NULL;
	known_release(&s->known);
	for (uint32_t i = 0; i < s->n_roots; i++)
		free(s->root[i].path);
	for (uint32_t i = 0; i < s->n_fs; i++)
		base_close_p(&s->fs[i].anchor);
	for (uint32_t i = 0; i < s->n_bases; i++) {
		base_close_p(&s->base[i].fd);
		free(s->base[i].path);
	}
	free(s->root);
	free(s->base);
	free(s->found.v);
	free(s->some);
	pthread_mutex_destroy(&s->reading);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

enum source_kind source_kind(const struct source *s)
{
	struct source *locked = (struct source *)(uintptr_t)s;
	bool has[2] = {false, false};

	pthread_mutex_lock(&locked->lock);
	for (uint32_t i = 0; i < s->n_roots; i++) {
		if (s->root[i].used)
			has[s->root[i].fs > 0] = true;
	}
	pthread_mutex_unlock(&locked->lock);
	if (has[0] && has[1])
		return SOURCE_AUTO;
	return has[1] || (!has[0] && s->fanotify >= 0) ? SOURCE_FANOTIFY : SOURCE_INOTIFY;
}

int source_fd(const struct source *s)
{
	return s->epoll;
}

/* ---- roots ---- */

/* NULL: it is out of sight, in another mount namespace for example. */
static char *path_of(int fd, const struct stat *st)
{
	char link[32], path[PATH_MAX];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n <= 0)
		return NULL;
	path[n] = '\0';
	return mounts_leads_to(AT_FDCWD, path, st->st_dev, st->st_ino) ? xstrdup(path)
								       : NULL;
}

static int base_take(struct source *s, int fd, uint32_t *out, struct err *e)
{
	uint32_t at = s->n_bases;
	struct stat st;
	int own;

	if (fstat(fd, &st))
		return err_sys(e, "fstat");
	for (uint32_t i = 0; i < s->n_bases; i++) {
		struct base *b = &s->base[i];

		if (b->roots && b->dev == st.st_dev && b->ino == st.st_ino) {
			b->roots++;
			*out = i;
			return 0;
		}
		if (!b->roots)
			at = i;
	}
	own = openat(fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (own < 0)
		return err_sys(e, "cannot open it");
	if (at == s->n_bases)
		s->base = xreallocarray(s->base, ++s->n_bases, sizeof(*s->base));
	s->base[at] = (struct base){.fd = own,
	    .path = path_of(own, &st),
	    .dev = st.st_dev,
	    .ino = st.st_ino,
	    .roots = 1};
	*out = at;
	return 0;
}

static void base_give_back(struct source *s, uint32_t base)
{
	struct base *b = &s->base[base];

	if (--b->roots)
		return;
	base_close_p(&b->fd);
	free(b->path);
	*b = (struct base){.fd = -1};
}

static uint32_t root_place(struct source *s)
{
	for (uint32_t i = 0; i < s->n_roots; i++) {
		if (!s->root[i].used)
			return i;
	}
	s->root = xreallocarray(s->root, s->n_roots + 1, sizeof(*s->root));
	s->root[s->n_roots] = (struct root){0};
	return s->n_roots++;
}

/* Which of the two it is for this file system. */
static int choose(struct source *s, int fd, uint8_t *fs, struct err *e)
{
	int r = ERR_REFUSED;

	*fs = 0;
	if (s->fanotify >= 0)
		r = fanotify_source_mark(s, fd, fs, e);
	if (r != ERR_REFUSED || s->want == SOURCE_FANOTIFY)
		return r;
	return s->inotify >= 0 ? 0 : inotify_source_open(s, e);
}

/* Its top, known and queued. */
static int root_begin(struct source *s, struct root *model, int fd, int base_fd,
    struct dir_queue *q, struct err *e)
{
	struct known_key key = {0};
	struct stat st;
	uint32_t slot;
	int r = choose(s, fd, &model->fs, e), mount;

	if (r)
		return r;
	if (fstat(fd, &st) || (model->fs && !handle_key(fd, "", model->fs, &key, &mount)))
		return err_sys(e, "no handle of it");
	model->dev = st.st_dev;
	model->ino = st.st_ino;
	if (known_full(&s->known)) {
		source_gap(s, GAP_LIMIT);
		return err_set(e, ERR_IO, "too much is watched already");
	}
	r = base_take(s, base_fd, &model->base, e);
	if (r)
		return r;
	if (model->fs)
		s->fs[model->fs - 1].roots++;
	slot = root_place(s);
	model->top = known_add_dir(&s->known, slot, KNOWN_NONE, NULL, &key);
	known_dir(&s->known, model->top)->flags =
	    KNOWN_INSIDE | (model->deep ? KNOWN_DEEP : 0);
	queue_add(q, s, model->top);
	s->root[slot] = *model;
	elsewhere_look(s);
	return 0;
}

static void root_give_back(struct source *s, struct root *root)
{
	base_give_back(s, root->base);
	if (root->fs)
		fanotify_source_unmark(s, root->fs);
	free(root->path);
	*root = (struct root){0};
	elsewhere_look(s);
}

/* As long as it is being forgotten, nothing is told of it, and nobody else gets its place. */
static void root_forget(struct source *s, struct dir_ref top)
{
	bool more = true;

	while (more) {
		struct root *root;

		pthread_mutex_lock(&s->lock);
		if (dir_is_there(s, top)) {
			uint32_t slot = known_dir(&s->known, top.dir)->root;

			root = &s->root[slot];
			root->dropped = true;
			if (known_remove_some(&s->known,
				known_dir(&s->known, top.dir)->object, FORGET_AT_ONCE)) {
				root_give_back(s, root);
			}
		} else {
			more = false;
		}
		pthread_mutex_unlock(&s->lock);
	}
}

/* The top of a root in use, but not `but`. */
static struct dir_ref root_top(struct source *s, uint32_t number, uint32_t but)
{
	struct dir_ref found = {0};

	pthread_mutex_lock(&s->lock);
	for (uint32_t i = 0; i < s->n_roots; i++) {
		const struct root *root = &s->root[i];

		if (root->used && !root->dropped && root->number == number &&
		    root->top != but)
			found = dir_ref(s, root->top);
	}
	pthread_mutex_unlock(&s->lock);
	return found;
}

int source_add(struct source *s, uint32_t root, int base_fd, const char *path, bool deep,
    struct err *e)
{
	CLEANUP_FD int fd = -1;
	struct root model = {.number = root, .used = true, .deep = deep};
	struct dir_queue q = {0};
	struct dir_ref top = {0};
	int r = fs_open_dir(base_fd, path, &fd, e);

	if (r)
		return r;
	model.path = xstrdup(path);
	pthread_mutex_lock(&s->lock);
	r = root_begin(s, &model, fd, base_fd, &q, e);
	if (!r)
		top = dir_ref(s, model.top);
	pthread_mutex_unlock(&s->lock);
	if (r) {
		free(model.path);
		return r;
	}
	r = scan_queue(s, &q, fd, SIZE_MAX, NULL, e);
	free(q.v);
	/* What was armed before under this number is forgotten after, so that there is no moment without. */
	root_forget(s, r ? top : root_top(s, root, top.dir));
	return r;
}

void source_drop(struct source *s, uint32_t root)
{
	root_forget(s, root_top(s, root, KNOWN_NONE));
}

/* ---- reading ---- */

static int read_all(struct source *s, struct hits *hits, struct err *e)
{
	size_t waiting = s->found.n;
	int r = 0;

	if (s->fanotify >= 0)
		r = fanotify_source_read(s, hits, e);
	if (!r && s->inotify >= 0)
		r = inotify_source_read(s, hits, e);
	if (!r)
		r = mounts_source_read(s, hits, e);
	if (r)
		return r;
	/* As many more as events have shown now: what waits is at most what is found in directories, then. */
	return scan_queue(s, &s->found, -1, SCAN_AT_ONCE + s->found.n - waiting, hits, e);
}

int source_read(struct source *s, source_event_fn *fn, void *ctx,
    uint64_t gaps[static GAP_COUNT], struct err *e)
{
	struct hits hits = {.fn = fn, .ctx = ctx};
	eventfd_t woken;
	int r;

	buf_init(&hits.paths, HITS_BYTES_MAX);
	pthread_mutex_lock(&s->reading);
	(void)eventfd_read(s->wake, &woken);
	r = read_all(s, &hits, e);
	pthread_mutex_lock(&s->lock);
	for (int i = 0; i < GAP_COUNT; i++) {
		gaps[i] += s->gaps[i];
		s->gaps[i] = 0;
	}
	if (s->found.n)
		(void)eventfd_write(s->wake, 1);
	pthread_mutex_unlock(&s->lock);
	pthread_mutex_unlock(&s->reading);
	free(hits.v);
	buf_release(&hits.paths);
	return r;
}

void source_figures(const struct source *s, struct source_figures *out)
{
	struct source *locked = (struct source *)(uintptr_t)s;

	*out = (struct source_figures){0};
	pthread_mutex_lock(&locked->lock);
	out->events = s->events;
	out->watches = s->known.dirs.held;
	out->objects = s->known.objects.held;
	out->blind = s->elsewhere.hidden;
	for (uint32_t i = 0; i < s->n_roots; i++)
		out->blind += s->root[i].used && s->base[s->root[i].base].lost
				  ? 1
				  : s->root[i].blind;
	pthread_mutex_unlock(&locked->lock);
}
