/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_build.c: `layerseal build`: a guarded build. Standard output is the engine's, and its exit status is
 * this program's unless something is wrong with the store.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/esc.h"
#include "cli/engine_store.h"
#include "cli/iidfile.h"
#include "cli/purge_report.h"
#include "guard/build.h"
#include "guard/buildargs.h"
#include "store/libpod.h"

struct build_arguments {
	enum engine engine;
	bool remove, quiet;
	const char *const *command; /* argv of the engine */
};

static int parse(int argc, char **argv, struct build_arguments *out, struct err *e)
{
	static const struct option options[] = {
	    {"remove", no_argument, NULL, 'r'},
	    {"quiet", no_argument, NULL, 'q'},
	    {0},
	};
	int option;

	*out = (struct build_arguments){0};
	while ((option = getopt_long(argc, argv, "+:q", options, NULL)) != -1) {
		if (option == 'r')
			out->remove = true;
		else if (option == 'q')
			out->quiet = true;
		else
			return cli_usage_error(e, "build", "an option it does not have");
	}
	out->command = (const char *const *)argv + optind;
	if (optind >= argc)
		return cli_usage_error(e, "build", "which command line?");
	if (!engine_parse(argv[optind], &out->engine))
		return cli_usage_error(
		    e, "build", "the command line is not podman's or buildah's");
	return 0;
}

/* What layerseal's own options say of the store counts for a command that says nothing of it. */
static void take_store_options(const struct cli *c, struct engine_command *k)
{
	k->root = k->root ? k->root : c->store.root;
	k->runroot = k->runroot ? k->runroot : c->store.runroot;
	k->driver = k->driver ? k->driver : c->store.driver;
	k->imagestore = k->imagestore ? k->imagestore : c->store.imagestore;
}

static int check_command(const struct cli *c, const struct build_arguments *a,
    const struct engine_command *k, struct err *e)
{
	const char *remote = engine_remote_by(a->engine, k);
	int r = buildargs_check(a->command, k, e);

	if (!r && remote)
		r = err_set(e, ERR_STORE,
		    "%s sends this to another podman, whose store cannot be guarded from "
		    "here",
		    remote);
	return r ? r : engine_store_is_clear(c, k, e);
}

/* ---- one run ---- */

/* What is opened for one build, and closed after it. */
struct building {
	struct starter *starter;
	struct runner *runner;
	struct store_config wanted;
	struct session session;
	struct buildargs args;
	struct entry record;
	struct build_result result;
	char *program;
	int logfile;
};

static void release(struct building *b)
{
	build_result_release(&b->result);
	starter_free(b->starter);
	session_close(&b->session);
	runner_free(b->runner);
	buildargs_release(&b->args);
	store_config_release(&b->wanted);
	entry_release(&b->record);
	free(b->program);
	base_close_p(&b->logfile);
}
#define CLEANUP_BUILDING CLEANUP(release)

/* Processes first: they belong outside of the user namespace that the store is looked at from. */
static int open_all(struct cli *c, const struct build_arguments *a,
    const struct engine_command *k, struct building *b, struct err *e)
{
	int r = runner_start(&b->runner, e);

	if (!r)
		r = starter_new(&b->starter, e);
	if (!r)
		r = runner_find(a->command[0], &b->program, e);
	if (!r)
		r = engine_store_discover(c, a->engine, k, &b->wanted, e);
	if (r)
		return r;
	c->store = (struct store_options){.root = b->wanted.graphroot};
	r = session_open(c, LEDGER_WRITE, &b->session, e);
	return r ? r : engine_store_compare(&b->wanted, &b->session.config, e);
}

static int open_logfile(struct building *b, struct err *e)
{
	if (!b->args.logfile)
		return 0;
	if (b->session.config.account)
		return err_set(e, ERR_USAGE, "--logfile: root writes no file for user %s",
		    b->session.config.account->name);
	b->logfile = open(
	    b->args.logfile, O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY | O_CLOEXEC, 0600);
	return b->logfile < 0 ? err_sys(e, "--logfile %s", b->args.logfile) : 0;
}

static void fill_record(const struct build_arguments *a, const struct engine_command *k,
    uid_t user, struct building *b)
{
	struct entry_build *record = &b->record.build;

	b->record.op = ENTRY_BUILD;
	record->engine = xstrdup(engine_name(a->engine));
	record->user = b->session.config.account ? b->session.config.account->uid : user;
	record->began = (uint64_t)time(NULL);
	buildargs_record(a->command, k, record);
	buildargs_containerfile(k, &record->containerfile);
}

static int guard(struct cli *c, const struct build_arguments *a, uid_t user,
    struct building *b, struct err *e)
{
	/* The options above say it all. */
	static const char *const unset[] = {"STORAGE_DRIVER", "STORAGE_OPTS", NULL};
	int output = b->logfile >= 0 ? b->logfile : b->args.quiet ? -1 : STDOUT_FILENO;
	const struct account *account = b->session.config.account;
	CLEANUP_NAMES struct fs_names dirs;
	struct build_command command = {
	    .starter = b->starter,
	    .start = {.path = b->program,
		.argv = (const char *const *)b->args.argv,
		.unset = unset,
		.user = account ? account->name : NULL,
		.all_output = b->logfile >= 0},
	    .names = (const char *const *)b->args.names,
	    .n_names = b->args.n_names,
	    .output = output,
	    .restarts = user != 0 || account,
	    .remove = a->remove,
	    .engine = b->runner,
	    .record = &b->record.build,
	    .level = c->config.level,
	    .cached = c->config.cached,
	};

	/* The engine gets this environment. */
	cli_cache_dirs(false, &dirs);
	command.cache_dirs = (const char *const *)dirs.v;
	command.n_cache_dirs = dirs.n;
	fflush(stdout);
	return guard_build(&b->session.guard, &command, &b->result, e);
}

/* ---- the report ---- */

static void report_refused(const struct build_arguments *a, const struct building *b)
{
	CLEANUP_FREE char *root = esc_str(b->session.config.graphroot);

	report_findings(stderr, &b->result.findings);
	fprintf(stderr, "%s: store %s\n", verdict_name(b->result.verdict), root);
	report_remedies(stderr, &b->result.findings);
	fprintf(stderr, "layerseal: refused: this %s command was not run\n",
	    engine_name(a->engine));
}

static void report_spoiled(const struct build_arguments *a, const struct building *b)
{
	report_findings(stderr, &b->result.findings);
	fprintf(stderr, "layerseal: spoiled: nothing of this build is sealed, and ");
	if (a->remove)
		fprintf(stderr, "%zu of its images and names were removed\n",
		    b->result.taken);
	else
		fprintf(stderr, "its result lost %zu name%s\n", b->result.taken,
		    REPORT_S(b->result.taken));
	fprintf(stderr, "What it left is removed with: layerseal purge --unsealed\n"
			"Meaning and remedy of each class: layerseal-findings(7)\n");
}

static void report_sealed(const struct building *b)
{
	const struct build_result *r = &b->result;

	fprintf(stderr,
	    "layerseal: sealed %zu layer%s, %zu image%s, %zu name%s; ledger size %" PRIu64
	    "\n",
	    r->layers, REPORT_S(r->layers), r->images, REPORT_S(r->images), r->names,
	    REPORT_S(r->names), ledger_size(b->session.ledger));
}

static int write_iidfiles(const struct building *b, struct err *e)
{
	const struct account *account = b->session.config.account;
	const char *result = b->record.build.result;
	int r = 0;

	if (b->args.iidfile)
		r = iidfile_write(
		    account, b->args.iidfile, *result ? "sha256:" : "", result, e);
	if (!r && b->args.iidfile_raw)
		r = iidfile_write(account, b->args.iidfile_raw, "", result, e);
	return r;
}

static int report(const struct build_arguments *a, struct building *b, struct err *e)
{
	const struct entry_build *record = &b->record.build;
	int r;

	if (b->result.healed.n)
		purge_report_text(stderr, &(struct purge_options){0}, &b->result.healed);
	if (b->result.outcome == BUILD_REFUSED) {
		report_refused(a, b);
		return verdict_exit_status(b->result.verdict);
	}
	if (b->result.outcome == BUILD_SPOILED) {
		report_spoiled(a, b);
		return EXIT_VIOLATED;
	}
	if (!a->quiet)
		report_sealed(b);
	if (b->args.quiet && record->result[0] && !b->args.iidfile &&
	    !b->args.iidfile_raw)
		printf("%s\n", record->result);
	if (fflush(stdout))
		return err_sys(e, "standard output");
	r = record->status ? 0 : write_iidfiles(b, e);
	return r ? r : (int)record->status;
}

int cmd_build(struct cli *c, int argc, char **argv, struct err *e)
{
	CLEANUP_ENGINE_COMMAND struct engine_command k = {.act = ENGINE_OTHER};
	CLEANUP_BUILDING struct building b = {
	    .session = {.store.runroot_fd = -1}, .logfile = -1};
	struct build_arguments a;
	uid_t user = geteuid();
	int r = parse(argc, argv, &a, e);

	if (r)
		return r;
	engine_command_parse(a.engine, a.command, &k);
	take_store_options(c, &k);
	r = check_command(c, &a, &k, e);
	if (!r)
		r = open_all(c, &a, &k, &b, e);
	if (r)
		return r;
	buildargs_make(a.command, &k, &b.wanted,
	    a.engine == ENGINE_BUILDAH || !libpod_leaves_driver(&b.session.store),
	    &b.args);
	fill_record(&a, &k, user, &b);
	r = open_logfile(&b, e);
	if (!r)
		r = guard(c, &a, user, &b, e);
	if (!r)
		r = session_maintain(&b.session, e);
	return r ? r : report(&a, &b, e);
}
