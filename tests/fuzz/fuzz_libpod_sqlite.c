/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_libpod_sqlite.c: a db.sql of anybody. */
#include "fuzz.h"
#include "store/libpod.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct libpod_config c;
	struct err e;

	if (!libpod_read_sqlite(data, len, &c, &e))
		libpod_config_release(&c);
	return 0;
}
