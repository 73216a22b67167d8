/* SPDX-License-Identifier: Apache-2.0 */
/* policy.c: see policy.h. */
#include "guard/policy.h"

#include <string.h>

static const char *const severity_names[] = {
    [SEVERITY_DENY] = "deny",
    [SEVERITY_WARN] = "warn",
    [SEVERITY_IGNORE] = "ignore",
};

void policy_default(struct policy *p)
{
	*p = (struct policy){.severity = {SEVERITY_DENY}};
	for (size_t i = 0; i < FINDING_CLASS_COUNT; i++)
		p->severity[i] = SEVERITY_DENY;
	/* `podman tag` on a sealed image makes one; the image behind the name is sealed. */
	p->severity[FINDING_NAME_UNSEALED] = SEVERITY_WARN;
	/* Every plain build with a cache mount makes or changes one; a guarded build takes none of them. */
	p->severity[FINDING_CACHE_MOUNT_UNSEALED] = SEVERITY_IGNORE;
	/* `podman run --userns` makes them; no build uses one unless it asks for a user namespace. */
	p->severity[FINDING_LAYER_MAPPED] = SEVERITY_WARN;
}

const char *severity_name(enum severity s)
{
	return severity_names[s];
}

bool severity_parse(const char *name, enum severity *out)
{
	for (size_t i = 0; i < ARRAY_LEN(severity_names); i++) {
		if (strcmp(severity_names[i], name) == 0) {
			*out = (enum severity)i;
			return true;
		}
	}
	return false;
}

int policy_set(struct policy *p, enum finding_class c, enum severity s, struct err *e)
{
	if (s != SEVERITY_DENY &&
	    (c == FINDING_TREE_UNREADABLE || c == FINDING_TREE_UNSTABLE))
		return err_set(e, ERR_USAGE,
		    "finding class %s can only be deny: what could not be looked at is "
		    "not clean",
		    finding_class_name(c));
	if (s != SEVERITY_DENY &&
	    (c == FINDING_TREE_TOUCHED || c == FINDING_BUILD_INPUT ||
		c == FINDING_BUILD_RESULT))
		return err_set(e, ERR_USAGE,
		    "finding class %s can only be deny: nobody knows what such a build "
		    "made",
		    finding_class_name(c));
	p->severity[c] = s;
	p->purge[c] = false;
	return 0;
}

void policy_set_purge(struct policy *p, enum finding_class c)
{
	p->severity[c] = SEVERITY_DENY;
	p->purge[c] = true;
}

bool policy_heals(const struct policy *p, const struct findings *list)
{
	bool heals = false;

	for (size_t c = 0; !list && c < FINDING_CLASS_COUNT; c++)
		heals |= p->purge[c];
	for (size_t i = 0; list && i < list->n; i++)
		heals |= p->purge[list->v[i].class];
	return heals;
}

void policy_digest(const struct policy *p, struct digest *out)
{
	char text[2 * FINDING_CLASS_COUNT];

	for (size_t c = 0; c < FINDING_CLASS_COUNT; c++) {
		text[2 * c] = (char)('0' + p->severity[c]);
		text[2 * c + 1] = p->purge[c] ? 'p' : '-';
	}
	sha256(text, sizeof(text), out);
}

void policy_apply(const struct policy *p, struct findings *list)
{
	for (size_t i = 0; i < list->n; i++)
		list->v[i].severity = p->severity[list->v[i].class];
	findings_drop(list, SEVERITY_IGNORE);
}
