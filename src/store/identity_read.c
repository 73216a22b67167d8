/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity_read.c: one pass over the remade tar of a layer. libarchive pulls; what it pulls are
 * the segments and file bodies as tar-split lists them, and each byte is hashed on its way. So
 * every body is read once and never copied.
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

#include "base/fs.h"
#include "store/identity_internal.h"

#define READ_BYTES (256U << 10)

struct reader {
	struct identity *id;
	const struct identity_input *in;
	struct archive *archive;
	struct tarhead *head;
	struct sha256 *sha;
	struct fsverity *verity; /* vfs only */
	uint64_t offset;	 /* bytes of the tar handed out */

	/* Segment bytes from `raw_at` to `offset` that no header has claimed yet. */
	struct buf raw;
	uint64_t raw_at;

	/* The header whose file entry comes next. */
	bool want;
	char want_path[EXPECT_PATH_MAX];
	uint32_t want_node;
	uint64_t want_size, want_at;
	unsigned extras; /* file entries of global headers */

	/* The body that is being handed out. fd -1: not there, zeros instead. */
	int fd;
	uint64_t left;
	struct stat before;
	char path[EXPECT_PATH_MAX];
	uint8_t *buffer;

	bool headers_off; /* hash only: the headers turned out unusable, */
	struct err why;	  /* for this reason */
	bool end;	  /* of the lines */
	bool bodies;	  /* all were there */
	int failed;	  /* code of `err`: why pull() stopped libarchive */
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
	if (now.st_size != before->st_size || now.st_ino != before->st_ino ||
	    now.st_mtim.tv_sec != before->st_mtim.tv_sec ||
	    now.st_mtim.tv_nsec != before->st_mtim.tv_nsec ||
	    now.st_ctim.tv_sec != before->st_ctim.tv_sec ||
	    now.st_ctim.tv_nsec != before->st_ctim.tv_nsec)
		return err_set(e, ERR_CHANGED, "%s changed while it was read", name);
	return 0;
}

static struct place below(const struct reader *r, const char *path, char *absolute)
{
	absolute[0] = '/';
	memcpy(absolute + 1, path, strlen(path) + 1);
	return (struct place){.layer = r->in->layer_id, .path = absolute};
}

/* A body that is not there is handed out as zeros: the headers behind it can still be read. */
static void start_body(struct reader *r, uint64_t size)
{
	char absolute[EXPECT_PATH_MAX + 1];
	struct finding *f;
	struct err why;

	r->left = size;
	if (size == 0)
		return;
	identity_open_body(r->in->tree_fd, r->path, size, &r->fd, &r->before, &why);
	if (r->fd >= 0) {
		if (size > READ_BYTES)
			posix_fadvise(r->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
		return;
	}
	r->bodies = false;
	f = findings_add(r->in->findings, FINDING_DIFF_ID, below(r, r->path, absolute));
	finding_expected(f, "a file of %" PRIu64 " bytes (tar header)", size);
	finding_found(f, "%s", why.code == ERR_NOT_FOUND ? "nothing" : why.msg);
}

static int end_body(struct reader *r)
{
	struct digest digest;

	if (r->fd < 0)
		return 0;
	if (identity_unchanged(r->fd, &r->before, r->path, &r->err))
		return r->err.code;
	base_close_p(&r->fd);
	r->fd = -1;
	if (r->verity) {
		fsverity_final(r->verity, &digest);
		if (!r->headers_off)
			expect_digest(r->id->expect, r->want_node, &digest);
	}
	if (r->in->progress)
		progress_add(&r->in->progress->files_done, 1);
	return 0;
}

/* The next piece of the current body. */
static int body_piece(struct reader *r, size_t *len)
{
	size_t want = r->left < READ_BYTES ? (size_t)r->left : READ_BYTES;
	ssize_t n = (ssize_t)want;

	if (r->fd < 0)
		memset(r->buffer, 0, want);
	else
		do
			n = read(r->fd, r->buffer, want);
		while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(&r->err, "cannot read %s", r->path);
	if (n == 0)
		return err_set(
		    &r->err, ERR_CHANGED, "%s changed while it was read", r->path);
	if (r->verity && r->fd >= 0)
		fsverity_update(r->verity, r->buffer, (size_t)n);
	if (r->in->progress)
		progress_add(&r->in->progress->bytes_done, (uint64_t)n);
	r->left -= (uint64_t)n;
	*len = (size_t)n;
	return r->left == 0 ? end_body(r) : 0;
}

/* --- the tar, piece by piece -------------------------------------------------------------- */

/* From here on the tar is only hashed. */
static void give_up_headers(struct reader *r, const struct err *why)
{
	if (!r->headers_off)
		r->why = *why;
	r->headers_off = true;
}

static void check_file_entry(struct reader *r, const struct tarsplit_entry *entry)
{
	static const char sparse[] = "GNU.sparse.";
	struct err why;

	if (!r->want && entry->size == 0) {
		/* A global header has an entry of its own, while libarchive skips it. */
		r->extras++;
	} else if (!r->want || r->offset != r->want_at || r->raw.len ||
		   entry->size != r->want_size || strcmp(r->path, r->want_path) != 0) {
		err_set(&why, ERR_MALFORMED,
		    "the entry of %.200s does not follow a header of that name and size",
		    entry->name);
		/* libarchive looks into its body for the holes, before it yields the header. */
		if (memmem(r->raw.data, r->raw.len, sparse, sizeof(sparse) - 1))
			err_set(&why, ERR_MALFORMED,
			    "%.200s is a sparse file: tar-split cannot remake its tar",
			    entry->name);
		give_up_headers(r, &why);
	}
	r->want = false;
}

static int file_entry(struct reader *r, const struct tarsplit_entry *entry)
{
	bool absolute;
	int rc = expect_clean(entry->name, r->path, &absolute, &r->err);

	if (rc)
		return rc;
	if (!r->headers_off)
		check_file_entry(r, entry);
	start_body(r, entry->size);
	return 0;
}

static int segment(struct reader *r, const struct tarsplit_entry *entry)
{
	if (r->headers_off)
		return 0;
	if (r->raw.len == 0)
		r->raw_at = r->offset;
	return buf_add(&r->raw, entry->bytes, entry->len, &r->err);
}

/* The next piece of the tar, hashed; *len == 0 at its end. */
static int pull(struct reader *r, const void **piece, size_t *len)
{
	struct tarsplit_entry entry;
	int rc = 0;

	*piece = "";
	*len = 0;
	while (!rc && *len == 0 && !r->end) {
		if (r->left) {
			rc = body_piece(r, len);
			*piece = r->buffer;
			continue;
		}
		rc = tarsplit_next(r->in->lines, &entry, &r->end, &r->err);
		if (rc || r->end)
			break;
		if (entry.type == TARSPLIT_FILE) {
			rc = file_entry(r, &entry);
			continue;
		}
		rc = segment(r, &entry);
		*piece = entry.bytes;
		*len = entry.len;
	}
	if (rc)
		return rc;
	sha256_update(r->sha, *piece, *len);
	r->offset += *len;
	return 0;
}

static la_ssize_t pull_for_archive(struct archive *a, void *ctx, const void **piece)
{
	struct reader *r = ctx;
	size_t len;

	r->failed = pull(r, piece, &len);
	if (r->failed) {
		archive_set_error(a, EIO, "%s", r->err.msg);
		return -1;
	}
	if (r->headers_off) {
		archive_set_error(a, EIO, "%s", r->why.msg);
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
		return same_text(archive_entry_hardlink(a), h->link);
	if (archive_entry_hardlink(a) || archive_entry_filetype(a) != types[h->type])
		return false;
	if (h->type == TAR_SYMLINK)
		return same_text(archive_entry_symlink(a), h->link);
	return true;
}

static bool same_reading(struct archive_entry *a, const struct tar_header *h)
{
	if (!same_name(archive_entry_pathname(a), h->name) || !same_type(a, h))
		return false;
	if ((h->type == TAR_CHAR || h->type == TAR_BLOCKDEV) &&
	    (archive_entry_rdevmajor(a) != h->dev_major ||
		archive_entry_rdevminor(a) != h->dev_minor))
		return false;
	/* libarchive works SCHILY.acl.* into the mode; Go ignores them. */
	if (!archive_entry_acl_types(a) && (archive_entry_perm(a) & 07777) != h->mode)
		return false;
	return archive_entry_size(a) == (la_int64_t)h->size &&
	       archive_entry_uid(a) == (la_int64_t)h->uid &&
	       archive_entry_gid(a) == (la_int64_t)h->gid;
}

static int header(struct reader *r, struct archive_entry *a, struct err *e)
{
	la_int64_t from = archive_read_header_position(r->archive);
	la_int64_t to = archive_filter_bytes(r->archive, -1);
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
	if (!same_reading(a, &h))
		err_set(e, ERR_MALFORMED, "two readers of tar understand it differently");
	else if (r->extras != h.globals)
		err_set(e, ERR_MALFORMED, "entries of files that have no header");
	else if (expect_header(r->id->expect, &h, &r->want_node, e) == 0) {
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
	uint64_t from = (uint64_t)archive_read_header_position(r->archive);
	const void *piece;
	size_t len = 1;

	if (r->want)
		return err_set(
		    e, ERR_MALFORMED, "%.200s has no file entry", r->want_path);
	if (from < raw_start(r))
		return err_set(e, ERR_MALFORMED, "the archive ends inside a file");
	while (len && r->offset < from + 2 * TAR_BLOCK) {
		r->failed = pull(r, &piece, &len);
		if (r->failed)
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
	int rc = archive_read_open(r->archive, r, NULL, pull_for_archive, NULL);

	while (rc == ARCHIVE_OK || rc == ARCHIVE_WARN) {
		rc = archive_read_next_header(r->archive, &a);
		/* Warnings are about names the locale cannot show; they are not altered. */
		if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN)
			break;
		if (header(r, a, e))
			return e->code;
		rc = archive_read_data_skip(r->archive);
	}
	if (rc == ARCHIVE_EOF)
		return end_of_archive(r, e);
	return err_set(
	    e, ERR_MALFORMED, "not a tar: %s", archive_error_string(r->archive));
}

/* Behind the end of the archive is nothing but segments. */
static int drain(struct reader *r)
{
	const void *piece;
	size_t len;

	do {
		buf_clear(&r->raw);
		r->failed = pull(r, &piece, &len);
	} while (!r->failed && len);
	return r->failed;
}

/* --- all of it ---------------------------------------------------------------------------- */

static void reader_init(
    struct reader *r, struct identity *id, const struct identity_input *in)
{
	*r = (struct reader){
	    .id = id,
	    .in = in,
	    .archive = archive_read_new(),
	    .head = tarhead_new(),
	    .sha = sha256_new(),
	    .fd = -1,
	    .buffer = xmalloc(READ_BYTES),
	    .bodies = true,
	};
	if (id->expect->driver == STORE_VFS)
		r->verity = fsverity_new();
	/* The chain in front of a header, the padding behind a body, and one segment more. */
	buf_init(&r->raw, TARHEAD_MAX + 2 * (size_t)TARSPLIT_LINE_MAX);
}

static void reader_release(struct reader *r)
{
	archive_read_free(r->archive);
	tarhead_free(r->head);
	sha256_free(r->sha);
	if (r->verity)
		fsverity_free(r->verity);
	buf_release(&r->raw);
	base_close_p(&r->fd);
	free(r->buffer);
}

static int run(struct reader *r, struct err *e)
{
	struct place where = {.layer = r->in->layer_id};
	struct err why;

	if (!r->archive || archive_read_support_format_tar(r->archive) != ARCHIVE_OK ||
	    archive_read_support_format_empty(r->archive) != ARCHIVE_OK)
		return err_set(e, ERR_INTERNAL, "libarchive: cannot start");
	if (read_headers(r, &why) && !r->failed)
		give_up_headers(r, &why);
	if (r->failed || drain(r)) {
		*e = r->err;
		return e->code;
	}
	if (r->headers_off)
		finding_found(findings_add(r->in->findings, FINDING_TAR_HEADER, where),
		    "%s", r->why.msg);
	return 0;
}

int identity_read(struct identity *id, const struct identity_input *in,
    struct identity_result *out, bool *headers, bool *bodies, struct err *e)
{
	struct reader r;
	int rc;

	reader_init(&r, id, in);
	rc = run(&r, e);
	*headers = !r.headers_off;
	if (!rc) {
		sha256_final(r.sha, &out->diff_id);
		out->diff_size = r.offset;
		tarsplit_digest(in->lines, &out->tar_split);
		*bodies = r.bodies;
	}
	reader_release(&r);
	return rc;
}
