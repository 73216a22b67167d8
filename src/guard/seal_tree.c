/* SPDX-License-Identifier: Apache-2.0 */
/* seal_tree.c: measuring a tree for a seal, whatever it is the tree of. */
#include "guard/sealing.h"

/* What gets each line of the manifest while it is measured. */
struct sinks {
	tree_line_fn *also;
	void *ctx;
	struct manifest_writer *writer;
	bool *unstored;
};

static int sink_line(void *ctx, const char *line, size_t len,
    const struct manifest_entry *m, struct err *e)
{
	struct sinks *sinks = ctx;
	int r = manifest_writer_add(sinks->writer, line, len, e);

	*sinks->unstored = r != 0;
	return r || !sinks->also ? r : sinks->also(sinks->ctx, line, len, m, e);
}

int sealing_measure(struct sealing *s, int tree_fd, tree_line_fn *also, void *ctx,
    struct tree_result *out, bool *unstored, struct err *e)
{
	struct sinks sinks = {.also = also, .ctx = ctx, .unstored = unstored};
	struct tree_options opt = {
	    .threads = s->g->threads,
	    .progress = s->g->progress,
	    .key = ledger_statprint_key(s->g->ledger),
	    .scrub_key = ledger_scrub_key(s->g->ledger),
	    .known = s->known,
	    .line = sink_line,
	    .line_ctx = &sinks,
	};
	int r = manifest_writer_new(s->g->ledger, &sinks.writer, e);

	*unstored = r != 0;
	if (r)
		return r;
	r = tree_measure(tree_fd, &opt, out, e);
	if (!r) {
		r = manifest_writer_commit(sinks.writer, &out->digest, e);
		*unstored = r != 0;
	}
	manifest_writer_free(sinks.writer);
	return r;
}
