/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_manifest.c: `layerseal manifest`: the listing whose SHA-256 was sealed, or today's. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "cli/cli.h"

static int print_line(void *ctx, const char *line, size_t len,
    const struct manifest_entry *m, struct err *e)
{
	(void)ctx;
	(void)m;
	return fwrite(line, 1, len, stdout) == len ? 0 : err_sys(e, "standard output");
}

/* A listing goes when compaction finds its layer retired, or mending finds it damaged. */
static int without_listing(const struct sealed_layer *layer, struct err *e)
{
	char text[DIGEST_TEXT_LEN + 1];

	digest_text(&layer->seal->tree, text);
	return err_set(e, ERR_NOT_FOUND,
	    "the ledger does not hold the listing of layer %.12s any more: %s; its "
	    "digest was %s",
	    layer->seal->layer,
	    layer->retired ? "the layer was retired, and ledger compact dropped it"
			   : "it was damaged, and ledger check --rebuild left it out",
	    text);
}

static int print_sealed(struct ledger *l, const struct sealed_layer *layer, struct err *e)
{
	struct manifest_reader *reader;
	const char *data;
	size_t len;
	int r = manifest_reader_new(
	    l, &layer->seal->tree, layer->seal->manifest_bytes, &reader, e);

	if (r)
		return r == ERR_NOT_FOUND ? without_listing(layer, e) : r;
	do {
		r = manifest_reader_next(reader, &data, &len, e);
		if (!r && fwrite(data, 1, len, stdout) != len)
			r = err_sys(e, "standard output");
	} while (!r && len);
	manifest_reader_free(reader);
	return r;
}

static int print_current(const struct guard *g, const char *id, struct err *e)
{
	CLEANUP_FD int fd = -1;
	CLEANUP_FINDINGS struct findings findings = {0};
	CLEANUP_RECORDS struct records records = {0};
	struct tree_options opt = {.threads = g->threads, .line = print_line};
	const struct store_layer *layer;
	struct tree_result result;
	int r = records_read(g->store, &records, &findings, e);

	if (r)
		return r;
	layer = records_layer(&records, id);
	if (!layer)
		return err_set(
		    e, ERR_STORE, "layer %.12s has no record in the store", id);
	r = guard_open_tree(g, layer, &fd, e);
	return r ? r : tree_measure(fd, &opt, &result, e);
}

struct search {
	const char *prefix;
	const struct sealed_layer *found;
	size_t n;
};

static int match(void *ctx, const struct sealed_layer *layer, struct err *e)
{
	struct search *s = ctx;

	(void)e;
	if (strncmp(layer->seal->layer, s->prefix, strlen(s->prefix)) == 0) {
		s->found = layer;
		s->n++;
	}
	return 0;
}

static int find(const struct session *s, const char *prefix,
    const struct sealed_layer **out, struct err *e)
{
	struct search search = {.prefix = prefix};
	int r = ledger_each_layer(s->ledger, &s->store_id, match, &search, e);

	if (r)
		return r;
	if (search.n != 1)
		return err_set(e, ERR_USAGE, "%s sealed layer begins with '%s'",
		    search.n ? "more than one" : "no", prefix);
	*out = search.found;
	return 0;
}

int cmd_manifest(struct cli *c, int argc, char **argv, struct err *e)
{
	static const struct option options[] = {{"current", no_argument, NULL, 'c'}, {0}};
	CLEANUP_SESSION struct session s = {.store.runroot_fd = -1};
	const struct sealed_layer *layer = NULL;
	bool current = false;
	int option, r;

	while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (option != 'c')
			return cli_usage_error(
			    e, "manifest", "an option that manifest does not have");
		current = true;
	}
	if (optind + 1 != argc)
		return cli_usage_error(e, "manifest", "manifest takes one layer id");
	r = current ? session_open(c, LEDGER_READ, &s, e)
		    : session_open_ledger(c, LEDGER_READ, &s, e);
	if (!r)
		r = find(&s, argv[optind], &layer, e);
	if (!r)
		r = current ? print_current(&s.guard, layer->seal->layer, e)
			    : print_sealed(s.ledger, layer, e);
	if (!r && fflush(stdout))
		r = err_sys(e, "standard output");
	return r;
}
