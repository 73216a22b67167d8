/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_init.c: `layerseal init`: makes the ledger if there is none, enters the store in it. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/esc.h"
#include "base/hex.h"
#include "cli/cli.h"

static int open_or_create(struct cli *c, struct ledger **out, bool *made, struct err *e)
{
	char origin[sizeof("layerseal/") + 32] = "layerseal/";
	uint8_t id[16];
	int r = ledger_open(c->ledger_dir, LEDGER_WRITE, out, e);

	*made = r == ERR_NOT_FOUND;
	if (r != ERR_NOT_FOUND)
		return r;
	crypto_random(id, sizeof(id));
	hex_encode(origin + strlen(origin), id, sizeof(id));
	r = ledger_create(c->ledger_dir, origin, e);
	return r ? r : ledger_open(c->ledger_dir, LEDGER_WRITE, out, e);
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
	return true;
}

static char *writable(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

static int enter_store(struct ledger *l, const struct store_config *config,
    struct store_id *id, struct err *e)
{
	struct entry en = {.op = ENTRY_INIT, .time = time(NULL)};
	int r;

	crypto_random(id->bytes, sizeof(id->bytes));
	en.store = *id;
	en.init.graphroot = xstrdup(config->graphroot);
	en.init.runroot = xstrdup(config->runroot);
	en.init.driver = xstrdup(store_driver_name(config->driver));
	en.init.imagestore = writable(config->imagestore);
	en.init.additional = xcalloc(config->n_additional, sizeof(char *));
	en.init.n_additional = config->n_additional;
	for (size_t i = 0; i < config->n_additional; i++)
		en.init.additional[i] = xstrdup(config->additional[i]);
	r = ledger_append(l, &en, 1, e);
	entry_release(&en);
	return r;
}

static void print_outcome(struct cli *c, struct ledger *l,
    const struct store_config *config, bool made, bool entered)
{
	CLEANUP_FREE char *dir = esc_str(c->ledger_dir);
	CLEANUP_FREE char *root = esc_str(config->graphroot);

	if (made)
		printf("made ledger %s\n  key    %s\n", dir, ledger_public_key(l)->name);
	printf("%s store %s (%s)\n", entered ? "entered" : "already in the ledger:", root,
	    store_driver_name(config->driver));
	if (entered)
		printf("next: layerseal seal --all, after a build that you trust\n");
}

int cmd_init(struct cli *c, int argc, char **argv, struct err *e)
{
	CLEANUP_STORE_CONFIG struct store_config config = {0};
	CLEANUP_STORE struct store store = {.runroot_fd = -1};
	CLEANUP_LEDGER struct ledger *ledger = NULL;
	struct store_id id;
	bool made, known;
	int r;

	(void)argv;
	if (argc > 1)
		return cli_usage_error(e, "init", "init takes no arguments");
	r = userns_enter(e);
	if (!r)
		r = store_discover(&c->store, &config, e);
	if (!r)
		r = store_open(&config, &store, e);
	if (!r)
		r = open_or_create(c, &ledger, &made, e);
	if (r)
		return r;
	known = ledger_find_store(ledger, config.graphroot, &id);
	if (known && !describes(ledger_store(ledger, &id), &config))
		return err_set(e, ERR_REFUSED,
		    "store %s is in the ledger with other settings (layerseal status "
		    "shows them)",
		    config.graphroot);
	if (!known)
		r = enter_store(ledger, &config, &id, e);
	if (r)
		return r;
	print_outcome(c, ledger, &config, made, !known);
	return fflush(stdout) ? err_sys(e, "standard output") : EXIT_CLEAN;
}
