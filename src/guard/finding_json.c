/* SPDX-License-Identifier: Apache-2.0 */
/* finding_json.c: see finding_json.h. */
#include "guard/finding_json.h"

#include "guard/policy.h"

void finding_json(struct jsonout *j, const char *name, const struct finding *f)
{
	jsonout_begin(j, name, '{');
	jsonout_str(j, "class", finding_class_name(f->class));
	jsonout_str(j, "severity", severity_name(f->severity));
	jsonout_str(j, "layer", f->layer);
	jsonout_str(j, "image", f->image);
	jsonout_str(j, "used_by", f->used_by);
	jsonout_str(j, "path", f->path);
	jsonout_str(j, "expected", f->expected);
	jsonout_str(j, "found", f->found);
	jsonout_end(j, '}');
}

void findings_json(struct jsonout *j, const struct findings *list)
{
	jsonout_begin(j, "findings", '[');
	for (size_t i = 0; i < list->n; i++)
		finding_json(j, NULL, &list->v[i]);
	jsonout_end(j, ']');
}
