/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_ledger_damage.c: bits that flip, files that end early, writers that are killed. Opening says
 * the truth or ERR_LEDGER; it never crashes and never hangs. LAYERSEAL_TEST_ROUNDS multiplies the
 * rounds, LAYERSEAL_TEST_SEED chooses others.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#include "scratch.h"

#define LAYERS 300
#define HANG_S 15

static unsigned rounds(unsigned n)
{
	const char *factor = getenv("LAYERSEAL_TEST_ROUNDS");

	return factor ? n * (unsigned)strtoul(factor, NULL, 10) : n;
}

static unsigned random_below(unsigned n)
{
	return (unsigned)random() % n;
}

/* ---- damage ---- */

struct original {
	struct digest root;
	struct digest manifest;
	char *bytes;
	size_t len;
};

static void make_original(struct original *o)
{
	char text[4000];
	struct manifest_writer *w;
	struct ledger *l;
	struct err e;

	make_ledger(LAYERS);
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + random_below(26));
	sha256(text, sizeof(text), &o->manifest);
	l = must_open(LEDGER_WRITE);
	assert_int_equal(manifest_writer_new(l, &w, &e), 0);
	assert_int_equal(manifest_writer_add(w, text, sizeof(text), &e), 0);
	assert_int_equal(manifest_writer_commit(w, &o->manifest, &e), 0);
	manifest_writer_free(w);
	o->root = ledger_head(l)->root;
	ledger_close(l);
	o->bytes = read_file(path_of("db/data.mdb"), &o->len);
}

/* True if the manifest is told in full; anything else must be an error. */
static bool manifest_is_told(struct ledger *l, const struct original *o)
{
	struct manifest_reader *m;
	const char *data;
	struct err e;
	struct digest got;
	size_t len = 1;
	struct sha256 *h = sha256_new();
	int r = manifest_reader_new(l, &o->manifest, &m, &e);

	while (!r && len) {
		r = manifest_reader_next(m, &data, &len, &e);
		if (!r)
			sha256_update(h, data, len);
	}
	sha256_final(h, &got);
	if (!r)
		assert_true(digest_equal(&got, &o->manifest));
	else
		assert_true(r == ERR_LEDGER || r == ERR_IO || r == ERR_NOT_FOUND);
	sha256_free(h);
	manifest_reader_free(m);
	return r == 0;
}

/* The state of the original, or an error. */
static bool opens_truthfully(const struct original *o)
{
	struct timespec from, to;
	struct ledger *l = NULL;
	struct err e = {0};
	int r;

	clock_gettime(CLOCK_MONOTONIC, &from);
	r = open_ledger(LEDGER_READ, &l, &e);
	if (r == 0) {
		assert_int_equal(ledger_size(l), LAYERS + 1);
		assert_true(digest_equal(&ledger_head(l)->root, &o->root));
		(void)manifest_is_told(l, o);
	} else {
		assert_true(r == ERR_LEDGER || r == ERR_IO);
		assert_true(strlen(e.msg) > 0);
	}
	ledger_close(l);
	clock_gettime(CLOCK_MONOTONIC, &to);
	if (to.tv_sec - from.tv_sec > HANG_S)
		fail_msg("took %ld s", (long)(to.tv_sec - from.tv_sec));
	return r == 0;
}

static void flip(const struct original *o, size_t below)
{
	int fd = open(path_of("db/data.mdb"), O_WRONLY | O_CLOEXEC);
	unsigned n = 1 + random_below(4);

	for (unsigned i = 0; i < n; i++) {
		off_t at = (off_t)random_below((unsigned)below);
		char byte = (char)(random_below(2) ? o->bytes[at] ^ 1 << random_below(8)
						   : (int)random_below(256));

		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	}
	close(fd);
}

static void restore(const struct original *o)
{
	write_file(path_of("db/data.mdb"), o->bytes, o->len);
}

static void flips_are_noticed_or_harmless(struct original *o, size_t below, unsigned n)
{
	unsigned harmless = 0;

	for (unsigned i = 0; i < n; i++) {
		flip(o, below);
		harmless += opens_truthfully(o);
		restore(o);
	}
	/* Both must happen, or this test tests nothing. */
	assert_true(harmless > 0 && harmless < n);
	assert_true(opens_truthfully(o));
}

static void damage_anywhere(void **state)
{
	struct original *o = *state;

	flips_are_noticed_or_harmless(o, o->len, rounds(100));
}

/* Where LMDB crashes: the two meta pages, and the headers of all others. */
static void damage_in_the_meta_pages(void **state)
{
	flips_are_noticed_or_harmless(*state, 200, rounds(60));
}

static void damage_in_page_headers(void **state)
{
	struct original *o = *state;
	size_t pages = o->len / 4096;

	for (unsigned i = 0; i < rounds(60); i++) {
		int fd = open(path_of("db/data.mdb"), O_WRONLY | O_CLOEXEC);
		char bytes[2];
		off_t at =
		    (off_t)(random_below((unsigned)pages) * 4096 + random_below(64));

		bytes[0] = (char)random_below(256);
		bytes[1] = (char)random_below(256);
		assert_int_equal(pwrite(fd, bytes, 1 + random_below(2), at) > 0, 1);
		close(fd);
		(void)opens_truthfully(o);
		restore(o);
	}
	assert_true(opens_truthfully(o));
}

static void a_file_that_ends_early(void **state)
{
	struct original *o = *state;

	for (unsigned i = 0; i < rounds(24); i++) {
		size_t len = i % 2 ? random_below((unsigned)o->len)
				   : 4096 * random_below((unsigned)(o->len / 4096));

		assert_int_equal(truncate(path_of("db/data.mdb"), (off_t)len), 0);
		if (opens_truthfully(o))
			assert_true(len >= o->len / 2); /* pages of the free list */
		restore(o);
	}
	assert_int_equal(truncate(path_of("db/data.mdb"), 0), 0);
	assert_false(opens_truthfully(o));
	restore(o);
	assert_true(opens_truthfully(o));
}

/* A file of zeros, of ones, of the first page again and again; one that says it is huge. */
static void files_that_are_none(void **state)
{
	struct original *o = *state;
	char *bytes = xmalloc(o->len);

	memset(bytes, 0, o->len);
	write_file(path_of("db/data.mdb"), bytes, o->len);
	assert_false(opens_truthfully(o));
	memset(bytes, 0xff, o->len);
	write_file(path_of("db/data.mdb"), bytes, o->len);
	assert_false(opens_truthfully(o));
	for (size_t at = 0; at + 4096 <= o->len; at += 4096)
		memcpy(bytes + at, o->bytes, 4096);
	write_file(path_of("db/data.mdb"), bytes, o->len);
	assert_false(opens_truthfully(o));
	restore(o);
	assert_int_equal(truncate(path_of("db/data.mdb"), 1LL << 42), 0);
	assert_false(opens_truthfully(o));
	restore(o);
	free(bytes);
}

static int setup(void **state)
{
	static struct original o;
	const char *seed = getenv("LAYERSEAL_TEST_SEED");

	if (scratch_setup(state))
		return -1;
	srandom(seed ? (unsigned)strtoul(seed, NULL, 10) : 1);
	make_original(&o);
	*state = &o;
	return 0;
}

static int teardown(void **state)
{
	struct original *o = *state;

	free(o->bytes);
	return scratch_teardown(state);
}

/* ---- kill -9 ---- */

/* Appends for ever; tells through the pipe what is acknowledged. */
static NORETURN void append_for_ever(int to)
{
	struct ledger *l;
	struct err e;

	if (open_ledger(LEDGER_WRITE, &l, &e))
		_exit(1);
	for (;;) {
		struct entry batch[3];
		unsigned n = (unsigned)ledger_size(l);
		size_t size;

		for (unsigned i = 0; i < 3; i++)
			batch[i] = layer_of(n + i);
		if (ledger_append(l, batch, 3, &e))
			_exit(2);
		for (unsigned i = 0; i < 3; i++)
			entry_release(&batch[i]);
		size = ledger_size(l);
		if (write(to, &size, sizeof(size)) != sizeof(size))
			_exit(3);
	}
}

/* What was acknowledged is there; what was not is there as a whole batch or not at all. */
static void killed_writers(void **state)
{
	size_t total = 1, most = 1;

	(void)state;
	make_ledger(0);
	for (unsigned round = 0; round < rounds(50); round++) {
		struct ledger *l;
		size_t size, acknowledged = total;
		int fds[2], status;
		pid_t pid;

		assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			append_for_ever(fds[1]);
		close(fds[1]);
		usleep(2000 + random_below(12000));
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		assert_true(WIFSIGNALED(status));
		while (read(fds[0], &size, sizeof(size)) == sizeof(size))
			acknowledged = size;
		close(fds[0]);
		l = must_open(LEDGER_WRITE);
		total = ledger_size(l);
		assert_true(total == acknowledged || total == acknowledged + 3);
		assert_int_equal((total - 1) % 3, 0);
		most = total > most ? total : most;
		ledger_close(l);
	}
	assert_true(most > 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(damage_anywhere),
	    cmocka_unit_test(damage_in_the_meta_pages),
	    cmocka_unit_test(damage_in_page_headers),
	    cmocka_unit_test(a_file_that_ends_early),
	    cmocka_unit_test(files_that_are_none),
	    cmocka_unit_test(killed_writers),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
