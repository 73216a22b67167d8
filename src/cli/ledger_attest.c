/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_attest.c: `layerseal ledger attest`: a seal as an in-toto statement for others, and back. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/attest.h"
#include "cli/infile.h"
#include "cli/outfile.h"
#include "cli/statement.h"
#include "guard/envelope.h"

#define VERB "ledger attest"

struct arguments {
	const char *key, *output;
	const char *check; /* a public key: the argument is an envelope */
	const char *subject;
};

static int parse(int argc, char **argv, struct arguments *out, struct err *e)
{
	static const struct option options[] = {
	    {"key", required_argument, NULL, 'k'},
	    {"output", required_argument, NULL, 'o'},
	    {"check", required_argument, NULL, 'c'},
	    {0},
	};
	int option;

	*out = (struct arguments){0};
	while ((option = getopt_long(argc, argv, ":o:", options, NULL)) != -1) {
		switch (option) {
		case 'k':
			out->key = optarg;
			break;
		case 'o':
			out->output = optarg;
			break;
		case 'c':
			out->check = optarg;
			break;
		default:
			return cli_usage_error(e, VERB,
			    "an option that attest does not have, or without its value");
		}
	}
	if (out->check && out->key)
		return cli_usage_error(
		    e, VERB, "what is checked is not signed: --check or --key");
	if (optind + 1 != argc)
		return cli_usage_error(e, VERB, "attest takes one argument");
	out->subject = argv[optind];
	return 0;
}

static int emit(const struct arguments *a, const struct buf *data, struct err *e)
{
	CLEANUP_OUTFILE struct outfile f = {.dirfd = -1};
	int r;

	if (!a->output) {
		if (fwrite(data->data, 1, data->len, stdout) != data->len ||
		    fflush(stdout))
			return err_sys(e, "standard output");
		return 0;
	}
	r = outfile_open(a->output, &f, e);
	return r ? r : outfile_write(&f, data, 0644, e);
}

static int sign_seal(const struct session *s, const struct attest_key *key,
    const char *id, struct buf *out, struct err *e)
{
	CLEANUP_SEALED_OBJECT struct sealed_object object;
	CLEANUP_JSONOUT struct jsonout statement;
	int r;

	jsonout_init(&statement);
	r = sealed_object_find(s, id, &object, e);
	if (!r)
		r = statement_of_seal(s, &object, &statement, e);
	return r ? r : attest_sign_statement(key, &statement, out, e);
}

static int attest(struct cli *c, const struct arguments *a, struct err *e)
{
	CLEANUP_ATTEST_KEY struct attest_key *key = NULL;
	CLEANUP_SESSION struct session s;
	CLEANUP_BUF struct buf envelope;
	int r = session_open_ledger(c, LEDGER_READ, &s, e);

	buf_init(&envelope, DSSE_ENVELOPE_MAX);
	if (!r)
		r = attest_load_key(c, a->key, &key, e);
	if (!r)
		r = sign_seal(&s, key, a->subject, &envelope, e);
	return r ? r : emit(a, &envelope, e);
}

/* Prints the statement of an envelope, the bytes that were verified, if the key has signed it. */
static int check(const struct arguments *a, struct err *e)
{
	CLEANUP_BUF struct buf pem, envelope, statement;
	struct attest_public key;
	int r;

	buf_init(&pem, ATTEST_PEM_MAX);
	buf_init(&envelope, DSSE_ENVELOPE_MAX);
	buf_init(&statement, DSSE_ENVELOPE_MAX);
	r = infile_read(a->check, &pem, e);
	if (!r && attest_public_parse(pem.data, pem.len, &key, e))
		r = err_wrap(e, "public key %s", a->check);
	if (!r)
		r = infile_read(a->subject, &envelope, e);
	if (!r && envelope_open(envelope.data, envelope.len, &key, &statement, e))
		r = err_wrap(e, "%s", a->subject);
	if (!r)
		r = buf_adds(&statement, "\n", e);
	return r ? r : emit(a, &statement, e);
}

int ledger_attest(struct cli *c, int argc, char **argv, struct err *e)
{
	struct arguments a;
	int r = parse(argc, argv, &a, e);

	if (!r)
		r = a.check ? check(&a, e) : attest(c, &a, e);
	return r ? r : EXIT_CLEAN;
}
