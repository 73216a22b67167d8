/* SPDX-License-Identifier: Apache-2.0 */
/* test_entry.c: one spelling per entry, and nothing else is accepted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/finding.h"
#include "ledger/entry.h"

#define HEX32 "00112233445566778899aabbccddeeff"
#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ID2 "f123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define SHA "sha256:" HEX64
#define HEAD(op) "layerseal/v1 entry\nop " op "\ntime 1767225600\nstore " HEX32 "\n"

static const char *const golden[] = {
    HEAD(
	"init") "graphroot /var/lib/containers/storage\nrunroot /run/containers/storage\n"
		"driver overlay\nimagestore -\nstatprint-key -\n",
    HEAD("init") "graphroot /a\\x20b\nrunroot \\x2d\ndriver vfs\nimagestore "
		 "/images\nstatprint-key -\n"
		 "additional /usr/lib/one\nadditional /usr/lib/two\n",
    HEAD("seal-layer") "layer " HEX64 "\nparent -\ndiff-id " SHA
		       "\ndiff-size 0\nrecord " SHA
		       "\ncreated 2026-01-01T00:00:00Z\nlink -\ntar-split " SHA
		       "\ntree " SHA
		       "\nmanifest-bytes 1\nentries 18446744073709551615\nbytes 10\n"
		       "statprint -\nreason -\n",
    HEAD("seal-layer") "layer " HEX64 "\nparent " ID2 "\ndiff-id " SHA
		       "\ndiff-size 4096\nrecord " SHA
		       "\ncreated 2026-01-01T00:00:00Z\nlink ABCDEFGHIJKLMNOPQRSTUVWXYZ\n"
		       "tar-split " SHA "\ntree " SHA
		       "\nmanifest-bytes 1\nentries 1\nbytes 1\n"
		       "statprint " HEX32 "\nreason because\\x20\\xc3\\xa9\\x0a\\x5c\n",
    HEAD("seal-image") "image " HEX64 "\nlayer -\nrecord " SHA "\nreason -\n",
    HEAD("seal-image") "image " HEX64 "\nlayer " ID2 "\nrecord " SHA "\nfile a 1 " SHA
		       "\nfile b 22 " SHA "\nfile ba 333 " SHA "\nreason why\n",
    HEAD("seal-name") "name localhost/app:latest\nimage " HEX64 "\nreason -\n",
    HEAD("retire") "object image\nid " HEX64 "\nreason gone\n",
    HEAD("retire") "object layer\nid " HEX64 "\nreason -\n",
    HEAD("remeasure") "layer " HEX64 "\ntree " SHA "\nstatprint " HEX32 "\n",
    HEAD("remeasure") "layer " HEX64 "\ntree " SHA "\nstatprint " HEX32 "\nscrub " HEX32
		      "\n",
    HEAD("seal-layer") "layer " HEX64 "\nparent -\ndiff-id " SHA
		       "\ndiff-size 0\nrecord " SHA
		       "\ncreated 2026-01-01T00:00:00Z\nlink -\ntar-split " SHA
		       "\ntree " SHA "\nmanifest-bytes 1\nentries 1\nbytes 10\n"
		       "statprint -\nscrub " HEX32 "\nreason -\n",
    HEAD("seal-tree") "kind cache-mount\npath /\ntree " SHA
		      "\nmanifest-bytes 9\nentries 1\nbytes 0\nstatprint " HEX32
		      "\nscrub " HEX32 "\nreason -\n",
    HEAD("seal-layer") "layer " HEX64 "\nparent -\ndiff-id " SHA
		       "\ndiff-size 0\nrecord " SHA
		       "\ncreated 2026-01-01T00:00:00Z\nlink -\ntar-split " SHA
		       "\ntree " SHA
		       "\nmanifest-bytes 1\nentries 1\nbytes 10\nfile a 1 " SHA
		       "\nfile b 2 " SHA "\nstatprint -\nreason -\n",
    "layerseal/v1 entry\nop revoke\ntime 1767225600\nstore -\n"
    "digest " SHA "\nreason why\n",
    "layerseal/v1 entry\nop unrevoke\ntime 1767225600\nstore -\n"
    "digest " SHA "\nreason why\n",
    HEAD("purge") "object name\nid localhost/x:1\nbytes 4096\nquarantine -\nreason "
		  "tree-content\n",
    HEAD("purge") "object file\nid overlay/a\\x20b\nbytes 0\nquarantine "
		  "/srv/g.quarantine/1\nreason store-entry\n",
    HEAD("seal-tree") "kind cache-mount\npath /var/tmp/buildah-cache/a\\x20b\ntree " SHA
		      "\nmanifest-bytes 9\nentries 1\nbytes 0\nstatprint -\nreason -\n",
    HEAD("seal-tree") "kind cache-mount\npath /\ntree " SHA
		      "\nmanifest-bytes 9\nentries 1\nbytes 0\nstatprint " HEX32
		      "\nreason why\n",
    HEAD("retire-tree") "kind cache-mount\npath /var/tmp/x\nreason gone\n",
    HEAD("purge") "object cache-mount\nid /var/tmp/x\nbytes 0\nquarantine -\nreason "
		  "cache-mount-changed\n",
    HEAD("build") "engine podman\nstatus 0\nuser 1000\nbegan 1767225599\nresult -\n"
		  "containerfile -\nsealed 0\nleft-out 0\n",
    HEAD("build") "engine buildah\nstatus 137\nuser 0\nbegan 1\nresult " HEX64
		  "\ncontainerfile " SHA "\nsealed 3\nbase " HEX64 "\nbase " ID2
		  "\nargument buildah\nargument bud\nargument a\\x20b\nleft-out 7\n",
    HEAD("alarm") "class tree-mode\nlayer no-id\nimage -\npath /etc/a\\x20b\n"
		  "expected 0755\nfound 04755\npid 4711\nuid 0\nprogram /usr/bin/sh\n"
		  "left-out 0\n",
    HEAD("alarm") "class store-entry\nlayer -\nimage -\npath -\nexpected -\nfound -\n"
		  "pid -\nuid -\nprogram -\nleft-out 18446744073709551615\n",
    HEAD("gap") "kind overflow\ncount 3\n",
};

static char *format(const struct entry *en)
{
	struct buf out;
	struct err e = {0};

	buf_init(&out, ENTRY_MAX_BYTES);
	if (entry_format(en, &out, &e))
		fail_msg("%s", e.msg);
	return buf_take(&out);
}

/* What parses is formatted again as the very bytes it was parsed from. */
static bool parses(const char *bytes, size_t len)
{
	struct entry en;
	struct err e = {0};
	char *again;
	int r = entry_parse(bytes, len, &en, &e);

	if (r) {
		assert_int_equal(r, ERR_LEDGER);
		assert_int_equal(e.code, ERR_LEDGER);
		assert_non_null(strstr(e.msg, "ledger entry"));
		return false;
	}
	again = format(&en);
	assert_int_equal(strlen(again), len);
	assert_memory_equal(again, bytes, len);
	free(again);
	entry_release(&en);
	return true;
}

static void refuses(const char *bytes, size_t len, const char *what)
{
	if (parses(bytes, len))
		fail_msg("accepted (%s):\n%.*s", what, (int)len, bytes);
}

static void golden_entries_round_trip(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(golden); i++) {
		if (!parses(golden[i], strlen(golden[i])))
			fail_msg("refused:\n%s", golden[i]);
	}
}

static void fields_arrive(void **state)
{
	struct entry en;
	struct err e;

	(void)state;
	assert_int_equal(entry_parse(golden[3], strlen(golden[3]), &en, &e), 0);
	assert_int_equal(en.op, ENTRY_SEAL_LAYER);
	assert_int_equal(en.time, 1767225600);
	assert_int_equal(en.store.bytes[1], 0x11);
	assert_string_equal(en.seal_layer.parent, ID2);
	assert_int_equal(en.seal_layer.diff_size, 4096);
	assert_string_equal(en.seal_layer.reason, "because \xc3\xa9\n\\");
	assert_true(en.seal_layer.has_print);
	assert_int_equal(en.seal_layer.print[15], 0xff);
	entry_release(&en);
	assert_int_equal(entry_parse(golden[1], strlen(golden[1]), &en, &e), 0);
	assert_string_equal(en.init.graphroot, "/a b");
	assert_string_equal(en.init.runroot, "-");
	assert_int_equal(en.init.n_additional, 2);
	assert_string_equal(en.init.additional[1], "/usr/lib/two");
	entry_release(&en);
	assert_int_equal(entry_parse(golden[5], strlen(golden[5]), &en, &e), 0);
	assert_int_equal(en.seal_image.n_files, 3);
	assert_string_equal(en.seal_image.files[2].name, "ba");
	assert_int_equal(en.seal_image.files[2].size, 333);
	entry_release(&en);
	assert_string_equal(entry_op_name(ENTRY_REMEASURE), "remeasure");
	assert_int_equal(entry_parse(golden[9], strlen(golden[9]), &en, &e), 0);
	assert_false(en.remeasure.has_scrub);
	entry_release(&en);
	assert_int_equal(entry_parse(golden[10], strlen(golden[10]), &en, &e), 0);
	assert_true(en.remeasure.has_scrub);
	assert_int_equal(en.remeasure.scrub[15], 0xff);
	entry_release(&en);
}

/* ---- every line of every entry, treated badly ---- */

struct line {
	const char *start, *end; /* end: after the LF */
};

static size_t split(const char *text, struct line lines[static 32])
{
	size_t n = 0;

	while (*text) {
		const char *lf = strchr(text, '\n');

		lines[n++] = (struct line){text, lf + 1};
		text = lf + 1;
	}
	return n;
}

/* Lines of which there may be several, and the same one twice. */
static bool may_be_twice(struct line l)
{
	return strncmp(l.start, "additional ", 11) == 0 ||
	       strncmp(l.start, "base ", 5) == 0 || strncmp(l.start, "argument ", 9) == 0;
}

static bool may_be_missing(struct line l)
{
	return may_be_twice(l) || strncmp(l.start, "file ", 5) == 0 ||
	       strncmp(l.start, "scrub ", 6) == 0;
}

/* prefix, middle and the rest of the entry from `tail` on. */
static void refuses_with(const char *text, struct line at, const char *middle,
    size_t middle_len, const char *tail, const char *what)
{
	char bytes[2 * ENTRY_MAX_BYTES];
	size_t head = (size_t)(at.start - text), rest = strlen(tail);

	memcpy(bytes, text, head);
	memcpy(bytes + head, middle, middle_len);
	memcpy(bytes + head + middle_len, tail, rest);
	refuses(bytes, head + middle_len + rest, what);
}

static void lines_missing_repeated_or_moved(void **state)
{
	(void)state;
	for (size_t g = 0; g < ARRAY_LEN(golden); g++) {
		struct line l[32];
		size_t n = split(golden[g], l);

		for (size_t i = 0; i < n; i++) {
			char twice[1024];
			size_t len = (size_t)(l[i].end - l[i].start);

			if (!may_be_missing(l[i]))
				refuses_with(golden[g], l[i], "", 0, l[i].end, "missing");
			memcpy(twice, l[i].start, len);
			memcpy(twice + len, l[i].start, len);
			if (!may_be_twice(l[i]))
				refuses_with(golden[g], l[i], twice, 2 * len, l[i].end,
				    "repeated");
			refuses_with(golden[g], l[i], "x y\n", 4, l[i].start, "added");
			refuses_with(golden[g], l[i], "\n", 1, l[i].start, "empty line");
			if (i + 1 < n && !(may_be_twice(l[i]) && may_be_twice(l[i + 1]) &&
					     *l[i].start == *l[i + 1].start)) {
				size_t next = (size_t)(l[i + 1].end - l[i + 1].start);

				memcpy(twice, l[i + 1].start, next);
				memcpy(twice + next, l[i].start, len);
				refuses_with(golden[g], l[i], twice, len + next,
				    l[i + 1].end, "moved");
			}
		}
	}
}

static void lines_spelled_otherwise(void **state)
{
	static const struct {
		const char *instead_of_lf;
		const char *what;
	} ends[] = {{"\r\n", "CR"}, {" \n", "space at the end"}, {"\t\n", "tab"},
	    {"\n\n", "empty line"}, {"\\\n", "backslash"}, {"\xc3\xa9\n", "not ASCII"},
	    {"\x7f\n", "DEL"}, {"", "no line feed"}};

	(void)state;
	for (size_t g = 0; g < ARRAY_LEN(golden); g++) {
		struct line l[32];
		size_t n = split(golden[g], l);

		for (size_t i = 0; i < n; i++) {
			struct line lf = {l[i].end - 1, l[i].end};
			struct line key = {l[i].start, l[i].start};
			const char *space = strchr(l[i].start, ' ');
			struct line value = {space + 1, space + 1};

			for (size_t k = 0; k < ARRAY_LEN(ends); k++)
				refuses_with(golden[g], lf, ends[k].instead_of_lf,
				    strlen(ends[k].instead_of_lf), lf.end, ends[k].what);
			refuses_with(golden[g], lf, "\0\n", 2, lf.end, "NUL");
			refuses_with(golden[g], key, " ", 1, key.end, "space first");
			refuses_with(golden[g], key, "X", 1, key.end, "other key");
			refuses_with(golden[g], value, " ", 1, value.end, "two spaces");
			refuses_with(golden[g], value, "", 0, lf.start, "no value");
		}
	}
}

static void hex_and_numbers_have_one_spelling(void **state)
{
	(void)state;
	for (size_t g = 0; g < ARRAY_LEN(golden); g++) {
		for (const char *p = golden[g]; *p; p++) {
			struct line at = {p, p + 1};
			char upper = (char)(*p - 'a' + 'A');
			const char *key = p;

			/* The long runs of digits are ids, digests and prints. */
			if (strncmp(p, "abcdef", 6) == 0 || strncmp(p, "aabbcc", 6) == 0)
				refuses_with(
				    golden[g], at, &upper, 1, p + 1, "upper case");
			while (key > golden[g] && key[-1] != '\n')
				key--;
			if (p[0] == ' ' && (strncmp(key, "time", 4) == 0 ||
					       strstr(key, "-size ") == p - 5 ||
					       strncmp(key, "bytes", 5) == 0)) {
				refuses_with(
				    golden[g], at, " 0", 2, p + 1, "leading zero");
				refuses_with(golden[g], at, " +", 2, p + 1, "plus");
				refuses_with(golden[g], at, " -", 2, p + 1, "minus");
			}
		}
	}
}

/* Any change of any byte is refused, or is another entry with its own one spelling. */
static void no_byte_is_ignored(void **state)
{
	static const char replacements[] = "\0\n\r -0a/Zz\\~\x80";
	size_t other_entries = 0;

	(void)state;
	for (size_t g = 0; g < ARRAY_LEN(golden); g++) {
		size_t len = strlen(golden[g]);
		char bytes[ENTRY_MAX_BYTES];

		memcpy(bytes, golden[g], len);
		for (size_t i = 0; i < len; i++) {
			for (size_t k = 0; k < sizeof(replacements) - 1; k++) {
				bytes[i] = replacements[k];
				other_entries += parses(bytes, len);
			}
			bytes[i] = golden[g][i];
		}
		/* Additional stores, which any number of lines name, and scrub sums end an entry. */
		for (size_t cut = 0; cut < len; cut++) {
			if (strncmp(golden[g] + cut, "additional ", 11) != 0 &&
			    strcmp(golden[g] + cut, "scrub " HEX32 "\n") != 0)
				refuses(golden[g], cut, "cut off");
		}
	}
	assert_true(other_entries > 100); /* "a" for "0" in a digest */
}

static void numbers_end_at_64_bits(void **state)
{
	char text[1024];

	(void)state;
	snprintf(text, sizeof(text), "%s",
	    HEAD("seal-image") "image " HEX64 "\nlayer -\nrecord " SHA
			       "\nfile a 18446744073709551615 " SHA "\nreason -\n");
	assert_true(parses(text, strlen(text)));
	strstr(text, "551615")[5] = '6';
	refuses(text, strlen(text), "2^64");
	snprintf(text, sizeof(text),
	    "layerseal/v1 entry\nop retire\ntime 9223372036854775807\nstore " HEX32
	    "\nobject layer\nid " HEX64 "\nreason -\n");
	assert_true(parses(text, strlen(text)));
	strstr(text, "775807")[5] = '8';
	refuses(text, strlen(text), "a time of 2^63");
}

static void tokens_hold_no_nul(void **state)
{
	static const char text[] =
	    HEAD("seal-name") "name a\\x00b\nimage " HEX64 "\nreason -\n";
	static const char none[] =
	    HEAD("seal-name") "name -\nimage " HEX64 "\nreason -\n";

	(void)state;
	refuses(text, strlen(text), "NUL in a name");
	refuses(none, strlen(none), "empty name");
}

/* ---- sizes ---- */

static struct entry name_of(size_t len)
{
	struct entry en = {.op = ENTRY_SEAL_NAME};

	en.seal_name.name = xmalloc(len + 1);
	memset(en.seal_name.name, 'n', len);
	en.seal_name.name[len] = '\0';
	memcpy(en.seal_name.image, HEX64, sizeof(en.seal_name.image));
	return en;
}

static void entries_end_at_4096_bytes(void **state)
{
	struct entry en = name_of(1);
	char *text = format(&en);
	size_t fits = ENTRY_MAX_BYTES - strlen(text) + 1;
	char longer[ENTRY_MAX_BYTES + 2];
	struct buf out;
	struct err e;

	(void)state;
	free(text);
	entry_release(&en);
	en = name_of(fits);
	text = format(&en);
	assert_int_equal(strlen(text), ENTRY_MAX_BYTES);
	assert_true(parses(text, ENTRY_MAX_BYTES));
	snprintf(longer, sizeof(longer), "%.70sx%s", text, text + 70);
	free(text);
	entry_release(&en);
	en = name_of(fits + 1);
	buf_init(&out, 2 * ENTRY_MAX_BYTES);
	assert_int_equal(entry_format(&en, &out, &e), ERR_REFUSED);
	assert_int_equal(out.len, 0);
	entry_release(&en);
	refuses(longer, ENTRY_MAX_BYTES + 1, "4097 bytes");
}

/* ---- alarms ---- */

static char *repeated(char byte, size_t n)
{
	char *text = xmalloc(n + 1);

	memset(text, byte, n);
	text[n] = '\0';
	return text;
}

/* Whatever an attacker calls a file, and however long: there is an entry, and each text has its share. */
static void every_alarm_fits(void **state)
{
	static const char bytes[] = {'a', '-', '\\', '\n', '\xff'};

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++) {
		char *text = repeated(bytes[i], 10000);
		struct finding f = {.class = FINDING_CACHE_MOUNT_UNSEALED,
		    .layer = text,
		    .image = text,
		    .path = text,
		    .expected = text,
		    .found = text};
		struct entry en = {.op = ENTRY_ALARM, .time = INT64_MAX};
		uint64_t uid = UINT64_MAX;
		size_t spelled = bytes[i] == 'a' || bytes[i] == '-' ? 1 : 4;
		char *out;

		entry_alarm_set(&en.alarm, &f);
		entry_alarm_set_writer(&en.alarm, UINT64_MAX, &uid, text);
		en.alarm.left_out = UINT64_MAX;
		out = format(&en);
		assert_true(strlen(out) <= ENTRY_MAX_BYTES);
		assert_true(parses(out, strlen(out)));
		assert_int_equal(strlen(en.alarm.path), (1024 - 3) / spelled + 3);
		assert_string_equal(en.alarm.path + strlen(en.alarm.path) - 3, "...");
		assert_int_equal(strlen(en.alarm.layer), (192 - 3) / spelled + 3);
		assert_int_equal(strlen(en.alarm.found), (640 - 3) / spelled + 3);
		assert_int_equal(strlen(en.alarm.program), (512 - 3) / spelled + 3);
		free(out);
		free(text);
		entry_release(&en);
	}
}

static void an_alarm_says_what_the_finding_says(void **state)
{
	char *exactly = repeated('x', 1024), *one_more = repeated('x', 1025);
	struct finding f = {.class = FINDING_TREE_CONTENT, .path = exactly};
	struct entry en = {.op = ENTRY_ALARM};
	char empty[] = "";

	(void)state;
	f.found = empty;
	entry_alarm_set(&en.alarm, &f);
	entry_alarm_set_writer(&en.alarm, 0, NULL, NULL);
	assert_string_equal(en.alarm.class, "tree-content");
	assert_string_equal(en.alarm.path, exactly);
	assert_null(en.alarm.layer);
	assert_null(en.alarm.found);
	assert_false(en.alarm.has_pid || en.alarm.has_uid);
	entry_release(&en);
	en = (struct entry){.op = ENTRY_ALARM};
	f.path = one_more;
	entry_alarm_set(&en.alarm, &f);
	assert_int_equal(strlen(en.alarm.path), 1024);
	assert_string_equal(en.alarm.path + 1020, "x...");
	entry_release(&en);
	free(exactly);
	free(one_more);
}

/* ---- what must not be signed ---- */

static void formats_nothing_unreadable(void **state)
{
	char empty[] = "", b[] = "b", a[] = "a";
	struct entry_file files[2] = {{.name = b}, {.name = a}};
	struct entry bad[7] = {
	    {.op = ENTRY_RETIRE}, /* no id */
	    {.op = ENTRY_SEAL_NAME, .seal_name = {.image = HEX64}},
	    {.op = ENTRY_SEAL_NAME, .seal_name = {.name = empty, .image = HEX64}},
	    {.op = ENTRY_RETIRE, .time = -1, .retire.id = HEX64},
	    {.op = ENTRY_RETIRE, .retire.id = "0123"},
	    {.op = ENTRY_RETIRE, .retire.id = "../../0123456789abcdef"},
	    {.op = ENTRY_SEAL_IMAGE,
		.seal_image = {.image = HEX64, .files = files, .n_files = 2}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err e = {0};
		struct buf out;

		buf_init(&out, ENTRY_MAX_BYTES);
		assert_int_equal(entry_format(&bad[i], &out, &e), ERR_INTERNAL);
		assert_int_equal(out.len, 0);
		buf_release(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(golden_entries_round_trip),
	    cmocka_unit_test(fields_arrive),
	    cmocka_unit_test(lines_missing_repeated_or_moved),
	    cmocka_unit_test(lines_spelled_otherwise),
	    cmocka_unit_test(hex_and_numbers_have_one_spelling),
	    cmocka_unit_test(no_byte_is_ignored),
	    cmocka_unit_test(numbers_end_at_64_bits),
	    cmocka_unit_test(tokens_hold_no_nul),
	    cmocka_unit_test(entries_end_at_4096_bytes),
	    cmocka_unit_test(every_alarm_fits),
	    cmocka_unit_test(an_alarm_says_what_the_finding_says),
	    cmocka_unit_test(formats_nothing_unreadable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
