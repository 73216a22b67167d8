/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipeline.h: how a full measurement is spread over threads. Inside tree/ only.
 *
 *   producer (1)            workers (n)               consumer (the caller's thread)
 *   walks in manifest  ->   stat, read and hash   ->  writes the lines in order,
 *   order, fills batches    the names of a batch      sums the statprint
 *
 * A batch is some tens of names, so that a lock is taken per batch and not per name. Batches live
 * in a ring; the ring bounds memory and open descriptors. A batch belongs to exactly one side at a
 * time. Files of several parts are put on a list where workers without a batch help to hash them.
 */
#ifndef TREE_PIPELINE_H
#define TREE_PIPELINE_H

#include <pthread.h>

#include "tree/known_find.h"
#include "tree/links.h"
#include "tree/walk.h"

#define BATCH_ENTRIES 64
#define BATCH_RUNS 16 /* directories of one batch: each holds a descriptor */
#define WINDOW 32     /* batches in the ring */
/* From here on a batch waits until it is the consumer's turn: hostile xattrs add up. */
#define BATCH_TEXT_BYTES (1U << 20)
/* ... up to this, which the largest entries allowed do not reach. */
#define BATCH_TEXT_MAX (1U << 28)

/* A directory, open as long as names in it are on their way. */
struct dir {
	int fd;
	_Atomic unsigned users;
	struct walk_stat
	    st; /* when it was listed; must still hold when the last user leaves */
	struct xxh128 print;
};

/* Names of one directory that follow each other in a batch. */
struct run {
	struct dir *dir; /* NULL: the parent of the root */
	struct xxh128
	    print;     /* of the directory, which may be gone when the consumer asks */
	uint32_t path; /* of the directory, offset in `text`; "" for the root */
};

struct entry {
	uint32_t name; /* offset in `text`; "" for the root */
	uint8_t run;
	uint8_t type; /* DT_*, never DT_UNKNOWN; DT_DIR was measured by the producer */
	bool hashed;  /* content was read (or there is none to read) */
	bool has_target;
	uint32_t target; /* offset in `text` */
	uint32_t xattrs; /* offset in `text`, packed as walk_xattrs() does */
	size_t n_xattrs;
	struct walk_stat st;
	struct digest digest;
	struct xxh128 sum; /* of the content, if one is asked for */
};

struct batch {
	uint64_t seq; /* number of the batch */
	struct entry v[BATCH_ENTRIES];
	unsigned n;
	struct run runs[BATCH_RUNS];
	unsigned n_runs;
	struct buf text; /* names, paths, targets, xattrs */
	bool done;	 /* the worker has finished it */
	int rc;		 /* of the producer or the worker, with err */
	struct err err;
};

/* A file of several parts while it is hashed. */
struct big {
	int fd;
	uint64_t size;
	uint64_t n_parts, next, finished;
	struct digest *parts;	       /* NULL: not wanted */
	uint8_t (*sums)[XXH128_BYTES]; /* the same */
	int rc;
	struct err err;
	struct big *link;
};

struct pipeline {
	const struct tree_options *opt;
	int root_fd; /* borrowed */
	struct walk_stat root;
	struct links *links;
	const struct known *known; /* NULL: everything is read */
	pthread_mutex_t lock;	   /* guards what follows, and `done` of batches */
	pthread_cond_t room;	   /* for the producer: head moved */
	pthread_cond_t work;	   /* for workers: a batch, a part, or the end */
	pthread_cond_t turn;	   /* for workers with an overlong batch: head moved */
	pthread_cond_t result; /* for the consumer: the head batch is done, or the end */
	pthread_cond_t part_done;     /* for whoever waits for helpers */
	struct batch *ring;	      /* WINDOW of them */
	uint64_t head, claimed, tail; /* batches: consumed, taken by workers, produced */
	bool produced_all;
	bool stop; /* somebody failed: everybody ends */
	struct big *bigs;
};

/* Thread functions; arg is the pipeline. */
void *producer_run(void *arg);
void *worker_run(void *arg);

/* Drops one user; the last one closes it. ERR_CHANGED: it is not as it was listed. */
MUSTUSE int dir_leave(struct dir *d, struct err *e);
/* The same without a judgement, when the measurement failed anyway. */
void dir_drop(struct dir *d);
/* Lets go of the directories of a batch that nobody measures (any more). */
void batch_drop(struct batch *b);
/* "/path/of/name" of an entry in front of the message. */
int entry_wrap(const struct batch *b, const struct entry *x, struct err *e);

/* ---- content.c: the bytes of regular files ---- */

#define CONTENT_PART_BYTES FSVERITY_PART_BYTES

struct content {
	struct pipeline *p;
	uint8_t *block; /* CONTENT_PART_BYTES of this thread */
	/* Small files that were read to `block`, to be hashed together. */
	struct fsverity_file shelf[BATCH_ENTRIES];
	struct xxh128 *sums[BATCH_ENTRIES]; /* where theirs go */
	size_t shelved, used;	   /* bytes of `block`, whole blocks of the file system */
	struct fsverity_file last; /* not on the shelf yet; len 0: none */
	struct xxh128 *last_sum;
};

/*
 * For the fs-verity digest, and the sum, of the x->st.size > 0 bytes of `fd`: reads them, and if they are many,
 * hashes them. ERR_CHANGED: fewer bytes than that. x->digest and x->sum are set when content_flush() returns, if
 * content_keep() was called before the next file: the caller has seen that the bytes are good.
 */
MUSTUSE int content_read(struct content *c, int fd, struct entry *x, struct err *e);
void content_keep(struct content *c);
void content_flush(struct content *c);
/*
 * With the pipeline locked: hashes one part of somebody else's file, unlocked meanwhile. False if
 * there is none.
 */
bool content_help(struct content *c);

#endif
