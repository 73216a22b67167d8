/* SPDX-License-Identifier: Apache-2.0 */
/* told.c: see told.h. */
#include "watch/told.h"

#include <string.h>

static int compare_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

static int compare(const struct finding *a, const struct finding *b)
{
	int order = (int)a->class - (int)b->class;

	if (!order)
		order = compare_text(a->layer, b->layer);
	if (!order)
		order = compare_text(a->image, b->image);
	return order ? order : compare_text(a->path, b->path);
}

static int compare_pointers(const void *a, const void *b)
{
	return compare(
	    *(const struct finding *const *)a, *(const struct finding *const *)b);
}

/* Those of before that come before `f` are gone; true if `f` itself was there, *old is behind it then. */
static bool pass_by(
    struct told *t, size_t *old, const struct finding *f, const struct told_handlers *h)
{
	int order = 1;

	while (*old < t->list.n && (order = f ? compare(&t->list.v[*old], f) : -1) < 0) {
		if (t->marks[*old].told)
			h->gone(h->ctx, &t->list.v[*old]);
		(*old)++;
	}
	if (*old == t->list.n || order != 0)
		return false;
	(*old)++;
	return true;
}

/* True if it is told by now. */
static bool settle(struct told_mark *m, const struct finding *f, int64_t now_ms,
    const struct told_handlers *h)
{
	if (!m->told && now_ms - m->since_ms >= h->settles_ms(f)) {
		m->told = true;
		h->appeared(h->ctx, f);
	}
	return m->told;
}

bool told_update(struct told *t, const struct finding **now, size_t n, int64_t now_ms,
    const struct told_handlers *h)
{
	struct told next = {.marks = xcalloc(n, sizeof(*next.marks))};
	bool waits = false;
	size_t old = 0;

	if (n)
		qsort(now, n, sizeof(*now), compare_pointers);
	for (size_t i = 0; i < n && next.list.n < FINDINGS_MAX; i++) {
		const struct finding *f = now[i];
		struct told_mark *m = &next.marks[next.list.n];

		if (i && compare(now[i - 1], f) == 0)
			continue;
		*m = (struct told_mark){.since_ms = now_ms};
		if (pass_by(t, &old, f, h))
			*m = t->marks[old - 1];
		waits |= !settle(m, f, now_ms, h);
		findings_add(&next.list, f->class,
		    (struct place){
			.layer = f->layer, .image = f->image, .path = f->path});
	}
	(void)pass_by(t, &old, NULL, h);
	told_release(t);
	*t = next;
	return waits;
}

void told_release(struct told *t)
{
	findings_release(&t->list);
	free(t->marks);
	*t = (struct told){0};
}
