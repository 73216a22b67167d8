/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build_hold.c: a head start. An engine needs a tenth of a cached build's time before it looks at its store
 * for the first time, and then it waits for the store's locks. So it is started while read locks are held,
 * and the store is verified meanwhile; a store that is not clean it never gets to see.
 *
 * Others wait for these locks as well. If the verification takes longer than a moment the engine is stopped
 * (SIGSTOP) where it is, and the locks are given back.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "guard/build_impl.h"

#define MOMENT_MS 500

/*
 * The locks are given back after a moment, unless build_hold_end() comes first. Until the program runs (its
 * process is forked, and loads it) a verification gets well ahead: it is waited for here.
 */
static void *watch_over(void *arg)
{
	struct build_hold *h = arg;
	const struct build_command *c = h->build->c;
	struct timespec until;

	if (starter_answer(c->starter, &c->start, &h->engine, &h->error)) {
		h->engine = 0;
		return NULL;
	}
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += (until.tv_nsec / 1000000 + MOMENT_MS) / 1000;
	until.tv_nsec = (until.tv_nsec + MOMENT_MS * 1000000L) % 1000000000L;
	pthread_mutex_lock(&h->mutex);
	while (!h->over && pthread_cond_timedwait(&h->end, &h->mutex, &until) == 0)
		;
	if (!h->over) {
		/* A thread that waits for a lock stops before it comes back from there. */
		kill(h->engine, SIGSTOP);
		store_lock_release(&h->locks);
		h->stopped = true;
	}
	pthread_mutex_unlock(&h->mutex);
	return NULL;
}

/*
 * Not where the verification may change the store, and reads it for long; nor where a lock is missing, for
 * an engine would not wait for it.
 */
static bool may_hold(const struct build *b)
{
	return b->c->level == LEVEL_STAT && !policy_heals(b->g->policy, NULL) &&
	       b->g->store->places[0].layers_fd >= 0 &&
	       b->g->store->places[0].images_fd >= 0;
}

int build_hold_begin(struct build *b, struct build_hold *h, struct err *e)
{
	int r;

	*h = (struct build_hold){0};
	if (!may_hold(b) || !store_lock_try(b->g->store, &h->locks))
		return 0;
	/* Layers and images of each place, and containers. */
	if (h->locks.n < 2 * b->g->store->n_places + 1) {
		store_lock_release(&h->locks);
		return 0;
	}
	r = starter_ask(b->c->starter, &b->c->start, e);
	if (r) {
		store_lock_release(&h->locks);
		return r;
	}
	h->holds = true;
	h->build = b;
	pthread_mutex_init(&h->mutex, NULL);
	pthread_cond_init(&h->end, NULL);
	errno = pthread_create(&h->thread, NULL, watch_over, h);
	if (errno == 0)
		return 0;
	r = err_sys(e, "thread");
	if (starter_answer(b->c->starter, &b->c->start, &h->engine, &h->error) == 0)
		kill(h->engine, SIGKILL);
	store_lock_release(&h->locks);
	h->holds = false;
	return r;
}

int build_hold_end(struct build_hold *h, bool let_go, struct err *e)
{
	if (!h->holds)
		return 0;
	pthread_mutex_lock(&h->mutex);
	h->over = true;
	pthread_cond_signal(&h->end);
	pthread_mutex_unlock(&h->mutex);
	pthread_join(h->thread, NULL);
	if (h->engine && !let_go)
		kill(h->engine, SIGKILL);
	if (h->stopped)
		kill(h->engine, SIGCONT);
	else
		store_lock_release(&h->locks);
	pthread_cond_destroy(&h->end);
	pthread_mutex_destroy(&h->mutex);
	if (h->engine || !let_go)
		return 0;
	*e = h->error;
	return e->code;
}
