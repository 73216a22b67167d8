/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layer.h: layers for test_identity.c: a tar is put together member by member, cut as tar-split
 * cuts it, and extracted as containers/storage would. Whoever runs the test owns everything.
 */
#ifndef TESTS_LAYER_H
#define TESTS_LAYER_H

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <zlib.h>

#include "base/hex.h"
#include "store/identity.h"
#include "store/tarsplit.h"

#define MTIME 1000000000
#define TAR_BYTES 512

/* Fields that are 0: mode 0755 or 0644, mtime MTIME, type '0'. */
struct member {
	const char *name;
	char type; /* of the tar header */
	const char *data, *link;
	unsigned mode, mtime;
	unsigned id;		   /* to be added to the owner */
	const char *xattr, *value; /* one xattr */
};

struct layer {
	struct store_layer record;
	struct buf lines, tar, segment;
	unsigned position;
};

struct world {
	char path[64];
	struct store store;
	struct store_config config;
	struct store_place place;
	struct identity *identity;
	struct findings findings;
	struct identity_result result;
	bool checked;
};

/* --- making a tar ------------------------------------------------------------------------- */

static inline void add(struct buf *b, const void *data, size_t len)
{
	struct err e;

	assert_int_equal(buf_add(b, data, len, &e), 0);
}

static inline void layer_start(struct layer *l, char id, const struct layer *parent)
{
	*l = (struct layer){.record = {.diff_size = -1}};
	memset(l->record.id, id, ID_LEN);
	if (parent)
		strcpy(l->record.parent, parent->record.id);
	buf_init(&l->lines, 64 << 20);
	buf_init(&l->tar, 64 << 20);
	buf_init(&l->segment, 64 << 20);
}

static inline void layer_release(struct layer *l)
{
	buf_release(&l->lines);
	buf_release(&l->tar);
	buf_release(&l->segment);
}

/* Bytes that go into the next segment. */
static inline void layer_segment(struct layer *l, const void *data, size_t len)
{
	add(&l->segment, data, len);
	add(&l->tar, data, len);
}

static inline void layer_pad(struct layer *l)
{
	static const char zeros[512];

	layer_segment(l, zeros, -l->tar.len % 512);
}

/* Ends the segment. */
static inline void layer_cut(struct layer *l)
{
	struct err e;

	if (!l->segment.len)
		return;
	assert_int_equal(buf_adds(&l->lines, "{\"type\":2,\"payload\":\"", &e), 0);
	assert_int_equal(
	    base64_encode(&l->lines, l->segment.data, l->segment.len, &e), 0);
	assert_int_equal(
	    buf_addf(&l->lines, &e, "\",\"position\":%u}\n", l->position++), 0);
	buf_clear(&l->segment);
}

/* A file entry whose body is `data`; its bytes join the tar. */
static inline void layer_file(
    struct layer *l, const char *name, const void *data, size_t len)
{
	uint64_t crc = tarsplit_crc(0, data, len);
	uint8_t bytes[8];
	struct err e;

	layer_cut(l);
	for (int i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(crc >> (56 - 8 * i));
	assert_int_equal(buf_addf(&l->lines, &e, "{\"type\":1,\"name\":\"%s\"", name), 0);
	if (len) {
		assert_int_equal(buf_addf(&l->lines, &e, ",\"size\":%zu", len), 0);
		assert_int_equal(buf_adds(&l->lines, ",\"payload\":\"", &e), 0);
		assert_int_equal(base64_encode(&l->lines, bytes, 8, &e), 0);
		assert_int_equal(buf_adds(&l->lines, "\"", &e), 0);
	} else {
		assert_int_equal(buf_adds(&l->lines, ",\"payload\":null", &e), 0);
	}
	assert_int_equal(
	    buf_addf(&l->lines, &e, ",\"position\":%u}\n", l->position++), 0);
	add(&l->tar, data, len);
}

static inline void tar_block(struct layer *l, const struct member *m, size_t size)
{
	char b[512] = {0};
	unsigned sum = 8 * ' ', type = m->type ? m->type : '0';

	strncpy(b, m->name, 100);
	sprintf(b + 100, "%07o", m->mode ? m->mode : type == '5' ? 0755 : 0644);
	sprintf(b + 108, "%07o", (getuid() + m->id) & 07777777);
	sprintf(b + 116, "%07o", (getgid() + m->id) & 07777777);
	sprintf(b + 124, "%07o", (unsigned)size & 07777777);
	sprintf(b + 136, "%011o", m->mtime ? m->mtime : MTIME);
	b[156] = (char)type;
	if (m->link)
		strncpy(b + 157, m->link, 100);
	memcpy(b + 257, "ustar\00000", 8);
	memset(b + 329, '0', 7);
	memset(b + 337, '0', 7);
	for (size_t i = 0; i < sizeof(b); i++)
		sum += (uint8_t)b[i];
	sprintf(b + 148, "%06o", sum & 0777777);
	b[155] = ' ';
	layer_segment(l, b, sizeof(b));
}

/* The header alone. */
static inline void layer_header(struct layer *l, const struct member *m, size_t size)
{
	const struct member pax = {.name = "pax", .type = 'x'};
	char record[256];
	size_t len;

	if (m->xattr) {
		len = strlen("NN SCHILY.xattr.=\n") + strlen(m->xattr) + strlen(m->value);
		snprintf(record, sizeof(record), "%zu SCHILY.xattr.%s=%s\n", len,
		    m->xattr, m->value);
		tar_block(l, &pax, len);
		layer_segment(l, record, len);
		layer_pad(l);
	}
	tar_block(l, m, size);
}

/* Header, file entry, body. */
static inline void layer_add(struct layer *l, const struct member *m)
{
	size_t len = m->data ? strlen(m->data) : 0;

	layer_header(l, m, len);
	layer_file(l, m->name, m->data, len);
	layer_pad(l);
}

static inline void layer_end(struct layer *l)
{
	static const char zeros[1024];

	layer_segment(l, zeros, sizeof(zeros));
}

/* --- the store ---------------------------------------------------------------------------- */

static inline void layer_path(
    const struct world *w, const struct layer *l, const char *name, char out[256])
{
	const char *dir = w->config.driver == STORE_VFS ? "dir/" : "",
		   *tree = w->config.driver == STORE_VFS ? "" : "/diff";

	snprintf(out, 256, "%s/d/%s%s%s/%s", w->path, dir, l->record.id, tree, name);
}

static inline void world_start(struct world *w, enum store_driver driver)
{
	char path[128];
	struct err e;

	assert_int_equal(crypto_init(&e), 0);
	*w = (struct world){.path = "/var/tmp/layerseal-identity-XXXXXX"};
	assert_non_null(mkdtemp(w->path));
	w->config.driver = driver;
	w->store.config = &w->config;
	w->store.places = &w->place;
	w->store.n_places = 1;
	w->store.user_xattrs = getuid() != 0;
	snprintf(path, sizeof(path), "%s/d", w->path);
	assert_int_equal(mkdir(path, 0755), 0);
	w->place.driver_fd = open(path, O_RDONLY | O_DIRECTORY);
	if (driver == STORE_VFS) {
		snprintf(path, sizeof(path), "%s/d/dir", w->path);
		assert_int_equal(mkdir(path, 0755), 0);
	}
	snprintf(path, sizeof(path), "%s/l", w->path);
	assert_int_equal(mkdir(path, 0755), 0);
	w->place.layers_fd = open(path, O_RDONLY | O_DIRECTORY);
	w->identity = identity_new(&w->store);
}

static inline int remove_one(
    const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void world_end(struct world *w)
{
	identity_free(w->identity);
	findings_release(&w->findings);
	close(w->place.driver_fd);
	close(w->place.layers_fd);
	nftw(w->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Writes the tar-split file, the record and an empty tree. */
static inline void layer_write(struct world *w, struct layer *l)
{
	char path[256];
	gzFile gz;

	layer_cut(l);
	snprintf(path, sizeof(path), "%s/l/%s.tar-split.gz", w->path, l->record.id);
	gz = gzopen(path, "wb1");
	assert_non_null(gz);
	if (l->lines.len)
		assert_int_equal(
		    gzwrite(gz, l->lines.data, (unsigned)l->lines.len), l->lines.len);
	gzclose(gz);
	l->record.diff.has = true;
	sha256(l->tar.data, l->tar.len, &l->record.diff.d);
	l->record.diff_size = (int64_t)l->tar.len;
	layer_path(w, l, "", path);
	if (w->config.driver == STORE_OVERLAY) {
		char *diff = strstr(path, "/diff");

		*diff = '\0';
		assert_int_equal(mkdir(path, 0755), 0);
		*diff = '/';
	}
	assert_int_equal(mkdir(path, 0555), 0);
}

static inline void set_time(const char *path, unsigned seconds)
{
	struct timespec t[2] = {
	    {.tv_sec = seconds ? seconds : MTIME}, {.tv_sec = seconds ? seconds : MTIME}};

	assert_int_equal(utimensat(AT_FDCWD, path, t, AT_SYMLINK_NOFOLLOW), 0);
}

/* Makes the member in the tree. Directories get their time afterwards, with set_time(). */
static inline void layer_extract(
    struct world *w, const struct layer *l, const struct member *m)
{
	char path[256], target[256];
	FILE *f;

	layer_path(w, l, m->name, path);
	switch (m->type) {
	case '5':
		assert_int_equal(mkdir(path, 0700), 0);
		break;
	case '1':
		layer_path(w, l, m->link, target);
		assert_int_equal(link(target, path), 0);
		return;
	case '2':
		assert_int_equal(symlink(m->link, path), 0);
		break;
	case '6':
		assert_int_equal(mkfifo(path, 0600), 0);
		break;
	default:
		f = fopen(path, "w");
		assert_non_null(f);
		if (m->data)
			fputs(m->data, f);
		fclose(f);
	}
	if (m->type != '2')
		assert_int_equal(chmod(path, m->mode	      ? m->mode & 07777
					     : m->type == '5' ? 0755
							      : 0644),
		    0);
	if (m->xattr)
		assert_int_equal(
		    setxattr(path, m->xattr, m->value, strlen(m->value), 0), 0);
	set_time(path, m->mtime);
}

/* identity_add() alone. */
static inline void layer_read(struct world *w, struct layer *l)
{
	char path[256];
	struct err e;
	int fd, r;

	layer_path(w, l, "", path);
	fd = open(path, O_RDONLY | O_DIRECTORY);
	assert_true(fd >= 0);
	r = identity_add(
	    w->identity, &l->record, fd, NULL, &w->result, &w->checked, &w->findings, &e);
	if (r)
		fail_msg("identity_add: %s", e.msg);
	close(fd);
}

/* The tree against the expectation so far. */
static inline void layer_compare(struct world *w, struct layer *l)
{
	struct tree_options opt = {
	    .threads = 1, .line = identity_line, .line_ctx = w->identity};
	struct tree_result tree;
	char path[256];
	struct err e;
	int fd;

	layer_path(w, l, "", path);
	fd = open(path, O_RDONLY | O_DIRECTORY);
	assert_true(fd >= 0);
	assert_int_equal(tree_measure(fd, &opt, &tree, &e), 0);
	assert_int_equal(identity_finish(w->identity, l->record.id, &w->findings, &e), 0);
	close(fd);
}

#endif
