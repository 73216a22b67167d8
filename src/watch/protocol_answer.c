/* SPDX-License-Identifier: Apache-2.0 */
/* protocol_answer.c: see protocol.h: answers. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/decimal.h"
#include "base/hex.h"
#include "guard/finding_json.h"
#include "ledger/entry.h"
#include "store/jsonin.h"
#include "watch/protocol.h"

#define HEAD "layerseal/v1 answer "
#define SCHEMA "layerseal.answer/1"

static const char *const names[] = {
    [ANSWER_KNOWN] = "known",
    [ANSWER_UNKNOWN] = "unknown",
    [ANSWER_OTHER] = "other",
    [ANSWER_REFUSED] = "refused",
    [ANSWER_DONE] = "done",
    [ANSWER_ERROR] = "error",
};

const char *answer_status_name(enum answer_status s)
{
	return names[s];
}

void answer_say(struct answer *out, enum answer_status status, const char *why, ...)
{
	va_list ap;

	va_start(ap, why);
	*out = (struct answer){.status = status, .why = xvasprintf(why, ap)};
	va_end(ap);
}

void answer_release(struct answer *a)
{
	findings_release(&a->findings);
	free(a->source);
	free(a->graphroot);
	free(a->store_id);
	free(a->why);
	free(a->document);
	*a = (struct answer){0};
}

/* ---- format ---- */

/* What comes behind the findings has room. */
#define FINDINGS_BYTES_MAX (PROTOCOL_ANSWER_MAX - 1024)

static void put_findings(struct jsonout *j, const struct findings *list)
{
	size_t i, dropped = list->dropped;

	jsonout_begin(j, "findings", '[');
	for (i = 0; i < list->n; i++) {
		size_t before = j->text.len;
		bool comma = j->need_comma;

		finding_json(j, NULL, &list->v[i]);
		if (j->text.len > FINDINGS_BYTES_MAX) {
			buf_truncate(&j->text, before);
			j->need_comma = comma;
			break;
		}
	}
	jsonout_end(j, ']');
	jsonout_u64(j, "findings_dropped", dropped + (list->n - i));
}

static void put_known(struct jsonout *j, const struct answer *a)
{
	char root[DIGEST_TEXT_LEN + 1];

	digest_text(&a->ledger_root, root);
	jsonout_str(j, "verdict", verdict_name(a->verdict));
	jsonout_str(j, "source", a->source);
	jsonout_str(j, "graphroot", a->graphroot);
	jsonout_str(j, "store", a->store_id);
	jsonout_u64(j, "ledger_size", a->ledger_size);
	jsonout_str(j, "ledger_root", root);
	jsonout_u64(j, "layers", a->layers);
	jsonout_u64(j, "images", a->images);
	jsonout_u64(j, "cache_mounts", a->cache_mounts);
	jsonout_u64(j, "last_pass", a->last_pass > 0 ? (uint64_t)a->last_pass : 0);
	put_findings(j, &a->findings);
}

static int put_answer(
    struct buf *out, enum answer_status s, const char *body, size_t len, struct err *e)
{
	int r = len > PROTOCOL_ANSWER_MAX
		    ? err_set(e, ERR_MALFORMED, "answer: larger than %u bytes",
			  PROTOCOL_ANSWER_MAX)
		    : buf_addf(out, e, HEAD "%s %zu\n", names[s], len);

	return r ? r : buf_add(out, body, len, e);
}

int answer_format(const struct answer *a, struct buf *out, struct err *e)
{
	CLEANUP_JSONOUT struct jsonout j;
	const char *text = a->document ? a->document : "";

	jsonout_init(&j);
	if (a->status == ANSWER_DONE)
		return put_answer(out, a->status, text, strlen(text), e);
	jsonout_begin(&j, NULL, '{');
	jsonout_str(&j, "schema", SCHEMA);
	if (a->status == ANSWER_KNOWN)
		put_known(&j, a);
	else
		jsonout_str(&j, "why", a->why ? a->why : "");
	jsonout_end(&j, '}');
	return put_answer(out, a->status, j.text.data, j.text.len, e);
}

/* ---- the first line ---- */

struct head {
	enum answer_status status;
	size_t bytes, body; /* of the line with its LF, and behind it */
};

static int parse_words(const char *words, size_t len, struct head *out, struct err *e)
{
	const char *space = memchr(words, ' ', len);
	size_t n = space ? (size_t)(space - words) : 0;
	uint64_t body;

	for (size_t i = 0; n && i < ARRAY_LEN(names); i++) {
		if (strlen(names[i]) != n || memcmp(names[i], words, n) != 0)
			continue;
		if (!decimal_parse(space + 1, len - n - 1, &body) ||
		    body > PROTOCOL_ANSWER_MAX)
			break;
		out->status = (enum answer_status)i;
		out->body = (size_t)body;
		return 0;
	}
	return err_set(e, ERR_MALFORMED,
	    "answer: line 1 has no status, or no length that an answer may have");
}

/* out->bytes is 0 if the line has no end yet. */
static int parse_head(const char *bytes, size_t len, struct head *out, struct err *e)
{
	size_t look = len < PROTOCOL_HEAD_MAX ? len : PROTOCOL_HEAD_MAX;
	size_t fixed = look < strlen(HEAD) ? look : strlen(HEAD);
	const char *lf = look ? memchr(bytes, '\n', look) : NULL;

	*out = (struct head){0};
	if (fixed && memcmp(bytes, HEAD, fixed) != 0)
		return err_set(
		    e, ERR_MALFORMED, "answer: does not begin with \"" HEAD "\"");
	if (!lf && look == PROTOCOL_HEAD_MAX)
		return err_set(e, ERR_MALFORMED, "answer: line 1 does not end");
	if (!lf)
		return 0;
	out->bytes = (size_t)(lf - bytes) + 1;
	return parse_words(bytes + fixed, out->bytes - 1 - fixed, out, e);
}

int answer_length(const char *bytes, size_t len, size_t *out, struct err *e)
{
	struct head h;
	int r = parse_head(bytes, len, &h, e);

	*out = r ? 0 : h.bytes + h.body;
	return r;
}

/* ---- parse ---- */

static int broken(struct err *e, const char *rule)
{
	return err_set(e, ERR_MALFORMED, "answer: %s", rule);
}

/* A string or null; *out is a copy, or NULL. */
static int take_string(json_t *object, const char *key, char **out, struct err *e)
{
	json_t *v = json_object_get(object, key);

	if (!v || (!json_is_string(v) && !json_is_null(v)))
		return err_set(e, ERR_MALFORMED, "answer: no string \"%s\"", key);
	*out = json_is_string(v) ? xstrdup(json_string_value(v)) : NULL;
	return 0;
}

static int take_number(json_t *object, const char *key, uint64_t *out, struct err *e)
{
	json_t *v = json_object_get(object, key);

	if (!json_is_integer(v) || json_integer_value(v) < 0)
		return err_set(e, ERR_MALFORMED, "answer: no number \"%s\"", key);
	*out = (uint64_t)json_integer_value(v);
	return 0;
}

static int take_size(json_t *object, const char *key, size_t *out, struct err *e)
{
	uint64_t n = 0;
	int r = take_number(object, key, &n, e);

	*out = (size_t)n;
	return r;
}

static int take_keys(json_t *object, const char *const known[], size_t n, struct err *e)
{
	struct err why;

	return jsonin_keys(object, known, n, true, &why) == JSON_OK
		   ? 0
		   : err_set(e, ERR_MALFORMED, "answer: %s", why.msg);
}

static int take_finding(json_t *v, struct findings *to, struct err *e)
{
	static const char *const keys[] = {"class", "severity", "layer", "image",
	    "used_by", "path", "expected", "found"};
	CLEANUP_FREE char *class = NULL;
	CLEANUP_FREE char *severity = NULL;
	enum finding_class c;
	enum severity s;
	struct finding *f;
	int r = json_is_object(v) ? take_keys(v, keys, ARRAY_LEN(keys), e)
				  : broken(e, "a finding is no object");

	if (!r)
		r = take_string(v, "class", &class, e);
	if (!r)
		r = take_string(v, "severity", &severity, e);
	if (r)
		return r;
	if (!class || !severity || !finding_class_parse(class, &c) ||
	    !severity_parse(severity, &s))
		return broken(e, "a finding of no class or severity that is known here");
	f = findings_add(to, c, (struct place){0});
	f->severity = s;
	r = take_string(v, "layer", &f->layer, e);
	if (!r)
		r = take_string(v, "image", &f->image, e);
	if (!r)
		r = take_string(v, "used_by", &f->used_by, e);
	if (!r)
		r = take_string(v, "path", &f->path, e);
	if (!r)
		r = take_string(v, "expected", &f->expected, e);
	return r ? r : take_string(v, "found", &f->found, e);
}

static int take_findings(json_t *object, struct findings *to, struct err *e)
{
	json_t *list = json_object_get(object, "findings"), *v;
	size_t i;
	int r = 0;

	if (!json_is_array(list) || json_array_size(list) > FINDINGS_MAX)
		return broken(e, "no findings, or too many");
	json_array_foreach(list, i, v)
	{
		if (!r)
			r = take_finding(v, to, e);
	}
	return r ? r : take_size(object, "findings_dropped", &to->dropped, e);
}

static int take_verdict(json_t *object, struct answer *out, struct err *e)
{
	const char *name = json_string_value(json_object_get(object, "verdict"));

	for (int v = VERDICT_UNVERIFIABLE; name && v <= VERDICT_CLEAN; v++) {
		if (strcmp(name, verdict_name((enum verdict)v)) != 0)
			continue;
		if (v == VERDICT_CLEAN && verdict_of(&out->findings) != VERDICT_CLEAN)
			return broken(e, "clean, with findings that are not");
		out->verdict = (enum verdict)v;
		return 0;
	}
	return broken(e, "no verdict");
}

static int take_store(json_t *object, struct answer *out, struct err *e)
{
	CLEANUP_FREE char *root = NULL;
	int r = take_string(object, "graphroot", &out->graphroot, e);

	if (!r)
		r = take_string(object, "store", &out->store_id, e);
	if (!r && out->store_id && !hex_is(out->store_id, 2 * (size_t)STORE_ID_BYTES))
		r = broken(e, "\"store\" is no id of a store");
	if (!r)
		r = take_number(object, "ledger_size", &out->ledger_size, e);
	if (!r)
		r = take_string(object, "ledger_root", &root, e);
	if (!r && (!root || !digest_parse_text(root, &out->ledger_root)))
		r = broken(e, "\"ledger_root\" is no digest");
	return r;
}

static int take_known(json_t *object, struct answer *out, struct err *e)
{
	static const char *const keys[] = {"schema", "verdict", "source", "graphroot",
	    "store", "ledger_size", "ledger_root", "layers", "images", "cache_mounts",
	    "last_pass", "findings", "findings_dropped"};
	uint64_t last_pass = 0;
	int r = take_keys(object, keys, ARRAY_LEN(keys), e);

	if (!r)
		r = take_string(object, "source", &out->source, e);
	if (!r)
		r = take_store(object, out, e);
	if (!r)
		r = take_size(object, "layers", &out->layers, e);
	if (!r)
		r = take_size(object, "images", &out->images, e);
	if (!r)
		r = take_size(object, "cache_mounts", &out->cache_mounts, e);
	if (!r)
		r = take_number(object, "last_pass", &last_pass, e);
	out->last_pass = (int64_t)last_pass;
	if (!r)
		r = take_findings(object, &out->findings, e);
	return r ? r : take_verdict(object, out, e);
}

static int take_why(json_t *object, struct answer *out, struct err *e)
{
	static const char *const keys[] = {"schema", "why"};
	int r = take_keys(object, keys, ARRAY_LEN(keys), e);

	if (!r)
		r = take_string(object, "why", &out->why, e);
	return !r && !out->why ? broken(e, "\"why\" is null") : r;
}

static int parse_body(const char *json, size_t len, struct answer *out, struct err *e)
{
	json_t *object;
	struct err why;
	const char *schema;
	int r;

	if (jsonin_object(json, len, &object, &why) != JSON_OK)
		return err_set(e, ERR_MALFORMED, "answer: %s", why.msg);
	schema = json_string_value(json_object_get(object, "schema"));
	if (!schema || strcmp(schema, SCHEMA) != 0)
		r = broken(e, "not of schema " SCHEMA);
	else
		r = out->status == ANSWER_KNOWN ? take_known(object, out, e)
						: take_why(object, out, e);
	json_decref(object);
	return r;
}

int answer_parse(const char *bytes, size_t len, struct answer *out, struct err *e)
{
	struct head h;
	int r = parse_head(bytes, len, &h, e);

	*out = (struct answer){0};
	if (!r && (!h.bytes || len - h.bytes != h.body))
		r = broken(e, "not as long as it says");
	if (r)
		return r;
	out->status = h.status;
	if (h.status == ANSWER_DONE && memchr(bytes + h.bytes, '\0', h.body))
		r = broken(e, "a NUL byte");
	else if (h.status == ANSWER_DONE)
		out->document = xstrndup(bytes + h.bytes, h.body);
	else
		r = parse_body(bytes + h.bytes, h.body, out, e);
	if (r)
		answer_release(out);
	return r;
}
