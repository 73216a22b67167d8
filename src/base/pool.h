/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool.h: worker threads over one stack of tasks. The newest task runs first, so a walk that
 * submits its subdirectories goes depth first and the stack stays short. Tasks may submit tasks.
 */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include "base/base.h"

struct pool;

typedef void pool_fn(void *arg);

/*
 * At most `threads` tasks run at once (0: one per processor this process may use). Workers block
 * all signals. pool_wait() makes up for workers the system refused to start.
 */
struct pool *pool_new(unsigned threads);
/*
 * The same, but workers are started by pool_start() alone, which a task may call when it sees that there is
 * work for more than one; until then pool_wait() does all. Only the first call counts.
 */
struct pool *pool_new_resting(unsigned threads);
void pool_start(struct pool *p);
void pool_submit(struct pool *p, pool_fn *fn, void *arg);
/* Returns when no task is left or running; the calling thread helps. Not from within a task. */
void pool_wait(struct pool *p);
void pool_free(struct pool *p); /* waits first; NULL is fine */

/*
 * True if another task would be run at once. A guess, made without a lock: for tasks that could give
 * something away, and had better keep it while everybody is busy.
 */
bool pool_is_hungry(const struct pool *p);

unsigned pool_online_cpus(void);

#endif
