/* SPDX-License-Identifier: Apache-2.0 */
/* scratch.h: a directory for one test, and ledgers and entries in it; for the ledger's tests. */
#ifndef TESTS_UNIT_SCRATCH_H
#define TESTS_UNIT_SCRATCH_H

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <lmdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger/ledger.h"

#define ORIGIN "layerseal/00112233445566778899aabbccddeeff"
#define UNUSED __attribute__((unused))

static char scratch[64]; /* the directory */
static char dir[80];	 /* where a ledger goes, in it */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void remove_tree(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static int scratch_setup(void **state)
{
	struct err e;

	(void)state;
	/* In memory if possible: a disk that others use makes every fsync() slow. */
	snprintf(scratch, sizeof(scratch), "%s/layerseal-test.XXXXXX",
	    access("/dev/shm", W_OK) ? "/var/tmp" : "/dev/shm");
	if (!mkdtemp(scratch) || crypto_init(&e))
		return -1;
	snprintf(dir, sizeof(dir), "%s/ledger", scratch);
	return 0;
}

static int scratch_teardown(void **state)
{
	(void)state;
	remove_tree(scratch);
	return 0;
}

/* ---- files ---- */

UNUSED static const char *path_of(const char *file)
{
	static char path[2][160];
	static int turn;

	turn = !turn;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", dir, file);
	return path[turn];
}

UNUSED static char *read_file(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *data;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	data = xmalloc((size_t)st.st_size + 1);
	assert_int_equal(read(fd, data, (size_t)st.st_size), st.st_size);
	data[st.st_size] = '\0';
	close(fd);
	if (len)
		*len = (size_t)st.st_size;
	return data;
}

UNUSED static void write_file(const char *path, const void *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	close(fd);
}

UNUSED static void write_text(const char *path, const char *text)
{
	write_file(path, text, strlen(text));
}

/* ---- entries ---- */

static const struct store_id store_a = {{0xa, 1}};

UNUSED static void id_of(char out[static ENTRY_ID_LEN + 1], unsigned n)
{
	snprintf(out, ENTRY_ID_LEN + 1, "%064x", n);
}

static struct entry entry_of(enum entry_op op)
{
	return (struct entry){.op = op, .time = 1767225600, .store = store_a};
}

UNUSED static struct entry init_at(const char *graphroot)
{
	struct entry en = entry_of(ENTRY_INIT);

	en.init.graphroot = xstrdup(graphroot);
	en.init.runroot = xstrdup("/run");
	en.init.driver = xstrdup("overlay");
	return en;
}

UNUSED static struct entry layer_of(unsigned n)
{
	struct entry en = entry_of(ENTRY_SEAL_LAYER);

	id_of(en.seal_layer.layer, n);
	if (n > 0)
		id_of(en.seal_layer.parent, n - 1);
	sha256(&n, sizeof(n), &en.seal_layer.tree);
	en.seal_layer.diff_size = n;
	en.seal_layer.created = xstrdup("2026-01-01T00:00:00Z");
	en.seal_layer.link = xstrdup("ABCDEFGHIJKLMNOPQRSTUVWXYZ");
	en.seal_layer.has_print = true;
	memset(en.seal_layer.print, (int)(n & 0xff), 16);
	return en;
}

UNUSED static struct entry image_of(unsigned n)
{
	struct entry en = entry_of(ENTRY_SEAL_IMAGE);

	id_of(en.seal_image.image, n);
	return en;
}

UNUSED static struct entry name_of(const char *name, unsigned image)
{
	struct entry en = entry_of(ENTRY_SEAL_NAME);

	en.seal_name.name = xstrdup(name);
	id_of(en.seal_name.image, image);
	return en;
}

UNUSED static struct entry retire_of(bool is_image, unsigned n)
{
	struct entry en = entry_of(ENTRY_RETIRE);

	en.retire.is_image = is_image;
	id_of(en.retire.id, n);
	return en;
}

UNUSED static struct entry tree_of(unsigned n)
{
	struct entry en = entry_of(ENTRY_SEAL_TREE);

	en.seal_tree.path = xasprintf("/cache/%u", n);
	sha256(&n, sizeof(n), &en.seal_tree.tree);
	return en;
}

UNUSED static struct entry retire_tree_of(unsigned n)
{
	struct entry en = entry_of(ENTRY_RETIRE_TREE);

	en.retire_tree.path = xasprintf("/cache/%u", n);
	return en;
}

UNUSED static struct entry remeasure_of(unsigned n, unsigned tree)
{
	struct entry en = entry_of(ENTRY_REMEASURE);

	id_of(en.remeasure.layer, n);
	sha256(&tree, sizeof(tree), &en.remeasure.tree);
	memset(en.remeasure.print, 0x77, 16);
	return en;
}

/* Appends one entry, which it releases. */
UNUSED static int append(struct ledger *l, struct entry en, struct err *e)
{
	int r = ledger_append(l, &en, 1, e);

	entry_release(&en);
	return r;
}

UNUSED static void must_append(struct ledger *l, struct entry en)
{
	struct err e;

	if (append(l, en, &e))
		fail_msg("%s", e.msg);
}

/* ---- ledgers ---- */

/* Beside the ledger, and removed with it. */
static const char *trust_file(void)
{
	static char path[sizeof(dir) + sizeof(".trust")];

	snprintf(path, sizeof(path), "%s.trust", dir);
	return path;
}

static const struct signer_source key_source = {
    .place = SIGNER_FILE, .name = "key", .passphrase = {.kind = PASSPHRASE_NONE}};

UNUSED static int create_ledger(struct err *e)
{
	struct ledger_creation c = {.dir = dir,
	    .trust_file = trust_file(),
	    .key = &key_source,
	    .request = {.name = ORIGIN}};
	struct ledger *l;
	int r = ledger_create(&c, &l, e);

	ledger_close(l);
	return r;
}

UNUSED static void remove_ledger(void)
{
	remove_tree(dir);
	unlink(trust_file());
}

/* As the program does: is there one, whom to believe, what it says. */
UNUSED static int open_ledger(enum ledger_mode mode, struct ledger **out, struct err *e)
{
	struct trust trust;
	struct ledger_options o = {
	    .dir = dir, .mode = mode, .trust = &trust, .key = &key_source};
	int r = ledger_exists(dir, e);

	*out = NULL;
	if (!r)
		r = trust_load(trust_file(), &trust, e);
	return r ? r : ledger_open(&o, out, e);
}

UNUSED static struct ledger *must_open(enum ledger_mode mode)
{
	struct ledger *l;
	struct err e;

	if (open_ledger(mode, &l, &e))
		fail_msg("%s", e.msg);
	return l;
}

UNUSED static void must_create(void)
{
	struct err e;

	if (create_ledger(&e))
		fail_msg("%s", e.msg);
}

/* A new ledger with a store and layers 0 to n - 1 in one batch, closed. */
UNUSED static void make_ledger(unsigned n)
{
	struct entry *batch = xcalloc(n + 1, sizeof(*batch));
	struct ledger *l;
	struct err e;

	remove_ledger();
	must_create();
	l = must_open(LEDGER_WRITE);
	batch[0] = init_at("/g");
	for (unsigned i = 0; i < n; i++)
		batch[i + 1] = layer_of(i);
	if (ledger_append(l, batch, n + 1, &e))
		fail_msg("%s", e.msg);
	for (unsigned i = 0; i <= n; i++)
		entry_release(&batch[i]);
	free(batch);
	ledger_close(l);
}

/* Opening must fail with this code, and say this. */
UNUSED static void refuses_to_open(int code, const char *words)
{
	struct ledger *l = NULL;
	struct err e = {0};
	int r = open_ledger(LEDGER_WRITE, &l, &e);

	if (r != code || e.code != code || l || !strstr(e.msg, words))
		fail_msg(
		    "code %d, not %d; \"%s\", not about \"%s\"", r, code, e.msg, words);
}

/* ---- the database, behind the ledger's back ---- */

static const char *const lmdb_names[] = {"meta", "entry", "head", "manifest"};
enum { LMDB_META, LMDB_ENTRY, LMDB_HEAD, LMDB_MANIFEST };

struct lmdb {
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi[4];
};

UNUSED static struct lmdb lmdb_open(const char *where)
{
	char path[PATH_MAX];
	struct lmdb m;

	snprintf(path, sizeof(path), "%s/db", where);
	assert_int_equal(mdb_env_create(&m.env), 0);
	assert_int_equal(mdb_env_set_maxdbs(m.env, 8), 0);
	assert_int_equal(mdb_env_set_mapsize(m.env, 256 << 20), 0);
	assert_int_equal(mdb_env_open(m.env, path, MDB_NOTLS, 0600), 0);
	assert_int_equal(mdb_txn_begin(m.env, NULL, 0, &m.txn), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(mdb_dbi_open(m.txn, lmdb_names[i], 0, &m.dbi[i]), 0);
	return m;
}

UNUSED static void lmdb_commit(struct lmdb *m)
{
	assert_int_equal(mdb_txn_commit(m->txn), 0);
	mdb_env_close(m->env);
}

static void lmdb_key(uint8_t out[static 8], uint64_t n)
{
	for (int i = 7; i >= 0; i--, n >>= 8)
		out[i] = (uint8_t)n;
}

UNUSED static void lmdb_put(
    struct lmdb *m, int db, uint64_t number, const void *data, size_t len)
{
	uint8_t bytes[8];
	MDB_val key = {8, bytes}, value = {len, (void *)(uintptr_t)data};

	lmdb_key(bytes, number);
	assert_int_equal(mdb_put(m->txn, m->dbi[db], &key, &value, 0), 0);
}

UNUSED static void lmdb_del(struct lmdb *m, int db, uint64_t number)
{
	uint8_t bytes[8];
	MDB_val key = {8, bytes};

	lmdb_key(bytes, number);
	assert_int_equal(mdb_del(m->txn, m->dbi[db], &key, NULL), 0);
}

/* A copy of a value. */
UNUSED static char *lmdb_get(struct lmdb *m, int db, uint64_t number, size_t *len)
{
	uint8_t bytes[8];
	MDB_val key = {8, bytes}, value;
	char *copy;

	lmdb_key(bytes, number);
	assert_int_equal(mdb_get(m->txn, m->dbi[db], &key, &value), 0);
	copy = xmalloc(value.mv_size);
	memcpy(copy, value.mv_data, value.mv_size);
	*len = value.mv_size;
	return copy;
}

#endif
