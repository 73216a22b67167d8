/* SPDX-License-Identifier: Apache-2.0 */
/* test_keeper.c: the keeper's answers, its end, and frames that are none. */
#include <errno.h>
#include <pthread.h>
#include <seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "ledger/confine.h"
#include "ledger/keeper.h"
#include "scratch.h"

static int dirfd_of_new(void)
{
	int fd;

	remove_ledger();
	assert_int_equal(mkdir(dir, 0700), 0);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static struct keeper *start(int dirfd, enum keeper_mode mode)
{
	struct keeper *k;
	struct err e;

	if (keeper_start(dirfd, mode, &k, &e))
		fail_msg("%s", e.msg);
	return k;
}

/* The only child this process has. */
static pid_t child_pid(void)
{
	struct dirent *d;
	DIR *proc = opendir("/proc");
	pid_t found = 0;

	while ((d = readdir(proc))) {
		char path[300], stat[512] = "", *p;
		long pid = strtol(d->d_name, NULL, 10);
		int fd;

		snprintf(path, sizeof(path), "/proc/%s/stat", d->d_name);
		if (pid <= 0 || (fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
			continue;
		p = read(fd, stat, sizeof(stat) - 1) > 0 ? strrchr(stat, ')') : NULL;
		close(fd);
		if (p && strtol(p + 4, NULL, 10) == getpid() && p[2] != 'Z')
			found = (pid_t)pid;
	}
	closedir(proc);
	return found;
}

static char *read_proc(const char *path)
{
	char *text = xcalloc(1, 8192);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_true(read(fd, text, 8191) > 0);
	close(fd);
	return text;
}

static struct span span_of(const char *s)
{
	return (struct span){s, strlen(s)};
}

static int append_text(struct keeper *k, const char *seen, uint64_t first,
    const char *entry, const char *head, struct err *e)
{
	struct span entries[1] = {span_of(entry)};
	struct keeper_batch b = {.seen = span_of(seen),
	    .first = first,
	    .entries = entries,
	    .n = entry[0] ? 1 : 0,
	    .head = span_of(head)};

	return keeper_append(k, &b, e);
}

struct collected {
	uint64_t size;
	char text[512];
};

static int collect_head(void *ctx, uint64_t size, struct span note, struct err *e)
{
	struct collected *c = ctx;

	(void)e;
	c->size = size;
	snprintf(
	    c->text, sizeof(c->text), "%.*s", (int)note.len, (const char *)note.data);
	return 0;
}

static int collect_entry(void *ctx, struct span bytes, struct err *e)
{
	struct collected *c = ctx;
	size_t len = strlen(c->text);

	(void)e;
	snprintf(c->text + len, sizeof(c->text) - len, "|%.*s", (int)bytes.len,
	    (const char *)bytes.data);
	return 0;
}

static int dump(struct keeper *k, struct collected *c, struct err *e)
{
	const struct keeper_sink sink = {c, collect_head, NULL, collect_entry};

	*c = (struct collected){0};
	return keeper_dump(k, false, &sink, e);
}

static void what_goes_in_comes_out(void **state)
{
	int fd = dirfd_of_new();
	struct keeper *k = start(fd, KEEPER_CREATE);
	struct collected c;
	struct err e;

	(void)state;
	assert_int_equal(append_text(k, "", 0, "", "H0", &e), 0);
	assert_int_equal(dump(k, &c, &e), 0);
	assert_string_equal(c.text, "H0");
	assert_int_equal(append_text(k, "H0", 0, "first", "H1", &e), 0);
	assert_int_equal(append_text(k, "H1", 1, "second", "H2", &e), 0);
	assert_int_equal(append_text(k, "H1", 1, "other", "H2x", &e), ERR_CONFLICT);
	assert_int_equal(append_text(k, "H0", 2, "other", "H3", &e), ERR_CONFLICT);
	assert_int_equal(append_text(k, "", 2, "other", "H3", &e), ERR_CONFLICT);
	assert_int_equal(append_text(k, "H2", 1, "other", "H3", &e), ERR_CONFLICT);
	assert_int_equal(append_text(k, "H2", 9, "other", "H3", &e), ERR_CONFLICT);
	keeper_stop(k);
	k = start(fd, KEEPER_READ);
	assert_int_equal(dump(k, &c, &e), 0);
	assert_int_equal(c.size, 2);
	assert_string_equal(c.text, "H2|first|second");
	assert_int_equal(append_text(k, "H2", 2, "other", "H3", &e), ERR_IO);
	assert_int_equal(dump(k, &c, &e), 0);
	assert_string_equal(c.text, "H2|first|second");
	keeper_stop(k);
	close(fd);
}

static void there_must_be_a_database(void **state)
{
	int fd = dirfd_of_new();
	struct keeper *k;
	struct collected c;
	struct err e;

	(void)state;
	k = start(fd, KEEPER_READ);
	assert_int_equal(dump(k, &c, &e), ERR_IO);
	assert_int_equal(dump(k, &c, &e), ERR_LEDGER);
	keeper_stop(k);
	k = start(fd, KEEPER_WRITE);
	assert_int_equal(dump(k, &c, &e), ERR_IO);
	assert_int_equal(access(path_of("data.mdb"), F_OK), -1);
	keeper_stop(k);
	keeper_stop(NULL);
	close(fd);
}

static int fail_at_once(void *ctx, uint64_t size, struct span note, struct err *e)
{
	(void)ctx;
	(void)size;
	(void)note;
	return err_set(e, ERR_CHANGED, "enough");
}

static void a_dump_that_is_broken_off_is_the_last(void **state)
{
	const struct keeper_sink sink = {NULL, fail_at_once, NULL, collect_entry};
	int fd = dirfd_of_new();
	struct keeper *k = start(fd, KEEPER_CREATE);
	struct collected c;
	struct err e;

	(void)state;
	assert_int_equal(append_text(k, "", 0, "", "H0", &e), 0);
	assert_int_equal(keeper_dump(k, false, &sink, &e), ERR_CHANGED);
	assert_int_equal(dump(k, &c, &e), ERR_LEDGER);
	assert_int_equal(child_pid(), 0);
	keeper_stop(k);
	close(fd);
}

/* ---- the map grows ---- */

#define CHUNK ((size_t)1 << 20)

static int put_random(
    struct keeper *k, const struct digest *digest, size_t len, struct err *e)
{
	CLEANUP_BUF struct buf items;
	CLEANUP_FREE char *chunk = xmalloc(CHUNK);
	int r = 0;

	for (size_t i = 0; i < CHUNK; i++)
		chunk[i] = (char)(i * 2654435761U >> 13);
	buf_init(&items, WIRE_MAX_BYTES);
	for (uint32_t n = 0; !r && n * CHUNK < len; n++) {
		struct keeper_chunks c = {.first = n, .all = WIRE_MORE_CHUNKS};

		buf_clear(&items);
		assert_int_equal(wire_pack(&items, chunk, CHUNK, e), 0);
		c.items = (struct span){items.data, items.len};
		r = keeper_put_chunks(k, digest, &c, e);
	}
	return r;
}

static void the_map_grows_for_all(void **state)
{
	int fd = dirfd_of_new();
	struct keeper *grows = start(fd, KEEPER_CREATE), *writes, *reads;
	struct digest digest = {{1}};
	struct collected c;
	struct err e;

	(void)state;
	assert_int_equal(append_text(grows, "", 0, "", "H0", &e), 0);
	writes = start(fd, KEEPER_WRITE);
	reads = start(fd, KEEPER_READ);
	assert_int_equal(dump(writes, &c, &e), 0);
	assert_int_equal(dump(reads, &c, &e), 0);
	if (put_random(grows, &digest, 40 << 20, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(append_text(writes, "H0", 0, "entry", "H1", &e), 0);
	assert_int_equal(dump(reads, &c, &e), 0);
	assert_string_equal(c.text, "H1|entry");
	assert_int_equal(dump(grows, &c, &e), 0);
	assert_string_equal(c.text, "H1|entry");
	keeper_stop(grows);
	keeper_stop(writes);
	keeper_stop(reads);
	close(fd);
}

#define GROWTH ((size_t)24 << 20) /* across more than one size of the map */

/* One process of its own: writes, or opens and reads until `stop` says that the writers are done. */
static pid_t fork_user(int fd, uint8_t writes, const volatile bool *stop)
{
	struct digest digest = {{writes}};
	pid_t pid = fork();
	struct keeper *k;
	struct err e;
	int r = 0;

	if (pid != 0)
		return pid;
	do {
		r = keeper_start(fd, writes ? KEEPER_WRITE : KEEPER_READ, &k, &e);
		if (!r && writes) {
			r = put_random(k, &digest, GROWTH, &e);
		} else if (!r) {
			struct collected c;

			r = dump(k, &c, &e);
		}
		keeper_stop(k);
	} while (!r && !writes && !*stop);
	if (r)
		fprintf(stderr, "%s\n", e.msg);
	_exit(r ? 1 : 0);
}

static bool ended_well(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid && status == 0;
}

static void it_grows_under_many(void **state)
{
	volatile bool *stop = mmap(NULL, sizeof(*stop), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int fd = dirfd_of_new();
	struct keeper *k = start(fd, KEEPER_CREATE);
	pid_t readers[3], writers[2];
	struct err e;
	bool good;

	(void)state;
	assert_ptr_not_equal(stop, MAP_FAILED);
	assert_int_equal(append_text(k, "", 0, "", "H0", &e), 0);
	keeper_stop(k);
	for (size_t i = 0; i < ARRAY_LEN(readers); i++)
		readers[i] = fork_user(fd, 0, stop);
	for (size_t i = 0; i < ARRAY_LEN(writers); i++)
		writers[i] = fork_user(fd, (uint8_t)(i + 1), stop);
	good = ended_well(writers[0]);
	good &= ended_well(writers[1]);
	*stop = true;
	for (size_t i = 0; i < ARRAY_LEN(readers); i++)
		good &= ended_well(readers[i]);
	assert_true(good);
	munmap((void *)(uintptr_t)stop, sizeof(*stop));
	close(fd);
}

/* An append that is larger than the map as it was. */
static void a_large_append_is_one_transaction(void **state)
{
	size_t n = 8000;
	struct span *entries = xcalloc(n, sizeof(*entries));
	char *entry = xmalloc(4000);
	int fd = dirfd_of_new();
	struct keeper *k = start(fd, KEEPER_CREATE);
	struct keeper_batch b = {
	    .seen = span_of("H0"), .entries = entries, .n = n, .head = span_of("H1")};
	struct collected c;
	struct err e;

	(void)state;
	memset(entry, 'e', 4000);
	for (size_t i = 0; i < n; i++)
		entries[i] = (struct span){entry, 4000};
	assert_int_equal(append_text(k, "", 0, "", "H0", &e), 0);
	if (keeper_append(k, &b, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(dump(k, &c, &e), 0);
	assert_int_equal(c.size, n);
	keeper_stop(k);
	close(fd);
	free(entry);
	free(entries);
}

/* ---- the child ---- */

static void it_inherits_nothing(void **state)
{
	int fd = dirfd_of_new(), secret = open("/etc/passwd", O_RDONLY);
	struct keeper *k = start(fd, KEEPER_CREATE);
	char path[64], link[256];
	struct dirent *d;
	struct err e;
	DIR *fds;

	(void)state;
	assert_int_equal(append_text(k, "", 0, "", "H0", &e), 0);
	snprintf(path, sizeof(path), "/proc/%d/fd", child_pid());
	fds = opendir(path);
	/* Not dumpable: only root may look. */
	while (fds && (d = readdir(fds))) {
		ssize_t n = readlinkat(dirfd(fds), d->d_name, link, sizeof(link) - 1);

		link[n > 0 ? n : 0] = '\0';
		assert_null(strstr(link, "passwd"));
		if (strtol(d->d_name, NULL, 10) > 2 && d->d_name[0] != '.')
			assert_true(strstr(link, "socket:") || strstr(link, ".mdb"));
	}
	if (fds)
		closedir(fds);
	keeper_stop(k);
	close(secret);
	close(fd);
}

static void signals_of_the_terminal_are_not_its_end(void **state)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGXFSZ};
	int fd = dirfd_of_new();
	struct keeper *k = start(fd, KEEPER_CREATE);
	struct collected c;
	struct err e;

	(void)state;
	assert_int_equal(append_text(k, "", 0, "", "H0", &e), 0);
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		assert_int_equal(kill(child_pid(), signals[i]), 0);
	assert_int_equal(dump(k, &c, &e), 0);
	keeper_stop(k);
	close(fd);
}

static void its_death_is_told(void **state)
{
	static const int signals[] = {SIGSEGV, SIGBUS, SIGABRT, SIGKILL};
	int fd = dirfd_of_new();
	struct keeper *k = start(fd, KEEPER_CREATE);
	struct collected c;
	struct err e;

	(void)state;
	assert_int_equal(append_text(k, "", 0, "", "H0", &e), 0);
	keeper_stop(k);
	for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
		k = start(fd, KEEPER_WRITE);
		assert_int_equal(dump(k, &c, &e), 0);
		assert_int_equal(kill(child_pid(), signals[i]), 0);
		assert_int_equal(dump(k, &c, &e), ERR_LEDGER);
		assert_non_null(
		    strstr(e.msg, signals[i] == SIGKILL ? "killed" : "damaged"));
		assert_int_equal(append_text(k, "H0", 0, "x", "H1", &e), ERR_LEDGER);
		keeper_stop(k);
	}
	assert_int_equal(child_pid(), 0);
	close(fd);
}

/* The last words say who ended it, and always that the database is not to be trusted. */
static void the_sandbox_and_circles_are_named(void **state)
{
	static const struct {
		int signal;
		const char *words;
	} cases[] = {{SIGSYS, "sandbox"}, {SIGXCPU, "circles"}, {SIGSEGV, "signal 11"}};
	int fd = dirfd_of_new();
	struct keeper *k = start(fd, KEEPER_CREATE);
	struct collected c;
	struct err e;

	(void)state;
	assert_int_equal(append_text(k, "", 0, "", "H0", &e), 0);
	keeper_stop(k);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		k = start(fd, KEEPER_READ);
		assert_int_equal(dump(k, &c, &e), 0);
		assert_int_equal(kill(child_pid(), cases[i].signal), 0);
		assert_int_equal(dump(k, &c, &e), ERR_LEDGER);
		assert_non_null(strstr(e.msg, cases[i].words));
		assert_non_null(strstr(e.msg, "damaged"));
		keeper_stop(k);
	}
	close(fd);
}

static void it_tells_how_it_is_confined(void **state)
{
	int fd = dirfd_of_new();
	struct keeper *k = start(fd, KEEPER_CREATE);
	char path[64], *status;
	struct err e;

	(void)state;
	assert_null(keeper_confinement(k));
	assert_int_equal(append_text(k, "", 0, "", "H0", &e), 0);
	assert_non_null(keeper_confinement(k));
	assert_true(keeper_confinement(k)->seccomp && keeper_confinement(k)->cpu);
	/* The kernel says so too: mode 2 is a filter. */
	snprintf(path, sizeof(path), "/proc/%d/status", child_pid());
	status = read_proc(path);
	assert_non_null(strstr(status, "\nNoNewPrivs:\t1\n"));
	assert_non_null(strstr(status, "\nSeccomp:\t2\n"));
	free(status);
	keeper_stop(k);
	close(fd);
}

/* A kernel that refuses a part: no answer, and no look at the database. */
static void unconfined_it_does_not_start(void **state)
{
	int fd = dirfd_of_new(), status;
	pid_t pid;

	(void)state;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
		struct err e = {0};
		struct keeper *k;

		if (!filter ||
		    seccomp_rule_add(
			filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(seccomp), 0) ||
		    seccomp_load(filter))
			_exit(99);
		k = start(fd, KEEPER_CREATE);
		if (append_text(k, "", 0, "", "H0", &e) != ERR_IO)
			_exit(1);
		_exit(strstr(e.msg, "cannot be confined: seccomp") ? 0 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	close(fd);
}

/* A stopped poll() goes on with a system call of its own. */
static void it_may_be_stopped_and_continued(void **state)
{
	int fd = dirfd_of_new();
	struct keeper *k = start(fd, KEEPER_CREATE);
	struct collected c;
	struct err e;

	(void)state;
	assert_int_equal(append_text(k, "", 0, "", "H0", &e), 0);
	for (int i = 0; i < 3; i++) {
		usleep(20000); /* until it waits */
		assert_int_equal(kill(child_pid(), SIGSTOP), 0);
		usleep(20000);
		assert_int_equal(kill(child_pid(), SIGCONT), 0);
		usleep(20000);
		assert_int_equal(dump(k, &c, &e), 0);
	}
	keeper_stop(k);
	close(fd);
}

/* Each question comes with as much time as patience; what was used before does not count. */
static void time_is_granted_per_question(void **state)
{
	int fd = dirfd_of_new();
	struct keeper *k = start(fd, KEEPER_CREATE);
	struct rlimit l;
	struct collected c;
	struct err e;

	(void)state;
	assert_int_equal(append_text(k, "", 0, "", "H0", &e), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(dump(k, &c, &e), 0);
		assert_int_equal(prlimit(child_pid(), RLIMIT_CPU, NULL, &l), 0);
		assert_in_range(
		    l.rlim_cur, KEEPER_READ_PATIENCE_S, KEEPER_READ_PATIENCE_S + 3);
		l.rlim_cur = 3; /* as if it had worked for long */
		assert_int_equal(prlimit(child_pid(), RLIMIT_CPU, &l, NULL), 0);
	}
	keeper_stop(k);
	close(fd);
}

static void it_does_not_outlive_its_parent(void **state)
{
	int fd = dirfd_of_new(), fds[2];
	pid_t parent, keeper = 0;

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	parent = fork();
	assert_true(parent >= 0);
	if (parent == 0) {
		struct keeper *k = start(fd, KEEPER_CREATE);
		struct err e;

		if (append_text(k, "", 0, "", "H0", &e))
			_exit(1);
		keeper = child_pid();
		if (write(fds[1], &keeper, sizeof(keeper)) != sizeof(keeper))
			_exit(1);
		pause();
	}
	assert_int_equal(read(fds[0], &keeper, sizeof(keeper)), sizeof(keeper));
	assert_true(keeper > 0);
	assert_int_equal(kill(keeper, 0), 0);
	kill(keeper, SIGSTOP); /* not even then */
	kill(parent, SIGKILL);
	waitpid(parent, NULL, 0);
	for (int tries = 0; tries < 500; tries++) {
		char path[64];
		char text[64] = "";
		int stat;

		snprintf(path, sizeof(path), "/proc/%d/stat", keeper);
		stat = open(path, O_RDONLY | O_CLOEXEC);
		if (stat >= 0 && read(stat, text, sizeof(text) - 1) < 0)
			text[0] = '\0';
		if (stat >= 0)
			close(stat);
		keeper = stat < 0 || strstr(text, ") Z") ? 0 : keeper;
		if (!keeper)
			break;
		usleep(10000);
	}
	assert_int_equal(keeper, 0);
	close(fds[0]);
	close(fds[1]);
	close(fd);
}

/* ---- threads ---- */

static void *dump_often(void *ctx)
{
	for (int i = 0; i < 50; i++) {
		struct collected c;
		struct err e;

		if (dump(ctx, &c, &e) || strcmp(c.text, "H1|entry") != 0)
			return ctx;
	}
	return NULL;
}

static void threads_take_turns(void **state)
{
	int fd = dirfd_of_new();
	struct keeper *k = start(fd, KEEPER_CREATE);
	pthread_t threads[4];
	struct err e;

	(void)state;
	assert_int_equal(append_text(k, "", 0, "", "H0", &e), 0);
	assert_int_equal(append_text(k, "H0", 0, "entry", "H1", &e), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, dump_often, k), 0);
	for (int i = 0; i < 4; i++) {
		void *failed;

		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
	keeper_stop(k);
	close(fd);
}

/* ---- frames ---- */

/* What a side answers to these bytes, after which the other side is closed. */
static int receive(const void *bytes, size_t len, bool close_after)
{
	CLEANUP_BUF struct buf payload;
	enum wire_type type;
	struct wire w = {.patience_s = 1};
	struct err e;
	int fds[2], r;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	buf_init(&payload, WIRE_MAX_BYTES);
	assert_int_equal(send(fds[1], bytes, len, 0), len);
	if (close_after)
		close(fds[1]);
	w.fd = fds[0];
	r = wire_recv(&w, &type, &payload, &e);
	close(fds[0]);
	if (!close_after)
		close(fds[1]);
	return r;
}

static void frames_are_checked(void **state)
{
	static const uint32_t good[] = {WIRE_DONE, 0}, type_0[] = {0, 0},
			      type_99[] = {99, 0},
			      huge[] = {WIRE_CHUNK, WIRE_MAX_BYTES + 1},
			      most[] = {WIRE_CHUNK, UINT32_MAX},
			      cut[] = {WIRE_CHUNK, 100};

	(void)state;
	assert_int_equal(receive(good, sizeof(good), true), 0);
	assert_int_equal(receive(type_0, sizeof(type_0), true), ERR_IO);
	assert_int_equal(receive(type_99, sizeof(type_99), true), ERR_IO);
	assert_int_equal(receive(huge, sizeof(huge), true), ERR_IO);
	assert_int_equal(receive(most, sizeof(most), true), ERR_IO);
	assert_int_equal(receive(cut, sizeof(cut), true), ERR_IO);
	assert_int_equal(receive(good, 3, true), ERR_IO);
	assert_int_equal(receive(good, 0, true), ERR_NOT_FOUND);
	assert_int_equal(receive(good, 0, false), ERR_IO); /* silence */
}

static void items_do_not_overrun(void **state)
{
	static const char lengths[][8] = {{1, 0, 0, 0}, {5, 0, 0, 0, 1, 2, 3, 4},
	    {-1, -1, -1, -1, 0}, {-4, -1, -1, -1, 0}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		for (size_t n = 0; n <= sizeof(lengths[i]); n++) {
			const char *rest = lengths[i], *data;
			size_t left = n, len;

			while (wire_unpack(&rest, &left, &data, &len))
				assert_true(data + len <= lengths[i] + n);
			assert_true(left <= n);
		}
	}
}

static void nobody_listens(void **state)
{
	static char big[4 << 20];
	struct wire w = {.patience_s = 1};
	struct err e;
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	w.fd = fds[0];
	assert_int_equal(
	    wire_send(&w, WIRE_CHUNK, (struct span){big, sizeof(big)}, NO_BYTES, &e),
	    ERR_IO);
	close(fds[1]);
	assert_int_equal(wire_send(&w, WIRE_DONE, NO_BYTES, NO_BYTES, &e), ERR_IO);
	close(fds[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_goes_in_comes_out),
	    cmocka_unit_test(there_must_be_a_database),
	    cmocka_unit_test(a_dump_that_is_broken_off_is_the_last),
	    cmocka_unit_test(the_map_grows_for_all),
	    cmocka_unit_test(it_grows_under_many),
	    cmocka_unit_test(a_large_append_is_one_transaction),
	    cmocka_unit_test(it_inherits_nothing),
	    cmocka_unit_test(signals_of_the_terminal_are_not_its_end),
	    cmocka_unit_test(its_death_is_told),
	    cmocka_unit_test(the_sandbox_and_circles_are_named),
	    cmocka_unit_test(it_tells_how_it_is_confined),
	    cmocka_unit_test(unconfined_it_does_not_start),
	    cmocka_unit_test(it_may_be_stopped_and_continued),
	    cmocka_unit_test(time_is_granted_per_question),
	    cmocka_unit_test(it_does_not_outlive_its_parent),
	    cmocka_unit_test(threads_take_turns),
	    cmocka_unit_test(frames_are_checked),
	    cmocka_unit_test(items_do_not_overrun),
	    cmocka_unit_test(nobody_listens),
	};

	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
