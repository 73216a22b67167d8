/* SPDX-License-Identifier: Apache-2.0 */
/*
 * records_edit.c: see records_edit.h. Users before what they use: whoever stops in between leaves
 * directories without records, and never a record without its layer.
 */
#include "store/records_edit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/hex.h"
#include "store/jsonin.h"

typedef int parse_fn(const char *json, size_t len, const char *file, struct records *out,
    struct findings *findings, struct err *e);

enum kind { CONTAINERS, IMAGES, LAYERS };

static const struct {
	enum kind kind;
	const char *room, *name;
	parse_fn *parse;
} files[] = {
    {CONTAINERS, "containers", "containers.json", records_parse_containers},
    {CONTAINERS, "containers", "volatile-containers.json", records_parse_containers},
    {IMAGES, "images", "images.json", records_parse_images},
    {LAYERS, "layers", "layers.json", records_parse_layers},
    {LAYERS, "layers", "volatile-layers.json", records_parse_layers},
};

/* One file on its way. */
struct editing {
	const struct records_edit *edit;
	size_t row;
	struct buf out;
	size_t kept;
	bool changed;
};

static int by_id(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void id_set_sort(struct id_set *set)
{
	if (set->n)
		qsort(set->v, set->n, sizeof(*set->v), by_id);
}

bool id_set_has(const struct id_set *set, const char *id)
{
	return set->n && bsearch(&id, set->v, set->n, sizeof(*set->v), by_id);
}

static bool is_to_go(const struct editing *x, const char *id)
{
	switch (files[x->row].kind) {
	case CONTAINERS:
		return id_set_has(&x->edit->containers, id);
	case IMAGES:
		return id_set_has(&x->edit->images, id);
	case LAYERS:
		return id_set_has(&x->edit->layers, id);
	}
	return false;
}

static bool is_cut_name(const struct editing *x, const char *image, const char *name)
{
	for (size_t i = 0; i < x->edit->n_names; i++) {
		if (strcmp(x->edit->names[i].image, image) == 0 &&
		    strcmp(x->edit->names[i].name, name) == 0)
			return true;
	}
	return false;
}

/* Of an image that stays: names, and copies of its layer that are gone. */
struct trim {
	const struct editing *x;
	const char *image;
};

static bool is_name_to_go(const struct value *name, const void *ctx)
{
	const struct trim *t = ctx;

	return value_text(name) && is_cut_name(t->x, t->image, name->text);
}

static bool is_copy_to_go(const struct value *layer, const void *ctx)
{
	const struct trim *t = ctx;

	return value_text(layer) && id_set_has(&t->x->edit->layers, layer->text);
}

/* Go leaves out what is empty. */
static bool is_empty_list(const struct value *member, const void *ctx)
{
	(void)ctx;
	return (strcmp(member->name, "names") == 0 ||
		   strcmp(member->name, "mapped-layers") == 0) &&
	       value_size(member) == 0;
}

static void trim_image(struct editing *x, struct value *image, const char *id)
{
	const struct trim t = {x, id};

	x->changed |= value_remove(value_get(image, "names"), is_name_to_go, &t);
	x->changed |= value_remove(value_get(image, "mapped-layers"), is_copy_to_go, &t);
	(void)value_remove(image, is_empty_list, NULL);
}

static bool is_faulty(const struct editing *x, const char *text)
{
	CLEANUP_FINDINGS struct findings faults = {0};
	CLEANUP_RECORDS struct records one = {0};
	CLEANUP_FREE char *list = xasprintf("[%s]", text);
	struct err e;

	return files[x->row].parse(list, strlen(list), "", &one, &faults, &e) || faults.n;
}

static enum json_fault edit_record(void *ctx, struct value *record, struct err *e)
{
	struct editing *x = ctx;
	const char *id = value_text(value_get(record, "id"));
	CLEANUP_BUF struct buf text;

	buf_init(&text, RECORDS_FILE_MAX);
	if (id && is_to_go(x, id)) {
		x->changed = true;
		return JSON_OK;
	}
	if (id && files[x->row].kind == IMAGES)
		trim_image(x, record, id);
	if (value_write(&text, record, false, e))
		return JSON_MALFORMED;
	if (x->edit->faulty && is_faulty(x, text.data)) {
		x->changed = true;
		return JSON_OK;
	}
	if (buf_adds(&x->out, x->kept++ ? "," : "[", e) ||
	    buf_add(&x->out, text.data, text.len, e))
		return JSON_MALFORMED;
	return JSON_OK;
}

static int replace(int rootfd, size_t row, const char *room, const struct buf *text,
    mode_t mode, struct err *e)
{
	CLEANUP_FD int dir = -1;
	int r = fs_open_dir(rootfd, room, &dir, e);

	return r ? r : fs_replace(dir, files[row].name, text->data, text->len, mode, e);
}

struct site {
	const struct store *s;
	struct quarantine *quarantine; /* NULL: of the run root, which has none */
	size_t place;
	int root_fd;
	records_moved_fn *moved;
	void *ctx;
};

/* A file that cannot be read: as it is, out of the way. What is missing is made where something is sealed. */
static int set_aside(const struct site *at, size_t row, const char *room,
    const char *path, const char *why, struct err *e)
{
	CLEANUP_BUF struct buf none;
	int r;

	buf_init(&none, 8);
	if (!at->quarantine)
		return err_set(e, ERR_REFUSED,
		    "%s/%s cannot be read (%s), and is not in the graphroot: remove it",
		    at->s->config->runroot, path, why);
	r = quarantine_move(at->quarantine, path, e);
	if (r == ERR_NOT_FOUND)
		r = 0;
	if (!r)
		r = buf_adds(&none, "[]", e);
	if (!r)
		r = replace(at->root_fd, row, room, &none, 0600, e);
	if (!r)
		at->moved(at->ctx, at->place, path, why);
	return r;
}

static bool must_exist(const struct site *at, size_t row)
{
	return at->quarantine && at->place == 0 && row == 3;
}

static int edit_file(
    const struct site *at, size_t row, const struct records_edit *edit, struct err *e)
{
	struct editing x = {.edit = edit, .row = row};
	CLEANUP_FREE char *room =
	    xasprintf("%s-%s", store_driver_name(at->s->config->driver), files[row].room);
	CLEANUP_FREE char *path = xasprintf("%s/%s", room, files[row].name);
	CLEANUP_BUF struct buf text;
	struct stat st;
	int r;

	buf_init(&text, RECORDS_FILE_MAX);
	buf_init(&x.out, RECORDS_FILE_MAX);
	r = fs_read_file(at->root_fd, path, RECORDS_FILE_MAX, &text, &st, e);
	if (r == ERR_NOT_FOUND || (!r && !text.len))
		return edit->faulty && must_exist(at, row)
			   ? set_aside(at, row, room, path, "missing or empty", e)
			   : 0;
	if (r == ERR_IO && edit->faulty)
		r = ERR_MALFORMED;
	if (!r && jsonin_array(text.data, text.len, RECORDS_ELEMENT_MAX, edit_record, &x,
		      e) != JSON_OK)
		r = ERR_MALFORMED;
	if (r == ERR_MALFORMED && edit->faulty) {
		CLEANUP_FREE char *why = xstrdup(e->msg);

		r = set_aside(at, row, room, path, why, e);
	} else if (!r && x.changed) {
		r = buf_adds(&x.out, x.kept ? "]" : "[]", e);
		if (!r)
			r = replace(at->root_fd, row, room, &x.out, st.st_mode & 0777, e);
	}
	buf_release(&x.out);
	return r ? err_wrap(e, "record file %s", path) : 0;
}

int records_edit(const struct store *s, struct quarantine *const quarantines[],
    const struct records_edit *edit, records_moved_fn *moved, void *ctx, struct err *e)
{
	int r = 0;

	for (size_t row = 0; !r && row < ARRAY_LEN(files); row++) {
		for (size_t i = 0; !r && i < s->n_places; i++) {
			const struct site at = {
			    s, quarantines[i], i, s->places[i].root_fd, moved, ctx};

			if (quarantines[i])
				r = edit_file(&at, row, edit, e);
		}
		if (!r && s->runroot_fd >= 0 &&
		    strncmp(files[row].name, "volatile-", 9) == 0)
			r = edit_file(
			    &(struct site){s, NULL, 0, s->runroot_fd, moved, ctx}, row,
			    edit, e);
	}
	return r;
}
