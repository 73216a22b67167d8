/* SPDX-License-Identifier: Apache-2.0 */
/* records_images.c: images.json, containers.json and volatile-containers.json. */
#include <string.h>

#include "store/records_in.h"

/* type Image struct, containers/storage images.go, v1.43 to v1.62. */
static const struct member image_members[] = {
    {"id", MEMBER_ID},
    {"digest", MEMBER_DIGEST},
    {"names", MEMBER_SET},
    {"names-history", MEMBER_TEXTS},
    {"layer", MEMBER_ID_OR_EMPTY},
    {"mapped-layers", MEMBER_IDS},
    {"metadata", MEMBER_TEXT},
    {"big-data-names", MEMBER_SET},
    {"big-data-sizes", MEMBER_SIZES},
    {"big-data-digests", MEMBER_DIGESTS},
    {"created", MEMBER_TIME},
    {"flags", MEMBER_FLAGS},
};

/* type Container struct, containers/storage containers.go, v1.43 to v1.62. */
static const struct member container_members[] = {
    {"id", MEMBER_ID},
    {"names", MEMBER_SET},
    {"image", MEMBER_ID_OR_EMPTY},
    {"layer", MEMBER_ID},
    {"metadata", MEMBER_TEXT},
    {"big-data-names", MEMBER_SET},
    {"big-data-sizes", MEMBER_SIZES},
    {"big-data-digests", MEMBER_DIGESTS},
    {"created", MEMBER_TIME},
    {"uidmap", MEMBER_ID_MAPS},
    {"gidmap", MEMBER_ID_MAPS},
    {"flags", MEMBER_FLAGS},
};

void store_image_release(struct store_image *i)
{
	free(i->created);
	for (size_t n = 0; n < i->n_names; n++)
		free(i->names[n]);
	free(i->names);
	free(i->mapped_layers);
	for (size_t n = 0; n < i->n_big_data; n++)
		free(i->big_data[n].name);
	free(i->big_data);
}

void records_cut_images(struct records *r, size_t n)
{
	while (r->n_images > n)
		store_image_release(&r->images[--r->n_images]);
}

static int compare_big_data(const void *a, const void *b)
{
	const struct store_big_data *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int compare_name(const void *name, const void *data)
{
	return strcmp(name, ((const struct store_big_data *)data)->name);
}

static void read_big_data(const struct value *record, struct store_image *i)
{
	const struct value *sizes = value_get(record, "big-data-sizes");
	const struct value *digests = value_get(record, "big-data-digests");
	CLEANUP_FREE char **names = NULL;

	names = record_texts(record, "big-data-names", &i->n_big_data);
	i->big_data = xcalloc(i->n_big_data, sizeof(*i->big_data));
	for (size_t n = 0; n < i->n_big_data; n++) {
		struct store_big_data *b = &i->big_data[n];

		b->name = names[n];
		b->size = value_get(sizes, b->name) ? record_size(sizes, b->name) : -1;
		b->digest = record_digest(digests, b->name);
	}
	if (i->n_big_data)
		qsort(i->big_data, i->n_big_data, sizeof(*i->big_data), compare_big_data);
}

/* podman looks up images by any recorded digest, whether or not it names a file. */
static enum json_fault check_big_data(
    const struct value *record, const struct store_image *i, struct err *e)
{
	static const char *const maps[] = {"big-data-sizes", "big-data-digests"};
	const struct value *v;

	for (size_t m = 0; m < ARRAY_LEN(maps); m++) {
		value_each(v, value_get(record, maps[m]))
		{
			if (i->n_big_data && bsearch(v->name, i->big_data, i->n_big_data,
						 sizeof(*i->big_data), compare_name))
				continue;
			err_set(e, ERR_MALFORMED,
			    "member \"%s\" has \"%.64s\", which big-data-names has not",
			    maps[m], v->name);
			return JSON_MALFORMED;
		}
	}
	return JSON_OK;
}

static int read_image(struct value *record, struct store_image *i, struct err *e)
{
	/* A pull or load of the same image adds manifests; image_check() binds them to the bytes. */
	static const char *const without[] = {"names", "names-history", "mapped-layers",
	    "metadata", "digest", "big-data-names", "big-data-sizes", "big-data-digests",
	    NULL};
	const struct value *mapped = value_get(record, "mapped-layers"), *id;
	size_t n = 0;

	record_id(record, "id", i->id);
	record_id(record, "layer", i->top_layer);
	i->digest = record_digest(record, "digest");
	i->created = xstrdup(record_text(record, "created"));
	i->names = record_texts(record, "names", &i->n_names);
	i->n_mapped_layers = value_size(mapped);
	i->mapped_layers = xcalloc(i->n_mapped_layers, sizeof(*i->mapped_layers));
	value_each(id, mapped) memcpy(i->mapped_layers[n++], id->text, ID_LEN + 1);
	read_big_data(record, i);
	return record_canonical(record, without, &i->record, e);
}

static enum json_fault add_image(void *ctx, struct value *record, struct err *e)
{
	struct record_sink *sink = ctx;
	struct records *out = sink->out;
	struct store_image image = {0};
	enum json_fault f =
	    record_check(record, image_members, ARRAY_LEN(image_members), e);

	if (f == JSON_OK) {
		sink->r = read_image(record, &image, e);
		f = sink->r ? JSON_MALFORMED : check_big_data(record, &image, e);
	}
	if (f != JSON_OK) {
		store_image_release(&image);
		if (sink->r)
			return f;
		record_fault(sink, f, (struct place){.image = record_subject(record)}, e);
		return JSON_OK;
	}
	out->images = xreallocarray(out->images, out->n_images + 1, sizeof(*out->images));
	out->images[out->n_images++] = image;
	return JSON_OK;
}

static enum json_fault add_container(void *ctx, struct value *record, struct err *e)
{
	struct record_sink *sink = ctx;
	struct records *out = sink->out;
	struct store_container *c;
	enum json_fault f =
	    record_check(record, container_members, ARRAY_LEN(container_members), e);

	if (f != JSON_OK) {
		record_fault(sink, f, (struct place){0}, e);
		return JSON_OK;
	}
	out->containers = xreallocarray(
	    out->containers, out->n_containers + 1, sizeof(*out->containers));
	c = &out->containers[out->n_containers++];
	record_id(record, "id", c->id);
	record_id(record, "layer", c->layer);
	record_id(record, "image", c->image);
	return JSON_OK;
}

int records_add_images(const char *json, size_t len, const char *file,
    struct records *out, struct findings *findings, struct err *e)
{
	struct record_sink sink = {.file = file, .out = out, .findings = findings};
	size_t before = out->n_images;
	enum json_fault f;

	if (len == 0)
		return 0;
	f = jsonin_array(json, len, RECORDS_ELEMENT_MAX, add_image, &sink, e);
	if (f == JSON_OK)
		return 0;
	records_cut_images(out, before);
	if (!sink.r)
		record_fault(&sink, f, (struct place){0}, e);
	return sink.r;
}

int records_add_containers(const char *json, size_t len, const char *file,
    struct records *out, struct findings *findings, struct err *e)
{
	struct record_sink sink = {.file = file, .out = out, .findings = findings};
	size_t before = out->n_containers;
	enum json_fault f;

	if (len == 0)
		return 0;
	f = jsonin_array(json, len, RECORDS_ELEMENT_MAX, add_container, &sink, e);
	if (f == JSON_OK)
		return 0;
	out->n_containers = before;
	record_fault(&sink, f, (struct place){0}, e);
	return 0;
}
