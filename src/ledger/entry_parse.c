/* SPDX-License-Identifier: Apache-2.0 */
/* entry_parse.c: bytes as an entry, or the line and the rule that was broken. */
#include <string.h>

#include "base/decimal.h"
#include "base/esc.h"
#include "base/hex.h"
#include "ledger/entry_fields.h"

struct lines {
	const char *next, *end;
	unsigned number;
	/* The current line, split: key and value, both NUL-terminated. */
	char line[ENTRY_MAX_BYTES];
	char *key, *value;
};

static int broken(struct err *e, const struct lines *in, const char *rule)
{
	return err_set(e, ERR_LEDGER, "ledger entry, line %u: %s", in->number, rule);
}

/* Takes the next line and splits it at its first space. */
static int advance(struct lines *in, struct err *e)
{
	const char *lf = in->next == in->end
			     ? NULL
			     : memchr(in->next, '\n', (size_t)(in->end - in->next));
	bool printable = true;
	size_t len;
	char *space;

	in->number++;
	if (!lf)
		return broken(e, in, "missing, or not ended by a line feed");
	len = (size_t)(lf - in->next);
	memcpy(in->line, in->next, len);
	in->line[len] = '\0';
	in->next = lf + 1;
	for (size_t i = 0; i < len; i++)
		printable &= in->line[i] >= 0x20 && in->line[i] <= 0x7e;
	if (!printable)
		return broken(e, in, "a byte that is not printable ASCII");
	space = strchr(in->line, ' ');
	if (!space)
		return broken(e, in, "no space between key and value");
	*space = '\0';
	in->key = in->line;
	in->value = space + 1;
	return 0;
}

static int expect(struct lines *in, const char *key, struct err *e)
{
	int r = advance(in, e);

	if (r)
		return r;
	if (strcmp(in->key, key) != 0)
		return err_set(e, ERR_LEDGER,
		    "ledger entry, line %u: '%s' where '%s' belongs", in->number, in->key,
		    key);
	return 0;
}

/* A token of at least one byte, without NUL, as a fresh string. */
static char *parse_token(const char *token, size_t len)
{
	CLEANUP_BUF struct buf raw;
	struct err ignored;

	buf_init(&raw, ENTRY_MAX_BYTES);
	if (esc_untoken(&raw, token, len, NULL, &ignored) || raw.len == 0 ||
	    memchr(raw.data, '\0', raw.len))
		return NULL;
	return buf_take(&raw);
}

static bool parse_id(
    const char *value, bool may_be_none, char out[static ENTRY_ID_LEN + 1])
{
	if (may_be_none && strcmp(value, ENTRY_NONE) == 0) {
		out[0] = '\0';
		return true;
	}
	if (!hex_is(value, ENTRY_ID_LEN))
		return false;
	memcpy(out, value, ENTRY_ID_LEN + 1);
	return true;
}

static bool parse_text(const char *value, bool may_be_none, char **out)
{
	*out = NULL;
	if (may_be_none && strcmp(value, ENTRY_NONE) == 0)
		return true;
	*out = parse_token(value, strlen(value));
	return *out != NULL;
}

static bool parse_object(const char *value, bool *is_image)
{
	*is_image = strcmp(value, "image") == 0;
	return *is_image || strcmp(value, "layer") == 0;
}

static bool parse_purged(const char *value, enum purged *out)
{
	for (enum purged p = PURGED_LAYER; p <= PURGED_CACHE_MOUNT; p++) {
		*out = p;
		if (strcmp(value, purged_name(p)) == 0)
			return true;
	}
	return false;
}

static bool parse_tree_kind(const char *value, enum tree_kind *out)
{
	*out = TREE_CACHE_MOUNT;
	return strcmp(value, tree_kind_name(*out)) == 0;
}

static bool parse_print(const char *value, bool *has, uint8_t *out)
{
	if (has) {
		*has = strcmp(value, ENTRY_NONE) != 0;
		if (!*has)
			return true;
	}
	return hex_decode(out, 16, value);
}

static bool parse_number(const char *value, bool *has, uint64_t *out)
{
	*has = strcmp(value, ENTRY_NONE) != 0;
	return !*has || decimal_parse(value, strlen(value), out);
}

static bool parse_value(const char *value, struct entry *out, const struct field *f)
{
	char *base = (char *)out;
	void *at = base + f->offset;

	switch (f->kind) {
	case KIND_ID:
	case KIND_ID_OR_NONE:
		return parse_id(value, f->kind == KIND_ID_OR_NONE, at);
	case KIND_DIGEST:
		return digest_parse_text(value, at);
	case KIND_DIGEST_OR_NONE:
		return strcmp(value, ENTRY_NONE) == 0 ||
		       (digest_parse_text(value, at) && !digest_is_zero(at));
	case KIND_NUMBER:
		return decimal_parse(value, strlen(value), at);
	case KIND_NUMBER_OR_NONE:
		return parse_number(value, (bool *)(base + f->extra), at);
	case KIND_TEXT:
	case KIND_TEXT_OR_NONE:
	case KIND_TEXT_OR_NO_LINE:
		return parse_text(value, f->kind == KIND_TEXT_OR_NONE, at);
	case KIND_PATH:
		return value[0] == '/' && parse_text(value, false, at);
	case KIND_PRINT:
		return parse_print(value, NULL, at);
	case KIND_PRINT_OR_NO_LINE:
		*(bool *)(base + f->extra) = true;
		return parse_print(value, NULL, at);
	case KIND_PRINT_OR_NONE:
		return parse_print(value, (bool *)(base + f->extra), at);
	case KIND_OBJECT:
		return parse_object(value, at);
	case KIND_PURGED:
		return parse_purged(value, at);
	case KIND_TREE:
		return parse_tree_kind(value, at);
	case KIND_TEXTS:
	case KIND_IDS:
	case KIND_FILES:
		break;
	}
	return false;
}

/* True if the next line has this key. */
static bool next_is(const struct lines *in, const char *key)
{
	size_t len = strlen(key);

	return (size_t)(in->end - in->next) > len && memcmp(in->next, key, len) == 0 &&
	       in->next[len] == ' ';
}

static bool parse_file(char *value, struct entry_file *out)
{
	char *size = strchr(value, ' '), *digest = size ? strchr(size + 1, ' ') : NULL;

	if (!digest)
		return false;
	*size++ = '\0';
	*digest++ = '\0';
	if (!decimal_parse(size, strlen(size), &out->size) ||
	    !digest_parse_text(digest, &out->sha256))
		return false;
	out->name = parse_token(value, strlen(value));
	return out->name != NULL;
}

static int parse_files(
    struct lines *in, struct entry *out, const struct field *f, struct err *e)
{
	char *base = (char *)out;
	struct entry_file **files = (struct entry_file **)(void *)(base + f->offset);
	size_t *n = (size_t *)(void *)(base + f->extra);

	while (next_is(in, f->key)) {
		struct entry_file file;

		if (advance(in, e))
			return ERR_LEDGER;
		if (!parse_file(in->value, &file))
			return broken(e, in, "not NAME SIZE DIGEST");
		*files = xreallocarray(*files, *n + 1, sizeof(**files));
		(*files)[(*n)++] = file;
		if (*n > 1 && strcmp((*files)[*n - 2].name, file.name) >= 0)
			return broken(e, in, "files are not sorted by name");
	}
	return 0;
}

static int parse_texts(
    struct lines *in, struct entry *out, const struct field *f, struct err *e)
{
	char *base = (char *)out;
	char ***texts = (char ***)(void *)(base + f->offset);
	size_t *n = (size_t *)(void *)(base + f->extra);

	while (next_is(in, f->key)) {
		char *text;

		if (advance(in, e))
			return ERR_LEDGER;
		text = parse_token(in->value, strlen(in->value));
		if (!text)
			return broken(e, in, "not one token");
		*texts = xreallocarray(*texts, *n + 1, sizeof(**texts));
		(*texts)[(*n)++] = text;
		if (f->kind == KIND_IDS &&
		    !(strlen(text) == ENTRY_ID_LEN && hex_is(text, ENTRY_ID_LEN)))
			return broken(e, in, "not an id of 64 digits");
	}
	return 0;
}

static int parse_field(
    struct lines *in, struct entry *out, const struct field *f, struct err *e)
{
	int r;

	if (f->kind == KIND_FILES)
		return parse_files(in, out, f, e);
	if (f->kind == KIND_TEXTS || f->kind == KIND_IDS)
		return parse_texts(in, out, f, e);
	if ((f->kind == KIND_TEXT_OR_NO_LINE || f->kind == KIND_PRINT_OR_NO_LINE) &&
	    !next_is(in, f->key))
		return 0;
	r = expect(in, f->key, e);
	if (r)
		return r;
	if (!parse_value(in->value, out, f))
		return err_set(e, ERR_LEDGER,
		    "ledger entry, line %u: key %s has a malformed value", in->number,
		    f->key);
	return 0;
}

static bool parse_store(const char *value, struct entry *out)
{
	return entry_kinds[out->op].of_store
		   ? hex_decode(out->store.bytes, STORE_ID_BYTES, value)
		   : strcmp(value, ENTRY_NONE) == 0;
}

static int parse_head(struct lines *in, struct entry *out, struct err *e)
{
	uint64_t time;
	int r = advance(in, e);

	if (r)
		return r;
	if (strcmp(in->key, "layerseal/v1") != 0 || strcmp(in->value, "entry") != 0)
		return broken(e, in, "not \"" ENTRY_FIRST_LINE "\"");
	r = expect(in, "op", e);
	if (r)
		return r;
	while (
	    out->op < ENTRY_OP_COUNT && strcmp(entry_kinds[out->op].name, in->value) != 0)
		out->op++;
	if (out->op == ENTRY_OP_COUNT)
		return broken(e, in, "an unknown op");
	r = expect(in, "time", e);
	if (r)
		return r;
	if (!decimal_parse(in->value, strlen(in->value), &time) || time > INT64_MAX)
		return broken(e, in, "the time is not seconds since 1970");
	out->time = (int64_t)time;
	r = expect(in, "store", e);
	if (!r && !parse_store(in->value, out))
		r = broken(e, in, "the store is not 32 digits, or not - for this op");
	return r;
}

static bool are_together(const struct entry_init *init)
{
	return !init->user == !init->uids && !init->user == !init->gids;
}

int entry_parse(const char *bytes, size_t len, struct entry *out, struct err *e)
{
	struct lines in = {.next = bytes, .end = bytes + len};
	enum entry_op op;
	int r;

	*out = (struct entry){0};
	if (len > ENTRY_MAX_BYTES)
		return err_set(
		    e, ERR_LEDGER, "ledger entry: longer than %d bytes", ENTRY_MAX_BYTES);
	r = parse_head(&in, out, e);
	op = out->op;
	if (r) {
		*out = (struct entry){0};
		return r;
	}
	for (const struct field *f = entry_kinds[op].fields; !r && f->key; f++)
		r = parse_field(&in, out, f, e);
	if (!r && op == ENTRY_INIT && !are_together(&out->init))
		r = broken(e, &in, "user, uids and gids belong together");
	if (!r && in.next != in.end) {
		in.number++;
		r = broken(e, &in, "a line too many");
	}
	if (r)
		entry_release(out);
	return r;
}
