/* SPDX-License-Identifier: Apache-2.0 */
/* colour.c: see colour.h. */
#include "base/colour.h"

const char *colour_text(bool terminal, enum colour c)
{
	static const char *const sequences[] = {
	    [COLOUR_NONE] = "\033[0m",
	    [COLOUR_RED] = "\033[31;1m",
	    [COLOUR_GREEN] = "\033[32;1m",
	    [COLOUR_YELLOW] = "\033[33;1m",
	    [COLOUR_BOLD] = "\033[1m",
	};

	return terminal ? sequences[c] : "";
}
