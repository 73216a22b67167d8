/* SPDX-License-Identifier: Apache-2.0 */
/* finding.c: see finding.h. */
#include "base/finding.h"

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

/* The place of a new finding; past the maximum one that is forgotten at the next. */
static struct finding *next_slot(struct findings *list)
{
	if (list->n == FINDINGS_MAX) {
		list->dropped++;
		return &list->last_dropped;
	}
	if (list->n == list->cap) {
		list->cap = list->cap ? 2 * list->cap : 8;
		list->v = xreallocarray(list->v, list->cap, sizeof(*list->v));
	}
	list->v[list->n] = (struct finding){0};
	return &list->v[list->n++];
}

struct finding *findings_add(
    struct findings *list, enum finding_class c, struct place where)
{
	struct finding added = {
	    .class = c,
	    .severity = SEVERITY_DENY,
	    .layer = copy(where.layer),
	    .image = copy(where.image),
	    .path = copy(where.path),
	};
	struct finding *f = next_slot(list);

	finding_release(f);
	*f = added;
	return f;
}

static PRINTF_LIKE(2, 0) void set_formatted(char **field, const char *fmt, va_list ap)
{
	char *text = xvasprintf(fmt, ap);

	free(*field);
	*field = text;
}

struct finding *finding_expected(struct finding *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set_formatted(&f->expected, fmt, ap);
	va_end(ap);
	return f;
}

struct finding *finding_found(struct finding *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set_formatted(&f->found, fmt, ap);
	va_end(ap);
	return f;
}

struct finding *findings_copy(struct findings *list, const struct finding *f)
{
	struct finding *to = findings_add(list, f->class,
	    (struct place){.layer = f->layer, .image = f->image, .path = f->path});

	to->severity = f->severity;
	to->stage = f->stage;
	to->used_by = copy(f->used_by);
	to->expected = copy(f->expected);
	to->found = copy(f->found);
	return to;
}

void findings_set_stage(struct findings *list, size_t first, enum finding_stage s)
{
	for (size_t i = first; i < list->n; i++)
		list->v[i].stage = s;
}

void findings_move(struct findings *to, struct findings *from)
{
	for (size_t i = 0; i < from->n; i++) {
		struct finding *f = next_slot(to);

		finding_release(f);
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
	for (size_t i = 0; i < list->n; i++)
		finding_release(&list->v[i]);
	finding_release(&list->last_dropped);
	free(list->v);
	*list = (struct findings){0};
}
