/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ask.c: see ask.h. The sealed lines of the places that are asked about are picked out of the manifest, the places are
 * measured as tree_measure() does it for whole trees, and tree/compare.h gets both.
 */
#include "guard/ask.h"

#include <string.h>
#include <sys/stat.h>

#include "guard/ask_places.h"
#include "guard/check.h"
#include "guard/vanish.h"
#include "store/place.h"
#include "tree/compare.h"

/* A directory that is being written to is no reason for a finding at once. */
#define LOOK_TRIES 3
/* More than that is not worth doing place by place. */
#define ENTRIES_MAX 20000
#define TEXT_MAX (64U << 20)

/* Files of several names whose other names are looked for. */
#define LINKED_MAX 256

/* Neither an error nor an answer: the whole layer must be looked at. */
#define TAKE_WHOLE 1

/* Owned. */
struct strings {
	char **v;
	size_t n;
};

struct ask {
	const struct guard *g;
	const char *layer;
	const struct sealed_layer *sealed;
	int tree_fd;
	struct ask_places places;
	struct strings
	    linked; /* first names of files that had several when they were sealed */
	struct buf sealed_text,
	    text; /* lines of the places as sealed, and as they are now */
	uint64_t entries;
	struct findings findings;
};

/* ---- the sealed side ---- */

static int add_text(struct buf *text, const char *line, size_t len, struct err *e)
{
	return text->len + len > TEXT_MAX ? TAKE_WHOLE : buf_add(text, line, len, e);
}

static bool has(const struct strings *list, const char *s)
{
	for (size_t i = 0; i < list->n; i++) {
		if (strcmp(list->v[i], s) == 0)
			return true;
	}
	return false;
}

static void add(struct strings *list, const char *s)
{
	list->v = xreallocarray(list->v, list->n + 1, sizeof(*list->v));
	list->v[list->n++] = xstrdup(s);
}

static void strings_release(struct strings *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->v[i]);
	free(list->v);
	*list = (struct strings){0};
}

static int note_sealed(struct ask *a, struct ask_place *p, const struct manifest_entry *m)
{
	const char *first = m->hardlink ? m->payload : m->path;

	if (p) {
		p->sealed = true;
		p->sealed_dir = S_ISDIR(m->mode);
	}
	if (m->nlink < 2 || has(&a->linked, first))
		return 0;
	add(&a->linked, first);
	return a->linked.n > LINKED_MAX ? TAKE_WHOLE : 0;
}

/* What is `gone` with its directory has its own line only. */
static int take_line(struct ask *a, const struct lines *l, bool gone,
    struct manifest_scratch *scratch, struct err *e)
{
	struct ask_place *p;
	struct manifest_entry m;
	int r = 0;

	if (!ask_places_next(&a->places, l->path.data, &p))
		return 0;
	if (!gone) {
		r = manifest_parse(l->line.data, l->line.len, scratch, &m, e);
		if (!r)
			r = note_sealed(a, p, &m);
	}
	return r ? r : add_text(&a->sealed_text, l->line.data, l->line.len, e);
}

/* True without a look at most of the line: MODE begins with it. */
static bool is_later_name(const struct buf *line)
{
	const char *size = memchr(line->data, ' ', line->len);
	const char *mode = size ? strchr(size + 1, ' ') : NULL;

	return mode && mode[1] == '@';
}

static int take_name(const struct ask *a, const struct lines *l, struct strings *names,
    struct manifest_scratch *scratch, struct err *e)
{
	struct manifest_entry m = {.payload = l->path.data};
	int r = 0;

	if (is_later_name(&l->line))
		r = manifest_parse(l->line.data, l->line.len, scratch, &m, e);
	if (!r && m.payload && has(&a->linked, m.payload))
		add(names, l->path.data);
	return r;
}

enum pass {
	PASS_LINES, /* of the places */
	PASS_GONE,  /* again, with all that is below directories that are gone */
	PASS_NAMES, /* all names of the linked files, to `names` */
};

static int take_pass(
    struct ask *a, struct lines *l, enum pass pass, struct strings *names, struct err *e)
{
	struct manifest_scratch *scratch = manifest_scratch_new();
	int r;

	do {
		r = lines_next(l, e);
		if (!r && l->line.len)
			r = pass == PASS_NAMES
				? take_name(a, l, names, scratch, e)
				: take_line(a, l, pass == PASS_GONE, scratch, e);
	} while (!r && l->line.len);
	manifest_scratch_free(scratch);
	return r;
}

/* Nothing of it may be relied on before all of it was read: only its end tells that it is what was sealed. */
static int read_sealed(
    struct ask *a, enum pass pass, struct strings *names, struct err *e)
{
	struct manifest_reader *reader = NULL;
	CLEANUP_LINES struct lines lines;
	int r = manifest_reader_new(a->g->ledger, &a->sealed->seal->tree,
	    a->sealed->seal->manifest_bytes, &reader, e);

	buf_clear(&a->sealed_text);
	ask_places_rewind(&a->places);
	lines_init(&lines, manifest_reader_next, reader);
	if (!r)
		r = take_pass(a, &lines, pass, names, e);
	manifest_reader_free(reader);
	return r < 0 ? err_wrap(e, "sealed manifest of %.12s", a->layer) : r;
}

/* Of a file with several names each line says something about the others: all are asked about. */
static int add_names(struct ask *a, const struct ask_path *paths, size_t n, struct err *e)
{
	CLEANUP_FREE struct ask_path *more = NULL;
	struct strings names = {0};
	int r = read_sealed(a, PASS_NAMES, &names, e);

	if (!r) {
		more = xcalloc(n + names.n, sizeof(*more));
		memcpy(more, paths, n * sizeof(*more));
		for (size_t i = 0; i < names.n; i++)
			more[n + i].path = names.v[i];
		ask_places_release(&a->places);
		ask_places_init(&a->places, more, n + names.n);
		r = read_sealed(a, PASS_LINES, NULL, e);
	}
	strings_release(&names);
	return r;
}

static int find_sealed(
    struct ask *a, const struct ask_path *paths, size_t n, struct err *e)
{
	int r;

	strings_release(&a->linked);
	ask_places_release(&a->places);
	ask_places_init(&a->places, paths, n);
	r = read_sealed(a, PASS_LINES, NULL, e);
	if (!r && a->linked.n)
		r = add_names(a, paths, n, e);
	if (!r)
		ask_places_add_unsealed(&a->places);
	return r;
}

/* ---- what is there ---- */

static int note_line(void *ctx, const char *line, size_t len,
    const struct manifest_entry *m, struct err *e)
{
	struct ask *a = ctx;
	struct ask_place *p;

	(void)ask_places_next(&a->places, m->path, &p);
	if (p) {
		p->there = true;
		p->is_dir = S_ISDIR(m->mode);
	}
	return ++a->entries > ENTRIES_MAX ? TAKE_WHOLE : add_text(&a->text, line, len, e);
}

static void forget_look(struct ask *a)
{
	buf_clear(&a->text);
	a->entries = 0;
	ask_places_rewind(&a->places);
	for (size_t i = 0; i < a->places.n; i++)
		a->places.v[i].there = a->places.v[i].is_dir = false;
}

static int look(struct ask *a, const struct tree_pick *picks, size_t n, struct err *e)
{
	struct tree_options opt = {
	    .threads = a->g->threads,
	    .line = note_line,
	    .line_ctx = a,
	    .picks = picks,
	    .n_picks = n,
	};
	struct tree_result ignored;
	int r = ERR_CHANGED;

	for (int tries = 0; r == ERR_CHANGED && tries < LOOK_TRIES; tries++) {
		forget_look(a);
		r = tree_measure(a->tree_fd, &opt, &ignored, e);
	}
	return r;
}

/* ---- both ---- */

/* A text that is in memory, in one chunk. */
struct text {
	const char *data;
	size_t len;
};

static int next_text(void *ctx, const char **data, size_t *len, struct err *e)
{
	struct text *t = ctx;

	(void)e;
	*data = t->data;
	*len = t->len;
	t->len = 0;
	return 0;
}

static int compare_lines(
    struct ask *a, struct compare *c, struct manifest_scratch *scratch, struct err *e)
{
	struct text text = {a->text.data, a->text.len};
	CLEANUP_LINES struct lines now;
	int r;

	lines_init(&now, next_text, &text);
	for (;;) {
		struct manifest_entry m;

		r = lines_next(&now, e);
		if (!r && !now.line.len)
			return compare_finish(c, e);
		if (!r)
			r = manifest_parse(now.line.data, now.line.len, scratch, &m, e);
		if (!r)
			r = compare_line(c, now.line.data, now.line.len, &m, e);
		if (r)
			return r;
	}
}

static int compare_both(struct ask *a, struct err *e)
{
	struct text sealed = {a->sealed_text.data, a->sealed_text.len};
	struct manifest_scratch *scratch = manifest_scratch_new();
	struct compare *c = compare_new(next_text, &sealed, a->layer, &a->findings);
	int r = compare_lines(a, c, scratch, e);

	compare_free(c);
	manifest_scratch_free(scratch);
	return r;
}

/* *why has a code if what is there could not be measured. */
static int look_and_compare(
    struct ask *a, const struct ask_path *paths, size_t n, struct err *why, struct err *e)
{
	CLEANUP_FREE struct tree_pick *picks = NULL;
	int r;

	*why = (struct err){0};
	r = find_sealed(a, paths, n, e);
	if (r)
		return r;
	picks = ask_places_picks(&a->places);
	r = look(a, picks, a->places.n, why);
	if (r)
		return r > 0 ? r : 0;
	if (ask_places_add_gone(&a->places))
		r = read_sealed(a, PASS_GONE, NULL, e);
	return r ? r : compare_both(a, e);
}

/* Tries each path alone: those that cannot be measured are findings, the others go to `good`. */
static int sort_out(struct ask *a, const struct ask_path *paths, size_t n,
    struct ask_path *good, size_t *n_good)
{
	*n_good = 0;
	for (size_t i = 0; i < n; i++) {
		struct tree_pick pick = ask_places_pick(&a->places, paths[i].path);
		struct err why;
		int r = look(a, &pick, 1, &why);

		if (r > 0)
			return r;
		if (r)
			check_add_failure(
			    (struct place){.layer = a->layer, .path = paths[i].path},
			    &why, &a->findings);
		else
			good[(*n_good)++] = paths[i];
	}
	return 0;
}

/* Who keeps one place from being measured hides nothing that is at another. */
static int ask_all(struct ask *a, const struct ask_path *paths, size_t n, struct err *e)
{
	CLEANUP_FREE struct ask_path *good = xcalloc(n, sizeof(*good));
	size_t n_good;
	struct err why;
	int r = look_and_compare(a, paths, n, &why, e);

	if (r || !why.code)
		return r;
	r = sort_out(a, paths, n, good, &n_good);
	if (!r && n_good && n_good < n)
		r = look_and_compare(a, good, n_good, &why, e);
	/* Each for itself can be measured, and all of them cannot. */
	if (!r && n_good && why.code)
		check_add_failure((struct place){.layer = a->layer}, &why, &a->findings);
	return r;
}

/* ---- whose tree it is ---- */

/* The records are needed only where several places of the store have it. */
static int open_tree(struct ask *a, struct err *e)
{
	const struct store *s = a->g->store;
	struct store_layer l = {0};
	size_t found = 0;

	memcpy(l.id, a->layer, sizeof(l.id));
	for (size_t i = s->n_places; i-- > 0;) {
		if (place_has_tree(s, i, a->layer)) {
			l.place = i;
			found++;
		}
	}
	if (found > 1) {
		CLEANUP_FINDINGS struct findings ignored = {0};
		CLEANUP_RECORDS struct records now = {0};
		const struct store_layer *recorded;
		int r = records_read(s, &now, &ignored, e);

		if (r)
			return r;
		recorded = records_layer(&now, a->layer);
		if (recorded)
			l.place = recorded->place;
	}
	return guard_open_tree(a->g, &l, &a->tree_fd, e);
}

static bool is_another(const struct ask *a, const struct store_layer *l)
{
	struct layer_structure st = {0};
	struct err ignored;

	if (a->g->store->config->driver == STORE_OVERLAY &&
	    store_read_link(a->g->store, l, st.link, &ignored))
		st.link[0] = '\0';
	return layer_is_another_creation(a->sealed->seal, l, &st);
}

/* After the look: what the engine removes is marked before the first file goes. */
static int judge(const struct ask *a, enum ask_answer *answer, struct err *e)
{
	CLEANUP_FINDINGS struct findings flaws = {0};
	CLEANUP_RECORDS struct records now = {0};
	const struct store_layer *l;
	int r;

	*answer = ASK_ANSWERED;
	if (a->findings.n + a->findings.dropped == 0)
		return 0;
	r = records_read(a->g->store, &now, &flaws, e);
	/* Records that cannot be read in full excuse nothing. */
	if (r || flaws.n)
		return r;
	l = records_layer(&now, a->layer);
	if (layer_vanished(a->g, &now, a->layer))
		*answer = ASK_LEAVING;
	else if (l && is_another(a, l))
		*answer = ASK_NOT_SEALED;
	return 0;
}

static int answer_it(struct ask *a, const struct ask_path *paths, size_t n,
    enum ask_answer *answer, struct err *e)
{
	struct err why;
	int r = 0;

	if (open_tree(a, &why))
		check_add_failure((struct place){.layer = a->layer}, &why, &a->findings);
	else
		r = ask_all(a, paths, n, e);
	if (r != TAKE_WHOLE)
		return r ? r : judge(a, answer, e);
	*answer = ASK_WHOLE;
	return 0;
}

/* ---- interface ---- */

static int check_paths(
    const char *layer, const struct ask_path *paths, size_t n, struct err *e)
{
	if (strlen(layer) != ID_LEN || strchr(layer, '/'))
		return err_set(e, ERR_USAGE, "no layer can have the id %s", layer);
	for (size_t i = 0; i < n; i++) {
		if (!manifest_path_ok(paths[i].path))
			return err_set(
			    e, ERR_USAGE, "no path in a tree: %s", paths[i].path);
	}
	return 0;
}

int guard_ask(struct guard *g, const char *layer, const struct ask_path *paths, size_t n,
    enum ask_answer *answer, struct findings *findings, struct err *e)
{
	struct ask a = {.g = g, .layer = layer, .tree_fd = -1};
	int r = check_paths(layer, paths, n, e);

	*answer = ASK_NOT_SEALED;
	if (r)
		return r;
	a.sealed = ledger_layer(g->ledger, &g->store_id, layer);
	if (!a.sealed || a.sealed->retired)
		return 0;
	buf_init(&a.sealed_text, TEXT_MAX);
	buf_init(&a.text, TEXT_MAX);
	if (n)
		r = answer_it(&a, paths, n, answer, e);
	else
		*answer = ASK_ANSWERED;
	if (!r && *answer == ASK_ANSWERED)
		findings_move(findings, &a.findings);
	findings_release(&a.findings);
	ask_places_release(&a.places);
	strings_release(&a.linked);
	buf_release(&a.sealed_text);
	buf_release(&a.text);
	base_close_p(&a.tree_fd);
	return r;
}

int guard_layer_is_leaving(
    const struct guard *g, const char *layer, bool *leaving, struct err *e)
{
	CLEANUP_FINDINGS struct findings flaws = {0};
	CLEANUP_RECORDS struct records now = {0};
	int r = records_read(g->store, &now, &flaws, e);

	/* Records that cannot be read in full excuse nothing. */
	*leaving = !r && !flaws.n && layer_vanished(g, &now, layer);
	return r;
}
