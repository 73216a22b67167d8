/* SPDX-License-Identifier: Apache-2.0 */
/*
 * records.c: one consistent look at all record files of a store; see records.h.
 *
 * The bytes of all files are read first, as fast as possible, and parsed when no lock is held any
 * more. Without the locks, consistency comes from the files themselves: podman replaces each by
 * rename, so if none has another inode, size, mtime or ctime after the last was read than it had
 * before the first was, all of them were there at one moment. The tokens in the lock files tell
 * nothing more: podman changes them even when it only reads, and v1.43 after the JSON.
 */
#include "store/records.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/fs.h"
#include "store/lock.h"
#include "store/records_in.h"

#define RETRIES 100
#define RETRY_EVERY_NS 10000000L

enum record_kind { LAYERS, IMAGES, CONTAINERS };

/* One record file: where it is and, once read, what it holds. */
struct record_file {
	enum record_kind kind;
	size_t place;
	bool is_volatile;
	int dirfd;
	char path[64];
	struct buf bytes;
	struct stat st; /* all zero: no such file */
	char *fault;	/* why it can be no record file at all, or NULL */
};

/* Files of a place and, for the volatile ones of a transient store, of the run root. */
static const struct {
	enum record_kind kind;
	bool is_volatile;
	const char *room, *name;
} file_table[] = {
    {LAYERS, false, "layers", "layers.json"},
    {LAYERS, true, "layers", "volatile-layers.json"},
    {IMAGES, false, "images", "images.json"},
    {CONTAINERS, false, "containers", "containers.json"},
    {CONTAINERS, true, "containers", "volatile-containers.json"},
};

struct snapshot {
	struct record_file *files;
	size_t n;
};

static void snapshot_release(struct snapshot *s)
{
	for (size_t i = 0; i < s->n; i++) {
		buf_release(&s->files[i].bytes);
		free(s->files[i].fault);
	}
	free(s->files);
}

static void snapshot_add(
    struct snapshot *snap, const struct store *s, int dirfd, size_t place, size_t row)
{
	struct record_file *f = &snap->files[snap->n++];

	*f = (struct record_file){.kind = file_table[row].kind,
	    .place = place,
	    .is_volatile = file_table[row].is_volatile,
	    .dirfd = dirfd};
	snprintf(f->path, sizeof(f->path), "%s-%s/%s",
	    store_driver_name(s->config->driver), file_table[row].room,
	    file_table[row].name);
	buf_init(&f->bytes, RECORDS_FILE_MAX);
}

static void snapshot_init(
    struct snapshot *snap, const struct store *s, bool containers_only)
{
	snap->files =
	    xcalloc((s->n_places + 1) * ARRAY_LEN(file_table), sizeof(*snap->files));
	for (size_t row = 0; row < ARRAY_LEN(file_table); row++) {
		if (containers_only && file_table[row].kind != CONTAINERS)
			continue;
		for (size_t i = 0; i < s->n_places; i++)
			snapshot_add(snap, s, s->places[i].root_fd, i, row);
		if (s->runroot_fd >= 0 && file_table[row].is_volatile)
			snapshot_add(snap, s, s->runroot_fd, 0, row);
	}
}

/* Reads one file; no such file is an empty one, as for podman. */
static int read_file(struct record_file *f, const struct store *s, struct err *e)
{
	int r;

	buf_clear(&f->bytes);
	f->st = (struct stat){0};
	free(f->fault);
	f->fault = NULL;
	r = fs_read_file(f->dirfd, f->path, RECORDS_FILE_MAX, &f->bytes, &f->st, e);
	if (r == ERR_NOT_FOUND)
		return 0;
	if (r == ERR_MALFORMED) {
		f->fault = xstrdup(e->msg);
		return 0;
	}
	if (r && r != ERR_CHANGED) {
		e->code = ERR_STORE;
		return err_wrap(e, "store %s", s->places[f->place].path);
	}
	return r;
}

static int read_all(struct snapshot *snap, const struct store *s, struct err *e)
{
	int r = 0;

	for (size_t i = 0; !r && i < snap->n; i++)
		r = read_file(&snap->files[i], s, e);
	return r;
}

/* True if every file is still the one whose stat is in st[]. */
static bool is_unchanged(const struct snapshot *snap, const struct stat *st)
{
	struct stat now;

	for (size_t i = 0; i < snap->n; i++) {
		const struct record_file *f = &snap->files[i];

		if (fstatat(f->dirfd, f->path, &now, AT_SYMLINK_NOFOLLOW))
			now = (struct stat){0};
		if (!fs_same_state(&now, &st[i]))
			return false;
	}
	return true;
}

static void stat_all(const struct snapshot *snap, struct stat *st)
{
	for (size_t i = 0; i < snap->n; i++) {
		if (fstatat(snap->files[i].dirfd, snap->files[i].path, &st[i],
			AT_SYMLINK_NOFOLLOW))
			st[i] = (struct stat){0};
	}
}

static int read_between_writes(
    struct snapshot *snap, const struct store *s, struct err *e)
{
	CLEANUP_FREE struct stat *before = xcalloc(snap->n, sizeof(*before));

	for (int i = 0; i < RETRIES; i++) {
		int r;

		if (i)
			nanosleep(&(struct timespec){.tv_nsec = RETRY_EVERY_NS}, NULL);
		stat_all(snap, before);
		r = read_all(snap, s, e);
		if (r && r != ERR_CHANGED)
			return r;
		if (!r && is_unchanged(snap, before))
			return 0;
	}
	return err_set(
	    e, ERR_CHANGED, "store %s: the records kept changing", s->config->graphroot);
}

/* `locked` NULL: without trying. */
static int take_snapshot(
    struct snapshot *snap, const struct store *s, bool *locked, struct err *e)
{
	struct store_lock lock;
	int r;

	snapshot_init(snap, s, false);
	if (!locked || !(*locked = store_lock_try(s, &lock)))
		return read_between_writes(snap, s, e);
	r = read_all(snap, s, e);
	store_lock_release(&lock);
	return r;
}

static int parse_file(const struct record_file *f, const char *name, struct records *out,
    struct findings *findings, struct err *e)
{
	const char *json = f->bytes.data;
	size_t len = f->bytes.len, layers = out->n_layers, images = out->n_images;
	int r = 0;

	if (f->fault)
		finding_found(findings_add(findings, FINDING_RECORD_MALFORMED,
				  (struct place){.path = name}),
		    "%s", f->fault);
	switch (f->kind) {
	case LAYERS:
		r = records_add_layers(json, len, name, out, findings, e);
		break;
	case IMAGES:
		r = records_add_images(json, len, name, out, findings, e);
		break;
	case CONTAINERS:
		r = records_add_containers(json, len, name, out, findings, e);
		break;
	}
	for (size_t i = layers; i < out->n_layers; i++) {
		out->layers[i].place = f->place;
		out->layers[i].volatile_record = f->is_volatile;
	}
	for (size_t i = images; i < out->n_images; i++)
		out->images[i].place = f->place;
	return r;
}

/* Of the graphroot a path below it names the file, elsewhere only a full one does. */
static char *file_name(const struct store *s, const struct record_file *f)
{
	if (f->dirfd == s->places[0].root_fd)
		return xstrdup(f->path);
	return xasprintf("%s/%s",
	    f->dirfd == s->runroot_fd ? s->config->runroot : s->places[f->place].path,
	    f->path);
}

static int parse_all(struct snapshot *snap, const struct store *s, struct records *out,
    struct findings *findings, struct err *e)
{
	int r = 0;

	for (size_t i = 0; !r && i < snap->n; i++) {
		CLEANUP_FREE char *name = file_name(s, &snap->files[i]);

		r = parse_file(&snap->files[i], name, out, findings, e);
		buf_release(&snap->files[i].bytes);
	}
	return r;
}

/*
 * A layer pulled by its table of contents alone has no diff-id: its bytes cannot be compared with
 * what the registry promised.
 */
static int refuse_toc_layers(const struct records *r, struct err *e)
{
	for (size_t i = 0; i < r->n_layers; i++) {
		const struct store_layer *l = &r->layers[i];

		if (l->toc.has && !l->diff.has)
			return err_set(e, ERR_STORE,
			    "layer %s: a zstd:chunked layer without diff-digest is not "
			    "supported",
			    l->id);
	}
	return 0;
}

static int read_records(const struct store *s, bool lock, struct records *out,
    struct findings *findings, struct err *e)
{
	struct snapshot snap = {0};
	int r;

	*out = (struct records){0};
	r = take_snapshot(&snap, s, lock ? &out->locked : NULL, e);
	if (!r)
		r = parse_all(&snap, s, out, findings, e);
	snapshot_release(&snap);
	if (!r) {
		records_settle(out, findings);
		r = refuse_toc_layers(out, e);
	}
	if (r)
		records_release(out);
	return r;
}

int records_read(
    const struct store *s, struct records *out, struct findings *findings, struct err *e)
{
	return read_records(s, true, out, findings, e);
}

int records_read_beside(
    const struct store *s, struct records *out, struct findings *findings, struct err *e)
{
	return read_records(s, false, out, findings, e);
}

int records_read_containers(
    const struct store *s, struct records *out, struct findings *findings, struct err *e)
{
	struct snapshot snap = {0};
	int r;

	*out = (struct records){0};
	snapshot_init(&snap, s, true);
	r = read_between_writes(&snap, s, e);
	if (!r)
		r = parse_all(&snap, s, out, findings, e);
	snapshot_release(&snap);
	if (r)
		records_release(out);
	return r;
}

void records_release(struct records *r)
{
	records_cut_layers(r, 0);
	records_cut_images(r, 0);
	free(r->layers);
	free(r->images);
	free(r->containers);
	*r = (struct records){0};
}

int records_parse_layers(const char *json, size_t len, const char *file,
    struct records *out, struct findings *findings, struct err *e)
{
	int r = records_add_layers(json, len, file, out, findings, e);

	records_settle(out, findings);
	return r;
}

int records_parse_images(const char *json, size_t len, const char *file,
    struct records *out, struct findings *findings, struct err *e)
{
	int r = records_add_images(json, len, file, out, findings, e);

	records_settle(out, findings);
	return r;
}

int records_parse_containers(const char *json, size_t len, const char *file,
    struct records *out, struct findings *findings, struct err *e)
{
	int r = records_add_containers(json, len, file, out, findings, e);

	records_settle(out, findings);
	return r;
}
