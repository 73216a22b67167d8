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

static void unref(json_t **json)
{
	json_decref(*json);
}
#define CLEANUP_JSON CLEANUP(unref)

static int parse(const char *json, size_t len, const char *const keys[], size_t n_keys,
    json_t **out, struct err *e)
{
	enum json_fault fault = jsonin_object(json, len, out, e);

	if (fault == JSON_OK)
		fault = jsonin_keys(*out, keys, n_keys, false, e);
	return fault == JSON_OK ? 0 : e->code;
}

/* A member that must be an object if it is there; its keys are checked. */
static int check_object(json_t *member, const char *name, const char *const keys[],
    size_t n_keys, struct err *e)
{
	if (!member)
		return 0;
	if (!json_is_object(member))
		return MALFORMED(e, "'%s' is no object", name);
	return jsonin_keys(member, keys, n_keys, false, e) == JSON_OK ? 0 : e->code;
}

static int parse_digest(
    json_t *value, const char *what, struct digest *out, struct err *e)
{
	const char *text = json_string_value(value);

	if (!text || !digest_parse_text(text, out))
		return MALFORMED(e, "%s is no SHA-256 digest", what);
	return 0;
}

static int parse_layers(json_t *layers, struct image_manifest *out, struct err *e)
{
	struct digest unused;
	size_t i;
	json_t *layer;

	/* Go writes null for an empty list. */
	if (json_is_null(layers))
		return 0;
	if (!json_is_array(layers) || json_array_size(layers) > IMAGE_LAYERS_MAX)
		return MALFORMED(e, "'layers' is no list of layers");
	json_array_foreach(layers, i, layer)
	{
		int r = json_is_object(layer)
			    ? check_object(layer, "layer", descriptor_keys,
				  ARRAY_LEN(descriptor_keys), e)
			    : MALFORMED(e, "a layer is no object");

		if (!r)
			r = parse_digest(json_object_get(layer, "digest"),
			    "the digest of a layer", &unused, e);
		if (r)
			return r;
	}
	out->n_layers = json_array_size(layers);
	return 0;
}

int image_manifest_parse(
    const char *json, size_t len, struct image_manifest *out, struct err *e)
{
	json_t *doc CLEANUP_JSON = NULL;
	json_t *version, *config, *layers, *manifests;
	int r = parse(json, len, manifest_keys, ARRAY_LEN(manifest_keys), &doc, e);

	*out = (struct image_manifest){0};
	if (r)
		return r;
	version = json_object_get(doc, "schemaVersion");
	config = json_object_get(doc, "config");
	layers = json_object_get(doc, "layers");
	manifests = json_object_get(doc, "manifests");
	if (!json_is_integer(version) || json_integer_value(version) != 2)
		return MALFORMED(e, "only manifests of schema version 2 are supported");
	/* One that can be taken for either kind is the classic confusion of the two. */
	if (!config == !manifests || !layers != !config)
		return MALFORMED(e, "neither an image manifest nor a list of manifests");
	if (manifests) {
		out->kind = MANIFEST_LIST;
		return json_is_array(manifests) || json_is_null(manifests)
			   ? 0
			   : MALFORMED(e, "'manifests' is no list");
	}
	r = check_object(
	    config, "config", descriptor_keys, ARRAY_LEN(descriptor_keys), e);
	if (!r)
		r = parse_digest(json_object_get(config, "digest"),
		    "the digest of 'config'", &out->config, e);
	return r ? r : parse_layers(layers, out, e);
}

bool image_list_has(const char *json, size_t len, const char *digest)
{
	json_t *doc CLEANUP_JSON = NULL;
	json_t *instance;
	struct err e;
	size_t i;

	if (parse(json, len, manifest_keys, ARRAY_LEN(manifest_keys), &doc, &e))
		return false;
	json_array_foreach(json_object_get(doc, "manifests"), i, instance)
	{
		const char *text = json_string_value(json_object_get(instance, "digest"));

		if (text && strcmp(text, digest) == 0)
			return true;
	}
	return false;
}

int image_list_parse(
    const char *json, size_t len, struct digest **digests, size_t *n, struct err *e)
{
	json_t *doc CLEANUP_JSON = NULL;
	CLEANUP_FREE struct digest *all = NULL;
	json_t *list, *instance;
	struct image_manifest m;
	size_t i;
	int r = image_manifest_parse(json, len, &m, e);

	*digests = NULL;
	*n = 0;
	if (!r && m.kind != MANIFEST_LIST)
		return err_set(e, ERR_NOT_FOUND, "no list of manifests");
	if (!r)
		r = parse(json, len, manifest_keys, ARRAY_LEN(manifest_keys), &doc, e);
	if (r)
		return r;
	list = json_object_get(doc, "manifests");
	if (json_array_size(list) > IMAGE_LISTED_MAX)
		return MALFORMED(e, "'manifests' is too long");
	all = xcalloc(json_array_size(list) + 1, sizeof(*all));
	json_array_foreach(list, i, instance)
	{
		r = json_is_object(instance)
			? check_object(instance, "manifest", descriptor_keys,
			      ARRAY_LEN(descriptor_keys), e)
			: MALFORMED(e, "'manifests' has a non-object");
		if (!r)
			r = parse_digest(json_object_get(instance, "digest"),
			    "the digest of a manifest", &all[i], e);
		if (r)
			return r;
	}
	*n = json_array_size(list);
	*digests = take_ptr(all);
	return 0;
}

static int check_history(json_t *history, struct err *e)
{
	size_t i;
	json_t *step;

	if (history && !json_is_null(history) && !json_is_array(history))
		return MALFORMED(e, "'history' is no list");
	json_array_foreach(history, i, step)
	{
		int r = json_is_object(step) ? check_object(step, "history", history_keys,
						   ARRAY_LEN(history_keys), e)
					     : MALFORMED(e, "'history' has a non-object");

		if (r)
			return r;
	}
	return 0;
}

static int parse_diff_ids(json_t *list, struct digest **out, size_t *n, struct err *e)
{
	size_t size = json_array_size(list);
	CLEANUP_FREE struct digest *ids = NULL;

	if (!list || json_is_null(list))
		return 0;
	if (!json_is_array(list) || size > IMAGE_LAYERS_MAX)
		return MALFORMED(e, "'rootfs.diff_ids' is no list of layers");
	ids = xcalloc(size, sizeof(*ids));
	for (size_t i = 0; i < size; i++) {
		int r = parse_digest(json_array_get(list, i), "a diff-id", &ids[i], e);

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
	json_t *doc CLEANUP_JSON = NULL;
	json_t *rootfs, *run;
	int r = parse(json, len, image_keys, ARRAY_LEN(image_keys), &doc, e);

	*diff_ids = NULL;
	*n_diff_ids = 0;
	if (r)
		return r;
	rootfs = json_object_get(doc, "rootfs");
	run = json_object_get(doc, "config");
	if (!rootfs)
		return MALFORMED(e, "there is no 'rootfs'");
	r = check_object(rootfs, "rootfs", rootfs_keys, ARRAY_LEN(rootfs_keys), e);
	if (!r && !json_is_null(run))
		r = check_object(run, "config", run_keys, ARRAY_LEN(run_keys), e);
	if (!r)
		r = check_history(json_object_get(doc, "history"), e);
	return r ? r
		 : parse_diff_ids(
		       json_object_get(rootfs, "diff_ids"), diff_ids, n_diff_ids, e);
}

/* Each step with all before it. */
static int digest_steps(json_t *history, struct digest *steps, struct err *e)
{
	struct digest before = {0};
	json_t *step;
	size_t i;

	json_array_foreach(history, i, step)
	{
		CLEANUP_FREE char *text =
		    json_dumps(step, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
		CLEANUP_BUF struct buf both;
		int r;

		if (!text)
			return MALFORMED(e, "'history' has a step without text");
		buf_init(&both, strlen(text) + sizeof(before));
		r = buf_add(&both, &before, sizeof(before), e);
		if (!r)
			r = buf_adds(&both, text, e);
		if (r)
			return r;
		sha256(both.data, both.len, &steps[i]);
		before = steps[i];
	}
	return 0;
}

int image_config_history(
    const char *json, size_t len, struct digest **steps, size_t *n, struct err *e)
{
	json_t *doc CLEANUP_JSON = NULL;
	CLEANUP_FREE struct digest *all = NULL;
	json_t *history;
	int r = parse(json, len, image_keys, ARRAY_LEN(image_keys), &doc, e);

	*steps = NULL;
	*n = 0;
	if (r)
		return r;
	history = json_object_get(doc, "history");
	r = check_history(history, e);
	if (r)
		return r;
	all = xcalloc(json_array_size(history) + 1, sizeof(*all));
	r = digest_steps(history, all, e);
	if (r)
		return r;
	*n = json_array_size(history);
	*steps = take_ptr(all);
	return 0;
}
