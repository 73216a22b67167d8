/* SPDX-License-Identifier: Apache-2.0 */
/* plan.c: which mutations: all that LMDB's format has a name for, and random ones. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "mutations.h"

#define X(id, what) what,
const char *const family_names[FAMILY_COUNT] = {FAMILIES(X)};
#undef X

/* How many of each; those of known fields are as many as there are fields. */
#define N_BITS 2500
#define N_NOISE 800
#define N_CONTENT 2000
#define N_NODES_PER_PAGE 3
#define N_CUTS 400
#define N_MOVED 1200
#define N_SPLICES 150
#define N_LOCK 240

/* LMDB 0.9, 64 bit: see mdb.c. */
#define PAGE_HEADER 16
#define NODE_HEADER 8
enum { P_BRANCH = 1, P_LEAF = 2, P_OVERFLOW = 4 };
enum { F_BIGDATA = 1, F_SUBDATA = 2 };
#define META_AT PAGE_HEADER
#define DB_BYTES 48
#define META_DBS 24
#define META_LAST_PAGE (META_DBS + 2 * DB_BYTES)

static uint64_t state;

/* splitmix64: the same numbers everywhere. */
static uint64_t random_64(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15U;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
	return z ^ (z >> 31);
}

static uint64_t below(uint64_t n)
{
	return random_64() % n;
}

static void add(struct mutations *all, struct mutation m)
{
	if ((all->n & (all->n - 1)) == 0)
		all->v = xreallocarray(all->v, all->n ? 2 * all->n : 1, sizeof(*all->v));
	all->v[all->n++] = m;
}

static uint64_t field(const struct mutations *all, uint64_t at, unsigned len)
{
	const uint8_t *p = (const uint8_t *)all->sources[SOURCE_GENUINE].data + at;
	uint64_t n = 0;

	while (len-- > 0)
		n = n << 8 | p[len];
	return n;
}

static uint64_t pages(const struct mutations *all)
{
	return all->sources[SOURCE_GENUINE].len / all->page_size;
}

/* Values of a field that are at an edge of something, and some that are not. */
static size_t values_for(
    const struct mutations *all, uint64_t at, unsigned len, uint64_t out[static 32])
{
	uint64_t now = field(all, at, len), psize = all->page_size, last = pages(all);
	const uint64_t values[] = {0, 1, 2, 3, 15, 16, now + 1, now - 1, now + 2, now - 2,
	    now ^ (1ULL << below(8 * len)), now ^ (1ULL << below(8 * len)), psize,
	    psize - 1, psize - 8, last, last - 1, last + 1, UINT64_MAX, UINT64_MAX >> 1,
	    0x8000, 0x7fffffff, 0x80000000, 1ULL << 47, below(last), random_64()};
	uint64_t mask = len == 8 ? UINT64_MAX : (1ULL << 8 * len) - 1;
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		bool known = (values[i] & mask) == now;

		for (size_t k = 0; k < n; k++)
			known |= out[k] == (values[i] & mask);
		if (!known)
			out[n++] = values[i] & mask;
	}
	return n;
}

/* At most `most` of them, not always the same. */
static void add_field(
    struct mutations *all, enum family family, uint64_t at, unsigned len, size_t most)
{
	uint64_t values[32];
	size_t n = values_for(all, at, len, values);

	for (size_t i = 0; i < most && i < n; i++) {
		size_t k = i + below(n - i);
		uint64_t value = values[k];

		values[k] = values[i];
		add(all,
		    (struct mutation){
			.family = family, WRITE, .at = at, .value = value, .len = len});
	}
}

static void plan_bits(struct mutations *all)
{
	size_t size = all->sources[SOURCE_GENUINE].len;

	for (int i = 0; i < N_BITS; i++) {
		uint64_t at = below(size), bit = 1ULL << below(8);

		add(all, (struct mutation){.family = FAMILY_BITS,
			     TWICE,
			     .at = at,
			     .and_at = below(2) ? at : below(size),
			     .value = field(all, at, 1) ^ bit,
			     .len = 1});
	}
	for (int i = 0; i < N_NOISE; i++) {
		uint32_t len = 1U << below(9);

		add(all, (struct mutation){.family = FAMILY_BITS,
			     NOISE,
			     .at = below(size - len),
			     .value = random_64(),
			     .len = len});
	}
}

static void plan_db(struct mutations *all, enum family family, uint64_t at, size_t most)
{
	static const unsigned lens[] = {4, 2, 2, 8, 8, 8, 8, 8};

	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		add_field(all, family, at, lens[i], most);
		at += lens[i];
	}
}

static void plan_meta(struct mutations *all)
{
	for (uint64_t page = 0; page < 2; page++) {
		uint64_t meta = page * all->page_size + META_AT;

		add_field(all, FAMILY_META, meta, 4, 99);
		add_field(all, FAMILY_META, meta + 4, 4, 99);
		add_field(all, FAMILY_META, meta + 8, 8, 99);
		add_field(all, FAMILY_META, meta + 16, 8, 99);
		plan_db(all, FAMILY_META, meta + META_DBS, 99);
		plan_db(all, FAMILY_META, meta + META_DBS + DB_BYTES, 99);
		add_field(all, FAMILY_META, meta + META_LAST_PAGE, 8, 99);
		add_field(all, FAMILY_META, meta + META_LAST_PAGE + 8, 8, 99);
	}
	/* Both at once: there is no other one to fall back to. */
	for (uint64_t at = 0; at + 8 <= META_LAST_PAGE + 16; at += 4) {
		for (int i = 0; i < 4; i++)
			add(all, (struct mutation){.family = FAMILY_META,
				     TWICE,
				     .at = META_AT + at,
				     .and_at = all->page_size + META_AT + at,
				     .value = i ? random_64() >> below(64) : 0,
				     .len = 8});
	}
}

static unsigned flags_of(const struct mutations *all, uint64_t page)
{
	return (unsigned)field(all, page * all->page_size + 10, 2);
}

static unsigned keys_of(const struct mutations *all, uint64_t page)
{
	uint64_t lower = field(all, page * all->page_size + 12, 2);

	return (flags_of(all, page) & (P_BRANCH | P_LEAF)) && lower >= PAGE_HEADER &&
		       lower <= all->page_size
		   ? (unsigned)(lower - PAGE_HEADER) / 2
		   : 0;
}

static uint64_t node_at(const struct mutations *all, uint64_t page, unsigned i)
{
	uint64_t start = page * all->page_size;

	return start + field(all, start + PAGE_HEADER + 2 * i, 2);
}

static void plan_pages(struct mutations *all)
{
	for (uint64_t page = 2; page < pages(all); page++) {
		uint64_t at = page * all->page_size;

		add_field(all, FAMILY_PAGES, at, 8, 8);
		add_field(all, FAMILY_PAGES, at + 8, 2, 3);
		add_field(all, FAMILY_PAGES, at + 10, 2, 10);
		add_field(all, FAMILY_PAGES, at + 12, 2, 10);
		add_field(all, FAMILY_PAGES, at + 14, 2, 10);
		add_field(all, FAMILY_PAGES, at + 12, 4, 8);
	}
}

static void plan_node(struct mutations *all, uint64_t page, unsigned i)
{
	uint64_t node = node_at(all, page, i);
	uint64_t flags = field(all, node + 4, 2), key = field(all, node + 6, 2);

	add_field(all, FAMILY_NODES, page * all->page_size + PAGE_HEADER + 2 * i, 2, 7);
	for (unsigned at = 0; at < NODE_HEADER; at += 2)
		add_field(all, FAMILY_NODES, node + at, 2, 5);
	/* A page number, or a size. */
	add_field(all, FAMILY_NODES, node, 4, 7);
	if (!(flags_of(all, page) & P_LEAF))
		return;
	if (flags & F_BIGDATA)
		add_field(all, FAMILY_NODES, node + NODE_HEADER + key, 8, 20);
	if (flags & F_SUBDATA)
		plan_db(all, FAMILY_NODES, node + NODE_HEADER + key, 12);
}

static void plan_nodes(struct mutations *all)
{
	for (uint64_t page = 2; page < pages(all); page++) {
		unsigned n = keys_of(all, page);

		for (unsigned i = 0; i < n && i < N_NODES_PER_PAGE; i++)
			plan_node(
			    all, page, n <= N_NODES_PER_PAGE ? i : (unsigned)below(n));
	}
}

/* A byte of a key or a value, and of what an overflow page holds. */
static void plan_content(struct mutations *all)
{
	for (int i = 0; i < N_CONTENT;) {
		uint64_t page = 2 + below(pages(all) - 2), at;
		unsigned n = keys_of(all, page);

		if (n) {
			at = node_at(all, page, (unsigned)below(n)) + NODE_HEADER;
			at += below(below(2) ? 40 : 700);
		} else {
			at = page * all->page_size + below(all->page_size);
		}
		if (at >= all->sources[SOURCE_GENUINE].len)
			continue;
		i++;
		add(all, (struct mutation){.family = FAMILY_CONTENT,
			     WRITE,
			     .at = at,
			     .value = field(all, at, 1) ^ (1 + below(255)),
			     .len = 1});
	}
}

/* Its values are lists of page numbers: a page in use among them would be written over. */
static void plan_free(struct mutations *all)
{
	uint64_t size = all->sources[SOURCE_GENUINE].len;
	size_t before = all->n;

	for (uint64_t page = 0; page < 2; page++) {
		uint64_t root = field(
		    all, page * all->page_size + META_AT + META_DBS + DB_BYTES - 8, 8);

		for (unsigned i = 0; root < pages(all) && i < keys_of(all, root); i++) {
			uint64_t node = node_at(all, root, i);
			uint64_t data = node + NODE_HEADER + field(all, node + 6, 2);
			uint64_t count = field(all, data, 8);

			add_field(all, FAMILY_FREE, data, 8, 20);
			for (uint64_t k = 1; k <= count && data + 8 * k + 8 <= size; k++)
				add_field(all, FAMILY_FREE, data + 8 * k, 8, 12);
			/* The transaction that freed them. */
			add_field(all, FAMILY_FREE, node + NODE_HEADER, 8, 8);
		}
	}
	/* Each page that is in use, as if it were free. */
	for (uint64_t page = 2; before < all->n && page < pages(all); page++) {
		struct mutation m = all->v[before + below(all->n - before)];

		m.value = page;
		m.len = 8;
		add(all, m);
	}
}

static void plan_lengths(struct mutations *all)
{
	static const uint64_t huge[] = {
	    1ULL << 30, 1ULL << 36, (1ULL << 36) + 1, 1ULL << 37, 1ULL << 42, 1ULL << 43};
	uint64_t size = all->sources[SOURCE_GENUINE].len;
	struct mutation m = {.family = FAMILY_LENGTH, SIZE};

	for (m.value = 0; m.value <= size; m.value += all->page_size)
		add(all, m);
	for (int i = 0; i < N_CUTS; i++) {
		m.value = below(size);
		add(all, m);
	}
	for (uint64_t more = 1; more < 1 << 20; more *= 2) {
		m.value = size + more;
		add(all, m);
	}
	for (size_t i = 0; i < ARRAY_LEN(huge); i++) {
		m.value = huge[i];
		add(all, m);
	}
}

static void plan_moved(struct mutations *all)
{
	for (int i = 0; i < N_MOVED; i++)
		add(all, (struct mutation){.family = FAMILY_MOVED,
			     i % 2 ? EXCHANGE : COPY,
			     .at = below(pages(all)),
			     .and_at = below(pages(all)),
			     .value = below(2)});
}

static void plan_others(struct mutations *all)
{
	for (uint64_t source = 1; source < SOURCES; source++) {
		uint64_t n = all->sources[source].len / all->page_size;

		add(all,
		    (struct mutation){.family = FAMILY_OTHER, REPLACE, .value = source});
		/* The meta pages of one with the pages of the other. */
		for (uint64_t page = 0; page < 2; page++)
			add(all, (struct mutation){.family = FAMILY_OTHER,
				     SPLICE,
				     .at = page,
				     .value = source,
				     .len = 1});
		add(all, (struct mutation){
			     .family = FAMILY_OTHER, SPLICE, .value = source, .len = 2});
		for (int i = 0; i < N_SPLICES; i++)
			add(all, (struct mutation){.family = FAMILY_OTHER,
				     SPLICE,
				     .at = below(n),
				     .value = source,
				     .len = (uint32_t)(1 + below(4))});
	}
}

static void plan_locks(struct mutations *all)
{
	static const uint32_t lens[] = {0, 1, 63, 64, 4096, 8128, 8192, 16384};

	for (int i = 0; i < N_LOCK; i++)
		add(all, (struct mutation){.family = FAMILY_LOCK,
			     LOCK,
			     .value = random_64(),
			     .len = lens[below(ARRAY_LEN(lens))],
			     .at = i % 3 == 0});
}

void mutations_plan(struct mutations *all, uint64_t seed)
{
	state = seed;
	all->page_size = (uint32_t)field(all, META_AT + META_DBS, 4);
	plan_bits(all);
	plan_meta(all);
	plan_pages(all);
	plan_nodes(all);
	plan_content(all);
	plan_free(all);
	plan_lengths(all);
	plan_moved(all);
	plan_others(all);
	plan_locks(all);
	for (uint64_t i = 0; i < mutations_n_specials(); i++)
		add(all, (struct mutation){.family = FAMILY_KINDS, SPECIAL, .value = i});
}
