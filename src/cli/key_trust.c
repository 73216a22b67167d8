/* SPDX-License-Identifier: Apache-2.0 */
/* key_trust.c: `layerseal key trust`, `key distrust`, `key retire`: whom readers of the ledger believe. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

struct options {
	const char *verb;
	uint64_t from, until;
	bool bounded;
	const char *reason;
	const char *key; /* NULL: none given */
};

static int parse_size(const char *text, uint64_t *out, struct err *e)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno)
		return err_set(e, ERR_USAGE, "'%s' is no size of a ledger", text);
	return 0;
}

/* Each verb has some of them. */
static int parse(
    int argc, char **argv, const char *allowed, struct options *out, struct err *e)
{
	static const struct option options[] = {{"from", required_argument, NULL, 'f'},
	    {"until", required_argument, NULL, 'u'},
	    {"reason", required_argument, NULL, 'r'}, {0}};
	int option, r = 0;

	out->until = UINT64_MAX;
	while (!r && (option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (!strchr(allowed, option) || option == ':' || option == '?')
			return cli_usage_error(e, out->verb,
			    "an option that it does not have, or without its value");
		if (option == 'f')
			r = parse_size(optarg, &out->from, e);
		if (option == 'u')
			r = parse_size(optarg, &out->until, e);
		if (option == 'r')
			out->reason = optarg;
		out->bounded |= option == 'u';
	}
	if (!r && optind + 1 < argc)
		return cli_usage_error(e, out->verb, "one key at a time");
	out->key = argv[optind];
	return r;
}

static int print_line(const struct trusted_key *k, struct err *e)
{
	CLEANUP_BUF struct buf line;
	int r;

	buf_init(&line, 2048);
	r = trust_format_key(k, &line, e);
	if (!r)
		printf("%s\n", line.data);
	return r;
}

static int list(const struct trust *t, struct err *e)
{
	int r = 0;

	for (size_t i = 0; !r && i < t->n_log; i++)
		r = print_line(&t->log[i], e);
	if (!r && fflush(stdout))
		r = err_sys(e, "standard output");
	return r;
}

static int add(struct trust *t, const char *file, const struct options *o, struct err *e)
{
	struct public_key key;
	int r = public_key_parse(o->key, &key, e);

	if (!r && o->from > o->until)
		r = err_set(e, ERR_USAGE, "--from is larger than --until");
	if (!r)
		r = trust_add(t, &key, o->from, o->until, e);
	if (!r)
		r = trust_save(file, t, e);
	return r ? r : print_line(trust_find(t, &key), e);
}

int key_trust(struct cli *c, int argc, char **argv, struct err *e)
{
	struct options o = {.verb = "key trust"};
	CLEANUP_FREE char *file = NULL;
	struct trust trust;
	int r = parse(argc, argv, "fu", &o, e);

	if (!r)
		r = cli_trust_file(c, &file, e);
	if (r)
		return r;
	r = trust_load(file, &trust, e);
	if (r && (r != ERR_NOT_FOUND || !o.key))
		return r;
	return o.key ? add(&trust, file, &o, e) : list(&trust, e);
}

int key_distrust(struct cli *c, int argc, char **argv, struct err *e)
{
	struct options o = {.verb = "key distrust"};
	CLEANUP_FREE char *file = NULL;
	struct trusted_key *k;
	struct trust trust;
	int r = parse(argc, argv, "u", &o, e);

	if (!r && !o.key)
		r = cli_usage_error(e, "key distrust", "which key?");
	if (!r)
		r = cli_trust_file(c, &file, e);
	if (!r)
		r = trust_load(file, &trust, e);
	if (!r)
		r = trust_select(&trust, o.key, &k, e);
	if (r)
		return r;
	if (o.bounded && o.until < k->from)
		return err_set(e, ERR_USAGE, "--until is below the key's from");
	if (!o.bounded && trust.n_log == 1)
		return err_set(e, ERR_REFUSED,
		    "the only key: nobody could be believed (--until SIZE bounds it)");
	if (o.bounded)
		k->until = o.until;
	else
		trust_remove(&trust, k);
	r = trust_save(file, &trust, e);
	return r ? r : list(&trust, e);
}

int key_retire(struct cli *c, int argc, char **argv, struct err *e)
{
	struct options o = {.verb = "key retire"};
	CLEANUP_LEDGER struct ledger *ledger = NULL;
	CLEANUP_FREE char *file = NULL;
	struct trusted_key *k;
	struct trust trust;
	int r = parse(argc, argv, "r", &o, e);

	if (!r && !o.key)
		r = cli_usage_error(e, "key retire", "which key?");
	if (!r)
		r = cli_trust_file(c, &file, e);
	if (!r)
		r = cli_open_ledger(c, LEDGER_WRITE, false, &ledger, e);
	if (!r)
		r = trust_load(file, &trust, e);
	if (!r)
		r = trust_select(&trust, o.key, &k, e);
	if (!r)
		r = ledger_retire_key(ledger, &k->key, o.reason, e);
	if (r)
		return r;
	if (k->until >= ledger_size(ledger))
		k->until = ledger_size(ledger) - 1;
	r = trust_save(file, &trust, e);
	return r ? r : list(&trust, e);
}
