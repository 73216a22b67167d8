/* SPDX-License-Identifier: Apache-2.0 */
/* record.c: see record.h. */
#include "ledger/record.h"

#include <inttypes.h>
#include <string.h>

#include "crypto/merkle.h"

struct record *record_new(uint64_t seq, const void *bytes, size_t len)
{
	struct record *r = xcalloc(1, sizeof(*r));

	*r = (struct record){.seq = seq, .len = len, .uses = 1};
	r->bytes = xmalloc(len);
	if (len)
		memcpy(r->bytes, bytes, len);
	return r;
}

int record_parse(struct record *r, struct err *e)
{
	struct entry *en = xcalloc(1, sizeof(*en));

	if (entry_parse(r->bytes, r->len, en, e)) {
		free(en);
		err_wrap(e, "ledger: entry %" PRIu64, r->seq);
		return e->code = ERR_LEDGER;
	}
	r->entry = en;
	return 0;
}

void record_leaf(const struct record *r, struct digest *out)
{
	merkle_leaf(r->bytes, r->len, out);
}

struct record *record_use(struct record *r)
{
	r->uses++;
	return r;
}

void record_drop(struct record *r)
{
	if (!r || --r->uses)
		return;
	if (r->entry)
		entry_release(r->entry);
	free(r->entry);
	free(r->bytes);
	free(r);
}
