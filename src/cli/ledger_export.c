/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_export.c: `layerseal ledger export`: the log as plain files. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/esc.h"
#include "cli/cli.h"
#include "ledger/export.h"

static int report(const struct ledger *l, const char *dir, uint64_t before, struct err *e)
{
	uint64_t size = ledger_head(l)->size;
	CLEANUP_FREE char *name = esc_str(dir);

	printf("exported %" PRIu64 " entries to %s", size, name);
	if (before)
		printf(", %" PRIu64 " of them new", size - before);
	printf("\n");
	return fflush(stdout) ? err_sys(e, "standard output") : EXIT_CLEAN;
}

int ledger_export(struct cli *c, int argc, char **argv, struct err *e)
{
	static const struct option options[] = {{"signify", no_argument, NULL, 's'}, {0}};
	CLEANUP_LEDGER struct ledger *ledger = NULL;
	struct export_options o = {0};
	struct trust trust;
	uint64_t before;
	int option, r;

	while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (option != 's')
			return cli_usage_error(e, "ledger export",
			    "an option that ledger export does not have");
		o.signify = true;
	}
	if (optind + 1 != argc)
		return cli_usage_error(
		    e, "ledger export", "ledger export takes one directory");
	o.dir = argv[optind];
	o.trust = &trust;
	r = cli_open_ledger(c, LEDGER_READ, false, &ledger, e);
	if (!r)
		r = cli_load_trust(c, &trust, e);
	if (!r)
		r = export_ledger(ledger, &o, &before, e);
	return r ? r : report(ledger, o.dir, before, e);
}
