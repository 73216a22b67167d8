/* SPDX-License-Identifier: Apache-2.0 */
/*
 * links.c: see links.h. Open addressing over inode numbers; a path is kept only until all names of
 * its inode were seen, which usually is soon.
 */
#include "tree/links.h"

#include <pthread.h>
#include <string.h>

struct slot {
	uint64_t ino; /* valid if claimed or named */
	uint64_t seq; /* lowest claim + 1; 0: slot is free */
	char *first;  /* owned */
	int64_t ctime_sec;
	uint32_t ctime_nsec;
	uint32_t nlink;
	uint32_t seen;
};

struct links {
	pthread_mutex_t lock;
	struct slot *slots;
	size_t n, cap; /* cap is a power of two */
	char
	    *last; /* first path of the inode whose last name came last: still lent out */
};

struct links *links_new(void)
{
	struct links *l = xcalloc(1, sizeof(*l));

	pthread_mutex_init(&l->lock, NULL);
	return l;
}

void links_free(struct links *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->cap; i++)
		free(l->slots[i].first);
	free(l->slots);
	free(l->last);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

/* Multiplicative hashing: inode numbers come in runs, and a hostile one costs only time. */
static size_t home(const struct links *l, uint64_t ino)
{
	return (size_t)((ino * UINT64_C(0x9e3779b97f4a7c15)) >> 20) & (l->cap - 1);
}

static struct slot *probe(const struct links *l, uint64_t ino)
{
	size_t i = home(l, ino);

	while (l->slots[i].seq && l->slots[i].ino != ino)
		i = (i + 1) & (l->cap - 1);
	return &l->slots[i];
}

static void grow(struct links *l)
{
	struct links old = *l;

	l->cap = old.cap ? 2 * old.cap : 256;
	l->slots = xcalloc(l->cap, sizeof(*l->slots));
	for (size_t i = 0; i < old.cap; i++) {
		if (old.slots[i].seq)
			*probe(l, old.slots[i].ino) = old.slots[i];
	}
	free(old.slots);
}

bool links_claim(struct links *l, uint64_t ino, uint64_t seq)
{
	struct slot *s;
	bool mine;

	pthread_mutex_lock(&l->lock);
	if (4 * l->n >= 3 * l->cap)
		grow(l);
	s = probe(l, ino);
	mine = s->seq == 0 || seq + 1 <= s->seq;
	if (s->seq == 0) {
		s->ino = ino;
		l->n++;
	}
	if (mine)
		s->seq = seq + 1;
	pthread_mutex_unlock(&l->lock);
	return mine;
}

static int count_name(struct links *l, const struct walk_stat *st, const char *path,
    const char **first, struct err *e)
{
	struct slot *s = probe(l, st->ino);

	*first = NULL;
	if (s->seq == 0)
		return err_set(e, ERR_INTERNAL, "a hard link that nobody claimed");
	if (s->seen == 0) {
		s->first = xstrdup(path);
		s->ctime_sec = st->ctime_sec;
		s->ctime_nsec = st->ctime_nsec;
		s->nlink = st->nlink;
	} else if (!s->first || s->ctime_sec != st->ctime_sec ||
		   s->ctime_nsec != st->ctime_nsec || s->nlink != st->nlink) {
		return err_set(e, ERR_CHANGED,
		    "it changed since another of its hard links was measured");
	} else {
		*first = s->first;
	}
	if (++s->seen == s->nlink) {
		free(l->last);
		l->last = take_ptr(s->first);
	}
	return 0;
}

int links_name(struct links *l, const struct walk_stat *st, const char *path,
    const char **first, struct err *e)
{
	int r;

	pthread_mutex_lock(&l->lock);
	if (l->cap == 0)
		grow(l);
	r = count_name(l, st, path, first, e);
	pthread_mutex_unlock(&l->lock);
	return r;
}

uint64_t links_outside(const struct links *l)
{
	uint64_t n = 0;

	for (size_t i = 0; i < l->cap; i++)
		n += l->slots[i].seq && l->slots[i].seen < l->slots[i].nlink;
	return n;
}
