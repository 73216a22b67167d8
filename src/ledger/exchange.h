/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange.h: a new database takes the place of a ledger's old one, in one rename, while others use
 * the ledger. Readers go on: what they have open stays, and who opens anew gets the new one. Writers
 * must not write into what nobody will read again: two locks keep them apart.
 *
 *   the gate, on the directory db     shared while one appends, exclusive while one exchanges
 *   the floor, on db/data.mdb         shared while one may append for a long time (a seal)
 *
 * Locks belong to open descriptors (flock(2)): they end with the process, whatever ends it.
 */
#ifndef LEDGER_EXCHANGE_H
#define LEDGER_EXCHANGE_H

#include "base/err.h"

/* True if db is not the database any more that `dbfd` is. */
bool exchange_happened(int dirfd, int dbfd);
/* ERR_CONFLICT if it is: somebody who heeds no lock may have moved it away, too. */
MUSTUSE int exchange_check(int dirfd, int dbfd, struct err *e);

/*
 * From here on nobody exchanges the database: takes the gate until exchange_let_go(), or the floor
 * until *floor_fd is closed. ERR_CONFLICT: it was exchanged since it was opened. ERR_IO: an exchange
 * has lasted for `wait_s`, or EXCHANGE_PATIENCE_S.
 */
#define EXCHANGE_PATIENCE_S 600
MUSTUSE int exchange_hold_off(int dirfd, int dbfd, unsigned wait_s, struct err *e);
void exchange_let_go(int dbfd);
MUSTUSE int exchange_hold_off_long(int dirfd, int dbfd, int *floor_fd, struct err *e);

/*
 * Nobody writes from here on (there is no *floor_fd if there is no data.mdb), until `dbfd` and *floor_fd are closed. Waits for those who do; ERR_REFUSED
 * after `wait_s` seconds. ERR_CONFLICT as above.
 */
MUSTUSE int exchange_claim(
    int dirfd, int dbfd, unsigned wait_s, int *floor_fd, struct err *e);

/* An empty directory beside db; one that was left behind is removed. For who claimed the old one. */
MUSTUSE int exchange_prepare(int dirfd, int *newfd, struct err *e);
/*
 * It takes the place of db, or becomes it, and what was there is removed. Its files are on the disk
 * already; if this fails, the old database is still there.
 */
MUSTUSE int exchange_finish(int dirfd, int newfd, struct err *e);
/* Removes it, as far as that can be done. */
void exchange_discard(int dirfd);
/* For a writer: removes what an interrupted exchange left behind, if nobody exchanges now. */
void exchange_tidy(int dirfd, int dbfd);

#endif
