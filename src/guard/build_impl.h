/* SPDX-License-Identifier: Apache-2.0 */
/* build_impl.h: the state of one guard_build() call, shared by guard/build*.c alone. */
#ifndef GUARD_BUILD_IMPL_H
#define GUARD_BUILD_IMPL_H

#include <pthread.h>

#include "guard/build.h"
#include "guard/buildlog.h"
#include "guard/inflight.h"
#include "store/changes.h"
#include "store/creations.h"
#include "store/image.h"
#include "store/lock.h"

/* An image that a working container of the engine was made from: a base, or one whose files it copied. */
struct build_source {
	char id[ID_LEN + 1];
	size_t
	    event; /* of the log: what was made from the image is not before this one */
};

struct build {
	struct guard *g;
	const struct build_command *c;
	struct build_result *out;
	struct inflight *self;
	struct changes *changes;
	struct creations *creations; /* NULL: the engine's word counts */
	struct image_ids existing;   /* images before; only without creations */
	struct layer_prints prints;  /* of the first verification */
	struct buildlog log;
	struct build_source *sources;
	size_t n_sources;
	size_t event;	   /* where the log was when containers were last looked at */
	int64_t next_look; /* at records, not before: CLOCK_MONOTONIC in ms */
};

/* ---- build_check.c: is it as it was ---- */

/* From here on changes are noticed. */
MUSTUSE int build_arm(struct build *b, struct err *e);

/*
 * Verifies; heals if the policy says so. *ok: the build may run. Otherwise
 * out->findings and out->verdict say why not.
 */
MUSTUSE int build_check_before(struct build *b, bool *ok, struct err *e);
/* A look at records and structure in the middle: what was meddled with joins out->findings. */
MUSTUSE int build_look(struct build *b, struct err *e);
/* At the end, with trees if anything was made of them: what changed joins out->findings. */
MUSTUSE int build_check_after(struct build *b, bool trees, struct err *e);

/* ---- build_hold.c: a head start ---- */

/* An engine that was started and waits for the store's locks. */
struct build_hold {
	bool holds; /* false: it was not started */
	struct build *build;
	pid_t engine; /* 0: it could not be run, and `error` says why */
	struct err error;
	struct store_lock locks;
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t end;
	bool over, stopped;
};
/* Does nothing where that cannot be. */
MUSTUSE int build_hold_begin(struct build *b, struct build_hold *h, struct err *e);
/* Lets the engine go on, or kills it. An error if it should go on, and never ran. */
MUSTUSE int build_hold_end(struct build_hold *h, bool let_go, struct err *e);

/* ---- build_run.c ---- */

/* From here on signals do not end this process: what the engine leaves has to be seen to. */
MUSTUSE int build_take_signals(int *signals, struct err *e);
/* True if one came that is meant to end it. */
bool build_is_told_to_end(int signals);
/* Attends to the engine to its end; starts it if nobody did (0). */
MUSTUSE int build_run(struct build *b, pid_t engine, int signals, struct err *e);

/* ---- build_work.c: whose work is what ---- */

/* What this build made, and whether all that it used is sealed by now. */
struct build_work {
	struct survey survey;
	/* By index in survey.records.images: this build's, not sealed yet, and all that went into it is. */
	bool *made;
	size_t n_made;
	bool open; /* something that it used is not sealed: see `findings` */
	struct findings findings;
};
/* Names that lead elsewhere join out->findings. */
MUSTUSE int build_work_find(struct build *b, struct build_work *out, struct err *e);
void build_work_release(struct build_work *w);
#define CLEANUP_BUILD_WORK CLEANUP(build_work_release)

bool build_is_sealed(const struct build *b, const char *image);
/* This build's own, and not sealed. */
bool build_is_made(const struct build *b, const struct store_image *i);
/* True if `layer` is `top`, or below it. */
bool build_in_chain(const struct survey *s, const char *top, const char *layer);
bool build_leads_to(const struct store_image *i, const char *name);

/* ---- build_inputs.c: what it began from ---- */

/* What the engine builds from, by its containers. Needs b->creations, else none is known. */
MUSTUSE int build_note_sources(struct build *b, struct err *e);
/* The first event that makes something that was built on this image; SIZE_MAX: nothing was. */
size_t build_stands_on(
    struct build *b, const struct build_work *w, const struct store_image *i);

/* ---- build_own.c: is what it made as it made it ---- */

/*
 * What this build itself made must not be written to after it was finished, before it is sealed: a later step may
 * have used what was there meanwhile. What was joins out->findings.
 */
void build_check_own(struct build *b, const struct build_work *w);

/* ---- build_seal.c ---- */

/*
 * Seals what it made before it used anything that is not sealed; all of it, and its names, if nothing is
 * open. What cannot be sealed joins out->findings.
 */
MUSTUSE int build_seal(struct build *b, struct build_work *w, struct err *e);
/*
 * What it left in cache mounts, before it leaves: whoever begins then finds them sealed. One that another guarded
 * build changes meanwhile is for that one to seal. What cannot be sealed, the next build will not take.
 */
MUSTUSE int build_seal_caches(struct build *b, struct err *e);
/* Takes away names, or images. */
MUSTUSE int build_spoil(struct build *b, struct err *e);

#endif
