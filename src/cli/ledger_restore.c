/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_restore.c: `layerseal ledger restore`: a backup takes the ledger's place, and never goes back. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/esc.h"
#include "cli/copies.h"
#include "cli/report.h"

struct arguments {
	const char *backup;
	bool json;
	unsigned wait_s;
};

static int parse(int argc, char **argv, struct arguments *out, struct err *e)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'},
	    {"wait", required_argument, NULL, 'w'}, {0}};
	int option;

	*out = (struct arguments){.wait_s = COPIES_WAIT_S};
	while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (option != 'j' && option != 'w')
			return cli_usage_error(e, "ledger restore",
			    "an option that ledger restore does not have, or without its "
			    "value");
		if (option == 'w' && copies_parse_wait(optarg, &out->wait_s, e))
			return e->code;
		out->json |= option == 'j';
	}
	if (optind + 1 != argc)
		return cli_usage_error(
		    e, "ledger restore", "ledger restore takes one directory");
	out->backup = argv[optind];
	return 0;
}

static int print_text(const struct cli *c, const struct restored *r, struct err *e)
{
	CLEANUP_FREE char *dir = esc_str(c->ledger_dir);

	printf("restored ledger %s: %" PRIu64 " entries", dir, r->head.size);
	if (r->before)
		printf(", before %" PRIu64, r->before);
	printf("; %zu manifest%s\n", r->copy.kept, REPORT_S(r->copy.kept));
	if (r->key)
		printf("its key came from the backup\n");
	if (r->statprint_key)
		printf("its statprint secret came from the backup\n");
	return fflush(stdout) ? err_sys(e, "standard output") : EXIT_CLEAN;
}

static int print_json(const struct restored *r, struct err *e)
{
	CLEANUP_JSONOUT struct jsonout j;

	jsonout_init(&j);
	jsonout_begin(&j, NULL, '{');
	jsonout_str(&j, "schema", "layerseal.ledger-restore/1");
	jsonout_u64(&j, "ledger_size", r->head.size);
	jsonout_u64(&j, "ledger_size_before", r->before);
	jsonout_u64(&j, "manifests", r->copy.kept);
	jsonout_bool(&j, "key_restored", r->key);
	jsonout_bool(&j, "statprint_key_restored", r->statprint_key);
	jsonout_end(&j, '}');
	return report_json(&j, e);
}

int ledger_restore(struct cli *c, int argc, char **argv, struct err *e)
{
	struct anchor_settings anchors;
	struct ledger_restoration o = {.dir = c->ledger_dir, .anchors = &anchors};
	struct restored restored = {.before = 0};
	struct arguments a;
	struct trust trust;
	int r = parse(argc, argv, &a, e);

	if (!r)
		r = cli_anchor_settings(c, &anchors, e);
	if (!r)
		r = cli_load_trust(c, &trust, e);
	if (r)
		return r;
	o.backup = a.backup;
	o.trust = &trust;
	o.wait_s = a.wait_s;
	r = upkeep_restore(&o, &restored, e);
	if (!r)
		r = a.json ? print_json(&restored, e) : print_text(c, &restored, e);
	copy_report_release(&restored.copy);
	return r;
}
