/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_boltdb.c: a bolt_state.db of anybody. */
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "store/libpod.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static int fd = -1;
	struct libpod_config c;
	struct err e;

	if (fd < 0)
		fd = memfd_create("db", MFD_CLOEXEC);
	if (ftruncate(fd, 0) || pwrite(fd, data, len, 0) != (ssize_t)len)
		return 0;
	if (!libpod_read_bolt(fd, &c, &e))
		libpod_config_release(&c);
	return 0;
}
