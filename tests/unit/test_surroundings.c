/* SPDX-License-Identifier: Apache-2.0 */
/* test_surroundings.c: podman's databases and mountpoints.json. */
#include <sqlite3.h>
#include <sys/mman.h>

#include "ministore.h"
#include "store/boltdb.h"
#include "store/libpod.h"

#define X64(c) c c c c c c c c c c c c c c c c
#define ID_A X64("aaaa")
#define ID_B X64("bbbb")
#define PAGE 4096
#define PAGES 8

/* ---- a bbolt file, page by page ---- */

struct bolt_item {
	const char *key;
	const void *value;
	size_t len;
	unsigned flags; /* of a leaf; of a branch: the child page */
};

struct bolt_file {
	unsigned char bytes[PAGES * PAGE];
};

static void put16(unsigned char *at, unsigned v)
{
	memcpy(at, &(uint16_t){(uint16_t)v}, 2);
}

static void put32(unsigned char *at, unsigned v)
{
	memcpy(at, &(uint32_t){v}, 4);
}

static void put64(unsigned char *at, uint64_t v)
{
	memcpy(at, &v, 8);
}

/* A leaf (2) or branch (1) page at `page`; returns its bytes. */
static size_t fill_page(
    unsigned char *page, unsigned id, unsigned flags, const struct bolt_item *v, size_t n)
{
	size_t at = 16 + n * 16;

	memset(page, 0, PAGE);
	put64(page, id);
	put16(page + 8, flags);
	put16(page + 10, (unsigned)n);
	for (size_t i = 0; i < n; i++) {
		unsigned char *el = page + 16 + i * 16;
		size_t klen = strlen(v[i].key);
		bool branch = flags == 1;

		put32(el + (branch ? 0 : 4), (unsigned)(page + at - el));
		put32(el + (branch ? 4 : 8), (unsigned)klen);
		if (branch)
			put64(el + 8, v[i].flags);
		else
			put32(el, v[i].flags);
		if (!branch)
			put32(el + 12, (unsigned)v[i].len);
		memcpy(page + at, v[i].key, klen);
		at += klen;
		if (v[i].len)
			memcpy(page + at, v[i].value, v[i].len);
		at += v[i].len;
	}
	return at;
}

static void fill_meta(struct bolt_file *f, unsigned page, unsigned root, unsigned txid)
{
	unsigned char *p = f->bytes + page * PAGE, *meta = p + 16;
	uint64_t sum = 0xcbf29ce484222325U;

	memset(p, 0, PAGE);
	put64(p, page);
	put16(p + 8, 4);
	put32(meta, 0xed0cdaed);
	put32(meta + 4, 2);
	put32(meta + 8, PAGE);
	put64(meta + 16, root);
	put64(meta + 32, 2);
	put64(meta + 40, PAGES);
	put64(meta + 48, txid);
	for (int i = 0; i < 56; i++)
		sum = (sum ^ meta[i]) * 0x100000001b3U;
	put64(meta + 56, sum);
}

static const struct bolt_item three_keys[] = {
    {"graph-driver-name", "overlay", 7, 0},
    {"graph-root", "/g", 2, 0},
    {"run-root", "/r", 2, 0},
};

/* Root bucket on page 3, the bucket's leaf on page 4. */
static struct bolt_file *new_bolt(const struct bolt_item *v, size_t n)
{
	struct bolt_file *f = xcalloc(1, sizeof(*f));
	const uint64_t header[2] = {4, 0};
	const struct bolt_item root[] = {
	    {"ctr", header, sizeof(header), 1},
	    {"runtime-config", header, sizeof(header), 1},
	};

	fill_meta(f, 0, 3, 1);
	fill_meta(f, 1, 3, 2);
	fill_page(f->bytes + 3 * PAGE, 3, 2, root, 2);
	fill_page(f->bytes + 4 * PAGE, 4, 2, v, n);
	return f;
}

static int file_of(const void *data, size_t len)
{
	int fd = memfd_create("db", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), (ssize_t)len);
	return fd;
}

static int read_bolt(const void *data, size_t len, struct libpod_config *out)
{
	CLEANUP_FD int fd = file_of(data, len);
	struct err e;

	return libpod_read_bolt(fd, out, &e);
}

static void test_bolt(void **state)
{
	struct bolt_file *f = new_bolt(three_keys, 3);
	struct libpod_config c;

	(void)state;
	assert_int_equal(read_bolt(f->bytes, sizeof(f->bytes), &c), 0);
	assert_string_equal(c.graphroot, "/g");
	assert_string_equal(c.runroot, "/r");
	assert_string_equal(c.driver, "overlay");
	libpod_config_release(&c);
	/* Nothing in it yet. */
	assert_int_equal(read_bolt("", 0, &c), 0);
	assert_null(c.graphroot);
	fill_page(f->bytes + 3 * PAGE, 3, 2, NULL, 0);
	assert_int_equal(read_bolt(f->bytes, sizeof(f->bytes), &c), 0);
	assert_null(c.graphroot);
	free(f);
}

/* What podman 4.3 wrote: an inline bucket. */
static void test_bolt_of_podman(void **state)
{
	CLEANUP_FD int fd = open("tests/fuzz/corpus/boltdb/podman-4.3.db", O_RDONLY);
	struct libpod_config c;
	struct err e;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(libpod_read_bolt(fd, &c, &e), 0);
	assert_string_equal(c.graphroot, "/srv/store/graph");
	assert_string_equal(c.runroot, "/srv/store/run");
	libpod_config_release(&c);
}

static void test_bolt_branch(void **state)
{
	struct bolt_file *f = new_bolt(NULL, 0);
	const struct bolt_item branch[] = {{"a", NULL, 0, 5}, {"h", NULL, 0, 6}};
	struct libpod_config c;

	(void)state;
	fill_page(f->bytes + 4 * PAGE, 4, 1, branch, 2);
	fill_page(f->bytes + 5 * PAGE, 5, 2, three_keys, 2);
	fill_page(f->bytes + 6 * PAGE, 6, 2, three_keys + 2, 1);
	assert_int_equal(read_bolt(f->bytes, sizeof(f->bytes), &c), 0);
	assert_string_equal(c.graphroot, "/g");
	assert_string_equal(c.runroot, "/r");
	libpod_config_release(&c);
	/* bbolt's search goes from the end of a page to the next one: so it would find this one. */
	fill_page(f->bytes + 5 * PAGE, 5, 2, three_keys, 1);
	fill_page(f->bytes + 6 * PAGE, 6, 2, three_keys + 1, 2);
	assert_int_equal(read_bolt(f->bytes, sizeof(f->bytes), &c), ERR_MALFORMED);
	free(f);
}

/* A file that is good but for some bytes at one place. */
static void check_bolt_bytes(size_t at, const void *bytes, size_t len, const char *what)
{
	struct bolt_file *f = new_bolt(three_keys, 3);
	struct libpod_config c;

	memcpy(f->bytes + at, bytes, len);
	if (read_bolt(f->bytes, sizeof(f->bytes), &c) != ERR_MALFORMED)
		fail_msg("accepted: %s", what);
	free(f);
}

static void test_bolt_damage(void **state)
{
	static const struct {
		size_t at;
		const char *bytes;
		size_t len;
		const char *what;
	} cases[] = {
	    {16, "\0", 1, "no magic"},
	    {16 + 4, "\3", 1, "another version"},
	    {16 + 48, "\7", 1, "a changed transaction"},
	    {16 + 56, "\0\0\0\0\0\0\0\0", 8,
		"a checksum of 0, which old versions accept"},
	    {PAGE + 16 + 16, "\4", 1, "a changed root in the second meta page"},
	    {3 * PAGE, "\4", 1, "a page with another id"},
	    {3 * PAGE + 8, "\7", 1, "a page of no type"},
	    {3 * PAGE + 10, "\377\377", 2, "more elements than bytes"},
	    {3 * PAGE + 12, "\377\377\377\377", 4, "overflow beyond the end"},
	    {4 * PAGE + 16 + 4, "\377\377\377\377", 4, "a key outside the page"},
	    {4 * PAGE + 16 + 8, "\377\377\377\377", 4, "a key without end"},
	    {4 * PAGE + 16 + 12, "\377\377\377\377", 4, "a value without end"},
	    {4 * PAGE + 16 + 12, "\0\20\0\0", 4, "a value longer than the page"},
	    {4 * PAGE + 16, "\1", 1, "a bucket for a value"},
	    {4 * PAGE + 64, "z", 1, "unsorted keys"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check_bolt_bytes(
		    cases[i].at, cases[i].bytes, cases[i].len, cases[i].what);
}

static void check_bolt_items(const struct bolt_item *v, size_t n, const char *what)
{
	struct bolt_file *f = new_bolt(v, n);
	struct libpod_config c;

	if (read_bolt(f->bytes, sizeof(f->bytes), &c) != ERR_MALFORMED)
		fail_msg("accepted: %s", what);
	free(f);
}

static void test_bolt_tricks(void **state)
{
	const struct bolt_item twice[] = {
	    {"graph-root", "/g", 2, 0}, {"graph-root", "/evil", 5, 0}};
	const struct bolt_item unsorted[] = {
	    {"z", "", 0, 0}, {"graph-root", "/evil", 5, 0}};
	const struct bolt_item nul[] = {{"graph-root", "/g\0/x", 5, 0}};
	const struct bolt_item itself[] = {{"", NULL, 0, 4}};
	struct bolt_file *f = new_bolt(NULL, 0);
	struct libpod_config c;

	(void)state;
	check_bolt_items(twice, 2, "a key twice");
	check_bolt_items(unsorted, 2, "keys that a binary search finds otherwise");
	check_bolt_items(nul, 1, "a NUL in a path");
	/* A page that is its own child. */
	fill_page(f->bytes + 4 * PAGE, 4, 1, itself, 1);
	assert_int_equal(read_bolt(f->bytes, sizeof(f->bytes), &c), ERR_MALFORMED);
	assert_int_equal(read_bolt(f->bytes, 5 * PAGE - 1, &c), ERR_MALFORMED);
	free(f);
}

/* ---- SQLite ---- */

#define TABLE                                                                            \
	"CREATE TABLE DBConfig(ID INTEGER PRIMARY KEY NOT NULL, SchemaVersion INTEGER "  \
	"NOT "                                                                           \
	"NULL, OS TEXT NOT NULL, StaticDir TEXT NOT NULL, TmpDir TEXT NOT NULL, "        \
	"GraphRoot "                                                                     \
	"TEXT NOT NULL, RunRoot TEXT NOT NULL, GraphDriver TEXT NOT NULL, VolumeDir "    \
	"TEXT "                                                                          \
	"NOT NULL, CHECK (ID IN (1)));"
#define ROW(graph, run, driver)                                                          \
	"INSERT INTO DBConfig VALUES(1,1,'linux','/s','/t'," graph "," run "," driver    \
	",'/v');"

/* The bytes of a database made by some SQL; freed with sqlite3_free(). */
static unsigned char *make_sqlite(const char *sql, size_t *len)
{
	sqlite3_int64 size = 0;
	unsigned char *data;
	char *why = NULL;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &why))
		fail_msg("%s", why);
	data = sqlite3_serialize(db, "main", &size, 0);
	assert_non_null(data);
	sqlite3_close(db);
	*len = (size_t)size;
	return data;
}

static int read_sqlite(const char *sql, struct libpod_config *out, struct err *e)
{
	size_t len;
	unsigned char *data = make_sqlite(sql, &len);
	int r = libpod_read_sqlite(data, len, out, e);

	sqlite3_free(data);
	return r;
}

static void test_sqlite(void **state)
{
	struct libpod_config c;
	struct err e;

	(void)state;
	assert_int_equal(read_sqlite(TABLE ROW("'/g'", "'/r'", "''"), &c, &e), 0);
	assert_string_equal(c.graphroot, "/g");
	assert_string_equal(c.runroot, "/r");
	assert_string_equal(c.driver, "");
	libpod_config_release(&c);
	/* Nothing in it yet. */
	assert_int_equal(libpod_read_sqlite("", 0, &c, &e), 0);
	assert_null(c.graphroot);
	assert_int_equal(read_sqlite("CREATE TABLE x(y);", &c, &e), 0);
	assert_null(c.graphroot);
	assert_int_equal(read_sqlite(TABLE, &c, &e), 0);
	assert_null(c.graphroot);
}

static void test_sqlite_tricks(void **state)
{
	static const char *const cases[] = {
	    /* a view, an index that covers the query, two rows, no text, a NUL */
	    "CREATE VIEW DBConfig AS SELECT '' StaticDir, '' TmpDir, '/g' GraphRoot, "
	    "'/r' "
	    "RunRoot, '' GraphDriver, '' VolumeDir;",
	    TABLE ROW("'/g'", "'/r'", "''") "CREATE INDEX i ON "
					    "DBConfig(StaticDir,TmpDir,GraphRoot,RunRoot,"
					    "GraphDriver,VolumeDir);",
	    "CREATE TABLE dbconfig(StaticDir, TmpDir, GraphRoot, RunRoot, GraphDriver, "
	    "VolumeDir);INSERT INTO dbconfig VALUES('','','/g','/r','',''),"
	    "('','','/x','/r','','');",
	    TABLE ROW("x'2f67'", "'/r'", "''"),
	    TABLE ROW("'/g' || char(0) || '/x'", "'/r'", "''"),
	    "CREATE TABLE DBConfig(StaticDir, TmpDir, GraphRoot PRIMARY KEY, RunRoot, "
	    "GraphDriver, VolumeDir) WITHOUT ROWID;"
	    "INSERT INTO DBConfig VALUES('','','/g','/r','','');",
	    "CREATE TABLE DBConfig(GraphRoot);",
	    "CREATE VIRTUAL TABLE DBConfig USING fts5(StaticDir, TmpDir, GraphRoot, "
	    "RunRoot, "
	    "GraphDriver, VolumeDir);",
	};
	struct libpod_config c;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (read_sqlite(cases[i], &c, &e) != ERR_MALFORMED)
			fail_msg("accepted: %s", cases[i]);
	}
	assert_int_equal(
	    libpod_read_sqlite("SQLite format 3", 16, &c, &e), ERR_MALFORMED);
	assert_int_equal(libpod_read_sqlite(cases[1], 200, &c, &e), ERR_MALFORMED);
}

static void test_sqlite_wal_header(void **state)
{
	struct libpod_config c;
	struct err e;
	size_t len;
	unsigned char *data = make_sqlite(TABLE ROW("'/g'", "'/r'", "''"), &len);

	(void)state;
	data[18] = data[19] = 2;
	assert_int_equal(libpod_read_sqlite(data, len, &c, &e), 0);
	assert_string_equal(c.graphroot, "/g");
	libpod_config_release(&c);
	sqlite3_free(data);
}

/* ---- in a store ---- */

static void write_sqlite(const struct mini *m, const char *rel, const char *graph,
    const char *run, const char *driver)
{
	char sql[2048];
	size_t len;
	unsigned char *data;

	snprintf(sql, sizeof(sql), TABLE ROW("'%s'", "'%s'", "'%s'"), graph, run, driver);
	data = make_sqlite(sql, &len);
	mini_put(m, rel, data, len);
	sqlite3_free(data);
}

static void write_bolt(const struct mini *m, const char *graph, const char *run)
{
	const struct bolt_item items[] = {
	    {"graph-driver-name", "overlay", 7, 0},
	    {"graph-root", graph, strlen(graph), 0},
	    {"run-root", run, strlen(run), 0},
	};
	struct bolt_file *f = new_bolt(items, 3);

	mini_put(m, "g/libpod/bolt_state.db", f->bytes, sizeof(f->bytes));
	free(f);
}

static void check(struct mini *m, size_t n, const char *what)
{
	struct err e;

	mini_open(m);
	assert_int_equal(surroundings_check(&m->store, &m->records, &m->findings, &e), 0);
	mini_expect(m, n, what);
	assert_int_equal(mini_count(m, FINDING_LIBPOD_DATABASE, "") +
			     mini_count(m, FINDING_MOUNTPOINTS, ""),
	    n);
}

static void test_databases(void **state)
{
	struct mini *m = mini_new(STORE_OVERLAY);
	char link[PATH_MAX];

	(void)state;
	check(m, 0, "no database: only buildah was here");
	write_bolt(m, m->graphroot, m->runroot);
	write_sqlite(m, "g/db.sql", m->graphroot, m->runroot, "");
	check(m, 0, "both databases");
	mini_symlink(m, "other", "g");
	write_bolt(m, mini_path(m, "other", link), m->runroot);
	check(m, 0, "another name of the same directory");
	write_bolt(m, "/evil", m->runroot);
	check(m, 1, "another graphroot");
	write_bolt(m, m->dir, m->runroot);
	check(m, 1, "another graphroot that exists");
	write_bolt(m, m->graphroot, "/evil");
	write_sqlite(m, "g/db.sql", "", "", "vfs");
	check(m, 2, "another runroot, another driver");
	mini_free(m);
}

static void test_more_databases(void **state)
{
	struct mini *m = mini_new(STORE_OVERLAY);
	char path[PATH_MAX];

	(void)state;
	write_sqlite(m, "r/db.sql", "/evil", "", "overlay2");
	write_sqlite(m, "g/libpod/db.sql", "/evil", "", "");
	check(m, 2, "a transient store's and a static directory's database");
	mini_remove(m, "r/db.sql");
	mini_remove(m, "g/libpod/db.sql");
	mini_symlink(m, "g/libpod/bolt_state.db", "/dev/null");
	assert_int_equal(mkfifo(mini_path(m, "g/db.sql", path), 0600), 0);
	check(m, 2, "databases that are no files");
	mini_free(m);
}

/* SQLite would put the pages of the journal over those of the file. */
static void test_journal(void **state)
{
	struct flock lock = {.l_type = F_WRLCK, .l_start = 0x40000001, .l_len = 1};
	struct mini *m = mini_new(STORE_OVERLAY);
	char path[PATH_MAX];
	CLEANUP_FD int fd = -1;

	(void)state;
	write_sqlite(m, "g/db.sql", m->graphroot, m->runroot, "overlay");
	mini_write(m, "g/db.sql-journal", "");
	check(m, 0, "an empty journal");
	mini_write(m, "g/db.sql-journal", "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7");
	check(m, 1, "a journal of nobody");
	/* SQLite's reserved lock: its owner will finish or undo what it began. */
	fd = open(mini_path(m, "g/db.sql", path), O_RDWR | O_CLOEXEC);
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);
	check(m, 0, "a journal of a writer");
	mini_write(m, "g/db.sql-wal", "x");
	mini_remove(m, "g/db.sql-journal");
	base_close_p(&fd);
	check(m, 1, "a log");
	mini_free(m);
}

/* ---- mountpoints.json ---- */

static void write_mountpoints(const struct mini *m, const char *id, const char *path)
{
	char text[1024];

	snprintf(text, sizeof(text), "[{\"id\":\"%s\",\"path\":\"%s%s\",\"count\":1}]",
	    id, m->dir, path);
	mini_write(m, "r/overlay-layers/mountpoints.json", text);
}

static void test_mountpoints(void **state)
{
	struct mini *m = mini_new(STORE_OVERLAY);
	const char *a = mini_record('a', 0, "");
	char text[512];

	(void)state;
	mini_layers_json(m, "g/overlay-layers/layers.json", &a, 1);
	mini_layer(m, "g", 'a', "");
	mini_write(m, "r/overlay-layers/mountpoints.json", "[]");
	check(m, 0, "nothing mounted");
	mini_write(m, "r/overlay-layers/mountpoints.json", "");
	check(m, 0, "an empty file");
	write_mountpoints(m, ID_A, "/g/overlay/" ID_A "/merged");
	check(m, 0, "a mounted layer");
	snprintf(text, sizeof(text),
	    "[{\"id\":\"" ID_A "\",\"path\":\"%s/g/overlay/" ID_A
	    "/merged\",\"count\":1,\"more\":1}]",
	    m->dir);
	mini_write(m, "r/overlay-layers/mountpoints.json", text);
	check(m, 1, "a key that might be read as another");
	mini_symlink(m, "other", "g");
	write_mountpoints(m, ID_A, "/other/overlay/" ID_A "/merged");
	check(m, 0, "by another name");
	write_mountpoints(m, ID_A, "/g/evil");
	check(m, 1, "another path");
	write_mountpoints(m, ID_A, "/g/overlay/" ID_A "/merged/x");
	check(m, 1, "a path below");
	write_mountpoints(m, ID_A, "/r/overlay/" ID_A "/merged");
	check(m, 1, "the run root, which is for other places");
	write_mountpoints(m, ID_B, "/g/overlay/" ID_B "/merged");
	check(m, 1, "a layer without a record");
	mini_free(m);
}

static void test_mountpoints_of_other_places(void **state)
{
	struct mini *m = mini_new(STORE_OVERLAY);
	const char *a = mini_record('a', 0, "");

	(void)state;
	mini_second_place(m, "i");
	mini_layers_json(m, "g/overlay-layers/layers.json", &a, 1);
	mini_layer(m, "i", 'a', "");
	write_mountpoints(m, ID_A, "/r/overlay/" ID_A "/merged");
	check(m, 0, "a layer of the image store");
	write_mountpoints(m, ID_A, "/g/overlay/" ID_A "/merged");
	check(m, 1, "a layer of the image store in the graphroot");
	mini_free(m);
}

static void test_mountpoints_documents(void **state)
{
	static const char *const cases[] = {
	    "null",
	    "{}",
	    "[",
	    "[null]",
	    "[{}]",
	    "[{\"id\":\"" ID_A "\",\"path\":1,\"count\":1}]",
	    "[{\"ID\":\"" ID_A "\",\"path\":\"\",\"count\":1}]",
	    "[{\"id\":\"" ID_A "\",\"path\":\"\",\"Path\":\"/evil\",\"count\":1}]",
	    "[{\"id\":\"" ID_A "\",\"path\":\"\",\"count\":\"1\"}]",
	};
	struct mini *m = mini_new(STORE_OVERLAY);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		mini_write(m, "r/overlay-layers/mountpoints.json", cases[i]);
		check(m, 1, cases[i]);
	}
	mini_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bolt),
	    cmocka_unit_test(test_bolt_of_podman),
	    cmocka_unit_test(test_bolt_branch),
	    cmocka_unit_test(test_bolt_damage),
	    cmocka_unit_test(test_bolt_tricks),
	    cmocka_unit_test(test_sqlite),
	    cmocka_unit_test(test_sqlite_tricks),
	    cmocka_unit_test(test_sqlite_wal_header),
	    cmocka_unit_test(test_databases),
	    cmocka_unit_test(test_more_databases),
	    cmocka_unit_test(test_journal),
	    cmocka_unit_test(test_mountpoints),
	    cmocka_unit_test(test_mountpoints_of_other_places),
	    cmocka_unit_test(test_mountpoints_documents),
	};
	struct err e;

	if (crypto_init(&e))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
