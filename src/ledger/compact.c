/* SPDX-License-Identifier: Apache-2.0 */
/* compact.c: a ledger's database made anew where it is. */
#include "ledger/exchange.h"
#include "ledger/upkeep.h"

static int make_anew(struct ledger *l, const struct copy_options *o,
    struct copy_report *out, struct err *e)
{
	CLEANUP_FD int newfd = -1;
	int r = exchange_prepare(l->dirfd, &newfd, e);

	if (!r)
		r = copy_make(l, newfd, o, out, e);
	if (!r)
		r = exchange_finish(l->dirfd, newfd, e);
	else
		exchange_discard(l->dirfd);
	return r;
}

static int check_alone(const struct ledger *l, struct err *e)
{
	return l->floor_fd >= 0 && !l->own_key
		   ? 0
		   : err_set(e, ERR_INTERNAL, "others may write the ledger");
}

/* What was dropped is known beforehand, what was kept afterwards. */
static int make_and_report(struct ledger *l, const struct copy_options *o,
    struct copy_report *out, struct err *e)
{
	struct copy_report before = *out;
	int r = make_anew(l, o, out, e);

	out->bytes_before = before.bytes_before;
	out->dropped = before.dropped;
	out->dropped_bytes = before.dropped_bytes;
	return r;
}

int upkeep_compact(
    struct ledger *l, bool rehearse, struct copy_report *out, struct err *e)
{
	const struct copy_options o = {.needed_only = true};
	int r = rehearse ? 0 : check_alone(l, e);

	*out = (struct copy_report){0};
	if (!r)
		r = copy_survey(l, &o, out, e);
	return r || rehearse ? r : make_and_report(l, &o, out, e);
}

int upkeep_rebuild(struct ledger *l, struct copy_report *out, struct err *e)
{
	const struct copy_options o = {.mend = true};
	int r = check_alone(l, e);

	*out = (struct copy_report){0};
	return r ? r : make_anew(l, &o, out, e);
}
