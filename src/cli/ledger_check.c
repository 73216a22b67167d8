/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_check.c: `layerseal ledger check`: the whole log, from public keys alone. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/esc.h"
#include "cli/copies.h"
#include "cli/report.h"
#include "ledger/audit.h"

struct arguments {
	bool manifests, json, rebuild;
	unsigned wait_s;
	const char *dir; /* NULL: the ledger */
};

static int parse(int argc, char **argv, struct arguments *out, struct err *e)
{
	static const struct option options[] = {{"manifests", no_argument, NULL, 'm'},
	    {"json", no_argument, NULL, 'j'}, {"rebuild", no_argument, NULL, 'r'},
	    {"wait", required_argument, NULL, 'w'}, {0}};
	int option;

	*out = (struct arguments){.wait_s = COPIES_WAIT_S};
	while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (option != 'm' && option != 'j' && option != 'r' && option != 'w')
			return cli_usage_error(e, "ledger check",
			    "an option that ledger check does not have, or without its "
			    "value");
		if (option == 'w' && copies_parse_wait(optarg, &out->wait_s, e))
			return e->code;
		out->rebuild |= option == 'r';
		out->manifests |= option == 'm';
		out->json |= option == 'j';
	}
	if (optind + 1 < argc)
		return cli_usage_error(
		    e, "ledger check", "ledger check takes one directory at most");
	out->dir = argv[optind];
	if (out->dir && out->manifests)
		return cli_usage_error(
		    e, "ledger check", "an export has no manifests to check");
	if (out->rebuild && (out->dir || out->manifests))
		return cli_usage_error(
		    e, "ledger check", "--rebuild is about the ledger, and all of it");
	return 0;
}

static int print_text(const struct audit_report *a, struct err *e)
{
	char root[DIGEST_TEXT_LEN + 1];
	const char *comma = "  entries      ";

	digest_text(&a->head.root, root);
	printf("clean: log %s\n", a->head.origin);
	printf("  size         %" PRIu64 " entries\n", a->head.size);
	printf("  root         %s\n", root);
	printf("  signed by    key %08" PRIx32 "\n", a->signer.id);
	for (int op = 0; op < ENTRY_OP_COUNT; op++) {
		if (a->by_op[op]) {
			printf("%s%" PRIu64 " %s", comma, a->by_op[op],
			    entry_op_name((enum entry_op)op));
			comma = ", ";
		}
	}
	if (a->head.size)
		printf("\n");
	printf("  that count   %" PRIu64 "\n", a->objects);
	printf("  checkpoints  %" PRIu64 "\n", a->checkpoints);
	if (a->manifests)
		printf("  manifests    %" PRIu64 "\n", a->manifests);
	return fflush(stdout) ? err_sys(e, "standard output") : EXIT_CLEAN;
}

static int print_json(const struct audit_report *a, struct err *e)
{
	CLEANUP_JSONOUT struct jsonout j;
	CLEANUP_BUF struct buf vkey;
	char root[DIGEST_TEXT_LEN + 1];
	int r;

	jsonout_init(&j);
	buf_init(&vkey, 1024);
	r = public_key_format(&a->signer, &vkey, e);
	if (r)
		return r;
	digest_text(&a->head.root, root);
	jsonout_begin(&j, NULL, '{');
	jsonout_str(&j, "schema", "layerseal.ledger-check/1");
	jsonout_str(&j, "origin", a->head.origin);
	jsonout_u64(&j, "ledger_size", a->head.size);
	jsonout_str(&j, "ledger_root", root);
	jsonout_str(&j, "key", vkey.data);
	jsonout_begin(&j, "entries", '{');
	for (int op = 0; op < ENTRY_OP_COUNT; op++)
		jsonout_u64(&j, entry_op_name((enum entry_op)op), a->by_op[op]);
	jsonout_end(&j, '}');
	jsonout_u64(&j, "entries_that_count", a->objects);
	jsonout_u64(&j, "checkpoints", a->checkpoints);
	jsonout_u64(&j, "manifests", a->manifests);
	jsonout_end(&j, '}');
	return report_json(&j, e);
}

int ledger_check(struct cli *c, int argc, char **argv, struct err *e)
{
	CLEANUP_LEDGER struct ledger *ledger = NULL;
	struct audit_report report;
	struct arguments a;
	struct trust trust;
	struct audit_options o = {.trust = &trust};
	int r = parse(argc, argv, &a, e);

	if (!r && a.rebuild)
		return ledger_check_rebuild(c, a.wait_s, a.json, e);
	if (!r && !a.dir)
		r = cli_open_ledger(c, LEDGER_READ, false, &ledger, e);
	if (!r)
		r = cli_load_trust(c, &trust, e);
	if (r)
		return r;
	o.manifests = a.manifests;
	r = a.dir ? audit_export(a.dir, &o, &report, e)
		  : audit_ledger(ledger, &o, &report, e);
	if (r)
		return r;
	return a.json ? print_json(&report, e) : print_text(&report, e);
}
