/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_revoke.c: `layerseal revoke`: what must not be used any more, in whatever store. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"

/* A reason is one line of the log. */
#define REASON_MAX 512

struct arguments {
	struct digest digest;
	const char *reason;
	bool undo;
};

/* "sha256:" may be left out, as of an image id. */
static bool parse_digest(const char *text, struct digest *out)
{
	CLEANUP_FREE char *full = xasprintf("sha256:%s", text);

	return digest_parse_text(text, out) || digest_parse_text(full, out);
}

static int parse(int argc, char **argv, struct arguments *out, struct err *e)
{
	static const struct option options[] = {
	    {"reason", required_argument, NULL, 'r'},
	    {"undo", no_argument, NULL, 'u'},
	    {0},
	};
	int option;

	*out = (struct arguments){0};
	while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (option == 'r')
			out->reason = optarg;
		else if (option == 'u')
			out->undo = true;
		else
			return cli_usage_error(e, "revoke",
			    "an option that revoke does not have, or without its value");
	}
	if (argc - optind != 1 || !parse_digest(argv[optind], &out->digest))
		return cli_usage_error(e, "revoke", "one digest, of 64 digits");
	if (!out->reason || !out->reason[0] || strlen(out->reason) > REASON_MAX)
		return cli_usage_error(
		    e, "revoke", "--reason is needed, and has 1 to 512 bytes");
	return 0;
}

int cmd_revoke(struct cli *c, int argc, char **argv, struct err *e)
{
	CLEANUP_LEDGER struct ledger *ledger = NULL;
	struct arguments a;
	struct entry en = {.time = time(NULL)};
	int r = parse(argc, argv, &a, e);

	if (!r)
		r = cli_open_ledger(c, LEDGER_WRITE, false, &ledger, e);
	if (r)
		return r;
	if (!ledger_writable(ledger))
		return err_set(e, ERR_LEDGER, "ledger %s cannot be written: %s",
		    c->ledger_dir, ledger_not_writable(ledger));
	en.op = a.undo ? ENTRY_UNREVOKE : ENTRY_REVOKE;
	en.revoke.digest = a.digest;
	en.revoke.reason = xstrdup(a.reason);
	r = ledger_append(ledger, &en, 1, e);
	entry_release(&en);
	if (r)
		return r;
	printf("%s; ledger size %" PRIu64 "\n",
	    a.undo ? "not revoked any more" : "revoked", ledger_head(ledger)->size);
	return fflush(stdout) ? err_sys(e, "standard output") : EXIT_CLEAN;
}
