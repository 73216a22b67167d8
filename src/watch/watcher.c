/* SPDX-License-Identifier: Apache-2.0 */
/* watcher.c: see watcher.h: the thread, in what order it does what is due, and what it shares with the other one. */
#include "watch/watcher.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "watch/watcher_impl.h"

#define TICK_MS 1000
#define RETRY_MS 5000
/* What a look costs, it may cost again after this many times as long: an engine at work touches records all the time. */
#define LOOK_REST 4

void watcher_wake(struct watcher *w)
{
	(void)!write(w->o.wake_fd, &(uint64_t){1}, sizeof(uint64_t));
}

/* ---- from the other thread ---- */

static void take_event(void *ctx, const struct source_event *ev)
{
	struct watcher *w = ctx;

	pthread_mutex_lock(&w->x.mutex);
	if (questions_none(&w->x.pending))
		pthread_cond_signal(&w->x.work);
	questions_add(&w->x.pending, ev, clock_now_ms());
	pthread_mutex_unlock(&w->x.mutex);
}

int watcher_drain(struct watcher *w, struct err *e)
{
	uint64_t gaps[GAP_COUNT] = {0};
	int r;

	pthread_mutex_lock(&w->drain);
	r = source_read(w->o.source, take_event, w, gaps, e);
	pthread_mutex_unlock(&w->drain);
	pthread_mutex_lock(&w->x.mutex);
	for (size_t g = 0; g < GAP_COUNT; g++) {
		w->x.pending.gaps[g] += gaps[g];
		if (gaps[g])
			pthread_cond_signal(&w->x.work);
	}
	pthread_mutex_unlock(&w->x.mutex);
	return r;
}

void watcher_gap(struct watcher *w, enum gap g)
{
	pthread_mutex_lock(&w->x.mutex);
	w->x.pending.gaps[g]++;
	pthread_cond_signal(&w->x.work);
	pthread_mutex_unlock(&w->x.mutex);
}

void watcher_ask(struct watcher *w, uint64_t client, struct request *r)
{
	pthread_mutex_lock(&w->x.mutex);
	w->x.asked = xreallocarray(w->x.asked, w->x.n_asked + 1, sizeof(*w->x.asked));
	w->x.asked[w->x.n_asked++] = (struct asked){
	    .client = client,
	    .request = *r,
	    .until_ms = clock_now_ms() + r->wait_ms,
	};
	pthread_cond_signal(&w->x.work);
	pthread_mutex_unlock(&w->x.mutex);
	*r = (struct request){0};
}

bool watcher_answer(struct watcher *w, uint64_t *client, struct answer *out)
{
	bool is = false;

	pthread_mutex_lock(&w->x.mutex);
	if (w->x.n_answers) {
		*client = w->x.answers[0].client;
		*out = w->x.answers[0].answer;
		memmove(w->x.answers, w->x.answers + 1,
		    --w->x.n_answers * sizeof(*w->x.answers));
		is = true;
	}
	pthread_mutex_unlock(&w->x.mutex);
	return is;
}

void watcher_figures(struct watcher *w, struct watch_figures *out)
{
	struct source_figures s;

	source_figures(w->o.source, &s);
	pthread_mutex_lock(&w->x.mutex);
	*out = w->x.figures;
	pthread_mutex_unlock(&w->x.mutex);
	out->source = source_kind_name(source_kind(w->o.source));
	out->events = s.events;
	out->watches = s.watches;
	out->objects = s.objects;
}

bool watcher_is_lost(struct watcher *w, const struct err **why)
{
	bool lost;

	pthread_mutex_lock(&w->x.mutex);
	lost = w->x.lost;
	pthread_mutex_unlock(&w->x.mutex);
	*why = &w->x.why;
	return lost;
}

/* ---- the thread ---- */

/* Was all of it armed? */
static bool is_blind(const struct watcher *w)
{
	struct source_figures f;

	source_figures(w->o.source, &f);
	return f.blind > 0;
}

static void take_gaps(struct watcher *w, const uint64_t gaps[static GAP_COUNT])
{
	bool again = false;

	for (size_t g = 0; g < GAP_COUNT; g++) {
		if (!gaps[g])
			continue;
		w->figures.gaps[g] += gaps[g];
		watcher_tell(w, NOTICE_GAP, gap_name((enum gap)g), gaps[g]);
		watcher_record_gap(w, (enum gap)g, gaps[g]);
		/* What cannot be armed now cannot be armed at once again: the next pass tries. */
		again |= g != GAP_LIMIT && g != GAP_UNREADABLE;
	}
	if (again)
		watcher_disarm_all(w);
	w->complete = w->complete && !again;
}

static bool is_look_due(const struct watcher *w, int64_t now)
{
	if (w->look_due && now >= w->look_due)
		return true;
	return w->look_asked && (w->n_waiting || now >= w->rested_ms);
}

static int look_rested(struct watcher *w, struct err *e)
{
	int64_t began = clock_now_ms(), ended;
	int r = watcher_look(w, e);

	ended = clock_now_ms();
	w->rested_ms = ended + LOOK_REST * (ended - began);
	return r;
}

static int pass(struct watcher *w, struct err *e)
{
	bool first = !w->complete;
	int r;

	w->pass_due = clock_now_ms() + (int64_t)w->o.config->watch.pass_s * 1000;
	/* What could not be armed is tried again. */
	if (is_blind(w))
		watcher_disarm_all(w);
	r = w->arm_asked ? watcher_arm(w, e) : 0;
	if (!r)
		r = watcher_pass(w, e);
	if (!r)
		watcher_tell(w, first ? NOTICE_READY : NOTICE_PASS, NULL, w->n_layers);
	return r;
}

/* One round of what is due. */
static int work(struct watcher *w, const struct questions *q, struct err *e)
{
	int64_t now = clock_now_ms();
	int r;

	take_gaps(w, q->gaps);
	r = watcher_follow_ledger(w, e);
	if (!r)
		r = watcher_follow_store(w, e);
	if (!r)
		r = watcher_judge(w, q, e);
	if (!r && w->arm_asked && w->complete)
		r = watcher_arm(w, e);
	if (!r && (!w->complete || now >= w->pass_due))
		r = pass(w, e);
	if (!r && is_look_due(w, now))
		r = look_rested(w, e);
	if (!r)
		r = watcher_look_at_new(w, e);
	if (!r && w->stale_due && now >= w->stale_due && !w->n_waiting)
		r = watcher_renew(w, e);
	return r;
}

/* It is tried again, unless it is for who opens ledger and store. */
static void take_failure(struct watcher *w, int r, const struct err *e)
{
	if (!w->unverifiable || r == ERR_LEDGER)
		watcher_tell(w, NOTICE_UNVERIFIABLE, e->msg, 0);
	w->unverifiable = true;
	w->complete = false;
	w->retry_due = clock_now_ms() + RETRY_MS;
	if (r != ERR_LEDGER && r != ERR_INTERNAL)
		return;
	pthread_mutex_lock(&w->x.mutex);
	w->x.lost = true;
	w->x.why = *e;
	pthread_mutex_unlock(&w->x.mutex);
	watcher_wake(w);
}

static void show_figures(struct watcher *w)
{
	struct findings *all = &w->structure;
	struct watch_figures *f = &w->figures;

	f->known = watcher_knows(w);
	f->findings = all->n;
	f->unsealed = 0;
	for (size_t i = 0; i < all->n; i++)
		f->unsealed += all->v[i].class == FINDING_LAYER_UNSEALED ||
			       all->v[i].class == FINDING_IMAGE_UNSEALED;
	f->verdict = verdict_of(all);
	for (size_t i = 0; i < w->n_layers; i++) {
		enum verdict v = verdict_of(&w->layers[i].found);

		f->findings += w->layers[i].found.n;
		if (v == VERDICT_VIOLATED || f->verdict == VERDICT_CLEAN)
			f->verdict = v;
	}
	f->layers = w->layers_seen;
	f->images = w->images_seen;
	f->ledger_size = ledger_size(w->g->ledger);
	pthread_mutex_lock(&w->x.mutex);
	w->x.figures = *f;
	pthread_mutex_unlock(&w->x.mutex);
}

static void tick(struct watcher *w)
{
	int64_t now = clock_now_ms();
	struct watch_figures figures;

	if (now < w->tick_due)
		return;
	w->tick_due = now + TICK_MS;
	outlet_tick(w->o.outlet, now);
	watcher_flush_records(w);
	watcher_figures(w, &figures);
	outlet_metrics(w->o.outlet, &figures);
}

static int64_t sooner(int64_t a, int64_t b)
{
	return b && b < a ? b : a;
}

/* When there is something to do again, if nothing happens. */
static int64_t next_due(const struct watcher *w)
{
	int64_t due = w->tick_due;

	if (w->unverifiable)
		return sooner(due, w->retry_due);
	due = sooner(due, w->look_due);
	due = sooner(due, w->pass_due);
	due = sooner(due, w->stale_due);
	if (w->look_asked)
		due = sooner(due, w->rested_ms ? w->rested_ms : 1);
	for (size_t i = 0; i < w->n_waiting; i++)
		due = sooner(due, w->waiting[i].until_ms);
	return due;
}

/* Takes what is there; waits for it until something is due. False: to stop. */
static bool take_work(struct watcher *w, struct questions *q)
{
	int64_t due = next_due(w);
	struct timespec until = {.tv_sec = due / 1000, .tv_nsec = due % 1000 * 1000000};
	bool stop;

	pthread_mutex_lock(&w->x.mutex);
	while (!w->x.stop && questions_none(&w->x.pending) && !w->x.n_asked &&
	       pthread_cond_timedwait(&w->x.work, &w->x.mutex, &until) == 0)
		;
	*q = w->x.pending;
	w->x.pending = (struct questions){0};
	if (w->x.n_asked) {
		w->waiting = xreallocarray(
		    w->waiting, w->n_waiting + w->x.n_asked, sizeof(*w->waiting));
		memcpy(w->waiting + w->n_waiting, w->x.asked,
		    w->x.n_asked * sizeof(*w->waiting));
		w->n_waiting += w->x.n_asked;
		w->x.n_asked = 0;
	}
	stop = w->x.stop;
	pthread_mutex_unlock(&w->x.mutex);
	return !stop;
}

static bool is_lost(const struct watcher *w)
{
	return w->x.lost; /* only this thread sets it */
}

static void *run(void *ctx)
{
	struct watcher *w = ctx;
	struct questions q = {0};

	while (take_work(w, &q)) {
		struct err e;
		int r = 0;

		if (!is_lost(w) && (!w->unverifiable || clock_now_ms() >= w->retry_due))
			r = work(w, &q, &e);
		else
			w->complete = false;
		questions_release(&q);
		if (r)
			take_failure(w, r, &e);
		else if (w->complete)
			w->unverifiable = false;
		w->blind = is_blind(w);
		watcher_tell_changes(w);
		watcher_answer_all(w);
		show_figures(w);
		tick(w);
	}
	questions_release(&q);
	return NULL;
}

int watcher_start(const struct watcher_options *o, struct watcher **out, struct err *e)
{
	struct watcher *w = xcalloc(1, sizeof(*w));
	pthread_condattr_t attr;
	int rc;

	w->o = *o;
	w->g = o->guard;
	w->figures.started = time(NULL);
	w->arm_asked = true;
	pthread_mutex_init(&w->drain, NULL);
	pthread_mutex_init(&w->x.mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->x.work, &attr);
	pthread_condattr_destroy(&attr);
	w->mountinfo = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	if (w->mountinfo < 0) {
		free(w);
		return err_sys(e, "/proc/self/mountinfo");
	}
	rc = pthread_create(&w->thread, NULL, run, w);
	if (rc) {
		close(w->mountinfo);
		errno = rc;
		free(w);
		return err_sys(e, "the watcher's thread");
	}
	*out = w;
	return 0;
}

static void release(struct watcher *w)
{
	watcher_forget(w);
	watcher_drop_records(w);
	base_close_p(&w->mountinfo);
	questions_release(&w->x.pending);
	for (size_t i = 0; i < w->x.n_asked; i++)
		request_release(&w->x.asked[i].request);
	for (size_t i = 0; i < w->n_waiting; i++)
		request_release(&w->waiting[i].request);
	for (size_t i = 0; i < w->x.n_answers; i++)
		answer_release(&w->x.answers[i].answer);
	free(w->x.asked);
	free(w->x.answers);
	free(w->waiting);
	pthread_cond_destroy(&w->x.work);
	pthread_mutex_destroy(&w->x.mutex);
	pthread_mutex_destroy(&w->drain);
	free(w);
}

void watcher_stop(struct watcher *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->x.mutex);
	w->x.stop = true;
	pthread_cond_signal(&w->x.work);
	pthread_mutex_unlock(&w->x.mutex);
	pthread_join(w->thread, NULL);
	release(w);
}
