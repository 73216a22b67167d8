/* SPDX-License-Identifier: Apache-2.0 */
/*
 * told.h: the findings that people have been told of, so that one is told when it appears and when it is gone, and
 * not each time it is found again. Two findings are the same if class, layer, image and path are.
 *
 * What an engine does takes several steps, and a look may fall between two of them: a finding that may be such a
 * moment is told only when it is still there after a while.
 */
#ifndef WATCH_TOLD_H
#define WATCH_TOLD_H

#include "base/finding.h"

struct told_mark {
	int64_t since_ms;
	bool told;
};
struct told {
	struct findings list;	 /* sorted, each once; without words */
	struct told_mark *marks; /* one each */
};

struct told_handlers {
	/* How long it must have been there. */
	unsigned (*settles_ms)(const struct finding *f);
	void (*appeared)(void *ctx, const struct finding *f);
	void (*gone)(void *ctx, const struct finding *f);
	void *ctx;
};

/*
 * `now`: all that is found at present, in any order (the pointers are sorted). True if something was found that
 * is not told yet: look again.
 */
bool told_update(struct told *t, const struct finding **now, size_t n, int64_t now_ms,
    const struct told_handlers *h);
void told_release(struct told *t);

#endif
