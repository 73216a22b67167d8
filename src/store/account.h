/* SPDX-License-Identifier: Apache-2.0 */
/*
 * account.h: another user, whose store root looks after: who that is, and how a process becomes that user.
 */
#ifndef STORE_ACCOUNT_H
#define STORE_ACCOUNT_H

#include "store/idmap.h"

struct account {
	char *name, *home;
	uid_t uid;
	gid_t gid;
	struct idmap uids, gids; /* of the containers, now */
};

/*
 * The user in the user database; for root in the first user namespace only. ERR_USAGE: there is no such user,
 * or it is root, or this is not root.
 */
MUSTUSE int account_find(const char *name, struct account **out, struct err *e);
void account_free(struct account *a); /* NULL is fine */
void account_free_p(struct account **a);
#define CLEANUP_ACCOUNT CLEANUP(account_free_p)

/*
 * The environment of this process becomes the one that programs of the user (NULL: of this process's own
 * user) need, and nothing of what it was: PATH, HOME, LC_ALL, and XDG_RUNTIME_DIR if that directory is there.
 */
void account_environment(const struct account *a);

/*
 * For a process that is about to run what belongs to the user, between fork() and exec or its end: all ids and
 * groups, a session without a terminal, the environment, "/", and nobody's umask. From then on the user can
 * stop and kill it, and not look into it unless it runs another program. False: it must end.
 */
MUSTUSE bool account_become(const struct account *a);
/* The same in the working directory of the caller, which arguments name files from. */
MUSTUSE bool account_become_here(const struct account *a);

#endif
