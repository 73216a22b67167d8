/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate.c: see gate.h. First which layer each directory is (gate_dirs.c), then whether they are the chain of
 * the mounted one, then whether each is what was sealed.
 */
#include "guard/gate.h"

#include <string.h>
#include <sys/random.h>

#include "base/fs.h"
#include "base/hex.h"
#include "guard/check.h"
#include "guard/gate_dirs.h"
#include "store/place.h"

static const char *const unsealed_names[] = {
    [GATE_DENY] = "deny",
    [GATE_FRESH] = "fresh",
    [GATE_ALLOW] = "allow",
};

bool gate_unsealed_parse(const char *name, enum gate_unsealed *out)
{
	for (size_t i = 0; i < ARRAY_LEN(unsealed_names); i++) {
		if (strcmp(unsealed_names[i], name) == 0) {
			*out = (enum gate_unsealed)i;
			return true;
		}
	}
	return false;
}

void gate_pass_release(struct gate_pass *p)
{
	for (size_t i = 0; i < p->n_lowers; i++) {
		base_close_p(&p->lowers[i]);
		free(p->links ? p->links[i] : NULL);
	}
	free(p->lowers);
	free(p->links);
	base_close_p(&p->upper);
	base_close_p(&p->work);
	base_close_p(&p->target);
	*p = (struct gate_pass){.upper = -1, .work = -1, .target = -1};
}

/* A layer whose tree is going to be seen through the mount. */
struct subject {
	const struct store_layer *layer;
	const struct sealed_layer *sealed; /* NULL: it passes unsealed */
	struct gate_dir *dir;
};

struct checking {
	const struct guard *g;
	const struct gate_request *q;
	struct findings *findings;
	struct gate_dirs dirs;
	struct records records;
	struct subject *subjects;
	size_t n_subjects;
};

/* ---- the chain ---- */

/* Is it the tree where the driver looks, and one that a seal can speak of? */
static int check_kind(const struct checking *c, const struct store_layer *l,
    const struct gate_dir *d, struct err *e)
{
	if (place_of_tree(c->g->store, l) != d->place)
		return err_set(e, ERR_REFUSED,
		    "layer %.12s: a directory in %s hides its tree", l->id,
		    c->g->store->places[d->place].path);
	if (layer_role(&c->records, l) == LAYER_MAPPED)
		return err_set(e, ERR_REFUSED,
		    "layer %.12s: an id-mapped copy, which is not measured: remove the "
		    "containers that use it, and make them anew",
		    l->id);
	return 0;
}

static int add_subject(
    struct checking *c, const struct store_layer *l, struct gate_dir *d, struct err *e)
{
	int r = check_kind(c, l, d, e);

	if (!r)
		c->subjects[c->n_subjects++] = (struct subject){.layer = l, .dir = d};
	return r;
}

/*
 * The mounted layer itself: shown as it is to whoever reads it. Not that of a container, nor one that is being
 * made; what was sealed is looked at, whatever its record says that it is now.
 */
static int consider_mounted(
    struct checking *c, const struct store_layer *l, struct gate_dir *own, struct err *e)
{
	const struct sealed_layer *sealed =
	    ledger_layer(c->g->ledger, &c->g->store_id, l->id);
	bool passes = records_is_container_layer(&c->records, l) ||
		      (layer_role(&c->records, l) == LAYER_TRANSIENT && !own->own);

	if (passes && (!sealed || sealed->retired))
		return 0;
	return add_subject(c, l, own, e);
}

static int add_lower(
    struct checking *c, struct gate_dir *d, const char *expected, struct err *e)
{
	const struct store_layer *l = records_layer(&c->records, d->id);

	if (strcmp(d->id, expected) != 0)
		return err_set(e, ERR_REFUSED,
		    "layer %.12s: its lower directories lead to layer %.12s where its "
		    "records say %.12s",
		    c->dirs.id, d->id, *expected ? expected : "none");
	if (!l)
		return err_set(e, ERR_REFUSED, "layer %.12s has no record", d->id);
	return add_subject(c, l, d, e);
}

/* The directories must be the layer's recorded parents, in order and to the last. */
static int follow_chain(
    struct checking *c, size_t first, const char *parent, struct err *e)
{
	const char *expected = parent;

	for (size_t i = first; i < c->dirs.n; i++) {
		struct gate_dir *d = &c->dirs.v[i];
		int r;

		if (d->empty && i == first && i + 1 == c->dirs.n && !*expected) {
			struct fs_names names CLEANUP_NAMES = {0};

			r = fs_list(d->tree, ".", 1, &names, e);
			return r || !names.n
				   ? r
				   : err_set(e, ERR_REFUSED,
					 "layer %.12s: its empty/ is not empty: %s",
					 d->id, names.v[0]);
		}
		r = add_lower(c, d, expected, e);
		if (r)
			return r;
		expected = c->subjects[c->n_subjects - 1].layer->parent;
	}
	return *expected ? err_set(e, ERR_REFUSED,
			       "layer %.12s: layer %.12s is missing among its lower "
			       "directories",
			       c->dirs.id, expected)
			 : 0;
}

static int choose_subjects(struct checking *c, struct err *e)
{
	const struct store_layer *l = records_layer(&c->records, c->dirs.id);
	bool own = c->dirs.v[0].own;
	int r;

	if (!l)
		return err_set(e, ERR_REFUSED, "layer %.12s has no record", c->dirs.id);
	c->subjects = xcalloc(c->dirs.n + 1, sizeof(*c->subjects));
	r = consider_mounted(c, l, own ? &c->dirs.v[0] : &c->dirs.upper, e);
	return r ? r : follow_chain(c, own ? 1 : 0, l->parent, e);
}

/* ---- the seals ---- */

/* True if the tree was made after that; nobody can set the birth of a directory. */
static bool is_younger(const struct gate_dir *d, const struct timespec *since)
{
	return d->birth.tv_sec && since->tv_sec && !check_before(&d->birth, since);
}

/*
 * The one place that says what passes without a seal. Revoked things are refused elsewhere, always.
 */
static const char *why_unsealed_refused(const struct checking *c, const struct subject *s)
{
	if (c->q->unsealed == GATE_ALLOW || is_younger(s->dir, &c->q->guarded_since))
		return NULL;
	if (c->q->unsealed == GATE_DENY)
		return "never sealed";
	if (is_younger(s->dir, &c->q->engine_since))
		return NULL;
	return s->dir->birth.tv_sec
		   ? "never sealed, and not made by the engine that mounts it"
		   : "never sealed, and the file system does not tell when it was made";
}

static void read_link(const struct checking *c, struct gate_dir *d)
{
	CLEANUP_FREE char *path = xasprintf("%s/link", d->id);
	CLEANUP_BUF struct buf text;
	struct err ignored;

	buf_init(&text, LINK_LEN);
	if (!*d->link &&
	    fs_read_file(c->g->store->places[d->place].driver_fd, path, LINK_LEN, &text,
		NULL, &ignored) == 0 &&
	    text.len == LINK_LEN)
		memcpy(d->link, text.data, sizeof(d->link));
}

static void consider_seal(struct checking *c, struct subject *s)
{
	const struct sealed_layer *sealed =
	    ledger_layer(c->g->ledger, &c->g->store_id, s->layer->id);
	struct layer_structure st = {.tree_ok = true};
	const char *why;

	read_link(c, s->dir);
	memcpy(st.link, s->dir->link, sizeof(st.link));
	check_layer_revoked(c->g, s->layer, sealed, c->findings);
	if (sealed && !sealed->retired &&
	    !layer_is_another_creation(sealed->seal, s->layer, &st)) {
		s->sealed = sealed;
		check_layer_record(sealed->seal, s->layer, &st, c->findings);
		return;
	}
	why = why_unsealed_refused(c, s);
	if (why)
		finding_found(findings_add(c->findings, FINDING_LAYER_UNSEALED,
				  (struct place){.layer = s->layer->id}),
		    "%s", why);
}

/* The image that a container was made of: revoking goes by it, too. */
static void check_image_revoked(struct checking *c)
{
	for (size_t i = 0; i < c->records.n_containers; i++) {
		const struct store_container *k = &c->records.containers[i];
		struct digest id;

		if (strcmp(k->layer, c->dirs.id) == 0 &&
		    hex_decode(id.bytes, sizeof(id.bytes), k->image))
			check_revoked(
			    c->g, &id, (struct place){.image = k->image}, c->findings);
	}
}

static int measure(struct checking *c, const struct subject *s, struct err *e)
{
	const struct entry_seal_layer *seal = s->sealed->seal;
	const struct tree_at at = {
	    .fd = s->dir->tree,
	    .cached = c->q->cached,
	    .tree = &seal->tree,
	    .manifest_bytes = seal->manifest_bytes,
	    .where = {.layer = s->layer->id},
	};
	struct tree_result measured;
	int r;

	check_layer_data(c->g, seal, s->layer, c->findings);
	r = check_tar_split(c->g, seal, s->layer, c->findings, e);
	return r ? r : check_open_tree(c->g, &at, &measured, c->findings, e);
}

static bool is_answered(
    const struct checking *c, const struct subject *s, struct statprint_job *job)
{
	struct timespec ctime;
	struct err why;

	return s->sealed->print && ledger_statprint_key(c->g->ledger) && !job->rc &&
	       check_print_add_files(c->g, s->layer, &job->print, &ctime, &why) == 0 &&
	       memcmp(job->print.bytes, s->sealed->print, sizeof(job->print.bytes)) == 0;
}

/* The walk over all trees also tells which of them hold deletions as files. */
static int check_trees(struct checking *c, bool *whiteout_files, struct err *e)
{
	CLEANUP_FREE struct statprint_job *jobs = xcalloc(c->n_subjects, sizeof(*jobs));
	const struct xxh_key *key = ledger_statprint_key(c->g->ledger);
	const struct xxh_key none = {0};
	int r = 0;

	for (size_t i = 0; i < c->n_subjects; i++) {
		jobs[i].base_fd = c->subjects[i].dir->tree;
		jobs[i].path = ".";
	}
	statprint_run(
	    jobs, c->n_subjects, key ? key : &none, c->g->threads, c->g->progress);
	for (size_t i = 0; !r && i < c->n_subjects; i++) {
		const struct subject *s = &c->subjects[i];

		*whiteout_files |= jobs[i].whiteout_files;
		if (jobs[i].rc)
			check_add_failure((struct place){.layer = s->layer->id},
			    &jobs[i].err, c->findings);
		else if (s->sealed && !is_answered(c, s, &jobs[i]))
			r = measure(c, s, e);
	}
	return r;
}

/* ---- */

static void hand_over(struct gate_dirs *d, struct gate_pass *out)
{
	out->lowers = xcalloc(d->n, sizeof(*out->lowers));
	out->links = xcalloc(d->n, sizeof(*out->links));
	for (size_t i = 0; i < d->n; i++) {
		out->lowers[i] = take_fd(&d->v[i].fd);
		/* Of the mounted layer itself it was read to know its seal. */
		out->links[i] = xstrdup(d->v[i].own ? "" : d->v[i].link);
	}
	out->n_lowers = d->n;
	out->target = take_fd(&d->target);
	out->upper = take_fd(&d->upper.tree);
	out->work = take_fd(&d->work);
}

/* What is wrong with records of other objects is not this mount's affair: they are left out. */
static int read_records(struct checking *c, struct err *e)
{
	struct findings others = {0};
	int r = records_read_beside(c->g->store, &c->records, &others, e);

	findings_release(&others);
	return r;
}

static void judge(struct checking *c)
{
	struct policy policy = *c->g->policy;

	policy.severity[FINDING_REVOKED] = SEVERITY_DENY;
	policy_apply(&policy, c->findings);
}

static int check(struct checking *c, struct gate_pass *out, struct err *e)
{
	int r = read_records(c, e);

	if (!r)
		r = choose_subjects(c, e);
	if (r)
		return r;
	check_image_revoked(c);
	for (size_t i = 0; i < c->n_subjects; i++)
		consider_seal(c, &c->subjects[i]);
	r = check_trees(c, &out->whiteout_files, e);
	if (!r) {
		judge(c);
		hand_over(&c->dirs, out);
	}
	return r;
}

int gate_check(const struct guard *g, const struct gate_request *q, struct gate_pass *out,
    struct findings *findings, struct err *e)
{
	struct checking c = {.g = g, .q = q, .findings = findings};
	int r;

	*out = (struct gate_pass){.upper = -1, .work = -1, .target = -1};
	r = gate_dirs_open(g, q->args, &c.dirs, e);
	if (!r) {
		r = check(&c, out, e);
		gate_dirs_release(&c.dirs);
	}
	records_release(&c.records);
	free(c.subjects);
	return r;
}
