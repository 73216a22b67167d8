/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protocol.h: what is said on the control socket, as bytes and back. Pure, no I/O; layerseal-watch(8) is the
 * specification. A stream socket; a client sends one request, gets one answer, and is disconnected.
 *
 * A request is strict ASCII lines in this order, ended by an empty one, at most PROTOCOL_REQUEST_MAX bytes in all. Texts
 * are spelled by esc_token(), and are never empty:
 *
 *   layerseal/v1 request
 *   verb verify              verify, seal, status, metrics
 *   wait 2000                milliseconds that the client is ready to wait for a verdict
 *
 * and for verify and seal, what the client goes by and means (watch/subject.h compares it):
 *
 *   ledger <directory>       its path without links, and which directory that is to the client
 *   ledger-device 2049
 *   ledger-inode 1048578
 *   policy <SHA-256>         guard/policy: policy_digest()
 *   whiteout-files yes       perhaps: the client believes files .wh.NAME
 *   trust <file>             perhaps: the client was told whom to believe
 *   store <graph root>       perhaps: else the only one in the ledger, or the only one of the user
 *   user <name>              perhaps: whose store
 *   options <SHA-256>        perhaps: subject_options(), what an engine is about to use the store with
 *   cache-dir <directory>    any number: where the next build keeps cache mounts, none: where it usually does. The answer
 *                            is about what is in them, too, or it is unknown
 *   image <name or id>       seal alone: any number, none: all
 *
 * An answer is the line "layerseal/v1 answer STATUS LENGTH" and LENGTH bytes, at most PROTOCOL_ANSWER_MAX. STATUS:
 *
 *   known     a JSON object with verdict and findings, spelled as verify --json does
 *   unknown   the watcher cannot say at the moment; a JSON object whose "why" says why: look for yourself
 *   other     another store, ledger, policy or the like is watched; "why"
 *   refused   this client may not; "why"
 *   error     the request is malformed, or the watcher could not do it; "why"
 *   done      seal and status: a JSON object; metrics: the text
 */
#ifndef WATCH_PROTOCOL_H
#define WATCH_PROTOCOL_H

#include "base/finding.h"
#include "crypto/digest.h"
#include "guard/verify.h"

#define PROTOCOL_REQUEST_MAX 16384
#define PROTOCOL_ANSWER_MAX (64U << 20)
#define PROTOCOL_HEAD_MAX 64 /* the first line of an answer */
#define PROTOCOL_WAIT_MAX 60000

enum request_verb { REQUEST_VERIFY, REQUEST_SEAL, REQUEST_STATUS, REQUEST_METRICS };
/* All texts are owned. */
struct request {
	enum request_verb verb;
	unsigned wait_ms;
	/* The rest is of verify and seal; NULL, zero and none for the others. */
	char *ledger; /* absolute */
	uint64_t ledger_device, ledger_inode;
	struct digest policy;
	bool whiteout_files;
	char *trust;	       /* absolute; NULL: not named */
	char *store;	       /* absolute; NULL: not named */
	char *user;	       /* NULL: not named */
	struct digest options; /* zeros: as the ledger knows the store */
	char **cache_dirs;     /* as store/cachemounts.h has them */
	size_t n_cache_dirs;
	char **images;
	size_t n_images;
};
/* ERR_USAGE: larger than a request may be, or it holds what the format cannot. */
MUSTUSE int request_format(const struct request *r, struct buf *out, struct err *e);
/* ERR_MALFORMED names the line and the rule; *out is then empty. */
MUSTUSE int request_parse(
    const char *bytes, size_t len, struct request *out, struct err *e);
/*
 * How many bytes at the start of `bytes` are a whole request, as far as its end goes; 0: there is more to come.
 * `known`: so many of them were looked at before.
 */
size_t request_length(const char *bytes, size_t len, size_t known);
void request_release(struct request *r);
#define CLEANUP_REQUEST CLEANUP(request_release)

enum answer_status {
	ANSWER_KNOWN,
	ANSWER_UNKNOWN,
	ANSWER_OTHER,
	ANSWER_REFUSED,
	ANSWER_DONE,
	ANSWER_ERROR
};
const char *answer_status_name(enum answer_status s);

/* A verdict of the watcher, or why there is none. Owned. */
struct answer {
	enum answer_status status;
	enum verdict verdict;	  /* with ANSWER_KNOWN, else unverifiable */
	struct findings findings; /* severities set; of ANSWER_KNOWN, as all below */
	size_t layers, images, cache_mounts; /* sealed ones that are there */
	char *source;			     /* "fanotify" */
	char *graphroot, *store_id;	     /* the store; 32 hexadecimal digits */
	uint64_t ledger_size;
	struct digest ledger_root;
	int64_t last_pass; /* seconds since 1970 */
	char *why;	   /* of unknown, other, refused, error; else NULL */
	char *document;	   /* with ANSWER_DONE: the JSON, or the text of metrics */
};
/* Findings that would make it larger than an answer may be are only counted. */
MUSTUSE int answer_format(const struct answer *a, struct buf *out, struct err *e);
/*
 * From the watcher, which is trusted as far as its uid goes, but not to have no bugs: nothing reads as clean that has a
 * finding which is to be denied. ERR_MALFORMED; *out is then empty.
 */
MUSTUSE int answer_parse(
    const char *bytes, size_t len, struct answer *out, struct err *e);
/*
 * How long the answer will be of which `bytes` are the start, in *out; 0: the first line is not complete yet.
 * ERR_MALFORMED if it is not the start of one.
 */
MUSTUSE int answer_length(const char *bytes, size_t len, size_t *out, struct err *e);
/* Without a verdict; `why` in printf()'s way. */
void answer_say(struct answer *out, enum answer_status status, const char *why, ...)
    PRINTF_LIKE(3, 4);
void answer_release(struct answer *a);
#define CLEANUP_ANSWER CLEANUP(answer_release)

#endif
