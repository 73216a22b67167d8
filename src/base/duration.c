/* SPDX-License-Identifier: Apache-2.0 */
/* duration.c: see duration.h. */
#include "base/duration.h"

#include <errno.h>

#define NUMBER_MAX 999999

bool duration_parse(const char *text, int64_t *seconds)
{
	static const struct {
		char unit;
		int64_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	char *end;
	unsigned long n;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	n = strtoul(text, &end, 10);
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		if (end[0] == units[i].unit && !end[1] && !errno && n > 0 &&
		    n <= NUMBER_MAX) {
			*seconds = (int64_t)n * units[i].seconds;
			return true;
		}
	}
	return false;
}
