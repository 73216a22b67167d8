/* SPDX-License-Identifier: Apache-2.0 */
/* purge_report.c: see purge_report.h. */
#include "cli/purge_report.h"
#include "cli/report.h"

#include <string.h>

#include "base/esc.h"
#include "base/hex.h"

#define ID_SHORT 12

static void print_item(FILE *to, const struct purge_item *i, bool dry_run)
{
	CLEANUP_FREE char *id = esc_str(i->id);
	CLEANUP_FREE char *reason = esc_str(i->reason);
	CLEANUP_FREE char *note = i->note ? esc_str(i->note) : NULL;
	bool is_id = i->object <= PURGED_CONTAINER, kept = i->fate == PURGE_KEPT;
	char bytes[REPORT_SIZE_MAX];

	report_size((double)i->bytes, bytes);
	fprintf(to, "%s%-11s%s %s %.*s  %s  (%s)\n",
	    report_colour(to, kept ? COLOUR_YELLOW : COLOUR_BOLD),
	    dry_run && !kept ? "would go" : purge_fate_name(i->fate),
	    report_colour(to, COLOUR_NONE), purged_name(i->object),
	    is_id ? ID_SHORT : (int)strlen(id), id, bytes, reason);
	if (note && i->fate != PURGE_REMOVED)
		fprintf(to, "            %s\n", note);
}

static size_t count(const struct purge_result *r, enum purge_fate fate)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++)
		n += r->items[i].fate == fate;
	return n;
}

void purge_report_text(
    FILE *to, const struct purge_options *opt, const struct purge_result *r)
{
	char removed[REPORT_SIZE_MAX], quarantined[REPORT_SIZE_MAX];
	size_t n = count(r, PURGE_REMOVED) + count(r, PURGE_PLANNED);

	for (size_t i = 0; i < r->n; i++)
		print_item(to, &r->items[i], opt->dry_run);
	report_size((double)r->removed, removed);
	report_size((double)r->quarantined, quarantined);
	if (r->n == 0)
		fprintf(to, "nothing to purge\n");
	else if (opt->dry_run)
		fprintf(to, "would go: %zu, %s; would stay in use: %zu\n", n, removed,
		    r->kept);
	else
		fprintf(to,
		    "removed: %zu, %s come back; in quarantine: %zu, %s until you delete "
		    "it; kept: %zu\n",
		    n, removed, count(r, PURGE_QUARANTINED), quarantined, r->kept);
}

void purge_report_verdict(FILE *to, const struct session *s, enum verdict verdict)
{
	CLEANUP_FREE char *root = esc_str(s->config.graphroot);

	fprintf(to, "%s%s%s: store %s\n",
	    report_colour(to, verdict == VERDICT_CLEAN ? COLOUR_GREEN : COLOUR_RED),
	    verdict_name(verdict), report_colour(to, COLOUR_NONE), root);
}

static void add_item(struct jsonout *j, const struct purge_item *i)
{
	jsonout_begin(j, NULL, '{');
	jsonout_str(j, "object", purged_name(i->object));
	jsonout_str(j, "id", i->id);
	jsonout_str(j, "image", i->image);
	jsonout_str(j, "fate", purge_fate_name(i->fate));
	jsonout_str(j, "reason", i->reason);
	jsonout_u64(j, "bytes", i->bytes);
	jsonout_str(j, "quarantine", i->fate == PURGE_QUARANTINED ? i->note : NULL);
	jsonout_str(j, "note", i->fate == PURGE_KEPT ? i->note : NULL);
	jsonout_end(j, '}');
}

void purge_report_members(struct jsonout *j, const struct purge_result *r)
{
	jsonout_begin(j, "items", '[');
	for (size_t i = 0; i < r->n; i++)
		add_item(j, &r->items[i]);
	jsonout_end(j, ']');
	jsonout_u64(j, "bytes_removed", r->removed);
	jsonout_u64(j, "bytes_quarantined", r->quarantined);
	jsonout_u64(j, "kept", r->kept);
}

int purge_report_json(const struct session *s, const struct purge_options *opt,
    const struct purge_result *r, struct err *e)
{
	CLEANUP_JSONOUT struct jsonout j;
	char store_id[2 * STORE_ID_BYTES + 1];

	jsonout_init(&j);
	hex_encode(store_id, s->store_id.bytes, STORE_ID_BYTES);
	jsonout_begin(&j, NULL, '{');
	jsonout_str(&j, "schema", "layerseal.purge/1");
	jsonout_str(&j, "verdict", verdict_name(r->verdict));
	jsonout_bool(&j, "dry_run", opt->dry_run);
	jsonout_str(&j, "store", store_id);
	jsonout_str(&j, "graphroot", s->config.graphroot);
	jsonout_u64(&j, "ledger_size", ledger_head(s->ledger)->size);
	purge_report_members(&j, r);
	report_findings_json(&j, &r->verify.findings);
	jsonout_end(&j, '}');
	return report_json(&j, e);
}
