/* SPDX-License-Identifier: Apache-2.0 */
/* seal_cache.c: the decision about the directories of RUN --mount=type=cache. */
#include <string.h>
#include <time.h>

#include "base/fs.h"
#include "guard/cache_mounts.h"
#include "guard/sealing.h"

#define MEASURE_TRIES 3

/* Between two statprints that are the same; without the secret of those nothing is recorded. */
static int measure_once(struct sealing *s, const char *path, int fd,
    struct tree_result *tree, bool *torn, bool *unstored, struct err *e)
{
	struct statprint before, after;
	uint64_t entries;
	bool first = cache_mount_print(s->g, path, &before, &entries);
	int r = sealing_measure(s, fd, NULL, NULL, tree, unstored, e);

	if (r)
		return r;
	if (!first) {
		*torn = false;
		tree->has_print = false;
		return 0;
	}
	*torn = !cache_mount_print(s->g, path, &after, &entries) ||
		!statprint_equal(&before, &after);
	tree->has_print &= statprint_equal(&after, &tree->print);
	return 0;
}

/* One that a build has just left is too young for a statprint; a little later it is not. */
static int measure(struct sealing *s, const char *path, int fd, struct tree_result *tree,
    bool *unstored, struct err *e)
{
	static const struct timespec pause = {.tv_nsec = 20000000};
	bool torn = true;

	for (int try = 0; try < MEASURE_TRIES; try++) {
		int r = measure_once(s, path, fd, tree, &torn, unstored, e);

		if (r)
			return r;
		if (!torn && (tree->has_print || try > 0))
			return 0;
		nanosleep(&pause, NULL);
	}
	return err_set(e, ERR_CHANGED, "%s changed while it was measured", path);
}

static void refuse(struct sealing *s, const char *path, const char *why)
{
	struct finding *f = findings_add(
	    &s->out->findings, FINDING_CACHE_MOUNT_ENTRY, (struct place){.path = path});

	finding_expected(f, "a directory of the store's owner");
	finding_found(f, "%s", why);
	s->out->refused++;
}

/* True if it is as sealed, by its statprint. */
static bool is_unchanged(struct sealing *s, const struct sealed_tree *sealed)
{
	struct statprint now;
	uint64_t entries;

	return sealed && !sealed->retired && sealed->seal->has_print &&
	       ledger_has_manifest(s->g->ledger, &sealed->seal->tree) &&
	       cache_mount_print(s->g, sealed->seal->path, &now, &entries) &&
	       memcmp(now.bytes, sealed->seal->print, sizeof(now.bytes)) == 0;
}

static void add_seal(struct sealing *s, const char *path,
    const struct sealed_tree *sealed, const struct tree_result *tree)
{
	bool same = sealed && !sealed->retired &&
		    digest_equal(&sealed->seal->tree, &tree->digest);

	if (same && !tree->has_print) {
		s->out->unchanged++;
		return;
	}
	cache_mount_entry(s->g, path, tree, sealing_add(s, ENTRY_SEAL_TREE));
	if (same) {
		s->out->remeasured++;
		return;
	}
	s->batch[s->n_batch - 1].seal_tree.reason =
	    s->opt->accept_reason ? xstrdup(s->opt->accept_reason) : NULL;
	s->out->cache_mounts++;
	s->out->entries += tree->entries;
	s->out->bytes += tree->bytes;
}

static int seal_one(struct sealing *s, const char *path, struct err *e)
{
	const struct sealed_tree *sealed =
	    ledger_tree(s->g->ledger, &s->g->store_id, path);
	enum cache_mount_state state;
	struct tree_result tree = {0};
	bool unstored = false;
	CLEANUP_FD int fd = -1;
	struct err why;
	int r;

	if (is_unchanged(s, sealed)) {
		s->out->unchanged++;
		return 0;
	}
	r = cache_mount_open(path, &state, &fd, &why);
	if (!r && state == CACHE_MOUNT_GONE)
		return 0;
	if (!r && state == CACHE_MOUNT_ODD) {
		refuse(s, path, why.msg);
		return 0;
	}
	if (!r)
		r = measure(s, path, fd, &tree, &unstored, &why);
	if (r &&
	    (unstored || r == ERR_LEDGER || r == ERR_INTERNAL || r == ERR_CONFLICT)) {
		*e = why;
		return r;
	}
	if (r) {
		check_add_failure((struct place){.path = path}, &why, &s->out->findings);
		s->out->refused++;
		return 0;
	}
	add_seal(s, path, sealed, &tree);
	return 0;
}

static int retire_gone(void *ctx, const struct sealed_tree *tree, struct err *e)
{
	struct sealing *s = ctx;
	enum cache_mount_state state;
	CLEANUP_FD int fd = -1;
	struct err ignored;
	struct entry *en;

	(void)e;
	if (tree->retired || cache_mount_open(tree->seal->path, &state, &fd, &ignored) ||
	    state != CACHE_MOUNT_GONE)
		return 0;
	en = sealing_add(s, ENTRY_RETIRE_TREE);
	en->retire_tree.path = xstrdup(tree->seal->path);
	en->retire_tree.reason = xstrdup("gone");
	s->out->retired++;
	return 0;
}

int seal_cache_mounts(struct sealing *s, struct err *e)
{
	CLEANUP_CACHE_MOUNTS struct cache_mounts found = {0};
	int r =
	    cache_mounts_look(s->g, s->opt->cache_dirs, s->opt->n_cache_dirs, &found, e);

	for (size_t i = 0; !r && i < found.n; i++) {
		if (found.v[i].odd)
			refuse(s, found.v[i].path, found.v[i].odd);
		else
			r = seal_one(s, found.v[i].path, e);
	}
	return r ? r : ledger_each_tree(s->g->ledger, &s->g->store_id, retire_gone, s, e);
}
