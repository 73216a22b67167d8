/* SPDX-License-Identifier: Apache-2.0 */
/* secmem.c: see secmem.h. */
#include "crypto/secmem.h"

#include <gcrypt.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "crypto/digest.h"

int secmem_prepare(struct err *e)
{
	static const struct rlimit none;

	if (setrlimit(RLIMIT_CORE, &none) || prctl(PR_SET_DUMPABLE, 0))
		return err_sys(e, "cannot forbid core dumps");
	return crypto_memory_is_locked()
		   ? 0
		   : err_set(e, ERR_IO,
			 "cannot lock memory for a secret key: raise the limit "
			 "RLIMIT_MEMLOCK (ulimit -l)");
}

void secret_buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){
	    .data = gcry_xmalloc_secure(max + 1), .cap = max + 1, .max = max};
	b->data[0] = '\0';
}

void secret_buf_release(struct buf *b)
{
	gcry_free(b->data); /* libgcrypt wipes it */
	*b = (struct buf){0};
}
