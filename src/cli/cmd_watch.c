/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_watch.c: `layerseal watch`: what the watcher works with is opened, and opened anew when settings, ledger or
 * store are not what they were; and `layerseal watch seal`, which asks a watcher that runs.
 */
#include <getopt.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/consult.h"
#include "cli/watcher.h"
#include "watch/daemon.h"
#include "watch/notify.h"

#define RETRY_S 5

struct arguments {
	enum source_kind source;
	bool source_named;
	enum outlet_lines lines;
};

static int parse(int argc, char **argv, struct arguments *out, struct err *e)
{
	static const struct option options[] = {
	    {"source", required_argument, NULL, 's'},
	    {"foreground", no_argument, NULL, 'f'},
	    {"json", no_argument, NULL, 'j'},
	    {0},
	};
	int option;

	*out = (struct arguments){0};
	while ((option = getopt_long(argc, argv, "+:", options, NULL)) != -1) {
		if (option == 's' && source_kind_parse(optarg, &out->source))
			out->source_named = true;
		else if (option == 'f')
			out->lines = LINES_TEXT;
		else if (option == 'j')
			out->lines = LINES_JSON;
		else
			return cli_usage_error(e, "watch",
			    option == 's' ? "no such source"
					  : "an option that watch does not have");
	}
	return 0;
}

/* ---- what it works with ---- */

struct watching {
	struct session s;
	struct subject subject;
	struct source *source;
	struct outlet *outlet;
};

static void close_all(struct watching *w)
{
	outlet_free(w->outlet);
	source_free(w->source);
	subject_release(&w->subject);
	session_close(&w->s);
}
#define CLEANUP_WATCHING CLEANUP(close_all)

static int describe(const struct cli *c, struct watching *w, struct err *e)
{
	CLEANUP_NAMES struct fs_names dirs = {0};
	CLEANUP_FREE char *trust = NULL;
	struct subject *s = &w->subject;
	struct store_id ignored;
	int r = subject_ledger(
	    c->ledger_dir, &s->ledger, &s->ledger_device, &s->ledger_inode, e);

	if (!r)
		r = cli_trust_file(c, &trust, e);
	if (!r)
		r = cli_absolute_path(trust, &s->trust, e);
	if (!r)
		r = subject_options(&w->s.config, &s->options, e);
	if (r)
		return r;
	policy_digest(&c->config.policy, &s->policy);
	s->whiteout_files = c->config.whiteout_files;
	s->store = xstrdup(w->s.config.graphroot);
	s->only = ledger_find_store(w->s.ledger, NULL, &ignored);
	if (w->s.config.account) {
		s->user = xstrdup(w->s.config.account->name);
		s->only_of_user = ledger_find_user_store(w->s.ledger, s->user, &ignored);
	}
	cli_cache_dirs(true, &dirs);
	s->cache_dirs.v = xcalloc(dirs.n, sizeof(*s->cache_dirs.v));
	for (size_t i = 0; i < dirs.n; i++)
		s->cache_dirs.v[s->cache_dirs.n++] = subject_cache_dir(dirs.v[i]);
	return 0;
}

static int open_all(
    struct cli *c, const struct arguments *a, struct watching *w, struct err *e)
{
	enum source_kind kind = a->source;
	int r = session_open(c, LEDGER_MAY_WRITE, &w->s, e);

	if (!a->source_named && c->config.watch.source &&
	    !source_kind_parse(c->config.watch.source, &kind))
		return err_set(e, ERR_INTERNAL, "source %s", c->config.watch.source);
	if (!r)
		r = describe(c, w, e);
	if (!r)
		r = source_open(kind, &w->source, e);
	if (!r)
		r = outlet_open(&c->config.watch, a->lines, &w->outlet, e);
	return r;
}

/* ---- the service ---- */

/* Once, from opening to an end. */
static int watch_once(struct cli *c, const struct arguments *a, struct daemon *d,
    enum daemon_end *end, struct err *e)
{
	CLEANUP_WATCHING struct watching w = {.s.store.runroot_fd = -1};
	struct err why;
	int r = open_all(c, a, &w, e);

	if (!r)
		r = daemon_run(d,
		    &(struct watcher_options){.guard = &w.s.guard,
			.config = &c->config,
			.subject = &w.subject,
			.source = w.source,
			.outlet = w.outlet},
		    end, &why, e);
	if (!r && *end == DAEMON_END)
		outlet_end(w.outlet);
	if (!r && *end == DAEMON_LOST)
		cli_print_error(&why);
	return r;
}

static int watch_on(
    struct cli *c, const struct arguments *a, struct daemon *d, struct err *e)
{
	enum daemon_end end;
	time_t began;
	int r = watch_once(c, a, d, &end, e);

	/* What cannot be opened at the start is for whoever started it. */
	while (!r && end != DAEMON_END) {
		struct err why;

		if (end == DAEMON_RELOAD) {
			notify_reloading();
			if (cli_reload_config(c, &why))
				cli_print_error(&why);
		}
		began = time(NULL);
		r = watch_once(c, a, d, &end, &why);
		if (r)
			cli_print_error(&why);
		/* What is lost again at once would be so for ever. */
		if (r || (end == DAEMON_LOST && time(NULL) - began < RETRY_S))
			r = daemon_wait(d, RETRY_S, &end, e);
	}
	notify_stopping();
	return r ? r : EXIT_CLEAN;
}

static int run_watcher(struct cli *c, const struct arguments *a, struct err *e)
{
	uid_t owner;
	CLEANUP_FREE char *socket = consult_socket(c, &owner);
	struct daemon *d;
	int r = daemon_open(socket, &d, e);

	if (r)
		return r;
	r = watch_on(c, a, d, e);
	daemon_free(d);
	return r;
}

int cmd_watch(struct cli *c, int argc, char **argv, struct err *e)
{
	struct arguments a;
	int r = parse(argc, argv, &a, e);

	if (r)
		return r;
	if (optind == argc)
		return run_watcher(c, &a, e);
	if (strcmp(argv[optind], "seal") != 0)
		return cli_usage_error(e, "watch", "watch has no such command");
	return watcher_seal(c, argc - optind - 1, argv + optind + 1, e);
}
