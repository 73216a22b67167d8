/* SPDX-License-Identifier: Apache-2.0 */
/*
 * changes.h: inotify(7) on the parts of a store that say what is mounted and what is recorded, for as long
 * as a build runs. An engine at work adds layers and images and replaces record files; it does not put
 * anything into the directory of a finished layer, nor exchange its short link. Who does, even for a moment,
 * is seen here. What is in trees is not: statprints tell that (tree/tree.h).
 */
#ifndef STORE_CHANGES_H
#define STORE_CHANGES_H

#include "store/store.h"

/* A finished layer whose surroundings are to stay as they are. Strings are borrowed for the call. */
struct changes_layer {
	const char *id;
	const char *link; /* its short name, or "" */
};

struct changes;
/* ERR_IO if so many directories cannot be watched (the message says what limits it). */
MUSTUSE int changes_watch(const struct store *s, const struct changes_layer *layers,
    size_t n, struct changes **out, struct err *e);
void changes_free(struct changes *c); /* NULL is fine */
void changes_free_p(struct changes **c);
#define CLEANUP_CHANGES CLEANUP(changes_free_p)

int changes_fd(const struct changes *c);
/* What happened until now. ERR_IO if the kernel lost events. */
MUSTUSE int changes_read(struct changes *c, struct err *e);
/* True once after records or files of images were written. */
bool changes_records(struct changes *c);
/* True once after the records of containers were written, or a container's directory was made. */
bool changes_containers(struct changes *c);
/* True if an image of that id was there at some time since the watch began. */
bool changes_had_image(const struct changes *c, const char *id);

/* The layers that were meddled with: id and what it was. Borrowed. */
struct changes_seen {
	const char *layer; /* NULL: the directory of the store itself */
	const char *path;  /* below the driver's directory, or of the store's */
};
size_t changes_seen(const struct changes *c, const struct changes_seen **out);

#endif
