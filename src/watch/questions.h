/* SPDX-License-Identifier: Apache-2.0 */
/*
 * questions.h: what has been touched and not been looked at yet. Names come from whoever writes to the store, so there is
 * a bound on all of it: who touches more than that in one root has the whole of it looked at, who touches more roots has
 * everything looked at.
 */
#ifndef WATCH_QUESTIONS_H
#define WATCH_QUESTIONS_H

#include "watch/source.h"

#define QUESTION_PATHS_MAX 64
#define QUESTIONS_MAX 1024

struct touch {
	char *path; /* owned; as struct source_event has it */
	unsigned what;
	bool has_writer;
	struct writer writer; /* the last one */
};

struct question {
	uint32_t root;
	bool whole; /* more was touched than `touches` says */
	struct touch *touches;
	size_t n;
	int64_t since_ms; /* when the first of its events was read */
};

struct questions {
	struct question *v;
	size_t n;
	size_t last; /* where the last event went */
	bool everything;
	uint64_t gaps[GAP_COUNT];
	uint64_t events;
};

void questions_add(struct questions *q, const struct source_event *ev, int64_t now_ms);
bool questions_none(const struct questions *q);
void questions_release(struct questions *q);
#define CLEANUP_QUESTIONS CLEANUP(questions_release)

#endif
