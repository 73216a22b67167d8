/* SPDX-License-Identifier: Apache-2.0 */
/* duration.h: how settings spell a length of time: "90s", "10m", "2h", "7d". */
#ifndef BASE_DURATION_H
#define BASE_DURATION_H

#include "base/base.h"

/* True for a number from 1 to 999999 and one unit; else *seconds is as it was. */
bool duration_parse(const char *text, int64_t *seconds);

#endif
