/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buildlog.h: what an engine says on its standard output while it builds: which images it took from the
 * cache, in full ("--> Using cache ID"), which it made ("--> " and the first 11 or 12 digits), and the
 * result (the last line).
 *
 * RUN steps write there too, in the middle of lines: they can add words, and can take none away, for each
 * of the engine's own messages is one write. So a cache hit that is not here did not happen. A hit on an image
 * that never was in the store is a RUN step's, of a build in this build; an image that
 * is said to be made may be a RUN step's invention, and counts only where nobody can plant images.
 */
#ifndef GUARD_BUILDLOG_H
#define GUARD_BUILDLOG_H

#include "base/err.h"

#define BUILDLOG_ID_LEN 64
/* A build names no more images than this. */
#define BUILDLOG_EVENTS_MAX 65536

struct buildlog_event {
	bool hit;		       /* false: made */
	char hex[BUILDLOG_ID_LEN + 1]; /* all digits, or the first ones */
};

struct buildlog {
	/* In the order in which they happened; owned. */
	struct buildlog_event *events;
	size_t n;
	char result[BUILDLOG_ID_LEN + 1]; /* "" if the last line is no id */
	/* For buildlog.c: the end of the line that is being written. */
	char line[256];
	size_t len;
};

/* The next bytes, in pieces of any size. ERR_REFUSED: too many images. */
MUSTUSE int buildlog_add(
    struct buildlog *log, const char *bytes, size_t n, struct err *e);
/* At the end of the output. */
MUSTUSE int buildlog_end(struct buildlog *log, struct err *e);
void buildlog_release(struct buildlog *log);
#define CLEANUP_BUILDLOG CLEANUP(buildlog_release)

/* The first event that says that this image was made; SIZE_MAX: none does. Podman 5 says so of hits, too. */
size_t buildlog_made(const struct buildlog *log, const char *id);
/* The first that says that it came from the cache; SIZE_MAX: none does. */
size_t buildlog_hit(const struct buildlog *log, const char *id);

#endif
