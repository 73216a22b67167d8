/* SPDX-License-Identifier: Apache-2.0 */
/* test_agent.c: answers of agents that lie, stall, babble or hang up. tests/cli asks a real one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/hex.h"
#include "crypto/signer.h"

#define SEED "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
#define POINT "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
#define ZERO "0000000000000000000000000000000000000000000000000000000000000000"

#define TYPE "0000000b7373682d65643235353139" /* string "ssh-ed25519" */
#define BLOB(point) "00000033" TYPE "00000020" point
#define RSA "0000000b000000077373682d727361" /* string (string "ssh-rsa") */
#define COMMENT "000000026d65"		     /* string "me" */
#define NO_COMMENT "00000000"
#define SIXTY_FOUR ZERO ZERO
#define SIGNED "00000053" TYPE "00000040" SIXTY_FOUR

struct answer {
	uint8_t bytes[4096];
	size_t len;
};

static struct answer unhex(const char *hex)
{
	struct answer a = {.len = strlen(hex) / 2};

	assert_true(a.len <= sizeof(a.bytes) && hex_decode(a.bytes, a.len, hex));
	return a;
}

/* ---- what is parsed ---- */

static int parse_list(const char *hex, struct agent_identities *out, struct err *e)
{
	struct answer a = unhex(hex);
	/* Exactly as long as it is, for AddressSanitizer. */
	CLEANUP_FREE uint8_t *copy = xmalloc(a.len ? a.len : 1);

	memcpy(copy, a.bytes, a.len);
	return agent_parse_identities(copy, a.len, out, e);
}

static void test_identities(void **state)
{
	CLEANUP_IDENTITIES struct agent_identities list = {0};
	struct answer point = unhex(POINT);
	struct err e;

	(void)state;
	assert_int_equal(parse_list("0c00000000", &list, &e), 0);
	assert_int_equal(list.n, 0);
	/* Another type, a point of small order, ours: one is left. */
	assert_int_equal(
	    parse_list("0c00000003" RSA COMMENT BLOB(ZERO) NO_COMMENT BLOB(POINT) COMMENT,
		&list, &e),
	    0);
	assert_int_equal(list.n, 1);
	assert_memory_equal(list.v[0].point, point.bytes, KEY_BYTES);
	assert_string_equal(list.v[0].comment, "me");
}

static void test_long_comment(void **state)
{
	CLEANUP_IDENTITIES struct agent_identities list = {0};
	CLEANUP_BUF struct buf hex;
	struct err e;

	(void)state;
	buf_init(&hex, 4000);
	assert_int_equal(buf_adds(&hex, "0c00000001" BLOB(POINT) "00000200", &e), 0);
	for (int i = 0; i < 512; i++)
		assert_int_equal(buf_adds(&hex, "61", &e), 0);
	assert_int_equal(parse_list(hex.data, &list, &e), 0);
	assert_int_equal(strlen(list.v[0].comment), AGENT_COMMENT_MAX);
}

static void test_identities_refused(void **state)
{
	static const char *const cases[] = {
	    "",
	    "0d00000000", /* another type */
	    "0c",	  /* cut */
	    "0c000000",
	    "0c00000001",
	    "0c0000000000", /* more than it says */
	    "0c00000001" BLOB(POINT) COMMENT "00",
	    "0c00000002" BLOB(POINT) COMMENT, /* fewer than it says */
	    "0c00000401",		      /* more than anybody has */
	    "0cffffffff",
	    "0c00000001ffffffff" TYPE, /* lengths that lead outside */
	    "0c00000001" BLOB(POINT) "ffffffff",
	    "0c00000001"
	    "00000033" TYPE "00000021" POINT NO_COMMENT,
	    "0c00000001"
	    "00000034" TYPE "00000020" POINT "00" NO_COMMENT,
	    "0c00000001"
	    "0000000f" TYPE NO_COMMENT,
	    "0c00000001"
	    "00000000" NO_COMMENT,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct agent_identities list;
		struct err e;

		if (parse_list(cases[i], &list, &e) != ERR_MALFORMED)
			fail_msg("case %zu", i);
		assert_int_equal(list.n, 0);
		assert_null(list.v);
	}
}

static int parse_signature(const char *hex, struct err *e)
{
	uint8_t sig[SIGNATURE_BYTES];
	struct answer a = unhex(hex);
	CLEANUP_FREE uint8_t *copy = xmalloc(a.len ? a.len : 1);

	memcpy(copy, a.bytes, a.len);
	return agent_parse_signature(copy, a.len, sig, e);
}

static void test_signature_answers(void **state)
{
	static const char *const cases[] = {"", "06", "0e", "0e" SIGNED "00",
	    "0e00000054" TYPE "00000040" SIXTY_FOUR "00",
	    "0e00000052" TYPE "0000003f" SIXTY_FOUR,
	    "0e00000013000000077373682d72736100000000",
	    "0effffffff" TYPE "00000040" SIXTY_FOUR};
	struct err e;

	(void)state;
	assert_int_equal(parse_signature("0e" SIGNED, &e), 0);
	assert_int_equal(parse_signature("05", &e), ERR_REFUSED);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (parse_signature(cases[i], &e) != ERR_MALFORMED)
			fail_msg("case %zu", i);
	}
}

/* ---- what is done at the socket ---- */

/* Answers each connection with some bytes, then hangs up, or keeps it open and says no more. */
struct fake {
	char dir[64], path[80];
	struct answer answers[2]; /* the first connection's, all others' */
	bool stalls;
	int listener;
	pthread_t thread;
};

static void *serve(void *arg)
{
	struct fake *f = arg;
	int held[4];
	size_t n_held = 0;

	for (size_t i = 0;; i = 1) {
		int fd = accept(f->listener, NULL, NULL);
		char request[4096];

		if (fd < 0)
			break;
		assert_true(read(fd, request, sizeof(request)) > 0);
		assert_int_equal(
		    write(fd, f->answers[i].bytes, f->answers[i].len), f->answers[i].len);
		if (f->stalls && n_held < ARRAY_LEN(held))
			held[n_held++] = fd;
		else
			close(fd);
	}
	while (n_held)
		close(held[--n_held]);
	return NULL;
}

static void fake_start(struct fake *f)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(f->dir, sizeof(f->dir), "/tmp/layerseal-agent-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/s", f->dir);
	memcpy(address.sun_path, f->path, strlen(f->path));
	f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(
	    bind(f->listener, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(f->listener, 4), 0);
	assert_int_equal(pthread_create(&f->thread, NULL, serve, f), 0);
}

static void fake_stop(struct fake *f)
{
	assert_int_equal(shutdown(f->listener, SHUT_RDWR), 0);
	pthread_join(f->thread, NULL);
	close(f->listener);
	unlink(f->path);
	rmdir(f->dir);
}

static int list_from(struct fake *f, unsigned timeout, struct err *e)
{
	struct agent_identities list;
	struct agent agent = {.socket = f->path, .timeout = timeout};
	int r;

	fake_start(f);
	agent.socket = f->path;
	r = agent_list(&agent, &list, e);
	fake_stop(f);
	agent_identities_release(&list);
	return r;
}

static void test_frames(void **state)
{
	static const struct {
		const char *bytes;
		enum err_code code;
		const char *what;
	} cases[] = {
	    {"", ERR_IO, "hung up"},
	    {"000000", ERR_IO, "hung up"},
	    {"000000050c000000", ERR_IO, "hung up"},
	    {"00000000", ERR_IO, "an answer of 0 bytes"},
	    {"00040001", ERR_IO, "an answer of 262145 bytes"},
	    {"ffffffff", ERR_IO, "an answer of"},
	    {"0000000105", ERR_REFUSED, "refuses"},
	    {"00000001ff", ERR_MALFORMED, "protocol"},
	};
	struct err e = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fake f = {.answers = {unhex(cases[i].bytes)}};

		assert_int_equal(list_from(&f, 5000, &e), cases[i].code);
		assert_non_null(strstr(e.msg, cases[i].what));
		assert_non_null(strstr(e.msg, f.path));
	}
}

/* Whatever it has said so far, time is up. */
static void test_stalls(void **state)
{
	static const char *const said[] = {"", "0000", "0000000a0c0000"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(said); i++) {
		struct fake f = {.answers = {unhex(said[i])}, .stalls = true};
		struct timespec before, after;
		struct err e = {0};

		clock_gettime(CLOCK_MONOTONIC, &before);
		assert_int_equal(list_from(&f, 100, &e), ERR_IO);
		clock_gettime(CLOCK_MONOTONIC, &after);
		assert_non_null(strstr(e.msg, "no answer in time"));
		assert_true(after.tv_sec - before.tv_sec < 5);
	}
}

static void test_nobody_there(void **state)
{
	struct agent agent = {.socket = "/nonexistent/socket", .timeout = 1000};
	struct agent_identities list;
	char path[200];
	struct err e;

	(void)state;
	assert_int_equal(agent_list(&agent, &list, &e), ERR_IO);
	memset(path, 'a', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	agent.socket = path;
	assert_int_equal(agent_list(&agent, &list, &e), ERR_USAGE);
	assert_non_null(strstr(e.msg, "too long"));
}

/* ---- as a signer ---- */

static void test_lying_agent(void **state)
{
	/* It lists the key, and then answers with 64 zero bytes. */
	struct fake f = {.answers = {unhex("000000420c00000001" BLOB(POINT) COMMENT),
			     unhex("000000580e" SIGNED)}};
	struct signer_source source = {.place = SIGNER_AGENT};
	CLEANUP_SIGNER struct signer *s = NULL;
	uint8_t sig[SIGNATURE_BYTES];
	struct public_key wanted;
	struct err e = {0};

	(void)state;
	assert_int_equal(public_key_make("a", unhex(POINT).bytes, &wanted, &e), 0);
	fake_start(&f);
	source.name = f.path;
	assert_int_equal(signer_open(&source, &wanted, 1, &s, &e), 0);
	assert_true(public_key_equal(signer_public(s), &wanted));
	assert_int_equal(signer_sign(s, "abc", 3, sig, &e), ERR_LEDGER);
	fake_stop(&f);
	assert_int_equal(signer_sign(s, "abc", 3, sig, &e), ERR_IO);
}

static void test_untrusted_and_quiet(void **state)
{
	struct fake f = {.answers = {unhex("000000420c00000001" BLOB(POINT) COMMENT),
			     unhex("000000420c00000001" BLOB(POINT) COMMENT)}};
	struct signer_source source = {.place = SIGNER_AGENT};
	struct public_key other = {.name = "a"};
	struct signer *s;
	struct err e = {0};

	(void)state;
	other.point[0] = 7;
	fake_start(&f);
	source.name = f.path;
	assert_int_equal(signer_open(&source, &other, 1, &s, &e), ERR_NOT_FOUND);
	assert_null(s);
	assert_non_null(strstr(e.msg, "holds no key that is trusted"));
	fake_stop(&f);
	/* Nobody listens now, and nobody is asked. */
	source.quiet = true;
	assert_int_equal(signer_open(&source, &other, 1, &s, &e), ERR_NOT_FOUND);
}

static int setup(void **state)
{
	struct err e;

	(void)state;
	return crypto_init(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_identities),
	    cmocka_unit_test(test_long_comment),
	    cmocka_unit_test(test_identities_refused),
	    cmocka_unit_test(test_signature_answers),
	    cmocka_unit_test(test_frames),
	    cmocka_unit_test(test_stalls),
	    cmocka_unit_test(test_nobody_there),
	    cmocka_unit_test(test_lying_agent),
	    cmocka_unit_test(test_untrusted_and_quiet),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
