/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outlet.h: how the watcher tells people and programs what it noticed: a line on standard output (text or JSON), the
 * journal (structured fields, message ids of the catalogue), a command of the administrator, and numbers for
 * Prometheus. Everything untrusted is escaped here; no outlet can hold up the watcher for long, and what an
 * attacker makes happen in a loop is told a bounded number of times, with how often it was not.
 *
 * One thread.
 */
#ifndef WATCH_OUTLET_H
#define WATCH_OUTLET_H

#include "base/finding.h"
#include "base/jsonout.h"
#include "guard/config.h"
#include "watch/source.h"

/* X(enumerator, "stable-name"): what a message is about; each has a message id and a line in the catalogue. */
#define NOTICE_KINDS(X)                                                                  \
	X(NOTICE_ALARM, "alarm") /* something deviates from what was sealed */           \
	X(NOTICE_CLEARED,                                                                \
	    "cleared") /* what an alarm was about is as sealed again, or gone */         \
	X(NOTICE_TOUCHED, "touched") /* written to, and the same as before */            \
	X(NOTICE_UNSEALED,                                                               \
	    "unsealed")		   /* a new layer, image or name that nobody sealed */   \
	X(NOTICE_SEALED, "sealed") /* the watcher sealed something itself */             \
	X(NOTICE_GAP,                                                                    \
	    "gap") /* something may have been missed; all is looked at again */          \
	X(NOTICE_PASS, "pass") /* a whole pass ended */                                  \
	X(NOTICE_UNVERIFIABLE,                                                           \
	    "unverifiable")	 /* the store or the ledger cannot be looked at */       \
	X(NOTICE_READY, "ready") /* armed, and all was looked at once */                 \
	X(NOTICE_FOLDED,                                                                 \
	    "folded") /* so many messages of one kind were not told one by one */        \
	X(NOTICE_UNTOLD, "untold") /* one of the ways to people does not work */         \
	X(NOTICE_END, "end")
enum notice_kind {
#define X(id, name) id,
	NOTICE_KINDS(X)
#undef X
	    NOTICE_KIND_COUNT
};
const char *notice_kind_name(enum notice_kind k);

struct notice {
	enum notice_kind kind;
	int64_t time_ms;	       /* since 1970 */
	const char *store;	       /* graph root */
	const struct finding *finding; /* alarm, cleared, unsealed; else NULL */
	const char *layer, *path;      /* touched; else NULL */
	const struct writer *writer;   /* NULL: not known */
	const char *
	    text; /* gap: its name; unverifiable, sealed, untold: in words; others may have some; NULL: none */
	enum notice_kind
	    folded; /* folded: of which kind; `finding` has no more than their class, `text` the gap */
	uint64_t
	    count; /* folded, gap, sealed, untold: how many; ready, pass: sealed layers; else 0 */
	double latency_ms; /* alarm: since the event was read, else 0 */
};

/* What the numbers are; kept by the watcher. */
struct watch_figures {
	const char *source; /* "fanotify" */
	enum verdict verdict;
	bool known; /* the verdict holds at this moment, as far as all that was read */
	uint64_t events, alarms, notices, gaps[GAP_COUNT];
	uint64_t asked, verified; /* requests of clients; those that got a verdict */
	uint64_t passes, ledger_size;
	size_t watches, objects, layers, images, unsealed, findings;
	int64_t started, last_pass, last_alarm; /* seconds since 1970; 0: never */
	double pass_seconds,
	    lag_ms; /* of the last pass; from the last event read to its judgement */
};

enum outlet_lines { LINES_NONE, LINES_TEXT, LINES_JSON };

struct outlet;
/* `settings` borrowed, outlives it. ERR_USAGE: a setting that cannot be followed (a command that is not to be trusted). */
/* SIGPIPE is ignored from here on: who reads what is told may go away. */
MUSTUSE int outlet_open(const struct watch_settings *settings, enum outlet_lines lines,
    struct outlet **out, struct err *e);
/* Tells what was folded; a command that still runs, and lines, get a second or two. NULL is fine. */
void outlet_free(struct outlet *o);
/*
 * Never fails and never waits: what cannot be told in one way is counted, and told in the others. The first of its
 * kind and class is told, then so many in a minute (OUTLET_*); of the rest the number.
 */
#define OUTLET_WINDOW_MS 60000
#define OUTLET_EACH_MAX 10  /* of one kind and class in a window */
#define OUTLET_TOTAL_MAX 60 /* in a window, beside the first of each */
void outlet_tell(struct outlet *o, const struct notice *n);
/*
 * Once a second or so: tells what was folded, starts commands that had to wait, ends those that take too long. `now_ms` of
 * a clock that does not go back.
 */
void outlet_tick(struct outlet *o, int64_t now_ms);
/* Replaces the file for the collector of Prometheus' node exporter, if one is configured: four times a minute. */
void outlet_metrics(struct outlet *o, const struct watch_figures *f);

/* Tells that nothing is watched any more. */
void outlet_end(struct outlet *o);

/* The same numbers as text, for the socket. */
MUSTUSE int metrics_text(
    const struct watch_figures *f, const char *store, struct buf *out, struct err *e);
/* One notice as one JSON object. */
void notice_json(struct jsonout *j, const struct notice *n);

#endif
