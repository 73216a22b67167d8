/* SPDX-License-Identifier: Apache-2.0 */
/* key_attestation.c: `layerseal key attestation`: makes the key that signs attestations, shows its public half. */
#include <getopt.h>
#include <stdio.h>

#include "cli/attest.h"
#include "cli/outfile.h"

#define VERB "key attestation"

struct arguments {
	bool make;
	enum attest_type type;
	const char *file; /* NULL: the one of layerseal.conf */
};

static int parse(int argc, char **argv, struct arguments *out, struct err *e)
{
	static const struct option options[] = {
	    {"new", required_argument, NULL, 'n'},
	    {0},
	};
	int option;

	*out = (struct arguments){0};
	while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (option != 'n')
			return cli_usage_error(e, VERB,
			    "an option that attestation does not have, or without its "
			    "value");
		if (!attest_type_parse(optarg, &out->type))
			return cli_usage_error(
			    e, VERB, "the type of a key is p256 or ed25519");
		out->make = true;
	}
	if (optind + 1 < argc)
		return cli_usage_error(e, VERB, "attestation takes one file");
	out->file = argv[optind];
	return 0;
}

static int make(const struct cli *c, const struct arguments *a, struct attest_key **out,
    struct err *e)
{
	const char *file = a->file ? a->file : c->config.attest_key;
	CLEANUP_OUTFILE struct outfile place = {.dirfd = -1};
	int r;

	if (!file)
		return cli_usage_error(e, VERB, "no file to write the key to");
	r = outfile_open(file, &place, e);
	if (!r)
		r = attest_key_generate(a->type, out, e);
	if (!r)
		r = attest_key_save(*out, place.dirfd, place.name, e);
	return r;
}

static int print_public(const struct attest_key *key, struct err *e)
{
	CLEANUP_BUF struct buf pem;
	int r;

	buf_init(&pem, ATTEST_PEM_MAX);
	r = attest_public_format(attest_key_public(key), &pem, e);
	if (r)
		return r;
	if (fputs(pem.data, stdout) == EOF || fflush(stdout))
		return err_sys(e, "standard output");
	return EXIT_CLEAN;
}

int key_attestation(struct cli *c, int argc, char **argv, struct err *e)
{
	CLEANUP_ATTEST_KEY struct attest_key *key = NULL;
	struct arguments a;
	int r = parse(argc, argv, &a, e);

	if (!r)
		r = a.make ? make(c, &a, &key, e) : attest_load_key(c, a.file, &key, e);
	return r ? r : print_public(key, e);
}
