/* SPDX-License-Identifier: Apache-2.0 */
/*
 * structure.c: see structure.h. One look compares the directories with one snapshot of the
 * records; several looks tell a deviation from an engine at work.
 */
#include "store/structure.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/hex.h"
#include "store/structure_in.h"

/*
 * Every engine marks a layer as incomplete in its record before it touches the directory, and
 * removes the record last. So what an honest engine does shows as a deviation only when it began
 * or ended between the reading of the records and the look: the next look shows it as
 * explained. What stays is a finding; so is what is new at every look, however long one looks.
 */
#define LOOKS_MIN 3
#define LOOKS_MAX 8
#define LOOK_EVERY_NS 10000000L
/* So many deviations are no engine's doing; comparing two such lists would take seconds. */
#define MANY 1000

struct finding *look_add(struct look *k, enum finding_class c, size_t place,
    const char *layer, const char *path)
{
	CLEANUP_FREE char *full = NULL;
	struct place where = {.layer = layer, .path = path};

	if (place && path) {
		full = xasprintf("%s/%s", k->s->places[place].path, path);
		where.path = full;
	}
	return findings_add(k->findings, c, where);
}

void look_add_entry(struct look *k, size_t place, const char *path, const char *expected)
{
	finding_expected(
	    look_add(k, FINDING_STORE_ENTRY, place, NULL, path), "%s", expected);
}

mode_t look_type(int dirfd, const char *name, bool *mounted)
{
	struct statx st;

	*mounted = false;
	if (statx(dirfd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC,
		STATX_TYPE, &st))
		return 0;
	*mounted = st.stx_attributes & st.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT;
	return st.stx_mode & S_IFMT;
}

bool look_is_empty(int dirfd, const char *name)
{
	struct fs_names names CLEANUP_NAMES = {0};
	struct err e;

	return !fs_list(dirfd, name, 1, &names, &e) && names.n == 0;
}

bool look_is_numbered(const char *name, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(name, prefix, len) == 0 && name[len] &&
	       !name[len + strspn(name + len, "0123456789")];
}

bool look_is_leftover(int dirfd, const char *name)
{
	bool mounted;

	return strncmp(name, ".tmp-", 5) == 0 &&
	       look_type(dirfd, name, &mounted) == S_IFREG;
}

void look_tempdirs(struct look *k, size_t place, int dirfd, const char *path)
{
	struct fs_names names CLEANUP_NAMES = {0};
	CLEANUP_FD int fd = -1;
	struct err e;

	if (fs_open_dir(dirfd, strrchr(path, '/') + 1, &fd, &e) ||
	    fs_list_fd(fd, LOOK_NAMES_MAX, &names, &e)) {
		look_add_entry(k, place, path, "a directory");
		return;
	}
	for (size_t i = 0; i < names.n; i++) {
		bool mounted;
		mode_t type = look_type(fd, names.v[i], &mounted);
		CLEANUP_FREE char *full = NULL;

		if (!type || (type == S_IFREG && look_is_numbered(names.v[i], "lock-")) ||
		    (type == S_IFDIR && !mounted &&
			look_is_numbered(names.v[i], "temp-dir-")))
			continue;
		full = xasprintf("%s/%s", path, names.v[i]);
		look_add_entry(k, place, full, "lock-N or temp-dir-N");
	}
}

static bool is_of_id(const struct look *k, const struct store_layer *l, const char *id)
{
	return l && l < k->r->layers + k->r->n_layers && strcmp(l->id, id) == 0;
}

const struct store_layer *look_tree(const struct look *k, const char *id, size_t place)
{
	const struct store_layer *l = records_layer(k->r, id);

	while (is_of_id(k, l, id) && look_tree_place(k, l) != place)
		l++;
	return is_of_id(k, l, id) ? l : NULL;
}

const struct store_layer *look_data(const struct look *k, const char *id, size_t place)
{
	const struct store_layer *l = records_layer(k->r, id);

	while (is_of_id(k, l, id) && place_of_data(k->s, l) != place)
		l++;
	return is_of_id(k, l, id) ? l : NULL;
}

/*
 * An engine deletes incomplete layers when it loads the records of its own places; in an
 * additional store it uses them as they are.
 */
bool look_is_transient(const struct look *k, const struct store_layer *l)
{
	return l->incomplete && k->s->places[l->place].kind != PLACE_ADDITIONAL;
}

static void check_parent(struct look *k, const struct store_layer *l)
{
	struct finding *f;

	if (!l->parent[0] || records_layer(k->r, l->parent) || look_is_transient(k, l))
		return;
	f = look_add(k, FINDING_LAYER_MISSING, 0, l->id, NULL);
	finding_expected(f, "a record of its parent");
	finding_found(f, "no layer %s", l->parent);
}

/* A place hides the layers of those behind it: the driver looks there first, records or not. */
static void check_shadow(struct look *k, const struct store_layer *l)
{
	const struct store_layer *first = records_layer(k->r, l->id);
	struct finding *f;

	if (first == l)
		return;
	f = look_add(k, FINDING_STORE_SHADOW, l->place, l->id, NULL);
	finding_expected(f, "no layer of this id in two places");
	finding_found(f, "%s hides that of %s", k->s->places[first->place].path,
	    k->s->places[l->place].path);
}

static bool same_or_none(const struct opt_digest *copy, const struct opt_digest *original)
{
	return !copy->has || (original->has && digest_equal(&copy->d, &original->d));
}

static bool is_copy_of(const struct store_layer *l, const struct store_layer *top)
{
	return top && top != l && !top->has_id_maps &&
	       strcmp(l->parent, top->parent) == 0 &&
	       same_or_none(&l->diff, &top->diff) &&
	       same_or_none(&l->compressed, &top->compressed) &&
	       same_or_none(&l->toc, &top->toc);
}

static bool lists_copy(const struct store_image *i, const char *id)
{
	for (size_t m = 0; m < i->n_mapped_layers; m++) {
		if (strcmp(i->mapped_layers[m], id) == 0)
			return true;
	}
	return false;
}

static bool is_mapped_copy(const struct records *r, const struct store_layer *l)
{
	for (size_t i = 0; i < r->n_images; i++) {
		if (lists_copy(&r->images[i], l->id) &&
		    is_copy_of(l, records_layer(r, r->images[i].top_layer)))
			return true;
	}
	return false;
}

/*
 * Nobody measures what is id-mapped, and a pull adopts any layer by its id or its digests: maps are
 * for the layers of containers and for copies of an image's top layer, which have its digests.
 */
static void check_mapped(struct look *k, const struct store_layer *l)
{
	struct finding *f;

	if (!l->has_id_maps || look_is_transient(k, l) ||
	    records_is_container_layer(k->r, l) || is_mapped_copy(k->r, l))
		return;
	f = look_add(k, FINDING_LAYER_UNSEALED, l->place, l->id, NULL);
	finding_expected(f, "uidmap and gidmap only in a copy that an image lists");
	finding_found(f, "an id-mapped layer that is a copy of none");
}

/*
 * Id-mapped copies serve containers only and are not measured, so a record that calls a layer of
 * an image one, or incomplete where nobody deletes it, takes it out of sight.
 */
static void check_image_chain(struct look *k, const struct store_image *i, bool *seen)
{
	const struct store_layer *l = records_layer(k->r, i->top_layer);
	struct finding *f;

	for (; l && !seen[look_index(k, l)]; l = records_layer(k->r, l->parent)) {
		seen[look_index(k, l)] = true;
		if (l->has_id_maps) {
			f = look_add(k, FINDING_LAYER_RECORD, 0, l->id, NULL);
			finding_expected(
			    f, "no uidmap and gidmap in a layer of an image");
			finding_found(f, "an id-mapped copy");
		}
	}
}

static void check_records(struct look *k)
{
	CLEANUP_FREE bool *seen = xcalloc(k->r->n_layers, sizeof(*seen));
	struct finding *f;

	for (size_t i = 0; i < k->r->n_layers; i++) {
		const struct store_layer *l = &k->r->layers[i];

		check_parent(k, l);
		check_shadow(k, l);
		check_mapped(k, l);
		if (!l->incomplete || look_is_transient(k, l))
			continue;
		f = look_add(k, FINDING_LAYER_RECORD, l->place, l->id, NULL);
		finding_expected(f, "a complete layer in a store that is only read");
		finding_found(f, "flags.incomplete");
	}
	for (size_t i = 0; i < k->r->n_images; i++)
		check_image_chain(k, &k->r->images[i], seen);
}

static int look(const struct store *s, const struct records *r,
    struct layer_structure **layers, struct findings *findings, struct err *e)
{
	CLEANUP_FREE size_t *tree_place = xcalloc(r->n_layers, sizeof(*tree_place));
	struct look k = {s, r, NULL, tree_place, findings};
	int rc;

	free(*layers);
	*layers = xcalloc(r->n_layers, sizeof(**layers));
	k.layers = *layers;
	for (size_t i = 0; i < r->n_layers; i++)
		tree_place[i] = place_of_tree(s, &r->layers[i]);
	check_records(&k);
	rc = s->config->driver == STORE_OVERLAY ? look_overlay(&k, e) : look_vfs(&k, e);
	return rc ? rc : look_files(&k, e);
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool is_known(const struct findings *list, const struct finding *f)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct finding *g = &list->v[i];

		if (g->class == f->class && same_text(g->layer, f->layer) &&
		    same_text(g->image, f->image) && same_text(g->path, f->path) &&
		    same_text(g->found, f->found))
			return true;
	}
	return false;
}

static size_t count_known(const struct findings *list, const struct findings *before)
{
	size_t n = 0;

	if (list->n > MANY && before->n > MANY)
		return list->n;
	for (size_t i = 0; i < list->n; i++)
		n += is_known(before, &list->v[i]);
	return n;
}

/* Drops what only the last look showed, unless there is nothing else. */
static void keep_known(struct findings *list, const struct findings *before)
{
	size_t known = count_known(list, before);

	if (known == 0 || known == list->n)
		return;
	for (size_t i = 0; i < list->n; i++)
		list->v[i].severity =
		    is_known(before, &list->v[i]) ? SEVERITY_DENY : SEVERITY_IGNORE;
	findings_drop(list, SEVERITY_IGNORE);
}

/* Newer records; what their reading finds is added unless the older reading found it too. */
static int read_again(
    const struct store *s, struct records *r, struct findings *findings, struct err *e)
{
	struct findings news CLEANUP_FINDINGS = {0};
	struct records fresh;
	int rc = records_read(s, &fresh, &news, e);

	if (rc)
		return rc;
	records_release(r);
	*r = fresh;
	for (size_t i = 0; i < news.n; i++)
		news.v[i].severity =
		    is_known(findings, &news.v[i]) ? SEVERITY_IGNORE : SEVERITY_DENY;
	findings_drop(&news, SEVERITY_IGNORE);
	findings_move(findings, &news);
	return 0;
}

int structure_check(const struct store *s, struct records *r,
    struct layer_structure **structures, struct findings *findings, struct err *e)
{
	struct findings now CLEANUP_FINDINGS = {0};
	struct layer_structure *layers = NULL;
	int rc = look(s, r, &layers, &now, e);

	for (int n = 1; !rc && now.n && n < LOOKS_MAX; n++) {
		struct findings before CLEANUP_FINDINGS = now;

		now = (struct findings){0};
		nanosleep(&(struct timespec){.tv_nsec = LOOK_EVERY_NS}, NULL);
		rc = read_again(s, r, findings, e);
		if (!rc)
			rc = look(s, r, &layers, &now, e);
		if (n + 1 >= LOOKS_MIN && count_known(&now, &before) == now.n)
			break;
		if (n + 1 == LOOKS_MAX)
			keep_known(&now, &before);
	}
	if (rc) {
		free(layers);
		return rc;
	}
	findings_move(findings, &now);
	*structures = layers;
	return 0;
}
