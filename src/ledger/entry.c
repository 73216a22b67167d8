/* SPDX-License-Identifier: Apache-2.0 */
/*
 * entry.c: see entry.h. One table per op says which lines it has, in which order and of which kind;
 * formatting, parsing and releasing walk the same table, so they cannot disagree.
 */
#include "ledger/entry.h"

#include <inttypes.h>
#include <string.h>

#include "base/esc.h"
#include "base/hex.h"

#define FIRST_LINE "layerseal/v1 entry"
#define NONE "-"

enum kind {
	KIND_ID,	    /* char[65]: 64 digits */
	KIND_ID_OR_NONE,    /* char[65]: 64 digits, or "-" for "" */
	KIND_DIGEST,	    /* struct digest: "sha256:" and 64 digits */
	KIND_NUMBER,	    /* uint64_t: decimal */
	KIND_TEXT,	    /* char *: a token, not empty */
	KIND_TEXT_OR_NONE,  /* char *: a token, or "-" for NULL */
	KIND_PRINT,	    /* uint8_t[16]: 32 digits */
	KIND_PRINT_OR_NONE, /* the same, "-" if the bool at `extra` is false */
	KIND_OBJECT,	    /* bool: "image" or "layer" */
	KIND_TEXTS, /* char **, count at `extra`: any number of lines, one token each */
	KIND_FILES, /* struct entry_file *, count at `extra`: any number of "NAME SIZE DIGEST" */
};

struct field {
	const char *key; /* NULL ends a table */
	enum kind kind;
	size_t offset, extra; /* in struct entry */
};

#define AT(member) offsetof(struct entry, member)

static const struct field init_fields[] = {
    {"graphroot", KIND_TEXT, AT(init.graphroot), 0},
    {"runroot", KIND_TEXT, AT(init.runroot), 0},
    {"driver", KIND_TEXT, AT(init.driver), 0},
    {"imagestore", KIND_TEXT_OR_NONE, AT(init.imagestore), 0},
    {"additional", KIND_TEXTS, AT(init.additional), AT(init.n_additional)},
    {0},
};

static const struct field seal_layer_fields[] = {
    {"layer", KIND_ID, AT(seal_layer.layer), 0},
    {"parent", KIND_ID_OR_NONE, AT(seal_layer.parent), 0},
    {"diff-id", KIND_DIGEST, AT(seal_layer.diff_id), 0},
    {"diff-size", KIND_NUMBER, AT(seal_layer.diff_size), 0},
    {"record", KIND_DIGEST, AT(seal_layer.record), 0},
    {"created", KIND_TEXT, AT(seal_layer.created), 0},
    {"link", KIND_TEXT_OR_NONE, AT(seal_layer.link), 0},
    {"tar-split", KIND_DIGEST, AT(seal_layer.tar_split), 0},
    {"tree", KIND_DIGEST, AT(seal_layer.tree), 0},
    {"manifest-bytes", KIND_NUMBER, AT(seal_layer.manifest_bytes), 0},
    {"entries", KIND_NUMBER, AT(seal_layer.entries), 0},
    {"bytes", KIND_NUMBER, AT(seal_layer.bytes), 0},
    {"file", KIND_FILES, AT(seal_layer.files), AT(seal_layer.n_files)},
    {"statprint", KIND_PRINT_OR_NONE, AT(seal_layer.print), AT(seal_layer.has_print)},
    {"reason", KIND_TEXT_OR_NONE, AT(seal_layer.reason), 0},
    {0},
};

static const struct field seal_image_fields[] = {
    {"image", KIND_ID, AT(seal_image.image), 0},
    {"layer", KIND_ID_OR_NONE, AT(seal_image.layer), 0},
    {"record", KIND_DIGEST, AT(seal_image.record), 0},
    {"file", KIND_FILES, AT(seal_image.files), AT(seal_image.n_files)},
    {"reason", KIND_TEXT_OR_NONE, AT(seal_image.reason), 0},
    {0},
};

static const struct field seal_name_fields[] = {
    {"name", KIND_TEXT, AT(seal_name.name), 0},
    {"image", KIND_ID, AT(seal_name.image), 0},
    {"reason", KIND_TEXT_OR_NONE, AT(seal_name.reason), 0},
    {0},
};

static const struct field retire_fields[] = {
    {"object", KIND_OBJECT, AT(retire.is_image), 0},
    {"id", KIND_ID, AT(retire.id), 0},
    {"reason", KIND_TEXT_OR_NONE, AT(retire.reason), 0},
    {0},
};

static const struct field remeasure_fields[] = {
    {"layer", KIND_ID, AT(remeasure.layer), 0},
    {"tree", KIND_DIGEST, AT(remeasure.tree), 0},
    {"statprint", KIND_PRINT, AT(remeasure.print), 0},
    {0},
};

static const struct {
	const char *name;
	const struct field *fields;
} ops[ENTRY_OP_COUNT] = {
    [ENTRY_INIT] = {"init", init_fields},
    [ENTRY_SEAL_LAYER] = {"seal-layer", seal_layer_fields},
    [ENTRY_SEAL_IMAGE] = {"seal-image", seal_image_fields},
    [ENTRY_SEAL_NAME] = {"seal-name", seal_name_fields},
    [ENTRY_RETIRE] = {"retire", retire_fields},
    [ENTRY_REMEASURE] = {"remeasure", remeasure_fields},
};

const char *entry_op_name(enum entry_op op)
{
	return ops[op].name;
}

/* ---- format ---- */

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
		return buf_adds(out, NONE, e);
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
		return buf_adds(out, *(const char *)at ? at : NONE, e);
	case KIND_DIGEST:
		return put_digest(out, at, e);
	case KIND_NUMBER:
		return buf_addf(out, e, "%" PRIu64, *(const uint64_t *)at);
	case KIND_TEXT:
	case KIND_TEXT_OR_NONE:
		return put_text(out, *(char *const *)at, f->kind == KIND_TEXT_OR_NONE, e);
	case KIND_PRINT:
		return put_print(out, at, e);
	case KIND_PRINT_OR_NONE:
		return *(const bool *)(base + f->extra) ? put_print(out, at, e)
							: buf_adds(out, NONE, e);
	case KIND_OBJECT:
		return buf_adds(out, *(const bool *)at ? "image" : "layer", e);
	case KIND_TEXTS:
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
	int r = 0;

	for (size_t i = 0; !r && i < en->init.n_additional; i++) {
		r = buf_addf(out, e, "%s ", f->key);
		if (!r)
			r = put_text(out, en->init.additional[i], false, e);
		if (!r)
			r = buf_adds(out, "\n", e);
	}
	return r;
}

static int put_field(
    struct buf *out, const struct entry *en, const struct field *f, struct err *e)
{
	int r;

	if (f->kind == KIND_FILES)
		return put_files(out, en, f, e);
	if (f->kind == KIND_TEXTS)
		return put_texts(out, en, f, e);
	r = buf_addf(out, e, "%s ", f->key);
	if (!r)
		r = put_value(out, en, f, e);
	return r ? r : buf_adds(out, "\n", e);
}

static int format(const struct entry *en, struct buf *text, struct err *e)
{
	char store[2 * STORE_ID_BYTES + 1];
	int r;

	hex_encode(store, en->store.bytes, STORE_ID_BYTES);
	r = buf_addf(text, e, FIRST_LINE "\nop %s\ntime %" PRId64 "\nstore %s\n",
	    ops[en->op].name, en->time, store);
	for (const struct field *f = ops[en->op].fields; !r && f->key; f++)
		r = put_field(text, en, f, e);
	return r;
}

/* ---- parse ---- */

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

static bool parse_number(const char *s, uint64_t *out)
{
	uint64_t n = 0;

	if (!s[0] || (s[0] == '0' && s[1]))
		return false;
	for (; *s; s++) {
		if (*s < '0' || *s > '9' || __builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*s - '0'), &n))
			return false;
	}
	*out = n;
	return true;
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
	if (may_be_none && strcmp(value, NONE) == 0) {
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
	if (may_be_none && strcmp(value, NONE) == 0)
		return true;
	*out = parse_token(value, strlen(value));
	return *out != NULL;
}

static bool parse_object(const char *value, bool *is_image)
{
	*is_image = strcmp(value, "image") == 0;
	return *is_image || strcmp(value, "layer") == 0;
}

static bool parse_print(const char *value, bool *has, uint8_t *out)
{
	if (has) {
		*has = strcmp(value, NONE) != 0;
		if (!*has)
			return true;
	}
	return hex_decode(out, 16, value);
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
	case KIND_NUMBER:
		return parse_number(value, at);
	case KIND_TEXT:
	case KIND_TEXT_OR_NONE:
		return parse_text(value, f->kind == KIND_TEXT_OR_NONE, at);
	case KIND_PRINT:
		return parse_print(value, NULL, at);
	case KIND_PRINT_OR_NONE:
		return parse_print(value, (bool *)(base + f->extra), at);
	case KIND_OBJECT:
		return parse_object(value, at);
	case KIND_TEXTS:
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
	if (!parse_number(size, &out->size) || !digest_parse_text(digest, &out->sha256))
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
	struct entry_init *init = &out->init;

	while (next_is(in, f->key)) {
		char *text;

		if (advance(in, e))
			return ERR_LEDGER;
		text = parse_token(in->value, strlen(in->value));
		if (!text)
			return broken(e, in, "not one token");
		init->additional = xreallocarray(
		    init->additional, init->n_additional + 1, sizeof(*init->additional));
		init->additional[init->n_additional++] = text;
	}
	return 0;
}

static int parse_field(
    struct lines *in, struct entry *out, const struct field *f, struct err *e)
{
	int r;

	if (f->kind == KIND_FILES)
		return parse_files(in, out, f, e);
	if (f->kind == KIND_TEXTS)
		return parse_texts(in, out, f, e);
	r = expect(in, f->key, e);
	if (r)
		return r;
	if (!parse_value(in->value, out, f))
		return err_set(e, ERR_LEDGER,
		    "ledger entry, line %u: key %s has a malformed value", in->number,
		    f->key);
	return 0;
}

static int parse_head(struct lines *in, struct entry *out, struct err *e)
{
	uint64_t time;
	int r = advance(in, e);

	if (r)
		return r;
	if (strcmp(in->key, "layerseal/v1") != 0 || strcmp(in->value, "entry") != 0)
		return broken(e, in, "not \"" FIRST_LINE "\"");
	r = expect(in, "op", e);
	if (r)
		return r;
	while (out->op < ENTRY_OP_COUNT && strcmp(ops[out->op].name, in->value) != 0)
		out->op++;
	if (out->op == ENTRY_OP_COUNT)
		return broken(e, in, "an unknown op");
	r = expect(in, "time", e);
	if (r)
		return r;
	if (!parse_number(in->value, &time) || time > INT64_MAX)
		return broken(e, in, "the time is not seconds since 1970");
	out->time = (int64_t)time;
	r = expect(in, "store", e);
	if (!r && !hex_decode(out->store.bytes, STORE_ID_BYTES, in->value))
		r = broken(e, in, "the store id is not 32 digits");
	return r;
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
	for (const struct field *f = ops[op].fields; !r && f->key; f++)
		r = parse_field(&in, out, f, e);
	if (!r && in.next != in.end) {
		in.number++;
		r = broken(e, &in, "a line too many");
	}
	if (r)
		entry_release(out);
	return r;
}

static int bad_value(const struct entry *en, struct err *e)
{
	err_wrap(e, "an entry %s that nobody could read", ops[en->op].name);
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
		    ops[en->op].name, ENTRY_MAX_BYTES);
	if (r)
		return r;
	if (entry_parse(text.data, text.len, &read, e))
		return bad_value(en, e);
	entry_release(&read);
	return buf_add(out, text.data, text.len, e);
}

static void release_files(struct entry *en, const struct field *f)
{
	char *base = (char *)en;
	struct entry_file *files = *(struct entry_file **)(void *)(base + f->offset);
	size_t n = *(size_t *)(void *)(base + f->extra);

	for (size_t i = 0; i < n; i++)
		free(files[i].name);
	free(files);
}

void entry_release(struct entry *en)
{
	for (const struct field *f = ops[en->op].fields; f->key; f++) {
		if (f->kind == KIND_TEXT || f->kind == KIND_TEXT_OR_NONE)
			free(*(char **)(void *)((char *)en + f->offset));
		if (f->kind == KIND_FILES)
			release_files(en, f);
	}
	if (en->op == ENTRY_INIT) {
		for (size_t i = 0; i < en->init.n_additional; i++)
			free(en->init.additional[i]);
		free(en->init.additional);
	}
	*en = (struct entry){0};
}
