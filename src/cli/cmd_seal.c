/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_seal.c: `layerseal seal`. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/report.h"
#include "guard/seal.h"

struct arguments {
	struct seal_options seal;
	bool json, quiet;
};

/* A reason is one line of the log. */
#define REASON_MAX 512

static int check(const struct arguments *a, bool all, bool accept, struct err *e)
{
	if (all && a->seal.n_images)
		return cli_usage_error(e, "seal", "--all and images exclude each other");
	if (accept != (a->seal.accept_reason != NULL))
		return cli_usage_error(
		    e, "seal", "--accept and --reason TEXT go together");
	if (accept &&
	    (!a->seal.accept_reason[0] || strlen(a->seal.accept_reason) > REASON_MAX))
		return cli_usage_error(e, "seal", "the reason has 1 to 512 bytes");
	return 0;
}

static int parse(int argc, char **argv, struct arguments *out, struct err *e)
{
	static const struct option options[] = {
	    {"all", no_argument, NULL, 'a'},
	    {"accept", no_argument, NULL, 'A'},
	    {"reason", required_argument, NULL, 'r'},
	    {"cache-mounts", no_argument, NULL, 'c'},
	    {"json", no_argument, NULL, 'j'},
	    {"quiet", no_argument, NULL, 'q'},
	    {0},
	};
	bool all = false, accept = false;
	int option;

	*out = (struct arguments){0};
	while ((option = getopt_long(argc, argv, ":q", options, NULL)) != -1) {
		switch (option) {
		case 'a':
			all = true;
			break;
		case 'A':
			accept = true;
			break;
		case 'r':
			out->seal.accept_reason = optarg;
			break;
		case 'c':
			out->seal.cache_mounts = true;
			break;
		case 'j':
			out->json = true;
			break;
		case 'q':
			out->quiet = true;
			break;
		default:
			return cli_usage_error(e, "seal",
			    "an option that seal does not have, or without its value");
		}
	}
	out->seal.images = (const char *const *)(argv + optind);
	out->seal.n_images = (size_t)(argc - optind);
	return check(out, all, accept, e);
}

static void print_text(
    const struct arguments *a, const struct session *s, const struct seal_result *r)
{
	FILE *to = a->quiet ? stderr : stdout;
	char bytes[REPORT_SIZE_MAX];

	report_findings(to, &r->findings);
	if (r->refused || r->dependent)
		fprintf(to,
		    "%srefused%s: %zu layers, images or names deviate, %zu build on "
		    "them\n"
		    "A change that is meant is sealed with: layerseal seal --accept "
		    "--reason TEXT\n",
		    report_colour(to, COLOUR_RED), report_colour(to, COLOUR_NONE),
		    r->refused, r->dependent);
	if (a->quiet)
		return;
	report_size((double)r->bytes, bytes);
	printf("sealed %zu layer%s (%" PRIu64
	       " file%s, %s), %zu image%s, %zu name%s, %zu cache mount%s; "
	       "retired %zu; "
	       "unchanged %zu; ledger size %" PRIu64 "\n",
	    r->layers, REPORT_S(r->layers), r->entries, REPORT_S(r->entries), bytes,
	    r->images, REPORT_S(r->images), r->names, REPORT_S(r->names), r->cache_mounts,
	    REPORT_S(r->cache_mounts), r->retired, r->unchanged,
	    ledger_head(s->ledger)->size);
}

static int print_json(const struct session *s, const struct seal_result *r, struct err *e)
{
	CLEANUP_JSONOUT struct jsonout j;

	jsonout_init(&j);
	jsonout_begin(&j, NULL, '{');
	jsonout_str(&j, "schema", "layerseal.seal/1");
	jsonout_u64(&j, "layers", r->layers);
	jsonout_u64(&j, "images", r->images);
	jsonout_u64(&j, "names", r->names);
	jsonout_u64(&j, "cache_mounts", r->cache_mounts);
	jsonout_u64(&j, "retired", r->retired);
	jsonout_u64(&j, "remeasured", r->remeasured);
	jsonout_u64(&j, "unchanged", r->unchanged);
	jsonout_u64(&j, "refused", r->refused);
	jsonout_u64(&j, "dependent", r->dependent);
	jsonout_u64(&j, "entries", r->entries);
	jsonout_u64(&j, "bytes", r->bytes);
	jsonout_u64(&j, "ledger_size", ledger_head(s->ledger)->size);
	report_findings_json(&j, &r->findings);
	jsonout_end(&j, '}');
	return report_json(&j, e);
}

/* Sealed, but the store holds what must be denied: that is no clean ending. */
static bool is_violated(const struct seal_result *r)
{
	if (r->refused || r->dependent || r->findings.dropped)
		return true;
	for (size_t i = 0; i < r->findings.n; i++) {
		if (r->findings.v[i].severity == SEVERITY_DENY)
			return true;
	}
	return false;
}

int cmd_seal(struct cli *c, int argc, char **argv, struct err *e)
{
	CLEANUP_SESSION struct session s = {.store.runroot_fd = -1};
	CLEANUP_SEAL_RESULT struct seal_result result = {0};
	CLEANUP_NAMES struct fs_names dirs = {0};
	struct arguments a;
	int r = parse(argc, argv, &a, e);

	if (!r)
		r = session_open(c, LEDGER_WRITE, &s, e);
	if (r)
		return r;
	if (!ledger_writable(s.ledger))
		return err_set(e, ERR_LEDGER, "ledger %s cannot be written: %s",
		    c->ledger_dir, ledger_not_writable(s.ledger));
	cli_cache_dirs(true, &dirs);
	a.seal.cache_dirs = (const char *const *)dirs.v;
	a.seal.n_cache_dirs = dirs.n;
	if (!a.json && !a.quiet)
		progress_start(&c->progress, "sealing");
	r = guard_seal(&s.guard, &a.seal, &result, e);
	progress_stop();
	if (!r)
		r = session_maintain(&s, e);
	if (r)
		return r;
	if (a.json)
		r = print_json(&s, &result, e);
	else
		print_text(&a, &s, &result);
	if (!r && fflush(stdout))
		r = err_sys(e, "standard output");
	return r ? r : is_violated(&result) ? EXIT_VIOLATED : EXIT_CLEAN;
}
