/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source.h: what the kernel says of changes below some directories. Two sources behind one interface:
 *
 *   inotify(7)   any user; a watch for each directory. Sees neither who wrote, nor what is written through a
 *                hard link that lies outside, nor what a shared mapping writes before it is unmapped.
 *   fanotify(7)  CAP_SYS_ADMIN in the first user namespace, to open it and for each new file system (CAP_SYS_PTRACE to
 *                know programs of others), Linux 5.17; one mark for a file system.
 *                Says which process wrote; sees writes through hard links from outside, by the file's handle.
 *
 * Neither sees writes below the file system (raw device), nor a shared mapping as long as it is held.
 *
 * An event says that something happened, never that something is wrong: whoever reads it measures. Names come
 * from whoever writes to the store: any bytes but "/" and NUL.
 *
 * All calls may come from several threads.
 */
#ifndef WATCH_SOURCE_H
#define WATCH_SOURCE_H

#include "base/err.h"
#include "watch/writer.h"

enum source_kind { SOURCE_AUTO, SOURCE_INOTIFY, SOURCE_FANOTIFY };
const char *source_kind_name(enum source_kind k); /* "auto" */
bool source_kind_parse(const char *name, enum source_kind *out);

/* Why something may have happened that was not told. X(enumerator, "stable-name", "meaning") */
#define SOURCE_GAPS(X)                                                                   \
	X(GAP_OVERFLOW, "overflow", "the kernel's queue of events was full")             \
	X(GAP_LIMIT, "limit", "a directory could not be watched: too many are")          \
	X(GAP_LOST, "lost",                                                              \
	    "the kernel dropped a watch, or a watched file system was unmounted")        \
	X(GAP_UNREADABLE, "unreadable",                                                  \
	    "a directory could not be looked at while it was armed")                     \
	X(GAP_HIDDEN, "hidden",                                                          \
	    "something is mounted in the store that the watcher does not see")           \
	X(GAP_SUSPENDED, "suspended", "the watcher did not run for a while")             \
	X(GAP_CLOCK, "clock", "the clock was set back")
enum gap {
#define X(id, name, meaning) id,
	SOURCE_GAPS(X)
#undef X
	    GAP_COUNT
};
const char *gap_name(enum gap g);
const char *gap_meaning(enum gap g);

/* What happened; several at once if the kernel merged them. */
enum source_what {
	SOURCE_WRITTEN =
	    1, /* content: each write, and the close of who had it open for writing */
	SOURCE_ATTRIB = 2,     /* mode, owner, times, xattrs, number of links */
	SOURCE_ADDED = 4,      /* made, linked or moved to here */
	SOURCE_REMOVED = 8,    /* unlinked or moved away */
	SOURCE_DIRECTORY = 16, /* what it happened to is a directory */
};

struct source_event {
	uint32_t root; /* as it was added */
	const char *
	    path; /* below it, without "/" at its ends; "" the root itself; NULL: somewhere in it. Borrowed */
	unsigned what;		     /* enum source_what */
	const struct writer *writer; /* NULL: not known. Borrowed */
};
typedef void source_event_fn(void *ctx, const struct source_event *ev);

struct source;
/*
 * SOURCE_AUTO: fanotify where it can be had, else inotify, for each file system (a tmpfs of an old kernel, a subvolume
 * of btrfs has no fanotify). ERR_REFUSED: the one that was asked for cannot be had.
 */
MUSTUSE int source_open(enum source_kind want, struct source **out, struct err *e);
void source_free(struct source *s); /* NULL is fine */
/* What the roots are watched with; SOURCE_AUTO: each of both, as their file systems allow. */
enum source_kind source_kind(const struct source *s);
/* Readable when there may be events. */
int source_fd(const struct source *s);

/*
 * Watches a directory (`path` below base_fd, no links; "." is base_fd itself), with `deep` all that is below it on
 * the same file system. What is made below a deep one later is watched, too, before what is in it is looked
 * at. Returns after it is armed: who measures then misses nothing. `root` is any number; one in use is armed anew, and
 * what was armed before under that number is forgotten after: to be done after a gap, which may hide directories
 * that were made meanwhile. What cannot be armed counts as a gap and is no failure of the rest.
 * ERR_NOT_FOUND: there is no such directory. ERR_REFUSED: fanotify was asked for and cannot watch its file system.
 * ERR_IO: it cannot be watched at all. base_fd may be closed after; its mount is kept busy as long as it is watched.
 */
MUSTUSE int source_add(struct source *s, uint32_t root, int base_fd, const char *path,
    bool deep, struct err *e);
/* Forgets it. Events that were read already may still name it. */
void source_drop(struct source *s, uint32_t root);

/*
 * Everything that happened before the call, to `fn`: events are queued by the kernel within the system call that
 * causes them. gaps[]: counts are added. ERR_IO: the source is of no use any more. Events of this process itself
 * are left out where the source tells whose they are. What a directory that was moved to below a deep root holds
 * may be told by later calls: then the source is readable at once. `fn` may add and drop, but not read.
 */
MUSTUSE int source_read(struct source *s, source_event_fn *fn, void *ctx,
    uint64_t gaps[static GAP_COUNT], struct err *e);

struct source_figures {
	uint64_t events; /* read so far */
	size_t watches;	 /* directories */
	size_t objects;	 /* with fanotify: handles known, those of directories too */
	/*
	 * What should be watched and is not (GAP_LIMIT, GAP_UNREADABLE, GAP_LOST), until its root is added again or
	 * dropped. As long as it is not 0, silence means nothing.
	 */
	size_t blind;
};
void source_figures(const struct source *s, struct source_figures *out);

#endif
