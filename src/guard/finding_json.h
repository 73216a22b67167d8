/* SPDX-License-Identifier: Apache-2.0 */
/* finding_json.h: one finding as the JSON object that every output of layerseal has for it: layerseal-findings(7). */
#ifndef GUARD_FINDING_JSON_H
#define GUARD_FINDING_JSON_H

#include "base/finding.h"
#include "base/jsonout.h"

/* `name`: as jsonout_begin() has it. */
void finding_json(struct jsonout *j, const char *name, const struct finding *f);
/* Array "findings" into an open object. */
void findings_json(struct jsonout *j, const struct findings *list);

#endif
