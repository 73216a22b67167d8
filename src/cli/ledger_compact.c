/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_compact.c: `layerseal ledger compact`: what no seal needs any more goes, and its space with it. */
#include <getopt.h>
#include <stdio.h>

#include "base/esc.h"
#include "cli/copies.h"
#include "cli/report.h"

struct arguments {
	bool dry_run, json;
	unsigned wait_s;
};

static int parse(int argc, char **argv, struct arguments *out, struct err *e)
{
	static const struct option options[] = {{"dry-run", no_argument, NULL, 'n'},
	    {"json", no_argument, NULL, 'j'}, {"wait", required_argument, NULL, 'w'},
	    {0}};
	int option;

	*out = (struct arguments){.wait_s = COPIES_WAIT_S};
	while ((option = getopt_long(argc, argv, ":n", options, NULL)) != -1) {
		if (option != 'n' && option != 'j' && option != 'w')
			return cli_usage_error(e, "ledger compact",
			    "an option that ledger compact does not have, or without its "
			    "value");
		if (option == 'w' && copies_parse_wait(optarg, &out->wait_s, e))
			return e->code;
		out->dry_run |= option == 'n';
		out->json |= option == 'j';
	}
	return optind < argc ? cli_usage_error(e, "ledger compact",
				   "ledger compact takes no arguments")
			     : 0;
}

static int print_text(const struct cli *c, const struct arguments *a,
    const struct copy_report *r, struct err *e)
{
	CLEANUP_FREE char *dir = esc_str(c->ledger_dir);
	char before[REPORT_SIZE_MAX], after[REPORT_SIZE_MAX];

	report_size((double)r->bytes_before, before);
	report_size((double)r->bytes_after, after);
	if (a->dry_run)
		printf("ledger %s: %s\n", dir, before);
	else
		printf("compacted ledger %s: %s, before %s\n", dir, after, before);
	copies_print_count(a->dry_run ? "would keep" : "kept", r->kept, r->kept_bytes);
	copies_print_count(
	    a->dry_run ? "would drop" : "dropped", r->dropped, r->dropped_bytes);
	return fflush(stdout) ? err_sys(e, "standard output") : EXIT_CLEAN;
}

static int print_json(
    const struct arguments *a, const struct copy_report *r, struct err *e)
{
	CLEANUP_JSONOUT struct jsonout j;

	jsonout_init(&j);
	jsonout_begin(&j, NULL, '{');
	jsonout_str(&j, "schema", "layerseal.ledger-compact/1");
	jsonout_bool(&j, "dry_run", a->dry_run);
	jsonout_u64(&j, "bytes_before", r->bytes_before);
	if (!a->dry_run)
		jsonout_u64(&j, "bytes_after", r->bytes_after);
	jsonout_u64(&j, "manifests_kept", r->kept);
	jsonout_u64(&j, "manifests_kept_bytes", r->kept_bytes);
	jsonout_u64(&j, "manifests_dropped", r->dropped);
	jsonout_u64(&j, "manifests_dropped_bytes", r->dropped_bytes);
	jsonout_end(&j, '}');
	return report_json(&j, e);
}

int ledger_compact(struct cli *c, int argc, char **argv, struct err *e)
{
	CLEANUP_COPY_REPORT struct copy_report report = {0};
	CLEANUP_LEDGER struct ledger *ledger = NULL;
	struct arguments a;
	int r = parse(argc, argv, &a, e);

	if (!r)
		r = cli_open_ledger_as(c,
		    (struct ledger_options){
			.mode = LEDGER_READ, .alone = !a.dry_run, .wait_s = a.wait_s},
		    &ledger, e);
	if (!r)
		r = upkeep_compact(ledger, a.dry_run, &report, e);
	if (r)
		return r;
	return a.json ? print_json(&a, &report, e) : print_text(c, &a, &report, e);
}
