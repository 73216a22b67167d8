/* SPDX-License-Identifier: Apache-2.0 */
/*
 * structure_links.c: the overlay driver's short names: <layer>/link, the links in l/, and the lists
 * of them in <layer>/lower, which are mounted as they stand.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "store/place.h"
#include "store/structure_overlay.h"

#define LOWER_MAX (1U << 20) /* podman's limit is 500 links of 29 bytes */

bool store_link_target(const char *target, char out[static ID_LEN + 1])
{
	if (strlen(target) != ID_LEN + strlen("..//diff") ||
	    strncmp(target, "../", 3) != 0 || strcmp(target + 3 + ID_LEN, "/diff") != 0)
		return false;
	memcpy(out, target + 3, ID_LEN);
	out[ID_LEN] = '\0';
	return hex_is(out, ID_LEN);
}

static int driver_fd(const struct overlay *o, const struct store_layer *l)
{
	return o->k->s->places[look_tree_place(o->k, l)].driver_fd;
}

static bool is_link(const char *s, size_t len)
{
	return len == LINK_LEN && strspn(s, LINK_ALPHABET) == LINK_LEN;
}

static int read_link_file(int driver_fd, const char *id, struct buf *out, struct err *e)
{
	char path[ID_LEN + sizeof("/link")];

	snprintf(path, sizeof(path), "%s/link", id);
	return fs_read_file(driver_fd, path, NAME_MAX, out, NULL, e);
}

int store_read_link(const struct store *s, const struct store_layer *l,
    char out[static LINK_LEN + 1], struct err *e)
{
	CLEANUP_BUF struct buf text;
	int r;

	buf_init(&text, NAME_MAX);
	r = read_link_file(s->places[place_of_tree(s, l)].driver_fd, l->id, &text, e);
	if (!r && !is_link(text.data, text.len))
		r = err_set(e, ERR_MALFORMED, "the link file of %.12s holds none", l->id);
	if (!r)
		memcpy(out, text.data, LINK_LEN + 1);
	return r;
}

/*
 * The driver joins the content of `link` to paths that it mounts, and deletes: for a layer that is
 * about to be deleted it may be missing or empty, but not wrong.
 */
static void read_link(struct overlay *o, const struct store_layer *l)
{
	CLEANUP_BUF struct buf text;
	struct finding *f;
	struct err e;
	int r;

	buf_init(&text, NAME_MAX);
	r = read_link_file(driver_fd(o, l), l->id, &text, &e);
	if (!r && is_link(text.data, text.len)) {
		char *link = o->k->layers[look_index(o->k, l)].link;

		memcpy(link, text.data, LINK_LEN + 1);
		o->owners[o->n_owners++] = (struct owner){link, l, false};
		return;
	}
	if (look_is_transient(o->k, l) && (r == ERR_NOT_FOUND || (!r && !text.len)))
		return;
	f = overlay_add(o, FINDING_LAYER_LINK, l, "link");
	finding_expected(f, "26 characters of A-Z and 2-7");
	finding_found(f, "%s", r ? e.msg : text.data);
}

static int owner_cmp(const void *a, const void *b)
{
	const struct owner *x = a, *y = b;
	int order = strcmp(x->link, y->link);

	return order ? order : (x->layer > y->layer) - (x->layer < y->layer);
}

static void read_names(struct overlay *o)
{
	const struct records *r = o->k->r;

	o->owners = xcalloc(r->n_layers, sizeof(*o->owners));
	for (size_t i = 0; i < r->n_layers; i++) {
		if (driver_fd(o, &r->layers[i]) >= 0)
			read_link(o, &r->layers[i]);
	}
	qsort(o->owners, o->n_owners, sizeof(*o->owners), owner_cmp);
	for (size_t i = 1; i < o->n_owners; i++) {
		const struct owner *a = &o->owners[i - 1], *b = &o->owners[i];
		struct finding *f;

		if (strcmp(a->link, b->link) != 0)
			continue;
		/* Across places the first hides the others. */
		f = overlay_add(o,
		    look_tree_place(o->k, a->layer) == look_tree_place(o->k, b->layer)
			? FINDING_LAYER_LINK
			: FINDING_STORE_SHADOW,
		    b->layer, "link");
		finding_expected(f, "a short name of its own");
		finding_found(f, "that of layer %s", a->layer->id);
	}
}

/* The layer of a place that has this short name, or NULL. */
static struct owner *find_owner(const struct overlay *o, const char *link, size_t place)
{
	size_t low = 0, high = o->n_owners;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(o->owners[middle].link, link) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < o->n_owners && strcmp(o->owners[low].link, link) == 0; low++) {
		if (look_tree_place(o->k, o->owners[low].layer) == place)
			return &o->owners[low];
	}
	return NULL;
}

/*
 * A well-formed link without an owner. The link file of a layer being created comes after its link.
 * Removing a layer of a split image store leaves its link behind (removeCommon() looks in the
 * graphroot), also when the layer is pulled again: it leads to that layer's own tree or nowhere.
 */
static bool is_explained(struct overlay *o, const char *id, size_t place)
{
	const struct store_layer *l = look_tree(o->k, id, place);

	if (l && look_is_transient(o->k, l))
		return true;
	return place && (l || !records_layer(o->k->r, id));
}

static void check_link(struct overlay *o, size_t place, int l_fd, const char *name)
{
	struct owner *owner = find_owner(o, name, place);
	CLEANUP_FREE char *path = xasprintf("overlay/l/%s", name);
	CLEANUP_FREE char *target = NULL;
	char id[ID_LEN + 1] = "";
	struct finding *f;
	struct err e;
	int r = fs_readlink(l_fd, name, &target, &e);

	if (r == ERR_NOT_FOUND)
		return;
	if (!r && store_link_target(target, id)) {
		if (owner && strcmp(id, owner->layer->id) == 0) {
			owner->seen = true;
			return;
		}
		if (!owner && is_link(name, strlen(name)) && is_explained(o, id, place))
			return;
	}
	f = look_add(o->k, owner ? FINDING_LINK_TARGET : FINDING_LINK_UNEXPLAINED, place,
	    owner ? owner->layer->id : NULL, path);
	if (owner) {
		owner->seen = true;
		finding_expected(f, "../%s/diff", owner->layer->id);
	} else {
		finding_expected(f, "no such link");
	}
	finding_found(f, "%s", r ? e.msg : target);
}

void links_check_place(struct overlay *o, size_t place)
{
	struct fs_names names CLEANUP_NAMES = {0};
	CLEANUP_FD int l_fd = -1;
	struct err e;
	int r = fs_open_dir(o->k->s->places[place].driver_fd, "l", &l_fd, &e);

	if (!r)
		r = fs_list_fd(l_fd, LOOK_NAMES_MAX, &names, &e);
	if (r && r != ERR_NOT_FOUND)
		finding_found(
		    look_add(o->k, FINDING_STORE_ENTRY, place, NULL, "overlay/l"), "%s",
		    e.msg);
	for (size_t i = 0; i < names.n; i++)
		check_link(o, place, l_fd, names.v[i]);
}

void links_check_missing(struct overlay *o)
{
	for (size_t i = 0; i < o->n_owners; i++) {
		const struct owner *w = &o->owners[i];
		CLEANUP_FREE char *path = xasprintf("overlay/l/%s", w->link);
		struct finding *f;

		if (w->seen || look_is_transient(o->k, w->layer))
			continue;
		f = look_add(
		    o->k, FINDING_LINK_TARGET, w->layer->place, w->layer->id, path);
		finding_expected(f, "../%s/diff", w->layer->id);
		finding_found(f, "no such link");
	}
}

/*
 * An id-mapped copy has its template as the first lower. Only a layer whose record says that it is
 * mapped can be one: an image's list of its copies is not sealed.
 */
static void note_templates(struct overlay *o)
{
	const struct records *r = o->k->r;

	o->template = xcalloc(r->n_layers, sizeof(*o->template));
	memset(o->template, 0xff, r->n_layers * sizeof(*o->template));
	for (size_t i = 0; i < r->n_images; i++) {
		const struct store_image *im = &r->images[i];
		const struct store_layer *top = records_layer(r, im->top_layer);

		for (size_t m = 0; top && m < im->n_mapped_layers; m++) {
			const struct store_layer *l =
			    records_layer(r, im->mapped_layers[m]);

			if (l && l != top && l->has_id_maps &&
			    strcmp(l->parent, top->parent) == 0)
				o->template[look_index(o->k, l)] = look_index(o->k, top);
		}
	}
}

const struct store_layer *links_below(
    const struct overlay *o, const struct store_layer *l)
{
	size_t template = o->template[look_index(o->k, l)];
	const struct store_layer *near;

	if (template != SIZE_MAX)
		return &o->k->r->layers[template];
	if (!l->parent[0])
		return NULL;
	/* A store that is only read was made by somebody who saw its own layers first. */
	near = look_tree(o->k, l->parent, look_tree_place(o->k, l));
	return near ? near : records_layer(o->k->r, l->parent);
}

/* "l/A:l/B:..."; false if a layer below has no record or no short name, or there is no end. */
static bool expect_lower(
    const struct overlay *o, const struct store_layer *l, struct buf *out, struct err *e)
{
	for (size_t depth = 0; l->parent[0] || links_below(o, l); depth++) {
		l = links_below(o, l);
		if (!l || depth > o->k->r->n_layers ||
		    !o->k->layers[look_index(o->k, l)].link[0] ||
		    buf_addf(out, e, "%sl/%s", out->len ? ":" : "",
			o->k->layers[look_index(o->k, l)].link))
			return false;
	}
	return true;
}

void links_check_lower(struct overlay *o, const struct store_layer *l, int dirfd)
{
	CLEANUP_BUF struct buf expected, found;
	struct finding *f;
	struct err e, why;
	bool known;
	int r;

	buf_init(&expected, LOWER_MAX);
	buf_init(&found, LOWER_MAX);
	known = expect_lower(o, l, &expected, &e);
	r = fs_read_file(dirfd, "lower", LOWER_MAX, &found, NULL, &why);
	if (known && !expected.len && r == ERR_NOT_FOUND)
		return;
	if (known && expected.len && !r && expected.len == found.len &&
	    memcmp(expected.data, found.data, found.len) == 0)
		return;
	f = overlay_add(o, FINDING_LAYER_LOWER, l, "lower");
	finding_expected(f, "%s",
	    !known	   ? "the links of its recorded parents"
	    : expected.len ? expected.data
			   : "no such file: it has no parent");
	finding_found(f, "%s", r ? why.msg : found.data);
}

bool links_is_mapped_copy(const struct overlay *o, const struct store_layer *l)
{
	return o->template[look_index(o->k, l)] != SIZE_MAX;
}

void links_read(struct overlay *o)
{
	read_names(o);
	note_templates(o);
}

void links_release(struct overlay *o)
{
	free(o->owners);
	free(o->template);
}
