/* SPDX-License-Identifier: Apache-2.0 */
/* test_backup.c: a ledger leaves, and comes back; never an older one, a foreign one, a damaged one. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "upkeep.h"

static char copy[96]; /* where backups go */

static int setup(void **state)
{
	int r = scratch_setup(state);

	snprintf(copy, sizeof(copy), "%s/backup", scratch);
	return r;
}

static int back_up(bool with_secrets, struct err *e)
{
	struct ledger_backup_options o = {.dir = copy, .with_secrets = with_secrets};
	struct copy_report report;
	struct trust trust;
	struct ledger *l = NULL;
	int r = trust_load(trust_file(), &trust, e);

	o.trust = &trust;
	if (!r)
		r = open_with((struct ledger_options){0}, &l, e);
	if (!r)
		r = upkeep_backup(l, &o, &report, e);
	ledger_close(l);
	return r;
}

static void must_back_up(bool with_secrets)
{
	struct err e;

	remove_tree(copy);
	if (back_up(with_secrets, &e))
		fail_msg("%s", e.msg);
}

static int restore_with(
    const struct anchor_settings *anchors, struct restored *out, struct err *e)
{
	struct ledger_restoration o = {.dir = dir, .backup = copy, .anchors = anchors};
	struct trust trust;
	int r = trust_load(trust_file(), &trust, e);

	o.trust = &trust;
	return r ? r : upkeep_restore(&o, out, e);
}

static int restore(struct restored *out, struct err *e)
{
	return restore_with(NULL, out, e);
}

static struct restored must_restore(void)
{
	struct restored out;
	struct err e;

	if (restore(&out, &e))
		fail_msg("%s", e.msg);
	assert_false(is_there("db.new"));
	must_be_sound();
	return out;
}

/* It says why, and leaves all as it was. */
static void refuses_to_restore(int code, const char *words)
{
	bool had = is_there("db/data.mdb");
	struct digest before = {{0}};
	struct restored out;
	struct err e = {0};
	struct ledger *l;
	bool sound;
	int r;

	sound = had && open_with((struct ledger_options){0}, &l, &e) == 0;
	if (sound) {
		ledger_close(l);
		before = log_digest();
	}
	r = restore(&out, &e);
	if (r != code || !strstr(e.msg, words))
		fail_msg(
		    "code %d, not %d; \"%s\", not about \"%s\"", r, code, e.msg, words);
	assert_false(is_there("db.new"));
	assert_int_equal(is_there("db/data.mdb"), had);
	if (sound)
		must_be_log(&before);
}

static const char *in_copy(const char *file)
{
	static char path[2][160];
	static int turn;

	turn = !turn;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", copy, file);
	return path[turn];
}

static void grow(unsigned layer)
{
	struct ledger *l = must_open(LEDGER_WRITE);

	seal(l, layer, layer);
	ledger_close(l);
}

/* ---- there and back ---- */

static void there_and_back(void **state)
{
	static const char *const files[] = {"db/data.mdb", "checkpoint", "trust"};
	struct digest before;
	struct restored out;
	struct ledger *l;
	struct stat st;
	struct err e;
	char *text;
	size_t len;

	(void)state;
	make_listed(3);
	l = must_open(LEDGER_WRITE);
	must_append(l, retire_of(false, 2));
	ledger_close(l);
	before = log_digest();
	must_back_up(false);
	assert_int_equal(stat(copy, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		assert_int_equal(stat(in_copy(files[i]), &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
	}
	assert_int_equal(access(in_copy("key"), F_OK), -1);
	assert_int_equal(access(in_copy("statprint.key"), F_OK), -1);
	assert_int_equal(access(in_copy("unfinished"), F_OK), -1);
	l = must_open(LEDGER_READ);
	text = read_file(in_copy("checkpoint"), NULL);
	assert_string_equal(text, ledger_note(l, &len));
	free(text);
	ledger_close(l);
	/* Onto itself, over damage, where nothing is left, and where not even a directory is. */
	out = must_restore();
	assert_int_equal(out.before, 5);
	write_text(path_of("db/data.mdb"), "damage");
	out = must_restore();
	assert_int_equal(out.before, 0);
	assert_int_equal(out.head.size, 5);
	must_be_log(&before);
	remove_tree(path_of("db"));
	must_restore();
	must_be_log(&before);
	l = must_open(LEDGER_WRITE);
	assert_true(ledger_writable(l));
	/* Listings of retired layers come along. */
	assert_int_equal(get_listing(l, 2, &e), 0);
	seal(l, 9, 9);
	ledger_close(l);
	must_back_up(false);
	remove_tree(dir);
	out = must_restore();
	assert_false(out.key || out.statprint_key);
	l = must_open(LEDGER_WRITE);
	assert_false(ledger_writable(l));
	assert_null(ledger_statprint_key(l));
	assert_int_equal(ledger_size(l), 6);
	assert_int_equal(get_listing(l, 9, &e), 0);
	ledger_close(l);
}

static void secrets_only_if_asked(void **state)
{
	struct restored out;
	char *key, *now;
	struct ledger *l;

	(void)state;
	make_listed(1);
	must_back_up(true);
	key = read_file(path_of("key"), NULL);
	now = read_file(in_copy("key"), NULL);
	assert_string_equal(key, now);
	free(now);
	/* Those in place stay. */
	write_text(path_of("key"), "another one\n");
	out = must_restore();
	assert_false(out.key || out.statprint_key);
	now = read_file(path_of("key"), NULL);
	assert_string_equal(now, "another one\n");
	free(now);
	remove_tree(dir);
	out = must_restore();
	assert_true(out.key && out.statprint_key);
	l = must_open(LEDGER_WRITE);
	assert_true(ledger_writable(l));
	assert_non_null(ledger_statprint_key(l));
	must_append(l, layer_of(5));
	ledger_close(l);
	now = read_file(path_of("key"), NULL);
	assert_string_equal(now, key);
	free(now);
	free(key);
}

static void a_backup_can_be_used_as_it_is(void **state)
{
	struct ledger_options o = {.dir = copy};
	struct trust trust;
	struct ledger *l;
	struct err e;

	(void)state;
	make_listed(2);
	must_back_up(false);
	assert_int_equal(trust_load(trust_file(), &trust, &e), 0);
	o.trust = &trust;
	assert_int_equal(ledger_open(&o, &l, &e), 0);
	assert_int_equal(ledger_size(l), 3);
	ledger_close(l);
}

static void it_goes_nowhere_else(void **state)
{
	struct err e;

	(void)state;
	make_listed(1);
	must_back_up(false);
	assert_int_equal(back_up(false, &e), ERR_REFUSED);
	remove_tree(copy);
	assert_int_equal(mkdir(copy, 0700), 0);
	write_text(in_copy("diary"), "dear");
	assert_int_equal(back_up(false, &e), ERR_REFUSED);
	assert_int_equal(unlink(in_copy("diary")), 0);
	assert_int_equal(chmod(copy, 0755), 0);
	assert_int_equal(back_up(false, &e), ERR_LEDGER);
	assert_int_equal(chmod(copy, 0700), 0);
	assert_int_equal(back_up(false, &e), 0);
	must_restore();
	/* One that was interrupted can be made again, and is none until then. */
	write_text(in_copy("unfinished"), "");
	refuses_to_restore(ERR_LEDGER, "no backup");
	assert_int_equal(back_up(false, &e), 0);
	must_restore();
}

/* ---- never back ---- */

static void an_older_one(void **state)
{
	struct restored out;
	struct err e;

	(void)state;
	make_listed(2);
	must_back_up(true);
	grow(2);
	refuses_to_restore(ERR_REFUSED, "would be lost");
	/* Entries are damaged, but the checkpoint still says how many there were. */
	{
		struct lmdb m = lmdb_open(dir);

		lmdb_put(&m, LMDB_ENTRY, 1, "nonsense", 8);
		lmdb_commit(&m);
	}
	refuses_to_open(ERR_LEDGER, "entries");
	refuses_to_restore(ERR_REFUSED, "would be lost");
	/* Where nothing is known of newer ones, nothing can be refused: see the anchors' test. */
	write_text(path_of("db/data.mdb"), "damage");
	assert_int_equal(restore(&out, &e), 0);
	assert_int_equal(out.head.size, 3);
}

static void what_the_trust_file_knows(void **state)
{
	struct trust trust;
	struct err e;

	(void)state;
	make_listed(2);
	must_back_up(false);
	grow(2);
	assert_int_equal(trust_load(trust_file(), &trust, &e), 0);
	trust.log[0].from = 4;
	assert_int_equal(trust_save(trust_file(), &trust, &e), 0);
	remove_tree(path_of("db"));
	refuses_to_restore(ERR_LEDGER, "checkpoint");
}

static void what_an_anchor_knows(void **state)
{
	struct anchor_settings anchors = {.n = 1, .v[0].kind = ANCHOR_FILE};
	struct ledger_options o = {.dir = dir,
	    .mode = LEDGER_WRITE,
	    .key = &key_source,
	    .anchors = &anchors,
	    .anchoring = LEDGER_ANCHORS_LEFT};
	struct restored out;
	struct trust trust;
	struct ledger *l;
	struct err e;

	(void)state;
	make_listed(2);
	snprintf(anchors.v[0].path, sizeof(anchors.v[0].path), "%s/anchor", scratch);
	assert_int_equal(trust_load(trust_file(), &trust, &e), 0);
	o.trust = &trust;
	assert_int_equal(ledger_open(&o, &l, &e), 0);
	if (ledger_make_anchors(l, false, &e))
		fail_msg("%s", e.msg);
	must_back_up(false);
	seal(l, 2, 2);
	ledger_close(l);
	remove_tree(path_of("db"));
	assert_int_equal(restore_with(&anchors, &out, &e), ERR_LEDGER);
	assert_non_null(strstr(e.msg, "anchor"));
	assert_false(is_there("db"));
	unlink(anchors.v[0].path);
}

static void a_foreign_one(void **state)
{
	char other[96];

	(void)state;
	make_listed(2);
	must_back_up(false);
	/* Another ledger of the same name, whose key nobody trusts. */
	make_listed(2);
	refuses_to_restore(ERR_LEDGER, "checkpoint");
	/* A trust file in the backup changes nothing. */
	snprintf(other, sizeof(other), "%s/backup/trust", scratch);
	assert_int_equal(access(other, F_OK), 0);
	remove_tree(path_of("db"));
	refuses_to_restore(ERR_LEDGER, "checkpoint");
}

/* The same key signed two continuations: a key that was copied, or a machine that was. */
static void a_fork(void **state)
{
	struct restored out;
	struct err e;

	(void)state;
	make_listed(2);
	must_back_up(true);
	grow(7);
	assert_int_equal(rename(path_of("db"), path_of("away")), 0);
	assert_int_equal(restore(&out, &e), 0);
	grow(8);
	grow(9);
	must_back_up(true);
	remove_tree(path_of("db"));
	assert_int_equal(rename(path_of("away"), path_of("db")), 0);
	refuses_to_restore(ERR_REFUSED, "neither");
}

/* ---- tampered with ---- */

static void put_into_copy(int db, uint64_t number, const char *text)
{
	struct lmdb m = lmdb_open(copy);

	lmdb_put(&m, db, number, text, strlen(text));
	lmdb_commit(&m);
}

static void tampered_entry(void)
{
	put_into_copy(LMDB_ENTRY, 1, "layerseal/v1 entry\nop retire\n");
}

static void tampered_old_head(void)
{
	put_into_copy(LMDB_HEAD, 1, "nobody signed this");
}

static void tampered_head(void)
{
	put_into_copy(LMDB_HEAD, 3, "nobody signed this");
}

static void tampered_number_of_entries(void)
{
	struct lmdb m = lmdb_open(copy);

	lmdb_del(&m, LMDB_ENTRY, 2);
	lmdb_commit(&m);
}

static void tampered_manifest(void)
{
	uint8_t bytes[DIGEST_BYTES + 4] = {0};
	MDB_val key = {sizeof(bytes), bytes}, value = {4, (char[]){"oops"}};
	struct digest digest;
	struct lmdb m;

	free(listing(1, &digest));
	memcpy(bytes, &digest, DIGEST_BYTES);
	m = lmdb_open(copy);
	assert_int_equal(mdb_put(m.txn, m.dbi[LMDB_MANIFEST], &key, &value, 0), 0);
	lmdb_commit(&m);
}

static void tampered_start(void)
{
	MDB_val key = {5, (char[]){"start"}}, value = {8, (char[8]){0}};
	struct lmdb m = lmdb_open(copy);

	assert_int_equal(mdb_put(m.txn, m.dbi[LMDB_META], &key, &value, 0), 0);
	lmdb_commit(&m);
}

static void tampered_file(void)
{
	write_text(in_copy("db/data.mdb"), "no database");
}

static void tampered_with(void **state)
{
	static void (*const tamper[])(void) = {tampered_entry, tampered_old_head,
	    tampered_head, tampered_number_of_entries, tampered_manifest, tampered_start,
	    tampered_file};

	(void)state;
	make_listed(2);
	for (size_t i = 0; i < ARRAY_LEN(tamper); i++) {
		must_back_up(false);
		tamper[i]();
		refuses_to_restore(ERR_LEDGER, "");
		assert_int_equal(rename(path_of("db"), path_of("away")), 0);
		refuses_to_restore(ERR_LEDGER, "");
		assert_int_equal(rename(path_of("away"), path_of("db")), 0);
	}
	must_back_up(false);
	must_restore();
}

/* A byte here and there: refused, or what comes of it is the log that was signed, all of it. */
static void flipped_bytes(void **state)
{
	unsigned restored = 0, rebuilt = 0, rounds = 24;
	struct copy_report report;
	struct digest before;
	char *data, *changed;
	uint64_t x = 1;
	size_t len;

	(void)state;
	make_listed(2);
	must_back_up(false);
	before = log_digest();
	data = read_file(in_copy("db/data.mdb"), &len);
	changed = xmalloc(len);
	for (unsigned i = 0; i < rounds; i++) {
		struct restored out;
		struct err e;

		memcpy(changed, data, len);
		for (unsigned n = 0; n <= i % 4; n++) {
			x = x * 6364136223846793005ULL + 1442695040888963407ULL;
			/* Most of the file is listings: half of the bytes hit the rest. */
			changed[(x >> 20) % (i % 2 ? len : 16 * 4096)] ^=
			    (char)(x >> 56 | 1);
		}
		write_file(in_copy("db/data.mdb"), changed, len);
		restored += restore(&out, &e) == 0;
		must_be_log(&before);
		write_file(path_of("db/data.mdb"), changed, len);
		if (rebuild(&report, &e) == 0) {
			rebuilt++;
			copy_report_release(&report);
			/* Old checkpoints may be left out, entries never. */
			must_be_sound();
		}
		write_file(in_copy("db/data.mdb"), data, len);
		must_restore();
		must_be_log(&before);
	}
	assert_true(restored < rounds);
	assert_true(rebuilt > 0 && rebuilt < rounds);
	free(changed);
	free(data);
}

static void a_wrong_secret(void **state)
{
	char other[XXH_KEY_BYTES] = {1};
	struct digest digest;
	struct ledger *l;
	struct entry en;

	(void)state;
	remove_ledger();
	must_create();
	l = must_open(LEDGER_WRITE);
	sha256(ledger_statprint_key(l)->secret, XXH_KEY_BYTES, &digest);
	en = init_at("/g");
	en.init.statprint_key = digest;
	must_append(l, en);
	ledger_close(l);
	must_back_up(true);
	write_file(in_copy("statprint.key"), other, sizeof(other));
	refuses_to_restore(ERR_LEDGER, "statprint.key");
}

static void modes_count(void **state)
{
	(void)state;
	make_listed(1);
	must_back_up(false);
	assert_int_equal(chmod(in_copy("db/data.mdb"), 0644), 0);
	refuses_to_restore(ERR_LEDGER, "group or others");
	assert_int_equal(chmod(in_copy("db/data.mdb"), 0600), 0);
	assert_int_equal(chmod(dir, 0750), 0);
	refuses_to_restore(ERR_LEDGER, "group or others");
	assert_int_equal(chmod(dir, 0700), 0);
	write_text(path_of("unfinished"), "");
	refuses_to_restore(ERR_REFUSED, "interrupted");
	assert_int_equal(unlink(path_of("unfinished")), 0);
	must_restore();
}

/* ---- interrupted ---- */

static void killed_while_restoring(void **state)
{
	struct digest before;

	(void)state;
	make_listed(2);
	must_back_up(false);
	before = log_digest();
	for (unsigned round = 0; round < 24; round++) {
		struct restored out;
		struct ledger *l;
		struct err e;
		pid_t pid;

		if (round % 2)
			write_text(path_of("db/data.mdb"), "damage");
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			_exit(restore(&out, &e) ? 1 : 0);
		usleep(round * 800);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		/* The damaged one or the backup, and nothing between. */
		if (open_with((struct ledger_options){0}, &l, &e) == 0) {
			ledger_close(l);
			must_be_log(&before);
		} else {
			assert_int_equal(round % 2, 1);
			assert_int_equal(bytes_of("db/data.mdb"), strlen("damage"));
		}
		must_restore();
		must_be_log(&before);
	}
}

/* ---- mended where it is ---- */

static void what_can_be_mended(void **state)
{
	MDB_val key = {5, (char[]){"start"}}, value = {8, (char[8]){1}};
	struct copy_report report;
	struct digest before;
	struct lmdb m;
	struct err e;

	(void)state;
	make_listed(3);
	m = lmdb_open(dir);
	assert_int_equal(mdb_put(m.txn, m.dbi[LMDB_META], &key, &value, 0), 0);
	lmdb_put(&m, LMDB_HEAD, 0, "nobody signed this", 18);
	lmdb_commit(&m);
	refuses_to_open(ERR_LEDGER, "--rebuild");
	if (rebuild(&report, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(report.heads_left_out, 1);
	assert_int_equal(report.kept, 3);
	copy_report_release(&report);
	must_be_sound();
	m = lmdb_open(dir);
	assert_int_equal(mdb_get(m.txn, m.dbi[LMDB_META], &key, &value), MDB_NOTFOUND);
	lmdb_commit(&m);
	/* Of a sound one nothing changes. */
	make_listed(3);
	before = log_digest();
	assert_int_equal(rebuild(&report, &e), 0);
	must_be_log(&before);
}

/* The start is found anew, and the text of its snapshot made anew. */
static void a_start_is_made_anew(void **state)
{
	MDB_val key = {5, (char[]){"start"}}, value = {8, (char[8]){1}};
	struct entry batch[1500];
	struct copy_report report;
	struct digest before, snapshot;
	struct ledger *l;
	uint64_t start;
	struct lmdb m;
	struct err e;

	(void)state;
	make_listed(1);
	l = must_open(LEDGER_WRITE);
	for (unsigned i = 0; i < ARRAY_LEN(batch); i++)
		batch[i] = layer_of(i % 7);
	assert_int_equal(ledger_append(l, batch, ARRAY_LEN(batch), &e), 0);
	for (unsigned i = 0; i < ARRAY_LEN(batch); i++)
		entry_release(&batch[i]);
	must_append(l, retire_of(false, 3));
	assert_int_equal(ledger_maintain(l, &e), 0);
	must_append(l, layer_of(1));
	ledger_close(l);
	l = must_open(LEDGER_READ);
	start = l->start;
	assert_true(start > 1500);
	snapshot = l->records[ledger_first_of_tail(l)]->entry->state.snapshot;
	ledger_close(l);
	before = log_digest();
	m = lmdb_open(dir);
	assert_int_equal(mdb_put(m.txn, m.dbi[LMDB_META], &key, &value, 0), 0);
	for (uint32_t i = 0; i < 2; i++) {
		uint8_t bytes[DIGEST_BYTES + 4];
		MDB_val chunk = {sizeof(bytes), bytes};

		memcpy(bytes, &snapshot, DIGEST_BYTES);
		memset(bytes + DIGEST_BYTES, i ? 0xff : 0, 4);
		assert_int_equal(mdb_del(m.txn, m.dbi[LMDB_MANIFEST], &chunk, NULL), 0);
	}
	lmdb_commit(&m);
	refuses_to_open(ERR_LEDGER, "");
	if (rebuild(&report, &e))
		fail_msg("%s", e.msg);
	must_be_log(&before);
	must_be_sound();
	l = must_open(LEDGER_READ);
	assert_int_equal(l->start, start);
	ledger_close(l);
}

static void what_cannot_be_mended(void **state)
{
	struct copy_report report;
	struct lmdb m;
	struct err e;

	(void)state;
	make_listed(3);
	m = lmdb_open(dir);
	lmdb_put(&m, LMDB_ENTRY, 2, "nonsense", 8);
	lmdb_commit(&m);
	assert_int_equal(rebuild(&report, &e), ERR_LEDGER);
	make_listed(3);
	m = lmdb_open(dir);
	lmdb_put(&m, LMDB_HEAD, 4, "nonsense", 8);
	lmdb_commit(&m);
	assert_int_equal(rebuild(&report, &e), ERR_LEDGER);
	assert_false(is_there("db.new"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(there_and_back),
	    cmocka_unit_test(secrets_only_if_asked),
	    cmocka_unit_test(a_backup_can_be_used_as_it_is),
	    cmocka_unit_test(it_goes_nowhere_else),
	    cmocka_unit_test(an_older_one),
	    cmocka_unit_test(what_the_trust_file_knows),
	    cmocka_unit_test(what_an_anchor_knows),
	    cmocka_unit_test(a_foreign_one),
	    cmocka_unit_test(a_fork),
	    cmocka_unit_test(tampered_with),
	    cmocka_unit_test(flipped_bytes),
	    cmocka_unit_test(a_wrong_secret),
	    cmocka_unit_test(modes_count),
	    cmocka_unit_test(killed_while_restoring),
	    cmocka_unit_test(what_can_be_mended),
	    cmocka_unit_test(a_start_is_made_anew),
	    cmocka_unit_test(what_cannot_be_mended),
	};

	return cmocka_run_group_tests_name("backup", tests, setup, scratch_teardown);
}
