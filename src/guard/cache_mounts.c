/* SPDX-License-Identifier: Apache-2.0 */
/* cache_mounts.c: see cache_mounts.h. */
#include "guard/cache_mounts.h"

#include <fcntl.h>
#include <string.h>

#include "base/fs.h"

int cache_mounts_look(const struct guard *g, const char *const *dirs, size_t n_dirs,
    struct cache_mounts *out, struct err *e)
{
	static const char *const usual[] = {CACHE_MOUNT_DEFAULT_DIR};

	return cache_mounts_find(
	    g->store, n_dirs ? dirs : usual, n_dirs ? n_dirs : 1, out, e);
}

bool cache_mount_is_sealed(const struct guard *g, const char *path)
{
	const struct sealed_tree *t = ledger_tree(g->ledger, &g->store_id, path);

	return t && !t->retired;
}

bool cache_mount_print(
    const struct guard *g, const char *path, struct statprint *out, uint64_t *entries)
{
	const struct xxh_key *key = ledger_statprint_key(g->ledger);
	CLEANUP_FD int top = -1;
	struct statprint_job job = {.path = path + 1};
	struct err why;

	if (!key || fs_open_root("/", &top, &why))
		return false;
	job.base_fd = top;
	statprint_run(&job, 1, key, g->threads, g->progress);
	*out = job.print;
	*entries = job.entries;
	return job.rc == 0;
}

void cache_mount_entry(const struct guard *g, const char *path,
    const struct tree_result *t, struct entry *out)
{
	*out = (struct entry){
	    .op = ENTRY_SEAL_TREE, .time = time(NULL), .store = g->store_id};
	out->seal_tree = (struct entry_seal_tree){
	    .kind = TREE_CACHE_MOUNT,
	    .path = xstrdup(path),
	    .tree = t->digest,
	    .manifest_bytes = t->manifest_bytes,
	    .entries = t->entries,
	    .bytes = t->bytes,
	    .has_print = t->has_print,
	    .has_scrub = t->has_scrub,
	};
	memcpy(out->seal_tree.print, t->print.bytes, sizeof(out->seal_tree.print));
	memcpy(out->seal_tree.scrub, t->scrub.bytes, sizeof(out->seal_tree.scrub));
}

/* ---- sealed ones ---- */

struct look {
	const struct guard *g;
	const struct verify_options *opt;
	struct verify_result *out;
	struct entry **renewed;
	size_t *n_renewed;
};

/* What differs in the tree, told as a change of the cache mount. */
static void add_changes(
    const char *path, const struct findings *differences, struct findings *out)
{
	for (size_t i = 0; i < differences->n; i++) {
		const struct finding *d = &differences->v[i];
		bool changed = d->class != FINDING_TREE_UNREADABLE &&
			       d->class != FINDING_TREE_UNSTABLE;
		CLEANUP_FREE char *full = xasprintf("%s%s", path,
		    changed && d->path && strcmp(d->path, "/") != 0 ? d->path : "");
		struct finding *f =
		    findings_add(out, changed ? FINDING_CACHE_MOUNT_CHANGED : d->class,
			(struct place){.path = full});

		if (d->expected)
			finding_expected(f, "%s", d->expected);
		if (changed)
			finding_found(f, "%s: %s", finding_class_name(d->class),
			    d->found ? d->found : finding_class_meaning(d->class));
		else if (d->found)
			finding_found(f, "%s", d->found);
	}
	out->dropped += differences->dropped;
}

static bool is_gone(const char *path)
{
	enum cache_mount_state state;
	CLEANUP_FD int fd = -1;
	struct err ignored;

	return cache_mount_open(path, &state, &fd, &ignored) == 0 &&
	       state == CACHE_MOUNT_GONE;
}

static bool is_recorded(const struct entry_seal_tree *seal, const struct tree_result *t)
{
	return seal->has_print && memcmp(seal->print, t->print.bytes, 16) == 0 &&
	       seal->has_scrub && memcmp(seal->scrub, t->scrub.bytes, 16) == 0;
}

static void renew(
    struct look *l, const struct entry_seal_tree *seal, const struct tree_result *t)
{
	struct entry *en;

	if (!t->has_print || is_recorded(seal, t))
		return;
	*l->renewed = xreallocarray(*l->renewed, *l->n_renewed + 1, sizeof(**l->renewed));
	en = &(*l->renewed)[(*l->n_renewed)++];
	cache_mount_entry(l->g, seal->path, t, en);
	en->seal_tree.reason = seal->reason ? xstrdup(seal->reason) : NULL;
}

static int compare(struct look *l, const struct entry_seal_tree *seal,
    const struct tree_at *at, bool misread, struct err *e)
{
	CLEANUP_FINDINGS struct findings differences = {0};
	struct tree_result measured;
	int r = check_open_tree(l->g, at, &measured, &differences, e);

	if (r)
		return r;
	if (misread && !differences.n && !differences.dropped)
		check_add_misread(at->where, seal->scrub, &measured, &differences);
	/* An engine that takes it away meanwhile leaves a cache miss. */
	if (differences.n && is_gone(seal->path))
		return 0;
	add_changes(seal->path, &differences, &l->out->findings);
	l->out->entries += measured.entries;
	l->out->bytes += measured.bytes;
	if (!differences.n && !differences.dropped)
		renew(l, seal, &measured);
	return 0;
}

static bool is_answered(struct look *l, const struct entry_seal_tree *seal)
{
	struct statprint now;
	uint64_t entries;

	if (!verify_level_asks_prints(l->opt->level) || !seal->has_print ||
	    !cache_mount_print(l->g, seal->path, &now, &entries) ||
	    memcmp(now.bytes, seal->print, sizeof(now.bytes)) != 0)
		return false;
	l->out->entries += entries;
	return true;
}

/* By its statprint, and if the level wants that, all of it once more. */
static int check_tree_of(
    struct look *l, const struct entry_seal_tree *seal, int fd, struct err *e)
{
	const struct tree_at at = {
	    .fd = fd,
	    .cached = l->opt->cached,
	    .tree = &seal->tree,
	    .manifest_bytes = seal->manifest_bytes,
	    .where = {.path = seal->path},
	};
	enum check_scrub scrub = SCRUB_FAILED;
	struct tree_result again;

	if (is_answered(l, seal)) {
		if (l->opt->level == LEVEL_STAT)
			return 0;
		if (seal->has_scrub)
			scrub = check_open_scrub(l->g, &at, seal->scrub, &again);
	}
	if (scrub == SCRUB_SAME) {
		l->out->bytes += again.bytes;
		return 0;
	}
	return compare(l, seal, &at, scrub == SCRUB_OTHER, e);
}

static int check_sealed(void *ctx, const struct sealed_tree *tree, struct err *e)
{
	struct look *l = ctx;
	const struct entry_seal_tree *seal = tree->seal;
	const struct place where = {.path = seal->path};
	enum cache_mount_state state;
	CLEANUP_FD int fd = -1;
	struct err why;
	struct finding *f;

	if (tree->retired)
		return 0;
	if (cache_mount_open(seal->path, &state, &fd, &why)) {
		check_add_failure(where, &why, &l->out->findings);
		return 0;
	}
	if (state == CACHE_MOUNT_GONE)
		return 0;
	l->out->cache_mounts++;
	check_revoked(l->g, &seal->tree, where, &l->out->findings);
	if (state == CACHE_MOUNT_ODD) {
		f = findings_add(&l->out->findings, FINDING_CACHE_MOUNT_CHANGED, where);
		finding_expected(f, "a directory");
		finding_found(f, "%s", why.msg);
		return 0;
	}
	return check_tree_of(l, seal, fd, e);
}

/* ---- the others ---- */

static int check_others(struct look *l, struct err *e)
{
	const struct cache_mount_scope *scope = &l->opt->cache_mounts;
	CLEANUP_CACHE_MOUNTS struct cache_mounts found = {0};
	int r = cache_mounts_look(l->g, scope->dirs, scope->n_dirs, &found, e);

	for (size_t i = 0; !r && i < found.n; i++) {
		const struct cache_mount *m = &found.v[i];
		bool link = m->odd && !m->foreign;
		struct finding *f;

		/* What is wrong with a sealed one was said. */
		if (cache_mount_is_sealed(l->g, m->path))
			continue;
		f = findings_add(&l->out->findings,
		    link ? FINDING_CACHE_MOUNT_ENTRY : FINDING_CACHE_MOUNT_UNSEALED,
		    (struct place){.path = m->path});
		if (m->odd)
			finding_expected(f, "a directory of the store's owner");
		finding_found(f, "%s", m->odd ? m->odd : "never sealed");
	}
	return r;
}

int check_cache_mounts(const struct guard *g, const struct verify_options *opt,
    struct verify_result *out, struct entry **renewed, size_t *n_renewed, struct err *e)
{
	struct look l = {
	    .g = g,
	    .opt = opt,
	    .out = out,
	    .renewed = renewed,
	    .n_renewed = n_renewed,
	};
	int r;

	if (opt->cache_mounts.in_use || opt->without_trees || opt->n_images)
		return 0;
	r = ledger_each_tree(g->ledger, &g->store_id, check_sealed, &l, e);
	return r ? r : check_others(&l, e);
}

/* ---- what a finding is about ---- */

struct search {
	const char *path;
	char *found;
};

static int match(void *ctx, const struct sealed_tree *tree, struct err *e)
{
	struct search *s = ctx;
	size_t len = strlen(tree->seal->path);

	(void)e;
	if (!tree->retired && strncmp(s->path, tree->seal->path, len) == 0 &&
	    (s->path[len] == '/' || s->path[len] == '\0') && !s->found)
		s->found = xstrdup(tree->seal->path);
	return 0;
}

char *cache_mount_of_finding(const struct guard *g, const struct finding *f)
{
	struct search s = {.path = f->path};
	struct err ignored;

	if (f->layer || f->image || !f->path || f->path[0] != '/')
		return NULL;
	if (f->class != FINDING_CACHE_MOUNT_ENTRY &&
	    f->class != FINDING_CACHE_MOUNT_UNSEALED)
		(void)!ledger_each_tree(g->ledger, &g->store_id, match, &s, &ignored);
	else
		s.found = xstrdup(f->path);
	return s.found;
}
