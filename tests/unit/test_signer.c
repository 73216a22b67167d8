/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_signer.c: where keys are found, which are taken, what is said of them; and that no secret stays
 * in memory, in ordinary memory, or in a message.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <gcrypt.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hex.h"
#include "crypto/keyfile.h"
#include "crypto/signer.h"
#include "crypto/wrap.h"
#include "memory.h"

#define NAME "build01.ci.example/cache-ledger"
#define SECRET                                                                           \
	"PRIVATE+KEY+" NAME "+1704497b+AZ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
#define VKEY NAME "+1704497b+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"
#define OTHER_VKEY "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
#define PASSPHRASE "correct horse battery staple"
/* The key of SECRET, in the least time that is allowed. */
#define WRAPPED                                                                          \
	"layerseal/v1 key\nvkey " VKEY "\nkdf argon2id\nmemory 8192\npasses 1\nlanes "   \
	"1\nsalt 000102030405060708090a0b0c0d0e0f\ncipher chacha20-poly1305\nnonce "     \
	"404142434445464748494a4b\nseed "                                                \
	"15c4b6b6c0383e6ab7ff2fe63dc10f7ba5a44a0b29c6227c0af1eb55a043df0d1187c41b471ec2" \
	"5d165363e1e6439025\n"

/* ---- a directory with files, which is the credentials directory, too ---- */

static char dir[64];
static int dirfd_;

static void put(const char *name, const char *text, mode_t mode)
{
	CLEANUP_FD int fd =
	    openat(dirfd_, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
}

static struct public_key parse_vkey(const char *vkey)
{
	struct public_key k;
	struct err e;

	assert_int_equal(public_key_parse(vkey, &k, &e), 0);
	return k;
}

static struct signer_source file_source(const char *name)
{
	return (struct signer_source){.place = SIGNER_FILE,
	    .name = name,
	    .dirfd = dirfd_,
	    .passphrase = {.kind = PASSPHRASE_CREDENTIAL, .credential = "phrase"}};
}

/* What opening gives, with the key of SECRET as the second of two wanted. */
static int open_from(const struct signer_source *source, struct err *e)
{
	const struct public_key wanted[] = {parse_vkey(OTHER_VKEY), parse_vkey(VKEY)};
	CLEANUP_SIGNER struct signer *s = NULL;
	uint8_t sig[SIGNATURE_BYTES];
	int r = signer_open(source, wanted, 2, &s, e);

	if (r) {
		assert_null(s);
		assert_int_equal(r, e->code);
		return r;
	}
	assert_true(public_key_equal(signer_public(s), &wanted[1]));
	assert_int_equal(signer_sign(s, "abc", 3, sig, e), 0);
	assert_int_equal(key_verify(&wanted[1], "abc", 3, sig, e), 0);
	return 0;
}

/* ---- which key ---- */

static void test_file(void **state)
{
	struct signer_source source = file_source("key");
	CLEANUP_FREE char *path = xasprintf("%s/key", dir);
	struct err e;

	(void)state;
	put("key", SECRET, 0600);
	assert_int_equal(open_from(&source, &e), 0);
	source.quiet = true;
	assert_int_equal(open_from(&source, &e), 0);
	source.name = path;
	source.dirfd = -1;
	assert_int_equal(open_from(&source, &e), 0);
	put("key", SECRET, 0640);
	assert_int_equal(open_from(&source, &e), ERR_LEDGER);
	source.name = "/nonexistent/key";
	assert_int_equal(open_from(&source, &e), ERR_NOT_FOUND);
}

static void test_key_that_is_not_trusted(void **state)
{
	struct signer_source source = file_source("key");
	const struct public_key other = parse_vkey(OTHER_VKEY);
	struct public_key renamed = parse_vkey(VKEY);
	struct signer *s;
	struct err e = {0};

	(void)state;
	put("key", SECRET, 0600);
	assert_int_equal(signer_open(&source, &other, 1, &s, &e), ERR_LEDGER);
	assert_null(s);
	assert_string_equal(e.msg, "key file key: not a key that is trusted");
	assert_int_equal(signer_open(&source, NULL, 0, &s, &e), ERR_LEDGER);
	/* The same point under another name is another key. */
	renamed.name[0] = 'c';
	assert_int_equal(signer_open(&source, &renamed, 1, &s, &e), ERR_LEDGER);
}

static void test_credential(void **state)
{
	struct signer_source source = {.place = SIGNER_CREDENTIAL, .name = "ledger.key"};
	struct err e = {0};

	(void)state;
	assert_int_equal(open_from(&source, &e), ERR_NOT_FOUND);
	/* As the service manager leaves it: root's, and an ACL whose mask is the group's bits. */
	put("ledger.key", SECRET, 0440);
	assert_int_equal(open_from(&source, &e), 0);
	put("ledger.key", SECRET, 0444);
	assert_int_equal(open_from(&source, &e), ERR_LEDGER);
	put("ledger.key", SECRET, 0420);
	assert_int_equal(open_from(&source, &e), ERR_LEDGER);
	source.name = "../ledger.key";
	assert_int_equal(open_from(&source, &e), ERR_USAGE);
	source.name = "ledger.key";
	assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
	assert_int_equal(open_from(&source, &e), ERR_NOT_FOUND);
	assert_non_null(strstr(e.msg, "CREDENTIALS_DIRECTORY"));
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", dir, 1), 0);
}

/* ---- passphrases ---- */

static void test_passphrase_credential(void **state)
{
	struct signer_source source = file_source("wrapped");
	struct err e = {0};

	(void)state;
	put("wrapped", WRAPPED, 0600);
	put("phrase", PASSPHRASE "\n", 0400);
	assert_int_equal(open_from(&source, &e), 0);
	put("phrase", PASSPHRASE, 0600);
	assert_int_equal(open_from(&source, &e), 0);
	put("phrase", PASSPHRASE "\nand more\n", 0600);
	assert_int_equal(open_from(&source, &e), 0);
	put("phrase", "another passphrase\n", 0600);
	assert_int_equal(open_from(&source, &e), ERR_REFUSED);
	assert_string_equal(
	    e.msg, "key file wrapped: the passphrase is wrong, or the file was changed");
	put("phrase", "\n", 0600);
	assert_int_equal(open_from(&source, &e), ERR_REFUSED);
	assert_int_equal(unlinkat(dirfd_, "phrase", 0), 0);
	assert_int_equal(open_from(&source, &e), ERR_NOT_FOUND);
}

/* Neither the passphrase is looked for, nor time spent. */
static void test_quiet(void **state)
{
	struct signer_source source = file_source("wrapped");
	struct err e = {0};

	(void)state;
	put("wrapped", WRAPPED, 0600);
	put("phrase", PASSPHRASE "\n", 0400);
	source.quiet = true;
	assert_int_equal(open_from(&source, &e), ERR_NOT_FOUND);
	assert_string_equal(
	    e.msg, "key file wrapped is under a passphrase, which is not asked for here");
	source.quiet = false;
	source.passphrase.kind = PASSPHRASE_NONE;
	assert_int_equal(open_from(&source, &e), ERR_REFUSED);
}

static int lines(const char *text)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], text, strlen(text)), strlen(text));
	close(fds[1]);
	return fds[0];
}

/* Each use takes one line and leaves the rest. */
static void test_passphrase_descriptor(void **state)
{
	CLEANUP_FD int fd = lines("wrong one\n" PASSPHRASE "\n\nlast, without an end");
	static const char *const said[] = {
	    "wrong one", PASSPHRASE, "", "last, without an end", ""};
	const struct passphrase_source source = {.kind = PASSPHRASE_FD, .fd = fd};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(said); i++) {
		CLEANUP_SECRET_BUF struct buf got;
		struct err e;

		secret_buf_init(&got, PASSPHRASE_MAX);
		assert_int_equal(passphrase_get(&source, "key", false, &got, &e),
		    said[i][0] ? 0 : ERR_REFUSED);
		assert_string_equal(got.data, said[i]);
	}
}

static void test_passphrase_limits(void **state)
{
	char text[PASSPHRASE_MAX + 2];
	const struct passphrase_source nobody = {.kind = PASSPHRASE_ASK};

	(void)state;
	memset(text, 'p', sizeof(text));
	text[PASSPHRASE_MAX + 1] = '\0';
	for (size_t cut = 0; cut < 3; cut++) {
		CLEANUP_FD int fd = lines(text + cut);
		const struct passphrase_source source = {.kind = PASSPHRASE_FD, .fd = fd};
		CLEANUP_SECRET_BUF struct buf got;
		struct err e;

		secret_buf_init(&got, PASSPHRASE_MAX);
		/* The end of the line must fit, too. */
		assert_int_equal(passphrase_get(&source, "key", false, &got, &e),
		    cut < 2 ? ERR_REFUSED : 0);
	}
	{
		CLEANUP_FD int fd = lines("seven77\neight888\n");
		const struct passphrase_source source = {.kind = PASSPHRASE_FD, .fd = fd};
		CLEANUP_SECRET_BUF struct buf got;
		struct err e = {0};

		secret_buf_init(&got, PASSPHRASE_MAX);
		assert_int_equal(
		    passphrase_get(&source, "key", true, &got, &e), ERR_REFUSED);
		assert_non_null(strstr(e.msg, "fewer than 8"));
		assert_null(strstr(e.msg, "seven77"));
		buf_clear(&got);
		assert_int_equal(passphrase_get(&source, "key", true, &got, &e), 0);
		assert_int_equal(
		    passphrase_get(&nobody, "key", true, &got, &e), ERR_REFUSED);
	}
}

/* ---- new keys ---- */

static void test_create(void **state)
{
	struct signer_source source = file_source("new");
	struct signer_request request = {.name = "one"};
	CLEANUP_SIGNER struct signer *first = NULL, *again = NULL, *third = NULL;
	const struct public_key other = parse_vkey(OTHER_VKEY);
	struct err e = {0};

	(void)state;
	source.passphrase.kind = PASSPHRASE_NONE;
	assert_int_equal(signer_create(&source, &request, &first, &e), 0);
	assert_string_equal(signer_public(first)->name, "one");
	/* What is there is taken, by its own name. */
	request.name = "two";
	assert_int_equal(signer_create(&source, &request, &again, &e), 0);
	assert_true(public_key_equal(signer_public(first), signer_public(again)));
	request.choice = &other;
	assert_int_equal(signer_create(&source, &request, &third, &e), ERR_REFUSED);
	assert_int_equal(signer_generate(&source, "three", &third, &e), ERR_REFUSED);
	source.name = "not-there";
	assert_int_equal(signer_create(&source, &request, &third, &e), ERR_NOT_FOUND);
	source.place = SIGNER_CREDENTIAL;
	request.choice = NULL;
	assert_int_equal(signer_create(&source, &request, &third, &e), ERR_NOT_FOUND);
}

static void test_create_wrapped(void **state)
{
	struct signer_source source = file_source("new-wrapped");
	CLEANUP_SIGNER struct signer *made = NULL, *opened = NULL;
	CLEANUP_SECRET_BUF struct buf text;
	struct wrapped_key wrapped;
	struct err e = {0};

	(void)state;
	secret_buf_init(&text, KEYFILE_MAX);
	put("phrase", "short\n", 0400);
	assert_int_equal(signer_generate(&source, "one", &made, &e), ERR_REFUSED);
	assert_int_not_equal(faccessat(dirfd_, "new-wrapped", F_OK, 0), 0);
	put("phrase", PASSPHRASE "\n", 0400);
	assert_int_equal(signer_generate(&source, "one", &made, &e), 0);
	assert_int_equal(keyfile_read(dirfd_, "new-wrapped", &text, &e), 0);
	assert_int_equal(wrapped_key_parse(text.data, &wrapped, &e), 0);
	assert_int_equal(wrapped.cost.memory, 65536);
	assert_int_equal(wrapped.cost.passes, 3);
	assert_int_equal(signer_open(&source, signer_public(made), 1, &opened, &e), 0);
}

/* ---- where secrets are, and are not ---- */

/* The scan itself must be able to find something. */
static void test_scan_finds(void **state)
{
	char *text = xstrdup("a needle that lies in ordinary memory");
	struct needle n = needle_of(text + 2, 20);

	(void)state;
	assert_true(look_for(&n).elsewhere > 0);
	explicit_bzero(text, strlen(text));
	assert_int_equal(look_for(&n).elsewhere, 0);
	free(text);
}

enum {
	SEED,
	SEED_HALF,
	PREFIX,
	SCALAR,
	SCALAR_REVERSED,
	SPELLING,
	PASSPHRASE_,
	UNWRAPPING,
	NEEDLES
};
static struct needle needles[NEEDLES];

/* What RFC 8032 makes of the seed: as little-endian bytes, so as libgcrypt's numbers are here, and turned. */
static void make_expanded(const uint8_t *seed)
{
	CLEANUP_SECRET_BUF struct buf reversed;
	uint8_t *bytes;
	gcry_md_hd_t md;

	secret_buf_init(&reversed, KEY_BYTES);
	assert_int_equal(gcry_md_open(&md, GCRY_MD_SHA512, GCRY_MD_FLAG_SECURE), 0);
	gcry_md_write(md, seed, KEY_BYTES);
	bytes = gcry_md_read(md, GCRY_MD_SHA512);
	bytes[0] &= 0xf8;
	bytes[31] = (bytes[31] & 0x7f) | 0x40;
	for (size_t i = 0; i < KEY_BYTES; i++)
		reversed.data[i] = (char)bytes[KEY_BYTES - 1 - i];
	needles[SCALAR] = needle_of(bytes, KEY_BYTES);
	needles[SCALAR_REVERSED] = needle_of(reversed.data, KEY_BYTES);
	needles[PREFIX] = needle_of(bytes + KEY_BYTES, KEY_BYTES);
	gcry_md_close(md);
}

/* What argon2id makes of the passphrase. */
static void make_unwrapping(const struct wrapped_key *w, const struct buf *passphrase)
{
	const unsigned long params[4] = {
	    32, w->cost.passes, w->cost.memory, w->cost.lanes};
	CLEANUP_SECRET_BUF struct buf key;
	gcry_kdf_hd_t kdf;

	secret_buf_init(&key, 32);
	assert_int_equal(gcry_kdf_open(&kdf, GCRY_KDF_ARGON2, GCRY_KDF_ARGON2ID, params,
			     4, passphrase->data, passphrase->len, w->salt,
			     sizeof(w->salt), NULL, 0, NULL, 0),
	    0);
	assert_int_equal(gcry_kdf_compute(kdf, NULL), 0);
	assert_int_equal(gcry_kdf_final(kdf, 32, key.data), 0);
	gcry_kdf_close(kdf);
	needles[UNWRAPPING] = needle_of(key.data, 32);
}

/* Secrets that are nowhere a constant. */
static void make_files(void)
{
	CLEANUP_SECRET_BUF struct buf text, passphrase, clear;
	struct secret_key *k;
	struct wrapped_key w;
	const struct wrap_cost cheap = {WRAP_MEMORY_MIN, 1, 1};
	struct err e;
	uint8_t *base64;

	secret_buf_init(&text, KEYFILE_MAX);
	secret_buf_init(&clear, KEYFILE_MAX);
	secret_buf_init(&passphrase, PASSPHRASE_MAX);
	assert_int_equal(secret_key_generate(NAME, &k, &e), 0);
	crypto_random(passphrase.data, 32);
	for (size_t i = 0; i < 32; i++)
		passphrase.data[i] = (char)('a' + (passphrase.data[i] & 15));
	passphrase.len = 32;
	passphrase.data[32] = '\0';
	put("phrase", passphrase.data, 0400);
	unlinkat(dirfd_, "key", 0);
	assert_int_equal(keyfile_write(k, dirfd_, "key", NULL, &e), 0);
	assert_int_equal(key_wrap(k, &passphrase, &cheap, &w, &e), 0);
	assert_int_equal(wrapped_key_format(&w, &text, &e), 0);
	put("wrapped", text.data, 0600);
	assert_int_equal(keyfile_read(dirfd_, "key", &clear, &e), 0);
	base64 = (uint8_t *)clear.data + strlen("PRIVATE+KEY+" NAME "+01234567+");
	needles[SEED] = needle_of(secret_key_seed(k), KEY_BYTES);
	needles[SEED_HALF] = needle_of(secret_key_seed(k), KEY_BYTES / 2);
	needles[SPELLING] = needle_of(base64 + 4, 32);
	needles[PASSPHRASE_] = needle_of(passphrase.data, 32);
	make_expanded(secret_key_seed(k));
	make_unwrapping(&w, &passphrase);
	secret_key_free(k);
}

static void nothing_is_left(void)
{
	for (size_t i = 0; i < ARRAY_LEN(needles); i++) {
		struct found f = look_for(&needles[i]);

		if (f.locked || f.elsewhere)
			fail_msg("needle %zu: %zu in locked memory, %zu elsewhere", i,
			    f.locked, f.elsewhere);
	}
}

static void test_memory(void **state)
{
	static const char *const files[] = {"key", "wrapped"};

	(void)state;
	make_files();
	nothing_is_left();
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		struct signer_source source = file_source(files[i]);
		CLEANUP_SECRET_BUF struct buf text;
		uint8_t sig[SIGNATURE_BYTES];
		struct public_key wanted;
		struct found seed, half;
		struct signer *s;
		struct err e;

		secret_buf_init(&text, KEYFILE_MAX);
		assert_int_equal(keyfile_read(dirfd_, files[i], &text, &e), 0);
		assert_int_equal(keyfile_public(&text, &wanted, &e), 0);
		memset(text.data, 0, text.cap);
		assert_int_equal(signer_open(&source, &wanted, 1, &s, &e), 0);
		assert_int_equal(signer_sign(s, "abc", 3, sig, &e), 0);
		/* While it can sign the seed is there, once, and nothing else. */
		seed = look_for(&needles[SEED]);
		half = look_for(&needles[SEED_HALF]);
		assert_int_equal(seed.locked + seed.elsewhere, 1);
		assert_int_equal(half.locked + half.elsewhere, 1);
		assert_true(!TELLS_LOCKED || (seed.locked == 1 && half.locked == 1));
		for (size_t n = PREFIX; n < NEEDLES; n++) {
			assert_int_equal(look_for(&needles[n]).locked, 0);
			assert_int_equal(look_for(&needles[n]).elsewhere, 0);
		}
		signer_free(s);
		nothing_is_left();
	}
}

static void test_no_cores(void **state)
{
	struct rlimit core;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_CORE, &core), 0);
	assert_int_equal(core.rlim_cur, 0);
	assert_int_equal(core.rlim_max, 0);
	assert_int_equal(prctl(PR_GET_DUMPABLE), 0);
}

/* Damaged in every way that one byte can be: no message repeats a part of the secret. */
static void test_messages(void **state)
{
	static const char base64[] = "AZ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g";
	struct signer_source source = file_source("key");
	char text[] = SECRET;

	(void)state;
	for (size_t i = 0; i < strlen(SECRET); i++) {
		static const char bytes[] = "+A\n\x80";

		for (size_t b = 0; b < strlen(bytes); b++) {
			struct err e = {0};

			text[i] = bytes[b];
			put("key", text, 0600);
			(void)open_from(&source, &e);
			for (size_t at = 0; at + 5 < strlen(base64); at++) {
				char part[6] = {0};

				memcpy(part, base64 + at, 5);
				assert_null(strstr(e.msg, part));
			}
			text[i] = SECRET[i];
		}
	}
	/* The name and the hash are gone. */
	{
		struct err e = {0};

		put("key", "PRIVATE+KEY+AZ1hsZ3v+VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n",
		    0600);
		assert_int_equal(open_from(&source, &e), ERR_MALFORMED);
		assert_null(strstr(e.msg, "AZ1hsZ3v"));
	}
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int setup(void **state)
{
	struct err e;

	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/layerseal-signer-XXXXXX");
	if (!memory_open() || !mkdtemp(dir) || setenv("CREDENTIALS_DIRECTORY", dir, 1))
		return -1;
	dirfd_ = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dirfd_ < 0 ? -1 : crypto_init(&e);
}

static int teardown(void **state)
{
	(void)state;
	memory_close();
	close(dirfd_);
	return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_file),
	    cmocka_unit_test(test_key_that_is_not_trusted),
	    cmocka_unit_test(test_credential),
	    cmocka_unit_test(test_passphrase_credential),
	    cmocka_unit_test(test_quiet),
	    cmocka_unit_test(test_passphrase_descriptor),
	    cmocka_unit_test(test_passphrase_limits),
	    cmocka_unit_test(test_create),
	    cmocka_unit_test(test_create_wrapped),
	    cmocka_unit_test(test_scan_finds),
	    cmocka_unit_test(test_memory),
	    cmocka_unit_test(test_no_cores),
	    cmocka_unit_test(test_messages),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
