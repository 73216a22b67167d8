/* SPDX-License-Identifier: Apache-2.0 */
/* enginecmd_tables.h: for enginecmd.c only: the verbs and options of the engines. */
#ifndef GUARD_ENGINECMD_TABLES_H
#define GUARD_ENGINECMD_TABLES_H

#include "guard/enginecmd.h"

/*
 * Options as one text: words "name" (takes no value, or only after "="), "name=" (takes one),
 * "x,name=" (also as -x), between blanks.
 */
struct engine_verb {
	const char *path; /* "build", "image build" */
	enum engine_act act;
	const char *options;
	bool ends_at_argument; /* what follows the first argument is not the engine's */
};

struct engine_table {
	const char *global; /* options before the verb, and most of them after it too */
	const struct engine_verb *verbs;
	size_t n_verbs;
	bool
	    traverses; /* options before a verb belong to what stands before it (podman) */
};

extern const struct engine_table engine_tables[]; /* by enum engine */

#endif
