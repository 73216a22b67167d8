/* SPDX-License-Identifier: Apache-2.0 */
/* test_protocol.c: requests and answers as bytes and back, and everything that is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "watch/protocol.h"

#define POLICY "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define OPTIONS "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"

#define HEAD "layerseal/v1 request\nverb verify\nwait 2000\n"
#define FIXED                                                                            \
	"ledger /var/lib/layerseal\nledger-device 2049\nledger-inode 17\npolicy " POLICY \
	"\n"
#define PERHAPS                                                                          \
	"whiteout-files yes\ntrust /etc/layerseal/trust/x\nstore /s\\x20t\nuser al\n"    \
	"options " OPTIONS "\ncache-dir /var/tmp\ncache-dir storage\n"

static void must(int r, const struct err *e)
{
	if (r)
		fail_msg("%s", e->msg);
}

/* From an exact heap block, so that a sanitizer sees every read past the input. */
static int parse(const char *text, size_t len, struct request *out, struct err *e)
{
	char *exact = memcpy(xmalloc(len), text, len);
	int r = request_parse(exact, len, out, e);

	free(exact);
	return r;
}

static void returns_as(const char *text)
{
	CLEANUP_REQUEST struct request r = {0};
	CLEANUP_BUF struct buf again;
	struct err e;

	buf_init(&again, PROTOCOL_REQUEST_MAX);
	must(parse(text, strlen(text), &r, &e), &e);
	must(request_format(&r, &again, &e), &e);
	assert_string_equal(again.data, text);
}

static void requests(void **state)
{
	(void)state;
	returns_as(HEAD FIXED "\n");
	returns_as(HEAD FIXED PERHAPS "\n");
	returns_as("layerseal/v1 request\nverb status\nwait 0\n\n");
	returns_as("layerseal/v1 request\nverb metrics\nwait 60000\n\n");
	returns_as("layerseal/v1 request\nverb seal\nwait 60000\n" FIXED "\n");
	returns_as("layerseal/v1 request\nverb seal\nwait 1\n" FIXED PERHAPS
		   "image localhost/app:v1\nimage \\x2d\n\n");
}

static void request_members(void **state)
{
	CLEANUP_REQUEST struct request r = {0};
	struct err e;

	(void)state;
	must(parse(HEAD FIXED PERHAPS "\n", strlen(HEAD FIXED PERHAPS "\n"), &r, &e), &e);
	assert_int_equal(r.verb, REQUEST_VERIFY);
	assert_int_equal(r.wait_ms, 2000);
	assert_string_equal(r.ledger, "/var/lib/layerseal");
	assert_int_equal(r.ledger_device, 2049);
	assert_int_equal(r.ledger_inode, 17);
	assert_int_equal(r.policy.bytes[1], 0x11);
	assert_true(r.whiteout_files);
	assert_string_equal(r.trust, "/etc/layerseal/trust/x");
	assert_string_equal(r.store, "/s t");
	assert_string_equal(r.user, "al");
	assert_int_equal(r.options.bytes[0], 0xff);
	assert_int_equal(r.n_cache_dirs, 2);
	assert_string_equal(r.cache_dirs[1], "storage");
	assert_int_equal(r.n_images, 0);
}

static void malformed(const char *text, size_t len, const char *words)
{
	struct request r, empty = {0};
	struct err e = {0};

	if (parse(text, len, &r, &e) != ERR_MALFORMED || !strstr(e.msg, words))
		fail_msg("'%s': \"%s\", not about \"%s\"", text, e.msg, words);
	assert_memory_equal(&r, &empty, sizeof(r));
}

#define MALFORMED(text, words) malformed(text, sizeof(text) - 1, words)

static void bad_requests(void **state)
{
	(void)state;
	MALFORMED("", "line 1");
	MALFORMED("\n", "line 1");
	MALFORMED("layerseal/v1 request", "line 1");
	MALFORMED("layerseal/v2 request\n\n", "line 1");
	MALFORMED("layerseal/v1 request \nverb status\nwait 1\n\n", "line 1");
	MALFORMED("layerseal/v1 request\r\nverb status\nwait 1\n\n", "line 1");
	MALFORMED("layerseal/v1 request\n\n", "verb");
	MALFORMED("layerseal/v1 request\nverb stat\nwait 1\n\n", "verb");
	MALFORMED("layerseal/v1 request\nverb statuses\nwait 1\n\n", "verb");
	MALFORMED("layerseal/v1 request\nverb  status\nwait 1\n\n", "verb");
	MALFORMED("layerseal/v1 request\nverb status\n\n", "wait");
	MALFORMED("layerseal/v1 request\nverb status\nwait 60001\n\n", "wait");
	MALFORMED("layerseal/v1 request\nverb status\nwait 01\n\n", "wait");
	MALFORMED("layerseal/v1 request\nverb status\nwait -1\n\n", "wait");
	MALFORMED("layerseal/v1 request\nverb status\nwait 1\n", "line 4");
	MALFORMED("layerseal/v1 request\nverb status\nwait 1\n\n\n", "behind its end");
	MALFORMED("layerseal/v1 request\nverb status\nwait 1\n\nx", "behind its end");
	MALFORMED("layerseal/v1 request\nverb status\nwait 1\n\n\0", "behind its end");
	MALFORMED("layerseal/v1 request\nverb status\nwait 1\n" FIXED "\n", "line 4");
	MALFORMED("layerseal/v1 request\nverb verify\nwait 1\n\n", "ledger");
}

static void bad_fields(void **state)
{
	(void)state;
	MALFORMED(HEAD "ledger var\n\n", "absolute");
	MALFORMED(HEAD "ledger -\n\n", "empty");
	MALFORMED(HEAD "ledger \n\n", "missing");
	MALFORMED(HEAD "ledger /a\\x00b\n\n", "NUL");
	MALFORMED(HEAD "ledger /a b\n\n", "must be escaped");
	MALFORMED(HEAD "ledger /a\xff\n\n", "must be escaped");
	MALFORMED(HEAD "ledger /\\x61\n\n", "stand for itself");
	MALFORMED(HEAD "ledger /a\nledger-inode 1\n\n", "ledger-device");
	MALFORMED(HEAD "ledger /a\nledger-device 0x1\n\n", "no number");
	MALFORMED(HEAD "ledger /a\nledger-device 18446744073709551616\n\n", "no number");
	MALFORMED(HEAD "ledger /a\nledger-device 1\nledger-inode 1\n\n", "policy");
	MALFORMED(HEAD "ledger /a\nledger-device 1\nledger-inode 1\npolicy 00\n\n", "64");
	MALFORMED(HEAD FIXED "whiteout-files no\n\n", "not \"yes\"");
	MALFORMED(HEAD FIXED "trust x\n\n", "absolute");
	MALFORMED(HEAD FIXED "store x\n\n", "absolute");
	MALFORMED(HEAD FIXED "user -\n\n", "empty");
	MALFORMED(HEAD FIXED "options 00\n\n", "64");
	MALFORMED(HEAD FIXED "options " OPTIONS "0\n\n", "64");
	MALFORMED(HEAD FIXED
	    "options 000000000000000000000000000000000000000000000000000000"
	    "0000000000\n\n",
	    "zeros");
	MALFORMED(HEAD FIXED "cache-dir -\n\n", "empty");
	/* Twice, out of order, of another verb, of none. */
	MALFORMED(HEAD FIXED "store /a\nstore /b\n\n", "not in its place");
	MALFORMED(HEAD FIXED "store /a\ntrust /b\n\n", "not in its place");
	MALFORMED(HEAD FIXED "image x\n\n", "not in its place");
	MALFORMED(HEAD FIXED "colour red\n\n", "not in its place");
	MALFORMED(HEAD FIXED "cache-dir /a\nstore /a\n\n", "not in its place");
}

/* Every prefix of a request is none, nor is one with a byte changed to NUL. */
static void cut_requests(void **state)
{
	char text[] = HEAD FIXED PERHAPS "\n";
	struct request r;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		char byte = text[i];

		assert_int_equal(parse(text, i, &r, &e), ERR_MALFORMED);
		assert_int_equal(request_length(text, i, 0), 0);
		text[i] = '\0';
		assert_int_equal(parse(text, sizeof(text) - 1, &r, &e), ERR_MALFORMED);
		text[i] = byte;
	}
	for (size_t known = 0; known < sizeof(text) - 1; known++)
		assert_int_equal(
		    request_length(text, sizeof(text) - 1, known), sizeof(text) - 1);
}

static void large_requests(void **state)
{
	CLEANUP_FREE char *path = xcalloc(PROTOCOL_REQUEST_MAX, 1);
	struct request r = {.verb = REQUEST_VERIFY, .ledger = path}, none;
	CLEANUP_BUF struct buf text;
	struct err e;

	(void)state;
	buf_init(&text, 4 * PROTOCOL_REQUEST_MAX);
	memset(path, '/', PROTOCOL_REQUEST_MAX - 1);
	r.policy.bytes[0] = 1;
	assert_int_equal(request_format(&r, &text, &e), ERR_USAGE);
	assert_int_equal(text.len, 0);
	path[PROTOCOL_REQUEST_MAX - 300] = '\0';
	must(request_format(&r, &text, &e), &e);
	must(buf_add(&text, path, 300, &e), &e);
	assert_int_equal(parse(text.data, text.len, &none, &e), ERR_MALFORMED);
	assert_non_null(strstr(e.msg, "larger"));
	path[0] = '\0';
	assert_int_equal(request_format(&r, &text, &e), ERR_USAGE);
	r = (struct request){.verb = REQUEST_STATUS, .wait_ms = PROTOCOL_WAIT_MAX + 1};
	assert_int_equal(request_format(&r, &text, &e), ERR_USAGE);
}

/* ---- answers ---- */

static struct answer known(void)
{
	struct answer a = {
	    .status = ANSWER_KNOWN,
	    .verdict = VERDICT_VIOLATED,
	    .layers = 12,
	    .images = 3,
	    .cache_mounts = 1,
	    .source = xstrdup("fanotify"),
	    .graphroot = xstrdup("/var/lib/containers/storage"),
	    .store_id = xstrdup("00112233445566778899aabbccddeeff"),
	    .ledger_size = 99,
	    .last_pass = 1767225600,
	};
	struct finding *f = findings_add(&a.findings, FINDING_TREE_CONTENT,
	    (struct place){.layer = "abc", .path = "/etc/\xc3\xa4\n\x1b[31m\xff\""});

	finding_expected(f, "sha256:%d", 1);
	f->used_by = xstrdup("localhost/app");
	f = findings_add(&a.findings, FINDING_IMAGE_NAME, (struct place){.image = "i"});
	f->severity = SEVERITY_WARN;
	a.ledger_root.bytes[31] = 7;
	return a;
}

static void format(const struct answer *a, struct buf *out)
{
	struct err e;

	buf_init(out, PROTOCOL_ANSWER_MAX + PROTOCOL_HEAD_MAX);
	must(answer_format(a, out, &e), &e);
}

static int parse_answer(const char *text, size_t len, struct answer *out, struct err *e)
{
	char *exact = memcpy(xmalloc(len + 1), text, len);
	int r = answer_parse(exact, len, out, e);

	free(exact);
	return r;
}

static void answers(void **state)
{
	CLEANUP_ANSWER struct answer a = known();
	CLEANUP_ANSWER struct answer b = {0};
	CLEANUP_BUF struct buf text;
	size_t length;
	struct err e;

	(void)state;
	format(&a, &text);
	must(answer_length(text.data, text.len, &length, &e), &e);
	assert_int_equal(length, text.len);
	must(parse_answer(text.data, text.len, &b, &e), &e);
	assert_int_equal(b.status, ANSWER_KNOWN);
	assert_int_equal(b.verdict, VERDICT_VIOLATED);
	assert_int_equal(b.layers, 12);
	assert_int_equal(b.images, 3);
	assert_int_equal(b.cache_mounts, 1);
	assert_string_equal(b.source, "fanotify");
	assert_string_equal(b.graphroot, a.graphroot);
	assert_string_equal(b.store_id, a.store_id);
	assert_int_equal(b.ledger_size, 99);
	assert_true(digest_equal(&a.ledger_root, &b.ledger_root));
	assert_int_equal(b.last_pass, 1767225600);
	assert_null(b.why);
	assert_int_equal(b.findings.n, 2);
	assert_int_equal(b.findings.v[0].class, FINDING_TREE_CONTENT);
	assert_int_equal(b.findings.v[0].severity, SEVERITY_DENY);
	assert_string_equal(b.findings.v[0].layer, "abc");
	assert_null(b.findings.v[0].image);
	/* What is not UTF-8 has no spelling in JSON. */
	assert_string_equal(
	    b.findings.v[0].path, "/etc/\xc3\xa4\n\x1b[31m\xef\xbf\xbd\"");
	assert_string_equal(b.findings.v[0].expected, "sha256:1");
	assert_string_equal(b.findings.v[0].used_by, "localhost/app");
	assert_int_equal(b.findings.v[1].severity, SEVERITY_WARN);
}

static void answers_without_verdict(void **state)
{
	static const enum answer_status all[] = {
	    ANSWER_UNKNOWN, ANSWER_OTHER, ANSWER_REFUSED, ANSWER_ERROR};
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		CLEANUP_ANSWER struct answer a = {0};
		CLEANUP_ANSWER struct answer b = {0};
		CLEANUP_BUF struct buf text;

		answer_say(&a, all[i], "because of %d \"things\"", 3);
		format(&a, &text);
		must(parse_answer(text.data, text.len, &b, &e), &e);
		assert_int_equal(b.status, all[i]);
		assert_int_equal(b.verdict, VERDICT_UNVERIFIABLE);
		assert_string_equal(b.why, "because of 3 \"things\"");
	}
}

static void documents(void **state)
{
	CLEANUP_ANSWER struct answer b = {0};
	struct answer a = {.status = ANSWER_DONE, .document = (char[]){"# HELP\nx 1\n"}};
	CLEANUP_BUF struct buf text;
	struct err e;

	(void)state;
	format(&a, &text);
	assert_string_equal(text.data, "layerseal/v1 answer done 11\n# HELP\nx 1\n");
	must(parse_answer(text.data, text.len, &b, &e), &e);
	assert_string_equal(b.document, a.document);
}

/* No prefix of an answer is one; each is told from the start of something else. */
static void cut_answers(void **state)
{
	CLEANUP_ANSWER struct answer a = known();
	CLEANUP_BUF struct buf text;
	struct answer b;
	struct err e;

	(void)state;
	format(&a, &text);
	for (size_t i = 0; i < text.len; i++) {
		size_t length = 1;

		assert_int_equal(parse_answer(text.data, i, &b, &e), ERR_MALFORMED);
		must(answer_length(text.data, i, &length, &e), &e);
		assert_true(length == 0 || length == text.len);
	}
}

static void bad_answer(const char *text)
{
	CLEANUP_BUF struct buf whole;
	struct answer a;
	struct err e;

	buf_init(&whole, 100000);
	if (strncmp(text, "layerseal/", 10) == 0)
		must(buf_adds(&whole, text, &e), &e);
	else
		must(buf_addf(&whole, &e, "layerseal/v1 answer known %zu\n%s",
			 strlen(text), text),
		    &e);
	if (parse_answer(whole.data, whole.len, &a, &e) != ERR_MALFORMED)
		fail_msg("an answer: %s", whole.data);
}

#define FIRST                                                                            \
	"{\"schema\":\"layerseal.answer/1\",\"source\":\"inotify\",\"graphroot\":null,"  \
	"\"store\":null,\"ledger_size\":1,\"ledger_root\":\"sha256:" POLICY "\","
#define COUNTS "\"layers\":1,\"images\":1,\"cache_mounts\":0,\"last_pass\":0,"
#define FINDING(severity)                                                                \
	"{\"class\":\"tree-added\",\"severity\":\"" severity "\",\"layer\":null,"        \
	"\"image\":null,\"used_by\":null,\"path\":null,\"expected\":null,"               \
	"\"found\":null}"

static void bad_answers(void **state)
{
	static const char *const lies[] = {
	    "layerseal/v1 answer maybe 2\n{}",
	    "layerseal/v1 answer known\n{}",
	    "layerseal/v1 answer known -2\n{}",
	    "layerseal/v1 answer known 2 \n{}",
	    "layerseal/v1 answer known 67108865\n{}",
	    "layerseal/v1 answer  2\n{}",
	    "layerseal/v1 answer \n",
	    "layerseal/v1 answerknown 2\n{}",
	    "layerseal/v1 answer unknown 2\n{}",
	    "layerseal/v1 answer unknown "
	    "42\n{\"schema\":\"layerseal.answer/1\",\"why\":null}",
	    "{}",
	    "[]",
	    "",
	    "{\"schema\":\"layerseal.answer/2\"}",
	    /* Clean, with what is to be denied, and with what nobody knows. */
	    FIRST COUNTS "\"verdict\":\"clean\",\"findings\":[" FINDING(
		"deny") "],\"findings_dropped\":0}",
	    FIRST COUNTS "\"verdict\":\"clean\",\"findings\":[],\"findings_dropped\":1}",
	    FIRST COUNTS "\"verdict\":\"Clean\",\"findings\":[],\"findings_dropped\":0}",
	    FIRST COUNTS "\"verdict\":\"clean\",\"findings\":[]}",
	    FIRST COUNTS "\"verdict\":\"clean\",\"findings\":{},\"findings_dropped\":0}",
	    FIRST COUNTS
	    "\"verdict\":\"clean\",\"findings\":[{}],\"findings_dropped\":0}",
	    FIRST COUNTS "\"verdict\":\"clean\",\"findings\":[1],\"findings_dropped\":0}",
	    FIRST COUNTS "\"verdict\":\"violated\",\"findings\":[" FINDING(
		"bad") "],\"findings_dropped\":0}",
	    FIRST COUNTS "\"verdict\":\"clean\",\"verdict\":\"clean\",\"findings\":[],"
			 "\"findings_dropped\":0}",
	    FIRST COUNTS "\"verdict\":\"clean\",\"findings\":[],\"findings_dropped\":0,"
			 "\"more\":1}",
	    FIRST "\"verdict\":\"clean\",\"findings\":[],\"findings_dropped\":0}",
	};
	struct answer a;
	struct err e;
	size_t length;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lies); i++)
		bad_answer(lies[i]);
	/* Told before anybody waits for all of it. */
	assert_int_equal(
	    answer_length("layerseal/v1 answer done 67108865\n", 34, &length, &e),
	    ERR_MALFORMED);
	assert_int_equal(
	    parse_answer("layerseal/v1 answer done 1\n\0", 28, &a, &e), ERR_MALFORMED);
}

/* The same with all in its place, so that nothing above is refused for another reason. */
static void good_answer(void **state)
{
	static const char body[] =
	    FIRST COUNTS "\"verdict\":\"clean\",\"findings\":[" FINDING(
		"warn") "],\"findings_dropped\":0}";
	CLEANUP_ANSWER struct answer a = {0};
	CLEANUP_BUF struct buf whole;
	struct err e;

	(void)state;
	buf_init(&whole, 100000);
	must(
	    buf_addf(&whole, &e, "layerseal/v1 answer known %zu\n%s", strlen(body), body),
	    &e);
	must(parse_answer(whole.data, whole.len, &a, &e), &e);
	assert_int_equal(a.verdict, VERDICT_CLEAN);
	assert_int_equal(a.findings.n, 1);
	assert_null(a.graphroot);
}

/* Findings without end: what does not fit is counted, and such an answer is not clean. */
static void large_answer(void **state)
{
	CLEANUP_ANSWER struct answer a = {.status = ANSWER_KNOWN};
	CLEANUP_ANSWER struct answer b = {0};
	CLEANUP_BUF struct buf text;
	static char path[30001];
	struct err e;

	(void)state;
	memset(path, 'x', sizeof(path) - 1);
	for (int i = 0; i < 3000; i++)
		findings_add(
		    &a.findings, FINDING_TREE_ADDED, (struct place){.path = path});
	a.verdict = VERDICT_VIOLATED;
	format(&a, &text);
	assert_true(text.len <= PROTOCOL_ANSWER_MAX + PROTOCOL_HEAD_MAX);
	must(parse_answer(text.data, text.len, &b, &e), &e);
	assert_true(b.findings.n > 2000 && b.findings.n < 3000);
	assert_int_equal(b.findings.n + b.findings.dropped, 3000);
	assert_int_equal(b.verdict, VERDICT_VIOLATED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(requests),
	    cmocka_unit_test(request_members),
	    cmocka_unit_test(bad_requests),
	    cmocka_unit_test(bad_fields),
	    cmocka_unit_test(cut_requests),
	    cmocka_unit_test(large_requests),
	    cmocka_unit_test(answers),
	    cmocka_unit_test(answers_without_verdict),
	    cmocka_unit_test(documents),
	    cmocka_unit_test(cut_answers),
	    cmocka_unit_test(bad_answers),
	    cmocka_unit_test(good_answer),
	    cmocka_unit_test(large_answer),
	};
	struct err e;

	return crypto_init(&e) ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
