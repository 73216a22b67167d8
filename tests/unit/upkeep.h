/* SPDX-License-Identifier: Apache-2.0 */
/* upkeep.h: ledgers with manifests in them, and what must not change of one; for the tests of upkeep. */
#ifndef TESTS_UNIT_UPKEEP_H
#define TESTS_UNIT_UPKEEP_H

#include "ledger/audit.h"
#include "ledger/upkeep.h"
#include "scratch.h"

#define TEXT_BYTES (300U << 10) /* more than a chunk */

/* A listing that does not compress, its own for each number. */
UNUSED static char *listing(unsigned n, struct digest *digest)
{
	char *text = xmalloc(TEXT_BYTES);
	uint64_t x = n + 1;

	for (size_t i = 0; i < TEXT_BYTES; i++) {
		x = x * 6364136223846793005ULL + 1442695040888963407ULL;
		text[i] = (char)(x >> 56);
	}
	sha256(text, TEXT_BYTES, digest);
	return text;
}

UNUSED static struct entry layer_listed(unsigned layer, unsigned n)
{
	struct entry en = layer_of(layer);

	free(listing(n, &en.seal_layer.tree));
	en.seal_layer.manifest_bytes = TEXT_BYTES;
	return en;
}

UNUSED static void put_listing(struct ledger *l, unsigned n)
{
	struct manifest_writer *w;
	struct digest digest;
	char *text = listing(n, &digest);
	struct err e;

	assert_int_equal(manifest_writer_new(l, &w, &e), 0);
	assert_int_equal(manifest_writer_add(w, text, TEXT_BYTES, &e), 0);
	if (manifest_writer_commit(w, &digest, &e))
		fail_msg("%s", e.msg);
	manifest_writer_free(w);
	free(text);
}

/* 0 if it is there and whole. */
UNUSED static int get_listing(struct ledger *l, unsigned n, struct err *e)
{
	struct manifest_reader *m;
	struct digest digest;
	const char *data;
	size_t len = 1;
	int r;

	free(listing(n, &digest));
	r = manifest_reader_new(l, &digest, TEXT_BYTES, &m, e);
	while (!r && len)
		r = manifest_reader_next(m, &data, &len, e);
	manifest_reader_free(m);
	return r;
}

UNUSED static void seal(struct ledger *l, unsigned layer, unsigned n)
{
	put_listing(l, n);
	must_append(l, layer_listed(layer, n));
}

/* A store and layers 0 to n - 1, whose listings have their numbers. */
UNUSED static void make_listed(unsigned n)
{
	struct ledger *l;

	make_ledger(0);
	l = must_open(LEDGER_WRITE);
	for (unsigned i = 0; i < n; i++)
		seal(l, i, i);
	ledger_close(l);
}

UNUSED static int open_with(struct ledger_options o, struct ledger **out, struct err *e)
{
	struct trust trust;
	int r = trust_load(trust_file(), &trust, e);

	o.dir = dir;
	o.trust = &trust;
	o.mode = LEDGER_READ;
	*out = NULL;
	return r ? r : ledger_open(&o, out, e);
}

UNUSED static int compact(struct copy_report *report, struct err *e)
{
	struct ledger *l;
	int r = open_with((struct ledger_options){.alone = true}, &l, e);

	*report = (struct copy_report){0};
	if (!r)
		r = upkeep_compact(l, false, report, e);
	ledger_close(l);
	return r;
}

UNUSED static struct copy_report must_compact(void)
{
	struct copy_report report;
	struct err e;

	if (compact(&report, &e))
		fail_msg("%s", e.msg);
	return report;
}

UNUSED static int rebuild(struct copy_report *report, struct err *e)
{
	struct ledger *l;
	int r = open_with((struct ledger_options){.alone = true, .whole = true}, &l, e);

	*report = (struct copy_report){0};
	if (!r)
		r = upkeep_rebuild(l, report, e);
	ledger_close(l);
	return r;
}

/* All that anybody can check of a ledger. */
UNUSED static void must_be_sound(void)
{
	struct audit_options o = {0};
	struct audit_report report;
	struct trust trust;
	struct ledger *l = NULL;
	struct err e;

	o.trust = &trust;
	if (trust_load(trust_file(), &trust, &e) ||
	    open_with((struct ledger_options){0}, &l, &e) ||
	    audit_ledger(l, &o, &report, &e))
		fail_msg("%s", e.msg);
	ledger_close(l);
}

UNUSED static off_t bytes_of(const char *file)
{
	struct stat st;

	assert_int_equal(stat(path_of(file), &st), 0);
	return st.st_size;
}

UNUSED static bool is_there(const char *file)
{
	struct stat st;

	return lstat(path_of(file), &st) == 0;
}

/* SHA-256 over all entries and all checkpoints. */
UNUSED static int hash_entry(
    void *ctx, uint64_t seq, const char *bytes, size_t len, struct err *e)
{
	(void)e;
	sha256_update(ctx, &seq, sizeof(seq));
	sha256_update(ctx, &len, sizeof(len));
	sha256_update(ctx, bytes, len);
	return 0;
}

UNUSED static struct digest log_digest(void)
{
	struct sha256 *h = sha256_new();
	struct digest digest;
	struct ledger *l;
	struct err e;

	if (open_with((struct ledger_options){0}, &l, &e) ||
	    ledger_replay(l, hash_entry, h, &e) || ledger_each_head(l, hash_entry, h, &e))
		fail_msg("%s", e.msg);
	ledger_close(l);
	sha256_final(h, &digest);
	sha256_free(h);
	return digest;
}

UNUSED static void must_be_log(const struct digest *before)
{
	struct digest now = log_digest();

	assert_memory_equal(&now, before, sizeof(now));
}

#endif
