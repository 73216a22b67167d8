/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_proof.c: what parses as a proof has one spelling, but for its extra line; and no bytes prove that
 * the entry is anywhere else than where the key of the corpus has signed it.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "ledger/proof.h"

/* The log of the corpus: entries "entry 0\n" to "entry 12\n"; the proof is that of "entry 6\n". */
#define VKEY                                                                             \
	"build01.ci.example/cache-ledger+1704497b+"                                      \
	"AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"
#define INDEX 6

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void check_spelling(const char *data, size_t len, const struct proof *p)
{
	static const char extra[] = "c2sp.org/tlog-proof@v1\nextra ";
	CLEANUP_BUF struct buf again;
	struct err e;

	buf_init(&again, PROOF_MAX_BYTES);
	must(p->n <= MERKLE_PROOF_MAX && p->note_len <= len);
	if (len >= strlen(extra) && memcmp(data, extra, strlen(extra)) == 0)
		return;
	must(proof_format(p, &again, &e) == 0);
	must(again.len == len && memcmp(again.data, data, len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct trust trust;
	CLEANUP_BUF struct buf entry;
	struct public_key key;
	struct checkpoint head;
	struct proof p;
	struct err e;

	buf_init(&entry, 64);
	if (!trust.n_log)
		must(crypto_init(&e) == 0 && public_key_parse(VKEY, &key, &e) == 0 &&
		     trust_add(&trust, &key, 0, UINT64_MAX, &e) == 0);
	if (proof_parse((const char *)data, len, &p, &e))
		return 0;
	check_spelling((const char *)data, len, &p);
	must(buf_addf(&entry, &e, "entry %d\n", INDEX) == 0);
	if (proof_check(&p, &trust, &entry, &head, NULL, &e) == 0)
		must(p.index == INDEX && head.size == 13);
	return 0;
}
