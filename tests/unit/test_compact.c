/* SPDX-License-Identifier: Apache-2.0 */
/* test_compact.c: a ledger's database is made anew, while others use it, and whatever interrupts it. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "upkeep.h"

/* ---- what goes, what stays ---- */

static void retired_manifests_go(void **state)
{
	struct copy_report report;
	struct digest before;
	struct ledger *l;
	struct err e;
	off_t bytes;

	(void)state;
	make_listed(12);
	l = must_open(LEDGER_WRITE);
	for (unsigned i = 2; i < 12; i++)
		must_append(l, retire_of(false, i));
	/* Sealed again, as another tree: the old listing is needed no more. */
	seal(l, 0, 100);
	ledger_close(l);
	before = log_digest();
	bytes = bytes_of("db/data.mdb");
	report = must_compact();
	assert_int_equal(report.kept, 2);
	assert_int_equal(report.dropped, 11);
	assert_int_equal(report.bytes_before, bytes);
	assert_int_equal(report.bytes_after, bytes_of("db/data.mdb"));
	assert_true(bytes_of("db/data.mdb") < bytes / 3);
	assert_true(report.dropped_bytes > 10 * TEXT_BYTES);
	must_be_log(&before);
	must_be_sound();
	assert_false(is_there("db.new"));
	l = must_open(LEDGER_WRITE);
	assert_int_equal(get_listing(l, 100, &e), 0);
	assert_int_equal(get_listing(l, 1, &e), 0);
	assert_int_equal(get_listing(l, 0, &e), ERR_NOT_FOUND);
	assert_int_equal(get_listing(l, 5, &e), ERR_NOT_FOUND);
	seal(l, 5, 5);
	assert_int_equal(get_listing(l, 5, &e), 0);
	ledger_close(l);
	must_be_sound();
}

static void a_rehearsal_changes_nothing(void **state)
{
	struct copy_report report;
	struct ledger *l;
	struct err e;
	off_t bytes;

	(void)state;
	make_listed(3);
	l = must_open(LEDGER_WRITE);
	must_append(l, retire_of(false, 1));
	bytes = bytes_of("db/data.mdb");
	ledger_close(l);
	assert_int_equal(open_with((struct ledger_options){0}, &l, &e), 0);
	assert_int_equal(upkeep_compact(l, true, &report, &e), 0);
	assert_int_equal(report.kept, 2);
	assert_int_equal(report.dropped, 1);
	assert_int_equal(bytes_of("db/data.mdb"), bytes);
	assert_int_equal(get_listing(l, 1, &e), 0);
	ledger_close(l);
}

static void an_empty_ledger(void **state)
{
	struct copy_report report;

	(void)state;
	remove_ledger();
	must_create();
	report = must_compact();
	assert_int_equal(report.kept + report.dropped, 0);
	must_be_sound();
	ledger_close(must_open(LEDGER_WRITE));
}

/* The start and its snapshot stay, older snapshots go. */
static void the_start_stays(void **state)
{
	struct entry batch[2000];
	struct digest before, tree[2];
	struct copy_report report;
	struct ledger *l;
	uint64_t start;
	struct err e;

	(void)state;
	make_listed(2);
	free(listing(0, &tree[0]));
	free(listing(1, &tree[1]));
	l = must_open(LEDGER_WRITE);
	for (int round = 0; round < 2; round++) {
		for (unsigned i = 0; i < ARRAY_LEN(batch); i++) {
			batch[i] = layer_of(i % 2);
			batch[i].seal_layer.tree = tree[i % 2];
			batch[i].seal_layer.manifest_bytes = TEXT_BYTES;
		}
		assert_int_equal(ledger_append(l, batch, ARRAY_LEN(batch), &e), 0);
		for (unsigned i = 0; i < ARRAY_LEN(batch); i++)
			entry_release(&batch[i]);
		assert_int_equal(ledger_maintain(l, &e), 0);
		ledger_close(l);
		l = must_open(LEDGER_WRITE);
	}
	start = l->start;
	assert_true(start > 2 * ARRAY_LEN(batch));
	ledger_close(l);
	before = log_digest();
	report = must_compact();
	assert_int_equal(report.kept, 3);
	assert_int_equal(report.dropped, 1);
	must_be_log(&before);
	must_be_sound();
	l = must_open(LEDGER_WRITE);
	assert_int_equal(l->start, start);
	seal(l, 7, 7);
	ledger_close(l);
	must_be_sound();
}

static void a_damaged_manifest_stops_it(void **state)
{
	struct copy_report report;
	struct digest digest, before;
	uint8_t key_bytes[DIGEST_BYTES + 4] = {0};
	MDB_val key = {sizeof(key_bytes), key_bytes}, value = {4, (char[]){"oops"}};
	struct lmdb m;
	struct err e;

	(void)state;
	make_listed(2);
	free(listing(1, &digest));
	memcpy(key_bytes, &digest, DIGEST_BYTES);
	m = lmdb_open(dir);
	assert_int_equal(mdb_put(m.txn, m.dbi[LMDB_MANIFEST], &key, &value, 0), 0);
	lmdb_commit(&m);
	before = log_digest();
	assert_int_equal(compact(&report, &e), ERR_LEDGER);
	assert_non_null(strstr(e.msg, "--rebuild"));
	assert_false(is_there("db.new"));
	must_be_log(&before);
	/* Mended, it is left out, and the other one stays. */
	assert_int_equal(rebuild(&report, &e), 0);
	assert_int_equal(report.kept, 1);
	assert_int_equal(report.damaged.n, 1);
	assert_memory_equal(&report.damaged.v[0].digest, &digest, sizeof(digest));
	copy_report_release(&report);
	must_be_log(&before);
	must_compact();
}

/* ---- others use it meanwhile ---- */

static void readers_go_on(void **state)
{
	struct ledger *reader, *l;
	struct manifest_reader *m;
	struct digest digest;
	const char *data;
	struct err e;
	size_t len;

	(void)state;
	make_listed(4);
	l = must_open(LEDGER_WRITE);
	must_append(l, retire_of(false, 2));
	ledger_close(l);
	reader = must_open(LEDGER_READ);
	free(listing(2, &digest));
	assert_int_equal(manifest_reader_new(reader, &digest, TEXT_BYTES, &m, &e), 0);
	assert_int_equal(manifest_reader_next(m, &data, &len, &e), 0);
	must_compact();
	must_compact();
	assert_int_equal(manifest_reader_next(m, &data, &len, &e), 0);
	assert_true(len > 0);
	assert_int_equal(manifest_reader_next(m, &data, &len, &e), 0);
	assert_int_equal(len, 0);
	manifest_reader_free(m);
	assert_int_equal(get_listing(reader, 3, &e), 0);
	ledger_close(reader);
}

/* Who opened the old database must not write where nobody will read. */
static void who_may_write_is_told(void **state)
{
	struct ledger *l, *other;
	struct err e;

	(void)state;
	make_listed(2);
	l = must_open(LEDGER_MAY_WRITE);
	assert_true(ledger_writable(l));
	must_append(l, layer_of(50));
	must_compact();
	assert_int_equal(append(l, layer_of(51), &e), ERR_CONFLICT);
	other = must_open(LEDGER_MAY_WRITE);
	must_append(other, layer_of(52));
	ledger_close(other);
	ledger_close(l);
	must_be_sound();
}

/* Whoever moves it away by hand heeds no lock. */
static void a_database_that_is_gone(void **state)
{
	struct ledger *l;
	struct err e;

	(void)state;
	make_listed(1);
	l = must_open(LEDGER_WRITE);
	assert_int_equal(rename(path_of("db"), path_of("away")), 0);
	assert_int_equal(append(l, layer_of(51), &e), ERR_CONFLICT);
	assert_int_equal(rename(path_of("away"), path_of("db")), 0);
	must_append(l, layer_of(51));
	ledger_close(l);
}

/* A seal that measures for minutes is not disturbed: compaction waits, or gives up. */
static void a_seal_is_waited_for(void **state)
{
	struct copy_report report;
	struct ledger *l;
	struct err e;

	(void)state;
	make_listed(2);
	l = must_open(LEDGER_WRITE);
	assert_int_equal(compact(&report, &e), ERR_REFUSED);
	assert_non_null(strstr(e.msg, "writing"));
	seal(l, 3, 3);
	ledger_close(l);
	must_compact();
}

static void the_other_way_round(void **state)
{
	struct copy_report report;
	struct ledger *l;
	int status;
	struct err e;
	pid_t pid;

	(void)state;
	make_listed(2);
	assert_int_equal(open_with((struct ledger_options){.alone = true}, &l, &e), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct ledger *mine;

		/* What the parent has locked is the parent's: with its descriptors. */
		close(l->dbfd);
		close(l->floor_fd);
		if (open_ledger(LEDGER_WRITE, &mine, &e))
			_exit(1);
		_exit(append(mine, layer_of(60), &e) ? 2 : 0);
	}
	usleep(200000);
	assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
	assert_int_equal(upkeep_compact(l, false, &report, &e), 0);
	assert_int_equal(ledger_size(l), 3);
	ledger_close(l);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	l = must_open(LEDGER_READ);
	assert_int_equal(ledger_size(l), 4);
	ledger_close(l);
}

static pid_t start_appending(unsigned from, unsigned n)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid)
		return pid;
	for (unsigned i = 0; i < n; i++) {
		struct ledger *l;
		struct err e;
		int r;

		do {
			r = open_ledger(LEDGER_WRITE, &l, &e);
			if (!r)
				r = append(l, layer_of(from + i), &e);
			ledger_close(l);
		} while (r == ERR_CONFLICT);
		if (r) {
			fprintf(stderr, "# %s\n", e.msg);
			_exit(1);
		}
	}
	_exit(0);
}

static pid_t start_reading(unsigned n)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid)
		return pid;
	for (unsigned i = 0; i < n; i++) {
		struct ledger *l;
		struct err e;

		if (open_ledger(i % 2 ? LEDGER_READ : LEDGER_MAY_WRITE, &l, &e) ||
		    get_listing(l, 0, &e)) {
			fprintf(stderr, "# %s\n", e.msg);
			_exit(1);
		}
		ledger_close(l);
	}
	_exit(0);
}

static void all_at_once(void **state)
{
	struct copy_report report;
	struct ledger *l;
	struct err e;
	pid_t pid[3];
	int status;

	(void)state;
	make_listed(1);
	pid[0] = start_appending(1000, 20);
	pid[1] = start_appending(2000, 20);
	pid[2] = start_reading(40);
	for (int i = 0; i < 12; i++) {
		int r;

		do {
			struct ledger *mine;

			r = open_with(
			    (struct ledger_options){.alone = true, .wait_s = 30}, &mine,
			    &e);
			if (!r)
				r = upkeep_compact(mine, false, &report, &e);
			ledger_close(mine);
		} while (r == ERR_CONFLICT);
		if (r)
			fail_msg("%s", e.msg);
	}
	for (size_t i = 0; i < ARRAY_LEN(pid); i++) {
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_int_equal(status, 0);
	}
	l = must_open(LEDGER_READ);
	assert_int_equal(ledger_size(l), 2 + 40);
	for (unsigned i = 0; i < 20; i++) {
		char id[ENTRY_ID_LEN + 1];

		id_of(id, 1000 + i);
		assert_non_null(ledger_layer(l, &store_a, id));
		id_of(id, 2000 + i);
		assert_non_null(ledger_layer(l, &store_a, id));
	}
	ledger_close(l);
	must_be_sound();
}

/* ---- interruptions ---- */

static void killed_anywhere(void **state)
{
	struct digest before;

	(void)state;
	make_listed(3);
	before = log_digest();
	for (unsigned round = 0; round < 24; round++) {
		struct copy_report report;
		struct ledger *l;
		struct err e;
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0)
			_exit(compact(&report, &e) ? 1 : 0);
		usleep(round * 800);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		must_be_log(&before);
		l = must_open(LEDGER_READ);
		for (unsigned i = 0; i < 3; i++)
			assert_int_equal(get_listing(l, i, &e), 0);
		ledger_close(l);
	}
	must_compact();
	assert_false(is_there("db.new"));
	must_be_log(&before);
}

static void leave_behind(void)
{
	assert_int_equal(mkdir(path_of("db.new"), 0700), 0);
	write_text(path_of("db.new/data.mdb"), "half a database");
	write_text(path_of("db.new/lock.mdb"), "");
}

static void what_was_left_behind_goes(void **state)
{
	struct ledger *l;
	struct err e;

	(void)state;
	make_listed(1);
	leave_behind();
	ledger_close(must_open(LEDGER_READ));
	assert_true(is_there("db.new/data.mdb"));
	l = must_open(LEDGER_WRITE);
	assert_int_equal(ledger_maintain(l, &e), 0);
	ledger_close(l);
	assert_false(is_there("db.new"));
	leave_behind();
	must_compact();
	assert_false(is_there("db.new"));
	/* Whatever it is: nothing outside is touched. */
	write_text(path_of("precious"), "data");
	assert_int_equal(symlink(".", path_of("db.new")), 0);
	must_compact();
	assert_false(is_there("db.new"));
	assert_true(is_there("precious"));
	must_be_sound();
}

static void no_space(void **state)
{
	const struct rlimit limit = {1 << 20, RLIM_INFINITY};
	struct copy_report report;
	struct digest before;
	struct rlimit old;
	struct err e;
	int r;

	(void)state;
	make_listed(8);
	before = log_digest();
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	r = compact(&report, &e);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(r, ERR_IO);
	assert_non_null(strstr(e.msg, "space"));
	assert_false(is_there("db.new"));
	must_be_log(&before);
	must_compact();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(retired_manifests_go),
	    cmocka_unit_test(a_rehearsal_changes_nothing),
	    cmocka_unit_test(an_empty_ledger),
	    cmocka_unit_test(the_start_stays),
	    cmocka_unit_test(a_damaged_manifest_stops_it),
	    cmocka_unit_test(readers_go_on),
	    cmocka_unit_test(who_may_write_is_told),
	    cmocka_unit_test(a_database_that_is_gone),
	    cmocka_unit_test(a_seal_is_waited_for),
	    cmocka_unit_test(the_other_way_round),
	    cmocka_unit_test(all_at_once),
	    cmocka_unit_test(killed_anywhere),
	    cmocka_unit_test(what_was_left_behind_goes),
	    cmocka_unit_test(no_space),
	};

	return cmocka_run_group_tests_name(
	    "compact", tests, scratch_setup, scratch_teardown);
}
