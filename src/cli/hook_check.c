/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hook_check.c: `layerseal hook check` and `hook explain`: a command line of podman or buildah, and
 * whether it may run. The hook program (hook_main.c) calls check before a build. Everything is said on
 * standard error: standard output belongs to the engine.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/esc.h"
#include "cli/cli.h"
#include "cli/consult.h"
#include "cli/engine_store.h"
#include "cli/purge_report.h"
#include "guard/inflight.h"

struct hook_arguments {
	enum engine engine;
	bool verify_run, allow_remote;
	char **command; /* argv of the engine */
};

static int parse_arguments(
    const char *verb, int argc, char **argv, struct hook_arguments *out, struct err *e)
{
	static const struct option options[] = {
	    {"engine", required_argument, NULL, 'e'},
	    {"verify-run", no_argument, NULL, 'v'},
	    {"allow-remote", no_argument, NULL, 'r'},
	    {0},
	};
	bool named = false;
	int option;

	*out = (struct hook_arguments){0};
	while ((option = getopt_long(argc, argv, "+:", options, NULL)) != -1) {
		if (option == 'e')
			named = engine_parse(optarg, &out->engine);
		if (option == 'v')
			out->verify_run = true;
		if (option == 'r')
			out->allow_remote = true;
		if (option == ':' || option == '?' || (option == 'e' && !named))
			return cli_usage_error(e, verb, "an option it does not have");
	}
	out->command = argv + optind;
	if (optind >= argc)
		return cli_usage_error(e, verb, "which command line?");
	if (!named && !engine_parse(argv[optind], &out->engine))
		return cli_usage_error(
		    e, verb, "the command line is not podman's or buildah's");
	return 0;
}

/* ---- the check ---- */

/* Why a build beside guarded ones is refused, where only they have made something. */
static void report_builds(const struct session *s)
{
	CLEANUP_INFLIGHT_OTHERS struct inflight_others running;
	struct err ignored;

	if (inflight_others(
		s->guard.ledger_dir, &s->store_id, NULL, &running, &ignored) == 0 &&
	    running.n)
		fprintf(stderr,
		    "%zu guarded build%s running: what they make is sealed at their end. "
		    "Beside them: layerseal build\n",
		    running.n, running.n == 1 ? " is" : "s are");
}

static int verify_store(struct cli *c, const struct hook_arguments *a,
    const struct store_config *wanted, struct runner *runner, struct err *e)
{
	CLEANUP_SESSION struct session s = {.store.runroot_fd = -1};
	CLEANUP_PURGE_RESULT struct purge_result outcome = {0};
	CLEANUP_NAMES struct fs_names dirs = {0};
	struct verify_options options = {
	    .level = c->config.level,
	    .cached = c->config.cached,
	};
	CLEANUP_FREE char *root = esc_str(wanted->graphroot);
	int r;

	c->store = (struct store_options){.root = wanted->graphroot};
	r = session_open(c, LEDGER_MAY_WRITE, &s, e);
	if (!r)
		r = engine_store_compare(wanted, &s.config, e);
	if (r)
		return r;
	/* This is the environment of the engine that it is asked about. */
	cli_cache_dirs(false, &dirs);
	options.cache_mounts.dirs = (const char *const *)dirs.v;
	options.cache_mounts.n_dirs = dirs.n;
	progress_start(&c->progress, "verifying");
	r = guard_heal(&s.guard, &options, runner, &outcome, e);
	progress_stop();
	if (outcome.n)
		purge_report_text(stderr, &(struct purge_options){0}, &outcome);
	if (!r && (outcome.verify.remeasured || outcome.n))
		r = session_maintain(&s, e);
	if (r || outcome.verdict == VERDICT_CLEAN)
		return r;
	report_findings(stderr, &outcome.verify.findings);
	fprintf(stderr, "%s: store %s\n", verdict_name(outcome.verdict), root);
	report_remedies(stderr, &outcome.verify.findings);
	report_builds(&s);
	fprintf(stderr, "layerseal: refused: this %s command was not run\n",
	    engine_name(a->engine));
	return verdict_exit_status(outcome.verdict);
}

/*
 * Clean, says the watcher, of the very store and options that the engine is about to use. Whatever else it says, it is
 * looked at here, which finds more words and heals.
 */
static bool watcher_says_clean(
    const struct cli *c, struct consultation *watcher, const struct store_config *wanted)
{
	CLEANUP_NAMES struct fs_names dirs = {0};

	cli_cache_dirs(false, &dirs);
	if (consult(c, watcher, wanted, &dirs))
		return watcher->answer.verdict == VERDICT_CLEAN;
	consult_explain(watcher, true);
	return false;
}

int hook_check(struct cli *c, int argc, char **argv, struct err *e)
{
	CLEANUP_ENGINE_COMMAND struct engine_command k = {.act = ENGINE_OTHER};
	CLEANUP_STORE_CONFIG struct store_config wanted = {0};
	CLEANUP_RUNNER struct runner *runner = NULL;
	CLEANUP_CONSULTATION struct consultation watcher = {.fd = -1};
	struct hook_arguments a;
	const char *remote;
	int r = parse_arguments("hook check", argc, argv, &a, e);

	if (r)
		return r;
	engine_command_parse(a.engine, (const char *const *)a.command, &k);
	if (k.act == ENGINE_OTHER || (k.act == ENGINE_USE && !a.verify_run))
		return EXIT_CLEAN;
	remote = engine_remote_by(a.engine, &k);
	if (remote && a.allow_remote)
		return EXIT_CLEAN;
	if (remote)
		r = err_set(e, ERR_STORE,
		    "%s sends this to another podman, whose store cannot be verified "
		    "from here (layerseal hook install --allow-remote lets such pass)",
		    remote);
	if (!r)
		r = engine_store_is_clear(c, &k, e);
	/* What heals runs an engine, outside of the user namespace that discover() enters. */
	if (!r && policy_heals(&c->config.policy, NULL))
		r = runner_start(&runner, e);
	/* In there, too, nobody could tell root. */
	if (!r && c->config.level == LEVEL_STAT)
		consult_open(c, &watcher);
	if (!r)
		r = engine_store_discover(c, a.engine, &k, &wanted, e);
	if (!r && !watcher_says_clean(c, &watcher, &wanted))
		r = verify_store(c, &a, &wanted, runner, e);
	return r < 0 ? err_wrap(e, "this %s command is refused", engine_name(a.engine))
		     : r;
}

/* ---- explain ---- */

static void print_line(const char *name, const char *value)
{
	CLEANUP_FREE char *text = esc_str(value);

	if (value)
		printf("%s %s\n", name, text);
}

int hook_explain(struct cli *c, int argc, char **argv, struct err *e)
{
	static const char *const acts[] = {
	    [ENGINE_OTHER] = "other", [ENGINE_USE] = "use", [ENGINE_BUILD] = "build"};
	CLEANUP_ENGINE_COMMAND struct engine_command k = {.act = ENGINE_OTHER};
	struct hook_arguments a;
	int r = parse_arguments("hook explain", argc, argv, &a, e);

	(void)c;
	if (r)
		return r;
	engine_command_parse(a.engine, (const char *const *)a.command, &k);
	print_line("act", acts[k.act]);
	if (k.guessed)
		print_line("guessed", "an unknown option stands before the verb");
	print_line("root", k.root);
	print_line("runroot", k.runroot);
	print_line("storage-driver", k.driver);
	print_line("imagestore", k.imagestore);
	for (size_t i = 0; i < k.n_storage_opts; i++)
		print_line("storage-opt", k.storage_opts[i]);
	print_line("remote", engine_remote_by(a.engine, &k));
	print_line("unclear", k.unclear);
	return fflush(stdout) ? err_sys(e, "standard output") : EXIT_CLEAN;
}
