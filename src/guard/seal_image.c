/* SPDX-License-Identifier: Apache-2.0 */
/* seal_image.c: the decision about one image and its names. */
#include <string.h>

#include "guard/sealing.h"

static bool layers_are_sealed(struct sealing *s, const struct store_image *i)
{
	size_t top = survey_layer_index(&s->survey, i->top_layer);

	return !i->top_layer[0] || (top != SIZE_MAX && s->layer[top] == STANDING_SEALED);
}

static void add_entry(struct sealing *s, const struct store_image *i,
    const struct image_content *content, const char *reason)
{
	struct entry_seal_image *seal = &sealing_add(s, ENTRY_SEAL_IMAGE)->seal_image;

	memcpy(seal->image, i->id, sizeof(seal->image));
	memcpy(seal->layer, i->top_layer, sizeof(seal->layer));
	seal->record = i->record;
	seal->files = xcalloc(content->n_files, sizeof(*seal->files));
	seal->n_files = content->n_files;
	for (size_t n = 0; n < content->n_files; n++) {
		seal->files[n].name = xstrdup(content->files[n].name);
		seal->files[n].size = content->files[n].size;
		seal->files[n].sha256 = content->files[n].sha256;
	}
	seal->reason = reason ? xstrdup(reason) : NULL;
	s->out->images++;
}

static int seal_fresh(struct sealing *s, const struct store_image *i, const char *reason,
    bool *sealed, struct err *e)
{
	struct image_content content;
	size_t mark = sealing_mark(s);
	int r = image_check(
	    s->g->store, &s->survey.records, i, &content, &s->out->findings, e);

	*sealed = !r && (sealing_mark(s) == mark || reason);
	if (*sealed) {
		sealing_forget(s, mark);
		add_entry(s, i, &content, reason);
	}
	image_content_release(&content);
	return r;
}

/* Nothing but manifests that were added since: no change of what the image is. */
static bool only_new_manifests(const struct sealing *s, size_t mark)
{
	const struct findings *list = &s->out->findings;

	for (size_t n = mark; n < list->n; n++) {
		if (list->v[n].class != FINDING_NAME_UNSEALED)
			return false;
	}
	return list->dropped == 0;
}

static int reseal(struct sealing *s, const struct store_image *i,
    const struct sealed_image *sealed, bool *done, struct err *e)
{
	size_t mark = sealing_mark(s);
	int r =
	    check_image(s->g, &s->survey.records, sealed->seal, i, &s->out->findings, e);

	if (r)
		return r;
	if (sealing_mark(s) == mark) {
		s->out->unchanged++;
		*done = true;
		return 0;
	}
	if (only_new_manifests(s, mark)) {
		sealing_forget(s, mark);
		return seal_fresh(s, i, NULL, done, e);
	}
	if (!s->opt->accept_reason)
		return 0;
	sealing_forget(s, mark);
	return seal_fresh(s, i, s->opt->accept_reason, done, e);
}

static void add_name(
    struct sealing *s, const struct store_image *i, const char *name, const char *reason)
{
	struct entry_seal_name *seal = &sealing_add(s, ENTRY_SEAL_NAME)->seal_name;

	seal->name = xstrdup(name);
	memcpy(seal->image, i->id, sizeof(seal->image));
	seal->reason = reason ? xstrdup(reason) : NULL;
	s->out->names++;
}

static bool is_named(const struct seal_build *b, const char *name)
{
	for (size_t i = 0; i < b->n_names; i++) {
		if (strcmp(b->names[i], name) == 0)
			return true;
	}
	return false;
}

/* Why a name may lead to another sealed image than before; NULL: it may not. */
static const char *reason_to_move(const struct sealing *s)
{
	return s->opt->build ? "given by a guarded build" : s->opt->accept_reason;
}

/* A name that moved from one sealed image to another is a change; one that is new is not. */
static void seal_names(struct sealing *s, const struct store_image *i, bool image_is_new)
{
	for (size_t n = 0; n < i->n_names; n++) {
		const char *bound =
		    ledger_name(s->g->ledger, &s->g->store_id, i->names[n]);
		struct finding *f;

		if (strcmp(bound, i->id) == 0 ||
		    (s->opt->build && !is_named(s->opt->build, i->names[n])))
			continue;
		if (!bound[0] || image_is_new) {
			add_name(s, i, i->names[n], NULL);
		} else if (reason_to_move(s)) {
			add_name(s, i, i->names[n], reason_to_move(s));
		} else {
			f = findings_add(&s->out->findings, FINDING_IMAGE_NAME,
			    (struct place){.image = i->id, .path = i->names[n]});
			finding_expected(f, "leads to image %s", bound);
			finding_found(f, "leads to image %s", i->id);
			s->out->refused++;
		}
	}
}

/* Files that kept changing: this image is not sealed, the others may be. */
static void refuse_unstable(
    struct sealing *s, const struct store_image *i, const struct err *why)
{
	finding_found(findings_add(&s->out->findings, FINDING_IMAGE_FILE,
			  (struct place){.image = i->id}),
	    "%s", why->msg);
	s->out->refused++;
}

int seal_image(struct sealing *s, size_t index, struct err *e)
{
	const struct store_image *i = &s->survey.records.images[index];
	const struct sealed_image *sealed =
	    ledger_image(s->g->ledger, &s->g->store_id, i->id);
	bool is_new = !sealed || sealed->retired, done = false;
	int r = 0;

	if (image_is_alias(&s->survey.records, i)) {
		seal_names(s, i, false);
		return 0;
	}
	if (!sealing_is_blamed(s, NULL, i->id) && !layers_are_sealed(s, i)) {
		s->out->dependent++;
		return 0;
	}
	if (!sealing_is_blamed(s, NULL, i->id))
		r = is_new ? seal_fresh(s, i, NULL, &done, e)
			   : reseal(s, i, sealed, &done, e);
	if (r == ERR_CHANGED) {
		refuse_unstable(s, i, e);
		return 0;
	}
	if (r)
		return r;
	if (done)
		seal_names(s, i, is_new);
	else
		s->out->refused++;
	return 0;
}

/* The result, or a list of manifests: that of this build, or of one before that this build left as it was. */
static bool may_bear(const struct sealing *s, size_t index, const char *name)
{
	const struct store_image *i = &s->survey.records.images[index];

	if (strcmp(i->id, s->opt->build->record->result) == 0)
		return true;
	return !i->top_layer[0] &&
	       (s->scope.image[index] ||
		   strcmp(ledger_name(s->g->ledger, &s->g->store_id, name), i->id) == 0);
}

void seal_check_names(struct sealing *s)
{
	const struct seal_build *b = s->opt->build;
	const struct records *r = &s->survey.records;

	for (size_t i = 0; i < r->n_images; i++) {
		const struct store_image *m = &r->images[i];

		for (size_t n = 0; n < m->n_names; n++) {
			struct finding *f;

			if (!is_named(b, m->names[n]) || may_bear(s, i, m->names[n]))
				continue;
			f = findings_add(&s->out->findings, FINDING_BUILD_RESULT,
			    (struct place){.image = m->id, .path = m->names[n]});
			finding_expected(f, "leads to image %s", b->record->result);
			finding_found(f, "leads to image %s", m->id);
			s->out->refused++;
		}
	}
}
