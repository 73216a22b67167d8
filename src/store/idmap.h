/* SPDX-License-Identifier: Apache-2.0 */
/*
 * idmap.h: which ids a rootless store's containers see: 0 is the user, 1 and on are the user's ranges in
 * /etc/subuid or /etc/subgid, in the order of the file, as podman maps them.
 */
#ifndef STORE_IDMAP_H
#define STORE_IDMAP_H

#include <sys/types.h>

#include "base/buf.h"

/* The user's own id, and this many ranges. */
#define IDMAP_RANGES_MAX 65
/* Lines "FIRST FIRST COUNT", with room for what is between and above the ranges. */
#define IDMAP_TEXT_MAX (2 * 33 * (2 * IDMAP_RANGES_MAX + 1))

struct idmap_range {
	uint32_t first, count; /* outside; inside they follow one another, from 0 */
};
struct idmap {
	struct idmap_range v[IDMAP_RANGES_MAX];
	size_t n;
};

/*
 * The map of a user: `own` is the uid or gid that is 0 inside; `file` has lines "name-or-uid:first:count" and
 * belongs to root. Without the file, or a line of the user, there is `own` alone.
 */
void idmap_read(
    const char *file, const char *user, uid_t uid, uint32_t own, struct idmap *out);

/*
 * That of the user namespace that this process is in. False: its ids do not begin with 0 and follow one another,
 * as those of rootless containers do.
 */
MUSTUSE bool idmap_of_namespace(const char *file, struct idmap *out);

/* "1000:1,100000:65536", heap. */
char *idmap_text(const struct idmap *m);

/* True if the id outside has one inside. */
bool idmap_has(const struct idmap *m, uint32_t outside);
/* What the id inside is outside; the highest number, which is nobody's id, if there is none. */
uint32_t idmap_outside(const struct idmap *m, uint32_t inside);

/* What newuidmap(1) writes, and what /proc/PID/uid_map takes: "INSIDE OUTSIDE COUNT" lines. */
MUSTUSE int idmap_lines(const struct idmap *m, struct buf *out, struct err *e);

/*
 * The other way round, for an id-mapped mount on which files have the ids that they have inside: lines
 * "OUTSIDE INSIDE COUNT". Every other id gets one above those, so that a file of a stranger is told from one
 * of id 65534, and can be moved away. ERR_STORE if ranges overlap.
 */
MUSTUSE int idmap_inverse_lines(const struct idmap *m, struct buf *out, struct err *e);

#endif
