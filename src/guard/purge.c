/* SPDX-License-Identifier: Apache-2.0 */
/*
 * purge.c: see purge.h. A round verifies, plans, takes out and logs; what a repaired record file brings
 * to light is for the next. Rounds are few, and one that takes nothing out is the last.
 */
#include "guard/purge.h"

#include <string.h>
#include <time.h>

#include "guard/cache_mounts.h"
#include "guard/inflight.h"
#include "guard/purge_run.h"

#define ROUNDS_MAX 5
#define APPEND_TRIES 8
/* Of a name, a reason or a path in the log. */
#define LOGGED_MAX 512

void purge_select(struct purge_options *opt, bool violated, bool unsealed)
{
	for (size_t c = 0; c < FINDING_CLASS_COUNT; c++) {
		bool is_unsealed =
		    c == FINDING_LAYER_UNSEALED || c == FINDING_IMAGE_UNSEALED ||
		    c == FINDING_NAME_UNSEALED || c == FINDING_LAYER_MAPPED ||
		    c == FINDING_CACHE_MOUNT_UNSEALED;

		opt->classes[c] |= is_unsealed ? unsealed : violated;
	}
}

const char *purge_fate_name(enum purge_fate f)
{
	static const char *const names[] = {
	    [PURGE_PLANNED] = "planned",
	    [PURGE_REMOVED] = "removed",
	    [PURGE_QUARANTINED] = "quarantined",
	    [PURGE_KEPT] = "kept",
	};

	return names[f];
}

void purge_result_release(struct purge_result *r)
{
	for (size_t i = 0; i < r->n; i++)
		purge_item_release(&r->items[i]);
	free(r->items);
	verify_result_release(&r->verify);
	*r = (struct purge_result){0};
}

struct purge {
	struct guard *g;
	const struct purge_options *opt;
	struct purge_result *out;
	struct plan plan;
};

/* ---- the log ---- */

static bool is_gone(const struct purge_item *i)
{
	return i->fate == PURGE_REMOVED || i->fate == PURGE_QUARANTINED;
}

static bool is_sealed(const struct purge *p, const struct purge_item *i)
{
	const struct sealed_layer *l = NULL;
	const struct sealed_image *m = NULL;

	if (i->object == PURGED_LAYER)
		l = ledger_layer(p->g->ledger, &p->g->store_id, i->id);
	if (i->object == PURGED_IMAGE)
		m = ledger_image(p->g->ledger, &p->g->store_id, i->id);
	return (l && !l->retired) || (m && !m->retired);
}

static void add_entries(
    const struct purge *p, const struct purge_item *i, struct entry *batch, size_t *n)
{
	struct entry *en = &batch[(*n)++];

	*en = (struct entry){
	    .op = ENTRY_PURGE, .time = time(NULL), .store = p->g->store_id};
	en->purge.object = i->object;
	en->purge.id = xstrndup(
	    i->id, i->object == PURGED_CACHE_MOUNT ? CACHE_MOUNT_PATH_MAX : LOGGED_MAX);
	en->purge.bytes = i->bytes;
	if (i->fate == PURGE_QUARANTINED && i->note)
		en->purge.quarantine = xstrndup(i->note, LOGGED_MAX);
	en->purge.reason = xstrndup(i->reason, LOGGED_MAX);
	if (i->object == PURGED_CACHE_MOUNT && cache_mount_is_sealed(p->g, i->id)) {
		en = &batch[(*n)++];
		*en = (struct entry){
		    .op = ENTRY_RETIRE_TREE, .time = time(NULL), .store = p->g->store_id};
		en->retire_tree.path = xstrdup(i->id);
		en->retire_tree.reason = xasprintf("purged: %.*s", LOGGED_MAX, i->reason);
	}
	if (!is_sealed(p, i))
		return;
	en = &batch[(*n)++];
	*en = (struct entry){
	    .op = ENTRY_RETIRE, .time = time(NULL), .store = p->g->store_id};
	en->retire.is_image = i->object == PURGED_IMAGE;
	memcpy(en->retire.id, i->id, sizeof(en->retire.id));
	en->retire.reason = xasprintf("purged: %.*s", LOGGED_MAX, i->reason);
}

static int append(const struct purge *p, size_t from, struct err *e)
{
	struct entry *batch = xcalloc(2 * (p->out->n - from) + 1, sizeof(*batch));
	size_t n = 0;
	int r = 0;

	for (size_t i = from; i < p->out->n; i++) {
		if (is_gone(&p->out->items[i]))
			add_entries(p, &p->out->items[i], batch, &n);
	}
	if (n)
		r = ledger_append(p->g->ledger, batch, n, e);
	for (size_t i = 0; i < n; i++)
		entry_release(&batch[i]);
	free(batch);
	return r;
}

/* Others may append at any time. */
static int write_log(const struct purge *p, size_t from, struct err *e)
{
	int r = append(p, from, e);

	for (int try = 1; r == ERR_CONFLICT && try < APPEND_TRIES; try++) {
		r = ledger_reload(p->g->ledger, e);
		if (!r)
			r = append(p, from, e);
	}
	return r ? err_wrap(e, "things were taken out of the store, but not logged") : 0;
}

/* ---- rounds ---- */

static int verify(struct purge *p, enum verify_level level, struct err *e)
{
	const struct verify_options o = {
	    .level = level, .cache_mounts = p->opt->cache_mounts};

	verify_result_release(&p->out->verify);
	return guard_verify(p->g, &o, &p->out->verdict, &p->out->verify, e);
}

static bool has_work(const struct purge_item *items, size_t n, bool broken_only)
{
	for (size_t i = 0; i < n; i++) {
		if (items[i].fate == PURGE_PLANNED && (!broken_only || items[i].broken))
			return true;
	}
	return false;
}

/* *items are those of this round alone. */
static int take_out(struct purge *p, struct purge_item **items, size_t *n, struct err *e)
{
	int r = 0;

	purge_cache_mounts(*items, *n);
	if (p->plan.faulty)
		r = purge_by_quarantine(p->g, p->opt, true, true, items, n, e);
	/* Records that were repaired are another store: the next round looks at it. */
	if (r || p->plan.faulty)
		return r;
	if (has_work(*items, *n, true))
		r = purge_by_quarantine(p->g, p->opt, true, false, items, n, e);
	if (!r && p->opt->engine) {
		purge_by_engine(&p->plan, *items, *n);
		r = purge_settle(p->g, *items, *n, e);
	}
	if (!r && has_work(*items, *n, false))
		r = purge_by_quarantine(p->g, p->opt, false, false, items, n, e);
	return r;
}

/* Items of a round join the result; what an earlier round could not take out is told anew. */
static void join(struct purge *p, struct purge_item *items, size_t n)
{
	struct purge_result *out = p->out;
	size_t kept = 0;

	for (size_t i = 0; i < out->n; i++) {
		if (is_gone(&out->items[i]))
			out->items[kept++] = out->items[i];
		else
			purge_item_release(&out->items[i]);
	}
	out->n = kept;
	out->items = xreallocarray(out->items, kept + n + 1, sizeof(*out->items));
	for (size_t i = 0; i < n; i++)
		out->items[kept + i] = items[i];
	out->n += n;
}

static int plan(struct purge *p, struct purge_item **items, size_t *n, struct err *e)
{
	int r;

	plan_release(&p->plan);
	p->plan = (struct plan){.g = p->g, .opt = p->opt};
	r = plan_look(&p->plan, e);
	if (r)
		return r;
	plan_from_findings(&p->plan, &p->out->verify.findings);
	if (p->opt->cache_mounts_all)
		r = plan_all_cache_mounts(&p->plan, e);
	if (r)
		return r;
	plan_items(&p->plan, items, n);
	return 0;
}

/* *more: something was taken out. */
static int round_of(struct purge *p, bool *more, struct err *e)
{
	struct purge_item *items = NULL;
	size_t n = 0, from;
	struct err other;
	int r = plan(p, &items, &n, e), logged;

	*more = false;
	if (!r && !p->opt->dry_run && (has_work(items, n, false) || p->plan.faulty))
		r = take_out(p, &items, &n, e);
	join(p, items, n);
	from = p->out->n - n;
	free(items);
	for (size_t i = from; i < p->out->n; i++)
		*more |= is_gone(&p->out->items[i]);
	if (!*more)
		return r;
	/* What is gone is logged, also when something failed after it. */
	logged = write_log(p, from, r ? &other : e);
	return r ? r : logged;
}

/* The records cannot even be read: that is repaired first, if what is violated shall go. */
static int repair(struct purge *p, struct err *e)
{
	struct err why = *e;
	struct purge_item *items = NULL;
	size_t n = 0;
	int r;

	if (p->opt->dry_run || !p->opt->classes[FINDING_RECORD_MALFORMED] ||
	    (why.code != ERR_STORE && why.code != ERR_MALFORMED))
		return why.code;
	r = purge_by_quarantine(p->g, p->opt, false, true, &items, &n, e);
	join(p, items, n);
	free(items);
	if (!r && n == 0) {
		*e = why;
		return why.code;
	}
	if (!r)
		r = write_log(p, p->out->n - n, e);
	return r ? r : verify(p, p->opt->level, e);
}

static void sum_up(struct purge_result *out, bool dry_run)
{
	for (size_t i = 0; i < out->n; i++) {
		struct purge_item *item = &out->items[i];

		if (item->fate == PURGE_PLANNED && !dry_run)
			item->fate = PURGE_KEPT;
		if (item->fate == PURGE_QUARANTINED)
			out->quarantined += item->bytes;
		else if (item->fate == PURGE_REMOVED || item->fate == PURGE_PLANNED)
			out->removed += item->bytes;
		else
			out->kept++;
	}
}

static int run(struct purge *p, struct err *e)
{
	bool more = true;
	int r = verify(p, p->opt->level, e);

	if (r)
		r = repair(p, e);
	for (int i = 0; !r && more && i < ROUNDS_MAX; i++) {
		r = round_of(p, &more, e);
		if (!r && !p->opt->dry_run && (more || i == 0))
			r = verify(p, p->opt->last_level, e);
	}
	return r;
}

/*
 * What guarded builds make is not sealed before their end, and must not be taken for what nobody accounts for.
 * None begins before *door is closed; `others` run already.
 */
static int shut(struct guard *g, int *door, size_t *others, struct err *e)
{
	int r;

	*others = 0;
	if (!g->ledger_dir)
		return 0;
	r = inflight_shut(g->ledger_dir, &g->store_id, g->build, door, others, e);
	/* What those that are gone have sealed. */
	return r ? r : ledger_reload(g->ledger, e);
}

static int purge(struct guard *g, const struct purge_options *opt,
    struct purge_result *out, struct err *e)
{
	struct purge p = {.g = g, .opt = opt, .out = out};
	int r = run(&p, e);

	plan_release(&p.plan);
	sum_up(out, opt->dry_run);
	if (r)
		out->verdict = VERDICT_UNVERIFIABLE;
	return r;
}

int guard_purge(struct guard *g, const struct purge_options *opt,
    struct purge_result *out, struct err *e)
{
	CLEANUP_FD int door = -1;
	size_t others = 0;
	int r = 0;

	*out = (struct purge_result){.verdict = VERDICT_UNVERIFIABLE};
	if (!opt->dry_run && !ledger_writable(g->ledger))
		return err_set(e, ERR_REFUSED,
		    "what a purge takes out is logged, and the ledger cannot be written: "
		    "%s",
		    ledger_not_writable(g->ledger));
	if (!opt->dry_run)
		r = shut(g, &door, &others, e);
	if (!r && others && !opt->force)
		r = err_set(e, ERR_REFUSED,
		    "%zu guarded build%s running, and what they make is not sealed "
		    "before their end: wait, or --force",
		    others, others == 1 ? " is" : "s are");
	return r ? r : purge(g, opt, out, e);
}

int guard_purge_items(struct guard *g, struct runner *engine, struct purge_item **items,
    size_t *n, struct err *e)
{
	const struct purge_options o = {.engine = engine};
	struct purge_result result = {0};
	struct purge p = {.g = g, .opt = &o, .out = &result, .plan = {.g = g, .opt = &o}};
	int r = plan_look(&p.plan, e);

	if (!r) {
		plan_from_items(&p.plan, *items, *n, false);
		plan_items(&p.plan, items, n);
		r = take_out(&p, items, n, e);
	}
	plan_release(&p.plan);
	result.items = *items;
	result.n = *n;
	return r ? r : write_log(&p, 0, e);
}

int guard_heal(struct guard *g, const struct verify_options *opt, struct runner *engine,
    struct purge_result *out, struct err *e)
{
	struct purge_options o = {.level = opt->level,
	    .last_level = opt->level,
	    .engine = engine,
	    .cache_mounts = opt->cache_mounts};
	CLEANUP_FD int door = -1;
	size_t others;
	int r;

	*out = (struct purge_result){.verdict = VERDICT_UNVERIFIABLE};
	r = guard_verify(g, opt, &out->verdict, &out->verify, e);
	if (r || out->verdict == VERDICT_CLEAN ||
	    !policy_heals(g->policy, &out->verify.findings) ||
	    !ledger_writable(g->ledger))
		return r;
	r = shut(g, &door, &others, e);
	if (r || others)
		return r;
	purge_result_release(out);
	memcpy(o.classes, g->policy->purge, sizeof(o.classes));
	return purge(g, &o, out, e);
}
