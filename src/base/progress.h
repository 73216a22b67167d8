/* SPDX-License-Identifier: Apache-2.0 */
/*
 * progress.h: counters that the measuring threads advance and the command line shows. Nothing
 * here prints. Any thread may add or read.
 */
#ifndef BASE_PROGRESS_H
#define BASE_PROGRESS_H

#include <stdatomic.h>

#include "base/base.h"

struct progress {
	_Atomic uint64_t layers_done, layers_total;
	_Atomic uint64_t files_done;
	_Atomic uint64_t bytes_done, bytes_total; /* bytes_total is 0 while unknown */
};

static inline void progress_add(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

#endif
