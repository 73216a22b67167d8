/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_anchor.c: a ledger and the places outside it that remember how far it was (anchor.h). */
#include <string.h>
#include <time.h>

#include "ledger/ledger_impl.h"

static int open_note(
    void *ctx, const char *note, size_t len, struct checkpoint *out, struct err *e)
{
	const struct ledger *l = ctx;

	return trust_open_checkpoint(&l->trust, note, len, out, NULL, e);
}

static int root_at(void *ctx, uint64_t size, struct digest *root, struct err *e)
{
	return ledger_root_at(ctx, size, root, e);
}

static bool counter(void *ctx, const char *anchor, uint64_t *out)
{
	return ledger_anchor_counter(ctx, anchor, out);
}

static struct anchor_view view_of(struct ledger *l)
{
	return (struct anchor_view){
	    .head = &l->head,
	    .note = l->note.data,
	    .note_len = l->note.len,
	    .newest = ledger_time(l),
	    .dirfd = l->dirfd,
	    .may_write = l->mode != LEDGER_READ,
	    .ctx = l,
	    .open_note = open_note,
	    .root_at = root_at,
	    .counter = counter,
	};
}

int ledger_anchors_look(
    struct ledger *l, const struct anchor_settings *settings, struct err *e)
{
	anchors_close(l->anchors);
	l->anchors = NULL;
	if (!settings)
		return 0;
	l->anchor_settings = *settings;
	return settings->n ? anchors_open(settings, &l->anchors, e) : 0;
}

void ledger_anchors_prove(struct ledger *l)
{
	struct anchor_view view = view_of(l);

	if (l->anchors)
		anchors_prove(l->anchors, &view);
}

int ledger_check_anchors(struct ledger *l, struct err *e)
{
	struct anchor_view view = view_of(l);

	return l->anchors ? anchors_check(l->anchors, &view, e) : 0;
}

static bool is_one_missing(const struct anchors *as)
{
	for (size_t i = 0; i < anchors_count(as); i++) {
		struct anchor_report report;

		anchors_report(as, i, &report);
		if (report.state == ANCHOR_MISSING)
			return true;
	}
	return false;
}

int ledger_anchors_settle(struct ledger *l, enum ledger_anchoring how, struct err *e)
{
	struct anchor_view view = view_of(l);
	int r = how == LEDGER_ANCHORS_LEFT ? 0 : ledger_check_anchors(l, e);

	if (r && how == LEDGER_ANCHORS_BEGUN && l->head.size == 0 &&
	    is_one_missing(l->anchors))
		r = anchors_create(l->anchors, &view, false, e);
	return r;
}

int ledger_anchors_entries(
    struct ledger *l, struct entry out[static ANCHORS_MAX], size_t *n, struct err *e)
{
	struct anchor_view view = view_of(l);
	struct anchor_count counts[ANCHORS_MAX];
	int r;

	*n = 0;
	if (!l->anchors)
		return 0;
	r = anchors_prepare(l->anchors, &view, counts, n, e);
	if (r)
		*n = 0;
	for (size_t i = 0; i < *n; i++) {
		out[i] = (struct entry){.op = ENTRY_ANCHOR, .time = time(NULL)};
		out[i].anchor.name = xstrdup(counts[i].anchor);
		out[i].anchor.counter = counts[i].counter;
	}
	return r;
}

int ledger_anchors_advance(struct ledger *l, struct err *e)
{
	struct anchor_view view = view_of(l);

	return l->anchors ? anchors_advance(l->anchors, &view, e) : 0;
}

int ledger_make_anchors(struct ledger *l, bool again, struct err *e)
{
	struct anchor_view view = view_of(l);
	struct err ignored;

	if (!l->own_key)
		return err_set(e, ERR_REFUSED,
		    "anchors are made by who can write the ledger: its key is not here");
	if (!l->anchors)
		return err_set(e, ERR_REFUSED, "the configuration names no anchor");
	/* anchors_create() heeds what each of them says. */
	(void)!anchors_check(l->anchors, &view, &ignored);
	if (anchors_create(l->anchors, &view, again, e))
		return e->code;
	return ledger_append_anchors(l, e);
}

const struct anchors *ledger_anchors(const struct ledger *l)
{
	return l->anchors;
}
