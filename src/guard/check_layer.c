/* SPDX-License-Identifier: Apache-2.0 */
/* check_layer.c: see check.h; what concerns one layer. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "guard/check.h"
#include "store/place.h"
#include "tree/compare.h"

static const char *or_none(const char *s)
{
	return s && s[0] ? s : "none";
}

void check_layer_record(const struct entry_seal_layer *seal, const struct store_layer *l,
    const struct layer_structure *st, struct findings *findings)
{
	struct place where = {.layer = l->id};
	char sealed[DIGEST_TEXT_LEN + 1], found[DIGEST_TEXT_LEN + 1];
	struct finding *f;

	if (seal->link && st->link[0] && strcmp(seal->link, st->link) != 0) {
		f = findings_add(findings, FINDING_LAYER_LINK, where);
		finding_expected(f, "%s", seal->link);
		finding_found(f, "%s", st->link);
	}
	if (l->incomplete) {
		f = findings_add(findings, FINDING_LAYER_RECORD, where);
		finding_expected(f, "a complete layer, because images use it");
		finding_found(f, "flag incomplete: the next engine would delete it");
	}
	if (digest_equal(&seal->record, &l->record))
		return;
	f = findings_add(findings, FINDING_LAYER_RECORD, where);
	if (strcmp(seal->parent, l->parent) != 0) {
		finding_expected(f, "parent %s", or_none(seal->parent));
		finding_found(f, "parent %s", or_none(l->parent));
	} else if (!l->diff.has || !digest_equal(&seal->diff_id, &l->diff.d)) {
		digest_text(&seal->diff_id, sealed);
		digest_text(&l->diff.d, found);
		finding_expected(f, "diff-digest %s", sealed);
		finding_found(f, "diff-digest %s", l->diff.has ? found : "none");
	} else if (strcmp(seal->created, l->created) != 0) {
		finding_expected(f, "created %s", seal->created);
		finding_found(f, "created %s", l->created);
	} else {
		digest_text(&seal->record, sealed);
		digest_text(&l->record, found);
		finding_expected(f, "record %s", sealed);
		finding_found(f, "record %s (another member differs)", found);
	}
}

void check_revoked(const struct guard *g, const struct digest *d, struct place where,
    struct findings *findings)
{
	const char *reason = ledger_revoked(g->ledger, d);
	char text[DIGEST_TEXT_LEN + 1];
	struct finding *f;

	if (!reason)
		return;
	digest_text(d, text);
	f = findings_add(findings, FINDING_REVOKED, where);
	finding_expected(f, "not %s", text);
	finding_found(f, "revoked: %s", reason);
}

void check_layer_revoked(const struct guard *g, const struct store_layer *l,
    const struct sealed_layer *sealed, struct findings *findings)
{
	const struct place where = {.layer = l->id};

	if (l->diff.has)
		check_revoked(g, &l->diff.d, where, findings);
	if (!sealed || sealed->retired)
		return;
	/* The record may say something else. */
	if (!l->diff.has || !digest_equal(&l->diff.d, &sealed->seal->diff_id))
		check_revoked(g, &sealed->seal->diff_id, where, findings);
	check_revoked(g, &sealed->seal->tree, where, findings);
}

int check_tar_split(const struct guard *g, const struct entry_seal_layer *seal,
    const struct store_layer *l, struct findings *findings, struct err *e)
{
	char sealed[DIGEST_TEXT_LEN + 1], found[DIGEST_TEXT_LEN + 1];
	struct digest now;
	struct finding *f;
	int r = identity_tar_split_digest(g->store, l, &now, e);

	if (!r && digest_equal(&now, &seal->tar_split))
		return 0;
	f = findings_add(findings, FINDING_TAR_SPLIT, (struct place){.layer = l->id});
	digest_text(&seal->tar_split, sealed);
	finding_expected(f, "%s", sealed);
	if (r) {
		finding_found(f, "%s", e->msg);
	} else {
		digest_text(&now, found);
		finding_found(f, "%s", found);
	}
	return 0;
}

static void add_data_finding(const struct store_layer *l, const char *name,
    const char *found, struct findings *findings)
{
	struct finding *f = findings_add(
	    findings, FINDING_LAYER_DATA, (struct place){.layer = l->id, .path = name});

	finding_expected(f, "the bytes that were sealed");
	finding_found(f, "%s", found);
}

/*
 * Which other items there are is bound by the record. An index is never taken on trust: later pulls
 * copy files by what it says, so what was made since is to be sealed as the layer was.
 */
static void add_new_data(
    const struct store_layer *l, const char *name, struct findings *findings)
{
	struct place where = {.layer = l->id, .path = name};

	if (layer_is_partial(l) && strcmp(name, LAYER_DATA_INDEX) == 0)
		finding_found(findings_add(findings, FINDING_LAYER_UNSEALED, where),
		    "an index that a partial pull made since");
	else
		add_data_finding(l, name, "a new file", findings);
}

static int data_order(
    const struct entry_seal_layer *seal, size_t a, const struct layer_data *now, size_t b)
{
	if (a == seal->n_files)
		return 1;
	if (b == now->n_files)
		return -1;
	return strcmp(seal->files[a].name, now->files[b].name);
}

/* Both lists are sorted by name. */
static void compare_data(const struct entry_seal_layer *seal,
    const struct layer_data *now, const struct store_layer *l, struct findings *findings)
{
	size_t a = 0, b = 0;

	while (a < seal->n_files || b < now->n_files) {
		int order = data_order(seal, a, now, b);

		if (order > 0)
			add_new_data(l, now->files[b].name, findings);
		else if (order < 0)
			add_data_finding(
			    l, seal->files[a].name, "no such file", findings);
		else if (seal->files[a].size != now->files[b].size ||
			 !digest_equal(&seal->files[a].sha256, &now->files[b].sha256))
			add_data_finding(l, now->files[b].name, "other bytes", findings);
		a += order <= 0;
		b += order >= 0;
	}
}

void check_layer_data(const struct guard *g, const struct entry_seal_layer *seal,
    const struct store_layer *l, struct findings *findings)
{
	CLEANUP_LAYER_DATA struct layer_data now = {0};
	struct err why;

	if (layer_data_read(g->store, l, &now, &why))
		add_data_finding(l, NULL, why.msg, findings);
	else
		compare_data(seal, &now, l, findings);
}

void check_add_failure(
    struct place where, const struct err *why, struct findings *findings)
{
	struct finding *f = findings_add(findings,
	    why->code == ERR_CHANGED ? FINDING_TREE_UNSTABLE : FINDING_TREE_UNREADABLE,
	    where);

	finding_found(f, "%s", why->msg);
}

/* Second reading, beside the sealed manifest: what exactly differs. */
static int explain(const struct guard *g, const struct tree_at *at,
    struct findings *findings, struct err *e)
{
	struct manifest_reader *sealed = NULL;
	struct compare *compare = NULL;
	struct tree_result again;
	struct tree_options opt = {.threads = g->threads, .line = compare_line};
	int r = manifest_reader_new(g->ledger, at->tree, at->manifest_bytes, &sealed, e);

	if (r)
		return err_wrap(e, "sealed manifest of %s",
		    at->where.layer ? at->where.layer : at->where.path);
	compare = compare_new(manifest_reader_next, sealed, at->where.layer, findings);
	opt.line_ctx = compare;
	r = tree_measure(at->fd, &opt, &again, e);
	if (!r)
		r = compare_finish(compare, e);
	compare_free(compare);
	manifest_reader_free(sealed);
	return r;
}

static void add_unexplained(const struct tree_at *at, const struct tree_result *measured,
    struct findings *findings)
{
	char sealed[DIGEST_TEXT_LEN + 1], found[DIGEST_TEXT_LEN + 1];
	struct finding *f = findings_add(findings, FINDING_TREE_UNSTABLE, at->where);

	digest_text(at->tree, sealed);
	digest_text(&measured->digest, found);
	finding_expected(f, "tree %s", sealed);
	finding_found(f, "tree %s, and something else when read again", found);
}

int check_open_tree(const struct guard *g, const struct tree_at *at,
    struct tree_result *measured, struct findings *findings, struct err *e)
{
	struct tree_options opt = {
	    .threads = g->threads,
	    .progress = g->progress,
	    .key = ledger_statprint_key(g->ledger),
	    .scrub_key = ledger_scrub_key(g->ledger),
	    .fresh = !at->cached,
	};
	size_t before = findings->n + findings->dropped;
	struct err why;

	*measured = (struct tree_result){0};
	if (tree_measure(at->fd, &opt, measured, &why)) {
		check_add_failure(at->where, &why, findings);
		return 0;
	}
	if (digest_equal(&measured->digest, at->tree))
		return 0;
	measured->has_print = false;
	if (explain(g, at, findings, &why)) {
		if (why.code == ERR_LEDGER) {
			*e = why;
			return why.code;
		}
		check_add_failure(at->where, &why, findings);
	}
	if (findings->n + findings->dropped == before)
		add_unexplained(at, measured, findings);
	return 0;
}

int check_tree(const struct guard *g, const struct entry_seal_layer *seal,
    const struct store_layer *l, bool cached, struct tree_result *measured,
    struct findings *findings, struct err *e)
{
	CLEANUP_FD int tree_fd = -1;
	struct tree_at at = {
	    .cached = cached,
	    .tree = &seal->tree,
	    .manifest_bytes = seal->manifest_bytes,
	    .where = {.layer = l->id},
	};
	struct err why;

	*measured = (struct tree_result){0};
	if (guard_open_tree(g, l, &tree_fd, &why)) {
		check_add_failure(at.where, &why, findings);
		return 0;
	}
	at.fd = tree_fd;
	return check_open_tree(g, &at, measured, findings, e);
}

int check_settle(const struct guard *g, const struct store_layer *l,
    struct timespec *moment, struct err *e)
{
	if (clock_gettime(CLOCK_REALTIME_COARSE, moment))
		return err_sys(e, "clock_gettime");
	if (syncfs(guard_tree_dir(g, l)))
		return err_sys(e, "syncfs of the tree of layer %.12s", l->id);
	if (syncfs(g->store->places[place_of_data(g->store, l)].layers_fd))
		return err_sys(e, "syncfs of the files of layer %.12s", l->id);
	return 0;
}

bool check_before(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

static int print_add_file(const struct guard *g, const struct store_layer *l,
    const char *path, struct statprint *print, struct timespec *newest, struct err *e)
{
	struct timespec ctime;
	int r = statprint_add_file(g->store->places[place_of_data(g->store, l)].layers_fd,
	    path, ledger_statprint_key(g->ledger), print, &ctime, e);

	if (!r && check_before(newest, &ctime))
		*newest = ctime;
	return r;
}

int check_print_add_files(const struct guard *g, const struct store_layer *l,
    struct statprint *print, struct timespec *ctime, struct err *e)
{
	char name[ID_LEN + sizeof(".tar-split.gz")];
	int r;

	*ctime = (struct timespec){0};
	snprintf(name, sizeof(name), "%s.tar-split.gz", l->id);
	r = print_add_file(g, l, name, print, ctime, e);
	for (size_t i = 0; !r && i < l->n_big_data; i++) {
		CLEANUP_BUF struct buf path;

		buf_init(&path, LAYER_DATA_PATH_MAX);
		r = layer_data_path(l, l->big_data[i], &path, e);
		if (!r)
			r = print_add_file(g, l, path.data, print, ctime, e);
	}
	return r;
}
