/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_verify.c: `layerseal verify`. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/esc.h"
#include "base/hex.h"
#include "cli/attest.h"
#include "cli/consult.h"
#include "cli/outfile.h"
#include "cli/purge_report.h"
#include "cli/report.h"
#include "cli/statement.h"

struct arguments {
	struct verify_options verify;
	bool json, quiet, heal, no_watcher;
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
	    {"no-watcher", no_argument, NULL, 'w'},
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
				    e, "verify", "the level is stat, scrub, full or oci");
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
		case 'w':
			out->no_watcher = true;
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

/* What a verdict is about, and where it is from. */
struct report {
	const char *graphroot, *store_id;
	uint64_t ledger_size;
	const struct digest *ledger_root;
	const struct consultation *watcher; /* borrowed */
	bool by_watcher;
	double seconds;
};

static void print_verdict(FILE *to, enum verdict verdict, const struct report *about)
{
	CLEANUP_FREE char *root = esc_str(about->graphroot);
	enum colour colour = verdict == VERDICT_CLEAN ? COLOUR_GREEN : COLOUR_RED;

	fprintf(to, "%s%s%s: store %s\n", report_colour(to, colour),
	    verdict_name(verdict), report_colour(to, COLOUR_NONE), root);
}

static void print_figures(const struct arguments *a, const struct report *about,
    const struct verify_result *result)
{
	char bytes[REPORT_SIZE_MAX], mounts[48] = "";
	CLEANUP_FREE char *how = NULL;

	report_size((double)result->bytes, bytes);
	if (result->cache_mounts)
		snprintf(mounts, sizeof(mounts), "%zu cache mount%s, ",
		    result->cache_mounts, REPORT_S(result->cache_mounts));
	printf("%zu layer%s", result->layers, REPORT_S(result->layers));
	if (!about->by_watcher && a->verify.level == LEVEL_SCRUB)
		printf(" (%zu scrubbed, %zu measured: %s)", result->scrubbed,
		    result->measured, bytes);
	else if (!about->by_watcher)
		printf(" (%zu by statprint, %zu measured: %s)", result->by_statprint,
		    result->measured, bytes);
	how = about->by_watcher
		  ? consult_words(&about->watcher->answer)
		  : xasprintf("level %s", verify_level_name(a->verify.level));
	printf(", %zu image%s, %s%s, %.3f s\n", result->images, REPORT_S(result->images),
	    mounts, how, about->seconds);
}

static void print_text(const struct arguments *a, const struct report *about,
    const struct purge_result *outcome)
{
	const struct verify_result *result = &outcome->verify;
	enum verdict verdict = outcome->verdict;
	FILE *to = a->quiet ? stderr : stdout;

	if (outcome->n)
		purge_report_text(to, &(struct purge_options){0}, outcome);
	if (a->quiet && verdict == VERDICT_CLEAN)
		return;
	report_findings(to, &result->findings);
	print_verdict(to, verdict, about);
	if (!a->quiet)
		print_figures(a, about, result);
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

static int print_json(const struct arguments *a, const struct report *about,
    const struct purge_result *outcome, struct err *e)
{
	const struct verify_result *result = &outcome->verify;
	CLEANUP_JSONOUT struct jsonout j;
	char root[DIGEST_TEXT_LEN + 1];

	jsonout_init(&j);
	digest_text(about->ledger_root, root);
	begin_document(&j, verdict_name(outcome->verdict), a->verify.level);
	jsonout_str(&j, "store", about->store_id);
	jsonout_str(&j, "graphroot", about->graphroot);
	jsonout_u64(&j, "ledger_size", about->ledger_size);
	jsonout_str(&j, "ledger_root", root);
	consult_json(&j, about->watcher);
	jsonout_u64(&j, "layers", result->layers);
	jsonout_u64(&j, "images", result->images);
	jsonout_u64(&j, "cache_mounts", result->cache_mounts);
	jsonout_u64(&j, "by_statprint", result->by_statprint);
	jsonout_u64(&j, "scrubbed", result->scrubbed);
	jsonout_u64(&j, "measured", result->measured);
	jsonout_u64(&j, "remeasured", result->remeasured);
	jsonout_u64(&j, "entries", result->entries);
	jsonout_u64(&j, "bytes", result->bytes);
	jsonout_seconds(&j, "seconds", about->seconds);
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

static int print_report(const struct arguments *a, const struct report *about,
    const struct purge_result *outcome, struct err *e)
{
	if (a->json)
		return print_json(a, about, outcome, e);
	print_text(a, about, outcome);
	return fflush(stdout) ? err_sys(e, "standard output") : 0;
}

static int print_result(const struct arguments *a, const struct session *s,
    const struct consultation *watcher, const struct purge_result *outcome,
    double seconds, struct err *e)
{
	char store_id[2 * STORE_ID_BYTES + 1];

	hex_encode(store_id, s->store_id.bytes, STORE_ID_BYTES);
	return print_report(a,
	    &(struct report){.graphroot = s->config.graphroot,
		.store_id = store_id,
		.ledger_size = ledger_head(s->ledger)->size,
		.ledger_root = &ledger_head(s->ledger)->root,
		.watcher = watcher,
		.seconds = seconds},
	    outcome, e);
}

/* ---- by the watcher ---- */

/* What a watcher's verdict cannot stand for. */
static bool is_for_watcher(const struct cli *c, const struct arguments *a)
{
	return a->verify.level == LEVEL_STAT && !a->no_watcher && !a->heal &&
	       !a->attest && !a->verify.n_images && !c->known_as && !c->store.runroot &&
	       !c->store.driver && !c->store.imagestore;
}

/* *verdict: VERDICT_UNVERIFIABLE if it has none. */
static int verify_by_watcher(struct cli *c, const struct arguments *a,
    struct consultation *t, enum verdict *verdict, struct err *e)
{
	CLEANUP_PURGE_RESULT struct purge_result outcome = {0};
	struct fs_names usual = {0};
	double start = now();
	struct answer *said = &t->answer;

	*verdict = VERDICT_UNVERIFIABLE;
	if (!is_for_watcher(c, a))
		return 0;
	consult_open(c, t);
	if (!consult(c, t, NULL, &usual)) {
		consult_explain(t, a->json || a->quiet);
		return 0;
	}
	outcome.verdict = *verdict = said->verdict;
	outcome.verify.layers = said->layers;
	outcome.verify.images = said->images;
	outcome.verify.cache_mounts = said->cache_mounts;
	findings_move(&outcome.verify.findings, &said->findings);
	return print_report(a,
	    &(struct report){.graphroot = said->graphroot,
		.store_id = said->store_id,
		.ledger_size = said->ledger_size,
		.ledger_root = &said->ledger_root,
		.watcher = t,
		.by_watcher = true,
		.seconds = now() - start},
	    &outcome, e);
}

/* ---- */

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
static int verify(struct cli *c, const struct arguments *a,
    const struct consultation *watcher, bool *reported, struct err *e)
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
	r = print_result(a, &s, watcher, &outcome, now() - start, e);
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
	CLEANUP_CONSULTATION struct consultation watcher = {.fd = -1};
	enum verdict verdict = VERDICT_UNVERIFIABLE;
	struct arguments a;
	bool reported = false;
	int r = parse(c, argc, argv, &a, e);

	if (!r)
		r = verify_by_watcher(c, &a, &watcher, &verdict, e);
	if (r || verdict != VERDICT_UNVERIFIABLE)
		return r ? r : (int)verdict_exit_status(verdict);
	r = verify(c, &a, &watcher, &reported, e);
	if (r < 0 && a.json && !reported)
		(void)!print_json_error(&a, e);
	return r;
}
