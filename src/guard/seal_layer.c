/* SPDX-License-Identifier: Apache-2.0 */
/* seal_layer.c: the decision about one layer. */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "guard/sealing.h"

/* Everything that is measured of a layer before it may be sealed. */
struct measurement {
	struct tree_result tree;
	struct identity_result identity;
	struct layer_data data;
	struct statprint print; /* of tree and files, now */
	bool recordable;	/* the print may be trusted later */
	bool unstored;		/* an error is the ledger's, not the layer's */
};

static int print_now(struct sealing *s, const struct store_layer *l,
    struct statprint *print, struct timespec *ctime, struct err *e)
{
	char path[STORE_TREE_PATH_MAX];
	struct statprint_job job = {.base_fd = guard_tree_dir(s->g, l), .path = path};

	store_tree_path(s->g->store, l->id, path);
	statprint_run(&job, 1, ledger_statprint_key(s->g->ledger), s->g->threads, NULL);
	if (job.rc) {
		*e = job.err;
		return job.rc;
	}
	*print = job.print;
	return check_print_add_files(s->g, l, print, ctime, e);
}

static bool is_vfs(const struct sealing *s)
{
	return s->g->store->config->driver == STORE_VFS;
}

/* For vfs, whose trees hold everything below too, the expectation starts at the base. */
static int expect_parents(struct sealing *s, const struct store_layer *l,
    struct identity *identity, struct err *e)
{
	const struct store_layer *parent;
	struct identity_result ignored;
	CLEANUP_FD int tree_fd = -1;
	bool checked;
	int r;

	if (!l->parent[0])
		return 0;
	parent = records_layer(&s->survey.records, l->parent);
	r = expect_parents(s, parent, identity, e);
	if (!r)
		r = guard_open_tree(s->g, parent, &tree_fd, e);
	if (!r)
		r = identity_add(identity, parent, tree_fd, NULL, &ignored, &checked,
		    &s->out->findings, e);
	return r;
}

/* A chain is sealed from its base upwards: usually the layer below was the one before. */
static int begin_identity(
    struct sealing *s, const struct store_layer *l, struct identity **out, struct err *e)
{
	if (s->chain && strcmp(s->chain_top, l->parent) == 0) {
		*out = take_ptr(s->chain);
		return 0;
	}
	*out = identity_new(s->g->store);
	return is_vfs(s) ? expect_parents(s, l, *out, e) : 0;
}

/* Takes the identity, for the next layer of the chain or to its end. */
static void end_identity(struct sealing *s, const struct store_layer *l,
    struct identity *identity, bool usable)
{
	if (!usable || !is_vfs(s)) {
		identity_free(identity);
		return;
	}
	identity_free(s->chain);
	s->chain = identity;
	memcpy(s->chain_top, l->id, sizeof(s->chain_top));
}

static int identify(struct sealing *s, const struct store_layer *l, int tree_fd,
    struct identity *identity, struct measurement *m, struct err *e)
{
	bool checked;
	int r;

	identity_tell(identity, s->known);
	r = identity_add(identity, l, tree_fd, s->g->progress, &m->identity, &checked,
	    &s->out->findings, e);
	identity_tell(identity, NULL);
	if (s->known)
		known_end(s->known);
	return r;
}

static int measure_tree(struct sealing *s, const struct store_layer *l, int tree_fd,
    struct identity *identity, struct measurement *m, struct err *e)
{
	int r = sealing_measure(
	    s, tree_fd, identity_line, identity, &m->tree, &m->unstored, e);

	return r ? r : identity_finish(identity, l->id, &s->out->findings, e);
}

/*
 * The bytes are read for the identity; the manifest is of the same ones, and only what changed since or
 * is too young (known.h) is read again for it. Not for vfs, where the manifest's digests show whether a
 * file still is what a layer below brought. The statprint around both binds them to one state: who swaps
 * bytes in between moves a ctime (everything was written back before).
 */
static int measure_once(struct sealing *s, const struct store_layer *l,
    struct measurement *m, bool *torn, struct err *e)
{
	struct identity *identity = NULL;
	struct timespec moment, ctime;
	struct statprint before = {0};
	CLEANUP_FD int tree_fd = -1;
	int r = guard_open_tree(s->g, l, &tree_fd, e);

	if (!r)
		r = check_settle(s->g, l, &moment, e);
	if (!r)
		r = print_now(s, l, &before, &ctime, e);
	if (!r)
		r = begin_identity(s, l, &identity, e);
	if (!r && !is_vfs(s))
		s->known = known_new(&moment, ledger_scrub_key(s->g->ledger));
	if (!r)
		r = identify(s, l, tree_fd, identity, m, e);
	if (!r)
		r = measure_tree(s, l, tree_fd, identity, m, e);
	known_free(take_ptr(s->known));
	layer_data_release(&m->data);
	if (!r)
		r = layer_data_read(s->g->store, l, &m->data, e);
	if (!r)
		r = print_now(s, l, &m->print, &ctime, e);
	*torn = r || !statprint_equal(&before, &m->print);
	end_identity(s, l, identity, !*torn);
	if (!r)
		m->recordable = m->tree.has_print && check_before(&ctime, &moment);
	return r;
}

#define MEASURE_TRIES 3

/* A layer committed this very moment is too young for a statprint; a little later it is not. */
static int measure(
    struct sealing *s, const struct store_layer *l, struct measurement *m, struct err *e)
{
	static const struct timespec pause = {.tv_nsec = 20000000};
	size_t mark = sealing_mark(s);
	bool torn = true;

	for (int try = 0; try < MEASURE_TRIES; try++) {
		int r;

		sealing_forget(s, mark);
		r = measure_once(s, l, m, &torn, e);
		if (r)
			return r;
		if (!torn && (m->recordable || try > 0))
			return 0;
		nanosleep(&pause, NULL);
	}
	return err_set(
	    e, ERR_CHANGED, "layer %.12s changed while it was measured", l->id);
}

static void check_identity(
    struct sealing *s, const struct store_layer *l, const struct measurement *m)
{
	struct findings *findings = &s->out->findings;
	struct place where = {.layer = l->id};
	char chain_id[ID_LEN + 1];
	struct finding *f;

	identity_chain_id(l->parent, &m->identity.diff_id, chain_id);
	if (strcmp(chain_id, l->id) != 0) {
		f = findings_add(findings, FINDING_LAYER_ID, where);
		finding_expected(f, "%s (chain id of parent and diff-id)", chain_id);
		finding_found(f, "%s", l->id);
	}
	if (m->tree.outside_links) {
		f = findings_add(findings, FINDING_TREE_HARDLINK, where);
		finding_expected(f, "no file has a name outside the layer");
		finding_found(f, "%" PRIu64 " files are hard-linked from elsewhere",
		    m->tree.outside_links);
	}
}

static void add_entry(struct sealing *s, size_t index, const struct measurement *m)
{
	const struct store_layer *l = &s->survey.records.layers[index];
	const char *link = s->survey.structures[index].link;
	struct entry *en = sealing_add(s, ENTRY_SEAL_LAYER);
	struct entry_seal_layer *seal = &en->seal_layer;

	memcpy(seal->layer, l->id, sizeof(seal->layer));
	memcpy(seal->parent, l->parent, sizeof(seal->parent));
	seal->diff_id = m->identity.diff_id;
	seal->diff_size = m->identity.diff_size;
	seal->record = l->record;
	seal->created = xstrdup(l->created);
	seal->link = link[0] ? xstrdup(link) : NULL;
	seal->tar_split = m->identity.tar_split;
	seal->tree = m->tree.digest;
	seal->manifest_bytes = m->tree.manifest_bytes;
	seal->entries = m->tree.entries;
	seal->bytes = m->tree.bytes;
	seal->files = xcalloc(m->data.n_files, sizeof(*seal->files));
	for (; seal->n_files < m->data.n_files; seal->n_files++) {
		const struct image_file *f = &m->data.files[seal->n_files];

		seal->files[seal->n_files] =
		    (struct entry_file){xstrdup(f->name), f->size, f->sha256};
	}
	seal->has_print = m->recordable;
	memcpy(seal->print, m->print.bytes, sizeof(seal->print));
	seal->has_scrub = m->tree.has_scrub;
	memcpy(seal->scrub, m->tree.scrub.bytes, sizeof(seal->scrub));
	s->out->layers++;
	s->out->entries += m->tree.entries;
	s->out->bytes += m->tree.bytes;
}

static void refuse(struct sealing *s, size_t index)
{
	s->layer[index] = STANDING_REFUSED;
	s->out->refused++;
}

/* What was measured is sealed if nothing speaks against it, or if a change is accepted. */
static void decide(struct sealing *s, size_t index, bool accepted, size_t mark,
    const struct measurement *m)
{
	check_identity(s, &s->survey.records.layers[index], m);
	if (sealing_mark(s) != mark && !accepted) {
		refuse(s, index);
		return;
	}
	sealing_forget(s, mark);
	add_entry(s, index, m);
	if (accepted)
		s->batch[s->n_batch - 1].seal_layer.reason =
		    xstrdup(s->opt->accept_reason);
	s->layer[index] = STANDING_SEALED;
}

/* Measures a layer that is not sealed as it is. */
static int seal_fresh(struct sealing *s, size_t index, bool accepted, struct err *e)
{
	const struct store_layer *l = &s->survey.records.layers[index];
	size_t mark = sealing_mark(s);
	struct measurement m = {0};
	struct err why;
	int r = measure(s, l, &m, &why);

	if (!r) {
		decide(s, index, accepted, mark, &m);
	} else if (m.unstored || r == ERR_LEDGER || r == ERR_INTERNAL ||
		   r == ERR_CONFLICT) {
		*e = why;
	} else {
		check_add_failure(
		    (struct place){.layer = l->id}, &why, &s->out->findings);
		refuse(s, index);
		r = 0;
	}
	layer_data_release(&m.data);
	return r;
}

static void add_remeasure(
    struct sealing *s, const struct store_layer *l, const struct tree_result *t)
{
	struct entry *en = sealing_add(s, ENTRY_REMEASURE);

	memcpy(en->remeasure.layer, l->id, sizeof(en->remeasure.layer));
	en->remeasure.tree = t->digest;
	memcpy(en->remeasure.print, t->print.bytes, sizeof(en->remeasure.print));
	en->remeasure.has_scrub = t->has_scrub;
	memcpy(en->remeasure.scrub, t->scrub.bytes, sizeof(en->remeasure.scrub));
	s->out->remeasured++;
}

/* The tree is as it was sealed; a partial pull has made an index of it, see check_layer_data(). */
static bool only_new_index(const struct sealing *s, size_t mark)
{
	const struct findings *list = &s->out->findings;

	return list->dropped == 0 && list->n == mark + 1 &&
	       list->v[mark].class == FINDING_LAYER_UNSEALED;
}

/* A sealed layer of the same creation: unchanged by statprint, unchanged by content, or changed. */
static int reseal(
    struct sealing *s, size_t index, const struct sealed_layer *sealed, struct err *e)
{
	const struct store_layer *l = &s->survey.records.layers[index];
	struct findings *findings = &s->out->findings;
	size_t mark = sealing_mark(s);
	struct timespec moment, ctime;
	struct tree_result measured;
	struct statprint print;
	struct err why;
	bool listed;
	int r;

	/* Mending may have left a listing out: then the layer is measured, and sealed with a new one. */
	listed = ledger_has_manifest(s->g->ledger, &sealed->seal->tree);
	check_layer_record(sealed->seal, l, &s->survey.structures[index], findings);
	if (sealing_mark(s) == mark && listed && sealed->print &&
	    !print_now(s, l, &print, &ctime, &why) &&
	    memcmp(print.bytes, sealed->print, sizeof(print.bytes)) == 0) {
		s->layer[index] = STANDING_SEALED;
		s->out->unchanged++;
		return 0;
	}
	r = check_settle(s->g, l, &moment, e);
	if (r)
		return r;
	check_layer_data(s->g, sealed->seal, l, findings);
	r = check_tar_split(s->g, sealed->seal, l, findings, e);
	if (!r)
		r = check_tree(s->g, sealed->seal, l, true, &measured, findings, e);
	if (r)
		return r;
	if (only_new_index(s, mark)) {
		sealing_forget(s, mark);
		return seal_fresh(s, index, false, e);
	}
	if (sealing_mark(s) != mark) {
		if (!s->opt->accept_reason) {
			refuse(s, index);
			return 0;
		}
		sealing_forget(s, mark);
		return seal_fresh(s, index, true, e);
	}
	if (!listed)
		return seal_fresh(s, index, false, e);
	s->layer[index] = STANDING_SEALED;
	s->out->unchanged++;
	if (measured.has_print &&
	    !check_print_add_files(s->g, l, &measured.print, &ctime, &why) &&
	    check_before(&ctime, &moment))
		add_remeasure(s, l, &measured);
	return 0;
}

/* A base needs no parent. One that has no record is a finding of the structure already. */
static bool parent_is_sealed(struct sealing *s, const struct store_layer *l)
{
	size_t parent = survey_layer_index(&s->survey, l->parent);

	return !l->parent[0] ||
	       (parent != SIZE_MAX && s->layer[parent] == STANDING_SEALED);
}

int seal_layer(struct sealing *s, size_t index, struct err *e)
{
	const struct store_layer *l = &s->survey.records.layers[index];
	const struct layer_structure *st = &s->survey.structures[index];
	const struct sealed_layer *sealed =
	    ledger_layer(s->g->ledger, &s->g->store_id, l->id);
	enum layer_role role = layer_role(&s->survey.records, l);

	if (role == LAYER_TRANSIENT || (role != LAYER_COMMITTED && !sealed)) {
		s->layer[index] = STANDING_ASIDE;
		return 0;
	}
	if (!st->tree_ok || sealing_is_blamed(s, l->id, NULL) ||
	    !parent_is_sealed(s, l)) {
		refuse(s, index);
		return 0;
	}
	if (sealed && !sealed->retired && !layer_is_another_creation(sealed->seal, l, st))
		return reseal(s, index, sealed, e);
	return seal_fresh(s, index, false, e);
}
