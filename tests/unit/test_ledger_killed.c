/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_ledger_killed.c: writers that are killed lose nothing that they were told is written.
 * LAYERSEAL_TEST_ROUNDS multiplies the rounds, LAYERSEAL_TEST_SEED chooses other moments.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "scratch.h"

static unsigned rounds(unsigned n)
{
	const char *factor = getenv("LAYERSEAL_TEST_ROUNDS");

	return factor ? n * (unsigned)strtoul(factor, NULL, 10) : n;
}

static unsigned random_below(unsigned n)
{
	return (unsigned)random() % n;
}

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

static int setup(void **state)
{
	const char *seed = getenv("LAYERSEAL_TEST_SEED");

	srandom(seed ? (unsigned)strtoul(seed, NULL, 10) : 1);
	return scratch_setup(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(killed_writers),
	};

	return cmocka_run_group_tests(tests, setup, scratch_teardown);
}
