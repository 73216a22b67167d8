/* SPDX-License-Identifier: Apache-2.0 */
/*
 * err.h: how functions of layerseal fail.
 *
 * A function that can fail returns 0 or a negative enum err_code and takes `struct err *` last.
 * Success never touches it, failure always fills it. Callers add context with err_wrap(). A
 * verdict is never an error code: it is an out-parameter that starts as "unverifiable".
 * Only cli (and later the daemon) print an err. Messages may hold untrusted names: they are
 * escaped (base/esc.h) where they are printed, not where they are made.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/base.h"

enum err_code {
	ERR_USAGE = -1, /* the caller's words are wrong                       -> exit 2 */
	ERR_REFUSED =
	    -2,	     /* asked for something the rules forbid (seal a change) -> exit 1 */
	ERR_IO = -3, /* the system said no: the message carries errno      -> exit 3 */
	ERR_STORE = -4, /* the store cannot be read or is not supported       -> exit 3 */
	ERR_LEDGER =
	    -5, /* missing, damaged, forged, other version, rolled back -> exit 3 */
	ERR_MALFORMED =
	    -6, /* bytes that break their format (the message says which rule) -> 3 */
	ERR_CHANGED =
	    -7, /* changed while it was being read, after retries     -> exit 3 */
	ERR_NOT_FOUND =
	    -8, /* the named object does not exist                    -> exit 3 */
	ERR_CONFLICT =
	    -9, /* somebody else wrote the ledger first: read it again -> exit 3 */
	ERR_INTERNAL =
	    -10, /* a bug in layerseal                                 -> exit 4 */
};

/* Exit status, everywhere (layerseal(1), EXIT STATUS). */
enum exit_status {
	EXIT_CLEAN = 0,
	EXIT_VIOLATED = 1,
	EXIT_USAGE = 2,
	EXIT_UNVERIFIABLE = 3,
	EXIT_INTERNAL = 4,
};

#define ERR_MSG_BYTES 1024

struct err {
	int code;
	char msg[ERR_MSG_BYTES]; /* one line, no newline; cut if longer */
};

/*
 * Each returns `code` (err_sys: ERR_IO), so that `return err_set(...)` reads well. No argument may
 * point into e->msg.
 */
int err_set(struct err *e, enum err_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Appends ": <strerror(errno)>". */
int err_sys(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Puts "context: " in front; returns e->code. */
int err_wrap(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);

enum exit_status err_exit_status(const struct err *e);

#endif
