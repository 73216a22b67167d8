/* SPDX-License-Identifier: Apache-2.0 */
/* entry_format.c: an entry as bytes; what nobody could read back is not written. */
#include <inttypes.h>
#include <string.h>

#include "base/esc.h"
#include "base/hex.h"
#include "ledger/entry_fields.h"

static int put_token(struct buf *out, const char *value, struct err *e)
{
	return esc_token(out, value, strlen(value), NULL, e);
}

static int put_digest(struct buf *out, const struct digest *d, struct err *e)
{
	char text[DIGEST_TEXT_LEN + 1];

	digest_text(d, text);
	return buf_adds(out, text, e);
}

static int put_print(struct buf *out, const uint8_t print[static 16], struct err *e)
{
	char text[33];

	hex_encode(text, print, 16);
	return buf_adds(out, text, e);
}

static int put_text(struct buf *out, const char *text, bool may_be_none, struct err *e)
{
	if (!text && may_be_none)
		return buf_adds(out, ENTRY_NONE, e);
	if (!text || !text[0])
		return err_set(e, ERR_INTERNAL, "ledger entry: an empty value");
	return put_token(out, text, e);
}

static int put_value(
    struct buf *out, const struct entry *en, const struct field *f, struct err *e)
{
	const char *base = (const char *)en;
	const void *at = base + f->offset;

	switch (f->kind) {
	case KIND_ID:
	case KIND_ID_OR_NONE:
		return buf_adds(out, *(const char *)at ? at : ENTRY_NONE, e);
	case KIND_DIGEST:
		return put_digest(out, at, e);
	case KIND_DIGEST_OR_NONE:
		return digest_is_zero(at) ? buf_adds(out, ENTRY_NONE, e)
					  : put_digest(out, at, e);
	case KIND_NUMBER:
		return buf_addf(out, e, "%" PRIu64, *(const uint64_t *)at);
	case KIND_NUMBER_OR_NONE:
		return *(const bool *)(base + f->extra)
			   ? buf_addf(out, e, "%" PRIu64, *(const uint64_t *)at)
			   : buf_adds(out, ENTRY_NONE, e);
	case KIND_PATH:
	case KIND_TEXT:
	case KIND_TEXT_OR_NONE:
	case KIND_TEXT_OR_NO_LINE:
		return put_text(out, *(char *const *)at, f->kind == KIND_TEXT_OR_NONE, e);
	case KIND_PRINT:
	case KIND_PRINT_OR_NO_LINE:
		return put_print(out, at, e);
	case KIND_PRINT_OR_NONE:
		return *(const bool *)(base + f->extra) ? put_print(out, at, e)
							: buf_adds(out, ENTRY_NONE, e);
	case KIND_OBJECT:
		return buf_adds(out, *(const bool *)at ? "image" : "layer", e);
	case KIND_PURGED:
		return buf_adds(out, purged_name(*(const enum purged *)at), e);
	case KIND_TREE:
		return buf_adds(out, tree_kind_name(*(const enum tree_kind *)at), e);
	case KIND_TEXTS:
	case KIND_IDS:
	case KIND_FILES:
		break;
	}
	return err_set(e, ERR_INTERNAL, "ledger entry: no value of key %s", f->key);
}

static int put_files(
    struct buf *out, const struct entry *en, const struct field *f, struct err *e)
{
	const char *base = (const char *)en;
	const struct entry_file *files =
	    *(struct entry_file *const *)(const void *)(base + f->offset);
	size_t n = *(const size_t *)(const void *)(base + f->extra);
	int r = 0;

	for (size_t i = 0; !r && i < n; i++) {
		r = buf_addf(out, e, "%s ", f->key);
		if (!r)
			r = put_text(out, files[i].name, false, e);
		if (!r)
			r = buf_addf(out, e, " %" PRIu64 " ", files[i].size);
		if (!r)
			r = put_digest(out, &files[i].sha256, e);
		if (!r)
			r = buf_adds(out, "\n", e);
	}
	return r;
}

static int put_texts(
    struct buf *out, const struct entry *en, const struct field *f, struct err *e)
{
	const char *base = (const char *)en;
	char *const *texts = *(char *const *const *)(const void *)(base + f->offset);
	size_t n = *(const size_t *)(const void *)(base + f->extra);
	int r = 0;

	for (size_t i = 0; !r && i < n; i++) {
		r = buf_addf(out, e, "%s ", f->key);
		if (!r)
			r = put_text(out, texts[i], false, e);
		if (!r)
			r = buf_adds(out, "\n", e);
	}
	return r;
}

static bool has_no_line(const struct entry *en, const struct field *f)
{
	const char *base = (const char *)en;

	if (f->kind == KIND_PRINT_OR_NO_LINE)
		return !*(const bool *)(base + f->extra);
	return f->kind == KIND_TEXT_OR_NO_LINE &&
	       !*(char *const *)(const void *)(base + f->offset);
}

static int put_field(
    struct buf *out, const struct entry *en, const struct field *f, struct err *e)
{
	int r;

	if (f->kind == KIND_FILES)
		return put_files(out, en, f, e);
	if (f->kind == KIND_TEXTS || f->kind == KIND_IDS)
		return put_texts(out, en, f, e);
	if (has_no_line(en, f))
		return 0;
	r = buf_addf(out, e, "%s ", f->key);
	if (!r)
		r = put_value(out, en, f, e);
	return r ? r : buf_adds(out, "\n", e);
}

static int format(const struct entry *en, struct buf *text, struct err *e)
{
	char store[2 * STORE_ID_BYTES + 1] = ENTRY_NONE;
	int r;

	if (entry_kinds[en->op].of_store)
		hex_encode(store, en->store.bytes, STORE_ID_BYTES);
	r = buf_addf(text, e, ENTRY_FIRST_LINE "\nop %s\ntime %" PRId64 "\nstore %s\n",
	    entry_kinds[en->op].name, en->time, store);
	for (const struct field *f = entry_kinds[en->op].fields; !r && f->key; f++)
		r = put_field(text, en, f, e);
	return r;
}

static int bad_value(const struct entry *en, struct err *e)
{
	err_wrap(e, "an entry %s that nobody could read", entry_kinds[en->op].name);
	e->code = ERR_INTERNAL;
	return ERR_INTERNAL;
}

/* What is signed must be readable: a value that is none (an upper-case id) is found here. */
int entry_format(const struct entry *en, struct buf *out, struct err *e)
{
	CLEANUP_BUF struct buf text;
	struct entry read;
	int r;

	buf_init(&text, ENTRY_MAX_BYTES);
	r = format(en, &text, e);
	if (r == ERR_MALFORMED)
		return err_set(e, ERR_REFUSED, "ledger entry %s: longer than %d bytes",
		    entry_kinds[en->op].name, ENTRY_MAX_BYTES);
	if (r)
		return r;
	if (entry_parse(text.data, text.len, &read, e))
		return bad_value(en, e);
	entry_release(&read);
	return buf_add(out, text.data, text.len, e);
}
