/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build_inputs.c: images that a build began from although nobody sealed them. No output of the engine tells
 * their ids; but what is built on an image has all of its steps, with their times, before its own. That is
 * how an image is found that brings no layer, only a configuration.
 */
#include "guard/build_impl.h"

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
	bool found; /* something that was made stands on it */
};

static void look_in_work(void *ctx, const struct digest *steps, size_t n)
{
	struct origin *o = ctx;
	struct search s = {.n = n};

	/* Without steps it leaves no trace. */
	if (n == 0)
		return;
	s.last = &steps[n - 1];
	for (size_t i = 0; i < o->w->survey.records.n_images && !s.found; i++) {
		if (o->w->made[i])
			image_each_history(o->b->g->store,
			    &o->w->survey.records.images[i], look_for, &s);
	}
	o->found |= s.found;
}

bool build_stands_on(
    struct build *b, const struct build_work *w, const struct store_image *i)
{
	struct origin o = {.b = b, .w = w};

	image_each_history(b->g->store, i, look_in_work, &o);
	return o.found;
}
