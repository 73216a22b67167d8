/* SPDX-License-Identifier: Apache-2.0 */
/*
 * genuine.c: a small ledger with all that a ledger has, and whether another reading of it says the
 * same: every entry, every index over them, every manifest.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/merkle.h"
#include "ledger/ledger_dir.h"
#include "mutations.h"

#define ORIGIN "layerseal/00112233445566778899aabbccddeeff"
#define OTHER_ORIGIN "layerseal/ffeeddccbbaa99887766554433221100"
#define BATCHES 6
#define LAYERS_PER_BATCH 16
#define LAYERS (BATCHES * LAYERS_PER_BATCH)
/* After this batch there are enough small entries for a snapshot. */
#define SNAPSHOT_AFTER 2
#define SMALL_ENTRIES 1024
#define MANIFESTS 3
#define NEW_LAYER 9999
#define ENTRIES_MAX 2000

static const struct store_id store = {{0xa, 1}};
static const size_t manifest_sizes[MANIFESTS] = {900, 9000, 30000};

/* What is true. */
static struct {
	struct trust trust;
	struct bytes entries[ENTRIES_MAX];
	size_t n;
	struct digest roots[ENTRIES_MAX]; /* of the first i entries */
	bool is_head[ENTRIES_MAX];	  /* there was a checkpoint of i entries */
	size_t sealed[LAYERS];		  /* number of the entry that seals it */
	size_t batch_end[BATCHES];	  /* entries up to the end of this batch */
	struct digest manifests[MANIFESTS];
} truth;

static NORETURN void broken(const char *what)
{
	fprintf(stderr, "mutations: making the genuine ledger: %s\n", what);
	exit(99);
}

static void must(int r, const struct err *e)
{
	if (r)
		broken(e->msg);
}

/* ---- entries ---- */

static struct entry entry_of(enum entry_op op)
{
	return (struct entry){.op = op, .time = 1767225600, .store = store};
}

static void id_of(char out[static ENTRY_ID_LEN + 1], unsigned n)
{
	snprintf(out, ENTRY_ID_LEN + 1, "%064x", n);
}

static struct entry init_entry(void)
{
	struct entry en = entry_of(ENTRY_INIT);

	en.init.graphroot = xstrdup("/g");
	en.init.runroot = xstrdup("/run");
	en.init.driver = xstrdup("overlay");
	return en;
}

/* Each ledger has the same layers with other trees. */
static struct entry layer_entry(enum source source, unsigned n)
{
	struct entry en = entry_of(ENTRY_SEAL_LAYER);
	unsigned tree = n + 1000000U * source;

	id_of(en.seal_layer.layer, n);
	sha256(&tree, sizeof(tree), &en.seal_layer.tree);
	en.seal_layer.created = xstrdup("2026-01-01T00:00:00Z");
	en.seal_layer.link = xstrdup("ABCDEFGHIJKLMNOPQRSTUVWXYZ");
	en.seal_layer.has_print = true;
	memset(en.seal_layer.print, (int)(n & 0xff), 16);
	return en;
}

static struct entry image_entry(unsigned n)
{
	struct entry en = entry_of(ENTRY_SEAL_IMAGE);

	id_of(en.seal_image.image, n);
	return en;
}

static struct entry name_entry(unsigned n)
{
	struct entry en = entry_of(ENTRY_SEAL_NAME);

	en.seal_name.name = xasprintf("localhost/image-%u", n);
	id_of(en.seal_name.image, n);
	return en;
}

static struct entry retire_entry(unsigned n)
{
	struct entry en = entry_of(ENTRY_RETIRE);

	id_of(en.retire.id, n);
	return en;
}

static struct entry anchor_entry(unsigned n)
{
	struct entry en = {.op = ENTRY_ANCHOR, .time = 1767225600};

	en.anchor.name = xstrdup("tpm:0x01500020");
	en.anchor.counter = n + 1;
	return en;
}

/* ---- make ---- */

static const struct signer_source key_source = {.place = SIGNER_FILE,
    .name = LEDGER_FILE_KEY,
    .passphrase = {.kind = PASSPHRASE_NONE}};

static int open_ledger(const char *dir, enum ledger_mode mode, bool whole,
    struct ledger **out, struct err *e)
{
	const struct ledger_options o = {.dir = dir,
	    .mode = mode,
	    .trust = &truth.trust,
	    .key = &key_source,
	    .whole = whole};

	return ledger_open(&o, out, e);
}

static struct ledger *create(const char *dir, const char *origin)
{
	CLEANUP_FREE char *trust = xasprintf("%s.trust", dir);
	struct ledger_creation c = {.dir = dir,
	    .trust_file = trust,
	    .key = &key_source,
	    .request = {.name = origin}};
	struct ledger *l;
	struct err e;

	must(ledger_create(&c, &l, &e), &e);
	must(trust_load(trust, &truth.trust, &e), &e);
	return l;
}

static void append(struct ledger *l, struct entry *batch, size_t n)
{
	struct err e;

	must(ledger_append(l, batch, n, &e), &e);
	for (size_t i = 0; i < n; i++)
		entry_release(&batch[i]);
}

static char *text_of_manifest(unsigned n)
{
	char *text = xmalloc(manifest_sizes[n]);
	uint32_t x = n + 1;

	/* Hardly compressible, or all would be in one page. */
	for (size_t i = 0; i < manifest_sizes[n]; i++) {
		x = x * 1664525 + 1013904223;
		text[i] = (char)('!' + (x >> 24) % 90);
	}
	return text;
}

static void put_manifests(struct ledger *l)
{
	for (unsigned i = 0; i < MANIFESTS; i++) {
		CLEANUP_FREE char *text = text_of_manifest(i);
		struct manifest_writer *w;
		struct err e;

		sha256(text, manifest_sizes[i], &truth.manifests[i]);
		must(manifest_writer_new(l, &w, &e), &e);
		must(manifest_writer_add(w, text, manifest_sizes[i], &e), &e);
		must(manifest_writer_commit(w, &truth.manifests[i], &e), &e);
		manifest_writer_free(w);
	}
}

static void put_batch(struct ledger *l, enum source source, unsigned number)
{
	struct entry batch[LAYERS_PER_BATCH + 4];
	size_t n = 0;

	if (number == 0)
		batch[n++] = init_entry();
	for (unsigned i = 0; i < LAYERS_PER_BATCH; i++) {
		unsigned layer = number * LAYERS_PER_BATCH + i;

		truth.sealed[layer] = ledger_size(l) + n;
		batch[n++] = layer_entry(source, layer);
	}
	batch[n++] = image_entry(number);
	batch[n++] = name_entry(number);
	if (number > 0)
		batch[n++] = retire_entry(number);
	append(l, batch, n);
	truth.batch_end[number] = ledger_size(l);
}

/* A place that a reader may begin at. */
static void put_snapshot(struct ledger *l)
{
	struct entry *batch = xcalloc(SMALL_ENTRIES, sizeof(*batch));
	uint64_t before;
	struct err e;

	for (unsigned i = 0; i < SMALL_ENTRIES; i++)
		batch[i] = anchor_entry(i);
	append(l, batch, SMALL_ENTRIES);
	free(batch);
	before = ledger_size(l);
	must(ledger_maintain(l, &e), &e);
	if (ledger_size(l) != before + 1)
		broken("no snapshot was due");
}

static void read_whole(const char *dir, struct bytes *out)
{
	CLEANUP_FREE char *path = xasprintf("%s/" LEDGER_FILE_DATA, dir);
	CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		broken(path);
	out->len = (size_t)st.st_size;
	out->data = xmalloc(out->len);
	if (read(fd, out->data, out->len) != (ssize_t)out->len)
		broken(path);
}

static void make_one(
    const char *dir, const char *origin, enum source source, struct mutations *all)
{
	struct ledger *l = create(dir, origin);

	put_manifests(l);
	for (unsigned i = 0; i < BATCHES; i++) {
		put_batch(l, source, i);
		if (i == SNAPSHOT_AFTER)
			put_snapshot(l);
		if (source == SOURCE_GENUINE && i == SNAPSHOT_AFTER + 1)
			read_whole(dir, &all->sources[SOURCE_OLDER]);
	}
	ledger_close(l);
	read_whole(dir, &all->sources[source]);
}

static int keep_entry(
    void *ctx, uint64_t seq, const char *bytes, size_t len, struct err *e)
{
	struct merkle *tree = ctx;
	struct digest leaf;

	(void)e;
	truth.entries[seq].data = xmalloc(len);
	memcpy(truth.entries[seq].data, bytes, len);
	truth.entries[seq].len = len;
	merkle_leaf(bytes, len, &leaf);
	merkle_append(tree, &leaf);
	truth.n = seq + 1;
	merkle_root(tree, &truth.roots[seq + 1]);
	return 0;
}

static int keep_head(
    void *ctx, uint64_t size, const char *note, size_t len, struct err *e)
{
	(void)ctx;
	(void)note;
	(void)len;
	(void)e;
	truth.is_head[size] = true;
	return 0;
}

static void learn_truth(const char *dir)
{
	struct merkle tree;
	struct ledger *l;
	struct err e;

	merkle_init(&tree);
	merkle_root(&tree, &truth.roots[0]);
	must(open_ledger(dir, LEDGER_READ, true, &l, &e), &e);
	must(ledger_replay(l, keep_entry, &tree, &e), &e);
	must(ledger_each_head(l, keep_head, NULL, &e), &e);
	ledger_close(l);
	if (!truth.is_head[truth.n] || truth.batch_end[BATCHES - 1] != truth.n)
		broken("another number of entries than expected");
}

void genuine_make(const char *scratch, struct mutations *all)
{
	CLEANUP_FREE char *genuine = xasprintf("%s/genuine", scratch);
	CLEANUP_FREE char *same = xasprintf("%s/same-name", scratch);
	CLEANUP_FREE char *other = xasprintf("%s/other", scratch);

	make_one(same, ORIGIN, SOURCE_SAME_NAME, all);
	make_one(other, OTHER_ORIGIN, SOURCE_OTHER_KEY, all);
	make_one(genuine, ORIGIN, SOURCE_GENUINE, all);
	learn_truth(genuine);
}

/* ---- compare ---- */

struct reading {
	size_t n;      /* entries that are genuine, if the head says the truth */
	bool appended; /* and one more */
	size_t seen, layers;
	char *why;
	size_t why_size;
};

static enum verdict lie(struct reading *r, const char *what)
{
	snprintf(r->why, r->why_size, "%s", what);
	return LIE;
}

static int compare_entry(
    void *ctx, uint64_t seq, const char *bytes, size_t len, struct err *e)
{
	struct reading *r = ctx;

	(void)e;
	if (seq != r->seen++ || seq >= r->n + r->appended)
		lie(r, "entries out of order");
	else if (seq < r->n && (len != truth.entries[seq].len ||
				   memcmp(bytes, truth.entries[seq].data, len) != 0))
		lie(r, "another entry");
	return 0;
}

static int count_layer(void *ctx, const struct sealed_layer *layer, struct err *e)
{
	struct reading *r = ctx;

	(void)e;
	r->layers += !layer->retired;
	return 0;
}

static bool is_retired(const struct reading *r, unsigned n)
{
	return n > 0 && n < BATCHES && truth.batch_end[n] <= r->n;
}

static bool layer_is_right(struct ledger *l, const struct reading *r, unsigned n)
{
	const struct sealed_layer *layer;
	char id[ENTRY_ID_LEN + 1];
	struct entry en;
	bool right;

	id_of(id, n);
	layer = ledger_layer(l, &store, id);
	if (truth.sealed[n] >= r->n)
		return layer == NULL;
	/* What was retired before the start is not known any more. */
	if (!layer)
		return is_retired(r, n);
	en = layer_entry(SOURCE_GENUINE, n);
	right = layer->seq == truth.sealed[n] && layer->retired == is_retired(r, n) &&
		digest_equal(&layer->seal->tree, &en.seal_layer.tree) && layer->print &&
		memcmp(layer->print, en.seal_layer.print, 16) == 0;
	entry_release(&en);
	return right;
}

static bool image_is_right(struct ledger *l, const struct reading *r, unsigned n)
{
	bool there = truth.batch_end[n] <= r->n;
	CLEANUP_FREE char *name = xasprintf("localhost/image-%u", n);
	char id[ENTRY_ID_LEN + 1];

	id_of(id, n);
	return (ledger_image(l, &store, id) != NULL) == there &&
	       strcmp(ledger_name(l, &store, name), there ? id : "") == 0;
}

/* Told in full, or not at all. */
static bool manifest_is_right(struct ledger *l, unsigned n)
{
	CLEANUP_FREE char *text = text_of_manifest(n);
	struct manifest_reader *m = NULL;
	const char *data = NULL;
	struct err e;
	size_t len = 1, at = 0;
	int r = manifest_reader_new(l, &truth.manifests[n], manifest_sizes[n], &m, &e);
	bool right = true;

	while (!r && right && len) {
		r = manifest_reader_next(m, &data, &len, &e);
		if (r)
			break;
		right =
		    len <= manifest_sizes[n] - at && memcmp(data, text + at, len) == 0;
		at += len;
	}
	manifest_reader_free(m);
	return r || (right && at == manifest_sizes[n]);
}

static enum verdict compare_objects(struct ledger *l, struct reading *r)
{
	size_t layers = r->appended;
	struct err e;

	for (unsigned i = 0; i < LAYERS; i++) {
		if (!layer_is_right(l, r, i))
			return lie(r, "another layer");
		layers += truth.sealed[i] < r->n && !is_retired(r, i);
	}
	if (ledger_each_layer(l, &store, count_layer, r, &e) || r->layers != layers)
		return lie(r, "another number of layers");
	for (unsigned i = 0; i < BATCHES; i++) {
		if (!image_is_right(l, r, i))
			return lie(r, "another image or name");
	}
	for (unsigned i = 0; i < MANIFESTS; i++) {
		if (!manifest_is_right(l, i))
			return lie(r, "another manifest");
	}
	return r->n == truth.n ? GENUINE : OLDER;
}

static enum verdict compare_entries(struct ledger *l, struct reading *r)
{
	struct err e;
	int code = ledger_replay(l, compare_entry, r, &e);

	if (!code && (r->why[0] || r->seen != r->n + r->appended))
		return lie(r, r->why[0] ? "another entry" : "too few entries");
	/* Objects may come from a snapshot although not all else can be read. */
	r->why[0] = '\0';
	return GENUINE;
}

/* The ledger must be what it was at some checkpoint, and what was appended to that. */
static enum verdict compare(struct ledger *l, bool entries, struct reading *r)
{
	const struct checkpoint *head = ledger_head(l);

	r->n = (size_t)head->size - r->appended;
	if (r->n > truth.n || !truth.is_head[r->n] || ledger_size(l) != head->size)
		return lie(r, "a size that never was");
	if (!r->appended && !digest_equal(&head->root, &truth.roots[r->n]))
		return lie(r, "another root");
	if (entries && compare_entries(l, r) == LIE)
		return LIE;
	return compare_objects(l, r);
}

/* Refusals must be in words, and of the codes that are exit status 3. */
static enum verdict refusal(int code, const struct err *e, struct reading *r)
{
	bool known = code == ERR_LEDGER || code == ERR_IO || code == ERR_NOT_FOUND;

	return known && e->code == code && e->msg[0] ? REFUSED : lie(r, "an odd refusal");
}

enum verdict genuine_read(const char *dir, char *why, size_t size)
{
	struct reading r = {.why = why, .why_size = size};
	struct ledger *l = NULL;
	struct err e = {0};
	enum verdict v;
	int code;

	why[0] = '\0';
	code = open_ledger(dir, LEDGER_READ, false, &l, &e);
	v = code ? refusal(code, &e, &r) : compare(l, true, &r);
	ledger_close(l);
	return v;
}

/* What was confirmed must be there for the next one, or the ledger be refused. */
static enum verdict look_again(const char *dir, size_t size, char *why, size_t why_size)
{
	struct reading r = {.why = why, .why_size = why_size, .appended = true};
	struct ledger *l = NULL;
	struct err e = {0};
	enum verdict v;
	int code = open_ledger(dir, LEDGER_READ, true, &l, &e);

	if (code)
		v = refusal(code, &e, &r);
	else if (ledger_head(l)->size != size)
		v = LOST;
	else
		v = compare(l, true, &r);
	ledger_close(l);
	return v;
}

enum verdict genuine_append(const char *dir, char *why, size_t size)
{
	struct reading r = {.why = why, .why_size = size};
	struct entry en = layer_entry(SOURCE_GENUINE, NEW_LAYER);
	struct ledger *l = NULL;
	struct err e = {0};
	enum verdict v;
	int code;

	why[0] = '\0';
	code = open_ledger(dir, LEDGER_WRITE, false, &l, &e);
	v = code ? refusal(code, &e, &r) : compare(l, false, &r);
	/* An empty ledger has no store that the layer could be in. */
	if ((v == GENUINE || v == OLDER) && r.n > 0) {
		code = ledger_append(l, &en, 1, &e);
		if (code)
			v = refusal(code, &e, &r);
	} else {
		code = 1;
	}
	entry_release(&en);
	ledger_close(l);
	return code ? v : look_again(dir, r.n + 1, why, size);
}
