/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runner.h: running podman and buildah on a store, for what only they should do. A helper process,
 * made before anything else happens, starts them: outside the user namespace that a rootless run enters,
 * without threads, and with nothing of the caller's environment.
 *
 * The programs are looked for in fixed directories and must belong to root, writable by nobody else. They
 * get the options of the store, and ids of 64 digits: no name out of a store is ever an argument.
 */
#ifndef STORE_RUNNER_H
#define STORE_RUNNER_H

#include "store/records.h"

enum runner_program { RUN_PODMAN, RUN_BUILDAH };

struct runner;
/* Forks. Without a user to run them for (a user namespace already entered) there is none: *out is NULL. */
MUSTUSE int runner_start(struct runner **out, struct err *e);
void runner_free(struct runner *en); /* NULL is fine */
void runner_free_p(struct runner **en);
#define CLEANUP_RUNNER CLEANUP(runner_free_p)

/*
 * The program that a command line names: a path as it is, a name in the fixed directories, whatever PATH says.
 * Heap; ERR_NOT_FOUND.
 */
MUSTUSE int runner_find(const char *program, char **path, struct err *e);

/* True if the program is installed, and may be trusted. */
bool runner_has(const struct runner *en, enum runner_program p);

/*
 * `podman OPTIONS words... id`, as the user whose store it is: words has a NULL at its end. ERR_STORE with the end of what the program
 * said unless it ends with status 0; it is killed after ten minutes.
 */
MUSTUSE int runner_run(struct runner *en, enum runner_program p,
    const struct store *store, const char *const words[], const char *id, struct err *e);

#endif
