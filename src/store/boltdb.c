/* SPDX-License-Identifier: Apache-2.0 */
/* boltdb.c: see boltdb.h. */
#include "store/boltdb.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC 0xed0cdaedU
#define VERSION 2U
#define PAGE_BRANCH 0x01U
#define PAGE_LEAF 0x02U
#define PAGE_META 0x04U
#define LEAF_BUCKET 0x01U
#define DEPTH_MAX 16U
#define PAGE_SIZE_MIN 1024U
#define PAGE_SIZE_MAX 65536U

/* The on-disk structures, in the byte order of the machine, as bbolt maps them. */
struct page_header {
	uint64_t id;
	uint16_t flags, count;
	uint32_t overflow;
};

struct bucket_header {
	uint64_t root; /* page, or 0: the one page follows inline */
	uint64_t sequence;
};

struct meta {
	uint32_t magic, version, page_size, flags;
	struct bucket_header root;
	uint64_t freelist, high, txid, checksum;
};

struct branch_element {
	uint32_t pos, ksize;
	uint64_t page;
};

struct leaf_element {
	uint32_t flags, pos, ksize, vsize;
};

struct bolt {
	int fd;
	uint64_t pages; /* below the high-water mark */
	uint32_t page_size;
	unsigned budget; /* pages that may still be read */
};

struct slice {
	const uint8_t *data; /* NULL: no bound */
	size_t len;
};

/* Pages of `from` to before `to` may hold keys from `low` (inclusive) to `high` (exclusive). */
struct bounds {
	struct slice low, high;
};

struct item {
	struct slice key, value;
	uint32_t flags;
};

typedef int item_fn(void *ctx, const struct item *item, struct err *e);

struct walk {
	struct bolt *db;
	item_fn *fn;
	void *ctx;
};

#define MALFORMED(e, ...) err_set(e, ERR_MALFORMED, __VA_ARGS__)

static int slice_cmp(struct slice a, struct slice b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int order = n ? memcmp(a.data, b.data, n) : 0;

	return order ? order : (a.len > b.len) - (a.len < b.len);
}

static bool slice_is(struct slice a, const char *s)
{
	return slice_cmp(a, (struct slice){(const uint8_t *)s, strlen(s)}) == 0;
}

static int read_at(int fd, void *buf, size_t len, uint64_t offset, struct err *e)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n =
		    pread(fd, (char *)buf + done, len - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, "read");
		if (n == 0)
			return MALFORMED(e, "it ends at byte %" PRIu64, offset + done);
		done += (size_t)n;
	}
	return 0;
}

/* FNV-1a over the fields before the checksum. */
static uint64_t meta_sum(const struct meta *m)
{
	const uint8_t *p = (const uint8_t *)m;
	uint64_t sum = 0xcbf29ce484222325U;

	for (size_t i = 0; i < offsetof(struct meta, checksum); i++)
		sum = (sum ^ p[i]) * 0x100000001b3U;
	return sum;
}

static int read_meta(
    int fd, unsigned page, uint32_t page_size, struct meta *out, struct err *e)
{
	uint64_t at = (uint64_t)page * page_size;
	struct page_header h;
	int r = read_at(fd, &h, sizeof(h), at, e);

	if (!r)
		r = read_at(fd, out, sizeof(*out), at + sizeof(h), e);
	if (r)
		return r;
	if (out->magic != MAGIC || out->version != VERSION || !(h.flags & PAGE_META))
		return MALFORMED(e, "page %u is no bbolt meta page", page);
	if (out->checksum != meta_sum(out))
		return MALFORMED(e, "the checksum of meta page %u is wrong", page);
	return 0;
}

/*
 * bbolt takes the newer of two meta pages, and the older one if that is damaged; old versions
 * accept a checksum of 0. Both must be sound here, so that there is only one way to choose.
 */
static int open_db(int fd, struct bolt *db, uint64_t *root, struct err *e)
{
	struct meta m[2];
	int r = read_meta(fd, 0, 0, &m[0], e);

	if (r)
		return r;
	if (m[0].page_size < PAGE_SIZE_MIN || m[0].page_size > PAGE_SIZE_MAX ||
	    (m[0].page_size & (m[0].page_size - 1)))
		return MALFORMED(e, "page size %" PRIu32, m[0].page_size);
	r = read_meta(fd, 1, m[0].page_size, &m[1], e);
	if (r)
		return r;
	if (m[1].page_size != m[0].page_size)
		return MALFORMED(e, "its meta pages have two page sizes");
	if (m[1].txid > m[0].txid)
		m[0] = m[1];
	*db = (struct bolt){.fd = fd,
	    .pages = m[0].high,
	    .page_size = m[0].page_size,
	    .budget = BOLTDB_PAGES_MAX};
	*root = m[0].root.root;
	return 0;
}

/* A page with those that continue it, *len fresh bytes; NULL: the error is in *e. */
static uint8_t *load_page(struct bolt *db, uint64_t id, size_t *len, struct err *e)
{
	struct page_header h;
	uint8_t *data;
	uint64_t n;

	if (id < 2 || id >= db->pages || id > UINT64_MAX / PAGE_SIZE_MAX / 2) {
		MALFORMED(e, "page %" PRIu64 " is outside the file", id);
		return NULL;
	}
	if (read_at(db->fd, &h, sizeof(h), id * db->page_size, e))
		return NULL;
	n = 1 + (uint64_t)h.overflow;
	if (h.id != id || n > db->pages - id || n > db->budget) {
		MALFORMED(e, "page %" PRIu64 " has a wrong header, or is too large", id);
		return NULL;
	}
	db->budget -= (unsigned)n;
	*len = (size_t)n * db->page_size;
	data = xmalloc(*len);
	if (read_at(db->fd, data, *len, id * db->page_size, e)) {
		free(data);
		return NULL;
	}
	return data;
}

/* Bytes of a page. */
static int element_slice(const uint8_t *page, size_t len, uint64_t start, uint64_t size,
    struct slice *out, struct err *e)
{
	if (start > len || size > len - start)
		return MALFORMED(e, "an element points outside its page");
	*out = (struct slice){page + start, (size_t)size};
	return 0;
}

static bool in_bounds(struct slice key, const struct bounds *b)
{
	return (!b->low.data || slice_cmp(key, b->low) >= 0) &&
	       (!b->high.data || slice_cmp(key, b->high) < 0);
}

static int leaf_item(
    const uint8_t *page, size_t len, unsigned i, struct item *out, struct err *e)
{
	size_t at = sizeof(struct page_header) + i * sizeof(struct leaf_element);
	struct leaf_element el;
	int r;

	if (at + sizeof(el) > len)
		return MALFORMED(e, "a page with more elements than bytes");
	memcpy(&el, page + at, sizeof(el));
	out->flags = el.flags;
	r = element_slice(page, len, (uint64_t)at + el.pos, el.ksize, &out->key, e);
	return r ? r
		 : element_slice(page, len, (uint64_t)at + el.pos + el.ksize, el.vsize,
		       &out->value, e);
}

static int walk_leaf(const struct walk *w, const uint8_t *page, size_t len,
    const struct bounds *b, struct err *e)
{
	struct page_header h;
	struct item item, before = {0};
	int r = 0;

	memcpy(&h, page, sizeof(h));
	for (unsigned i = 0; i < h.count && !r; i++) {
		r = leaf_item(page, len, i, &item, e);
		if (r)
			return r;
		if (!in_bounds(item.key, b) ||
		    (i && slice_cmp(item.key, before.key) <= 0))
			return MALFORMED(e, "its keys are not sorted");
		before = item;
		r = w->fn(w->ctx, &item, e);
	}
	return r;
}

static int branch_item(const uint8_t *page, size_t len, unsigned i, struct slice *key,
    uint64_t *child, struct err *e)
{
	size_t at = sizeof(struct page_header) + i * sizeof(struct branch_element);
	struct branch_element el;

	if (at + sizeof(el) > len)
		return MALFORMED(e, "a page with more elements than bytes");
	memcpy(&el, page + at, sizeof(el));
	*child = el.page;
	return element_slice(page, len, (uint64_t)at + el.pos, el.ksize, key, e);
}

static int walk_page(const struct walk *w, uint64_t id, unsigned depth,
    const struct bounds *b, struct err *e);

/*
 * A search goes to the last child whose key is not above the wanted one, or to the first child.
 */
static int walk_branch(const struct walk *w, const uint8_t *page, size_t len,
    unsigned depth, const struct bounds *b, struct err *e)
{
	struct page_header h;
	int r = 0;

	memcpy(&h, page, sizeof(h));
	if (!h.count)
		return MALFORMED(e, "a branch page without elements");
	for (unsigned i = 0; i < h.count && !r; i++) {
		struct bounds inner = *b;
		uint64_t child = 0, next = 0;
		struct slice key;

		r = branch_item(page, len, i, &key, &child, e);
		if (!r && i + 1 < h.count)
			r = branch_item(page, len, i + 1, &inner.high, &next, e);
		if (r)
			return r;
		if (i)
			inner.low = key;
		if (inner.low.data && inner.high.data &&
		    slice_cmp(inner.low, inner.high) >= 0)
			return MALFORMED(e, "its branches are not sorted");
		if (i + 1 < h.count && !in_bounds(inner.high, b))
			return MALFORMED(e, "a branch leads outside its range");
		r = walk_page(w, child, depth + 1, &inner, e);
	}
	return r;
}

static int walk_page(const struct walk *w, uint64_t id, unsigned depth,
    const struct bounds *b, struct err *e)
{
	CLEANUP_FREE uint8_t *page = NULL;
	struct page_header h;
	size_t len = 0;

	if (depth > DEPTH_MAX)
		return MALFORMED(e, "its tree is deeper than %u pages", DEPTH_MAX);
	page = load_page(w->db, id, &len, e);
	if (!page)
		return e->code;
	memcpy(&h, page, sizeof(h));
	if (h.flags == PAGE_LEAF)
		return walk_leaf(w, page, len, b, e);
	if (h.flags == PAGE_BRANCH)
		return walk_branch(w, page, len, depth, b, e);
	return MALFORMED(e, "page %" PRIu64 " is neither branch nor leaf", id);
}

/* Keeps what a search of the root bucket finds: the header of one bucket and what follows it. */
struct wanted_bucket {
	const char *name;
	uint8_t *value;
	size_t len;
};

static int note_bucket(void *ctx, const struct item *item, struct err *e)
{
	struct wanted_bucket *w = ctx;

	if (!slice_is(item->key, w->name))
		return 0;
	if (!(item->flags & LEAF_BUCKET) ||
	    item->value.len < sizeof(struct bucket_header))
		return MALFORMED(e, "'%s' is no bucket", w->name);
	w->value = xmalloc(item->value.len);
	memcpy(w->value, item->value.data, item->value.len);
	w->len = item->value.len;
	return 0;
}

struct wanted_values {
	const char *const *keys;
	size_t n;
	char **values;
};

static int note_value(void *ctx, const struct item *item, struct err *e)
{
	const struct wanted_values *w = ctx;
	size_t i = 0;

	while (i < w->n && !slice_is(item->key, w->keys[i]))
		i++;
	if (i == w->n)
		return 0;
	if (item->flags || item->value.len > BOLTDB_VALUE_MAX ||
	    (item->value.len && memchr(item->value.data, 0, item->value.len)))
		return MALFORMED(e, "the value of '%s' is no text", w->keys[i]);
	w->values[i] = xstrndup(
	    item->value.len ? (const char *)item->value.data : "", item->value.len);
	return 0;
}

static int read_bucket(struct bolt *db, const struct wanted_bucket *b,
    struct wanted_values *v, struct err *e)
{
	struct walk w = {db, note_value, v};
	struct bounds all = {0};
	struct bucket_header bucket;
	struct page_header h;
	const size_t skip = sizeof(bucket);

	memcpy(&bucket, b->value, sizeof(bucket));
	if (bucket.root)
		return walk_page(&w, bucket.root, 0, &all, e);
	if (b->len < skip + sizeof(h))
		return MALFORMED(e, "bucket '%s' is cut short", b->name);
	memcpy(&h, b->value + skip, sizeof(h));
	if (h.flags != PAGE_LEAF)
		return MALFORMED(e, "bucket '%s' is neither inline nor a tree", b->name);
	return walk_leaf(&w, b->value + skip, b->len - skip, &all, e);
}

int boltdb_read(int fd, const char *bucket, const char *const keys[], size_t n_keys,
    char *values[], struct err *e)
{
	struct wanted_bucket b = {.name = bucket};
	struct wanted_values v = {keys, n_keys, values};
	struct bounds all = {0};
	struct bolt db;
	struct stat st;
	uint64_t root = 0;
	int r;

	memset(values, 0, n_keys * sizeof(values[0]));
	if (fstat(fd, &st))
		return err_sys(e, "stat");
	if (st.st_size == 0)
		return 0;
	r = open_db(fd, &db, &root, e);
	if (!r)
		r = walk_page(&(struct walk){&db, note_bucket, &b}, root, 0, &all, e);
	if (!r && b.value)
		r = read_bucket(&db, &b, &v, e);
	free(b.value);
	for (size_t i = 0; r && i < n_keys; i++) {
		free(values[i]);
		values[i] = NULL;
	}
	return r;
}
