/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lock.h: containers/storage's lock files, as open-file-description locks (they interoperate with its
 * POSIX locks). Who reads is never in podman's way: read locks, never blocking, held for milliseconds
 * while records are read; lock files are not created or written then, and one that is missing locks
 * nothing. Only a purge takes write locks, to repair records.
 */
#ifndef STORE_LOCK_H
#define STORE_LOCK_H

#include <time.h>

#include "store/store.h"

#define STORE_LOCKS_MAX 16

struct store_lock {
	int fd[STORE_LOCKS_MAX]; /* in the order containers/storage takes them */
	size_t n;
};

/*
 * All locks at once, within about 20 ms of trying. False (and no lock held): a writer is busy, or a
 * lock cannot be had at all (no permission, no lock support, more than STORE_LOCKS_MAX).
 */
MUSTUSE bool store_lock_try(const struct store *s, struct store_lock *out);

/*
 * To change records: write locks, which shut out every engine until store_lock_release(). Waits for
 * builds for up to `seconds`; ERR_REFUSED if they take longer. Lock files are made where they are missing,
 * but for additional stores, which nobody changes.
 */
MUSTUSE int store_lock_write(
    const struct store *s, unsigned seconds, struct store_lock *out, struct err *e);
/* Makes engines that run read the records again. For who holds write locks and changed something. */
MUSTUSE int store_lock_touch(const struct store_lock *l, struct err *e);

void store_lock_release(struct store_lock *l);

/*
 * True if some process holds a write lock on this place's layers.lock now, as podman's are taken
 * (POSIX); *since is when that process started, zero if it lives in another pid namespace. The
 * lock is advisory and anybody who may write to the store can take it: it explains a change to
 * an honest store and proves nothing against an attacker.
 */
bool store_lock_writer(const struct store_place *p, struct timespec *since);

#endif
