/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source_impl.h: inside source*.c only. A root is walked breadth first, one directory after the other, each opened by
 * its path of that moment: no recursion, one descriptor, and the lock is held for single steps only, so that
 * events are read meanwhile. A directory is known (fanotify) or watched (inotify) before it is listed; what
 * is made in it after that has an event, what was made before is found.
 */
#ifndef WATCH_SOURCE_IMPL_H
#define WATCH_SOURCE_IMPL_H

#include <pthread.h>

#include "watch/kernel_events.h"
#include "watch/known.h"
#include "watch/source.h"

/* A directory, as long as its place is not used for another one. */
struct dir_ref {
	uint32_t dir, turn;
};

struct dir_queue {
	struct dir_ref *v;
	size_t first, n, cap;
};

/* A directory that roots were given relative to. */
struct base {
	int fd;	    /* O_PATH */
	char *path; /* that led to it when it was taken; NULL: none that we can see */
	dev_t dev;
	ino_t ino;
	size_t roots;
	bool lost; /* its path does not lead to it any more */
};

struct root {
	uint32_t number;
	bool used;
	bool dropped; /* being forgotten: nothing is told of it */
	bool deep;
	uint8_t fs;	/* 1 and above: number in source.fs; 0: inotify */
	uint32_t base;	/* number in source.base */
	uint32_t top;	/* directory */
	uint32_t blind; /* directories and files below it that could not be armed */
	dev_t dev;
	ino_t ino;
	char *path; /* below the base */
};

/* A file system with a mark of fanotify. */
#define FS_MAX 64
struct fs {
	uint64_t fsid; /* 0: not in use */
	int anchor;    /* a directory on it, for open_by_handle_at(2) */
	size_t roots;
};

/* Paths where something is mounted. */
struct points {
	char **v;
	size_t n, cap;
};

/* The mount namespace that engines are in, if it is not ours. */
struct elsewhere {
	int root, mounts, wake; /* /proc/1: root, mountinfo twice; -1: it is ours */
	bool look;		/* roots came, or nobody has looked yet */
	size_t hidden;		/* places that are something else there */
};

struct source {
	pthread_mutex_t
	    reading; /* by who reads events: one at a time. Taken before `lock` */
	pthread_mutex_t lock; /* all below but the descriptors, which stay */
	enum source_kind want;
	int epoll;
	int wake;		 /* eventfd: something to do though no event came */
	int inotify, fanotify;	 /* -1: not opened, or not to be had */
	int mounts, mounts_wake; /* /proc/self/mountinfo */
	struct elsewhere elsewhere;
	struct known known;
	struct root *root;
	uint32_t n_roots;
	struct base *base;
	uint32_t n_bases;
	struct fs fs[FS_MAX];
	uint32_t n_fs;
	struct points points; /* `reading`: what was mounted when it was last looked at */
	struct dir_queue found; /* to be looked at by who reads: an event showed them */
	uint64_t gaps[GAP_COUNT];
	uint64_t events;
	struct writer_cache writers; /* `reading` */
	struct dir_ref *some;	     /* `reading`: directories that one event is about */
	size_t n_some, cap_some;
};

/* ---- what is told, put together under the lock and told after it ---- */

struct hit {
	uint32_t root;
	unsigned what;
	bool placed; /* has a path */
	size_t path; /* where in `paths` */
};

#define HITS_BYTES_MAX ((size_t)1 << 28)
struct hits {
	struct hit *v;
	size_t n, cap;
	struct buf paths;
	source_event_fn *fn;
	void *ctx;
};

/* What happened to `name` (NULL: itself) in `dir`. */
void hits_add(
    struct source *s, struct hits *h, uint32_t dir, const char *name, unsigned what);
/* Somewhere below a root. */
void hits_add_somewhere(struct source *s, struct hits *h, uint32_t root, unsigned what);
/* Not under the lock. Empties it. */
void hits_tell(struct hits *h, const struct writer *writer);

/* ---- under the lock, all of these ---- */

/* A gap in what is known of a root: counts as one, and as a blind spot. */
void source_blind(struct source *s, uint32_t root, enum gap why);
void source_gap(struct source *s, enum gap why);
bool dir_is_there(const struct source *s, struct dir_ref ref);
struct dir_ref dir_ref(const struct source *s, uint32_t dir);
void queue_add(struct dir_queue *q, struct source *s, uint32_t dir);

/*
 * Something with that key is called `name` in `up` now: known from now on, or moved to there. The directory it is,
 * else KNOWN_NONE. `key` all zero: a directory that is not watched yet.
 */
uint32_t source_place(struct source *s, uint32_t up, const char *name,
    const struct known_key *key, bool is_dir);

/* ---- scanning: source_scan.c. Not under the lock ---- */

#define HANDLE_LONG 0xff
/* An object as a key; false with errno set. `mount`: where it was found. `fs`: number of its file system. */
bool handle_key(
    int dirfd, const char *name, uint8_t fs, struct known_key *key, int *mount);
void handle_to_key(
    uint8_t fs, int type, const uint8_t *bytes, size_t len, struct known_key *out);

/*
 * Arms a queue of directories, one after the other, and what is found below deep ones, at most `max` of them. root_fd: the
 * root of all of them, or -1. `hits`: what is found is told, or NULL. The first error of a root's top is returned.
 */
MUSTUSE int scan_queue(struct source *s, struct dir_queue *q, int root_fd, size_t max,
    struct hits *hits, struct err *e);

/* ---- the two of them ---- */

MUSTUSE int inotify_source_open(struct source *s, struct err *e);
/* Watches the directory `*ref` behind `fd`; it may turn out to be one that is known. 0 or errno. Under the lock. */
int inotify_source_arm(struct source *s, struct dir_ref *ref, int fd);
MUSTUSE int inotify_source_read(struct source *s, struct hits *hits, struct err *e);
void inotify_source_forget(struct source *s, const struct known_key *key);

MUSTUSE int fanotify_source_open(struct source *s, struct err *e);
/* The number of the file system behind `fd`, marked. ERR_REFUSED: it cannot be. Under the lock. */
MUSTUSE int fanotify_source_mark(struct source *s, int fd, uint8_t *fs, struct err *e);
/* One root less. Under the lock. */
void fanotify_source_unmark(struct source *s, uint8_t fs);
/*
 * The directory that has this key, wherever it is: no path that may be out of date by now. -1 and errno: ESTALE, there
 * is none; other: it takes a path (no CAP_DAC_READ_SEARCH, or a key that is not the handle). Under the lock.
 */
int fanotify_source_open_dir(struct source *s, const struct known_key *key, int flags);
MUSTUSE int fanotify_source_read(struct source *s, struct hits *hits, struct err *e);

MUSTUSE int mounts_source_open(struct source *s, struct err *e);
void mounts_source_close(struct source *s);
MUSTUSE int mounts_source_read(struct source *s, struct hits *hits, struct err *e);
/* All that are mounted, sorted; what is mounted twice is there twice. `file`: somebody's mountinfo. */
MUSTUSE int points_read(const char *file, struct points *p, struct err *e);
void points_release(struct points *p);

MUSTUSE int elsewhere_open(struct source *s, struct err *e);
MUSTUSE int elsewhere_begin(struct source *s, struct err *e);
void elsewhere_close(struct source *s);
/* Roots came or went. Under the lock. */
void elsewhere_look(struct source *s);
/* By who reads, not under the lock. */
MUSTUSE int elsewhere_read(struct source *s, bool ours_changed, struct err *e);
/* Follows links, as who uses a store does. */
bool mounts_leads_to(int dirfd, const char *path, dev_t dev, ino_t ino);

/* To wait for events of `fd`, too. */
MUSTUSE int source_wait_for(struct source *s, int fd, uint32_t events, struct err *e);

#endif
