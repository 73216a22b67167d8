/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compare.c: see compare.h. A merge of two listings in manifest order: a path that only the sealed
 * one has was removed, one that only the tree has was added, one that both have is compared column
 * by column. What is below an added or removed directory is counted, not listed.
 */
#include "tree/compare.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/hex.h"

#define WHEN_BYTES 64
#define WHAT_BYTES 160
#define VALUE_SHOWN 32 /* bytes of an xattr that a message shows */

/* A directory that one side alone has; its finding is written when all below it was counted. */
struct group {
	bool open;
	enum finding_class class;
	char *path;
	char *text;  /* what the directory is */
	char *other; /* type findings: what the other side has instead */
	uint64_t below;
};

struct compare {
	const char *layer;
	struct findings *out;
	/* the sealed side */
	struct lines lines;
	struct manifest_scratch *scratch;
	struct manifest_entry sealed;
	bool has_sealed; /* `sealed` was read and not matched yet */
	struct group removed, added;
};

/* ---- words ---- */

static const char *type_name(const struct manifest_entry *m)
{
	switch (m->mode & S_IFMT) {
	case S_IFREG:
		return "regular file";
	case S_IFDIR:
		return "directory";
	case S_IFLNK:
		return "symbolic link";
	case S_IFCHR:
		return m->dev_major || m->dev_minor ? "character device" : "whiteout";
	case S_IFBLK:
		return "block device";
	case S_IFIFO:
		return "FIFO";
	default:
		return "socket";
	}
}

static bool is_device(const struct manifest_entry *m)
{
	return S_ISCHR(m->mode) || S_ISBLK(m->mode);
}

/* "regular file 0755 0:0, 12 bytes"; heap. */
static char *describe(const struct manifest_entry *m)
{
	char what[WHAT_BYTES];

	snprintf(what, sizeof(what), "%s %04" PRIo32 " %" PRIu32 ":%" PRIu32,
	    type_name(m), m->mode & 07777, m->uid, m->gid);
	if (m->hardlink)
		return xasprintf("%s, hard link to %s", what, m->payload);
	if (S_ISREG(m->mode))
		return xasprintf("%s, %" PRIu64 " bytes", what, m->size);
	if (S_ISLNK(m->mode))
		return xasprintf("%s to %s", what, m->payload);
	if (is_device(m) && (m->dev_major || m->dev_minor))
		return xasprintf(
		    "%s, %" PRIu32 ":%" PRIu32, what, m->dev_major, m->dev_minor);
	if (is_device(m))
		return xasprintf("%s (hides this name of the layers below)", what);
	return xstrdup(what);
}

static void when(const struct manifest_entry *m, char out[WHEN_BYTES])
{
	time_t sec = (time_t)m->mtime_sec;
	struct tm tm;
	size_t n = 0;

	if (gmtime_r(&sec, &tm))
		n = strftime(out, WHEN_BYTES, "%Y-%m-%dT%H:%M:%S", &tm);
	if (n)
		snprintf(out + n, WHEN_BYTES - n, ".%09" PRIu32 "Z", m->mtime_nsec);
	else
		snprintf(out, WHEN_BYTES, "%" PRId64 ".%09" PRIu32, m->mtime_sec,
		    m->mtime_nsec);
}

static bool is_text(const struct manifest_xattr *x)
{
	const unsigned char *p = x->value;

	for (size_t i = 0; i < x->len; i++) {
		if (p[i] < 0x20 || p[i] > 0x7e)
			return false;
	}
	return true;
}

/* `name="text"` or `name=0x0102...`; heap. */
static char *describe_xattr(const struct manifest_xattr *x)
{
	size_t n = x->len < VALUE_SHOWN ? x->len : VALUE_SHOWN;
	const char *more = n < x->len ? "..." : "";
	char hex[2 * VALUE_SHOWN + 1];

	if (is_text(x))
		return xasprintf(
		    "%s=\"%.*s%s\"", x->name, (int)n, (const char *)x->value, more);
	hex_encode(hex, x->value, n);
	return xasprintf("%s=0x%s%s (%zu bytes)", x->name, hex, more, x->len);
}

static char *describe_content(const struct manifest_entry *m)
{
	char hex[DIGEST_HEX_LEN + 1];

	if (!m->has_digest)
		return xasprintf("%" PRIu64 " bytes", m->size);
	digest_hex(&m->digest, hex);
	return xasprintf("%" PRIu64 " bytes, fs-verity sha256:%s", m->size, hex);
}

static char *describe_links(const struct manifest_entry *m)
{
	if (m->hardlink)
		return xasprintf(
		    "hard link to %s, %" PRIu64 " links in all", m->payload, m->nlink);
	return xasprintf("%" PRIu64 " %s", m->nlink, m->nlink == 1 ? "link" : "links");
}

/* ---- findings ---- */

static struct finding *report(
    struct compare *c, enum finding_class class, const char *path)
{
	return findings_add(
	    c->out, class, (struct place){.layer = c->layer, .path = path});
}

/* Takes both texts over. */
static void differ(struct compare *c, enum finding_class class, const char *path,
    char *expected, char *found)
{
	struct finding *f = report(c, class, path);

	finding_expected(f, "%s", expected);
	finding_found(f, "%s", found);
	free(expected);
	free(found);
}

static void group_release(struct group *g)
{
	free(g->path);
	free(g->text);
	free(g->other);
	*g = (struct group){0};
}

static void close_group(struct compare *c, struct group *g)
{
	struct finding *f;
	char *below;

	if (!g->open)
		return;
	f = report(c, g->class, g->path);
	below = g->below ? xasprintf(" and %" PRIu64 " %s below it", g->below,
			       g->below == 1 ? "entry" : "entries")
			 : xstrdup("");
	if (g == &c->removed) {
		finding_expected(f, "%s%s", g->text, below);
		if (g->other)
			finding_found(f, "%s", g->other);
	} else {
		if (g->other)
			finding_expected(f, "%s", g->other);
		finding_found(f, "%s%s", g->text, below);
	}
	free(below);
	group_release(g);
}

static void open_group(struct compare *c, struct group *g, enum finding_class class,
    const struct manifest_entry *m, const struct manifest_entry *other)
{
	close_group(c, g);
	*g = (struct group){
	    .open = true,
	    .class = class,
	    .path = xstrdup(m->path),
	    .text = describe(m),
	    .other = other ? describe(other) : NULL,
	};
}

static bool is_below(const struct group *g, const char *path)
{
	return g->open && manifest_path_below(g->path, path);
}

/* Groups end with the first path that is not below them. */
static void close_finished(struct compare *c, const char *path)
{
	if (!is_below(&c->removed, path))
		close_group(c, &c->removed);
	if (!is_below(&c->added, path))
		close_group(c, &c->added);
}

/* An entry that only the side of `g` has. */
static void one_sided(struct compare *c, struct group *g, enum finding_class class,
    const struct manifest_entry *m)
{
	struct finding *f;
	char *what;

	close_finished(c, m->path);
	if (g->open) {
		g->below++;
		return;
	}
	if (S_ISDIR(m->mode)) {
		open_group(c, g, class, m, NULL);
		return;
	}
	f = report(c, class, m->path);
	what = describe(m);
	if (g == &c->removed)
		finding_expected(f, "%s", what);
	else
		finding_found(f, "%s", what);
	free(what);
}

/* ---- one path on both sides ---- */

static void compare_type(struct compare *c, const struct manifest_entry *sealed,
    const struct manifest_entry *m)
{
	if (S_ISDIR(sealed->mode))
		open_group(c, &c->removed, FINDING_TREE_TYPE, sealed, m);
	else if (S_ISDIR(m->mode))
		open_group(c, &c->added, FINDING_TREE_TYPE, m, sealed);
	else
		differ(c, FINDING_TREE_TYPE, m->path, describe(sealed), describe(m));
}

static bool same_content(
    const struct manifest_entry *sealed, const struct manifest_entry *m)
{
	if (sealed->size != m->size)
		return false;
	/* A hard link's digest is in the line of its first name. */
	if (sealed->hardlink || m->hardlink)
		return true;
	return sealed->has_digest == m->has_digest &&
	       (!m->has_digest || digest_equal(&sealed->digest, &m->digest));
}

static bool same_links(
    const struct manifest_entry *sealed, const struct manifest_entry *m)
{
	return sealed->nlink == m->nlink && sealed->hardlink == m->hardlink &&
	       (!m->hardlink || strcmp(sealed->payload, m->payload) == 0);
}

static void compare_inode(struct compare *c, const struct manifest_entry *sealed,
    const struct manifest_entry *m)
{
	char before[WHEN_BYTES], now[WHEN_BYTES];

	if (sealed->mode != m->mode)
		differ(c, FINDING_TREE_MODE, m->path,
		    xasprintf("%04" PRIo32, sealed->mode & 07777),
		    xasprintf("%04" PRIo32, m->mode & 07777));
	if (sealed->uid != m->uid || sealed->gid != m->gid)
		differ(c, FINDING_TREE_OWNER, m->path,
		    xasprintf("%" PRIu32 ":%" PRIu32, sealed->uid, sealed->gid),
		    xasprintf("%" PRIu32 ":%" PRIu32, m->uid, m->gid));
	if (sealed->dev_major != m->dev_major || sealed->dev_minor != m->dev_minor)
		differ(c, FINDING_TREE_DEVICE, m->path,
		    xasprintf(
			"%" PRIu32 ":%" PRIu32, sealed->dev_major, sealed->dev_minor),
		    xasprintf("%" PRIu32 ":%" PRIu32, m->dev_major, m->dev_minor));
	if (sealed->mtime_sec != m->mtime_sec || sealed->mtime_nsec != m->mtime_nsec) {
		when(sealed, before);
		when(m, now);
		differ(c, FINDING_TREE_MTIME, m->path, xstrdup(before), xstrdup(now));
	}
}

static void compare_data(struct compare *c, const struct manifest_entry *sealed,
    const struct manifest_entry *m)
{
	if (S_ISREG(m->mode) && !same_content(sealed, m))
		differ(c, FINDING_TREE_CONTENT, m->path, describe_content(sealed),
		    describe_content(m));
	if (S_ISLNK(m->mode) && !sealed->hardlink && !m->hardlink &&
	    strcmp(sealed->payload, m->payload) != 0)
		differ(c, FINDING_TREE_TARGET, m->path, xstrdup(sealed->payload),
		    xstrdup(m->payload));
	else if (S_ISLNK(m->mode) && sealed->size != m->size)
		differ(c, FINDING_TREE_TARGET, m->path,
		    xasprintf("a target of %" PRIu64 " bytes", sealed->size),
		    xasprintf("a target of %" PRIu64 " bytes", m->size));
	if (!same_links(sealed, m))
		differ(c, FINDING_TREE_HARDLINK, m->path, describe_links(sealed),
		    describe_links(m));
}

/* NULL: that side does not have it. */
static void compare_xattr(struct compare *c, const char *path,
    const struct manifest_xattr *sealed, const struct manifest_xattr *now)
{
	if (sealed && now && sealed->len == now->len &&
	    memcmp(sealed->value, now->value, now->len) == 0)
		return;
	if (sealed && now)
		differ(c, FINDING_TREE_XATTR, path, describe_xattr(sealed),
		    describe_xattr(now));
	else if (sealed)
		differ(c, FINDING_TREE_XATTR, path, describe_xattr(sealed),
		    xasprintf("no %s", sealed->name));
	else if (now)
		differ(c, FINDING_TREE_XATTR, path, xasprintf("no %s", now->name),
		    describe_xattr(now));
}

/* Both lists are sorted by name. */
static void compare_xattrs(struct compare *c, const struct manifest_entry *sealed,
    const struct manifest_entry *m)
{
	size_t i = 0, j = 0;

	if (sealed->hardlink || m->hardlink)
		return;
	while (i < sealed->n_xattrs || j < m->n_xattrs) {
		const struct manifest_xattr *a =
		    i < sealed->n_xattrs ? &sealed->xattrs[i] : NULL;
		const struct manifest_xattr *b = j < m->n_xattrs ? &m->xattrs[j] : NULL;
		int order = !a ? 1 : !b ? -1 : strcmp(a->name, b->name);

		compare_xattr(c, m->path, order <= 0 ? a : NULL, order >= 0 ? b : NULL);
		i += order <= 0;
		j += order >= 0;
	}
}

static void compare_entry(
    struct compare *c, const struct manifest_entry *m, const char *line, size_t len)
{
	const struct manifest_entry *sealed = &c->sealed;
	size_t before = c->out->n + c->out->dropped;

	if (c->lines.line.len == len && memcmp(c->lines.line.data, line, len) == 0)
		return;
	if ((sealed->mode & S_IFMT) != (m->mode & S_IFMT)) {
		compare_type(c, sealed, m);
		return;
	}
	compare_inode(c, sealed, m);
	compare_data(c, sealed, m);
	compare_xattrs(c, sealed, m);
	/* Cannot be; but two lines that differ must never pass for the same. */
	if (c->out->n + c->out->dropped == before)
		differ(c, FINDING_TREE_CONTENT, m->path,
		    xstrndup(c->lines.line.data, c->lines.line.len), xstrndup(line, len));
}

/* ---- the sealed side ---- */

static int next_sealed(struct compare *c, struct err *e)
{
	int r = 0;

	if (c->has_sealed)
		return 0;
	r = lines_next(&c->lines, e);
	if (!r && c->lines.line.len) {
		r = manifest_parse(
		    c->lines.line.data, c->lines.line.len, c->scratch, &c->sealed, e);
		c->has_sealed = !r;
	}
	return r ? err_wrap(e, "sealed manifest") : 0;
}

/* ---- interface ---- */

struct compare *compare_new(
    lines_read_fn *sealed, void *ctx, const char *layer_id, struct findings *out)
{
	struct compare *c = xcalloc(1, sizeof(*c));

	lines_init(&c->lines, sealed, ctx);
	c->layer = layer_id;
	c->out = out;
	c->scratch = manifest_scratch_new();
	return c;
}

int compare_line(void *ctx, const char *line, size_t len, const struct manifest_entry *m,
    struct err *e)
{
	struct compare *c = ctx;

	for (;;) {
		int r = next_sealed(c, e);
		int order;

		if (r)
			return r;
		order = c->has_sealed ? manifest_path_cmp(c->sealed.path, m->path) : 1;
		if (order > 0) {
			one_sided(c, &c->added, FINDING_TREE_ADDED, m);
			return 0;
		}
		c->has_sealed = false;
		if (order == 0) {
			close_finished(c, m->path);
			compare_entry(c, m, line, len);
			return 0;
		}
		one_sided(c, &c->removed, FINDING_TREE_REMOVED, &c->sealed);
	}
}

int compare_finish(struct compare *c, struct err *e)
{
	for (;;) {
		int r = next_sealed(c, e);

		if (r)
			return r;
		if (!c->has_sealed)
			break;
		c->has_sealed = false;
		one_sided(c, &c->removed, FINDING_TREE_REMOVED, &c->sealed);
	}
	close_group(c, &c->removed);
	close_group(c, &c->added);
	return 0;
}

void compare_free(struct compare *c)
{
	if (!c)
		return;
	group_release(&c->removed);
	group_release(&c->added);
	lines_release(&c->lines);
	manifest_scratch_free(c->scratch);
	free(c);
}
