/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_scrub.c: scrub sums are what layerseal-ledger(5) says, the same however a tree is read, and another one for
 * whatever differs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/be.h"
#include "base/hex.h"
#include "tree/scrub.h"

#define PART (512U << 10)
#define MANY 200

static char dir[64];
static int tree = -1;
static struct xxh_key key;

static void must(bool ok, const char *what)
{
	if (!ok) {
		perror(what);
		abort();
	}
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void put(const char *path, const void *data, size_t len)
{
	int fd = openat(tree, path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	must(fd >= 0 && write(fd, data, len) == (ssize_t)len, path);
	close(fd);
}

static void put_bytes(const char *path, size_t len)
{
	uint8_t *data = xmalloc(len + 1);

	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)(i * 2654435761U >> 11);
	put(path, data, len);
	free(data);
}

static void set_xattr(const char *path, const char *value)
{
	CLEANUP_FREE char *full = xasprintf("%s/%s", dir, path);

	must(lsetxattr(full, "user.x", value, strlen(value), 0) == 0, path);
}

static int setup(void **state)
{
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(key.secret); i++)
		key.secret[i] = (uint8_t)i;
	strcpy(dir, "/var/tmp/layerseal-test-scrub.XXXXXX");
	if (crypto_init(&e) || !mkdtemp(dir))
		return -1;
	tree = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(mkdirat(tree, "d", 0755) == 0, "mkdir");
	put("d/empty", "", 0);
	put("d/one", "first", 5);
	put("d/two", "other", 5);
	put_bytes("d/part", PART);
	put_bytes("d/part-1", PART - 1);
	put_bytes("d/part+1", PART + 1);
	put_bytes("d/big", 5 * PART + 77);
	must(symlinkat("one", tree, "d/link") == 0, "link");
	must(linkat(tree, "d/one", tree, "d/zzz", 0) == 0, "link");
	must(mkfifoat(tree, "fifo", 0600) == 0, "fifo");
	set_xattr("d/two", "value");
	for (int i = 0; i < MANY; i++) {
		char name[32];

		snprintf(name, sizeof(name), "file-%d", i);
		put_bytes(name, (size_t)i * 97);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close(tree);
	return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static struct tree_result measure(const struct tree_options *opt)
{
	struct tree_result out;
	struct err e = {0};

	if (tree_measure(tree, opt, &out, &e))
		fail_msg("%s", e.msg);
	assert_true(out.has_scrub);
	return out;
}

static struct scrub scrub_now(void)
{
	const struct tree_options opt = {.scrub_key = &key, .scrub_only = true};

	return measure(&opt).scrub;
}

static void assert_equal(const struct scrub *a, const struct scrub *b)
{
	assert_memory_equal(a->bytes, b->bytes, sizeof(a->bytes));
}

static void assert_hex(const void *bytes, size_t len, const char *expected)
{
	char hex[2 * XXH128_BYTES + 1];

	hex_encode(hex, bytes, len);
	assert_string_equal(hex, expected);
}

/* ---- as it is written down ---- */

/* The numbers of the man page; K and the digest of the file are those of Python's hashlib. */
#define LINE_1 "/ 0 40755 1 0 0 0 1767225600.000000000 - - -\n"
#define LINE_2 "/file 6 100644 1 0 0 0 1767225600.000000001 - - "
#define DIGEST_2 "c71169a5c3b2031553f80af41d478888278f162a9721978987646a95ef24e36a"

static void test_golden(void **state)
{
	struct xxh_key k;
	struct xxh128 content;
	struct walk_sum a = {0}, b = {0};
	uint8_t bytes[XXH128_BYTES];
	CLEANUP_BUF struct buf line, copy;
	struct digest d;
	struct scrub out;
	struct err e;

	(void)state;
	buf_init(&line, 4096);
	buf_init(&copy, 4096);
	xxh_key_derive(&key, "layerseal/v1 scrub", &k);
	assert_hex(k.secret, 16, "ea03257a4be694b994a25f17a6465d8a");
	content = scrub_content(&k, "layers", 6);
	xxh128_bytes(&content, bytes);
	assert_hex(bytes, sizeof(bytes), "457cae82da357c83901d5083d5c3d753");
	scrub_add(&a, &k, LINE_1, strlen(LINE_1));
	assert_int_equal(buf_adds(&line, LINE_2 DIGEST_2 "\n", &e), 0);
	assert_int_equal(scrub_add_sealed(&a, &k, &line, &content, &copy, &e), 0);
	out = scrub_final(&a);
	assert_hex(out.bytes, sizeof(out.bytes), "09af2e4cd562dd31464efd3782ef43c0");
	/* The other way round, and the line put together here. */
	scrub_as_digest(&content, &d);
	buf_clear(&line);
	assert_int_equal(buf_adds(&line,
			     LINE_2 "457cae82da357c83901d5083d5c3d753"
				    "00000000000000000000000000000000\n",
			     &e),
	    0);
	scrub_add(&b, &k, line.data, line.len);
	scrub_add(&b, &k, LINE_1, strlen(LINE_1));
	out = scrub_final(&b);
	assert_hex(out.bytes, sizeof(out.bytes), "09af2e4cd562dd31464efd3782ef43c0");
}

/* Another way to the same sum: from the lines of the manifest, and from the files. */
struct check {
	unsigned __int128 sum;
	size_t lines;
};

static struct xxh128 sum_of_file(const char *path)
{
	CLEANUP_FREE char *full = xasprintf("%s%s", dir, path);
	FILE *f = fopen(full, "r");
	static uint8_t data[PART], sums[16][XXH128_BYTES];
	struct xxh128 h = {0};
	size_t n = 0, len;

	must(f != NULL, full);
	while ((len = fread(data, 1, PART, f)) > 0) {
		h = xxh128_keyed(&key, data, len);
		xxh128_bytes(&h, sums[n++]);
	}
	fclose(f);
	return n > 1 ? xxh128_keyed(&key, sums, n * XXH128_BYTES) : h;
}

static int check_line(void *ctx, const char *line, size_t len,
    const struct manifest_entry *m, struct err *e)
{
	struct check *c = ctx;
	CLEANUP_FREE char *copy = xstrndup(line, len);
	struct xxh128 h;

	(void)e;
	if (m->has_digest) {
		struct xxh128 content = sum_of_file(m->path);
		uint8_t bytes[XXH128_BYTES];
		char sealed[DIGEST_HEX_LEN + 1], hex[DIGEST_HEX_LEN + 1];

		xxh128_bytes(&content, bytes);
		hex_encode(hex, bytes, sizeof(bytes));
		memset(hex + 32, '0', 32);
		digest_hex(&m->digest, sealed);
		memcpy(strstr(copy, sealed), hex, DIGEST_HEX_LEN);
	}
	h = xxh128_keyed(&key, copy, len);
	c->sum += (unsigned __int128)h.hi << 64 | h.lo;
	c->lines++;
	return 0;
}

static void test_definition(void **state)
{
	struct check c = {0};
	const struct tree_options opt = {
	    .scrub_key = &key, .line = check_line, .line_ctx = &c};
	struct tree_result out = measure(&opt);
	struct scrub expected;

	(void)state;
	assert_int_equal(c.lines, out.entries);
	be_store64(expected.bytes, (uint64_t)(c.sum >> 64));
	be_store64(expected.bytes + 8, (uint64_t)c.sum);
	assert_equal(&out.scrub, &expected);
}

/* ---- however it is read ---- */

static void test_any_way(void **state)
{
	const struct scrub expected = scrub_now();
	struct tree_options opt = {.scrub_key = &key};
	const struct tree_options none = {0};
	struct tree_result plain, out;
	struct err e;

	(void)state;
	assert_int_equal(tree_measure(tree, &none, &plain, &e), 0);
	assert_false(plain.has_scrub);
	for (int only = 0; only < 2; only++) {
		for (unsigned threads = 1; threads < 6; threads += 2) {
			opt.scrub_only = only;
			opt.fresh = threads == 3;
			opt.threads = threads;
			out = measure(&opt);
			assert_equal(&out.scrub, &expected);
			assert_int_equal(out.entries, plain.entries);
			assert_int_equal(out.bytes, plain.bytes);
			assert_int_equal(digest_equal(&out.digest, &plain.digest), !only);
		}
	}
}

static void test_other_key(void **state)
{
	const struct scrub before = scrub_now();
	struct scrub after;

	(void)state;
	key.secret[XXH_KEY_BYTES - 1] ^= 1;
	after = scrub_now();
	assert_memory_not_equal(before.bytes, after.bytes, sizeof(before.bytes));
}

/* ---- everything shows ---- */

static struct timespec times[2];

static void flip(const char *path, off_t at)
{
	int fd = openat(tree, path, O_RDWR | O_CLOEXEC);
	uint8_t byte = 0;

	must(fd >= 0 && pread(fd, &byte, 1, at) == 1, path);
	byte ^= 0x10;
	must(pwrite(fd, &byte, 1, at) == 1, path);
	must(futimens(fd, times) == 0, path);
	close(fd);
}

static void set_times(const char *path)
{
	must(utimensat(tree, path, times, AT_SYMLINK_NOFOLLOW) == 0, path);
}

/* One bit in each place; then back, and all is as before. */
static void test_one_bit(void **state)
{
	static const struct {
		const char *path;
		off_t at;
	} bits[] = {{"d/one", 0}, {"d/two", 4}, {"d/part", 0}, {"d/part", PART - 1},
	    {"d/part-1", PART - 2}, {"d/part+1", PART}, {"d/part+1", PART - 1},
	    {"d/big", 0}, {"d/big", 3 * PART}, {"d/big", 5 * PART + 76}, {"file-1", 96},
	    {"file-199", 199 * 97 - 1}};
	struct scrub before, now;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bits); i++)
		set_times(bits[i].path);
	before = scrub_now();
	for (size_t i = 0; i < ARRAY_LEN(bits); i++) {
		flip(bits[i].path, bits[i].at);
		now = scrub_now();
		assert_memory_not_equal(before.bytes, now.bytes, sizeof(now.bytes));
		flip(bits[i].path, bits[i].at);
		now = scrub_now();
		assert_equal(&before, &now);
	}
}

static void differs(struct scrub *before, const char *what)
{
	struct scrub now = scrub_now();

	if (memcmp(before->bytes, now.bytes, sizeof(now.bytes)) == 0)
		fail_msg("%s", what);
	*before = now;
}

static void test_all_columns(void **state)
{
	struct scrub before;

	(void)state;
	set_times("d/one");
	set_times("d/two");
	set_times("d");
	before = scrub_now();
	must(renameat(tree, "d/part", tree, "d/other") == 0, "rename");
	set_times("d");
	differs(&before, "name");
	must(unlinkat(tree, "d/zzz", 0) == 0, "unlink");
	set_times("d");
	differs(&before, "hard link");
	/* Two files of the same size exchange their content. */
	put("d/one", "other", 5);
	put("d/two", "first", 5);
	set_times("d/one");
	set_times("d/two");
	differs(&before, "exchanged");
	set_xattr("d/two", "VALUE");
	differs(&before, "xattr");
	must(fchmodat(tree, "d/two", 0755, 0) == 0, "chmod");
	differs(&before, "mode");
	must(unlinkat(tree, "d/link", 0) == 0, "unlink");
	must(symlinkat("two", tree, "d/link") == 0, "link");
	set_times("d/link");
	set_times("d");
	differs(&before, "target");
	must(utimensat(tree, "fifo", times, 0) == 0, "times");
	differs(&before, "mtime");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_golden),
	    TEST(test_definition),
	    TEST(test_any_way),
	    TEST(test_other_key),
	    TEST(test_one_bit),
	    TEST(test_all_columns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
