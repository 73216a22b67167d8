/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protocol.c: see protocol.h: requests. Formatting, parsing and releasing walk the same table, so that they cannot
 * disagree, and there is exactly one spelling of every request.
 */
#include "watch/protocol.h"

#include <inttypes.h>
#include <string.h>

#include "base/decimal.h"
#include "base/esc.h"

#define FIRST_LINE "layerseal/v1 request"

/* ---- the lines ---- */

enum kind {
	KIND_DIGEST,		/* struct digest: 64 digits */
	KIND_DIGEST_OR_NO_LINE, /* no line for zeros */
	KIND_NUMBER,		/* uint64_t */
	KIND_FLAG,		/* bool: "yes", or no line */
	KIND_PATH,		/* char *: begins with a slash */
	KIND_PATH_OR_NO_LINE,
	KIND_TEXT_OR_NO_LINE, /* char * */
	KIND_TEXTS,	      /* char **, count at `extra` */
	KIND_TEXTS_OF_SEAL,   /* the same; of this verb alone */
};

struct field {
	const char *key;
	enum kind kind;
	size_t offset, extra; /* in struct request */
};

#define AT(member) offsetof(struct request, member)

/* After verb and wait. */
static const struct field fields[] = {
    {"ledger", KIND_PATH, AT(ledger), 0},
    {"ledger-device", KIND_NUMBER, AT(ledger_device), 0},
    {"ledger-inode", KIND_NUMBER, AT(ledger_inode), 0},
    {"policy", KIND_DIGEST, AT(policy), 0},
    {"whiteout-files", KIND_FLAG, AT(whiteout_files), 0},
    {"trust", KIND_PATH_OR_NO_LINE, AT(trust), 0},
    {"store", KIND_PATH_OR_NO_LINE, AT(store), 0},
    {"user", KIND_TEXT_OR_NO_LINE, AT(user), 0},
    {"options", KIND_DIGEST_OR_NO_LINE, AT(options), 0},
    {"cache-dir", KIND_TEXTS, AT(cache_dirs), AT(n_cache_dirs)},
    {"image", KIND_TEXTS_OF_SEAL, AT(images), AT(n_images)},
};

static const char *const verbs[] = {
    [REQUEST_VERIFY] = "verify",
    [REQUEST_SEAL] = "seal",
    [REQUEST_STATUS] = "status",
    [REQUEST_METRICS] = "metrics",
};

static bool has_fields(enum request_verb verb)
{
	return verb == REQUEST_VERIFY || verb == REQUEST_SEAL;
}

static bool is_text(enum kind k)
{
	return k == KIND_PATH || k == KIND_PATH_OR_NO_LINE || k == KIND_TEXT_OR_NO_LINE;
}

static bool is_list(enum kind k)
{
	return k == KIND_TEXTS || k == KIND_TEXTS_OF_SEAL;
}

static char **text_at(struct request *r, const struct field *f)
{
	return (char **)(void *)((char *)r + f->offset);
}

static char ***list_at(struct request *r, const struct field *f)
{
	return (char ***)(void *)((char *)r + f->offset);
}

static size_t *count_at(struct request *r, const struct field *f)
{
	return (size_t *)(void *)((char *)r + f->extra);
}

void request_release(struct request *r)
{
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		const struct field *f = &fields[i];

		if (is_text(f->kind))
			free(*text_at(r, f));
		if (!is_list(f->kind))
			continue;
		for (size_t k = 0; k < *count_at(r, f); k++)
			free((*list_at(r, f))[k]);
		free(*list_at(r, f));
	}
	*r = (struct request){0};
}

/* ---- format ---- */

static int put_text(struct buf *out, const char *key, const char *text, struct err *e)
{
	int r;

	if (!text || !text[0])
		return err_set(e, ERR_USAGE, "request: no %s", key);
	r = buf_addf(out, e, "%s ", key);
	if (!r)
		r = esc_token(out, text, strlen(text), NULL, e);
	return r ? r : buf_adds(out, "\n", e);
}

static int put_path(struct buf *out, const char *key, const char *path, struct err *e)
{
	if (path && path[0] != '/')
		return err_set(
		    e, ERR_USAGE, "request: %s %s is no absolute path", key, path);
	return put_text(out, key, path, e);
}

static int put_digest(
    struct buf *out, const char *key, const struct digest *d, struct err *e)
{
	char hex[DIGEST_HEX_LEN + 1];

	digest_hex(d, hex);
	return buf_addf(out, e, "%s %s\n", key, hex);
}

static int put_list(
    const struct request *r, const struct field *f, struct buf *out, struct err *e)
{
	char *const *v =
	    *(char *const *const *)(const void *)((const char *)r + f->offset);
	size_t n = *(const size_t *)(const void *)((const char *)r + f->extra);
	int result = 0;

	if (f->kind == KIND_TEXTS_OF_SEAL && n && r->verb != REQUEST_SEAL)
		return err_set(
		    e, ERR_USAGE, "request: %s has no %s", verbs[r->verb], f->key);
	for (size_t i = 0; !result && i < n; i++)
		result = put_text(out, f->key, v[i], e);
	return result;
}

static int put_field(
    const struct request *r, const struct field *f, struct buf *out, struct err *e)
{
	const void *at = (const char *)r + f->offset;
	const char *text = is_text(f->kind) ? *(const char *const *)at : NULL;

	switch (f->kind) {
	case KIND_DIGEST:
		return put_digest(out, f->key, at, e);
	case KIND_DIGEST_OR_NO_LINE:
		return digest_is_zero(at) ? 0 : put_digest(out, f->key, at, e);
	case KIND_NUMBER:
		return buf_addf(
		    out, e, "%s %" PRIu64 "\n", f->key, *(const uint64_t *)at);
	case KIND_FLAG:
		return *(const bool *)at ? buf_addf(out, e, "%s yes\n", f->key) : 0;
	case KIND_PATH:
		return put_path(out, f->key, text, e);
	case KIND_PATH_OR_NO_LINE:
		return text ? put_path(out, f->key, text, e) : 0;
	case KIND_TEXT_OR_NO_LINE:
		return text ? put_text(out, f->key, text, e) : 0;
	case KIND_TEXTS:
	case KIND_TEXTS_OF_SEAL:
		return put_list(r, f, out, e);
	}
	return 0;
}

int request_format(const struct request *r, struct buf *out, struct err *e)
{
	size_t before = out->len;
	int result;

	if (r->wait_ms > PROTOCOL_WAIT_MAX)
		return err_set(e, ERR_USAGE, "request: longer than %d ms to wait",
		    PROTOCOL_WAIT_MAX);
	result = buf_addf(
	    out, e, FIRST_LINE "\nverb %s\nwait %u\n", verbs[r->verb], r->wait_ms);
	for (size_t i = 0; !result && has_fields(r->verb) && i < ARRAY_LEN(fields); i++)
		result = put_field(r, &fields[i], out, e);
	if (!result)
		result = buf_adds(out, "\n", e);
	if (!result && out->len - before > PROTOCOL_REQUEST_MAX)
		result = err_set(
		    e, ERR_USAGE, "request: larger than %d bytes", PROTOCOL_REQUEST_MAX);
	if (result)
		buf_truncate(out, before);
	return result;
}

/* ---- parse ---- */

struct lines {
	const char *next, *end;
	unsigned number;
	/* The current line, without its LF. */
	const char *line;
	size_t len;
};

static int broken(struct err *e, const struct lines *l, const char *key, const char *rule)
{
	return err_set(
	    e, ERR_MALFORMED, "request, line %u: %s: %s", l->number, key, rule);
}

static int advance(struct lines *l, struct err *e)
{
	const char *lf =
	    l->next == l->end ? NULL : memchr(l->next, '\n', (size_t)(l->end - l->next));

	l->number++;
	if (!lf)
		return err_set(e, ERR_MALFORMED,
		    "request, line %u: missing, or not ended by a line feed", l->number);
	l->line = l->next;
	l->len = (size_t)(lf - l->next);
	l->next = lf + 1;
	return 0;
}

/* What follows "KEY "; NULL if the line is another. */
static const char *value_of(const struct lines *l, const char *key, size_t *len)
{
	size_t n = strlen(key);

	if (l->len <= n || memcmp(l->line, key, n) != 0 || l->line[n] != ' ')
		return NULL;
	*len = l->len - n - 1;
	return l->line + n + 1;
}

static int take_text(const struct lines *l, const struct field *f, const char *value,
    size_t len, char **out, struct err *e)
{
	CLEANUP_BUF struct buf text;
	struct err why;

	buf_init(&text, PROTOCOL_REQUEST_MAX);
	if (esc_untoken(&text, value, len, NULL, &why))
		return broken(e, l, f->key, why.msg);
	if (text.len == 0 || memchr(text.data, '\0', text.len))
		return broken(e, l, f->key, "empty, or with a NUL byte");
	if ((f->kind == KIND_PATH || f->kind == KIND_PATH_OR_NO_LINE) &&
	    text.data[0] != '/')
		return broken(e, l, f->key, "not an absolute path");
	*out = buf_take(&text);
	return 0;
}

static int take_digest(const struct lines *l, const struct field *f, const char *value,
    size_t len, struct digest *out, struct err *e)
{
	char hex[DIGEST_HEX_LEN + 1] = "";

	if (len == DIGEST_HEX_LEN)
		memcpy(hex, value, len);
	if (!digest_parse_hex(hex, out))
		return broken(e, l, f->key, "not 64 lower-case hexadecimal digits");
	if (f->kind == KIND_DIGEST_OR_NO_LINE && digest_is_zero(out))
		return broken(e, l, f->key, "zeros: no line says that");
	return 0;
}

/* The current line is one of the list; goes on as long as the next ones are, too. */
static int take_list(
    struct lines *l, const struct field *f, struct request *out, struct err *e)
{
	char ***v = list_at(out, f);
	size_t *n = count_at(out, f), len;
	const char *value;
	int r = 0;

	while (!r && (value = value_of(l, f->key, &len))) {
		*v = xreallocarray(*v, *n + 1, sizeof(**v));
		r = take_text(l, f, value, len, &(*v)[*n], e);
		if (!r) {
			++*n;
			r = advance(l, e);
		}
	}
	return r;
}

/* The line that must come next, or may; then on to the one behind it. */
static int take_field(
    struct lines *l, const struct field *f, struct request *out, struct err *e)
{
	void *at = (char *)out + f->offset;
	size_t len = 0;
	const char *value = value_of(l, f->key, &len);
	int r = 0;

	if (f->kind == KIND_TEXTS_OF_SEAL && out->verb != REQUEST_SEAL)
		return 0;
	if (is_list(f->kind))
		return take_list(l, f, out, e);
	if (!value)
		return f->kind == KIND_DIGEST || f->kind == KIND_NUMBER ||
			       f->kind == KIND_PATH
			   ? broken(e, l, f->key, "is missing here")
			   : 0;
	if (f->kind == KIND_DIGEST || f->kind == KIND_DIGEST_OR_NO_LINE)
		r = take_digest(l, f, value, len, at, e);
	else if (f->kind == KIND_NUMBER)
		r = decimal_parse(value, len, at) ? 0 : broken(e, l, f->key, "no number");
	else if (f->kind == KIND_FLAG)
		r = (*(bool *)at = len == 3 && memcmp(value, "yes", 3) == 0)
			? 0
			: broken(e, l, f->key, "not \"yes\"");
	else
		r = take_text(l, f, value, len, at, e);
	return r ? r : advance(l, e);
}

static int take_verb(struct lines *l, struct request *out, struct err *e)
{
	size_t len = 0;
	const char *value;
	int r = advance(l, e);

	if (r)
		return r;
	value = value_of(l, "verb", &len);
	for (size_t i = 0; value && i < ARRAY_LEN(verbs); i++) {
		if (strlen(verbs[i]) == len && memcmp(verbs[i], value, len) == 0) {
			out->verb = (enum request_verb)i;
			return 0;
		}
	}
	return broken(e, l, "verb", "not verify, seal, status or metrics");
}

static int take_wait(struct lines *l, struct request *out, struct err *e)
{
	uint64_t wait = 0;
	size_t len = 0;
	const char *value;
	int r = advance(l, e);

	if (r)
		return r;
	value = value_of(l, "wait", &len);
	if (!value || !decimal_parse(value, len, &wait) || wait > PROTOCOL_WAIT_MAX)
		return broken(e, l, "wait", "not a number of milliseconds up to 60000");
	out->wait_ms = (unsigned)wait;
	return 0;
}

static int parse(struct lines *l, struct request *out, struct err *e)
{
	int r = advance(l, e);

	if (r)
		return r;
	if (l->len != strlen(FIRST_LINE) || memcmp(l->line, FIRST_LINE, l->len) != 0)
		return err_set(
		    e, ERR_MALFORMED, "request, line 1: not \"" FIRST_LINE "\"");
	r = take_verb(l, out, e);
	if (!r)
		r = take_wait(l, out, e);
	if (!r)
		r = advance(l, e);
	for (size_t i = 0; !r && has_fields(out->verb) && i < ARRAY_LEN(fields); i++)
		r = take_field(l, &fields[i], out, e);
	if (!r && l->len)
		return err_set(e, ERR_MALFORMED,
		    "request, line %u: unknown, or not in its place", l->number);
	if (!r && l->next != l->end)
		return err_set(e, ERR_MALFORMED, "request: bytes behind its end");
	return r;
}

int request_parse(const char *bytes, size_t len, struct request *out, struct err *e)
{
	struct lines l = {.next = bytes, .end = bytes + len};
	int r;

	*out = (struct request){0};
	if (len > PROTOCOL_REQUEST_MAX)
		return err_set(e, ERR_MALFORMED, "request: larger than %d bytes",
		    PROTOCOL_REQUEST_MAX);
	r = parse(&l, out, e);
	if (r)
		request_release(out);
	return r;
}

size_t request_length(const char *bytes, size_t len, size_t known)
{
	const char *end;

	/* The first line feed of the two may be the last of the bytes that are known. */
	if (known > 0)
		known--;
	end = len > known ? memmem(bytes + known, len - known, "\n\n", 2) : NULL;
	return end ? (size_t)(end - bytes) + 2 : 0;
}
