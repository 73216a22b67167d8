/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_init.c: `layerseal init`: makes the ledger if there is none, enters the store in it. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/esc.h"
#include "base/hex.h"
#include "cli/cli.h"

/* `choice`: which of an agent's keys; NULL if nobody has said. */
static int create(const struct cli *c, const struct public_key *choice,
    struct ledger **out, struct err *e)
{
	char name[CLI_FRESH_NAME_BYTES];
	CLEANUP_FREE char *trust_file = NULL;
	struct signer_source key = cli_signer_source(c);
	struct anchor_settings anchors;
	struct ledger_creation creation = {.dir = c->ledger_dir,
	    .key = &key,
	    .request = {.name = name, .choice = choice},
	    .anchors = &anchors};
	int r = cli_trust_file(c, &trust_file, e);

	if (!r)
		r = cli_anchor_settings(c, &anchors, e);
	cli_fresh_name(name);
	creation.trust_file = trust_file;
	return r ? r : ledger_create(&creation, out, e);
}

static int open_or_create(const struct cli *c, const struct public_key *choice,
    struct ledger **out, bool *made, struct err *e)
{
	const struct ledger_options how = {
	    .mode = LEDGER_MAY_WRITE, .anchoring = LEDGER_ANCHORS_BEGUN};
	struct err why;
	int r = cli_open_ledger_as(c, how, out, e);

	*made = r == ERR_NOT_FOUND;
	if (*made)
		r = create(c, choice, out, e);
	/* Perhaps another init was quicker. */
	if (*made && r == ERR_REFUSED && cli_open_ledger_as(c, how, out, &why) == 0) {
		*made = false;
		r = 0;
	}
	return r;
}

/* Only now the key is needed, if it has to be unlocked. */
static int open_to_write(const struct cli *c, struct ledger **l, struct err *e)
{
	if (ledger_writable(*l))
		return 0;
	ledger_close_p(l);
	return cli_open_ledger(c, LEDGER_WRITE, false, l, e);
}

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool describes(const struct entry_init *known, const struct store_config *config)
{
	if (!same(known->runroot, config->runroot) ||
	    !same(known->driver, store_driver_name(config->driver)) ||
	    !same(known->imagestore, config->imagestore) ||
	    known->n_additional != config->n_additional)
		return false;
	for (size_t i = 0; i < config->n_additional; i++) {
		if (!same(known->additional[i], config->additional[i]))
			return false;
	}
	return same(known->user, config->account ? config->account->name : NULL);
}

/* The user's ranges of ids may have been changed, and with them the owners of all files. */
static bool has_same_ids(
    const struct entry_init *known, const struct store_config *config)
{
	CLEANUP_FREE char *uids = NULL;
	CLEANUP_FREE char *gids = NULL;

	if (!config->account)
		return true;
	uids = idmap_text(&config->account->uids);
	gids = idmap_text(&config->account->gids);
	return same(known->uids, uids) && same(known->gids, gids);
}

static char *writable(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

static void set_account(struct entry_init *init, const struct account *a)
{
	init->user = xstrdup(a->name);
	init->uids = idmap_text(&a->uids);
	init->gids = idmap_text(&a->gids);
}

/* `again`: the id that the store has already, or NULL. */
static int enter_store(struct ledger *l, const struct store_id *again,
    const struct store_config *config, struct err *e)
{
	struct entry en = {.op = ENTRY_INIT, .time = time(NULL)};
	int r;

	crypto_random(en.store.bytes, sizeof(en.store.bytes));
	if (again)
		en.store = *again;
	if (config->account)
		set_account(&en.init, config->account);
	en.init.graphroot = xstrdup(config->graphroot);
	en.init.runroot = xstrdup(config->runroot);
	en.init.driver = xstrdup(store_driver_name(config->driver));
	en.init.imagestore = writable(config->imagestore);
	if (ledger_statprint_key(l))
		sha256(ledger_statprint_key(l)->secret, XXH_KEY_BYTES,
		    &en.init.statprint_key);
	en.init.additional = xcalloc(config->n_additional, sizeof(char *));
	en.init.n_additional = config->n_additional;
	for (size_t i = 0; i < config->n_additional; i++)
		en.init.additional[i] = xstrdup(config->additional[i]);
	r = ledger_append(l, &en, 1, e);
	entry_release(&en);
	return r;
}

/* Somebody else may append in between. */
#define ENTER_TRIES 8

static int enter_if_unknown(const struct cli *c, struct ledger **l,
    const struct store_config *config, bool *entered, struct err *e)
{
	struct store_id id;
	bool known = ledger_find_store(*l, config->graphroot, &id);
	int r;

	*entered = !known || !has_same_ids(ledger_store(*l, &id), config);
	if (!known || describes(ledger_store(*l, &id), config)) {
		r = *entered ? open_to_write(c, l, e) : 0;
		return r || !*entered ? r
				      : enter_store(*l, known ? &id : NULL, config, e);
	}
	return err_set(e, ERR_REFUSED,
	    "store %s is in the ledger with other settings (layerseal status shows them)",
	    config->graphroot);
}

static int print_outcome(const struct cli *c, const struct ledger *l,
    const struct store_config *config, bool made, bool entered, struct err *e)
{
	CLEANUP_FREE char *dir = esc_str(c->ledger_dir);
	CLEANUP_FREE char *root = esc_str(config->graphroot);
	CLEANUP_FREE char *file = NULL, *trust = NULL;
	int r = cli_trust_file(c, &file, e);

	if (r)
		return r;
	trust = esc_str(file);
	if (made)
		printf("made ledger %s\n  key    %s\n  trust  %s\n", dir,
		    ledger_public_key(l)->name, trust);
	printf("%s store %s (%s)\n", entered ? "entered" : "already in the ledger:", root,
	    store_driver_name(config->driver));
	if (entered)
		printf("next: layerseal seal --all, after a build that you trust\n");
	return fflush(stdout) ? err_sys(e, "standard output") : EXIT_CLEAN;
}

static int parse_options(int argc, char **argv, struct public_key *choice,
    const struct public_key **chosen, struct err *e)
{
	static const struct option options[] = {
	    {"key", required_argument, NULL, 'k'}, {0}};
	int option;

	while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (option != 'k')
			return cli_usage_error(e, "init",
			    option == ':' ? "--key needs a value"
					  : "an option that init does not have");
		if (public_key_parse(optarg, choice, e)) {
			err_wrap(e, "--key");
			return e->code = ERR_USAGE;
		}
		*chosen = choice;
	}
	return optind < argc ? cli_usage_error(e, "init", "init takes no arguments") : 0;
}

int cmd_init(struct cli *c, int argc, char **argv, struct err *e)
{
	CLEANUP_STORE_CONFIG struct store_config config = {0};
	CLEANUP_STORE struct store store = {.runroot_fd = -1};
	CLEANUP_LEDGER struct ledger *ledger = NULL;
	const struct public_key *chosen = NULL;
	struct public_key choice;
	bool made, entered;
	int r = parse_options(argc, argv, &choice, &chosen, e);

	if (!r && c->known_as)
		r = err_set(e, ERR_USAGE,
		    "init enters a store under its path here: without --known-as");
	if (!r)
		r = cli_discover(c, &c->store, false, &config, e);
	if (!r)
		r = store_open(&config, &store, e);
	if (!r)
		r = open_or_create(c, chosen, &ledger, &made, e);
	if (r)
		return r;
	r = enter_if_unknown(c, &ledger, &config, &entered, e);
	for (int try = 1; r == ERR_CONFLICT && try < ENTER_TRIES; try++) {
		r = ledger_reload(ledger, e);
		if (!r)
			r = enter_if_unknown(c, &ledger, &config, &entered, e);
	}
	return r ? r : print_outcome(c, ledger, &config, made, entered, e);
}
