/* SPDX-License-Identifier: Apache-2.0 */
/* engine_store.c: see engine_store.h. */
#include "cli/engine_store.h"

#include <limits.h>
#include <string.h>

#include "store/engineconf.h"

int engine_store_is_clear(
    const struct cli *c, const struct engine_command *k, struct err *e)
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
	/* Those of another user are looked at by store_discover_for(). */
	if (c->user)
		return 0;
	r = engine_environment_check(e);
	return r ? r : engine_conf_check(e);
}

const char *engine_remote_by(enum engine engine, const struct engine_command *k)
{
	if (engine != ENGINE_PODMAN || k->remote)
		return k->remote;
	if (!k->local && getenv("CONTAINER_HOST"))
		return "CONTAINER_HOST";
	if (!k->local && getenv("CONTAINER_CONNECTION"))
		return "CONTAINER_CONNECTION";
	return NULL;
}

int engine_store_discover(const struct cli *c, enum engine engine,
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

	return cli_discover(c, &options, true, out, e);
}

static bool is_same_path(const char *a, const char *b)
{
	CLEANUP_FREE char *real_a = a ? realpath(a, NULL) : NULL;
	CLEANUP_FREE char *real_b = b ? realpath(b, NULL) : NULL;

	if (!a || !b)
		return a == b;
	return strcmp(a, b) == 0 || (real_a && real_b && strcmp(real_a, real_b) == 0);
}

int engine_store_compare(
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
