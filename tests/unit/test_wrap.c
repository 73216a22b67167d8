/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_wrap.c: keys under a passphrase: files that another implementation made (python3-argon2 and
 * python3-cryptography), every byte changed, wrong passphrases, costs out of bounds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/hex.h"
#include "crypto/secmem.h"
#include "crypto/wrap.h"

#define NAME "build01.ci.example/cache-ledger"
#define SEED "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
#define VKEY NAME "+1704497b+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"
#define PASSPHRASE "correct horse battery staple"

#define TEXT(memory, passes, lanes, seed)                                                \
	"layerseal/v1 key\n"                                                             \
	"vkey " VKEY "\n"                                                                \
	"kdf argon2id\n"                                                                 \
	"memory " memory "\n"                                                            \
	"passes " passes "\n"                                                            \
	"lanes " lanes "\n"                                                              \
	"salt 000102030405060708090a0b0c0d0e0f\n"                                        \
	"cipher chacha20-poly1305\n"                                                     \
	"nonce 404142434445464748494a4b\n"                                               \
	"seed " seed "\n"
#define ONE_LANE                                                                         \
	"15c4b6b6c0383e6ab7ff2fe63dc10f7ba5a44a0b29c6227c0af1eb55a043df0d"               \
	"1187c41b471ec25d165363e1e6439025"
#define TWO_LANES                                                                        \
	"314ffbc855c01029deb07dc335cc7ba2d92050419d710f34ccd340c079a0af63"               \
	"7830ee8c877d86e8a606b2c69f8ce385"
#define GOLDEN TEXT("8192", "1", "1", ONE_LANE)

static const struct wrap_cost cheap = {
    .memory = WRAP_MEMORY_MIN, .passes = 1, .lanes = 1};

static int open_text(
    const char *text, const char *passphrase, struct secret_key **out, struct err *e)
{
	CLEANUP_SECRET_BUF struct buf secret;
	struct wrapped_key w;
	int r = wrapped_key_parse(text, &w, e);

	*out = NULL;
	secret_buf_init(&secret, 200);
	assert_int_equal(buf_adds(&secret, passphrase, e), 0);
	return r ? r : key_unwrap(&w, &secret, out, e);
}

static void test_made_by_others(void **state)
{
	static const char *const texts[] = {GOLDEN, TEXT("8195", "2", "2", TWO_LANES)};
	uint8_t seed[KEY_BYTES];

	(void)state;
	assert_true(hex_decode(seed, sizeof(seed), SEED));
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		CLEANUP_SECRET_KEY struct secret_key *k = NULL;
		struct err e = {0};

		assert_int_equal(open_text(texts[i], PASSPHRASE, &k, &e), 0);
		assert_memory_equal(secret_key_seed(k), seed, KEY_BYTES);
		assert_string_equal(secret_key_public(k)->name, NAME);
	}
}

static void wrong(const char *passphrase)
{
	struct secret_key *k;
	struct err e = {0};

	assert_int_equal(open_text(GOLDEN, passphrase, &k, &e), ERR_REFUSED);
	assert_null(k);
	assert_string_equal(e.msg, "the passphrase is wrong, or the file was changed");
}

static void test_wrong_passphrase(void **state)
{
	(void)state;
	wrong(PASSPHRASE " ");
	wrong("correct horse battery stapl");
	wrong("Correct horse battery staple");
	wrong("x");
}

/* Nothing of it may be changed: a digit for a digit, a letter for a letter, a line for nothing. */
static void test_every_byte_counts(void **state)
{
	char text[] = GOLDEN;
	size_t refused = 0, malformed = 0;

	(void)state;
	for (size_t i = 0; i < strlen(GOLDEN); i++) {
		struct secret_key *k;
		struct err e = {0};
		int r;

		text[i] ^= 1;
		r = open_text(text, PASSPHRASE, &k, &e);
		assert_null(k);
		assert_true(r == ERR_REFUSED || r == ERR_MALFORMED);
		refused += r == ERR_REFUSED;
		malformed += r == ERR_MALFORMED;
		text[i] ^= 1;
	}
	/* Most of salt, nonce and seed stays well-formed and is caught by the tag alone. */
	assert_true(refused > 80);
	assert_true(malformed > 200);
}

/* The public key is bound: another one with a hash of its own. */
static void test_other_public_key(void **state)
{
	static const char other[] =
	    "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
	const char *rest = strstr(GOLDEN, "\nkdf");
	CLEANUP_FREE char *text = xasprintf("layerseal/v1 key\nvkey %s%s", other, rest);
	struct secret_key *k;
	struct err e = {0};

	(void)state;
	assert_int_equal(open_text(text, PASSPHRASE, &k, &e), ERR_REFUSED);
	assert_null(k);
}

static void test_malformed(void **state)
{
	static const struct {
		const char *text, *rule;
	} cases[] = {
	    {"", "not a key under a passphrase"},
	    {"layerseal/v2 key\n", "not a key under a passphrase"},
	    {"layerseal/v1 key\n", "vkey"},
	    {"layerseal/v1 key\nvkey x\n", "NAME+HASH+BASE64"},
	    {"layerseal/v1 key\nvkey " VKEY "\nkdf scrypt\n", "argon2id"},
	    /* cheaper than it protects, dearer than its reader can pay */
	    {TEXT("8191", "1", "1", ONE_LANE), "memory: not from 8192 to 1048576"},
	    {TEXT("1048577", "1", "1", ONE_LANE), "memory: not from"},
	    {TEXT("4294975488", "1", "1", ONE_LANE), "memory: not a number"},
	    {TEXT("-8192", "1", "1", ONE_LANE), "memory: not a number"},
	    {TEXT("8192", "0", "1", ONE_LANE), "passes: not from 1 to 16"},
	    {TEXT("8192", "17", "1", ONE_LANE), "passes: not from"},
	    {TEXT("8192", "1", "0", ONE_LANE), "lanes: not from 1 to 16"},
	    {TEXT("8192", "1", "17", ONE_LANE), "lanes: not from"},
	    /* second spellings */
	    {TEXT("08192", "1", "1", ONE_LANE), "spelling"},
	    {TEXT("8192", "01", "1", ONE_LANE), "spelling"},
	    {TEXT("8192", "", "1", ONE_LANE), "passes: not from"},
	    {TEXT(" 8192", "1", "1", ONE_LANE), "not a number"},
	    {GOLDEN "\n", "spelling"},
	    {GOLDEN "seed " ONE_LANE "\n", "spelling"},
	    {TEXT("8192", "1", "1", ONE_LANE "00"), "seed"},
	    {TEXT("8192", "1", "1", "15C4"), "seed"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct wrapped_key w;
		struct err e = {0};

		assert_int_equal(wrapped_key_parse(cases[i].text, &w, &e), ERR_MALFORMED);
		if (!strstr(e.msg, cases[i].rule))
			fail_msg("case %zu: %s", i, e.msg);
	}
}

/* Every truncation is malformed, and so is every line that is left out. */
static void test_cut(void **state)
{
	(void)state;
	for (size_t len = 0; len < strlen(GOLDEN); len++) {
		CLEANUP_FREE char *text = xstrndup(GOLDEN, len);
		struct wrapped_key w;
		struct err e;

		assert_int_equal(wrapped_key_parse(text, &w, &e), ERR_MALFORMED);
	}
	for (const char *line = GOLDEN; *line; line = strchr(line, '\n') + 1) {
		CLEANUP_FREE char *text = xasprintf("%.*s%s",
		    (int)(strlen(GOLDEN) - strlen(line)), GOLDEN, strchr(line, '\n') + 1);
		struct wrapped_key w;
		struct err e;

		assert_int_equal(wrapped_key_parse(text, &w, &e), ERR_MALFORMED);
	}
}

static void test_round_trip(void **state)
{
	CLEANUP_SECRET_KEY struct secret_key *k = NULL, *again = NULL;
	CLEANUP_SECRET_BUF struct buf passphrase;
	CLEANUP_BUF struct buf a, b;
	struct wrapped_key w;
	struct err e;

	(void)state;
	buf_init(&a, WRAP_TEXT_MAX);
	buf_init(&b, WRAP_TEXT_MAX);
	secret_buf_init(&passphrase, 100);
	assert_int_equal(buf_adds(&passphrase, PASSPHRASE, &e), 0);
	assert_int_equal(secret_key_generate(NAME, &k, &e), 0);
	assert_int_equal(key_wrap(k, &passphrase, &cheap, &w, &e), 0);
	assert_int_equal(wrapped_key_format(&w, &a, &e), 0);
	assert_int_equal(open_text(a.data, PASSPHRASE, &again, &e), 0);
	assert_memory_equal(secret_key_seed(k), secret_key_seed(again), KEY_BYTES);
	/* Salt and nonce are fresh each time, so equal keys look different. */
	assert_int_equal(key_wrap(k, &passphrase, &cheap, &w, &e), 0);
	assert_int_equal(wrapped_key_format(&w, &b, &e), 0);
	assert_string_not_equal(a.data, b.data);
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
	    cmocka_unit_test(test_made_by_others),
	    cmocka_unit_test(test_wrong_passphrase),
	    cmocka_unit_test(test_every_byte_counts),
	    cmocka_unit_test(test_other_public_key),
	    cmocka_unit_test(test_malformed),
	    cmocka_unit_test(test_cut),
	    cmocka_unit_test(test_round_trip),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
