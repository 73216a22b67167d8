/* SPDX-License-Identifier: Apache-2.0 */
/* identity.c: see identity.h. One layer's part: its tar-split file, its diff-id, who differs. */
#include "store/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "store/identity_internal.h"
#include "store/place.h"

#define CRC_READ_BYTES (256U << 10)

struct identity *identity_new(const struct store *s)
{
	struct identity *id = xcalloc(1, sizeof(*id));

	id->store = s;
	id->usable = true;
	id->expect = expect_new(s->config->driver, s->user_xattrs);
	return id;
}

void identity_free(struct identity *id)
{
	if (!id)
		return;
	expect_free(id->expect);
	findings_release(&id->found);
	free(id);
}

void identity_tell(struct identity *id, struct known *known)
{
	id->known = known;
}

/* --- the tar-split file ------------------------------------------------------------------- */

struct split_file {
	char name[ID_LEN + sizeof(".tar-split.gz")];
	int fd;
	struct stat before;
	struct tarsplit *lines;
};

static int split_read(void *ctx, void *data, size_t cap, size_t *got, struct err *e)
{
	struct split_file *f = ctx;
	ssize_t n;

	do
		n = read(f->fd, data, cap);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(e, "cannot read %s", f->name);
	*got = (size_t)n;
	return 0;
}

static void split_close(struct split_file *f)
{
	tarsplit_free(f->lines);
	base_close_p(&f->fd);
}

/* ERR_NOT_FOUND, ERR_MALFORMED if it is not a plain file. */
static int split_open(const struct store *s, const struct store_layer *l,
    struct split_file *f, struct err *e)
{
	int dir = s->places[place_of_data(s, l)].layers_fd, r;

	*f = (struct split_file){.fd = -1};
	snprintf(f->name, sizeof(f->name), "%s.tar-split.gz", l->id);
	if (dir < 0)
		return err_set(e, ERR_NOT_FOUND, "%s does not exist", f->name);
	r = fs_open(dir, f->name, O_RDONLY | O_NONBLOCK, &f->fd, e);
	if (r)
		return r;
	if (fstat(f->fd, &f->before))
		return err_sys(e, "cannot examine %s", f->name);
	if (!S_ISREG(f->before.st_mode))
		return err_set(e, ERR_MALFORMED, "%s is not a regular file", f->name);
	posix_fadvise(f->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	f->lines = tarsplit_new(split_read, f, true);
	return 0;
}

int identity_tar_split_digest(
    const struct store *s, const struct store_layer *l, struct digest *out, struct err *e)
{
	CLEANUP(split_close) struct split_file f;
	struct tarsplit_entry entry;
	bool end = false;
	int r = split_open(s, l, &f, e);

	while (!r && !end)
		r = tarsplit_next(f.lines, &entry, &end, e);
	if (!r)
		r = identity_unchanged(f.fd, &f.before, f.name, e);
	if (!r)
		tarsplit_digest(f.lines, out);
	return r;
}

/* --- which file differs ------------------------------------------------------------------- */

static int crc_file(int fd, uint8_t *buffer, uint64_t *crc, struct err *e)
{
	ssize_t n;

	*crc = 0;
	while ((n = read(fd, buffer, CRC_READ_BYTES)) != 0) {
		if (n < 0 && errno != EINTR)
			return err_sys(e, "cannot read");
		if (n > 0)
			*crc = tarsplit_crc(*crc, buffer, (size_t)n);
	}
	return 0;
}

/* Files that are missing or of another size have their finding already. */
static int blame_file(int tree_fd, const struct tarsplit_entry *entry, struct place where,
    struct findings *findings, uint8_t *buffer, struct err *e)
{
	char path[EXPECT_PATH_MAX + 1] = "/";
	CLEANUP_FD int fd = -1;
	struct stat st;
	struct err ignored;
	struct finding *f;
	uint64_t crc;
	bool absolute;
	int r = expect_clean(entry->name, path + 1, &absolute, e);

	if (r)
		return r;
	identity_open_body(tree_fd, path + 1, entry->size, &fd, &st, &ignored);
	if (fd < 0)
		return 0;
	r = crc_file(fd, buffer, &crc, e);
	if (r)
		return err_wrap(e, "%s", path + 1);
	if (crc == entry->crc)
		return 0;
	where.path = path;
	f = findings_add(findings, FINDING_DIFF_ID, where);
	finding_expected(f, "content with CRC-64 %016" PRIx64 " (tar-split)", entry->crc);
	finding_found(f, "%016" PRIx64, crc);
	return 0;
}

/* The diff-id is another: tar-split's checksums tell in which files. */
static int blame(const struct store *s, const struct store_layer *l, int tree_fd,
    struct findings *findings, struct err *e)
{
	CLEANUP(split_close) struct split_file f;
	CLEANUP_FREE uint8_t *buffer = xmalloc(CRC_READ_BYTES);
	struct place where = {.layer = l->id};
	struct tarsplit_entry entry;
	bool end = false;
	int r = split_open(s, l, &f, e);

	while (!r && !end) {
		r = tarsplit_next(f.lines, &entry, &end, e);
		if (!r && !end && entry.type == TARSPLIT_FILE && entry.size)
			r = blame_file(tree_fd, &entry, where, findings, buffer, e);
	}
	return r;
}

/* --- one layer ---------------------------------------------------------------------------- */

/* overlay's create() gives a layer's root the mode and owner of its parent's. */
static int parent_root(struct identity *id, const struct store_layer *l, struct err *e)
{
	const struct store *s = id->store;
	char path[STORE_TREE_PATH_MAX];
	struct stat st;

	id->has_parent_root = false;
	if (s->config->driver != STORE_OVERLAY || !l->parent[0])
		return 0;
	store_tree_path(s, l->parent, path);
	for (size_t i = 0; i < s->n_places; i++) {
		CLEANUP_FD int fd = -1;
		int r = s->places[i].driver_fd < 0
			    ? ERR_NOT_FOUND
			    : fs_open_dir(s->places[i].driver_fd, path, &fd, e);

		if (r == ERR_NOT_FOUND)
			continue;
		if (r)
			return r;
		if (fstat(fd, &st))
			return err_sys(e, "cannot examine %s", path);
		id->has_parent_root = true;
		id->parent_mode = st.st_mode & 0777;
		id->parent_uid = st.st_uid;
		id->parent_gid = st.st_gid;
		return 0;
	}
	return 0;
}

static void compare_diff_id(const struct store_layer *l,
    const struct identity_result *result, bool bodies, struct findings *findings)
{
	char expected[DIGEST_TEXT_LEN + 1], found[DIGEST_TEXT_LEN + 1];
	struct place where = {.layer = l->id};
	struct finding *f;

	digest_text(&l->diff.d, expected);
	digest_text(&result->diff_id, found);
	if (!l->diff.has || !digest_equal(&l->diff.d, &result->diff_id)) {
		f = findings_add(findings, FINDING_DIFF_ID, where);
		finding_expected(
		    f, "%s", l->diff.has ? expected : "a diff-digest in the record");
		finding_found(
		    f, "%s", bodies ? found : "files are missing or of another size");
	}
	if (l->diff_size >= 0 && (uint64_t)l->diff_size != result->diff_size) {
		f = findings_add(findings, FINDING_DIFF_ID, where);
		finding_expected(f, "a tar of %" PRId64 " bytes", l->diff_size);
		finding_found(f, "%" PRIu64 " bytes", result->diff_size);
	}
}

static int read_layer(struct identity *id, const struct store_layer *l,
    struct identity_input *in, struct identity_result *out, bool *headers, struct err *e)
{
	CLEANUP(split_close) struct split_file f;
	bool bodies = true;
	int r = split_open(id->store, l, &f, e);

	if (r)
		return r;
	in->lines = f.lines;
	r = identity_read(id, in, out, headers, &bodies, e);
	if (!r)
		r = identity_unchanged(f.fd, &f.before, f.name, e);
	if (r)
		return r;
	compare_diff_id(l, out, bodies, in->findings);
	if (l->diff.has && !digest_equal(&l->diff.d, &out->diff_id))
		return blame(id->store, l, in->tree_fd, in->findings, e);
	return 0;
}

int identity_add(struct identity *id, const struct store_layer *l, int tree_fd,
    struct progress *progress, struct identity_result *out, bool *checked,
    struct findings *findings, struct err *e)
{
	struct place where = {.layer = l->id};
	struct identity_input in = {
	    .tree_fd = tree_fd,
	    .layer_id = l->id,
	    .progress = progress,
	    .findings = findings,
	};
	struct finding *f;
	int r;

	*out = (struct identity_result){0};
	*checked = false;
	in.alone = id->store->config->driver == STORE_VFS && l->parent[0] &&
		   id->expect->layer == 0;
	expect_next_layer(id->expect);
	/* Only overlay has partial pulls. */
	id->partial = id->store->config->driver == STORE_OVERLAY && layer_is_partial(l);
	r = parent_root(id, l, e);
	if (r)
		return r;
	r = read_layer(id, l, &in, out, checked, e);
	if (r == ERR_NOT_FOUND || r == ERR_MALFORMED) {
		*checked = false;
		f = findings_add(findings, FINDING_TAR_SPLIT, where);
		finding_expected(f, "a tar-split file as containers/storage writes it");
		finding_found(f, "%s", r == ERR_NOT_FOUND ? "nothing" : e->msg);
		r = 0;
	}
	id->usable = id->usable && *checked && !in.alone && !r;
	return r;
}

void identity_chain_id(
    const char *parent, const struct digest *diff_id, char out[static ID_LEN + 1])
{
	char text[ID_LEN + 1 + DIGEST_TEXT_LEN + 1];
	struct digest chain = *diff_id;
	int len;

	if (parent[0]) {
		digest_hex(diff_id, out);
		len = snprintf(text, sizeof(text), "%s+%s", parent, out);
		sha256(text, (size_t)len, &chain);
	}
	digest_hex(&chain, out);
}
