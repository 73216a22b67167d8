/* SPDX-License-Identifier: Apache-2.0 */
/* watcher_judge.c: what was touched. An event is a question: what is at that path now is measured (guard/ask.h). */
#include <string.h>

#include "base/hex.h"
#include "guard/ask.h"
#include "store/cachemounts.h"
#include "watch/watcher_impl.h"

/* After a write: the same file is often written to again at once. */
#define RENEW_AFTER_MS 3000

static bool is_lock(const struct touch *t)
{
	size_t len = strlen(t->path);

	return !(t->what & (SOURCE_ADDED | SOURCE_REMOVED)) && len > 5 &&
	       strcmp(t->path + len - 5, ".lock") == 0;
}

static void note_writer(struct watcher *w, const struct touch *t)
{
	if (!t->has_writer)
		return;
	w->many_writers |= w->has_writer && w->writer.pid != t->writer.pid;
	w->has_writer = true;
	w->writer = t->writer;
}

static void ask_structure(struct watcher *w, const struct touch *t)
{
	w->look_asked = true;
	if (t)
		note_writer(w, t);
}

/* A file that is named after a layer: "<id>.tar-split.gz". */
static struct watched_layer *named_after(const struct watcher *w, const char *name)
{
	char id[ENTRY_ID_LEN + 1];

	if (strlen(name) < ENTRY_ID_LEN)
		return NULL;
	memcpy(id, name, ENTRY_ID_LEN);
	id[ENTRY_ID_LEN] = '\0';
	return hex_is(id, ENTRY_ID_LEN) ? watcher_layer(w, id) : NULL;
}

/* The directory of a layer was made, exchanged or taken away. */
static void ask_layers(struct watcher *w, const struct touch *t)
{
	struct watched_layer *l = named_after(w, t->path);

	ask_structure(w, t);
	if (!l || !(t->what & (SOURCE_ADDED | SOURCE_REMOVED)))
		return;
	watcher_disarm(w, l->id);
	l->known = false;
	w->arm_asked = true;
}

static void ask_records(struct watcher *w, const struct touch *t)
{
	struct watched_layer *l = named_after(w, t->path);

	if (l)
		l->known = false;
	/* The directory of its big data may have come into being. */
	if (l && (t->what & SOURCE_ADDED) && (t->what & SOURCE_DIRECTORY))
		w->arm_asked = true;
	ask_structure(w, t);
}

/* The path in the tree, or NULL: it is beside the tree. */
static char *path_in_tree(const struct watcher *w, const char *path)
{
	if (w->g->store->config->driver == STORE_VFS)
		return xasprintf("/%s", path);
	if (strcmp(path, "diff") == 0)
		return xstrdup("/");
	return strncmp(path, "diff/", 5) == 0 ? xstrdup(path + 4) : NULL;
}

struct tree_question {
	struct ask_path *paths; /* their texts are owned */
	size_t n;
	const struct touch *first; /* of them */
};

static void release_paths(struct tree_question *q)
{
	for (size_t i = 0; i < q->n; i++)
		free((char *)(uintptr_t)q->paths[i].path);
	free(q->paths);
}

/* Takes `path`. */
static void add_path(struct tree_question *q, char *path, bool below)
{
	for (size_t i = 0; i < q->n; i++) {
		if (strcmp(q->paths[i].path, path) != 0)
			continue;
		q->paths[i].below |= below;
		free(path);
		return;
	}
	q->paths = xreallocarray(q->paths, q->n + 1, sizeof(*q->paths));
	q->paths[q->n++] = (struct ask_path){path, below};
}

/* A directory that was put there brings with it whatever is in it. */
static bool brings_more(const struct touch *t)
{
	return (t->what & SOURCE_ADDED) && (t->what & SOURCE_DIRECTORY);
}

static void take_paths(struct watcher *w, const struct question *from,
    struct watched_layer *l, struct tree_question *q)
{
	for (size_t i = 0; i < from->n; i++) {
		const struct touch *t = &from->touches[i];
		char *path = path_in_tree(w, t->path);

		note_writer(w, t);
		if (!path || strcmp(path, "/") == 0)
			ask_structure(w, t);
		if (!path)
			continue;
		/* The tree as such is another one, or gone. */
		if (strcmp(path, "/") == 0 && (t->what & (SOURCE_ADDED | SOURCE_REMOVED)))
			l->known = false;
		q->first = q->first ? q->first : t;
		add_path(q, path, brings_more(t));
	}
}

/*
 * True if something was found that has no place in the tree to ask about again: a tree that cannot be read, a changed
 * tar-split or file beside it. No answer about places may stand for that.
 */
static bool has_placeless(const struct findings *list)
{
	for (size_t i = 0; i < list->n; i++) {
		if (!list->v[i].path || list->v[i].path[0] != '/')
			return true;
	}
	return list->dropped > 0;
}

/* What was found before may be gone, or be the same: it is asked about again, with all that could not be looked at. */
static void take_found(struct tree_question *q, const struct watched_layer *l)
{
	for (size_t i = 0; i < l->found.n; i++) {
		const struct finding *f = &l->found.v[i];

		add_path(q, xstrdup(f->path),
		    f->class == FINDING_TREE_UNREADABLE ||
			f->class == FINDING_TREE_UNSTABLE);
	}
}

static void take_measured(struct watcher *w, struct watched_layer *l,
    const struct tree_question *q, struct findings *found)
{
	policy_apply(w->g->policy, found);
	findings_release(&l->found);
	findings_move(&l->found, found);
	if (has_placeless(&l->found))
		l->known = false;
	if (l->found.n)
		return;
	l->stale = true;
	w->stale_due = clock_now_ms() + RENEW_AFTER_MS;
	watcher_tell_touched(w, l->id, q->first);
}

static void take_answer(struct watcher *w, struct watched_layer *l,
    enum ask_answer answer, const struct tree_question *q, struct findings *found)
{
	switch (answer) {
	case ASK_ANSWERED:
		take_measured(w, l, q, found);
		return;
	case ASK_WHOLE:
		l->known = false;
		return;
	case ASK_NOT_SEALED:
	case ASK_LEAVING:
		/* The look at the records decides; if it stays, its tree is looked at anew. */
		findings_release(&l->found);
		l->known = false;
		w->look_asked = true;
		return;
	}
}

static int ask_tree(struct watcher *w, const struct question *from,
    struct watched_layer *l, struct err *e)
{
	CLEANUP_FINDINGS struct findings found = {0};
	struct tree_question q = {0};
	enum ask_answer answer;
	int r = 0;

	take_paths(w, from, l, &q);
	if (!has_placeless(&l->found))
		take_found(&q, l);
	if (from->whole || has_placeless(&l->found) || q.n > 2 * QUESTION_PATHS_MAX)
		l->known = false;
	if (q.first && l->known) {
		r = guard_ask(w->g, l->id, q.paths, q.n, &answer, &found, e);
		if (!r)
			take_answer(w, l, answer, &q, &found);
	}
	release_paths(&q);
	return r;
}

static int ask_layer(
    struct watcher *w, const struct question *q, const struct watched *d, struct err *e)
{
	struct watched_layer *l = watcher_layer(w, d->name);

	if (!l) {
		w->look_asked = true;
		return 0;
	}
	if (d->kind == WATCHED_LAYER)
		return ask_tree(w, q, l, e);
	l->known = false;
	return 0;
}

static void ask_outside(
    struct watcher *w, const struct question *q, enum watched_kind kind)
{
	if (q->whole)
		ask_structure(w, NULL);
	for (size_t i = 0; i < q->n; i++) {
		const struct touch *t = &q->touches[i];

		if (is_lock(t))
			continue;
		if (kind == WATCHED_LAYERS)
			ask_layers(w, t);
		else if (kind == WATCHED_RECORDS)
			ask_records(w, t);
		else
			ask_structure(w, t);
	}
	/* Which of them nobody knows. */
	if (q->whole && kind == WATCHED_RECORDS) {
		for (size_t i = 0; i < w->n_layers; i++)
			w->layers[i].known = false;
	}
	if (q->whole && kind == WATCHED_LAYERS)
		watcher_disarm_all(w);
}

/* A TMPDIR is everybody's. */
static void ask_caches(struct watcher *w, const struct question *q, const char *dir)
{
	bool is_one = q->whole || cache_mounts_are_in(strrchr(dir, '/') + 1);

	for (size_t i = 0; !is_one && i < q->n; i++)
		is_one = cache_mounts_are_in(q->touches[i].path);
	if (!is_one)
		return;
	w->arm_asked = true;
	w->cache_asked = true;
}

static int judge_one(struct watcher *w, const struct question *q, struct err *e)
{
	const struct watched *d = watcher_root(w, q->root);

	if (!w->touched_ms || q->since_ms < w->touched_ms)
		w->touched_ms = q->since_ms;
	/* It was forgotten meanwhile: what is there now was, or will be, looked at whole. */
	if (!d)
		return 0;
	switch (d->kind) {
	case WATCHED_LAYER:
	case WATCHED_DATA:
		return ask_layer(w, q, d, e);
	case WATCHED_CACHE:
		w->cache_asked = true;
		w->look_asked = true;
		return 0;
	case WATCHED_CACHES:
		ask_caches(w, q, d->name);
		return 0;
	case WATCHED_LAYERS:
	case WATCHED_RECORDS:
	case WATCHED_OTHER:
		ask_outside(w, q, d->kind);
		return 0;
	}
	return 0;
}

int watcher_judge(struct watcher *w, const struct questions *q, struct err *e)
{
	int r = 0;

	if (q->everything)
		watcher_disarm_all(w);
	for (size_t i = 0; !r && i < q->n; i++)
		r = judge_one(w, &q->v[i], e);
	return r;
}
