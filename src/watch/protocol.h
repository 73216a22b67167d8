/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protocol.h: what is said on the control socket, as bytes and back. Pure, no I/O; layerseal-watch(8) is the
 * specification. A stream socket; a client sends one request, gets one answer, and is disconnected.
 *
 * A request is strict ASCII lines, ended by an empty one, at most PROTOCOL_REQUEST_MAX bytes, every value spelled
 * by esc_token():
 *
 *   layerseal/v1 request
 *   verb verify              verify, seal, status, metrics
 *   wait 2000                milliseconds that the client is ready to wait for a verdict
 *   store <graph root>       verify and seal: which store it means, and what it goes by:
 *   ledger <directory>
 *   policy <SHA-256>         guard/policy: policy_digest()
 *   image <name or id>       seal: any number
 *
 * An answer is the line "layerseal/v1 answer STATUS", then a JSON document of at most PROTOCOL_ANSWER_MAX bytes. STATUS:
 * known (the document has verdict and findings, as verify --json), unknown (the watcher cannot say at the
 * moment, "why" says why: look for yourself), other (another store, ledger or policy is watched), refused (this client
 * may not), done (seal, status, metrics), error.
 */
#ifndef WATCH_PROTOCOL_H
#define WATCH_PROTOCOL_H

#include "base/finding.h"
#include "crypto/digest.h"
#include "guard/verify.h"

#define PROTOCOL_REQUEST_MAX 16384
#define PROTOCOL_ANSWER_MAX (64U << 20)
#define PROTOCOL_WAIT_MAX 60000

enum request_verb { REQUEST_VERIFY, REQUEST_SEAL, REQUEST_STATUS, REQUEST_METRICS };
struct request {
	enum request_verb verb;
	unsigned wait_ms;
	char *store, *ledger; /* owned; NULL for status and metrics */
	struct digest policy;
	char **images;
	size_t n_images;
};
MUSTUSE int request_format(const struct request *r, struct buf *out, struct err *e);
/* ERR_MALFORMED names the line and the rule. */
MUSTUSE int request_parse(
    const char *bytes, size_t len, struct request *out, struct err *e);
void request_release(struct request *r);

enum answer_status {
	ANSWER_KNOWN,
	ANSWER_UNKNOWN,
	ANSWER_OTHER,
	ANSWER_REFUSED,
	ANSWER_DONE,
	ANSWER_ERROR
};
const char *answer_status_name(enum answer_status s);

/* A verdict of the watcher. Owned. */
struct answer {
	enum answer_status status;
	enum verdict verdict;	  /* with ANSWER_KNOWN, else unverifiable */
	struct findings findings; /* severities set */
	size_t layers, images;	  /* sealed ones that are there */
	char *source;		  /* "fanotify" */
	char *why;		  /* of unknown, other, refused, error; else NULL */
	int64_t last_pass;	  /* seconds since 1970 */
	char *document;		  /* with ANSWER_DONE: the JSON, or the text of metrics */
};
MUSTUSE int answer_format(const struct answer *a, struct buf *out, struct err *e);
/* From the watcher, which is trusted as far as its uid goes, but not to have no bugs. */
MUSTUSE int answer_parse(
    const char *bytes, size_t len, struct answer *out, struct err *e);
void answer_release(struct answer *a);

#endif
