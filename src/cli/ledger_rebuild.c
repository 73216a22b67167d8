/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_rebuild.c: `layerseal ledger check --rebuild`: the database anew, from what verifies. */
#include <inttypes.h>
#include <stdio.h>

#include "base/esc.h"
#include "cli/copies.h"
#include "cli/report.h"

static int print_text(const struct cli *c, const struct ledger *l,
    const struct copy_report *r, struct err *e)
{
	CLEANUP_FREE char *dir = esc_str(c->ledger_dir);

	printf("rebuilt ledger %s: %" PRIu64 " entries\n", dir, ledger_size(l));
	copies_print_count("kept", r->kept, r->kept_bytes);
	copies_print_damaged(r);
	if (r->heads_lost)
		printf("  left out   old checkpoints: they cannot be read\n");
	else if (r->heads_left_out)
		printf("  left out   %zu old checkpoints that do not verify\n",
		    r->heads_left_out);
	return fflush(stdout) ? err_sys(e, "standard output") : EXIT_CLEAN;
}

static int print_json(const struct ledger *l, const struct copy_report *r, struct err *e)
{
	CLEANUP_JSONOUT struct jsonout j;

	jsonout_init(&j);
	jsonout_begin(&j, NULL, '{');
	jsonout_str(&j, "schema", "layerseal.ledger-rebuild/1");
	jsonout_u64(&j, "ledger_size", ledger_size(l));
	jsonout_u64(&j, "manifests_kept", r->kept);
	copies_damaged_json(&j, r);
	jsonout_bool(&j, "checkpoints_lost", r->heads_lost);
	jsonout_u64(&j, "checkpoints_left_out", r->heads_left_out);
	jsonout_end(&j, '}');
	return report_json(&j, e);
}

int ledger_check_rebuild(struct cli *c, unsigned wait_s, bool json, struct err *e)
{
	CLEANUP_COPY_REPORT struct copy_report report = {0};
	CLEANUP_LEDGER struct ledger *ledger = NULL;
	int r = cli_open_ledger_as(c,
	    (struct ledger_options){
		.mode = LEDGER_READ, .whole = true, .alone = true, .wait_s = wait_s},
	    &ledger, e);

	if (r == ERR_LEDGER)
		return err_wrap(e, "what does not verify cannot be rebuilt (layerseal "
				   "ledger restore puts a backup in place)");
	if (!r)
		r = upkeep_rebuild(ledger, &report, e);
	if (r)
		return r;
	return json ? print_json(ledger, &report, e) : print_text(c, ledger, &report, e);
}
