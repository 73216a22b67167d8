/* SPDX-License-Identifier: Apache-2.0 */
/* image_doc.c: see image_doc.h. */
#include "store/image_doc.h"

#include <string.h>

#include "base/buf.h"
#include "store/jsonin.h"

#define MALFORMED(e, ...) err_set(e, ERR_MALFORMED, __VA_ARGS__)

/* Every structure of Go that may stand at the top of a manifest or a list. */
static const char *const manifest_keys[] = {"schemaVersion", "mediaType", "artifactType",
    "config", "layers", "manifests", "subject", "annotations", "name", "tag",
    "architecture", "fsLayers", "history", "signatures"};
static const char *const descriptor_keys[] = {"mediaType", "digest", "size", "urls",
    "annotations", "data", "platform", "artifactType"};
/* Docker's and OCI's image configuration. */
static const char *const image_keys[] = {"id", "parent", "comment", "created",
    "container", "container_config", "docker_version", "author", "config", "architecture",
    "variant", "os", "os.version", "os.features", "Size", "rootfs", "history"};
static const char *const run_keys[] = {"Hostname", "Domainname", "User", "AttachStdin",
    "AttachStdout", "AttachStderr", "ExposedPorts", "Tty", "OpenStdin", "StdinOnce",
    "Env", "Cmd", "Healthcheck", "ArgsEscaped", "Image", "Volumes", "WorkingDir",
    "Entrypoint", "NetworkDisabled", "MacAddress", "OnBuild", "Labels", "StopSignal",
    "StopTimeout", "Shell", "Memory", "MemorySwap", "CpuShares", "Cpuset",
    "PublishService", "VolumeDriver"};
static const char *const rootfs_keys[] = {"type", "diff_ids", "base_layer"};
static const char *const history_keys[] = {
    "created", "created_by", "author", "comment", "empty_layer"};

struct document {
	struct value_room room;
	struct value *top;
};

static void release(struct document *d)
{
	value_room_release(&d->room);
}
#define CLEANUP_DOCUMENT CLEANUP(release)

static int parse(const char *json, size_t len, const char *const keys[], size_t n_keys,
    struct document *out, struct err *e)
{
	enum json_fault fault = jsonin_map(json, len, &out->room, &out->top, e);

	if (fault == JSON_OK)
		fault = jsonin_names(out->top, keys, n_keys, false, e);
	return fault == JSON_OK ? 0 : e->code;
}

/* A member that must be an object if it is there; its keys are checked. */
static int check_object(const struct value *member, const char *name,
    const char *const keys[], size_t n_keys, struct err *e)
{
	if (!member)
		return 0;
	if (!value_is(member, VALUE_MAP))
		return MALFORMED(e, "'%s' is no object", name);
	return jsonin_names(member, keys, n_keys, false, e) == JSON_OK ? 0 : e->code;
}

static int parse_digest(
    const struct value *value, const char *what, struct digest *out, struct err *e)
{
	const char *text = value_text(value);

	if (!text || !digest_parse_text(text, out))
		return MALFORMED(e, "%s is no SHA-256 digest", what);
	return 0;
}

static int parse_layers(
    const struct value *layers, struct image_manifest *out, struct err *e)
{
	struct digest unused;
	const struct value *layer;

	/* Go writes null for an empty list. */
	if (value_is(layers, VALUE_NULL))
		return 0;
	if (!value_is(layers, VALUE_LIST) || value_size(layers) > IMAGE_LAYERS_MAX)
		return MALFORMED(e, "'layers' is no list of layers");
	value_each(layer, layers)
	{
		int r = value_is(layer, VALUE_MAP)
			    ? check_object(layer, "layer", descriptor_keys,
				  ARRAY_LEN(descriptor_keys), e)
			    : MALFORMED(e, "a layer is no object");

		if (!r)
			r = parse_digest(value_get(layer, "digest"),
			    "the digest of a layer", &unused, e);
		if (r)
			return r;
	}
	out->n_layers = value_size(layers);
	return 0;
}

int image_manifest_parse(
    const char *json, size_t len, struct image_manifest *out, struct err *e)
{
	CLEANUP_DOCUMENT struct document doc = {0};
	const struct value *version, *config, *layers, *manifests;
	int r = parse(json, len, manifest_keys, ARRAY_LEN(manifest_keys), &doc, e);

	*out = (struct image_manifest){0};
	if (r)
		return r;
	version = value_get(doc.top, "schemaVersion");
	config = value_get(doc.top, "config");
	layers = value_get(doc.top, "layers");
	manifests = value_get(doc.top, "manifests");
	if (value_integer(version) != 2)
		return MALFORMED(e, "only manifests of schema version 2 are supported");
	/* One that can be taken for either kind is the classic confusion of the two. */
	if (!config == !manifests || !layers != !config)
		return MALFORMED(e, "neither an image manifest nor a list of manifests");
	if (manifests) {
		out->kind = MANIFEST_LIST;
		return value_is(manifests, VALUE_LIST) || value_is(manifests, VALUE_NULL)
			   ? 0
			   : MALFORMED(e, "'manifests' is no list");
	}
	r = check_object(
	    config, "config", descriptor_keys, ARRAY_LEN(descriptor_keys), e);
	if (!r)
		r = parse_digest(value_get(config, "digest"), "the digest of 'config'",
		    &out->config, e);
	return r ? r : parse_layers(layers, out, e);
}

bool image_list_has(const char *json, size_t len, const char *digest)
{
	CLEANUP_DOCUMENT struct document doc = {0};
	const struct value *instance;
	struct err e;

	if (parse(json, len, manifest_keys, ARRAY_LEN(manifest_keys), &doc, &e))
		return false;
	value_each(instance, value_get(doc.top, "manifests"))
	{
		const char *text = value_text(value_get(instance, "digest"));

		if (text && strcmp(text, digest) == 0)
			return true;
	}
	return false;
}

int image_list_parse(
    const char *json, size_t len, struct digest **digests, size_t *n, struct err *e)
{
	CLEANUP_DOCUMENT struct document doc = {0};
	CLEANUP_FREE struct digest *all = NULL;
	const struct value *list, *instance;
	struct image_manifest m;
	size_t i = 0;
	int r = image_manifest_parse(json, len, &m, e);

	*digests = NULL;
	*n = 0;
	if (!r && m.kind != MANIFEST_LIST)
		return err_set(e, ERR_NOT_FOUND, "no list of manifests");
	if (!r)
		r = parse(json, len, manifest_keys, ARRAY_LEN(manifest_keys), &doc, e);
	if (r)
		return r;
	list = value_get(doc.top, "manifests");
	if (value_size(list) > IMAGE_LISTED_MAX)
		return MALFORMED(e, "'manifests' is too long");
	all = xcalloc(value_size(list) + 1, sizeof(*all));
	value_each(instance, list)
	{
		r = value_is(instance, VALUE_MAP)
			? check_object(instance, "manifest", descriptor_keys,
			      ARRAY_LEN(descriptor_keys), e)
			: MALFORMED(e, "'manifests' has a non-object");
		if (!r)
			r = parse_digest(value_get(instance, "digest"),
			    "the digest of a manifest", &all[i++], e);
		if (r)
			return r;
	}
	*n = value_size(list);
	*digests = take_ptr(all);
	return 0;
}

static int check_history(const struct value *history, struct err *e)
{
	const struct value *step;

	if (history && !value_is(history, VALUE_NULL) && !value_is(history, VALUE_LIST))
		return MALFORMED(e, "'history' is no list");
	value_each(step, history)
	{
		int r = value_is(step, VALUE_MAP)
			    ? check_object(step, "history", history_keys,
				  ARRAY_LEN(history_keys), e)
			    : MALFORMED(e, "'history' has a non-object");

		if (r)
			return r;
	}
	return 0;
}

static int parse_diff_ids(
    const struct value *list, struct digest **out, size_t *n, struct err *e)
{
	size_t size = value_size(list), i = 0;
	CLEANUP_FREE struct digest *ids = NULL;
	const struct value *id;

	if (!list || value_is(list, VALUE_NULL))
		return 0;
	if (!value_is(list, VALUE_LIST) || size > IMAGE_LAYERS_MAX)
		return MALFORMED(e, "'rootfs.diff_ids' is no list of layers");
	ids = xcalloc(size, sizeof(*ids));
	value_each(id, list)
	{
		int r = parse_digest(id, "a diff-id", &ids[i++], e);

		if (r)
			return r;
	}
	*out = take_ptr(ids);
	*n = size;
	return 0;
}

int image_config_parse(const char *json, size_t len, struct digest **diff_ids,
    size_t *n_diff_ids, struct err *e)
{
	CLEANUP_DOCUMENT struct document doc = {0};
	const struct value *rootfs, *run;
	int r = parse(json, len, image_keys, ARRAY_LEN(image_keys), &doc, e);

	*diff_ids = NULL;
	*n_diff_ids = 0;
	if (r)
		return r;
	rootfs = value_get(doc.top, "rootfs");
	run = value_get(doc.top, "config");
	if (!rootfs)
		return MALFORMED(e, "there is no 'rootfs'");
	r = check_object(rootfs, "rootfs", rootfs_keys, ARRAY_LEN(rootfs_keys), e);
	if (!r && !value_is(run, VALUE_NULL))
		r = check_object(run, "config", run_keys, ARRAY_LEN(run_keys), e);
	if (!r)
		r = check_history(value_get(doc.top, "history"), e);
	return r ? r
		 : parse_diff_ids(value_get(rootfs, "diff_ids"), diff_ids, n_diff_ids, e);
}

/* Each step with all before it. */
static int digest_steps(const struct value *history, struct digest *steps, struct err *e)
{
	CLEANUP_BUF struct buf both;
	struct digest before = {0};
	const struct value *step;
	size_t i = 0;

	buf_init(&both, SIZE_MAX / 2);
	value_each(step, history)
	{
		int r;

		buf_clear(&both);
		r = buf_add(&both, &before, sizeof(before), e);
		if (!r)
			r = value_write(&both, step, true, e);
		if (r)
			return r;
		sha256(both.data, both.len, &steps[i]);
		before = steps[i++];
	}
	return 0;
}

int image_config_history(
    const char *json, size_t len, struct digest **steps, size_t *n, struct err *e)
{
	CLEANUP_DOCUMENT struct document doc = {0};
	CLEANUP_FREE struct digest *all = NULL;
	const struct value *history;
	int r = parse(json, len, image_keys, ARRAY_LEN(image_keys), &doc, e);

	*steps = NULL;
	*n = 0;
	if (r)
		return r;
	history = value_get(doc.top, "history");
	r = check_history(history, e);
	if (r)
		return r;
	all = xcalloc(value_size(history) + 1, sizeof(*all));
	r = digest_steps(history, all, e);
	if (r)
		return r;
	*n = value_size(history);
	*steps = take_ptr(all);
	return 0;
}
