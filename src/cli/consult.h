/* SPDX-License-Identifier: Apache-2.0 */
/*
 * consult.h: a verdict of the watcher (watch/client.h) instead of a look of one's own: as cheap for a large store as for a
 * small one, for neither ledger nor store are opened. It stands for the verification of a whole store at level stat, and
 * for nothing else. Without a verdict the caller looks for himself: nothing here is ever a reason to fail.
 */
#ifndef CLI_CONSULT_H
#define CLI_CONSULT_H

#include "base/jsonout.h"
#include "cli/cli.h"
#include "watch/protocol.h"

struct consultation {
	int fd; /* connected; -1: there is nobody to be asked */
	/* Somebody listens who is not to be believed. */
	bool suspect;
	struct answer answer; /* ANSWER_KNOWN: clean or violated */
	char *why;	      /* there is a watcher, and it has no verdict; else NULL */
};

/* Where the watcher of this ledger listens; a fresh string. NULL: the settings say that there is none, or there is no ledger. */
char *consult_socket(const struct cli *c, uid_t *ledger_owner);

/*
 * Looks whether there is a watcher for this ledger, and whether to believe it. Before the user namespace of a rootless
 * store is entered.
 */
void consult_open(const struct cli *c, struct consultation *out);
void consult_close(struct consultation *t);
#define CLEANUP_CONSULTATION CLEANUP(consult_close)

/*
 * True with a verdict. `store`: as an engine is about to use it; NULL: the one of c->store.root, as the ledger knows it.
 * `cache_dirs`: where the next build keeps cache mounts, none: where it usually does.
 */
bool consult(const struct cli *c, struct consultation *t,
    const struct store_config *store, const struct fs_names *cache_dirs);

/* What this run goes by and means, in a request that has nothing but its verb and its time; `store` as above. */
MUSTUSE int consult_describe(const struct cli *c, const struct store_config *store,
    const struct fs_names *cache_dirs, struct request *out, struct err *e);

/* On standard error: why the caller looks for himself, if there is a watcher; `suspicion`: only who is not believed. */
void consult_explain(const struct consultation *t, bool suspicion);
/* "by the watcher (fanotify), last whole pass 3 min ago"; heap. */
char *consult_words(const struct answer *a);
/* Member "watcher" of an open object: null, if there is none. */
void consult_json(struct jsonout *j, const struct consultation *t);

#endif
