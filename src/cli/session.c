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

static int find_store(struct cli *c, struct session *s, struct err *e)
{
	CLEANUP_FREE char *root = NULL;

	if (!c->store.root) {
		if (ledger_find_store(s->ledger, NULL, &s->store_id))
			return 0;
		return err_set(e, ERR_USAGE,
		    "the ledger %s holds no store, or several: name one with --root",
		    c->ledger_dir);
	}
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
		r = check_options(c, &s->config, e);
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
