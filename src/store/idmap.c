/* SPDX-License-Identifier: Apache-2.0 */
/* idmap.c: see idmap.h. */
#include "store/idmap.h"

#include <stdio.h>
#include <string.h>

#include "base/decimal.h"

/* UINT32_MAX is no id. */
#define IDS UINT32_MAX

static void add(struct idmap *m, uint64_t first, uint64_t count)
{
	if (m->n < IDMAP_RANGES_MAX && count && first < IDS && count <= IDS - first)
		m->v[m->n++] = (struct idmap_range){(uint32_t)first, (uint32_t)count};
}

/* "name-or-uid:first:count" of this user? */
static bool parse_line(
    const char *line, const char *user, uid_t uid, uint64_t *first, uint64_t *count)
{
	size_t owner = strcspn(line, ":"), middle, end;
	char decimal[24];

	snprintf(decimal, sizeof(decimal), "%lu", (unsigned long)uid);
	if (line[owner] != ':' ||
	    !((strlen(user) == owner && memcmp(user, line, owner) == 0) ||
		(strlen(decimal) == owner && memcmp(decimal, line, owner) == 0)))
		return false;
	line += owner + 1;
	middle = strcspn(line, ":");
	end = middle + strcspn(line + middle, "\r\n");
	return line[middle] == ':' && decimal_parse(line, middle, first) &&
	       decimal_parse(line + middle + 1, end - middle - 1, count);
}

void idmap_read(
    const char *file, const char *user, uid_t uid, uint32_t own, struct idmap *out)
{
	FILE *f = fopen(file, "re");
	uint64_t first, count;
	char *line = NULL;
	size_t size = 0;

	*out = (struct idmap){0};
	add(out, own, 1);
	while (f && getline(&line, &size, f) > 0) {
		if (parse_line(line, user, uid, &first, &count))
			add(out, first, count);
	}
	free(line);
	if (f)
		fclose(f);
}

bool idmap_of_namespace(const char *file, struct idmap *out)
{
	unsigned long inside, outside, count;
	FILE *f = fopen(file, "re");
	uint64_t next = 0;

	*out = (struct idmap){0};
	while (f && next < IDS &&
	       fscanf(f, "%10lu %10lu %10lu", &inside, &outside, &count) == 3) {
		next = inside == next && count ? next + count : IDS;
		add(out, outside, count);
	}
	if (f)
		fclose(f);
	return next && next < IDS;
}

char *idmap_text(const struct idmap *m)
{
	char *text = xstrdup("");

	for (size_t i = 0; i < m->n; i++) {
		char *longer = xasprintf(
		    "%s%s%u:%u", text, i ? "," : "", m->v[i].first, m->v[i].count);

		free(text);
		text = longer;
	}
	return text;
}

bool idmap_has(const struct idmap *m, uint32_t outside)
{
	for (size_t i = 0; i < m->n; i++) {
		if (outside >= m->v[i].first && outside - m->v[i].first < m->v[i].count)
			return true;
	}
	return false;
}

uint32_t idmap_outside(const struct idmap *m, uint32_t inside)
{
	for (size_t i = 0; i < m->n; i++) {
		if (inside < m->v[i].count)
			return m->v[i].first + inside;
		inside -= m->v[i].count;
	}
	return UINT32_MAX;
}

int idmap_lines(const struct idmap *m, struct buf *out, struct err *e)
{
	uint32_t inside = 0;
	int r = 0;

	for (size_t i = 0; !r && i < m->n; i++) {
		r = buf_addf(out, e, "%u %u %u\n", inside, m->v[i].first, m->v[i].count);
		inside += m->v[i].count;
	}
	return r;
}

static int by_first(const void *a, const void *b)
{
	const struct idmap_range *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

/* The ids that no range has, in ascending order, from `inside` on. */
static int add_others(
    const struct idmap *m, uint32_t inside, struct buf *out, struct err *e)
{
	struct idmap sorted = *m;
	uint32_t next = 0;
	int r = 0;

	qsort(sorted.v, sorted.n, sizeof(*sorted.v), by_first);
	for (size_t i = 0; !r && i <= sorted.n; i++) {
		uint32_t until = i < sorted.n ? sorted.v[i].first : IDS;

		if (until < next)
			return err_set(e, ERR_STORE,
			    "the subordinate ids that begin at %u overlap others", until);
		if (until > next) {
			r = buf_addf(out, e, "%u %u %u\n", next, inside, until - next);
			inside += until - next;
		}
		if (i < sorted.n)
			next = until + sorted.v[i].count;
	}
	return r;
}

int idmap_inverse_lines(const struct idmap *m, struct buf *out, struct err *e)
{
	uint64_t inside = 0;
	int r = 0;

	for (size_t i = 0; !r && i < m->n; i++) {
		r = buf_addf(
		    out, e, "%u %u %u\n", m->v[i].first, (uint32_t)inside, m->v[i].count);
		inside += m->v[i].count;
		if (inside >= IDS)
			return err_set(e, ERR_STORE, "the subordinate ids overlap");
	}
	return r ? r : add_others(m, (uint32_t)inside, out, e);
}
