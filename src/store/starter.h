/* SPDX-License-Identifier: Apache-2.0 */
/*
 * starter.h: running the engine of a guarded build as if the caller had started it: with its terminal,
 * standard input and error, environment and signals. Only standard output comes through a pipe.
 *
 * A helper process does it, made before this process has threads or enters a user namespace. If this
 * process dies, however it dies, the engine is told to end.
 */
#ifndef STORE_STARTER_H
#define STORE_STARTER_H

#include <sys/types.h>

#include "base/err.h"

struct starter;
/* Forks. */
MUSTUSE int starter_new(struct starter **out, struct err *e);
/* Kills what still runs. NULL is fine. */
void starter_free(struct starter *s);
void starter_free_p(struct starter **s);
#define CLEANUP_STARTER CLEANUP(starter_free_p)

struct starting {
	const char *path;	 /* of the program */
	const char *const *argv; /* ends in NULL */
	const char *const
	    *unset; /* names of variables that it does not get; ends in NULL */
	/* It runs as this user, with the environment of a login, apart from the terminal; NULL: as who calls. */
	const char *user;
	bool all_output; /* its standard error comes through the pipe, too */
};
/* Once. *pid stays its own until starter_free(). ERR_IO if it cannot be run, with the reason. */
MUSTUSE int starter_start(
    struct starter *s, const struct starting *what, pid_t *pid, struct err *e);
/* The same in two parts: to run a program takes a moment. The answer may be waited for in another thread. */
MUSTUSE int starter_ask(struct starter *s, const struct starting *what, struct err *e);
MUSTUSE int starter_answer(
    struct starter *s, const struct starting *what, pid_t *pid, struct err *e);

/* The reading end of its standard output: non-blocking, at its end when nobody has it any more. */
int starter_output(const struct starter *s);
/* Readable once the engine has ended. */
int starter_end(const struct starter *s);
/* After that: its status as of waitpid(). */
MUSTUSE int starter_status(struct starter *s, int *status, struct err *e);

#endif
