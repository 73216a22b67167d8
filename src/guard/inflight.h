/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inflight.h: the guarded builds that run now: a directory `builds` in the ledger's, with a file for each,
 * locked (flock) by who made it for as long as it runs. So the file of a build that was killed says nothing.
 *
 * What a build makes is not sealed before its end: while others are in flight, unsealed objects and
 * the names they give prove nothing. That is all that this is for: nothing is believed to be good because
 * of it, and who can write here can do no more than delay a refusal to the end of a build.
 */
#ifndef GUARD_INFLIGHT_H
#define GUARD_INFLIGHT_H

#include <time.h>

#include "ledger/entry.h"

struct inflight;
/* Registers a build of a store, with the names that it will give its result. */
MUSTUSE int inflight_enter(const char *ledger_dir, const struct store_id *store,
    const char *const *names, size_t n, struct inflight **out, struct err *e);
/* It has verified the store, and builds from here on. */
MUSTUSE int inflight_runs(struct inflight *f, struct err *e);
void inflight_leave(struct inflight *f); /* NULL is fine */
void inflight_leave_p(struct inflight **f);
#define CLEANUP_INFLIGHT CLEANUP(inflight_leave_p)

/*
 * For who changes what builds may be making: no other build registers until *out_fd is closed (it waits), and
 * *others run already.
 */
MUSTUSE int inflight_shut(const char *ledger_dir, const struct store_id *store,
    const struct inflight *self, int *out_fd, size_t *others, struct err *e);

/* The other builds of this store at one moment. */
struct inflight_others {
	char **builds; /* a name for each */
	size_t n;
	size_t running; /* of them: those that have verified the store */
	char **names;	/* that they will give */
	size_t n_names;
	struct timespec since; /* when the first of them began; tv_sec 0: there is none */
};
/* `self` may be NULL: then all of them. */
MUSTUSE int inflight_others(const char *ledger_dir, const struct store_id *store,
    const struct inflight *self, struct inflight_others *out, struct err *e);
void inflight_others_release(struct inflight_others *o);
#define CLEANUP_INFLIGHT_OTHERS CLEANUP(inflight_others_release)
bool inflight_gives(const struct inflight_others *o, const char *name);
/* True if one of `before` is still there `now`. */
bool inflight_remain(
    const struct inflight_others *before, const struct inflight_others *now);

#endif
