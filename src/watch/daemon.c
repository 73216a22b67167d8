/* SPDX-License-Identifier: Apache-2.0 */
/* daemon.c: see daemon.h. */
#include "watch/daemon.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/jsonout.h"
#include "watch/control.h"
#include "watch/notify.h"

#define TICK_MS 1000
/* Not having run for longer than this is a gap: others may have done anything, and queues may have been full. */
#define PAUSE_MS 30000
/* What a clock may be set back by without ctimes meaning less. */
#define CLOCK_MS 2000

struct daemon {
	int signals, wake;
	struct control *control; /* NULL: none */
	/* While daemon_run() runs; else NULL: */
	struct watcher *watcher;
	struct watcher_options o;
	bool ready;
	int64_t ticked_ms, real_ahead_ms;
};

/* ---- requests ---- */

static void put_status(
    struct jsonout *j, const struct watch_figures *f, const char *store)
{
	jsonout_begin(j, NULL, '{');
	jsonout_str(j, "store", store);
	jsonout_str(j, "source", f->source);
	jsonout_str(j, "verdict", verdict_name(f->verdict));
	jsonout_bool(j, "known", f->known);
	jsonout_u64(j, "started", (uint64_t)f->started);
	jsonout_u64(j, "last_pass", (uint64_t)f->last_pass);
	jsonout_seconds(j, "pass_seconds", f->pass_seconds);
	jsonout_u64(j, "passes", f->passes);
	jsonout_u64(j, "watches", f->watches);
	jsonout_u64(j, "objects", f->objects);
	jsonout_u64(j, "events", f->events);
	jsonout_seconds(j, "lag_seconds", f->lag_ms / 1000);
	jsonout_u64(j, "layers", f->layers);
	jsonout_u64(j, "images", f->images);
	jsonout_u64(j, "unsealed", f->unsealed);
	jsonout_u64(j, "findings", f->findings);
	jsonout_u64(j, "alarms", f->alarms);
	jsonout_u64(j, "last_alarm", (uint64_t)f->last_alarm);
	jsonout_u64(j, "asked", f->asked);
	jsonout_u64(j, "verified", f->verified);
	jsonout_begin(j, "gaps", '{');
	for (size_t g = 0; g < GAP_COUNT; g++)
		jsonout_u64(j, gap_name((enum gap)g), f->gaps[g]);
	jsonout_end(j, '}');
	jsonout_end(j, '}');
}

static void answer_figures(struct daemon *d, enum request_verb verb, struct answer *a)
{
	const char *store = d->o.guard->store->config->graphroot;
	CLEANUP_JSONOUT struct jsonout j;
	CLEANUP_BUF struct buf text;
	struct watch_figures f;
	struct err e;

	jsonout_init(&j);
	buf_init(&text, PROTOCOL_ANSWER_MAX);
	watcher_figures(d->watcher, &f);
	if (verb == REQUEST_STATUS) {
		put_status(&j, &f, store);
		a->status = ANSWER_DONE;
		a->document = buf_take(&j.text);
	} else if (metrics_text(&f, store, &text, &e)) {
		answer_say(a, ANSWER_ERROR, "%s", e.msg);
	} else {
		a->status = ANSWER_DONE;
		a->document = buf_take(&text);
	}
}

/* What the client caused before it asked has to be read before. */
static void hand_over(struct daemon *d, uint64_t client, struct request *r)
{
	struct err e;

	if (watcher_drain(d->watcher, &e))
		watcher_gap(d->watcher, GAP_LOST);
	watcher_ask(d->watcher, client, r);
}

static void take_request(
    void *ctx, uint64_t client, const struct peer *peer, struct request *r)
{
	struct daemon *d = ctx;
	struct answer a = {.verdict = VERDICT_UNVERIFIABLE};

	if (!d->watcher)
		answer_say(&a, ANSWER_UNKNOWN, "the store or the ledger cannot be read");
	else if (!control_may(&d->o.config->watch, peer, r->verb))
		answer_say(&a, ANSWER_REFUSED,
		    "uid %u may not do this ([watch] seal-users)", (unsigned)peer->uid);
	else if (r->verb == REQUEST_VERIFY || r->verb == REQUEST_SEAL)
		hand_over(d, client, r);
	else
		answer_figures(d, r->verb, &a);
	if (a.document || a.why)
		control_answer(d->control, client, &a);
	answer_release(&a);
	request_release(r);
}

static void send_answers(struct daemon *d)
{
	struct answer a;
	uint64_t client, n;

	(void)!read(d->wake, &n, sizeof(n));
	while (d->watcher && watcher_answer(d->watcher, &client, &a)) {
		control_answer(d->control, client, &a);
		answer_release(&a);
	}
}

/* ---- time ---- */

static void start_clocks(struct daemon *d)
{
	d->ticked_ms = clock_ms(CLOCK_BOOTTIME);
	d->real_ahead_ms = clock_ms(CLOCK_REALTIME) - d->ticked_ms;
}

/* CLOCK_BOOTTIME goes on while the machine sleeps, and nobody can set it. */
static void check_clocks(struct daemon *d)
{
	int64_t now = clock_ms(CLOCK_BOOTTIME);
	int64_t ahead = clock_ms(CLOCK_REALTIME) - now;

	if (now - d->ticked_ms > PAUSE_MS)
		watcher_gap(d->watcher, GAP_SUSPENDED);
	if (ahead < d->real_ahead_ms - CLOCK_MS)
		watcher_gap(d->watcher, GAP_CLOCK);
	d->ticked_ms = now;
	d->real_ahead_ms = ahead;
}

static void tick(struct daemon *d)
{
	struct watch_figures f;

	check_clocks(d);
	watcher_figures(d->watcher, &f);
	if (!d->ready && f.passes)
		notify_ready();
	d->ready |= f.passes > 0;
	notify_status("%s: %zu layers, %zu findings, source %s", verdict_name(f.verdict),
	    f.layers, f.findings, f.source);
	notify_watchdog();
}

/* ---- the loop ---- */

enum { POLL_SIGNALS, POLL_WAKE, POLL_SOURCE, POLL_CONTROL };

static size_t poll_all(struct daemon *d, struct pollfd *p)
{
	size_t n = POLL_CONTROL;

	p[POLL_SIGNALS] = (struct pollfd){.fd = d->signals, .events = POLLIN};
	p[POLL_WAKE] = (struct pollfd){.fd = d->wake, .events = POLLIN};
	p[POLL_SOURCE] = (struct pollfd){
	    .fd = d->watcher ? source_fd(d->o.source) : -1, .events = POLLIN};
	if (d->control)
		n += control_poll(d->control, p + POLL_CONTROL);
	if (poll(p, n, TICK_MS) < 0) {
		for (size_t i = 0; i < n; i++)
			p[i].revents = 0;
	}
	return n;
}

/* True if a signal says that it is over. */
static bool read_signals(struct daemon *d, enum daemon_end *end)
{
	struct signalfd_siginfo info;

	if (read(d->signals, &info, sizeof(info)) != sizeof(info))
		return false;
	*end = info.ssi_signo == SIGHUP ? DAEMON_RELOAD : DAEMON_END;
	return true;
}

/* One round; true: *end is set. */
static bool turn(struct daemon *d, enum daemon_end *end, struct err *e)
{
	struct pollfd p[POLL_CONTROL + CONTROL_POLL_MAX];
	size_t n = poll_all(d, p);

	if ((p[POLL_SIGNALS].revents & POLLIN) && read_signals(d, end))
		return true;
	if (p[POLL_WAKE].revents & POLLIN)
		send_answers(d);
	if (d->watcher && p[POLL_SOURCE].revents && watcher_drain(d->watcher, e)) {
		*end = DAEMON_LOST;
		return true;
	}
	if (d->control)
		control_serve(
		    d->control, p + POLL_CONTROL, n - POLL_CONTROL, clock_now_ms());
	return false;
}

static bool is_lost(struct daemon *d, struct err *why)
{
	const struct err *its;

	if (!watcher_is_lost(d->watcher, &its))
		return false;
	*why = *its;
	return true;
}

int daemon_run(struct daemon *d, const struct watcher_options *o, enum daemon_end *end,
    struct err *why, struct err *e)
{
	int64_t ticked = 0;
	int r;

	d->o = *o;
	d->o.wake_fd = d->wake;
	r = watcher_start(&d->o, &d->watcher, e);
	if (r)
		return r;
	start_clocks(d);
	while (!turn(d, end, why)) {
		int64_t now = clock_now_ms();

		if (now - ticked >= TICK_MS)
			tick(d);
		ticked = now - ticked >= TICK_MS ? now : ticked;
		if (!is_lost(d, why))
			continue;
		*end = DAEMON_LOST;
		break;
	}
	send_answers(d);
	watcher_stop(take_ptr(d->watcher));
	return 0;
}

int daemon_wait(struct daemon *d, unsigned seconds, enum daemon_end *end, struct err *e)
{
	int64_t until = clock_now_ms() + (int64_t)seconds * 1000;

	while (clock_now_ms() < until) {
		if (turn(d, end, e))
			return 0;
		notify_watchdog();
	}
	*end = DAEMON_LOST;
	return 0;
}

int daemon_open(const char *socket, struct daemon **out, struct err *e)
{
	struct daemon *d = xcalloc(1, sizeof(*d));
	sigset_t set;
	int r = 0;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	d->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	d->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (d->signals < 0 || d->wake < 0)
		r = err_sys(e, "signalfd, eventfd");
	if (!r && socket)
		r = control_open(socket, take_request, d, &d->control, e);
	if (r) {
		daemon_free(d);
		return r;
	}
	*out = d;
	return 0;
}

void daemon_free(struct daemon *d)
{
	if (!d)
		return;
	control_free(d->control);
	base_close_p(&d->signals);
	base_close_p(&d->wake);
	free(d);
}
