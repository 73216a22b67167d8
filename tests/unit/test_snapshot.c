/* SPDX-License-Identifier: Apache-2.0 */
/* test_snapshot.c: records_read(): all files of all places, at one moment, whatever podman does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "scratch_store.h"
#include "store/records.h"

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B64 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C64 "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define ONE(id) "[{\"id\":\"" id "\"}]"
#define CONTAINER(id, layer)                                                             \
	"[{\"id\":\"" id "\",\"image\":\"\",\"layer\":\"" layer "\"}]"

/* Opens the store afresh and reads it. */
struct seen {
	struct records r;
	struct findings f;
	struct err e;
	int result;
};

static void look(struct scratch *s, struct seen *v)
{
	*v = (struct seen){0};
	store_release(&s->store);
	if (store_open(&s->config, &s->store, &v->e))
		fail_msg("%s", v->e.msg);
	v->result = records_read(&s->store, &v->r, &v->f, &v->e);
}

static void seen_release(struct seen *v)
{
	records_release(&v->r);
	findings_release(&v->f);
}
#define CLEANUP_SEEN CLEANUP(seen_release)

static void add_place(struct scratch *s)
{
	s->config.n_additional = 1;
	s->config.additional = xcalloc(1, sizeof(char *));
	s->config.additional[0] = xasprintf("%s/a", s->dir);
}

static void test_empty(void **state)
{
	CLEANUP_SEEN struct seen v;

	look(*state, &v);
	assert_int_equal(v.result, 0);
	assert_int_equal(v.r.n_layers + v.r.n_images + v.r.n_containers + v.f.n, 0);
	assert_true(v.r.locked);
}

static void test_every_file(void **state)
{
	CLEANUP_SEEN struct seen v;
	const struct store_layer *l;

	scratch_write(*state, "g/overlay-layers/layers.json", ONE(B64));
	scratch_write(*state, "g/overlay-layers/volatile-layers.json", ONE(A64));
	scratch_write(*state, "r/overlay-layers/volatile-layers.json", ONE(C64));
	scratch_write(*state, "g/overlay-images/images.json", ONE(A64));
	scratch_write(
	    *state, "g/overlay-containers/containers.json", CONTAINER(A64, B64));
	scratch_write(
	    *state, "g/overlay-containers/volatile-containers.json", CONTAINER(B64, A64));
	scratch_write(
	    *state, "r/overlay-containers/volatile-containers.json", CONTAINER(C64, C64));
	look(*state, &v);
	assert_int_equal(v.result, 0);
	assert_int_equal(v.f.n, 0);
	assert_int_equal(v.r.n_layers, 3);
	assert_int_equal(v.r.n_images, 1);
	assert_int_equal(v.r.n_containers, 3);
	l = records_layer(&v.r, B64);
	assert_true(l && !l->volatile_record && records_is_container_layer(&v.r, l));
	l = records_layer(&v.r, A64);
	assert_true(l && l->volatile_record && records_is_container_layer(&v.r, l));
	l = records_layer(&v.r, C64);
	assert_true(l && l->volatile_record && records_is_container_layer(&v.r, l));
}

/* Shadowing between places is for structure_check(): both are there, in podman's order. */
static void test_places(void **state)
{
	CLEANUP_SEEN struct seen v;

	add_place(*state);
	scratch_write(*state, "a/overlay-layers/layers.json", ONE(A64));
	scratch_write(*state, "a/overlay-images/images.json", ONE(A64));
	scratch_write(*state, "g/overlay-layers/layers.json", ONE(A64));
	scratch_write(*state, "g/overlay-images/images.json", ONE(A64));
	look(*state, &v);
	assert_int_equal(v.result, 0);
	assert_int_equal(v.f.n, 0);
	assert_int_equal(v.r.n_layers, 2);
	assert_int_equal(v.r.layers[0].place, 0);
	assert_int_equal(v.r.layers[1].place, 1);
	assert_ptr_equal(records_layer(&v.r, A64), &v.r.layers[0]);
	assert_int_equal(v.r.n_images, 2);
	assert_ptr_equal(records_image(&v.r, A64), &v.r.images[0]);
}

/* v1.43 takes the last of two layers of one id, later versions the first. */
static void test_twice_in_one_place(void **state)
{
	static const char *const files[] = {"g/overlay-layers/volatile-layers.json",
	    "r/overlay-layers/volatile-layers.json"};

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		CLEANUP_SEEN struct seen v;

		scratch_write(*state, "g/overlay-layers/layers.json", ONE(A64));
		scratch_write(*state, files[i], ONE(A64));
		look(*state, &v);
		assert_int_equal(v.result, 0);
		assert_int_equal(v.f.n, 1);
		assert_int_equal(v.f.v[0].class, FINDING_RECORD_AMBIGUOUS);
		assert_string_equal(v.f.v[0].layer, A64);
		assert_int_equal(v.r.n_layers, 0);
		scratch_write(*state, files[i], "[]");
	}
}

static void test_malformed(void **state)
{
	CLEANUP_SEEN struct seen v;

	add_place(*state);
	scratch_write(*state, "g/overlay-layers/layers.json", "[null]");
	scratch_write(*state, "a/overlay-images/images.json", "null");
	scratch_write(*state, "g/overlay-images/images.json", ONE(A64));
	look(*state, &v);
	assert_int_equal(v.result, 0);
	assert_int_equal(v.f.n, 2);
	assert_string_equal(v.f.v[0].path, "overlay-layers/layers.json");
	assert_int_equal(v.f.v[0].class, FINDING_RECORD_MALFORMED);
	/* Of another place the path is a full one. */
	assert_int_equal(v.f.v[1].path[0], '/');
	assert_non_null(strstr(v.f.v[1].path, "/a/overlay-images/images.json"));
	assert_int_equal(v.r.n_images, 1);
}

static void test_no_regular_file(void **state)
{
	struct scratch *s = *state;
	CLEANUP_FREE char *path = xasprintf("%s/g/overlay-layers/layers.json", s->dir);
	CLEANUP_SEEN struct seen fifo, link;

	assert_int_equal(mkfifo(path, 0600), 0);
	look(s, &fifo);
	assert_int_equal(fifo.result, 0);
	assert_int_equal(fifo.f.n, 1);
	assert_int_equal(fifo.f.v[0].class, FINDING_RECORD_MALFORMED);
	/* podman would follow it: what it reads is not what is measured. */
	assert_int_equal(unlink(path), 0);
	scratch_write(s, "elsewhere.json", ONE(A64));
	assert_int_equal(symlink("../../elsewhere.json", path), 0);
	look(s, &link);
	assert_int_equal(link.result, 0);
	assert_int_equal(link.f.n, 1);
	assert_int_equal(link.f.v[0].class, FINDING_RECORD_MALFORMED);
	assert_int_equal(link.r.n_layers, 0);
}

static void test_toc_layer(void **state)
{
	CLEANUP_SEEN struct seen v;

	scratch_write(*state, "g/overlay-layers/layers.json",
	    "[{\"id\":\"" A64 "\",\"toc-digest\":\"sha256:" B64 "\"}]");
	look(*state, &v);
	assert_int_equal(v.result, ERR_STORE);
	assert_non_null(strstr(v.e.msg, A64));
}

static const char *lock_path;

static void lock_or_exit(void)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || fcntl(fd, F_SETLK, &lock))
		_exit(1);
}

static void put(const struct scratch *s, const char *name, const char *kind, unsigned n)
{
	char tmp[200], path[160], json[256];
	int fd, len;

	snprintf(path, sizeof(path), "%s/g/overlay-%s", s->dir, name);
	snprintf(tmp, sizeof(tmp), "%s.tmp", path);
	len = snprintf(
	    json, sizeof(json), "[{\"id\":\"%064x\",\"metadata\":\"%s\"}]", n, kind);
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, json, (size_t)len) != len || close(fd) ||
	    rename(tmp, path))
		_exit(1);
}

/*
 * A writer that never lets go of the lock: layers of version n, images of version n, and so on, in
 * bursts faster than all files can be read.
 */
static NORETURN void keep_writing(const struct scratch *s, int ready)
{
	/* A failed assertion must not leave it behind. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	lock_or_exit();
	for (unsigned n = 1;; n++) {
		put(s, "layers/layers.json", "l", n);
		put(s, "images/images.json", "i", n);
		if (n % 16 == 0)
			usleep(12000);
		if (n == 1 && write(ready, "x", 1) != 1)
			_exit(1);
	}
}

#define BLANKS (4 << 20)

static unsigned version(const char *id)
{
	return (unsigned)strtoul(id + ID_LEN - 8, NULL, 16);
}

static void test_one_moment(void **state)
{
	struct scratch *s = *state;
	CLEANUP_FREE char *path = xasprintf("%s/g/overlay-layers/layers.lock", s->dir);
	CLEANUP_FREE char *blanks = NULL;
	int ready[2], status, read_ok = 0;
	char byte;
	pid_t pid;

	/* Between layers and images there is something long to read. */
	blanks = xmalloc(BLANKS + 3);
	memset(blanks, ' ', BLANKS + 2);
	blanks[0] = '[';
	memcpy(blanks + BLANKS + 1, "]", 2);
	scratch_write(s, "g/overlay-layers/volatile-layers.json", blanks);
	lock_path = path;
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0)
		keep_writing(s, ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	for (int i = 0; i < 12; i++) {
		CLEANUP_SEEN struct seen v;
		unsigned ahead;

		look(s, &v);
		/* It may give up, but not mix two moments. */
		if (v.result == ERR_CHANGED)
			continue;
		assert_int_equal(v.result, 0);
		assert_false(v.r.locked);
		assert_int_equal(v.f.n, 0);
		assert_int_equal(v.r.n_layers, 1);
		assert_int_equal(v.r.n_images, 1);
		ahead = version(v.r.layers[0].id) - version(v.r.images[0].id);
		assert_true(ahead <= 1);
		read_ok++;
	}
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_true(read_ok > 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_empty),
	    TEST(test_every_file),
	    TEST(test_places),
	    TEST(test_twice_in_one_place),
	    TEST(test_malformed),
	    TEST(test_no_regular_file),
	    TEST(test_toc_layer),
	    TEST(test_one_moment),
	};
	struct err e;

	if (crypto_init(&e))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
