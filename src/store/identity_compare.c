/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity_compare.c: the tree on disk, line by line of its manifest, against what the tar headers
 * make. Every name needs a header (or is a directory on the way to one), every header its name,
 * and each attribute that extraction sets must be as set.
 *
 * A partial pull (zstd:chunked, or converted to it) writes the tree from a table of contents, not by
 * unpacking a tar, and is less careful: symbolic links keep the owner and time of their making,
 * directories the time of what came into them last, devices and fifos are left out, and a directory
 * without a header has mode 0. All contents, modes and other owners are as the headers say.
 */
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "store/identity_internal.h"

/* One manifest line against its name in the table. */
struct line {
	struct identity *id;
	const struct expect *x;
	const struct manifest_entry *m;
	struct expect_node *node;
	struct expect_inode *inode;
};

static struct finding *deviation(const struct line *c)
{
	return findings_add(
	    &c->id->found, FINDING_TAR_HEADER, (struct place){.path = c->m->path});
}

static const char *type_name(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "file";
	case S_IFDIR:
		return "directory";
	case S_IFLNK:
		return "symbolic link";
	case S_IFCHR:
		return "character device";
	case S_IFBLK:
		return "block device";
	case S_IFIFO:
		return "fifo";
	case S_IFSOCK:
		return "socket";
	}
	return "unknown type";
}

/* --- hard links --------------------------------------------------------------------------- */

/*
 * Names that share an inode must be those the headers link, in both directions: a line of its
 * own claims the inode, and a later one of the same header would be a separate file; a line
 * that is a hard link must be one of the inode its first name claimed.
 */
static bool check_links(const struct line *c)
{
	char path[EXPECT_PATH_MAX];
	uint32_t node = (uint32_t)(c->node - c->x->nodes), first;
	struct finding *f;

	if (c->m->hardlink) {
		first = expect_find(c->x, c->m->payload);
		if (first != EXPECT_NONE && c->x->nodes[first].inode == c->node->inode)
			return true;
		f = deviation(c);
		finding_expected(f, "no hard link to that file (tar header)");
		finding_found(f, "a hard link to %s", c->m->payload);
		return false;
	}
	if (c->inode->first == EXPECT_NONE) {
		c->inode->first = node;
		return true;
	}
	/* vfs's copy of a parent keeps the hard links of regular files only. */
	if (c->inode->layer < c->x->layer && !S_ISREG(c->inode->mode))
		return true;
	expect_path(c->x, c->inode->first, path);
	f = deviation(c);
	finding_expected(f, "a hard link to /%s (tar header)", path);
	finding_found(f, "a file of its own");
	return false;
}

/* --- attributes --------------------------------------------------------------------------- */

static void check_owner(const struct line *c)
{
	const struct expect_inode *i = c->inode;
	struct finding *f;

	if (c->m->uid == i->uid && c->m->gid == i->gid)
		return;
	if (c->id->partial && S_ISLNK(c->m->mode) && c->m->uid == 0 && c->m->gid == 0)
		return;
	f = deviation(c);
	finding_expected(f, "owner %u:%u (tar header)", i->uid, i->gid);
	finding_found(f, "%u:%u", c->m->uid, c->m->gid);
}

static void check_mode(const struct line *c)
{
	struct finding *f;

	if (S_ISLNK(c->m->mode) || c->m->mode == c->inode->mode)
		return;
	f = deviation(c);
	finding_expected(f, "mode %04o (tar header)", c->inode->mode & 07777);
	finding_found(f, "%04o", c->m->mode & 07777);
}

static void check_content(const struct line *c)
{
	const struct expect_inode *i = c->inode;
	const char *target;
	struct finding *f;

	if (S_ISREG(i->mode) && c->m->size != i->size) {
		f = deviation(c);
		finding_expected(f, "%" PRIu64 " bytes (tar header)", i->size);
		finding_found(f, "%" PRIu64, c->m->size);
	}
	if (S_ISLNK(i->mode)) {
		target = expect_bytes(c->x, i->target);
		if (!c->m->payload || strcmp(c->m->payload, target) != 0) {
			f = deviation(c);
			finding_expected(f, "a link to %s (tar header)", target);
			finding_found(f, "%s", c->m->payload ? c->m->payload : "");
		}
	}
	if ((S_ISCHR(i->mode) || S_ISBLK(i->mode)) &&
	    (c->m->dev_major != i->dev.major || c->m->dev_minor != i->dev.minor)) {
		f = deviation(c);
		finding_expected(
		    f, "device %u:%u (tar header)", i->dev.major, i->dev.minor);
		finding_found(f, "%u:%u", c->m->dev_major, c->m->dev_minor);
	}
}

/*
 * vfs: files of the parents lie in this tree as copies that no diff-id covers. Their content was
 * hashed where it was committed.
 */
static void check_copy(const struct line *c)
{
	const struct expect_inode *i = c->inode;
	struct finding *f;

	if (!i->has_digest || !S_ISREG(i->mode) || !c->m->has_digest ||
	    digest_equal(&c->m->digest, &c->x->digests[c->node->inode]))
		return;
	f = findings_add(
	    &c->id->found, FINDING_DIFF_ID, (struct place){.path = c->m->path});
	finding_expected(f, "the content that the layer of this file committed");
	finding_found(f, "other bytes");
}

/*
 * Chance: whiteouts; directories that got or lost a name after (or without) their header; the
 * root in vfs, where UnpackLayer makes and removes a directory for its temporary files.
 */
static bool time_is_free(const struct line *c)
{
	if (c->x->driver == STORE_VFS && c->node == &c->x->nodes[EXPECT_ROOT])
		return true;
	if (c->node->origin != EXPECT_HEADER)
		return true;
	if (c->id->partial && (S_ISDIR(c->inode->mode) || S_ISLNK(c->inode->mode)))
		return true;
	return S_ISDIR(c->inode->mode) && c->node->layer < c->inode->touched;
}

static void check_time(const struct line *c)
{
	const struct expect_inode *i = c->inode;
	struct finding *f;

	if (time_is_free(c) ||
	    (c->m->mtime_sec == i->mtime_sec && c->m->mtime_nsec == i->mtime_nsec))
		return;
	f = deviation(c);
	finding_expected(
	    f, "mtime %" PRId64 ".%09u (tar header)", i->mtime_sec, i->mtime_nsec);
	finding_found(f, "%" PRId64 ".%09u", c->m->mtime_sec, c->m->mtime_nsec);
}

/* --- extended attributes ------------------------------------------------------------------ */

static bool starts(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

static const char *opaque_name(const struct expect *x)
{
	return x->userns ? "user.overlay.opaque" : "trusted.overlay.opaque";
}

/* Lsetxattr may fail with ENOTSUP anywhere and with EPERM in a user namespace. */
static bool may_be_missing(const struct line *c, const char *name)
{
	if (c->inode->layer < c->x->layer && !expect_xattr_copied(c->x, name))
		return true;
	if (!starts(name, "user.") && !starts(name, "trusted.") &&
	    !starts(name, "security.") && !starts(name, "system.posix_acl_"))
		return true;
	/* A rootless diff lists overlay's own marks; the engine leaves them out when it extracts. */
	if (c->x->userns && starts(name, "user.overlay.") &&
	    !(c->inode->opaque && strcmp(name, opaque_name(c->x)) == 0))
		return true;
	return c->x->userns && (starts(name, "trusted.") ||
				   (starts(name, "security.") &&
				       strcmp(name, "security.capability") != 0));
}

/* What an appraising kernel adds by itself; neither changes what a container sees. */
static bool may_be_extra(const char *name)
{
	return strcmp(name, "security.ima") == 0 || strcmp(name, "security.evm") == 0;
}

static void xattr_missing(const struct line *c, const char *name)
{
	if (may_be_missing(c, name))
		return;
	finding_found(finding_expected(deviation(c), "xattr %s (tar header)", name),
	    "no such xattr");
}

static void xattr_extra(const struct line *c, const char *name)
{
	if (may_be_extra(name))
		return;
	finding_found(finding_expected(deviation(c), "no xattr %s (tar header)", name),
	    "xattr %s", name);
}

static void xattr_value(const struct line *c, const struct manifest_xattr *found,
    const void *value, size_t len)
{
	if (found->len == len && memcmp(found->value, value, len) == 0)
		return;
	finding_found(
	    finding_expected(deviation(c), "xattr %s of the tar header", found->name),
	    "another value");
}

/* The xattrs a name must have: its headers' and overlay's opaque mark, merged in order. */
struct wanted {
	const struct expect_xattrs *list;
	uint32_t at;
	bool opaque;
};

static const char *next_wanted(
    const struct line *c, struct wanted *w, const void **value, size_t *len)
{
	const char *name = NULL, *mark = opaque_name(c->x);

	if (w->list && w->at < w->list->n)
		name = expect_bytes(c->x, w->list->v[w->at].name);
	if (w->opaque && (!name || strcmp(mark, name) <= 0)) {
		w->at += name && strcmp(mark, name) == 0;
		w->opaque = false;
		*value = "y";
		*len = 1;
		return mark;
	}
	if (name) {
		*value = expect_bytes(c->x, w->list->v[w->at].value);
		*len = w->list->v[w->at++].len;
	}
	return name;
}

static void check_xattrs(const struct line *c)
{
	struct wanted w = {
	    .list = c->inode->xattrs ? c->x->lists[c->inode->xattrs - 1] : NULL,
	    .opaque = c->inode->opaque && c->x->driver == STORE_OVERLAY,
	};
	const void *value = NULL;
	size_t len = 0, f = 0;
	const char *name = next_wanted(c, &w, &value, &len);

	while (name || f < c->m->n_xattrs) {
		const struct manifest_xattr *found =
		    f < c->m->n_xattrs ? &c->m->xattrs[f] : NULL;
		int order = !found ? -1 : !name ? 1 : strcmp(name, found->name);

		if (order > 0) {
			xattr_extra(c, found->name);
			f++;
			continue;
		}
		if (order < 0) {
			xattr_missing(c, name);
		} else {
			xattr_value(c, found, value, len);
			f++;
		}
		name = next_wanted(c, &w, &value, &len);
	}
}

/* --- directories without a header --------------------------------------------------------- */

static bool is_root_of(const struct line *c, uint32_t mode, uint32_t uid, uint32_t gid)
{
	return (c->m->mode & 07777) == (mode & 07777) && c->m->uid == uid &&
	       c->m->gid == gid;
}

/*
 * The driver makes a base's root 0555 root:root (0755 before 2018), a child's like its parent's.
 * A zstd:chunked pull applies the header of the root.
 */
static void check_root(const struct line *c)
{
	const struct expect_inode *h = &c->x->root_header;
	struct finding *f;

	if (c->x->has_root_header && is_root_of(c, h->mode, h->uid, h->gid))
		return;
	if (c->id->has_parent_root) {
		if (is_root_of(
			c, c->id->parent_mode, c->id->parent_uid, c->id->parent_gid))
			return;
		f = deviation(c);
		finding_expected(f, "mode %04o, owner %u:%u (the parent's root)",
		    c->id->parent_mode, c->id->parent_uid, c->id->parent_gid);
	} else {
		if (is_root_of(c, 0555, 0, 0) || is_root_of(c, 0755, 0, 0))
			return;
		f = deviation(c);
		finding_expected(f, "mode 0555, owner 0:0 (no tar header)");
	}
	finding_found(
	    f, "mode %04o, owner %u:%u", c->m->mode & 07777, c->m->uid, c->m->gid);
}

static void check_implicit(const struct line *c)
{
	const struct expect_node *parent = &c->x->nodes[c->node->parent];
	/* mkdir(2) below a set-group-id directory passes bit and (vfs does not chown) group on. */
	bool setgid = c->x->inodes[parent->inode].mode & S_ISGID;
	uint32_t mode = c->m->mode & ~(setgid ? (uint32_t)S_ISGID : 0U);
	struct finding *f;

	if (c->id->partial && mode == S_IFDIR)
		mode = c->inode->mode;
	if (mode == c->inode->mode && c->m->uid == 0 &&
	    (c->m->gid == 0 || (setgid && c->x->driver == STORE_VFS)))
		return;
	f = deviation(c);
	finding_expected(f, "mode 0755, owner 0:0 (a directory without a tar header)");
	finding_found(
	    f, "mode %04o, owner %u:%u", c->m->mode & 07777, c->m->uid, c->m->gid);
}

/* --- the tree ----------------------------------------------------------------------------- */

static void check_line(const struct line *c)
{
	struct finding *f;

	if (!check_links(c))
		return;
	if ((c->m->mode & S_IFMT) != (c->inode->mode & S_IFMT)) {
		f = deviation(c);
		finding_expected(f, "%s (tar header)", type_name(c->inode->mode));
		finding_found(f, "%s", type_name(c->m->mode));
		return;
	}
	/* The line of the first name showed the rest. */
	if (c->m->hardlink)
		return;
	if (c->node->origin != EXPECT_IMPLICIT) {
		check_owner(c);
		check_mode(c);
		check_content(c);
		check_copy(c);
	} else if (c->node == &c->x->nodes[EXPECT_ROOT]) {
		check_root(c);
	} else {
		check_implicit(c);
	}
	check_time(c);
	check_xattrs(c);
}

int identity_line(void *ctx, const char *line, size_t len, const struct manifest_entry *m,
    struct err *e)
{
	struct identity *id = ctx;
	struct expect *x = id->expect;
	struct line c = {.id = id, .x = x, .m = m};
	uint32_t node;

	(void)line;
	(void)len;
	(void)e;
	if (!id->usable)
		return 0;
	node = expect_find(x, m->path);
	if (node == EXPECT_NONE) {
		finding_found(
		    finding_expected(deviation(&c), "nothing: no tar header names it"),
		    "%s", type_name(m->mode));
		return 0;
	}
	c.node = &x->nodes[node];
	c.inode = &x->inodes[c.node->inode];
	c.node->seen = true;
	check_line(&c);
	return 0;
}

/* In a user namespace no device is made. */
static bool may_be_left_out(const struct identity *id, uint32_t mode)
{
	bool device = S_ISCHR(mode) || S_ISBLK(mode);

	return (device && (id->expect->userns || id->partial)) ||
	       (S_ISFIFO(mode) && id->partial);
}

/* A missing directory stands for all below it. */
static bool is_missed(const struct identity *id, const struct expect_node *n)
{
	const struct expect *x = id->expect;

	if (n->origin == EXPECT_GONE || n->seen || !x->nodes[n->parent].seen)
		return false;
	return n->origin != EXPECT_HEADER ||
	       !may_be_left_out(id, x->inodes[n->inode].mode);
}

static void find_missing(struct identity *id)
{
	const struct expect *x = id->expect;
	char path[EXPECT_PATH_MAX + 1] = "/";

	for (uint32_t i = 1; i < x->n_nodes; i++) {
		const struct expect_node *n = &x->nodes[i];
		struct finding *f;

		if (!is_missed(id, n))
			continue;
		expect_path(x, i, path + 1);
		f = findings_add(
		    &id->found, FINDING_TAR_HEADER, (struct place){.path = path});
		finding_expected(
		    f, "%s (tar header)", type_name(x->inodes[n->inode].mode));
		finding_found(f, "nothing");
	}
}

int identity_finish(
    struct identity *id, const char *layer_id, struct findings *findings, struct err *e)
{
	struct expect *x = id->expect;

	(void)e;
	if (id->usable)
		find_missing(id);
	for (size_t i = 0; i < id->found.n; i++)
		id->found.v[i].layer = xstrdup(layer_id);
	findings_move(findings, &id->found);
	for (size_t i = 0; i < x->n_nodes; i++)
		x->nodes[i].seen = false;
	for (size_t i = 0; i < x->n_inodes; i++)
		x->inodes[i].first = EXPECT_NONE;
	return 0;
}
