/* SPDX-License-Identifier: Apache-2.0 */
/* expect.c: see expect.h. The table; the rules of extraction are in expect_apply.c. */
#include "store/expect.h"

#include <string.h>
#include <sys/stat.h>

#include "store/expect_table.h"

#define BUCKETS_MIN 1024U

struct expect *expect_new(enum store_driver driver, bool userns)
{
	struct expect *x = xcalloc(1, sizeof(*x));

	x->driver = driver;
	x->userns = userns;
	crypto_random(&x->key, sizeof(x->key));
	buf_init(&x->bytes, EXPECT_BYTES_MAX);
	x->n_buckets = BUCKETS_MIN;
	x->buckets = xmalloc(BUCKETS_MIN * sizeof(*x->buckets));
	memset(x->buckets, 0xff, BUCKETS_MIN * sizeof(*x->buckets));
	table_root(x);
	return x;
}

void expect_free(struct expect *x)
{
	if (!x)
		return;
	for (size_t i = 0; i < x->n_lists; i++)
		free(x->lists[i]);
	free(x->lists);
	free(x->nodes);
	free(x->inodes);
	free(x->digests);
	free(x->buckets);
	buf_release(&x->bytes);
	free(x);
}

void expect_next_layer(struct expect *x)
{
	x->layer++;
}

/* The next element of an array that grows by half; NULL at its maximum. */
static bool grow(void **array, size_t n, size_t *cap, size_t max, size_t size)
{
	if (n == max)
		return false;
	if (n == *cap) {
		*cap = *cap < 64 ? 64 : *cap + *cap / 2;
		*array = xreallocarray(*array, *cap, size);
	}
	return true;
}

int table_bytes(
    struct expect *x, const char *p, size_t len, uint32_t *offset, struct err *e)
{
	size_t at = x->bytes.len;
	int r = buf_reserve(&x->bytes, len + 1, e);

	if (r)
		return r;
	memcpy(x->bytes.data + at, p, len);
	x->bytes.data[at + len] = '\0';
	x->bytes.len += len + 1;
	*offset = (uint32_t)at;
	return 0;
}

static size_t bucket_of(
    const struct expect *x, uint32_t parent, const char *name, size_t len)
{
	char key[sizeof(parent) + UINT8_MAX];

	memcpy(key, &parent, sizeof(parent));
	memcpy(key + sizeof(parent), name, len);
	return xxh128_keyed(&x->key, key, sizeof(parent) + len).lo & (x->n_buckets - 1);
}

static void link_bucket(struct expect *x, uint32_t node)
{
	struct expect_node *n = &x->nodes[node];
	size_t b = bucket_of(x, n->parent, table_name(x, node), n->name_len);

	n->next = x->buckets[b];
	x->buckets[b] = node;
}

static void grow_buckets(struct expect *x)
{
	x->n_buckets *= 2;
	x->buckets = xreallocarray(x->buckets, x->n_buckets, sizeof(*x->buckets));
	memset(x->buckets, 0xff, x->n_buckets * sizeof(*x->buckets));
	for (uint32_t i = 1; i < x->n_nodes; i++)
		link_bucket(x, i);
}

/* Removed names are found too: a name that comes back takes its old place. */
uint32_t table_child(
    const struct expect *x, uint32_t parent, const char *name, size_t len)
{
	uint32_t n = x->buckets[bucket_of(x, parent, name, len)];

	for (; n != EXPECT_NONE; n = x->nodes[n].next) {
		const struct expect_node *node = &x->nodes[n];

		if (node->parent == parent && node->name_len == len &&
		    memcmp(table_name(x, n), name, len) == 0)
			return n;
	}
	return EXPECT_NONE;
}

int table_inode(struct expect *x, uint32_t *inode, struct err *e)
{
	size_t cap = x->cap_inodes;
	void *array = x->inodes;

	if (!grow(&array, x->n_inodes, &x->cap_inodes, EXPECT_NAMES_MAX,
		sizeof(*x->inodes)))
		return err_set(e, ERR_MALFORMED, "more than %u files", EXPECT_NAMES_MAX);
	x->inodes = array;
	if (x->driver == STORE_VFS && cap != x->cap_inodes)
		x->digests =
		    xreallocarray(x->digests, x->cap_inodes, sizeof(*x->digests));
	x->inodes[x->n_inodes] =
	    (struct expect_inode){.layer = x->layer, .first = EXPECT_NONE};
	*inode = (uint32_t)x->n_inodes++;
	return 0;
}

void table_link(struct expect *x, uint32_t node)
{
	struct expect_node *n = &x->nodes[node];

	if (n->linked)
		return;
	n->linked = true;
	n->sibling = x->nodes[n->parent].child;
	x->nodes[n->parent].child = node;
}

int table_node(struct expect *x, uint32_t parent, const char *name, size_t len,
    uint32_t *out, struct err *e)
{
	void *array = x->nodes;
	uint32_t offset;

	if (!grow(&array, x->n_nodes, &x->cap_nodes, EXPECT_NAMES_MAX, sizeof(*x->nodes)))
		return err_set(e, ERR_MALFORMED, "more than %u names", EXPECT_NAMES_MAX);
	x->nodes = array;
	if (table_bytes(x, name, len, &offset, e))
		return e->code;
	x->nodes[x->n_nodes] = (struct expect_node){
	    .parent = parent,
	    .child = EXPECT_NONE,
	    .name = offset,
	    .name_len = (uint8_t)len,
	};
	*out = (uint32_t)x->n_nodes++;
	table_link(x, *out);
	if (x->n_nodes > x->n_buckets)
		grow_buckets(x);
	else
		link_bucket(x, *out);
	return 0;
}

void table_root(struct expect *x)
{
	x->cap_nodes = x->cap_inodes = 64;
	x->nodes = xcalloc(64, sizeof(*x->nodes));
	x->inodes = xcalloc(64, sizeof(*x->inodes));
	if (x->driver == STORE_VFS)
		x->digests = xcalloc(64, sizeof(*x->digests));
	x->nodes[0] = (struct expect_node){
	    .child = EXPECT_NONE,
	    .sibling = EXPECT_NONE,
	    .next = EXPECT_NONE,
	    .origin = EXPECT_IMPLICIT,
	};
	x->inodes[0] =
	    (struct expect_inode){.mode = S_IFDIR | 0555, .first = EXPECT_NONE};
	x->n_nodes = x->n_inodes = 1;
}

/* A new list for the inode; the caller fills it. */
int table_xattrs(
    struct expect *x, uint32_t inode, struct expect_xattrs *list, struct err *e)
{
	void *array = x->lists;

	if (!grow(&array, x->n_lists, &x->cap_lists, EXPECT_XATTRS_MAX,
		sizeof(struct expect_xattrs *)))
		return err_set(e, ERR_MALFORMED, "more than %u files with xattrs",
		    EXPECT_XATTRS_MAX);
	x->lists = array;
	x->lists[x->n_lists++] = list;
	x->inodes[inode].xattrs = (uint32_t)x->n_lists;
	return 0;
}

int expect_clean(
    const char *name, char out[static EXPECT_PATH_MAX], bool *absolute, struct err *e)
{
	size_t used = 0;

	*absolute = *name == '/';
	while (*name) {
		size_t len = strcspn(name, "/");

		if (len == 2 && memcmp(name, "..", 2) == 0)
			return err_set(e, ERR_MALFORMED, "a name with \"..\"");
		if (len > UINT8_MAX || used + len + 2 > EXPECT_PATH_MAX)
			return err_set(
			    e, ERR_MALFORMED, "a name longer than the kernel takes");
		if (len && !(len == 1 && *name == '.')) {
			if (used)
				out[used++] = '/';
			memcpy(out + used, name, len);
			used += len;
		}
		name += len;
		name += strspn(name, "/");
	}
	out[used] = '\0';
	return 0;
}

uint32_t expect_find(const struct expect *x, const char *path)
{
	uint32_t n = EXPECT_ROOT;

	path += strspn(path, "/");
	while (*path && n != EXPECT_NONE) {
		size_t len = strcspn(path, "/");

		n = len > UINT8_MAX ? EXPECT_NONE : table_child(x, n, path, len);
		if (n != EXPECT_NONE && x->nodes[n].origin == EXPECT_GONE)
			n = EXPECT_NONE;
		path += len;
		path += strspn(path, "/");
	}
	return n;
}

void expect_path(const struct expect *x, uint32_t node, char *out)
{
	char path[EXPECT_PATH_MAX];
	size_t at = sizeof(path) - 1;

	path[at] = '\0';
	for (; node != EXPECT_ROOT; node = x->nodes[node].parent) {
		size_t len = x->nodes[node].name_len;

		if (path[at])
			path[--at] = '/';
		at -= len;
		memcpy(path + at, table_name(x, node), len);
	}
	memcpy(out, path + at, sizeof(path) - at);
}

void expect_digest(struct expect *x, uint32_t node, const struct digest *d)
{
	uint32_t inode = x->nodes[node].inode;

	x->digests[inode] = *d;
	x->inodes[inode].has_digest = true;
}

bool expect_xattr_copied(const struct expect *x, const char *name)
{
	return strncmp(name, "user.", 5) == 0 ||
	       strcmp(name, "security.capability") == 0 ||
	       (!x->userns && strcmp(name, "trusted.overlay.opaque") == 0);
}
