/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expect_apply.c: the rules of extraction, header by header. "Unpack" and "UnpackLayer" are the
 * functions of containers/storage pkg/archive that overlay and vfs use.
 */
#include <string.h>
#include <sys/stat.h>

#include "store/expect_table.h"

#define WHITEOUT ".wh."
#define WHITEOUT_META ".wh..wh."
#define WHITEOUT_OPAQUE ".wh..wh..opq"
#define WHITEOUT_LINKS ".wh..wh.plnk"

/* Times that Go's UnixNano() can hold; outside, Chtimes() falls back to the epoch. */
#define TIME_MAX INT64_C(9223372035)

static const uint32_t mode_of[] = {
    [TAR_FILE] = S_IFREG,
    [TAR_SYMLINK] = S_IFLNK,
    [TAR_CHAR] = S_IFCHR,
    [TAR_BLOCKDEV] = S_IFBLK,
    [TAR_DIR] = S_IFDIR,
    [TAR_FIFO] = S_IFIFO,
};

static int refuse(struct err *e, const char *rule)
{
	return err_set(e, ERR_MALFORMED, "%s", rule);
}

static struct expect_inode *inode_of(const struct expect *x, uint32_t node)
{
	return &x->inodes[x->nodes[node].inode];
}

static bool alive(const struct expect *x, uint32_t node)
{
	return node != EXPECT_NONE && x->nodes[node].origin != EXPECT_GONE;
}

static bool is_dir(const struct expect *x, uint32_t node)
{
	return S_ISDIR(inode_of(x, node)->mode);
}

static void touch(struct expect *x, uint32_t dir)
{
	inode_of(x, dir)->touched = x->layer;
}

/* Everything below goes with it; a name is visited once until it comes back. */
static void remove_tree(struct expect *x, uint32_t node)
{
	struct expect_node *n = &x->nodes[node];

	n->origin = EXPECT_GONE;
	while (n->child != EXPECT_NONE) {
		struct expect_node *child = &x->nodes[n->child];

		if (child->origin != EXPECT_GONE)
			remove_tree(x, n->child);
		child->linked = false;
		n->child = child->sibling;
	}
}

/* A name with a fresh inode. `node` is what table_child() found: EXPECT_NONE or a name gone. */
static int place(struct expect *x, uint32_t parent, const char *name, uint32_t *node,
    enum expect_origin origin, struct err *e)
{
	uint32_t inode;

	if (table_inode(x, &inode, e))
		return e->code;
	if (*node == EXPECT_NONE) {
		if (table_node(x, parent, name, strlen(name), node, e))
			return e->code;
	} else {
		table_link(x, *node);
	}
	x->nodes[*node].inode = inode;
	x->nodes[*node].origin = (uint8_t)origin;
	x->nodes[*node].layer = 0;
	touch(x, parent);
	return 0;
}

/*
 * The directory of `path`, whose parts before the last are made if they are missing: Unpack by
 * MkdirAllAndChownNew(0777), UnpackLayer by MkdirAll(0755). *dir is EXPECT_NONE below a
 * whiteout.
 */
static int walk_to_parent(struct expect *x, char *path, uint32_t *dir, struct err *e)
{
	char *slash;

	*dir = EXPECT_ROOT;
	for (; (slash = strchr(path, '/')); path = slash + 1) {
		uint32_t next = table_child(x, *dir, path, (size_t)(slash - path));

		*slash = '\0';
		if (!alive(x, next)) {
			if (place(x, *dir, path, &next, EXPECT_IMPLICIT, e))
				return e->code;
			inode_of(x, next)->mode = S_IFDIR | 0755;
		}
		*slash = '/';
		if (!is_dir(x, next)) {
			*dir = EXPECT_NONE;
			return x->nodes[next].origin == EXPECT_WHITEOUT
				   ? 0
				   : refuse(e,
					 "a name below something that is no directory");
		}
		*dir = next;
	}
	return 0;
}

/* --- attributes --------------------------------------------------------------------------- */

static const char *xattr_name(const struct expect *x, const struct expect_xattr *a)
{
	return x->bytes.data + a->name;
}

static const struct expect_xattrs *xattrs_of(
    const struct expect *x, const struct expect_inode *i)
{
	static const struct expect_xattrs none;

	return i->xattrs ? x->lists[i->xattrs - 1] : &none;
}

static int keep_xattr(struct expect *x, struct expect_xattrs *list,
    const struct tar_xattr *a, struct err *e)
{
	struct expect_xattr *out = &list->v[list->n];

	if (strcmp(a->name, "security.selinux") == 0)
		return 0;
	if (table_bytes(x, a->name, strlen(a->name), &out->name, e) ||
	    table_bytes(x, a->value, a->len, &out->value, e))
		return e->code;
	out->len = (uint32_t)a->len;
	list->n++;
	return 0;
}

/*
 * Lsetxattr on top of what is there. `chowned`: a chown of an existing file came before, and the
 * kernel takes its capabilities away.
 */
static int set_xattrs(struct expect *x, uint32_t inode, const struct tar_header *h,
    bool chowned, struct err *e)
{
	const struct expect_inode *i = &x->inodes[inode];
	const struct expect_xattrs *old = xattrs_of(x, i);
	struct expect_xattrs *list;
	size_t o = 0, n = 0;

	if (old->n == 0 && h->n_xattrs == 0)
		return 0;
	list = xmalloc(sizeof(*list) + (old->n + h->n_xattrs) * sizeof(list->v[0]));
	list->n = 0;
	while (o < old->n || n < h->n_xattrs) {
		const struct expect_xattr *was = &old->v[o];
		int order = o == old->n ? 1
			    : n == h->n_xattrs
				? -1
				: strcmp(xattr_name(x, was), h->xattrs[n].name);

		if (order >= 0 && keep_xattr(x, list, &h->xattrs[n++], e)) {
			free(list);
			return e->code;
		}
		if (order > 0)
			continue;
		o++;
		if (order == 0 ||
		    (chowned && strcmp(xattr_name(x, was), "security.capability") == 0) ||
		    (i->layer < x->layer && !expect_xattr_copied(x, xattr_name(x, was))))
			continue;
		list->v[list->n++] = *was;
	}
	return table_xattrs(x, inode, list, e);
}

static int set_time(struct expect_inode *i, const struct tar_header *h, struct err *e)
{
	bool in_range = h->mtime_sec >= -TIME_MAX && h->mtime_sec <= TIME_MAX;

	i->mtime_sec = h->mtime_sec;
	i->mtime_nsec = h->mtime_nsec;
	if (S_ISLNK(i->mode))
		return in_range ? 0 : refuse(e, "a time that no system call takes");
	if (!in_range || h->mtime_sec < 0) {
		i->mtime_sec = 0;
		i->mtime_nsec = 0;
	}
	return 0;
}

/* What Unpack sets whether the file is new or not. */
static int set_attributes(struct expect *x, uint32_t inode, const struct tar_header *h,
    bool relinked, struct err *e)
{
	struct expect_inode *i = &x->inodes[inode];
	/* SafeLchown leaves out a chown that changes nothing. */
	bool chowned = relinked && (i->uid != h->uid || i->gid != h->gid);

	i->uid = h->uid;
	i->gid = h->gid;
	if (!relinked || !S_ISLNK(i->mode)) {
		i->mode = (i->mode & S_IFMT) | h->mode;
		if (set_time(i, h, e))
			return e->code;
	}
	if (set_xattrs(x, inode, h, chowned, e))
		return e->code;
	x->inodes[inode].layer = x->layer;
	return 0;
}

/* --- names -------------------------------------------------------------------------------- */

static int link_target(
    const struct expect *x, const struct tar_header *h, uint32_t *target, struct err *e)
{
	char path[EXPECT_PATH_MAX];
	bool absolute;

	if (expect_clean(h->link, path, &absolute, e))
		return e->code;
	*target = expect_find(x, path);
	if (*target == EXPECT_NONE || is_dir(x, *target) ||
	    x->nodes[*target].origin != EXPECT_HEADER)
		return refuse(e, "a hard link to no file of the layers so far");
	return 0;
}

static int fill_inode(
    struct expect *x, uint32_t inode, const struct tar_header *h, struct err *e)
{
	struct expect_inode *i = &x->inodes[inode];
	uint32_t target;

	i->mode = mode_of[h->type];
	if (h->type == TAR_FILE)
		i->size = h->size;
	if (h->type == TAR_CHAR || h->type == TAR_BLOCKDEV) {
		i->dev.major = h->dev_major;
		i->dev.minor = h->dev_minor;
	}
	if (h->type == TAR_SYMLINK) {
		if (table_bytes(x, h->link, strlen(h->link), &target, e))
			return e->code;
		i->target = target;
	}
	return set_attributes(x, inode, h, false, e);
}

/*
 * A header that comes for a name that is there: directories are merged, all else is removed
 * first. Within one layer that happens to whiteouts only: tar-split refuses a second header
 * (names that differ by a slash in front pass it, and who reads which file is not certain).
 */
static int replace(struct expect *x, uint32_t node, const struct tar_header *h,
    bool absolute, struct err *e)
{
	const struct expect_node *n = &x->nodes[node];
	bool merge = is_dir(x, node) && h->type == TAR_DIR;

	if (n->layer == x->layer && n->origin == EXPECT_HEADER &&
	    (!merge || n->absolute == absolute))
		return refuse(e, "a second header for this name");
	if (!merge)
		remove_tree(x, node);
	return 0;
}

static int add_name(struct expect *x, uint32_t dir, const char *base,
    const struct tar_header *h, uint32_t *node, struct err *e)
{
	bool link = h->type == TAR_HARDLINK, merge;
	uint32_t target = EXPECT_NONE;

	if (link && link_target(x, h, &target, e))
		return e->code;
	*node = table_child(x, dir, base, strlen(base));
	if (alive(x, *node) && replace(x, *node, h, *h->name == '/', e))
		return e->code;
	if (link && !alive(x, target))
		return refuse(e, "a hard link to what it replaces");
	merge = alive(x, *node);
	if (!merge && place(x, dir, base, node, EXPECT_HEADER, e))
		return e->code;
	if (link)
		x->nodes[*node].inode = x->nodes[target].inode;
	x->nodes[*node].origin = EXPECT_HEADER;
	x->nodes[*node].layer = x->layer;
	x->nodes[*node].absolute = *h->name == '/';
	return link || merge ? set_attributes(x, x->nodes[*node].inode, h, link, e)
			     : fill_inode(x, x->nodes[*node].inode, h, e);
}

/* Unpack skips a header named "."; "/" it applies, and UnpackLayer applies both. */
static int apply_root(
    struct expect *x, const struct tar_header *h, bool absolute, struct err *e)
{
	struct expect_node *root = &x->nodes[EXPECT_ROOT];

	if (h->type != TAR_DIR)
		return refuse(e, "the root is no directory");
	if (x->driver == STORE_OVERLAY && !absolute) {
		x->has_root_header = true;
		x->root_header = (struct expect_inode){
		    .mode = S_IFDIR | h->mode,
		    .uid = h->uid,
		    .gid = h->gid,
		};
		return 0;
	}
	root->origin = EXPECT_HEADER;
	root->layer = x->layer;
	return set_attributes(x, root->inode, h, false, e);
}

/* --- whiteouts ---------------------------------------------------------------------------- */

/* UnpackLayer walks down and removes what this layer has not unpacked (implicit directories too). */
static void remove_older(struct expect *x, uint32_t dir)
{
	uint32_t next, list = x->nodes[dir].child;

	x->nodes[dir].child = EXPECT_NONE;
	for (uint32_t n = list; n != EXPECT_NONE; n = next) {
		struct expect_node *child = &x->nodes[n];

		next = child->sibling;
		child->linked = false;
		if (child->origin == EXPECT_GONE)
			continue;
		if (child->layer != x->layer) {
			remove_tree(x, n);
			touch(x, dir);
			continue;
		}
		table_link(x, n);
		if (is_dir(x, n))
			remove_older(x, n);
	}
}

static int apply_opaque(struct expect *x, uint32_t dir, struct err *e)
{
	if (inode_of(x, dir)->opaque == x->layer)
		return refuse(e, "a second opaque mark for this directory");
	inode_of(x, dir)->opaque = x->layer;
	if (x->driver == STORE_VFS)
		remove_older(x, dir);
	return 0;
}

static int apply_whiteout(struct expect *x, uint32_t dir, const char *name,
    const struct tar_header *h, struct err *e)
{
	uint32_t node = table_child(x, dir, name, strlen(name));
	struct expect_inode *i;

	if (!*name)
		return refuse(e, "a whiteout of nothing");
	if (x->driver == STORE_VFS) {
		if (alive(x, node)) {
			remove_tree(x, node);
			touch(x, dir);
		}
		return 0;
	}
	/* mknod(2) fails on a name that is there, and with it the whole layer. */
	if (alive(x, node))
		return refuse(e, "a whiteout of a name that is there");
	if (place(x, dir, name, &node, EXPECT_WHITEOUT, e))
		return e->code;
	i = inode_of(x, node);
	i->mode = S_IFCHR;
	i->uid = h->uid;
	i->gid = h->gid;
	return 0;
}

/* AUFS bookkeeping at the root: UnpackLayer skips it, Unpack takes it for ordinary whiteouts. */
static bool skipped(const struct expect *x, const char *path, bool absolute, bool *links)
{
	*links = strncmp(path, WHITEOUT_LINKS, strlen(WHITEOUT_LINKS)) == 0;
	return x->driver == STORE_VFS && !absolute &&
	       strncmp(path, WHITEOUT_META, strlen(WHITEOUT_META)) == 0 &&
	       strcmp(path, WHITEOUT_OPAQUE) != 0;
}

bool expect_is_whiteout(const char *path)
{
	const char *base = strrchr(path, '/');

	return strncmp(base ? base + 1 : path, WHITEOUT, strlen(WHITEOUT)) == 0;
}

int expect_header(
    struct expect *x, const struct tar_header *h, uint32_t *node, struct err *e)
{
	char path[EXPECT_PATH_MAX];
	const char *base;
	bool absolute, links, whiteout;
	uint32_t dir;

	*node = EXPECT_NONE;
	if (expect_clean(h->name, path, &absolute, e))
		return e->code;
	if (!*path) {
		*node = EXPECT_ROOT;
		return apply_root(x, h, absolute, e);
	}
	if (skipped(x, path, absolute, &links))
		return links && h->type != TAR_DIR ? refuse(e, "AUFS hard links") : 0;
	if (walk_to_parent(x, path, &dir, e))
		return e->code;
	base = strrchr(path, '/');
	base = base ? base + 1 : path;
	whiteout = x->whiteouts != EXPECT_WHITEOUTS_FILES && expect_is_whiteout(base);
	if (dir == EXPECT_NONE)
		return whiteout ? 0 : refuse(e, "a name below a whiteout");
	if (!whiteout)
		return add_name(x, dir, base, h, node, e);
	if (h->size)
		return refuse(e, "a whiteout with a body");
	if (strcmp(base, WHITEOUT_OPAQUE) == 0)
		return apply_opaque(x, dir, e);
	return apply_whiteout(x, dir, base + strlen(WHITEOUT), h, e);
}
