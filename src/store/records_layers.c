/* SPDX-License-Identifier: Apache-2.0 */
/* records_layers.c: layers.json and volatile-layers.json. */
#include <string.h>

#include "store/records_in.h"

/* type Layer struct, containers/storage layers.go, v1.43 to v1.62 (toc-digest: v1.52). */
static const struct member members[] = {
    {"id", MEMBER_ID},
    {"names", MEMBER_SET},
    {"parent", MEMBER_ID_OR_EMPTY},
    {"metadata", MEMBER_TEXT},
    {"mountlabel", MEMBER_TEXT},
    {"created", MEMBER_TIME},
    {"compressed-diff-digest", MEMBER_DIGEST},
    {"compressed-size", MEMBER_SIZE},
    {"diff-digest", MEMBER_DIGEST},
    {"toc-digest", MEMBER_DIGEST},
    {"diff-size", MEMBER_SIZE},
    {"compression", MEMBER_COMPRESSION},
    {"uidset", MEMBER_UINT32S},
    {"gidset", MEMBER_UINT32S},
    {"flags", MEMBER_FLAGS},
    {"uidmap", MEMBER_ID_MAPS},
    {"gidmap", MEMBER_ID_MAPS},
    {"big-data-names", MEMBER_SET},
};

static void release_texts(char **v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(v[i]);
	free(v);
}

void store_layer_release(struct store_layer *l)
{
	free(l->created);
	release_texts(l->names, l->n_names);
	release_texts(l->big_data, l->n_big_data);
}

void records_cut_layers(struct records *r, size_t n)
{
	while (r->n_layers > n)
		store_layer_release(&r->layers[--r->n_layers]);
}

/*
 * A partial pull leaves beside its layers an index of their files, made when the next one looks for
 * parts that it need not fetch. The index comes and goes in ordinary life; guard/ looks at its bytes.
 * A layer that no partial pull made gets none.
 */
static bool is_index(const struct value *name, const void *ctx)
{
	(void)ctx;
	return strcmp(name->text, LAYER_DATA_INDEX) == 0;
}

static void forget_index(const struct store_layer *l, const struct value *record)
{
	if (layer_is_partial(l))
		(void)value_remove(value_get(record, "big-data-names"), is_index, NULL);
}

bool layer_is_partial(const struct store_layer *l)
{
	for (size_t i = 0; i < l->n_big_data; i++) {
		if (strcmp(l->big_data[i], "zstd-chunked-manifest") == 0)
			return true;
	}
	return false;
}

static int read_layer(struct value *record, struct store_layer *l, struct err *e)
{
	static const char *const without[] = {"names", "mountlabel", NULL};
	const struct value *incomplete =
	    value_get(value_get(record, "flags"), "incomplete");

	record_id(record, "id", l->id);
	record_id(record, "parent", l->parent);
	l->created = xstrdup(record_text(record, "created"));
	l->incomplete = incomplete && incomplete->truth;
	l->has_id_maps =
	    !record_is_empty(record, "uidmap") || !record_is_empty(record, "gidmap");
	l->diff = record_digest(record, "diff-digest");
	l->compressed = record_digest(record, "compressed-diff-digest");
	l->toc = record_digest(record, "toc-digest");
	l->diff_size = record_size(record, "diff-size");
	if (l->diff_size == 0)
		l->diff_size = -1;
	l->names = record_texts(record, "names", &l->n_names);
	l->big_data = record_texts(record, "big-data-names", &l->n_big_data);
	forget_index(l, record);
	return record_canonical(record, without, &l->record, e);
}

static enum json_fault add_layer(void *ctx, struct value *record, struct err *e)
{
	struct record_sink *sink = ctx;
	struct records *out = sink->out;
	enum json_fault f = record_check(record, members, ARRAY_LEN(members), e);
	struct store_layer *l;

	if (f != JSON_OK) {
		record_fault(sink, f, (struct place){.layer = record_subject(record)}, e);
		return JSON_OK;
	}
	out->layers = xreallocarray(out->layers, out->n_layers + 1, sizeof(*out->layers));
	l = &out->layers[out->n_layers++];
	*l = (struct store_layer){0};
	sink->r = read_layer(record, l, e);
	return sink->r ? JSON_MALFORMED : JSON_OK;
}

int records_add_layers(const char *json, size_t len, const char *file,
    struct records *out, struct findings *findings, struct err *e)
{
	struct record_sink sink = {.file = file, .out = out, .findings = findings};
	size_t before = out->n_layers;
	enum json_fault f;

	if (len == 0)
		return 0;
	f = jsonin_array(json, len, RECORDS_ELEMENT_MAX, add_layer, &sink, e);
	if (f == JSON_OK)
		return 0;
	records_cut_layers(out, before);
	if (!sink.r)
		record_fault(&sink, f, (struct place){0}, e);
	return sink.r;
}
