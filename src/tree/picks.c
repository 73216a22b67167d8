/* SPDX-License-Identifier: Apache-2.0 */
/* picks.c: see picks.h. */
#include "tree/picks.h"

#include <dirent.h>
#include <string.h>

struct picks picks_of(const struct tree_options *opt)
{
	return (struct picks){opt->picks, opt->n_picks, !opt->picks};
}

struct picks picks_at(const struct picks *parent, const char *path)
{
	struct picks p = {.all = parent->all};

	for (size_t i = 0; i < parent->n; i++) {
		const struct tree_pick *pick = &parent->v[i];
		bool here = strcmp(pick->path, path) == 0;

		if (!here && !manifest_path_below(path, pick->path))
			continue;
		if (p.n++ == 0)
			p.v = pick;
		p.all |= here && pick->below;
	}
	return p;
}

void picks_names(const struct picks *p, const char *path, struct walk_names *names)
{
	size_t len = path[1] ? strlen(path) + 1 : 1;
	const char *last = "";
	size_t last_len = 0;

	for (size_t i = 0; i < p->n; i++) {
		const char *name = p->v[i].path + len;
		size_t n = strlen(p->v[i].path) > len ? strcspn(name, "/") : 0;
		CLEANUP_FREE char *copy = NULL;

		if (n == 0 || (n == last_len && memcmp(name, last, n) == 0))
			continue;
		copy = xstrndup(name, n);
		walk_names_add(names, copy, n, DT_UNKNOWN);
		last = name;
		last_len = n;
	}
}
