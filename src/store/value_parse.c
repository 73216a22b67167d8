/* SPDX-License-Identifier: Apache-2.0 */
/* value_parse.c: see value.h: from text to a tree. */
#include <math.h>
#include <string.h>

#include "base/esc.h"
#include "store/value.h"

struct parser {
	struct value_room *room;
	const char *start, *at, *end;
	size_t offset;
	enum json_fault fault;
	struct err *e;
};

static bool fail(struct parser *p, enum json_fault fault, const char *what)
{
	p->fault = fault;
	err_set(p->e, ERR_MALFORMED, "%s (at byte %zu)", what,
	    p->offset + (size_t)(p->at - p->start));
	return false;
}

static bool malformed(struct parser *p, const char *what)
{
	return fail(p, JSON_MALFORMED, what);
}

/* The byte at hand, 0 at the end: there is no NUL in the text. */
static char peek(const struct parser *p)
{
	return p->at < p->end ? *p->at : '\0';
}

static bool take(struct parser *p, char c)
{
	if (peek(p) != c)
		return false;
	p->at++;
	return true;
}

static void skip_space(struct parser *p)
{
	while (p->at < p->end &&
	       (*p->at == ' ' || *p->at == '\n' || *p->at == '\r' || *p->at == '\t'))
		p->at++;
}

static char *copy(struct parser *p, const char *text, size_t len)
{
	char *to = value_alloc(p->room, len + 1);

	memcpy(to, text, len);
	to[len] = '\0';
	return to;
}

/* ---- texts ---- */

static bool is_plain(char c)
{
	unsigned char u = (unsigned char)c;

	return u >= 0x20 && u < 0x80 && u != '"' && u != '\\';
}

/* Four hex digits. */
static bool parse_unit(struct parser *p, uint32_t *out)
{
	*out = 0;
	for (int i = 0; i < 4; i++) {
		char c = peek(p);
		int digit = c >= '0' && c <= '9'   ? c - '0'
			    : c >= 'a' && c <= 'f' ? c - 'a' + 10
			    : c >= 'A' && c <= 'F' ? c - 'A' + 10
						   : -1;

		if (digit < 0)
			return malformed(p, "\\u without four hex digits");
		*out = *out << 4 | (uint32_t)digit;
		p->at++;
	}
	return true;
}

/* What follows \u: a code point, perhaps in two halves. */
static bool parse_code_point(struct parser *p, uint32_t *out)
{
	uint32_t low;

	if (!parse_unit(p, out))
		return false;
	if (*out == 0)
		return fail(p, JSON_AMBIGUOUS, "\\u0000 in a string");
	if (*out < 0xd800 || *out > 0xdfff)
		return true;
	if (*out > 0xdbff || !take(p, '\\') || !take(p, 'u'))
		return malformed(p, "half of a surrogate pair");
	if (!parse_unit(p, &low))
		return false;
	if (low < 0xdc00 || low > 0xdfff)
		return malformed(p, "half of a surrogate pair");
	*out = 0x10000 + ((*out - 0xd800) << 10) + (low - 0xdc00);
	return true;
}

static char *put_utf8(char *to, uint32_t cp)
{
	if (cp < 0x80) {
		*to++ = (char)cp;
		return to;
	}
	if (cp < 0x800) {
		*to++ = (char)(0xc0 | cp >> 6);
	} else {
		if (cp < 0x10000) {
			*to++ = (char)(0xe0 | cp >> 12);
		} else {
			*to++ = (char)(0xf0 | cp >> 18);
			*to++ = (char)(0x80 | (cp >> 12 & 0x3f));
		}
		*to++ = (char)(0x80 | (cp >> 6 & 0x3f));
	}
	*to++ = (char)(0x80 | (cp & 0x3f));
	return to;
}

/* Behind a backslash. No escape is shorter than what it stands for. */
static bool parse_escape(struct parser *p, char **to)
{
	static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
	const char *found = peek(p) ? strchr(from, peek(p)) : NULL;
	uint32_t cp;

	if (found) {
		p->at++;
		*(*to)++ = into[found - from];
		return true;
	}
	if (!take(p, 'u'))
		return malformed(p, "an escape that is none");
	if (!parse_code_point(p, &cp))
		return false;
	*to = put_utf8(*to, cp);
	return true;
}

/* One or more bytes of a text that are not plain, except its end. */
static bool parse_piece(struct parser *p, char **to)
{
	uint32_t cp;
	size_t n;

	if (take(p, '\\'))
		return parse_escape(p, to);
	if ((unsigned char)*p->at < 0x20)
		return malformed(p, "a control character in a string");
	n = esc_utf8_decode(p->at, (size_t)(p->end - p->at), &cp);
	if (n == 0)
		return fail(p, JSON_AMBIGUOUS, "a string is not UTF-8");
	memcpy(*to, p->at, n);
	*to += n;
	p->at += n;
	return true;
}

/* Where the text ends that p->at is in, or NULL. */
static const char *find_quote(const struct parser *p)
{
	for (const char *q = p->at; q < p->end; q++) {
		if (*q == '"')
			return q;
		q += *q == '\\';
	}
	return NULL;
}

static bool parse_text(struct parser *p, const char **text, size_t *len)
{
	const char *first = ++p->at, *quote;
	char *out, *to;

	while (p->at < p->end && is_plain(*p->at))
		p->at++;
	*len = (size_t)(p->at - first);
	if (peek(p) == '"') {
		*text = copy(p, first, *len);
		p->at++;
		return true;
	}
	quote = find_quote(p);
	if (!quote)
		return malformed(p, "a string without an end");
	out = value_alloc(p->room, (size_t)(quote - first) + 1);
	memcpy(out, first, *len);
	to = out + *len;
	while (p->at < quote) {
		if (is_plain(*p->at))
			*to++ = *p->at++;
		else if (!parse_piece(p, &to))
			return false;
	}
	*to = '\0';
	*text = out;
	*len = (size_t)(to - out);
	return take(p, '"');
}

/* ---- numbers and words ---- */

static bool skip_digits(struct parser *p)
{
	const char *first = p->at;

	while (peek(p) >= '0' && peek(p) <= '9')
		p->at++;
	return p->at > first;
}

static bool take_integer(const char *digits, const char *end, int64_t *out)
{
	bool negative = *digits == '-';
	int64_t sum = 0;

	for (digits += negative; digits < end; digits++) {
		int digit = *digits - '0';

		if (__builtin_mul_overflow(sum, 10, &sum) ||
		    __builtin_add_overflow(sum, negative ? -digit : digit, &sum))
			return false;
	}
	*out = sum;
	return true;
}

static bool parse_number(struct parser *p, struct value *v)
{
	const char *first = p->at;
	bool real = false;

	(void)take(p, '-');
	if (!take(p, '0') && !skip_digits(p))
		return malformed(p, "something that is no value");
	if (take(p, '.')) {
		real = true;
		if (!skip_digits(p))
			return malformed(p, "a number without digits behind its point");
	}
	if (take(p, 'e') || take(p, 'E')) {
		real = true;
		if (!take(p, '+'))
			(void)take(p, '-');
		if (!skip_digits(p))
			return malformed(p, "a number without an exponent");
	}
	v->type = real ? VALUE_REAL : VALUE_INTEGER;
	if (real) {
		v->n = (size_t)(p->at - first);
		v->text = copy(p, first, v->n);
	}
	return (real ? isfinite(strtod(v->text, NULL)) != 0
		     : take_integer(first, p->at, &v->integer)) ||
	       malformed(p, "a number that is too big");
}

static bool take_word(struct parser *p, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(p->end - p->at) < len || memcmp(p->at, word, len) != 0)
		return false;
	p->at += len;
	return true;
}

/* ---- values ---- */

static bool parse_value(struct parser *p, struct value *v, int depth);

/* One element, or one member with its name, appended where *link leads to. */
static bool parse_child(
    struct parser *p, struct value *of, struct value ***link, int depth)
{
	struct value *child = value_alloc(p->room, sizeof(*child));

	*child = (struct value){0};
	skip_space(p);
	if (of->type == VALUE_MAP) {
		if (peek(p) != '"')
			return malformed(p, "no name of a member");
		if (!parse_text(p, &child->name, &child->name_len))
			return false;
		skip_space(p);
		if (!take(p, ':'))
			return malformed(p, "no ':' behind a member's name");
		skip_space(p);
	}
	if (!parse_value(p, child, depth))
		return false;
	**link = child;
	*link = &child->next;
	of->n++;
	return true;
}

static bool parse_container(struct parser *p, struct value *v, int depth)
{
	char end = v->type == VALUE_MAP ? '}' : ']';
	struct value **link = &v->first;

	if (depth == 0)
		return malformed(p, "nested too deep");
	v->first = NULL;
	skip_space(p);
	if (take(p, end))
		return true;
	do {
		if (!parse_child(p, v, &link, depth - 1))
			return false;
		skip_space(p);
	} while (take(p, ','));
	if (!take(p, end))
		return malformed(p, end == '}' ? "no ',' or '}'" : "no ',' or ']'");
	return v->type == VALUE_LIST || value_settle_map(p->room, v) ||
	       fail(p, JSON_AMBIGUOUS, "a member that is there twice");
}

static bool parse_value(struct parser *p, struct value *v, int depth)
{
	switch (peek(p)) {
	case '{':
	case '[':
		v->type = *p->at++ == '{' ? VALUE_MAP : VALUE_LIST;
		return parse_container(p, v, depth);
	case '"':
		v->type = VALUE_TEXT;
		return parse_text(p, &v->text, &v->n);
	case 't':
	case 'f':
		v->type = VALUE_BOOL;
		v->truth = *p->at == 't';
		return take_word(p, v->truth ? "true" : "false") ||
		       malformed(p, "something that is no value");
	case 'n':
		v->type = VALUE_NULL;
		return take_word(p, "null") || malformed(p, "something that is no value");
	default:
		return parse_number(p, v);
	}
}

enum json_fault value_parse(const struct value_source *source, struct value_room *room,
    struct value **out, size_t *used, struct err *e)
{
	struct parser p = {.room = room,
	    .start = source->json,
	    .at = source->json,
	    .end = source->json + source->len,
	    .offset = source->offset,
	    .e = e};

	*out = value_alloc(room, sizeof(**out));
	**out = (struct value){0};
	(void)parse_value(&p, *out, VALUE_DEPTH_MAX);
	*used = (size_t)(p.at - p.start);
	return p.fault;
}
