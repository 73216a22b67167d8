/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_log.c: `layerseal log`. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/entries.h"
#include "cli/report.h"

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

/* Where entries go: see entries_print_proved(). */
struct collector {
	struct ledger *ledger;
	uint64_t first;
	FILE *text;
	struct jsonout *json; /* NULL: text */
};

static int collect(void *ctx, uint64_t seq, const char *bytes, size_t len, struct err *e)
{
	const struct collector *c = ctx;
	struct entry en;
	int r;

	if (seq < c->first)
		return 0;
	if (c->json) {
		entries_json(c->json, seq, bytes, len);
		return 0;
	}
	r = entry_parse(bytes, len, &en, e);
	if (r)
		return r;
	entries_print_line(c->text, seq, &en);
	entry_release(&en);
	return 0;
}

static int print_json(struct ledger *l, uint64_t first, struct err *e)
{
	CLEANUP_JSONOUT struct jsonout j;
	struct collector c = {.ledger = l, .first = first, .json = &j};
	int r;

	jsonout_init(&j);
	jsonout_begin(&j, NULL, '{');
	jsonout_str(&j, "schema", "layerseal.log/1");
	jsonout_u64(&j, "ledger_size", ledger_size(l));
	jsonout_begin(&j, "entries", '[');
	r = ledger_replay(l, collect, &c, e);
	jsonout_end(&j, ']');
	jsonout_end(&j, '}');
	return r ? r : report_json(&j, e);
}

static int write_text(void *ctx, FILE *to, struct err *e)
{
	struct collector *c = ctx;

	c->text = to;
	return ledger_replay(c->ledger, collect, c, e);
}

static int print_text(struct ledger *l, uint64_t first, struct err *e)
{
	struct collector c = {.ledger = l, .first = first};

	return entries_print_proved(write_text, &c, e);
}

int cmd_log(struct cli *c, int argc, char **argv, struct err *e)
{
	CLEANUP_LEDGER struct ledger *ledger = NULL;
	struct arguments a;
	uint64_t first = 0;
	int r = parse(argc, argv, &a, e);

	if (!r)
		r = cli_open_ledger(c, LEDGER_READ, false, &ledger, e);
	if (r)
		return r;
	if (a.count && a.count < ledger_size(ledger))
		first = ledger_size(ledger) - a.count;
	return a.json ? print_json(ledger, first, e) : print_text(ledger, first, e);
}
