/* SPDX-License-Identifier: Apache-2.0 */
/*
 * surroundings.c: what lies around a store and leads podman elsewhere: its database,
 * mountpoints.json, whose paths podman believes when a layer is mounted already, and mounts.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/fs.h"
#include "store/covered.h"
#include "store/jsonin.h"
#include "store/libpod.h"
#include "store/place.h"
#include "store/structure.h"

#define MOUNTPOINTS_MAX (64U << 20)
#define ELEMENT_MAX 65536U
#define TRIES 4
#define TRY_EVERY_NS 10000000L

struct mountpoints {
	const struct store *s;
	const struct records *r;
	const char *file;
	struct findings *findings;
};

static const char *text_member(const struct value *object, const char *key)
{
	const char *text = value_text(value_get(object, key));

	return text ? text : "";
}

static bool same_dir(const char *path, size_t len, const char *other)
{
	char copy[PATH_MAX], a[PATH_MAX], b[PATH_MAX];

	if (len >= sizeof(copy))
		return false;
	memcpy(copy, path, len);
	copy[len] = '\0';
	return strcmp(copy, other) == 0 ||
	       (realpath(copy, a) && realpath(other, b) && strcmp(a, b) == 0);
}

/*
 * True if `path` is `root` (by any of its names), or what it is `known` as elsewhere (perhaps NULL), and then
 * exactly `tail`.
 */
static bool is_below(
    const char *path, const char *root, const char *known, const char *tail)
{
	size_t len = strlen(path), tail_len = strlen(tail);

	if (len <= tail_len || strcmp(path + len - tail_len, tail) != 0)
		return false;
	len -= tail_len;
	return same_dir(path, len, root) ||
	       (known && strlen(known) == len && memcmp(known, path, len) == 0);
}

/*
 * Where the drivers mount a layer: in its own directory, or, when it is in another place than the
 * graphroot, below the run root.
 */
static bool is_mount_of(
    const struct store *s, const struct store_layer *l, const char *path)
{
	size_t place = place_of_tree(s, l);
	const char *known = place ? NULL : s->config->known_graphroot;
	char tail[ID_LEN + 32];

	if (s->config->driver == STORE_VFS) {
		snprintf(tail, sizeof(tail), "/vfs/dir/%s", l->id);
		return is_below(path, s->places[place].path, known, tail);
	}
	snprintf(tail, sizeof(tail), "/overlay/%s/merged", l->id);
	return is_below(path, s->places[place].path, known, tail) ||
	       (place &&
		   is_below(path, s->config->runroot, s->config->known_runroot, tail));
}

static void add_finding(const struct mountpoints *m, const char *layer,
    const char *expected, const char *found)
{
	struct finding *f = findings_add(m->findings, FINDING_MOUNTPOINTS,
	    (struct place){.layer = layer, .path = m->file});

	finding_expected(f, "%s", expected);
	finding_found(f, "%s", found);
}

static enum json_fault check_entry(void *ctx, struct value *entry, struct err *e)
{
	static const char *const keys[] = {"id", "path", "count"};
	const struct mountpoints *m = ctx;
	const char *id = text_member(entry, "id"), *path = text_member(entry, "path");
	enum json_fault fault = jsonin_names(entry, keys, ARRAY_LEN(keys), true, e);
	const struct store_layer *l;

	if (fault != JSON_OK)
		return fault;
	if (!value_is(value_get(entry, "id"), VALUE_TEXT) ||
	    !value_is(value_get(entry, "path"), VALUE_TEXT) ||
	    !value_is(value_get(entry, "count"), VALUE_INTEGER)) {
		err_set(e, ERR_MALFORMED, "an entry without id, path or count");
		return JSON_MALFORMED;
	}
	l = records_layer(m->r, id);
	if (!l)
		add_finding(m, id, "a recorded layer", path);
	else if (!is_mount_of(m->s, l, path))
		add_finding(m, id, "the layer's own mount point", path);
	return JSON_OK;
}

/* One look, against the records of one moment. A missing file says that nothing is mounted. */
static void look(struct mountpoints *m)
{
	CLEANUP_BUF struct buf text;
	enum json_fault fault = JSON_OK;
	struct err e;
	int r;

	buf_init(&text, MOUNTPOINTS_MAX);
	r = fs_read_file(m->s->runroot_fd, m->file, MOUNTPOINTS_MAX, &text, NULL, &e);
	if (r == ERR_NOT_FOUND || (!r && !text.len))
		return;
	if (!r)
		fault =
		    jsonin_array(text.data, text.len, ELEMENT_MAX, check_entry, m, &e);
	if (r || fault != JSON_OK)
		add_finding(m, NULL, "a list that containers/storage wrote", e.msg);
}

/*
 * A container may start or end between the reading of the records and this: what does not fit is
 * looked at again with fresh records.
 */
static int check_mountpoints(const struct store *s, const struct records *r,
    struct findings *findings, struct err *e)
{
	char file[64];
	struct mountpoints m = {s, r, file, findings};
	size_t mark = findings->n + findings->dropped;

	if (s->runroot_fd < 0)
		return 0;
	snprintf(file, sizeof(file), "%s-layers/mountpoints.json",
	    store_driver_name(s->config->driver));
	look(&m);
	for (int i = 1; i < TRIES && findings->n + findings->dropped > mark; i++) {
		struct records fresh CLEANUP_RECORDS = {0};
		struct findings known CLEANUP_FINDINGS = {0};
		int rc;

		nanosleep(&(struct timespec){.tv_nsec = TRY_EVERY_NS}, NULL);
		rc = records_read(s, &fresh, &known, e);
		if (rc)
			return rc;
		findings_cut(findings, mark);
		m.r = &fresh;
		look(&m);
	}
	return 0;
}

int surroundings_check(const struct store *s, const struct records *r,
    struct findings *findings, struct err *e)
{
	int rc;

	libpod_check(s, findings);
	rc = check_mountpoints(s, r, findings, e);
	return rc ? rc : covered_check(s, r, findings, e);
}
