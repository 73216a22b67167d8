/* SPDX-License-Identifier: Apache-2.0 */
/* main.c: the command table, the global options, and the one place that prints an error. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/esc.h"
#include "cli/cli.h"

static const struct command commands[] = {
    {.name = "init",
	.run = cmd_init,
	.usage = "[--key VKEY]",
	.summary = "make a ledger, and enter this store in it"},
    {.name = "seal",
	.run = cmd_seal,
	.usage = "[--all | IMAGE...] [--cache-mounts] [--accept --reason TEXT] "
		 "[--json] [--quiet]",
	.summary = "bind layers, images and names to what they are now"},
    {.name = "verify",
	.run = cmd_verify,
	.usage = "[--level stat|full|oci] [--cached] [--heal] [--no-watcher] [--json] "
		 "[--quiet] [--attest FILE [--attest-key FILE]] [IMAGE...]",
	.summary = "compare the store with what was sealed"},
    {.name = "build",
	.run = cmd_build,
	.usage =
	    "[--remove] [--quiet] [--] podman|buildah [OPTION]... build [ARGUMENT]...",
	.summary = "verify, build, verify again, seal what was built"},
    {.name = "watch",
	.run = cmd_watch,
	.usage = "[--source auto|inotify|fanotify] [--foreground | --json] | seal "
		 "[IMAGE...]",
	.summary = "report every change to what is sealed, and answer for it"},
    {.name = "purge",
	.run = cmd_purge,
	.usage = "[--violated] [--unsealed] [--revoked[=DIGEST]] [--all] "
		 "[--cache-mounts] [--older-than AGE] [--force] [--dry-run] [--json]",
	.summary = "take out what must not be used, and verify what is left"},
    {.name = "revoke",
	.run = cmd_revoke,
	.usage = "[--undo] --reason TEXT DIGEST",
	.summary = "say that a diff-id, a tree or an image must not be used any more"},
    {.name = "status",
	.run = cmd_status,
	.usage = "[--json]",
	.summary = "the ledger: who signed it, how long it is, what it holds"},
    {.name = "log",
	.run = cmd_log,
	.usage = "[--json] [-n COUNT]",
	.summary = "the entries of the ledger, oldest first"},
    {.name = "show",
	.run = cmd_show,
	.usage = "[--json] ID",
	.summary = "what was sealed of a layer, an image or a name"},
    {.name = "manifest",
	.run = cmd_manifest,
	.usage = "[--current] LAYER",
	.summary = "the listing of a layer, as sealed or as it is"},
    {.name = "store",
	.run = cmd_store,
	.usage = "[--json]",
	.summary = "the store: what is sealed, unsealed, retired"},
    {.name = "key",
	.run = cmd_key,
	.usage = "COMMAND ...",
	.summary = "the keys of the ledger",
	.below = key_commands},
    {.name = "ledger",
	.run = cmd_ledger,
	.usage = "COMMAND ...",
	.summary = "the ledger as such",
	.below = ledger_commands},
    {.name = "hook",
	.run = cmd_hook,
	.usage = "COMMAND ...",
	.summary = "verification before every build",
	.below = hook_commands},
    {.name = "version",
	.run = cmd_version,
	.usage = "",
	.summary = "the version of layerseal and its formats"},
    {.name = NULL},
};

static const char options_help[] =
    "options, before the verb:\n"
    "  --ledger DIR     the ledger (or LAYERSEAL_LEDGER; /var/lib/layerseal)\n"
    "  --config FILE    settings (or LAYERSEAL_CONFIG; /etc/layerseal/layerseal.conf)\n"
    "  --trust FILE     whom to believe (a file in /etc/layerseal/trust)\n"
    "  --passphrase-fd N\n"
    "                   reads the passphrase of the key, a line, from this descriptor\n"
    "  --root DIR, --runroot DIR, --storage-driver NAME, --imagestore DIR\n"
    "                   the store, as for podman\n"
    "  --known-as DIR   what the ledger calls the store at --root, as in a container\n"
    "  --user NAME      the store is this user's, who is not asked: for root\n"
    "  --help           this text\n"
    "exit status: 0 clean, 1 violated, 2 usage, 3 unverifiable, 4 internal error\n";

static void print_commands(FILE *to, const char *indent, const struct command *list)
{
	int width = 10; /* of the longest verb */

	for (const struct command *c = list; c->name; c++) {
		int len = (int)strlen(c->name);

		width = len > width ? len : width;
	}
	for (const struct command *c = list; c->name; c++) {
		fprintf(to, "%s%-*s  %s\n", indent, width, c->name, c->summary);
		if (c->below)
			print_commands(to, "    ", c->below);
	}
}

static void print_help(FILE *to)
{
	fputs("usage: layerseal [OPTION]... VERB [ARGUMENT]...\n\n", to);
	print_commands(to, "  ", commands);
	fprintf(to, "\n%s", options_help);
}

static const struct command *find_command(
    const struct command *list, const char *name, size_t len)
{
	for (; list->name; list++) {
		if (strlen(list->name) == len && memcmp(list->name, name, len) == 0)
			return list;
	}
	return NULL;
}

/* "key show" is the command show below the verb key. */
static const struct command *find_verb(const char *verb)
{
	size_t len = strcspn(verb, " ");
	const struct command *command = find_command(commands, verb, len);

	return command && verb[len]
		   ? find_command(command->below, verb + len + 1, strlen(verb + len + 1))
		   : command;
}

int cli_usage_error(struct err *e, const char *verb, const char *what)
{
	return err_set(e, ERR_USAGE, "%s; usage: layerseal %s %s", what, verb,
	    find_verb(verb)->usage);
}

int cli_run_below(struct cli *c, const char *verb, int argc, char **argv, struct err *e)
{
	const struct command *below = find_verb(verb)->below, *command;

	if (argc < 2)
		return cli_usage_error(e, verb, "which command?");
	command = find_command(below, argv[1], strlen(argv[1]));
	if (!command)
		return err_set(e, ERR_USAGE,
		    "%s has no command '%s' (see layerseal --help)", verb, argv[1]);
	return command->run(c, argc - 1, argv + 1, e);
}

static char *home_path(const char *xdg, const char *below_home, const char *rest)
{
	const char *base = getenv(xdg), *home = getenv("HOME");

	if (base && base[0] == '/')
		return xasprintf("%s/%s", base, rest);
	return xasprintf(
	    "%s/%s/%s", home && home[0] == '/' ? home : "/nonexistent", below_home, rest);
}

static char *default_path(const char *variable, const char *for_root, char *for_user)
{
	const char *given = getenv(variable);
	char *path = given && given[0] ? xstrdup(given)
		     : geteuid() == 0  ? xstrdup(for_root)
				       : xstrdup(for_user);

	free(for_user);
	return path;
}

/* A configuration that was named must exist; the default one may be absent. */
static int load_config(struct cli *c, struct err *e)
{
	const char *option = c->config_option;
	bool named =
	    option || (getenv("LAYERSEAL_CONFIG") && getenv("LAYERSEAL_CONFIG")[0]);
	CLEANUP_FREE char *path =
	    option ? xstrdup(option)
		   : default_path("LAYERSEAL_CONFIG", "/etc/layerseal/layerseal.conf",
			 home_path(
			     "XDG_CONFIG_HOME", ".config", "layerseal/layerseal.conf"));
	int r;

	config_default(&c->config);
	r = config_load(path, &c->config, e);
	c->config_named = named;
	c->config_file = r ? NULL : xstrdup(path);
	if (r == ERR_NOT_FOUND)
		return named ? err_set(
				   e, ERR_USAGE, "configuration %s does not exist", path)
			     : 0;
	return r;
}

int cli_reload_config(struct cli *c, struct err *e)
{
	struct cli next = {.config_option = c->config_option};
	int r = load_config(&next, e);

	if (r) {
		config_release(&next.config);
		return r;
	}
	config_release(&c->config);
	free(c->config_file);
	c->config = next.config;
	c->config_file = next.config_file;
	return 0;
}

enum {
	OPT_LEDGER = 256,
	OPT_CONFIG,
	OPT_TRUST,
	OPT_PASSPHRASE_FD,
	OPT_ROOT,
	OPT_RUNROOT,
	OPT_DRIVER,
	OPT_IMAGESTORE,
	OPT_KNOWN_AS,
	OPT_USER,
	OPT_HELP
};

static const struct option options[] = {
    {"ledger", required_argument, NULL, OPT_LEDGER},
    {"config", required_argument, NULL, OPT_CONFIG},
    {"trust", required_argument, NULL, OPT_TRUST},
    {"passphrase-fd", required_argument, NULL, OPT_PASSPHRASE_FD},
    {"root", required_argument, NULL, OPT_ROOT},
    {"runroot", required_argument, NULL, OPT_RUNROOT},
    {"storage-driver", required_argument, NULL, OPT_DRIVER},
    {"imagestore", required_argument, NULL, OPT_IMAGESTORE},
    {"known-as", required_argument, NULL, OPT_KNOWN_AS},
    {"user", required_argument, NULL, OPT_USER},
    {"help", no_argument, NULL, OPT_HELP},
    {0},
};

struct globals {
	const char *ledger, *config, *trust;
	bool help;
};

static int parse_globals(
    struct cli *c, int argc, char **argv, struct globals *out, struct err *e)
{
	int option, r;

	while ((option = getopt_long(argc, argv, "+:", options, NULL)) != -1) {
		switch (option) {
		case OPT_LEDGER:
			out->ledger = optarg;
			break;
		case OPT_CONFIG:
			out->config = optarg;
			break;
		case OPT_TRUST:
			out->trust = optarg;
			break;
		case OPT_PASSPHRASE_FD:
			r = cli_parse_fd(optarg, &c->passphrase_fd, e);
			if (r)
				return r;
			break;
		case OPT_ROOT:
			c->store.root = optarg;
			break;
		case OPT_RUNROOT:
			c->store.runroot = optarg;
			break;
		case OPT_DRIVER:
			c->store.driver = optarg;
			break;
		case OPT_IMAGESTORE:
			c->store.imagestore = optarg;
			break;
		case OPT_KNOWN_AS:
			c->known_as = optarg;
			break;
		case OPT_USER:
			c->user = optarg;
			break;
		case OPT_HELP:
			out->help = true;
			return 0;
		case ':':
			return err_set(
			    e, ERR_USAGE, "option %s needs a value", argv[optind - 1]);
		default:
			return err_set(e, ERR_USAGE,
			    "no option %s (see layerseal --help)", argv[optind - 1]);
		}
	}
	return 0;
}

/* Where this run's ledger is, and whom it believes. */
static void locate(struct cli *c, const struct globals *given)
{
	const char *trust = given->trust ? given->trust : c->config.trust_file;

	c->ledger_named = given->ledger ||
			  (getenv("LAYERSEAL_LEDGER") && getenv("LAYERSEAL_LEDGER")[0]);
	c->ledger_dir =
	    given->ledger ? xstrdup(given->ledger)
			  : default_path("LAYERSEAL_LEDGER", "/var/lib/layerseal",
				home_path("XDG_DATA_HOME", ".local/share", "layerseal"));
	c->config_dir = geteuid() == 0
			    ? xstrdup("/etc/layerseal")
			    : home_path("XDG_CONFIG_HOME", ".config", "layerseal");
	c->trust_file = trust ? xstrdup(trust) : NULL;
}

static int dispatch(struct cli *c, int argc, char **argv, struct err *e)
{
	struct globals globals = {0};
	const struct command *command;
	int r = parse_globals(c, argc, argv, &globals, e);

	if (r)
		return r;
	if (globals.help) {
		print_help(stdout);
		return fflush(stdout) ? err_sys(e, "standard output") : EXIT_CLEAN;
	}
	if (optind >= argc)
		return err_set(e, ERR_USAGE, "no verb (see layerseal --help)");
	command = find_command(commands, argv[optind], strlen(argv[optind]));
	if (!command)
		return err_set(
		    e, ERR_USAGE, "no verb '%s' (see layerseal --help)", argv[optind]);
	c->config_option = globals.config;
	r = load_config(c, e);
	if (!r)
		r = crypto_init(e);
	if (r)
		return r;
	locate(c, &globals);
	argc -= optind;
	argv += optind;
	optind = 0; /* glibc: start afresh */
	return command->run(c, argc, argv, e);
}

/*
 * What a caller left closed must not become a file of ours, for reports would be printed into it; and
 * who ignores SIGCHLD has children whose end nobody is told of. The place of a closed descriptor is
 * taken by one that can be neither read nor written.
 */
static void mend_inheritance(void)
{
	int fd;

	do
		fd = open("/", O_PATH | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
	signal(SIGCHLD, SIG_DFL);
}

void cli_print_error(const struct err *e)
{
	CLEANUP_FREE char *text = esc_str(e->msg);

	fprintf(stderr, "layerseal: %s\n", text);
}

int main(int argc, char **argv)
{
	struct cli c = {.passphrase_fd = -1};
	struct err e = {0};
	int status;

	mend_inheritance();
	status = dispatch(&c, argc, argv, &e);
	if (status < 0) {
		cli_print_error(&e);
		status = err_exit_status(&e);
	}
	free(c.ledger_dir);
	free(c.config_file);
	free(c.config_dir);
	free(c.trust_file);
	config_release(&c.config);
	return status;
}
