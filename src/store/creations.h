/* SPDX-License-Identifier: Apache-2.0 */
/*
 * creations.h: which images, layers and containers a process made in a store, on the word of the kernel: an
 * engine makes a directory for each that it adds, and fanotify(7) says which process made a directory. What RUN steps
 * do, or anybody else who writes to the store, is another process's doing.
 *
 * An id attributed so says nothing about what is in the image: that the id is the SHA-256 of its
 * configuration, and so forth, is for who seals it.
 */
#ifndef STORE_CREATIONS_H
#define STORE_CREATIONS_H

#include <sys/types.h>
#include <time.h>

#include "store/store.h"

struct creations;
/*
 * Watches the places that engines write to. *out is NULL where the kernel does not tell: without
 * CAP_SYS_ADMIN in the first user namespace, or on a file system without file handles.
 */
MUSTUSE int creations_watch(const struct store *s, struct creations **out, struct err *e);
void creations_free(struct creations *c); /* NULL is fine */
void creations_free_p(struct creations **c);
#define CLEANUP_CREATIONS CLEANUP(creations_free_p)

/* Readable when something was made. */
int creations_fd(const struct creations *c);
/*
 * What was made until now: notes the ids whose maker is `engine`, a process that was not reaped yet, or,
 * with `children`, a process that it started from the same program (rootless engines start
 * themselves again in a user namespace). ERR_IO if the kernel lost events.
 */
MUSTUSE int creations_read(
    struct creations *c, pid_t engine, bool children, struct err *e);

/* An image, a layer or a container. */
/*
 * When that was read: what the engine finished before, as a layer before its image, is older. Zeros: it did not
 * make it.
 */
struct timespec creations_seen(const struct creations *c, const char *id);
bool creations_has(const struct creations *c, const char *id);

#endif
