/* SPDX-License-Identifier: Apache-2.0 */
/* build.c: see build.h: the order of a guarded build, and its end among others. */
#include "guard/build.h"

#include <string.h>
#include <time.h>

#include "guard/build_impl.h"

#define PAUSE_MS 50

void build_result_release(struct build_result *r)
{
	findings_release(&r->findings);
	purge_result_release(&r->healed);
}

static void release(struct build *b)
{
	inflight_leave(b->self);
	changes_free(b->changes);
	creations_free(b->creations);
	free(b->existing.v);
	free(b->sources);
	layer_prints_release(&b->prints);
	buildlog_release(&b->log);
}

static bool is_spoiled(const struct build *b)
{
	return b->out->findings.n + b->out->findings.dropped > 0;
}

static void pause_a_little(void)
{
	nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000L}, NULL);
}

/*
 * One attempt at the end. *done: all is sealed, or spoiled; otherwise something that it used is not sealed
 * yet, and other builds run that may do it.
 */
static int try_to_end(struct build *b, bool again, bool last, bool *done, struct err *e)
{
	CLEANUP_INFLIGHT_OTHERS struct inflight_others others = {0};
	CLEANUP_BUILD_WORK struct build_work w = {0};
	int r = inflight_others(b->g->ledger_dir, &b->g->store_id, b->self, &others, e);

	/* In this order: what the others have sealed when they leave is read. */
	if (!r && again)
		r = ledger_reload(b->g->ledger, e);
	if (!r)
		r = build_work_find(b, &w, e);
	if (!r && !is_spoiled(b))
		r = build_check_after(b, w.n_made > 0, e);
	if (!r)
		build_check_own(b, &w);
	/* What is good by itself is sealed before the rest only for others that may wait for it. */
	if (!r && !is_spoiled(b) && (w.n_made || b->c->n_names) && (!w.open || others.n))
		r = build_seal(b, &w, e);
	if (!r && w.open && again && (others.n == 0 || last) && !is_spoiled(b))
		findings_move(&b->out->findings, &w.findings);
	*done = !w.open || is_spoiled(b);
	return r;
}

/* Others may build for hours: who does not want to wait for them says so with a signal. */
static int end(struct build *b, int signals, struct err *e)
{
	bool done = false, told = false;
	int r = try_to_end(b, false, false, &done, e);

	while (!r && !done) {
		told = told || build_is_told_to_end(signals);
		r = try_to_end(b, true, told, &done, e);
		if (!r && !done)
			pause_a_little();
	}
	return r;
}

/*
 * *ok: the engine may run; *engine: it does already, and *signals is open. Until it is let go a signal may end
 * this process: nothing has happened yet.
 */
static int begin(struct build *b, bool *ok, pid_t *engine, int *signals, struct err *e)
{
	struct build_hold hold;
	int r = inflight_enter(
	    b->g->ledger_dir, &b->g->store_id, b->c->names, b->c->n_names, &b->self, e);

	b->g->build = b->self;
	if (!r)
		r = build_arm(b, e);
	if (!r)
		r = build_hold_begin(b, &hold, e);
	if (r)
		return r;
	r = build_check_before(b, ok, e);
	if (!r && *ok)
		r = inflight_runs(b->self, e);
	if (!r && *ok)
		r = build_take_signals(signals, e);
	if (r || !*ok)
		(void)!build_hold_end(&hold, false, NULL);
	else
		r = build_hold_end(&hold, true, e);
	*engine = hold.engine;
	return r;
}

static int run(struct build *b, struct err *e)
{
	CLEANUP_FD int signals = -1;
	bool ok = false;
	pid_t engine = 0;
	int r = begin(b, &ok, &engine, &signals, e);

	if (r || !ok)
		return r;
	b->out->outcome = BUILD_SPOILED;
	r = build_run(b, engine, signals, e);
	if (!r)
		r = end(b, signals, e);
	if (!r && !is_spoiled(b))
		r = build_seal_caches(b, e);
	if (!r && !is_spoiled(b)) {
		b->out->outcome = BUILD_DONE;
		return 0;
	}
	policy_apply(b->g->policy, &b->out->findings);
	if (r) {
		/* Whatever went wrong, what nobody answers for does not keep the name. */
		struct err ignored;

		(void)!build_spoil(b, &ignored);
		return r;
	}
	return build_spoil(b, e);
}

int guard_build(struct guard *g, const struct build_command *c, struct build_result *out,
    struct err *e)
{
	struct build b = {.g = g, .c = c, .out = out};
	int r;

	*out = (struct build_result){
	    .outcome = BUILD_REFUSED, .verdict = VERDICT_UNVERIFIABLE};
	r = run(&b, e);
	g->build = NULL;
	release(&b);
	return r;
}
