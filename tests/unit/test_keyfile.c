/* SPDX-License-Identifier: Apache-2.0 */
/* test_keyfile.c: files of secret keys: what is written, whose file is read, and every text refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/keyfile.h"

#define NAME "build01.ci.example/cache-ledger"
#define VKEY NAME "+1704497b+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"
#define SECRET                                                                           \
	"PRIVATE+KEY+" NAME "+1704497b+AZ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g"

struct scratch {
	char path[64];
	int fd;
};

static void scratch_make(struct scratch *s)
{
	snprintf(s->path, sizeof(s->path), "/tmp/layerseal-key-XXXXXX");
	assert_non_null(mkdtemp(s->path));
	s->fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(s->fd >= 0);
}

static void scratch_remove(struct scratch *s)
{
	unlinkat(s->fd, "key", 0);
	unlinkat(s->fd, "key", AT_REMOVEDIR);
	unlinkat(s->fd, "target", 0);
	close(s->fd);
	assert_int_equal(rmdir(s->path), 0);
}

static void write_file(int dirfd, const char *name, const void *data, size_t len)
{
	CLEANUP_FD int fd =
	    openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
}

static int load(int dirfd, const char *file, struct secret_key **out, struct err *e)
{
	static const struct passphrase_source none = {.kind = PASSPHRASE_NONE};
	CLEANUP_SECRET_BUF struct buf text;
	int r;

	*out = NULL;
	secret_buf_init(&text, KEYFILE_MAX);
	r = keyfile_read(dirfd, file, &text, e);
	return r ? r : keyfile_unlock(&text, "key file key", &none, out, e);
}

static void load_refused(int dirfd, enum err_code code, const char *rule)
{
	struct secret_key *k;
	struct err e = {0};

	assert_int_equal(load(dirfd, "key", &k, &e), code);
	assert_null(k);
	assert_non_null(strstr(e.msg, "key"));
	assert_non_null(strstr(e.msg, rule));
	/* What was in the file stays in the file. */
	assert_null(strstr(e.msg, "AZ1hsZ3v"));
}

static void test_save_and_load(void **state)
{
	CLEANUP_SECRET_KEY struct secret_key *k = NULL, *loaded = NULL, *other = NULL;
	CLEANUP(scratch_remove) struct scratch s = {.fd = -1};
	uint8_t a[SIGNATURE_BYTES], b[SIGNATURE_BYTES];
	mode_t mask = umask(0);
	struct stat st;
	struct err e;

	(void)state;
	scratch_make(&s);
	assert_int_equal(secret_key_generate(NAME, &k, &e), 0);
	assert_int_equal(keyfile_write(k, s.fd, "key", NULL, &e), 0);
	umask(mask);
	assert_int_equal(fstatat(s.fd, "key", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	assert_int_equal(load(s.fd, "key", &loaded, &e), 0);
	assert_int_equal(key_sign(k, "abc", 3, a, &e), 0);
	assert_int_equal(key_sign(loaded, "abc", 3, b, &e), 0);
	assert_memory_equal(a, b, SIGNATURE_BYTES);

	/* A key is never replaced. */
	assert_int_equal(secret_key_generate(NAME, &other, &e), 0);
	assert_int_equal(keyfile_write(other, s.fd, "key", NULL, &e), ERR_REFUSED);
	secret_key_free_p(&loaded);
	assert_int_equal(load(s.fd, "key", &loaded, &e), 0);
	assert_memory_equal(
	    secret_key_public(loaded)->point, secret_key_public(k)->point, KEY_BYTES);
}

static void test_load_known(void **state)
{
	CLEANUP(scratch_remove) struct scratch s = {.fd = -1};
	static const char *const texts[] = {SECRET "\n", SECRET};
	struct err e;

	(void)state;
	scratch_make(&s);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		CLEANUP_SECRET_KEY struct secret_key *k = NULL;

		write_file(s.fd, "key", texts[i], strlen(texts[i]));
		assert_int_equal(load(s.fd, "key", &k, &e), 0);
		assert_int_equal(secret_key_public(k)->id, 0x1704497b);
	}
	assert_int_equal(fchmodat(s.fd, "key", 0400, 0), 0);
	{
		CLEANUP_SECRET_KEY struct secret_key *k = NULL;

		assert_int_equal(load(s.fd, "key", &k, &e), 0);
	}
}

static void test_file_mode(void **state)
{
	static const mode_t modes[] = {0640, 0620, 0610, 0604, 0602, 0601, 0644, 0777};
	CLEANUP(scratch_remove) struct scratch s = {.fd = -1};

	(void)state;
	scratch_make(&s);
	write_file(s.fd, "key", SECRET, strlen(SECRET));
	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		assert_int_equal(fchmodat(s.fd, "key", modes[i], 0), 0);
		load_refused(s.fd, ERR_LEDGER, "group or others");
	}
}

static void test_file_owner(void **state)
{
	CLEANUP(scratch_remove) struct scratch s = {.fd = -1};
	CLEANUP_FD int system = -1;

	(void)state;
	scratch_make(&s);
	if (geteuid() == 0) {
		write_file(s.fd, "key", SECRET, strlen(SECRET));
		assert_int_equal(fchownat(s.fd, "key", 1, 0, 0), 0);
		load_refused(s.fd, ERR_LEDGER, "owned by uid 1");
	} else {
		/* A file of root's stands in: its owner is looked at before its text. */
		struct secret_key *k;
		struct err e;

		system = open("/etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_int_equal(load(system, "hostname", &k, &e), ERR_LEDGER);
		assert_non_null(strstr(e.msg, "owned by uid 0"));
	}
}

static void test_file_kind(void **state)
{
	CLEANUP(scratch_remove) struct scratch s = {.fd = -1};

	(void)state;
	scratch_make(&s);
	load_refused(s.fd, ERR_NOT_FOUND, "does not exist");
	write_file(s.fd, "target", SECRET, strlen(SECRET));
	assert_int_equal(symlinkat("target", s.fd, "key"), 0);
	load_refused(s.fd, ERR_MALFORMED, "not a regular file");
	assert_int_equal(unlinkat(s.fd, "key", 0), 0);
	assert_int_equal(mkfifoat(s.fd, "key", 0600), 0);
	load_refused(s.fd, ERR_MALFORMED, "not a regular file");
	assert_int_equal(unlinkat(s.fd, "key", 0), 0);
	assert_int_equal(mkdirat(s.fd, "key", 0700), 0);
	load_refused(s.fd, ERR_MALFORMED, "not a regular file");
}

static void test_file_text(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *rule;
	} cases[] = {
#define TEXT(s) (s), sizeof(s) - 1
	    {TEXT(""), "not a secret key"},
	    {TEXT("\n"), "not a secret key"},
	    {TEXT(VKEY "\n"), "not a secret key"},
	    {TEXT("PRIVATE+KEY+"), "NAME+HASH+BASE64"},
	    {TEXT(SECRET "\n\n"), "base64"},
	    {TEXT(SECRET "\r\n"), "base64"},
	    {TEXT(" " SECRET), "not a secret key"},
	    {TEXT(SECRET "\0" SECRET), "not a secret key"},
	    {TEXT(SECRET "\0\n"), "not a secret key"},
	    {TEXT(SECRET "\n" SECRET), "base64"},
	    /* The public half with the secret prefix: its hash is that of another seed. */
	    {TEXT("PRIVATE+KEY+" VKEY), "does not belong"},
	    {TEXT("PRIVATE+KEY+" NAME
		  "+1704497c+AZ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g"),
		"does not belong"},
	    {TEXT("PRIVATE+KEY+" NAME
		  "+1704497b+BJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g"),
		"not an Ed25519 key"},
	};
	CLEANUP(scratch_remove) struct scratch s = {.fd = -1};
	char large[KEYFILE_MAX + 1];

	(void)state;
	scratch_make(&s);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		write_file(s.fd, "key", cases[i].text, cases[i].len);
		load_refused(s.fd, ERR_MALFORMED, cases[i].rule);
	}
	memset(large, 'a', sizeof(large));
	write_file(s.fd, "key", large, sizeof(large));
	load_refused(s.fd, ERR_MALFORMED, "more than the 1024 allowed");
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
	    cmocka_unit_test(test_save_and_load),
	    cmocka_unit_test(test_load_known),
	    cmocka_unit_test(test_file_mode),
	    cmocka_unit_test(test_file_owner),
	    cmocka_unit_test(test_file_kind),
	    cmocka_unit_test(test_file_text),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
