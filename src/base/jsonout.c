/* SPDX-License-Identifier: Apache-2.0 */
/* jsonout.c: see jsonout.h. */
#include "base/jsonout.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/esc.h"

/* Far above FINDINGS_MAX findings of the longest names. */
#define JSONOUT_MAX (512U << 20)

void jsonout_init(struct jsonout *j)
{
	j->need_comma = false;
	buf_init(&j->text, JSONOUT_MAX);
}

void jsonout_release(struct jsonout *j)
{
	buf_release(&j->text);
}

/* A document that exceeds the maximum cannot be completed: that is a bug, not an input. */
static void must(int r)
{
	if (r)
		abort();
}

static void put(struct jsonout *j, const char *s)
{
	struct err e;

	must(buf_adds(&j->text, s, &e));
}

static void put_string(struct jsonout *j, const char *s)
{
	struct err e;

	must(esc_json(&j->text, s, strlen(s), &e));
}

static void put_name(struct jsonout *j, const char *name)
{
	if (j->need_comma)
		put(j, ",");
	j->need_comma = true;
	if (name) {
		put_string(j, name);
		put(j, ":");
	}
}

void jsonout_begin(struct jsonout *j, const char *name, char bracket)
{
	put_name(j, name);
	put(j, (char[]){bracket, '\0'});
	j->need_comma = false;
}

void jsonout_end(struct jsonout *j, char bracket)
{
	put(j, (char[]){bracket, '\0'});
	j->need_comma = true;
}

void jsonout_str(struct jsonout *j, const char *name, const char *value)
{
	put_name(j, name);
	if (value)
		put_string(j, value);
	else
		put(j, "null");
}

void jsonout_u64(struct jsonout *j, const char *name, uint64_t value)
{
	struct err e;

	put_name(j, name);
	must(buf_addf(&j->text, &e, "%" PRIu64, value));
}

void jsonout_bool(struct jsonout *j, const char *name, bool value)
{
	put_name(j, name);
	put(j, value ? "true" : "false");
}

void jsonout_seconds(struct jsonout *j, const char *name, double value)
{
	struct err e;

	put_name(j, name);
	must(buf_addf(&j->text, &e, "%.3f", value));
}

void jsonout_raw(struct jsonout *j, const char *name, const char *json)
{
	put_name(j, name);
	put(j, json);
}
