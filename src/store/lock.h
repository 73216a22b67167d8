/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lock.h: containers/storage's lock files, without ever being in podman's way: open-file-description
 * read locks (they interoperate with its POSIX locks), never blocking, held for milliseconds while
 * records are read. Lock files are never created or written.
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

/* All locks at once, within about 20 ms of trying; *taken false (and no lock held) if a writer is busy. */
MUSTUSE int store_lock_try(
    const struct store *s, struct store_lock *out, bool *taken, struct err *e);
void store_lock_release(struct store_lock *l);

/* True if some process holds a write lock on this place's layers.lock now; *since is when that process started. */
bool store_lock_writer(const struct store_place *p, struct timespec *since);

#endif
