/* SPDX-License-Identifier: Apache-2.0 */
/* test_lock.c: our locks against another process that locks as podman does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <sys/wait.h>

#include "scratch_store.h"
#include "store/lock.h"

static void open_store(struct scratch *s)
{
	struct err e;

	if (store_open(&s->config, &s->store, &e))
		fail_msg("%s", e.msg);
}

static void write_locks(const struct scratch *s)
{
	scratch_write(s, "g/overlay-layers/layers.lock", "");
	scratch_write(s, "g/overlay-images/images.lock", "");
	scratch_write(s, "g/overlay-containers/containers.lock", "");
}

/* A process that holds a write lock on layers.lock until it is told to end. */
struct holder {
	pid_t pid;
	int tell;
};

static struct holder hold(const struct scratch *s, const char *name, int command)
{
	CLEANUP_FREE char *path = xasprintf("%s/%s", s->dir, name);
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int ready[2], tell[2], fd;
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(tell), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(tell[1]);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0 || fcntl(fd, command, &lock) || write(ready[1], "x", 1) != 1)
			_exit(1);
		_exit(read(tell[0], &byte, 1) == 0 ? 0 : 1);
	}
	close(tell[0]);
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return (struct holder){pid, tell[1]};
}

static void let_go(struct holder h)
{
	int status;

	close(h.tell);
	assert_int_equal(waitpid(h.pid, &status, 0), h.pid);
	assert_int_equal(status, 0);
}

/* Whether podman could lock the file for writing now. */
static bool is_free(const struct scratch *s, const char *name)
{
	CLEANUP_FREE char *path = xasprintf("%s/%s", s->dir, name);
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		int fd = open(path, O_RDWR | O_CLOEXEC);

		_exit(fd >= 0 && fcntl(fd, F_SETLK, &lock) == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status == 0;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void test_taken_and_released(void **state)
{
	struct scratch *s = *state;
	struct store_lock lock;

	write_locks(s);
	open_store(s);
	assert_true(store_lock_try(&s->store, &lock));
	assert_int_equal(lock.n, 3);
	assert_false(is_free(s, "g/overlay-layers/layers.lock"));
	assert_false(is_free(s, "g/overlay-images/images.lock"));
	assert_false(is_free(s, "g/overlay-containers/containers.lock"));
	store_lock_release(&lock);
	assert_true(is_free(s, "g/overlay-layers/layers.lock"));
	assert_true(is_free(s, "g/overlay-images/images.lock"));
	assert_true(is_free(s, "g/overlay-containers/containers.lock"));
}

static void test_busy(void **state)
{
	static const char *const names[] = {"g/overlay-layers/layers.lock",
	    "g/overlay-images/images.lock", "g/overlay-containers/containers.lock"};
	struct scratch *s = *state;
	struct store_lock lock;

	write_locks(s);
	open_store(s);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct holder h = hold(s, names[i], F_SETLK);
		double start = now();

		assert_false(store_lock_try(&s->store, &lock));
		assert_true(now() - start < 0.2);
		assert_int_equal(lock.n, 0);
		let_go(h);
		for (size_t k = 0; k < ARRAY_LEN(names); k++)
			assert_true(is_free(s, names[k]));
		assert_true(store_lock_try(&s->store, &lock));
		store_lock_release(&lock);
	}
}

static void test_nothing_to_lock(void **state)
{
	struct scratch *s = *state;
	struct store_lock lock;
	struct stat st;

	open_store(s);
	assert_true(store_lock_try(&s->store, &lock));
	assert_int_equal(lock.n, 0);
	assert_true(fstatat(s->store.places[0].layers_fd, "layers.lock", &st, 0) < 0);
}

/* Lock files an attacker put there: they neither block nor lead elsewhere. */
static void test_hostile_lock_files(void **state)
{
	struct scratch *s = *state;
	CLEANUP_FREE char *fifo = xasprintf("%s/g/overlay-layers/layers.lock", s->dir);
	struct store_lock lock;
	struct timespec since;
	double start = now();

	open_store(s);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	if (store_lock_try(&s->store, &lock))
		store_lock_release(&lock);
	assert_false(store_lock_writer(&s->store.places[0], &since));
	assert_true(now() - start < 0.5);
	assert_int_equal(unlink(fifo), 0);
	assert_int_equal(symlink("/etc/passwd", fifo), 0);
	assert_false(store_lock_try(&s->store, &lock));
	assert_int_equal(lock.n, 0);
	assert_false(store_lock_writer(&s->store.places[0], &since));
}

static void test_writer(void **state)
{
	struct scratch *s = *state;
	struct timespec since, before;
	struct holder h;

	write_locks(s);
	open_store(s);
	assert_false(store_lock_writer(&s->store.places[0], &since));
	clock_gettime(CLOCK_REALTIME, &before);
	h = hold(s, "g/overlay-layers/layers.lock", F_SETLK);
	assert_true(store_lock_writer(&s->store.places[0], &since));
	/* Clock ticks are 10 ms. */
	assert_true(
	    since.tv_sec >= before.tv_sec - 1 && since.tv_sec <= before.tv_sec + 2);
	let_go(h);
	assert_false(store_lock_writer(&s->store.places[0], &since));
	/* podman's locks belong to processes. */
	h = hold(s, "g/overlay-layers/layers.lock", F_OFD_SETLK);
	assert_false(store_lock_writer(&s->store.places[0], &since));
	let_go(h);
}

/* A process cannot pass for another by its name. */
static void test_writer_with_odd_name(void **state)
{
	struct scratch *s = *state;
	CLEANUP_FREE char *path = xasprintf("%s/g/overlay-layers/layers.lock", s->dir);
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	struct timespec since;
	int status, ready[2], tell[2];
	char byte;
	pid_t pid;

	write_locks(s);
	open_store(s);
	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(tell), 0);
	pid = fork();
	if (pid == 0) {
		int fd = open(path, O_RDWR | O_CLOEXEC);
		int comm = open("/proc/self/comm", O_WRONLY | O_CLOEXEC);

		close(tell[1]);
		if (fd < 0 || fcntl(fd, F_SETLK, &lock) ||
		    write(comm, ") S 1 1 1", 9) != 9 || write(ready[1], "x", 1) != 1)
			_exit(1);
		_exit(read(tell[0], &byte, 1) == 0 ? 0 : 1);
	}
	close(tell[0]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_true(store_lock_writer(&s->store.places[0], &since));
	assert_true(since.tv_sec >= time(NULL) - 5);
	close(tell[1]);
	close(ready[0]);
	close(ready[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_taken_and_released),
	    TEST(test_busy),
	    TEST(test_nothing_to_lock),
	    TEST(test_hostile_lock_files),
	    TEST(test_writer),
	    TEST(test_writer_with_odd_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
