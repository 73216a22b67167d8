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

		if (order > 0) {
			const struct image_file *found = &now->files[b++];

			add_file_finding(i, found->name, NULL, found, findings);
			continue;
		}
		if (order < 0)
			add_file_finding(
			    i, seal->files[a].name, &seal->files[a], NULL, findings);
		else if (file_differs(&seal->files[a], &now->files[b]))
			add_file_finding(i, seal->files[a].name, &seal->files[a],
			    &now->files[b], findings);
		a++;
		b += order == 0;
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
