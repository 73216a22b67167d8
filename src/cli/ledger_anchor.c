/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_anchor.c: `layerseal ledger anchor`: what the anchors remember; makes them. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include "cli/anchors.h"
#include "cli/cli.h"
#include "cli/report.h"

struct options {
	bool json, create, reset;
};

static int parse_options(int argc, char **argv, struct options *out, struct err *e)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'},
	    {"create", no_argument, NULL, 'c'}, {"reset", no_argument, NULL, 'r'}, {0}};
	int option;

	while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		switch (option) {
		case 'j':
			out->json = true;
			break;
		case 'c':
			out->create = true;
			break;
		case 'r':
			out->reset = true;
			break;
		default:
			return cli_usage_error(e, "ledger anchor",
			    "an option that ledger anchor does not have");
		}
	}
	if (optind < argc)
		return cli_usage_error(
		    e, "ledger anchor", "ledger anchor takes no arguments");
	if (out->create && out->reset)
		return cli_usage_error(
		    e, "ledger anchor", "--create and --reset exclude each other");
	return 0;
}

static int print_text(const struct cli *c, const struct ledger *l, struct err *e)
{
	char policy[ANCHORS_POLICY_MAX];

	anchors_policy_text(&c->config.anchors, policy);
	printf("ledger      %" PRIu64 " entries\n", ledger_size(l));
	anchors_print_lines(ledger_anchors(l), "  ");
	if (ledger_anchors(l))
		printf("  unreachable: %s\n", policy);
	else
		printf("  no anchor is configured (layerseal.conf(5))\n");
	return fflush(stdout) ? err_sys(e, "standard output") : 0;
}

static int print_json(const struct cli *c, const struct ledger *l, struct err *e)
{
	CLEANUP_JSONOUT struct jsonout j;
	char policy[ANCHORS_POLICY_MAX];

	anchors_policy_text(&c->config.anchors, policy);
	jsonout_init(&j);
	jsonout_begin(&j, NULL, '{');
	jsonout_str(&j, "schema", "layerseal.anchor/1");
	jsonout_u64(&j, "ledger_size", ledger_size(l));
	jsonout_str(&j, "unreachable", policy);
	anchors_print_json(&j, ledger_anchors(l));
	jsonout_end(&j, '}');
	return report_json(&j, e);
}

int ledger_anchor(struct cli *c, int argc, char **argv, struct err *e)
{
	CLEANUP_LEDGER struct ledger *ledger = NULL;
	struct ledger_options how = {.anchoring = LEDGER_ANCHORS_LEFT};
	struct options o = {0};
	struct err verdict;
	bool makes;
	int r = parse_options(argc, argv, &o, e);

	makes = o.create || o.reset;
	how.mode = makes ? LEDGER_WRITE : LEDGER_READ;
	if (!r)
		r = userns_enter(c, e);
	if (!r)
		r = cli_open_ledger_as(c, how, &ledger, e);
	if (!r && makes)
		r = ledger_make_anchors(ledger, o.reset, e);
	if (r)
		return r;
	r = ledger_check_anchors(ledger, &verdict);
	if (o.json ? print_json(c, ledger, e) : print_text(c, ledger, e))
		return e->code;
	if (r)
		*e = verdict;
	return r ? r : EXIT_CLEAN;
}
