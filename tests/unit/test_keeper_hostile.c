/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_keeper_hostile.c: a keeper that was taken over. Its own keeper_serve() stands in for the real one
 * (the linker takes it before the archive's) and says what no keeper says. Its parent must not crash,
 * not believe it and not wait for ever.
 */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#include "ledger/confine.h"
#include "ledger/keeper.h"
#include "scratch.h"

/* ---- the hostile side ---- */

typedef void script_fn(int fd);

static script_fn *script;
static uint64_t script_seed;

static void say(int fd, uint32_t type, const void *data, uint32_t len)
{
	uint32_t head[2] = {type, len};

	/* A parent that had enough closes the socket. */
	if (send(fd, head, sizeof(head), MSG_NOSIGNAL) < 0 ||
	    (len && send(fd, data, len, MSG_NOSIGNAL) < 0))
		_exit(0);
}

static void say_ready(int fd)
{
	const struct confinement c = {7, true, true, true};

	say(fd, WIRE_READY, &c, sizeof(c));
}

static void say_head(int fd, uint64_t size)
{
	char head[8 + 4] = "........note";

	memcpy(head, &size, sizeof(size));
	say(fd, WIRE_HEAD, head, sizeof(head));
}

void keeper_serve(int socket_fd, int dirfd, enum keeper_mode mode, pid_t parent)
{
	(void)dirfd;
	(void)mode;
	(void)parent;
	script(socket_fd);
	/* As one that is lost: it neither answers nor goes. */
	for (;;)
		pause();
}

/* ---- what becomes of the parent ---- */

static int ignore_head(void *ctx, uint64_t size, struct span note, struct err *e)
{
	(void)ctx;
	(void)size;
	(void)note;
	(void)e;
	return 0;
}

static int ignore_entry(void *ctx, struct span bytes, struct err *e)
{
	(void)ctx;
	(void)bytes;
	(void)e;
	return 0;
}

static const struct keeper_sink sink = {NULL, ignore_head, ignore_head, ignore_entry};

static int ask_dump(struct keeper *k, struct err *e)
{
	return keeper_dump(k, true, &sink, e);
}

static int ask_heads(struct keeper *k, struct err *e)
{
	return keeper_heads(k, ignore_head, NULL, e);
}

static int ask_entries(struct keeper *k, struct err *e)
{
	const uint64_t seqs[] = {1, 2, 3};

	return keeper_get_entries(k, seqs, 3, ignore_entry, NULL, e);
}

static int ask_append(struct keeper *k, struct err *e)
{
	struct span entry = {"entry", 5};
	struct keeper_batch b = {
	    .entries = &entry, .n = 1, .seen = {"H0", 2}, .head = {"H1", 2}};

	return keeper_append(k, &b, e);
}

static int ask_count(struct keeper *k, struct err *e)
{
	const struct digest digest = {{1}};
	uint32_t n;

	return keeper_count_chunks(k, &digest, &n, e);
}

static int ask_chunk(struct keeper *k, struct err *e)
{
	const struct digest digest = {{1}};
	CLEANUP_BUF struct buf text;
	int r;

	buf_init(&text, KEEPER_CHUNK_BYTES);
	r = keeper_get_chunk(k, &digest, 0, &text, e);
	assert_true(r || (text.len > 0 && text.len <= KEEPER_CHUNK_BYTES));
	return r;
}

typedef int ask_fn(struct keeper *k, struct err *e);

/* One question to a keeper with this script; its result, which came in time. */
static int ask(script_fn *s, ask_fn *fn, struct err *e)
{
	struct timespec from, to;
	struct keeper *k;
	int r, again;

	script = s;
	assert_int_equal(keeper_start(-1, KEEPER_READ, &k, e), 0);
	clock_gettime(CLOCK_MONOTONIC, &from);
	r = fn(k, e);
	clock_gettime(CLOCK_MONOTONIC, &to);
	assert_true(to.tv_sec - from.tv_sec < 3);
	if (r) {
		struct err after;

		assert_true(e->code == r && e->msg[0]);
		/* Whatever was wrong, it is not asked again, but where it said no itself. */
		again = r == ERR_LEDGER && !strstr(e->msg, "no.") ? fn(k, &after) : 1;
		assert_true(again != 0);
	}
	keeper_stop(k);
	return r;
}

static void never_ready(int fd)
{
	say_head(fd, 1);
}

static void ready_with_too_much(int fd)
{
	char much[100] = {0};

	say(fd, WIRE_READY, much, sizeof(much));
}

static void ready_for_ever(int fd)
{
	for (;;)
		say_ready(fd);
}

static void frames_of_nothing(int fd)
{
	say_ready(fd);
	say_head(fd, 1);
	for (;;)
		say(fd, WIRE_ENTRIES, NULL, 0);
}

static void frames_of_little(int fd)
{
	const char one[] = {1, 0, 0, 0, 'x'};

	say_ready(fd);
	say_head(fd, 1);
	for (;;)
		say(fd, WIRE_ENTRIES, one, sizeof(one));
}

static void the_same_head_for_ever(int fd)
{
	say_ready(fd);
	for (;;)
		say_head(fd, 5);
}

static void heads_that_fall(int fd)
{
	say_ready(fd);
	for (uint64_t n = 1000000;; n--)
		say_head(fd, n);
}

static void a_start_for_ever(int fd)
{
	char start[8] = {1};

	say_ready(fd);
	say_head(fd, 1);
	for (;;)
		say(fd, WIRE_START, start, sizeof(start));
}

static void a_head_without_size(int fd)
{
	say_ready(fd);
	say(fd, WIRE_HEAD, "short", 5);
}

static void an_error_without_code(int fd)
{
	say_ready(fd);
	say(fd, WIRE_ERROR, "no", 2);
}

static void a_length_that_overruns(int fd)
{
	const char item[] = {100, 0, 0, 0, 'x'};

	say_ready(fd);
	say_head(fd, 1);
	say(fd, WIRE_ENTRIES, item, sizeof(item));
	say(fd, WIRE_DONE, NULL, 0);
}

static void no_frame_at_all(int fd)
{
	say_ready(fd);
	for (;;) {
		if (send(fd, "GET / HTTP/1.0\r\n", 16, MSG_NOSIGNAL) < 0)
			_exit(0);
	}
}

static void a_frame_that_is_too_long(int fd)
{
	say_ready(fd);
	say(fd, WIRE_CHUNK, NULL, WIRE_MAX_BYTES + 1);
}

static void what_no_keeper_says(void **state)
{
	static script_fn *const scripts[] = {never_ready, ready_with_too_much,
	    ready_for_ever, frames_of_nothing, frames_of_little, the_same_head_for_ever,
	    heads_that_fall, a_start_for_ever, a_head_without_size, an_error_without_code,
	    a_length_that_overruns, no_frame_at_all, a_frame_that_is_too_long};
	static ask_fn *const questions[] = {
	    ask_dump, ask_heads, ask_entries, ask_append, ask_count, ask_chunk};
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
		for (size_t k = 0; k < ARRAY_LEN(questions); k++)
			assert_int_equal(ask(scripts[i], questions[k], &e), ERR_LEDGER);
	}
}

/* What it says of itself is shown as text, not obeyed. */
static void words_of_its_own(int fd)
{
	char text[4 + 3000];

	memset(text, '\x1b', sizeof(text));
	memcpy(text, &(uint32_t){99}, 4);
	memcpy(text + 4, "no.", 3);
	say_ready(fd);
	say(fd, WIRE_ERROR, text, sizeof(text));
}

static void a_reason_with_control_characters(int fd)
{
	words_of_its_own(fd);
}

static void its_words_are_only_words(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(ask(a_reason_with_control_characters, ask_dump, &e), ERR_LEDGER);
	assert_true(strlen(e.msg) < ERR_MSG_BYTES);
}

/* ---- chunks ---- */

static void no_text(int fd)
{
	say_ready(fd);
	say(fd, WIRE_CHUNK, NULL, 0);
}

static void too_much_text(int fd)
{
	static char text[KEEPER_CHUNK_BYTES + 1];

	say_ready(fd);
	say(fd, WIRE_CHUNK, text, sizeof(text));
}

static void a_count_of_another_size(int fd)
{
	say_ready(fd);
	say(fd, WIRE_COUNT, "12345678", 8);
}

static void answers_have_their_size(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(ask(no_text, ask_chunk, &e), ERR_LEDGER);
	assert_int_equal(ask(too_much_text, ask_chunk, &e), ERR_LEDGER);
	assert_int_equal(ask(a_count_of_another_size, ask_count, &e), ERR_LEDGER);
}

/* ---- by chance ---- */

static uint64_t next_random(void)
{
	script_seed = script_seed * 6364136223846793005U + 1442695040888963407U;
	return script_seed >> 33;
}

static void anything(int fd)
{
	static char bytes[2 * WIRE_PACK_BYTES];
	uint32_t number;

	if (next_random() % 8)
		say_ready(fd);
	for (size_t i = 0; i < 1024; i++)
		bytes[i] = (char)(next_random() % 4 ? 0 : next_random());
	for (uint64_t n = 1 + next_random() % 6; n > 0; n--) {
		number = (uint32_t)(next_random() % (WIRE_ERROR + 2));
		say(fd, number, bytes,
		    (uint32_t)(next_random() % (next_random() % 4 ? 64 : sizeof(bytes))));
	}
	/* Not for ever: silence is another test. */
	_exit(0);
}

static void by_chance(void **state)
{
	static ask_fn *const questions[] = {
	    ask_dump, ask_heads, ask_entries, ask_append, ask_count, ask_chunk};
	struct err e;

	(void)state;
	for (uint64_t i = 0; i < 200; i++) {
		script_seed = i;
		(void)ask(anything, questions[i % ARRAY_LEN(questions)], &e);
	}
}

/* Nothing that is not signed makes a ledger. */
static void a_ledger_of_such_a_keeper(void **state)
{
	struct trust trust = {.n_log = 0};
	struct ledger_options o = {.dir = dir, .mode = LEDGER_READ, .trust = &trust};
	struct ledger *l;
	struct err e;

	(void)state;
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(mkdir(path_of("db"), 0700), 0);
	write_file(path_of("db/data.mdb"), "", 0);
	script = anything;
	for (uint64_t i = 0; i < 100; i++) {
		script_seed = 1000 + i;
		assert_int_not_equal(ledger_open(&o, &l, &e), 0);
		assert_null(l);
	}
}

/* ---- slowly ---- */

/* A byte now and then is no answer either. */
static void a_frame_in_pieces(void **state)
{
	struct wire w = {.patience_s = 1};
	CLEANUP_BUF struct buf payload;
	enum wire_type type;
	struct timespec from, to;
	struct err e;
	int fds[2];
	pid_t pid;

	(void)state;
	buf_init(&payload, WIRE_MAX_BYTES);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		const uint32_t head[2] = {WIRE_CHUNK, 1000};

		for (size_t i = 0; i < sizeof(head) + 1000; i++) {
			const char *byte =
			    i < sizeof(head) ? (const char *)head + i : "x";

			if (send(fds[1], byte, 1, MSG_NOSIGNAL) < 0)
				break;
			usleep(100000);
		}
		_exit(0);
	}
	close(fds[1]);
	w.fd = fds[0];
	clock_gettime(CLOCK_MONOTONIC, &from);
	assert_int_equal(wire_recv(&w, &type, &payload, &e), ERR_IO);
	clock_gettime(CLOCK_MONOTONIC, &to);
	assert_true(to.tv_sec - from.tv_sec < 3);
	close(fds[0]);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_no_keeper_says),
	    cmocka_unit_test(its_words_are_only_words),
	    cmocka_unit_test(answers_have_their_size),
	    cmocka_unit_test(by_chance),
	    cmocka_unit_test(a_ledger_of_such_a_keeper),
	    cmocka_unit_test(a_frame_in_pieces),
	};

	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
