/* SPDX-License-Identifier: Apache-2.0 */
/*
 * known.h: inside watch/ only: what is watched, found by what the kernel calls it in an event (an inotify watch, a
 * file handle). Directories know their names and the directory they are in, so that a path is put together
 * when it is asked for and a rename changes one entry; what is no directory (fanotify only) knows its directory
 * alone. The same object may be known below several roots.
 *
 * About 40 bytes for an object, 70 more and the name for a directory. No locks here.
 */
#ifndef WATCH_KNOWN_H
#define WATCH_KNOWN_H

#include "base/buf.h"

/* 0 is no object and no directory. */
#define KNOWN_NONE 0
/* What a hostile tree can cost: a third of a gigabyte or so. */
#define KNOWN_OBJECTS_MAX (UINT32_C(8) << 20)

/* What the kernel calls it: see source_impl.h. All zero: it has no name yet. */
struct known_key {
	uint32_t kind;
	uint32_t id[3];
};

struct known_object {
	struct known_key key;
	uint32_t next; /* in its bucket, or of the unused ones */
	uint32_t dir; /* the directory it is in; of a directory itself: which one it is */
	uint32_t before, after; /* in the list of its directory */
};

enum known_flag {
	KNOWN_INSIDE = 1,  /* what is in it is watched, not only itself */
	KNOWN_DEEP = 2,	   /* and what is below that */
	KNOWN_SCANNED = 4, /* what is in it is known */
	KNOWN_QUEUED = 8,  /* waits for that */
	KNOWN_TOLD = 16,   /* what is found in it has to be told */
	KNOWN_GONE = 32,   /* it was deleted or unmounted */
};

struct known_dir {
	char *name;	 /* owned; NULL: the top of its root */
	uint32_t object; /* itself, as an object */
	uint32_t up; /* the directory it is in, or KNOWN_NONE; next of the unused ones */
	uint32_t first; /* of the objects in it */
	uint32_t root;	/* the caller's number */
	uint32_t turn;	/* another one whenever the place is used for another directory */
	uint32_t flags; /* enum known_flag */
};

/* Pieces of memory that never move: no copy of all when it grows. */
struct known_slab {
	char **piece;
	uint32_t used;	 /* places, the first (KNOWN_NONE) too */
	uint32_t unused; /* first of those given back */
	uint32_t held;	 /* in use now */
};

struct known {
	struct known_slab objects, dirs;
	uint32_t *bucket;
	uint32_t n_buckets; /* a power of two, or 0 */
	uint64_t seed;
	/* Told of a key that no object has any more. May be NULL; must not change `known`. */
	void (*forgotten)(void *ctx, const struct known_key *key);
	void *ctx;
};

/* The seed, at random, keeps those who choose inodes from choosing buckets. */
void known_init(struct known *k, uint64_t seed);
void known_release(struct known *k);

/* Valid as long as nothing is removed. */
struct known_object *known_object(const struct known *k, uint32_t object);
struct known_dir *known_dir(const struct known *k, uint32_t dir);
bool known_full(const struct known *k);

/* The objects of that key, one after the other: after KNOWN_NONE the first, at the end KNOWN_NONE. */
uint32_t known_next(const struct known *k, const struct known_key *key, uint32_t after);
/* The one that is below this root. */
uint32_t known_in_root(const struct known *k, const struct known_key *key, uint32_t root);
/* The directory of that name in `dir`, or KNOWN_NONE. Looks at all that is in it. */
uint32_t known_child(const struct known *k, uint32_t dir, const char *name);
/* Itself, if it is a directory, else KNOWN_NONE. */
uint32_t known_as_dir(const struct known *k, uint32_t object);
/* The root it is below. */
uint32_t known_root_of(const struct known *k, uint32_t object);

/* `name`: copied; NULL for a top, which is in no directory. The key may be all zero. Not if known_full(). */
uint32_t known_add_dir(struct known *k, uint32_t root, uint32_t up, const char *name,
    const struct known_key *key);
uint32_t known_add_leaf(struct known *k, uint32_t up, const struct known_key *key);
bool known_has_key(const struct known *k, uint32_t object);
/* Names one that had none. */
void known_set_key(struct known *k, uint32_t object, const struct known_key *key);
/* The kernel does not call it that any more. */
void known_unset_key(struct known *k, uint32_t object);
/* With everything in it. */
void known_remove(struct known *k, uint32_t object);
/* As known_remove(), but not more than `max` objects: true if that was all. */
bool known_remove_some(struct known *k, uint32_t object, size_t max);
/*
 * Has another name now, in another directory of the same root perhaps; a top stays one. False: it would be in
 * itself, so what is known of it is out of date.
 */
MUSTUSE bool known_move(struct known *k, uint32_t object, uint32_t up, const char *name);

/*
 * Appends the path below the root, "" of a top, then (unless it is NULL) "/" and `name`. False if it is deeper than
 * WALK_DEPTH_MAX or longer than WALK_PATH_MAX.
 */
bool known_path(const struct known *k, uint32_t dir, const char *name, struct buf *out);

#endif
