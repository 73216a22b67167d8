/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secmem.h: where secrets may be: memory that is locked, so that it never reaches the swap, and wiped
 * when it is freed, in a process that leaves no core and that its user's other processes cannot trace.
 */
#ifndef CRYPTO_SECMEM_H
#define CRYPTO_SECMEM_H

#include "base/buf.h"

/*
 * Before the first secret comes in: forbids cores and tracing, for good. After it /proc/PID belongs
 * to root, so a user namespace must have been entered before. ERR_IO if memory cannot be locked.
 */
MUSTUSE int secmem_prepare(struct err *e);

/*
 * A buffer of locked memory, all of it at once, so that it never moves and leaves copies behind. Not
 * for buf_release() and buf_take(). Secrets are not formatted with buf_addf().
 */
void secret_buf_init(struct buf *b, size_t max);
void secret_buf_release(struct buf *b);
#define CLEANUP_SECRET_BUF CLEANUP(secret_buf_release)

#endif
