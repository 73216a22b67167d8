/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_tarsplit.c: the tar-split stream; compressed if the input starts like gzip, else its lines. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "store/tarsplit.h"

struct memory {
	const uint8_t *data;
	size_t len;
};

static int read_memory(void *ctx, void *data, size_t cap, size_t *got, struct err *e)
{
	struct memory *m = ctx;

	(void)e;
	*got = m->len < cap ? m->len : cap;
	memcpy(data, m->data, *got);
	m->data += *got;
	m->len -= *got;
	return 0;
}

/* An accepted entry keeps the promises its users rely on. */
static void check(const struct tarsplit_entry *entry)
{
	if (entry->type == TARSPLIT_FILE
		? entry->name[0] == '\0' || entry->size > INT64_MAX || entry->len
		: entry->type != TARSPLIT_SEGMENT || entry->name || entry->size)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct memory m = {data, len};
	struct tarsplit *t =
	    tarsplit_new(read_memory, &m, len > 1 && data[0] == 0x1f && data[1] == 0x8b);
	struct tarsplit_entry entry;
	struct digest digest;
	bool end = false;
	struct err e;
	int r = 0;

	while (!r && !end) {
		r = tarsplit_next(t, &entry, &end, &e);
		if (!r && !end)
			check(&entry);
	}
	if (!r)
		tarsplit_digest(t, &digest);
	tarsplit_free(t);
	return 0;
}
