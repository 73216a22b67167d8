/* SPDX-License-Identifier: Apache-2.0 */
/* questions.c: see questions.h. */
#include "watch/questions.h"

#include <string.h>

static struct question *find(struct questions *q, uint32_t root, int64_t now_ms)
{
	if (q->last < q->n && q->v[q->last].root == root)
		return &q->v[q->last];
	for (q->last = 0; q->last < q->n; q->last++) {
		if (q->v[q->last].root == root)
			return &q->v[q->last];
	}
	if (q->n == QUESTIONS_MAX) {
		q->everything = true;
		return NULL;
	}
	q->v = xreallocarray(q->v, q->n + 1, sizeof(*q->v));
	q->v[q->n] = (struct question){.root = root, .since_ms = now_ms};
	return &q->v[q->n++];
}

static struct touch *touch_of(struct question *q, const char *path)
{
	for (size_t i = 0; i < q->n; i++) {
		if (strcmp(q->touches[i].path, path) == 0)
			return &q->touches[i];
	}
	if (q->n == QUESTION_PATHS_MAX)
		return NULL;
	q->touches = xreallocarray(q->touches, q->n + 1, sizeof(*q->touches));
	q->touches[q->n] = (struct touch){.path = xstrdup(path)};
	return &q->touches[q->n++];
}

void questions_add(struct questions *q, const struct source_event *ev, int64_t now_ms)
{
	struct question *question = find(q, ev->root, now_ms);
	struct touch *t;

	q->events++;
	if (!question)
		return;
	t = ev->path ? touch_of(question, ev->path) : NULL;
	if (!t) {
		question->whole = true;
		return;
	}
	t->what |= ev->what;
	if (ev->writer) {
		t->has_writer = true;
		t->writer = *ev->writer;
	}
}

bool questions_none(const struct questions *q)
{
	for (size_t i = 0; i < GAP_COUNT; i++) {
		if (q->gaps[i])
			return false;
	}
	return q->n == 0 && !q->everything;
}

void questions_release(struct questions *q)
{
	for (size_t i = 0; i < q->n; i++) {
		for (size_t k = 0; k < q->v[i].n; k++)
			free(q->v[i].touches[k].path);
		free(q->v[i].touches);
	}
	free(q->v);
	*q = (struct questions){0};
}
