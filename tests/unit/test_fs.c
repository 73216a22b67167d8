/* SPDX-License-Identifier: Apache-2.0 */
/* test_fs.c: files that lead elsewhere, block, change or fill the disk; nothing is left behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"

#define ROOM (1 << 20)
#define BLOCKED_AFTER 60 /* seconds: then SIGALRM ends a test that hangs */

struct area {
	char path[64];
	int dir; /* path/inside */
	size_t open_fds;
};

/* ---- helpers ---- */

static size_t count_open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void put(int dir, const char *name, const char *content)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, strlen(content)), strlen(content));
	close(fd);
}

static int setup(void **state)
{
	struct area *a = xcalloc(1, sizeof(*a));
	int root;

	snprintf(a->path, sizeof(a->path), "/tmp/layerseal-test-fs-XXXXXX");
	if (!mkdtemp(a->path))
		return -1;
	alarm(BLOCKED_AFTER);
	a->open_fds = count_open_fds();
	root = open(a->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	put(root, "secret", "outside");
	mkdirat(root, "inside", 0700);
	a->dir = openat(root, "inside", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	close(root);
	mkdirat(a->dir, "d", 0700);
	put(a->dir, "file", "content");
	put(a->dir, "d/deep", "deep");
	*state = a;
	return a->dir < 0 ? -1 : 0;
}

/* Removes what the tests make: two levels below `inside`. */
static void remove_all(int dir)
{
	CLEANUP_NAMES struct fs_names names = {0};
	struct err e;

	assert_int_equal(fs_list(dir, ".", 1000, &names, &e), 0);
	for (size_t i = 0; i < names.n; i++) {
		CLEANUP_FD int sub = -1;

		if (unlinkat(dir, names.v[i], 0) == 0)
			continue;
		assert_int_equal(fs_open_dir(dir, names.v[i], &sub, &e), 0);
		remove_all(sub);
		assert_int_equal(unlinkat(dir, names.v[i], AT_REMOVEDIR), 0);
	}
}

static int teardown(void **state)
{
	struct area *a = *state;
	size_t still_open;
	int root;

	root = open(a->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	close(a->dir);
	remove_all(root);
	close(root);
	alarm(0);
	still_open = count_open_fds();
	rmdir(a->path);
	/* Every function closes what it opens, whatever became of it. */
	if (still_open != a->open_fds)
		fprintf(
		    stderr, "%zu descriptors instead of %zu\n", still_open, a->open_fds);
	still_open -= a->open_fds;
	free(a);
	return still_open ? -1 : 0;
}

static void assert_content(int dir, const char *name, const char *expected)
{
	CLEANUP_BUF struct buf content;
	struct err e = {0};

	buf_init(&content, ROOM);
	if (fs_read_file(dir, name, ROOM, &content, NULL, &e))
		fail_msg("%s: %s", name, e.msg);
	assert_string_equal(content.data, expected);
}

static void assert_no_content(int dir, const char *name, enum err_code expected)
{
	CLEANUP_BUF struct buf content;
	struct stat st = {.st_size = 77};
	struct err e = {0};

	buf_init(&content, ROOM);
	assert_int_equal(buf_adds(&content, "kept", &e), 0);
	assert_int_equal(fs_read_file(dir, name, ROOM, &content, &st, &e), expected);
	assert_int_equal(e.code, expected);
	assert_true(strlen(e.msg) > 0);
	assert_string_equal(content.data, "kept");
	assert_int_equal(content.len, 4);
	assert_int_equal(st.st_size, 77);
}

static void assert_names(int dir, const char *const *expected, size_t n)
{
	CLEANUP_NAMES struct fs_names names = {0};
	struct err e;

	assert_int_equal(fs_list(dir, ".", 1000, &names, &e), 0);
	for (size_t i = 0; i < names.n && i < n; i++)
		assert_string_equal(names.v[i], expected[i]);
	assert_int_equal(names.n, n);
}

/* What setup() made and nothing else: no temporary file is left. */
static void assert_untouched(int dir)
{
	static const char *const names[] = {"d", "file"};

	assert_names(dir, names, ARRAY_LEN(names));
	assert_content(dir, "file", "content");
}

/* ---- opening ---- */

static void assert_no_open(int dir, const char *path, enum err_code expected)
{
	struct err e = {0};
	int fd = -77;

	assert_int_equal(fs_open(dir, path, O_RDONLY, &fd, &e), expected);
	assert_int_equal(fd, -77);
	assert_int_equal(e.code, expected);
	assert_int_equal(fs_open(dir, path, O_PATH, &fd, &e), expected);
	assert_no_content(dir, path, expected);
}

static void test_open(void **state)
{
	struct area *a = *state;
	struct err e;
	int fd;

	assert_int_equal(fs_open(a->dir, "d/deep", O_RDONLY, &fd, &e), 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	assert_int_equal(fs_open_dir(a->dir, "d", &fd, &e), 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	assert_int_equal(fs_open_dir(a->dir, "file", &fd, &e), ERR_IO);
	assert_no_open(a->dir, "missing", ERR_NOT_FOUND);
	assert_no_open(a->dir, "d/missing", ERR_NOT_FOUND);
	assert_no_open(a->dir, "missing/deep", ERR_NOT_FOUND);
	/* Not there, but not plainly missing either. */
	assert_no_open(a->dir, "file/deep", ERR_IO);
}

static void test_open_leaves_nowhere(void **state)
{
	struct area *a = *state;
	CLEANUP_FREE char *absolute = xasprintf("%s/secret", a->path);

	assert_int_equal(symlinkat("../secret", a->dir, "out"), 0);
	assert_int_equal(symlinkat(absolute, a->dir, "absolute"), 0);
	assert_int_equal(symlinkat("d", a->dir, "dirlink"), 0);
	assert_int_equal(symlinkat("file", a->dir, "filelink"), 0);
	assert_int_equal(symlinkat("loop", a->dir, "loop"), 0);
	assert_no_open(a->dir, "../secret", ERR_IO);
	assert_no_open(a->dir, "..", ERR_IO);
	assert_no_open(a->dir, "d/../../secret", ERR_IO);
	assert_no_open(a->dir, absolute, ERR_IO);
	assert_no_open(a->dir, "/", ERR_IO);
	/* Links that stay within are as forbidden: what is measured has one path. */
	assert_no_open(a->dir, "dirlink/deep", ERR_IO);
	assert_no_content(a->dir, "out", ERR_MALFORMED);
	assert_no_content(a->dir, "absolute", ERR_MALFORMED);
	assert_no_content(a->dir, "filelink", ERR_MALFORMED);
	assert_no_content(a->dir, "loop", ERR_MALFORMED);
	assert_content(a->dir, "d/../file", "content");
}

static void test_open_no_links(void **state)
{
	struct area *a = *state;
	struct err e;
	int fd;

	assert_int_equal(symlinkat("file", a->dir, "filelink"), 0);
	assert_int_equal(symlinkat("d", a->dir, "dirlink"), 0);
	assert_int_equal(fs_open(a->dir, "filelink", O_RDONLY, &fd, &e), ERR_IO);
	assert_int_equal(fs_open_dir(a->dir, "dirlink", &fd, &e), ERR_IO);
	/* The links of /proc lead anywhere without a name. */
	assert_int_equal(fs_open_root("/proc", &fd, &e), 0);
	{
		CLEANUP_FD int proc = fd;

		assert_no_open(proc, "self/root/etc", ERR_IO);
	}
}

static void test_open_root(void **state)
{
	struct area *a = *state;
	CLEANUP_FREE char *link = xasprintf("%s/link", a->path);
	CLEANUP_FREE char *file = xasprintf("%s/secret", a->path);
	struct err e;
	int fd;

	assert_int_equal(symlink("inside", link), 0);
	assert_int_equal(fs_open_root(link, &fd, &e), 0);
	assert_content(fd, "file", "content");
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	assert_int_equal(fs_open_root(file, &fd, &e), ERR_IO);
	assert_int_equal(fs_open_root("/nonexistent/x", &fd, &e), ERR_NOT_FOUND);
}

/* ---- files that are none ---- */

static void test_special_files(void **state)
{
	struct area *a = *state;
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	CLEANUP_FD int sock = socket(AF_UNIX, SOCK_STREAM, 0), dev = -1, fd = -1;
	struct err e;

	assert_int_equal(mkfifoat(a->dir, "fifo", 0600), 0);
	snprintf(name.sun_path, sizeof(name.sun_path), "%s/inside/socket", a->path);
	assert_int_equal(bind(sock, (struct sockaddr *)&name, sizeof(name)), 0);
	assert_no_content(a->dir, "fifo", ERR_MALFORMED);
	assert_no_content(a->dir, "socket", ERR_MALFORMED);
	assert_no_content(a->dir, "d", ERR_MALFORMED);
	assert_no_content(a->dir, ".", ERR_MALFORMED);
	/* /dev/zero would never end. */
	assert_int_equal(fs_open_root("/dev", &dev, &e), 0);
	assert_no_content(dev, "zero", ERR_MALFORMED);
	assert_no_content(dev, "null", ERR_MALFORMED);
	/* Nobody writes to the fifo: this returns at once. */
	assert_int_equal(fs_open(a->dir, "fifo", O_RDONLY, &fd, &e), 0);
}

/* Whether reading `name` opens it, as the kernel tells it. */
static bool is_opened_by_reading(struct area *a, const char *name)
{
	CLEANUP_FD int in = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	CLEANUP_FREE char *path = xasprintf("%s/inside/%s", a->path, name);
	CLEANUP_BUF struct buf content;
	char events[4096];
	struct err e;
	int r;

	buf_init(&content, ROOM);
	assert_true(inotify_add_watch(in, path, IN_OPEN) >= 0);
	r = fs_read_file(a->dir, name, ROOM, &content, NULL, &e);
	assert_true(r == 0 || r == ERR_MALFORMED);
	return read(in, events, sizeof(events)) > 0;
}

static void test_special_files_are_not_opened(void **state)
{
	struct area *a = *state;

	assert_int_equal(mkfifoat(a->dir, "fifo", 0600), 0);
	assert_true(is_opened_by_reading(a, "file"));
	assert_false(is_opened_by_reading(a, "fifo"));
}

/* ---- reading ---- */

static void test_read(void **state)
{
	struct area *a = *state;
	CLEANUP_BUF struct buf content;
	struct stat st;
	struct err e;

	buf_init(&content, 14);
	assert_int_equal(fs_read_file(a->dir, "file", 7, &content, &st, &e), 0);
	assert_int_equal(st.st_size, 7);
	assert_true(S_ISREG(st.st_mode));
	/* Appended; a NUL in a file is content. */
	assert_int_equal(fs_read_file(a->dir, "file", ROOM, &content, NULL, &e), 0);
	assert_string_equal(content.data, "contentcontent");
	assert_int_equal(
	    fs_read_file(a->dir, "file", ROOM, &content, NULL, &e), ERR_MALFORMED);
	assert_string_equal(content.data, "contentcontent");
	put(a->dir, "empty", "");
	assert_content(a->dir, "empty", "");
	assert_int_equal(fs_replace(a->dir, "nul", "a\0b", 3, 0600, &e), 0);
	buf_clear(&content);
	assert_int_equal(fs_read_file(a->dir, "nul", 3, &content, NULL, &e), 0);
	assert_int_equal(content.len, 3);
	assert_memory_equal(content.data, "a\0b", 4);
}

static void test_read_maximum(void **state)
{
	struct area *a = *state;
	CLEANUP_BUF struct buf content;
	CLEANUP_FD int fd = -1;
	struct err e;

	buf_init(&content, ROOM);
	assert_int_equal(
	    fs_read_file(a->dir, "file", 6, &content, NULL, &e), ERR_MALFORMED);
	assert_non_null(strstr(e.msg, "file has 7 bytes"));
	/* A terabyte that takes no room on the disk takes none in memory either. */
	fd = openat(a->dir, "sparse", O_WRONLY | O_CREAT, 0600);
	assert_int_equal(ftruncate(fd, (off_t)1 << 40), 0);
	assert_int_equal(
	    fs_read_file(a->dir, "sparse", ROOM, &content, NULL, &e), ERR_MALFORMED);
	assert_int_equal(content.cap, 0);
}

/* The kernel says 0 bytes and then yields some, on every try. */
static void test_read_other_size(void **state)
{
	CLEANUP_FD int proc = -1;
	struct err e;

	(void)state;
	assert_int_equal(fs_open_root("/proc", &proc, &e), 0);
	assert_no_content(proc, "version", ERR_CHANGED);
}

struct meddler {
	int dir;
	_Atomic bool stop;
};

/* Sets a new mtime, again and again; size and bytes stay. */
static void *touch(void *arg)
{
	struct meddler *m = arg;
	CLEANUP_FD int fd = openat(m->dir, "busy", O_WRONLY | O_CLOEXEC);

	for (long i = 0; !m->stop; i++) {
		struct timespec times[2] = {
		    {.tv_nsec = UTIME_OMIT}, {.tv_sec = i, .tv_nsec = 1}};

		futimens(fd, times);
	}
	return NULL;
}

static void test_read_changing_file(void **state)
{
	struct area *a = *state;
	struct meddler m = {.dir = a->dir};
	CLEANUP_FD int fd = openat(a->dir, "busy", O_WRONLY | O_CREAT, 0600);
	CLEANUP_BUF struct buf content;
	pthread_t thread;
	struct err e;
	int r = 0;

	buf_init(&content, 16 * ROOM);
	assert_int_equal(write(fd, "x", 1), 1);
	assert_int_equal(ftruncate(fd, 16 * ROOM), 0);
	assert_int_equal(pthread_create(&thread, NULL, touch, &m), 0);
	/* Three tries may fall between two changes, but not for ever (alarm() ends the test). */
	while (r == 0) {
		buf_clear(&content);
		r = fs_read_file(a->dir, "busy", 16 * ROOM, &content, NULL, &e);
	}
	m.stop = true;
	pthread_join(thread, NULL);
	assert_int_equal(r, ERR_CHANGED);
	assert_int_equal(content.len, 0);
	assert_string_equal(content.data, "");
	assert_int_equal(fs_read_file(a->dir, "busy", 16 * ROOM, &content, NULL, &e), 0);
}

/* ---- a signal now and then ---- */

static timer_t start_signals(void handler(int), long first_ns, long every_ns)
{
	struct sigaction act = {.sa_handler = handler}; /* without SA_RESTART */
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	struct itimerspec when = {{0, every_ns}, {0, first_ns}};
	timer_t timer;

	sigaction(SIGUSR1, &act, NULL);
	assert_int_equal(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
	assert_int_equal(timer_settime(timer, 0, &when, NULL), 0);
	return timer;
}

static _Atomic int touched_fd = -1;

static void touch_once(int sig)
{
	static _Atomic long second;
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = ++second}};

	(void)sig;
	futimens(touched_fd, times);
}

/* One change is no error: the next try finds the file at rest. */
static void test_read_changed_once(void **state)
{
	struct area *a = *state;
	CLEANUP_FD int fd = openat(a->dir, "busy", O_WRONLY | O_CREAT, 0600);

	assert_int_equal(ftruncate(fd, 16 * ROOM), 0);
	touched_fd = fd;
	/* Most of these delays end while the bytes are read, which takes some milliseconds. */
	for (long delay = 100000; delay < 3000000; delay += 200000) {
		CLEANUP_BUF struct buf content;
		struct err e = {0};
		timer_t timer;
		int r;

		buf_init(&content, 16 * ROOM);
		timer = start_signals(touch_once, delay, 0);
		r = fs_read_file(a->dir, "busy", 16 * ROOM, &content, NULL, &e);
		timer_delete(timer);
		assert_int_equal(r, 0);
		assert_int_equal(content.len, 16 * ROOM);
	}
	signal(SIGUSR1, SIG_DFL);
}

#define SWAPPED 20000

/* Replaces a file by one with other bytes of the same length, again and again. */
static void *swap(void *arg)
{
	struct meddler *m = arg;
	char bytes[SWAPPED];
	struct err e;

	for (unsigned i = 0; !m->stop; i++) {
		memset(bytes, 'a' + (int)(i % 26), sizeof(bytes));
		if (fs_replace(m->dir, "swapped", bytes, sizeof(bytes), 0600, &e))
			return m;
	}
	return NULL;
}

/* A reader sees one of the contents whole, or hears that they change. */
static void test_read_while_replaced(void **state)
{
	struct area *a = *state;
	struct meddler m = {.dir = a->dir};
	unsigned whole = 0;
	pthread_t thread;
	void *failed;

	put(a->dir, "swapped", "");
	assert_int_equal(pthread_create(&thread, NULL, swap, &m), 0);
	for (int i = 0; i < 300; i++) {
		CLEANUP_BUF struct buf content;
		struct err e;
		int r;

		buf_init(&content, ROOM);
		r = fs_read_file(a->dir, "swapped", ROOM, &content, NULL, &e);
		if (r) {
			assert_int_equal(r, ERR_CHANGED);
			continue;
		}
		whole++;
		if (content.len == 0)
			continue;
		assert_int_equal(content.len, SWAPPED);
		/* All bytes are the first one. */
		assert_memory_equal(content.data, content.data + 1, SWAPPED - 1);
	}
	m.stop = true;
	pthread_join(thread, &failed);
	assert_null(failed);
	assert_true(whole > 0);
	assert_int_equal(unlinkat(a->dir, "swapped", 0), 0);
	assert_untouched(a->dir);
}

/* ---- leases: the owner of a file can make others wait ---- */

static _Atomic int leased_fd = -1;

static void give_back(int sig)
{
	(void)sig;
	fcntl(leased_fd, F_SETLEASE, F_UNLCK);
}

static void test_read_leased(void **state)
{
	struct area *a = *state;
	CLEANUP_FD int fd = openat(a->dir, "file", O_RDWR);
	struct timespec before, after;

	leased_fd = fd;
	/* The holder gives it back when asked to: the next try reads. */
	signal(SIGIO, give_back);
	assert_int_equal(fcntl(fd, F_SETLEASE, F_WRLCK), 0);
	assert_content(a->dir, "file", "content");
	/* The holder does not: an error, not the 45 seconds the kernel would wait. */
	signal(SIGIO, SIG_IGN);
	assert_int_equal(fcntl(fd, F_SETLEASE, F_WRLCK), 0);
	clock_gettime(CLOCK_MONOTONIC, &before);
	assert_no_content(a->dir, "file", ERR_IO);
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_in_range(after.tv_sec - before.tv_sec, 0, 10);
	assert_int_equal(fcntl(fd, F_SETLEASE, F_UNLCK), 0);
	signal(SIGIO, SIG_DFL);
}

/* ---- links and lists ---- */

static void assert_no_link(int dir, const char *path, enum err_code expected)
{
	struct err e = {0};
	char *target = NULL;

	assert_int_equal(fs_readlink(dir, path, &target, &e), expected);
	assert_null(target);
	assert_int_equal(e.code, expected);
}

static void assert_link(int dir, const char *path, const char *expected)
{
	CLEANUP_FREE char *target = NULL;
	struct err e;

	assert_int_equal(fs_readlink(dir, path, &target, &e), 0);
	assert_string_equal(target, expected);
}

static void test_readlink(void **state)
{
	struct area *a = *state;
	char longest[PATH_MAX];

	memset(longest, 'x', sizeof(longest));
	longest[PATH_MAX - 1] = '\0';
	assert_int_equal(symlinkat("../d\033\n", a->dir, "odd"), 0);
	assert_int_equal(symlinkat("/nowhere", a->dir, "d/dangling"), 0);
	assert_int_equal(symlinkat("d", a->dir, "dirlink"), 0);
	assert_link(a->dir, "odd", "../d\033\n");
	assert_link(a->dir, "d/dangling", "/nowhere");
	assert_link(a->dir, "dirlink", "d");
	/* ext4 holds links up to a block, tmpfs and btrfs a little less than PATH_MAX. */
	if (symlinkat(longest, a->dir, "longest") == 0)
		assert_link(a->dir, "longest", longest);
	assert_no_link(a->dir, "dirlink/dangling", ERR_IO);
	assert_no_link(a->dir, "file", ERR_MALFORMED);
	assert_no_link(a->dir, "d", ERR_MALFORMED);
	assert_no_link(a->dir, "missing", ERR_NOT_FOUND);
	assert_no_link(a->dir, "../inside/odd", ERR_IO);
}

static void test_list(void **state)
{
	static const char *const sorted[] = {
	    "\001", " ", "-", "...", "B", "a", "aa", "b", "\x7f", "\x80", "\xff\xff"};
	struct area *a = *state;
	CLEANUP_NAMES struct fs_names names = {0};
	CLEANUP_FD int dir = -1;
	struct err e;

	assert_int_equal(fs_list(a->dir, "d", 1, &names, &e), 0);
	assert_int_equal(names.n, 1);
	assert_string_equal(names.v[0], "deep");
	fs_names_release(&names);
	mkdirat(a->dir, "d/new", 0700);
	assert_int_equal(fs_open_dir(a->dir, "d/new", &dir, &e), 0);
	assert_names(dir, NULL, 0);
	for (size_t i = ARRAY_LEN(sorted); i-- > 0;)
		put(dir, sorted[i], "");
	assert_names(dir, sorted, ARRAY_LEN(sorted));
	/* Again over the same descriptor: it starts at the beginning. */
	assert_names(dir, sorted, ARRAY_LEN(sorted));
	/* Of one that was just opened all; after that it stands at its end. */
	base_close_p(&dir);
	assert_int_equal(fs_open_dir(a->dir, "d/new", &dir, &e), 0);
	for (size_t n = ARRAY_LEN(sorted);; n = 0) {
		assert_int_equal(fs_list_fd(dir, 100, &names, &e), 0);
		assert_int_equal(names.n, n);
		fs_names_release(&names);
		if (n == 0)
			break;
	}
	remove_all(dir);
	unlinkat(a->dir, "d/new", AT_REMOVEDIR);
}

static void test_list_refuses(void **state)
{
	struct area *a = *state;
	CLEANUP_NAMES struct fs_names names = {0};
	struct err e;

	assert_int_equal(symlinkat("d", a->dir, "dirlink"), 0);
	assert_int_equal(fs_list(a->dir, ".", 2, &names, &e), ERR_MALFORMED);
	assert_int_equal(fs_list(a->dir, ".", 0, &names, &e), ERR_MALFORMED);
	assert_int_equal(fs_list(a->dir, "dirlink", 9, &names, &e), ERR_IO);
	assert_int_equal(fs_list(a->dir, "file", 9, &names, &e), ERR_IO);
	assert_int_equal(fs_list(a->dir, "..", 9, &names, &e), ERR_IO);
	assert_int_equal(fs_list(a->dir, "missing", 9, &names, &e), ERR_NOT_FOUND);
	assert_int_equal(names.n, 0);
	assert_null(names.v);
	assert_int_equal(fs_list(a->dir, ".", 3, &names, &e), 0);
	assert_int_equal(names.n, 3);
}

/* ---- writing ---- */

static void test_write_full_disk(void **state)
{
	CLEANUP_FD int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct err e = {0};

	(void)state;
	assert_int_equal(fs_write_all(full, "", 0, &e), 0);
	assert_int_equal(fs_write_all(full, "x", 1, &e), ERR_IO);
	assert_non_null(strstr(e.msg, strerror(ENOSPC)));
	assert_int_equal(fs_write_all(-1, "x", 1, &e), ERR_IO);
	assert_non_null(strstr(e.msg, strerror(EBADF)));
}

#define PIPED 1000000

/* Slow, so that the pipe is full most of the time. */
static void *drain(void *arg)
{
	CLEANUP_FD int fd = *(int *)arg;
	static unsigned char bytes[65536];
	uintptr_t sum = 0;
	ssize_t n;

	while ((n = read(fd, bytes, sizeof(bytes))) != 0) {
		for (ssize_t i = 0; i < n; i++)
			sum = sum * 31 + bytes[i];
		usleep(2000);
	}
	return (void *)sum;
}

static void ignore(int sig)
{
	(void)sig;
}

/* Interrupted again and again: in pieces, in order, all of it. */
static void write_to_pipe(int flags)
{
	CLEANUP_FREE unsigned char *bytes = xmalloc(PIPED);
	uintptr_t sum = 0;
	sigset_t signals;
	pthread_t thread;
	timer_t timer;
	void *drained;
	struct err e;
	int fds[2];

	for (size_t i = 0; i < PIPED; i++) {
		bytes[i] = (unsigned char)(i * 7 + i / 256);
		sum = sum * 31 + bytes[i];
	}
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(fcntl(fds[1], F_SETFL, flags), 0);
	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	assert_int_equal(pthread_create(&thread, NULL, drain, &fds[0]), 0);
	pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
	timer = start_signals(ignore, 200000, 200000);
	assert_int_equal(fs_write_all(fds[1], bytes, PIPED, &e), 0);
	timer_delete(timer);
	close(fds[1]);
	pthread_join(thread, &drained);
	signal(SIGUSR1, SIG_DFL);
	assert_true((uintptr_t)drained == sum);
}

static void test_write_pipe(void **state)
{
	(void)state;
	write_to_pipe(0);
	write_to_pipe(O_NONBLOCK);
}

static void assert_mode(int dir, const char *name, mode_t expected)
{
	struct stat st;

	assert_int_equal(fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_mode, S_IFREG | expected);
	assert_int_equal(st.st_nlink, 1);
}

static void test_replace(void **state)
{
	struct area *a = *state;
	CLEANUP_FD int held = openat(a->dir, "file", O_RDONLY);
	mode_t before = umask(0077);
	char old[8] = "";
	struct err e;

	assert_int_equal(fs_replace(a->dir, "file", "new", 3, 0644, &e), 0);
	assert_content(a->dir, "file", "new");
	assert_mode(a->dir, "file", 0644);
	/* Whoever has the old file open keeps it whole. */
	assert_int_equal(read(held, old, sizeof(old)), 7);
	assert_string_equal(old, "content");
	assert_int_equal(fs_replace(a->dir, "fresh", "", 0, 0600, &e), 0);
	assert_content(a->dir, "fresh", "");
	umask(0);
	assert_int_equal(fs_replace(a->dir, "fresh", "x", 1, 0400, &e), 0);
	assert_mode(a->dir, "fresh", 0400);
	umask(before);
	assert_names(a->dir, (const char *const[]){"d", "file", "fresh"}, 3);
}

/* A link at the name is replaced, what it leads to is not written to. */
static void test_replace_link(void **state)
{
	struct area *a = *state;
	CLEANUP_FD int root = -1;
	struct err e;

	assert_int_equal(symlinkat("../secret", a->dir, "link"), 0);
	assert_int_equal(fs_create(a->dir, "link", "x", 1, 0600, &e), ERR_REFUSED);
	assert_int_equal(fs_replace(a->dir, "link", "x", 1, 0600, &e), 0);
	assert_content(a->dir, "link", "x");
	assert_mode(a->dir, "link", 0600);
	assert_int_equal(fs_open_root(a->path, &root, &e), 0);
	assert_content(root, "secret", "outside");
	assert_names(a->dir, (const char *const[]){"d", "file", "link"}, 3);
}

static void test_create(void **state)
{
	struct area *a = *state;
	struct err e;

	assert_int_equal(fs_create(a->dir, "file", "x", 1, 0600, &e), ERR_REFUSED);
	assert_non_null(strstr(e.msg, "file"));
	assert_int_equal(fs_create(a->dir, "d", "x", 1, 0600, &e), ERR_REFUSED);
	assert_int_equal(symlinkat("nowhere", a->dir, "link"), 0);
	assert_int_equal(fs_create(a->dir, "link", "x", 1, 0600, &e), ERR_REFUSED);
	assert_int_equal(unlinkat(a->dir, "link", 0), 0);
	assert_untouched(a->dir);
	assert_int_equal(fs_create(a->dir, "fresh", "abc", 3, 0640, &e), 0);
	assert_content(a->dir, "fresh", "abc");
	assert_mode(a->dir, "fresh", 0640);
	assert_names(a->dir, (const char *const[]){"d", "file", "fresh"}, 3);
}

static void *create_it(void *arg)
{
	struct meddler *m = arg;
	struct err e;
	int r = fs_create(m->dir, "contested", "x", 1, 0600, &e);

	return (void *)(intptr_t)r;
}

static void test_create_is_won_once(void **state)
{
	struct area *a = *state;
	struct meddler m = {.dir = a->dir};

	for (int round = 0; round < 10; round++) {
		pthread_t thread[4];
		int won = 0, refused = 0;

		for (size_t i = 0; i < ARRAY_LEN(thread); i++)
			assert_int_equal(
			    pthread_create(&thread[i], NULL, create_it, &m), 0);
		for (size_t i = 0; i < ARRAY_LEN(thread); i++) {
			void *r;

			pthread_join(thread[i], &r);
			won += (intptr_t)r == 0;
			refused += (intptr_t)r == ERR_REFUSED;
		}
		assert_int_equal(won, 1);
		assert_int_equal(refused, 3);
		assert_int_equal(unlinkat(a->dir, "contested", 0), 0);
	}
	assert_untouched(a->dir);
}

static void test_write_bad_names(void **state)
{
	static const char *const wrong[] = {"", ".", "..", "../x", "d/x", "/x", "x/"};
	struct area *a = *state;
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		assert_int_equal(
		    fs_replace(a->dir, wrong[i], "x", 1, 0600, &e), ERR_INTERNAL);
		assert_int_equal(
		    fs_create(a->dir, wrong[i], "x", 1, 0600, &e), ERR_INTERNAL);
	}
	assert_untouched(a->dir);
	assert_content(a->dir, "d/deep", "deep");
}

/* The disk is full halfway, or the name cannot be had: the old file stays, nothing else does. */
static void test_write_fails(void **state)
{
	struct area *a = *state;
	struct rlimit before, small = {0};
	char longer[NAME_MAX + 2], bytes[4096] = "";
	struct err e;

	assert_int_equal(fs_replace(a->dir, "d", "x", 1, 0600, &e), ERR_IO);
	memset(longer, 'n', sizeof(longer));
	longer[NAME_MAX + 1] = '\0';
	assert_int_equal(fs_replace(a->dir, longer, "x", 1, 0600, &e), ERR_IO);
	assert_int_equal(fs_create(a->dir, longer, "x", 1, 0600, &e), ERR_IO);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, SIG_IGN);
	small.rlim_cur = 1000;
	small.rlim_max = before.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(fs_replace(a->dir, "file", bytes, 4096, 0600, &e), ERR_IO);
	assert_non_null(strstr(e.msg, strerror(EFBIG)));
	assert_non_null(strstr(e.msg, "file"));
	assert_int_equal(fs_create(a->dir, "fresh", bytes, 4096, 0600, &e), ERR_IO);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, SIG_DFL);
	assert_untouched(a->dir);
	assert_int_equal(fs_create(-1, "fresh", "x", 1, 0600, &e), ERR_IO);
}

/* The longest name can be written, though the temporary one has to fit as well. */
static void test_write_longest_name(void **state)
{
	struct area *a = *state;
	char name[NAME_MAX + 1];
	struct err e;

	memset(name, 'n', NAME_MAX);
	name[NAME_MAX] = '\0';
	assert_int_equal(fs_create(a->dir, name, "x", 1, 0600, &e), 0);
	assert_int_equal(fs_replace(a->dir, name, "y", 1, 0600, &e), 0);
	assert_content(a->dir, name, "y");
}

static void test_write_any_descriptor(void **state)
{
	struct area *a = *state;
	CLEANUP_FD int cwd = open(".", O_RDONLY | O_DIRECTORY), path = -1;
	struct err e;

	assert_int_equal(fs_open(a->dir, "d", O_PATH | O_DIRECTORY, &path, &e), 0);
	assert_int_equal(fs_replace(path, "x", "1", 1, 0600, &e), 0);
	assert_content(a->dir, "d/x", "1");
	assert_int_equal(fchdir(a->dir), 0);
	assert_int_equal(fs_create(AT_FDCWD, "y", "2", 1, 0600, &e), 0);
	assert_int_equal(fchdir(cwd), 0);
	assert_content(a->dir, "y", "2");
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* ---- whose files are trusted, in a user namespace ---- */

enum { UID_USER = 31337, UID_OTHER = 31338 };

static int as_root_of_a_namespace(void)
{
	int fd;

	if (setresgid(UID_USER, UID_USER, UID_USER) ||
	    setresuid(UID_USER, UID_USER, UID_USER) || unshare(CLONE_NEWUSER) ||
	    prctl(PR_SET_DUMPABLE, 1))
		return -1;
	fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
	return fd >= 0 && write(fd, "0 31337 1", 9) == 9 ? 0 : -1;
}

/* Bits: 1 root's, 2 another one's that was shown, 4 root's that was not shown, 8 one's own. */
static int who_is_trusted(const char *const path[static 4])
{
	int trusted = 0;

	fs_note_root(path[0]);
	fs_note_root(path[1]);
	if (as_root_of_a_namespace())
		return 255;
	for (int i = 0; i < 4; i++) {
		struct stat st;

		if (stat(path[i], &st))
			return 254;
		trusted |= fs_is_of_root_or_me(&st) << i;
	}
	return trusted;
}

static void test_root_in_a_namespace(void **state)
{
	char path[4][96];
	const char *const paths[] = {path[0], path[1], path[2], path[3]};
	static const uid_t owner[] = {0, UID_OTHER, 0, UID_USER};
	char place[] = "/tmp/layerseal-owners.XXXXXX";
	int status = -1;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		return;
	assert_non_null(mkdtemp(place));
	assert_int_equal(chmod(place, 0755), 0);
	for (int i = 0; i < 4; i++) {
		int fd;

		snprintf(path[i], sizeof(path[i]), "%s/%d", place, i);
		fd = open(path[i], O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		assert_true(fd >= 0);
		close(fd);
		assert_int_equal(chown(path[i], owner[i], 0), 0);
	}
	pid = fork();
	if (pid == 0)
		_exit(who_is_trusted(paths));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	for (int i = 0; i < 4; i++)
		unlink(path[i]);
	rmdir(place);
	/* No user namespaces here. */
	if (WEXITSTATUS(status) == 255)
		return;
	assert_int_equal(WEXITSTATUS(status), 1 | 8);
}

/* ---- closing without waiting ---- */

static void assert_closed(int reading_end)
{
	struct pollfd p = {reading_end, POLLIN, 0};
	char byte;

	assert_int_equal(poll(&p, 1, 10000), 1);
	assert_int_equal(read(reading_end, &byte, 1), 0);
	close(reading_end);
}

static void test_close_later(void **state)
{
	struct rlimit limit, none;
	int ends[2], closed = -1;

	(void)state;
	fs_close_later(&closed);
	assert_int_equal(closed, -1);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	fs_close_later(&ends[1]);
	assert_int_equal(ends[1], -1);
	assert_closed(ends[0]);
	/* Where there is no room for the way around. */
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = (struct rlimit){0, limit.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	fs_close_later(&ends[1]);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_closed(ends[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    test(test_open),
	    test(test_root_in_a_namespace),
	    test(test_open_leaves_nowhere),
	    test(test_open_no_links),
	    test(test_open_root),
	    test(test_special_files),
	    test(test_special_files_are_not_opened),
	    test(test_read),
	    test(test_read_maximum),
	    test(test_read_other_size),
	    test(test_read_changing_file),
	    test(test_read_changed_once),
	    test(test_read_while_replaced),
	    test(test_read_leased),
	    test(test_readlink),
	    test(test_close_later),
	    test(test_list),
	    test(test_list_refuses),
	    test(test_write_full_disk),
	    test(test_write_pipe),
	    test(test_replace),
	    test(test_replace_link),
	    test(test_create),
	    test(test_create_is_won_once),
	    test(test_write_bad_names),
	    test(test_write_fails),
	    test(test_write_longest_name),
	    test(test_write_any_descriptor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
