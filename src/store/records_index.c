/* SPDX-License-Identifier: Apache-2.0 */
/* records_index.c: order, duplicates and look-up of the records of a store. */
#include <stddef.h>
#include <string.h>

#include "base/hex.h"
#include "store/records_in.h"

static int compare_places(size_t a, size_t b)
{
	return (a > b) - (a < b);
}

static int compare_layers(const void *a, const void *b)
{
	const struct store_layer *x = a, *y = b;
	int order = strcmp(x->id, y->id);

	return order ? order : compare_places(x->place, y->place);
}

static int compare_images(const void *a, const void *b)
{
	const struct store_image *x = a, *y = b;
	int order = strcmp(x->id, y->id);

	return order ? order : compare_places(x->place, y->place);
}

static int compare_containers(const void *a, const void *b)
{
	const struct store_container *x = a, *y = b;

	return strcmp(x->id, y->id);
}

/*
 * A sorted list as settle() sees it: elements of any record type.
 */
struct list {
	char *v;
	size_t n, size;
	int (*compare)(const void *, const void *);
	void (*twice)(void *element, struct findings *findings);
	void (*release)(void *element);
};

/* Sorts; of equal elements none stays. Returns how many are left. */
static size_t settle(struct list *list, struct findings *findings)
{
	size_t kept = 0, end;

	if (list->n == 0)
		return 0;
	qsort(list->v, list->n, list->size, list->compare);
	for (size_t i = 0; i < list->n; i = end) {
		char *first = list->v + i * list->size;

		for (end = i + 1; end < list->n; end++) {
			if (list->compare(first, list->v + end * list->size))
				break;
		}
		if (end == i + 1) {
			memmove(list->v + kept++ * list->size, first, list->size);
			continue;
		}
		list->twice(first, findings);
		for (size_t k = i; k < end; k++)
			list->release(list->v + k * list->size);
	}
	return kept;
}

static void layer_twice(void *element, struct findings *findings)
{
	const struct store_layer *l = element;
	struct finding *f = findings_add(
	    findings, FINDING_RECORD_AMBIGUOUS, (struct place){.layer = l->id});

	finding_found(f, "the store records this layer more than once");
}

static void image_twice(void *element, struct findings *findings)
{
	const struct store_image *i = element;
	struct finding *f = findings_add(
	    findings, FINDING_RECORD_AMBIGUOUS, (struct place){.image = i->id});

	finding_found(f, "the store records this image more than once");
}

static void container_twice(void *element, struct findings *findings)
{
	const struct store_container *c = element;
	struct finding *f =
	    findings_add(findings, FINDING_RECORD_AMBIGUOUS, (struct place){0});

	finding_found(f, "the store records container %s more than once", c->id);
}

static void release_layer(void *element)
{
	store_layer_release(element);
}

static void release_image(void *element)
{
	store_image_release(element);
}

static void release_nothing(void *element)
{
	(void)element;
}

/* A name that somebody bears. */
struct bearer {
	const char *name, *layer, *image;
	size_t place;
};

static int compare_bearers(const void *a, const void *b)
{
	const struct bearer *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order ? order : compare_places(x->place, y->place);
}

/*
 * containers/storage looks among the names when it asks for an id: an object that bears the id of
 * another as its name is taken for it, by a pull for the layer or image that is to be pulled.
 */
static void report_names_like_ids(
    const struct bearer *v, size_t n, struct findings *findings)
{
	for (size_t i = 0; i < n; i++) {
		struct finding *f;

		if (!hex_is(v[i].name, ID_LEN))
			continue;
		f = findings_add(findings, FINDING_RECORD_AMBIGUOUS,
		    (struct place){.layer = v[i].layer, .image = v[i].image});
		finding_expected(f, "no name that could be an id");
		finding_found(f, "name %s", v[i].name);
	}
}

/* podman takes a name from whom it met first and gives it to the other. */
static void report_shared_names(struct bearer *v, size_t n, struct findings *findings)
{
	struct finding *f;

	if (n == 0)
		return;
	qsort(v, n, sizeof(*v), compare_bearers);
	for (size_t i = 1; i < n; i++) {
		if (compare_bearers(&v[i - 1], &v[i]))
			continue;
		f = findings_add(findings, FINDING_RECORD_AMBIGUOUS,
		    (struct place){.layer = v[i].layer, .image = v[i].image});
		finding_found(f, "its name %s is also that of %s", v[i].name,
		    v[i - 1].layer ? v[i - 1].layer : v[i - 1].image);
	}
}

static void check_layer_names(const struct records *r, struct findings *findings)
{
	CLEANUP_FREE struct bearer *v = NULL;
	size_t n = 0;

	for (size_t i = 0; i < r->n_layers; i++)
		n += r->layers[i].n_names;
	v = xcalloc(n, sizeof(*v));
	n = 0;
	for (size_t i = 0; i < r->n_layers; i++) {
		const struct store_layer *l = &r->layers[i];

		for (size_t k = 0; k < l->n_names; k++)
			v[n++] = (struct bearer){l->names[k], l->id, NULL, l->place};
	}
	report_shared_names(v, n, findings);
	report_names_like_ids(v, n, findings);
}

static void check_image_names(const struct records *r, struct findings *findings)
{
	CLEANUP_FREE struct bearer *v = NULL;
	size_t n = 0;

	for (size_t i = 0; i < r->n_images; i++)
		n += r->images[i].n_names;
	v = xcalloc(n, sizeof(*v));
	n = 0;
	for (size_t i = 0; i < r->n_images; i++) {
		const struct store_image *m = &r->images[i];

		for (size_t k = 0; k < m->n_names; k++)
			v[n++] = (struct bearer){m->names[k], NULL, m->id, m->place};
	}
	report_shared_names(v, n, findings);
	report_names_like_ids(v, n, findings);
}

void records_settle(struct records *r, struct findings *findings)
{
	struct list layers = {(char *)r->layers, r->n_layers, sizeof(*r->layers),
	    compare_layers, layer_twice, release_layer};
	struct list images = {(char *)r->images, r->n_images, sizeof(*r->images),
	    compare_images, image_twice, release_image};
	struct list containers = {(char *)r->containers, r->n_containers,
	    sizeof(*r->containers), compare_containers, container_twice, release_nothing};

	r->n_layers = settle(&layers, findings);
	r->n_images = settle(&images, findings);
	r->n_containers = settle(&containers, findings);
	check_layer_names(r, findings);
	check_image_names(r, findings);
}

/* First element with that id (ids are the first member of every record type). */
static size_t lower_bound(const void *v, size_t n, size_t size, const char *id)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp((const char *)v + middle * size, id) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

_Static_assert(offsetof(struct store_layer, id) == 0, "lower_bound() needs it");
_Static_assert(offsetof(struct store_image, id) == 0, "lower_bound() needs it");

const struct store_layer *records_layer(const struct records *r, const char *id)
{
	size_t i = lower_bound(r->layers, r->n_layers, sizeof(*r->layers), id);

	return i < r->n_layers && strcmp(r->layers[i].id, id) == 0 ? &r->layers[i] : NULL;
}

const struct store_image *records_image(const struct records *r, const char *id)
{
	size_t i = lower_bound(r->images, r->n_images, sizeof(*r->images), id);

	return i < r->n_images && strcmp(r->images[i].id, id) == 0 ? &r->images[i] : NULL;
}

static bool is_used_by_image(const struct records *r, const char *id)
{
	for (size_t i = 0; i < r->n_images; i++) {
		const struct store_image *m = &r->images[i];

		if (strcmp(m->top_layer, id) == 0)
			return true;
		for (size_t k = 0; k < m->n_mapped_layers; k++) {
			if (strcmp(m->mapped_layers[k], id) == 0)
				return true;
		}
	}
	return false;
}

static bool is_parent(const struct records *r, const char *id)
{
	for (size_t i = 0; i < r->n_layers; i++) {
		if (strcmp(r->layers[i].parent, id) == 0)
			return true;
	}
	return false;
}

static bool has_container(const struct records *r, const char *id)
{
	for (size_t i = 0; i < r->n_containers; i++) {
		if (strcmp(r->containers[i].layer, id) == 0)
			return true;
	}
	return false;
}

bool records_is_container_layer(const struct records *r, const struct store_layer *l)
{
	/* podman adopts a layer by its digests when it pulls: a container's has none. */
	if (l->diff.has || l->compressed.has || l->toc.has)
		return false;
	return has_container(r, l->id) && !is_used_by_image(r, l->id) &&
	       !is_parent(r, l->id);
}
