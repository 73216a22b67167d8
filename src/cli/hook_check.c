/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hook_check.c: `layerseal hook check` and `hook explain`: a command line of podman or buildah, and
 * whether it may run. The hook program (hook_main.c) calls check before a build. Everything is said on
 * standard error: standard output belongs to the engine.
 */
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/esc.h"
#include "cli/cli.h"
#include "cli/purge_report.h"
#include "guard/enginecmd.h"
#include "store/engineconf.h"

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

/* ---- which store, and may it be known ---- */

/* Why a command line cannot be judged, or 0. */
static int refuse_unclear(const struct engine_command *k, struct err *e)
{
	int r;

	if (k->unclear)
		return err_set(e, ERR_STORE,
		    "cannot tell which store is meant, because of the argument '%s': "
		    "name the store with options before the verb",
		    k->unclear);
	if (k->transient_store)
		return err_set(e, ERR_STORE, "--transient-store is not supported");
	if (k->module)
		return err_set(e, ERR_STORE,
		    "--module %s may move the store: put its settings into "
		    "containers.conf",
		    k->module);
	r = engine_environment_check(e);
	return r ? r : engine_conf_check(e);
}

/* What sends a command to another podman; NULL if it stays here. */
static const char *remote_by(enum engine engine, const struct engine_command *k)
{
	if (engine != ENGINE_PODMAN || k->remote)
		return k->remote;
	if (!k->local && getenv("CONTAINER_HOST"))
		return "CONTAINER_HOST";
	if (!k->local && getenv("CONTAINER_CONNECTION"))
		return "CONTAINER_CONNECTION";
	return NULL;
}

static int discover(const struct cli *c, enum engine engine,
    const struct engine_command *k, struct store_config *out, struct err *e)
{
	const struct store_options options = {
	    .root = k->root,
	    .runroot = k->runroot,
	    .driver = k->driver,
	    .imagestore = k->imagestore,
	    .storage_opts = k->storage_opts,
	    .n_storage_opts = k->n_storage_opts,
	    .buildah = engine == ENGINE_BUILDAH,
	};
	/* In the user namespace, as `init` found it. */
	int r = userns_enter(c, e);

	return r ? r : store_discover(&options, out, e);
}

static bool is_same_path(const char *a, const char *b)
{
	CLEANUP_FREE char *real_a = a ? realpath(a, NULL) : NULL;
	CLEANUP_FREE char *real_b = b ? realpath(b, NULL) : NULL;

	if (!a || !b)
		return a == b;
	return strcmp(a, b) == 0 || (real_a && real_b && strcmp(real_a, real_b) == 0);
}

/* The ledger's idea of the store is what gets verified: it must be the command's. */
static int compare_configs(
    const struct store_config *command, const struct store_config *ledger, struct err *e)
{
	bool same = command->n_additional == ledger->n_additional;

	if (!is_same_path(command->runroot, ledger->runroot))
		return err_set(e, ERR_STORE,
		    "store %s: the command uses run root %s, the ledger knows it with %s",
		    ledger->graphroot, command->runroot, ledger->runroot);
	if (command->driver != ledger->driver)
		return err_set(e, ERR_STORE,
		    "store %s: the command uses storage driver %s, the ledger knows it "
		    "with %s",
		    ledger->graphroot, store_driver_name(command->driver),
		    store_driver_name(ledger->driver));
	if (!is_same_path(command->imagestore, ledger->imagestore))
		return err_set(e, ERR_STORE,
		    "store %s: the command uses image store %s, the ledger knows it with "
		    "%s",
		    ledger->graphroot, command->imagestore ? command->imagestore : "none",
		    ledger->imagestore ? ledger->imagestore : "none");
	for (size_t i = 0; same && i < ledger->n_additional; i++)
		same = is_same_path(command->additional[i], ledger->additional[i]);
	return same ? 0
		    : err_set(e, ERR_STORE,
			  "store %s: the command uses other additional image stores than "
			  "the ledger knows it with",
			  ledger->graphroot);
}

/* ---- the check ---- */

static int verify_store(struct cli *c, const struct hook_arguments *a,
    const struct store_config *wanted, struct runner *runner, struct err *e)
{
	CLEANUP_SESSION struct session s = {.store.runroot_fd = -1};
	CLEANUP_PURGE_RESULT struct purge_result outcome = {0};
	const struct verify_options options = {
	    .level = c->config.level, .cached = c->config.cached};
	CLEANUP_FREE char *root = esc_str(wanted->graphroot);
	int r;

	c->store = (struct store_options){.root = wanted->graphroot};
	r = session_open(c, LEDGER_MAY_WRITE, &s, e);
	if (!r)
		r = compare_configs(wanted, &s.config, e);
	if (r)
		return r;
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
	fprintf(stderr, "layerseal: refused: this %s command was not run\n",
	    engine_name(a->engine));
	return verdict_exit_status(outcome.verdict);
}

int hook_check(struct cli *c, int argc, char **argv, struct err *e)
{
	CLEANUP_ENGINE_COMMAND struct engine_command k = {.act = ENGINE_OTHER};
	CLEANUP_STORE_CONFIG struct store_config wanted = {0};
	CLEANUP_RUNNER struct runner *runner = NULL;
	struct hook_arguments a;
	const char *remote;
	int r = parse_arguments("hook check", argc, argv, &a, e);

	if (r)
		return r;
	engine_command_parse(a.engine, (const char *const *)a.command, &k);
	if (k.act == ENGINE_OTHER || (k.act == ENGINE_USE && !a.verify_run))
		return EXIT_CLEAN;
	remote = remote_by(a.engine, &k);
	if (remote && a.allow_remote)
		return EXIT_CLEAN;
	if (remote)
		r = err_set(e, ERR_STORE,
		    "%s sends this to another podman, whose store cannot be verified "
		    "from here (layerseal hook install --allow-remote lets such pass)",
		    remote);
	if (!r)
		r = refuse_unclear(&k, e);
	/* What heals runs an engine, outside of the user namespace that discover() enters. */
	if (!r && policy_heals(&c->config.policy, NULL))
		r = runner_start(&runner, e);
	if (!r)
		r = discover(c, a.engine, &k, &wanted, e);
	if (!r)
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
	print_line("remote", remote_by(a.engine, &k));
	print_line("unclear", k.unclear);
	return fflush(stdout) ? err_sys(e, "standard output") : EXIT_CLEAN;
}
