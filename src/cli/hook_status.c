/* SPDX-License-Identifier: Apache-2.0 */
/* hook_status.c: `layerseal hook status`: which hooks are installed, and what keeps them from working. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/esc.h"
#include "base/fs.h"
#include "cli/cli.h"
#include "cli/hook_place.h"

struct report {
	const char *dir;
	struct buf program; /* of this version */
	bool installed, trouble;
};

static void trouble(struct report *r, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void trouble(struct report *r, const char *fmt, ...)
{
	CLEANUP_FREE char *text = NULL;
	CLEANUP_FREE char *safe = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	safe = esc_str(text);
	printf("  trouble: %s\n", safe);
	r->trouble = true;
}

static void say(const char *what, const char *value)
{
	CLEANUP_FREE char *safe = esc_str(value);

	if (value)
		printf("  %s %s\n", what, safe);
}

/* A copy from before an upgrade does what it did then. */
static void look_at_program(struct report *r, const char *name)
{
	CLEANUP_FREE char *path = xasprintf("%s/%s", r->dir, name);
	CLEANUP_BUF struct buf bytes;
	struct err e;

	buf_init(&bytes, r->program.max);
	say("program", path);
	if (fs_read_guarded(path, bytes.max, &bytes, &e))
		trouble(r, "%s", e.msg);
	else if (bytes.len != r->program.len ||
		 memcmp(bytes.data, r->program.data, bytes.len) != 0)
		trouble(r, "of another version of layerseal: install it again");
	if (access(path, X_OK))
		trouble(r, "cannot be executed");
}

static void look_at_settings(struct report *r, enum hook_kind kind)
{
	CLEANUP_HOOKFILE struct hookfile f = {0};
	struct err e;

	if (hookfile_load(r->dir, &f, &e)) {
		trouble(r, "%s", e.msg);
		return;
	}
	say("layerseal", f.layerseal);
	say("ledger", f.ledger);
	say("config", f.config);
	say("trust", f.trust);
	say("link", f.link);
	if (kind != HOOK_MOUNT) {
		say("verify-run", f.verify_run ? "yes" : "no");
		say("allow-remote", f.allow_remote ? "yes" : "no");
	}
	if (access(f.layerseal, X_OK))
		trouble(r, "%s cannot be executed: every %s is refused", f.layerseal,
		    kind == HOOK_MOUNT ? "mount" : "build");
}

static bool is_same_file(const char *a, const char *b)
{
	struct stat sa, sb;

	return stat(a, &sa) == 0 && stat(b, &sb) == 0 && sa.st_dev == sb.st_dev &&
	       sa.st_ino == sb.st_ino;
}

/* Which program a command line that starts with `name` gets. */
static void look_at_path(struct report *r, const char *name)
{
	CLEANUP_FREE char *own = xasprintf("%s/%s", r->dir, name);
	CLEANUP_FREE char *engine = hook_find_engine(name, false);
	CLEANUP_FREE char *first = hook_find_engine(name, true);

	say("wraps", engine);
	if (!engine)
		trouble(r, "there is no other %s in PATH", name);
	else if (!first || !is_same_file(first, own))
		trouble(r, "PATH leads to %s first", first ? first : engine);
}

static void look_at_podman(struct report *r)
{
	CLEANUP_FREE char *podman = hook_find_engine("podman", false);
	CLEANUP_FREE char *real = podman ? realpath(podman, NULL) : NULL;

	if (!real)
		trouble(r, "there is no podman in PATH");
	else if (!hook_engine_has_preexec(real))
		trouble(r,
		    "%s is older than 4.4 and has no pre-exec hooks: install the wrapper",
		    podman);
	if (access(HOOK_SWITCH_DIR "/" HOOK_SWITCH_NAME, F_OK))
		trouble(r, "%s is not there: podman 4.6 and newer run no hooks",
		    HOOK_SWITCH_DIR "/" HOOK_SWITCH_NAME);
}

/* Whose mount program it is that the engines will start, without options and with these. */
static void look_at_storage_conf(struct report *r, const struct cli *c)
{
	CLEANUP_FREE char *own = xasprintf("%s/" HOOK_MOUNT_NAME, r->dir);
	CLEANUP_STORE_CONFIG struct store_config config = {0};
	struct err e;

	if (store_discover(&c->store, &config, &e)) {
		trouble(r, "which store is it? %s", e.msg);
		return;
	}
	say("store", config.graphroot);
	if (config.driver != STORE_OVERLAY)
		trouble(r, "storage driver %s mounts nothing: there is no gate for it",
		    store_driver_name(config.driver));
	else if (!config.mount_program)
		trouble(r, "storage.conf names no mount_program: nothing calls it");
	else if (!is_same_file(config.mount_program, own))
		trouble(r, "storage.conf names another mount_program: %s",
		    config.mount_program);
	if (!c->config.whiteout_files)
		trouble(r,
		    "[gate] whiteout-files is not yes in layerseal.conf: layers that "
		    "delete something cannot be sealed");
}

static void look(
    struct report *r, enum hook_kind kind, const char *dir, const struct cli *c)
{
	const char *const *name = hook_names(kind);
	CLEANUP_FREE char *safe = esc_str(dir);
	bool any = false;

	r->dir = dir;
	for (; *name; name++) {
		if (hook_owner_of(dir, *name) != HOOK_OURS)
			continue;
		if (!any) {
			printf("%s in %s\n", hook_kind_name(kind), safe);
			look_at_settings(r, kind);
		}
		any = r->installed = true;
		look_at_program(r, *name);
		if (kind == HOOK_WRAPPER)
			look_at_path(r, *name);
		else if (kind == HOOK_PREEXEC)
			look_at_podman(r);
		else
			look_at_storage_conf(r, c);
	}
	if (!any)
		printf("no %s in %s\n", hook_kind_name(kind), safe);
}

int hook_status(struct cli *c, int argc, char **argv, struct err *e)
{
	static const struct option options[] = {
	    {"dir", required_argument, NULL, 'd'}, {0}};
	CLEANUP_FREE char *given = NULL;
	struct report report = {0};
	int option, r = 0;

	while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (option != 'd' || given)
			return cli_usage_error(e, "hook status",
			    "an option it does not have, or without its value");
		r = cli_absolute_path(optarg, &given, e);
	}
	if (!r && optind < argc)
		return cli_usage_error(e, "hook status", "it takes no arguments");
	buf_init(&report.program, 16U << 20);
	if (!r)
		r = hook_read_program(&report.program, e);
	for (int kind = HOOK_WRAPPER; !r && kind <= HOOK_MOUNT; kind++) {
		CLEANUP_FREE char *dir = given ? xstrdup(given) : NULL;

		if (!dir)
			r = hook_default_dir((enum hook_kind)kind, &dir, e);
		if (!r)
			look(&report, (enum hook_kind)kind, dir, c);
	}
	buf_release(&report.program);
	if (r)
		return r;
	if (fflush(stdout))
		return err_sys(e, "standard output");
	return report.installed && !report.trouble ? EXIT_CLEAN : EXIT_VIOLATED;
}
