/* SPDX-License-Identifier: Apache-2.0 */
/* report.h: findings and figures for people and for programs. Everything untrusted is escaped here. */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include <stdio.h>

#include "base/colour.h"
#include "base/finding.h"
#include "base/jsonout.h"

/* Findings as text, one block each, to `to`; colour if it is a terminal. */
void report_findings(FILE *to, const struct findings *list);
/* What to do about them, by the classes that occur. */
void report_remedies(FILE *to, const struct findings *list);
/* Array "findings" and number "findings_dropped" into an open JSON object. */
void report_findings_json(struct jsonout *j, const struct findings *list);

/* Writes the document and a newline to standard output. */
MUSTUSE int report_json(const struct jsonout *j, struct err *e);

/* "1 layer", "2 layers": what follows the noun. */
#define REPORT_S(n) ((n) == 1 ? "" : "s")

/* "12.3 MB" */
#define REPORT_SIZE_MAX 24
void report_size(double bytes, char out[static REPORT_SIZE_MAX]);
/* "2026-11-24 08:25:07 UTC" */
#define REPORT_TIME_MAX 32
void report_time(int64_t seconds, char out[static REPORT_TIME_MAX]);

/* Escape sequences, or "" where `to` is no terminal. */
const char *report_colour(FILE *to, enum colour c);

#endif
