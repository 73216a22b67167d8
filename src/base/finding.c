/* SPDX-License-Identifier: Apache-2.0 */
/* finding.c: see finding.h. */
#include "base/finding.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name, *meaning;
} classes[] = {
#define X(id, name, meaning) {name, meaning},
    FINDING_CLASSES(X)
#undef X
};

const char *finding_class_name(enum finding_class c)
{
	return classes[c].name;
}

const char *finding_class_meaning(enum finding_class c)
{
	return classes[c].meaning;
}

bool finding_class_parse(const char *name, enum finding_class *out)
{
	for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
		if (strcmp(classes[i].name, name) == 0) {
			*out = (enum finding_class)i;
			return true;
		}
	}
	return false;
}

static char *copy(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

static void finding_release(struct finding *f)
{
	free(f->layer);
	free(f->image);
	free(f->used_by);
	free(f->path);
	free(f->expected);
	free(f->found);
	*f = (struct finding){0};
}

/* Slot FINDINGS_MAX is scratch: findings past the maximum are written there and forgotten. */
struct finding *findings_add(
    struct findings *list, enum finding_class c, struct place where)
{
	struct finding *f;

	if (!list->v)
		list->v = xcalloc(1, sizeof(*list->v));
	if (list->n == FINDINGS_MAX) {
		f = &list->v[FINDINGS_MAX];
		finding_release(f);
		list->dropped++;
	} else {
		f = &list->v[list->n++];
		list->v = xreallocarray(list->v, list->n + 1, sizeof(*list->v));
		list->v[list->n] = (struct finding){0};
		f = &list->v[list->n - 1];
	}
	*f = (struct finding){
	    .class = c,
	    .severity = SEVERITY_DENY,
	    .layer = copy(where.layer),
	    .image = copy(where.image),
	    .path = copy(where.path),
	};
	return f;
}

#define SET_FORMATTED(field)                                                             \
	do {                                                                             \
		va_list ap;                                                              \
		char *text = NULL;                                                       \
                                                                                         \
		va_start(ap, fmt);                                                       \
		if (vasprintf(&text, fmt, ap) < 0)                                       \
			text = xstrdup("?");                                             \
		va_end(ap);                                                              \
		free(f->field);                                                          \
		f->field = text;                                                         \
	} while (0)

struct finding *finding_expected(struct finding *f, const char *fmt, ...)
{
	SET_FORMATTED(expected);
	return f;
}

struct finding *finding_found(struct finding *f, const char *fmt, ...)
{
	SET_FORMATTED(found);
	return f;
}

void findings_move(struct findings *to, struct findings *from)
{
	for (size_t i = 0; i < from->n; i++) {
		struct finding *f = findings_add(to, from->v[i].class, (struct place){0});

		*f = from->v[i];
		from->v[i] = (struct finding){0};
	}
	to->dropped += from->dropped;
	findings_release(from);
}

void findings_drop(struct findings *list, enum severity s)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->n; i++) {
		if (list->v[i].severity == s)
			finding_release(&list->v[i]);
		else
			list->v[kept++] = list->v[i];
	}
	for (size_t i = kept; i < list->n; i++)
		list->v[i] = (struct finding){0};
	list->n = kept;
}

void findings_cut(struct findings *list, size_t mark)
{
	while (list->n > mark)
		finding_release(&list->v[--list->n]);
	list->dropped = mark - list->n;
}

void findings_release(struct findings *list)
{
	if (list->v) {
		for (size_t i = 0; i <= list->n; i++)
			finding_release(&list->v[i]);
	}
	free(list->v);
	*list = (struct findings){0};
}
