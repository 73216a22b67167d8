/* SPDX-License-Identifier: Apache-2.0 */
/* purge_report.h: what a purge took out, for people and for programs. */
#ifndef CLI_PURGE_REPORT_H
#define CLI_PURGE_REPORT_H

#include "cli/cli.h"
#include "cli/report.h"
#include "guard/purge.h"

/* What goes or went, why, and how many bytes come back. */
void purge_report_text(
    FILE *to, const struct purge_options *opt, const struct purge_result *r);
void purge_report_verdict(FILE *to, const struct session *s, enum verdict verdict);
/* Document layerseal.purge/1 to standard output. */
MUSTUSE int purge_report_json(const struct session *s, const struct purge_options *opt,
    const struct purge_result *r, struct err *e);
/* Its members "items" ... "kept", into an open object. */
void purge_report_members(struct jsonout *j, const struct purge_result *r);

#endif
