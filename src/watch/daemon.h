/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon.h: the main thread of `layerseal watch`: reads the source before its queue is full, serves the control socket,
 * takes signals, notices that it did not run for a while. Measuring is the watcher's thread's.
 */
#ifndef WATCH_DAEMON_H
#define WATCH_DAEMON_H

#include "watch/watcher.h"

enum daemon_end {
	DAEMON_END,    /* SIGTERM, SIGINT */
	DAEMON_RELOAD, /* SIGHUP */
	DAEMON_LOST,   /* ledger or store have to be opened anew */
};

struct daemon;
/*
 * Before any thread is started: from here on SIGTERM, SIGINT and SIGHUP are for daemon_run(). `socket`: of control_open(), or
 * NULL: none; it stays open over reloads.
 */
MUSTUSE int daemon_open(const char *socket, struct daemon **out, struct err *e);
void daemon_free(struct daemon *d); /* NULL is fine */

/* Watches until one of the ends; with DAEMON_LOST *why says what happened. */
MUSTUSE int daemon_run(struct daemon *d, const struct watcher_options *o,
    enum daemon_end *end, struct err *why, struct err *e);
/* With nothing to watch: clients are told to look for themselves. DAEMON_LOST: the time is over. */
MUSTUSE int daemon_wait(
    struct daemon *d, unsigned seconds, enum daemon_end *end, struct err *e);

#endif
