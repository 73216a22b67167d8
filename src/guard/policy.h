/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy.h: what each class of finding means for the verdict. Defaults: everything is denied but
 * what ordinary use makes (policy.c says which and why). layerseal.conf(5) changes it, except for
 * classes that stand for "could not look": those cannot be read as clean.
 */
#ifndef GUARD_POLICY_H
#define GUARD_POLICY_H

#include "base/err.h"
#include "base/finding.h"
#include "crypto/digest.h"

struct policy {
	enum severity severity[FINDING_CLASS_COUNT];
	bool purge
	    [FINDING_CLASS_COUNT]; /* denied, and taken out where healing is asked for */
};

void policy_default(struct policy *p);

const char *severity_name(enum severity s); /* "deny", "warn", "ignore" */
bool severity_parse(const char *name, enum severity *out);

/* ERR_USAGE if the class may not have this severity. */
MUSTUSE int policy_set(
    struct policy *p, enum finding_class c, enum severity s, struct err *e);

/* Denied, and for guard_heal(). */
void policy_set_purge(struct policy *p, enum finding_class c);
/* True if some class is to be purged; of those in a list, unless that is NULL. */
bool policy_heals(const struct policy *p, const struct findings *list);

/* SHA-256 over what each class means: equal policies judge alike. */
void policy_digest(const struct policy *p, struct digest *out);

/* Gives every finding its severity and drops the ignored ones. */
void policy_apply(const struct policy *p, struct findings *list);

#endif
