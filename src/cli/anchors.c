/* SPDX-License-Identifier: Apache-2.0 */
/* anchors.c: see anchors.h. */
#include "cli/anchors.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/esc.h"

void anchors_policy_text(
    const struct anchor_settings *s, char out[static ANCHORS_POLICY_MAX])
{
	switch (s->unreachable) {
	case ANCHOR_STRICT:
		snprintf(out, ANCHORS_POLICY_MAX, "strict");
		break;
	case ANCHOR_OFF:
		snprintf(out, ANCHORS_POLICY_MAX, "off");
		break;
	case ANCHOR_GRACE:
		snprintf(out, ANCHORS_POLICY_MAX, "grace %" PRId64 "s", s->grace);
		break;
	}
}

static void print_line(const struct anchor_report *a, const char *indent)
{
	CLEANUP_FREE char *name = esc_str(a->name);
	CLEANUP_FREE char *why = esc_str(a->why);

	printf("%sanchor    %s %s", indent, name, anchor_state_name(a->state));
	if (a->knows_head)
		printf(", %" PRIu64 " entries", a->head.size);
	if (a->knows_counter)
		printf(", counter %" PRIu64, a->counter);
	if (a->has_file && a->knows_head)
		printf(", %s", a->append_only ? "append-only" : "not append-only");
	printf("%s%s\n", why[0] ? ": " : "", why);
}

void anchors_print_lines(const struct anchors *as, const char *indent)
{
	for (size_t i = 0; i < anchors_count(as); i++) {
		struct anchor_report report;

		anchors_report(as, i, &report);
		print_line(&report, indent);
	}
}

static void print_object(struct jsonout *j, const struct anchor_report *a)
{
	char root[DIGEST_TEXT_LEN + 1];

	jsonout_begin(j, NULL, '{');
	jsonout_str(j, "name", a->name);
	jsonout_str(j, "state", anchor_state_name(a->state));
	jsonout_str(j, "message", a->why[0] ? a->why : NULL);
	if (a->knows_head) {
		digest_text(&a->head.root, root);
		jsonout_u64(j, "size", a->head.size);
		jsonout_str(j, "root", root);
	}
	if (a->knows_counter)
		jsonout_u64(j, "counter", a->counter);
	if (a->has_file)
		jsonout_bool(j, "append_only", a->append_only);
	jsonout_end(j, '}');
}

void anchors_print_json(struct jsonout *j, const struct anchors *as)
{
	jsonout_begin(j, "anchors", '[');
	for (size_t i = 0; i < anchors_count(as); i++) {
		struct anchor_report report;

		anchors_report(as, i, &report);
		print_object(j, &report);
	}
	jsonout_end(j, ']');
}
