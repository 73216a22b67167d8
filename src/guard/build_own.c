/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build_own.c: see build_check_own(). A layer is finished before its image is made, and nothing in it changes from
 * then on. The kernel says when the image was made, and every file when it was changed last.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "guard/build_impl.h"
#include "guard/check.h"

/* When each layer of this build was finished, at the latest; zeros: it is none. */
static struct timespec *find_finished(const struct build *b, const struct build_work *w)
{
	const struct records *r = &w->survey.records;
	struct timespec *finished = xcalloc(r->n_layers + 1, sizeof(*finished));

	for (size_t i = 0; i < r->n_images; i++) {
		struct timespec made = creations_seen(b->creations, r->images[i].id);
		size_t index = survey_layer_index(&w->survey, r->images[i].top_layer);

		for (size_t n = 0;
		     w->made[i] && made.tv_sec && index != SIZE_MAX && n <= r->n_layers;
		     n++) {
			if (creations_has(b->creations, r->layers[index].id) &&
			    (!finished[index].tv_sec ||
				check_before(&made, &finished[index])))
				finished[index] = made;
			index = survey_layer_index(&w->survey, r->layers[index].parent);
		}
	}
	return finished;
}

static void add_touched(struct build *b, const char *layer, const char *path)
{
	finding_found(findings_add(&b->out->findings, FINDING_TREE_TOUCHED,
			  (struct place){.layer = layer, .path = path}),
	    "changed after this build had finished it");
}

/* What leads to the tree of an overlay layer. */
static void check_ways(struct build *b, const struct store_layer *l,
    const struct layer_structure *st, const struct timespec *finished)
{
	int dir = guard_tree_dir(b->g, l);
	char paths[3][2 * ID_LEN];

	snprintf(paths[0], sizeof(paths[0]), "%s/link", l->id);
	snprintf(paths[1], sizeof(paths[1]), "%s/lower", l->id);
	snprintf(paths[2], sizeof(paths[2]), "l/%s", st->link);
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		struct stat file;

		/* What is missing is for who seals it. */
		if (fstatat(dir, paths[i], &file, AT_SYMLINK_NOFOLLOW) == 0 &&
		    check_before(finished, &file.st_ctim))
			add_touched(b, l->id, paths[i]);
	}
}

static void check_trees(
    struct build *b, const struct build_work *w, const struct timespec *finished)
{
	const struct records *r = &w->survey.records;
	CLEANUP_FREE struct statprint_job *jobs = xcalloc(r->n_layers, sizeof(*jobs));
	CLEANUP_FREE char(*paths)[STORE_TREE_PATH_MAX] =
	    xcalloc(r->n_layers, sizeof(*paths));
	CLEANUP_FREE size_t *layers = xcalloc(r->n_layers, sizeof(*layers));
	const struct xxh_key none = {0};
	size_t n = 0;

	for (size_t i = 0; i < r->n_layers; i++) {
		if (!finished[i].tv_sec)
			continue;
		store_tree_path(b->g->store, r->layers[i].id, paths[n]);
		jobs[n].base_fd = guard_tree_dir(b->g, &r->layers[i]);
		jobs[n].path = paths[n];
		layers[n++] = i;
	}
	statprint_run(jobs, n, &none, b->g->threads, b->g->progress);
	for (size_t k = 0; k < n; k++) {
		size_t i = layers[k];

		/* One that cannot be read is refused when it is sealed. */
		if (check_before(&finished[i], &jobs[k].newest))
			add_touched(b, r->layers[i].id, NULL);
		if (b->g->store->config->driver == STORE_OVERLAY)
			check_ways(
			    b, &r->layers[i], &w->survey.structures[i], &finished[i]);
	}
}

void build_check_own(struct build *b, const struct build_work *w)
{
	CLEANUP_FREE struct timespec *finished = NULL;

	if (!b->creations || w->n_made == 0)
		return;
	finished = find_finished(b, w);
	check_trees(b, w, finished);
}
