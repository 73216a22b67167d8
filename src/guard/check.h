/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check.h: the single comparisons of which verifying consists and which sealing repeats before it
 * refuses or accepts a change. Each adds findings and says nothing else.
 */
#ifndef GUARD_CHECK_H
#define GUARD_CHECK_H

#include <time.h>

#include "guard/guard.h"
#include "store/identity.h"
#include "store/layer_data.h"

/* The record, short name and parent of a sealed layer. */
void check_layer_record(const struct entry_seal_layer *seal, const struct store_layer *l,
    const struct layer_structure *st, struct findings *findings);

/* The tar-split stream of a sealed layer. ERR_IO only if the system fails. */
MUSTUSE int check_tar_split(const struct guard *g, const struct entry_seal_layer *seal,
    const struct store_layer *l, struct findings *findings, struct err *e);

/* The big data of a sealed layer. What cannot be read is a finding. */
void check_layer_data(const struct guard *g, const struct entry_seal_layer *seal,
    const struct store_layer *l, struct findings *findings);

/*
 * Measures the tree of a sealed layer and compares it with what was sealed; what differs is found by
 * reading it once more beside the sealed manifest. Failing to read is a finding too.
 */
MUSTUSE int check_tree(const struct guard *g, const struct entry_seal_layer *seal,
    const struct store_layer *l, bool cached, struct tree_result *measured,
    struct findings *findings, struct err *e);

/* The same of any tree that is open already; `cached` as there. Findings are at `where`. */
struct tree_at {
	int fd; /* borrowed */
	bool cached;
	const struct digest *tree; /* as sealed */
	uint64_t manifest_bytes;
	struct place where;
};
MUSTUSE int check_open_tree(const struct guard *g, const struct tree_at *at,
    struct tree_result *measured, struct findings *findings, struct err *e);

/*
 * Reads all of a tree again for its scrub sum (`sum`: as recorded). Nothing but equal sums is SCRUB_SAME: else whoever
 * reads it in full has the last word, and says what is wrong.
 */
enum check_scrub { SCRUB_SAME, SCRUB_OTHER, SCRUB_FAILED };
enum check_scrub check_open_scrub(const struct guard *g, const struct tree_at *at,
    const uint8_t *sum, struct tree_result *measured);
enum check_scrub check_scrub(const struct guard *g, const struct store_layer *l,
    bool cached, const uint8_t *sum, struct tree_result *measured);
/*
 * It was SCRUB_OTHER, and then read in full is what was sealed: if its sum then was the recorded one, one of the two
 * readings was wrong, which is a finding.
 */
void check_add_misread(struct place where, const uint8_t *sum,
    const struct tree_result *measured, struct findings *findings);

/* The record and files of a sealed image. */
MUSTUSE int check_image(const struct guard *g, const struct records *r,
    const struct entry_seal_image *seal, const struct store_image *i,
    struct findings *findings, struct err *e);

/* Names of an image against the names that were sealed. `sealed`: the image itself is. */
void check_names(
    const struct guard *g, const struct store_image *i, struct findings *findings);

/* Puts a failed measurement on the list: ERR_CHANGED is tree-unstable, ERR_IO tree-unreadable. */
void check_add_failure(
    struct place where, const struct err *why, struct findings *findings);

/* What was revoked must not be used: sealed or not, changed or not. `where`: what has this digest. */
void check_revoked(const struct guard *g, const struct digest *d, struct place where,
    struct findings *findings);
/* By what the record of a layer says, and by what was sealed (`sealed`: NULL if it never was). */
void check_layer_revoked(const struct guard *g, const struct store_layer *l,
    const struct sealed_layer *sealed, struct findings *findings);

/*
 * A statprint may be recorded only for what was settled first: reads the coarse clock into *moment,
 * then writes everything back, so that a later store through a shared mapping moves a ctime again.
 */
MUSTUSE int check_settle(const struct guard *g, const struct store_layer *l,
    struct timespec *moment, struct err *e);
bool check_before(const struct timespec *a, const struct timespec *b);

/*
 * The statprint that a seal records: of the tree (`print`, updated), of the tar-split file and of big
 * data; *ctime is the newest change time of those files.
 */
MUSTUSE int check_print_add_files(const struct guard *g, const struct store_layer *l,
    struct statprint *print, struct timespec *ctime, struct err *e);

#endif
