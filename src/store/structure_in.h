/* SPDX-License-Identifier: Apache-2.0 */
/* structure_in.h: one look at the directories of a store, shared by the files of structure.h. */
#ifndef STORE_STRUCTURE_IN_H
#define STORE_STRUCTURE_IN_H

#include "base/fs.h"
#include "store/place.h"
#include "store/structure.h"

/* More names in one directory than any store has; one with more is a finding. */
#define LOOK_NAMES_MAX (1U << 18)

struct look {
	const struct store *s;
	const struct records *r;
	struct layer_structure *layers; /* out, one per record */
	const size_t *tree_place;	/* place_of_tree(), one per record */
	struct findings *findings;
};

/* The drivers' own directories. ERR_IO only if the system fails. */
MUSTUSE int look_overlay(struct look *k, struct err *e);
MUSTUSE int look_vfs(struct look *k, struct err *e);
/* <driver>-layers/, <driver>-images/ and the top of the graphroot. */
MUSTUSE int look_files(struct look *k, struct err *e);

/* A finding about `path` below a place; `layer` may be NULL. */
struct finding *look_add(struct look *k, enum finding_class c, size_t place,
    const char *layer, const char *path);
void look_add_entry(struct look *k, size_t place, const char *path, const char *expected);

/* File type (S_IFMT) of a name, 0 if there is none. *mounted: something is mounted on it. */
mode_t look_type(int dirfd, const char *name, bool *mounted);
/* True if the directory `name` holds nothing; one that cannot be listed does not count as empty. */
bool look_is_empty(int dirfd, const char *name);

/* `name` is `prefix` and then digits (at least one). */
bool look_is_numbered(const char *name, const char *prefix);
/* What a crash leaves of containers/storage's way to write files; nobody reads it. */
bool look_is_leftover(int dirfd, const char *name);

/*
 * tempdirs/ (storage 1.59): what is about to be deleted, or was not yet added; nothing in there is
 * ever mounted, and stale parts are deleted by the next engine. Only its shape is checked.
 */
void look_tempdirs(struct look *k, size_t place, int dirfd, const char *path);

/* The layer of that id whose tree is in that place, or NULL. */
const struct store_layer *look_tree(const struct look *k, const char *id, size_t place);
/* The layer of that id whose tar-split and big data are in that place, or NULL. */
const struct store_layer *look_data(const struct look *k, const char *id, size_t place);

/* True for a layer that the engine will delete before it uses it. */
bool look_is_transient(const struct look *k, const struct store_layer *l);

/* Index of a layer of the records. */
static inline size_t look_index(const struct look *k, const struct store_layer *l)
{
	return (size_t)(l - k->r->layers);
}

static inline size_t look_tree_place(const struct look *k, const struct store_layer *l)
{
	return k->tree_place[look_index(k, l)];
}

#endif
