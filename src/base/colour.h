/* SPDX-License-Identifier: Apache-2.0 */
/* colour.h: what makes a terminal change its colour; nothing for what is no terminal. */
#ifndef BASE_COLOUR_H
#define BASE_COLOUR_H

#include "base/base.h"

enum colour { COLOUR_NONE, COLOUR_RED, COLOUR_GREEN, COLOUR_YELLOW, COLOUR_BOLD };
const char *colour_text(bool terminal, enum colour c);

#endif
