/* SPDX-License-Identifier: Apache-2.0 */
/* watcher_impl.h: the state of the watcher's thread, shared by watch/watcher*.c alone. */
#ifndef WATCH_WATCHER_IMPL_H
#define WATCH_WATCHER_IMPL_H

#include <pthread.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "guard/verify.h"
#include "watch/questions.h"
#include "watch/told.h"
#include "watch/watcher.h"

/* What a watched directory is. */
enum watched_kind {
	WATCHED_LAYER,	 /* the directory of a sealed layer, or its tree (vfs); deep */
	WATCHED_DATA,	 /* big data of a sealed layer; deep */
	WATCHED_LAYERS,	 /* the directory that holds the layers' */
	WATCHED_RECORDS, /* records of layers, tar-split files */
	WATCHED_OTHER,	 /* anything else that records and structure are read from */
	WATCHED_CACHE,	 /* a sealed cache mount; deep */
	WATCHED_CACHES,	 /* where cache mounts are, or a TMPDIR */
};

struct watched {
	char *key; /* kind, place and name: sorted by it */
	uint32_t root;
	enum watched_kind kind;
	const char *name; /* in `key`: the layer id, the path */
	uint64_t seq;	  /* of the seal it was armed for */
	bool there;	  /* false: there was no such directory */
};

struct watched_list {
	struct watched *v;
	size_t n;
};

struct watched_layer {
	char id[ENTRY_ID_LEN + 1];
	uint64_t seq;  /* of its seal */
	bool known;    /* its tree was looked at after it was armed */
	bool answered; /* by the last look */
	bool stale;    /* the same as sealed, but its statprint is another */
	struct findings found;
};

/* A request that is not answered yet. */
struct asked {
	uint64_t client;
	struct request request;
	int64_t until_ms;
};
struct answered {
	uint64_t client;
	struct answer answer;
};

/* What both threads use, under `mutex`. */
struct exchange {
	pthread_mutex_t mutex;
	pthread_cond_t work;
	struct questions pending;
	struct asked *asked;
	size_t n_asked;
	struct answered *answers;
	size_t n_answers;
	struct watch_figures figures;
	bool stop, lost;
	struct err why;
};

struct watcher {
	struct watcher_options o;
	struct guard *g;
	pthread_t thread;
	pthread_mutex_t drain; /* one at a time reads the source */
	struct exchange x;

	/* The thread's own: */
	uint32_t next_root;
	struct watched_list watched;
	struct watched_layer *layers; /* sealed ones, by id */
	size_t n_layers;
	struct findings structure; /* of everything but the trees of layers */
	size_t layers_seen, images_seen, cache_mounts_seen;
	struct stat ledger_file; /* as it was before it was last read */
	int mountinfo;		 /* for poll(): something was mounted */
	char *unusual_mounts; /* in the store, each on a line; NULL: not looked at yet */
	struct told told;
	struct asked *waiting; /* requests that are being worked for */
	size_t n_waiting;

	/* What has to be done, and when (CLOCK_MONOTONIC in ms; 0: not): */
	bool look_asked, arm_asked, cache_asked;
	bool complete; /* all was looked at since it was armed */
	bool blind;    /* something could not be armed */
	int64_t look_due, pass_due, stale_due, tick_due, retry_due;
	int64_t rested_ms;  /* no look before, but for who waits for a verdict */
	int64_t touched_ms; /* the first event that is not looked at */
	bool has_writer, many_writers;
	struct writer writer;  /* of what touched the structure since the last look */
	struct entry *records; /* for the ledger, not there yet */
	size_t n_records;
	size_t recorded; /* in the hour that */
	int64_t hour_began;
	uint64_t left_out, gaps_left[GAP_COUNT]; /* without an entry so far */
	bool unverifiable;			 /* and people were told */
	struct watch_figures figures;		 /* copied to x.figures */
};

/* The other thread has something to do. */
void watcher_wake(struct watcher *w);

/* ---- watcher_arm.c ---- */

/*
 * Watches what is to be watched by the ledger as it is now, and forgets the rest. Layers that are new to it, or were made
 * anew, are not `known`.
 */
MUSTUSE int watcher_arm(struct watcher *w, struct err *e);
/* The layer's directory is another one: forgets it, so that it is armed again. */
void watcher_disarm(struct watcher *w, const char *layer);
/* Forgets all: everything is armed again. */
void watcher_disarm_all(struct watcher *w);
const struct watched *watcher_root(const struct watcher *w, uint32_t root);
struct watched_layer *watcher_layer(const struct watcher *w, const char *id);
void watcher_forget(struct watcher *w);

/* ---- watcher_judge.c ---- */

/* Works off what was touched. */
MUSTUSE int watcher_judge(struct watcher *w, const struct questions *q, struct err *e);

/* ---- watcher_follow.c ---- */

/* What was appended to the ledger since it was read, by whomever, counts for the next verdict. */
MUSTUSE int watcher_follow_ledger(struct watcher *w, struct err *e);
/* ERR_LEDGER: the directories of the store are not those any more that were opened, or not all of them. */
MUSTUSE int watcher_follow_store(struct watcher *w, struct err *e);
/* ---- watcher_look.c ---- */

/* Records and structure, with cache mounts if they were touched. */
MUSTUSE int watcher_look(struct watcher *w, struct err *e);
/* The trees of layers that are not known. */
MUSTUSE int watcher_look_at_new(struct watcher *w, struct err *e);
/* Everything, by statprint. */
MUSTUSE int watcher_pass(struct watcher *w, struct err *e);
/* Records new statprints of what was written to and is the same. */
MUSTUSE int watcher_renew(struct watcher *w, struct err *e);

/* ---- watcher_tell.c ---- */

/* Alarms for what appeared, and what is gone. */
void watcher_tell_changes(struct watcher *w);
void watcher_tell(
    struct watcher *w, enum notice_kind kind, const char *text, uint64_t count);
void watcher_tell_touched(struct watcher *w, const char *layer, const struct touch *t);

/* ---- watcher_record.c ---- */

/* An entry of the ledger, if it can be written to: soon, and not more than so many an hour. */
void watcher_record_alarm(
    struct watcher *w, const struct finding *f, const struct writer *writer);
void watcher_record_gap(struct watcher *w, enum gap g, uint64_t count);
void watcher_flush_records(struct watcher *w);
void watcher_drop_records(struct watcher *w);

/* ---- watcher_answer.c ---- */

/* True if the verdict holds at this moment. */
bool watcher_knows(const struct watcher *w);
/* Answers those that can be, or must be by now. */
void watcher_answer_all(struct watcher *w);

#endif
