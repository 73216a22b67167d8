/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_show.c: `layerseal show`: every entry about a layer, an image or a name. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/entries.h"

/* Shorter prefixes would match by accident. */
#define PREFIX_MIN 3

static bool is_about(const struct entry *en, const char *id)
{
	const char *subject = entries_subject(en);

	if (en->op == ENTRY_SEAL_NAME && strcmp(en->seal_name.name, id) == 0)
		return true;
	if (strncmp(id, "sha256:", 7) == 0)
		id += 7;
	return subject && strlen(id) >= PREFIX_MIN &&
	       strncmp(subject, id, strlen(id)) == 0;
}

static int show(const struct ledger *l, const char *id, bool json, struct err *e)
{
	CLEANUP_JSONOUT struct jsonout j;
	size_t found = 0;

	jsonout_init(&j);
	jsonout_begin(&j, NULL, '{');
	jsonout_str(&j, "schema", "layerseal.show/1");
	jsonout_begin(&j, "entries", '[');
	for (size_t seq = 0; seq < ledger_size(l); seq++) {
		if (!is_about(ledger_entry(l, seq), id))
			continue;
		found++;
		if (json)
			entries_json(&j, l, seq);
		else
			entries_print_full(stdout, l, seq);
	}
	jsonout_end(&j, ']');
	jsonout_end(&j, '}');
	if (!found)
		return err_set(e, ERR_USAGE, "the ledger has no entry about '%s'", id);
	if (json)
		return jsonout_print(&j, e);
	return fflush(stdout) ? err_sys(e, "standard output") : EXIT_CLEAN;
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
		return cli_usage_error(e, "show", "show takes one id or name");
	r = ledger_open(c->ledger_dir, LEDGER_READ, &ledger, e);
	return r ? r : show(ledger, argv[optind], json, e);
}
