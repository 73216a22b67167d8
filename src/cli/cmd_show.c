/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_show.c: `layerseal show`: every entry about a layer, an image, a name or a cache mount. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/entries.h"
#include "cli/report.h"

/* Shorter prefixes would match by accident. */
#define PREFIX_MIN 3

static bool is_about_path(const struct entry *en, const char *path)
{
	const char *its =
	    en->op == ENTRY_SEAL_TREE	  ? en->seal_tree.path
	    : en->op == ENTRY_RETIRE_TREE ? en->retire_tree.path
	    : en->op == ENTRY_PURGE && en->purge.object == PURGED_CACHE_MOUNT
		? en->purge.id
		: NULL;

	return its && strcmp(its, path) == 0;
}

static bool is_about(const struct entry *en, const char *id)
{
	const char *subject = entries_subject(en);

	if (en->op == ENTRY_SEAL_NAME && strcmp(en->seal_name.name, id) == 0)
		return true;
	if (id[0] == '/' && is_about_path(en, id))
		return true;
	if (strncmp(id, "sha256:", 7) == 0)
		id += 7;
	return subject && strlen(id) >= PREFIX_MIN &&
	       strncmp(subject, id, strlen(id)) == 0;
}

/* Where entries go: see entries_print_proved(). */
struct collector {
	struct ledger *ledger;
	const char *id;
	size_t found;
	FILE *text;
	struct jsonout *json; /* NULL: text */
};

static int collect(void *ctx, uint64_t seq, const char *bytes, size_t len, struct err *e)
{
	struct collector *c = ctx;
	struct entry en;
	bool wanted;
	int r = entry_parse(bytes, len, &en, e);

	if (r)
		return r;
	wanted = is_about(&en, c->id);
	entry_release(&en);
	if (!wanted)
		return 0;
	c->found++;
	if (c->json)
		entries_json(c->json, seq, bytes, len);
	else
		entries_print_full(c->text, seq, bytes, len);
	return 0;
}

static int find(struct collector *c, struct err *e)
{
	int r = ledger_replay(c->ledger, collect, c, e);

	if (!r && !c->found)
		r = err_set(e, ERR_USAGE, "the ledger has no entry about '%s'", c->id);
	return r;
}

static int print_json(struct ledger *l, const char *id, struct err *e)
{
	CLEANUP_JSONOUT struct jsonout j;
	struct collector c = {.ledger = l, .id = id, .json = &j};
	int r;

	jsonout_init(&j);
	jsonout_begin(&j, NULL, '{');
	jsonout_str(&j, "schema", "layerseal.show/1");
	jsonout_begin(&j, "entries", '[');
	r = find(&c, e);
	jsonout_end(&j, ']');
	jsonout_end(&j, '}');
	return r ? r : report_json(&j, e);
}

static int write_text(void *ctx, FILE *to, struct err *e)
{
	struct collector *c = ctx;

	c->text = to;
	return find(c, e);
}

static int print_text(struct ledger *l, const char *id, struct err *e)
{
	struct collector c = {.ledger = l, .id = id};

	return entries_print_proved(write_text, &c, e);
}

int cmd_show(struct cli *c, int argc, char **argv, struct err *e)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {0}};
	CLEANUP_LEDGER struct ledger *ledger = NULL;
	bool json = false;
	int option, r;

	while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (option != 'j')
			return cli_usage_error(
			    e, "show", "an option that show does not have");
		json = true;
	}
	if (optind + 1 != argc)
		return cli_usage_error(e, "show", "show takes one id, name or path");
	r = cli_open_ledger(c, LEDGER_READ, false, &ledger, e);
	if (r)
		return r;
	return json ? print_json(ledger, argv[optind], e)
		    : print_text(ledger, argv[optind], e);
}
