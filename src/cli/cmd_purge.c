/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_purge.c: `layerseal purge`. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/esc.h"
#include "cli/purge_report.h"
#include "cli/report.h"

struct arguments {
	struct purge_options purge;
	bool json, revoked;
	char digest[DIGEST_TEXT_LEN + 1];
};

/* "90", "90s", "15m", "12h", "7d", "2w" */
static bool parse_age(const char *text, int64_t *seconds)
{
	static const struct {
		char unit;
		int64_t seconds;
	} units[] = {
	    {'\0', 1}, {'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || errno || n < 1 || (end[0] && end[1]))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		if (units[i].unit == end[0])
			return !__builtin_mul_overflow(n, units[i].seconds, seconds);
	}
	return false;
}

/* "sha256:" may be left out, as of an image id. */
static bool parse_revoked(const char *text, struct arguments *out)
{
	CLEANUP_FREE char *full = text ? xasprintf("sha256:%s", text) : NULL;
	struct digest d;

	out->revoked = true;
	if (!text)
		return true;
	if (!digest_parse_text(text, &d) && !digest_parse_text(full, &d))
		return false;
	digest_text(&d, out->digest);
	out->purge.revoked = out->digest;
	return true;
}

static int check(struct arguments *a, bool violated, bool unsealed, struct err *e)
{
	struct purge_options *o = &a->purge;

	purge_select(o, violated, unsealed);
	o->classes[FINDING_REVOKED] |= a->revoked;
	/* Age alone selects among everything. */
	if (!violated && !unsealed && !a->revoked && !o->cache_mounts_all &&
	    o->older_than)
		o->all = true;
	if (!violated && !unsealed && !a->revoked && !o->all && !o->cache_mounts_all)
		return cli_usage_error(e, "purge", "what is to be purged?");
	return 0;
}

static const struct option options[] = {
    {"violated", no_argument, NULL, 'v'},
    {"unsealed", no_argument, NULL, 'u'},
    {"revoked", optional_argument, NULL, 'r'},
    {"all", no_argument, NULL, 'a'},
    {"older-than", required_argument, NULL, 'o'},
    {"force", no_argument, NULL, 'f'},
    {"dry-run", no_argument, NULL, 'n'},
    {"cache-mounts", no_argument, NULL, 'c'},
    {"json", no_argument, NULL, 'j'},
    {0},
};

static int parse(int argc, char **argv, struct arguments *out, struct err *e)
{
	bool violated = false, unsealed = false;
	int option;

	*out =
	    (struct arguments){.purge = {.level = LEVEL_FULL, .last_level = LEVEL_FULL}};
	while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		switch (option) {
		case 'v':
			violated = true;
			break;
		case 'u':
			unsealed = true;
			break;
		case 'r':
			if (!parse_revoked(optarg, out))
				return cli_usage_error(
				    e, "purge", "a digest has 64 digits");
			break;
		case 'a':
			out->purge.all = true;
			break;
		case 'o':
			if (!parse_age(optarg, &out->purge.older_than))
				return cli_usage_error(
				    e, "purge", "an age is a number and s, m, h, d or w");
			break;
		case 'f':
			out->purge.force = true;
			break;
		case 'n':
			out->purge.dry_run = true;
			break;
		case 'c':
			out->purge.cache_mounts_all = true;
			break;
		case 'j':
			out->json = true;
			break;
		default:
			return cli_usage_error(e, "purge",
			    "an option that purge does not have, or without its value");
		}
	}
	if (optind < argc)
		return cli_usage_error(e, "purge", "it takes options only");
	return check(out, violated, unsealed, e);
}

static int print(const struct arguments *a, const struct session *s,
    const struct purge_result *result, struct err *e)
{
	if (a->json)
		return purge_report_json(s, &a->purge, result, e);
	purge_report_text(stdout, &a->purge, result);
	report_findings(stdout, &result->verify.findings);
	purge_report_verdict(stdout, s, result->verdict);
	return fflush(stdout) ? err_sys(e, "standard output") : 0;
}

int cmd_purge(struct cli *c, int argc, char **argv, struct err *e)
{
	CLEANUP_RUNNER struct runner *engine = NULL;
	CLEANUP_SESSION struct session s = {.store.runroot_fd = -1};
	CLEANUP_PURGE_RESULT struct purge_result result = {0};
	CLEANUP_NAMES struct fs_names dirs = {0};
	struct arguments a;
	struct err late;
	int r = parse(argc, argv, &a, e);

	/* First of all: it must be outside the user namespace that is entered next. */
	if (!r && !a.purge.dry_run)
		r = runner_start(&engine, e);
	if (!r)
		r = session_open(c, a.purge.dry_run ? LEDGER_READ : LEDGER_WRITE, &s, e);
	if (r)
		return r;
	a.purge.engine = engine;
	cli_cache_dirs(true, &dirs);
	a.purge.cache_mounts.dirs = (const char *const *)dirs.v;
	a.purge.cache_mounts.n_dirs = dirs.n;
	if (!a.json)
		progress_start(&c->progress, "purging");
	r = guard_purge(&s.guard, &a.purge, &result, e);
	progress_stop();
	/* What was taken out before something failed is told all the same. */
	if (r && result.n == 0)
		return r;
	late = *e;
	if (print(&a, &s, &result, &late) && !r) {
		*e = late;
		return late.code;
	}
	if (!r && !a.purge.dry_run)
		r = session_maintain(&s, e);
	return r ? r : (int)verdict_exit_status(result.verdict);
}
