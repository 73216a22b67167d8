/* SPDX-License-Identifier: Apache-2.0 */
/* check_scrub.c: see check.h; reading everything at the speed of memory. */
#include <string.h>

#include "base/hex.h"
#include "guard/check.h"

enum check_scrub check_open_scrub(const struct guard *g, const struct tree_at *at,
    const uint8_t *sum, struct tree_result *measured)
{
	struct tree_options opt = {
	    .threads = g->threads,
	    .progress = g->progress,
	    .scrub_key = ledger_scrub_key(g->ledger),
	    .scrub_only = true,
	    .fresh = !at->cached,
	};
	struct err ignored;

	*measured = (struct tree_result){0};
	if (!opt.scrub_key || tree_measure(at->fd, &opt, measured, &ignored) ||
	    !measured->has_scrub)
		return SCRUB_FAILED;
	return memcmp(measured->scrub.bytes, sum, sizeof(measured->scrub.bytes)) == 0
		   ? SCRUB_SAME
		   : SCRUB_OTHER;
}

enum check_scrub check_scrub(const struct guard *g, const struct store_layer *l,
    bool cached, const uint8_t *sum, struct tree_result *measured)
{
	CLEANUP_FD int fd = -1;
	struct err ignored;

	if (guard_open_tree(g, l, &fd, &ignored))
		return SCRUB_FAILED;
	return check_open_scrub(
	    g, &(struct tree_at){.fd = fd, .cached = cached}, sum, measured);
}

void check_add_misread(struct place where, const uint8_t *sum,
    const struct tree_result *measured, struct findings *findings)
{
	char hex[2 * sizeof(measured->scrub.bytes) + 1];
	struct finding *f;

	if (!measured->has_scrub ||
	    memcmp(measured->scrub.bytes, sum, sizeof(measured->scrub.bytes)) != 0)
		return;
	hex_encode(hex, sum, sizeof(measured->scrub.bytes));
	f = findings_add(findings, FINDING_TREE_UNSTABLE, where);
	finding_expected(f, "scrub sum %s", hex);
	finding_found(f, "another one, and this when read again: the device or the "
			 "memory does not always give the same bytes");
}
