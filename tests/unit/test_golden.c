/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_golden.c: ledgers of every version of the format (tests/golden) are read, say what they said,
 * and are made again byte for byte. A version's directory is never changed once it was released; for a
 * new one, write what it has in addition into make(), and run
 *
 *   build/release/unit/test_golden --make tests/golden/vN
 *
 * with `key`, `key2` (layerseal key generate) and `statprint.key` in that directory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "ledger/export.h"
#include "upkeep.h"

#define GOLDEN "tests/golden/v1"
#define ENTRIES 19

static const char listing_a[] =
    "/ 0 40755 1 0 0 0 1767225600.000000000 - - -\n"
    "/etc 0 40755 1 0 0 0 1767225600.000000001 - - -\n"
    "/etc/a\\x20b 7 120777 1 0 0 0 1767225600.999999999 target\\x20 - -\n";
static const char listing_b[] = "/ 0 40755 1 0 0 0 1767225601.000000000 - - - user.x=y\n";

/* ---- files ---- */

static const char *at(const char *where, const char *file)
{
	static char path[4][PATH_MAX];
	static unsigned turn;
	char *out = path[turn++ % ARRAY_LEN(path)];

	snprintf(out, PATH_MAX, "%s/%s", where, file);
	return out;
}

/* Modes are not in a repository. */
static void copy_file(const char *from, const char *to)
{
	size_t len;
	char *data = read_file(from, &len);

	write_file(to, data, len);
	free(data);
}

static struct signer_source source_of(const char *key)
{
	static char path[2][PATH_MAX];
	static unsigned turn;
	char *copy = path[turn++ % 2];

	snprintf(copy, PATH_MAX, "%s/%s", scratch, key);
	copy_file(at(GOLDEN, key), copy);
	return (struct signer_source){
	    .place = SIGNER_FILE, .name = copy, .passphrase = {.kind = PASSPHRASE_NONE}};
}

/* ---- making it ---- */

static struct entry at_time(enum entry_op op, int64_t time)
{
	struct entry en = entry_of(op);

	en.time = time;
	if (!entry_op_of_store(op))
		en.store = (struct store_id){{0}};
	return en;
}

static void set_digest(struct digest *d, unsigned n)
{
	memset(d->bytes, (int)n, sizeof(d->bytes));
}

static struct entry golden_init(void)
{
	struct entry en = at_time(ENTRY_INIT, 1767225600);
	uint8_t secret[XXH_KEY_BYTES];

	for (size_t i = 0; i < sizeof(secret); i++)
		secret[i] = (uint8_t)i;
	sha256(secret, sizeof(secret), &en.init.statprint_key);
	en.init.graphroot = xstrdup("/var/lib/containers/storage");
	en.init.runroot = xstrdup("/run/containers/storage");
	en.init.driver = xstrdup("overlay");
	en.init.imagestore = xstrdup("/images with \\ and \xc3\xa9");
	en.init.n_additional = 2;
	en.init.additional = xcalloc(2, sizeof(char *));
	en.init.additional[0] = xstrdup("/usr/share/containers");
	en.init.additional[1] = xstrdup("-");
	return en;
}

static struct entry second_store(void)
{
	struct entry en = at_time(ENTRY_INIT, 1767225601);

	memset(en.store.bytes, 0xee, sizeof(en.store.bytes));
	en.init.graphroot = xstrdup("/home/user/.local/share/containers/storage");
	en.init.runroot = xstrdup("/run/user/1000");
	en.init.driver = xstrdup("vfs");
	return en;
}

static struct entry_file *files_of(size_t n)
{
	struct entry_file *files = xcalloc(n, sizeof(*files));

	for (size_t i = 0; i < n; i++) {
		files[i].name = xasprintf("big data %zu", i);
		files[i].size = i * 1000;
		set_digest(&files[i].sha256, 0x40 + (unsigned)i);
	}
	return files;
}

static struct entry golden_layer(unsigned n, const char *text, const char *reason)
{
	struct entry en = at_time(ENTRY_SEAL_LAYER, 1767225610 + n);
	struct entry_seal_layer *s = &en.seal_layer;

	id_of(s->layer, n);
	if (n > 1)
		id_of(s->parent, n - 1);
	set_digest(&s->diff_id, n);
	s->diff_size = 10240 * n;
	set_digest(&s->record, 0x10 + n);
	s->created = xstrdup("2026-01-01T00:00:00.123456789Z");
	s->link = n == 1 ? xstrdup("ABCDEFGHIJKLMNOPQRSTUVWXYZ") : NULL;
	set_digest(&s->tar_split, 0x20 + n);
	sha256(text, strlen(text), &s->tree);
	s->manifest_bytes = strlen(text);
	s->entries = n;
	s->bytes = UINT64_MAX - n;
	s->n_files = n;
	s->files = files_of(n);
	s->has_print = n == 1;
	memset(s->print, 0x5a, sizeof(s->print));
	s->reason = reason ? xstrdup(reason) : NULL;
	return en;
}

static struct entry golden_image(unsigned n)
{
	struct entry en = at_time(ENTRY_SEAL_IMAGE, 1767225620 + n);

	id_of(en.seal_image.image, 0xa0 + n);
	if (n > 0)
		id_of(en.seal_image.layer, n);
	set_digest(&en.seal_image.record, 0x30 + n);
	en.seal_image.n_files = n;
	en.seal_image.files = files_of(n);
	return en;
}

static struct entry golden_name(const char *name, unsigned image, int64_t time)
{
	struct entry en = at_time(ENTRY_SEAL_NAME, time);

	en.seal_name.name = xstrdup(name);
	id_of(en.seal_name.image, 0xa0 + image);
	en.seal_name.reason = xstrdup("moved on purpose");
	return en;
}

static struct entry golden_retire(bool is_image, unsigned n)
{
	struct entry en = at_time(ENTRY_RETIRE, 1767225640);

	en.retire.is_image = is_image;
	id_of(en.retire.id, n);
	en.retire.reason = is_image ? xstrdup("gone") : NULL;
	return en;
}

static struct entry golden_remeasure(void)
{
	struct entry en = at_time(ENTRY_REMEASURE, 1767225650);

	id_of(en.remeasure.layer, 1);
	sha256(listing_a, strlen(listing_a), &en.remeasure.tree);
	memset(en.remeasure.print, 0xa5, sizeof(en.remeasure.print));
	return en;
}

static struct entry golden_key(enum entry_op op, const struct public_key *key)
{
	struct entry en = at_time(op, 1767225660);
	CLEANUP_BUF struct buf vkey;
	struct err e;

	buf_init(&vkey, 1024);
	assert_int_equal(public_key_format(key, &vkey, &e), 0);
	en.key.vkey = buf_take(&vkey);
	en.key.reason = xstrdup("a second key");
	return en;
}

static struct entry golden_anchor(uint64_t counter)
{
	struct entry en = at_time(ENTRY_ANCHOR, 1767225670);

	en.anchor.name = xstrdup("tpm:0x01500020");
	en.anchor.counter = counter;
	return en;
}

static void put_text(struct ledger *l, const char *text, size_t len)
{
	struct manifest_writer *w;
	struct digest digest;
	struct err e;

	sha256(text, len, &digest);
	assert_int_equal(manifest_writer_new(l, &w, &e), 0);
	assert_int_equal(manifest_writer_add(w, text, len, &e), 0);
	assert_int_equal(manifest_writer_commit(w, &digest, &e), 0);
	manifest_writer_free(w);
}

static void append_state(struct ledger *l)
{
	struct entry en = at_time(ENTRY_STATE, 1767225680);
	CLEANUP_BUF struct buf text;
	size_t objects;
	struct err e;

	buf_init(&text, 1 << 20);
	assert_int_equal(state_snapshot(l->state, &text, &objects, &e), 0);
	put_text(l, text.data, text.len);
	sha256(text.data, text.len, &en.state.snapshot);
	en.state.bytes = text.len;
	en.state.objects = objects;
	must_append(l, en);
}

static void append_all(
    struct ledger *l, struct entry *batch, size_t n, const struct signer *other)
{
	struct err e;

	if (ledger_append_signed(l, batch, n, other, &e))
		fail_msg("%s", e.msg);
	for (size_t i = 0; i < n; i++)
		entry_release(&batch[i]);
}

/* Every op, every kind of value, checkpoints of one and of two signatures, a start. */
static void append_everything(struct ledger *l, const struct signer *other)
{
	struct entry first[] = {golden_init(), second_store()};
	struct entry seals[] = {golden_layer(1, listing_a, NULL),
	    golden_layer(2, listing_b, "first \\ try"), golden_image(0), golden_image(2),
	    golden_name("docker.io/library/app:latest", 2, 1767225630),
	    golden_name("a \xc3\xa9 name", 0, 1767225631)};
	struct entry key[] = {golden_key(ENTRY_KEY_ADD, signer_public(other))};
	struct entry changes[] = {golden_anchor(1), golden_remeasure(),
	    golden_retire(true, 0xa0), golden_anchor(UINT64_MAX),
	    golden_retire(false, 2)};
	struct entry last[] = {golden_name("docker.io/library/app:v2", 2, 1767225690),
	    golden_layer(3, listing_b, NULL), golden_image(1),
	    golden_key(ENTRY_KEY_RETIRE, signer_public(other))};

	append_all(l, first, ARRAY_LEN(first), NULL);
	put_text(l, listing_a, strlen(listing_a));
	put_text(l, listing_b, strlen(listing_b));
	append_all(l, seals, ARRAY_LEN(seals), NULL);
	append_all(l, key, ARRAY_LEN(key), other);
	append_all(l, changes, ARRAY_LEN(changes), NULL);
	append_state(l);
	append_all(l, last, ARRAY_LEN(last), NULL);
}

static void trust_both(const struct public_key *other)
{
	struct trust trust;
	struct err e;

	assert_int_equal(trust_load(trust_file(), &trust, &e), 0);
	assert_int_equal(trust_add(&trust, other, 9, UINT64_MAX, &e), 0);
	assert_int_equal(trust_save(trust_file(), &trust, &e), 0);
}

static void make(void)
{
	struct signer_source key = source_of("key"), key2 = source_of("key2");
	struct ledger_creation c = {.dir = dir,
	    .trust_file = trust_file(),
	    .key = &key,
	    .request = {.name = ORIGIN}};
	CLEANUP_SIGNER struct signer *other = NULL;
	struct copy_report report;
	struct ledger *l = NULL;
	struct err e;

	remove_ledger();
	if (signer_create(&key2, &c.request, &other, &e) || ledger_create(&c, &l, &e))
		fail_msg("%s", e.msg);
	copy_file(GOLDEN "/statprint.key", path_of("statprint.key"));
	append_everything(l, other);
	ledger_close(l);
	trust_both(signer_public(other));
	/* Finds the start; and drops what is not needed, as a small file. */
	if (rebuild(&report, &e) || compact(&report, &e))
		fail_msg("%s", e.msg);
	copy_report_release(&report);
}

static void export_to(const char *where)
{
	struct export_options o = {.dir = where};
	struct trust trust;
	struct ledger *l = NULL;
	uint64_t before;
	struct err e;

	o.trust = &trust;
	if (trust_load(trust_file(), &trust, &e) ||
	    open_with((struct ledger_options){0}, &l, &e) ||
	    export_ledger(l, &o, &before, &e))
		fail_msg("%s", e.msg);
	ledger_close(l);
}

/* ---- tests ---- */

static void install(void)
{
	remove_ledger();
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(mkdir(path_of("db"), 0700), 0);
	copy_file(GOLDEN "/db/data.mdb", path_of("db/data.mdb"));
	copy_file(GOLDEN "/statprint.key", path_of("statprint.key"));
	copy_file(GOLDEN "/trust", trust_file());
}

static void it_is_read(void **state)
{
	struct audit_options o = {.manifests = true};
	struct audit_report report;
	char id[ENTRY_ID_LEN + 1];
	struct trust trust;
	uint64_t counter;
	struct ledger *l = NULL;
	struct err e;

	(void)state;
	install();
	o.trust = &trust;
	assert_int_equal(trust_load(trust_file(), &trust, &e), 0);
	assert_int_equal(trust.n_log, 2);
	if (open_with((struct ledger_options){0}, &l, &e) ||
	    audit_ledger(l, &o, &report, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(ledger_size(l), ENTRIES);
	assert_int_equal(report.checkpoints, 7);
	assert_int_equal(report.manifests, 2);
	assert_int_equal(l->start, 14);
	id_of(id, 1);
	assert_memory_equal(ledger_layer(l, &store_a, id)->print,
	    "\xa5\xa5\xa5\xa5\xa5\xa5\xa5\xa5\xa5\xa5\xa5\xa5\xa5\xa5\xa5\xa5", 16);
	id_of(id, 2);
	assert_null(ledger_layer(l, &store_a, id));
	id_of(id, 0xa2);
	assert_string_equal(ledger_name(l, &store_a, "docker.io/library/app:latest"), id);
	assert_string_equal(ledger_name(l, &store_a, "a \xc3\xa9 name"), "");
	assert_true(ledger_anchor_counter(l, "tpm:0x01500020", &counter));
	assert_true(counter == UINT64_MAX);
	assert_non_null(ledger_statprint_key(l));
	ledger_close(l);
}

/* And goes on: with its key, through all that is done to a database. */
static void it_is_used(void **state)
{
	struct signer_source key = source_of("key");
	struct ledger_options o = {.dir = dir, .mode = LEDGER_WRITE, .key = &key};
	struct copy_report report;
	struct digest before;
	struct trust trust;
	struct ledger *l;
	struct err e;

	(void)state;
	install();
	before = log_digest();
	assert_int_equal(rebuild(&report, &e), 0);
	must_compact();
	must_be_log(&before);
	assert_int_equal(trust_load(trust_file(), &trust, &e), 0);
	o.trust = &trust;
	assert_int_equal(ledger_open(&o, &l, &e), 0);
	must_append(l, golden_layer(2, listing_b, NULL));
	ledger_close(l);
	must_be_sound();
}

static void same_file(const char *file, const char *here, const char *there)
{
	size_t len, golden_len;
	char *data = read_file(at(here, file), &len);
	char *golden = read_file(at(there, file), &golden_len);

	if (len != golden_len || memcmp(data, golden, len) != 0)
		fail_msg("%s differs from that in " GOLDEN, file);
	free(data);
	free(golden);
}

static void it_is_made_again(void **state)
{
	struct digest golden;
	size_t len, golden_len;
	char *trust, *golden_trust;

	(void)state;
	install();
	golden = log_digest();
	make();
	must_be_log(&golden);
	must_be_sound();
	trust = read_file(trust_file(), &len);
	golden_trust = read_file(GOLDEN "/trust", &golden_len);
	assert_int_equal(len, golden_len);
	assert_memory_equal(trust, golden_trust, len);
	free(trust);
	free(golden_trust);
}

/* The export that is kept there holds the entries as people can read them. */
static void it_is_exported_again(void **state)
{
	static const char *const files[] = {
	    "checkpoint", "tile/0/000.p/19", "tile/entries/000.p/19"};
	const struct audit_options o = {0};
	struct audit_options with_trust = o;
	struct audit_report report;
	char here[96];
	struct trust trust;
	struct err e;

	(void)state;
	make();
	snprintf(here, sizeof(here), "%s/export", scratch);
	export_to(here);
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		same_file(files[i], here, GOLDEN "/export");
	assert_int_equal(trust_load(trust_file(), &trust, &e), 0);
	with_trust.trust = &trust;
	if (audit_export(GOLDEN "/export", &with_trust, &report, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(report.head.size, ENTRIES);
}

/* ---- for a new version ---- */

static int make_golden(const char *where)
{
	static char export[PATH_MAX];

	if (scratch_setup(NULL))
		return 1;
	make();
	snprintf(export, sizeof(export), "%s/export", where);
	mkdir(at(where, "db"), 0755);
	copy_file(path_of("db/data.mdb"), at(where, "db/data.mdb"));
	copy_file(trust_file(), at(where, "trust"));
	export_to(export);
	return scratch_teardown(NULL);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(it_is_read),
	    cmocka_unit_test(it_is_used),
	    cmocka_unit_test(it_is_made_again),
	    cmocka_unit_test(it_is_exported_again),
	};

	if (argc == 3 && strcmp(argv[1], "--make") == 0)
		return make_golden(argv[2]);
	return cmocka_run_group_tests_name(
	    "golden", tests, scratch_setup, scratch_teardown);
}
