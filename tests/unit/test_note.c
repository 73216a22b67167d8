/* SPDX-License-Identifier: Apache-2.0 */
/* test_note.c: signed notes and checkpoints: what is signed, and what is not accepted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "crypto/note.h"

#define ORIGIN "build01.ci.example/cache-ledger"
#define OTHER "build02.ci.example/cache-ledger"
#define DASH "\xe2\x80\x94 "

/* Signed with the seed of RFC 8032's first test; openssl pkeyutl -verify -rawin agrees. */
#define TEXT ORIGIN "\n300\nS/e2YjfEyZF0W2QbJnmThSOigReG2Xb8CYQWyrsMA+4=\n"
#define LINE                                                                             \
	DASH ORIGIN " FwRJe7Nm8gQB3Rg96Vr90dTfTjuDm77l/J6u+iTLOk8OtjkUoC9kQEzw5zis"      \
		    "+FANv11hq3hrsas//7nTSE8fDhsuOAw=\n"
/* Lines of others: a cosignature of another type, a key of another name. */
#define COSIGNATURE                                                                      \
	DASH "witness.ci.example/w1 "                                                    \
	     "AQIDBAAAAABpVbkAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"  \
	     "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
#define UNKNOWN DASH "somebody AQIDBAU=\n"

static struct signer *key, *other_key;

#define ONE(one) (const struct signer *const[]){one}, 1
static struct public_key trusted[2]; /* of ORIGIN and OTHER */

static int verify(const char *note, size_t len, struct err *e)
{
	size_t text_len = SIZE_MAX;
	int r = note_verify(note, len, trusted, 2, &text_len, e);

	if (r == 0)
		assert_true(text_len < len && note[text_len - 1] == '\n' &&
			    note[text_len] == '\n');
	else
		assert_int_equal(r, ERR_LEDGER);
	return r;
}

static void accepted(const char *note)
{
	struct err e;

	assert_int_equal(verify(note, strlen(note), &e), 0);
}

static void refused(const char *note, size_t len, const char *rule)
{
	struct err e = {0};

	assert_int_equal(verify(note, len, &e), ERR_LEDGER);
	assert_non_null(strstr(e.msg, rule));
}

/* ---- notes ---- */

static void test_known_note(void **state)
{
	static const char note[] =
	    "This is an example message.\n\n" DASH
	    "example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXp"
	    "pzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
	struct public_key k;
	size_t text_len;
	struct err e;

	(void)state;
	assert_int_equal(
	    public_key_parse(
		"example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
		&k, &e),
	    0);
	assert_int_equal(note_verify(note, strlen(note), &k, 1, &text_len, &e), 0);
	assert_int_equal(text_len, strlen("This is an example message.\n"));
	assert_int_equal(
	    note_verify(note, strlen(note), trusted, 2, &text_len, &e), ERR_LEDGER);
	assert_int_equal(
	    note_verify(note, strlen(note), NULL, 0, &text_len, &e), ERR_LEDGER);
}

static void test_sign(void **state)
{
	static const char *const texts[] = {"a\n", "a\n\nb\n", "a\n\n", "\n\n\na\n",
	    "Gr\xc3\xbc\xc3\x9f"
	    "e\n",
	    DASH "x y\n"};
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		CLEANUP_BUF struct buf note;
		size_t text_len;

		buf_init(&note, NOTE_MAX_BYTES);
		assert_int_equal(note_sign(texts[i], ONE(key), &note, &e), 0);
		assert_int_equal(
		    note_verify(note.data, note.len, trusted, 2, &text_len, &e), 0);
		assert_int_equal(text_len, strlen(texts[i]));
		assert_memory_equal(note.data, texts[i], text_len);
	}
}

/* What could not be verified is not signed. */
static void test_sign_refused(void **state)
{
	static const char *const texts[] = {
	    "", "a", "a\r\n", "a\tb\n", "\x01\n", "\xff\n", "\xc3\n"};
	CLEANUP_FREE char *large = xmalloc(NOTE_MAX_BYTES + 2);
	CLEANUP_BUF struct buf note;
	struct err e;

	(void)state;
	buf_init(&note, 2 * NOTE_MAX_BYTES);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		assert_int_not_equal(note_sign(texts[i], ONE(key), &note, &e), 0);
	memset(large, 'a', NOTE_MAX_BYTES + 1);
	large[NOTE_MAX_BYTES] = '\n';
	large[NOTE_MAX_BYTES + 1] = '\0';
	assert_int_not_equal(note_sign(large, ONE(key), &note, &e), 0);
	/* A text that fits, but not together with its signature. */
	memmove(large, large + 50, NOTE_MAX_BYTES + 2 - 50);
	assert_int_not_equal(note_sign(large, ONE(key), &note, &e), 0);
	assert_int_equal(note.len, 0);
}

static void test_every_byte_counts(void **state)
{
	char note[] = TEXT "\n" LINE;
	struct err e;

	(void)state;
	accepted(note);
	for (size_t i = 0; i < sizeof(note) - 1; i++) {
		static const char flips[] = {0x01, 0x20, (char)0x80};

		for (size_t j = 0; j < sizeof(flips); j++) {
			note[i] ^= flips[j];
			assert_int_equal(verify(note, sizeof(note) - 1, &e), ERR_LEDGER);
			note[i] ^= flips[j];
		}
	}
	for (size_t len = 0; len < sizeof(note) - 1; len++)
		assert_int_equal(verify(note, len, &e), ERR_LEDGER);
	/* The NUL behind the string is no part of it. */
	refused(note, sizeof(note), "control character");
}

static void test_frame(void **state)
{
	static const struct {
		const char *note, *rule;
	} cases[] = {
	    {"", "empty"},
	    {"\n", "no blank line"},
	    {"\n\n", "no text or no signature"},
	    {TEXT, "no blank line"},
	    {TEXT "\n", "no text or no signature"},
	    {TEXT LINE, "no blank line"},
	    {"\n" LINE, "no blank line"},
	    {"\n\n" LINE, "no text"},
	    {TEXT "\n" LINE "\n", "no signature"},
	    {TEXT "\n\n" LINE, "does not verify"}, /* the text has a line more */
	    {TEXT "\n" LINE "x", "line feed"},
	    {TEXT "\n" LINE "x\n", "without its dash"},
	    {TEXT "\nx\n" LINE, "without its dash"},
	    {TEXT "\n " LINE, "without its dash"},
	    {TEXT "\n" LINE "\n" LINE, "does not verify"},
	    {TEXT "\n- " ORIGIN " AQIDBAU=\n", "without its dash"},
	    {TEXT "\n" DASH "\n", "without its dash"},
	    {TEXT "\n" DASH "name\n", "valid key name"},
	    {TEXT "\n" DASH " AQIDBAU=\n", "valid key name"},
	    {TEXT "\n" DASH "a+b AQIDBAU=\n" LINE, "valid key name"},
	    {TEXT "\n" DASH "a\xc2\xa0"
		  "b AQIDBAU=\n" LINE,
		"valid key name"},
	    {TEXT "\n" DASH "\xe2\x80\x83 AQIDBAU=\n" LINE, "valid key name"},
	    {TEXT "\n" DASH "a\xe3\x80\x80 AQIDBAU=\n" LINE, "valid key name"},
	    {TEXT "\n" DASH "name  AQIDBAU=\n" LINE, "not base64"},
	    {TEXT "\n" DASH "name AQIDBAU= \n" LINE, "not base64"},
	    {TEXT "\n" DASH "name AQIDBAU\n" LINE, "not base64"},
	    {TEXT "\n" DASH "name AQIDBAV=\n" LINE, "not base64"},
	    {TEXT "\n" DASH "name \n" LINE, "not base64"},
	    {TEXT "\n" DASH "name AQIDBA==\n" LINE, "not base64"}, /* a key id alone */
	    {TEXT "\n" UNKNOWN, "no signature of a trusted key"},
	    {TEXT "\r\n" LINE, "control character"},
	    {"\t" TEXT "\n" LINE, "control character"},
	    {"\x7f" TEXT "\n" LINE, "control character"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		refused(cases[i].note, strlen(cases[i].note), cases[i].rule);
}

/* Overlong forms, surrogates, beyond U+10FFFF, cut sequences, stray bytes. */
static void test_utf8(void **state)
{
	static const char *const bad[] = {"\x80", "\xbf", "\xc0\x8a", "\xc1\xbf", "\xc3",
	    "\xc3\x28", "\xe0\x80\x8a", "\xe0\x9f\xbf", "\xe2\x80", "\xed\xa0\x80",
	    "\xed\xbf\xbf", "\xf0\x80\x80\x8a", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
	    "\xf5\x80\x80\x80", "\xf8\x88\x80\x80\x80", "\xfe", "\xff"};
	static const char *const good[] = {"\xc2\xa9", "\xe0\xa0\x80", "\xed\x9f\xbf",
	    "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"};
	struct err e;
	char text[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char note[512];

		snprintf(note, sizeof(note), "%s\n\n" LINE, bad[i]);
		refused(note, strlen(note), "not UTF-8");
		snprintf(note, sizeof(note), TEXT "\n" DASH "%s AQIDBAU=\n" LINE, bad[i]);
		refused(note, strlen(note), "not UTF-8");
	}
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		CLEANUP_BUF struct buf note;

		buf_init(&note, NOTE_MAX_BYTES);
		snprintf(text, sizeof(text), "%s\n", good[i]);
		assert_int_equal(note_sign(text, ONE(key), &note, &e), 0);
		accepted(note.data);
	}
}

static void add_lines(struct buf *b, const char *line, size_t n)
{
	struct err e;

	while (n--)
		assert_int_equal(buf_adds(b, line, &e), 0);
}

static void test_other_signatures(void **state)
{
	CLEANUP_BUF struct buf note;

	(void)state;
	accepted(TEXT "\n" UNKNOWN LINE);
	accepted(TEXT "\n" LINE UNKNOWN);
	accepted(TEXT "\n" COSIGNATURE LINE COSIGNATURE);
	accepted(TEXT "\n" DASH "\xc3\xa4 AQIDBAU=\n" LINE);
	/* Our name with the id of a key that we do not know (an older one, say). */
	accepted(TEXT "\n" DASH ORIGIN " AQIDBAU=\n" LINE);

	buf_init(&note, 2 * NOTE_MAX_BYTES);
	add_lines(&note, TEXT "\n", 1);
	add_lines(&note, COSIGNATURE, 16);
	add_lines(&note, LINE, 1);
	accepted(note.data);
	add_lines(&note, UNKNOWN, 47);
	accepted(note.data);
	add_lines(&note, UNKNOWN, 1);
	refused(note.data, note.len, "too many");
	add_lines(&note, UNKNOWN, 1000);
	refused(note.data, note.len, "too long");
}

/* A trusted key's wrong signature spoils the note, whoever else signed. */
static void test_known_key_must_verify(void **state)
{
	CLEANUP_BUF struct buf note, foreign;
	const char *line;
	struct err e;

	(void)state;
	buf_init(&note, NOTE_MAX_BYTES);
	buf_init(&foreign, NOTE_MAX_BYTES);
	assert_int_equal(note_sign("another text\n", ONE(other_key), &foreign, &e), 0);
	line = strstr(foreign.data, DASH);
	assert_non_null(line);
	add_lines(&note, TEXT "\n" LINE, 1);
	add_lines(&note, line, 1);
	refused(note.data, note.len, "does not verify");
	buf_clear(&note);
	add_lines(&note, TEXT "\n", 1);
	add_lines(&note, line, 1);
	add_lines(&note, LINE, 1);
	refused(note.data, note.len, "does not verify");
	/* 5 bytes, and 64 + 1, where Ed25519 has 64. */
	refused(TEXT "\n" LINE DASH ORIGIN " FwRJewU=\n",
	    strlen(TEXT "\n" LINE DASH ORIGIN " FwRJewU=\n"), "wrong length");
	buf_clear(&note);
	add_lines(&note, TEXT "\n" DASH ORIGIN " FwRJewAA", 1);
	add_lines(&note, "AAAA", 21);
	add_lines(&note, "\n" LINE, 1);
	refused(note.data, note.len, "wrong length");
}

/* ---- checkpoints ---- */

static void test_checkpoint(void **state)
{
	CLEANUP_BUF struct buf note;
	struct checkpoint c = {.origin = ORIGIN, .size = 300}, opened;
	struct err e;

	(void)state;
	assert_true(digest_parse_hex(
	    "4bf7b66237c4c991745b641b2679938523a2811786d976fc098416cabb0c03ee", &c.root));
	buf_init(&note, NOTE_MAX_BYTES);
	assert_int_equal(checkpoint_sign(&c, ONE(key), &note, &e), 0);
	assert_string_equal(note.data, TEXT "\n" LINE);
	assert_int_equal(
	    checkpoint_open(note.data, note.len, trusted, 2, &opened, &e), 0);
	assert_string_equal(opened.origin, ORIGIN);
	assert_int_equal(opened.size, 300);
	assert_true(digest_equal(&opened.root, &c.root));
}

static void test_checkpoint_sizes(void **state)
{
	static const uint64_t sizes[] = {0, 1, 9, 10, UINT64_MAX / 10, UINT64_MAX};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		CLEANUP_BUF struct buf text;
		struct checkpoint c = {.origin = ORIGIN, .size = sizes[i]}, parsed;
		struct err e;

		buf_init(&text, NOTE_MAX_BYTES);
		assert_int_equal(checkpoint_format(&c, &text, &e), 0);
		assert_int_equal(checkpoint_parse(text.data, text.len, &parsed, &e), 0);
		assert_true(parsed.size == sizes[i]);
	}
}

#define ROOT "S/e2YjfEyZF0W2QbJnmThSOigReG2Xb8CYQWyrsMA+4="

static void test_checkpoint_text(void **state)
{
	static const struct {
		const char *text, *rule;
	} cases[] = {
	    {"", "three lines"},
	    {"\n", "three lines"},
	    {ORIGIN "\n", "three lines"},
	    {ORIGIN "\n300\n", "three lines"},
	    {ORIGIN "\n300\n" ROOT, "three lines"},
	    {ORIGIN "\n300\n" ROOT "\nextension\n", "three lines"},
	    {ORIGIN "\n300\n" ROOT "\n\n", "three lines"},
	    {ORIGIN "\n300\n" ROOT "\nx", "three lines"},
	    {"\n300\n" ROOT "\n", "origin"},
	    {"a b\n300\n" ROOT "\n", "origin"},
	    {"a+b\n300\n" ROOT "\n", "origin"},
	    {"Build\n300\n" ROOT "\n", "origin"},
	    {ORIGIN "\n\n" ROOT "\n", "size"},
	    {ORIGIN "\n0300\n" ROOT "\n", "size"},
	    {ORIGIN "\n00\n" ROOT "\n", "size"},
	    {ORIGIN "\n+300\n" ROOT "\n", "size"},
	    {ORIGIN "\n-1\n" ROOT "\n", "size"},
	    {ORIGIN "\n 300\n" ROOT "\n", "size"},
	    {ORIGIN "\n300 \n" ROOT "\n", "size"},
	    {ORIGIN "\n0x1\n" ROOT "\n", "size"},
	    {ORIGIN "\n18446744073709551616\n" ROOT "\n", "size"},
	    {ORIGIN "\n99999999999999999999\n" ROOT "\n", "size"},
	    {ORIGIN "\n300\n\n", "root hash"},
	    {ORIGIN "\n300\n" ROOT " \n", "root hash"},
	    {ORIGIN "\n300\nS/e2YjfEyZF0W2QbJnmThSOigReG2Xb8CYQWyrsMA+5=\n", "root hash"},
	    {ORIGIN "\n300\nS/e2YjfEyZF0W2QbJnmThSOigReG2Xb8CYQWyrsMA+4\n", "root hash"},
	    {ORIGIN "\n300\nAAAA\n", "root hash"},
	    {ORIGIN "\n300\n" ROOT "AAAA\n", "root hash"},
	};
	struct checkpoint c;
	char name[KEY_NAME_MAX + 2], text[512];
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		e = (struct err){0};
		assert_int_equal(
		    checkpoint_parse(cases[i].text, strlen(cases[i].text), &c, &e),
		    ERR_LEDGER);
		assert_non_null(strstr(e.msg, cases[i].rule));
	}
	assert_int_equal(checkpoint_parse("a\0b\n1\n" ROOT "\n", 51, &c, &e), ERR_LEDGER);
	memset(name, 'a', sizeof(name));
	name[KEY_NAME_MAX + 1] = '\0';
	snprintf(text, sizeof(text), "%s\n1\n" ROOT "\n", name);
	assert_int_equal(checkpoint_parse(text, strlen(text), &c, &e), ERR_LEDGER);
	assert_int_equal(checkpoint_parse(text + 1, strlen(text + 1), &c, &e), 0);
}

/* A checkpoint with extension lines or of another kind is well signed and still none of ours. */
static void test_signed_but_no_checkpoint(void **state)
{
	static const char *const texts[] = {
	    TEXT "extension\n", ORIGIN "\n300\n", "hello\n", "\n" TEXT};
	struct checkpoint c;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		CLEANUP_BUF struct buf note;

		buf_init(&note, NOTE_MAX_BYTES);
		assert_int_equal(note_sign(texts[i], ONE(key), &note, &e), 0);
		assert_int_equal(
		    checkpoint_open(note.data, note.len, trusted, 2, &c, &e), ERR_LEDGER);
	}
}

/* A trusted key speaks for the log of its own name only. */
static void test_origin_is_signer(void **state)
{
	CLEANUP_BUF struct buf note;
	struct checkpoint c = {.origin = ORIGIN, .size = 1};
	struct err e;

	(void)state;
	buf_init(&note, NOTE_MAX_BYTES);
	assert_int_equal(checkpoint_sign(&c, ONE(other_key), &note, &e), ERR_INTERNAL);
	assert_int_equal(note.len, 0);
	assert_int_equal(note_sign(TEXT, ONE(other_key), &note, &e), 0);
	assert_int_equal(
	    checkpoint_open(note.data, note.len, trusted, 2, &c, &e), ERR_LEDGER);
	assert_non_null(strstr(e.msg, "origin"));
	/* Signed by both, in either order: fine. */
	add_lines(&note, LINE, 1);
	assert_int_equal(checkpoint_open(note.data, note.len, trusted, 2, &c, &e), 0);
	assert_string_equal(c.origin, ORIGIN);
	memmove(trusted + 1, trusted, sizeof(trusted[0]));
	trusted[0] = *signer_public(other_key);
	assert_int_equal(checkpoint_open(note.data, note.len, trusted, 2, &c, &e), 0);
	/* Unless the origin's own key is not trusted: its signature then counts for nothing. */
	assert_int_equal(
	    checkpoint_open(note.data, note.len, trusted, 1, &c, &e), ERR_LEDGER);
	trusted[0] = *signer_public(key);
	trusted[1] = *signer_public(other_key);
}

/* Every key of the origin that signed is named, in whatever order their lines are. */
static void test_all_signers(void **state)
{
	CLEANUP_SECRET_KEY struct secret_key *next = NULL;
	CLEANUP_SIGNER struct signer *next_key = NULL;
	struct checkpoint c = {.origin = ORIGIN, .size = 1};
	struct public_key keys[3];
	struct err e;

	(void)state;
	assert_int_equal(secret_key_generate(ORIGIN, &next, &e), 0);
	next_key = signer_of_key(take_ptr(next));
	keys[0] = *signer_public(other_key);
	keys[1] = *signer_public(key);
	keys[2] = *signer_public(next_key);
	for (int turn = 0; turn < 3; turn++) {
		const struct signer *signers[] = {
		    turn ? next_key : key, turn ? key : next_key};
		CLEANUP_BUF struct buf note;
		uint64_t by = 0;

		buf_init(&note, NOTE_MAX_BYTES);
		assert_int_equal(
		    checkpoint_sign(&c, signers, turn == 2 ? 1 : 2, &note, &e), 0);
		assert_int_equal(
		    checkpoint_open_by(note.data, note.len, keys, 3, &c, &by, &e), 0);
		assert_int_equal(by, turn == 2 ? 4 : 6);
	}
}

static void test_bad_origin_is_not_formatted(void **state)
{
	CLEANUP_BUF struct buf text;
	struct checkpoint c = {.origin = "a\n1\nfake"};
	struct err e;

	(void)state;
	buf_init(&text, NOTE_MAX_BYTES);
	assert_int_equal(checkpoint_format(&c, &text, &e), ERR_INTERNAL);
	assert_int_equal(text.len, 0);
}

static int setup(void **state)
{
	struct secret_key *one, *other;
	uint8_t seed[KEY_BYTES];
	struct err e;

	(void)state;
	if (crypto_init(&e) ||
	    !hex_decode(seed, sizeof(seed),
		"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60") ||
	    secret_key_from_seed(ORIGIN, seed, &one, &e) ||
	    secret_key_generate(OTHER, &other, &e))
		return -1;
	key = signer_of_key(one);
	other_key = signer_of_key(other);
	trusted[0] = *signer_public(key);
	trusted[1] = *signer_public(other_key);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	signer_free(key);
	signer_free(other_key);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_known_note),
	    cmocka_unit_test(test_sign),
	    cmocka_unit_test(test_sign_refused),
	    cmocka_unit_test(test_every_byte_counts),
	    cmocka_unit_test(test_frame),
	    cmocka_unit_test(test_utf8),
	    cmocka_unit_test(test_other_signatures),
	    cmocka_unit_test(test_known_key_must_verify),
	    cmocka_unit_test(test_checkpoint),
	    cmocka_unit_test(test_checkpoint_sizes),
	    cmocka_unit_test(test_checkpoint_text),
	    cmocka_unit_test(test_signed_but_no_checkpoint),
	    cmocka_unit_test(test_origin_is_signer),
	    cmocka_unit_test(test_all_signers),
	    cmocka_unit_test(test_bad_origin_is_not_formatted),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
