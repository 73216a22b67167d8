/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_envelope.c: DSSE against its specification's vector, and envelopes that were altered, misspelt
 * or signed by somebody else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/hex.h"
#include "crypto/p256.h"
#include "guard/envelope.h"

#define HELLO_TYPE "http://example.com/HelloWorld"
#define HELLO "hello world"

/* The secret key of RFC 8032's first test. */
#define SECRET                                                                           \
	"-----BEGIN PRIVATE KEY-----\n"                                                  \
	"MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"             \
	"-----END PRIVATE KEY-----\n"
#define BODY "{\"_type\":\"https://in-toto.io/Statement/v1\"}"
#define BODY_BASE64 "eyJfdHlwZSI6Imh0dHBzOi8vaW4tdG90by5pby9TdGF0ZW1lbnQvdjEifQ=="

static struct attest_key *ed25519, *p256;

static int setup(void **state)
{
	struct err e;

	(void)state;
	return crypto_init(&e) ||
	       attest_key_parse(SECRET, strlen(SECRET), &ed25519, &e) ||
	       attest_key_generate(ATTEST_P256, &p256, &e);
}

static int teardown(void **state)
{
	(void)state;
	attest_key_free(ed25519);
	attest_key_free(p256);
	return 0;
}

static struct buf buf_of(const char *text)
{
	struct err e;
	struct buf b;

	buf_init(&b, DSSE_ENVELOPE_MAX);
	assert_int_equal(buf_adds(&b, text, &e), 0);
	return b;
}

/* ---- the specification's example (protocol.md, "Test Vectors") ---- */

static void test_vector(void **state)
{
	uint8_t secret[P256_BYTES], point[P256_POINT_BYTES], rs[2 * P256_BYTES];
	CLEANUP_BUF struct buf pae, want;
	struct digest hash;
	struct err e;

	(void)state;
	buf_init(&pae, 256);
	buf_init(&want, 64);
	assert_int_equal(dsse_pae(HELLO_TYPE, HELLO, strlen(HELLO), &pae, &e), 0);
	assert_string_equal(
	    pae.data, "DSSEv1 29 http://example.com/HelloWorld 11 hello world");
	hex_decode(secret, sizeof(secret),
	    "d73ec437fd6346e3619c5ebfdfff0f6916804955ad32ac9ac492b0ede1f6ffb7");
	assert_int_equal(
	    base64_decode(&want,
		"A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJ"
		"PcIAriEGAHTVeCUjW2JIZA==",
		88, &e),
	    0);
	sha256(pae.data, pae.len, &hash);
	assert_int_equal(p256_derive(secret, point, &e), 0);
	assert_int_equal(p256_sign(secret, &hash, rs, &e), 0);
	assert_memory_equal(rs, want.data, sizeof(rs));
	assert_int_equal(p256_verify(point, &hash, rs, &e), 0);
}

static void test_pae_lengths(void **state)
{
	CLEANUP_BUF struct buf pae;
	struct err e;

	(void)state;
	buf_init(&pae, 64);
	assert_int_equal(dsse_pae("", "", 0, &pae, &e), 0);
	assert_string_equal(pae.data, "DSSEv1 0  0 ");
	buf_clear(&pae);
	assert_int_equal(dsse_pae("\xc3\xa9", "a\0b", 3, &pae, &e), 0);
	assert_int_equal(pae.len, 17);
	assert_memory_equal(pae.data, "DSSEv1 2 \xc3\xa9 3 a\0b", 17);
}

static void test_ed25519_vector(void **state)
{
	CLEANUP_BUF struct buf body = buf_of(HELLO), out;
	struct err e;

	(void)state;
	buf_init(&out, 1024);
	assert_int_equal(dsse_sign(ed25519, HELLO_TYPE, &body, &out, &e), 0);
	assert_string_equal(out.data,
	    "{\"payloadType\":\"http://example.com/HelloWorld\","
	    "\"payload\":\"aGVsbG8gd29ybGQ=\",\"signatures\":[{\"keyid\":"
	    "\"SHA256:bbXpuKG6zhzdmnxq256TlqzFBzRl2f6OOg722cYNbU8\",\"sig\":"
	    "\"4DHX3Zn4qpBKvEj7maE8O9u9bjXEnPLLnyXVUJ2PXJR8DSLcL3QDpFvfJOj3pB/"
	    "SPHsl6Jg4boxsMb6KvuYABw==\"}]}\n");
}

/* ---- envelopes ---- */

static struct buf envelope(const struct attest_key *k, const char *type, const char *text)
{
	CLEANUP_BUF struct buf body = buf_of(text);
	struct err e;
	struct buf out;

	buf_init(&out, DSSE_ENVELOPE_MAX);
	assert_int_equal(dsse_sign(k, type, &body, &out, &e), 0);
	return out;
}

static int open_rc(const char *json, size_t len, const struct attest_key *k)
{
	CLEANUP_BUF struct buf body;
	struct err e;
	int r;

	buf_init(&body, DSSE_BODY_MAX);
	r = envelope_open(json, len, attest_key_public(k), &body, &e);
	if (r)
		assert_int_equal(body.len, 0);
	else
		assert_string_equal(body.data, BODY);
	return r;
}

static int open_text(const char *json)
{
	return open_rc(json, strlen(json), ed25519);
}

static void test_open(void **state)
{
	CLEANUP_BUF struct buf one = envelope(ed25519, STATEMENT_TYPE, BODY);
	CLEANUP_BUF struct buf other = envelope(p256, STATEMENT_TYPE, BODY);
	CLEANUP_BUF struct buf type = envelope(ed25519, HELLO_TYPE, BODY);

	(void)state;
	assert_int_equal(open_rc(one.data, one.len, ed25519), 0);
	assert_int_equal(open_rc(other.data, other.len, p256), 0);
	assert_int_equal(open_rc(one.data, one.len, p256), ERR_LEDGER);
	assert_int_equal(open_rc(other.data, other.len, ed25519), ERR_LEDGER);
	assert_int_equal(open_rc(type.data, type.len, ed25519), ERR_MALFORMED);
}

/*
 * Each bit of an envelope, each truncation: refused, or nothing that is signed has changed (the key id
 * is only a hint, and a member it does not know may have any name).
 */
static void check_altered(const struct attest_key *k)
{
	CLEANUP_BUF struct buf b = envelope(k, STATEMENT_TYPE, BODY);
	const char *keyid = strstr(b.data, "\"keyid\":");
	const char *sig = strstr(b.data, ",\"sig\":");
	size_t from = (size_t)(keyid - b.data), to = (size_t)(sig - b.data);

	for (size_t i = 0; i < b.len * 8; i++) {
		int r;

		b.data[i / 8] = (char)(b.data[i / 8] ^ 1 << i % 8);
		r = open_rc(b.data, b.len, k);
		if (i / 8 < from || i / 8 >= to)
			/* the white space at the end may be another one */
			assert_true(r || i / 8 == b.len - 1);
		b.data[i / 8] = (char)(b.data[i / 8] ^ 1 << i % 8);
	}
	for (size_t n = 0; n < b.len - 1; n++)
		assert_int_equal(open_rc(b.data, n, k), ERR_MALFORMED);
}

static void test_altered(void **state)
{
	(void)state;
	check_altered(ed25519);
	check_altered(p256);
}

#define TYPE "\"payloadType\":\"" STATEMENT_TYPE "\""
#define PAYLOAD "\"payload\":\"" BODY_BASE64 "\""

static char *signature_text(void)
{
	CLEANUP_BUF struct buf b = envelope(ed25519, STATEMENT_TYPE, BODY);
	const char *sig = strstr(b.data, "\"sig\":\"") + 7;

	return xstrndup(sig, strcspn(sig, "\""));
}

/* `format` has one %s for the base64 of the right signature. */
static int open_format(const char *format)
{
	CLEANUP_FREE char *sig = signature_text();
	CLEANUP_BUF struct buf text = buf_of("");
	const char *hole = strstr(format, "%s");
	struct err e;

	assert_int_equal(buf_add(&text, format, (size_t)(hole - format), &e), 0);
	assert_int_equal(buf_adds(&text, sig, &e), 0);
	assert_int_equal(buf_adds(&text, hole + 2, &e), 0);
	return open_rc(text.data, text.len, ed25519);
}

static void test_accepted_shapes(void **state)
{
	static const char *const good[] = {
	    "{" TYPE "," PAYLOAD ",\"signatures\":[{\"sig\":\"%s\"}]}",
	    "{" TYPE "," PAYLOAD ",\"signatures\":[{\"keyid\":\"\",\"sig\":\"%s\"}]}",
	    /* the key id is no authority */
	    "{" TYPE "," PAYLOAD ",\"signatures\":[{\"keyid\":\"x\",\"sig\":\"%s\"}]}",
	    "{\"more\":[1]," TYPE "," PAYLOAD
	    ",\"signatures\":[{\"sig\":\"%s\",\"cert\":\"x\"}]}",
	    /* others' signatures beside ours */
	    "{" TYPE "," PAYLOAD
	    ",\"signatures\":[{\"sig\":\"AAAA\"},{\"sig\":\"%s\"},{\"sig\":\"\"}]}",
	    " {\n" PAYLOAD " , " TYPE ",\"signatures\":[{\"sig\":\"%s\"}]} \n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_int_equal(open_format(good[i]), 0);
}

static void test_refused_shapes(void **state)
{
	static const char *const bad[] = {
	    /* two payloads */
	    "{" TYPE "," PAYLOAD "," PAYLOAD ",\"signatures\":[{\"sig\":\"%s\"}]}",
	    "{" TYPE "," PAYLOAD
	    ",\"Payload\":\"AAAA\",\"signatures\":[{\"sig\":\"%s\"}]}",
	    "{" TYPE "," PAYLOAD ",\"signatures\":[{\"sig\":\"%s\"}],\"SIGNATURES\":[]}",
	    "{" TYPE "," PAYLOAD ",\"signatures\":[{\"Sig\":\"%s\"}]}",
	    "{" TYPE "," PAYLOAD ",\"signatures\":[{\"sig\":\"%s\"}]}x",
	    "{" TYPE "," PAYLOAD ",\"signatures\":{\"sig\":\"%s\"}}",
	    "{" TYPE "," PAYLOAD ",\"signatures\":[\"%s\"]}",
	    "{" TYPE "," PAYLOAD ",\"signatures\":[{\"sig\":\"%s\\u0000\"}]}",
	    "{" TYPE "," PAYLOAD ",\"signatures\":[{\"sig\":\" %s\"}]}",
	    "{" TYPE "," PAYLOAD ",\"signatures\":[{\"sig\":\"%s\"}, 7]}",
	    "{" TYPE ",\"signatures\":[{\"sig\":\"%s\"}]}",
	    "{" PAYLOAD ",\"signatures\":[{\"sig\":\"%s\"}]}",
	    "{" TYPE ",\"payload\":null,\"signatures\":[{\"sig\":\"%s\"}]}",
	    "[{" TYPE "," PAYLOAD ",\"signatures\":[{\"sig\":\"%s\"}]}]",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(open_format(bad[i]), ERR_MALFORMED);
	assert_int_equal(
	    open_text("{" TYPE "," PAYLOAD ",\"signatures\":[]}"), ERR_MALFORMED);
	assert_int_equal(open_text("{" TYPE "," PAYLOAD "}"), ERR_MALFORMED);
	assert_int_equal(
	    open_text("{" TYPE "," PAYLOAD ",\"signatures\":[{\"sig\":\"\"}]}"),
	    ERR_LEDGER);
	assert_int_equal(open_text(""), ERR_MALFORMED);
}

/* Seventeen signatures, the last one right: nobody makes us verify without end. */
static void test_too_many(void **state)
{
	CLEANUP_BUF struct buf text = buf_of("{" TYPE "," PAYLOAD ",\"signatures\":[");
	struct err e;

	(void)state;
	for (int i = 0; i < ENVELOPE_SIGNATURES_MAX; i++)
		assert_int_equal(buf_adds(&text, "{\"sig\":\"AAAA\"},", &e), 0);
	assert_int_equal(buf_adds(&text, "{\"sig\":\"%s\"}]}", &e), 0);
	assert_int_equal(open_format(text.data), ERR_MALFORMED);
}

/* Six bytes that are "++++////" in one alphabet and "----____" in the other. */
static void test_alphabets(void **state)
{
	CLEANUP_BUF struct buf b =
	    envelope(ed25519, STATEMENT_TYPE, "\xfb\xef\xbe\xff\xff\xff");
	CLEANUP_BUF struct buf body, want = buf_of("\xfb\xef\xbe\xff\xff\xff");
	char *payload = strstr(b.data, "++++////");
	struct err e;

	(void)state;
	buf_init(&body, DSSE_BODY_MAX);
	assert_non_null(payload);
	memcpy(payload, "----____", 8);
	assert_int_equal(
	    envelope_open(b.data, b.len, attest_key_public(ed25519), &body, &e), 0);
	assert_int_equal(body.len, want.len);
	assert_memory_equal(body.data, want.data, want.len);
	memcpy(payload, "----////", 8);
	assert_int_equal(
	    envelope_open(b.data, b.len, attest_key_public(ed25519), &body, &e),
	    ERR_MALFORMED);
}

static void test_body_limit(void **state)
{
	CLEANUP_BUF struct buf body, out;
	struct err e;

	(void)state;
	buf_init(&body, DSSE_BODY_MAX + 1);
	buf_init(&out, DSSE_ENVELOPE_MAX);
	assert_int_equal(buf_reserve(&body, DSSE_BODY_MAX + 1, &e), 0);
	memset(body.data, 'x', DSSE_BODY_MAX + 1);
	body.len = DSSE_BODY_MAX;
	assert_int_equal(dsse_sign(p256, STATEMENT_TYPE, &body, &out, &e), 0);
	body.len++;
	assert_int_equal(dsse_sign(p256, STATEMENT_TYPE, &body, &out, &e), ERR_REFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_vector),
	    cmocka_unit_test(test_pae_lengths),
	    cmocka_unit_test(test_ed25519_vector),
	    cmocka_unit_test(test_open),
	    cmocka_unit_test(test_altered),
	    cmocka_unit_test(test_accepted_shapes),
	    cmocka_unit_test(test_refused_shapes),
	    cmocka_unit_test(test_too_many),
	    cmocka_unit_test(test_alphabets),
	    cmocka_unit_test(test_body_limit),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
