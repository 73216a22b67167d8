/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_verify.c: `layerseal verify`. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/esc.h"
#include "base/hex.h"
#include "cli/attest.h"
#include "cli/outfile.h"
#include "cli/purge_report.h"
#include "cli/report.h"
#include "cli/statement.h"

struct arguments {
	struct verify_options verify;
	bool json, quiet, heal;
	const char *attest, *attest_key; /* files */
};

static int parse(
    struct cli *c, int argc, char **argv, struct arguments *out, struct err *e)
{
	static const struct option options[] = {
	    {"level", required_argument, NULL, 'l'},
	    {"cached", no_argument, NULL, 'c'},
	    {"heal", no_argument, NULL, 'H'},
	    {"json", no_argument, NULL, 'j'},
	    {"quiet", no_argument, NULL, 'q'},
	    {"attest", required_argument, NULL, 'a'},
	    {"attest-key", required_argument, NULL, 'k'},
	    {0},
	};
	int option;

	*out = (struct arguments){
	    .verify = {.level = c->config.level, .cached = c->config.cached}};
	while ((option = getopt_long(argc, argv, ":q", options, NULL)) != -1) {
		switch (option) {
		case 'l':
			if (!verify_level_parse(optarg, &out->verify.level))
				return cli_usage_error(
				    e, "verify", "the level is stat, full or oci");
			break;
		case 'c':
			out->verify.cached = true;
			break;
		case 'H':
			out->heal = true;
			break;
		case 'j':
			out->json = true;
			break;
		case 'q':
			out->quiet = true;
			break;
		case 'a':
			out->attest = optarg;
			break;
		case 'k':
			out->attest_key = optarg;
			break;
		default:
			return cli_usage_error(e, "verify",
			    "an option that verify does not have, or without its value");
		}
	}
	if (out->attest_key && !out->attest)
		return cli_usage_error(e, "verify", "--attest-key without --attest FILE");
	out->verify.images = (const char *const *)(argv + optind);
	out->verify.n_images = (size_t)(argc - optind);
	if (out->heal && out->verify.n_images)
		return cli_usage_error(e, "verify", "--heal is for the whole store");
	return 0;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void print_verdict(FILE *to, enum verdict verdict, const struct session *s)
{
	CLEANUP_FREE char *root = esc_str(s->config.graphroot);
	enum colour colour = verdict == VERDICT_CLEAN ? COLOUR_GREEN : COLOUR_RED;

	fprintf(to, "%s%s%s: store %s\n", report_colour(to, colour),
	    verdict_name(verdict), report_colour(to, COLOUR_NONE), root);
}

static void print_text(const struct arguments *a, const struct session *s,
    const struct purge_result *outcome, double seconds)
{
	const struct verify_result *result = &outcome->verify;
	enum verdict verdict = outcome->verdict;
	FILE *to = a->quiet ? stderr : stdout;
	char bytes[REPORT_SIZE_MAX], mounts[48] = "";

	if (outcome->n)
		purge_report_text(to, &(struct purge_options){0}, outcome);
	if (a->quiet && verdict == VERDICT_CLEAN)
		return;
	report_findings(to, &result->findings);
	print_verdict(to, verdict, s);
	if (!a->quiet) {
		report_size((double)result->bytes, bytes);
		if (result->cache_mounts)
			snprintf(mounts, sizeof(mounts), "%zu cache mount%s, ",
			    result->cache_mounts, REPORT_S(result->cache_mounts));
		printf("%zu layer%s (%zu by statprint, %zu measured: %s), %zu image%s, "
		       "%slevel %s, %.3f s\n",
		    result->layers, REPORT_S(result->layers), result->by_statprint,
		    result->measured, bytes, result->images, REPORT_S(result->images),
		    mounts, verify_level_name(a->verify.level), seconds);
	}
	report_remedies(to, &result->findings);
}

static void begin_document(
    struct jsonout *j, const char *verdict, enum verify_level level)
{
	jsonout_begin(j, NULL, '{');
	jsonout_str(j, "schema", "layerseal.verify/1");
	jsonout_str(j, "verdict", verdict);
	jsonout_str(j, "level", verify_level_name(level));
}

static int print_json(const struct arguments *a, const struct session *s,
    const struct purge_result *outcome, double seconds, struct err *e)
{
	const struct verify_result *result = &outcome->verify;
	CLEANUP_JSONOUT struct jsonout j;
	char store_id[2 * STORE_ID_BYTES + 1], root[DIGEST_TEXT_LEN + 1];

	jsonout_init(&j);
	hex_encode(store_id, s->store_id.bytes, STORE_ID_BYTES);
	digest_text(&ledger_head(s->ledger)->root, root);
	begin_document(&j, verdict_name(outcome->verdict), a->verify.level);
	jsonout_str(&j, "store", store_id);
	jsonout_str(&j, "graphroot", s->config.graphroot);
	jsonout_u64(&j, "ledger_size", ledger_head(s->ledger)->size);
	jsonout_str(&j, "ledger_root", root);
	jsonout_u64(&j, "layers", result->layers);
	jsonout_u64(&j, "images", result->images);
	jsonout_u64(&j, "cache_mounts", result->cache_mounts);
	jsonout_u64(&j, "by_statprint", result->by_statprint);
	jsonout_u64(&j, "measured", result->measured);
	jsonout_u64(&j, "remeasured", result->remeasured);
	jsonout_u64(&j, "entries", result->entries);
	jsonout_u64(&j, "bytes", result->bytes);
	jsonout_seconds(&j, "seconds", seconds);
	report_findings_json(&j, &result->findings);
	if (a->heal) {
		jsonout_begin(&j, "purged", '{');
		purge_report_members(&j, outcome);
		jsonout_end(&j, '}');
	}
	jsonout_end(&j, '}');
	return report_json(&j, e);
}

/* Programs get a document for "could not verify" too. */
static int print_json_error(const struct arguments *a, const struct err *why)
{
	CLEANUP_JSONOUT struct jsonout j;
	struct err ignored;

	jsonout_init(&j);
	begin_document(&j, verdict_name(VERDICT_UNVERIFIABLE), a->verify.level);
	jsonout_str(&j, "error", why->msg);
	jsonout_end(&j, '}');
	return report_json(&j, &ignored);
}

/* ---- the summary for others ---- */

struct attestation {
	struct outfile file;
	struct attest_key *key; /* NULL: none is asked for */
};

static void attestation_release(struct attestation *a)
{
	attest_key_free(a->key);
	outfile_close(&a->file);
}
#define CLEANUP_ATTESTATION CLEANUP(attestation_release)

/* A run that ends without a verdict must not leave the summary of another one behind. */
static int attestation_start(
    const struct arguments *a, struct attestation *out, struct err *e)
{
	int r;

	*out = (struct attestation){.file.dirfd = -1};
	if (!a->attest)
		return 0;
	r = outfile_open(a->attest, &out->file, e);
	return r ? r : outfile_remove(&out->file, e);
}

static int attestation_write(const struct attestation *a, const struct session *s,
    const struct verification_facts *facts, struct err *e)
{
	CLEANUP_JSONOUT struct jsonout statement;
	CLEANUP_BUF struct buf envelope;
	int r;

	jsonout_init(&statement);
	buf_init(&envelope, DSSE_ENVELOPE_MAX);
	if (!a->key || facts->verdict == VERDICT_UNVERIFIABLE)
		return 0;
	r = statement_of_verification(s, facts, &statement, e);
	if (!r)
		r = attest_sign_statement(a->key, &statement, &envelope, e);
	return r ? r : outfile_write(&a->file, &envelope, 0644, e);
}

/* ---- */

static int print_result(const struct arguments *a, const struct session *s,
    const struct purge_result *outcome, double seconds, struct err *e)
{
	if (a->json)
		return print_json(a, s, outcome, seconds, e);
	print_text(a, s, outcome, seconds);
	return fflush(stdout) ? err_sys(e, "standard output") : 0;
}

/* The verification itself; with --heal, of what is left. */
static int judge(const struct arguments *a, struct session *s, struct runner *engine,
    struct purge_result *outcome, struct err *e)
{
	int r = a->heal ? guard_heal(&s->guard, &a->verify, engine, outcome, e)
			: guard_verify(&s->guard, &a->verify, &outcome->verdict,
			      &outcome->verify, e);

	if (!r && (outcome->verify.remeasured || outcome->n))
		r = session_maintain(s, e);
	return r;
}

/* *reported: the verdict has been printed, whatever fails after it. */
static int verify(struct cli *c, const struct arguments *a, bool *reported, struct err *e)
{
	CLEANUP_ATTESTATION struct attestation attestation;
	CLEANUP_SESSION struct session s = {.store.runroot_fd = -1};
	CLEANUP_PURGE_RESULT struct purge_result outcome = {0};
	CLEANUP_RUNNER struct runner *engine = NULL;
	int64_t began = time(NULL);
	double start = now();
	int r = attestation_start(a, &attestation, e);

	/* Before the user namespace is entered: an engine runs outside of it. */
	if (!r && a->heal)
		r = runner_start(&engine, e);
	if (!r)
		r = session_open(c, LEDGER_MAY_WRITE, &s, e);
	if (!r && a->attest)
		r = attest_load_key(c, a->attest_key, &attestation.key, e);
	if (r)
		return r;
	if (!a->json && !a->quiet)
		progress_start(&c->progress, "verifying");
	r = judge(a, &s, engine, &outcome, e);
	progress_stop();
	if (r)
		return r;
	*reported = true;
	r = print_result(a, &s, &outcome, now() - start, e);
	if (!r)
		r = attestation_write(&attestation, &s,
		    &(struct verification_facts){.options = &a->verify,
			.policy = &c->config.policy,
			.result = &outcome.verify,
			.verdict = outcome.verdict,
			.time = began},
		    e);
	return r ? r : (int)verdict_exit_status(outcome.verdict);
}

int cmd_verify(struct cli *c, int argc, char **argv, struct err *e)
{
	struct arguments a;
	bool reported = false;
	int r = parse(c, argc, argv, &a, e);

	if (r)
		return r;
	r = verify(c, &a, &reported, e);
	if (r < 0 && a.json && !reported)
		(void)!print_json_error(&a, e);
	return r;
}
