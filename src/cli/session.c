/* SPDX-License-Identifier: Apache-2.0 */
/* session.c: from the options of a run to an open ledger and an open store. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/esc.h"
#include "cli/cli.h"

static char *copy(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

/* What the ledger remembers, as a configuration. */
static int config_from_entry(
    const struct entry_init *init, struct store_config *out, struct err *e)
{
	*out = (struct store_config){
	    .graphroot = xstrdup(init->graphroot),
	    .runroot = xstrdup(init->runroot),
	    .imagestore = copy(init->imagestore),
	    .additional = xcalloc(init->n_additional, sizeof(char *)),
	    .n_additional = init->n_additional,
	};
	for (size_t i = 0; i < init->n_additional; i++)
		out->additional[i] = xstrdup(init->additional[i]);
	if (!store_driver_parse(init->driver, &out->driver))
		return err_set(
		    e, ERR_LEDGER, "ledger: unknown storage driver %s", init->driver);
	return 0;
}

/* An option that contradicts the ledger would verify another store than the one that is built on. */
static int check_option(
    const char *option, const char *given, const char *remembered, struct err *e)
{
	CLEANUP_FREE char *resolved = given ? realpath(given, NULL) : NULL;

	if (!given ||
	    (remembered && (strcmp(given, remembered) == 0 ||
			       (resolved && strcmp(resolved, remembered) == 0))))
		return 0;
	return err_set(e, ERR_USAGE, "%s %s: the ledger knows this store with %s", option,
	    given, remembered ? remembered : "none");
}

static int check_options(
    const struct cli *c, const struct store_config *known, struct err *e)
{
	int r = check_option("--runroot", c->store.runroot, known->runroot, e);

	if (!r)
		r = check_option("--storage-driver", c->store.driver,
		    store_driver_name(known->driver), e);
	if (!r)
		r = check_option(
		    "--imagestore", c->store.imagestore, known->imagestore, e);
	return r;
}

/* The ledger's paths are those of elsewhere; options name the ones here. */
static int move(const struct cli *c, struct store_config *config, struct err *e)
{
	int r = 0;

	config->known_graphroot = take_ptr(config->graphroot);
	config->known_runroot = xstrdup(config->runroot);
	config->graphroot = realpath(c->store.root, NULL);
	if (!config->graphroot)
		return err_set(
		    e, ERR_STORE, "store %s: %s", c->store.root, strerror(errno));
	if (c->store.runroot) {
		free(take_ptr(config->runroot));
		r = cli_absolute_path(c->store.runroot, &config->runroot, e);
	}
	if (!r && config->imagestore && c->store.imagestore) {
		free(take_ptr(config->imagestore));
		r = cli_absolute_path(c->store.imagestore, &config->imagestore, e);
	}
	return r;
}

/* With --known-as, if that is the ledger's name for it; else only podman's database may use it. */
static int settle_paths(const struct cli *c, struct store_config *config, struct err *e)
{
	if (!c->known_as)
		return check_options(c, config, e);
	if (strcmp(config->graphroot, c->known_as) == 0)
		return move(c, config, e);
	config->known_graphroot = xstrdup(c->known_as);
	return check_options(c, config, e);
}

/* Without --root. */
static int find_only_store(const struct cli *c, struct session *s, struct err *e)
{
	if (c->user ? ledger_find_user_store(s->ledger, c->user, &s->store_id)
		    : ledger_find_store(s->ledger, NULL, &s->store_id))
		return 0;
	if (c->user)
		return err_set(e, ERR_USAGE,
		    "the ledger %s holds no store of user %s, or several: name one with "
		    "--root",
		    c->ledger_dir, c->user);
	return err_set(e, ERR_USAGE,
	    "the ledger %s holds no store, or several: name one with --root, or --user",
	    c->ledger_dir);
}

static int find_store(struct cli *c, struct session *s, struct err *e)
{
	CLEANUP_FREE char *root = NULL;

	if (c->known_as && !c->store.root)
		return err_set(e, ERR_USAGE,
		    "--known-as needs --root, which says where the store is here");
	if (!c->store.root)
		return find_only_store(c, s, e);
	if (c->known_as && ledger_find_store(s->ledger, c->known_as, &s->store_id))
		return 0;
	root = realpath(c->store.root, NULL);
	if (!root)
		return err_set(
		    e, ERR_STORE, "store %s: %s", c->store.root, strerror(errno));
	if (ledger_find_store(s->ledger, root, &s->store_id))
		return 0;
	return err_set(e, ERR_LEDGER,
	    "store %s is not in the ledger %s: run layerseal init, then layerseal seal",
	    root, c->ledger_dir);
}

int cli_trust_file(const struct cli *c, char **out, struct err *e)
{
	if (!c->trust_file)
		return trust_default_path(c->config_dir, c->ledger_dir, out, e);
	*out = xstrdup(c->trust_file);
	return 0;
}

/* What the policy lets pass is said all the same: a verdict rests on less than it seems to. */
static void warn_of_anchors(const struct ledger *l)
{
	for (size_t i = 0; i < anchors_count(ledger_anchors(l)); i++) {
		struct anchor_report report;

		anchors_report(ledger_anchors(l), i, &report);
		if (report.why[0]) {
			CLEANUP_FREE char *name = esc_str(report.name);
			CLEANUP_FREE char *why = esc_str(report.why);

			fprintf(stderr, "layerseal: warning: anchor %s is %s: %s\n", name,
			    anchor_state_name(report.state), why);
		}
	}
}

int cli_load_trust(const struct cli *c, struct trust *out, struct err *e)
{
	CLEANUP_FREE char *trust_file = NULL;
	int r = cli_trust_file(c, &trust_file, e);

	if (!r)
		r = trust_load(trust_file, out, e);
	if (r == ERR_NOT_FOUND && trust_file)
		return err_set(e, ERR_LEDGER,
		    "ledger %s: trust file %s does not exist (layerseal key trust makes "
		    "it)",
		    c->ledger_dir, trust_file);
	return r;
}

int cli_anchor_settings(const struct cli *c, struct anchor_settings *out, struct err *e)
{
	CLEANUP_FREE char *trust_file = NULL;
	int r = cli_trust_file(c, &trust_file, e);

	*out = c->config.anchors;
	return r ? r : anchor_settings_pin(out, trust_file, e);
}

int cli_open_ledger_as(
    const struct cli *c, struct ledger_options o, struct ledger **out, struct err *e)
{
	struct trust trust;
	struct signer_source key = cli_signer_source(c);
	struct anchor_settings anchors;
	int r = ledger_exists(c->ledger_dir, e);

	o.dir = c->ledger_dir;
	o.trust = &trust;
	o.key = &key;
	o.anchors = &anchors;
	*out = NULL;
	if (!r)
		r = cli_anchor_settings(c, &anchors, e);
	if (!r)
		r = cli_load_trust(c, &trust, e);
	if (!r)
		r = ledger_open(&o, out, e);
	if (!r && o.anchoring != LEDGER_ANCHORS_LEFT)
		warn_of_anchors(*out);
	return r;
}

int cli_open_ledger(const struct cli *c, enum ledger_mode mode, bool whole,
    struct ledger **out, struct err *e)
{
	return cli_open_ledger_as(
	    c, (struct ledger_options){.mode = mode, .whole = whole}, out, e);
}

/* A container of the user sees the ids that the ledger means without any help. */
static bool is_in_namespace_of(const struct entry_init *init)
{
	struct idmap uids, gids;
	CLEANUP_FREE char *u = NULL;
	CLEANUP_FREE char *g = NULL;

	if (!idmap_of_namespace("/proc/self/uid_map", &uids) ||
	    !idmap_of_namespace("/proc/self/gid_map", &gids))
		return false;
	u = idmap_text(&uids);
	g = idmap_text(&gids);
	return strcmp(u, init->uids) == 0 && strcmp(g, init->gids) == 0;
}

static int check_ids(const char *what, const struct account *a, const struct idmap *now,
    const char *then, struct err *e)
{
	CLEANUP_FREE char *text = idmap_text(now);

	if (strcmp(text, then) == 0)
		return 0;
	return err_set(e, ERR_STORE,
	    "the %s of user %s's containers are %s (/etc/passwd, /etc/sub%.3s), and were "
	    "%s when the store was entered in the ledger: its files would seem to belong "
	    "to others. Put them back, or enter it once more: layerseal --user %s init",
	    what, a->name, text, what, then, a->name);
}

/* Whose store it is, if root looks after it for somebody. */
static int take_account(const struct cli *c, const struct entry_init *init,
    struct store_config *config, struct err *e)
{
	struct account *a;
	int r;

	if (c->user && (!init->user || strcmp(c->user, init->user) != 0))
		return err_set(e, ERR_USAGE,
		    "--user %s: the ledger knows store %s as that of %s", c->user,
		    init->graphroot, init->user ? init->user : "the ledger's owner");
	if (!init->user || is_in_namespace_of(init))
		return 0;
	r = account_find(init->user, &config->account, e);
	if (r)
		return r;
	a = config->account;
	r = check_ids("uids", a, &a->uids, init->uids, e);
	return r ? r : check_ids("gids", a, &a->gids, init->gids, e);
}

int cli_discover(const struct cli *c, const struct store_options *options,
    bool engine_conf, struct store_config *out, struct err *e)
{
	struct account *account;
	int r = c->user ? account_find(c->user, &account, e) : userns_enter(c, e);

	if (r)
		return r;
	return c->user ? store_discover_for(account, options, engine_conf, out, e)
		       : store_discover(options, out, e);
}

int session_open_ledger(
    struct cli *c, enum ledger_mode mode, struct session *s, struct err *e)
{
	int r;

	*s = (struct session){.store.runroot_fd = -1};
	r = userns_enter(c, e);
	if (!r)
		r = cli_open_ledger(c, mode, false, &s->ledger, e);
	if (!r)
		r = find_store(c, s, e);
	if (!r)
		r = config_from_entry(
		    ledger_store(s->ledger, &s->store_id), &s->config, e);
	if (!r)
		r = settle_paths(c, &s->config, e);
	if (!r)
		r = take_account(c, ledger_store(s->ledger, &s->store_id), &s->config, e);
	if (r)
		session_close(s);
	return r;
}

int session_open(struct cli *c, enum ledger_mode mode, struct session *s, struct err *e)
{
	int r = session_open_ledger(c, mode, s, e);

	if (r)
		return r;
	r = store_open(&s->config, &s->store, e);
	if (r) {
		session_close(s);
		return r;
	}
	s->store.whiteout_files = c->config.whiteout_files;
	s->guard = (struct guard){
	    .ledger = s->ledger,
	    .ledger_dir = c->ledger_dir,
	    .store_id = s->store_id,
	    .store = &s->store,
	    .policy = &c->config.policy,
	    .progress = &c->progress,
	    .threads = c->config.threads,
	};
	return 0;
}

int session_maintain(struct session *s, struct err *e)
{
	int r = ledger_maintain(s->ledger, e);

	return r == ERR_CONFLICT || r == ERR_IO || r == ERR_REFUSED ? 0 : r;
}

void session_close(struct session *s)
{
	store_release(&s->store);
	store_config_release(&s->config);
	ledger_close(s->ledger);
	*s = (struct session){.store.runroot_fd = -1};
}
