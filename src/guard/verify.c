/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify.c: the order of a verification. Look (survey), compare every record, answer for trees by
 * statprint, measure those that it cannot answer for, compare the images, judge.
 */
#include "guard/verify.h"

#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#include "base/hex.h"
#include "guard/cache_mounts.h"
#include "guard/check.h"
#include "guard/users.h"
#include "guard/vanish.h"

static const char *const level_names[] = {
    [LEVEL_STAT] = "stat",
    [LEVEL_SCRUB] = "scrub",
    [LEVEL_FULL] = "full",
    [LEVEL_OCI] = "oci",
};

const char *verify_level_name(enum verify_level l)
{
	return level_names[l];
}

bool verify_level_asks_prints(enum verify_level l)
{
	return l == LEVEL_STAT || l == LEVEL_SCRUB;
}

bool verify_level_parse(const char *name, enum verify_level *out)
{
	for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
		if (strcmp(level_names[i], name) == 0) {
			*out = (enum verify_level)i;
			return true;
		}
	}
	return false;
}

const char *verdict_name(enum verdict v)
{
	static const char *const names[] = {
	    [VERDICT_UNVERIFIABLE] = "unverifiable",
	    [VERDICT_VIOLATED] = "violated",
	    [VERDICT_CLEAN] = "clean",
	};

	return names[v];
}

enum exit_status verdict_exit_status(enum verdict v)
{
	switch (v) {
	case VERDICT_CLEAN:
		return EXIT_CLEAN;
	case VERDICT_VIOLATED:
		return EXIT_VIOLATED;
	case VERDICT_UNVERIFIABLE:
		break;
	}
	return EXIT_UNVERIFIABLE;
}

/* A layer whose tree this run answers for. */
struct subject {
	const struct store_layer *layer;
	const struct sealed_layer *sealed;
	bool answered; /* by its statprint */
	bool misread;  /* its scrub sum was another */
	bool has_now;
	struct statprint now; /* what it looks like now */
};

struct verification {
	struct guard *g;
	const struct verify_options *opt;
	struct verify_result *out;
	struct survey survey;
	struct scope scope;
	struct subject *subjects;
	size_t n_subjects;
	struct entry *remeasures;
	size_t n_remeasures;
};

static int note_live(void *ctx, const struct sealed_layer *layer, struct err *e)
{
	(void)e;
	*(bool *)ctx |= !layer->retired;
	return 0;
}

/* An emptied store must not read as "nothing to complain about". */
static int check_records_present(struct verification *v, struct err *e)
{
	const struct store_place *place = &v->g->store->places[0];
	bool sealed = false;
	struct finding *f;
	struct stat st;
	int r = ledger_each_layer(v->g->ledger, &v->g->store_id, note_live, &sealed, e);

	if (r || !sealed)
		return r;
	if (place->layers_fd >= 0 &&
	    fstatat(place->layers_fd, "layers.json", &st, 0) == 0 && st.st_size > 0)
		return 0;
	f = findings_add(&v->out->findings, FINDING_RECORD_MISSING,
	    (struct place){.path = "layers.json"});
	finding_expected(f, "the records of sealed layers, or an empty list");
	finding_found(f, "no layers.json, or one without content, below %s", place->path);
	return 0;
}

static void add_unsealed(struct verification *v, const struct store_layer *l,
    const struct sealed_layer *sealed)
{
	struct finding *f = findings_add(
	    &v->out->findings, FINDING_LAYER_UNSEALED, (struct place){.layer = l->id});

	if (!sealed)
		finding_found(f, "never sealed");
	else if (sealed->retired)
		finding_found(f, "sealed once, then removed, and here again");
	else
		finding_found(
		    f, "another creation (%s) of a layer that was sealed", l->created);
}

static bool wants_tree(const struct verify_options *opt, const char *layer)
{
	for (size_t i = 0; opt->trees && i < opt->n_trees; i++) {
		if (strcmp(opt->trees[i], layer) == 0)
			return true;
	}
	return !opt->trees;
}

/* What one recorded layer is, and whether its tree is to be answered for. */
static void consider_layer(struct verification *v, size_t index)
{
	const struct store_layer *l = &v->survey.records.layers[index];
	const struct layer_structure *st = &v->survey.structures[index];
	const struct sealed_layer *sealed =
	    ledger_layer(v->g->ledger, &v->g->store_id, l->id);
	enum layer_role role = layer_role(&v->survey.records, l);

	if (role == LAYER_TRANSIENT || !v->scope.layer[index])
		return;
	if (role != LAYER_CONTAINER)
		check_layer_revoked(v->g, l, sealed, &v->out->findings);
	/* What was sealed is looked at, whatever its record says that it is now. */
	if (role == LAYER_MAPPED && (!sealed || sealed->retired)) {
		findings_add(&v->out->findings, FINDING_LAYER_MAPPED,
		    (struct place){.layer = l->id});
		return;
	}
	if (role == LAYER_CONTAINER && !sealed)
		return;
	v->out->layers++;
	if (!sealed || sealed->retired ||
	    layer_is_another_creation(sealed->seal, l, st)) {
		add_unsealed(v, l, sealed);
		return;
	}
	check_layer_record(sealed->seal, l, st, &v->out->findings);
	if (st->tree_ok && wants_tree(v->opt, l->id))
		v->subjects[v->n_subjects++] =
		    (struct subject){.layer = l, .sealed = sealed};
}

static void consider_layers(struct verification *v)
{
	size_t n = v->survey.records.n_layers;

	v->subjects = xcalloc(n, sizeof(*v->subjects));
	for (size_t i = 0; i < n; i++)
		consider_layer(v, i);
	if (v->g->progress)
		progress_add(&v->g->progress->layers_total, v->n_subjects);
}

/* If there is none, the full measurement will say what is wrong. */
static void take_print(
    struct verification *v, struct subject *s, const struct statprint_job *job)
{
	struct timespec ctime;
	struct err why;

	s->now = job->print;
	s->has_now =
	    !job->rc && !check_print_add_files(v->g, s->layer, &s->now, &ctime, &why);
}

/* Whoever compares two moments wants prints of all trees; else those to compare with a seal will do. */
static bool wants_print(const struct verification *v, const struct subject *s)
{
	return v->opt->keep_prints || v->opt->before ||
	       (verify_level_asks_prints(v->opt->level) && s->sealed->print &&
		   ledger_statprint_key(v->g->ledger));
}

/* Two moments of one process can be compared without the ledger's secret, too. */
static const struct xxh_key *print_key(const struct verification *v)
{
	static struct xxh_key own;
	static bool made;

	if (ledger_statprint_key(v->g->ledger))
		return ledger_statprint_key(v->g->ledger);
	if (!made)
		made = getrandom(&own, sizeof(own), 0) == sizeof(own);
	return made ? &own : NULL;
}

/* All trees at once. */
static void take_prints(struct verification *v)
{
	const struct xxh_key *key = print_key(v);
	CLEANUP_FREE struct statprint_job *jobs = NULL;
	CLEANUP_FREE char(*paths)[STORE_TREE_PATH_MAX] = NULL;
	size_t n = 0;

	if (!key)
		return;
	jobs = xcalloc(v->n_subjects, sizeof(*jobs));
	paths = xcalloc(v->n_subjects, sizeof(*paths));
	for (size_t i = 0; i < v->n_subjects; i++) {
		const struct store_layer *l = v->subjects[i].layer;

		if (!wants_print(v, &v->subjects[i]))
			continue;
		store_tree_path(v->g->store, l->id, paths[n]);
		jobs[n].base_fd = guard_tree_dir(v->g, l);
		jobs[n].path = paths[n];
		n++;
	}
	statprint_run(jobs, n, key, v->g->threads, v->g->progress);
	for (size_t i = 0, job = 0; i < v->n_subjects; i++) {
		struct subject *s = &v->subjects[i];

		if (!wants_print(v, s))
			continue;
		take_print(v, s, &jobs[job]);
		s->answered =
		    verify_level_asks_prints(v->opt->level) && s->has_now &&
		    s->sealed->print &&
		    memcmp(s->now.bytes, s->sealed->print, sizeof(s->now.bytes)) == 0;
		v->out->by_statprint += s->answered;
		v->out->entries += s->answered ? jobs[job].entries : 0;
		job++;
	}
}

/* Records are sorted by id, and so are subjects. */
static void keep_prints(struct verification *v)
{
	struct layer_prints *p = &v->out->prints;

	p->v = xcalloc(v->n_subjects, sizeof(*p->v));
	for (size_t i = 0; i < v->n_subjects; i++) {
		const struct subject *s = &v->subjects[i];

		if (!s->has_now)
			continue;
		memcpy(p->v[p->n].layer, s->layer->id, sizeof(p->v->layer));
		p->v[p->n++].print = s->now;
	}
}

static int compare_ids(const void *id, const void *print)
{
	return strcmp(id, ((const struct layer_print *)print)->layer);
}

/* Its content may be as sealed again: what it was meanwhile nobody knows. */
static void compare_prints(struct verification *v)
{
	const struct layer_prints *before = v->opt->before;

	for (size_t i = 0; i < v->n_subjects; i++) {
		const struct subject *s = &v->subjects[i];
		const struct layer_print *was = bsearch(
		    s->layer->id, before->v, before->n, sizeof(*before->v), compare_ids);

		if (was && s->has_now && !statprint_equal(&was->print, &s->now))
			findings_add(&v->out->findings, FINDING_TREE_TOUCHED,
			    (struct place){.layer = s->layer->id});
	}
}

static bool is_recorded(const struct sealed_layer *sealed, const struct tree_result *t)
{
	return sealed->print && memcmp(sealed->print, t->print.bytes, 16) == 0 &&
	       sealed->scrub && memcmp(sealed->scrub, t->scrub.bytes, 16) == 0;
}

static void add_remeasure(
    struct verification *v, const struct subject *s, struct tree_result *measured)
{
	struct entry *en;

	v->remeasures =
	    xreallocarray(v->remeasures, v->n_remeasures + 1, sizeof(*v->remeasures));
	en = &v->remeasures[v->n_remeasures++];
	*en = (struct entry){
	    .op = ENTRY_REMEASURE,
	    .time = time(NULL),
	    .store = v->g->store_id,
	};
	memcpy(en->remeasure.layer, s->layer->id, sizeof(en->remeasure.layer));
	en->remeasure.tree = measured->digest;
	memcpy(en->remeasure.print, measured->print.bytes, sizeof(en->remeasure.print));
	en->remeasure.has_scrub = measured->has_scrub;
	memcpy(en->remeasure.scrub, measured->scrub.bytes, sizeof(en->remeasure.scrub));
}

static int recompute_diff_id(
    struct verification *v, const struct subject *s, struct err *e)
{
	struct identity *identity = identity_new(v->g->store);
	struct identity_result result;
	CLEANUP_FD int tree_fd = -1;
	bool checked;
	int r = guard_open_tree(v->g, s->layer, &tree_fd, e);

	if (!r)
		r = identity_add(identity, s->layer, tree_fd, v->g->progress, &result,
		    &checked, &v->out->findings, e);
	identity_free(identity);
	return r;
}

static int measure_subject(struct verification *v, const struct subject *s, struct err *e)
{
	struct findings *findings = &v->out->findings;
	size_t before = findings->n + findings->dropped;
	struct timespec moment, ctime;
	struct tree_result measured;
	struct err why;
	int r;

	r = check_settle(v->g, s->layer, &moment, e);
	if (r)
		return r;
	check_layer_data(v->g, s->sealed->seal, s->layer, findings);
	r = check_tar_split(v->g, s->sealed->seal, s->layer, findings, e);
	if (!r)
		r = check_tree(v->g, s->sealed->seal, s->layer, v->opt->cached, &measured,
		    findings, e);
	if (!r && v->opt->level == LEVEL_OCI && recompute_diff_id(v, s, &why))
		check_add_failure((struct place){.layer = s->layer->id}, &why, findings);
	if (r)
		return r;
	if (s->misread && findings->n + findings->dropped == before)
		check_add_misread((struct place){.layer = s->layer->id}, s->sealed->scrub,
		    &measured, findings);
	v->out->measured++;
	v->out->entries += measured.entries;
	v->out->bytes += measured.bytes;
	if (findings->n + findings->dropped != before || !measured.has_print ||
	    check_print_add_files(v->g, s->layer, &measured.print, &ctime, &why) ||
	    !check_before(&ctime, &moment))
		return 0;
	if (!is_recorded(s->sealed, &measured))
		add_remeasure(v, s, &measured);
	return 0;
}

/* What the statprint vouches for is read again; what was sealed before there were scrub sums, in full. */
static int scrub_subject(struct verification *v, struct subject *s, struct err *e)
{
	enum check_scrub scrub = SCRUB_FAILED;
	struct tree_result again;

	if (s->sealed->scrub)
		scrub =
		    check_scrub(v->g, s->layer, v->opt->cached, s->sealed->scrub, &again);
	s->answered = scrub == SCRUB_SAME;
	s->misread = scrub == SCRUB_OTHER;
	v->out->by_statprint--;
	if (!s->answered)
		return 0;
	v->out->scrubbed++;
	v->out->bytes += again.bytes;
	check_layer_data(v->g, s->sealed->seal, s->layer, &v->out->findings);
	return check_tar_split(v->g, s->sealed->seal, s->layer, &v->out->findings, e);
}

static int measure_the_rest(struct verification *v, struct err *e)
{
	int r = 0;

	for (size_t i = 0; !r && i < v->n_subjects; i++) {
		if (v->subjects[i].answered && v->opt->level == LEVEL_SCRUB)
			r = scrub_subject(v, &v->subjects[i], e);
		if (!r && !v->subjects[i].answered)
			r = measure_subject(v, &v->subjects[i], e);
		if (v->g->progress)
			progress_add(&v->g->progress->layers_done, 1);
	}
	return r;
}

/* Records are sorted by id: one that another place of the store hides comes next to it. */
static void note_sealed(struct image_ids *ids, const char *id)
{
	if (ids->n && strcmp(ids->v[ids->n - 1], id) == 0)
		return;
	ids->v = xreallocarray(ids->v, ids->n + 1, sizeof(*ids->v));
	memcpy(ids->v[ids->n++], id, sizeof(*ids->v));
}

static int consider_image(struct verification *v, size_t index, struct err *e)
{
	const struct store_image *i = &v->survey.records.images[index];
	const struct sealed_image *sealed =
	    ledger_image(v->g->ledger, &v->g->store_id, i->id);
	struct finding *f;
	struct digest id;
	int r;

	if (!v->scope.image[index])
		return 0;
	/* Only names; the image itself is another record, and is looked at there. */
	if (image_is_alias(&v->survey.records, i)) {
		if (sealed && !sealed->retired)
			check_names(v->g, i, &v->out->findings);
		return 0;
	}
	v->out->images++;
	if (hex_decode(id.bytes, sizeof(id.bytes), i->id))
		check_revoked(
		    v->g, &id, (struct place){.image = i->id}, &v->out->findings);
	if (sealed && !sealed->retired) {
		note_sealed(&v->out->sealed, i->id);
		r = check_image(
		    v->g, &v->survey.records, sealed->seal, i, &v->out->findings, e);
		if (!r)
			check_names(v->g, i, &v->out->findings);
		return r;
	}
	f = findings_add(
	    &v->out->findings, FINDING_IMAGE_UNSEALED, (struct place){.image = i->id});
	finding_found(
	    f, sealed ? "sealed once, then removed, and here again" : "never sealed");
	return 0;
}

static int consider_images(struct verification *v, struct err *e)
{
	int r = 0;

	for (size_t i = 0; !r && i < v->survey.records.n_images; i++)
		r = consider_image(v, i, e);
	return r;
}

/*
 * A conflict only means that somebody else recorded first, and whoever holds a lock does not hold up the
 * verdict: the next run tries again.
 */
static void record_remeasures(struct verification *v)
{
	struct err ignored;

	if (v->n_remeasures == 0 || !ledger_writable(v->g->ledger))
		return;
	ledger_hurry(v->g->ledger);
	if (ledger_append(v->g->ledger, v->remeasures, v->n_remeasures, &ignored) == 0)
		v->out->remeasured = v->n_remeasures;
}

enum verdict verdict_of(const struct findings *list)
{
	enum verdict verdict = list->dropped ? VERDICT_VIOLATED : VERDICT_CLEAN;

	for (size_t i = 0; i < list->n; i++) {
		enum finding_class c = list->v[i].class;

		if (list->v[i].severity != SEVERITY_DENY)
			continue;
		if (c != FINDING_TREE_UNREADABLE && c != FINDING_TREE_UNSTABLE)
			return VERDICT_VIOLATED;
		if (verdict == VERDICT_CLEAN)
			verdict = VERDICT_UNVERIFIABLE;
	}
	return verdict;
}

/* What a plain build may find lying about, no guarded build takes up. */
static void apply_policy(struct verification *v)
{
	struct policy p = *v->g->policy;

	if (v->opt->cache_mounts.all_sealed)
		p.severity[FINDING_CACHE_MOUNT_UNSEALED] = SEVERITY_DENY;
	policy_apply(&p, &v->out->findings);
}

static int look_at_cache_mounts(struct verification *v, struct err *e)
{
	size_t first = v->out->findings.n;
	int r =
	    check_cache_mounts(v->g, v->opt, v->out, &v->remeasures, &v->n_remeasures, e);

	findings_set_stage(&v->out->findings, first, STAGE_CACHE_MOUNT);
	return r;
}

static int answer_for_trees(struct verification *v, struct err *e)
{
	size_t first = v->out->findings.n;
	int r;

	take_prints(v);
	if (v->opt->keep_prints)
		keep_prints(v);
	if (v->opt->before)
		compare_prints(v);
	r = measure_the_rest(v, e);
	findings_set_stage(&v->out->findings, first, STAGE_TREE);
	return r;
}

static int run(struct verification *v, struct err *e)
{
	int r = survey_take(v->g, &v->survey, &v->out->findings, e);

	if (!r)
		r = scope_select(
		    &v->survey, v->opt->images, v->opt->n_images, &v->scope, e);
	if (!r)
		r = check_records_present(v, e);
	if (r)
		return r;
	consider_layers(v);
	if (!v->opt->without_trees)
		r = answer_for_trees(v, e);
	if (!r)
		r = look_at_cache_mounts(v, e);
	if (!r)
		r = consider_images(v, e);
	if (!r)
		r = vanish_forget(v->g, &v->out->findings, &v->out->sealed, e);
	return r;
}

int guard_verify(struct guard *g, const struct verify_options *opt, enum verdict *verdict,
    struct verify_result *out, struct err *e)
{
	struct verification v = {.g = g, .opt = opt, .out = out};
	int r;

	*verdict = VERDICT_UNVERIFIABLE;
	*out = (struct verify_result){0};
	r = run(&v, e);
	if (!r) {
		apply_policy(&v);
		users_fill(&v.survey.records, &out->findings);
		record_remeasures(&v);
		*verdict = verdict_of(&out->findings);
	}
	for (size_t i = 0; i < v.n_remeasures; i++)
		entry_release(&v.remeasures[i]);
	free(v.remeasures);
	free(v.subjects);
	scope_release(&v.scope);
	survey_release(&v.survey);
	return r;
}

void layer_prints_release(struct layer_prints *p)
{
	free(p->v);
	*p = (struct layer_prints){0};
}

void verify_result_release(struct verify_result *r)
{
	findings_release(&r->findings);
	free(r->sealed.v);
	layer_prints_release(&r->prints);
}
