/* SPDX-License-Identifier: Apache-2.0 */
/* statement.c: see statement.h. */
#include "cli/statement_impl.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/hex.h"
#include "ledger/proof.h"

#define STATEMENT_V1 "https://in-toto.io/Statement/v1"
/* Far above what a driver can stack. */
#define CHAIN_MAX 4096

/* ---- pieces ---- */

#define TIME_LAST 253402300799 /* years have four digits */

void statement_time(struct jsonout *j, const char *name, int64_t seconds)
{
	time_t t = seconds < TIME_LAST ? (time_t)seconds : TIME_LAST;
	struct tm tm = {0};
	char text[32];

	gmtime_r(&t, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	jsonout_str(j, name, text);
}

static void put_digest(struct jsonout *j, const char *name, const struct digest *d)
{
	char text[DIGEST_TEXT_LEN + 1];

	digest_text(d, text);
	jsonout_str(j, name, text);
}

void statement_digest_set(struct jsonout *j, const char *hex)
{
	jsonout_begin(j, "digest", '{');
	jsonout_str(j, "sha256", hex);
	jsonout_end(j, '}');
}

static void put_subject(struct jsonout *j, const char *name, const char *hex)
{
	jsonout_begin(j, NULL, '{');
	jsonout_str(j, "name", name);
	statement_digest_set(j, hex);
	jsonout_end(j, '}');
}

void statement_begin(struct jsonout *j)
{
	jsonout_begin(j, NULL, '{');
	jsonout_str(j, "_type", STATEMENT_V1);
	jsonout_begin(j, "subject", '[');
}

void statement_predicate(struct jsonout *j, const char *type)
{
	jsonout_end(j, ']');
	jsonout_str(j, "predicateType", type);
	jsonout_begin(j, "predicate", '{');
}

static void put_store_id(struct jsonout *j, const struct session *s)
{
	char text[2 * STORE_ID_BYTES + 1];

	hex_encode(text, s->store_id.bytes, STORE_ID_BYTES);
	jsonout_str(j, "store", text);
}

void statement_head(struct jsonout *j, const struct session *s)
{
	const struct checkpoint *head = ledger_head(s->ledger);

	jsonout_str(j, "origin", head->origin);
	put_store_id(j, s);
	jsonout_u64(j, "size", head->size);
	put_digest(j, "root", &head->root);
}

static void put_files(struct jsonout *j, const struct entry_file *files, size_t n)
{
	jsonout_begin(j, "files", '[');
	for (size_t i = 0; i < n; i++) {
		jsonout_begin(j, NULL, '{');
		jsonout_str(j, "name", files[i].name);
		jsonout_u64(j, "size", files[i].size);
		put_digest(j, "digest", &files[i].sha256);
		jsonout_end(j, '}');
	}
	jsonout_end(j, ']');
}

/* ---- seals ---- */

/* The layers below and including `top`, top first. */
static int collect_chain(const struct session *s, const char *top,
    const struct sealed_layer ***out, size_t *n, struct err *e)
{
	*out = NULL;
	*n = 0;
	for (const char *id = top; id[0]; id = (*out)[*n - 1]->seal->parent) {
		const struct sealed_layer *l = ledger_layer(s->ledger, &s->store_id, id);

		if (!l || l->retired)
			return err_set(e, ERR_REFUSED,
			    "layer %.12s, on which it stands, is not sealed", id);
		if (*n == CHAIN_MAX)
			return err_set(
			    e, ERR_LEDGER, "a chain of more than %d layers", CHAIN_MAX);
		*out = xreallocarray(*out, *n + 1, sizeof(**out));
		(*out)[(*n)++] = l;
	}
	return 0;
}

static int put_chain(
    struct jsonout *j, const struct session *s, const char *top, struct err *e)
{
	CLEANUP_FREE const struct sealed_layer **chain = NULL;
	size_t n;
	int r = collect_chain(s, top, &chain, &n, e);

	if (r)
		return r;
	jsonout_begin(j, "chain", '[');
	for (size_t i = n; i-- > 0;) {
		jsonout_begin(j, NULL, '{');
		jsonout_str(j, "layer", chain[i]->seal->layer);
		put_digest(j, "diffId", &chain[i]->seal->diff_id);
		put_digest(j, "tree", &chain[i]->seal->tree);
		jsonout_u64(j, "entry", chain[i]->seq);
		jsonout_end(j, '}');
	}
	jsonout_end(j, ']');
	return 0;
}

static void put_layer(struct jsonout *j, const struct entry_seal_layer *l)
{
	jsonout_str(j, "kind", "layer");
	jsonout_str(j, "id", l->layer);
	jsonout_str(j, "parent", l->parent[0] ? l->parent : NULL);
	put_digest(j, "diffId", &l->diff_id);
	jsonout_u64(j, "diffSize", l->diff_size);
	put_digest(j, "record", &l->record);
	jsonout_str(j, "created", l->created);
	jsonout_str(j, "link", l->link);
	put_digest(j, "tarSplit", &l->tar_split);
	put_digest(j, "tree", &l->tree);
	jsonout_u64(j, "treeEntries", l->entries);
	jsonout_u64(j, "treeBytes", l->bytes);
	jsonout_u64(j, "manifestBytes", l->manifest_bytes);
	put_files(j, l->files, l->n_files);
	jsonout_str(j, "reason", l->reason);
}

static void put_image(struct jsonout *j, const struct sealed_object *o)
{
	const struct entry_seal_image *i = o->image->seal;

	jsonout_str(j, "kind", "image");
	jsonout_str(j, "id", i->image);
	jsonout_str(j, "name", o->name);
	jsonout_str(j, "layer", i->layer[0] ? i->layer : NULL);
	put_digest(j, "record", &i->record);
	put_files(j, i->files, i->n_files);
	jsonout_str(j, "reason", i->reason);
}

/* What shows to others that the log holds the entry: its bytes, and how they lead to the checkpoint. */
static int put_ledger(struct jsonout *j, const struct session *s,
    const struct sealed_object *o, struct err *e)
{
	uint64_t seq = o->layer ? o->layer->seq : o->image->seq;
	CLEANUP_BUF struct buf entry, text;
	struct proof proof;
	int r;

	buf_init(&entry, ENTRY_MAX_BYTES);
	buf_init(&text, PROOF_MAX_BYTES);
	r = proof_make(s->ledger, seq, &proof, &entry, e);
	if (!r)
		r = proof_format(&proof, &text, e);
	if (r)
		return r;
	jsonout_begin(j, "ledger", '{');
	statement_head(j, s);
	jsonout_u64(j, "entry", seq);
	statement_time(j, "time", o->layer ? o->layer->time : o->image->time);
	jsonout_str(j, "text", entry.data);
	jsonout_str(j, "proof", text.data);
	jsonout_end(j, '}');
	return 0;
}

static const struct entry_file *find_file(
    const struct entry_seal_image *i, const char *name)
{
	for (size_t n = 0; n < i->n_files; n++) {
		if (strcmp(i->files[n].name, name) == 0)
			return &i->files[n];
	}
	return NULL;
}

bool statement_has_config(const struct entry_seal_image *i)
{
	char name[DIGEST_TEXT_LEN + 1];

	snprintf(name, sizeof(name), "sha256:%.64s", i->image);
	return find_file(i, name);
}

void statement_image(struct jsonout *j, const struct entry_seal_image *i)
{
	const struct entry_file *manifest = find_file(i, "manifest");
	char hex[DIGEST_HEX_LEN + 1], name[ENTRY_ID_LEN + sizeof("/manifest")];

	if (manifest) {
		digest_hex(&manifest->sha256, hex);
		snprintf(name, sizeof(name), "%.64s/manifest", i->image);
		put_subject(j, name, hex);
	}
	if (statement_has_config(i))
		put_subject(j, i->image, i->image);
}

int statement_of_seal(const struct session *s, const struct sealed_object *what,
    struct jsonout *out, struct err *e)
{
	char hex[DIGEST_HEX_LEN + 1];
	int r;

	statement_begin(out);
	if (what->layer) {
		digest_hex(&what->layer->seal->diff_id, hex);
		put_subject(out, what->layer->seal->layer, hex);
	} else {
		statement_image(out, what->image->seal);
	}
	statement_predicate(out, STATEMENT_TAG "seal/v1");
	if (what->layer)
		put_layer(out, what->layer->seal);
	else
		put_image(out, what);
	r = put_chain(
	    out, s, what->layer ? what->layer->seal->layer : what->image->seal->layer, e);
	if (!r)
		r = put_ledger(out, s, what, e);
	jsonout_end(out, '}');
	jsonout_end(out, '}');
	return r;
}
