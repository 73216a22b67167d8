/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli.h: what the commands share: the global options, the open ledger and store of one run, and the
 * rule for endings: a command returns an exit status (>= 0), or a negative error code with *e filled
 * that main() prints once.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/fs.h"
#include "guard/config.h"
#include "guard/guard.h"

struct cli {
	char *ledger_dir;
	bool ledger_named;	    /* with --ledger or in the environment */
	char *config_file;	    /* where the settings are from, or NULL */
	bool config_named;	    /* as ledger_named */
	const char *config_option;  /* --config, or NULL */
	char *config_dir;	    /* where trust files are by default */
	char *trust_file;	    /* NULL: the default for this ledger */
	struct store_options store; /* --root and its kin */
	const char *known_as; /* --known-as: what the ledger calls --root; or NULL */
	const char *user;     /* --user: whose store; NULL: as the ledger says */
	struct config config;
	struct progress progress;
	int passphrase_fd; /* --passphrase-fd, or -1 */
};

struct command {
	const char *name;
	int (*run)(struct cli *c, int argc, char **argv, struct err *e);
	const char *usage;   /* what follows the verb */
	const char *summary; /* one line */
	const struct command
	    *below; /* of a verb that has verbs of its own: ends without a name */
};

/* Runs the command of `verb` below that argv[1] names, with that as its argv[0]. */
MUSTUSE int cli_run_below(
    struct cli *c, const char *verb, int argc, char **argv, struct err *e);

extern const struct command key_commands[], ledger_commands[], hook_commands[];

int cmd_init(struct cli *c, int argc, char **argv, struct err *e);
int cmd_seal(struct cli *c, int argc, char **argv, struct err *e);
int cmd_verify(struct cli *c, int argc, char **argv, struct err *e);
int cmd_build(struct cli *c, int argc, char **argv, struct err *e);
int cmd_purge(struct cli *c, int argc, char **argv, struct err *e);
int cmd_watch(struct cli *c, int argc, char **argv, struct err *e);
int cmd_revoke(struct cli *c, int argc, char **argv, struct err *e);
int cmd_status(struct cli *c, int argc, char **argv, struct err *e);
int cmd_log(struct cli *c, int argc, char **argv, struct err *e);
int cmd_show(struct cli *c, int argc, char **argv, struct err *e);
int cmd_manifest(struct cli *c, int argc, char **argv, struct err *e);
int cmd_store(struct cli *c, int argc, char **argv, struct err *e);
int cmd_key(struct cli *c, int argc, char **argv, struct err *e);
int cmd_ledger(struct cli *c, int argc, char **argv, struct err *e);
int cmd_hook(struct cli *c, int argc, char **argv, struct err *e);
int cmd_version(struct cli *c, int argc, char **argv, struct err *e);

int ledger_anchor(struct cli *c, int argc, char **argv, struct err *e);
int ledger_check(struct cli *c, int argc, char **argv, struct err *e);
int ledger_export(struct cli *c, int argc, char **argv, struct err *e);
int ledger_proof(struct cli *c, int argc, char **argv, struct err *e);
int ledger_check_proof(struct cli *c, int argc, char **argv, struct err *e);
int ledger_backup(struct cli *c, int argc, char **argv, struct err *e);
int ledger_restore(struct cli *c, int argc, char **argv, struct err *e);
int ledger_compact(struct cli *c, int argc, char **argv, struct err *e);
int ledger_consistency(struct cli *c, int argc, char **argv, struct err *e);

int key_generate(struct cli *c, int argc, char **argv, struct err *e);
int key_show(struct cli *c, int argc, char **argv, struct err *e);
int key_rotate(struct cli *c, int argc, char **argv, struct err *e);
int key_retire(struct cli *c, int argc, char **argv, struct err *e);
int key_trust(struct cli *c, int argc, char **argv, struct err *e);
int key_distrust(struct cli *c, int argc, char **argv, struct err *e);
int key_attestation(struct cli *c, int argc, char **argv, struct err *e);
int ledger_attest(struct cli *c, int argc, char **argv, struct err *e);

int hook_install(struct cli *c, int argc, char **argv, struct err *e);
int hook_remove(struct cli *c, int argc, char **argv, struct err *e);
int hook_status(struct cli *c, int argc, char **argv, struct err *e);
int hook_check(struct cli *c, int argc, char **argv, struct err *e);
int hook_mount(struct cli *c, int argc, char **argv, struct err *e);
int hook_explain(struct cli *c, int argc, char **argv, struct err *e);

/*
 * The secret key that [key] of the configuration and --passphrase-fd mean, borrowed from `c`. A file
 * of the ledger starts at its directory: whoever has that open puts it in.
 */
struct signer_source cli_signer_source(const struct cli *c);
/* Asks at /dev/tty: a passphrase_ask_fn. */
int terminal_ask_passphrase(const char *what, bool fresh, struct buf *out, struct err *e);
/* The value of --passphrase-fd, an open descriptor. */
MUSTUSE int cli_parse_fd(const char *text, int *out, struct err *e);
/* A file that an argument names, from the root directory on; heap. */
MUSTUSE int cli_absolute_path(const char *path, char **out, struct err *e);
/* "layerseal/" and 32 random digits. */
#define CLI_FRESH_NAME_BYTES (sizeof("layerseal/") + 32)
void cli_fresh_name(char out[static CLI_FRESH_NAME_BYTES]);
/* Where the trust file of this run's ledger is; a fresh string. */
MUSTUSE int cli_trust_file(const struct cli *c, char **out, struct err *e);
/* What is in it. ERR_LEDGER if there is none. */
MUSTUSE int cli_load_trust(const struct cli *c, struct trust *out, struct err *e);
/* The anchors of the configuration, and the pin beside the trust file. */
MUSTUSE int cli_anchor_settings(
    const struct cli *c, struct anchor_settings *out, struct err *e);
/* Opens the ledger; `whole`: with every entry read (struct ledger_options). */
MUSTUSE int cli_open_ledger(const struct cli *c, enum ledger_mode mode, bool whole,
    struct ledger **out, struct err *e);

/* The same with more to say: mode, whole and anchoring count, and all else is filled in. */
MUSTUSE int cli_open_ledger_as(
    const struct cli *c, struct ledger_options o, struct ledger **out, struct err *e);

/* Ledger, store and guard of one run. */
struct session {
	struct ledger *ledger;
	struct store_id store_id;
	struct store_config config;
	struct store store;
	struct guard guard;
};

/* Opens the ledger and finds in it the store that the options mean; does not touch the store. */
MUSTUSE int session_open_ledger(
    struct cli *c, enum ledger_mode mode, struct session *s, struct err *e);
/* And opens the store. */
MUSTUSE int session_open(
    struct cli *c, enum ledger_mode mode, struct session *s, struct err *e);
/*
 * Where an engine with this environment makes cache mounts: $TMPDIR, else /var/tmp (`everywhere`: both), and what
 * containers.conf says. CLEANUP_NAMES.
 */
void cli_cache_dirs(bool everywhere, struct fs_names *out);

/*
 * At the end of a run that appended: ledger_maintain(). That somebody else appended meanwhile, or that
 * there is no space for it, is no failure of the run: the next one does it.
 */
MUSTUSE int session_maintain(struct session *s, struct err *e);
void session_close(struct session *s);
#define CLEANUP_SESSION CLEANUP(session_close)

/*
 * For a user other than root: enters the user namespace in which podman keeps that user's store
 * (newuidmap, newgidmap, /etc/subuid, /etc/subgid), so that ids read as the containers see them and
 * files of subordinate ids can be read. A no-op for root.
 * What decides about trust may be root's, who is nobody in there: that is looked at before.
 */
MUSTUSE int userns_enter(const struct cli *c, struct err *e);

/*
 * The store that options, files and environment mean: this user's own, then inside the user namespace, or with
 * --user that of the user (store_discover_for()).
 */
MUSTUSE int cli_discover(const struct cli *c, const struct store_options *options,
    bool engine_conf, struct store_config *out, struct err *e);

/* Reads the settings again; what it was is kept if they cannot be read. */
MUSTUSE int cli_reload_config(struct cli *c, struct err *e);

/* On standard error. For what does not end the run; main() does it with an error that a command returns. */
void cli_print_error(const struct err *e);

/* Refuses options and arguments a command does not have; *e names them. `verb`: "seal", "key show". */
int cli_usage_error(struct err *e, const char *verb, const char *what);

/* A progress line on a terminal's standard error while `work` runs; nothing elsewhere. */
void progress_start(struct progress *p, const char *doing);
void progress_stop(void);

#endif
