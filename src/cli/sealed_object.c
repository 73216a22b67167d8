/* SPDX-License-Identifier: Apache-2.0 */
/* sealed_object.c: see sealed_object.h. */
#include "cli/sealed_object.h"

#include <string.h>

#include "base/hex.h"

#define PREFIX_MIN 3

void sealed_object_release(struct sealed_object *o)
{
	free(o->name);
	*o = (struct sealed_object){0};
}

struct search {
	const char *prefix;
	struct sealed_object found;
	size_t n;
};

static bool begins(const char *id, const char *prefix)
{
	return strncmp(id, prefix, strlen(prefix)) == 0;
}

static int note_layer(void *ctx, const struct sealed_layer *layer, struct err *e)
{
	struct search *search = ctx;

	(void)e;
	if (begins(layer->seal->layer, search->prefix)) {
		search->found = (struct sealed_object){.layer = layer};
		search->n++;
	}
	return 0;
}

static int note_image(void *ctx, const struct sealed_image *image, struct err *e)
{
	struct search *search = ctx;

	(void)e;
	if (begins(image->seal->image, search->prefix)) {
		search->found = (struct sealed_object){.image = image};
		search->n++;
	}
	return 0;
}

/* A name as it was sealed; podman leaves out ":latest" and "localhost/" where it can. */
static bool find_name(const struct session *s, const char *arg, struct sealed_object *out)
{
	static const char *const spellings[] = {
	    "%s", "%s:latest", "localhost/%s", "localhost/%s:latest"};

	for (size_t i = 0; i < ARRAY_LEN(spellings); i++) {
		const char *hole = strstr(spellings[i], "%s");
		CLEANUP_FREE char *name = xasprintf(
		    "%.*s%s%s", (int)(hole - spellings[i]), spellings[i], arg, hole + 2);
		const char *id = ledger_name(s->ledger, &s->store_id, name);

		if (!id || !id[0])
			continue;
		out->image = ledger_image(s->ledger, &s->store_id, id);
		out->name = take_ptr(name);
		return true;
	}
	return false;
}

static int find_id(
    const struct session *s, const char *arg, struct search *search, struct err *e)
{
	int r;

	search->prefix = begins(arg, "sha256:") ? arg + strlen("sha256:") : arg;
	if (strlen(search->prefix) < PREFIX_MIN)
		return 0;
	r = ledger_each_layer(s->ledger, &s->store_id, note_layer, search, e);
	return r ? r : ledger_each_image(s->ledger, &s->store_id, note_image, search, e);
}

int sealed_object_find(
    const struct session *s, const char *arg, struct sealed_object *out, struct err *e)
{
	struct search search = {0};
	int r;

	*out = (struct sealed_object){0};
	if (!hex_is(arg, ENTRY_ID_LEN) && find_name(s, arg, out))
		return 0;
	r = find_id(s, arg, &search, e);
	if (r)
		return r;
	if (search.n == 0)
		return err_set(
		    e, ERR_USAGE, "the ledger has no seal of a layer or image '%s'", arg);
	if (search.n > 1)
		return err_set(
		    e, ERR_USAGE, "'%s' is the beginning of %zu ids", arg, search.n);
	*out = search.found;
	if (out->layer ? out->layer->retired : out->image->retired)
		return err_set(
		    e, ERR_REFUSED, "'%s' was sealed, but was removed since", arg);
	return 0;
}
