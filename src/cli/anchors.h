/* SPDX-License-Identifier: Apache-2.0 */
/* anchors.h: what the anchors of a ledger say, for people and for programs. */
#ifndef CLI_ANCHORS_H
#define CLI_ANCHORS_H

#include "base/jsonout.h"
#include "ledger/anchor.h"

/* One line for each; `indent` and the word "anchor" first. */
void anchors_print_lines(const struct anchors *as, const char *indent);
/* Array "anchors" into an open JSON object. */
void anchors_print_json(struct jsonout *j, const struct anchors *as);
/* "strict", "off", "grace 3600s" */
#define ANCHORS_POLICY_MAX 40
void anchors_policy_text(
    const struct anchor_settings *s, char out[static ANCHORS_POLICY_MAX]);

#endif
