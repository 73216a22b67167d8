/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate.h: whether what a mount program is asked to mount is what was sealed. Every lower directory must
 * be the tree of a layer, reached as the kernel will reach it, in the order of the sealed parents and
 * complete; each is compared with its seal at level stat. Nothing is mounted here.
 *
 * The engine that asks holds the store's locks and waits: nothing is written, not even a statprint.
 */
#ifndef GUARD_GATE_H
#define GUARD_GATE_H

#include <time.h>

#include "base/err.h"

struct findings;
struct guard;
struct mount_args;

/* What becomes of lower layers that were never sealed. */
enum gate_unsealed {
	GATE_DENY,
	GATE_FRESH, /* they pass if the engine that mounts them is older: it made them */
	GATE_ALLOW,
};
bool gate_unsealed_parse(const char *name, enum gate_unsealed *out);

struct gate_request {
	const struct mount_args *args;
	enum gate_unsealed unsealed;
	struct timespec engine_since; /* GATE_FRESH: when that engine was started */
	/*
	 * When the first of the guarded builds in flight began (inflight.h), tv_sec 0 if there is none: what is
	 * younger passes, for such a build seals at its end, or not.
	 */
	struct timespec guarded_since;
	bool cached; /* as in struct verify_options */
};

/* What may be mounted: these directories, by descriptor. */
struct gate_pass {
	int *lowers; /* in the order of the request */
	char *
	    *links; /* the short names that led there, "" where none did; NULL: of none */
	size_t n_lowers;
	int upper, work; /* -1: read-only */
	int target;
	bool
	    whiteout_files; /* deletions are files .wh.NAME, which the kernel does not know */
};
void gate_pass_release(struct gate_pass *p);
#define CLEANUP_GATE_PASS CLEANUP(gate_pass_release)

/* True if this is where a layer is mounted, not a volume that an engine lays over a directory. */
bool gate_is_layer_target(const char *target);

/*
 * ERR_REFUSED, with the layer and the path: a directory that is none of the mount's layers. What is wrong
 * with the layers themselves is in `findings`, severities set; `out` may be mounted if these come to
 * VERDICT_CLEAN (verify.h).
 */
MUSTUSE int gate_check(const struct guard *g, const struct gate_request *q,
    struct gate_pass *out, struct findings *findings, struct err *e);

#endif
