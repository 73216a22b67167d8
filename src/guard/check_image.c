/* SPDX-License-Identifier: Apache-2.0 */
/* check_image.c: see check.h; what concerns one image. */
#include <inttypes.h>
#include <string.h>

#include "guard/check.h"

static void compare_record(const struct entry_seal_image *seal,
    const struct store_image *i, struct findings *findings)
{
	struct place where = {.image = i->id};
	char sealed[DIGEST_TEXT_LEN + 1], found[DIGEST_TEXT_LEN + 1];
	struct finding *f;

	if (strcmp(seal->layer, i->top_layer) != 0) {
		f = findings_add(findings, FINDING_IMAGE_LAYER, where);
		finding_expected(
		    f, "top layer %s", seal->layer[0] ? seal->layer : "none");
		finding_found(f, "top layer %s", i->top_layer[0] ? i->top_layer : "none");
		return;
	}
	if (digest_equal(&seal->record, &i->record))
		return;
	f = findings_add(findings, FINDING_IMAGE_RECORD, where);
	digest_text(&seal->record, sealed);
	digest_text(&i->record, found);
	finding_expected(f, "record %s", sealed);
	finding_found(f, "record %s", found);
}

static void add_file_finding(const struct store_image *i, const char *name,
    const struct entry_file *sealed, const struct image_file *now,
    struct findings *findings)
{
	char text[DIGEST_TEXT_LEN + 1];
	struct finding *f = findings_add(
	    findings, FINDING_IMAGE_FILE, (struct place){.image = i->id, .path = name});

	if (sealed) {
		digest_text(&sealed->sha256, text);
		finding_expected(f, "%" PRIu64 " bytes, %s", sealed->size, text);
	} else {
		finding_expected(f, "no such file");
	}
	if (now) {
		digest_text(&now->sha256, text);
		finding_found(f, "%" PRIu64 " bytes, %s", now->size, text);
	} else {
		finding_found(f, "no such file");
	}
}

/*
 * The same image pulled or loaded again in another compression brings another manifest: podman adds
 * it under its digest, with a signature file, and makes it the current one. image_check() has seen to
 * it that each names this image's configuration and layers, so it is one more name of the image.
 */
#define MANIFEST_PREFIX "manifest-sha256:"
#define SIGNATURE_PREFIX "signature-"

static bool has_prefix(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

static const struct image_file *find_file(
    const struct image_content *now, const char *prefix, const char *rest)
{
	for (size_t n = 0; n < now->n_files; n++) {
		if (has_prefix(now->files[n].name, prefix) &&
		    strcmp(now->files[n].name + strlen(prefix), rest) == 0)
			return &now->files[n];
	}
	return NULL;
}

static const struct image_file *manifest_of(
    const struct image_content *now, const char *signature)
{
	if (!has_prefix(signature, SIGNATURE_PREFIX))
		return NULL;
	return find_file(now, MANIFEST_PREFIX, signature + strlen(SIGNATURE_PREFIX));
}

static bool is_sealed(const struct entry_seal_image *seal, const char *name)
{
	for (size_t n = 0; n < seal->n_files; n++) {
		if (strcmp(seal->files[n].name, name) == 0)
			return true;
	}
	return false;
}

/*
 * The current manifest may be any that is there under its digest. A list of manifests that names
 * none of this image says nothing about it: podman would find other images through it.
 */
static bool is_a_manifest(const struct image_content *now, const struct image_file *f)
{
	char hex[DIGEST_HEX_LEN + 1];

	digest_hex(&f->sha256, hex);
	return strcmp(f->name, "manifest") == 0 && !f->foreign_list &&
	       find_file(now, MANIFEST_PREFIX, hex);
}

static void add_new_manifest(
    const struct store_image *i, const struct image_file *f, struct findings *findings)
{
	finding_found(findings_add(findings, FINDING_NAME_UNSEALED,
			  (struct place){.image = i->id, .path = f->name}),
	    "one more manifest of this image");
}

/* podman 4 writes an empty signature file beside an unsigned manifest, podman 5 none. */
static bool is_no_signature(const char *name, uint64_t size)
{
	return size == 0 && has_prefix(name, SIGNATURE_PREFIX);
}

static void consider_added(const struct entry_seal_image *seal,
    const struct image_content *now, const struct store_image *i,
    const struct image_file *f, struct findings *findings)
{
	const struct image_file *manifest = manifest_of(now, f->name);

	if (has_prefix(f->name, MANIFEST_PREFIX) && !f->foreign_list) {
		add_new_manifest(i, f, findings);
		return;
	}
	if (is_no_signature(f->name, f->size))
		return;
	if (!manifest || is_sealed(seal, manifest->name))
		add_file_finding(i, f->name, NULL, f, findings);
}

/*
 * Removed and pulled again, the image has the registry's manifest in place of the one that the build
 * made. A manifest less is a name less, with its signature, and podman can do nothing with what is
 * gone: image_check() has seen to it that the record does not name it either, and the current
 * manifest is one that is there under its digest.
 */
static bool is_dropped_manifest(const struct image_content *now, const char *name)
{
	const struct image_file *current = find_file(now, "manifest", "");

	if (!current || !is_a_manifest(now, current))
		return false;
	return has_prefix(name, MANIFEST_PREFIX) ||
	       (has_prefix(name, SIGNATURE_PREFIX) && !manifest_of(now, name));
}

static void consider_gone(const struct image_content *now, const struct store_image *i,
    const struct entry_file *sealed, struct findings *findings)
{
	if (!is_no_signature(sealed->name, sealed->size) &&
	    !is_dropped_manifest(now, sealed->name))
		add_file_finding(i, sealed->name, sealed, NULL, findings);
}

static int name_order(const struct entry_seal_image *seal, size_t a,
    const struct image_content *now, size_t b)
{
	if (a == seal->n_files)
		return 1;
	if (b == now->n_files)
		return -1;
	return strcmp(seal->files[a].name, now->files[b].name);
}

static bool file_differs(const struct entry_file *sealed, const struct image_file *now)
{
	return sealed->size != now->size || !digest_equal(&sealed->sha256, &now->sha256);
}

/* Both lists are sorted by name. */
static void compare_files(const struct entry_seal_image *seal,
    const struct image_content *now, const struct store_image *i,
    struct findings *findings)
{
	size_t a = 0, b = 0;

	while (a < seal->n_files || b < now->n_files) {
		int order = name_order(seal, a, now, b);
		const struct entry_file *sealed = &seal->files[a];
		const struct image_file *found = &now->files[b];

		if (order > 0)
			consider_added(seal, now, i, found, findings);
		else if (order < 0)
			consider_gone(now, i, sealed, findings);
		else if (file_differs(sealed, found) && !is_a_manifest(now, found))
			add_file_finding(i, sealed->name, sealed, found, findings);
		a += order <= 0;
		b += order >= 0;
	}
}

int check_image(const struct guard *g, const struct records *r,
    const struct entry_seal_image *seal, const struct store_image *i,
    struct findings *findings, struct err *e)
{
	struct image_content content = {0};
	int rc;

	compare_record(seal, i, findings);
	rc = image_check(g->store, r, i, &content, findings, e);
	if (!rc)
		compare_files(seal, &content, i, findings);
	image_content_release(&content);
	return rc;
}

void check_names(
    const struct guard *g, const struct store_image *i, struct findings *findings)
{
	for (size_t n = 0; n < i->n_names; n++) {
		const char *bound = ledger_name(g->ledger, &g->store_id, i->names[n]);
		struct place where = {.image = i->id, .path = i->names[n]};
		struct finding *f;

		if (strcmp(bound, i->id) == 0)
			continue;
		f = findings_add(findings,
		    bound[0] ? FINDING_IMAGE_NAME : FINDING_NAME_UNSEALED, where);
		finding_expected(
		    f, bound[0] ? "leads to image %s" : "no such name", bound);
		finding_found(f, "leads to image %s", i->id);
	}
}
