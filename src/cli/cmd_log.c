/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_log.c: `layerseal log`. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/entries.h"

struct arguments {
	bool json;
	unsigned long count; /* newest entries; 0: all */
};

static int parse(int argc, char **argv, struct arguments *out, struct err *e)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {0}};
	int option;
	char *end;

	*out = (struct arguments){0};
	while ((option = getopt_long(argc, argv, ":n:", options, NULL)) != -1) {
		switch (option) {
		case 'j':
			out->json = true;
			break;
		case 'n':
			errno = 0;
			out->count = strtoul(optarg, &end, 10);
			if (optarg[0] < '1' || optarg[0] > '9' || *end || errno)
				return cli_usage_error(
				    e, "log", "-n takes a number above 0");
			break;
		default:
			return cli_usage_error(
			    e, "log", "an option that log does not have");
		}
	}
	return optind < argc ? cli_usage_error(e, "log", "log takes no arguments") : 0;
}

static int print_json(const struct ledger *l, size_t first, struct err *e)
{
	CLEANUP_JSONOUT struct jsonout j;

	jsonout_init(&j);
	jsonout_begin(&j, NULL, '{');
	jsonout_str(&j, "schema", "layerseal.log/1");
	jsonout_u64(&j, "ledger_size", ledger_size(l));
	jsonout_begin(&j, "entries", '[');
	for (size_t seq = first; seq < ledger_size(l); seq++)
		entries_json(&j, l, seq);
	jsonout_end(&j, ']');
	jsonout_end(&j, '}');
	return jsonout_print(&j, e);
}

int cmd_log(struct cli *c, int argc, char **argv, struct err *e)
{
	CLEANUP_LEDGER struct ledger *ledger = NULL;
	struct arguments a;
	size_t first = 0;
	int r = parse(argc, argv, &a, e);

	if (!r)
		r = ledger_open(c->ledger_dir, LEDGER_READ, &ledger, e);
	if (r)
		return r;
	if (a.count && a.count < ledger_size(ledger))
		first = ledger_size(ledger) - a.count;
	if (a.json)
		return print_json(ledger, first, e);
	for (size_t seq = first; seq < ledger_size(ledger); seq++)
		entries_print_line(stdout, ledger, seq);
	return fflush(stdout) ? err_sys(e, "standard output") : EXIT_CLEAN;
}
