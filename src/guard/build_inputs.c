/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build_inputs.c: images that a build began from, or copied files from, although nobody sealed them. No output of
 * the engine tells their ids.
 *
 * For each the engine makes a working container, which stays until the build has ended; its record names the
 * image. And what is built on an image has all of its steps, with their times, before its own: so an image
 * is found that brings no layer, only a configuration, also where it is not known who made a container.
 */
#include <string.h>

#include "guard/build_impl.h"

static bool is_noted(const struct build *b, const char *image)
{
	for (size_t i = 0; i < b->n_sources; i++) {
		if (strcmp(b->sources[i].id, image) == 0)
			return true;
	}
	return false;
}

static void note_source(struct build *b, const char *image)
{
	struct build_source *source;

	if (!*image || is_noted(b, image))
		return;
	b->sources = xreallocarray(b->sources, b->n_sources + 1, sizeof(*b->sources));
	source = &b->sources[b->n_sources++];
	memcpy(source->id, image, sizeof(source->id));
	source->event = b->event;
}

int build_note_sources(struct build *b, struct err *e)
{
	CLEANUP_RECORDS struct records now = {0};
	int r = 0;

	/* The output was read before the changes: what it tells by now came of containers that are known. */
	if (b->creations && changes_containers(b->changes))
		r = records_read_containers(b->g->store, &now, &b->out->findings, e);
	for (size_t i = 0; !r && i < now.n_containers; i++) {
		if (creations_has(b->creations, now.containers[i].id))
			note_source(b, now.containers[i].image);
	}
	b->event = b->log.n;
	return r;
}

/* Steps of one image, looked for in others. */
struct search {
	const struct digest *last; /* of the image's steps */
	size_t n;		   /* how many it has */
	bool found;
};

static void look_for(void *ctx, const struct digest *steps, size_t n)
{
	struct search *s = ctx;

	s->found |= n > s->n && digest_equal(&steps[s->n - 1], s->last);
}

struct origin {
	struct build *b;
	const struct build_work *w;
	size_t first; /* the first event that makes something that stands on it */
};

static void look_in_work(void *ctx, const struct digest *steps, size_t n)
{
	struct origin *o = ctx;

	/* Without steps it leaves no trace. */
	for (size_t i = 0; n && i < o->w->survey.records.n_images; i++) {
		const struct store_image *m = &o->w->survey.records.images[i];
		struct search s = {.last = &steps[n - 1], .n = n};
		size_t at = buildlog_made(&o->b->log, m->id);

		if (!o->w->made[i])
			continue;
		image_each_history(o->b->g->store, m, look_for, &s);
		/* What the engine does not speak of may be the first of all. */
		at = at == SIZE_MAX ? 0 : at;
		if (s.found && at < o->first)
			o->first = at;
	}
}

size_t build_stands_on(
    struct build *b, const struct build_work *w, const struct store_image *i)
{
	struct origin o = {.b = b, .w = w, .first = SIZE_MAX};

	image_each_history(b->g->store, i, look_in_work, &o);
	return o.first;
}
