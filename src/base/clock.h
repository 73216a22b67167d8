/* SPDX-License-Identifier: Apache-2.0 */
/* clock.h: the time in milliseconds, for deadlines and pauses. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <time.h>

#include "base/base.h"

/* Of a clock that the kernel has for sure: CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME. */
static inline int64_t clock_ms(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* For who only compares it with itself. */
static inline int64_t clock_now_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

#endif
