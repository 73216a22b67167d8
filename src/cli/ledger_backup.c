/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_backup.c: `layerseal ledger backup`: the ledger as it is now, in another directory. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/esc.h"
#include "cli/copies.h"
#include "cli/report.h"

struct arguments {
	struct ledger_backup_options backup;
	bool json;
};

static int parse(int argc, char **argv, struct arguments *out, struct err *e)
{
	static const struct option options[] = {{"with-secrets", no_argument, NULL, 's'},
	    {"json", no_argument, NULL, 'j'}, {0}};
	int option;

	*out = (struct arguments){0};
	while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (option != 's' && option != 'j')
			return cli_usage_error(e, "ledger backup",
			    "an option that ledger backup does not have");
		out->backup.with_secrets |= option == 's';
		out->json |= option == 'j';
	}
	if (optind + 1 != argc)
		return cli_usage_error(
		    e, "ledger backup", "ledger backup takes one directory");
	out->backup.dir = argv[optind];
	return 0;
}

static int print_text(const struct ledger *l, const struct arguments *a,
    const struct copy_report *r, struct err *e)
{
	CLEANUP_FREE char *dir = esc_str(a->backup.dir);
	char bytes[REPORT_SIZE_MAX];

	report_size((double)r->bytes_after, bytes);
	printf("backed up %" PRIu64 " entries, %zu manifest%s (%s) to %s, and read them "
	       "again\n",
	    ledger_size(l), r->kept, REPORT_S(r->kept), bytes, dir);
	if (a->backup.with_secrets)
		printf("the secrets are in it, too\n");
	return fflush(stdout) ? err_sys(e, "standard output") : EXIT_CLEAN;
}

static int print_json(const struct ledger *l, const struct copy_report *r, struct err *e)
{
	CLEANUP_JSONOUT struct jsonout j;

	jsonout_init(&j);
	jsonout_begin(&j, NULL, '{');
	jsonout_str(&j, "schema", "layerseal.ledger-backup/1");
	jsonout_u64(&j, "ledger_size", ledger_size(l));
	jsonout_u64(&j, "manifests", r->kept);
	jsonout_u64(&j, "bytes", r->bytes_after);
	jsonout_end(&j, '}');
	return report_json(&j, e);
}

int ledger_backup(struct cli *c, int argc, char **argv, struct err *e)
{
	CLEANUP_COPY_REPORT struct copy_report report = {0};
	CLEANUP_LEDGER struct ledger *ledger = NULL;
	struct arguments a;
	struct trust trust;
	int r = parse(argc, argv, &a, e);

	if (!r)
		r = cli_open_ledger(c, LEDGER_READ, false, &ledger, e);
	if (!r)
		r = cli_load_trust(c, &trust, e);
	a.backup.trust = &trust;
	if (!r)
		r = upkeep_backup(ledger, &a.backup, &report, e);
	if (r)
		return r;
	return a.json ? print_json(ledger, &report, e)
		      : print_text(ledger, &a, &report, e);
}
