/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watcher_record.c: alarms and gaps as entries of the ledger. Whoever can write to the store can cause as many as he
 * likes: the ledger gets a bounded number an hour, and how many there were besides.
 */
#include <time.h>

#include "watch/watcher_impl.h"

#define RECORDS_MAX 32
#define RECORDS_AN_HOUR 240
#define HOUR_MS (3600 * 1000)

/* False: it is counted, and the next one that is written says so. */
static bool may_record(struct watcher *w)
{
	int64_t now = clock_now_ms();

	if (!ledger_writable(w->g->ledger))
		return false;
	if (now - w->hour_began > HOUR_MS) {
		w->hour_began = now;
		w->recorded = 0;
	}
	if (w->n_records == RECORDS_MAX || w->recorded == RECORDS_AN_HOUR)
		return false;
	w->recorded++;
	return true;
}

static struct entry *add(struct watcher *w, enum entry_op op)
{
	struct entry *en;

	w->records = xreallocarray(w->records, w->n_records + 1, sizeof(*w->records));
	en = &w->records[w->n_records++];
	*en = (struct entry){.op = op, .time = time(NULL), .store = w->g->store_id};
	return en;
}

void watcher_record_alarm(
    struct watcher *w, const struct finding *f, const struct writer *writer)
{
	struct entry *en;
	uint64_t uid;

	if (!may_record(w)) {
		w->left_out++;
		return;
	}
	en = add(w, ENTRY_ALARM);
	entry_alarm_set(&en->alarm, f);
	en->alarm.left_out = w->left_out;
	w->left_out = 0;
	if (!writer)
		return;
	uid = writer->uid;
	entry_alarm_set_writer(&en->alarm, (uint64_t)writer->pid,
	    writer->looked_at ? &uid : NULL, writer->looked_at ? writer->program : NULL);
}

void watcher_record_gap(struct watcher *w, enum gap g, uint64_t count)
{
	struct entry *en;

	w->gaps_left[g] += count;
	if (!may_record(w))
		return;
	en = add(w, ENTRY_GAP);
	en->gap = (struct entry_gap){xstrdup(gap_name(g)), w->gaps_left[g]};
	w->gaps_left[g] = 0;
}

void watcher_drop_records(struct watcher *w)
{
	for (size_t i = 0; i < w->n_records; i++)
		entry_release(&w->records[i]);
	free(w->records);
	w->records = NULL;
	w->n_records = 0;
}

void watcher_flush_records(struct watcher *w)
{
	struct err e;
	int r;

	if (!w->n_records || w->unverifiable)
		return;
	ledger_hurry(w->g->ledger);
	r = ledger_append(w->g->ledger, w->records, w->n_records, &e);
	/* Somebody else appended: it is read again by then. */
	if (r == ERR_CONFLICT)
		return;
	if (r)
		watcher_tell(w, NOTICE_UNVERIFIABLE, e.msg, 0);
	watcher_drop_records(w);
}
