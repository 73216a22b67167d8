/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree.h: measuring the tree of a layer (its diff/ directory): the full measurement, which reads
 * every byte and yields the canonical manifest, and the statprint, which only looks at inodes.
 *
 * The tree is hostile: names hold any byte, files are swapped while they are read, directories
 * become links. Everything is reached relative to descriptors, no link is followed, no other
 * file system entered, special files are never opened. Both calls use several threads; memory is
 * bounded by the largest directory and a fixed window, not by the tree.
 */
#ifndef TREE_TREE_H
#define TREE_TREE_H

#include <time.h>

#include "base/progress.h"
#include "crypto/digest.h"
#include "tree/known.h"
#include "tree/manifest.h"

struct statprint {
	uint8_t bytes[16];
};

/*
 * Gets the manifest line by line (with its LF), in order, in the thread that called; `m` is the same
 * line in parts, borrowed for the call. A non-zero return ends the measurement with that error.
 */
typedef int tree_line_fn(void *ctx, const char *line, size_t len,
    const struct manifest_entry *m, struct err *e);

/* A place of a tree, with what leads to it. */
struct tree_pick {
	const char *path; /* "/" the root; manifest_path_ok(); borrowed */
	bool below;	  /* a directory with all that is below it */
};

/* What level `scrub` compares: layerseal-ledger(5), "Scrub sums". */
struct scrub {
	uint8_t bytes[XXH128_BYTES];
};

struct tree_options {
	unsigned threads;		 /* 0: one per processor, more if `fresh` */
	struct progress *progress;	 /* may be NULL */
	const struct xxh_key *key;	 /* NULL: no statprint */
	const struct xxh_key *scrub_key; /* NULL: no scrub sum */
	bool
	    scrub_only; /* content has no other digest: there are neither lines nor a digest of them */
	bool fresh; /* drop the page cache of each file first: read the device */
	/* What needs not be read again; NULL: nothing. Not if `fresh` or `scrub_only`. */
	const struct known *known;
	tree_line_fn *line; /* may be NULL */
	void *line_ctx;
	/*
	 * Only these, in manifest order, no two the same; NULL: the whole tree. What is not there has no line. Digest and
	 * statprint are those of nothing then.
	 */
	const struct tree_pick *picks;
	size_t n_picks;
};

struct tree_result {
	struct digest digest; /* SHA-256 of the manifest */
	uint64_t manifest_bytes;
	uint64_t entries;	/* lines */
	uint64_t bytes;		/* content of regular files, hard links once */
	uint64_t outside_links; /* inodes with more links than names in this tree */
	bool has_scrub;
	struct scrub scrub;
	struct statprint print; /* valid only with has_print */
	/*
	 * True if the print may be trusted later: taken after syncfs, every file the same before
	 * and after it was hashed, every ctime older than the coarse clock read before the
	 * syncfs, on ext4, xfs or btrfs. (A store through a shared mapping of a dirty page moves no
	 * ctime.)
	 */
	bool has_print;
};

/*
 * Measures the tree at directory `dirfd`. ERR_IO: something could not be read, is a mount point, or
 * is nested too deep (tree/walk.h). ERR_MALFORMED: it has no manifest line. ERR_CHANGED: a file or
 * directory kept changing (3 tries each). The message names it.
 */
MUSTUSE int tree_measure(
    int dirfd, const struct tree_options *opt, struct tree_result *out, struct err *e);

/*
 * Statprints of many trees at once, work spread over the threads by directory, so one giant tree
 * scales as well as a thousand small ones. Each job is independent: its own error.
 */
struct statprint_job {
	int base_fd; /* borrowed */
	const char *
	    path; /* of the tree below base_fd, opened with fs_open_dir() when its turn comes */
	struct statprint print; /* out */
	uint64_t entries;	/* out */
	bool whiteout_files;	/* out: some name begins with ".wh." */
	struct timespec newest; /* out: the newest change time in it */
	int rc;			/* out: 0 or an error code */
	struct err err;		/* out, with rc */
};
void statprint_run(struct statprint_job *jobs, size_t n, const struct xxh_key *key,
    unsigned threads, struct progress *progress);

/*
 * Adds one regular file to a sum, as if it were an entry `name` of a tree of its own: for files that
 * a seal binds besides the tree. *ctime is its change time.
 */
MUSTUSE int statprint_add_file(int dirfd, const char *name, const struct xxh_key *key,
    struct statprint *sum, struct timespec *ctime, struct err *e);

bool statprint_equal(const struct statprint *a, const struct statprint *b);

#endif
