/* SPDX-License-Identifier: Apache-2.0 */
/* build_impl.h: the state of one guard_build() call, shared by guard/build*.c alone. */
#ifndef GUARD_BUILD_IMPL_H
#define GUARD_BUILD_IMPL_H

#include "guard/build.h"
#include "guard/buildlog.h"
#include "guard/inflight.h"
#include "store/changes.h"
#include "store/creations.h"

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
	int64_t next_look; /* at records, not before: CLOCK_MONOTONIC in ms */
};

/* ---- build_check.c: is it as it was ---- */

/*
 * Arms the watch and verifies; heals if the policy says so. *ok: the build may run. Otherwise
 * out->findings and out->verdict say why not.
 */
MUSTUSE int build_check_before(struct build *b, bool *ok, struct err *e);
/* A look at records and structure in the middle: what was meddled with joins out->findings. */
MUSTUSE int build_look(struct build *b, struct err *e);
/* At the end, with trees if anything was made of them: what changed joins out->findings. */
MUSTUSE int build_check_after(struct build *b, bool trees, struct err *e);

/* ---- build_run.c ---- */

/* Runs the engine to its end, with its output and the watch attended to. */
MUSTUSE int build_run(struct build *b, struct err *e);

/* ---- build_seal.c: whose work is what ---- */

/* What this build made, and whether all that it used is sealed by now. */
struct build_work {
	struct survey survey;
	bool *made; /* by index in survey.records.images: not sealed, and this build's */
	size_t n_made;
	bool open; /* something that it used is not sealed: see `findings` */
	struct findings findings;
};
MUSTUSE int build_work_find(struct build *b, struct build_work *out, struct err *e);
void build_work_release(struct build_work *w);
#define CLEANUP_BUILD_WORK CLEANUP(build_work_release)

/*
 * Seals what it made before it used anything that is not sealed; all of it, and its names, if nothing is
 * open. What cannot be sealed joins out->findings.
 */
MUSTUSE int build_seal(struct build *b, struct build_work *w, struct err *e);
/* Takes away names, or images. */
MUSTUSE int build_spoil(struct build *b, struct err *e);

#endif
