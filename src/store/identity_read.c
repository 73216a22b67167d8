/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity_read.c: one pass over the remade tar of a layer. libarchive pulls; what it pulls are
 * the segments and file bodies as tar-split lists them, and each byte is hashed on its way. So
 * every body is read once and copied nowhere.
 *
 * The diff-id fixes the bytes of the tar but not how tar-split cuts it: who could move the cuts
 * could have another file's bytes, or none, stand in for a file's body. Therefore a body must
 * begin where libarchive says that header's data begins, bear its name and have its size; the
 * bytes in front of it must be its header and nothing else; and libarchive and tarhead.c, two
 * readers without common code, must understand that header alike.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/dl.h"
#include "base/fs.h"
#include "store/feed.h"
#include "store/identity_internal.h"

#define ARCHIVE_FILE "libarchive.so.13"
#define ARCHIVE_FUNCTIONS(X)                                                             \
	X(archive_entry_acl_types)                                                       \
	X(archive_entry_filetype)                                                        \
	X(archive_entry_gid)                                                             \
	X(archive_entry_hardlink)                                                        \
	X(archive_entry_pathname)                                                        \
	X(archive_entry_perm)                                                            \
	X(archive_entry_rdevmajor)                                                       \
	X(archive_entry_rdevminor)                                                       \
	X(archive_entry_size)                                                            \
	X(archive_entry_symlink)                                                         \
	X(archive_entry_uid)                                                             \
	X(archive_error_string)                                                          \
	X(archive_filter_bytes)                                                          \
	X(archive_read_data_skip)                                                        \
	X(archive_read_free)                                                             \
	X(archive_read_header_position)                                                  \
	X(archive_read_new)                                                              \
	X(archive_read_next_header)                                                      \
	X(archive_read_open)                                                             \
	X(archive_read_support_format_empty)                                             \
	X(archive_read_support_format_tar)                                               \
	X(archive_set_error)

/* It brings eleven other libraries along: only seals and level oci wait for them. */
static struct {
	bool loaded;
#define X(function) __typeof__(function) *function;
	ARCHIVE_FUNCTIONS(X)
#undef X
} la;

static int load_libarchive(struct err *e)
{
	int r = 0;

	if (la.loaded)
		return 0;
#define X(function)                                                                      \
	if (!r)                                                                          \
		r = dl_function(ARCHIVE_FILE, #function, (void **)&la.function, e);
	ARCHIVE_FUNCTIONS(X)
#undef X
	la.loaded = !r;
	return r;
}

struct reader {
	struct identity *id;
	const struct identity_input *in;
	struct archive *archive;
	struct feed *feed;
	struct tarhead *head;
	struct sha256 *sha;
	uint64_t offset; /* bytes of the tar handed out */

	/* Segment bytes up to `offset` that no header has claimed yet. */
	struct buf raw;
	uint64_t raw_at;

	/* The header whose file entry comes next. */
	bool want;
	char want_path[EXPECT_PATH_MAX];
	uint32_t want_node;
	uint64_t want_size, want_at;
	unsigned extras; /* file entries of global headers */

	bool headers_off; /* hash only: the headers turned out unusable, */
	struct err why;	  /* for this reason */
	bool bodies;	  /* all were there */
	int failed;	  /* code of `err`: the pieces ended early */
	struct err err;
};

/* --- bodies ------------------------------------------------------------------------------- */

void identity_open_body(int tree_fd, const char *path, uint64_t size, int *fd,
    struct stat *st, struct err *why)
{
	*fd = -1;
	if (fs_open(tree_fd, path, O_RDONLY | O_NONBLOCK, fd, why))
		return;
	if (fstat(*fd, st))
		err_sys(why, "cannot be examined");
	else if (!S_ISREG(st->st_mode))
		err_set(why, ERR_MALFORMED, "not a regular file");
	else if ((uint64_t)st->st_size != size)
		err_set(why, ERR_MALFORMED, "%jd bytes", (intmax_t)st->st_size);
	else
		return;
	base_close_p(fd);
	*fd = -1;
}

int identity_unchanged(int fd, const struct stat *before, const char *name, struct err *e)
{
	struct stat now;

	if (fstat(fd, &now))
		return err_sys(e, "cannot examine %s", name);
	if (!fs_same_state(&now, before))
		return err_set(e, ERR_CHANGED, "%s changed while it was read", name);
	return 0;
}

/* --- the tar, piece by piece -------------------------------------------------------------- */

/* From here on the tar is only hashed. */
static void give_up_headers(struct reader *r, const struct err *why)
{
	if (!r->headers_off)
		r->why = *why;
	r->headers_off = true;
}

static void check_file_entry(struct reader *r, const struct feed_piece *p)
{
	static const char sparse[] = "GNU.sparse.";
	struct err why;

	if (!r->want && p->size == 0) {
		/* A global header has an entry of its own, while libarchive skips it. */
		r->extras++;
	} else if (!r->want || r->offset != r->want_at || r->raw.len ||
		   p->size != r->want_size || strcmp(p->path, r->want_path) != 0) {
		err_set(&why, ERR_MALFORMED,
		    "the entry of %.200s does not follow a header of that name and size",
		    p->name);
		/* libarchive looks into its body for the holes, before it yields the header. */
		if (memmem(r->raw.data, r->raw.len, sparse, sizeof(sparse) - 1))
			err_set(&why, ERR_MALFORMED,
			    "%.200s is a sparse file: tar-split cannot remake its tar",
			    p->name);
		give_up_headers(r, &why);
	}
	r->want = false;
}

static void missing_body(struct reader *r, const struct feed_piece *p)
{
	char path[EXPECT_PATH_MAX + 1] = "/";
	struct place where = {.layer = r->in->layer_id, .path = path};
	struct finding *f;

	memcpy(path + 1, p->path, strlen(p->path) + 1);
	r->bodies = false;
	f = findings_add(r->in->findings, FINDING_DIFF_ID, where);
	finding_expected(f, "a file of %" PRIu64 " bytes (tar header)", p->size);
	finding_found(f, "%s", p->missing);
}

static int segment(struct reader *r, const struct feed_piece *p)
{
	if (r->headers_off)
		return 0;
	if (r->raw.len == 0)
		r->raw_at = r->offset;
	return buf_add(&r->raw, p->data, p->len, &r->err);
}

static int take(struct reader *r, const struct feed_piece *p)
{
	struct progress *progress = r->in->progress;

	switch (p->kind) {
	case FEED_SEGMENT:
		return segment(r, p);
	case FEED_FILE:
		if (!r->headers_off)
			check_file_entry(r, p);
		if (p->missing)
			missing_body(r, p);
		if (progress)
			progress_add(&progress->files_done, 1);
		break;
	case FEED_BODY:
		if (p->verity && !r->headers_off)
			expect_digest(r->id->expect, r->want_node, p->verity);
		if (progress)
			progress_add(&progress->bytes_done, p->len);
		break;
	case FEED_END:
		break;
	}
	return 0;
}

/* The next bytes of the tar, hashed; *len == 0 at its end. */
static int pull(struct reader *r, const void **bytes, size_t *len)
{
	struct feed_piece p;

	do {
		r->failed = feed_next(r->feed, &p, &r->err);
		if (!r->failed)
			r->failed = take(r, &p);
		if (r->failed)
			return r->failed;
	} while (p.len == 0 && p.kind != FEED_END);
	sha256_update(r->sha, p.data, p.len);
	r->offset += p.len;
	*bytes = p.data;
	*len = p.len;
	return 0;
}

static la_ssize_t pull_for_archive(struct archive *a, void *ctx, const void **piece)
{
	struct reader *r = ctx;
	size_t len;

	if (pull(r, piece, &len)) {
		la.archive_set_error(a, EIO, "%s", r->err.msg);
		return -1;
	}
	if (r->headers_off) {
		la.archive_set_error(a, EIO, "%s", r->why.msg);
		return -1;
	}
	return (la_ssize_t)len;
}

/* --- headers ------------------------------------------------------------------------------ */

static uint64_t raw_start(const struct reader *r)
{
	return r->raw.len ? r->raw_at : r->offset;
}

static void drop_raw(struct reader *r, uint64_t until)
{
	size_t n = (size_t)(until - raw_start(r));

	r->raw.len -= n;
	memmove(r->raw.data, r->raw.data + n, r->raw.len);
	r->raw_at = until;
}

static bool same_text(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

/* libarchive ends the names of directories in a slash. */
static bool same_name(const char *archive, const char *name)
{
	size_t len = strlen(name);

	return archive && strncmp(archive, name, len) == 0 &&
	       (!archive[len] || strcmp(archive + len, "/") == 0);
}

static bool same_type(struct archive_entry *a, const struct tar_header *h)
{
	static const unsigned types[] = {
	    [TAR_FILE] = AE_IFREG,
	    [TAR_SYMLINK] = AE_IFLNK,
	    [TAR_CHAR] = AE_IFCHR,
	    [TAR_BLOCKDEV] = AE_IFBLK,
	    [TAR_DIR] = AE_IFDIR,
	    [TAR_FIFO] = AE_IFIFO,
	};

	if (h->type == TAR_HARDLINK)
		return same_text(la.archive_entry_hardlink(a), h->link);
	if (la.archive_entry_hardlink(a) ||
	    la.archive_entry_filetype(a) != types[h->type])
		return false;
	if (h->type == TAR_SYMLINK)
		return same_text(la.archive_entry_symlink(a), h->link);
	return true;
}

static bool same_reading(struct archive_entry *a, const struct tar_header *h)
{
	if (!same_name(la.archive_entry_pathname(a), h->name) || !same_type(a, h))
		return false;
	if ((h->type == TAR_CHAR || h->type == TAR_BLOCKDEV) &&
	    (la.archive_entry_rdevmajor(a) != h->dev_major ||
		la.archive_entry_rdevminor(a) != h->dev_minor))
		return false;
	/* libarchive works SCHILY.acl.* into the mode; Go ignores them. */
	if (!la.archive_entry_acl_types(a) &&
	    (la.archive_entry_perm(a) & 07777) != h->mode)
		return false;
	return la.archive_entry_size(a) == (la_int64_t)h->size &&
	       la.archive_entry_uid(a) == (la_int64_t)h->uid &&
	       la.archive_entry_gid(a) == (la_int64_t)h->gid;
}

/* The first deletion tells how this layer's were unpacked; all must be like it. */
static void note_whiteout(const struct reader *r, const char *path)
{
	struct expect *x = r->id->expect;
	CLEANUP_FD int fd = -1;
	struct err ignored;

	if (!r->id->store->whiteout_files || x->driver != STORE_OVERLAY ||
	    x->whiteouts != EXPECT_WHITEOUTS_UNSAID || !expect_is_whiteout(path))
		return;
	x->whiteouts = fs_open(r->in->tree_fd, path, O_PATH, &fd, &ignored) == 0
			   ? EXPECT_WHITEOUTS_FILES
			   : EXPECT_WHITEOUTS_KERNEL;
}

static int header(struct reader *r, struct archive_entry *a, struct err *e)
{
	la_int64_t from = la.archive_read_header_position(r->archive);
	la_int64_t to = la.archive_filter_bytes(r->archive, -1);
	struct tar_header h;
	bool absolute;

	if (r->want)
		return err_set(
		    e, ERR_MALFORMED, "%.200s has no file entry", r->want_path);
	if (from < 0 || to < from || (uint64_t)from < raw_start(r) ||
	    (uint64_t)to > r->offset)
		return err_set(e, ERR_MALFORMED, "a header inside the body of a file");
	drop_raw(r, (uint64_t)from);
	if (tarhead_read(r->head, r->raw.data, (size_t)(to - from), &h, e) ||
	    expect_clean(h.name, r->want_path, &absolute, e))
		return e->code;
	drop_raw(r, (uint64_t)to);
	note_whiteout(r, r->want_path);
	if (!same_reading(a, &h))
		err_set(e, ERR_MALFORMED, "two readers of tar understand it differently");
	else if (r->extras != h.globals)
		err_set(e, ERR_MALFORMED, "entries of files that have no header");
	else if (r->in->alone ||
		 expect_header(r->id->expect, &h, &r->want_node, e) == 0) {
		r->want = true;
		r->want_size = h.size;
		r->want_at = (uint64_t)to;
		r->extras = 0;
		return 0;
	}
	return err_wrap(e, "header of %.200s", h.name);
}

/* Behind the headers come two blocks of zeros, or nothing. Go takes one for damage. */
static int end_of_archive(struct reader *r, struct err *e)
{
	uint64_t from = (uint64_t)la.archive_read_header_position(r->archive);
	const void *piece;
	size_t len = 1;

	if (r->want)
		return err_set(
		    e, ERR_MALFORMED, "%.200s has no file entry", r->want_path);
	if (from < raw_start(r))
		return err_set(e, ERR_MALFORMED, "the archive ends inside a file");
	while (len && r->offset < from + 2 * TAR_BLOCK) {
		if (pull(r, &piece, &len))
			return r->failed;
	}
	if (r->headers_off)
		return 0;
	drop_raw(r, from);
	for (size_t i = 0; i < r->raw.len && i < 2 * TAR_BLOCK; i++) {
		if (r->raw.data[i])
			return err_set(e, ERR_MALFORMED, "half an end of the archive");
	}
	return 0;
}

static int read_headers(struct reader *r, struct err *e)
{
	struct archive_entry *a;
	int rc = la.archive_read_open(r->archive, r, NULL, pull_for_archive, NULL);

	while (rc == ARCHIVE_OK || rc == ARCHIVE_WARN) {
		rc = la.archive_read_next_header(r->archive, &a);
		/* Warnings are about names the locale cannot show; they are not altered. */
		if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN)
			break;
		if (header(r, a, e))
			return e->code;
		rc = la.archive_read_data_skip(r->archive);
	}
	if (rc == ARCHIVE_EOF)
		return end_of_archive(r, e);
	return err_set(
	    e, ERR_MALFORMED, "not a tar: %s", la.archive_error_string(r->archive));
}

/* Behind the end of the archive is nothing but segments. */
static int drain(struct reader *r)
{
	const void *piece;
	size_t len;

	do {
		buf_clear(&r->raw);
	} while (!pull(r, &piece, &len) && len);
	return r->failed;
}

/* --- all of it ---------------------------------------------------------------------------- */

static int reader_init(
    struct reader *r, struct identity *id, const struct identity_input *in, struct err *e)
{
	*r = (struct reader){
	    .id = id,
	    .in = in,
	    .head = tarhead_new(),
	    .sha = sha256_new(),
	    .bodies = true,
	};
	int rc = load_libarchive(e);

	/* The chain in front of a header, the padding behind a body, and one segment more. */
	buf_init(&r->raw, TARHEAD_MAX + 2 * (size_t)TARSPLIT_LINE_MAX);
	if (rc)
		return rc;
	r->archive = la.archive_read_new();
	if (!r->archive || la.archive_read_support_format_tar(r->archive) != ARCHIVE_OK ||
	    la.archive_read_support_format_empty(r->archive) != ARCHIVE_OK)
		return err_set(e, ERR_INTERNAL, "libarchive: cannot start");
	return feed_start(
	    &(struct feed_options){
		.lines = in->lines,
		.tree_fd = in->tree_fd,
		.verity = id->expect->driver == STORE_VFS && !in->alone,
		.known = id->known,
	    },
	    &r->feed, e);
}

static void reader_release(struct reader *r)
{
	feed_stop(r->feed);
	if (r->archive)
		la.archive_read_free(r->archive);
	tarhead_free(r->head);
	sha256_free(r->sha);
	buf_release(&r->raw);
}

static int run(struct reader *r, struct err *e)
{
	struct place where = {.layer = r->in->layer_id};
	struct finding *f;
	struct err why;

	if (read_headers(r, &why) && !r->failed)
		give_up_headers(r, &why);
	if (r->failed || drain(r)) {
		*e = r->err;
		return e->code;
	}
	if (r->headers_off) {
		f = findings_add(r->in->findings, FINDING_TAR_HEADER, where);
		finding_expected(f, "a tar that can be read in one way only");
		finding_found(f, "%s", r->why.msg);
	}
	return 0;
}

int identity_read(struct identity *id, const struct identity_input *in,
    struct identity_result *out, bool *headers, bool *bodies, struct err *e)
{
	struct reader r;
	int rc = reader_init(&r, id, in, e);

	if (!rc)
		rc = run(&r, e);
	if (!rc) {
		sha256_final(r.sha, &out->diff_id);
		out->diff_size = r.offset;
		*headers = !r.headers_off;
		*bodies = r.bodies;
	}
	reader_release(&r);
	/* The feed's thread is gone: the lines are ours again. */
	if (!rc)
		tarsplit_digest(in->lines, &out->tar_split);
	return rc;
}
