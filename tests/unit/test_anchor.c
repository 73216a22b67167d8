/* SPDX-License-Identifier: Apache-2.0 */
/* test_anchor.c: anchors in files, and what follows from what anchors say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/fs.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "anchor_view.h"
#include "base/hex.h"

static char place[80]; /* directory of the anchor */
static char heads[96]; /* the anchor */
static struct fake *f;

static void append_only(const char *path, bool on)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), flags = 0;

	if (fd < 0)
		return;
	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0) {
		flags = on ? flags | FS_APPEND_FL : flags & ~FS_APPEND_FL;
		(void)!ioctl(fd, FS_IOC_SETFLAGS, &flags);
	}
	close(fd);
}

/* A ledger of ten entries, and a file anchor that knows it. */
static int setup(void **state)
{
	if (scratch_setup(state))
		return -1;
	snprintf(place, sizeof(place), "%s/place", scratch);
	snprintf(heads, sizeof(heads), "%s/heads", place);
	if (mkdir(place, 0755))
		return -1;
	settings = (struct anchor_settings){0};
	set("file", heads);
	f = fake_new(ORIGIN, 1);
	fake_append(f, 10, 'a');
	must_make_anchors(f);
	append_only(heads, false);
	return 0;
}

static int teardown(void **state)
{
	fake_free(f);
	append_only(heads, false);
	return scratch_teardown(state);
}

static void add_to_file(const char *text)
{
	int fd = open(heads, O_WRONLY | O_APPEND | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static char *line_of(const struct fake *ledger)
{
	struct buf text;
	struct err e;

	buf_init(&text, 4 * NOTE_MAX_BYTES);
	if (base64_encode(&text, ledger->note.data, ledger->note.len, &e) ||
	    buf_adds(&text, "\n", &e))
		fail_msg("%s", e.msg);
	return buf_take(&text);
}

static unsigned lines(void)
{
	CLEANUP_FREE char *text = read_file(heads, NULL);
	unsigned n = 0;

	for (const char *s = text; *s; s++)
		n += *s == '\n';
	return n;
}

/* As ledger_append(): prepare, append, advance. */
static int append_anchored(struct fake *ledger, struct err *e)
{
	struct anchors *as = must_open_anchors();
	struct anchor_count counts[ANCHORS_MAX];
	size_t n;
	int r = anchors_check(as, &ledger->view, e);

	if (!r)
		r = anchors_prepare(as, &ledger->view, counts, &n, e);
	if (!r) {
		fake_append(ledger, 1, 'a');
		r = anchors_advance(as, &ledger->view, e);
	}
	anchors_close(as);
	return r;
}

static void must_append_anchored(struct fake *ledger)
{
	struct err e;

	if (append_anchored(ledger, &e))
		fail_msg("%s", e.msg);
}

/* ---- the ordinary course ---- */

static void test_agrees(void **state)
{
	(void)state;
	expect_fine(f);
	for (int i = 0; i < 3; i++)
		must_append_anchored(f);
	assert_int_equal(lines(), 4);
	expect_fine(f);
	assert_int_equal(lines(), 4);
}

/* A crash between append and anchor. */
static void test_heals_forwards(void **state)
{
	(void)state;
	fake_append(f, 3, 'a');
	f->view.may_write = false;
	expect_state(f, ANCHOR_BEHIND, "");
	assert_int_equal(lines(), 1);
	f->view.may_write = true;
	expect_fine(f);
	assert_int_equal(lines(), 2);
}

/* A crash in the middle of a line. */
static void test_heals_a_torn_line(void **state)
{
	CLEANUP_FREE char *line = NULL;

	(void)state;
	fake_append(f, 1, 'a');
	line = line_of(f);
	for (size_t keep = 1; keep < strlen(line); keep += 37) {
		char torn[1024];

		snprintf(torn, sizeof(torn), "%.*s", (int)keep, line);
		add_to_file(torn);
		must_append_anchored(f);
		expect_fine(f);
		/* It has become a line of its own. */
		{
			CLEANUP_FREE char *text = read_file(heads, NULL);

			strcat(torn, "\n");
			assert_non_null(strstr(text, torn));
		}
	}
}

static void test_made_append_only_where_possible(void **state)
{
	struct anchor_report report;
	struct anchors *as;
	struct err e;
	int fd, flags = 0;

	(void)state;
	assert_int_equal(make_anchors(f, true, &e), 0);
	fd = open(heads, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	(void)!ioctl(fd, FS_IOC_GETFLAGS, &flags);
	close(fd);
	as = must_open_anchors();
	anchors_report(as, 0, &report);
	assert_int_equal(report.append_only, (flags & FS_APPEND_FL) != 0);
	assert_true(report.has_file);
	anchors_close(as);
	must_append_anchored(f);
	assert_int_equal(lines(), 2);
	/* And begun anew although it cannot be removed. */
	assert_int_equal(make_anchors(f, true, &e), 0);
	assert_int_equal(lines(), 1);
	expect_fine(f);
}

/* ---- ledgers put back, and forked ---- */

static struct fake *older(unsigned n)
{
	struct fake *old = fake_new(ORIGIN, 1);

	fake_append(old, n, 'a');
	return old;
}

static void test_rolled_back(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 10; n++) {
		struct fake *old = older(n);

		expect_state(old, ANCHOR_ROLLED_BACK,
		    n ? "it remembers 10 entries, told at 2" : "");
		fake_free(old);
	}
	assert_int_equal(lines(), 1);
}

static void test_forked(void **state)
{
	struct fake *fork = older(9);

	(void)state;
	fake_append(fork, 1, 'b');
	expect_state(fork, ANCHOR_FORKED, "forked");
	fake_append(fork, 5, 'a');
	expect_state(fork, ANCHOR_FORKED, "the first 10 entries");
	assert_int_equal(lines(), 1);
	fake_free(fork);
}

/* Two checkpoints of one size, both signed: whoever holds the key has told two stories. */
static void test_two_heads_of_one_size(void **state)
{
	struct fake *fork = older(9);
	CLEANUP_FREE char *line = NULL;

	(void)state;
	fake_append(fork, 1, 'b');
	line = line_of(fork);
	add_to_file(line);
	expect_state(f, ANCHOR_FORKED, "two checkpoints of 10 entries");
	expect_state(fork, ANCHOR_FORKED, "two checkpoints of 10 entries");
	fake_free(fork);
}

/* A fork must not move the anchor that does not see it before another one has seen it. */
static void test_all_are_asked_before_one_is_moved(void **state)
{
	struct fake *fork = older(9);
	CLEANUP_FREE char *line = line_of(fork);
	char second[120];

	(void)state;
	snprintf(second, sizeof(second), "%s/second", place);
	set("file", second);
	must_make_anchors(f);
	/* The first knows 9 entries, which both have; the second knows 10. */
	write_text(heads, line);
	fake_append(fork, 2, 'b');
	{
		struct anchors *as = must_open_anchors();
		struct err e;

		assert_int_equal(anchors_check(as, &fork->view, &e), ERR_LEDGER);
		assert_int_equal(state_of(as, 0), ANCHOR_BEHIND);
		assert_int_equal(state_of(as, 1), ANCHOR_FORKED);
		anchors_close(as);
	}
	assert_int_equal(lines(), 1);
	fake_free(fork);
}

static void test_foreign(void **state)
{
	struct fake *other = fake_new("layerseal/other", 2);

	(void)state;
	fake_append(other, 20, 'a');
	expect_state(other, ANCHOR_FOREIGN, "it belongs to ledger " ORIGIN);
	/* Nor does the foreign ledger take it over. */
	assert_int_equal(lines(), 1);
	fake_free(other);
}

/* The same name, another key: who made it cannot have been the ledger. */
static void test_forged(void **state)
{
	struct fake *forged = fake_new(ORIGIN, 9);
	CLEANUP_FREE char *line = NULL;

	(void)state;
	fake_append(forged, 20, 'a');
	line = line_of(forged);
	add_to_file(line);
	expect_fine(f);
	write_text(heads, line);
	expect_state(f, ANCHOR_DAMAGED, "no line of it");
	fake_free(forged);
}

/* ---- files that were tampered with ---- */

static void test_deleted(void **state)
{
	struct err e;

	(void)state;
	unlink(heads);
	expect_state(f, ANCHOR_MISSING, "does not exist");
	set("unreachable", "off");
	expect_state(f, ANCHOR_MISSING, "does not exist");
	assert_int_not_equal(access(heads, F_OK), 0);
	assert_int_equal(make_anchors(f, false, &e), 0);
	expect_fine(f);
	assert_int_equal(make_anchors(f, false, &e), ERR_REFUSED);
}

static void test_emptied_and_garbage(void **state)
{
	static const char *const texts[] = {
	    "\n", "\n\n\n", "garbage\n", "====\n", "bGF5ZXJzZWFs\n", "a", "MQoyCjMK\n"};

	(void)state;
	write_text(heads, "");
	expect_state(f, ANCHOR_DAMAGED, "it is empty");
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		write_text(heads, texts[i]);
		expect_state(f, ANCHOR_DAMAGED, "no line of it is a checkpoint");
	}
}

static void test_garbage_is_skipped(void **state)
{
	CLEANUP_FREE char *long_line = xmalloc(300001);

	(void)state;
	memset(long_line, 'A', 300000);
	long_line[299999] = '\n';
	long_line[300000] = '\0';
	add_to_file("garbage\n\n====\n");
	add_to_file(long_line);
	expect_fine(f);
	must_append_anchored(f);
	add_to_file(long_line);
	expect_fine(f);
}

/* Every byte of the newest line counts: one that is changed makes the anchor older, never other. */
static void test_flipped_bytes(void **state)
{
	CLEANUP_FREE char *text = NULL;
	size_t len;

	(void)state;
	must_append_anchored(f);
	text = read_file(heads, &len);
	f->view.may_write = false;
	for (size_t i = len / 2; i < len - 1; i += 7) {
		char kept = text[i];

		text[i] = kept == 'A' ? 'B' : 'A';
		write_file(heads, text, len);
		expect_state(f, ANCHOR_BEHIND, "");
		text[i] = kept;
	}
}

static void test_truncated(void **state)
{
	CLEANUP_FREE char *text = NULL;
	size_t len;

	(void)state;
	text = read_file(heads, &len);
	for (size_t keep = 0; keep < len; keep += 11) {
		write_file(heads, text, keep);
		expect_state(f, ANCHOR_DAMAGED, "");
	}
}

/* Who can only append puts an old checkpoint at the end. */
static void test_older_line_at_the_end(void **state)
{
	struct fake *old = older(4);
	CLEANUP_FREE char *line = line_of(old);

	(void)state;
	add_to_file(line);
	expect_state(old, ANCHOR_ROLLED_BACK, "it remembers 10 entries");
	expect_fine(f);
	fake_free(old);
}

/* Or so many, in the order of a real history, that the newest is far from the end. */
static void test_flood_of_older_lines(void **state)
{
	struct fake *old = older(4);
	CLEANUP_FREE char *line = line_of(old);
	struct buf flood;
	struct err e;

	(void)state;
	buf_init(&flood, 8 << 20);
	while (flood.len < 3 << 20)
		assert_int_equal(buf_adds(&flood, line, &e), 0);
	add_to_file(flood.data);
	expect_state(old, ANCHOR_ROLLED_BACK, "it remembers 10 entries");
	expect_fine(f);
	buf_release(&flood);
	fake_free(old);
}

/* Lines that claim to be newer are no reason to believe an older one, or to check for ever. */
static void test_flood_of_claims(void **state)
{
	struct fake *forged = fake_new(ORIGIN, 9);
	struct fake *old = older(4);

	(void)state;
	fake_append(forged, 20, 'a');
	for (int i = 0; i < 15; i++) {
		CLEANUP_FREE char *line = NULL;

		fake_append(forged, 1, 'a');
		line = line_of(forged);
		add_to_file(line);
	}
	expect_fine(f);
	expect_state(old, ANCHOR_ROLLED_BACK, "it remembers 10 entries");
	for (int i = 0; i < 50; i++) {
		CLEANUP_FREE char *line = NULL;

		fake_append(forged, 1, 'a');
		line = line_of(forged);
		add_to_file(line);
	}
	expect_state(f, ANCHOR_DAMAGED, "");
	expect_state(old, ANCHOR_DAMAGED, "");
	fake_free(forged);
	fake_free(old);
}

/* ---- places that are not what they must be ---- */

static void test_symlink(void **state)
{
	char other[120];

	(void)state;
	snprintf(other, sizeof(other), "%s/other", place);
	assert_int_equal(rename(heads, other), 0);
	assert_int_equal(symlink(other, heads), 0);
	expect_state(f, ANCHOR_DAMAGED, "not a regular file");
	unlink(heads);
	assert_int_equal(mkfifo(heads, 0600), 0);
	expect_state(f, ANCHOR_DAMAGED, "not a regular file");
	unlink(heads);
	assert_int_equal(mkdir(heads, 0700), 0);
	expect_state(f, ANCHOR_DAMAGED, "not a regular file");
	rmdir(heads);
}

static void test_owner_and_mode(void **state)
{
	(void)state;
	assert_int_equal(chmod(heads, 0664), 0);
	expect_state(f, ANCHOR_DAMAGED, "it is writable by group or others");
	assert_int_equal(chmod(heads, 0646), 0);
	expect_state(f, ANCHOR_DAMAGED, "it is writable by group or others");
	assert_int_equal(chmod(heads, 0600), 0);
	assert_int_equal(chmod(place, 0777), 0);
	expect_state(f, ANCHOR_DAMAGED, "its directory is writable by group or others");
	assert_int_equal(chmod(place, 0755), 0);
	if (geteuid() == 0) {
		assert_int_equal(chown(heads, 1234, 0), 0);
		expect_state(f, ANCHOR_DAMAGED, "it belongs to uid 1234");
		assert_int_equal(chown(heads, 0, 0), 0);
		assert_int_equal(chown(place, 1234, 0), 0);
		expect_state(f, ANCHOR_DAMAGED, "its directory belongs to uid 1234");
		assert_int_equal(chown(place, 0, 0), 0);
	}
	expect_fine(f);
}

static void test_not_below_the_ledger(void **state)
{
	char path[160];
	struct err e;

	(void)state;
	settings = (struct anchor_settings){0};
	snprintf(path, sizeof(path), "%s/deep", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/deep/heads", dir);
	set("file", path);
	assert_int_equal(make_anchors(f, false, &e), ERR_REFUSED);
	assert_non_null(strstr(e.msg, "in the ledger's directory"));
}

/* Between the look and the append the file is exchanged. */
static void test_replaced_meanwhile(void **state)
{
	struct anchors *as = must_open_anchors();
	struct anchor_count counts[ANCHORS_MAX];
	CLEANUP_FREE char *line = line_of(f);
	struct err e;
	size_t n;

	(void)state;
	assert_int_equal(anchors_check(as, &f->view, &e), 0);
	assert_int_equal(anchors_prepare(as, &f->view, counts, &n, &e), 0);
	assert_int_equal(n, 0);
	assert_int_equal(link(heads, path_of("kept")), 0);
	unlink(heads);
	write_text(heads, line);
	assert_int_equal(anchors_prepare(as, &f->view, counts, &n, &e), ERR_LEDGER);
	assert_non_null(strstr(e.msg, "another file took its place"));
	unlink(heads);
	assert_int_equal(anchors_prepare(as, &f->view, counts, &n, &e), ERR_LEDGER);
	anchors_close(as);
}

/* ---- out of reach ---- */

static void hide(void)
{
	char away[120];

	snprintf(away, sizeof(away), "%s/away", scratch);
	assert_int_equal(rename(place, away), 0);
}

static void unhide(void)
{
	char away[120];

	snprintf(away, sizeof(away), "%s/away", scratch);
	assert_int_equal(rename(away, place), 0);
}

static int check(struct err *e)
{
	struct anchors *as = must_open_anchors();
	int r = anchors_check(as, &f->view, e);

	assert_int_equal(state_of(as, 0), ANCHOR_UNREACHABLE);
	anchors_close(as);
	return r;
}

static void test_strict(void **state)
{
	struct anchors *as = must_open_anchors();
	struct anchor_count counts[ANCHORS_MAX];
	uint64_t size = f->head.size;
	struct err e;
	size_t n;

	(void)state;
	assert_int_equal(anchors_check(as, &f->view, &e), 0);
	hide();
	assert_int_equal(check(&e), ERR_LEDGER);
	assert_non_null(strstr(e.msg, "cannot be reached"));
	assert_int_equal(append_anchored(f, &e), ERR_LEDGER);
	/* One that goes away after the ledger was opened: nothing is written either. */
	assert_int_equal(anchors_prepare(as, &f->view, counts, &n, &e), ERR_LEDGER);
	assert_int_equal(f->head.size, size);
	unhide();
	anchors_close(as);
}

static void test_off(void **state)
{
	struct fake *old = older(3);
	struct err e;

	(void)state;
	set("unreachable", "off");
	expect_state(old, ANCHOR_ROLLED_BACK, "");
	hide();
	assert_int_equal(check(&e), 0);
	must_append_anchored(f);
	unhide();
	expect_fine(f);
	assert_int_equal(lines(), 2);
	fake_free(old);
}

static void test_grace(void **state)
{
	struct err e;

	(void)state;
	set("unreachable", "grace 1h");
	hide();
	f->view.newest = time(NULL) - 3500;
	assert_int_equal(check(&e), 0);
	f->view.newest = time(NULL) - 3700;
	assert_int_equal(check(&e), ERR_LEDGER);
	assert_non_null(strstr(e.msg, "grace period"));
	/* Time that has not come says nothing about age. */
	f->view.newest = time(NULL) + 3700;
	assert_int_equal(check(&e), ERR_LEDGER);
	f->view.newest = 0;
	assert_int_equal(check(&e), ERR_LEDGER);
	unhide();
	/* Reachable, it counts whatever the time. */
	expect_fine(f);
	unlink(heads);
	f->view.newest = time(NULL);
	expect_state(f, ANCHOR_MISSING, "");
}

/* The disk of the anchor is full. Strict: the next append is refused until it has caught up. */
static void test_no_space(void **state)
{
	struct rlimit kept, small;
	struct anchors *as = must_open_anchors();
	struct anchor_count counts[ANCHORS_MAX];
	struct stat st;
	struct err e;
	size_t n;

	(void)state;
	assert_int_equal(anchors_check(as, &f->view, &e), 0);
	assert_int_equal(stat(heads, &st), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &kept), 0);
	small = (struct rlimit){(rlim_t)st.st_size + 50, kept.rlim_max};
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	fake_append(f, 1, 'a');
	assert_int_equal(anchors_advance(as, &f->view, &e), ERR_LEDGER);
	assert_non_null(strstr(e.msg, "the ledger was written, but an anchor not"));
	anchors_close(as);
	as = must_open_anchors();
	assert_int_equal(anchors_check(as, &f->view, &e), 0);
	assert_int_equal(state_of(as, 0), ANCHOR_BEHIND);
	assert_int_equal(anchors_prepare(as, &f->view, counts, &n, &e), ERR_LEDGER);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &kept), 0);
	anchors_close(as);
	expect_fine(f);
}

/* ---- others at the same time ---- */

/* Somebody appends and anchors between our look at the anchor and our look at the ledger. */
static void test_append_between_looks(void **state)
{
	struct anchors *as = must_open_anchors();
	struct err e;

	(void)state;
	must_append_anchored(f);
	if (anchors_check(as, &f->view, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(state_of(as, 0), ANCHOR_AGREES);
	assert_int_equal(lines(), 2);
	anchors_close(as);
}

/* A process that has the lock for a while. */
static pid_t hold_lock(int milliseconds)
{
	int told[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe(told), 0);
	pid = fork();
	if (pid == 0) {
		int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (flock(fd, LOCK_EX) || write(told[1], "x", 1) != 1)
			_exit(1);
		usleep((useconds_t)milliseconds * 1000);
		_exit(0);
	}
	assert_int_equal(read(told[0], &c, 1), 1);
	close(told[0]);
	close(told[1]);
	return pid;
}

static int64_t milliseconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Writers wait for each other, readers for nobody. */
static void test_lock(void **state)
{
	struct anchors *as = must_open_anchors();
	int64_t start;
	struct err e;
	pid_t pid;

	(void)state;
	assert_int_equal(anchors_check(as, &f->view, &e), 0);
	fake_append(f, 1, 'a');
	start = milliseconds();
	pid = hold_lock(300);
	f->view.may_write = false;
	expect_state(f, ANCHOR_BEHIND, "");
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
	assert_int_equal(anchors_advance(as, &f->view, &e), 0);
	assert_true(milliseconds() - start >= 300);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	anchors_close(as);
}

/* ---- making ---- */

static void test_create_leaves_others_alone(void **state)
{
	struct fake *old = older(3);
	char second[120];
	struct err e;

	(void)state;
	snprintf(second, sizeof(second), "%s/second", place);
	set("file", second);
	/* An anchor that speaks against the ledger is no reason to make a second that does not. */
	assert_int_equal(make_anchors(old, false, &e), ERR_REFUSED);
	assert_non_null(strstr(e.msg, "it remembers 10 entries"));
	assert_int_not_equal(access(second, F_OK), 0);
	must_make_anchors(f);
	assert_int_equal(lines(), 1);
	/* Begun anew, both agree with whatever is there. */
	assert_int_equal(make_anchors(old, true, &e), 0);
	expect_fine(old);
	expect_state(f, ANCHOR_AGREES, "");
	fake_free(old);
}

static void test_reset_never_takes_a_foreign_file(void **state)
{
	struct fake *other = fake_new("layerseal/other", 2);
	struct err e;

	(void)state;
	assert_int_equal(make_anchors(other, true, &e), ERR_REFUSED);
	expect_fine(f);
	fake_free(other);
}

/* ---- settings ---- */

static void test_settings(void **state)
{
	static const struct {
		const char *name, *value, *message;
	} cases[] = {
	    {"file", "heads", "not the full path of a file"},
	    {"file", "/var/", "not the full path of a file"},
	    {"file", "/var/..", "not the full path of a file"},
	    {"file", "", "not the full path of a file"},
	    {"tpm", "1500020", "not an NV index"},
	    {"tpm", "0x", "not an NV index"},
	    {"tpm", "0x01500020x", "not an NV index"},
	    {"tpm", "0x81000001", "not an NV index"},
	    {"tpm", "0xffffffffffffffffff", "not an NV index"},
	    {"tcti", "", "empty or too long"},
	    {"unreachable", "never", "is not strict, off or grace N"},
	    {"unreachable", "grace", "is not strict, off or grace N"},
	    {"unreachable", "grace 5", "is not strict, off or grace N"},
	    {"unreachable", "grace -5s", "is not strict, off or grace N"},
	    {"unreachable", "grace 0d", "is not strict, off or grace N"},
	    {"unreachable", "grace 99999999999999999999d",
		"is not strict, off or grace N"},
	    {"unreachable", "grace 5 d", "is not strict, off or grace N"},
	    {"witness", "x", "has no setting 'witness'"},
	};
	struct anchor_settings s = {0};
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(
		    anchor_settings_set(&s, cases[i].name, cases[i].value, &e),
		    ERR_USAGE);
		if (!strstr(e.msg, cases[i].message))
			fail_msg("%s", e.msg);
	}
	assert_int_equal(s.n, 0);
	assert_int_equal(anchor_settings_set(&s, "unreachable", "grace  7d", &e), 0);
	assert_int_equal(s.grace, 7 * 86400);
	assert_int_equal(anchor_settings_set(&s, "tpm", "0x1500020", &e), 0);
	assert_int_equal(s.v[0].index, 0x1500020);
	assert_int_equal(anchor_settings_set(&s, "tpm", "0x01500020", &e), ERR_USAGE);
	assert_int_equal(anchor_settings_set(&s, "file", "/a", &e), 0);
	assert_int_equal(anchor_settings_set(&s, "file", "/b", &e), 0);
	assert_int_equal(anchor_settings_set(&s, "file", "/a", &e), ERR_USAGE);
	assert_int_equal(anchor_settings_set(&s, "file", "/c", &e), 0);
	assert_int_equal(anchor_settings_set(&s, "file", "/d", &e), ERR_USAGE);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH(test_agrees),
	    WITH(test_heals_forwards),
	    WITH(test_heals_a_torn_line),
	    WITH(test_made_append_only_where_possible),
	    WITH(test_rolled_back),
	    WITH(test_forked),
	    WITH(test_two_heads_of_one_size),
	    WITH(test_all_are_asked_before_one_is_moved),
	    WITH(test_foreign),
	    WITH(test_forged),
	    WITH(test_deleted),
	    WITH(test_emptied_and_garbage),
	    WITH(test_garbage_is_skipped),
	    WITH(test_flipped_bytes),
	    WITH(test_truncated),
	    WITH(test_older_line_at_the_end),
	    WITH(test_flood_of_older_lines),
	    WITH(test_flood_of_claims),
	    WITH(test_symlink),
	    WITH(test_owner_and_mode),
	    WITH(test_not_below_the_ledger),
	    WITH(test_replaced_meanwhile),
	    WITH(test_strict),
	    WITH(test_off),
	    WITH(test_grace),
	    WITH(test_no_space),
	    WITH(test_append_between_looks),
	    WITH(test_lock),
	    WITH(test_create_leaves_others_alone),
	    WITH(test_reset_never_takes_a_foreign_file),
	    cmocka_unit_test(test_settings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
