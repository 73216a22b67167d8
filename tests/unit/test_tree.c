/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_tree.c: measuring real trees in a scratch directory, and trying to fool the measurement:
 * swaps while it runs, mounts, deep nesting, stores through shared mappings.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "tree/tree.h"
#include "tree/walk.h"

extern char **environ;

static char scratch[] = "/var/tmp/layerseal-test-tree.XXXXXX";
static int tree = -1; /* the tree of the test that runs */
static const struct xxh_key key = {{'k', 'e', 'y'}};

static time_t clock_back; /* seconds that the program's real-time clock is late */

/* In place of the C library's: a test cannot make a ctime of the future, but an early clock. */
int clock_gettime(clockid_t id, struct timespec *t)
{
	int r = (int)syscall(SYS_clock_gettime, id, t);

	if (r == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
		t->tv_sec -= clock_back;
	return r;
}

/* ---- helpers ---- */

static void die_unless(bool ok, const char *what)
{
	if (!ok) {
		perror(what);
		abort();
	}
}

static void put(const char *path, const void *data, size_t len)
{
	int fd = openat(tree, path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	die_unless(fd >= 0 && write(fd, data, len) == (ssize_t)len, path);
	close(fd);
}

static void make_dir(const char *path)
{
	die_unless(mkdirat(tree, path, 0755) == 0, path);
}

static void set_xattr(const char *path, const char *name, const char *value, size_t len)
{
	CLEANUP_FREE char *full = xasprintf("/proc/self/fd/%d/%s", tree, path);

	die_unless(lsetxattr(full, name, value, len, 0) == 0, path);
}

static void pause_ms(long ms)
{
	const struct timespec t = {.tv_nsec = ms * 1000000};

	nanosleep(&t, NULL);
}

static int remove_scratch(void)
{
	char *const argv[] = {(char[]){"rm"}, (char[]){"-rf"}, scratch, NULL};
	int status;
	pid_t pid;

	if (posix_spawnp(&pid, "rm", NULL, NULL, argv, environ) ||
	    waitpid(pid, &status, 0) != pid)
		return -1;
	return status;
}

static int group_setup(void **state)
{
	struct err e;

	(void)state;
	umask(022);
	return crypto_init(&e) || !mkdtemp(scratch);
}

static int group_teardown(void **state)
{
	(void)state;
	return remove_scratch();
}

static int setup(void **state)
{
	static unsigned n;
	CLEANUP_FREE char *path = xasprintf("%s/%u", scratch, n++);

	(void)state;
	die_unless(mkdir(path, 0755) == 0, path);
	tree = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return tree < 0;
}

static int teardown(void **state)
{
	(void)state;
	return close(tree);
}

static int append_line(void *ctx, const char *line, size_t len,
    const struct manifest_entry *m, struct err *e)
{
	(void)m;
	return buf_add(ctx, line, len, e);
}

static struct tree_result measure(unsigned threads)
{
	struct tree_options opt = {.threads = threads, .key = &key};
	struct tree_result out;
	struct err e = {0};

	if (tree_measure(tree, &opt, &out, &e))
		fail_msg("%s", e.msg);
	return out;
}

static char *manifest(void)
{
	struct buf text;
	struct tree_options opt = {.line = append_line, .line_ctx = &text};
	struct tree_result out;
	struct digest d;
	struct err e = {0};

	buf_init(&text, 64 << 20);
	if (tree_measure(tree, &opt, &out, &e))
		fail_msg("%s", e.msg);
	sha256(text.data, text.len, &d);
	assert_true(digest_equal(&d, &out.digest));
	assert_int_equal(text.len, out.manifest_bytes);
	assert_false(out.has_print); /* no key, no print */
	return buf_take(&text);
}

static int measure_fails(struct err *e)
{
	struct tree_options opt = {.key = &key};
	struct tree_result out;

	return tree_measure(tree, &opt, &out, e);
}

static struct statprint_job stat_job(unsigned threads)
{
	struct statprint_job job = {.base_fd = tree, .path = "."};

	statprint_run(&job, 1, &key, threads, NULL);
	return job;
}

static struct statprint print_now(void)
{
	struct statprint_job job = stat_job(0);

	if (job.rc)
		fail_msg("%s", job.err.msg);
	return job.print;
}

static void assert_has(const char *text, const char *line)
{
	if (!strstr(text, line))
		fail_msg("no %s in\n%s", line, text);
}

static bool is_root(void)
{
	return geteuid() == 0;
}

/* ---- what a manifest says ---- */

static void test_empty(void **state)
{
	struct tree_result r = measure(0);
	CLEANUP_FREE char *text = manifest();

	(void)state;
	assert_int_equal(r.entries, 1);
	assert_int_equal(r.bytes, 0);
	assert_int_equal(r.outside_links, 0);
	assert_memory_equal(text, "/ 0 40755 1 ", 12);
	assert_int_equal(strlen(strchr(text, '\n')), 1);
}

static void make_socket(const char *name)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "/proc/self/fd/%d/%s", tree, name);
	die_unless(bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0, name);
	close(fd);
}

static void make_specials(void)
{
	die_unless(symlinkat("/etc/shadow", tree, "link") == 0, "link");
	die_unless(mkfifoat(tree, "fifo", 0600) == 0, "fifo");
	make_socket("socket");
	if (!is_root())
		return;
	/* Opening either would have an effect or fail; 0:0 is overlayfs's whiteout. */
	die_unless(
	    mknodat(tree, "watchdog", S_IFCHR | 0600, makedev(10, 130)) == 0, "chr");
	die_unless(
	    mknodat(tree, "block", S_IFBLK | 0600, makedev(4000, 70000)) == 0, "blk");
	die_unless(mknodat(tree, "whiteout", S_IFCHR, makedev(0, 0)) == 0, "whiteout");
	set_xattr("link", "trusted.link", "1", 1);
	set_xattr("fifo", "trusted.fifo", "2", 1);
	set_xattr("whiteout", "trusted.overlay.opaque", "y", 1);
}

static void test_types(void **state)
{
	CLEANUP_FREE char *text = NULL;

	(void)state;
	make_specials();
	put("empty", "", 0);
	put("setuid", "x", 1);
	die_unless(fchmodat(tree, "setuid", 06711, 0) == 0, "chmod");
	text = manifest();
	assert_has(text, "\n/empty 0 100644 1 ");
	assert_has(text, "\n/setuid 1 106711 1 ");
	assert_has(text, "\n/link 11 120777 1 ");
	assert_has(text, " /etc/shadow - -");
	assert_has(text, "\n/fifo 0 10600 1 ");
	assert_has(text, "\n/socket 0 140755 1 ");
	if (!is_root())
		return;
	assert_has(text, "\n/watchdog 0 20600 1 0 0 42949673090 ");
	assert_has(text, "\n/block 0 60600 1 0 0 17179869254000 ");
	assert_has(text, "\n/whiteout 0 20000 1 0 0 0 ");
	/* Attributes of the objects themselves, not of what a link leads to. */
	assert_has(text, " /etc/shadow - - trusted.link=1\n");
	assert_has(text, " - - - trusted.fifo=2\n");
	assert_has(text, " - - - trusted.overlay.opaque=y\n");
}

static void test_names(void **state)
{
	static const char *const names[] = {"-", " ", "\n", "\x1b[2J", "a", "a.b", "a!",
	    "=", "\\", "\xff\xfe", "\xc3\xa4"};
	CLEANUP_FREE char *text = NULL;
	const char *at = NULL;
	static const char *const sorted[] = {"\n/\\x0a ", "\n/\\x1b[2J ", "\n/\\x20 ",
	    "\n/- ", "\n/= ", "\n/\\x5c ", "\n/a ", "\n/a/z ", "\n/a! ", "\n/a.b ",
	    "\n/\\xc3\\xa4 ", "\n/\\xff\\xfe "};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (strcmp(names[i], "a") != 0)
			put(names[i], "", 0);
	}
	make_dir("a");
	put("a/z", "", 0);
	text = manifest();
	for (size_t i = 0; i < ARRAY_LEN(sorted); i++) {
		const char *found = strstr(text, sorted[i]);

		if (!found || found <= at)
			fail_msg("%s is missing or too early in\n%s", sorted[i], text);
		at = found;
	}
}

static void test_xattrs(void **state)
{
	char large[3000];
	CLEANUP_FREE char *text = NULL;

	(void)state;
	memset(large, 'L', sizeof(large));
	put("f", "x", 1);
	make_dir("d");
	set_xattr("f", "user.z", "1", 1);
	set_xattr("f", "user.b=c", "\0\xff", 2);
	set_xattr("f", "user.a", "", 0);
	set_xattr("d", "user.large", large, sizeof(large));
	text = manifest();
	assert_has(text, " user.a= user.b\\x3dc=\\x00\\xff user.z=1\n");
	assert_has(text, " user.large=LLLL");
}

/* Around blocks, hash blocks and parts: the parallel digest must be the sequential one. */
static void test_content(void **state)
{
	static const size_t sizes[] = {1, 4095, 4096, 4097, 524287, 524288, 524289,
	    1048576, 1052672, 4000000, 128 * 524288 + 1};
	size_t largest = sizes[ARRAY_LEN(sizes) - 1];
	char *data = xmalloc(largest);
	CLEANUP_FREE char *text = NULL;
	struct fsverity *v = fsverity_new();

	(void)state;
	for (size_t i = 0; i < largest; i++)
		data[i] = (char)(i * 2654435761U >> 24);
	memset(data + 8192, 0, 65536);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		char name[32];

		snprintf(name, sizeof(name), "%zu", sizes[i]);
		put(name, data, sizes[i]);
	}
	text = manifest();
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		char line[64], hex[DIGEST_HEX_LEN + 1];
		struct digest d;
		const char *at;

		fsverity_update(v, data, sizes[i]);
		fsverity_final(v, &d);
		digest_hex(&d, hex);
		snprintf(line, sizeof(line), "\n/%zu %zu 100644 ", sizes[i], sizes[i]);
		at = strstr(text, line);
		assert_non_null(at);
		at = strchr(at + 1, '\n') - DIGEST_HEX_LEN;
		assert_memory_equal(at, hex, DIGEST_HEX_LEN);
	}
	fsverity_free(v);
	free(data);
}

static void test_hardlinks(void **state)
{
	CLEANUP_FREE char *text = NULL;
	struct tree_result r;

	(void)state;
	make_dir("d");
	put("m", "12345", 5);
	die_unless(linkat(tree, "m", tree, "d/first", 0) == 0, "link");
	die_unless(linkat(tree, "m", tree, "z", 0) == 0, "link");
	die_unless(symlinkat("abc", tree, "s1") == 0, "symlink");
	die_unless(linkat(tree, "s1", tree, "s2", 0) == 0, "link");
	text = manifest();
	assert_has(text, "\n/d/first 5 100644 3 ");
	assert_has(text, "\n/m 5 @100644 3 ");
	assert_has(text, "\n/z 5 @100644 3 ");
	assert_has(text, " /d/first - -\n/s1 3 120777 2 ");
	assert_has(text, "\n/s2 3 @120777 2 ");
	r = measure(0);
	assert_int_equal(r.bytes, 5);
	assert_int_equal(r.outside_links, 0);
	/* A name elsewhere would let its owner write into the layer. */
	die_unless(renameat(tree, "z", tree, "../outside") == 0, "rename");
	assert_int_equal(measure(0).outside_links, 1);
	die_unless(renameat(tree, "../outside", tree, "z") == 0, "rename");
}

/* ---- sameness ---- */

static void make_forest(void)
{
	char path[64];

	for (int i = 0; i < 30; i++) {
		snprintf(path, sizeof(path), "d%d", i);
		make_dir(path);
		for (int j = 0; j < 40; j++) {
			snprintf(path, sizeof(path), "d%d/f%d", i, j);
			put(path, path, (size_t)(j * 13) % 60);
			if (j % 7 == 0) {
				char other[64];

				snprintf(
				    other, sizeof(other), "d%d/h%d", (i + 11) % 30, j);
				(void)!linkat(tree, path, tree, other, 0);
			}
		}
	}
}

static void test_threads_agree(void **state)
{
	struct tree_result one;

	(void)state;
	make_forest();
	one = measure(1);
	for (unsigned threads = 2; threads <= 8; threads += 3) {
		struct tree_result many = measure(threads);
		struct statprint_job job = stat_job(threads);

		assert_true(digest_equal(&one.digest, &many.digest));
		assert_int_equal(one.entries, many.entries);
		assert_int_equal(one.bytes, many.bytes);
		assert_true(statprint_equal(&one.print, &many.print));
		assert_int_equal(job.rc, 0);
		assert_int_equal(job.entries, one.entries);
		assert_true(statprint_equal(&one.print, &job.print));
	}
}

/* What was sealed once must be found again: never to be changed. */
static void test_print_stays(void **state)
{
	static const uint8_t expected[] = {0x3a, 0xbc, 0x50, 0x9c, 0xef, 0x15, 0x14, 0x7c,
	    0x05, 0xe0, 0x80, 0x93, 0x4f, 0x4c, 0xf9, 0x22};
	const struct walk_stat st = {
	    .ino = 11,
	    .size = 12,
	    .mtime_sec = 13,
	    .ctime_sec = 14,
	    .mtime_nsec = 15,
	    .ctime_nsec = 16,
	    .mode = 0100644,
	    .nlink = 17,
	    .uid = 18,
	    .gid = 19,
	    .dev_major = 20,
	    .dev_minor = 21,
	    .rdev_major = 22,
	    .rdev_minor = 23,
	};
	struct xxh_key fixed;
	struct xxh128 root, dir;
	struct walk_sum sum = {0};
	struct statprint print;

	(void)state;
	memset(&fixed, 0x5a, sizeof(fixed));
	root = walk_print_dir(&fixed, &walk_print_none, "", 0);
	dir = walk_print_dir(&fixed, &root, "dir", 3);
	walk_print_add(&sum, &fixed, &walk_print_none, "", &st);
	walk_print_add(&sum, &fixed, &root, "dir", &st);
	walk_print_add(&sum, &fixed, &dir, "file", &st);
	print = walk_print_final(&sum);
	assert_memory_equal(print.bytes, expected, sizeof(expected));
}

static void test_many_jobs(void **state)
{
	struct statprint_job jobs[40];
	char paths[40][16];
	struct xxh_key other = key;
	struct statprint alone;

	(void)state;
	for (int i = 0; i < 40; i++) {
		snprintf(paths[i], sizeof(paths[i]), "t%d", i);
		make_dir(paths[i]);
		jobs[i] = (struct statprint_job){.base_fd = tree, .path = paths[i]};
	}
	jobs[7].path = "missing";
	statprint_run(jobs, 40, &key, 3, NULL);
	assert_int_equal(jobs[7].rc, ERR_NOT_FOUND);
	for (int i = 0; i < 40; i++) {
		if (i != 7)
			assert_int_equal(jobs[i].rc, 0);
		if (i != 7 && i > 0)
			assert_false(statprint_equal(&jobs[0].print, &jobs[i].print));
	}
	alone = jobs[3].print;
	other.secret[8] ^= 1;
	statprint_run(&jobs[3], 1, &other, 1, NULL);
	assert_false(statprint_equal(&alone, &jobs[3].print));
}

/* ---- every change shows, in both measurements ---- */

static void do_content(void)
{
	struct stat st;
	int fd = openat(tree, "d/f", O_WRONLY);
	struct timespec times[2];

	die_unless(fd >= 0 && fstat(fd, &st) == 0, "open");
	die_unless(pwrite(fd, "X", 1, 3) == 1, "write");
	/* The forger puts the old time back. */
	times[0] = times[1] = st.st_mtim;
	die_unless(futimens(fd, times) == 0, "futimens");
	close(fd);
}

static void do_chmod(void)
{
	die_unless(fchmodat(tree, "d/f", 04644, 0) == 0, "chmod");
}

static void do_chmod_root(void)
{
	die_unless(fchmod(tree, 0700) == 0, "chmod");
}

static void do_xattr(void)
{
	set_xattr("d/f", "user.new", "1", 1);
}

static void do_dir_xattr(void)
{
	set_xattr("d", "user.new", "1", 1);
}

static void do_mtime(void)
{
	const struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};

	die_unless(utimensat(tree, "d/l", times, AT_SYMLINK_NOFOLLOW) == 0, "utimensat");
}

static void do_add(void)
{
	put("d/.new", "", 0);
}

static void do_remove(void)
{
	die_unless(unlinkat(tree, "d/l", 0) == 0, "unlink");
}

static void do_rename(void)
{
	die_unless(renameat(tree, "d/f", tree, "d/g") == 0, "rename");
}

static void do_retarget(void)
{
	do_remove();
	die_unless(symlinkat("there", tree, "d/l") == 0, "symlink");
}

static void do_swap_dirs(void)
{
	die_unless(renameat2(tree, "d", tree, "e", RENAME_EXCHANGE) == 0, "exchange");
}

static void test_changes(void **state)
{
	static void (*const changes[])(void) = {do_content, do_chmod, do_chmod_root,
	    do_xattr, do_dir_xattr, do_mtime, do_add, do_rename, do_retarget, do_remove,
	    do_swap_dirs};
	struct tree_result before;
	struct statprint quick;

	(void)state;
	make_dir("d");
	make_dir("e");
	put("d/f", "content", 7);
	put("e/f", "CONTENT", 7);
	die_unless(symlinkat("other", tree, "d/l") == 0, "symlink");
	before = measure(0);
	quick = print_now();
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		struct tree_result now;
		struct statprint quick_now;

		/* ctime has the granularity of a tick on older kernels. */
		pause_ms(12);
		changes[i]();
		now = measure(0);
		quick_now = print_now();
		if (digest_equal(&before.digest, &now.digest))
			fail_msg("change %zu is not in the manifest", i);
		if (statprint_equal(&quick, &quick_now))
			fail_msg("change %zu is not in the statprint", i);
		assert_true(statprint_equal(&now.print, &quick_now));
		before = now;
		quick = quick_now;
	}
}

/* ---- when a statprint may be recorded ---- */

static bool print_allowed_here(void)
{
	struct statfs fs;

	die_unless(fstatfs(tree, &fs) == 0, "statfs");
	return fs.f_type == EXT4_SUPER_MAGIC || fs.f_type == 0x58465342 ||
	       fs.f_type == BTRFS_SUPER_MAGIC;
}

/*
 * Two stores through a shared mapping to one page: the second moves neither ctime nor mtime if the
 * page is still dirty. Either the print was not to be recorded, or it must differ after.
 */
static void test_mmap_attack(void **state)
{
	struct tree_result clean, dirty, after;
	struct statprint now;
	char *page;
	int fd;

	(void)state;
	put("f", "AAAAAAAA", 8);
	fd = openat(tree, "f", O_RDWR);
	page = mmap(NULL, 8, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	die_unless(page != MAP_FAILED, "mmap");
	pause_ms(30);
	clean = measure(0);
	assert_int_equal(clean.has_print, print_allowed_here());
	for (int i = 0; i < 5; i++) {
		page[0] = (char)('B' + 2 * i);
		pause_ms(30);
		dirty = measure(0);
		page[0] = (char)('C' + 2 * i);
		now = print_now();
		if (dirty.has_print)
			assert_false(statprint_equal(&dirty.print, &now));
		assert_int_equal(dirty.has_print, print_allowed_here());
		after = measure(0);
		assert_false(digest_equal(&dirty.digest, &after.digest));
	}
	munmap(page, 8);
	close(fd);
}

/* Memory is never written back, so no order of calls makes its ctime tell of every store. */
static void test_no_print_on_tmpfs(void **state)
{
	char path[] = "/dev/shm/layerseal-test.XXXXXX";
	struct tree_options opt = {.key = &key};
	struct tree_result out;
	struct statfs fs;
	struct err e;
	int fd;

	(void)state;
	if (statfs("/dev/shm", &fs) || fs.f_type != TMPFS_MAGIC)
		return;
	die_unless(mkdtemp(path) != NULL, path);
	fd = open(path, O_RDONLY | O_DIRECTORY);
	pause_ms(30);
	assert_int_equal(tree_measure(fd, &opt, &out, &e), 0);
	assert_false(out.has_print);
	close(fd);
	rmdir(path);
}

/* A file as new as the clock, or newer, could change again without its ctime moving. */
static void test_no_print_of_the_future(void **state)
{
	struct tree_result r;

	(void)state;
	make_dir("d");
	put("d/f", "x", 1);
	pause_ms(30);
	clock_back = 3600;
	r = measure(0);
	clock_back = 0;
	assert_false(r.has_print);
	assert_int_equal(measure(0).has_print, print_allowed_here());
}

/* Every field of an entry, its name and its directory are in its hash. */
static void test_print_covers_all(void **state)
{
	const struct xxh128 dir = walk_print_dir(&key, &walk_print_none, "d", 1);
	struct walk_stat st = {.ino = 1};
	struct walk_sum want = {0}, other = {0};

	(void)state;
	walk_print_add(&want, &key, &walk_print_none, "name", &st);
	for (size_t i = 0; i < sizeof(st); i++) {
		struct walk_sum sum = {0};

		((uint8_t *)&st)[i] ^= 0x10;
		walk_print_add(&sum, &key, &walk_print_none, "name", &st);
		((uint8_t *)&st)[i] ^= 0x10;
		if (sum.v == want.v)
			fail_msg("byte %zu of walk_stat is not covered", i);
	}
	walk_print_add(&other, &key, &walk_print_none, "nam", &st);
	assert_false(other.v == want.v);
	other.v = 0;
	walk_print_add(&other, &key, &dir, "name", &st);
	assert_false(other.v == want.v);
}

static void test_add_file(void **state)
{
	struct statprint a = {{0}}, b = {{0}}, c = {{0}};
	struct timespec ctime;
	struct stat st;
	struct err e;

	(void)state;
	put("f", "x", 1);
	assert_int_equal(statprint_add_file(tree, "f", &key, &a, &ctime, &e), 0);
	assert_int_equal(statprint_add_file(tree, "f", &key, &b, &ctime, &e), 0);
	assert_true(statprint_equal(&a, &b));
	die_unless(fstatat(tree, "f", &st, 0) == 0, "stat");
	assert_int_equal(ctime.tv_sec, st.st_ctim.tv_sec);
	assert_int_equal(ctime.tv_nsec, st.st_ctim.tv_nsec);
	pause_ms(12);
	do_chmod_root();
	put("f", "y", 1);
	assert_int_equal(statprint_add_file(tree, "f", &key, &c, &ctime, &e), 0);
	assert_false(statprint_equal(&a, &c));
	assert_int_equal(
	    statprint_add_file(tree, "gone", &key, &c, &ctime, &e), ERR_CHANGED);
	make_dir("d");
	assert_int_equal(
	    statprint_add_file(tree, "d", &key, &c, &ctime, &e), ERR_MALFORMED);
}

/* ---- nothing but the tree ---- */

/* In a child: mounts over d/mnt in a namespace of its own. 77: that is not allowed here. */
static int mount_and_measure(const char *root, bool on_file)
{
	CLEANUP_FREE char *target = xasprintf("%s/d/mnt", root);
	CLEANUP_FREE char *source = xasprintf("%s/%s", root, on_file ? "file" : "dir");
	struct statprint_job job;
	struct err e = {0};

	if (unshare(CLONE_NEWNS) && unshare(CLONE_NEWUSER | CLONE_NEWNS))
		return 77;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount(source, target, NULL, MS_BIND, NULL))
		return 77;
	/* A descriptor from before belongs to the other namespace and does not see the mount. */
	tree = open(root, O_RDONLY | O_DIRECTORY);
	if (measure_fails(&e) != ERR_IO || !strstr(e.msg, "/d/mnt: something is mounted"))
		return 1;
	job = stat_job(2);
	if (job.rc != ERR_IO || !strstr(job.err.msg, "/d/mnt: something is mounted"))
		return 2;
	return 0;
}

/* The source is on the same file system: the device number alone would not tell. */
static void check_mount(bool on_file)
{
	char path[64], root[4096];
	ssize_t n;
	int status;
	pid_t pid;

	make_dir("d");
	make_dir("dir");
	put("file", "x", 1);
	if (on_file)
		put("d/mnt", "", 0);
	else
		make_dir("d/mnt");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", tree);
	n = readlink(path, root, sizeof(root) - 1);
	die_unless(n > 0, "readlink");
	root[n] = '\0';
	pid = fork();
	if (pid == 0)
		_exit(mount_and_measure(root, on_file));
	waitpid(pid, &status, 0);
	assert_true(WIFEXITED(status));
	if (is_root() || WEXITSTATUS(status) != 77)
		assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_mounted_directory(void **state)
{
	(void)state;
	check_mount(false);
}

static void test_mounted_file(void **state)
{
	(void)state;
	check_mount(true);
}

/* Makes `levels` nested directories "d", deeper than any path can name. */
static void nest(unsigned levels)
{
	int fd = dup(tree);

	for (unsigned i = 0; i < levels; i++) {
		int next;

		die_unless(mkdirat(fd, "d", 0755) == 0, "mkdir");
		next = openat(fd, "d", O_RDONLY | O_DIRECTORY);
		die_unless(next >= 0, "open");
		close(fd);
		fd = next;
	}
	close(fd);
}

static void test_deep(void **state)
{
	struct tree_result r;
	struct statprint_job job;

	(void)state;
	nest(900);
	r = measure(0);
	job = stat_job(0);
	assert_int_equal(r.entries, 901);
	assert_int_equal(job.rc, 0);
	assert_true(statprint_equal(&r.print, &job.print));
}

static void test_too_deep(void **state)
{
	struct statprint_job job;
	struct err e = {0};

	(void)state;
	nest(WALK_DEPTH_MAX + 10);
	assert_int_equal(measure_fails(&e), ERR_IO);
	assert_non_null(strstr(e.msg, "/d/d/d"));
	job = stat_job(0);
	assert_int_equal(job.rc, ERR_IO);
}

static int refuse_third(void *ctx, const char *line, size_t len,
    const struct manifest_entry *m, struct err *e)
{
	unsigned *n = ctx;

	(void)line;
	(void)len;
	(void)m;
	return ++*n == 3 ? err_set(e, ERR_REFUSED, "enough") : 0;
}

static void test_callback_ends_it(void **state)
{
	unsigned n = 0;
	struct tree_options opt = {.threads = 4, .line = refuse_third, .line_ctx = &n};
	struct tree_result out;
	struct err e;

	(void)state;
	make_forest();
	assert_int_equal(tree_measure(tree, &opt, &out, &e), ERR_REFUSED);
	assert_string_equal(e.msg, "enough");
	assert_int_equal(n, 3);
	assert_false(out.has_print);
}

static void test_unreadable(void **state)
{
	struct err e = {0};
	int full;

	(void)state;
	full = openat(tree, ".", O_PATH);
	close(tree);
	tree = open("/dev/null", O_RDONLY);
	assert_int_equal(measure_fails(&e), ERR_CHANGED); /* not a directory */
	close(tree);
	tree = full;
	if (is_root())
		return;
	make_dir("d");
	die_unless(fchmodat(tree, "d", 0, 0) == 0, "chmod");
	assert_int_equal(measure_fails(&e), ERR_IO);
	assert_non_null(strstr(e.msg, "/d: "));
	die_unless(fchmodat(tree, "d", 0755, 0) == 0, "chmod");
}

/* ---- races ---- */

static atomic_bool swapping;

/* Exchanges "v" with a link to a secret, a FIFO, a directory, in turn. */
static void *swap(void *arg)
{
	static const char *const others[] = {"../link", "../pipe", "../dir"};
	size_t i = 0;

	(void)arg;
	while (swapping) {
		const char *other = others[i++ % ARRAY_LEN(others)];

		(void)!renameat2(tree, "v", tree, other, RENAME_EXCHANGE);
		sched_yield();
		(void)!renameat2(tree, "v", tree, other, RENAME_EXCHANGE);
		if (i % 16 == 0)
			pause_ms(1);
	}
	return NULL;
}

struct seen {
	char sealed[DIGEST_HEX_LEN + 1];
};

static int look(void *ctx, const char *line, size_t len, const struct manifest_entry *m,
    struct err *e)
{
	struct seen *s = ctx;
	char hex[DIGEST_HEX_LEN + 1];

	(void)line;
	(void)len;
	(void)e;
	if (strcmp(m->path, "/v") == 0 && m->has_digest) {
		digest_hex(&m->digest, hex);
		/* Never the secret that a link led to. */
		assert_string_equal(hex, s->sealed);
	}
	return 0;
}

/* Whatever the swapper does, the answer is the file's own bytes, or that the tree changed. */
static void test_swaps(void **state)
{
	struct seen seen;
	struct tree_options opt = {.threads = 2, .line = look, .line_ctx = &seen};
	struct fsverity *v = fsverity_new();
	unsigned changed = 0;
	struct digest d;
	pthread_t id;

	(void)state;
	put("v", "own bytes", 9);
	put("../secret", "the secret", 10);
	die_unless(symlinkat("../secret", tree, "../link") == 0, "link");
	die_unless(mkfifoat(tree, "../pipe", 0600) == 0, "fifo");
	make_dir("../dir");
	put("../dir/secret", "the secret", 10);
	fsverity_update(v, "own bytes", 9);
	fsverity_final(v, &d);
	fsverity_free(v);
	digest_hex(&d, seen.sealed);
	swapping = true;
	die_unless(pthread_create(&id, NULL, swap, NULL) == 0, "thread");
	for (int i = 0; i < 150 || (i < 3000 && changed == 0); i++) {
		struct tree_result out;
		struct err e;
		int r;

		r = tree_measure(tree, &opt, &out, &e);
		if (r && r != ERR_CHANGED)
			fail_msg("%s", e.msg);
		changed += r != 0;
	}
	swapping = false;
	pthread_join(id, NULL);
	assert_true(changed > 0);
}

static void *exchange(void *arg)
{
	(void)arg;
	for (unsigned i = 1; swapping; i++) {
		(void)!renameat2(tree, "v", tree, "w", RENAME_EXCHANGE);
		if (i % 8 == 0)
			pause_ms(1);
	}
	return NULL;
}

static int keep_digest(void *ctx, const char *line, size_t len,
    const struct manifest_entry *m, struct err *e)
{
	struct digest *d = ctx;

	(void)line;
	(void)len;
	(void)e;
	if (strcmp(m->path, "/v") == 0)
		d[0] = m->digest;
	if (strcmp(m->path, "/w") == 0)
		d[1] = m->digest;
	return 0;
}

/* Two files change places all the time: no state of the tree has one of them twice. */
static void test_exchange(void **state)
{
	struct digest d[2];
	struct tree_options opt = {.threads = 2, .line = keep_digest, .line_ctx = d};
	unsigned same = 0, changed = 0;
	pthread_t id;

	(void)state;
	put("v", "one", 3);
	put("w", "two", 3);
	swapping = true;
	die_unless(pthread_create(&id, NULL, exchange, NULL) == 0, "thread");
	for (int i = 0; i < 200 || (i < 20000 && (!same || !changed)); i++) {
		struct tree_result out;
		struct err e;
		int r = tree_measure(tree, &opt, &out, &e);

		if (r && r != ERR_CHANGED)
			fail_msg("%s", e.msg);
		changed += r != 0;
		same += r == 0;
		if (r == 0)
			assert_false(digest_equal(&d[0], &d[1]));
	}
	swapping = false;
	pthread_join(id, NULL);
	assert_true(same && changed);
}

static void *write_on(void *arg)
{
	int fd = *(int *)arg;

	for (unsigned i = 0; swapping; i++)
		(void)!pwrite(fd, &i, sizeof(i), 3 << 20);
	return NULL;
}

/* A file that is written all the time is an error, not a digest of a mixture. */
static void test_busy_file(void **state)
{
	struct tree_options opt = {.threads = 2};
	struct tree_result out;
	struct err e = {0};
	pthread_t id;
	int fd, r = 0;

	(void)state;
	put("busy", "", 0);
	fd = openat(tree, "busy", O_WRONLY);
	die_unless(ftruncate(fd, 48 << 20) == 0, "ftruncate");
	swapping = true;
	die_unless(pthread_create(&id, NULL, write_on, &fd) == 0, "thread");
	/* On a busy machine the writer may miss a whole measurement. */
	for (int i = 0; !r && i < 50; i++)
		r = tree_measure(tree, &opt, &out, &e);
	swapping = false;
	pthread_join(id, NULL);
	close(fd);
	assert_int_equal(r, ERR_CHANGED);
	assert_non_null(strstr(e.msg, "/busy: "));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_empty),
	    TEST(test_types),
	    TEST(test_names),
	    TEST(test_xattrs),
	    TEST(test_content),
	    TEST(test_hardlinks),
	    TEST(test_threads_agree),
	    TEST(test_print_stays),
	    TEST(test_many_jobs),
	    TEST(test_changes),
	    TEST(test_mmap_attack),
	    TEST(test_no_print_on_tmpfs),
	    TEST(test_no_print_of_the_future),
	    TEST(test_print_covers_all),
	    TEST(test_add_file),
	    TEST(test_mounted_directory),
	    TEST(test_mounted_file),
	    TEST(test_deep),
	    TEST(test_too_deep),
	    TEST(test_callback_ends_it),
	    TEST(test_unreadable),
	    TEST(test_swaps),
	    TEST(test_exchange),
	    TEST(test_busy_file),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
