/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outlet.c: see outlet.h. Who writes to a store in a loop, or removes ten thousand files of it, must neither fill
 * disks nor bury the message that matters: so messages are counted in slots, one for each kind and class (or
 * gap). Of each slot the first is told whatever happens; so are some more, as long as there are not too many of all
 * slots together; and of the rest how many they were, when the minute is over.
 */
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "watch/outlet_impl.h"

/* Collectors come so often; each time it is a write to the disk. */
#define METRICS_MS 15000

#define SUBJECTS FINDING_CLASS_COUNT
_Static_assert((int)GAP_COUNT <= (int)SUBJECTS, "a gap is the subject of a slot, too");

struct slot {
	int64_t began; /* of the window; 0 with told == 0: none began */
	unsigned told;
	uint64_t folded;
};

struct outlet {
	const struct watch_settings *settings;
	int64_t now; /* of the last tick */
	struct slot slots[NOTICE_KIND_COUNT][SUBJECTS], all;
	char *store; /* of the newest notice */
	struct lines *lines;
	struct journal *journal;
	struct command *command;
	uint64_t lines_untold, journal_untold;
	int64_t metrics_due;
	bool metrics_fail;
};

int outlet_open(const struct watch_settings *settings, enum outlet_lines lines,
    struct outlet **out, struct err *e)
{
	struct outlet *o = xcalloc(1, sizeof(*o));
	int r = 0;

	*out = NULL;
	o->settings = settings;
	if (settings->alarm_command)
		r = command_new(
		    settings->alarm_command, settings->alarm_interval_s, &o->command, e);
	if (r) {
		free(o);
		return r;
	}
	signal(SIGPIPE, SIG_IGN);
	o->lines = lines_new(lines, STDOUT_FILENO);
	o->journal = settings->no_journal ? NULL : journal_new(JOURNAL_SOCKET);
	*out = o;
	return 0;
}

/* ---- to all ways ---- */

static void dispatch(struct outlet *o, const struct notice *n)
{
	o->lines_untold += !lines_tell(o->lines, n);
	o->journal_untold += !journal_tell(o->journal, n);
	command_tell(o->command, n);
}

/* ---- folding ---- */

static size_t subject_of(const struct notice *n)
{
	size_t gap = 0;

	if (n->finding)
		return n->finding->class;
	if (n->kind == NOTICE_GAP)
		(void)notice_gap(n->text, &gap);
	return gap;
}

static bool has_class(enum notice_kind k)
{
	return k == NOTICE_ALARM || k == NOTICE_CLEARED || k == NOTICE_UNSEALED;
}

static void tell_folded(struct outlet *o, enum notice_kind k, size_t subject, uint64_t n)
{
	struct finding f = {.class = (enum finding_class)subject};

	dispatch(o, &(struct notice){
			.kind = NOTICE_FOLDED,
			.folded = k,
			.time_ms = clock_ms(CLOCK_REALTIME),
			.store = o->store,
			.finding = has_class(k) ? &f : NULL,
			.text = k == NOTICE_GAP ? gap_name((enum gap)subject) : NULL,
			.count = n,
		    });
}

static void end_windows(struct outlet *o, bool all)
{
	for (size_t k = 0; k < NOTICE_KIND_COUNT; k++) {
		for (size_t i = 0; i < SUBJECTS; i++) {
			struct slot *s = &o->slots[k][i];

			if (!s->told || (!all && o->now - s->began < OUTLET_WINDOW_MS))
				continue;
			if (s->folded)
				tell_folded(o, (enum notice_kind)k, i, s->folded);
			*s = (struct slot){0};
		}
	}
	if (o->now - o->all.began >= OUTLET_WINDOW_MS)
		o->all = (struct slot){.began = o->now};
}

static bool may_tell(struct outlet *o, struct slot *s)
{
	if (s->told == 0) {
		*s = (struct slot){.began = o->now, .told = 1};
		return true;
	}
	if (s->told == OUTLET_EACH_MAX || o->all.told == OUTLET_TOTAL_MAX) {
		s->folded++;
		return false;
	}
	s->told++;
	o->all.told++;
	return true;
}

void outlet_tell(struct outlet *o, const struct notice *n)
{
	if (n->store && (!o->store || strcmp(o->store, n->store) != 0)) {
		free(o->store);
		o->store = xstrdup(n->store);
	}
	if (may_tell(o, &o->slots[n->kind][subject_of(n)]))
		dispatch(o, n);
}

/* ---- what does not work ---- */

static void tell_untold(struct outlet *o, const char *text, uint64_t count)
{
	outlet_tell(o, &(struct notice){
			   .kind = NOTICE_UNTOLD,
			   .time_ms = clock_ms(CLOCK_REALTIME),
			   .store = o->store,
			   .text = text,
			   .count = count,
		       });
}

static void report_untold(struct outlet *o)
{
	uint64_t lines = o->lines_untold, journal = o->journal_untold;

	o->lines_untold = o->journal_untold = 0;
	if (lines)
		tell_untold(o, "lines that nobody read in time", lines);
	if (journal)
		tell_untold(o, "messages that the journal did not take", journal);
}

void outlet_tick(struct outlet *o, int64_t ms)
{
	struct err e;

	o->now = ms;
	end_windows(o, false);
	if (command_tick(o->command, ms, &e))
		tell_untold(o, e.msg, 0);
	lines_flush(o->lines);
	report_untold(o);
}

void outlet_end(struct outlet *o)
{
	outlet_tell(o, &(struct notice){.kind = NOTICE_END,
			   .time_ms = clock_ms(CLOCK_REALTIME),
			   .store = o->store});
}

void outlet_free(struct outlet *o)
{
	if (!o)
		return;
	end_windows(o, true);
	command_free(o->command);
	journal_free(o->journal);
	lines_free(o->lines);
	free(o->store);
	free(o);
}

/* ---- numbers ---- */

void outlet_metrics(struct outlet *o, const struct watch_figures *f)
{
	const char *path = o->settings->metrics;
	struct err e;
	int r;

	if (!path || o->now < o->metrics_due)
		return;
	o->metrics_due = o->now + METRICS_MS;
	r = metrics_write(path, f, o->store ? o->store : "", &e);
	/* Once, until it works again. */
	if (r && !o->metrics_fail) {
		err_wrap(&e, "metrics %s", path);
		tell_untold(o, e.msg, 0);
	}
	o->metrics_fail = r;
}
